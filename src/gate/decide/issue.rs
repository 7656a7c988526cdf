//! The gate is open for a token: one credential, its identity, and the comment that delivers it.
//!
//! The callers have an `Opening`: an owner's approval that opened the gate, or a claim for which it
//! was asked once more. The grant made of it is used up here. If the candidate that was minted while
//! gathering is not for this request, nothing happens but the wish for another.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::{Entry, Recent};
use super::super::credential::{Credential, CredentialStatus};
use super::super::due::Due;
use super::super::effect::{Reaction, Role};
use super::super::evidence::{Candidate, Need};
use super::super::grant::{Grant, GrantRecord, Terms};
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{CredentialNumber, IdentityNumber, RequestNumber, UserId};
use super::super::key::Key;
use super::super::policy::Board;
use super::super::reply::{self, people};
use super::super::request::{Action, Request, RequestStatus, Wanted};
use super::super::thread::{Counters, RecipientState, SlugOwner, Thread};
use super::super::time::{after, seconds_between};
use super::super::verdict::Opening;
use super::said::Said;
use super::{Draft, lifecycle};

/// Seconds of a day.
const DAY: u64 = 86_400;
/// Credentials of an identity that are remembered; ended ones beyond that are dropped.
const REMEMBERED: usize = 20;

/// An owner's approval opened the gate: the credential is sealed into the thread, or waits for its
/// claim.
pub(super) fn decide(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    opening: Opening,
    identity: Option<&Identity>,
) {
    if opening.request().effect.challenge.is_some() {
        return keep(draft, said, opening, identity);
    }
    let grant = Grant::from_opening(opening);
    let request = grant.request().clone();
    let minted = said.reads.candidate.as_ref();
    let Some(candidate) = candidate_for(draft, request.number, &request.effect, minted) else {
        return;
    };
    let sealed = candidate.sealed.clone();
    let granted_at = draft.now();
    let made = grow(draft, &grant, identity, said.author)
        .and_then(|identity| make(draft, grant, identity, candidate, granted_at, &said.actor()));
    let mut request = request;
    match made {
        Some(credential) => {
            lifecycle::end(draft, &mut request, RequestStatus::Approved);
            deliver(draft, said, &request, &credential, &sealed);
        }
        // Minted for something else: nothing of this is kept, and another is wanted.
        None => drop(candidate_for(draft, request.number, &request.effect, None)),
    }
}

/// The candidate that was minted for this request, or the wish for one.
pub(super) fn candidate_for(
    draft: &mut Draft<'_>,
    request: RequestNumber,
    wanted: &Wanted,
    minted: Option<&Candidate>,
) -> Option<Candidate> {
    let slug = wanted.identity.clone()?;
    let fits = minted.filter(|candidate| {
        candidate.request == request
            && candidate.slug == slug
            && candidate.recipient == wanted.recipient
    });
    if fits.is_none() {
        draft.need(Need::Candidate {
            request,
            slug,
            recipient: wanted.recipient.clone(),
        });
    }
    fits.cloned()
}

/// The grant waits for whoever shows the verifier; its name is reserved from now on.
fn keep(draft: &mut Draft<'_>, said: &Said<'_>, opening: Opening, identity: Option<&Identity>) {
    let grant = Grant::from_opening(opening);
    let mut request = grant.request().clone();
    let Some(identity) = grow(draft, &grant, identity, said.author) else {
        return;
    };
    let until = claim_until(draft, draft.now(), grant.ttl());
    let record = GrantRecord {
        identity: Some(identity.number),
        ..grant.keep()
    };
    draft.put(Key::grant(request.number), &record);
    write_identity(draft, &identity);
    waits(draft, &request);
    lifecycle::end(draft, &mut request, RequestStatus::Approved);
    draft.entry(
        Entry::new(
            "claim_granted",
            said.actor(),
            format!("a credential of `{}` may be claimed", identity.slug),
        )
        .in_thread(said.thread)
        .about_request(request.number)
        .about_identity(identity.number)
        .with_facts(json!({
            "digest": record.digest,
            "approvers": record.approvers,
            "scopes": record.scopes,
            "ttl": record.ttl,
        })),
    );
    let approvers = names(said.board, &record.approvers);
    let text = reply::claimable(&request, &identity.slug, &record, &approvers, until);
    draft.outcome("approve", "claimable");
    draft.react(said.thread, said.comment(), Reaction::Yes);
    draft.tell(said.thread, &text, Some(request.number));
}

/// Lists a request whose token waits to be claimed, without those that nobody can claim any more.
fn waits(draft: &mut Draft<'_>, request: &Request) {
    let key = Key::thread(request.thread);
    let mut thread: Thread = draft.get_or_default(&key);
    thread.claims.retain(|number| {
        draft
            .get::<GrantRecord>(&Key::grant(*number))
            .is_some_and(|grant| draft.now() < claim_until(draft, grant.at, grant.ttl))
    });
    thread.claims.push(request.number);
    draft.put(key, &thread);
}

/// Until when a grant can be claimed: as long as a sealed credential waits for its first use.
pub(super) fn claim_until(draft: &Draft<'_>, granted_at: Timestamp, ttl: u64) -> Timestamp {
    after(granted_at, draft.given.policy.activation.min(ttl))
}

/// Who approved, for a sentence.
pub(super) fn names(board: &Board, users: &BTreeSet<UserId>) -> String {
    people::owners(board, users.iter().copied(), " and ")
}

/// The identity that the credential is for: a living one that grows, or a new one.
fn grow(
    draft: &mut Draft<'_>,
    grant: &Grant,
    identity: Option<&Identity>,
    approver: UserId,
) -> Option<Identity> {
    let request = grant.request();
    let wanted = &request.effect;
    let ends = after(draft.now(), draft.given.policy.identity_ttl);
    if let Some(living) = identity.filter(|identity| identity.is_living()) {
        let mut identity = living.clone();
        identity.expires_at = ends;
        if request.action == Action::Rotate {
            // A successor may do what its predecessor may: the identity grows by nothing.
            identity.last_rotated = Some(draft.now());
            return Some(identity);
        }
        identity.scopes.extend(grant.scopes().iter().cloned());
        identity.resources = union(identity.resources, wanted.resources.as_ref());
        identity.modes = union(identity.modes, wanted.modes.as_ref());
        return Some(identity);
    }
    let slug = wanted.identity.clone()?;
    let mut counters: Counters = draft.get_or_default(&Key::counters());
    counters.identity += 1;
    draft.put(Key::counters(), &counters);
    let new = Identity {
        number: IdentityNumber(counters.identity),
        slug,
        display_name: request.display_name.clone(),
        thread: request.thread,
        requester: request.asker().unwrap_or(approver),
        owner: request
            .approvals
            .iter()
            .map(|approval| approval.approver)
            .find(|user| grant.approvers().contains(user))
            .unwrap_or(approver),
        scopes: grant.scopes().clone(),
        resources: wanted.resources.clone(),
        modes: wanted.modes.clone(),
        environment: wanted.environment.clone(),
        status: IdentityStatus::Active,
        created_at: draft.now(),
        expires_at: ends,
        resumed_at: None,
        last_rotated: None,
        credentials: Vec::new(),
        recent: Recent::default(),
    };
    lifecycle::count_identity(draft, &new, None);
    Some(new)
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

/// Makes the credential that a request's grant permits. `None` if the candidate does not fit.
pub(super) fn make(
    draft: &mut Draft<'_>,
    grant: Grant,
    identity: Identity,
    candidate: Candidate,
    granted_at: Timestamp,
    by: &Actor,
) -> Option<Credential> {
    let (credential, record) = write(draft, grant, identity, candidate, granted_at, by)?;
    draft.put(Key::grant(credential.request), &record);
    Some(credential)
}

/// Writes a credential down: number, records, rows, the entry. `None` if the candidate does not fit.
pub(super) fn write(
    draft: &mut Draft<'_>,
    grant: Grant,
    mut identity: Identity,
    candidate: Candidate,
    granted_at: Timestamp,
    by: &Actor,
) -> Option<(Credential, GrantRecord)> {
    let mut counters: Counters = draft.get_or_default(&Key::counters());
    counters.credential += 1;
    let number = CredentialNumber(counters.credential);
    let predecessor = grant.wanted().predecessor;
    let predecessor =
        predecessor.and_then(|number| draft.get::<Credential>(&Key::credential(number)));
    let (credential, record) = grant.issue(Terms {
        number,
        identity: identity.number,
        candidate,
        now: draft.now(),
        granted_at,
        line: predecessor.as_ref().map(|old| (old.family, old.generation)),
        label: predecessor.as_ref().and_then(|old| old.label.clone()),
        identity_ends: identity.expires_at,
        activation: draft.given.policy.activation,
    })?;
    draft.put(Key::counters(), &counters);
    if let Some(mut old) = predecessor {
        old.successor = Some(number);
        draft.put(Key::credential(old.number), &old);
    }
    identity.credentials.push(number);
    // Written before the list is shortened: a credential that is not there yet looks ended.
    draft.put(Key::credential(number), &credential);
    forget_ended(draft, &mut identity);
    identity.recent.push(
        draft.now(),
        "credential_issued",
        &format!("{number} for {}", credential.request),
    );
    let record = GrantRecord {
        identity: Some(identity.number),
        ..record
    };
    write_identity(draft, &identity);
    if let Some(recipient) = &credential.recipient {
        let key = Key::recipient(recipient);
        let mut recipient: RecipientState = draft.get_or_default(&key);
        recipient.credentials.insert(number);
        while recipient.credentials.len() > 100 {
            recipient.credentials.pop_first();
        }
        draft.put(key, &recipient);
    }
    announce_end(draft, &credential);
    issued(draft, &identity, &credential, &record, by);
    Some((credential, record))
}

/// The end of a credential that lives for more than a day is announced in time, and said.
pub(super) fn announce_end(draft: &mut Draft<'_>, credential: &Credential) {
    if let Some(warn_at) = warn_at(credential) {
        draft.due(warn_at, &Due::WarnEnd(credential.number));
        draft.due(credential.expires_at, &Due::SayEnd(credential.number));
    }
}

/// When it is announced that a credential ends; `None` for one that lives for a day or less.
pub(super) fn warn_at(credential: &Credential) -> Option<Timestamp> {
    let life = seconds_between(credential.issued_at, credential.expires_at);
    let life = u64::try_from(life).unwrap_or(0);
    let before = (life / 10).min(7 * DAY);
    (life > DAY).then(|| after(credential.issued_at, life - before))
}

/// What happened, for the audit.
fn issued(
    draft: &mut Draft<'_>,
    identity: &Identity,
    credential: &Credential,
    record: &GrantRecord,
    by: &Actor,
) {
    let number = credential.number;
    draft.entry(
        Entry::new(
            "credential_issued",
            by.clone(),
            format!("{number} of `{}`", identity.slug),
        )
        .in_thread(identity.thread)
        .about_request(credential.request)
        .about_identity(identity.number)
        .about_credential(number)
        .with_facts(json!({
            "digest": record.digest,
            "approvers": record.approvers,
            "scopes": credential.scopes,
            "expires_at": credential.expires_at,
        })),
    );
}

/// Writes an identity that got something, its rows, its name and its place in the thread.
fn write_identity(draft: &mut Draft<'_>, identity: &Identity) {
    draft.put(Key::identity(identity.number), identity);
    lifecycle::write_checks(draft, identity);
    draft.put(
        Key::slug(&identity.slug),
        &SlugOwner {
            repository: identity.board(),
            requester: identity.requester,
            identity: identity.number,
            slug: identity.slug.clone(),
        },
    );
    let key = Key::thread(identity.thread);
    let mut thread: Thread = draft.get_or_default(&key);
    if !thread.identities.contains(&identity.number) {
        thread.identities.push(identity.number);
        draft.put(key, &thread);
    }
}

/// Drops the oldest ended credentials from the identity's list; their own records stay.
pub(super) fn forget_ended(draft: &Draft<'_>, identity: &mut Identity) {
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

fn deliver(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    request: &Request,
    credential: &Credential,
    sealed: &str,
) {
    let Some(slug) = &request.effect.identity else {
        return;
    };
    let pending_until = match &credential.status {
        CredentialStatus::Pending(until) => *until,
        CredentialStatus::Active(_)
        | CredentialStatus::Grace(_)
        | CredentialStatus::Paused(_)
        | CredentialStatus::Revoked(_) => credential.expires_at,
    };
    let with = reply::Delivery {
        slug,
        asker: &request.asker_login,
        approvers: &names(said.board, &credential.approvers),
        sealed,
        pending_until,
        grace: draft.given.policy.grace,
    };
    let body = reply::credential(credential, &with, draft.given.seq);
    draft.outcome("approve", "issued");
    draft.react(said.thread, said.comment(), Reaction::Yes);
    draft.post(said.thread, Role::Credential(credential.number), body);
}
