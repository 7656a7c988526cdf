//! Revoking: one credential, or the identity with all of them, at once.
//!
//! Lenient in form, since a typing mistake must not keep a leaked token alive: without a slug the
//! thread's only living identity is meant, and a credential number that the identity lacks pauses it.
//! A comment that somebody else may have changed pauses, too: that can be undone.

use super::super::command::Words;
use super::super::credential::Credential;
use super::super::effect::Reaction;
use super::super::identity::Identity;
use super::super::ids::{CredentialNumber, RequestNumber, Slug};
use super::super::key::Key;
use super::super::reply::escape::foreign;
use super::super::request::Request;
use super::super::thread::{OpenRequests, SlugOwner};
use super::comment::{Said, explain};
use super::{Draft, lifecycle};

/// What the first word means.
enum Meant {
    /// This identity; how many words named it.
    Identity(Box<Identity>, usize),
    /// A name that only open requests have, and the thread's only living identity: whoever asks
    /// chooses the names of requests and must not be able to divert the word from what lives.
    Asked(Slug, Vec<RequestNumber>, Option<Box<Identity>>),
    /// Nothing that is known here.
    Unknown,
}

/// Decides a revocation.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    match meant(draft, said, words) {
        Meant::Identity(identity, named) => {
            revoke(draft, said, *identity, &words.after(named));
        }
        Meant::Asked(slug, requests, only) => {
            void(draft, said, &slug, &requests, only.is_some());
            if let Some(identity) = only {
                revoke(draft, said, *identity, words);
            }
        }
        Meant::Unknown => {
            let living = lifecycle::living_in(draft, said.thread);
            let text = if living.is_empty() {
                "Nothing was revoked: name the identity, `/gate revoke SLUG`. None lives in this thread.".to_owned()
            } else {
                let names: Vec<String> = living
                    .iter()
                    .map(|identity| format!("`{}`", identity.slug))
                    .collect();
                format!(
                    "Nothing was revoked: name the identity that is meant. In this thread live {}.",
                    names.join(" ")
                )
            };
            refuse(draft, said, &text, "unknown_identity");
        }
    }
}

/// Whoever could stop something must learn that it was not stopped: no limit holds that back.
fn refuse(draft: &mut Draft<'_>, said: &Said<'_>, text: &str, code: &'static str) {
    draft.outcome("revoke", code);
    let could = said.by_owner()
        || lifecycle::living_in(draft, said.thread)
            .iter()
            .any(|identity| identity.requester == said.author);
    if !could {
        return explain(draft, said, text, None, code);
    }
    draft.react(said.thread, said.comment(), Reaction::No);
    let body = super::super::reply::refusal(text, None, code, None, draft.given.seq);
    draft.post(said.thread, super::super::effect::Role::Answer, body);
}

/// If the first word is a name of this board, that is meant; else the thread's only living identity.
fn meant(draft: &Draft<'_>, said: &Said<'_>, words: &Words) -> Meant {
    let repository = said.thread.repository;
    let word = words.first().and_then(|word| {
        let bare = word.trim_matches(['`', '\'', '"', ',', '.', ';', ':']);
        Slug::parse(&bare.to_ascii_lowercase())
    });
    if let Some(slug) = word {
        let owner: Option<SlugOwner> = draft.get(&Key::slug(&slug));
        let identity = owner
            .filter(|owner| owner.repository == repository)
            .and_then(|owner| draft.get::<Identity>(&Key::identity(owner.identity)));
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
                let only = only_living(draft, said).map(Box::new);
                return Meant::Asked(slug, open, only);
            }
            Some(_) | None => {}
        }
    }
    match only_living(draft, said) {
        Some(only) => Meant::Identity(Box::new(only), 0),
        None => Meant::Unknown,
    }
}

/// The thread's living identity, if there is exactly one.
fn only_living(draft: &Draft<'_>, said: &Said<'_>) -> Option<Identity> {
    let mut living = lifecycle::living_in(draft, said.thread);
    let only = living.pop();
    only.filter(|_| living.is_empty())
}

/// Owners from any thread of the board; the requester in the identity's own thread.
fn may(said: &Said<'_>, identity: &Identity) -> bool {
    said.by_owner() || (identity.requester == said.author && identity.thread == said.thread)
}

fn revoke(draft: &mut Draft<'_>, said: &Said<'_>, mut identity: Identity, rest: &Words) {
    if !may(said, &identity) {
        return refuse(
            draft,
            said,
            "Nothing was revoked: only an owner of this board can do that, or the requester in the identity's own thread.",
            "not_an_owner",
        );
    }
    let number = rest.first().and_then(CredentialNumber::parse);
    let reason = rest.after(usize::from(number.is_some())).reason();
    if said.is_weak() {
        return weak(draft, said, &mut identity, &reason);
    }
    match number {
        None => whole(draft, said, identity, &reason),
        Some(number) if identity.credentials.contains(&number) => {
            one(draft, said, &mut identity, number, &reason);
        }
        Some(number) => lacking(draft, said, &mut identity, number, &reason),
    }
}

fn because(said: &Said<'_>, reason: &str) -> String {
    let by = format!("by user {}", said.author);
    if reason.is_empty() {
        by
    } else {
        format!("{by}: {reason}")
    }
}

fn whole(draft: &mut Draft<'_>, said: &Said<'_>, mut identity: Identity, reason: &str) {
    let why = because(said, reason);
    let done = lifecycle::revoke(draft, &mut identity, &said.actor(), &why);
    let text = if done {
        let text = format!(
            "**`{}` is revoked**, with {} of its credentials{}.",
            identity.slug,
            identity.credentials.len(),
            shown(reason)
        );
        return told_both(draft, said, &identity, &text);
    } else {
        format!(
            "`{}` was {} already.",
            identity.slug,
            identity.word(draft.now())
        )
    };
    told(draft, said, &text);
}

fn one(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    identity: &mut Identity,
    number: CredentialNumber,
    reason: &str,
) {
    let Some(mut credential) = draft.get::<Credential>(&Key::credential(number)) else {
        return lacking(draft, said, identity, number, reason);
    };
    let why = because(said, reason);
    let done = lifecycle::revoke_credential(draft, identity, &mut credential, &said.actor(), &why);
    let text = if done {
        let text = format!(
            "**{number} of `{}` is revoked**{}; the identity stays.",
            identity.slug,
            shown(reason)
        );
        return told_both(draft, said, identity, &text);
    } else {
        format!("{number} of `{}` was revoked already.", identity.slug)
    };
    told(draft, said, &text);
}

/// Somebody may have changed the comment since it was written: the identity stands still, which an
/// owner can undo, and a new comment ends it.
fn weak(draft: &mut Draft<'_>, said: &Said<'_>, identity: &mut Identity, reason: &str) {
    let why = because(said, &format!("the comment was changed {reason}"));
    let state = if lifecycle::pause(draft, identity, &said.actor(), why.trim()) {
        "is paused"
    } else {
        "stays as it is"
    };
    draft.outcome("revoke", "paused");
    let text = format!(
        "**`{0}` {state}** and is not revoked: that comment was changed after it was written, or its number was once seen with another text. Post `/gate revoke {0}` as a new comment to end it.",
        identity.slug
    );
    told(draft, said, &text);
}

/// Somebody wants to stop a credential that is not there: the identity stands still until it is
/// known which one was meant.
fn lacking(
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
    let paused = lifecycle::pause(draft, identity, &said.actor(), why.trim());
    let has: Vec<String> = identity
        .credentials
        .iter()
        .filter_map(|number| draft.get::<Credential>(&Key::credential(*number)))
        .filter(|credential| credential.is_living(draft.now()))
        .map(|credential| credential.number.to_string())
        .collect();
    let state = if paused {
        "is paused"
    } else {
        "stays as it is"
    };
    let text = format!(
        "**`{}` {state}**: it has no {number}. It has {}. `/gate revoke {}` ends it.",
        identity.slug,
        if has.is_empty() {
            "no living credential".to_owned()
        } else {
            has.join(", ")
        },
        identity.slug
    );
    told(draft, said, &text);
}

/// Requests have that name: they are void. `and_more`: an identity is meant as well, and whoever may
/// not void them may still end that.
fn void(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    slug: &Slug,
    requests: &[RequestNumber],
    and_more: bool,
) {
    if !said.by_owner() || said.is_edited() {
        if and_more {
            return;
        }
        let (text, code) = if said.by_owner() {
            (
                "This comment was edited, and an edited comment never becomes a command. Post it as a new comment.",
                "edited",
            )
        } else {
            (
                "No identity of that name lives here; `/gate withdraw` takes your request back.",
                "unknown_identity",
            )
        };
        draft.outcome("revoke", code);
        return explain(draft, said, text, None, code);
    }
    let why = format!("`{slug}` was revoked by user {}", said.author);
    let void: Vec<String> = requests
        .iter()
        .filter(|number| lifecycle::void(draft, **number, &why))
        .map(ToString::to_string)
        .collect();
    let text = format!(
        "**Requests for `{slug}` are void**: {}. No identity of that name lives.",
        void.join(", ")
    );
    told(draft, said, &text);
}

fn shown(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {}", foreign(reason, 200))
    }
}

/// Says it where it was asked, and in the identity's own thread if that is another.
fn told_both(draft: &mut Draft<'_>, said: &Said<'_>, identity: &Identity, text: &str) {
    told(draft, said, text);
    if identity.thread != said.thread {
        draft.tell(identity.thread, text, None);
    }
}

fn told(draft: &mut Draft<'_>, said: &Said<'_>, text: &str) {
    draft.react(said.thread, said.comment(), Reaction::Yes);
    draft.tell(said.thread, text, None);
}
