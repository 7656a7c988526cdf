//! Standing still and giving back: a pause stops every token before the next check, by owners from
//! anywhere on the board and by the requester in its thread; a release is the requester's alone.

use insta::assert_snapshot;

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_pauses_and_the_next_check_is_refused() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let first = thread.credential(&Key::new()).await;
    let second = thread.credential(&Key::new()).await;
    assert!(story.alive(&first).await && story.alive(&second).await);
    let other = story.thread(alice, "the agents run wild").await;
    let before = thread.replies().len();
    let said = other
        .answer(alice, "/gate pause codex-kan-1 c1 odd calls")
        .await;
    assert_snapshot!(said, @"**`codex-kan-1` is paused**: `odd calls`. Every credential of it is refused. It is the identity that stands still, not c1 alone: `/gate revoke codex-kan-1 c1` ends one credential. `/gate resume codex-kan-1` asks that it goes on; `/gate revoke codex-kan-1` ends it.");
    assert!(!story.alive(&first).await && !story.alive(&second).await);
    assert!(thread.news(before).contains("**`codex-kan-1` is paused**"));
    assert_snapshot!(thread.answer(alice, "/gate pause").await, @"`codex-kan-1` is paused already. `/gate resume codex-kan-1` asks that it goes on; `/gate revoke codex-kan-1` ends it.");
    // Nothing is issued to it; ended, it may be asked for anew.
    thread.ask(codex, &Key::new()).await;
    assert_eq!(thread.last_code(), "identity_paused");
    thread.comment(alice, "/gate revoke").await;
    let third = thread.credential(&Key::new()).await;
    assert!(story.alive(&third).await && !story.alive(&first).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_requester_pauses_in_its_own_thread_and_a_stranger_nowhere() {
    let story = Story::begin().await;
    let (codex, carol) = (&story.stage.codex, &story.stage.carol);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let other = story.thread(codex, "another").await;
    assert_eq!(
        thread.answer(carol, "/gate pause codex-kan-1").await,
        "(silence)"
    );
    assert_eq!(thread.answer(carol, "/gate release").await, "(silence)");
    assert_snapshot!(other.answer(codex, "/gate pause codex-kan-1").await, @"Nothing was paused: only an owner of this board can do that, or the requester in the identity's own thread.");
    assert!(story.alive(&token).await);
    assert_snapshot!(thread.answer(codex, "/gate pause").await, @"**`codex-kan-1` is paused**. Every credential of it is refused. `/gate resume codex-kan-1` asks that it goes on; `/gate revoke codex-kan-1` ends it.");
    assert!(!story.alive(&token).await);
}

/// Case a07: narrowing must not fail on spelling, and what was written is shown escaped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slip_of_the_pen_does_not_keep_a_paused_token_alive() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let mut text = String::new();
    for remark in [
        "/gate pause SLUG the agent’s laptop was stolen",
        "/gate pause SLUG Schlüssel geleakt",
        "/gate pause SLUG \u{202e}detsopretni @alice `x`",
        "/GATE  Pause\u{a0}`SLUG`",
        "/gate pause codex-kan-l leaked",
    ] {
        let thread = story.thread(codex, "sort").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        let slug = format!("codex-kan-{}", thread.issue.0);
        let said = thread.answer(alice, &remark.replace("SLUG", &slug)).await;
        text.push_str(said.split(" Every credential").next().unwrap());
        text.push('\n');
        assert!(!story.alive(&token).await, "{remark}");
    }
    assert_snapshot!(text, @r"
    **`codex-kan-1` is paused**: `the agent’s laptop was stolen`.
    **`codex-kan-2` is paused**: `Schlüssel geleakt`.
    **`codex-kan-3` is paused**: `` \u{202e}detsopretni @{zwsp}alice `x` ``.
    **`codex-kan-4` is paused**.
    **`codex-kan-5` is paused**: `codex-kan-l leaked`.
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_requester_gives_its_identity_back() {
    let story = Story::begin().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    thread.ask(codex, &Key::new()).await;
    assert_snapshot!(thread.answer(alice, "/gate release codex-kan-1").await, @"Nothing was released: only the requester gives an identity back, in its own thread. An owner ends it with `/gate revoke codex-kan-1`.");
    assert!(story.alive(&token).await);
    assert_snapshot!(thread.answer(codex, "/gate release done, thank you").await, @"**`codex-kan-1` is released**, with 1 of its credentials: `done, thank you`. The name stays its requester's.");
    assert!(!story.alive(&token).await);
    thread.comment(alice, "/gate deny R2").await;
    assert_eq!(thread.last_code(), "not_open");
    assert_snapshot!(thread.answer(codex, "/gate release codex-kan-1").await, @"`codex-kan-1` was released already.");
    // The name is kept for who gave it back.
    thread
        .ask_for(piotr, &Key::new(), "codex-kan-1", "board:read", "8h", "dev")
        .await;
    assert_eq!(thread.last_code(), "slug_taken");
    let again = thread.credential(&Key::new()).await;
    assert!(story.alive(&again).await && !story.alive(&token).await);
}
