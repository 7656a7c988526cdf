//! What the bot takes for granted of a forge, seen on a real one: deliveries come signed,
//! a comment can be read back, and a comment is weak evidence of who wrote it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use ownergate::gate::ids::IssueNumber;
use ownergate::miniforge::people::ListedComment;
use reqwest::Method;
use serde_json::json;
use sha2::Sha256;

use crate::forge::RealForge;
use crate::listener::{Delivery, Listener};

const BOARD: &str = "alice/board";
const SECRET: &str = "ssssssssssssssssssssssssssssssss";

#[tokio::test]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
async fn a_comment_is_delivered_signed_and_read_back() {
    let forge = RealForge::start().await.unwrap();
    let mut listener = Listener::start().unwrap();
    forge.webhook(&listener.url, SECRET).await.unwrap();

    let issue = forge
        .codex
        .open_issue(BOARD, "an identity, please", "for the roadmap")
        .await
        .unwrap();
    let opened = listener.next().await.unwrap();
    assert_eq!(kind(&opened), ("issues", "opened".to_owned()));
    assert_eq!(opened.json().unwrap()["issue"]["body"], "for the roadmap");

    let text = "/gate list <all> & \"everything\"";
    let comment = forge.alice.comment(BOARD, issue, text).await.unwrap();
    let created = listener.next().await.unwrap();
    assert_eq!(kind(&created), ("issue_comment", "created".to_owned()));
    let payload = created.json().unwrap();
    assert_eq!(payload["comment"]["id"], comment.0);
    assert_eq!(payload["comment"]["body"], text);
    assert_eq!(payload["sender"]["id"], forge.alice.id.0);
    assert_eq!(payload["repository"]["id"], forge.board_id.0);
    assert_eq!(created.header("x-gitea-signature"), signature(&created));

    let read = comments(&forge, issue).await;
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].id, comment);
    assert_eq!(read[0].body, text);
    assert_eq!(read[0].author, forge.alice.id);
}

#[tokio::test]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
async fn a_writer_rewrites_the_owners_comment_and_the_administrator_speaks_as_the_owner() {
    let forge = RealForge::start().await.unwrap();
    let mut listener = Listener::start().unwrap();
    let issue = forge
        .codex
        .open_issue(BOARD, "an identity, please", "")
        .await
        .unwrap();
    let comment = forge.alice.comment(BOARD, issue, "no").await.unwrap();
    let before = comments(&forge, issue).await;
    assert_eq!(before[0].created_at, before[0].updated_at);
    forge.webhook(&listener.url, SECRET).await.unwrap();

    forge
        .carol
        .edit_comment(BOARD, comment, "yes")
        .await
        .unwrap();
    let edited = comments(&forge, issue).await;
    assert_eq!(edited[0].body, "yes");
    assert_eq!(edited[0].author, forge.alice.id, "the author stays alice");
    let delivery = listener.next().await.unwrap();
    assert_eq!(kind(&delivery), ("issue_comment", "edited".to_owned()));
    let payload = delivery.json().unwrap();
    assert_eq!(payload["sender"]["id"], forge.carol.id.0);
    assert_eq!(payload["comment"]["user"]["id"], forge.alice.id.0);

    let sudo = forge
        .root1
        .comment_as("alice", BOARD, issue, "yes, says alice")
        .await
        .unwrap();
    let spoken = comments(&forge, issue).await;
    assert_eq!((spoken[1].id, spoken[1].author), (sudo, forge.alice.id));
    let delivery = listener.next().await.unwrap();
    assert_eq!(kind(&delivery), ("issue_comment", "created".to_owned()));
    assert_eq!(
        delivery.json().unwrap()["sender"]["id"],
        forge.alice.id.0,
        "nothing tells it from alice's own"
    );

    forge.carol.delete_comment(BOARD, comment).await.unwrap();
    let delivery = listener.next().await.unwrap();
    assert_eq!(kind(&delivery), ("issue_comment", "deleted".to_owned()));
    let left = comments(&forge, issue).await;
    assert_eq!(left.iter().map(|c| c.id).collect::<Vec<_>>(), [sudo]);
}

#[tokio::test]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
async fn a_reader_comments_and_changes_nothing_else() {
    let forge = RealForge::start().await.unwrap();
    let issue = forge
        .carol
        .open_issue(BOARD, "an identity, please", "")
        .await
        .unwrap();
    let comment = forge.alice.comment(BOARD, issue, "no").await.unwrap();

    for reader in [&forge.codex, &forge.bot] {
        reader.comment(BOARD, issue, "I only read").await.unwrap();
        let path = format!("/repos/{BOARD}/issues/comments/{comment}");
        let answer = reader
            .call(Method::PATCH, &path, Some(&json!({"body": "yes"})))
            .await
            .unwrap();
        assert_eq!(answer.status, 403, "{}", reader.login);
    }

    forge.alice.close(BOARD, issue).await.unwrap();
    forge.piotr.reopen(BOARD, issue).await.unwrap();
}

/// The comments of an issue as the bot sees them, oldest first.
async fn comments(forge: &RealForge, issue: IssueNumber) -> Vec<ListedComment> {
    forge.bot.comments(BOARD, issue).await.unwrap()
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
