//! Releasing: the requester gives an identity back, in its own thread.
//!
//! It ends like a revoked one; its name stays its requester's. Lenient in form, but it cannot be
//! undone: a comment that somebody else may have changed, a name that only requests have, and a
//! credential's number release nothing.

use super::super::command::Words;
use super::super::identity::Identity;
use super::super::ids::CredentialNumber;
use super::super::reply;
use super::named::{Meant, because, ended_already, meant, refuse, shown, told, unknown};
use super::said::Said;
use super::{Draft, lifecycle};

/// Decides a release.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    match meant(draft, said, words) {
        Meant::Identity(identity, named) => release(draft, said, *identity, &words.after(named)),
        Meant::Asked(slug, _, _) => {
            let text = format!(
                "Nothing was released: no identity `{slug}` lives; whoever asked for it can `/gate withdraw`."
            );
            refuse(draft, said, "release", &text, "unknown_identity");
        }
        Meant::Unknown => unknown(draft, said, "release", "released"),
    }
}

fn release(draft: &mut Draft<'_>, said: &Said<'_>, mut identity: Identity, rest: &Words) {
    let slug = identity.slug.clone();
    if identity.requester != said.author || identity.thread != said.thread {
        let instead = if said.by_owner() {
            format!(" An owner ends it with `/gate revoke {slug}`.")
        } else {
            String::new()
        };
        let text = format!(
            "Nothing was released: only the requester gives an identity back, in its own thread.{instead}"
        );
        return refuse(draft, said, "release", &text, "not_yours");
    }
    if let Some(number) = rest.first().and_then(CredentialNumber::parse) {
        let text = format!(
            "Nothing was released: an identity is given back as a whole, `/gate release {slug}`; `/gate revoke {slug} {number}` ends one credential."
        );
        return refuse(draft, said, "release", &text, "bad_form");
    }
    if said.is_weak() {
        let text = format!(
            "Nothing was released: that comment was changed after it was written, or its number was once seen with another text. Post `/gate release {slug}` as a new comment."
        );
        return refuse(draft, said, "release", &text, "edited");
    }
    let reason = rest.reason();
    let why = because(said, &reason);
    let text = if lifecycle::release(draft, &mut identity, &said.actor(), &why) {
        reply::released(&identity, "", &shown(&reason))
    } else {
        ended_already(draft, &identity)
    };
    told(draft, said, &text);
}
