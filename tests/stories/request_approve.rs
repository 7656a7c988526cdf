//! The main story: an agent asks, an owner approves, the agent gets a sealed credential.

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owners_comment_issues_a_sealed_credential_and_another_takes_it_back() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort the roadmap").await;
    let key = Key::new();
    let asked = thread.ask(&story.stage.codex, &key).await;
    assert_eq!(thread.reactions(asked).await, ["eyes"]);

    // A writer who is no owner approves, and nothing happens.
    let line = thread.approve_line();
    let before = story.lines();
    thread.comment(&story.stage.carol, &line).await;
    assert_eq!(thread.replies().len(), 1);
    assert_eq!(
        story.lines(),
        before + 1,
        "only the first sight of the comment is kept"
    );

    // The owner approves.
    let approved = thread.comment(&story.stage.alice, &line).await;
    assert_eq!(thread.reactions(approved).await, ["+1"]);
    let token = thread.open(&key);

    // The resource server is told, and the holder is.
    let answer = story.stage.introspect(&token).await.unwrap();
    assert_eq!(answer["active"], true);
    assert_eq!(answer["scope"], "board:read card:write");

    // The owner takes it back, and the very next check refuses.
    thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1")
        .await;
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_nobody_used_within_a_day_ends() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "late").await;
    let token = thread.credential(&Key::new()).await;
    story.pass(8 * 3_600).await;
    assert!(!story.alive(&token).await);
}
