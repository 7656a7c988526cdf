//! Two boards: a command sees its own board only. And strangers and floods: who gets no answer.

use super::super::*;
use super::*;
use crate::gate::effect::Effect;
use crate::gate::thread::ANSWERS_PER_HOUR;

/// Every verb, from the other board, answers as for the unknown and changes nothing.
#[test]
fn the_other_board_is_unknown() {
    for (here, there, owner) in [(kan(12), ops(12), PIOTR), (ops(12), kan(12), CAROL)] {
        let mut story = Story::new();
        let slug = "codex-x";
        story.ask_for(there, CODEX, slug, "board:read", "dev");
        story.approve(there, ALICE, 1);
        story.ask_for(there, CODEX, "other-x", "board:read", "dev");
        let line = story.approve_line(2);
        let mut answers = Vec::new();
        for known in [true, false] {
            let (slug, number) = if known {
                (slug, "R2")
            } else {
                ("nothing", "R777")
            };
            for command in [
                line.replace("R2", number),
                format!("/gate deny {number}"),
                format!("/gate withdraw {number}"),
                format!("/gate revoke {slug}"),
                format!("/gate revoke {slug} c1"),
                format!("/gate pause {slug}"),
                format!("/gate pause {slug} c1"),
                format!("/gate release {slug}"),
                format!("/gate inspect {slug}"),
                "/gate revoke other-x"
                    .replace("other-x", if known { "other-x" } else { "nothing" }),
                "/gate pause other-x".replace("other-x", if known { "other-x" } else { "nothing" }),
                "/gate list".to_owned(),
            ] {
                story.say(here, owner, &command);
                let said = story
                    .last_reply(here)
                    .replace(number, "N")
                    .replace(slug, "S");
                answers.push((said, story.last_code(here)));
            }
        }
        let (known, unknown) = answers.split_at(answers.len() / 2);
        assert_eq!(known, unknown);
        assert!(story.live(1).is_some());
        assert_eq!(story.word(2), "open");
        assert_eq!(story.credentials(), 1);
    }
}

/// An owner of one board is nobody on the other.
#[test]
fn an_owner_of_the_other_board_does_not_count() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask(kan(12));
    story.approve(kan(12), CAROL, 2);
    assert_eq!(story.last_code(kan(12)), "not_an_owner");
    story.say(kan(12), CAROL, "/gate deny R2");
    story.say(kan(12), CAROL, "/gate revoke codex-kan-12");
    story.say(kan(12), CAROL, "/gate pause codex-kan-12");
    assert_eq!(story.word(2), "open");
    assert!(story.live(1).is_some());
    // Piotr may not even ask on `ops`.
    story.say(ops(3), PIOTR, "/gate list");
    assert!(story.replies(ops(3)).is_empty());
}

/// A comment of one board delivered as the other's: read by the other's address, it is not there.
#[test]
fn a_comment_counts_on_its_own_board_only() {
    let mut story = Story::new();
    story.issue(kan(12));
    let id = story.write(ops(12), ALICE, "/gate revoke codex-kan-12");
    story.arrive(story.forged(kan(12), id, ALICE, "/gate revoke codex-kan-12"));
    story.settle();
    assert!(story.live(1).is_some());
    // The same number was seen on both boards, and is still good on its own.
    story.issue(ops(12));
    story.arrive(story.forged(kan(12), id + 50, ALICE, "junk"));
    story.forge.last_id = id + 49;
    let said = story.say(ops(12), ALICE, "/gate revoke");
    assert_eq!(said, id + 50);
    assert_eq!(story.live(2), None);
}

/// Strangers are counted and not answered.
#[test]
fn strangers_get_no_answer() {
    let mut story = Story::new();
    story.issue(kan(12));
    let said = story.replies(kan(12)).len();
    let line = story.approve_line(1);
    for text in [
        "/gate help",
        "/gate revoke",
        "/gate pause codex-kan-12",
        "/gate release codex-kan-12",
        "> /gate help",
        "/gate",
        line.as_str(),
    ] {
        let id = story.write(kan(12), STRANGER, text);
        assert_eq!(story.arrive(story.delivery(id)), Taken::Stranger);
        // A forged author gets it read, and no further.
        story.arrive(story.forged(kan(12), id, ALICE, text));
        story.settle();
    }
    assert_eq!(story.replies(kan(12)).len(), said);
    assert!(story.live(1).is_some());
    let reactions = story.lines.iter().flat_map(|line| &line.decision.effects);
    assert_eq!(
        reactions
            .filter(|effect| matches!(effect, Effect::React { .. }))
            .count(),
        2
    );
}

/// Twenty explanations in an hour; then commands still act and narrowing is still answered.
#[test]
fn explanations_are_limited_and_narrowing_is_not() {
    let mut story = Story::new();
    story.issue(kan(12));
    let before = story.replies(kan(12)).len();
    let most = usize::try_from(ANSWERS_PER_HOUR).unwrap();
    for number in 1..=most + 5 {
        story.say(
            kan(12),
            CODEX,
            if number % 2 == 0 {
                "/gate frobnicate"
            } else {
                "/gate help"
            },
        );
        assert_eq!(story.replies(kan(12)).len(), before + number.min(most));
    }
    story.say(kan(12), CODEX, "/gate inspect");
    assert_eq!(story.replies(kan(12)).len(), before + most);
    assert!(
        story
            .last_reply(kan(12))
            .contains("That was the last explanation")
    );
    // Another thread has its own count.
    story.say(kan(13), CODEX, "/gate frobnicate");
    assert_eq!(story.replies(kan(13)).len(), 1);
    // Summaries, credentials and narrowing are never held back.
    story.issue(kan(12));
    story.ask(kan(12));
    story.say(kan(12), ALICE, "/gate deny R3");
    story.say(kan(12), CODEX, "/gate revoke nothing-like-it c77");
    assert_eq!(story.replies(kan(12)).len(), before + most + 5);
    // The next hour begins anew.
    story.pass(3_600);
    story.say(kan(12), CODEX, "/gate frobnicate");
    assert_eq!(story.replies(kan(12)).len(), before + most + 6);
}

/// Faults alone and readings alone are limited, and counted anew in the next hour.
#[test]
fn each_kind_of_answer_is_limited_by_itself() {
    let most = usize::try_from(ANSWERS_PER_HOUR).unwrap();
    for text in ["/gate frobnicate", "/gate help"] {
        let mut story = Story::new();
        for hour in 1..=2 {
            for _ in 0..=most {
                story.say(kan(12), CODEX, text);
            }
            assert_eq!(story.replies(kan(12)).len(), hour * most, "{text}");
            story.pass(3_600);
        }
    }
}
