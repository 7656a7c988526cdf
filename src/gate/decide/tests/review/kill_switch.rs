//! Nothing that others write, ask for or forge keeps an owner's word from stopping what lives.

use super::*;
use crate::gate::event::{Look, Road};

/// The forger knows the comment's number, author and text, and names another issue: his delivery
/// comes to nothing, and the real one is not part of it.
#[test]
fn a_delivery_for_another_issue_is_another_delivery() {
    for road in [Road::Hook, Road::CatchUp] {
        let mut story = Story::new();
        story.issue(kan(12));
        let id = story.write(kan(12), ALICE, "/gate revoke");
        story.arrive(story.forged(kan(13), id, ALICE, "/gate revoke"));
        let real = match road {
            Road::Hook => story.delivery(id),
            Road::CatchUp => story.caught_up(id),
        };
        story.arrive(real);
        story.settle();
        assert_eq!(story.live(1), None, "{road:?}");
    }
}

/// A forged delivery in a requester's name waits in line; the owner's own overtakes all the same.
#[test]
fn a_forged_delivery_does_not_slow_the_real_one() {
    let mut story = Story::new();
    story.issue(kan(12));
    let id = story.write(kan(12), ALICE, "/gate revoke");
    let forged = story.arrive(story.forged(kan(12), id, CAROL, "/gate revoke"));
    assert!(matches!(forged, Taken::Waits { urgent: false, .. }));
    let caught_up = story.arrive(story.caught_up(id));
    assert!(matches!(caught_up, Taken::Waits { urgent: true, .. }));
    let real = story.arrive(story.delivery(id));
    assert!(matches!(real, Taken::Waits { urgent: true, .. }));
    // Reading back the same thing every few seconds adds nothing.
    assert_eq!(story.arrive(story.caught_up(id)), Taken::Nothing);
    story.settle();
    assert_eq!(story.live(1), None);
}

/// Only who may give a narrowing overtakes with it.
#[test]
fn whoever_may_not_stop_anything_does_not_overtake() {
    let mut story = Story::new();
    story.issue(kan(12));
    for (thread, who, text, urgent) in [
        (kan(12), ALICE, "/gate revoke", true),
        (kan(13), ALICE, "/gate deny R1", true),
        (kan(12), CODEX, "/gate revoke", true),
        (kan(12), CODEX, "/gate withdraw", true),
        (kan(12), ALICE, "/gate pause", true),
        (kan(12), CODEX, "/gate pause", true),
        (kan(12), CODEX, "/gate release", true),
        (kan(12), ALICE, "/gate release", false),
        (kan(13), CODEX, "/gate pause codex-kan-12", false),
        (kan(13), CODEX, "/gate release codex-kan-12", false),
        (kan(12), CAROL, "/gate pause", false),
        (kan(12), CAROL, "/gate release", false),
        (kan(12), CODEX, "/gate deny", false),
        (kan(13), CODEX, "/gate revoke codex-kan-12", false),
        (kan(12), CAROL, "/gate revoke", false),
        (kan(12), ALICE, "/gate help", false),
    ] {
        let id = story.write(thread, who, text);
        match story.arrive(story.delivery(id)) {
            Taken::Waits { urgent: found, .. } => assert_eq!(found, urgent, "{who} {text}"),
            other => panic!("{other:?}"),
        }
        let line = story.lines.last().unwrap();
        assert_eq!(line.decision.under_reserve, urgent, "{who} {text}");
    }
}

/// Whoever asks chooses the names of requests, and cannot make a word of the reason a name.
#[test]
fn the_name_of_a_request_does_not_divert_a_revoke() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask_for(kan(13), CODEX, "leaked", "board:read", "dev");
    story.say(kan(12), ALICE, "/gate revoke leaked token, at once");
    assert_eq!(story.word(2), "void");
    assert_eq!(story.live(1), None);
    assert_eq!(word(&story, "codex-kan-12"), "revoked");

    // A request that has ended is nothing that could be meant.
    let mut story = Story::new();
    story.ask_for(kan(13), CODEX, "leaked", "board:read", "dev");
    story.pass(73 * 3_600);
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate revoke leaked token, at once");
    assert_eq!(word(&story, "codex-kan-12"), "revoked");
    assert!(!story.last_reply(kan(12)).contains("void"));

    // Where two live, nobody knows which is meant: only what was named falls.
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask_for(kan(12), CODEX, "second", "board:read", "dev");
    story.approve(kan(12), ALICE, 2);
    story.ask_for(kan(13), CODEX, "leaked", "board:read", "dev");
    story.say(kan(12), ALICE, "/gate revoke leaked");
    assert_eq!(story.word(3), "void");
    assert!(story.live(1).is_some() && story.live(2).is_some());
}

#[test]
fn a_name_that_reads_like_a_number_is_refused() {
    let mut story = Story::new();
    for name in ["c2", "r17", "c007"] {
        story.say(kan(12), CODEX, &request_line(name, "board:read", "dev"));
        assert_eq!(story.last_code(kan(12)), "bad_request", "{name}");
        assert!(story.last_reply(kan(12)).contains("reads like the number"));
    }
    for name in ["c2x", "r", "code-2"] {
        story.ask_for(kan(13), CODEX, name, "board:read", "dev");
        story.say(kan(13), CODEX, "/gate withdraw");
    }
}

/// Everybody who may write to issues can edit an owner's comment, and reading back finds it: that
/// stops what lives and ends nothing.
#[test]
fn an_edited_comment_pauses_and_ends_nothing() {
    let mut story = Story::new();
    story.issue(kan(12));
    let id = story.say(kan(12), ALICE, "One moment");
    story.forge.edit(id, "/gate revoke codex-kan-12", story.now);
    story.arrive(story.caught_up(id));
    story.settle();
    assert_eq!(word(&story, "codex-kan-12"), "paused");
    assert_eq!(story.live(1), None);
    let said = story.last_reply(kan(12));
    assert!(
        said.contains("is paused") && said.contains("as a new comment"),
        "{said}"
    );
    // A new comment ends it.
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    assert_eq!(word(&story, "codex-kan-12"), "revoked");

    // The edit shows in the times alone: nothing of it was ever seen before.
    let mut story = Story::new();
    story.issue(kan(12));
    let id = story.write(kan(12), ALICE, "One moment");
    story.pass(60);
    story.forge.edit(id, "/gate revoke codex-kan-12", story.now);
    story.arrive(story.caught_up(id));
    story.settle();
    assert_eq!(word(&story, "codex-kan-12"), "paused");
}

#[test]
fn an_edited_comment_denies_and_withdraws_nothing() {
    for (who, text) in [(ALICE, "/gate deny R1"), (CODEX, "/gate withdraw")] {
        let mut story = Story::new();
        story.ask(kan(12));
        let id = story.say(kan(12), who, "One moment");
        story.forge.edit(id, text, story.now);
        story.arrive(story.caught_up(id));
        story.settle();
        assert_eq!(story.word(1), "open", "{text}");
        assert_eq!(story.last_code(kan(12)), "edited");
        story.say(kan(12), who, text);
        assert_ne!(story.word(1), "open", "{text}");
    }
    // Junk about a coming number is no edit: a denial that was delivered acts.
    let mut story = Story::new();
    story.ask(kan(12));
    let coming = story.forge.last_id + 1;
    story.arrive(story.forged(kan(12), coming, ALICE, "junk"));
    assert_eq!(story.say(kan(12), ALICE, "/gate deny R1"), coming);
    assert_eq!(story.word(1), "denied");
}

/// The next board's identities and requests are none of this one's business when a text leaks.
#[test]
fn a_burnt_key_is_told_where_it_matters_and_nowhere_else() {
    use crate::gate::event::Leak;
    let leak = || vec![Leak::AgeKey(RECIPIENT.to_owned())];
    let mut story = Story::new();
    story.ask(kan(12));
    story.ask(ops(12));
    story.leak(kan(13), leak());
    assert_eq!((story.word(1), story.word(2)), ("void", "void"));
    assert!(story.last_reply(kan(12)).starts_with("**R1 is void**"));
    assert!(story.last_reply(ops(12)).starts_with("**R2 is void**"));
    assert!(
        story
            .last_reply(kan(13))
            .starts_with("A secret age key stood")
    );

    let mut story = Story::new();
    story.ask(ops(12));
    story.leak(kan(13), leak());
    assert_eq!(story.word(1), "void");
    assert!(story.replies(kan(13)).is_empty());
}

/// An event that the program itself failed on is not decided again, whatever brings it; another text
/// of the same comment is.
#[test]
fn what_was_quarantined_is_not_tried_again() {
    let mut story = Story::new();
    let id = story.write(kan(12), ALICE, "/gate help");
    story.arrive(story.delivery(id));
    let event = Event::Abandoned {
        line: story.waiting()[0],
        why: "it panicked".to_owned(),
        quarantined: true,
    };
    story.answer(&event);
    assert_eq!(story.arrive(story.delivery(id)), Taken::Nothing);
    assert_eq!(story.arrive(story.caught_up(id)), Taken::Nothing);
    let other = story.arrive(story.forged(kan(12), id, ALICE, "/gate list"));
    assert!(matches!(other, Taken::Waits { .. }));
}

/// An event that cannot change anything leaves nothing behind.
#[test]
fn looks_at_what_nothing_rests_on_are_not_kept() {
    let mut story = Story::new();
    story.write(kan(13), CODEX, "hello");
    for look in [
        Look::Issue,
        Look::IssueEdited,
        Look::Deleted(CommentId(101)),
    ] {
        let lines = story.lines.len();
        assert_eq!(story.arrive(story.trigger(kan(13), look)), Taken::Nothing);
        assert_eq!(story.lines.len(), lines);
    }
    // What is paused already is not paused again.
    story.issue(kan(12));
    story.set_open(kan(12), false);
    let taken = story.arrive(story.trigger(kan(12), Look::Issue));
    assert_eq!(taken, Taken::Nothing);
    // A request that is not decided yet needs no look: its decision reads the issue again.
    let id = story.write(
        kan(13),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    story.arrive(story.delivery(id));
    story.forge.issues.get_mut(&kan(13)).unwrap().open = false;
    assert_eq!(
        story.arrive(story.trigger(kan(13), Look::Issue)),
        Taken::Nothing
    );
    story.settle();
    assert_eq!(story.last_code(kan(13)), "thread_closed");
}
