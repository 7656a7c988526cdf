//! Why a gate is shut, rule by rule, and how each owner stands to a request.
//!
//! It says what the rules of `opening` say and adds none: nothing opens by what is here.

use std::collections::BTreeSet;

use super::super::ids::UserId;
use super::people::{Bar, bars};
use super::{Finding, Opened, opening, settle};

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
    let all: Vec<(&'static str, Finding)> = opening::when_opening(case).collect();
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
    let owners = case.around.board.owners.keys();
    owners.map(|user| (*user, stand(*user))).collect()
}

/// Why an owner could not be counted; nothing if it could.
fn why_not(case: &Opened<'_>, user: UserId) -> Vec<&'static str> {
    let word = |bar| match bar {
        Bar::NotAnOwner => "is no owner of this board",
        Bar::MayNotApprove => "may not approve any more",
        Bar::Machine => "is a machine account, which can never approve",
        Bar::Benefits => "asks for it or would benefit from it",
        Bar::HandsOnNothing => "may hand on nothing of what is asked",
        Bar::NoKey => "has no signing key in the configuration, and this gate demands a signature",
        Bar::NoCode => "has no secret for one-time codes, and this gate demands one",
    };
    bars(case.asked(), user).into_iter().map(word).collect()
}
