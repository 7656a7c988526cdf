//! Old deliveries sent again, and commands that race: nothing acts twice, and taking away wins.

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_sent_again_fifty_times_and_across_a_restart_changes_nothing() {
    let mut story = Story::begin().await;
    let token = {
        let thread = story.thread(&story.stage.codex, "replayed").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        thread
            .comment(&story.stage.alice, "/gate revoke codex-kan-1")
            .await;
        token
    };
    let (replies, lines) = (story.at(1).replies(), story.lines());
    let past = story.stage.forge.deliveries().len();
    for round in 0..50 {
        if round == 25 {
            story.start_again().await;
        }
        // Newest first, so that the approval comes after the revoke as well as before it.
        for delivery in (0..past).rev() {
            story.stage.forge.replay(delivery).unwrap();
        }
        story.stage.settle().await.unwrap();
    }
    assert_eq!(story.at(1).replies(), replies);
    assert_eq!(story.lines(), lines, "a replay has written something");
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_and_an_approval_race_and_nothing_stays_alive() {
    for order in [[0, 1], [1, 0]] {
        let story = Story::begin().await;
        let (alice, piotr) = (&story.stage.alice, &story.stage.piotr);
        let thread = story.thread(&story.stage.codex, "race").await;
        let key = Key::new();
        thread.ask(&story.stage.codex, &key).await;
        let line = thread.approve_line();
        story.stage.forge.hold_hooks();
        thread.say(alice, &line).await;
        thread.say(piotr, "/gate revoke codex-kan-1").await;
        story.stage.forge.deliver_in_order(&order).await;
        story.stage.forge.release_hooks();
        story.stage.settle().await.unwrap();
        match thread.count("credential") {
            0 => assert!(thread.said("it did not live yet; void: R1"), "{order:?}"),
            _ => assert!(!story.alive(&thread.open(&key)).await, "{order:?}"),
        }
        // And whoever approves once more gets nothing.
        let before = thread.count("credential");
        thread.comment(alice, &line).await;
        assert_eq!(thread.count("credential"), before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_reopened_and_closed_again_in_one_second_is_closed() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "leash").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let (alice, name) = (&story.stage.alice, thread.name.as_str());
    story.stage.forge.hold_hooks();
    alice.close(name, thread.issue).await.unwrap();
    alice.reopen(name, thread.issue).await.unwrap();
    alice.close(name, thread.issue).await.unwrap();
    // Out of order, too: each only says "look again".
    story.stage.forge.deliver_in_order(&[2, 0, 1]).await;
    story.stage.forge.release_hooks();
    story.stage.settle().await.unwrap();
    assert!(!story.alive(&token).await);
    assert!(thread.said("paused"));

    // Reopening revives nothing.
    alice.reopen(name, thread.issue).await.unwrap();
    story.stage.settle().await.unwrap();
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_was_delivered_before_is_looked_at_again_when_it_happens_again() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "twice").await;
    let (alice, name) = (&story.stage.alice, thread.name.as_str());
    alice.close(name, thread.issue).await.unwrap();
    alice.reopen(name, thread.issue).await.unwrap();
    story.stage.settle().await.unwrap();
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    // The very same facts as the first time.
    alice.close(name, thread.issue).await.unwrap();
    story.stage.settle().await.unwrap();
    assert!(!story.alive(&token).await);
}
