//! The rules under which a holder may swap its token without an owner: one successor of one credential
//! that owners let live, sealed to the same key, ending no later and doing no more.
//!
//! Nobody approves anew, so nothing here can be wider than what is alive: scopes are those that a check
//! of the shown token would find at this moment.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::credential::{Credential, CredentialKind, CredentialStatus};
use super::super::evidence::Reads;
use super::super::identity::Identity;
use super::super::policy::Factor;
use super::super::request::Wanted;
use super::super::time::seconds_between;
use super::counting::outside_hours;
use super::place::{repository_among, thread_among};
use super::{Around, Finding, Opening, Reason, Verdict, around, deny_for, deny_if, settle};

/// A shown credential and everything that its holder's wish must be judged against.
#[derive(Debug)]
pub struct HolderCase<'a> {
    /// What every gate looks at: that of the identity's environment.
    pub around: Around<'a>,
    /// Whose it is.
    pub identity: &'a Identity,
    /// The credential whose token was shown.
    pub credential: &'a Credential,
    /// The thread and the repository as they were read again.
    pub reads: &'a Reads,
}

/// One rule.
type Rule = fn(&HolderCase<'_>) -> Finding;

/// The rules that the bot's own records answer.
const OWN: [Rule; 11] = [
    holder_may,
    sealed_to_somebody,
    |case| around::recipient_safe(&case.around),
    identity_active,
    not_frozen,
    in_open_hours,
    something_left,
    |case| around::not_held(&case.around),
    |case| around::space_left(&case.around),
    |case| around::clock_trusted(&case.around),
    |case| around::history_whole(&case.around),
];

/// The rules that the forge answers.
const READ: [Rule; 2] = [thread_is_open, repository_in_place];

/// Judges a holder's wish for a successor of its own credential.
pub fn judge_holder(case: &HolderCase<'_>) -> Verdict {
    match settle(OWN.iter().chain(&READ).map(|rule| rule(case))) {
        Err(reasons) => Verdict::Shut(reasons),
        Ok(()) => Verdict::Open(Box::new(Opening {
            request: case.around.request.clone(),
            wanted: wanted(case),
            approvers: case.credential.approvers.clone(),
            scopes: granted(case),
            ttl: life(case),
            at: case.around.now,
            policy: case.around.policy_hash.clone(),
        })),
    }
}

/// Why a holder gets no successor, whatever the forge would say; empty if the forge has to be asked.
pub fn holder_refusals(case: &HolderCase<'_>) -> Vec<Reason> {
    settle(OWN.iter().map(|rule| rule(case)))
        .err()
        .unwrap_or_default()
}

/// What the successor is: what its predecessor is.
fn wanted(case: &HolderCase<'_>) -> Wanted {
    let old = case.credential;
    Wanted {
        identity: Some(case.identity.slug.clone()),
        scopes: granted(case),
        resources: old.resources.clone(),
        modes: old.modes.clone(),
        environment: case.identity.environment.clone(),
        ttl: Some(life(case)),
        recipient: old.recipient.clone(),
        predecessor: Some(old.number),
        ..Wanted::default()
    }
}

/// What a check of the shown token would find now: its grant ∩ the identity ∩ gate ∩ every approver's
/// ceiling.
fn granted(case: &HolderCase<'_>) -> BTreeSet<String> {
    let row = case.credential.check(case.identity);
    row.live(case.around.policy, case.around.now)
        .map(|live| live.scopes)
        .unwrap_or_default()
}

/// Seconds from when the owners' gate opened to where the predecessor ends, and not longer from now than
/// the gate's limit.
fn life(case: &HolderCase<'_>) -> u64 {
    let seconds = |to: Timestamp| {
        let span = seconds_between(case.credential.issued_at, to);
        u64::try_from(span).unwrap_or(0)
    };
    seconds(case.credential.expires_at)
        .min(seconds(case.around.now).saturating_add(case.around.gate.max_ttl))
}

/// The one rule that allows: the gate lets holders do so, and the shown credential is in use and was not
/// replaced. A gate that wants owners' signatures never does, and a secret from before gets none.
fn holder_may(case: &HolderCase<'_>) -> Finding {
    let signed = case.around.gate.factors.contains(&Factor::Signature);
    let legacy = case.credential.kind == CredentialKind::Legacy;
    if !case.around.gate.holder_rotation || signed || legacy {
        return Finding::Deny(Reason::HolderMayNot(asking(case)));
    }
    match case.credential.status {
        CredentialStatus::Active(_) if case.credential.is_living(case.around.now) => Finding::Allow,
        CredentialStatus::Active(_)
        | CredentialStatus::Pending(_)
        | CredentialStatus::Grace(_)
        | CredentialStatus::Paused(_)
        | CredentialStatus::Revoked(_) => {
            Finding::Deny(Reason::NotActive(case.credential.word(case.around.now)))
        }
    }
}

/// The line that asks owners for a successor.
fn asking(case: &HolderCase<'_>) -> String {
    format!(
        "/gate rotate {} {}",
        case.identity.slug, case.credential.number
    )
}

fn sealed_to_somebody(case: &HolderCase<'_>) -> Finding {
    deny_if(
        case.credential.recipient.is_none(),
        Reason::NoRecipient(format!("{} recipient=age1…", asking(case))),
    )
}

fn identity_active(case: &HolderCase<'_>) -> Finding {
    match case.identity.word(case.around.now) {
        "active" => Finding::Silent,
        "paused" => Finding::Deny(Reason::Paused),
        _ => Finding::Deny(Reason::NotLiving),
    }
}

fn not_frozen(case: &HolderCase<'_>) -> Finding {
    deny_if(case.around.standstill.is_some(), Reason::Frozen)
}

/// A gate that opens in some hours only opens for a holder in these hours only.
fn in_open_hours(case: &HolderCase<'_>) -> Finding {
    deny_for(outside_hours(case.around.gate, case.around.now))
}

fn thread_is_open(case: &HolderCase<'_>) -> Finding {
    deny_for(thread_among(case.reads, case.identity.thread.issue))
}

fn repository_in_place(case: &HolderCase<'_>) -> Finding {
    deny_for(repository_among(case.reads, case.around.board))
}

fn something_left(case: &HolderCase<'_>) -> Finding {
    deny_if(granted(case).is_empty(), Reason::NothingLeft)
}
