//! A holder swaps its own token, where the gate lets holders do so.

use super::*;
use crate::gate::credential::{Check, Credential, CredentialStatus};
use crate::gate::decide::{Answer, Event, Rotated, Step};
use crate::gate::event::Leak;
use crate::gate::evidence::Reads;
use crate::gate::grant::{GrantRecord, GrantStatus, Rotation};
use crate::gate::identity::IdentityStatus;
use crate::gate::ids::{CredentialNumber, Hash, RequestNumber};
use crate::gate::key::Key;

mod rules;

const SLUG: &str = "codex-kan-12";

impl Story {
    /// A credential in use, at a gate that lets holders swap their tokens.
    fn rotating() -> Self {
        let mut story = Self::new();
        story.reconfigure(KAN, |board| {
            board.gates.get_mut("dev").unwrap().holder_rotation = true;
        });
        let number = story.issue(kan(12));
        story.use_first(number);
        story
    }

    fn use_first(&mut self, number: u64) {
        let mac = self.credential(number).mac;
        assert!(matches!(self.show(&mac), Answer::Live(_)));
    }

    /// The holder of a credential wants its successor; what follows from it happens.
    fn rotate(&mut self, number: u64, key: &str) -> Rotated {
        let rotated = self.wish(number, key);
        self.settle();
        rotated
    }

    /// The holder of a credential wants its successor.
    pub(super) fn wish(&mut self, number: u64, key: &str) -> Rotated {
        let check: Option<Check> = self.record(&Key::check(&self.credential(number).mac));
        let repository = check.map_or(KAN, |check| check.board);
        let mut reads = Reads {
            at: Some(self.now),
            ..Reads::default()
        };
        for _ in 0..8 {
            let event = Event::HolderRotates {
                macs: vec![self.credential(number).mac],
                key: Hash::of(key.as_bytes()),
                reads: Box::new(reads.clone()),
            };
            match self.feed(&event) {
                Step::Gather(needs) => {
                    for need in needs {
                        self.read(repository, need, &mut reads);
                    }
                }
                Step::Decided(decision) => match decision.answer {
                    Answer::Rotated(rotated) => return rotated,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
        panic!("it never has enough");
    }

    fn made(&mut self, number: u64, key: &str) -> Credential {
        match self.rotate(number, key) {
            Rotated::Made(heir, sealed) => {
                assert!(sealed.starts_with("-----BEGIN AGE"));
                *heir
            }
            other => panic!("{other:?}"),
        }
    }

    fn shut(&mut self, number: u64) -> String {
        match self.rotate(number, "first-key") {
            Rotated::Shut(why) => why,
            other => panic!("{other:?}"),
        }
    }

    fn count(&self, code: &str) -> usize {
        let entries = self.entries();
        entries.iter().filter(|entry| **entry == code).count()
    }
}

#[test]
fn the_successor_is_no_wider_and_its_predecessor_ends_after_its_first_use() {
    let mut story = Story::rotating();
    let old = story.credential(1);
    let before = story.identity(SLUG).unwrap();
    story.pass(3_600);
    let heir = story.made(1, "first-key");
    assert_eq!(heir.number, CredentialNumber(2));
    assert_eq!(
        (heir.predecessor, heir.family),
        (Some(old.number), old.family)
    );
    assert_eq!(heir.generation, 2);
    assert_eq!(heir.expires_at, old.expires_at);
    assert_eq!(heir.scopes, old.scopes);
    assert_eq!(heir.recipient, old.recipient);
    assert_eq!(
        heir.approvers, old.approvers,
        "their ceilings go on to hold"
    );
    assert_eq!(heir.request, old.request);
    let identity = story.identity(SLUG).unwrap();
    assert_eq!(
        identity.expires_at, before.expires_at,
        "no owner let it live longer"
    );
    assert_eq!(identity.last_rotated, Some(story.now));
    assert_eq!(story.credential(1).successor, Some(heir.number));
    let said = story.last_reply(kan(12));
    assert!(
        said.starts_with("**`codex-kan-12` c2 is the successor of c1**"),
        "{said}"
    );
    // What owners granted stays what they granted; what came of the holder's wish stands apart.
    let grant: GrantRecord = story.record(&Key::grant(RequestNumber(1))).unwrap();
    assert_eq!(grant.status, GrantStatus::Consumed(old.number));
    let rotation: Rotation = story.record(&Key::rotation(old.number)).unwrap();
    assert_eq!(rotation.grant.status, GrantStatus::Consumed(heir.number));

    story.pass(900);
    assert!(story.live(1).is_some(), "nobody used the new one");
    story.use_first(2);
    story.pass(899);
    assert!(story.live(1).is_some());
    story.pass(1);
    assert!(story.live(1).is_none() && story.live(2).is_some());
}

#[test]
fn the_same_key_gets_the_same_answer_and_another_one_nothing() {
    let mut story = Story::rotating();
    let heir = story.made(1, "first-key");
    let lines = story.lines.len();
    assert_eq!(story.made(1, "first-key"), heir);
    assert_eq!(story.lines.len(), lines, "nothing was written");
    for _ in 0..3 {
        let another = story.rotate(1, "second-key");
        assert_eq!(another, Rotated::Another(heir.number));
    }
    assert_eq!(story.count("rotation_refused"), 1, "owners are told once");
    let said = story.last_reply(kan(12));
    assert!(
        said.contains("a second successor of c1 was wanted, with another key")
            && said.contains("@alice"),
        "{said}"
    );
    assert_eq!(story.credentials(), 2);
    // In its grace the old token still learns what it was told.
    story.use_first(2);
    assert_eq!(story.made(1, "first-key").number, heir.number);
    // A successor that was taken back is not made up for.
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c2");
    assert_eq!(story.rotate(1, "first-key"), Rotated::Over(heir.number));
    assert_eq!(story.credentials(), 2);
}

#[test]
fn a_replaced_token_after_its_grace_lets_the_identity_stand_still() {
    let mut story = Story::rotating();
    story.made(1, "first-key");
    story.use_first(2);
    story.pass(900);
    let mac = story.credential(1).mac;
    // Shown elsewhere it is dead, and that is written down once.
    for _ in 0..3 {
        assert_eq!(story.show(&mac), Answer::Inactive);
    }
    assert_eq!(story.count("rotated_token_shown"), 1);
    assert!(story.live(2).is_some());
    // Here it is an alarm, whatever the key.
    assert_eq!(story.rotate(1, "first-key"), Rotated::NotAlive);
    let status = story.identity(SLUG).unwrap().status;
    assert!(matches!(status, IdentityStatus::Paused(_)));
    assert!(story.live(2).is_none());
    let said = story.last_reply(kan(12));
    assert!(
        said.contains("is paused") && said.contains("@alice"),
        "{said}"
    );
    let lines = story.lines.len();
    assert_eq!(story.rotate(1, "first-key"), Rotated::NotAlive);
    assert_eq!(story.lines.len(), lines, "told once");
}

/// What is late is an alarm also where holders may not rotate, and below the disk's reserve.
#[test]
fn the_alarm_needs_neither_the_gates_leave_nor_disk() {
    let mut story = Story::rotating();
    story.made(1, "first-key");
    story.use_first(2);
    story.reconfigure(KAN, |board| {
        board.gates.get_mut("dev").unwrap().holder_rotation = false;
    });
    story.pass(900);
    story.low_space = true;
    let mac = story.credential(1).mac;
    assert_eq!(story.show(&mac), Answer::Inactive);
    assert_eq!(story.count("rotated_token_shown"), 0);
    assert_eq!(story.rotate(1, "first-key"), Rotated::NotAlive);
    assert!(story.live(2).is_none());
}

#[test]
fn a_client_that_may_not_see_a_token_notes_nothing_of_it() {
    let mut story = Story::rotating();
    story.made(1, "first-key");
    story.use_first(2);
    story.pass(900);
    let lines = story.lines.len();
    let event = Event::Used {
        macs: vec![story.credential(1).mac],
        client: Some("elsewhere".to_owned()),
    };
    assert_eq!(story.answer(&event), Answer::Inactive);
    assert_eq!(story.lines.len(), lines);
}

/// Only what the policy and the identity have left goes on.
#[test]
fn what_was_cut_since_is_not_in_the_successor() {
    let mut story = Story::rotating();
    story.reconfigure(KAN, |board| {
        board.owners.get_mut(&ALICE).unwrap().ceiling = Some(names(&["card:write"]));
    });
    let heir = story.made(1, "first-key");
    assert_eq!(heir.scopes, names(&["card:write"]));

    let mut story = Story::rotating();
    story.say(
        kan(12),
        ALICE,
        "/gate narrow codex-kan-12 scopes=board:read",
    );
    story.reconfigure(KAN, |board| {
        board.gates.get_mut("dev").unwrap().max_ttl = 600;
    });
    story.pass(60);
    let heir = story.made(1, "first-key");
    assert_eq!(heir.scopes, names(&["board:read"]));
    let left = (heir.expires_at - story.now).get_seconds();
    assert!((599..=600).contains(&left), "{left}");
}

#[test]
fn where_holders_may_not_the_line_that_asks_is_named() {
    let mut story = Story::new();
    let number = story.issue(kan(12));
    story.use_first(number);
    let why = story.shut(1);
    assert!(why.contains("`/gate rotate codex-kan-12 c1`"), "{why}");
    assert_eq!((story.credentials(), story.minted), (1, 1));
}

#[test]
fn what_is_not_active_cannot_be_swapped() {
    let mut story = Story::rotating();
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    assert_eq!(story.rotate(1, "first-key"), Rotated::NotAlive);

    let mut story = Story::rotating();
    story.say(kan(13), ALICE, "/gate freeze");
    assert_eq!(story.rotate(1, "first-key"), Rotated::NotAlive);

    let mut story = Story::rotating();
    story.pass(8 * 3_600);
    assert_eq!(story.rotate(1, "first-key"), Rotated::NotAlive);

    let mut story = Story::rotating();
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c1");
    assert_eq!(story.rotate(1, "first-key"), Rotated::NotAlive);

    let mut story = Story::rotating();
    let pending = story.issue(kan(12));
    assert!(story.shut(pending).contains("is pending"));
    let status = story.credential(pending).status;
    assert!(
        matches!(status, CredentialStatus::Pending(_)),
        "it was not used by this"
    );

    let event = Event::HolderRotates {
        macs: Vec::new(),
        key: Hash::of(b"first-key"),
        reads: Box::default(),
    };
    assert_eq!(story.answer(&event), Answer::Rotated(Rotated::NotAlive));
}

/// A successor that owners granted is one, too.
#[test]
fn beside_a_successor_of_the_owners_there_is_no_other() {
    let mut story = Story::rotating();
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    story.approve(kan(12), ALICE, 2);
    let another = Rotated::Another(CredentialNumber(2));
    assert_eq!(story.rotate(1, "first-key"), another);
    story.use_first(2);
    assert_eq!(story.rotate(1, "first-key"), another, "in its grace");
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c2");
    assert!(story.shut(1).contains("is grace"));
}

/// The forge is read again, and what shuts it leaves nothing behind.
#[test]
fn the_thread_and_the_repository_are_looked_at_now() {
    type Change = fn(&mut Story);
    let cases: [(&str, Change, &str); 5] = [
        (
            "closed and not delivered",
            |story| story.forge.issues.get_mut(&kan(12)).unwrap().open = false,
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
        (
            "an owner is called otherwise",
            |story| {
                story.ask(kan(14));
                story.forge.logins.insert(PIOTR, "piotr2".to_owned());
                story.approve(kan(14), PIOTR, 2);
            },
            "piotr2",
        ),
        (
            "the recipient's key was seen",
            |story| {
                story.leak(kan(20), vec![Leak::AgeKey(RECIPIENT.to_owned())]);
            },
            "key",
        ),
    ];
    for (name, change, part) in cases {
        let mut story = Story::rotating();
        change(&mut story);
        let lines = story.lines.len();
        let why = story.shut(1);
        assert!(why.contains(part), "{name}: {why}");
        assert_eq!(story.credentials(), 1, "{name}");
        assert_eq!(story.lines.len(), lines, "{name}");
    }
}

/// A pending successor rests on the same approvals.
#[test]
fn an_approval_that_is_deleted_takes_an_unused_successor_with_it() {
    let mut story = Story::rotating();
    story.made(1, "first-key");
    let approval = story.request(1).approvals[0].comment.unwrap().0;
    story.delete(approval);
    let status = story.credential(2).status;
    assert!(matches!(status, CredentialStatus::Revoked(_)));
    assert!(story.live(1).is_some());
}

/// Whoever opened the issue may block the bot: nothing widens where it may not say so.
#[test]
fn a_successor_that_the_thread_cannot_be_told_of_is_revoked() {
    let mut story = Story::rotating();
    story.forge.refusing.push(kan(12));
    story.made(1, "first-key");
    let status = story.credential(2).status;
    assert!(matches!(status, CredentialStatus::Revoked(_)));
    assert!(story.live(1).is_some());
    let said = story.last_reply(kan(1));
    assert!(said.contains("c2 of `codex-kan-12`"), "{said}");
}

#[test]
fn a_successor_is_for_what_its_predecessor_was_for() {
    let mut story = Story::rotating();
    let line = request_line("limited", "board:read", "dev");
    let line = format!("{line} resources=inbox modes=interactive");
    story.say(kan(13), CODEX, &line);
    story.approve(kan(13), ALICE, 2);
    story.use_first(2);
    let heir = story.made(2, "a key");
    assert_eq!(heir.resources, Some(names(&["inbox"])));
    assert_eq!(heir.modes, Some(names(&["interactive"])));
}
