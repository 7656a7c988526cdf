//! Whoever writes a text chooses its length and what stands in it, and whoever knows the hook secret
//! chooses how often: lines and records stay small, and the disk's reserve is for stopping.

use super::*;
use crate::gate::effect::Effect;
use crate::gate::event::{Leak, Road, What};
use crate::gate::thread::{ANSWERS_PER_HOUR, BoardState};
use crate::gate::world::encode;

fn bytes_of_last_line(story: &Story) -> usize {
    let decision = &story.lines.last().unwrap().decision;
    let line = (&decision.changes, &decision.entries, &decision.effects);
    serde_json::to_vec(&line).unwrap().len()
}

#[test]
fn any_number_of_secrets_makes_a_small_line_and_what_matters_goes_first() {
    let mut story = Story::new();
    story.ask(kan(12));
    let mut leaks: Vec<Leak> = (0..14_000)
        .map(|number| Leak::AgeKey(format!("age1{number:058}")))
        .collect();
    leaks.push(Leak::AgeKey(RECIPIENT.to_owned()));
    let mut arrival = story.forged(kan(13), 5_000, STRANGER, "x");
    arrival.leaks = leaks;
    story.arrive(arrival);
    assert!(bytes_of_last_line(&story) < 40_000);
    assert_eq!(story.word(1), "void");
    let entries = story.entries();
    let count = |code| entries.iter().filter(|entry| **entry == code).count();
    assert_eq!(count("age_key_leaked"), 8);
    assert_eq!(count("more_leaked"), 1);

    // Strings of the form of a token that are none cost nothing at all.
    let mut story = Story::new();
    story.issue(kan(12));
    let live = story.credential(1).mac;
    let mut macs: Vec<Leak> = (0..2_000_u64)
        .map(|number| {
            let mut mac = [9; 32];
            mac[..8].copy_from_slice(&number.to_be_bytes());
            Leak::Token(vec![crate::gate::ids::Mac::new(&mac)])
        })
        .collect();
    macs.push(Leak::Token(vec![live]));
    story.leak(kan(13), macs);
    assert_eq!(story.live(1), None);
    assert!(!story.entries().contains(&"more_leaked"));
}

#[test]
fn more_live_tokens_than_a_line_takes_are_revoked_when_the_text_is_read_again() {
    let mut story = Story::new();
    for issue in 0..40 {
        story.issue(kan(100 + issue));
    }
    let tokens: Vec<Leak> = (1..=40)
        .map(|number| Leak::Token(vec![story.credential(number).mac]))
        .collect();
    story.leak(kan(13), tokens.clone());
    let dead = |story: &Story| (1..=40).filter(|one| story.live(*one).is_none()).count();
    assert_eq!(dead(&story), 32);
    story.leak(kan(13), tokens);
    assert_eq!(dead(&story), 40);
}

/// Burning what is burnt writes nothing, and the reserve is used only where something falls.
#[test]
fn a_secret_uses_the_reserve_only_if_something_falls() {
    let mut story = Story::new();
    story.ask(kan(12));
    let leak = |story: &mut Story, recipient: &str| {
        let mut arrival = story.forged(kan(13), 5_000, STRANGER, "x");
        arrival.leaks = vec![Leak::AgeKey(recipient.to_owned())];
        story.arrive(arrival);
    };
    leak(&mut story, OTHER_RECIPIENT);
    assert!(!story.lines.last().unwrap().decision.under_reserve);
    leak(&mut story, RECIPIENT);
    assert!(story.lines.last().unwrap().decision.under_reserve);
    let lines = story.lines.len();
    leak(&mut story, RECIPIENT);
    leak(&mut story, OTHER_RECIPIENT);
    assert_eq!(story.lines.len(), lines);
}

/// Below the reserve, an edit or a closed issue is taken in where it stops something, and an
/// explanation is for owners.
#[test]
fn below_the_reserve_only_what_stops_something_is_taken_in() {
    let mut story = Story::new();
    story.issue(kan(12));
    let reserve = |story: &mut Story, arrival| match story.arrive(arrival) {
        Taken::Waits { .. } => story.lines.last().unwrap().decision.under_reserve,
        other => panic!("{other:?}"),
    };
    use crate::gate::event::Look;
    let closed = story.trigger(kan(12), Look::Issue);
    assert!(reserve(&mut story, closed));
    let hello = story.say(kan(12), ALICE, "hello");
    story.forge.edit(hello, "/gate help", story.now);
    let edited = story.edited(hello);
    assert!(!reserve(&mut story, edited));
    for (who, text) in [(CODEX, "/gate help"), (ALICE, "/gate frob")] {
        let id = story.write(kan(12), who, text);
        let arrival = story.delivery(id);
        assert!(!reserve(&mut story, arrival), "{text}");
    }
    let before = story.replies(kan(12)).len();
    story.low_space = true;
    story.settle();
    assert!(story.waiting().is_empty());
    // The one of the owner is answered; so was the closed issue.
    let said = story.replies(kan(12))[before..].to_vec();
    assert!(
        said.iter().any(|said| said.contains("no such verb")),
        "{said:?}"
    );
    assert!(
        !said.iter().any(|said| said.contains("`/gate list`")),
        "{said:?}"
    );
}

/// A reason is kept short and visible, and no record of anything that people write is large.
#[test]
fn reasons_are_kept_short_and_records_small() {
    for filling in ["\u{1}", "\u{202e}", "🚀", "\"", "\\", "\n", "a b "] {
        let mut story = Story::new();
        story.issue(kan(12));
        story.ask(kan(12));
        let long = filling.repeat(8_000 / filling.len());
        for (who, text) in [
            (ALICE, format!("/gate deny R2 stolen {long}")),
            (
                ALICE,
                format!("/gate revoke codex-kan-12 c99 stolen {long}"),
            ),
            (ALICE, format!("/gate revoke codex-kan-12 stolen {long}")),
            (CODEX, format!("/gate request {long}")),
            (CODEX, format!("hello\n/gate approve {long}")),
            (ALICE, format!("/gate approve R1 {long}")),
            (ALICE, format!("/gate {long}")),
        ] {
            let id = story.write(kan(12), who, &text);
            story.arrive(story.delivery(id));
            for (key, value) in &story.records {
                let size = value.to_string().len();
                assert!(size < 16_000, "{size} bytes of {key:?} for {text:?}");
            }
            story.settle();
        }
        assert_eq!(word(&story, "codex-kan-12"), "revoked");
        assert_eq!(story.word(2), "denied");
        for line in &story.lines {
            for entry in &line.decision.entries {
                assert!(entry.text.chars().count() < 300, "{}", entry.text);
                let hidden = |character: char| character.is_control() || character == '\u{202e}';
                assert!(!entry.text.contains(hidden), "{:?}", entry.text);
            }
        }
        let entries = story.lines.iter().flat_map(|line| &line.decision.entries);
        assert!(
            entries
                .into_iter()
                .any(|entry| entry.text.contains("stolen"))
        );
    }
}

/// A narrowing command is not longer in the inbox than its words need to be.
#[test]
fn a_command_that_waits_is_short() {
    let mut story = Story::new();
    let text = format!("/gate revoke codex-kan-12 {}", "\u{1}x".repeat(4_000));
    let id = story.write(kan(12), ALICE, &text);
    story.arrive(story.delivery(id));
    let value = &story.records[&Key::inbox(story.waiting()[0])];
    assert!(value.to_string().len() < 2_000);
}

/// What was cut off could have taken it back: a text too long to be kept whole asks for nothing.
#[test]
fn a_long_text_that_widens_is_not_read_in_part() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    let resume = |lines: usize| {
        format!(
            "/gate resume codex-kan-12{}or rather not",
            "\n".repeat(lines)
        )
    };
    for (lines, why) in [
        (2, "more text follows"),
        (6_500, "fits into 8 KiB"),
        (9_000, "fits into 8 KiB"),
    ] {
        story.say(kan(12), CODEX, &resume(lines));
        assert_eq!(story.requests(), 1);
        let said = story.last_reply(kan(12));
        assert!(said.contains(why), "{lines}: {said}");
    }
    let request = request_line("codex-*", "board:read", "dev");
    let text = format!("{request}\n\n{}", "And why. ".repeat(1_000));
    story.say(kan(12), CODEX, &text);
    assert_eq!(
        (story.requests(), story.last_code(kan(12))),
        (1, "bad_request".to_owned())
    );
}

/// A text that is too long to be read did nothing: who wanted to stop something with it has to know.
#[test]
fn a_text_too_long_to_be_read_is_told_to_those_who_may_command() {
    for (who, told) in [(ALICE, 1), (CODEX, 1), (STRANGER, 0)] {
        let mut story = Story::new();
        let text = format!("/gate revoke codex-kan-12 {}", "x".repeat(70_000));
        let id = story.write(kan(12), who, &text);
        let mut arrival = story.delivery(id);
        if let What::Comment(spoken) = &mut arrival.accepted.what {
            // A delivery can say what it likes.
            spoken.unverified_author = Some(if told == 0 { CAROL } else { who });
        }
        story.arrive(arrival);
        story.reconfigure(KAN, |board| {
            board.known_requesters.remove(&CAROL);
        });
        story.settle();
        assert_eq!(story.replies(kan(12)).len(), told, "{who}");
        if told == 1 {
            assert_eq!(story.last_code(kan(12)), "too_large");
            assert!(story.last_reply(kan(12)).contains("longer than 64 KiB"));
        }
    }
}

/// What a thief says of a comment is noted a few times and waits the other times without being noted.
#[test]
fn deliveries_that_wait_are_noted_a_few_times_only() {
    let mut story = Story::new();
    let id = story.write(kan(12), ALICE, "/gate help");
    for number in 0..50 {
        let text = format!("/gate help {number}");
        story.arrive(story.forged(kan(12), id, ALICE, &text));
    }
    assert_eq!(story.waiting().len(), 50);
    assert_eq!(story.seen(id).unwrap().pending.len(), 8);
    let taken = story.arrive(story.delivery(id));
    assert!(matches!(taken, Taken::Waits { .. }));
    story.settle();
    assert!(story.seen(id).unwrap().pending.is_empty());
    assert!(story.last_reply(kan(12)).contains("/gate request"));
}

/// An agent cannot use up the explanations of the owners, nor anybody those of an hour by revoking
/// what is not there.
#[test]
fn owners_have_explanations_of_their_own() {
    let mut story = Story::new();
    story.issue(kan(12));
    let before = story.replies(kan(12)).len();
    let most = usize::try_from(ANSWERS_PER_HOUR).unwrap();
    for _ in 0..most + 5 {
        story.say(kan(12), CAROL, "/gate revoke nothing");
    }
    assert_eq!(story.replies(kan(12)).len(), before + most);
    story.say(kan(12), CODEX, "/gate frob");
    assert_eq!(story.replies(kan(12)).len(), before + most);
    story.say(kan(12), ALICE, "/gate frob");
    assert_eq!(story.replies(kan(12)).len(), before + most + 1);
    // Whoever could stop something learns that it was not stopped, always.
    for (count, who) in [(2, CODEX), (3, ALICE)] {
        story.say(kan(12), who, "/gate revoke nothing c99");
        assert_eq!(story.replies(kan(12)).len(), before + most + count);
    }
}

/// Requests past their end are freed by whoever comes next, and hide nothing.
#[test]
fn ended_requests_are_freed_and_hide_none_that_is_open() {
    let mut story = Story::new();
    story.ask(kan(12));
    let first = story.request(1);
    let mut board: BoardState = story.record(&Key::board(KAN)).unwrap();
    for number in 2..=300 {
        let number = crate::gate::ids::RequestNumber(number);
        let stale = crate::gate::request::Request {
            number,
            thread: kan(1_000),
            ..first.clone()
        };
        story.records.insert(Key::request(number), encode(&stale));
        board.requests.insert(number);
    }
    story.records.insert(Key::board(KAN), encode(&board));
    let mut counters: crate::gate::thread::Counters = story.record(&Key::counters()).unwrap();
    counters.request = 300;
    story.records.insert(Key::counters(), encode(&counters));
    story.pass(73 * 3_600);
    let number = story.ask(kan(13));
    assert_eq!(number, 301);
    let open = |story: &Story| {
        story
            .record::<BoardState>(&Key::board(KAN))
            .unwrap()
            .requests
    };
    assert!(open(&story).len() <= 301 - 16);
    story.say(kan(13), ALICE, "/gate list");
    assert!(story.last_reply(kan(13)).contains("- R301 in #13"));
    for _ in 0..20 {
        story.say(kan(13), ALICE, "/gate list");
    }
    assert_eq!(open(&story), [crate::gate::ids::RequestNumber(301)].into());
}

/// One recipient in many requests would make one long line of what falls with its key.
#[test]
fn one_recipient_stands_in_so_many_requests_only() {
    let mut story = Story::new();
    for issue in 0..20 {
        story.ask(kan(100 + issue));
    }
    story.say(
        kan(200),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    assert_eq!(story.last_code(kan(200)), "too_many_open");
    assert_eq!(story.requests(), 20);
}

/// Strangers leave the hash of what they wrote, and only what looks like a command is counted.
#[test]
fn strangers_leave_a_hash_and_nothing_else() {
    let mut story = Story::new();
    for (text, taken) in [
        ("hello", Taken::Nothing),
        ("/gate help", Taken::Stranger),
        ("> /gate help", Taken::Stranger),
    ] {
        let id = story.write(kan(12), STRANGER, text);
        assert_eq!(story.arrive(story.delivery(id)), taken);
        let mut arrival = story.delivery(id);
        arrival.accepted.road = Road::CatchUp;
        story.arrive(arrival);
    }
    assert!(story.waiting().is_empty());
    let effects = story.lines.iter().flat_map(|line| &line.decision.effects);
    assert_eq!(
        effects
            .filter(|effect| matches!(effect, Effect::Post(_)))
            .count(),
        0
    );
}
