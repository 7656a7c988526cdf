//! Looking again: comments edited or deleted, issues edited, closed, reopened or gone, comments of
//! the bot's id that are not its own, threads that cannot be read.
//!
//! The decision acts on what is there now and does the same however often it is made. Nothing here
//! widens: reopening revives neither identities nor requests.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::{Credential, CredentialStatus};
use super::super::event::{Accepted, Look};
use super::super::evidence::{Need, ReadComment, ReadIssue, Reads};
use super::super::identity::Identity;
use super::super::ids::{CommentId, ThreadKey};
use super::super::key::{Key, Subject};
use super::super::policy::Board;
use super::super::reply;
use super::super::request::Request;
use super::super::thread::{Seen, Thread};
use super::comment::edited_command;
use super::{Draft, lifecycle};

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
                ReadComment::Found(found) => found.author,
                ReadComment::Gone | ReadComment::NotPlain | ReadComment::TooLarge => None,
            };
            let may_command =
                author.is_some_and(|author| board.owner(author).is_some() || board.may_ask(author));
            if may_command && author != Some(draft.given.policy.bot) {
                edited_command(draft, thread, look);
            }
        }
        Look::Stray(comment) => {
            let Some(read) = reads.comments.get(comment) else {
                return draft.need(Need::Comment(*comment));
            };
            stray(draft, thread, *comment, read);
        }
        Look::IssueEdited | Look::Issue => {
            let Some(read) = reads.issues.get(&thread.issue) else {
                return draft.need(Need::Issue(thread.issue));
            };
            issue(draft, thread, read);
        }
    }
}

/// A comment is not what it was: what rests on it falls.
fn changed(draft: &mut Draft<'_>, thread: ThreadKey, comment: CommentId, read: &ReadComment) {
    for request in lifecycle::open_in(draft, thread) {
        open_request(draft, request, comment, read);
    }
    for identity in lifecycle::living_in(draft, thread) {
        pending_credentials(draft, identity, comment, read);
    }
}

/// True if the comment stands as the hash says.
fn stands(read: &ReadComment, body: &super::super::ids::Hash) -> bool {
    matches!(read, ReadComment::Found(found) if found.body == *body)
}

fn open_request(
    draft: &mut Draft<'_>,
    mut request: Request,
    comment: CommentId,
    read: &ReadComment,
) {
    let number = request.number;
    let is_source = request.source.subject == Subject::Comment(comment.0);
    if is_source && !stands(read, &request.source.body) {
        return void(draft, &request, "the text that asked was edited or deleted");
    }
    let summary = request
        .summary
        .as_ref()
        .filter(|summary| summary.comment == comment);
    if summary.is_some_and(|summary| !stands(read, &summary.body)) {
        return void(
            draft,
            &request,
            "my summary was edited or deleted by somebody else",
        );
    }
    let before = request.approvals.len();
    request
        .approvals
        .retain(|approval| approval.comment != comment || stands(read, &approval.body));
    if request.approvals.len() < before {
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

fn void(draft: &mut Draft<'_>, request: &Request, why: &str) {
    if lifecycle::void(draft, request.number, why) {
        let text = format!("**{} is void**: {why}. Ask anew.", request.number);
        draft.tell(request.thread, &text, Some(request.number));
    }
}

/// An approval that helped to issue a credential which was not used yet is gone: so is the
/// credential.
fn pending_credentials(
    draft: &mut Draft<'_>,
    mut identity: Identity,
    comment: CommentId,
    read: &ReadComment,
) {
    for number in identity.credentials.clone() {
        let Some(mut credential) = draft.get::<Credential>(&Key::credential(number)) else {
            continue;
        };
        let pending = matches!(credential.status, CredentialStatus::Pending(_))
            && credential.is_living(draft.now());
        let Some(request) = draft.get::<Request>(&Key::request(credential.request)) else {
            continue;
        };
        let fell = request
            .approvals
            .iter()
            .any(|approval| approval.comment == comment && !stands(read, &approval.body));
        if !pending || !fell {
            continue;
        }
        let why = "an approval that it rests on was edited or deleted before it was used";
        if lifecycle::revoke_credential(draft, &mut identity, &mut credential, &Actor::Bot, why) {
            let owners: Vec<String> = draft
                .board(identity.thread)
                .map(|board| {
                    credential
                        .approvers
                        .iter()
                        .filter_map(|user| board.owner(*user))
                        .map(|owner| reply::escape::mention(&owner.login))
                        .collect()
                })
                .unwrap_or_default();
            let text = format!(
                "**{number} of `{}` is revoked**: {why}. {}",
                identity.slug,
                owners.join(" ")
            );
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
    let ours = seen.own || found.marked || found.author != Some(draft.given.policy.bot);
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
    for request in lifecycle::open_in(draft, thread) {
        lifecycle::void(draft, request.number, why);
    }
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

/// The issue as it is now: closed or gone pauses what lives there and voids what is open; an edited
/// body voids what was asked in it.
fn issue(draft: &mut Draft<'_>, thread: ThreadKey, read: &ReadIssue) {
    match read {
        ReadIssue::Found(found) if found.open => {
            for request in lifecycle::open_in(draft, thread) {
                let asked_in_body = matches!(request.source.subject, Subject::Issue(_));
                if asked_in_body && found.body.as_ref() != Some(&request.source.body) {
                    void(draft, &request, "the text that asked was edited or deleted");
                }
            }
        }
        ReadIssue::Found(_) => stop(draft, thread, "its issue was closed", false),
        ReadIssue::Gone => stop(draft, thread, "its issue was deleted", true),
    }
}

/// A thread with live identities that cannot be read for ten minutes is treated as closed.
pub(super) fn unreadable(draft: &mut Draft<'_>, thread: ThreadKey, why: &str) {
    draft.use_reserve();
    draft.cause("unreadable", json!({ "thread": thread, "why": why }));
    draft.outcome("unreadable", "done");
    let why = format!("its thread could not be read for ten minutes: {why}");
    stop(draft, thread, &why, true);
}

/// Pauses what lives in a thread and voids what is open there. Where the thread cannot be spoken in
/// any more, the control issue is told.
fn stop(draft: &mut Draft<'_>, thread: ThreadKey, why: &str, elsewhere: bool) {
    let mut paused = Vec::new();
    for mut identity in lifecycle::living_in(draft, thread) {
        if lifecycle::pause(draft, &mut identity, &Actor::Bot, why) {
            paused.push(format!("`{}`", identity.slug));
        }
    }
    let mut void = Vec::new();
    for request in lifecycle::open_in(draft, thread) {
        if lifecycle::void(draft, request.number, why) {
            void.push(request.number.to_string());
        }
    }
    if paused.is_empty() && void.is_empty() {
        return;
    }
    let mut text = Vec::new();
    if !paused.is_empty() {
        text.push(format!(
            "**{} paused**: {why}. Opening it again does not change that.",
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
}
