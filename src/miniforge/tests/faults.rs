//! What can go wrong between a client and a forge, and the log of calls.

use super::*;
use crate::miniforge::Fault;

#[tokio::test]
async fn a_fault_strikes_where_it_fits_and_as_often_as_was_said() {
    let village = Village::new();
    let issue = village.issue().await;
    let fault = village
        .forge
        .fault("GET", "/repos/alice", Some(2), Fault::status(503));
    let path = format!("/repos/{BOARD}/issues/{}", issue.0);
    village
        .alice
        .comment(BOARD, issue, "a POST passes")
        .await
        .unwrap();
    assert_eq!(
        get(&village.alice, "/user").await.status,
        200,
        "another path passes"
    );
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(get(&village.alice, &path).await.status);
    }
    assert_eq!(statuses, [503, 503, 200]);
    assert_eq!(village.forge.fault_count(fault), 2);
}

#[tokio::test]
async fn answers_can_be_html_redirects_or_too_many() {
    let village = Village::new();
    let page = village.forge.fault("*", "/", Some(1), Fault::html());
    let html = get(&village.bob, "/user").await;
    assert_eq!((html.status, html.json()), (200, Value::Null));
    assert_eq!(html.headers["Content-Type"], "text/html; charset=utf-8");
    assert_eq!(village.forge.fault_count(page), 1);
    village.forge.fault(
        "*",
        "/",
        Some(1),
        Fault::redirect(307, "http://127.0.0.1:1/"),
    );
    assert_eq!(
        get(&village.bob, "/user").await.headers["Location"],
        "http://127.0.0.1:1/"
    );
    village.forge.fault("*", "/", None, Fault::too_many("7"));
    assert_eq!(get(&village.bob, "/user").await.headers["Retry-After"], "7");
    assert_eq!(get(&village.bob, "/user").await.status, 429);
    village.forge.clear_faults();
    assert_eq!(get(&village.bob, "/user").await.status, 200);
}

#[tokio::test]
async fn an_answer_can_be_lost_after_and_a_connection_before_the_work() {
    let village = Village::new();
    let issue = village.issue().await;
    village
        .forge
        .fault("POST", "/repos", Some(1), Fault::LoseAnswer);
    assert!(village.bob.comment(BOARD, issue, "done").await.is_err());
    village.forge.fault("POST", "/repos", Some(1), Fault::Drop);
    assert!(village.bob.comment(BOARD, issue, "not done").await.is_err());
    let bodies: Vec<String> = village
        .forge
        .comments(village.thread(issue))
        .into_iter()
        .map(|comment| comment.body)
        .collect();
    assert_eq!(bodies, ["done"]);
    let statuses: Vec<Option<u16>> = village
        .forge
        .calls()
        .iter()
        .map(|call| call.status)
        .collect();
    assert_eq!(statuses, [Some(201), None, None]);
}

#[tokio::test]
async fn a_delayed_call_is_done_when_released_and_a_hanging_one_never() {
    let village = Village::new();
    let issue = village.issue().await;
    for (fault, done) in [(Fault::Delay, true), (Fault::Hang, false)] {
        let before = village.forge.comments(village.thread(issue)).len();
        let fault = village.forge.fault("POST", "/repos", Some(1), fault);
        let bob = village.bob.clone();
        let waiting = tokio::spawn(async move { bob.comment(BOARD, issue, "late").await });
        village.forge.fault_reached(fault, 1).await;
        assert_eq!(village.forge.comments(village.thread(issue)).len(), before);
        assert_eq!(
            get(&village.bob, "/user").await.status,
            200,
            "others are not held up"
        );
        village.forge.clear_fault(fault);
        assert_eq!(waiting.await.unwrap().is_ok(), done);
        assert_eq!(
            village.forge.comments(village.thread(issue)).len() > before,
            done
        );
    }
}

#[tokio::test]
async fn a_forge_that_is_away_refuses_and_comes_back_as_it_was() {
    let village = Village::new();
    let issue = village.issue().await;
    village.forge.go_away().await;
    let refused = village
        .bob
        .comment(BOARD, issue, "anybody?")
        .await
        .unwrap_err();
    assert!(format!("{refused:?}").contains("refused"), "{refused:?}");
    village.forge.go_away().await;
    village.forge.come_back().unwrap();
    village.forge.come_back().unwrap();
    village.bob.comment(BOARD, issue, "hello").await.unwrap();
    assert_eq!(village.forge.comments(village.thread(issue)).len(), 1);

    let address = village.forge.address();
    village.forge.stop().await;
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_call_that_hangs_ends_when_the_forge_goes_away() {
    let village = Village::new();
    let fault = village.forge.fault("GET", "/user", None, Fault::Hang);
    let bob = village.bob.clone();
    let waiting = tokio::spawn(async move { bob.call(Method::GET, "/user", None).await });
    village.forge.fault_reached(fault, 1).await;
    village.forge.go_away().await;
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn calls_are_written_down_with_bytes_and_without_tokens() {
    let village = Village::new();
    let issue = village.issue().await;
    village.bob.comment(BOARD, issue, "hello").await.unwrap();
    village
        .forge
        .called(|call| call.path.ends_with("/comments"))
        .await;
    let calls = village.forge.calls();
    let last = calls.last().unwrap();
    assert_eq!((last.method.as_str(), last.status), ("POST", Some(201)));
    assert_eq!(
        last.path,
        format!("/api/v1/repos/{BOARD}/issues/1/comments")
    );
    assert_eq!(last.user, Some(village.bob.id));
    assert_eq!(last.request.as_ref(), br#"{"body":"hello"}"#);
    assert!(last.response.starts_with(br#"{"id":1,"#));
    assert!(!format!("{calls:?}").contains(&village.bob.token));
    village
        .forge
        .settings(|settings| settings.keep_bodies = false);
    village.forge.clear_calls();
    village.bob.comment(BOARD, issue, "hello").await.unwrap();
    assert!(village.forge.calls()[0].request.is_empty());
    assert_eq!(village.forge.forgotten_calls(), 0);
}
