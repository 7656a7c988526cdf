//! The time of something has come: owners are reminded of a request, an end is announced or told, what
//! was left closed is revoked. Whatever became needless meanwhile does nothing.

use serde_json::json;

use super::super::actor::Actor;
use super::super::credential::Credential;
use super::super::due::{Due, DueRecord, second};
use super::super::evidence::{Need, ReadIssue, Reads};
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{CredentialNumber, IdentityNumber, RequestNumber};
use super::super::key::Key;
use super::super::reply;
use super::super::request::{Request, RequestStatus};
use super::super::thread::Thread;
use super::super::time::after;
use super::super::verdict::could_approve;
use super::super::window::Window;
use super::{Draft, issue, known, lifecycle, state};

/// How long a reminder is put off in quiet hours, in seconds, each time.
const PUT_OFF: u64 = 900;

/// Looks at it.
pub(super) fn decide(draft: &mut Draft<'_>, at: i64, due: &Due, reads: &Reads) {
    draft.outcome("due", "nothing");
    let key = Key::due(at, due);
    if draft.get::<DueRecord>(&key).is_none() || draft.now().as_second() < at {
        return;
    }
    draft.use_reserve();
    draft.remove(key);
    let (word, number) = due.name();
    draft.cause("due", json!({ "what": word, "number": number }));
    match due {
        Due::Remind(number) => remind(draft, *number),
        Due::End(number) => end(draft, *number),
        Due::RevokeClosed { identity, since } => {
            revoke_closed(draft, *identity, *since, reads);
        }
        Due::WarnEnd(number) => warn_end(draft, at, *number),
        Due::SayEnd(number) => say_end(draft, at, *number),
    }
}

/// Reminds the owners once, outside of the board's quiet hours.
fn remind(draft: &mut Draft<'_>, number: RequestNumber) {
    let Some(request) = draft.get::<Request>(&Key::request(number)) else {
        return;
    };
    let Some(board) = draft
        .board(request.thread)
        .filter(|_| request.is_open(draft.now()))
    else {
        return;
    };
    let quiet = board
        .quiet_hours
        .as_ref()
        .is_some_and(|hours| Window::parse(hours).is_ok_and(|window| window.contains(draft.now())));
    if quiet {
        let later = after(draft.now(), PUT_OFF);
        return draft.due(later, &Due::Remind(number));
    }
    let identity = known::identity_of(draft, board, &request);
    let bot = draft.given.policy.bot;
    let could = could_approve(board, &request, identity.as_ref(), bot);
    let owners = known::mentions(draft, request.thread, could);
    if owners.is_empty() {
        return;
    }
    draft.outcome("due", "reminded");
    draft.tell(
        request.thread,
        &reply::reminder(&request, &owners),
        Some(number),
    );
}

/// A request that nobody decided is taken off the lists, and its summary says so.
fn end(draft: &mut Draft<'_>, number: RequestNumber) {
    let Some(mut request) = draft.get::<Request>(&Key::request(number)) else {
        return;
    };
    if request.status != RequestStatus::Open || request.is_open(draft.now()) {
        return;
    }
    draft.outcome("due", "ended");
    lifecycle::unlist(draft, &request);
    state::show(draft, &mut request);
    draft.put(Key::request(number), &request);
}

/// What stands still since its issue was closed, and the issue is not open again, is revoked without a
/// comment.
fn revoke_closed(
    draft: &mut Draft<'_>,
    number: IdentityNumber,
    since: jiff::Timestamp,
    reads: &Reads,
) {
    let Some(mut identity) = draft.get::<Identity>(&Key::identity(number)) else {
        return;
    };
    let thread: Thread = draft.get_or_default(&Key::thread(identity.thread));
    let same = match &identity.status {
        // What stood still before the closing was noted with its thread names its own pause.
        IdentityStatus::Paused(pause) => thread.closed.unwrap_or(pause.at) == since,
        IdentityStatus::Active | IdentityStatus::Revoked(_) | IdentityStatus::Released(_) => false,
    };
    if !same {
        return;
    }
    let reads = reads.fresh(draft.now());
    match reads.issues.get(&identity.thread.issue) {
        None => draft.need(Need::Issue(identity.thread.issue)),
        Some(ReadIssue::Found(found)) if found.open => {}
        Some(ReadIssue::Found(_) | ReadIssue::Gone) => {
            let why = "its issue stayed closed";
            lifecycle::revoke(draft, &mut identity, &Actor::Clock, why);
            draft.outcome("due", "revoked");
        }
    }
}

/// A living credential of a living identity that has no living successor.
fn alone(draft: &Draft<'_>, number: CredentialNumber) -> Option<(Credential, Identity)> {
    let (credential, identity) = known::of_identity(draft, number)?;
    let alone =
        identity.status == IdentityStatus::Active && known::heir(draft, &credential).is_none();
    alone.then_some((credential, identity))
}

/// Whoever asked learns in time that it ends, with the line that asks for a successor.
fn warn_end(draft: &mut Draft<'_>, at: i64, number: CredentialNumber) {
    let Some((credential, identity)) = alone(draft, number) else {
        return;
    };
    // A narrowing since has another time of its own.
    let now = issue::warn_at(&credential).is_some_and(|warn_at| second(warn_at) == at);
    if !now || !credential.is_living(draft.now()) {
        return;
    }
    let asker = draft
        .get::<Request>(&Key::request(credential.request))
        .map(|request| request.asker_login);
    draft.outcome("due", "warned");
    let text = reply::ends_soon(&credential, &identity.slug, asker.as_deref());
    draft.tell(identity.thread, &text, Some(credential.request));
}

/// Its end is said once.
fn say_end(draft: &mut Draft<'_>, at: i64, number: CredentialNumber) {
    let Some((credential, identity)) = alone(draft, number) else {
        return;
    };
    if second(credential.expires_at) != at || credential.word(draft.now()) != "expired" {
        return;
    }
    draft.outcome("due", "told");
    let text = reply::has_ended(&credential, &identity.slug);
    draft.tell(identity.thread, &text, Some(credential.request));
}
