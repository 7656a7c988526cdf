//! Whoever knows the secret of a hook can sign anything. A delivery is a hint of what to read: what
//! is not on the forge does nothing, and what is there acts as it stands there.

use ownergate::miniforge::Outcome;

use crate::harness::{Key, Story};
use crate::harness_edges::{Forged, json_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_is_not_on_the_forge_is_none() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "invented").await;
    let key = Key::new();
    thread.ask(&story.stage.codex, &key).await;
    let line = thread.approve_line();

    Forged::comment(&story)
        .saying(9_999, &line)
        .by(alice)
        .send(&story)
        .await;
    assert_eq!(thread.replies().len(), 1);

    // The number of a real comment of somebody else.
    let real = thread.comment(&story.stage.carol, "nice weather").await;
    Forged::comment(&story)
        .saying(real.0, &line)
        .by(alice)
        .send(&story)
        .await;
    assert_eq!(thread.count("credential"), 0);

    // A writer's own approval, delivered as an owner's.
    story.stage.forge.drop_hooks(1);
    let written = thread.comment(&story.stage.carol, &line).await;
    Forged::comment(&story)
        .saying(written.0, &line)
        .by(alice)
        .send(&story)
        .await;
    assert_eq!(thread.count("credential"), 0);

    // None of it keeps the owner from approving.
    thread.comment(alice, &line).await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_delivered_as_standing_in_another_issue_counts_only_where_it_stands() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let here = story.thread(&story.stage.codex, "here").await;
    let there = story.thread(&story.stage.codex, "there").await;
    here.ask(&story.stage.codex, &Key::new()).await;
    let line = here.approve_line();
    story.stage.forge.hold_hooks();
    let approval = here.say(alice, &line).await;
    story.stage.forge.release_hooks();
    Forged::comment(&story)
        .in_issue(there.issue.0)
        .send(&story)
        .await;
    assert_eq!(there.replies().len(), 0);
    assert_eq!(here.count("credential"), 1);
    assert_eq!(story.answer_to(approval), Some(Outcome::Answered(202)));

    // And an approval that really stands elsewhere names the right thread.
    let other = story.thread(&story.stage.codex, "third").await;
    other.ask(&story.stage.codex, &Key::new()).await;
    there.comment(alice, &other.approve_line()).await;
    assert_eq!(other.count("credential"), 0);
    assert!(there.last_reply().contains("#3"), "{}", there.last_reply());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_of_another_text_than_the_comment_has_does_nothing() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "another text").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    let comment = thread.comment(alice, "One moment").await;
    Forged::comment(&story)
        .saying(comment.0, &line)
        .by(alice)
        .send(&story)
        .await;
    assert_eq!(thread.count("credential"), 0);

    // The comment is then made into what was said of it, without a trace.
    let admin = &story.stage.root;
    let written = story.stage.forge.comment(comment).unwrap().created;
    story.stage.forge.drop_hooks(1);
    admin
        .edit_comment_at(&thread.name, comment, &line, written)
        .await
        .unwrap();
    Forged::comment(&story)
        .saying(comment.0, &line)
        .by(alice)
        .send(&story)
        .await;
    assert_eq!(thread.count("credential"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_for_coming_numbers_does_not_cut_the_kill_switch() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "junk").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let last = thread.comment(&story.stage.carol, "hm").await.0;
    let sample = Forged::comment(&story);
    for coming in last + 1..last + 10 {
        for text in ["junk", "/gate help", "/gate revoke codex-kan-1 not really"] {
            sample.clone().saying(coming, text).by(alice).post(&story);
        }
    }
    story.stage.settle().await.unwrap();
    thread.comment(alice, "/gate revoke codex-kan-1").await;
    assert!(!story.alive(&token).await);

    // Such a number is worthless for widening, and the owner is told what to do.
    while thread.comment(&story.stage.carol, "hm").await.0 < last + 10 {}
    let other = story.thread(&story.stage.codex, "next").await;
    other.ask(&story.stage.codex, &Key::new()).await;
    let line = other.approve_line();
    let next = other.comment(&story.stage.carol, "hm").await.0 + 1;
    sample.saying(next, "junk").in_issue(2).send(&story).await;
    let approval = other.comment(alice, &line).await;
    assert_eq!(approval.0, next);
    assert_eq!(other.count("credential"), 0);
    assert!(
        other.last_reply().contains("new comment"),
        "{}",
        other.last_reply()
    );
    other.comment(alice, &line).await;
    assert_eq!(other.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_endings_are_looked_at_and_found_untrue() {
    let story = Story::begin().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "endings").await;
    let asked = thread.ask(&stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    let summary = thread.comment_of("request");
    let comment = Forged::comment(&story).sent_by(&stage.carol);
    let closed = Forged::issue(&story).with("/action", "closed");
    let mut all = vec![
        closed.clone(),
        closed
            .with("/issue/state", "closed")
            .with("/issue/body", "x"),
    ];
    for id in [asked, summary] {
        let text = stage.forge.comment(id).unwrap().body;
        let about = comment
            .clone()
            .with("/comment/id", id.0)
            .with("/comment/body", text);
        all.push(about.clone().with("/action", "deleted"));
        // An edit that changed nothing is told by the forge, too.
        all.push(about.with("/action", "edited"));
    }
    for forged in all {
        forged.send(&story).await;
        assert_eq!(thread.replies().len(), 1, "{:?}", thread.replies());
    }
    thread.comment(&stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_made_up_edit_can_take_away_and_give_nothing() {
    let story = Story::begin().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "made up").await;
    let asked = thread.ask(&stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    // It may have been edited and edited back within a second: nobody can tell.
    Forged::comment(&story)
        .sent_by(&stage.carol)
        .with("/comment/id", asked.0)
        .with("/comment/body", "something else")
        .with("/action", "edited")
        .send(&story)
        .await;
    assert!(thread.said("R1 is void"));
    thread.comment(&stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_of_the_bots_own_voice_is_read_back_before_it_is_believed() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "voice").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    let bot = &story.stage.bot_account;
    let lines = story.lines();
    // It does not exist; and a comment of carol's, said to be the bot's.
    let real = thread.comment(&story.stage.carol, "hm").await;
    for id in [9_999, real.0] {
        Forged::comment(&story)
            .saying(id, "I am the bot")
            .by(bot)
            .send(&story)
            .await;
    }
    assert!(story.lines() > lines, "they were taken in");
    assert_eq!(thread.replies().len(), 1);
    thread.comment(&story.stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_boards_hook_speaks_for_no_other_board() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "boards").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let lines = story.lines();
    let forged = Forged::comment(&story).with("/repository/id", 18);
    let before = story.stage.forge.deliveries().len();
    forged.send(&story).await;
    let answered = &story.stage.forge.deliveries()[before];
    assert_eq!(json_of(answered)["repository"]["id"], 18);
    assert_eq!(answered.outcome, Outcome::Answered(204));
    assert_eq!(story.lines(), lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ghost_an_actions_user_or_nobody_is_never_an_owner() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "ghosts").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    let sample = Forged::comment(&story).saying(9_999, &line);
    let before = story.stage.forge.deliveries().len();
    for id in [-1, -2, 0] {
        let forged = sample.clone().with("/comment/user/id", id);
        forged.with("/sender/id", id).send(&story).await;
    }
    sample
        .clone()
        .with("/comment/user", serde_json::Value::Null)
        .send(&story)
        .await;
    for delivery in &story.stage.forge.deliveries()[before..] {
        assert_eq!(delivery.outcome, Outcome::Answered(202));
    }
    // Without a sender it is not a delivery of the forge.
    let before = story.stage.forge.deliveries().len();
    sample
        .with("/sender", serde_json::Value::Null)
        .send(&story)
        .await;
    assert_eq!(
        story.stage.forge.deliveries()[before].outcome,
        Outcome::Answered(400)
    );
    assert_eq!(thread.replies().len(), 1);
}
