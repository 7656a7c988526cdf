//! A holder gives its credential up (RFC 7009): whoever shows a token may end that credential, and
//! nothing else. The identity stays, and its thread is told.

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
