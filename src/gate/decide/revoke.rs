//! Revoking: one credential, or the identity with all of them, at once.
//!
//! Lenient in form, since a typing mistake must not keep a leaked token alive: without a slug the
//! thread's only living identity is meant, and a credential number that the identity lacks pauses it.
//! A comment that somebody else may have changed pauses, too: that can be undone.

use super::super::command::Words;
use super::super::credential::Credential;
use super::super::identity::Identity;
use super::super::ids::{CredentialNumber, RequestNumber, Slug};
use super::super::key::Key;
use super::super::reply;
use super::named::{
    Meant, because, ended_already, lacking, may, meant, refuse, shown, told, told_both, unknown,
    weak,
};
use super::said::{self, Said};
use super::{Draft, alone, lifecycle};

/// Decides a revocation.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    if alone::stop(draft, said, words, "revoke") {
        return;
    }
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
        Meant::Unknown => unknown(draft, said, "revoke", "revoked"),
    }
}

fn revoke(draft: &mut Draft<'_>, said: &Said<'_>, mut identity: Identity, rest: &Words) {
    if !may(said, &identity) {
        return refuse(
            draft,
            said,
            "revoke",
            "Nothing was revoked: only an owner of this board can do that, or the requester in the identity's own thread.",
            "not_an_owner",
        );
    }
    let number = rest.first().and_then(CredentialNumber::parse);
    let reason = rest.after(usize::from(number.is_some())).reason();
    if said.is_weak() {
        return weak(draft, said, &mut identity, "revoke", "revoked", &reason);
    }
    match number {
        None => whole(draft, said, identity, &reason),
        Some(number) if identity.credentials.contains(&number) => {
            one(draft, said, &mut identity, number, &reason);
        }
        Some(number) => lacking(draft, said, &mut identity, number, &reason),
    }
}

fn whole(draft: &mut Draft<'_>, said: &Said<'_>, mut identity: Identity, reason: &str) {
    let why = because(said, reason);
    if lifecycle::revoke(draft, &mut identity, &said.actor(), &why) {
        let text = reply::revoked(&identity, "", &shown(reason));
        return told_both(draft, said, &identity, &text);
    }
    told(draft, said, &ended_already(draft, &identity));
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
    if lifecycle::revoke_credential(draft, identity, &mut credential, &said.actor(), &why) {
        let text = format!(
            "**{number} of `{}` is revoked**{}; the identity stays.",
            identity.slug,
            shown(reason)
        );
        return told_both(draft, said, identity, &text);
    }
    let text = format!("{number} of `{}` was revoked already.", identity.slug);
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
        return said::refuse(draft, said, "revoke", text, code);
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
