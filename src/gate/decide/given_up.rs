//! What a holder may do with its token beside using it: give that credential up (RFC 7009), and let
//! the identity stand still. Neither widens anything, and the thread is told of both.

use serde_json::json;

use super::super::actor::Actor;
use super::super::credential::Credential;
use super::super::identity::Identity;
use super::super::ids::{CredentialNumber, Mac};
use super::super::key::Key;
use super::super::reply;
use super::{Draft, alone, leak, lifecycle};

/// Decides it. A token that is unknown or no longer living changes nothing; a sealed one that was
/// never used is not used by this.
pub(super) fn decide(draft: &mut Draft<'_>, macs: &[Mac]) {
    draft.outcome("give_up", "nothing");
    let Some(check) = leak::living(draft, macs) else {
        return;
    };
    let Some(mut credential) = draft.get::<Credential>(&Key::credential(check.credential)) else {
        return;
    };
    let number = credential.number;
    draft.cause("given_up", json!({ "credential": number }));
    let by = Actor::Holder(number);
    let why = "its holder gave it up";
    if let Some(stopped) = alone::revoke(draft, &mut credential, &by, why) {
        draft.outcome("give_up", "done");
        let text = format!("**{} is revoked**: {why}.", stopped.name);
        draft.tell(stopped.thread, &text, None);
    }
}

/// The identity of a living token stands still. A sealed token that was never used is not used by this.
pub(super) fn stand_still(draft: &mut Draft<'_>, macs: &[Mac]) {
    draft.outcome("pause", "nothing");
    let Some(check) = leak::living(draft, macs) else {
        return;
    };
    let number = check.credential;
    draft.cause("holder_paused", json!({ "credential": number }));
    let why = format!("the holder of {number} wants it");
    let Some(identity) = check.identity else {
        return alone_stands_still(draft, number, &why);
    };
    let Some(mut identity) = draft.get::<Identity>(&Key::identity(identity)) else {
        return;
    };
    if lifecycle::pause(draft, &mut identity, &Actor::Holder(number), &why) {
        draft.outcome("pause", "done");
        let text = format!(
            "{} `/gate resume {}` asks that it goes on.",
            reply::paused(&identity.slug, "", &format!(": {why}")),
            identity.slug
        );
        draft.tell(identity.thread, &text, None);
    }
}

/// What no identity has stands still by itself.
fn alone_stands_still(draft: &mut Draft<'_>, number: CredentialNumber, why: &str) {
    let Some(mut credential) = draft.get::<Credential>(&Key::credential(number)) else {
        return;
    };
    if let Some(stopped) = alone::pause(draft, &mut credential, &Actor::Holder(number), why) {
        draft.outcome("pause", "done_alone");
        let text = format!(
            "**{} is paused**: {why}. {}",
            stopped.name,
            alone::onward(number)
        );
        draft.tell(stopped.thread, &text, None);
    }
}
