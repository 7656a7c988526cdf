//! What rests on a text or stands in a thread: whether looking at it again could change anything.
//!
//! Nothing is changed here.

use super::super::credential::{Credential, CredentialStatus};
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{CommentId, RepositoryId, ThreadKey};
use super::super::key::{Key, Subject};
use super::super::request::Request;
use super::super::thread::Thread;
use super::{Draft, judge, known};

/// True if an open request of the thread or a credential that was not used yet rests on the text, or
/// it is a judge's newest judgement there.
pub(super) fn anything(
    draft: &Draft<'_>,
    repository: RepositoryId,
    subject: Subject,
    thread: ThreadKey,
) -> bool {
    if repository != thread.repository {
        return false;
    }
    let comment = match subject {
        Subject::Comment(id) => Some(CommentId(id)),
        Subject::Issue(_) => None,
    };
    let approved_by = |request: &Request| {
        comment.is_some_and(|comment| {
            request
                .approvals
                .iter()
                .any(|approval| approval.comment == Some(comment))
        })
    };
    let open = known::open_in(draft, thread).iter().any(|request| {
        let summary = request.summary.as_ref().map(|summary| summary.comment);
        request.source.subject == Some(subject)
            || (comment.is_some() && summary == comment)
            || approved_by(request)
    });
    let claims = known::claims_in(draft, thread);
    open || comment.is_some_and(|comment| judge::stands(draft, thread, comment))
        || claims.iter().any(|(request, _)| approved_by(request))
        || known::living_in(draft, thread)
            .iter()
            .flat_map(|identity| pending(draft, identity))
            .filter_map(|credential| draft.get::<Request>(&Key::request(credential.request)))
            .any(|request| approved_by(&request))
}

/// True if something in the thread would stop if the issue is closed, or stands still and the closing is
/// not noted yet, after which it is revoked some time later.
pub(super) fn stands(draft: &Draft<'_>, thread: ThreadKey) -> bool {
    let noted = is_closed(draft, thread);
    known::living_in(draft, thread)
        .iter()
        .any(|identity| !noted || identity.status == IdentityStatus::Active)
        || !known::open_in(draft, thread).is_empty()
}

/// True if it is noted that the issue is closed or gone.
pub(super) fn is_closed(draft: &Draft<'_>, thread: ThreadKey) -> bool {
    let record: Thread = draft.get_or_default(&Key::thread(thread));
    record.closed.is_some()
}

/// An identity's credentials that can still be used first.
pub(super) fn pending(draft: &Draft<'_>, identity: &Identity) -> Vec<Credential> {
    known::credentials_of(draft, identity)
        .into_iter()
        .filter(|credential| {
            matches!(credential.status, CredentialStatus::Pending(_))
                && credential.is_living(draft.now())
        })
        .collect()
}
