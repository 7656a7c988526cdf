//! Judgements on the miniature forge: advice in summary and inspection, and a gate that opens only
//! after one that stands.

use insta::assert_snapshot;
use ownergate::gate::ids::{Hash, UserId};
use ownergate::miniforge::{Person, Right};
use serde_json::json;

use crate::harness::{Key, Story, Thread};

/// Iskra judges on `kan`; the gate `dev` waits for it.
async fn begin() -> Story {
    Story::configured(&[
        (
            "[board.gate.dev]",
            "[[board.judge]]\nid = 21\nlogin = \"iskra\"\nshut_on = [\"reject\"]\n\n[board.gate.dev]",
        ),
        ("quorum = 1", "quorum = 1\njudge = \"required\""),
    ])
    .await
}

fn iskra(story: &Story) -> Person {
    let forge = &story.stage.forge;
    let person = forge.add_user_with_id("iskra", UserId(21)).unwrap();
    forge.set_right(ownergate::demo::stage::KAN, person.id, Right::Read);
    person
}

/// A judgement of the issue as it is now, as a judge's program writes it.
fn judgement(thread: &Thread<'_>, action: &str) -> String {
    let key = thread.story.stage.thread(thread.issue);
    let issue = thread.story.stage.forge.issue(key).unwrap();
    let hash = |text: &str| format!("sha256:{}", Hash::of(text.as_bytes()));
    let json = json!({
        "schema": "openclaw.judge.v0", "judge_actor": {"name": "iskra", "runtime": "openclaw"},
        "priority": "p1", "recommended_next_action": action, "top_caveat": "@alice who asked?",
        "target": {"kind": "issue", "number": thread.issue, "repo": thread.name},
        "target_snapshot": {
            "title_hash": hash(&issue.title), "body_hash": hash(&issue.body),
            "labels": [], "labels_hash": hash(""),
        },
    });
    format!(
        "Judged.\n\n<!-- openclaw.judge.v0 -->\n```json\n{json:#}\n```\n<!-- /openclaw.judge.v0 -->\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_judgement_comes_before_the_approval() {
    let story = begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let judge = iskra(&story);
    let key = Key::new();
    let thread = story.thread_with(codex, "sort", "All of it.").await;
    thread.comment(&judge, &judgement(&thread, "go")).await;
    assert_eq!(thread.news(0), "(silence)");
    thread.ask(codex, &key).await;
    assert_snapshot!(thread.news(0), @r"
    **R1 · `codex` asks for `codex-kan-1`** · dev
    - may `board:read` `card:write` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `sort the roadmap`
    - judge iskra advises: `p1`, `go`, caveat `@{zwsp}alice who asked?`; for the text as it stands, no labels then and now
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC
    - an approval counts after a judgement of @iskra below this comment

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    or `/gate deny R1`
    ");
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: a judgement of @iskra is still missing; post the line again after it.");
    let said = thread.comment(&judge, &judgement(&thread, "go")).await;
    assert_eq!(thread.reactions(said).await, ["eyes"]);
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
    assert_snapshot!(thread.answer(codex, "/gate inspect").await, @r"
    **`codex-kan-1`** · active · dev
    - may `board:read` `card:write`
    - owner alice, asked for by codex (user 7); ends 22 Feb 14:00 UTC
    - last used 24 Nov 14:00 UTC
    - c1: active, `board:read` `card:write`, ends 24 Nov 22:00 UTC
    - judge iskra advises: `p1`, `go`, caveat `@{zwsp}alice who asked?`; for the text as it stands, no labels then and now
    - lately: 24 Nov 14:00 UTC credential first used (c1) · 24 Nov 14:00 UTC credential issued (c1, R1)
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_objection_an_older_text_and_a_lost_judgement_shut() {
    let story = begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let judge = iskra(&story);
    let thread = story.thread_with(codex, "sort", "All of it.").await;
    thread.ask(codex, &Key::new()).await;
    let line = thread.approve_line();
    thread.comment(&judge, &judgement(&thread, "reject")).await;
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: iskra advises `reject`, which shuts this gate.");

    let said = thread.comment(&judge, &judgement(&thread, "go")).await;
    codex
        .edit_issue(&thread.name, thread.issue, "All but the last.")
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: the judgement of @iskra is for another text than this issue has now; it has to judge again, and the line be posted after that.");

    let before = thread.replies().len();
    judge.delete_comment(&thread.name, said).await.unwrap();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"R1: the judgement of iskra was edited or deleted and counts no longer.");
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: the judgement of @iskra was edited or deleted; it has to judge again, and the line be posted after that.");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_with_the_line_ends_of_a_browser_may_be_judged_with_those_of_unix() {
    let story = begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let judge = iskra(&story);
    let key = Key::new();
    let thread = story.thread_with(codex, "sort", "All\r\nof it.").await;
    thread.ask(codex, &key).await;
    let judged = judgement(&thread, "go");
    let raw = Hash::of(b"All\r\nof it.");
    let unix = Hash::of(b"All\nof it.");
    let judged = judged.replace(raw.as_str(), unix.as_str());
    assert!(judged.contains(unix.as_str()));
    thread.comment(&judge, &judged).await;
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_judgement_is_in_the_journal_and_nowhere_else() {
    let story = begin().await;
    let (codex, carol) = (&story.stage.codex, &story.stage.carol);
    let judge = iskra(&story);
    let thread = story.thread(codex, "sort").await;
    let good = judgement(&thread, "go");
    let lines = story.lines();
    thread.comment(carol, &good).await;
    assert!(!story.journal().contains("judgement_"));
    assert_eq!(story.lines(), lines + 1, "the first sight of a comment");
    for (text, word) in [
        (format!("{good}{good}"), "two_blocks"),
        (good.replace("\"p1\"", "1"), "advice"),
        (
            good.replacen('{', "{\"priority\":\"p2\",", 1),
            "duplicate_key",
        ),
    ] {
        thread.comment(&judge, &text).await;
        let journal = story.journal();
        let last = journal.lines().last().unwrap();
        assert!(last.contains("judgement_void"), "{last}");
        assert!(last.contains(&format!("\"{word}\"")), "{last}");
    }
    // Too long to be read: the delivery brings it, the forge is asked again.
    let long = format!("{good}{}", "x".repeat(70_000));
    thread.comment(&judge, &long).await;
    let journal = story.journal();
    let last = journal.lines().last().unwrap();
    assert!(last.contains("judgement_void") && last.contains("\"too_large\""));
    assert_eq!(thread.news(0), "(silence)");
    let shown = story.journal();
    assert!(
        !shown.contains("who asked?"),
        "nothing of a void one is kept"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_judgement_that_was_not_delivered_lets_nothing_through() {
    let mut story = begin().await;
    let judge = iskra(&story);
    let alice = story.stage.alice.clone();
    let issue = {
        let thread = story.thread(&story.stage.codex, "sort").await;
        thread.ask(&story.stage.codex, &Key::new()).await;
        thread.issue
    };
    story.stage.stop_bot().await;
    let thread = story.again(issue);
    thread.say(&judge, &judgement(&thread, "go")).await;
    story.stage.forge.hooks_idle().await;
    story.stage.start_bot().await.unwrap();
    story
        .stage
        .reconcile(ownergate::demo::stage::KAN)
        .await
        .unwrap();
    let thread = story.again(issue);
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(&alice, &line).await, @"Not counted for R1: the forge did not deliver the judgement of @iskra and I found it by reading back; it has to judge again, and the line be posted after that.");
}
