//! The bot's own comments know lines that the journal does not have: lines are missing, and nothing
//! widens until an operator has accepted that.

use crate::gate::decide::Answer;
use crate::gate::event::{Ahead, Event};
use crate::gate::ids::CommentId;
use crate::gate::key::Key;
use crate::gate::thread::Installation;
use crate::gate::time::after;

use super::*;

/// A comment of the bot in `kan` 12, for this line.
fn ahead(story: &Story, line: u64) -> Event {
    Event::AheadOfJournal(Ahead {
        thread: kan(12),
        comment: CommentId(900),
        line,
        journal: story.seq(),
        written: story.now,
    })
}

#[test]
fn a_line_that_the_journal_has_is_nothing() {
    let mut story = Story::new();
    story.ask(kan(12));
    let lines = story.lines.len();
    story.answer(&ahead(&story, story.seq()));
    assert_eq!(story.lines.len(), lines);
    // The next one is the first that it does not have.
    story.answer(&ahead(&story, story.seq() + 1));
    assert_eq!(story.lines.len(), lines + 1);
    assert!(story.entries().contains(&"history_lost"));
}

#[test]
fn it_is_told_once_and_holds_what_is_asked_and_what_is_approved_and_nothing_else() {
    let mut story = Story::new();
    story.issue(kan(11));
    let number = story.ask(kan(12));
    story.low_space = true;
    story.answer(&ahead(&story, 1_000));
    story.low_space = false;
    story.settle();
    let told = story.last_reply(kan(12));
    assert!(told.contains("Nothing widens any more"), "{told}");
    assert!(told.contains("line 1000") && told.contains("--accept-journal-loss"));
    let lines = story.lines.len();
    story.answer(&ahead(&story, 2_000));
    assert_eq!(story.lines.len(), lines);

    story.approve(kan(12), ALICE, number);
    assert_eq!(story.last_code(kan(12)), "history_lost");
    story.say(
        kan(13),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    assert_eq!(story.last_code(kan(13)), "history_lost");
    assert!(story.live(1).is_some());
    story.say(kan(11), ALICE, "/gate revoke codex-kan-11");
    assert_eq!(story.live(1), None);
}

#[test]
fn an_accepted_loss_ends_it_for_everything_that_was_written_before() {
    let mut story = Story::new();
    story.answer(&ahead(&story, 1_000));
    let missing = |story: &Story| {
        let installation: Installation = story.record(&Key::installation()).unwrap();
        installation.missing.map(|missing| missing.line)
    };
    assert_eq!(missing(&story), Some(1_000));
    let before = ahead(&story, 3_000);
    story.pass(10);
    let mut answer = story.answer(&Event::Loss {
        journal: 3,
        records: 3,
    });
    while answer == Answer::More {
        answer = story.answer(&Event::LossGoesOn);
    }
    assert_eq!(missing(&story), None);
    story.answer(&before);
    assert_eq!(missing(&story), None, "it may rest on what was accepted");
    story.issue(kan(14));
    // Another loss, of what was said since.
    story.now = after(story.now, 1);
    story.answer(&ahead(&story, 3_000));
    assert_eq!(missing(&story), Some(3_000));
}
