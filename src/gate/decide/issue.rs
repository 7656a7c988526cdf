//! The gate is open: one credential, its identity, and the comment that delivers it.
//!
//! The only caller is `approve.rs` with an `Opening`; the grant made of it is used up here. If the
//! candidate that was minted while gathering is not for this request, nothing happens but the wish
//! for another.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::audit::{Entry, Recent};
use super::super::credential::{Credential, CredentialStatus};
use super::super::effect::{Reaction, Role};
use super::super::evidence::Need;
use super::super::grant::{Grant, GrantRecord, Terms};
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{CredentialNumber, IdentityNumber};
use super::super::key::Key;
use super::super::reply;
use super::super::request::{Request, RequestStatus};
use super::super::thread::{Counters, RecipientState, SlugOwner, Thread};
use super::super::time::after;
use super::super::verdict::Opening;
use super::comment::Said;
use super::{Draft, lifecycle};

/// Credentials of an identity that are remembered; ended ones beyond that are dropped.
const REMEMBERED: usize = 20;

/// Issues the credential.
pub(super) fn decide(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    opening: Opening,
    identity: Option<&Identity>,
) {
    let grant = Grant::from_opening(opening);
    let request = grant.request().clone();
    let candidate = said
        .reads
        .candidate
        .clone()
        .filter(|candidate| candidate.request == request.number);
    let Some(candidate) = candidate else {
        return draft.need(Need::Candidate {
            request: request.number,
            slug: request.effect.identity.clone(),
            recipient: request.effect.recipient.clone(),
        });
    };
    let mut counters: Counters = draft.get_or_default(&Key::counters());
    counters.credential += 1;
    let identity = grow(draft, said, &grant, identity, &mut counters);
    let sealed = candidate.sealed.clone();
    let issued = grant.issue(Terms {
        number: CredentialNumber(counters.credential),
        identity: identity.number,
        candidate,
        now: draft.now(),
        identity_ends: identity.expires_at,
        activation: draft.given.policy.activation,
    });
    let Some((credential, record)) = issued else {
        // Minted for another recipient or name: mint again, and nothing of this is kept.
        return draft.need(Need::Candidate {
            request: request.number,
            slug: request.effect.identity.clone(),
            recipient: request.effect.recipient.clone(),
        });
    };
    draft.put(Key::counters(), &counters);
    write(draft, said, request, identity, &credential, &record);
    deliver(draft, said, &credential, &sealed);
}

/// The identity that the credential is for: a living one that grows, or a new one.
fn grow(
    draft: &Draft<'_>,
    said: &Said<'_>,
    grant: &Grant,
    identity: Option<&Identity>,
    counters: &mut Counters,
) -> Identity {
    let request = grant.request();
    let wanted = &request.effect;
    let ends = after(draft.now(), draft.given.policy.identity_ttl);
    if let Some(living) = identity.filter(|identity| identity.is_living()) {
        let mut identity = living.clone();
        identity.scopes.extend(grant.scopes().iter().cloned());
        identity.resources = union(identity.resources, wanted.resources.as_ref());
        identity.modes = union(identity.modes, wanted.modes.as_ref());
        identity.expires_at = ends;
        return identity;
    }
    counters.identity += 1;
    Identity {
        number: IdentityNumber(counters.identity),
        slug: wanted.identity.clone(),
        display_name: request.display_name.clone(),
        thread: said.thread,
        requester: request.asker().unwrap_or(said.author),
        owner: request
            .approvals
            .iter()
            .map(|approval| approval.approver)
            .find(|user| grant.approvers().contains(user))
            .unwrap_or(said.author),
        scopes: grant.scopes().clone(),
        resources: wanted.resources.clone(),
        modes: wanted.modes.clone(),
        environment: wanted.environment.clone(),
        status: IdentityStatus::Active,
        created_at: draft.now(),
        expires_at: ends,
        last_rotated: None,
        credentials: Vec::new(),
        recent: Recent::default(),
    }
}

/// Not limited wins; otherwise both lists.
fn union(
    have: Option<BTreeSet<String>>,
    more: Option<&BTreeSet<String>>,
) -> Option<BTreeSet<String>> {
    let (mut have, more) = (have?, more?);
    have.extend(more.iter().cloned());
    Some(have)
}

fn write(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    mut request: Request,
    mut identity: Identity,
    credential: &Credential,
    record: &GrantRecord,
) {
    let new = identity.credentials.is_empty();
    identity.credentials.push(credential.number);
    // Written before the list is shortened: a credential that is not there yet looks ended.
    draft.put(Key::credential(credential.number), credential);
    forget_ended(draft, &mut identity);
    identity.recent.push(
        draft.now(),
        "credential_issued",
        &format!("{} for {}", credential.number, request.number),
    );
    draft.put(Key::grant(request.number), record);
    draft.put(Key::identity(identity.number), &identity);
    lifecycle::write_checks(draft, &identity);
    if new {
        lifecycle::count_identity(draft, &identity, None);
    }
    draft.put(
        Key::slug(&identity.slug),
        &SlugOwner {
            repository: identity.board(),
            requester: identity.requester,
            identity: identity.number,
            slug: identity.slug.clone(),
        },
    );
    let key = Key::thread(said.thread);
    let mut thread: Thread = draft.get_or_default(&key);
    if !thread.identities.contains(&identity.number) {
        thread.identities.push(identity.number);
        draft.put(key, &thread);
    }
    let key = Key::recipient(&credential.recipient);
    let mut recipient: RecipientState = draft.get_or_default(&key);
    recipient.credentials.insert(credential.number);
    while recipient.credentials.len() > 100 {
        recipient.credentials.pop_first();
    }
    draft.put(key, &recipient);
    lifecycle::end(draft, &mut request, RequestStatus::Approved);
    draft.entry(
        Entry::new(
            "credential_issued",
            said.actor(),
            format!("{} of `{}`", credential.number, identity.slug),
        )
        .in_thread(said.thread)
        .about_request(request.number)
        .about_identity(identity.number)
        .about_credential(credential.number)
        .with_facts(json!({
            "digest": record.digest,
            "approvers": record.approvers,
            "scopes": credential.scopes,
            "expires_at": credential.expires_at,
        })),
    );
}

/// Drops the oldest ended credentials from the identity's list; their own records stay.
fn forget_ended(draft: &Draft<'_>, identity: &mut Identity) {
    let now = draft.now();
    while identity.credentials.len() > REMEMBERED {
        let ended = identity.credentials.iter().position(|number| {
            draft
                .get::<Credential>(&Key::credential(*number))
                .is_none_or(|credential| !credential.is_living(now))
        });
        match ended {
            Some(place) => identity.credentials.remove(place),
            None => return,
        };
    }
}

fn deliver(draft: &mut Draft<'_>, said: &Said<'_>, credential: &Credential, sealed: &str) {
    let identity = draft.get::<Identity>(&Key::identity(credential.identity));
    let request = draft.get::<Request>(&Key::request(credential.request));
    let (Some(identity), Some(request)) = (identity, request) else {
        return;
    };
    let approvers: Vec<&str> = credential
        .approvers
        .iter()
        .filter_map(|user| said.board.owner(*user))
        .map(|owner| owner.login.as_str())
        .collect();
    let pending_until = match &credential.status {
        CredentialStatus::Pending(until) => *until,
        CredentialStatus::Active(_) | CredentialStatus::Grace(_) | CredentialStatus::Revoked(_) => {
            credential.expires_at
        }
    };
    let body = reply::credential(
        credential,
        &identity.slug,
        &request.asker_login,
        &approvers,
        sealed,
        pending_until,
        draft.given.seq,
    );
    draft.outcome("approve", "issued");
    draft.react(said.thread, said.comment(), Reaction::Yes);
    draft.post(said.thread, Role::Credential(credential.number), body);
}
