//! Narrowing: an identity and each of its living credentials may do less, at once, and never more.
//!
//! Lenient in form. It cannot be undone, so that a comment which somebody else may have changed pauses
//! instead. Anything that would be wider is refused as a whole, saying what is wider.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::actor::Actor;
use super::super::command::{Less, Words, less};
use super::super::credential::{Credential, less_of};
use super::super::identity::Identity;
use super::super::ids::CredentialNumber;
use super::super::key::Key;
use super::super::policy::Board;
use super::super::reply::{self, escape::foreign, faults, reasons::codes};
use super::super::time::{after, span};
use super::named::{
    Meant, because, ended_already, may, meant, refuse, shown, told_both, unknown, weak,
};
use super::said::Said;
use super::{Draft, alone, issue, known, lifecycle};

/// Decides a narrowing.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    if alone::narrow(draft, said, words) {
        return;
    }
    match meant(draft, said, words) {
        Meant::Identity(identity, 1) => narrow(draft, said, *identity, &words.after(1)),
        Meant::Identity(identity, _) => narrow(draft, said, *identity, &past_a_slip(words)),
        Meant::Asked(_, _, Some(only)) => narrow(draft, said, *only, &past_a_slip(words)),
        Meant::Asked(slug, _, None) => {
            let text = format!(
                "Nothing was narrowed: no identity `{slug}` lives; an approval may grant less than was asked."
            );
            refuse(draft, said, "narrow", &text, "unknown_identity");
        }
        Meant::Unknown => unknown(draft, said, "narrow", "narrowed"),
    }
}

/// The words behind a name that names nothing here: the thread's only identity is meant all the same. A
/// number of a credential is no such slip.
fn past_a_slip(words: &Words) -> Words {
    let slip = words
        .first()
        .is_some_and(|word| !word.contains('=') && CredentialNumber::parse(word).is_none());
    words.after(usize::from(slip))
}

fn narrow(draft: &mut Draft<'_>, said: &Said<'_>, mut identity: Identity, rest: &Words) {
    if !may(said, &identity) {
        let text = "Nothing was narrowed: only an owner of this board can do that, or the requester in the identity's own thread.";
        return refuse(draft, said, "narrow", text, "not_an_owner");
    }
    let (less, reason) = match less(rest) {
        Ok(read) => read,
        Err(fault) => {
            let text = match rest.first().filter(|word| !word.contains('=')) {
                Some(word) => format!(
                    "Nothing was narrowed: {} stands where `scopes=…`, `ttl=…`, `resources=…` or `modes=…` says what is to be left of `{}` and each of its credentials; a reason goes last.",
                    foreign(word, 40),
                    identity.slug
                ),
                None => format!("Nothing was narrowed: {}", faults::sentence(&fault).0),
            };
            return refuse(draft, said, "narrow", &text, fault.code());
        }
    };
    if !identity.is_living() {
        let text = ended_already(draft, &identity);
        return refuse(draft, said, "narrow", &text, "unknown_identity");
    }
    if let Some(wider) = wider(draft, Some(said.board), &identity, &less) {
        let text = format!("Nothing was narrowed: {wider}; `/gate narrow` only takes away.");
        return refuse(draft, said, "narrow", &text, "wider");
    }
    if said.is_weak() {
        return weak(draft, said, &mut identity, "narrow", "narrowed", &reason);
    }
    let unclaimed = lifecycle::unclaimed(draft, &identity);
    let changed = apply(draft, &mut identity, &less);
    let text = if changed {
        let why = because(said, &reason);
        written(draft, &mut identity, &less, &said.actor(), &why);
        reply::narrowed(&identity, &less, &shown(&reason)) + &unclaimed
    } else {
        format!("`{}` may do no more than that already.", identity.slug)
    };
    told_both(draft, said, &identity, &text);
}

/// What would be wider than it is, in people's words.
pub(super) fn wider(
    draft: &Draft<'_>,
    board: Option<&Board>,
    identity: &Identity,
    less: &Less,
) -> Option<String> {
    let none = BTreeSet::new();
    let all = |limit: &Option<BTreeSet<String>>, board: Option<&BTreeSet<String>>| {
        limit.clone().or_else(|| board.cloned())
    };
    let lists = [
        ("scopes", &less.scopes, Some(identity.scopes.clone())),
        (
            "resources",
            &less.resources,
            all(
                &identity.resources,
                board.and_then(|board| board.resources.as_ref()),
            ),
        ),
        (
            "modes",
            &less.modes,
            all(
                &identity.modes,
                board.and_then(|board| board.modes.as_ref()),
            ),
        ),
    ];
    for (what, wanted, has) in lists {
        let Some(has) = has else {
            continue;
        };
        let beyond: Vec<&String> = wanted.as_ref().unwrap_or(&none).difference(&has).collect();
        if !beyond.is_empty() {
            return Some(format!(
                "it has no {} among its {what}, only {}",
                codes(beyond),
                codes(&has)
            ));
        }
    }
    let ttl = less.ttl?;
    let ends = latest_end(draft, identity);
    (after(draft.now(), ttl) > ends)
        .then(|| format!("nothing of it lives for another {}", span(ttl)))
}

/// When the last of what lives would end by itself; without a living credential the identity's end.
fn latest_end(draft: &Draft<'_>, identity: &Identity) -> jiff::Timestamp {
    known::credentials_of(draft, identity)
        .into_iter()
        .filter(|credential| credential.is_living(draft.now()))
        .map(|credential| credential.expires_at.min(identity.expires_at))
        .max()
        .unwrap_or(identity.expires_at)
}

/// Takes away. True if that changed anything.
pub(super) fn apply(draft: &mut Draft<'_>, identity: &mut Identity, less: &Less) -> bool {
    let before = identity.clone();
    let ends = less.ttl.map(|ttl| after(draft.now(), ttl));
    if let Some(scopes) = &less.scopes {
        identity.scopes.retain(|scope| scopes.contains(scope));
    }
    less_of(&mut identity.resources, less.resources.as_ref());
    less_of(&mut identity.modes, less.modes.as_ref());
    if let Some(ends) = ends {
        identity.expires_at = identity.expires_at.min(ends);
    }
    let mut changed = *identity != before;
    for number in identity.credentials.clone() {
        if let Some(mut credential) = draft.get::<Credential>(&Key::credential(number))
            && credential.is_living(draft.now())
            && credential.narrow(less, ends)
        {
            changed = true;
            draft.put(Key::credential(number), &credential);
            if ends.is_some() {
                issue::announce_end(draft, &credential);
            }
        }
    }
    changed
}

/// Writes what was taken away down.
pub(super) fn written(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    less: &Less,
    by: &Actor,
    why: &str,
) {
    draft.use_reserve();
    // It was granted as more than is left; whoever asked asks anew.
    lifecycle::void_claims(draft, identity);
    let entry = lifecycle::remember(draft, identity, "identity_narrowed", by, why);
    lifecycle::write_checks(draft, identity);
    draft.entry(entry.with_facts(json!({
        "scopes": less.scopes,
        "resources": less.resources,
        "modes": less.modes,
        "ttl": less.ttl,
    })));
}
