//! A second request in the thread of a live identity: another credential, and the identity may do
//! the union from then on; each credential only what it was granted.

use insta::assert_snapshot;

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_request_gets_another_credential() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let (old, new) = (Key::new(), Key::new());
    thread
        .ask_for(codex, &old, "codex-*", "board:read", "8h", "dev")
        .await;
    let first = thread.approved(alice, &old).await;

    let before = thread.replies().len();
    thread
        .ask_for(codex, &new, "codex-*", "board:read,card:write", "4h", "dev")
        .await;
    assert_snapshot!(thread.news(before), @r"
    **R2 · `codex` asks for `codex-kan-1`** · dev
    - may `board:read` `card:write` in `kan-ductor`, for 4 h
    - one more credential, new for it: `card:write`; sealed to `age1…`
    - says: `sort the roadmap`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R2 CODE scopes=board:read,card:write ttl=4h
    ```
    or `/gate deny R2`
    ");
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(alice, &line).await, @r"
    **R2 approved by alice: `codex-kan-1` c2** · `board:read` `card:write` · ends 24 Nov 18:00 UTC
    `codex`: open it and use it by 24 Nov 18:00 UTC. To take it back: `/gate revoke codex-kan-1`
    <details><summary>sealed file</summary>

    ```
    (age file)
    ```
    </details>
    ");
    let second = thread.open(&new);
    assert_ne!(first, second);
    assert_eq!(story.may(&first).await, "board:read");
    assert_eq!(story.may(&second).await, "board:read card:write");

    // Nothing new in a third.
    let before = thread.replies().len();
    thread
        .ask_for(codex, &new, "codex-kan-1", "card:write", "4h", "dev")
        .await;
    let summary = thread.news(before);
    assert!(
        summary.contains("- one more credential, nothing new in it;"),
        "{summary}"
    );
    assert_snapshot!(thread.answer(alice, "/gate inspect").await, @r"
    **`codex-kan-1`** · active · dev
    - may `board:read` `card:write`
    - owner alice, asked for by codex (user 7); ends 22 Feb 14:00 UTC
    - last used 24 Nov 14:00 UTC
    - c2: active, `board:read` `card:write`, ends 24 Nov 18:00 UTC, last used 24 Nov 14:00 UTC
    - c1: active, `board:read`, ends 24 Nov 22:00 UTC, last used 24 Nov 14:00 UTC
    - R3 is open until 27 Nov 14:00 UTC
    - lately: 24 Nov 14:00 UTC credential first used (c2) · 24 Nov 14:00 UTC credential first used (c1) · 24 Nov 14:00 UTC credential issued (c2, R2) · 24 Nov 14:00 UTC credential issued (c1, R1)
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_asks_for_somebody_elses_identity_and_another_approves() {
    let story = Story::begin().await;
    let (alice, piotr) = (&story.stage.alice, &story.stage.piotr);
    let thread = story.thread(&story.stage.codex, "sort").await;
    let key = Key::new();
    let first = thread.credential(&key).await;
    thread
        .ask_for(alice, &key, "codex-kan-1", "board:read", "8h", "dev")
        .await;
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R2: whoever asks or would get the credential cannot approve it; another owner must.");
    let second = thread.approved(piotr, &key).await;
    assert_eq!(story.may(&second).await, "board:read");
    // It is codex's all the same: codex takes it back.
    thread
        .comment(&story.stage.codex, "/gate revoke codex-kan-1 c2")
        .await;
    assert_eq!(story.may(&second).await, "inactive");
    assert_eq!(story.may(&first).await, "board:read card:write");
}

/// Who benefits does not approve: the identity's requester is not counted when another asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_does_not_approve_for_an_identity_of_its_own() {
    let story = Story::begin().await;
    let (alice, piotr) = (&story.stage.alice, &story.stage.piotr);
    let thread = story.thread(alice, "sort").await;
    let key = Key::new();
    thread
        .ask_for(alice, &key, "mine", "board:read", "8h", "dev")
        .await;
    thread.approved(piotr, &key).await;
    // Piotr asks for alice's identity: neither may approve, so nobody could.
    let before = thread.replies().len();
    thread
        .ask_for(piotr, &key, "mine", "board:read", "8h", "dev")
        .await;
    assert_snapshot!(thread.news(before), @"1 owner must approve and nobody could: not counted are who asks or benefits, and who lacks a key or one-time codes that the gate demands or may hand on nothing of this.");
}
