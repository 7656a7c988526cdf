//! What the records know of whom and what somebody means: the board's identity of a name, what lives or
//! is open in a thread, whose token that is, who may be answered.
//!
//! Each is looked up here and in no other way, and only within one board: what another board has is
//! unknown. Nothing is changed in this file.

use std::collections::BTreeSet;

use super::super::credential::{Check, Credential};
use super::super::grant::{GrantRecord, GrantStatus};
use super::super::identity::Identity;
use super::super::ids::{CredentialNumber, Mac, Slug, ThreadKey, UserId};
use super::super::key::Key;
use super::super::policy::Board;
use super::super::reply::people;
use super::super::request::Request;
use super::super::thread::{SlugOwner, Thread};
use super::Draft;

/// The board's newest identity of a name, living or not. Nothing is learnt here about one of another
/// board: its name is taken, and that is all.
pub(super) fn newest_identity(draft: &Draft<'_>, board: &Board, slug: &Slug) -> Option<Identity> {
    let owner: SlugOwner = draft.get(&Key::slug(slug))?;
    draft
        .get::<Identity>(&Key::identity(owner.identity))
        .filter(|identity| identity.board() == board.repository_id)
}

/// The board's newest identity that a request is about.
pub(super) fn identity_of(draft: &Draft<'_>, board: &Board, request: &Request) -> Option<Identity> {
    newest_identity(draft, board, request.effect.identity.as_ref()?)
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

/// The thread's living identity, if there is exactly one.
pub(super) fn only_living_in(draft: &Draft<'_>, thread: ThreadKey) -> Option<Identity> {
    let mut living = living_in(draft, thread);
    let only = living.pop();
    only.filter(|_| living.is_empty())
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

/// What waits in a thread to be claimed.
pub(super) fn claims_in(draft: &Draft<'_>, thread: ThreadKey) -> Vec<(Request, GrantRecord)> {
    let record: Thread = draft.get_or_default(&Key::thread(thread));
    record
        .claims
        .iter()
        .filter_map(|number| {
            let request = draft.get::<Request>(&Key::request(*number))?;
            let grant = draft.get::<GrantRecord>(&Key::grant(*number))?;
            (grant.status == GrantStatus::Open).then_some((request, grant))
        })
        .collect()
}

/// The credentials of an identity that are remembered, oldest first.
pub(super) fn credentials_of(draft: &Draft<'_>, identity: &Identity) -> Vec<Credential> {
    identity
        .credentials
        .iter()
        .filter_map(|number| draft.get::<Credential>(&Key::credential(*number)))
        .collect()
}

/// An identity's credential, with the identity; `None` for what stands alone.
pub(super) fn of_identity(
    draft: &Draft<'_>,
    number: CredentialNumber,
) -> Option<(Credential, Identity)> {
    let credential = draft.get::<Credential>(&Key::credential(number))?;
    let identity = draft.get::<Identity>(&Key::identity(credential.identity?))?;
    Some((credential, identity))
}

/// The living successor of a credential, used or not.
pub(super) fn heir(draft: &Draft<'_>, credential: &Credential) -> Option<Credential> {
    draft
        .get::<Credential>(&Key::credential(credential.successor?))
        .filter(|heir| heir.is_living(draft.now()))
}

/// The row of a shown token, by its MACs under the current and the previous pepper.
pub(super) fn shown(draft: &Draft<'_>, macs: &[Mac]) -> Option<Check> {
    macs.iter()
        .find_map(|mac| draft.get::<Check>(&Key::check(mac)))
}

/// Whether somebody may ask in a thread, and is answered there: an owner of the board, who may ask on
/// it, and whoever asked for something that lives or is open in the thread.
pub(super) fn may_speak(draft: &Draft<'_>, board: &Board, thread: ThreadKey, user: UserId) -> bool {
    board.may_command(user) || has_asked_in(draft, thread, user)
}

/// Whether somebody asked for something that lives or is open in a thread.
pub(super) fn has_asked_in(draft: &Draft<'_>, thread: ThreadKey, user: UserId) -> bool {
    let thread: Thread = draft.get_or_default(&Key::thread(thread));
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
    // All are loaded at once.
    let all: BTreeSet<UserId> = identities.chain(requests).collect();
    all.contains(&user)
}

/// Owners of a thread's board as mentions, for what they have to look at.
pub(super) fn mentions(
    draft: &Draft<'_>,
    thread: ThreadKey,
    users: impl IntoIterator<Item = UserId>,
) -> String {
    let board = draft.board(thread);
    board.map_or_else(String::new, |board| people::mentions(board, users))
}
