//! Which identity a lenient command means, who may stop it, and how the answer is told: what
//! `pause`, `release` and `revoke` have in common.
//!
//! A word that names nothing must not keep a leaked token alive: the thread's only living identity is
//! meant then. What another board has is unknown here. Nothing is ended in this file; a credential
//! that is not there pauses.

use super::super::command::Words;
use super::super::effect::{Reaction, Role};
use super::super::identity::Identity;
use super::super::ids::{CredentialNumber, RequestNumber, Slug};
use super::super::key::Key;
use super::super::reply::{self, escape::foreign};
use super::super::request::Request;
use super::super::thread::OpenRequests;
use super::propose::Refusal;
use super::said::{Said, explain};
use super::{Draft, known, lifecycle};

/// What the first word means.
#[derive(Debug)]
pub(super) enum Meant {
    /// This identity; how many words named it.
    Identity(Box<Identity>, usize),
    /// A name that only open requests have, and the thread's only living identity: whoever asks
    /// chooses the names of requests and must not be able to divert the word from what lives.
    Asked(Slug, Vec<RequestNumber>, Option<Box<Identity>>),
    /// Nothing that is known here.
    Unknown,
}

/// Whoever could stop something must learn that it was not stopped: no limit holds that back.
pub(super) fn refuse(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    verb: &'static str,
    text: &str,
    code: &'static str,
) {
    draft.outcome(verb, code);
    let could = said.by_owner()
        || known::living_in(draft, said.thread)
            .iter()
            .any(|identity| identity.requester == said.author);
    if !could {
        return explain(draft, said, text, None, code);
    }
    draft.react(said.thread, said.comment(), Reaction::No);
    let body = reply::refusal(text, None, code, None, draft.given.seq);
    draft.post(said.thread, Role::Answer, body);
}

/// If the first word is a name of this board, that is meant; else the thread's only living identity.
pub(super) fn meant(draft: &Draft<'_>, said: &Said<'_>, words: &Words) -> Meant {
    let repository = said.thread.repository;
    let word = words.first().and_then(|word| {
        let bare = word.trim_matches(['`', '\'', '"', ',', '.', ';', ':']);
        Slug::parse(&bare.to_ascii_lowercase())
    });
    if let Some(slug) = word {
        let identity = known::newest_identity(draft, said.board, &slug);
        let naming: OpenRequests = draft.get_or_default(&Key::naming(repository, &slug));
        let open: Vec<RequestNumber> = naming
            .requests
            .into_iter()
            .filter_map(|number| draft.get::<Request>(&Key::request(number)))
            .filter(|request| request.is_open(draft.now()))
            .map(|request| request.number)
            .collect();
        match identity {
            Some(identity) if identity.is_living() || open.is_empty() => {
                return Meant::Identity(Box::new(identity), 1);
            }
            Some(_) | None if !open.is_empty() => {
                let only = known::only_living_in(draft, said.thread).map(Box::new);
                return Meant::Asked(slug, open, only);
            }
            Some(_) | None => {}
        }
    }
    match known::only_living_in(draft, said.thread) {
        Some(only) => Meant::Identity(Box::new(only), 0),
        None => Meant::Unknown,
    }
}

/// Owners from any thread of the board; the requester in the identity's own thread.
pub(super) fn may(said: &Said<'_>, identity: &Identity) -> bool {
    said.by_owner() || (identity.requester == said.author && identity.thread == said.thread)
}

/// Nothing is named and not exactly one lives here: says what could be meant.
pub(super) fn unknown(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    verb: &'static str,
    done: &'static str,
) {
    let living = known::living_in(draft, said.thread);
    let text = if living.is_empty() {
        format!(
            "Nothing was {done}: name the identity, `/gate {verb} SLUG`. None lives in this thread."
        )
    } else {
        let names: Vec<String> = living
            .iter()
            .map(|identity| format!("`{}`", identity.slug))
            .collect();
        format!(
            "Nothing was {done}: name the identity that is meant. In this thread live {}.",
            names.join(" ")
        )
    };
    refuse(draft, said, verb, &text, "unknown_identity");
}

/// Who wants it and why, for the records.
pub(super) fn because(said: &Said<'_>, reason: &str) -> String {
    with_reason(format!("by user {}", said.author), reason)
}

/// That, and why, if a reason was given.
pub(super) fn with_reason(by: String, reason: &str) -> String {
    if reason.is_empty() {
        by
    } else {
        format!("{by}: {reason}")
    }
}

/// Somebody wants to stop a credential that is not there: the identity stands still until it is
/// known which one was meant.
pub(super) fn lacking(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    identity: &mut Identity,
    number: CredentialNumber,
    reason: &str,
) {
    let why = because(
        said,
        &format!("{number} is none of its credentials {reason}"),
    );
    lifecycle::void_resumes(draft, identity, why.trim());
    let paused = lifecycle::pause(draft, identity, &said.actor(), why.trim());
    let living = known::credentials_of(draft, identity)
        .into_iter()
        .filter(|credential| credential.is_living(draft.now()));
    let has = numbers(living.map(|credential| credential.number));
    let state = if paused {
        "is paused"
    } else {
        "stays as it is"
    };
    let text = format!(
        "**`{}` {state}**: it has no {number}. It has {}. `/gate revoke {}` ends it.",
        identity.slug, has, identity.slug
    );
    told(draft, said, &text);
}

/// It is over, and was before.
pub(super) fn ended_already(draft: &Draft<'_>, identity: &Identity) -> String {
    let word = identity.word(draft.now());
    format!("`{}` was {word} already.", identity.slug)
}

/// A reason as the answer shows it, escaped.
pub(super) fn shown(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {}", foreign(reason, 200))
    }
}

/// The identity that a widening command names: only its owners and its requester may ask about it. To
/// everybody else, and elsewhere, it is unknown.
pub(super) fn asked_about(
    draft: &Draft<'_>,
    said: &Said<'_>,
    slug: &Slug,
) -> Result<Identity, Refusal> {
    known::newest_identity(draft, said.board, slug)
        .filter(|identity| may(said, identity))
        .ok_or_else(|| {
            let text = format!("There is no identity `{slug}` here that you could ask this for.");
            (text, "unknown_identity")
        })
}

/// Numbers for a sentence.
pub(super) fn numbers(numbers: impl Iterator<Item = CredentialNumber>) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    if numbers.is_empty() {
        "no living credential".to_owned()
    } else {
        numbers.join(", ")
    }
}

/// Somebody may have changed the comment since it was written: the identity stands still, which an
/// owner can undo, and a new comment does what was wanted.
pub(super) fn weak(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    identity: &mut Identity,
    verb: &'static str,
    done: &str,
    reason: &str,
) {
    let why = because(said, &format!("the comment was changed {reason}"));
    lifecycle::void_resumes(draft, identity, why.trim());
    let state = if lifecycle::pause(draft, identity, &said.actor(), why.trim()) {
        "is paused"
    } else {
        "stays as it is"
    };
    draft.outcome(verb, "paused");
    let text = format!(
        "**`{0}` {state}** and is not {done}: that comment was changed after it was written, or its number was once seen with another text. Post `/gate {verb} {0}` as a new comment.",
        identity.slug
    );
    told(draft, said, &text);
}

/// Says it where it was asked, and in the identity's own thread if that is another.
pub(super) fn told_both(draft: &mut Draft<'_>, said: &Said<'_>, identity: &Identity, text: &str) {
    told(draft, said, text);
    if identity.thread != said.thread {
        draft.tell(identity.thread, text, None);
    }
}

/// Says what was done, where it was asked.
pub(super) fn told(draft: &mut Draft<'_>, said: &Said<'_>, text: &str) {
    draft.react(said.thread, said.comment(), Reaction::Yes);
    draft.tell(said.thread, text, None);
}
