//! One credential has one successor, however many requests for it were open when the first of them was
//! approved.

use super::*;
use crate::gate::decide::Claim;
use crate::gate::ids::CredentialNumber;

const CHALLENGE: &str = "UQdSwcxUDhdQ3tMqoBbvnE1m2bfyqoZJRYFVm8JpWXI";
const OTHER: &str = "JBbiqONGWPaAmwXk_8bT6UnlPfrn65D32eZlJS-zGG0";

/// R2 and R3 both want a successor of c1, delivered so.
fn both(first: &str, second: &str) -> Story {
    let mut story = Story::new();
    let credential = story.issue(kan(12));
    let mac = story.credential(credential).mac;
    story.show(&mac);
    for delivery in [first, second] {
        let line = format!("/gate rotate codex-kan-12 c1 {delivery}");
        story.say(kan(12), CODEX, line.trim_end());
    }
    assert_eq!((story.word(2), story.word(3)), ("open", "open"));
    story
}

#[test]
fn the_second_of_two_open_requests_for_a_successor_is_void() {
    let mut story = both("", "");
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.credential(1).successor, Some(CredentialNumber(2)));
    story.approve(kan(12), PIOTR, 3);
    assert_eq!((story.word(3), story.credentials()), ("void", 2));
    let said = story.last_reply(kan(12));
    let why =
        "**R3 is void**: its credential has a successor already, by another request. Ask anew.";
    assert_eq!(said, why);
    assert_eq!(story.credential(1).successor, Some(CredentialNumber(2)));
}

#[test]
fn where_the_first_successor_is_over_the_second_may_come() {
    let mut story = both("", "");
    story.approve(kan(12), ALICE, 2);
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c2");
    story.approve(kan(12), PIOTR, 3);
    assert_eq!(story.word(3), "approved");
    assert_eq!(story.credential(1).successor, Some(CredentialNumber(3)));
}

#[test]
fn what_waits_to_be_claimed_is_the_one_successor_too() {
    let first = format!("challenge={CHALLENGE}");
    let second = format!("challenge={OTHER}");
    let mut story = both(&first, &second);
    story.approve(kan(12), ALICE, 2);
    story.approve(kan(12), ALICE, 3);
    assert_eq!(story.word(3), "void");
    let said = story.last_reply(kan(12));
    assert!(
        said.contains("is approved and waits to be claimed"),
        "{said}"
    );
    assert!(matches!(story.claim(KAN, OTHER), Claim::Over(_)));
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Made(_)));
    // The answer got lost: once more is the same successor.
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Made(_)));
}

#[test]
fn a_claim_makes_no_second_successor() {
    let first = format!("challenge={CHALLENGE}");
    let mut story = both(&first, "");
    story.approve(kan(12), ALICE, 2);
    story.say(kan(12), ALICE, "/gate withdraw R3");
    // Its holder made a successor in between.
    let heir = story.issue(kan(12));
    let mut old = story.credential(1);
    old.successor = Some(CredentialNumber(heir));
    let key = crate::gate::key::Key::credential(CredentialNumber(1));
    story.records.insert(key, crate::gate::world::encode(&old));
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Shut(_)));
}

/// What somebody else waits to claim in the same thread stands in nobody's way.
#[test]
fn another_grant_that_waits_is_no_successor() {
    let mut story = both("", "");
    story.say(kan(12), CODEX, "/gate withdraw R3");
    let line = request_line("other", "board:read", "dev");
    let recipient = format!("recipient={RECIPIENT}");
    story.say(
        kan(12),
        BUILDER,
        &line.replace(&recipient, &format!("challenge={CHALLENGE}")),
    );
    assert_eq!(story.requests(), 4, "{}", story.last_reply(kan(12)));
    story.approve(kan(12), ALICE, 4);
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.credential(1).successor, Some(CredentialNumber(2)));
}
