//! What the bot takes for granted of a forge, seen on a real one: deliveries come signed,
//! a comment can be read back, and a comment is weak evidence of who wrote it.

#![expect(clippy::unwrap_used, reason = "a story fails where its forge does")]

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::json;
use sha2::Sha256;

use crate::forge::RealForge;
use crate::listener::{Delivery, Listener};

const SECRET: &str = "ssssssssssssssssssssssssssssssss";

#[tokio::test]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
async fn a_comment_is_delivered_signed_and_read_back() {
    let forge = RealForge::start().await.unwrap();
    let mut listener = Listener::start().unwrap();
    forge.webhook(&listener.url, SECRET).await.unwrap();

    let issue = forge
        .open_issue(&forge.codex, "an identity, please", "for the roadmap")
        .await
        .unwrap();
    let opened = listener.next().await.unwrap();
    assert_eq!(kind(&opened), ("issues", "opened".to_owned()));
    assert_eq!(opened.json().unwrap()["issue"]["body"], "for the roadmap");

    let text = "/gate list <all> & \"everything\"";
    let comment = forge
        .comment(&forge.alice, issue.number, text)
        .await
        .unwrap();
    let created = listener.next().await.unwrap();
    assert_eq!(kind(&created), ("issue_comment", "created".to_owned()));
    let payload = created.json().unwrap();
    assert_eq!(payload["comment"]["id"], comment.id);
    assert_eq!(payload["comment"]["body"], text);
    assert_eq!(payload["sender"]["id"], forge.alice.id);
    assert_eq!(payload["repository"]["id"], forge.board_id);
    assert_eq!(created.header("x-gitea-signature"), signature(&created));

    let read = forge.comments(issue.number).await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].id, comment.id);
    assert_eq!(read[0].body, text);
    assert_eq!(read[0].user.id, forge.alice.id);
}

#[tokio::test]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
async fn a_writer_rewrites_the_owners_comment_and_the_administrator_speaks_as_the_owner() {
    let forge = RealForge::start().await.unwrap();
    let mut listener = Listener::start().unwrap();
    let issue = forge
        .open_issue(&forge.codex, "an identity, please", "")
        .await
        .unwrap();
    let comment = forge
        .comment(&forge.alice, issue.number, "no")
        .await
        .unwrap();
    assert_eq!(comment.created_at, comment.updated_at);
    forge.webhook(&listener.url, SECRET).await.unwrap();

    let edited = forge
        .edit_comment(&forge.carol, comment.id, "yes")
        .await
        .unwrap();
    assert_eq!(edited.user.id, forge.alice.id, "the author stays alice");
    let delivery = listener.next().await.unwrap();
    assert_eq!(kind(&delivery), ("issue_comment", "edited".to_owned()));
    let payload = delivery.json().unwrap();
    assert_eq!(payload["sender"]["id"], forge.carol.id);
    assert_eq!(payload["comment"]["user"]["id"], forge.alice.id);

    let sudo = forge
        .sudo_comment(&forge.alice, issue.number, "yes, says alice")
        .await
        .unwrap();
    assert_eq!(sudo.user.id, forge.alice.id);
    let delivery = listener.next().await.unwrap();
    assert_eq!(kind(&delivery), ("issue_comment", "created".to_owned()));
    assert_eq!(
        delivery.json().unwrap()["sender"]["id"],
        forge.alice.id,
        "nothing tells it from alice's own"
    );

    forge
        .delete_comment(&forge.carol, comment.id)
        .await
        .unwrap();
    let delivery = listener.next().await.unwrap();
    assert_eq!(kind(&delivery), ("issue_comment", "deleted".to_owned()));
    let left = forge.comments(issue.number).await.unwrap();
    assert_eq!(left.iter().map(|c| c.id).collect::<Vec<_>>(), [sudo.id]);
}

#[tokio::test]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
async fn a_reader_comments_and_changes_nothing_else() {
    let forge = RealForge::start().await.unwrap();
    let issue = forge
        .open_issue(&forge.carol, "an identity, please", "")
        .await
        .unwrap();
    let comment = forge
        .comment(&forge.alice, issue.number, "no")
        .await
        .unwrap();

    for reader in [&forge.codex, &forge.bot] {
        forge
            .comment(reader, issue.number, "I only read")
            .await
            .unwrap();
        let path = format!("/repos/alice/board/issues/comments/{}", comment.id);
        let (status, _) = forge
            .try_call(reader, Method::PATCH, &path, Some(json!({"body": "yes"})))
            .await
            .unwrap();
        assert_eq!(status, StatusCode::FORBIDDEN, "{}", reader.login);
    }

    assert_eq!(
        forge.close(&forge.alice, issue.number).await.unwrap().state,
        "closed"
    );
    assert_eq!(
        forge
            .reopen(&forge.piotr, issue.number)
            .await
            .unwrap()
            .state,
        "open"
    );
}

/// The event's name in the header and the action in the body.
fn kind(delivery: &Delivery) -> (&str, String) {
    let action = delivery.json().unwrap()["action"]
        .as_str()
        .unwrap()
        .to_owned();
    (delivery.header("x-gitea-event"), action)
}

/// The signature that the body must have.
fn signature(delivery: &Delivery) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&delivery.body);
    hex::encode(mac.finalize().into_bytes())
}
