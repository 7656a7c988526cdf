//! Why a gate is shut, rule by rule, and how each owner stands to a request.
//!
//! It says what the rules of `opening` say and adds none: nothing opens by what is here.

use std::collections::BTreeSet;

use super::super::ids::UserId;
use super::super::policy::Factor;
use super::{Finding, Opened, benefits, brings, hands_on, opening, settle};

/// How an owner stands to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Has approved, and is counted.
    Counted,
    /// Could still approve.
    Missing,
    /// Is not counted whatever is said; every reason.
    Cannot(Vec<&'static str>),
}

/// What every rule says, by its name, and whether the gate is open.
pub fn findings(case: &Opened<'_>) -> (bool, Vec<(&'static str, Finding)>) {
    let all: Vec<(&'static str, Finding)> = opening::NAMES
        .iter()
        .zip(opening::RULES)
        .map(|(name, rule)| (*name, rule(case)))
        .collect();
    let open = settle(all.iter().map(|(_, finding)| finding.clone())).is_ok();
    (open, all)
}

/// How each owner of the board stands.
pub fn owners(case: &Opened<'_>) -> Vec<(UserId, Stand)> {
    let counted: BTreeSet<UserId> = opening::counted(case);
    let stand = |user: UserId| {
        if counted.contains(&user) {
            return Stand::Counted;
        }
        let why = why_not(case, user);
        if why.is_empty() {
            Stand::Missing
        } else {
            Stand::Cannot(why)
        }
    };
    let owners = case.board.owners.keys();
    owners.map(|user| (*user, stand(*user))).collect()
}

/// Why an owner could not be counted; nothing if it could.
fn why_not(case: &Opened<'_>, user: UserId) -> Vec<&'static str> {
    let Some(owner) = case.board.owner(user) else {
        return vec!["is no owner of this board"];
    };
    let lacks = |factor| case.gate.factors.contains(&factor) && !brings(owner, factor);
    let machine = user == case.policy.bot || case.board.machine_accounts.contains(&user);
    let asks = !case.gate.self_approval && benefits(case.request, case.identity, user);
    [
        (!owner.may_approve, "may not approve any more"),
        (machine, "is a machine account, which can never approve"),
        (asks, "asks for it or would benefit from it"),
        (
            !hands_on(owner, case.request),
            "may hand on nothing of what is asked",
        ),
        (
            lacks(Factor::Signature),
            "has no signing key in the configuration, and this gate demands a signature",
        ),
        (
            lacks(Factor::Code),
            "has no secret for one-time codes, and this gate demands one",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, why)| holds.then_some(why))
    .collect()
}
