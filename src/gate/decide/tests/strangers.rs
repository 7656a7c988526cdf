//! Whoever may not speak leaves so many hashes a day, and what is over that leaves nothing; everybody
//! else's are kept.

use super::*;
use crate::gate::allowance::Allowance;
use crate::gate::decide::Taken;
use crate::gate::event::Leak;
use crate::gate::ids::UserId;
use crate::gate::key::{Key, Table};

/// Somebody's day is full.
fn full(story: &mut Story, key: Key) {
    let day = story.now.as_second() / 86_400;
    let full = Allowance {
        day,
        bytes: u64::MAX,
    };
    story.records.insert(key, crate::gate::world::encode(&full));
}

/// A comment comes in; true if its hash is kept.
fn kept(story: &mut Story, author: UserId, text: &str) -> bool {
    let id = story.write(kan(12), author, text);
    story.arrive(story.delivery(id));
    story.seen(id).is_some()
}

#[test]
fn a_strangers_comments_leave_so_much_a_day_and_then_nothing() {
    let mut story = Story::new();
    let began = story.lines.len();
    let mut noted = 0;
    while kept(&mut story, STRANGER, "hello") {
        noted += 1;
        assert!(noted < 500, "it never ends");
    }
    assert!(noted > 50, "{noted}: people talk");
    let bytes: usize = story.lines[began..]
        .iter()
        .map(|line| {
            serde_json::to_string(&line.decision.changes).unwrap().len()
                + line.decision.cause.to_string().len()
        })
        .sum();
    assert!(bytes < 128 << 10, "{bytes}");
    // A command is counted as one by nobody, and leaves nothing either; nor does an edit.
    let lines = story.lines.len();
    let id = story.write(kan(12), STRANGER, "/gate revoke codex");
    assert_eq!(story.arrive(story.delivery(id)), Taken::Stranger);
    story.edit(id, "/gate pause codex");
    assert_eq!(story.lines.len(), lines);
    // What is known already costs nothing.
    let first = story
        .forge
        .comments
        .iter()
        .find(|(_, comment)| comment.author == STRANGER)
        .map(|(id, _)| *id)
        .unwrap();
    assert_eq!(story.arrive(story.delivery(first)), Taken::Nothing);
    assert_eq!(story.lines.len(), lines);
    // Another stranger has his own share, and tomorrow is another day.
    assert!(kept(&mut story, UserId(98), "hello"));
    story.pass(86_400);
    assert!(kept(&mut story, STRANGER, "hello"));
}

#[test]
fn all_strangers_of_a_board_share_its_day() {
    let mut story = Story::new();
    full(&mut story, Key::strangers(KAN));
    assert!(!kept(&mut story, STRANGER, "hello"));
    let id = story
        .forge
        .write(ops(3), STRANGER, "hello", story.now, false);
    story.arrive(story.delivery(id));
    let key = Key::seen(OPS, crate::gate::key::Subject::Comment(id));
    assert!(
        story.records.contains_key(&key),
        "another board's is its own"
    );
}

#[test]
fn owners_and_whoever_may_ask_are_no_strangers() {
    let mut story = Story::new();
    story.issue(kan(12));
    for user in [ALICE, PIOTR, CAROL, CODEX, STRANGER, BOT] {
        full(&mut story, Key::stranger(KAN, user));
    }
    full(&mut story, Key::strangers(KAN));
    for user in [ALICE, PIOTR, CAROL, CODEX] {
        assert!(kept(&mut story, user, "one moment"), "{user}");
    }
    assert!(kept(&mut story, BOT, "not posted by the outbox"));
    // Somebody edits an owner's comment: that is the owner's comment, and is worthless from then on.
    let id = story.say(kan(12), ALICE, "one moment");
    story.edit(id, "/gate approve R1");
    assert!(story.seen(id).unwrap().many);
    // And what somebody asked for once is stopped by him, whoever may ask today.
    story.reconfigure(KAN, |board| {
        board.machine_accounts.remove(&CODEX);
    });
    story.say(kan(12), CODEX, "/gate revoke codex-kan-12");
    assert_eq!(story.live(1), None);
}

#[test]
fn a_token_in_a_text_that_is_not_noted_is_revoked_all_the_same() {
    let mut story = Story::new();
    story.issue(kan(12));
    full(&mut story, Key::stranger(KAN, STRANGER));
    let mac = story.credential(1).mac;
    story.leak(kan(12), vec![Leak::Token(vec![mac])]);
    assert_eq!(story.live(1), None);
}

/// What was not noted says nothing later: the time of the comment binds whoever may speak then.
#[test]
fn what_was_dropped_counts_for_nothing_later() {
    let mut story = Story::new();
    story.ask(kan(12));
    full(&mut story, Key::stranger(KAN, STRANGER));
    let line = story.approve_line(1);
    let id = story.write(kan(12), STRANGER, &line);
    assert_eq!(story.arrive(story.delivery(id)), Taken::Stranger);
    assert!(story.seen(id).is_none());
    story.pass(301);
    story.reconfigure(KAN, |board| {
        let owner = crate::gate::policy::Owner {
            login: "mallory".to_owned(),
            ..board.owners[&ALICE].clone()
        };
        board.owners.insert(STRANGER, owner);
    });
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!((story.credentials(), story.word(1)), (0, "open"));
    assert_eq!(story.last_code(kan(12)), "not_in_time");
    let allowances = story
        .records
        .keys()
        .filter(|key| key.table == Table::Stranger)
        .count();
    assert_eq!(allowances, 1);
}
