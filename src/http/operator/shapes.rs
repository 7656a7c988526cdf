//! Identities, credentials and requests as operators see them: fields whose names stay.
//!
//! Nothing secret is among them: no MAC, no sealed file. Every time is RFC 3339 in UTC.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::gate::credential::{Check, Credential, CredentialKind, CredentialStatus};
use crate::gate::identity::{Ending, Identity, IdentityStatus};
use crate::gate::ids::{ThreadKey, UserId};
use crate::gate::policy::{Board, Policy};
use crate::gate::request::{Request, RequestStatus};
use crate::gate::time::rfc3339;

/// Where something belongs.
fn place(thread: ThreadKey, policy: &Policy) -> Value {
    json!({
        "board": policy.board(thread.repository).map(|board| &board.name),
        "repository_id": thread.repository,
        "issue": thread.issue,
    })
}

/// Adds the members of one object to another.
fn with(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

/// An owner's login as configured.
fn login(board: Option<&Board>, user: UserId) -> Option<&str> {
    Some(board?.owner(user)?.login.as_str())
}

/// One identity in a list.
pub(super) fn identity(identity: &Identity, policy: &Policy, now: Timestamp) -> Value {
    let ending = match &identity.status {
        IdentityStatus::Active => None,
        IdentityStatus::Paused(ending)
        | IdentityStatus::Revoked(ending)
        | IdentityStatus::Released(ending) => Some(ending),
    };
    let numbers = identity.credentials.iter().map(ToString::to_string);
    with(
        json!({
            "identity": identity.slug,
            "identity_id": identity.number,
            "display_name": identity.display_name,
            "environment": identity.environment,
            "status": identity.word(now),
            "since": ending.map(since),
            "requester_id": identity.requester,
            "owner_id": identity.owner,
            "owner": login(policy.board(identity.board()), identity.owner),
            "scopes": identity.scopes,
            "resources": identity.resources,
            "modes": identity.modes,
            "created_at": rfc3339(identity.created_at),
            "expires_at": rfc3339(identity.expires_at),
            "last_rotated_at": identity.last_rotated.map(rfc3339),
            "credentials": numbers.collect::<Vec<_>>(),
        }),
        place(identity.thread, policy),
    )
}

/// Who stopped something, when and why.
fn since(ending: &Ending) -> Value {
    json!({
        "by": ending.by.to_string(),
        "at": rfc3339(ending.at),
        "why": ending.why,
    })
}

/// One credential. `home` is its identity, or `None` for one that stands alone.
pub(super) fn credential(
    credential: &Credential,
    home: Option<&Identity>,
    last_used: Option<Timestamp>,
    policy: &Policy,
    now: Timestamp,
) -> Value {
    let check = match home {
        Some(identity) => Some(credential.check(identity)),
        None => credential.check_alone(),
    };
    let ends = check
        .as_ref()
        .map_or(credential.expires_at, |check| check.expires_at);
    let (activate_by, ending) = match &credential.status {
        CredentialStatus::Pending(until) => (Some(*until), None),
        CredentialStatus::Active(_) | CredentialStatus::Grace(_) => (None, None),
        CredentialStatus::Paused(ending) | CredentialStatus::Revoked(ending) => {
            (None, Some(ending))
        }
    };
    let grace = match &credential.status {
        CredentialStatus::Grace(until) => Some(*until),
        CredentialStatus::Pending(_)
        | CredentialStatus::Active(_)
        | CredentialStatus::Paused(_)
        | CredentialStatus::Revoked(_) => None,
    };
    let kind = match credential.kind {
        CredentialKind::Token => "token",
        CredentialKind::Legacy => "legacy",
    };
    let number = |number: Option<_>| {
        number.map(|number: crate::gate::ids::CredentialNumber| number.to_string())
    };
    json!({
        "credential": credential.number.to_string(),
        "identity": home.map(|identity| &identity.slug),
        "kind": kind,
        "label": credential.label,
        "status": credential.word(now),
        "since": ending.map(since),
        "works": check.as_ref().is_some_and(|check| works(check, policy, now)),
        "scopes": credential.scopes,
        "scopes_now": check.and_then(|check| check.live(policy, now)).map(|live| live.scopes),
        "resources": credential.resources,
        "modes": credential.modes,
        "request": credential.request.to_string(),
        "approver_ids": credential.approvers,
        "issued_at": rfc3339(credential.issued_at),
        "expires_at": rfc3339(ends),
        "activate_by": activate_by.map(rfc3339),
        "grace_until": grace.map(rfc3339),
        "last_used_at": last_used.map(rfc3339),
        "predecessor": number(credential.predecessor),
        "successor": number(credential.successor),
    })
}

fn works(check: &Check, policy: &Policy, now: Timestamp) -> bool {
    check.clone().live(policy, now).is_some()
}

/// One request in a list.
pub(super) fn request(request: &Request, policy: &Policy, now: Timestamp) -> Value {
    let board = policy.board(request.thread.repository);
    let gate = board.and_then(|board| board.gate(&request.effect.environment));
    let decided = match &request.status {
        RequestStatus::Open | RequestStatus::Approved | RequestStatus::Withdrawn => None,
        RequestStatus::Denied(user) => Some(format!("by user:{user}")),
        RequestStatus::DeniedBy(operator) => Some(format!("by operator:{operator}")),
        RequestStatus::Void(why) => Some(why.clone()),
    };
    let approvers = request.approvals.iter().map(|approval| approval.approver);
    with(
        json!({
            "request": request.number.to_string(),
            "action": request.action.word(),
            "identity": request.effect.identity,
            "status": request.word(now),
            "why": decided,
            "requester": request.requester.to_string(),
            "requester_login": request.asker_login,
            "environment": request.effect.environment,
            "scopes": request.effect.scopes,
            "ttl": request.effect.ttl,
            "label": request.label,
            "reason": request.reason,
            "asked_at": rfc3339(request.asked_at),
            "ends_at": rfc3339(request.ends_at),
            "approver_ids": approvers.collect::<Vec<_>>(),
            "quorum": gate.map(|gate| gate.quorum.max(1)),
        }),
        place(request.thread, policy),
    )
}
