//! What comes of time going by: reminders, ends, warnings, the leash; and a summary's first line.

use super::*;
use crate::gate::identity::IdentityStatus;
use crate::gate::key::{Key, Table};
use crate::gate::policy::Board;

const DAY: i64 = 86_400;

fn due(story: &Story) -> usize {
    story
        .records
        .keys()
        .filter(|key| key.table == Table::Due)
        .count()
}

/// The first line of a request's summary.
fn first_line(story: &Story, number: u64) -> String {
    let comment = story.request(number).summary.unwrap().comment.0;
    let text = &story.forge.comments[&comment].text;
    text.lines().next().unwrap().to_owned()
}

#[test]
fn owners_are_reminded_once_at_a_third_of_the_time() {
    let mut story = Story::new();
    story.ask(kan(12));
    story.pass(DAY - 2);
    story.timers();
    assert_eq!(story.replies(kan(12)).len(), 1);
    story.pass(2);
    story.timers();
    let said = story.last_reply(kan(12));
    assert!(said.starts_with("**R1 still waits** until"), "{said}");
    assert!(said.contains("@alice @piotr"));
    story.pass(DAY);
    story.timers();
    assert_eq!(story.replies(kan(12)).len(), 2);
}

#[test]
fn nobody_is_reminded_of_what_is_decided_or_in_quiet_hours() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.pass(DAY);
    story.timers();
    assert_eq!(story.replies(kan(12)).len(), 2);
    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        board.quiet_hours = Some("00:00-23:00 UTC".to_owned());
    });
    story.ask(kan(12));
    story.pass(DAY);
    for _ in 0..100 {
        story.pass(900);
        story.timers();
        if story.replies(kan(12)).len() > 1 {
            break;
        }
    }
    let hour = story.now.strftime("%H").to_string();
    assert_eq!(hour, "23", "it waited for the end of the quiet hours");
}

#[test]
fn a_summary_says_how_its_request_stands() {
    type Change = fn(&mut Story);
    let rows: [(&str, Change); 5] = [
        ("approved by alice", |story| {
            story.approve(kan(12), ALICE, 1);
        }),
        ("denied by piotr", |story| {
            story.say(kan(12), PIOTR, "/gate deny R1");
        }),
        ("withdrawn", |story| {
            story.say(kan(12), CODEX, "/gate withdraw");
        }),
        ("void", |story| story.set_open(kan(12), false)),
        ("ended", |story| {
            story.pass(3 * DAY);
            story.timers();
        }),
    ];
    for (word, change) in rows {
        let mut story = Story::new();
        story.ask(kan(12));
        let before = first_line(&story, 1);
        change(&mut story);
        let after = first_line(&story, 1);
        assert_eq!(after, format!("{before} · **{word}**"));
        assert!(story.request(1).summary.unwrap().editing.is_none());
    }
}

/// The bot's own edit is no tampering, also while nobody has recorded it.
#[test]
fn a_quorum_goes_on_over_the_bots_own_edit() {
    for recorded in [true, false] {
        let mut story = Story::new();
        let line = request_line("codex-*", "board:read,deploy:run", "staging");
        story.say(kan(12), CODEX, &line);
        story.approve(kan(12), ALICE, 1);
        assert!(first_line(&story, 1).ends_with("**open, 1 of 2: alice**"));
        if !recorded {
            // As if the edit had been made and the bot had been killed before it knew.
            let mut request = story.request(1);
            let summary = request.summary.as_mut().unwrap();
            let comment = summary.comment.0;
            let old = crate::gate::ids::Hash::of(b"as it was posted");
            summary.editing = story.forge.comments[&comment].marker;
            summary.body = old.clone();
            let key = Key::seen(KAN, crate::gate::key::Subject::Comment(comment));
            let mut seen = story.seen(comment).unwrap();
            seen.first = old;
            let value = crate::gate::world::encode(&request);
            story.records.insert(Key::request(request.number), value);
            story.records.insert(key, crate::gate::world::encode(&seen));
        }
        story.approve(kan(12), PIOTR, 1);
        assert_eq!(story.word(1), "approved");
        assert!(first_line(&story, 1).ends_with("**approved by alice and piotr**"));
    }
}

/// What somebody else writes into the summary is tampering as before.
#[test]
fn an_edit_of_the_summary_by_somebody_else_voids() {
    let mut story = Story::new();
    let line = request_line("codex-*", "board:read,deploy:run", "staging");
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 1);
    let comment = story.request(1).summary.unwrap().comment.0;
    story.edit(comment, "**R1** may board:read only");
    assert_eq!(story.word(1), "void");
    assert!(
        first_line(&story, 1).ends_with("**void**"),
        "and it tells the truth again"
    );
}

#[test]
fn what_stays_closed_is_revoked_after_a_day_without_a_comment() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.set_open(kan(12), false);
    let replies = story.replies(kan(12)).len();
    story.pass(DAY - 1);
    story.timers();
    let status = |story: &Story| story.identity("codex-kan-12").unwrap().status;
    assert!(matches!(status(&story), IdentityStatus::Paused(_)));
    story.pass(1);
    story.timers();
    assert!(matches!(status(&story), IdentityStatus::Revoked(_)));
    assert_eq!(story.replies(kan(12)).len(), replies);
}

#[test]
fn what_was_opened_again_or_resumed_is_not_revoked() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.set_open(kan(12), false);
    story.set_open(kan(12), true);
    story.pass(DAY);
    story.timers();
    let status = |story: &Story| story.identity("codex-kan-12").unwrap().status;
    assert!(
        matches!(status(&story), IdentityStatus::Paused(_)),
        "reopening does not resume"
    );
    story.say(kan(12), ALICE, "/gate resume codex-kan-12");
    story.approve(kan(12), ALICE, 2);
    assert_eq!(status(&story), IdentityStatus::Active);
    // Closed again, it has its own day.
    story.set_open(kan(12), false);
    story.pass(DAY - 1);
    story.timers();
    assert!(matches!(status(&story), IdentityStatus::Paused(_)));
}

/// What stood still before its issue was closed is revoked with the rest, and the passes until then
/// leave nothing behind.
#[test]
fn what_was_paused_before_its_issue_was_closed_is_revoked_too() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    story.pass(DAY);
    story.set_open(kan(12), false);
    let status = |story: &Story| story.identity("codex-kan-12").unwrap().status;
    // The same again, as a replay or a second click: the day runs from the first sight.
    story.pass(DAY - 2);
    story.set_open(kan(12), false);
    // Nor does a replay of a reopening put it off: the issue is closed.
    story.arrive(story.trigger(kan(12), crate::gate::event::Look::Reopened));
    story.settle();
    story.timers();
    assert!(matches!(status(&story), IdentityStatus::Paused(_)));
    story.pass(1);
    story.timers();
    let IdentityStatus::Revoked(ending) = status(&story) else {
        panic!("its issue stayed closed");
    };
    assert_eq!(ending.why, "its issue stayed closed");
}

#[test]
fn an_issue_that_was_open_in_between_has_another_day() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    story.set_open(kan(12), false);
    story.pass(DAY / 2);
    story.set_open(kan(12), true);
    story.set_open(kan(12), false);
    story.pass(DAY / 2);
    story.timers();
    let status = |story: &Story| story.identity("codex-kan-12").unwrap().status;
    assert!(matches!(status(&story), IdentityStatus::Paused(_)));
    story.pass(DAY / 2);
    story.timers();
    assert!(matches!(status(&story), IdentityStatus::Revoked(_)));
}

fn long(board: &mut Board) {
    board.gates.get_mut("dev").unwrap().max_ttl = 30 * 86_400;
}

#[test]
fn the_end_of_a_long_credential_is_announced_and_said_once() {
    let mut story = Story::new();
    story.reconfigure(KAN, long);
    let line = request_line("codex-*", "board:read", "dev").replace("ttl=8h", "ttl=30d");
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 1);
    let mac = story.credential(1).mac;
    story.show(&mac);
    story.pass(27 * DAY - 2);
    story.timers();
    let before = story.replies(kan(12)).len();
    story.pass(2);
    story.timers();
    let said = story.last_reply(kan(12));
    assert!(
        said.starts_with("@codex: **`codex-kan-12` c1 ends"),
        "{said}"
    );
    assert!(said.contains("`/gate rotate codex-kan-12 c1`"));
    story.pass(3 * DAY);
    story.timers();
    assert!(
        story
            .last_reply(kan(12))
            .starts_with("**`codex-kan-12` c1 has ended.**")
    );
    assert_eq!(story.replies(kan(12)).len(), before + 2);
    assert_eq!(due(&story), 0);
}

#[test]
fn nothing_is_said_of_what_got_a_successor_was_revoked_or_lived_for_a_day() {
    let mut story = Story::new();
    story.reconfigure(KAN, long);
    let line = request_line("codex-*", "board:read", "dev").replace("ttl=8h", "ttl=30d");
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 1);
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    story.approve(kan(12), ALICE, 2);
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c2");
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c1");
    story.issue(kan(13));
    let before = (story.replies(kan(12)).len(), story.replies(kan(13)).len());
    story.pass(31 * DAY);
    story.timers();
    let after = (story.replies(kan(12)).len(), story.replies(kan(13)).len());
    assert_eq!(before, after);
}

/// Clocks have parts of seconds: nothing is looked at before its time and then forgotten.
#[test]
fn an_end_within_a_second_is_not_missed() {
    let mut story = Story::new();
    story.now += jiff::SignedDuration::from_millis(700);
    story.ask(kan(12));
    let ends_at = story.request(1).ends_at;
    story.now = ends_at - jiff::SignedDuration::from_millis(300);
    story.timers();
    story.now = ends_at + jiff::SignedDuration::from_millis(400);
    story.timers();
    assert!(first_line(&story, 1).ends_with("**ended**"));
}
