//! Claims: the token is minted when the verifier is shown, after everything was judged once more.

use super::*;
use crate::gate::actor::Actor;
use crate::gate::credential::CredentialStatus;
use crate::gate::decide::Claim;
use crate::gate::grant::{GrantRecord, GrantStatus};
use crate::gate::identity::IdentityStatus;
use crate::gate::ids::{CredentialNumber, RequestNumber};
use crate::gate::key::Key;
use crate::gate::thread::Thread;

const SLUG: &str = "codex-kan-12";
const CHALLENGE: &str = "UQdSwcxUDhdQ3tMqoBbvnE1m2bfyqoZJRYFVm8JpWXI";
const OTHER: &str = "JBbiqONGWPaAmwXk_8bT6UnlPfrn65D32eZlJS-zGG0";

fn ask(story: &mut Story, challenge: &str) {
    let line = format!(
        "/gate request identity=codex-* scopes=board:read,card:write ttl=8h environment=dev challenge={challenge}"
    );
    story.say(kan(12), CODEX, &line);
}

fn approved() -> Story {
    let mut story = Story::new();
    ask(&mut story, CHALLENGE);
    story.approve(kan(12), ALICE, 1);
    story
}

fn grant(story: &Story) -> GrantStatus {
    let record: GrantRecord = story.record(&Key::grant(RequestNumber(1))).unwrap();
    record.status
}

#[test]
fn the_token_is_made_at_the_claim_and_its_life_runs_from_the_approval() {
    let mut story = Story::new();
    assert_eq!(story.claim(KAN, CHALLENGE), Claim::Unknown);
    ask(&mut story, CHALLENGE);
    assert!(
        story
            .last_reply(kan(12))
            .contains("claimed with the verifier of `UQdSw…XI`")
    );
    assert_eq!(story.claim(KAN, CHALLENGE), Claim::Open);
    story.approve(kan(12), ALICE, 1);
    let approved_at = story.now;
    assert_eq!((story.credentials(), story.minted), (0, 0));
    assert_eq!(grant(&story), GrantStatus::Open);
    let said = story.last_reply(kan(12));
    assert!(said.contains("claim it with your verifier by"), "{said}");
    assert!(story.identity(SLUG).is_some(), "the name is reserved");

    story.pass(3_600);
    let Claim::Made(made) = story.claim(KAN, CHALLENGE) else {
        panic!("it is approved");
    };
    assert_eq!(made.number, CredentialNumber(1));
    let mut entries = story.lines.iter().flat_map(|line| &line.decision.entries);
    assert!(entries.any(|entry| entry.actor == Actor::Holder(made.number)));
    assert_eq!(grant(&story), GrantStatus::Consumed(made.number));
    assert_eq!((made.expires_at - approved_at).get_seconds(), 8 * 3_600);
    assert!(
        story
            .last_reply(kan(12))
            .starts_with("**`codex-kan-12` c1 was claimed**")
    );
    story.show(&made.mac);
    assert_eq!(story.live(1), Some(names(&["board:read", "card:write"])));
}

/// An agent that polls with its challenge must not wait for ever for what nobody can approve any more.
#[test]
fn a_request_that_has_ended_is_not_open_to_a_claim() {
    let mut story = Story::new();
    ask(&mut story, CHALLENGE);
    let ends = story.request(1).ends_at;
    story.now = ends;
    assert_eq!(story.claim(KAN, CHALLENGE), Claim::Over("ended"));
    let mut story = Story::new();
    ask(&mut story, CHALLENGE);
    story.say(kan(12), ALICE, "/gate deny R1");
    assert_eq!(story.claim(KAN, CHALLENGE), Claim::Over("denied"));
}

/// The answer may have been lost: the first token is dead before there is another.
#[test]
fn claimed_again_before_its_first_use_the_first_is_revoked() {
    let mut story = approved();
    let Claim::Made(first) = story.claim(KAN, CHALLENGE) else {
        panic!("it is approved");
    };
    let Claim::Made(second) = story.claim(KAN, CHALLENGE) else {
        panic!("it was never used");
    };
    assert!(matches!(
        story.credential(1).status,
        CredentialStatus::Revoked(_)
    ));
    assert_ne!(first.mac, second.mac);
    story.show(&first.mac);
    story.show(&second.mac);
    assert_eq!(story.live(1), None);
    assert!(story.live(2).is_some());
}

/// What was taken from the first in between is not there again, though the identity has grown since.
#[test]
fn claimed_again_it_may_do_no_more_than_is_left_of_the_first() {
    let mut story = approved();
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Made(_)));
    story.say(
        kan(12),
        ALICE,
        "/gate narrow codex-kan-12 scopes=board:read ttl=1h",
    );
    let end = story.credential(1).expires_at;
    story.issue(kan(12));
    let Claim::Made(made) = story.claim(KAN, CHALLENGE) else {
        panic!("it was never used");
    };
    assert_eq!((made.number, made.expires_at), (CredentialNumber(3), end));
    assert_eq!(made.scopes, names(&["board:read"]));
    assert_eq!(story.live(3), Some(names(&["board:read"])));
    assert_eq!(story.live(2), Some(names(&["board:read", "card:write"])));
    story.pass(3_600);
    assert_eq!(story.live(3), None);
}

/// A grant that is void has left nothing behind that works.
#[test]
fn claimed_again_after_its_approval_fell_nothing_is_left() {
    type Change = fn(&mut Story);
    let changes: [(&str, Change); 2] = [
        ("the gate has other rules", |story| {
            story.reconfigure(KAN, |board| {
                board.gates.get_mut("dev").unwrap().max_ttl = 30_000;
            });
        }),
        ("the approval was edited and nobody said so", |story| {
            let approval = story.request(1).approvals[0].comment.unwrap().0;
            story.forge.edit(approval, "no", story.now);
        }),
    ];
    for (name, change) in changes {
        let mut story = approved();
        assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Made(_)));
        change(&mut story);
        assert!(story.live(1).is_some(), "{name}");
        assert_eq!(story.claim(KAN, CHALLENGE), Claim::Over("void"), "{name}");
        assert_eq!((story.live(1), grant(&story)), (None, GrantStatus::Void));
        assert_eq!(story.claim(KAN, CHALLENGE), Claim::Over("void"), "{name}");
    }
}

/// Somebody else may have the verifier.
#[test]
fn claimed_again_after_its_first_use_the_identity_stands_still() {
    let mut story = approved();
    let Claim::Made(made) = story.claim(KAN, CHALLENGE) else {
        panic!("it is approved");
    };
    story.show(&made.mac);
    assert_eq!(story.claim(KAN, CHALLENGE), Claim::Reused);
    assert_eq!(story.live(1), None);
    let status = story.identity(SLUG).unwrap().status;
    assert!(matches!(status, IdentityStatus::Paused(_)));
    let said = story.last_reply(kan(12));
    assert!(said.contains("claimed c1 again after its first use") && said.contains("@alice"));
    assert_eq!(story.credentials(), 1);
}

#[test]
fn a_claim_is_judged_by_what_is_true_now() {
    type Change = fn(&mut Story);
    let for_good: [(&str, Change); 7] = [
        ("the identity was revoked", |story| {
            story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
        }),
        ("the identity was paused", |story| {
            story.say(kan(12), ALICE, "/gate pause codex-kan-12");
        }),
        ("the identity was narrowed", |story| {
            story.say(
                kan(12),
                ALICE,
                "/gate narrow codex-kan-12 scopes=board:read",
            );
        }),
        ("the issue was closed", |story| {
            story.set_open(kan(12), false)
        }),
        ("the approval was deleted", |story| {
            let approval = story.request(1).approvals[0].comment.unwrap().0;
            story.delete(approval);
        }),
        ("the approval was edited and nobody said so", |story| {
            let approval = story.request(1).approvals[0].comment.unwrap().0;
            story.forge.edit(approval, "/gate approve R9", story.now);
        }),
        ("the gate has other rules", |story| {
            story.reconfigure(KAN, |board| board.gates.get_mut("dev").unwrap().quorum = 2);
        }),
    ];
    for (name, change) in for_good {
        let mut story = approved();
        change(&mut story);
        assert_eq!(story.claim(KAN, CHALLENGE), Claim::Over("void"), "{name}");
        assert_eq!(story.credentials(), 0, "{name}");
        assert_eq!(grant(&story), GrantStatus::Void, "{name}");
    }
}

#[test]
fn what_may_pass_refuses_a_claim_and_keeps_the_grant() {
    type Change = fn(&mut Story);
    let for_now: [(&str, Change, &str); 4] = [
        (
            "frozen",
            |story| {
                story.say(kan(13), ALICE, "/gate freeze");
            },
            "this board stands still",
        ),
        (
            "closed and not delivered",
            |story| {
                story.forge.issues.get_mut(&kan(12)).unwrap().open = false;
            },
            "the issue is closed",
        ),
        (
            "the disk is nearly full",
            |story| story.low_space = true,
            "nearly full",
        ),
        (
            "the clock",
            |story| story.clock = Some("it jumped".to_owned()),
            "it jumped",
        ),
    ];
    for (name, change, part) in for_now {
        let mut story = approved();
        change(&mut story);
        let Claim::Shut(why) = story.claim(KAN, CHALLENGE) else {
            panic!("{name}");
        };
        assert!(why.contains(part), "{name}: {why}");
        assert_eq!((story.credentials(), grant(&story)), (0, GrantStatus::Open));
    }
}

#[test]
fn what_was_denied_or_is_over_is_never_claimed() {
    let mut story = Story::new();
    ask(&mut story, CHALLENGE);
    story.say(kan(12), ALICE, "/gate deny R1");
    assert_eq!(story.claim(KAN, CHALLENGE), Claim::Over("denied"));
    let mut story = approved();
    story.pass(8 * 3_600);
    assert_eq!(story.claim(KAN, CHALLENGE), Claim::Over("ended"));
    assert_eq!(story.credentials(), 0);
}

/// A challenge is good for one request: whoever saw its verifier once has it for ever.
#[test]
fn a_challenge_is_used_once() {
    let mut story = approved();
    ask(&mut story, CHALLENGE);
    assert_eq!(story.last_code(kan(12)), "challenge_used");
    ask(&mut story, OTHER);
    story.approve(kan(12), ALICE, 2);
    assert!(matches!(story.claim(KAN, OTHER), Claim::Made(_)));
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Made(_)));
    assert_eq!(story.credentials(), 2);
}

#[test]
fn a_successor_may_be_claimed_too() {
    let mut story = approved();
    let Claim::Made(first) = story.claim(KAN, CHALLENGE) else {
        panic!("it is approved");
    };
    story.show(&first.mac);
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "bad_form");
    story.say(
        kan(12),
        CODEX,
        &format!("/gate rotate codex-kan-12 c1 challenge={OTHER}"),
    );
    story.approve(kan(12), ALICE, 2);
    let Claim::Made(heir) = story.claim(KAN, OTHER) else {
        panic!("it is approved");
    };
    assert_eq!(heir.predecessor, Some(first.number));
    story.show(&heir.mac);
    story.pass(900);
    assert_eq!(story.live(1), None);
    assert!(story.live(2).is_some());
}

/// The request's own time was to be approved in; the claim has a time of its own.
#[test]
fn an_approval_in_the_last_minute_can_be_claimed_after_it() {
    let mut story = Story::new();
    ask(&mut story, CHALLENGE);
    story.now = story.request(1).ends_at;
    story.pass(-60);
    story.approve(kan(12), ALICE, 1);
    story.pass(600);
    assert!(story.request(1).ends_at < story.now);
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Made(_)));
}

/// What was claimed is off the thread's list of what waits; of what waits, each falls with its own approval.
#[test]
fn a_grant_that_waits_falls_with_its_approval_and_no_other() {
    let mut story = approved();
    ask(&mut story, OTHER);
    let approval = story.approve(kan(12), ALICE, 2);
    let waits = |story: &Story| {
        let thread: Thread = story.record(&Key::thread(kan(12))).unwrap();
        thread.claims
    };
    assert_eq!(waits(&story), [1, 2].map(RequestNumber));
    story.edit(approval, "no");
    let record: GrantRecord = story.record(&Key::grant(RequestNumber(2))).unwrap();
    assert_eq!(
        (record.status, grant(&story)),
        (GrantStatus::Void, GrantStatus::Open)
    );
    assert_eq!(story.claim(KAN, OTHER), Claim::Over("void"));
    assert_eq!(waits(&story), [RequestNumber(1)]);
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Made(_)));
    assert!(waits(&story).is_empty());
    // What nobody claimed in time makes room for what is granted next.
    for challenge in ["a", "b"].map(|text| text.repeat(42) + "A") {
        ask(&mut story, &challenge);
        let number = story.requests();
        story.approve(kan(12), ALICE, number as u64);
        assert_eq!(waits(&story), [RequestNumber(number as u64)]);
        story.pass(86_400);
    }
}
