//! A token was shown: is it alive, and is this its first use?
//!
//! A sealed credential is pending until its first accepted check; that one is journaled before it is
//! answered, and from then on checks need no line. A client that may not see the token changes nothing.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::{Check, Credential, CredentialStatus};
use super::super::identity::Identity;
use super::super::ids::Mac;
use super::super::key::Key;
use super::{Answer, Draft};

/// Decides a first use.
pub(super) fn decide(draft: &mut Draft<'_>, macs: &[Mac], client: Option<&str>) {
    draft.answer(Answer::Inactive);
    let check = macs
        .iter()
        .find_map(|mac| draft.get::<Check>(&Key::check(mac)));
    let live = check
        .filter(|check| {
            let policy = &draft.given.policy;
            client.is_none_or(|name| policy.shows(name, check.board, &check.environment))
        })
        .and_then(|check| check.live(&draft.given.policy, draft.now()));
    let Some(mut live) = live else {
        return;
    };
    if live.first_use {
        let key = Key::credential(live.check.credential);
        let credential = draft.get::<Credential>(&key);
        let identity = draft.get::<Identity>(&Key::identity(live.check.identity));
        let (Some(mut credential), Some(mut identity)) = (credential, identity) else {
            return;
        };
        let now = draft.now();
        credential.status = CredentialStatus::Active(now);
        draft.put(key, &credential);
        draft.put(Key::check(&credential.mac), &credential.check(&identity));
        let actor = match client {
            Some(name) => Actor::Client(name.to_owned()),
            None => Actor::Holder(credential.number),
        };
        identity
            .recent
            .push(now, "credential_first_used", &credential.number.to_string());
        draft.put(Key::identity(identity.number), &identity);
        draft.cause(
            "used",
            json!({ "credential": credential.number, "client": client }),
        );
        draft.entry(
            Entry::new("credential_first_used", actor, "used for the first time")
                .in_thread(identity.thread)
                .about_identity(identity.number)
                .about_credential(credential.number),
        );
        live.check.status = CredentialStatus::Active(now);
    }
    draft.answer(Answer::Live(Box::new(live)));
}
