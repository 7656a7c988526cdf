//! What the bot says because time goes by, and how a summary's first line tells a request's state.

use jiff::Timestamp;

use super::super::credential::Credential;
use super::super::ids::Slug;
use super::super::operator::HOST;
use super::super::policy::Board;
use super::super::request::{Request, RequestStatus};
use super::super::time::instant;
use super::asks;
use super::escape::{login, mention};
use super::people::person;

/// How a request stands, for the first line of its summary; `None` while nobody has said anything.
pub fn state(request: &Request, board: &Board, now: Timestamp) -> Option<String> {
    let approvers = || {
        let approvals = request.approvals.iter();
        let names: Vec<String> = approvals
            .map(|approval| person(board, approval.approver))
            .collect();
        names.join(" and ")
    };
    match &request.status {
        RequestStatus::Open if now >= request.ends_at => Some("ended".to_owned()),
        RequestStatus::Open if request.approvals.is_empty() => None,
        RequestStatus::Open => {
            let gate = board.gate(&request.effect.environment);
            let needed = gate.map_or(1, |gate| gate.quorum.max(1));
            Some(format!(
                "open, {} of {needed}: {}",
                request.approvals.len(),
                approvers()
            ))
        }
        RequestStatus::Approved => Some(format!("approved by {}", approvers())),
        RequestStatus::Denied(user) => Some(format!("denied by {}", person(board, *user))),
        RequestStatus::DeniedBy(host) if host == HOST => {
            Some("denied by the bot's host".to_owned())
        }
        RequestStatus::DeniedBy(operator) => {
            Some(format!("denied by operator {}", login(operator)))
        }
        RequestStatus::Withdrawn => Some("withdrawn".to_owned()),
        RequestStatus::Void(_) => Some("void".to_owned()),
    }
}

/// A summary's text with its state on the first line.
pub fn with_state(text: &str, state: Option<&str>) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match state {
        Some(state) => format!("{first} · **{state}**\n{rest}"),
        None => text.to_owned(),
    }
}

/// A request still waits.
pub fn reminder(request: &Request, owners: &str) -> String {
    format!(
        "**{} still waits** until {}: {}. {owners}",
        request.number,
        instant(request.ends_at),
        asks(request)
    )
}

/// A credential ends before long.
pub fn ends_soon(credential: &Credential, slug: &Slug, asker: Option<&str>) -> String {
    let asker = asker.map_or_else(String::new, |asker| format!("{}: ", mention(asker)));
    format!(
        "{asker}**`{slug}` {0} ends {1}.** `/gate rotate {slug} {0}` asks for a successor.",
        credential.number,
        instant(credential.expires_at)
    )
}

/// A credential has ended.
pub fn has_ended(credential: &Credential, slug: &Slug) -> String {
    format!(
        "**`{slug}` {0} has ended.** `/gate rotate {slug} {0}` asks for a successor.",
        credential.number
    )
}
