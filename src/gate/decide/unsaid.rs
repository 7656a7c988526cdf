//! An operator asks for something or brings a signature, and no text on the forge says it: who it is
//! taken to be by, and what stands for that text.
//!
//! What stands for it is looked at for its place and its author alone. It has no comment: no rule for
//! comments holds of it, and nothing is reacted to.

use jiff::Timestamp;

use super::super::actor::Actor;
use super::super::event::{Accepted, Road, What};
use super::super::evidence::Reads;
use super::super::ids::{Hash, ThreadKey, UserId};
use super::super::key::Subject;
use super::super::operator::{By, Right};
use super::super::policy::Board;
use super::super::thread::Seen;
use super::super::verdict::CodeRead;
use super::Draft;
use super::said::Said;

/// An operator in the audit.
pub(super) fn actor(operator: &str) -> Actor {
    Actor::Operator(operator.to_owned())
}

/// Who asks: the forge's account of an operator who may ask on this board.
pub(super) fn asks_as(draft: &Draft<'_>, by: &By, board: &Board) -> Result<UserId, String> {
    let policy = &draft.given.policy;
    by.may_on(policy, Right::Request, board.repository_id)
        .map_err(|denied| denied.to_string())?;
    let operator = by.operator(policy).map_err(|denied| denied.to_string())?;
    operator
        .and_then(|operator| operator.forge_id)
        .ok_or_else(|| "that operator has no `forge_id` to ask as".to_owned())
}

/// What stands for a delivery.
pub(super) fn accepted(now: Timestamp, thread: ThreadKey, author: UserId) -> Accepted {
    Accepted {
        road: Road::Hook,
        repository: thread.repository,
        issue: thread.issue,
        unverified_sender: Some(author),
        at: now,
        what: What::Screened,
        urgent: false,
        stood_still: false,
    }
}

/// What stands for the text, by an author who is shown as that login.
pub(super) fn said<'a>(
    board: &'a Board,
    accepted: &'a Accepted,
    (author, login): (UserId, &'a str),
    body: &'a Hash,
    reads: &'a Reads,
) -> Said<'a> {
    let thread = accepted.thread();
    Said {
        board,
        accepted,
        reads,
        thread,
        subject: Subject::Issue(thread.issue.0),
        author,
        login,
        body,
        found: None,
        seen: Seen::new(body.clone(), accepted.at),
        code: CodeRead::Absent,
    }
}
