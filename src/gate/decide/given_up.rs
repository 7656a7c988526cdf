//! What a holder may do with its token beside using it: give that credential up (RFC 7009), and let
//! the identity stand still. Neither widens anything, and the thread is told of both.

use serde_json::json;

use super::super::actor::Actor;
use super::super::credential::Credential;
use super::super::identity::Identity;
use super::super::ids::Mac;
use super::super::key::Key;
use super::{Draft, leak, lifecycle};

/// Decides it. A token that is unknown or no longer living changes nothing; a sealed one that was
/// never used is not used by this.
pub(super) fn decide(draft: &mut Draft<'_>, macs: &[Mac]) {
    draft.outcome("give_up", "nothing");
    let Some(check) = leak::living(draft, macs) else {
        return;
    };
    let identity = draft.get::<Identity>(&Key::identity(check.identity));
    let credential = draft.get::<Credential>(&Key::credential(check.credential));
    let (Some(mut identity), Some(mut credential)) = (identity, credential) else {
        return;
    };
    let number = credential.number;
    draft.cause("given_up", json!({ "credential": number }));
    let by = Actor::Holder(number);
    let why = "its holder gave it up";
    if lifecycle::revoke_credential(draft, &mut identity, &mut credential, &by, why) {
        draft.outcome("give_up", "done");
        let text = format!("**`{}` {number} is revoked**: {why}.", identity.slug);
        draft.tell(identity.thread, &text, None);
    }
}

/// The identity of a living token stands still. A sealed token that was never used is not used by this.
pub(super) fn stand_still(draft: &mut Draft<'_>, macs: &[Mac]) {
    draft.outcome("pause", "nothing");
    let Some(check) = leak::living(draft, macs) else {
        return;
    };
    let Some(mut identity) = draft.get::<Identity>(&Key::identity(check.identity)) else {
        return;
    };
    let number = check.credential;
    draft.cause("holder_paused", json!({ "credential": number }));
    let why = format!("the holder of {number} wants it");
    if lifecycle::pause(draft, &mut identity, &Actor::Holder(number), &why) {
        draft.outcome("pause", "done");
        let text = format!(
            "**`{0}` is paused**: {why}. Every credential of it is refused. `/gate resume {0}` asks that it goes on.",
            identity.slug
        );
        draft.tell(identity.thread, &text, None);
    }
}
