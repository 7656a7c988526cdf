//! One-time codes at a gate that demands them: each counts once, wrong ones lock the factor, and the
//! lock ends by time or by the host.

use super::*;
use crate::gate::event::{Otp, What};
use crate::gate::ids::UserId;
use crate::gate::policy::Factor;

/// A gate that demands a code of both owners, for one of them.
fn begin() -> Story {
    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        let dev = board.gates.get_mut("dev").unwrap();
        dev.factors = [Factor::Comment, Factor::Code].into();
        for owner in board.owners.values_mut() {
            owner.has_code = true;
        }
    });
    story.ask(kan(12));
    story
}

/// Alice approves a request with a code of that step; the code of the refusal, if it is one.
fn approve(story: &mut Story, number: u64, step: Option<u64>) -> String {
    approve_as(story, ALICE, number, step)
}

fn approve_as(story: &mut Story, owner: UserId, number: u64, step: Option<u64>) -> String {
    let line = format!("{} otp=------", story.approve_line(number));
    let id = story.write(kan(12), owner, &line);
    let mut arrival = story.delivery(id);
    if let What::Comment(spoken) = &mut arrival.accepted.what {
        spoken.otp = Some(Otp { step });
    }
    story.arrive(arrival);
    story.settle();
    match story.word(number) {
        "approved" => "approved".to_owned(),
        _ => story.last_code(kan(12)),
    }
}

#[test]
fn a_code_counts_once_and_an_older_one_never_after_it() {
    let mut story = begin();
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "no_code");
    assert_eq!(approve(&mut story, 1, None), "bad_code");
    assert_eq!(approve(&mut story, 1, Some(7)), "approved");
    story.ask_for(kan(12), CODEX, "other", "board:read", "dev");
    assert_eq!(approve(&mut story, 2, Some(7)), "bad_code");
    assert_eq!(approve(&mut story, 2, Some(6)), "bad_code");
    assert_eq!(approve(&mut story, 2, Some(8)), "approved");
    assert!(story.request(2).approvals[0].code);
}

#[test]
fn five_wrong_ones_lock_it_for_a_quarter_of_an_hour_and_three_locks_until_the_host_unlocks_it() {
    let mut story = begin();
    let mut step = 100;
    for lock in 1..=3 {
        for _ in 0..5 {
            assert_eq!(approve(&mut story, 1, None), "bad_code", "{lock}");
        }
        step += 1;
        assert_eq!(approve(&mut story, 1, Some(step)), "code_locked", "{lock}");
        story.pass(3_600);
    }
    step += 1;
    assert_eq!(approve(&mut story, 1, Some(step)), "code_locked");
    for has_code in [false, true] {
        story.reconfigure(KAN, |board| {
            board.owners.get_mut(&ALICE).unwrap().has_code = has_code;
        });
    }
    assert_eq!(approve(&mut story, 1, Some(step + 1)), "approved");
}

#[test]
fn the_lock_ends_to_the_second_and_a_right_one_begins_the_count_anew() {
    let mut story = begin();
    for _ in 0..4 {
        assert_eq!(approve(&mut story, 1, None), "bad_code");
    }
    assert_eq!(approve(&mut story, 1, Some(5)), "approved");
    story.ask_for(kan(12), CODEX, "other", "board:read", "dev");
    for _ in 0..5 {
        assert_eq!(approve(&mut story, 2, None), "bad_code");
    }
    // Writing takes a second.
    story.pass(898);
    assert_eq!(approve(&mut story, 2, Some(6)), "code_locked");
    assert_eq!(approve(&mut story, 2, Some(7)), "approved");
}

/// The code of an approval that was counted stays good while the next owner is waited for.
#[test]
fn two_owners_open_it_with_a_code_each() {
    let mut story = begin();
    story.reconfigure(KAN, |board| board.gates.get_mut("dev").unwrap().quorum = 2);
    approve(&mut story, 1, Some(7));
    assert_eq!(story.request(1).approvals.len(), 1);
    assert_eq!(approve_as(&mut story, PIOTR, 1, Some(7)), "approved");
}

/// What was used or locked stays so whatever else the host configures: only taking the secret away
/// and putting it back unlocks.
#[test]
fn another_configuration_unlocks_nothing_and_makes_no_code_good_again() {
    let mut story = begin();
    assert_eq!(approve(&mut story, 1, Some(7)), "approved");
    story.reconfigure(KAN, |board| board.max_open_requests = 7);
    story.ask_for(kan(12), CODEX, "other", "board:read", "dev");
    for _ in 0..5 {
        assert_eq!(approve(&mut story, 2, Some(7)), "bad_code");
    }
    story.reconfigure(KAN, |board| board.max_open_requests = 8);
    assert_eq!(approve(&mut story, 2, Some(8)), "code_locked");
}
