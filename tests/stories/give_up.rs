//! A holder gives its credential up at `POST /v1/revoke` (RFC 7009), without a login.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use insta::assert_snapshot;
use reqwest::Response;

use crate::harness::{Key, Story};

async fn give_up(story: &Story, form: &str) -> Response {
    let answer = story
        .request("POST", "/v1/revoke")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.to_owned())
        .send()
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shows_a_token_may_end_it_and_nothing_else() {
    let mut story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "give up").await;
    let token = thread.credential(&Key::new()).await;
    let other = story.thread(&story.stage.codex, "other").await;
    let live = other.credential(&Key::new()).await;
    assert!(story.alive(&token).await && story.alive(&live).await);

    let form = format!("token={token}&token_type_hint=access_token");
    let answer = give_up(&story, &form).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.text().await.unwrap(), "");
    assert!(!story.alive(&token).await, "refused by the next check");
    assert!(story.alive(&live).await);
    assert_snapshot!(thread.last_reply(), @"**`codex-kan-1` c1 is revoked**: its holder gave it up.");

    // Again: nothing is left to end, and nothing is written or said.
    let (lines, said) = (story.lines(), thread.replies().len());
    assert_eq!(give_up(&story, &form).await.status(), 200);
    assert_eq!((story.lines(), thread.replies().len()), (lines, said));

    // The identity stays, and everything is back from the journal alone.
    assert!(
        thread
            .answer(&story.stage.alice, "/gate inspect codex-kan-1")
            .await
            .contains("active")
    );
    let issue = other.issue.0;
    story.stage.stop_bot().await;
    std::fs::remove_dir_all(story.stage.directory().join("data/sled")).unwrap();
    story.stage.start_bot().await.unwrap();
    assert!(!story.alive(&token).await);
    assert!(story.alive(&live).await);
    assert_eq!(story.at(issue).count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_credential_that_was_never_used_is_given_up_unused() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "unused").await;
    let token = thread.credential(&Key::new()).await;
    assert_eq!(
        give_up(&story, &format!("token={token}")).await.status(),
        200
    );
    assert!(!story.alive(&token).await);
    assert!(!story.journal().contains("credential_first_used"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ended_or_never_was_is_answered_alike() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "ended").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    // Case g03: it expired.
    story.pass(9 * 3_600).await;
    let lines = story.lines();
    let other = token.replace("codex-kan-1", "codex-kan-2");
    let unknown = format!("og_x_{}", "a".repeat(64));
    for shown in [token.as_str(), &other, &unknown, "hello", ""] {
        let answer = give_up(&story, &format!("token={shown}")).await;
        assert_eq!(answer.status(), 200, "{shown}");
        assert_eq!(answer.text().await.unwrap(), "");
    }
    for form in ["", "x=1", &format!("token={token}&token={token}")] {
        assert_eq!(give_up(&story, form).await.status(), 400, "{form}");
    }
    let get = story.request("GET", "/v1/revoke").send().await.unwrap();
    assert_eq!(get.status(), 405);
    assert_eq!(get.headers()["allow"], "POST");
    assert_eq!(story.lines(), lines);
}

/// The disk is nearly full: what only takes away is journaled all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_given_up_on_a_full_disk() {
    let low = Arc::new(AtomicBool::new(false));
    let story = Story::with(|setting| setting.low_space = Arc::clone(&low)).await;
    let thread = story.thread(&story.stage.codex, "full").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    low.store(true, Ordering::SeqCst);
    assert_eq!(
        give_up(&story, &format!("token={token}")).await.status(),
        200
    );
    assert!(!story.alive(&token).await);
}
