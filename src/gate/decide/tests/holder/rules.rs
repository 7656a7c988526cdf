//! The rules one by one: each row changes one fact of a case in which everything holds, and exactly one
//! rule may speak against it.

use jiff::Timestamp;

use super::*;
use crate::gate::actor::Actor;
use crate::gate::evidence::{ReadIssue, ReadRepository};
use crate::gate::identity::{Ending, Identity};
use crate::gate::ids::IssueNumber;
use crate::gate::policy::{Factor, Gate, Policy};
use crate::gate::request::Request;
use crate::gate::thread::{BoardState, Hold, Standstill};
use crate::gate::verdict::{Around, HolderCase, Reason, Verdict, holder_refusals, judge_holder};

/// Everything that a wish is judged against.
struct Facts {
    now: Timestamp,
    policy: Policy,
    state: BoardState,
    standstill: Option<Standstill>,
    gate: Gate,
    request: Request,
    identity: Identity,
    credential: Credential,
    burnt: bool,
    reads: Reads,
    low_space: bool,
    clock: Option<String>,
    history_lost: bool,
}

impl Facts {
    fn new() -> Self {
        let mut story = Story::rotating();
        let mut reads = Reads::default();
        story.read(KAN, crate::gate::evidence::Need::Repository, &mut reads);
        story.read(
            KAN,
            crate::gate::evidence::Need::Issue(IssueNumber(12)),
            &mut reads,
        );
        Self {
            now: story.now,
            state: story.record(&Key::board(KAN)).unwrap(),
            standstill: None,
            gate: story.policy.boards[&KAN].gates["dev"].clone(),
            request: story.request(1),
            identity: story.identity(SLUG).unwrap(),
            credential: story.credential(1),
            burnt: false,
            reads,
            low_space: false,
            clock: None,
            history_lost: false,
            policy: story.policy,
        }
    }

    fn case<T>(&self, judge: impl FnOnce(&HolderCase<'_>) -> T) -> T {
        judge(&HolderCase {
            around: Around {
                now: self.now,
                policy: &self.policy,
                policy_hash: &self.policy.hash(),
                board: &self.policy.boards[&KAN],
                state: &self.state,
                standstill: self.standstill.as_ref(),
                gate: &self.gate,
                request: &self.request,
                burnt: self.burnt,
                low_space: self.low_space,
                clock: self.clock.as_deref(),
                history_lost: self.history_lost,
            },
            identity: &self.identity,
            credential: &self.credential,
            reads: &self.reads,
        })
    }

    fn reasons(&self) -> Vec<Reason> {
        match self.case(judge_holder) {
            Verdict::Open(_) => Vec::new(),
            Verdict::Shut(reasons) => reasons,
        }
    }
}

fn ending() -> Ending {
    Ending {
        by: Actor::Bot,
        at: Timestamp::UNIX_EPOCH,
        why: "why".to_owned(),
    }
}

type Row = (fn(&mut Facts), Reason);

fn own() -> Vec<Row> {
    let asks = || "/gate rotate codex-kan-12 c1".to_owned();
    vec![
        (
            |it| it.gate.holder_rotation = false,
            Reason::HolderMayNot(asks()),
        ),
        (
            |it| {
                it.gate.factors.insert(Factor::Signature);
            },
            Reason::HolderMayNot(asks()),
        ),
        (
            |it| it.credential.recipient = None,
            Reason::NoRecipient(asks() + " recipient=age1…"),
        ),
        (|it| it.burnt = true, Reason::RecipientBurnt),
        (
            |it| {
                it.standstill = Some(Standstill {
                    by: ALICE,
                    at: it.now,
                    why: "why".to_owned(),
                });
            },
            Reason::Frozen,
        ),
        (
            |it| it.gate.open_hours = Some("Mon-Sun of some week".to_owned()),
            Reason::OutsideHours("Mon-Sun of some week".to_owned()),
        ),
        (|it| it.identity.scopes.clear(), Reason::NothingLeft),
        (
            |it| {
                let hold = Hold {
                    user: ALICE,
                    found: "alice2".to_owned(),
                    since: it.now,
                };
                it.state.holds.insert("login".to_owned(), hold);
            },
            Reason::Held("owner 2 is called alice2 now, not alice".to_owned()),
        ),
        (|it| it.low_space = true, Reason::LowSpace),
        (
            |it| it.clock = Some("it jumped".to_owned()),
            Reason::Clock("it jumped".to_owned()),
        ),
        (|it| it.history_lost = true, Reason::HistoryLost),
    ]
}

fn read() -> Vec<Row> {
    vec![
        (
            |it| {
                if let Some(ReadIssue::Found(found)) = it.reads.issues.get_mut(&IssueNumber(12)) {
                    found.open = false;
                }
            },
            Reason::ThreadClosed,
        ),
        (
            |it| {
                if let Some(ReadIssue::Found(found)) = it.reads.issues.get_mut(&IssueNumber(12)) {
                    found.body = None;
                }
            },
            Reason::BodyTooLarge,
        ),
        (|it| it.reads.issues.clear(), Reason::ThreadClosed),
        (
            |it| it.reads.repository = Some(ReadRepository::Named("eve/board".to_owned())),
            Reason::Renamed("eve/board".to_owned()),
        ),
        (
            |it| it.reads.repository = Some(ReadRepository::Gone),
            Reason::Renamed("nowhere".to_owned()),
        ),
    ]
}

#[test]
fn one_wrong_fact_is_one_reason() {
    assert_eq!(Facts::new().reasons(), []);
    for (change, reason) in own() {
        let mut facts = Facts::new();
        change(&mut facts);
        let expected = vec![reason];
        assert_eq!(facts.reasons(), expected);
        assert_eq!(facts.case(holder_refusals), expected, "without the forge");
    }
    for (change, reason) in read() {
        let mut facts = Facts::new();
        change(&mut facts);
        assert_eq!(facts.reasons(), [reason]);
        assert_eq!(facts.case(holder_refusals), []);
    }
}

/// How credential and identity stand decides more than one rule: what does not work hands nothing on.
#[test]
fn what_does_not_live_has_no_successor() {
    for (status, word) in [
        (CredentialStatus::Pending(Timestamp::MAX), "pending"),
        (CredentialStatus::Grace(Timestamp::MAX), "grace"),
        (CredentialStatus::Grace(Timestamp::UNIX_EPOCH), "expired"),
        (CredentialStatus::Revoked(ending()), "revoked"),
    ] {
        let mut facts = Facts::new();
        facts.credential.status = status;
        assert!(facts.reasons().contains(&Reason::NotActive(word)), "{word}");
    }
    let mut facts = Facts::new();
    facts.credential.expires_at = facts.now;
    assert!(facts.reasons().contains(&Reason::NotActive("expired")));
    let mut facts = Facts::new();
    facts.identity.status = IdentityStatus::Paused(ending());
    assert!(facts.reasons().contains(&Reason::Paused));
    facts.identity.status = IdentityStatus::Released(ending());
    assert!(facts.reasons().contains(&Reason::NotLiving));
    let mut facts = Facts::new();
    facts.identity.expires_at = facts.now;
    assert!(facts.reasons().contains(&Reason::NotLiving));
}
