//! What the bot says when something goes on, stands still or does less.

use jiff::Timestamp;

use super::super::command::Less;
use super::super::grant::GrantRecord;
use super::super::identity::Identity;
use super::super::ids::{RequestNumber, Slug};
use super::super::policy::Board;
use super::super::request::Request;
use super::super::time::{after, instant};
use super::escape::foreign;
use super::normal::spoken;
use super::reasons::codes;

/// The text of an issue that is opened for an operator's request.
pub fn opened_for(operator: &str, login: &str) -> String {
    format!(
        "{} (operator) asks here as {}. The request follows.",
        foreign(operator, 40),
        foreign(login, 40)
    )
}

/// A credential waits to be claimed.
pub fn claimable(
    request: &Request,
    slug: &Slug,
    grant: &GrantRecord,
    approvers: &str,
    until: Timestamp,
) -> String {
    format!(
        "**{} approved by {}: `{slug}`** · {} · ends {}\n{}: claim it with your verifier by {}. To take it back: `/gate revoke {slug}`",
        request.number,
        approvers,
        codes(&grant.scopes),
        instant(after(grant.at, grant.ttl)),
        foreign(&request.asker_login, 40),
        instant(until),
    )
}

/// A paused identity works again.
pub fn resumed(
    request: RequestNumber,
    identity: &Identity,
    approvers: &str,
    alive: &str,
) -> String {
    format!(
        "**{request} approved by {}: `{}` works again** · {} · {alive}. To stop it: `/gate pause {}`",
        approvers,
        identity.slug,
        codes(&identity.scopes),
        identity.slug,
    )
}

/// An identity has another owner.
pub fn owned(request: RequestNumber, slug: &Slug, owner: &str, approvers: &str) -> String {
    format!(
        "**{request} approved by {}: {} owns `{slug}` now**.",
        approvers,
        foreign(owner, 40)
    )
}

/// A board goes on.
pub fn thawed(request: RequestNumber, board: &Board, approvers: &str) -> String {
    format!(
        "**{request} approved by {}: {} goes on**. What was paused by itself stays paused.",
        approvers, board.name
    )
}

/// A board stands still.
pub fn frozen(board: &Board, reason: &str) -> String {
    format!(
        "**{} stands still**{reason}. Every credential of this board is refused and nothing can be asked here. `/gate thaw` asks its owners that it goes on; `/gate revoke` and the like work as before.",
        board.name
    )
}

/// A board stands still already.
pub fn frozen_again(board: &Board, since: Timestamp, reason: &str) -> String {
    format!(
        "**{} goes on standing still**{reason}, as it does since {}. What asked before this that it goes on does not undo it; `/gate thaw` asks its owners anew.",
        board.name,
        instant(since)
    )
}

/// An identity does less.
pub fn narrowed(identity: &Identity, less: &Less, reason: &str) -> String {
    let mut parts = vec![format!("may {}", codes(&identity.scopes))];
    if identity.scopes.is_empty() {
        parts = vec!["may nothing".to_owned()];
    }
    for (name, list) in [
        ("resources", &identity.resources),
        ("modes", &identity.modes),
    ] {
        if let Some(list) = list {
            parts.push(format!("only {name} {}", codes(list)));
        }
    }
    if let Some(ttl) = less.ttl {
        parts.push(format!("for {} more at most", spoken(ttl)));
    }
    format!(
        "**`{}` may do less now**{reason}: {}. That holds for each of its credentials, and only a new request widens it.",
        identity.slug,
        parts.join(", ")
    )
}
