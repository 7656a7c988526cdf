//! What every gate looks at, whoever wants something to live: the rules in force, the board's own state,
//! and whether this bot can be relied on now.
//!
//! The rules that look at nothing else stand here, once for what owners are asked and for what a holder
//! wants by itself.

use jiff::Timestamp;

use super::super::ids::Hash;
use super::super::policy::{Board, Gate, Policy};
use super::super::request::Request;
use super::super::thread::{BoardState, Standstill};
use super::{Finding, Reason, deny_for, deny_if};

/// What stands around a request.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
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
    /// The gate.
    pub gate: &'a Gate,
    /// The request, with the approvals that count; for a holder that which its credential was granted
    /// for.
    pub request: &'a Request,
    /// True if the recipient's secret key was seen in a text.
    pub burnt: bool,
    /// True below the reserve of the disk.
    pub low_space: bool,
    /// Why the clock cannot be trusted, if so.
    pub clock: Option<&'a str>,
    /// True if lines of the journal are missing and no operator has accepted that.
    pub history_lost: bool,
}

pub(super) fn recipient_safe(around: &Around<'_>) -> Finding {
    deny_if(around.burnt, Reason::RecipientBurnt)
}

/// An owner who is called otherwise than the configuration says may be somebody else now.
pub(super) fn not_held(around: &Around<'_>) -> Finding {
    let held = around.state.holds.values().find_map(|hold| {
        let expected = hold.expected(around.board)?;
        Some(format!(
            "owner {} is called {} now, not {expected}",
            hold.user, hold.found
        ))
    });
    deny_for(held.map(Reason::Held))
}

pub(super) fn space_left(around: &Around<'_>) -> Finding {
    deny_if(around.low_space, Reason::LowSpace)
}

pub(super) fn clock_trusted(around: &Around<'_>) -> Finding {
    deny_for(around.clock.map(|why| Reason::Clock(why.to_owned())))
}

/// What was denied or revoked may be among the lines that are missing.
pub(super) fn history_whole(around: &Around<'_>) -> Finding {
    deny_if(around.history_lost, Reason::HistoryLost)
}
