//! The rules under which a holder may swap its token without an owner: one successor of one credential
//! that owners let live, sealed to the same key, ending no later and doing no more.
//!
//! Nobody approves anew, so nothing here can be wider than what is alive: scopes are those that a check
//! of the shown token would find at this moment.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::credential::{Credential, CredentialKind, CredentialStatus};
use super::super::evidence::{ReadIssue, ReadRepository, Reads};
use super::super::identity::Identity;
use super::super::ids::Hash;
use super::super::policy::{Board, Factor, Gate, Policy};
use super::super::request::{Request, Wanted};
use super::super::thread::{BoardState, Standstill};
use super::super::time::seconds_between;
use super::super::window::Window;
use super::{Finding, Opening, Reason, Verdict, deny_if, opening, settle};

/// A shown credential and everything that its holder's wish must be judged against.
#[derive(Debug)]
pub struct HolderCase<'a> {
    /// The time of the decision.
    pub now: Timestamp,
    /// The rules in force.
    pub policy: &'a Policy,
    /// Their hash.
    pub policy_hash: &'a Hash,
    /// The board.
    pub board: &'a Board,
    /// The board's own state.
    pub state: &'a BoardState,
    /// Since when the board stands still, if it does.
    pub standstill: Option<&'a Standstill>,
    /// The gate of the identity's environment.
    pub gate: &'a Gate,
    /// The request that the credential was granted for.
    pub request: &'a Request,
    /// Whose it is.
    pub identity: &'a Identity,
    /// The credential whose token was shown.
    pub credential: &'a Credential,
    /// True if the recipient's secret key was seen in a text.
    pub burnt: bool,
    /// The thread and the repository as they were read again.
    pub reads: &'a Reads,
    /// True below the reserve of the disk.
    pub low_space: bool,
    /// Why the clock cannot be trusted, if so.
    pub clock: Option<&'a str>,
    /// True if lines of the journal are missing and no operator has accepted that.
    pub history_lost: bool,
}

/// One rule.
type Rule = fn(&HolderCase<'_>) -> Finding;

/// The rules that the bot's own records answer.
const OWN: [Rule; 11] = [
    holder_may,
    sealed_to_somebody,
    recipient_safe,
    identity_active,
    not_frozen,
    in_open_hours,
    something_left,
    not_held,
    space_left,
    clock_trusted,
    history_whole,
];

/// The rules that the forge answers.
const READ: [Rule; 2] = [thread_is_open, repository_in_place];

/// Judges a holder's wish for a successor of its own credential.
pub fn judge_holder(case: &HolderCase<'_>) -> Verdict {
    match settle(OWN.iter().chain(&READ).map(|rule| rule(case))) {
        Err(reasons) => Verdict::Shut(reasons),
        Ok(()) => Verdict::Open(Box::new(Opening {
            request: case.request.clone(),
            wanted: wanted(case),
            approvers: case.credential.approvers.clone(),
            scopes: granted(case),
            ttl: life(case),
            at: case.now,
            policy: case.policy_hash.clone(),
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
    row.live(case.policy, case.now)
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
    seconds(case.credential.expires_at).min(seconds(case.now).saturating_add(case.gate.max_ttl))
}

/// The one rule that allows: the gate lets holders do so, and the shown credential is in use and was not
/// replaced. A gate that wants owners' signatures never does, and a secret from before gets none.
fn holder_may(case: &HolderCase<'_>) -> Finding {
    let signed = case.gate.factors.contains(&Factor::Signature);
    let legacy = case.credential.kind == CredentialKind::Legacy;
    if !case.gate.holder_rotation || signed || legacy {
        return Finding::Deny(Reason::HolderMayNot(asking(case)));
    }
    match case.credential.status {
        CredentialStatus::Active(_) if case.credential.is_living(case.now) => Finding::Allow,
        CredentialStatus::Active(_)
        | CredentialStatus::Pending(_)
        | CredentialStatus::Grace(_)
        | CredentialStatus::Paused(_)
        | CredentialStatus::Revoked(_) => {
            Finding::Deny(Reason::NotActive(case.credential.word(case.now)))
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

fn recipient_safe(case: &HolderCase<'_>) -> Finding {
    deny_if(case.burnt, Reason::RecipientBurnt)
}

fn identity_active(case: &HolderCase<'_>) -> Finding {
    match case.identity.word(case.now) {
        "active" => Finding::Silent,
        "paused" => Finding::Deny(Reason::Paused),
        _ => Finding::Deny(Reason::NotLiving),
    }
}

fn not_frozen(case: &HolderCase<'_>) -> Finding {
    deny_if(case.standstill.is_some(), Reason::Frozen)
}

/// A gate that opens in some hours only opens for a holder in these hours only.
fn in_open_hours(case: &HolderCase<'_>) -> Finding {
    let shut = case
        .gate
        .open_hours()
        .find(|hours| !Window::parse(hours).is_ok_and(|window| window.contains(case.now)));
    match shut {
        Some(hours) => Finding::Deny(Reason::OutsideHours(hours.to_owned())),
        None => Finding::Silent,
    }
}

fn thread_is_open(case: &HolderCase<'_>) -> Finding {
    match case.reads.issues.get(&case.identity.thread.issue) {
        Some(ReadIssue::Found(found)) if found.open => Finding::Silent,
        Some(ReadIssue::Found(_) | ReadIssue::Gone) | None => Finding::Deny(Reason::ThreadClosed),
    }
}

fn repository_in_place(case: &HolderCase<'_>) -> Finding {
    match &case.reads.repository {
        Some(ReadRepository::Named(name)) if *name == case.board.repository => Finding::Silent,
        Some(ReadRepository::Named(name)) => Finding::Deny(Reason::Renamed(name.clone())),
        Some(ReadRepository::Gone) | None => Finding::Deny(Reason::Renamed("nowhere".to_owned())),
    }
}

fn something_left(case: &HolderCase<'_>) -> Finding {
    deny_if(granted(case).is_empty(), Reason::NothingLeft)
}

fn not_held(case: &HolderCase<'_>) -> Finding {
    match opening::held(case.board, case.state) {
        Some(why) => Finding::Deny(Reason::Held(why)),
        None => Finding::Silent,
    }
}

fn space_left(case: &HolderCase<'_>) -> Finding {
    deny_if(case.low_space, Reason::LowSpace)
}

fn clock_trusted(case: &HolderCase<'_>) -> Finding {
    match case.clock {
        Some(why) => Finding::Deny(Reason::Clock(why.to_owned())),
        None => Finding::Silent,
    }
}

fn history_whole(case: &HolderCase<'_>) -> Finding {
    deny_if(case.history_lost, Reason::HistoryLost)
}
