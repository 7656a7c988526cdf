//! b07: accounts that are gone come as Ghost, as nothing, or not at all.

use insta::assert_snapshot;
use ownergate::miniforge::Outcome;

use crate::harness::{Key, Story, change};

/// An approval whose author is gone when it is read again.
async fn approval_of_nobody(null: bool) -> String {
    let story = Story::begin().await;
    let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
    let forge = &story.stage.forge;
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &Key::new()).await;
    let line = thread.approve_line();
    let before = thread.replies().len();
    forge.settings(|settings| {
        settings.deleted_author_fails = false;
        settings.null_authors = null;
    });
    forge.hold_hooks();
    thread.say(piotr, &line).await;
    forge.change(|state| state.delete_user(piotr.id));
    forge.release_hooks();
    story.stage.settle().await.unwrap();
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    // It is closed and not tried again.
    forge.clear_calls();
    story.pass(24 * 3_600).await;
    let reads = forge
        .calls()
        .iter()
        .filter(|call| call.path.contains("/issues/comments/"))
        .count();
    assert_eq!(reads, 0);
    thread.news(before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ghosts_approval_is_not_counted() {
    assert_snapshot!(approval_of_nobody(false).await, @r"
    A command here was not counted: the forge does not say any more who wrote it.
    ----
    **R1 still waits** until 27 Nov 14:00 UTC: asks for `codex-kan-1`. @alice @piotr
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_that_of_nobody() {
    assert_snapshot!(approval_of_nobody(true).await, @r"
    A command here was not counted: the forge does not say any more who wrote it.
    ----
    **R1 still waits** until 27 Nov 14:00 UTC: asks for `codex-kan-1`. @alice @piotr
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_without_a_sender_is_a_bad_request() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let forge = &story.stage.forge;
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &Key::new()).await;
    let line = thread.approve_line();
    forge.drop_hooks(1);
    thread.say(alice, &line).await;
    let lost = forge.deliveries().pop().unwrap();
    for sender in [None, Some(serde_json::Value::Null)] {
        let mut body: serde_json::Value = serde_json::from_slice(&lost.body).unwrap();
        let members = body.as_object_mut().unwrap();
        members.remove("sender");
        if let Some(sender) = sender {
            members.insert("sender".to_owned(), sender);
        }
        let sent = forge
            .forge_delivery(story.stage.kan_hook, "issue_comment", body.to_string())
            .unwrap();
        story.stage.settle().await.unwrap();
        assert_eq!(forge.deliveries()[sent].outcome, Outcome::Answered(400));
    }
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_configured_as_an_owner() {
    let mut story = Story::begin().await;
    let usual = story.stage.setting().config.clone();
    for id in ["-1", "0", "-2"] {
        let mut config = usual.clone();
        change(&mut config, &[("id = 2\n", &format!("id = {id}\n"))]);
        story.stage.setting().config = config;
        let refused = story.stage.config().unwrap_err().to_string();
        assert!(refused.contains("is nobody's id"), "{refused}");
    }
}
