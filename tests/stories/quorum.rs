//! Two owners must agree: who is counted and who is missing is said, and a yes that does not stand
//! any more when the second comes is dropped.

use insta::assert_snapshot;

use crate::harness::{Key, Story, Thread};

/// A request for the gate `pair`.
async fn asked<'a>(story: &'a Story, key: &Key) -> Thread<'a> {
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread
        .ask_for(
            &story.stage.codex,
            key,
            "codex-*",
            "board:read,card:write",
            "8h",
            "pair",
        )
        .await;
    thread
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_agree() {
    let story = Story::begin().await;
    let (alice, piotr) = (&story.stage.alice, &story.stage.piotr);
    let key = Key::new();
    let thread = asked(&story, &key).await;
    assert_snapshot!(thread.news(0), @r"
    **R1 · codex asks for `codex-kan-1`** · pair
    - may `board:read` `card:write` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `sort the roadmap`
    - needs 2 of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    or `/gate deny R1`
    ");
    let line = thread.approve_line();
    let short = line.replace("ttl=8h", "ttl=2h");
    assert_snapshot!(thread.answer(alice, &short).await, @"R1: counted alice (1 of 2); still to come from piotr.");
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: this owner is counted already.");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    // The shorter life and the lower ceiling win.
    assert_snapshot!(thread.answer(piotr, &line).await, @r"
    **R1 approved by alice and piotr: `codex-kan-1` c1** · `board:read` · ends 24 Nov 16:00 UTC
    codex: open it and use it by 24 Nov 16:00 UTC. To take it back: `/gate revoke codex-kan-1`
    <details><summary>sealed file</summary>

    ```
    (age file)
    ```
    </details>
    ");
    let token = thread.open(&key);
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yes_that_was_edited_before_the_second_is_dropped() {
    let story = Story::begin().await;
    let (alice, piotr, carol) = (&story.stage.alice, &story.stage.piotr, &story.stage.carol);
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    let first = thread.comment(alice, &line).await;
    // The forge loses the delivery of the edit: the second approval finds it by reading again.
    story.stage.forge.drop_hooks(1);
    carol.edit_comment(&thread.name, first, "no").await.unwrap();
    assert_snapshot!(thread.answer(piotr, &line).await, @r"
    R1: the approval by alice counts no longer; it was edited, deleted or given under other rules.
    ----
    R1: counted piotr (1 of 2); still to come from alice.
    ");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    assert_snapshot!(thread.answer(alice, &line).await, @r"
    **R1 approved by alice and piotr: `codex-kan-1` c1** · `board:read` · ends 24 Nov 22:00 UTC
    codex: open it and use it by 24 Nov 22:00 UTC. To take it back: `/gate revoke codex-kan-1`
    <details><summary>sealed file</summary>

    ```
    (age file)
    ```
    </details>
    ");
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yes_that_was_deleted_is_dropped_at_once() {
    let story = Story::begin().await;
    let (alice, piotr) = (&story.stage.alice, &story.stage.piotr);
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    let first = thread.comment(alice, &line).await;
    let before = thread.replies().len();
    alice.delete_comment(&thread.name, first).await.unwrap();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"R1: an approval was edited or deleted and counts no longer.");
    assert_snapshot!(thread.answer(piotr, &line).await, @"R1: counted piotr (1 of 2); still to come from alice.");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_yes_under_other_rules_is_dropped() {
    let mut story = Story::begin().await;
    let key = Key::new();
    let (issue, line) = {
        let thread = asked(&story, &key).await;
        let line = thread.approve_line();
        thread.comment(&story.stage.alice, &line).await;
        (thread.issue, line)
    };
    story
        .restart(&[("max_ttl = \"8h\"", "max_ttl = \"9h\"")])
        .await;
    let thread = story.again(issue);
    let said = thread.answer(&story.stage.piotr, &line).await;
    assert_snapshot!(said, @r"
    R1: the approval by alice counts no longer; it was edited, deleted or given under other rules.
    ----
    R1: counted piotr (1 of 2); still to come from alice.
    ");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}
