//! Webhooks: what is sent, in which order, how often.

use std::collections::BTreeSet;

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::miniforge::hooks::hmac_sha1;
use crate::miniforge::{Delivery, Outcome, hmac_sha256};

const SECRET: &str = "ssssssssssssssssssssssssssssssss";

/// A receiver that answers this status.
async fn receiver(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status))
        .mount(&server)
        .await;
    server
}

/// The actions that a receiver got, in order.
async fn actions(server: &MockServer) -> Vec<String> {
    let received = server.received_requests().await.unwrap();
    let action = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        let text = body["comment"]["body"].as_str().unwrap_or_default();
        format!("{} {text}", body["action"].as_str().unwrap())
            .trim()
            .to_owned()
    };
    received
        .iter()
        .map(|request| action(&request.body))
        .collect()
}

/// A delivery's body.
fn payload(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

/// The names of an object's fields, sorted.
fn fields(object: &Value) -> String {
    let names: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.join(" ")
}

#[tokio::test]
async fn a_delivery_has_all_headers_and_a_signature_over_its_bytes() {
    let village = Village::new();
    let server = receiver(202).await;
    village.forge.add_hook(
        village.board,
        &format!("{}/hooks/kan", server.uri()),
        SECRET,
    );
    let issue = village.issue().await;
    village
        .alice
        .comment(BOARD, issue, "a <b> & c")
        .await
        .unwrap();
    village.forge.hooks_idle().await;

    let received = server.received_requests().await.unwrap();
    let (sent, kept) = (&received[1], &village.forge.deliveries()[1]);
    assert_eq!(sent.body, kept.body);
    assert_eq!(kept.outcome, Outcome::Answered(202));
    let text = String::from_utf8(sent.body.clone()).unwrap();
    assert!(text.starts_with("{\n  \"action\": \"created\",\n  \"issue\": {\n    \"id\""));
    assert!(text.contains(r"a \u003cb\u003e \u0026 c"));
    let header = |name: &str| sent.headers[name].to_str().unwrap().to_owned();
    let signature = hmac_sha256(SECRET, &sent.body);
    let uuids: BTreeSet<String> = ["Forgejo", "Gitea", "Gogs", "GitHub"]
        .map(|family| {
            assert_eq!(header(&format!("X-{family}-Event")), "issue_comment");
            assert_eq!(header(&format!("X-{family}-Event-Type")), "issue_comment");
            header(&format!("X-{family}-Delivery"))
        })
        .into();
    assert_eq!(uuids.len(), 1);
    for family in ["Forgejo", "Gitea", "Gogs"] {
        assert_eq!(header(&format!("X-{family}-Signature")), signature);
    }
    assert_eq!(header("X-Hub-Signature-256"), format!("sha256={signature}"));
    assert!(header("X-Hub-Signature").starts_with("sha1="));
    assert_eq!(header("Content-Type"), "application/json");
}

#[test]
fn signatures_are_those_of_the_standard() {
    let signature = hmac_sha256("Jefe", b"what do ya want for nothing?");
    // RFC 4231, test case 2.
    assert_eq!(
        signature,
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    // RFC 2202, test case 2.
    let old = hmac_sha1("Jefe", b"what do ya want for nothing?");
    assert_eq!(old, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

#[tokio::test]
async fn payloads_of_issues_have_the_fields_that_were_recorded() {
    let village = Village::new();
    village.forge.hold_hooks();
    village
        .forge
        .add_hook(village.board, "http://127.0.0.1:1/", SECRET);
    village.issue().await;
    let [opened] = village.forge.deliveries().try_into().unwrap();
    let opened = payload(&opened);
    assert_eq!(
        fields(&opened),
        "action commit_id issue number repository sender"
    );
    assert_eq!(
        fields(&opened["issue"]),
        "assets assignee assignees body closed_at comments created_at due_date html_url id \
         is_locked labels milestone number original_author original_author_id pin_order \
         pull_request ref repository state title updated_at url user"
    );
    assert_eq!(opened["issue"]["pull_request"], Value::Null);
    assert_eq!(
        opened["repository"]["permissions"],
        json!({"admin": false, "push": false, "pull": true})
    );
    assert_eq!(opened["issue"]["user"]["email"], "bob@example.org");
    assert_eq!(opened["sender"]["email"], "bob@noreply.localhost");
    assert_eq!(
        fields(&opened["sender"]),
        "active avatar_url created description email followers_count following_count full_name \
         html_url id is_admin language last_login location login login_name prohibit_login \
         pronouns restricted source_id starred_repos_count username visibility website"
    );
}

#[tokio::test]
async fn payloads_of_comments_have_the_fields_that_were_recorded() {
    let village = Village::new();
    let issue = village.issue().await;
    village.forge.hold_hooks();
    village
        .forge
        .add_hook(village.board, "http://127.0.0.1:1/", SECRET);
    let comment = village.alice.comment(BOARD, issue, "one").await.unwrap();
    village
        .carol
        .edit_comment(BOARD, comment, "two")
        .await
        .unwrap();
    let [created, edited] = village.forge.deliveries().try_into().unwrap();

    let created = payload(&created);
    assert_eq!(
        fields(&created),
        "action comment is_pull issue repository sender"
    );
    assert_eq!(
        fields(&created["comment"]),
        "assets body created_at html_url id issue_url original_author original_author_id \
         pull_request_url updated_at user"
    );
    assert_eq!(created["issue"]["comments"], 0, "the count of before");
    assert_eq!(created["repository"]["permissions"]["admin"], true);
    let page = format!("{}/alice/board/issues/1", village.forge.url());
    assert_eq!(
        created["comment"]["issue_url"], page,
        "a page, not an API address"
    );

    let edited = payload(&edited);
    assert_eq!(edited["changes"], json!({"body": {"from": "one"}}));
    assert_eq!(edited["sender"]["id"], village.carol.id.0);
    assert_eq!(
        edited["comment"]["user"]["id"], village.alice.id.0,
        "the author stays"
    );
}

#[tokio::test]
async fn each_happening_is_told_and_some_are_not() {
    let village = Village::new();
    village.forge.hold_hooks();
    village
        .forge
        .add_hook(village.board, "http://127.0.0.1:1/", SECRET);
    let issue = village.issue().await;
    let path = format!("/repos/{BOARD}/issues/{}", issue.0);
    let both = json!({"title": "asked", "body": "changed", "state": "closed"});
    assert_eq!(
        call(&village.bob, Method::PATCH, &path, both).await.status,
        201
    );
    village.bob.reopen(BOARD, issue).await.unwrap();
    village.bob.reopen(BOARD, issue).await.unwrap();
    let comment = village.bob.comment(BOARD, issue, "text").await.unwrap();
    village
        .bob
        .edit_comment(BOARD, comment, "text")
        .await
        .unwrap();
    village.alice.react(BOARD, comment, "eyes").await.unwrap();
    village.carol.delete_comment(BOARD, comment).await.unwrap();
    call(
        &village.carol,
        Method::DELETE,
        &format!("{path}/labels"),
        Value::Null,
    )
    .await;
    village.alice.delete_issue(BOARD, issue).await.unwrap();

    let told: Vec<String> = village
        .forge
        .deliveries()
        .iter()
        .map(|delivery| {
            let (payload, kind) = (payload(delivery), delivery.header("x-forgejo-event-type"));
            let state = payload["issue"]["state"].as_str().unwrap();
            format!(
                "{} {} {state}",
                kind.unwrap(),
                payload["action"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "issues opened open",
            "issues edited open",
            "issues edited open",
            "issues closed closed",
            "issues reopened open",
            "issue_comment created open",
            "issue_comment edited open",
            "issue_comment deleted open",
            "issue_label label_cleared open",
        ]
    );
}

#[tokio::test]
async fn comments_on_pulls_have_a_kind_of_their_own() {
    let village = Village::new();
    village.forge.hold_hooks();
    let hook = village
        .forge
        .add_hook(village.board, "http://127.0.0.1:1/", SECRET);
    let pull = village
        .forge
        .open_pull(village.board, village.alice.id, "change", "")
        .unwrap();
    village.bob.comment(BOARD, pull, "nice").await.unwrap();
    let [delivery] = village.forge.deliveries().try_into().unwrap();
    assert_eq!(delivery.header("X-Forgejo-Event"), Some("issue_comment"));
    assert_eq!(
        delivery.header("X-Forgejo-Event-Type"),
        Some("pull_request_comment")
    );
    let told = payload(&delivery);
    assert_eq!(told["is_pull"], true);
    assert_eq!(told["comment"]["issue_url"], "");
    assert!(
        told["pull_request"]["html_url"]
            .as_str()
            .unwrap()
            .ends_with("/pulls/1")
    );
    village.forge.change(|state| {
        state
            .hooks
            .hooks
            .get_mut(&hook)
            .unwrap()
            .events
            .remove("pull_request_comment")
    });
    village.bob.comment(BOARD, pull, "very").await.unwrap();
    assert_eq!(village.forge.deliveries().len(), 1);
}

#[tokio::test]
async fn hooks_are_made_over_http_by_admins_and_sleep_unless_active() {
    let village = Village::new();
    let server = receiver(500).await;
    let path = format!("/repos/{BOARD}/hooks");
    let mut form = json!({"type": "forgejo", "events": ["issue_comment"],
        "authorization_header": "Bearer abc",
        "config": {"url": server.uri(), "content_type": "json", "secret": SECRET}});
    assert_eq!(
        call(&village.carol, Method::POST, &path, form.clone())
            .await
            .status,
        403
    );
    let made = call(&village.alice, Method::POST, &path, form.clone()).await;
    assert_eq!(
        (made.status, made.json()["active"].as_bool()),
        (201, Some(false))
    );
    assert!(!made.body.contains(SECRET));
    form["active"] = json!(true);
    call(&village.alice, Method::POST, &path, form.clone()).await;
    form["config"]["content_type"] = json!("form");
    call(&village.alice, Method::POST, &path, form).await;

    let issue = village.issue().await;
    village.bob.comment(BOARD, issue, "a+b").await.unwrap();
    village.forge.hooks_idle().await;
    let outcomes: Vec<Outcome> = village
        .forge
        .deliveries()
        .into_iter()
        .map(|one| one.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [Outcome::Answered(500), Outcome::Answered(500)],
        "and no second try"
    );
    let received = server.received_requests().await.unwrap();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].headers["Authorization"], "Bearer abc");
    assert!(received[1].body.starts_with(b"payload=%7B%0A"), "a form");
    let signatures = received
        .iter()
        .map(|one| one.headers["X-Forgejo-Signature"].clone());
    assert_eq!(
        signatures.collect::<std::collections::HashSet<_>>().len(),
        1,
        "both over the JSON"
    );
    assert_eq!(ids(&get(&village.alice, &path).await), [1, 2, 3]);
    let gone = call(
        &village.alice,
        Method::DELETE,
        &format!("{path}/2"),
        Value::Null,
    )
    .await;
    assert_eq!(gone.status, 204);
}

#[tokio::test]
async fn deliveries_can_be_held_reordered_lost_and_released() {
    let village = Village::new();
    let issue = village.issue().await;
    let server = receiver(202).await;
    village.forge.add_hook(village.board, &server.uri(), SECRET);
    village.forge.hold_hooks();
    for text in ["zero", "one", "two", "three", "four"] {
        village.bob.comment(BOARD, issue, text).await.unwrap();
    }
    village.forge.hooks_idle().await;
    assert_eq!(actions(&server).await, [""; 0]);
    village.forge.deliver_in_order(&[2, 0]).await;
    assert_eq!(actions(&server).await, ["created two", "created zero"]);
    village.forge.drop_hooks(1);
    village.forge.release_hooks();
    village.forge.hooks_idle().await;
    assert_eq!(
        actions(&server).await[2..],
        ["created three", "created four"]
    );

    village.forge.drop_hooks(1);
    village.bob.comment(BOARD, issue, "lost").await.unwrap();
    village.bob.comment(BOARD, issue, "heard").await.unwrap();
    village.forge.hooks_idle().await;
    assert_eq!(actions(&server).await[4..], ["created heard"]);
    assert_eq!(village.forge.deliveries()[1].outcome, Outcome::Dropped);
    assert_eq!(village.forge.deliveries()[5].outcome, Outcome::Dropped);
}

#[tokio::test]
async fn a_replay_has_a_new_uuid_and_the_old_body_and_signature() {
    let village = Village::new();
    let server = receiver(202).await;
    let hook = village.forge.add_hook(village.board, &server.uri(), SECRET);
    village.issue().await;
    village.pass(60);
    let again = village.forge.replay(0).unwrap();
    village
        .forge
        .forge_delivery(hook, "push", r#"{"action":"x"}"#)
        .unwrap();
    village.forge.hooks_idle().await;
    let all = village.forge.deliveries();
    let (first, again) = (&all[0], &all[again]);
    assert_eq!(first.body, again.body);
    assert_eq!(
        first.header("X-Forgejo-Signature"),
        again.header("X-Forgejo-Signature")
    );
    assert_ne!(
        first.header("X-Forgejo-Delivery"),
        again.header("X-Forgejo-Delivery")
    );
    assert_eq!(actions(&server).await, ["opened", "opened", "x"]);
    assert_eq!(village.forge.replay(99), None);
}

#[tokio::test]
async fn an_empty_secret_sends_empty_signatures_and_a_gitea_no_forgejo_headers() {
    let village = Village::new();
    village.forge.hold_hooks();
    village
        .forge
        .add_hook(village.board, "http://127.0.0.1:1/", "");
    village.issue().await;
    village.forge.settings(|settings| settings.gitea = true);
    village.issue().await;
    let comment = village
        .bob
        .comment(BOARD, IssueNumber(1), "same")
        .await
        .unwrap();
    village
        .bob
        .edit_comment(BOARD, comment, "same")
        .await
        .unwrap();
    let all = village.forge.deliveries();
    assert_eq!(all[0].header("X-Forgejo-Signature"), Some(""));
    assert_eq!(all[0].header("X-Hub-Signature-256"), Some("sha256="));
    assert_eq!(all[1].header("X-Forgejo-Signature"), None);
    assert_eq!(
        all[1].header("X-Gitea-Hook-Installation-Target-Type"),
        Some("repository")
    );
    assert_eq!(
        all.len(),
        3,
        "an edit without a change tells nobody on Gitea"
    );
    assert_eq!(payload(&all[1])["issue"]["content_version"], 1);
}

#[tokio::test]
async fn a_receiver_that_is_away_fails_the_delivery_and_not_the_call() {
    let village = Village::new();
    village
        .forge
        .add_hook(village.board, "http://127.0.0.1:1/", SECRET);
    village.issue().await;
    village.forge.hooks_idle().await;
    let outcome = village.forge.deliveries()[0].outcome.clone();
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}
