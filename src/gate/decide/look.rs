//! Looking again: comments edited or deleted, issues edited, closed, reopened or gone, comments of
//! the bot's id that are not its own, threads that cannot be read.
//!
//! The decision acts on what is there now and does the same however often it is made. Nothing here
//! widens: reopening revives neither identities nor requests.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::one_line;
use super::super::due::Due;
use super::super::event::{Accepted, Look};
use super::super::evidence::{Need, ReadComment, ReadIssue, Reads};
use super::super::grant::GrantRecord;
use super::super::identity::Identity;
use super::super::ids::{CommentId, Hash, ThreadKey};
use super::super::key::{Key, Subject};
use super::super::policy::Board;
use super::super::reply::escape::foreign;
use super::super::request::Request;
use super::super::thread::{Seen, Share, Thread};
use super::super::time::after;
use super::super::verdict::summary_stands;
use super::comment::edited_command;
use super::{Draft, judge, known, lifecycle, rests, state};

/// Decides a trigger.
pub(super) fn decide(
    draft: &mut Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    look: &Look,
    reads: &Reads,
) {
    draft.outcome("look", "done");
    let thread = accepted.thread();
    match look {
        Look::Edited { comment, .. } | Look::Deleted(comment) => {
            let Some(read) = reads.comments.get(comment) else {
                return draft.need(Need::Comment(*comment));
            };
            changed(draft, thread, *comment, read);
            let author = match read {
                ReadComment::Found(found) | ReadComment::InPull(found) => found.author,
                ReadComment::Gone | ReadComment::NotPlain | ReadComment::TooLarge => None,
            };
            let owner = author.is_some_and(|author| board.owner(author).is_some());
            let share = if owner { Share::Owners } else { Share::Others };
            let may_command = author.is_some_and(|author| board.may_command(author));
            if may_command && author != Some(draft.given.policy.bot) {
                let by_author = author == accepted.unverified_sender;
                edited_command(draft, thread, look, by_author, share);
            }
        }
        Look::Stray(comment) => {
            let Some(read) = reads.comments.get(comment) else {
                return draft.need(Need::Comment(*comment));
            };
            stray(draft, thread, *comment, read);
        }
        Look::IssueEdited | Look::Issue | Look::Reopened => {
            let Some(read) = reads.issues.get(&thread.issue) else {
                return draft.need(Need::Issue(thread.issue));
            };
            sighted(draft, thread, read);
            // What was accepted only for that stops nothing, and does nothing when it comes again.
            if accepted.urgent || *look == Look::IssueEdited {
                issue(draft, thread, read);
            }
        }
    }
}

/// How a text on which something rests stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is the one text that was ever seen there.
    Same,
    /// It is there, and was seen with another body in between.
    Doubtful,
    /// It is gone or another text.
    Fell,
}

fn standing(read: &ReadComment, body: &Hash, seen: Option<&Seen>) -> Standing {
    match read {
        ReadComment::Found(found) if found.body == *body => {
            if seen.is_some_and(|seen| seen.only(body)) {
                Standing::Same
            } else {
                Standing::Doubtful
            }
        }
        ReadComment::Found(_)
        | ReadComment::InPull(_)
        | ReadComment::Gone
        | ReadComment::NotPlain
        | ReadComment::TooLarge => Standing::Fell,
    }
}

/// A comment is not what it was: what rests on it falls.
fn changed(draft: &mut Draft<'_>, thread: ThreadKey, comment: CommentId, read: &ReadComment) {
    let seen = draft.get::<Seen>(&Key::seen(thread.repository, Subject::Comment(comment.0)));
    let standing = |body: &Hash| standing(read, body, seen.as_ref());
    let bot = draft.given.policy.bot;
    for request in known::open_in(draft, thread) {
        let summary = request.summary.as_ref();
        let doctored = summary.is_some_and(|summary| {
            summary.comment == comment && !summary_stands(summary, read, bot, seen.as_ref())
        });
        if doctored {
            foreign_voice(draft, thread);
        } else {
            open_request(draft, request, comment, &standing);
        }
    }
    judge::fell(draft, thread, comment, |body| {
        standing(body) == Standing::Same
    });
    for identity in known::living_in(draft, thread) {
        pending_credentials(draft, identity, comment, &standing);
    }
    for (request, grant) in known::claims_in(draft, thread) {
        let rests = request.approvals.iter().any(|approval| {
            approval.comment == Some(comment) && standing(&approval.body) != Standing::Same
        });
        if rests {
            fallen_claim(draft, &request, grant);
        }
    }
}

/// An approval that a token rests on which nobody claimed yet is not what it was.
pub(super) fn fallen_claim(draft: &mut Draft<'_>, request: &Request, grant: GrantRecord) {
    let why = "an approval that it rests on was edited, deleted or given under other rules before it was claimed";
    draft.entry(
        Entry::new("claim_void", Actor::Bot, why)
            .in_thread(request.thread)
            .about_request(request.number),
    );
    let owners = known::mentions(draft, request.thread, grant.approvers.clone());
    lifecycle::void_claim(draft, request, grant);
    let text = format!(
        "**What {} granted is void**: {why}. Ask anew. {owners}",
        request.number
    );
    draft.tell(request.thread, text.trim_end(), Some(request.number));
}

const SOURCE_CHANGED: &str = "the text that asked was edited or deleted";

fn open_request(
    draft: &mut Draft<'_>,
    mut request: Request,
    comment: CommentId,
    standing: &impl Fn(&Hash) -> Standing,
) {
    let number = request.number;
    let stands = |body: &Hash| standing(body) == Standing::Same;
    let is_source = request.source.subject == Some(Subject::Comment(comment.0));
    if is_source && !stands(&request.source.body) {
        lifecycle::void_and_tell(draft, &request, SOURCE_CHANGED, "Ask anew");
        return;
    }
    let before = request.approvals.len();
    request
        .approvals
        .retain(|approval| approval.comment != Some(comment) || stands(&approval.body));
    // An earlier request of the thread may have voided this one a moment ago.
    let open = draft
        .get::<Request>(&Key::request(number))
        .is_some_and(|now| now.is_open(draft.now()));
    if open && request.approvals.len() < before {
        state::show(draft, &mut request);
        draft.put(Key::request(number), &request);
        draft.entry(
            Entry::new(
                "approval_dropped",
                Actor::Bot,
                "the approval was edited or deleted",
            )
            .in_thread(request.thread)
            .about_request(number)
            .with_facts(json!({ "comment": comment })),
        );
        let text = format!("{number}: an approval was edited or deleted and counts no longer.");
        draft.tell(request.thread, &text, Some(number));
    }
}

/// The bot's summary was changed or deleted: nothing that its owners were shown in this thread can
/// be relied on, so every open request there is void.
pub(super) fn foreign_voice(draft: &mut Draft<'_>, thread: ThreadKey) {
    let why = "my summary was edited or deleted by somebody else";
    let void: Vec<String> = lifecycle::void_all(draft, thread, why)
        .iter()
        .map(ToString::to_string)
        .collect();
    if !void.is_empty() {
        let are = if void.len() == 1 { "is" } else { "are" };
        let text = format!("**{} {are} void**: {why}. Ask anew.", void.join(" and "));
        draft.tell(thread, &text, None);
    }
}

/// An approval that helped to issue a credential which was not used yet is gone: so is the
/// credential. Where it is there and was only seen with another body in between, the identity is
/// paused, which an owner can undo.
fn pending_credentials(
    draft: &mut Draft<'_>,
    mut identity: Identity,
    comment: CommentId,
    standing: &impl Fn(&Hash) -> Standing,
) {
    for mut credential in rests::pending(draft, &identity) {
        let approval = draft
            .get::<Request>(&Key::request(credential.request))
            .and_then(|request| {
                let mut approvals = request.approvals.into_iter();
                approvals.find(|approval| approval.comment == Some(comment))
            });
        let number = credential.number;
        let done = match approval.map(|approval| standing(&approval.body)) {
            None | Some(Standing::Same) => continue,
            Some(Standing::Fell) => {
                let why = "an approval that it rests on was edited or deleted before it was used";
                lifecycle::revoke_credential(
                    draft,
                    &mut identity,
                    &mut credential,
                    &Actor::Bot,
                    why,
                )
                .then(|| format!("**{number} of `{}` is revoked**: {why}.", identity.slug))
            }
            Some(Standing::Doubtful) => {
                let why = format!(
                    "an approval that {number} rests on was seen with another text before it was used"
                );
                lifecycle::pause(draft, &mut identity, &Actor::Bot, &why)
                    .then(|| format!("**`{}` is paused**: {why}.", identity.slug))
            }
        };
        if let Some(text) = done {
            let approvers = credential.approvers.clone();
            let approvers = known::mentions(draft, identity.thread, approvers);
            let text = format!("{text} {approvers}");
            draft.tell(identity.thread, &text, Some(credential.request));
        }
    }
}

/// A comment of the bot's id without a valid marker that the outbox did not post: somebody speaks
/// with the bot's voice. The thread's open requests are void, and it is told once.
fn stray(draft: &mut Draft<'_>, thread: ThreadKey, comment: CommentId, read: &ReadComment) {
    let ReadComment::Found(found) = read else {
        return;
    };
    let key = Key::seen(thread.repository, Subject::Comment(comment.0));
    let mut seen = draft
        .get::<Seen>(&key)
        .unwrap_or_else(|| Seen::new(found.body.clone(), draft.now()));
    let ours = seen.own || found.marker.is_some() || found.author != Some(draft.given.policy.bot);
    if ours || found.issue != thread.issue {
        return;
    }
    // Acted on once: requests that are asked later do not fall by a replay.
    if std::mem::replace(&mut seen.explained, true) {
        return;
    }
    draft.put(key, &seen);
    draft.entry(
        Entry::new(
            "stray_comment",
            Actor::Bot,
            "a comment of the bot's account is not the bot's",
        )
        .in_thread(thread)
        .with_facts(json!({ "comment": comment })),
    );
    let why = "somebody wrote a comment here with my account";
    lifecycle::void_all(draft, thread, why);
    let key = Key::thread(thread);
    let mut record: Thread = draft.get_or_default(&key);
    record.told_strays += 1;
    let first = record.told_strays == 1;
    draft.put(key, &record);
    if first {
        let text = "**A comment in this thread was written with my account and not by me.** Open requests here are void. Whoever runs me: change the token of my account.";
        draft.tell(thread, text, None);
    }
}

/// Notes how the issue stands; nothing else changes by it.
fn sighted(draft: &mut Draft<'_>, thread: ThreadKey, read: &ReadIssue) {
    let open = matches!(read, ReadIssue::Found(found) if found.open);
    let key = Key::thread(thread);
    let mut record: Thread = draft.get_or_default(&key);
    record.sight(open, draft.now());
    draft.put(key, &record);
}

/// The issue as it is now: closed or gone pauses what lives there and voids what is open; an edited
/// body voids what was asked in it.
fn issue(draft: &mut Draft<'_>, thread: ThreadKey, read: &ReadIssue) {
    match read {
        ReadIssue::Found(found) if found.open => {
            opened_again(draft, thread);
            let seen = draft.get::<Seen>(&Key::seen(
                thread.repository,
                Subject::Issue(thread.issue.0),
            ));
            for request in known::open_in(draft, thread) {
                let asked_in_body = matches!(request.source.subject, Some(Subject::Issue(_)));
                let stands = found.body.as_ref() == Some(&request.source.body)
                    && seen
                        .as_ref()
                        .is_some_and(|seen| seen.only(&request.source.body));
                if asked_in_body && !stands {
                    lifecycle::void_and_tell(draft, &request, SOURCE_CHANGED, "Ask anew");
                }
            }
        }
        ReadIssue::Found(_) => {
            let why = "its issue was closed";
            closed(draft, thread, why, false);
        }
        ReadIssue::Gone => {
            let why = "its issue was deleted";
            closed(draft, thread, why, true);
        }
    }
}

/// The issue is open: whatever was to be revoked because it was closed is not.
fn opened_again(draft: &mut Draft<'_>, thread: ThreadKey) {
    let key = Key::thread(thread);
    let mut record: Thread = draft.get_or_default(&key);
    if record.closed.take().is_some() {
        draft.put(key, &record);
    }
}

/// What lives in a closed thread stands still. It is revoked after a while, whatever it stood still for
/// first, if it still does and the issue was not opened again; a look that finds nothing new does not
/// put that off.
fn closed(draft: &mut Draft<'_>, thread: ThreadKey, why: &str, elsewhere: bool) {
    let stopped = stop(draft, thread, why, why, elsewhere);
    let key = Key::thread(thread);
    let mut record: Thread = draft.get_or_default(&key);
    if record.closed.is_some() && !stopped {
        return;
    }
    let since = draft.now();
    record.closed = Some(since);
    draft.put(key, &record);
    let later = after(since, draft.given.policy.closed_revoke);
    for identity in known::living_in(draft, thread) {
        let identity = identity.number;
        draft.due(later, &Due::RevokeClosed { identity, since });
    }
}

/// A thread with live identities that cannot be read for ten minutes is treated as closed. What the
/// forge said about it is foreign text.
pub(super) fn unreadable(draft: &mut Draft<'_>, thread: ThreadKey, error: &str) {
    let error = one_line(error, 200);
    draft.cause("unreadable", json!({ "thread": thread, "why": error }));
    draft.outcome("unreadable", "done");
    let told = format!(
        "its thread could not be read for ten minutes: {}",
        foreign(&error, 200)
    );
    let why = format!("its thread could not be read for ten minutes: {error}");
    stop(draft, thread, &why, &told, true);
}

/// Pauses what lives in a thread and voids what is open there. Where the thread cannot be spoken in
/// any more, the control issue is told. `why` goes into records, `told` into a comment. True if
/// anything stopped.
fn stop(draft: &mut Draft<'_>, thread: ThreadKey, why: &str, told: &str, elsewhere: bool) -> bool {
    let mut paused = Vec::new();
    for mut identity in known::living_in(draft, thread) {
        if lifecycle::pause(draft, &mut identity, &Actor::Bot, why) {
            paused.push(format!("`{}`", identity.slug));
        }
    }
    let mut void = Vec::new();
    for request in known::open_in(draft, thread) {
        if lifecycle::void(draft, request.number, why) {
            void.push(request.number.to_string());
        }
    }
    if paused.is_empty() && void.is_empty() {
        return false;
    }
    let mut text = Vec::new();
    if !paused.is_empty() {
        text.push(format!(
            "**{} paused**: {told}. Opening it again does not change that.",
            paused.join(" ")
        ));
    }
    if !void.is_empty() {
        text.push(format!("Void: {}.", void.join(", ")));
    }
    let control = draft
        .board(thread)
        .and_then(|board| board.control_issue)
        .filter(|_| elsewhere)
        .map(|issue| ThreadKey {
            repository: thread.repository,
            issue,
        });
    if let Some(control) = control {
        text.push(format!("That was {}.", thread.issue));
        draft.tell(control, &text.join(" "), None);
    } else if !elsewhere {
        draft.tell(thread, &text.join(" "), None);
    }
    true
}
