//! An owner's no, and the requester's taking back: both end a request at once.
//!
//! Lenient in form: without a number, the thread's only open request is meant. Neither needs more
//! than its own re-read.

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::Words;
use super::super::effect::Reaction;
use super::super::ids::RequestNumber;
use super::super::key::Key;
use super::super::reply;
use super::super::request::{Action, Request, RequestStatus};
use super::named::shown;
use super::said::{Said, refuse};
use super::{Draft, known, lifecycle};

/// An owner denies a request of the board, from any of its threads.
pub(super) fn deny(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    if !said.by_owner() {
        return refuse(
            draft,
            said,
            "deny",
            "Only an owner of this board can deny; whoever asked can `/gate withdraw`.",
            "not_an_owner",
        );
    }
    let Some((mut request, reason)) = meant(draft, said, "deny", words) else {
        return;
    };
    if said.is_edited() {
        return edited(draft, said, "deny", request.number);
    }
    finish(
        draft,
        said,
        &mut request,
        "deny",
        RequestStatus::Denied(said.author),
        &reason,
    );
}

/// Whoever asked takes a request back, in its own thread.
pub(super) fn withdraw(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    let Some((mut request, reason)) = meant(draft, said, "withdraw", words) else {
        return;
    };
    if request.asker() != Some(said.author) || request.thread != said.thread {
        let text = format!(
            "Only whoever asked for {} can take it back, in its own thread; an owner can `/gate deny` it.",
            request.number
        );
        return refuse(draft, said, "withdraw", &text, "not_yours");
    }
    if said.is_edited() {
        return edited(draft, said, "withdraw", request.number);
    }
    finish(
        draft,
        said,
        &mut request,
        "withdraw",
        RequestStatus::Withdrawn,
        &reason,
    );
}

/// An edited comment is no evidence for what cannot be undone, and a request cannot be paused.
fn edited(draft: &mut Draft<'_>, said: &Said<'_>, verb: &'static str, number: RequestNumber) {
    let text = format!(
        "This comment was edited, and an edited comment never becomes a command. Post `/gate {verb} {number}` as a new comment."
    );
    refuse(draft, said, verb, &text, "edited");
}

/// The open request that is meant, and the reason; says what is wrong if there is none.
fn meant(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    verb: &'static str,
    words: &Words,
) -> Option<(Request, String)> {
    let numbered = words.first().and_then(RequestNumber::parse);
    let request = match numbered {
        Some(number) => draft
            .get::<Request>(&Key::request(number))
            .filter(|request| request.thread.repository == said.thread.repository),
        None => {
            let mut open = known::open_in(draft, said.thread);
            if open.len() == 1 { open.pop() } else { None }
        }
    };
    let reason = words.after(usize::from(numbered.is_some())).reason();
    match (request, numbered) {
        (Some(request), _) if request.is_open(draft.now()) => Some((request, reason)),
        (Some(request), _) => {
            let mut text = format!(
                "{} is not open: {}.",
                request.number,
                request.word(draft.now())
            );
            if matches!(request.status, RequestStatus::Approved)
                && let Some(slug) = &request.effect.identity
            {
                let back = match request.action {
                    Action::Issue | Action::Rotate => {
                        format!(" To take back what it issued: `/gate revoke {slug}`.")
                    }
                    Action::Import | Action::Link | Action::Resume | Action::Thaw | Action::Own => {
                        format!(" To stop it: `/gate pause {slug}`.")
                    }
                };
                text.push_str(&back);
            }
            refuse(draft, said, verb, &text, "not_open");
            None
        }
        (None, Some(number)) => {
            let text = format!("There is no request {number} on this board.");
            refuse(draft, said, verb, &text, "unknown_request");
            None
        }
        (None, None) => {
            let open = known::open_in(draft, said.thread);
            let text = if open.is_empty() {
                "No request is open in this thread.".to_owned()
            } else {
                let numbers: Vec<String> = open
                    .iter()
                    .map(|request| request.number.to_string())
                    .collect();
                format!("Name the request that is meant: {}.", numbers.join(" or "))
            };
            refuse(draft, said, verb, &text, "unknown_request");
            None
        }
    }
}

fn finish(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    request: &mut Request,
    verb: &'static str,
    status: RequestStatus,
    reason: &str,
) {
    let text = end(
        draft,
        request,
        status,
        (said.actor(), &said.name()),
        (reason, reason),
    );
    draft.outcome(verb, "done");
    draft.react(said.thread, said.comment(), Reaction::Yes);
    draft.tell(request.thread, &text, Some(request.number));
}

/// A request is over at once, by somebody who may end it: what its thread is told. The first reason is
/// for the audit, the second for the thread.
pub(super) fn end(
    draft: &mut Draft<'_>,
    request: &mut Request,
    status: RequestStatus,
    (actor, name): (Actor, &str),
    (why, reason): (&str, &str),
) -> String {
    draft.use_reserve();
    lifecycle::end(draft, request, status);
    let word = request.word(draft.now());
    draft.entry(
        Entry::new(&format!("request_{word}"), actor, why)
            .in_thread(request.thread)
            .about_request(request.number),
    );
    reply::request_ended(request.number, word, name, &shown(reason))
}
