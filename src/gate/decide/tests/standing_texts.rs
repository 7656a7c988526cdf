//! A text that asks for something must stand as its author wrote it, for whatever it asks; and what was
//! minted for one request serves no other. Each condition alone refuses.

use super::*;
use crate::gate::decide::{Answer, Claim, Step};
use crate::gate::event::{Event, Road};
use crate::gate::evidence::{Candidate, Need, Reads};
use crate::gate::ids::{Hash, RequestNumber, Slug};
use crate::gate::key::{Key, Subject};
use crate::gate::thread::{MAX_REQUESTS_OF_RECIPIENT, Seen};

const CHALLENGE: &str = "UQdSwcxUDhdQ3tMqoBbvnE1m2bfyqoZJRYFVm8JpWXI";

fn line() -> String {
    request_line("codex-*", "board:read", "dev")
}

/// Codex writes the request in #12; it is changed before it is decided. The code of the refusal.
fn changed(change: impl FnOnce(&mut Story, i64)) -> String {
    let mut story = Story::new();
    let id = story.write(kan(12), CODEX, &line());
    story.arrive(story.delivery(id));
    change(&mut story, id);
    story.settle();
    match story.requests() {
        0 => story.last_code(kan(12)),
        _ => "taken".to_owned(),
    }
}

#[test]
fn each_sign_of_an_edit_alone_is_enough() {
    assert_eq!(changed(|_, _| {}), "taken");
    let edited = |story: &mut Story, id: i64| {
        let later = story.now + jiff::SignedDuration::from_secs(1);
        story.forge.edit(id, &line(), later);
    };
    assert_eq!(changed(edited), "edited", "a time that moved");
    let another = |story: &mut Story, id: i64| {
        let forged = story.forged(kan(12), id, CODEX, "/gate help");
        story.arrive(forged);
    };
    assert_eq!(changed(another), "edited", "seen with two texts");
    let other_first = |story: &mut Story, id: i64| {
        let key = Key::seen(KAN, Subject::Comment(id));
        let seen: Seen = story.record(&key).unwrap();
        let seen = Seen {
            first: Hash::of(b"hello"),
            ..seen
        };
        story.records.insert(key, crate::gate::world::encode(&seen));
    };
    assert_eq!(changed(other_first), "edited", "another text at first");
}

#[test]
fn only_a_delivery_says_who_sent_it() {
    let sent = |road: Road, sender| {
        let mut story = Story::new();
        let id = story.write(kan(12), CODEX, &line());
        let mut delivery = story.delivery(id);
        delivery.accepted.road = road;
        delivery.accepted.unverified_sender = sender;
        story.arrive(delivery);
        story.settle();
        match story.requests() {
            0 => story.last_code(kan(12)),
            _ => "taken".to_owned(),
        }
    };
    assert_eq!(sent(Road::Hook, Some(CODEX)), "taken");
    assert_eq!(sent(Road::Hook, Some(ALICE)), "sent_by_another");
    assert_eq!(sent(Road::Hook, None), "sent_by_another");
    // What was read back has no sender, and asks all the same.
    assert_eq!(sent(Road::CatchUp, None), "taken");
}

/// Codex opens #12 with a request in its body, which is first seen so many seconds later.
fn opened(later: i64, change: impl FnOnce(&mut Story)) -> String {
    use crate::gate::event::{Arrival, Look, Spoken, What};
    let mut story = Story::new();
    let issue = Issue::new(CODEX, &line(), story.now);
    story.forge.issues.insert(kan(12), issue);
    story.pass(later);
    let spoken = Spoken::new(12, Some(CODEX), &line(), Hash::of(line().as_bytes()));
    let mut arrival: Arrival = story.trigger(kan(12), Look::Issue);
    arrival.accepted.what = What::Opened(spoken);
    story.arrive(arrival);
    change(&mut story);
    story.settle();
    match story.requests() {
        0 => story.last_code(kan(12)),
        _ => "taken".to_owned(),
    }
}

#[test]
fn a_body_asks_only_while_its_issue_is_new() {
    assert_eq!(opened(300, |_| {}), "taken");
    assert_eq!(opened(301, |_| {}), "not_in_time");
    // A comment in an old issue is not late.
    let mut story = Story::new();
    story.write(kan(12), CAROL, "hello");
    story.pass(86_400);
    story.say(kan(12), CODEX, &line());
    assert_eq!(story.word(1), "open");
}

#[test]
fn a_closed_issue_is_said_before_a_late_one() {
    let closed = |story: &mut Story| story.forge.issues.get_mut(&kan(12)).unwrap().open = false;
    assert_eq!(opened(301, closed), "thread_closed");
}

/// Agents make a key for each request; what names one recipient again and again is a flood.
#[test]
fn one_recipient_has_so_many_open_requests() {
    let mut story = Story::new();
    let mut asked = 0;
    let mut ask = |story: &mut Story, who, recipient: &str| {
        let thread = kan(20 + asked / 2);
        asked += 1;
        let text = line().replace(RECIPIENT, recipient);
        let text = text.replace("codex-*", &format!("agent-{asked}"));
        let before = story.requests();
        story.say(thread, who, &text);
        if story.requests() > before {
            "taken".to_owned()
        } else {
            story.last_code(thread)
        }
    };
    for place in 0..MAX_REQUESTS_OF_RECIPIENT {
        let who = if place % 2 == 0 { CODEX } else { BUILDER };
        assert_eq!(ask(&mut story, who, RECIPIENT), "taken", "{place}");
    }
    assert_eq!(ask(&mut story, CODEX, RECIPIENT), "too_many_open");
    assert_eq!(ask(&mut story, CODEX, OTHER_RECIPIENT), "taken");
    story.say(kan(20), CODEX, "/gate withdraw R1");
    assert_eq!(ask(&mut story, CODEX, RECIPIENT), "taken");
}

/// A claim with the candidate changed: whether it was handed out, or another was wanted. An approval has
/// the grant look once more; a claim that got this far would be told that all is over.
fn with_candidate(change: impl FnOnce(&mut Candidate)) -> bool {
    let mut story = Story::new();
    let delivery = format!("recipient={RECIPIENT}");
    let text = line().replace(&delivery, &format!("challenge={CHALLENGE}"));
    story.say(kan(12), CODEX, &text);
    story.approve(kan(12), ALICE, 1);
    let mut reads = Reads {
        at: Some(story.now),
        ..Reads::default()
    };
    let mut change = Some(change);
    for _ in 0..8 {
        let event = Event::Claimed {
            challenge: CHALLENGE.to_owned(),
            reads: Box::new(reads.clone()),
        };
        match story.feed(&event) {
            Step::Gather(needs) => {
                let minting = |need: &Need| matches!(need, Need::Candidate { .. });
                let candidate = needs.iter().any(minting);
                if candidate && change.is_none() {
                    return false;
                }
                for need in needs {
                    story.read(KAN, need, &mut reads);
                }
                if candidate
                    && let (Some(change), Some(minted)) = (change.take(), &mut reads.candidate)
                {
                    change(minted);
                }
            }
            Step::Decided(decision) => {
                assert!(matches!(decision.answer, Answer::Claim(Claim::Made(_))));
                return true;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it never has enough");
}

#[test]
fn what_was_minted_for_something_else_is_dropped_and_another_is_wanted() {
    assert!(with_candidate(|_| {}));
    assert!(!with_candidate(|minted| minted.request = RequestNumber(2)));
    let other = Slug::parse("codex-kan-13").unwrap();
    assert!(!with_candidate(|minted| minted.slug = other));
    assert!(!with_candidate(|minted| {
        minted.recipient = Some(RECIPIENT.to_owned());
    }));
}
