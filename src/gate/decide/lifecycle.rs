//! What happens to identities, credentials and requests, whoever caused it: pausing, revoking,
//! voiding, and the lists and derived rows that go with it.
//!
//! Everything here takes something away. The one road to something new is `yes.rs`.

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::{Credential, CredentialStatus};
use super::super::grant::{GrantRecord, GrantStatus};
use super::super::identity::{Ending, Identity, IdentityStatus};
use super::super::ids::{RepositoryId, RequestNumber, ThreadKey};
use super::super::key::Key;
use super::super::request::{Action, Request, RequestStatus};
use super::super::thread::{BoardState, OpenRequests, RecipientState, Thread};
use super::{Draft, import, known, state};

/// Pauses an identity: every credential is refused from this line on. True if it was active.
pub(super) fn pause(draft: &mut Draft<'_>, identity: &mut Identity, by: &Actor, why: &str) -> bool {
    if identity.status != IdentityStatus::Active {
        return false;
    }
    draft.use_reserve();
    let ending = Ending {
        by: by.clone(),
        at: draft.now(),
        why: why.to_owned(),
    };
    // Resuming names what would work again; what nobody holds yet is not among it.
    void_claims(draft, identity);
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

/// Somebody stops what stands still already: what asks that it goes on was asked before that, and is
/// void. Which requests those were.
pub(super) fn void_resumes(
    draft: &mut Draft<'_>,
    identity: &Identity,
    why: &str,
) -> Vec<RequestNumber> {
    if !matches!(identity.status, IdentityStatus::Paused(_)) {
        return Vec::new();
    }
    let naming: OpenRequests = draft.get_or_default(&Key::naming(identity.board(), &identity.slug));
    let asks_on = |draft: &Draft<'_>, number: &RequestNumber| {
        draft
            .get::<Request>(&Key::request(*number))
            .is_some_and(|request| request.action == Action::Resume && request.is_open(draft.now()))
    };
    let why = format!("`{}` was paused again: {why}", identity.slug);
    naming
        .requests
        .into_iter()
        .filter(|number| asks_on(draft, number))
        .collect::<Vec<_>>()
        .into_iter()
        .filter(|number| void(draft, *number, &why))
        .collect()
}

/// For the answer to what stops an identity: what nobody has claimed of it is void. Nothing, if there is
/// no such thing.
pub(super) fn unclaimed(draft: &Draft<'_>, identity: &Identity) -> String {
    let void: Vec<String> = known::claims_in(draft, identity.thread)
        .iter()
        .filter(|(_, grant)| grant.identity == Some(identity.number))
        .map(|(request, _)| request.number.to_string())
        .collect();
    if void.is_empty() {
        return String::new();
    }
    format!(
        " What {} granted and nobody has claimed is void.",
        void.join(" and ")
    )
}

/// What an identity was granted and nobody claimed is void. Which requests those were.
pub(super) fn void_claims(draft: &mut Draft<'_>, identity: &Identity) -> Vec<RequestNumber> {
    let mut void = Vec::new();
    for (request, grant) in known::claims_in(draft, identity.thread) {
        if grant.identity == Some(identity.number) {
            void_claim(draft, &request, grant);
            void.push(request.number);
        }
    }
    void
}

/// A grant that nobody claimed is void.
pub(super) fn void_claim(draft: &mut Draft<'_>, request: &Request, grant: GrantRecord) {
    draft.use_reserve();
    let grant = GrantRecord {
        status: GrantStatus::Void,
        ..grant
    };
    draft.put(Key::grant(request.number), &grant);
    unclaimable(draft, request);
}

/// Takes a request off the list of those that wait to be claimed.
pub(super) fn unclaimable(draft: &mut Draft<'_>, request: &Request) {
    let key = Key::thread(request.thread);
    let mut thread: Thread = draft.get_or_default(&key);
    thread.claims.retain(|number| *number != request.number);
    draft.put(key, &thread);
}

/// Ends an identity with all its credentials. True if it was living.
pub(super) fn revoke(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    by: &Actor,
    why: &str,
) -> bool {
    finish(draft, identity, IdentityStatus::Revoked, by, why)
}

/// Takes an identity back from its requester, with all its credentials. True if it was living.
pub(super) fn release(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    by: &Actor,
    why: &str,
) -> bool {
    finish(draft, identity, IdentityStatus::Released, by, why)
}

/// Gives an identity a final status: its credentials are revoked, it leaves its thread, and what is
/// asked under its name is void. The name stays its requester's.
fn finish(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    status: fn(Ending) -> IdentityStatus,
    by: &Actor,
    why: &str,
) -> bool {
    if !identity.is_living() {
        return false;
    }
    draft.use_reserve();
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
    void_claims(draft, identity);
    let status = status(ending);
    let code = format!("identity_{}", word(&status));
    set_status(draft, identity, status, &code, by, why);
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
    draft.use_reserve();
    credential.status = CredentialStatus::Revoked(Ending {
        by: by.clone(),
        at: draft.now(),
        why: why.to_owned(),
    });
    draft.put(Key::credential(credential.number), credential);
    draft.put(Key::check(&credential.mac), &credential.check(identity));
    let entry = remember(draft, identity, "credential_revoked", by, why);
    draft.entry(entry.about_credential(credential.number));
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
    let entry = remember(draft, identity, code, by, why);
    write_checks(draft, identity);
    draft.entry(entry);
}

/// Something happened to an identity: it is remembered with it, it is written, and this is the entry
/// for the audit.
pub(super) fn remember(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    code: &str,
    by: &Actor,
    text: &str,
) -> Entry {
    identity.recent.push(draft.now(), code, text);
    draft.put(Key::identity(identity.number), identity);
    Entry::new(code, by.clone(), text)
        .in_thread(identity.thread)
        .about_identity(identity.number)
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

/// Counts an identity that had another status before.
pub(super) fn recount(draft: &mut Draft<'_>, identity: &Identity, before: &IdentityStatus) {
    count_identity(draft, identity, Some(word(before)));
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
            &format!("`{}` was {}: {why}", identity.slug, word(&identity.status)),
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
    draft.use_reserve();
    draft.entry(
        Entry::new("request_void", Actor::Bot, why)
            .in_thread(request.thread)
            .about_request(number),
    );
    end(draft, &mut request, RequestStatus::Void(why.to_owned()));
    true
}

/// Voids a request if it is still open, and tells its thread why and what can be done. True if it was.
pub(super) fn void_and_tell(
    draft: &mut Draft<'_>,
    request: &Request,
    why: &str,
    instead: &str,
) -> bool {
    let done = void(draft, request.number, why);
    if done {
        let text = format!("**{} is void**: {why}. {instead}.", request.number);
        draft.tell(request.thread, &text, Some(request.number));
    }
    done
}

/// Voids every open request of a thread, because somebody speaks there with the bot's voice.
pub(super) fn void_all(draft: &mut Draft<'_>, thread: ThreadKey, why: &str) -> Vec<RequestNumber> {
    known::open_in(draft, thread)
        .into_iter()
        .map(|request| request.number)
        .filter(|number| void(draft, *number, why))
        .collect()
}

/// Takes requests past their end off every list, up to sixteen of the board's oldest: nobody else
/// comes back for those of a thread that nobody uses any more.
pub(super) fn free_ended(draft: &mut Draft<'_>, repository: RepositoryId) {
    let board: BoardState = draft.get_or_default(&Key::board(repository));
    for number in board.requests.iter().take(16) {
        if let Some(request) = draft.get::<Request>(&Key::request(*number))
            && !request.is_open(draft.now())
        {
            unlist(draft, &request);
        }
    }
}

/// Gives a request its final status and takes it off every list.
pub(super) fn end(draft: &mut Draft<'_>, request: &mut Request, status: RequestStatus) {
    request.status = status;
    state::show(draft, request);
    draft.put(Key::request(request.number), request);
    unlist(draft, request);
}

/// Takes a request off every list of open ones.
pub(super) fn unlist(draft: &mut Draft<'_>, request: &Request) {
    let number = request.number;
    let repository = request.thread.repository;
    import::forget(draft, request);

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
    if let Some(slug) = &request.effect.identity {
        shorten(draft, Key::naming(repository, slug), number);
    }
    if let Some(recipient) = &request.effect.recipient {
        let key = Key::recipient(recipient);
        let mut recipient: RecipientState = draft.get_or_default(&key);
        recipient.requests.remove(&number);
        draft.put(key, &recipient);
    }
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
