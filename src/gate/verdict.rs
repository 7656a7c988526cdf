//! The gate: rules that must all hold, and a verdict that names every reason why it is shut.
//!
//! Each rule is one function that allows, denies with a reason, or has nothing to say. Deny wins,
//! and silence denies: a gate that no rule allowed is shut. Two sets of rules: those that one
//! owner's yes must satisfy to be counted, however it came, and those that open the gate for what was
//! counted.

mod around;
pub use around::Around;
mod away;
pub use away::Away;
mod case;
pub use case::{Came, Case, CodeRead, Evidence, InComment, RestsOn, SourceRead};
mod counting;
pub(super) use counting::{IN_TIME, source_stands, summary_stands};
mod explained;
pub use explained::{Stand, findings, owners};
mod holder;
pub use holder::{HolderCase, holder_refusals, judge_holder};
mod opening;
mod people;
pub use people::could_approve;
mod place;
pub use place::{moved_repository, shut_place, shut_thread};
mod reason;
pub use reason::Reason;

use std::collections::BTreeSet;

use jiff::Timestamp;

use self::people::For;
use super::identity::Identity;
use super::ids::{Hash, UserId};
use super::judgement::Standing;
use super::policy::Gate;
use super::request::{Request, Wanted};
use super::thread::SlugOwner;

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It speaks for opening.
    Allow,
    /// It shuts, and why.
    Deny(Reason),
    /// It has nothing to say.
    Silent,
}

/// A request and everything that its gate must be judged against.
#[derive(Debug)]
pub struct Opened<'a> {
    /// What every gate looks at.
    pub around: Around<'a>,
    /// Who the slug belongs to.
    pub slug: Option<&'a SlugOwner>,
    /// The newest identity of that name.
    pub identity: Option<&'a Identity>,
    /// How the judges' newest judgements in the thread stand to the request.
    pub judgements: &'a [(UserId, Standing)],
}

impl<'a> Opened<'a> {
    /// What an owner would be counted for.
    fn asked(&self) -> For<'a> {
        For {
            bot: self.around.policy.bot,
            board: self.around.board,
            gate: Some(self.around.gate),
            request: self.around.request,
            identity: self.identity,
        }
    }
}

/// What the gate says.
#[derive(Debug)]
pub enum Verdict {
    /// Every rule holds.
    Open(Box<Opening>),
    /// It stays shut, and every reason for it.
    Shut(Vec<Reason>),
}

/// Proof that every rule held: for one digest that owners approved (`judge`), or for one successor of a
/// credential that came of such a digest (`judge_holder`). Nothing else makes one.
#[derive(Debug)]
pub struct Opening {
    request: Request,
    wanted: Wanted,
    approvers: BTreeSet<UserId>,
    scopes: BTreeSet<String>,
    ttl: u64,
    at: Timestamp,
    policy: Hash,
}

impl Opening {
    /// The request whose gate is open, or which the predecessor was granted for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What comes alive.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The owners who are counted.
    pub fn approvers(&self) -> &BTreeSet<UserId> {
        &self.approvers
    }

    /// What is granted: requested ∩ every restatement ∩ gate ∩ board ∩ every approver's ceiling.
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// The granted life, seconds.
    pub fn ttl(&self) -> u64 {
        self.ttl
    }

    /// When every rule held.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The policy that it was judged under.
    pub fn policy(&self) -> &Hash {
        &self.policy
    }
}

/// Judges whether one owner's yes counts. `Ok`: it does; `Err`: every reason why not.
pub fn count(case: &Case<'_>) -> Result<(), Vec<Reason>> {
    settle(counting::RULES.iter().map(|rule| rule(case)))
}

/// Judges a request with the approvals that count.
pub fn judge(case: &Opened<'_>) -> Verdict {
    match settle(opening::when_opening(case).map(|(_, finding)| finding)) {
        Err(reasons) => Verdict::Shut(reasons),
        Ok(()) => Verdict::Open(Box::new(Opening {
            request: case.around.request.clone(),
            wanted: case.around.request.effect.clone(),
            approvers: opening::counted(case),
            scopes: opening::granted(case),
            ttl: opening::granted_ttl(case),
            at: case.around.now,
            policy: case.around.policy_hash.clone(),
        })),
    }
}

/// Judges a request when it is asked: everything that could not be mended by an approval.
pub fn refusals(case: &Opened<'_>) -> Vec<Reason> {
    opening::when_asked(case)
        .filter_map(|finding| match finding {
            Finding::Deny(reason) => Some(reason),
            Finding::Allow | Finding::Silent => None,
        })
        .collect()
}

/// Denies on a condition; otherwise the rule has nothing to say.
fn deny_if(condition: bool, reason: Reason) -> Finding {
    if condition {
        Finding::Deny(reason)
    } else {
        Finding::Silent
    }
}

/// Denies if there is a reason; otherwise the rule has nothing to say.
fn deny_for(reason: Option<Reason>) -> Finding {
    reason.map_or(Finding::Silent, Finding::Deny)
}

/// Deny wins; silence denies.
fn settle(findings: impl Iterator<Item = Finding>) -> Result<(), Vec<Reason>> {
    let mut allowed = false;
    let mut reasons = Vec::new();
    for finding in findings {
        match finding {
            Finding::Allow => allowed = true,
            Finding::Deny(reason) => reasons.push(reason),
            Finding::Silent => {}
        }
    }
    if reasons.is_empty() && !allowed {
        reasons.push(Reason::Silence);
    }
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(reasons)
    }
}

/// What a gate demands that this version cannot check; such a gate is loaded and always shut.
pub fn cannot_check(gate: &Gate) -> Option<&'static str> {
    gate.factors.is_empty().then_some("no factor at all")
}

#[cfg(test)]
mod tests;
