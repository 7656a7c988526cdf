//! Pausing: every credential of an identity is refused, at once.
//!
//! Lenient in form and content with weak evidence, since it ends nothing. One credential alone cannot
//! stand still: whoever names one pauses the identity and is told so. What un-pauses is a request (`resume.rs`).

use super::super::command::Words;
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{CredentialNumber, RequestNumber, Slug};
use super::super::reply;
use super::named::{
    Meant, because, ended_already, lacking, may, meant, refuse, shown, told, told_both, unknown,
};
use super::said::Said;
use super::{Draft, alone, lifecycle};

/// Decides a pause.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    if alone::stop(draft, said, words, "pause") {
        return;
    }
    match meant(draft, said, words) {
        Meant::Identity(identity, named) => pause(draft, said, *identity, &words.after(named)),
        Meant::Asked(_, _, Some(only)) => pause(draft, said, *only, words),
        Meant::Asked(slug, requests, None) => asked(draft, said, &slug, &requests),
        Meant::Unknown => unknown(draft, said, "pause", "paused"),
    }
}

fn pause(draft: &mut Draft<'_>, said: &Said<'_>, mut identity: Identity, rest: &Words) {
    if !may(said, &identity) {
        return refuse(
            draft,
            said,
            "pause",
            "Nothing was paused: only an owner of this board can do that, or the requester in the identity's own thread.",
            "not_an_owner",
        );
    }
    let number = rest.first().and_then(CredentialNumber::parse);
    let reason = rest.after(usize::from(number.is_some())).reason();
    if let Some(number) = number.filter(|number| !identity.credentials.contains(number)) {
        return lacking(draft, said, &mut identity, number, &reason);
    }
    let (changed, why) = if said.is_weak() {
        let why = because(said, &format!("the comment was changed {reason}"));
        (" That comment was changed after it was written.", why)
    } else {
        ("", because(said, &reason))
    };
    let slug = identity.slug.clone();
    let void = lifecycle::void_resumes(draft, &identity, why.trim());
    if !void.is_empty() {
        let void: Vec<String> = void.iter().map(ToString::to_string).collect();
        let text = format!(
            "**`{slug}` stays paused**{}. {}, asked before that, is void.{changed} {}",
            shown(&reason),
            void.join(" and "),
            reply::paused_onward(&slug)
        );
        return told_both(draft, said, &identity, &text);
    }
    let unclaimed = lifecycle::unclaimed(draft, &identity);
    if lifecycle::pause(draft, &mut identity, &said.actor(), why.trim()) {
        let whole = match number {
            Some(number) => format!(
                " It is the identity that stands still, not {number} alone: `/gate revoke {slug} {number}` ends one credential."
            ),
            None => String::new(),
        };
        let text = format!(
            "{}{unclaimed}{changed}{whole} {}",
            reply::paused(&slug, "", &shown(&reason)),
            reply::paused_onward(&slug)
        );
        return told_both(draft, said, &identity, &text);
    }
    let text = match identity.status {
        IdentityStatus::Active | IdentityStatus::Paused(_) => {
            format!(
                "`{slug}` is paused already. {}",
                reply::paused_onward(&slug)
            )
        }
        IdentityStatus::Revoked(_) | IdentityStatus::Released(_) => ended_already(draft, &identity),
    };
    told(draft, said, &text);
}

/// A request cannot stand still; it can be ended.
fn asked(draft: &mut Draft<'_>, said: &Said<'_>, slug: &Slug, requests: &[RequestNumber]) {
    let end = if said.by_owner() {
        let lines: Vec<String> = requests
            .iter()
            .map(|number| format!("`/gate deny {number}`"))
            .collect();
        format!("{} ends what is asked for under it", lines.join(", "))
    } else {
        "`/gate withdraw` takes your request back".to_owned()
    };
    let text = format!("Nothing was paused: no identity `{slug}` lives; {end}.");
    refuse(draft, said, "pause", &text, "unknown_identity");
}
