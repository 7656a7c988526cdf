//! Everything ends by itself: requests, unused tokens, credentials, identities.

use insta::assert_snapshot;

use crate::harness::{Key, Story};

const HOUR: i64 = 3_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_ends_after_three_days() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let late = story.thread(codex, "late").await;
    late.ask(codex, &key).await;
    let line = late.approve_line();
    let timely = story.thread(codex, "timely").await;
    timely.ask(codex, &key).await;
    story.pass(72 * HOUR - 1).await;
    let token = timely.approved(alice, &key).await;
    assert!(story.alive(&token).await);
    story.pass(1).await;
    assert_snapshot!(late.answer(alice, &line).await, @"Not counted for R1: the request is not open: ended.");
    assert_snapshot!(late.answer(alice, "/gate deny R1").await, @"R1 is not open: ended.");
    assert_eq!(late.block("credential"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_must_be_used_within_a_day_and_ends_with_its_ttl() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        thread
            .ask_for(codex, &key, "codex-*", "board:read", "24h", "dev")
            .await;
        tokens.push(thread.approved(alice, &key).await);
    }
    assert!(story.alive(&tokens[0]).await);
    story.pass(24 * HOUR - 1).await;
    assert!(story.alive(&tokens[0]).await);
    story.pass(1).await;
    assert!(!story.alive(&tokens[0]).await);
    assert!(!story.alive(&tokens[1]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unused_token_ends_before_a_used_one() {
    let story = Story::configured(&[("[forge]", "[tokens]\nactivation = \"2h\"\n\n[forge]")]).await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let used = thread.credential(&Key::new()).await;
    let unused = thread.credential(&Key::new()).await;
    assert!(story.alive(&used).await);
    story.pass(2 * HOUR).await;
    assert!(story.alive(&used).await);
    assert!(!story.alive(&unused).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_ends_and_an_approval_prolongs_it() {
    let story =
        Story::configured(&[("[forge]", "[tokens]\nidentity_ttl = \"4h\"\n\n[forge]")]).await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let first = thread.credential(&key).await;
    let answer = story.stage.introspect(&first).await.unwrap();
    assert_eq!(answer["exp"], crate::harness::noon().as_second() + 4 * HOUR);
    story.pass(3 * HOUR).await;
    let second = thread.credential(&key).await;
    assert!(story.alive(&second).await);
    story.pass(HOUR).await;
    assert!(!story.alive(&first).await, "it ends where its comment said");
    assert!(story.alive(&second).await);
    story.pass(3 * HOUR).await;
    assert!(!story.alive(&second).await);
    let said = thread.answer(alice, "/gate inspect codex-kan-1").await;
    assert!(
        said.starts_with("**`codex-kan-1`** · expired · dev"),
        "{said}"
    );
    // An expired one is not final: a request revives the same number.
    let third = thread.credential(&key).await;
    let answer = story.stage.introspect(&third).await.unwrap();
    assert_eq!(answer["ownergate"]["identity_id"], 1);
    assert!(!story.alive(&first).await && !story.alive(&second).await);
}

/// What stood still before its issue was closed is revoked with the rest; the passes until then write
/// nothing, and an issue that is opened again is noted though its delivery was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_paused_before_its_issue_was_closed_ends_with_it() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    thread.comment(alice, "/gate pause").await;
    let lost = || story.stage.forge.drop_hooks(1);
    let pass = async || {
        assert!(story.reconcile().await);
        story.stage.settle().await.unwrap();
    };
    for _ in 0..2 {
        lost();
        alice.close(&thread.name, thread.issue).await.unwrap();
        pass().await;
        lost();
        alice.reopen(&thread.name, thread.issue).await.unwrap();
        pass().await;
    }
    lost();
    alice.close(&thread.name, thread.issue).await.unwrap();
    story.pass(23 * HOUR).await;
    // Only now is it seen: the day begins.
    pass().await;
    let lines = story.lines();
    pass().await;
    pass().await;
    assert_eq!(story.lines(), lines);
    let status = async || {
        let said = story.thread(alice, "what is it?").await;
        said.answer(alice, "/gate inspect codex-kan-1").await
    };
    story.pass(23 * HOUR).await;
    assert!(status().await.contains("· paused ·"));
    story.pass(HOUR).await;
    assert!(status().await.contains("· revoked ·"));
}
