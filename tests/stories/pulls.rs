//! The conversation of a pull request: owners stop things there as in any thread of the board, and
//! nothing is asked or approved there.

use insta::assert_snapshot;
use ownergate::demo::stage::KAN;

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_stops_an_identity_where_its_work_is_discussed() {
    let story = Story::begin().await;
    let (codex, alice, carol) = (&story.stage.codex, &story.stage.alice, &story.stage.carol);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let opened = story.stage.forge.open_pull(KAN, codex.id, "the work", "");
    let pull = story.again(opened.unwrap());

    for writer in [carol, codex] {
        pull.comment(writer, "/gate pause codex-kan-1").await;
        assert!(story.alive(&token).await, "no owner, or not its thread");
    }
    let before = thread.replies().len();
    assert_snapshot!(pull.answer(alice, "/gate pause codex-kan-1 it pushed a token").await, @"**`codex-kan-1` is paused**: `it pushed a token`. Every credential of it is refused. `/gate resume codex-kan-1` asks that it goes on; `/gate revoke codex-kan-1` ends it.");
    assert!(!story.alive(&token).await);
    assert!(thread.news(before).contains("`codex-kan-1` is paused"));
    assert_snapshot!(pull.answer(alice, "/gate resume codex-kan-1").await, @"`/gate resume` works in an issue: nothing is asked in a pull request; what stops something works here, too");
    assert_eq!(pull.last_code(), "only_in_issues");

    // A delivery that was lost is caught up here, too, once.
    story.stage.forge.drop_hooks(1);
    pull.comment(alice, "/gate revoke codex-kan-1 for good")
        .await;
    story.stage.reconcile(KAN).await.unwrap();
    let said = pull.replies().len();
    assert_snapshot!(pull.news(said - 1), @"**`codex-kan-1` is revoked**, with 1 of its credentials: `for good`.");
    story.stage.reconcile(KAN).await.unwrap();
    assert_eq!(pull.replies().len(), said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_or_approved_there() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    let opened = story.stage.forge.open_pull(KAN, codex.id, "the work", "");
    let pull = story.again(opened.unwrap());
    assert_snapshot!(pull.answer(alice, &line).await, @"Not counted for R1: this request is decided in #1, not here.");
    pull.ask(codex, &key).await;
    assert_eq!(pull.last_code(), "only_in_issues");
    assert_eq!(pull.answer(codex, "I have pushed it").await, "(silence)");
    assert_eq!(thread.replies().len(), 1, "only the summary");
}
