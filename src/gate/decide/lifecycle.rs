//! What happens to identities, credentials and requests, whoever caused it: pausing, revoking,
//! voiding, and the lists and derived rows that go with it.
//!
//! Everything here takes something away. The one road to something new is `approve.rs`.

use std::collections::BTreeSet;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::{Check, Credential, CredentialStatus};
use super::super::identity::{Ending, Identity, IdentityStatus};
use super::super::ids::{RequestNumber, ThreadKey, UserId};
use super::super::key::Key;
use super::super::request::{Request, RequestStatus};
use super::super::thread::{BoardState, OpenRequests, RecipientState, Thread};
use super::Draft;

/// Everybody who asked for something that lives or is open in this thread.
pub(super) fn requesters_of(draft: &Draft<'_>, thread: &Thread) -> BTreeSet<UserId> {
    let identities = thread
        .identities
        .iter()
        .filter_map(|number| draft.get::<Identity>(&Key::identity(*number)))
        .map(|identity| identity.requester);
    let requests = thread
        .requests
        .iter()
        .filter_map(|number| draft.get::<Request>(&Key::request(*number)))
        .filter_map(|request| request.asker());
    identities.chain(requests).collect()
}

/// The thread's living identities.
pub(super) fn living_in(draft: &Draft<'_>, thread: ThreadKey) -> Vec<Identity> {
    let record: Thread = draft.get_or_default(&Key::thread(thread));
    record
        .identities
        .iter()
        .filter_map(|number| draft.get::<Identity>(&Key::identity(*number)))
        .filter(Identity::is_living)
        .collect()
}

/// The thread's open requests.
pub(super) fn open_in(draft: &Draft<'_>, thread: ThreadKey) -> Vec<Request> {
    let record: Thread = draft.get_or_default(&Key::thread(thread));
    record
        .requests
        .iter()
        .filter_map(|number| draft.get::<Request>(&Key::request(*number)))
        .filter(|request| request.is_open(draft.now()))
        .collect()
}

/// Pauses an identity: every credential is refused from this line on. True if it was active.
pub(super) fn pause(draft: &mut Draft<'_>, identity: &mut Identity, by: &Actor, why: &str) -> bool {
    if identity.status != IdentityStatus::Active {
        return false;
    }
    let ending = Ending {
        by: by.clone(),
        at: draft.now(),
        why: why.to_owned(),
    };
    set_status(
        draft,
        identity,
        IdentityStatus::Paused(ending),
        "identity_paused",
        by,
        why,
    );
    true
}

/// Ends an identity with all its credentials. True if it was living.
pub(super) fn revoke(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    by: &Actor,
    why: &str,
) -> bool {
    if !identity.is_living() {
        return false;
    }
    let ending = Ending {
        by: by.clone(),
        at: draft.now(),
        why: why.to_owned(),
    };
    for number in identity.credentials.clone() {
        if let Some(mut credential) = draft.get::<Credential>(&Key::credential(number))
            && !matches!(credential.status, CredentialStatus::Revoked(_))
        {
            credential.status = CredentialStatus::Revoked(ending.clone());
            draft.put(Key::credential(number), &credential);
        }
    }
    set_status(
        draft,
        identity,
        IdentityStatus::Revoked(ending),
        "identity_revoked",
        by,
        why,
    );
    let key = Key::thread(identity.thread);
    let mut thread: Thread = draft.get_or_default(&key);
    thread
        .identities
        .retain(|number| *number != identity.number);
    draft.put(key, &thread);
    void_naming(draft, identity, why);
    true
}

/// Ends one credential; its identity stays. True if it was not revoked yet.
pub(super) fn revoke_credential(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    credential: &mut Credential,
    by: &Actor,
    why: &str,
) -> bool {
    if matches!(credential.status, CredentialStatus::Revoked(_)) {
        return false;
    }
    credential.status = CredentialStatus::Revoked(Ending {
        by: by.clone(),
        at: draft.now(),
        why: why.to_owned(),
    });
    draft.put(Key::credential(credential.number), credential);
    draft.put(Key::check(&credential.mac), &credential.check(identity));
    identity.recent.push(draft.now(), "credential_revoked", why);
    draft.put(Key::identity(identity.number), identity);
    draft.entry(
        Entry::new("credential_revoked", by.clone(), why)
            .in_thread(identity.thread)
            .about_identity(identity.number)
            .about_credential(credential.number),
    );
    true
}

/// Writes an identity's new status, the rows derived from it, the board's counts and the entry.
fn set_status(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    status: IdentityStatus,
    code: &str,
    by: &Actor,
    why: &str,
) {
    let before = word(&identity.status);
    identity.status = status;
    count_identity(draft, identity, Some(before));
    identity.recent.push(draft.now(), code, why);
    draft.put(Key::identity(identity.number), identity);
    write_checks(draft, identity);
    draft.entry(
        Entry::new(code, by.clone(), why)
            .in_thread(identity.thread)
            .about_identity(identity.number),
    );
}

/// Derives the rows that checks read anew.
pub(super) fn write_checks(draft: &mut Draft<'_>, identity: &Identity) {
    for number in &identity.credentials {
        if let Some(credential) = draft.get::<Credential>(&Key::credential(*number)) {
            draft.put(Key::check(&credential.mac), &credential.check(identity));
        }
    }
}

/// Keeps the board's counts of identities by status.
pub(super) fn count_identity(draft: &mut Draft<'_>, identity: &Identity, before: Option<&str>) {
    let key = Key::board(identity.board());
    let mut board: BoardState = draft.get_or_default(&key);
    if let Some(count) = before.and_then(|before| board.identities.get_mut(before)) {
        *count = count.saturating_sub(1);
    }
    *board
        .identities
        .entry(word(&identity.status).to_owned())
        .or_default() += 1;
    draft.put(key, &board);
}

fn word(status: &IdentityStatus) -> &'static str {
    match status {
        IdentityStatus::Active => "active",
        IdentityStatus::Paused(_) => "paused",
        IdentityStatus::Revoked(_) => "revoked",
        IdentityStatus::Released(_) => "released",
    }
}

/// Every open request of the board that names the identity's slug is void.
fn void_naming(draft: &mut Draft<'_>, identity: &Identity, why: &str) {
    let naming: OpenRequests = draft.get_or_default(&Key::naming(identity.board(), &identity.slug));
    for number in naming.requests {
        void(
            draft,
            number,
            &format!("`{}` was revoked: {why}", identity.slug),
        );
    }
}

/// Voids a request if it is still open. True if it was.
pub(super) fn void(draft: &mut Draft<'_>, number: RequestNumber, why: &str) -> bool {
    let Some(mut request) = draft.get::<Request>(&Key::request(number)) else {
        return false;
    };
    if request.status != RequestStatus::Open {
        return false;
    }
    draft.entry(
        Entry::new("request_void", Actor::Bot, why)
            .in_thread(request.thread)
            .about_request(number),
    );
    end(draft, &mut request, RequestStatus::Void(why.to_owned()));
    true
}

/// Gives a request its final status and takes it off every list.
pub(super) fn end(draft: &mut Draft<'_>, request: &mut Request, status: RequestStatus) {
    request.status = status;
    draft.put(Key::request(request.number), request);
    unlist(draft, request);
}

/// Takes a request off every list of open ones.
pub(super) fn unlist(draft: &mut Draft<'_>, request: &Request) {
    let number = request.number;
    let repository = request.thread.repository;

    let key = Key::thread(request.thread);
    let mut thread: Thread = draft.get_or_default(&key);
    thread.requests.retain(|open| *open != number);
    draft.put(key, &thread);

    let key = Key::board(repository);
    let mut board: BoardState = draft.get_or_default(&key);
    board.requests.remove(&number);
    draft.put(key, &board);

    if let Some(asker) = request.asker() {
        shorten(draft, Key::requester(repository, asker), number);
    }
    shorten(
        draft,
        Key::naming(repository, &request.effect.identity),
        number,
    );

    let key = Key::recipient(&request.effect.recipient);
    let mut recipient: RecipientState = draft.get_or_default(&key);
    recipient.requests.remove(&number);
    draft.put(key, &recipient);
}

/// Takes a number off one list, and the list away once it is empty.
fn shorten(draft: &mut Draft<'_>, key: Key, number: RequestNumber) {
    let mut list: OpenRequests = draft.get_or_default(&key);
    list.requests.remove(&number);
    if list.requests.is_empty() {
        draft.remove(key);
    } else {
        draft.put(key, &list);
    }
}

/// A live token stood in a text: it is revoked at once, whoever wrote it, and its thread is told.
pub(super) fn revoke_leaked(draft: &mut Draft<'_>, check: &Check, seen_in: ThreadKey) {
    let identity = draft.get::<Identity>(&Key::identity(check.identity));
    let credential = draft.get::<Credential>(&Key::credential(check.credential));
    let (Some(mut identity), Some(mut credential)) = (identity, credential) else {
        return;
    };
    let place = if seen_in == identity.thread {
        "in this thread".to_owned()
    } else if seen_in.repository == identity.board() {
        format!("in {}", seen_in.issue)
    } else {
        "on another board".to_owned()
    };
    let why = format!("its token stood in a text {place}");
    draft.use_reserve();
    if revoke_credential(draft, &mut identity, &mut credential, &Actor::Bot, &why) {
        let text = format!(
            "**`{}` {} is revoked**: {why}. Delete that text; whoever read it has the token.",
            identity.slug, credential.number
        );
        draft.tell(identity.thread, &text, None);
    }
}

/// A secret age key stood in a text: nothing is sealed to its recipient any more, open requests with
/// it are void, and credentials sealed to it that were not used yet are revoked. True if it was not
/// burnt before.
pub(super) fn burn_recipient(draft: &mut Draft<'_>, recipient: &str, seen_in: ThreadKey) -> bool {
    draft.use_reserve();
    let key = Key::recipient(recipient);
    let mut state: RecipientState = draft.get_or_default(&key);
    if state.burnt.is_some() {
        return false;
    }
    state.burnt = Some(draft.now());
    draft.put(key, &state);
    let why = "the secret key of its recipient stood in a text";
    let mut told = false;
    for number in &state.requests {
        told |= void(draft, *number, why);
    }
    for number in &state.credentials {
        let credential = draft.get::<Credential>(&Key::credential(*number));
        let identity = credential
            .as_ref()
            .and_then(|credential| draft.get::<Identity>(&Key::identity(credential.identity)));
        if let (Some(mut identity), Some(mut credential)) = (identity, credential)
            && matches!(credential.status, CredentialStatus::Pending(_))
            && revoke_credential(draft, &mut identity, &mut credential, &Actor::Bot, why)
        {
            let text = format!(
                "**`{}` {} is revoked**: {why}.",
                identity.slug, credential.number
            );
            draft.tell(identity.thread, &text, None);
        }
    }
    if told {
        let text = "A secret age key stood in a text here. Its recipient is burnt: open requests with it are void. Make a new key and ask anew.";
        draft.tell(seen_in, text, None);
    }
    true
}
