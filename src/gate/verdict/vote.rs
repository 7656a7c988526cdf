//! The rules for an owner's signature that an operator brings: those for a comment that make sense
//! without one, and those for a time when the forge is away.
//!
//! It satisfies the factor `signature` and no other. Everything else that an approval rests on is read
//! again as for a comment; with the forge away, only a gate that says so counts it, in a thread that was
//! last seen open and while nothing waits that may say otherwise.

use super::super::policy::Factor;
use super::super::request::Action;
use super::super::signed::Signature;
use super::super::thread::LastSeen;
use super::counting::{
    cooled_off, deny_if, did_not_ask, first_of_this_owner, gate, in_open_hours, is_no_machine,
    is_owner, may_approve, no_longer_life, no_wider_scopes, repository_in_place, request_is_open,
    restated, right_code, signed, source_unchanged, summary_unchanged, thread_is_open,
    vouches_truly,
};
use super::{Case, Finding, Reason, settle};

/// One rule.
type Rule = fn(&Case<'_>) -> Finding;

/// The rules that hold with the forge and without.
const ALWAYS: [Rule; 15] = [
    is_owner,
    may_approve,
    did_not_ask,
    is_no_machine,
    cooled_off,
    in_open_hours,
    alone,
    signed,
    vouches_truly,
    right_code,
    restated,
    no_wider_scopes,
    no_longer_life,
    first_of_this_owner,
    request_is_open,
];

/// What has to be so on the forge.
const READ_AGAIN: [Rule; 5] = [
    shown,
    source_unchanged,
    summary_unchanged,
    thread_is_open,
    repository_in_place,
];

/// The forge is away: what the records say instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// Whether the gate counts signatures meanwhile.
    pub offline: bool,
    /// How the thread stood when it was last read.
    pub seen: Option<LastSeen>,
    /// Whether something waits for the forge that may stop what is asked.
    pub waits: bool,
}

/// Judges whether a signature counts. `Ok`: it does; `Err`: every reason why not.
pub fn count_vote(case: &Case<'_>, away: Option<&Away>) -> Result<(), Vec<Reason>> {
    let always = ALWAYS.iter().map(|rule| rule(case));
    match away {
        None => settle(always.chain(READ_AGAIN.iter().map(|rule| rule(case)))),
        Some(away) => {
            let thaws = case.request.action == Action::Thaw;
            let shut = away_refusals(away).into_iter().map(Finding::Deny);
            settle(
                always
                    .chain(shut)
                    .chain([deny_if(thaws, Reason::ForgeAway)]),
            )
        }
    }
}

/// Why nothing may widen in a thread while the forge is away, if so.
pub fn away_refusals(away: &Away) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !away.offline {
        reasons.push(Reason::ForgeAway);
    } else if !away.seen.is_some_and(|seen| seen.open) {
        reasons.push(Reason::NotSeenOpen);
    } else if away.waits {
        reasons.push(Reason::Unread);
    }
    reasons
}

/// A signature is all that it brings.
fn alone(case: &Case<'_>) -> Finding {
    let demands = |factor: Factor| gate(case).is_some_and(|gate| gate.factors.contains(&factor));
    if demands(Factor::Comment) {
        Finding::Deny(Reason::SignatureAlone("a comment"))
    } else if demands(Factor::Code) {
        Finding::Deny(Reason::SignatureAlone("a one-time code"))
    } else {
        deny_if(*case.signature == Signature::Absent, Reason::NotSigned)
    }
}

/// Whoever is in the thread was told before anything opens.
fn shown(case: &Case<'_>) -> Finding {
    deny_if(case.request.summary.is_none(), Reason::NotShown)
}
