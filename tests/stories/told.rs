//! What an approver is told by the bot itself, whatever the forge shows: the request, signed, and the
//! exact text to sign; only with the code that stands in the thread.

use ownergate::gate::code::Code;
use ownergate::gate::ids::{IssueNumber, RequestNumber};
use ownergate::http::document::{Document, DocumentFault};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::harness::{Key, Story, Thread};

/// Asks the bot at a path below `/v1/`.
async fn get(story: &Story, path: &str) -> Response {
    let url = format!("{}/v1/{path}", story.stage.url());
    story.stage.client().get(url).send().await.unwrap()
}

/// How the bot answers, and with which text.
async fn answer(story: &Story, path: &str) -> (StatusCode, String) {
    let response = get(story, path).await;
    (response.status(), response.text().await.unwrap())
}

/// The code of the last request in a thread.
fn code(thread: &Thread<'_>) -> String {
    thread.block("request")["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_approver_is_told_everything_and_can_check_it() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "roadmap").await;
    let key = Key::new();
    thread.ask(&story.stage.codex, &key).await;
    let code = code(&thread);

    let response = get(&story, &format!("requests/R1?code={code}")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let bytes = response.bytes().await.unwrap();
    let told = Document::read(&bytes, None).unwrap();
    told.check(RequestNumber(1), &Code::parse(&code).unwrap())
        .unwrap();
    assert_eq!(told.digest, thread.block("request")["digest"]);
    assert_eq!((told.status.as_str(), told.code), ("open", code));
    assert_eq!(told.canonical["action"], "issue");
    assert_eq!(told.canonical["effect"]["identity"], "codex-kan-1");
    assert_eq!(told.canonical["effect"]["recipient"], key.recipient);
    assert_eq!(told.asker_login, "codex");
    assert_eq!(told.reason.as_deref(), Some("sort the roadmap"));
    assert_eq!(told.ends_at, "2026-11-27T14:00:00Z");
    assert_eq!(told.nonce.as_ref().map(String::len), Some(32));
    let owners: Vec<&str> = told.owners.iter().map(|one| one.login.as_str()).collect();
    assert_eq!(owners, ["alice", "piotr"]);

    let (status, text) = answer(&story, "bot-key").await;
    assert_eq!(status, StatusCode::OK);
    let own: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(own["public_key"], told.bot_key);
    assert_eq!(own["installation"], told.canonical["installation"]);
    Document::read(&bytes, Some(&told.bot_key)).unwrap();
}

#[tokio::test]
async fn a_changed_answer_is_not_believed() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "roadmap").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let code = code(&thread);
    let (_, text) = answer(&story, &format!("requests/R1?code={code}")).await;

    let wider = text.replacen("card:write", "deploy:run", 1);
    let later = text.replace("2026-11-27T14:00:00Z", "2027-11-27T14:00:00Z");
    for changed in [wider, later] {
        assert_ne!(changed, text);
        let fault = Document::read(changed.as_bytes(), None);
        assert_eq!(fault, Err(DocumentFault::BadSignature));
    }
    let other = "0".repeat(64);
    let fault = Document::read(text.as_bytes(), Some(&other)).unwrap_err();
    assert!(matches!(fault, DocumentFault::OtherKey { .. }), "{fault}");
    let told = Document::read(text.as_bytes(), None).unwrap();
    let right = Code::parse(&code).unwrap();
    let wrong = Code::parse("0000-0000-0000").unwrap();
    assert_eq!(
        told.check(RequestNumber(2), &right),
        Err(DocumentFault::Differs("number"))
    );
    assert_eq!(
        told.check(RequestNumber(1), &wrong),
        Err(DocumentFault::Differs("code"))
    );
    let mut swapped = told.clone();
    swapped.canonical["effect"]["recipient"] = "age1somebodyelse".into();
    assert_eq!(
        swapped.check(RequestNumber(1), &right),
        Err(DocumentFault::Differs("digest"))
    );
}

#[tokio::test]
async fn without_the_right_code_a_request_is_as_unknown_as_one_that_is_not_there() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "roadmap").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let code = code(&thread);
    let (status, unknown) = answer(&story, &format!("requests/R9?code={code}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    for path in [
        "requests/R1",
        "requests/R1?code=",
        "requests/R1?code=0000-0000-0000",
        "requests/R1/statement?approver=2",
        "requests/R1/statement?code=0000-0000-0000&approver=2",
        "requests/17?code=0000-0000-0000",
    ] {
        let said = answer(&story, path).await;
        assert_eq!(said, (StatusCode::NOT_FOUND, unknown.clone()), "{path}");
    }
    // As people type it, too.
    let typed = code.replace('-', "").to_lowercase();
    let (status, _) = answer(&story, &format!("requests/r1?code={typed}")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn who_guesses_codes_is_slowed_down_and_a_right_code_always_answers() {
    let story = Story::begin().await;
    for title in ["roadmap", "inbox"] {
        let thread = story.thread(&story.stage.codex, title).await;
        thread.ask(&story.stage.codex, &Key::new()).await;
    }
    let right = format!("requests/R1?code={}", code(&story.again(IssueNumber(1))));
    let wrong = "requests/R1?code=0000-0000-0000";
    for _ in 0..5 {
        assert_eq!(answer(&story, wrong).await.0, StatusCode::NOT_FOUND);
    }
    let refused = get(&story, wrong).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "12");
    for _ in 0..3 {
        assert_eq!(answer(&story, &right).await.0, StatusCode::OK);
    }
    let other = "requests/R2?code=0000-0000-0000";
    assert_eq!(answer(&story, other).await.0, StatusCode::NOT_FOUND);
    let statement = "requests/R1/statement?code=0000-0000-0000";
    let (status, _) = answer(&story, statement).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);

    story.pass(60).await;
    assert_eq!(answer(&story, wrong).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_exact_text_to_sign_is_given_to_a_phone() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "roadmap").await;
    let key = Key::new();
    thread.ask(&story.stage.codex, &key).await;
    let code = code(&thread);
    let path = format!(
        "requests/R1/statement?code={code}&approver=2&scopes=board:read&ttl=1h&vouched=approver"
    );
    let response = get(&story, &path).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    let text = response.text().await.unwrap();

    let (_, told) = answer(&story, &format!("requests/R1?code={code}")).await;
    let told = Document::read(told.as_bytes(), None).unwrap();
    let canonical = &told.canonical;
    let expected = format!(
        "ownergate-approval-v1\n\
         action=issue\n\
         approver=2\n\
         digest={}\n\
         environment=dev\n\
         forge={}\n\
         identity=codex-kan-1\n\
         installation={}\n\
         nonce={}\n\
         not_after=2026-11-27T14:00:00Z\n\
         recipient={}\n\
         repository_id=17\n\
         request=R1\n\
         scopes=board:read\n\
         thread=1\n\
         ttl=3600\n\
         vouched=approver\n",
        told.digest,
        canonical["forge"].as_str().unwrap(),
        canonical["installation"].as_str().unwrap(),
        told.nonce.unwrap(),
        key.recipient,
    );
    assert_eq!(text, expected);
    // What is not restated is as it was asked.
    let (_, plain) = answer(
        &story,
        &format!("requests/R1/statement?code={code}&approver=4"),
    )
    .await;
    assert!(
        plain.contains("\nscopes=board:read,card:write\nthread=1\nttl=28800\n"),
        "{plain}"
    );
    assert!(!plain.contains("vouched"), "{plain}");
}

#[tokio::test]
async fn a_text_that_could_never_count_is_not_given() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "roadmap").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let code = code(&thread);
    let mut said = String::new();
    for more in [
        "",
        "approver=alice",
        "approver=3",
        "approver=2&approver=2",
        "approver=2&scopes=deploy:run",
        "approver=2&scopes=",
        "approver=2&ttl=9h",
        "approver=2&ttl=0s",
        "approver=2&ttl=soon",
        "approver=2&vouched=codex",
        "approver=2&otp=123456",
    ] {
        let path = format!("requests/R1/statement?code={code}&{more}");
        let (status, text) = answer(&story, &path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{more}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        said.push_str(&format!(
            "{more}: {}\n",
            problem["detail"].as_str().unwrap()
        ));
    }
    insta::assert_snapshot!(said, @r"
    : `approver` must be the numeric id of an owner who may approve here
    approver=alice: `approver` must be the numeric id of an owner who may approve here
    approver=3: `approver` must be the numeric id of an owner who may approve here
    approver=2&approver=2: a parameter is there twice
    approver=2&scopes=deploy:run: nobody asked for deploy:run
    approver=2&scopes=: a scope is empty
    approver=2&ttl=9h: the ttl may be up to 8h, and not nothing
    approver=2&ttl=0s: the ttl may be up to 8h, and not nothing
    approver=2&ttl=soon: `ttl` must be a span such as `30m`, `8h` or `7d`
    approver=2&vouched=codex: `vouched` must be `config`, `request` or `approver`
    approver=2&otp=123456: a parameter is not known here
    ");
}

#[tokio::test]
async fn what_is_told_follows_the_request_and_only_reading_is_possible() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "roadmap").await;
    let key = Key::new();
    thread.ask(&story.stage.codex, &key).await;
    let path = format!("requests/R1?code={}", code(&thread));
    thread.approved(&story.stage.alice, &key).await;
    let (_, text) = answer(&story, &path).await;
    let told = Document::read(text.as_bytes(), None).unwrap();
    assert_eq!(told.status, "approved");

    let url = format!("{}/v1/{path}", story.stage.url());
    let client = story.stage.client();
    let head = client.head(&url).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    for method in [Method::POST, Method::DELETE] {
        let refused = client.request(method, &url).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
