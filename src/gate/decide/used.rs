//! A token was shown: is it alive, and is this its first use?
//!
//! A sealed credential is pending until its first accepted check; that one is journaled before it is
//! answered, and from then on checks need no line. A client that may not see the token changes nothing.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::{Check, Credential, CredentialStatus};
use super::super::identity::Identity;
use super::super::ids::{CredentialNumber, Mac};
use super::super::key::Key;
use super::super::thread::Standstill;
use super::super::time::after;
use super::super::uses::{Use, Uses};
use super::{Answer, Draft, known, lifecycle};

/// Decides a first use.
pub(super) fn decide(draft: &mut Draft<'_>, macs: &[Mac], client: Option<&str>) {
    draft.answer(Answer::Inactive);
    let seen = known::shown(draft, macs)
        .filter(|check| {
            let policy = &draft.given.policy;
            client.is_none_or(|name| policy.shows(name, check.board, &check.environment))
        })
        .filter(|check| {
            let key = Key::standstill(check.board);
            draft.get::<Standstill>(&key).is_none()
        });
    let Some(check) = seen else {
        return;
    };
    if check.is_rotated_away(draft.now()) {
        return too_late(draft, &check, client);
    }
    let Some(mut live) = check.live(&draft.given.policy, draft.now()) else {
        return;
    };
    if live.first_use {
        let found = known::of_identity(draft, live.check.credential);
        let Some((mut credential, mut identity)) = found else {
            return;
        };
        let now = draft.now();
        let number = credential.number;
        credential.status = CredentialStatus::Active(now);
        draft.put(Key::credential(number), &credential);
        draft.put(Key::check(&credential.mac), &credential.check(&identity));
        let actor = shown_by(number, client);
        identity
            .recent
            .push(now, "credential_first_used", &credential.number.to_string());
        draft.put(Key::identity(identity.number), &identity);
        shown_to(draft, credential.number, client);
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
        if let Some(old) = credential.predecessor {
            replace(draft, &mut identity, old, number);
        }
    }
    draft.answer(Answer::Live(Box::new(live)));
}

/// Who showed a token: a resource server to which it was shown, or its holder.
fn shown_by(number: CredentialNumber, client: Option<&str>) -> Actor {
    match client {
        Some(name) => Actor::Client(name.to_owned()),
        None => Actor::Holder(number),
    }
}

/// A token that was replaced and whose grace is over stays dead; that it was shown is noted.
fn too_late(draft: &mut Draft<'_>, check: &Check, client: Option<&str>) {
    if let Some((credential, identity)) = known::of_identity(draft, check.credential) {
        let number = credential.number;
        draft.cause(
            "shown_late",
            json!({ "credential": number, "client": client }),
        );
        shown_late(draft, &identity, credential, shown_by(number, client));
    }
}

/// Notes once for a credential that its token was shown after its grace: whoever has it may show it as
/// often as it likes and the journal grows no longer.
pub(super) fn shown_late(
    draft: &mut Draft<'_>,
    identity: &Identity,
    mut credential: Credential,
    by: Actor,
) {
    if credential.shown_late.is_some() || draft.given.low_space {
        return;
    }
    credential.shown_late = Some(draft.now());
    draft.put(Key::credential(credential.number), &credential);
    draft.entry(
        Entry::new("rotated_token_shown", by, "shown after its grace")
            .in_thread(identity.thread)
            .about_identity(identity.number)
            .about_credential(credential.number),
    );
}

/// A successor is in use: its predecessor ends after the grace. One that nobody ever used ends now,.
fn replace(
    draft: &mut Draft<'_>,
    identity: &mut Identity,
    old: CredentialNumber,
    heir: CredentialNumber,
) {
    let key = Key::credential(old);
    let Some(mut credential) = draft.get::<Credential>(&key) else {
        return;
    };
    let now = draft.now();
    match &credential.status {
        CredentialStatus::Active(_) => {
            let until = after(now, draft.given.policy.grace).min(credential.expires_at);
            credential.status = CredentialStatus::Grace(until);
            draft.put(key, &credential);
            draft.put(Key::check(&credential.mac), &credential.check(identity));
            let text = format!("{heir} is in use; {old} ends");
            let by = Actor::Clock;
            let entry = lifecycle::remember(draft, identity, "credential_replaced", &by, &text);
            let facts = json!({ "ends": until });
            draft.entry(entry.about_credential(old).with_facts(facts));
        }
        CredentialStatus::Pending(_) => {
            let why = format!("{heir} is in use, and it never was");
            lifecycle::revoke_credential(draft, identity, &mut credential, &Actor::Clock, &why);
        }
        CredentialStatus::Grace(_) | CredentialStatus::Paused(_) | CredentialStatus::Revoked(_) => {
        }
    }
}

/// Who was shown it is known at once; how often is counted with all other uses.
fn shown_to(draft: &mut Draft<'_>, number: CredentialNumber, client: Option<&str>) {
    let now = draft.now();
    let mut uses: Uses = draft.get_or_default(&Key::uses(number));
    uses.add(
        client,
        Use {
            count: 0,
            ..Use::once(now)
        },
    );
    draft.put(Key::uses(number), &uses);
}
