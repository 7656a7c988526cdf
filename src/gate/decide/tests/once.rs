//! Texts act once, by what they are about; replays and junk change nothing and cut nothing.

use super::super::*;
use super::*;
use crate::gate::event::{Look, Road};
use crate::gate::ids::CommentId;
use crate::gate::key::Table;

/// Every delivery so far, many times over and backwards: no line is written.
fn replayed(story: &mut Story) {
    let records = story.records.clone();
    let lines = story.lines.len();
    let deliveries = story.deliveries.clone();
    for _ in 0..3 {
        for delivery in deliveries.iter().rev().chain(&deliveries) {
            story.arrive_again(delivery.clone());
            story.settle();
        }
    }
    let changed: Vec<_> = story
        .records
        .iter()
        .filter(|(key, value)| records.get(*key) != Some(*value))
        .collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(records.len(), story.records.len());
    let new = &story.lines[lines..];
    assert!(
        new.iter().all(|line| line.decision.effects.is_empty()),
        "{new:?}"
    );
}

#[test]
fn a_whole_life_replayed_changes_nothing() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask(kan(13));
    story.say(kan(13), ALICE, "/gate deny R2");
    story.ask(kan(14));
    story.say(kan(14), CODEX, "/gate withdraw");
    story.say(kan(12), CODEX, "/gate inspect");
    story.say(kan(12), CODEX, "/gate frobnicate");
    story.say(kan(12), ALICE, "/gate revoke");
    replayed(&mut story);
}

#[test]
fn what_was_refused_edited_or_deleted_is_refused_once() {
    let mut story = Story::new();
    story.ask(kan(12));
    story.approve(kan(12), CAROL, 1);
    let id = story.say(kan(12), CAROL, "One moment");
    let line = story.approve_line(1);
    story.edit(id, &line);
    assert_eq!(story.last_code(kan(12)), "edited");
    let id = story.write(kan(12), ALICE, "/gate deny R1");
    let delivery = story.delivery(id);
    story.forge.edit(id, "/gate deny R1 or not", story.now);
    story.arrive(delivery);
    story.settle();
    assert_eq!(story.word(1), "open");
    let id = story.say(kan(12), ALICE, "/gate help");
    story.delete(id);
    let id = story
        .forge
        .write(kan(12), BOT, "**R1 approved**", story.now, false);
    story.arrive(story.trigger(kan(12), Look::Stray(CommentId(id))));
    story.settle();
    assert_eq!(story.word(1), "void");
    story.set_open(kan(12), false);
    replayed(&mut story);
    // A stray that was dealt with does not end what is asked later.
    story.set_open(kan(12), true);
    story.ask(kan(12));
    replayed(&mut story);
    assert_eq!(story.word(2), "open");
}

/// A second copy of a delivery that waits waits no second time.
#[test]
fn copies_are_merged_while_they_wait() {
    let mut story = Story::new();
    let id = story.write(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    let delivery = story.delivery(id);
    assert!(matches!(
        story.arrive(delivery.clone()),
        Taken::Waits { .. }
    ));
    let lines = story.lines.len();
    for _ in 0..50 {
        assert_eq!(story.arrive(delivery.clone()), Taken::Nothing);
    }
    assert_eq!(story.lines.len(), lines);
    // Another sender is another reason to decide, and the first one is not counted again.
    let mut by_carol = delivery.clone();
    by_carol.accepted.unverified_sender = Some(CAROL);
    assert!(matches!(story.arrive(by_carol), Taken::Waits { .. }));
    story.settle();
    assert_eq!(story.requests(), 1);
    assert_eq!(story.arrive(delivery), Taken::Nothing);
}

/// A thief of the hook secret cannot use up the numbers of coming comments: the kill switch still
/// works, and only approvals and requests are lost.
#[test]
fn junk_for_a_coming_comment_does_not_cut_the_kill_switch() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask(kan(12));
    let coming = story.forge.last_id + 1;
    for junk in [
        "/gate revoke another",
        "/gate help",
        "/gate approve R1",
        "hello",
    ] {
        for who in [ALICE, CODEX, CAROL] {
            story.arrive(story.forged(kan(12), coming, who, junk));
        }
    }
    story.settle();
    assert_eq!(story.live(1), Some(names(&["board:read", "card:write"])));
    let line = story.approve_line(2);
    let id = story.say(kan(12), ALICE, &line);
    assert_eq!(id, coming);
    assert_eq!(story.credentials(), 1);
    assert_eq!(story.last_code(kan(12)), "edited");

    let coming = story.forge.last_id + 1;
    for junk in ["/gate revoke another", "/gate deny", "hello"] {
        story.arrive(story.forged(kan(12), coming, ALICE, junk));
    }
    let id = story.write(kan(12), ALICE, "/gate revoke codex-kan-12");
    assert_eq!(id, coming);
    // Junk goes on while the real one waits.
    story.arrive(story.forged(kan(12), id, ALICE, "/gate revoke nothing"));
    story.arrive(story.delivery(id));
    story.arrive(story.forged(kan(12), id, ALICE, "/gate list"));
    story.settle();
    assert_eq!(story.live(1), None);
}

/// Another text of the same number, before, between or behind: the approval is worth nothing.
#[test]
fn a_number_that_was_seen_with_two_texts_does_not_count() {
    // Junk behind the real delivery, while that waits.
    let mut story = Story::new();
    story.ask(kan(12));
    let line = story.approve_line(1);
    let id = story.write(kan(12), ALICE, &line);
    story.arrive(story.delivery(id));
    story.arrive(story.forged(kan(12), id, CAROL, "hello"));
    story.settle();
    assert_eq!(
        (story.last_code(kan(12)).as_str(), story.credentials()),
        ("edited", 0)
    );

    // Edited to something else and back within its second; the edit's delivery comes first.
    let mut story = Story::new();
    story.ask(kan(12));
    let id = story.write(kan(12), ALICE, &line);
    let (created, delivery) = (story.forge.comments[&id].created, story.delivery(id));
    story.arrive(delivery);
    story.forge.edit(id, "no", created);
    story.arrive(story.edited(id));
    story.forge.edit(id, &line, created);
    story.settle();
    assert_eq!(
        (story.last_code(kan(12)).as_str(), story.credentials()),
        ("edited", 0)
    );
}

/// The exact words in advance, too: the author is read and not believed.
#[test]
fn a_forged_command_does_nothing() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask(kan(12));
    let line = story.approve_line(2);
    // Of a comment that is not there.
    story.arrive(story.forged(kan(12), 9_999, ALICE, &line));
    story.arrive(story.forged(kan(12), 9_998, ALICE, "/gate revoke"));
    // Of somebody else's comment.
    let id = story.write(kan(12), CAROL, &line);
    story.arrive(story.forged(kan(12), id, ALICE, &line));
    let id = story.write(kan(12), CAROL, "/gate revoke");
    story.arrive(story.forged(kan(12), id, ALICE, "/gate revoke"));
    // Of a comment of another thread, and of another board.
    let id = story.write(kan(13), ALICE, "/gate revoke");
    story.arrive(story.forged(kan(12), id, ALICE, "/gate revoke"));
    let id = story.write(ops(12), ALICE, "/gate revoke");
    story.arrive(story.forged(kan(12), id, ALICE, "/gate revoke"));
    story.settle();
    assert!(story.waiting().is_empty());
    assert_eq!(story.credentials(), 1);
    assert!(story.live(1).is_some());
}

/// Comments that are no command leave nothing but their first hash, and are not re-read.
#[test]
fn ordinary_comments_only_leave_their_hash() {
    let mut story = Story::new();
    for text in ["hello", "/gates", "see `/gate help`"] {
        let id = story.write(kan(12), ALICE, text);
        assert_eq!(story.arrive(story.delivery(id)), Taken::Nothing);
        assert!(story.waiting().is_empty());
        let seen = story.seen(id).unwrap();
        assert_eq!(seen.first, Hash::of(text.as_bytes()));
        assert!(!seen.many && !seen.used);
    }
    let id = story.write(kan(12), ALICE, "hello");
    story.forge.edit(id, "goodbye", story.now);
    story.arrive(story.edited(id));
    assert!(
        story.seen(id).unwrap().many,
        "never seen before it was edited"
    );
}

#[test]
fn an_edited_comment_never_becomes_a_command() {
    let mut story = Story::new();
    story.issue(kan(12));
    let id = story.say(kan(12), ALICE, "One moment");
    story.edit(id, "/gate revoke codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "edited");
    assert!(story.live(1).is_some());
    let said = story.replies(kan(12)).len();
    story.edit(id, "/gate revoke codex-kan-12 now");
    assert_eq!(story.replies(kan(12)).len(), said, "said once");
    // Strangers are not told, nor is anybody for an ordinary edit.
    let id = story.say(kan(12), STRANGER, "hello");
    story.edit(id, "/gate revoke");
    let id = story.say(kan(12), ALICE, "hello");
    story.edit(id, "hello again");
    assert_eq!(story.replies(kan(12)).len(), said);
    // In a thread without anything, a command that was edited in is said, too.
    let id = story.say(kan(13), CODEX, "hello");
    story.edit(id, &request_line("codex-*", "board:read", "dev"));
    assert_eq!(story.last_code(kan(13)), "edited");
    assert_eq!(story.requests(), 1);
}

/// Narrowing overtakes; so does a look at the issue.
#[test]
fn narrowing_overtakes_what_waits() {
    let mut story = Story::new();
    story.ask(kan(12));
    for (who, text, urgent) in [
        (ALICE, "/gate revoke x", true),
        (CODEX, "/gate withdraw", true),
        (ALICE, "/gate deny", true),
        (ALICE, "/gate help", false),
        (ALICE, "/gate approve", false),
    ] {
        let id = story.write(kan(12), who, text);
        match story.arrive(story.delivery(id)) {
            Taken::Waits { urgent: found, .. } => assert_eq!(found, urgent, "{text}"),
            other => panic!("{other:?}"),
        }
    }
    let source = story.forge.last_id - 6;
    for (look, urgent) in [
        (Look::Issue, true),
        (Look::Deleted(CommentId(source)), false),
    ] {
        match story.arrive(story.trigger(kan(12), look)) {
            Taken::Waits { urgent: found, .. } => assert_eq!(found, urgent),
            other => panic!("{other:?}"),
        }
    }
}

/// Below the reserve of the disk, what stops something is still journaled, and what asks is not.
#[test]
fn the_reserve_is_for_stopping() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask(kan(12));
    let uses = |story: &Story, arrival| {
        let given = Given {
            now: story.now,
            seq: Seq(1_000),
            policy: std::sync::Arc::new(story.policy.clone()),
            policy_hash: story.policy.hash(),
            nonce: "0".repeat(32),
            low_space: true,
            clock: None,
        };
        let event = Event::Arrived(Box::new(arrival));
        match decide_with(&event, &given, |key| story.records.get(key).cloned()) {
            Step::Decided(decision) => decision.under_reserve,
            other => panic!("{other:?}"),
        }
    };
    for (who, text, reserve) in [
        (CODEX, "/gate revoke", true),
        (CODEX, "/gate withdraw", true),
        (ALICE, "/gate revoke", true),
        (ALICE, "/gate approve", false),
        (CODEX, "/gate request", false),
        (CODEX, "/gate inspect", false),
        (STRANGER, "/gate revoke", false),
        (CODEX, "hello", false),
    ] {
        let id = story.write(kan(12), who, text);
        assert_eq!(uses(&story, story.delivery(id)), reserve, "{who} {text}");
    }
    assert!(uses(&story, story.trigger(kan(12), Look::Issue)));
    let mac = story.credential(1).mac;
    let mut leak = story.forged(kan(12), 1, STRANGER, "x");
    leak.leaks = vec![crate::gate::event::Leak::Token(vec![mac])];
    assert!(uses(&story, leak));
    let mut leak = story.forged(kan(12), 1, STRANGER, "x");
    leak.leaks = vec![crate::gate::event::Leak::AgeKey(RECIPIENT.to_owned())];
    assert!(uses(&story, leak));
}

/// The bot's own comments, read back, are nothing.
#[test]
fn its_own_comments_are_nothing() {
    let mut story = Story::new();
    let summary = story.say(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    ) + 1;
    assert!(story.seen(summary).unwrap().own);
    story.reconfigure(KAN, |board| {
        board.requesters = crate::gate::policy::Requesters::Anyone
    });
    let lines = story.lines.len();
    for mut arrival in [story.delivery(summary), story.caught_up(summary)] {
        arrival.accepted.road = Road::CatchUp;
        assert_eq!(story.arrive(arrival), Taken::Nothing);
    }
    story.arrive(story.trigger(kan(12), Look::Stray(CommentId(summary))));
    story.settle();
    assert_eq!(story.word(1), "open");
    assert!(
        story.lines[lines..]
            .iter()
            .all(|line| line.decision.entries.is_empty())
    );
    assert!(!story.records.keys().any(|key| key.table == Table::Inbox));
}
