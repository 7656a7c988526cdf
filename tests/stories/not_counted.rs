//! Each reason why an approval is not counted, said with its code; and that the right line counts
//! once the reason is gone.

use insta::assert_snapshot;
use ownergate::demo::stage::{KAN, KAN_NAME};

use crate::harness::{Key, Story, Thread};

/// A thread with an open request of codex.
async fn asked<'a>(story: &'a Story, key: &Key) -> Thread<'a> {
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.ask(&story.stage.codex, key).await;
    thread
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_who_may_not() {
    let story = Story::configured(&[
        ("quorum = 2", "quorum = 1"),
        (
            "login = \"alice\"",
            "login = \"alice\"\nmay_approve = false",
        ),
        (
            "[board.gate.dev]",
            "[[board.requester]]\nid = 3\n\n[board.gate.dev]",
        ),
    ])
    .await;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    let said = thread.table(&story.stage.alice, &[&line]).await;
    assert_snapshot!(said, @r"
    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    may_not_approve: Not counted for R1: this owner may not approve any more.
    ");
    let said = thread.table(&story.stage.carol, &[&line]).await;
    assert_snapshot!(said, @r"
    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    not_an_owner: Not counted for R1: only an owner of this board can approve.
    ");
    let said = thread.table(&story.stage.codex, &[&line]).await;
    assert_snapshot!(said, @r"
    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    machine_account: Not counted for R1: a machine account can never approve.
    ");
    let token = thread.approved(&story.stage.piotr, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_that_was_never_delivered() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    story.stage.forge.drop_hooks(1);
    let before = thread.replies().len();
    thread.say(alice, &line).await;
    story.stage.reconcile(KAN).await.unwrap();
    assert_eq!(
        thread.news(before),
        "(silence)",
        "its delivery may still come"
    );
    story.pass(10).await;
    assert_snapshot!(thread.news(before), @"@alice: the forge did not deliver this comment and I found it by reading back; post the same line again.");
    assert_eq!(thread.last_code(), "not_delivered");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_whose_delivery_names_another_sender() {
    let story = Story::begin().await;
    let (alice, carol) = (&story.stage.alice, &story.stage.carol);
    let forge = &story.stage.forge;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    let before = thread.replies().len();
    forge.drop_hooks(1);
    thread.say(alice, &line).await;
    let lost = forge.deliveries().pop().unwrap();
    let mut body: serde_json::Value = serde_json::from_slice(&lost.body).unwrap();
    body["sender"]["id"] = carol.id.0.into();
    forge.forge_delivery(story.stage.kan_hook, "issue_comment", body.to_string());
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"Not counted for R1: the delivery came from somebody else than the comment's author.");
    assert_eq!(thread.last_code(), "sent_by_another");
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_that_was_edited() {
    let story = Story::begin().await;
    let (alice, carol) = (&story.stage.alice, &story.stage.carol);
    let forge = &story.stage.forge;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();

    // Edited before it is read again.
    let before = thread.replies().len();
    forge.hold_hooks();
    let comment = thread.say(alice, "no").await;
    carol.edit_comment(KAN_NAME, comment, &line).await.unwrap();
    forge.release_hooks();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"A comment was edited into what reads like a command, by somebody who did not write it; it does nothing.");

    // Edited away and back.
    let before = thread.replies().len();
    forge.hold_hooks();
    let comment = thread.say(alice, &line).await;
    story
        .stage
        .clock()
        .advance(jiff::SignedDuration::from_secs(2));
    carol.edit_comment(KAN_NAME, comment, "no").await.unwrap();
    carol.edit_comment(KAN_NAME, comment, &line).await.unwrap();
    forge.release_hooks();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @r"
    Not counted for R1: this comment was edited, or its number was once seen with another text; post the line as a new comment.
    ----
    A comment was edited into what reads like a command, by somebody who did not write it; it does nothing.
    ");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_before_the_gates_pause_is_over() {
    let pause = "quorum = 1\ncooling_off = \"10m\"";
    let story = Story::configured(&[("quorum = 1", pause)]).await;
    let alice = &story.stage.alice;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    assert!(
        thread.said("- an approval counts from 10 m after this comment"),
        "{:?}",
        thread.replies()
    );
    let line = thread.approve_line();
    story.pass(599).await;
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: this gate demands a pause after my summary; post the line again from 24 Nov 14:10 UTC on.");
    story.pass(1).await;
    thread.comment(alice, &line).await;
    assert!(story.alive(&thread.open(&key)).await);
}

/// f09: a window over midnight belongs to the day on which it begins, and the stage's clock begins on
/// a Tuesday at 14:00 UTC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_outside_the_gates_hours() {
    let hours = "quorum = 1\nopen_hours = \"Tue 22:00-06:00 Europe/Warsaw\"";
    let story = Story::configured(&[("quorum = 1", hours)]).await;
    let alice = &story.stage.alice;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    assert!(thread.said("- an approval counts Tue 22:00-06:00 Europe/Warsaw"));
    let line = thread.approve_line();
    // 05:59:59 in Warsaw is 04:59:59 UTC; a second later it is too late.
    story.pass(15 * 3_600).await;
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: this gate opens Tue 22:00-06:00 Europe/Warsaw; post the line again then.");
    assert_eq!(thread.count("credential"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_within_the_gates_hours() {
    let hours = "quorum = 1\nopen_hours = \"Tue 22:00-06:00 Europe/Warsaw\"";
    let story = Story::configured(&[("quorum = 1", hours)]).await;
    let alice = &story.stage.alice;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    // 23:00 in Warsaw.
    story.pass(8 * 3_600).await;
    thread.comment(alice, &line).await;
    assert!(story.alive(&thread.open(&key)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_that_took_too_long() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let forge = &story.stage.forge;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    let before = thread.replies().len();
    forge.hold_hooks();
    thread.say(alice, &line).await;
    story.pass(301).await;
    forge.release_hooks();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"Not counted for R1: the forge's time of this comment is more than five minutes from when I got it; post the line as a new comment.");
    assert_eq!(thread.last_code(), "not_in_time");
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_was_closed_meanwhile() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    story.stage.forge.drop_hooks(1);
    codex.close(&thread.name, thread.issue).await.unwrap();
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: the issue is closed.");
    assert_eq!(thread.last_code(), "thread_closed");
    // Opening it again revives nothing that was void; that delivery was lost, though.
    codex.reopen(&thread.name, thread.issue).await.unwrap();
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_with_an_endless_text() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    codex
        .edit_issue(&thread.name, thread.issue, &"x".repeat(65 * 1_024))
        .await
        .unwrap();
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: the issue's text is longer than 64 KiB; nothing widens in such a thread.");
    assert_eq!(thread.last_code(), "issue_too_large");
    codex
        .edit_issue(&thread.name, thread.issue, "short")
        .await
        .unwrap();
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_was_renamed() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let forge = &story.stage.forge;
    let key = Key::new();
    let first = story.thread(codex, "sort").await;
    let token = first.credential(&key).await;
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    forge.change(|state| state.move_repository(KAN, None, Some("planning")));
    let before = thread.replies().len();
    alice
        .comment("alice/planning", thread.issue, &line)
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"Not counted for R2: the repository is at `alice/planning` now and my config says `alice/board`; the operator has to set `repository`.");
    assert_eq!(thread.last_code(), "repository_renamed");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    assert!(story.alive(&token).await);
    // Narrowing goes on.
    alice
        .comment("alice/planning", first.issue, "/gate revoke codex-kan-1")
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_is_called_otherwise() {
    let story = Story::begin().await;
    let (alice, piotr) = (&story.stage.alice, &story.stage.piotr);
    let forge = &story.stage.forge;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    forge.change(|state| state.rename_user(piotr.id, "peter"));
    assert_snapshot!(thread.answer(piotr, &line).await, @r"
    **Widening is held on this board**: owner 4 is called `peter` now, and my config says piotr. Whoever runs me: if that is still the same person, set `login`.
    ----
    Not counted for R1: an owner is called `peter` now and my config says piotr; the operator has to set `login`.
    ");
    assert_eq!(thread.last_code(), "login_changed");
    // Until the config says the same, nothing widens on this board, whoever approves.
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: widening is held on this board: `owner 4 is called peter now, not piotr`.");
    assert_eq!(thread.last_code(), "held");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    forge.change(|state| state.rename_user(piotr.id, "piotr"));
    let token = thread.approved(piotr, &key).await;
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_asked_or_what_summed_it_up_was_changed() {
    let story = Story::begin().await;
    let (codex, alice, carol) = (&story.stage.codex, &story.stage.alice, &story.stage.carol);
    let forge = &story.stage.forge;
    let key = Key::new();
    // At once, by the delivery of the edit.
    let thread = story.thread(codex, "sort").await;
    let source = thread.ask(codex, &key).await;
    let line = thread.approve_line();
    let before = thread.replies().len();
    carol.edit_comment(KAN_NAME, source, "no").await.unwrap();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"**R1 is void**: the text that asked was edited or deleted. Ask anew.");
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: the request is not open: void.");

    // By reading again, where that delivery was lost.
    let thread = story.thread(codex, "sort").await;
    let source = thread.ask(codex, &key).await;
    let line = thread.approve_line();
    forge.drop_hooks(1);
    codex.delete_comment(KAN_NAME, source).await.unwrap();
    assert_snapshot!(thread.answer(alice, &line).await, @"**R2 is void**: the text that asked was edited or deleted. Ask anew.");

    // The bot's own words, shown smaller than they are.
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    let summary = forge
        .comments(story.stage.thread(thread.issue))
        .pop()
        .unwrap();
    forge.drop_hooks(1);
    carol
        .edit_comment(KAN_NAME, summary.id, &summary.body.replace("8 h", "8 m"))
        .await
        .unwrap();
    assert_snapshot!(thread.answer(alice, &line).await, @"**R3 is void**: my summary was edited or deleted by somebody else. Ask anew.");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_the_operator_has_set_holds_nothing() {
    let mut story = Story::begin().await;
    let key = Key::new();
    let (alice, piotr) = (story.stage.alice.clone(), story.stage.piotr.clone());
    let (issue, line) = {
        let thread = asked(&story, &key).await;
        let line = thread.approve_line();
        let forge = &story.stage.forge;
        forge.change(|state| state.rename_user(piotr.id, "peter"));
        thread.comment(&piotr, &line).await;
        assert_eq!(thread.last_code(), "login_changed");
        (thread.issue, line)
    };
    story
        .restart(&[("login = \"piotr\"", "login = \"peter\"")])
        .await;
    let thread = story.again(issue);
    thread.comment(&alice, &line).await;
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_changed_meanwhile() {
    let mut story = Story::begin().await;
    let key = Key::new();
    let alice = story.stage.alice.clone();
    let (issue, line) = {
        let thread = asked(&story, &key).await;
        (thread.issue, thread.approve_line())
    };
    let gate = "scopes = [\"board:read\", \"card:write\"]\nmax_ttl = \"24h\"";
    let less = "scopes = [\"board:read\"]\nmax_ttl = \"4h\"";
    story.restart(&[(gate, less)]).await;
    let said = story.again(issue).table(&alice, &[&line]).await;
    assert_snapshot!(said, @r"
    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    scopes_not_granted: Not counted for R1: this gate does not grant `card:write`. The ttl is over this gate's limit of 4h.
    ");
    let both = format!("[board.gate.dev]\n{less}");
    let other = format!("[board.gate.test]\n{less}");
    story
        .restart(&[(&both, &other), ("\"dev\", \"pair\"", "\"test\", \"pair\"")])
        .await;
    let said = story.again(issue).table(&alice, &[&line]).await;
    assert_snapshot!(said, @r"
    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    no_gate: Not counted for R1: this board has no gate `dev`.
    ");
    let thread = story.again(issue);
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

/// The digest names the forge: what was asked at another address is another request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forge_that_is_called_otherwise() {
    let mut story = Story::begin().await;
    let key = Key::new();
    let alice = story.stage.alice.clone();
    let (issue, line) = {
        let thread = asked(&story, &key).await;
        (thread.issue, thread.approve_line())
    };
    let url = format!(
        "url = \"http://localhost:{}\"",
        story.stage.forge.address().port()
    );
    story.restart(&[("url = \"{forge}\"", &url)]).await;
    let said = story.again(issue).answer(&alice, &line).await;
    assert_snapshot!(said, @"**R1 is void**: what it stands on has changed since it was asked. Ask anew.");
    let thread = story.again(issue);
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

/// The summary stands in the thread, but the forge's answer to its posting was lost: the approval
/// below it waits until the bot has found its own words, and counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_of_a_summary_that_is_in_doubt_waits() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let line = format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h recipient={}",
        key.recipient
    );
    let comments = "/repos/alice/board/issues/1/comments";
    story.stage.forge.fault(
        "POST",
        comments,
        Some(1),
        ownergate::miniforge::Fault::LoseAnswer,
    );
    let thread = story.thread_with(codex, "sort", &line).await;
    assert_eq!(thread.replies().len(), 1);
    let approve = thread.approve_line();
    thread.comment(alice, &approve).await;
    assert_eq!(thread.replies().len(), 1, "it waits");
    story.pass(30).await;
    assert_eq!(thread.replies().len(), 2, "nothing is posted twice");
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_edits_a_comment_into_an_approval() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let key = Key::new();
    let thread = asked(&story, &key).await;
    let line = thread.approve_line();
    let comment = thread.comment(alice, "One moment").await;
    let before = thread.replies().len();
    for more in ["", " ", "  "] {
        let text = format!("{line}{more}");
        alice.edit_comment(KAN_NAME, comment, &text).await.unwrap();
        story.stage.settle().await.unwrap();
    }
    assert_snapshot!(thread.news(before), @"An edited comment never becomes a command. Post the line as a new comment.");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}
