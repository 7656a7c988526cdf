//! Rotation: a successor for a credential, with overlap. A request like any other, whose digest names
//! the predecessor.
//!
//! The successor may do what its predecessor may do now and lives as long as that one was granted. The
//! predecessor ends a grace after the successor's first use (`used.rs`), not before: an agent that
//! never gets its new token keeps its old one.

use super::super::command::Rotation;
use super::super::credential::Credential;
use super::super::identity::Identity;
use super::super::ids::CredentialNumber;
use super::super::key::Key;
use super::super::policy::Board;
use super::super::request::{Action, Request, Wanted};
use super::super::time::seconds_between;
use super::super::verdict::Reason;
use super::named::{asked_about, numbers};
use super::propose::{self, Proposal, Refusal};
use super::said::Said;
use super::{Draft, ask, known};

/// What would be asked for.
pub(super) fn proposal(
    draft: &Draft<'_>,
    said: &Said<'_>,
    rotation: &Rotation,
) -> Result<Proposal, Refusal> {
    let identity = asked_about(draft, said, &rotation.slug)?;
    let old = predecessor(draft, &identity, rotation.credential)?;
    let Some(mut effect) = effect(draft, said.board, &identity, old.number) else {
        let reason = Reason::NoGate(identity.environment.clone());
        return Err(propose::no(said.board, &reason));
    };
    if let Some(delivery) = &rotation.delivery {
        (effect.recipient, effect.challenge) = ask::sides(delivery);
    } else if let Some(recipient) = old.recipient {
        effect.recipient = Some(recipient);
    } else {
        let text = format!(
            "{} was not sealed to a key that its successor could go to: say where it goes, `/gate rotate {} {} recipient=age1…` or `challenge=…`.",
            old.number, identity.slug, old.number
        );
        return Err((text, "bad_form"));
    }
    Ok(Proposal::of(Action::Rotate, effect))
}

/// The credential that is meant: the one that was named, else the only living one, else the newest
/// that ended by itself.
fn predecessor(
    draft: &Draft<'_>,
    identity: &Identity,
    named: Option<CredentialNumber>,
) -> Result<Credential, Refusal> {
    let now = draft.now();
    let slug = &identity.slug;
    let all = known::credentials_of(draft, identity);
    let living: Vec<&Credential> = all.iter().filter(|one| one.is_living(now)).collect();
    let found = match named {
        Some(number) => all.iter().find(|one| one.number == number),
        None if living.len() > 1 => {
            let text = format!(
                "`{slug}` has several living credentials, {}: say which, `/gate rotate {slug} {}`.",
                numbers(living.iter().map(|one| one.number)),
                living[0].number
            );
            return Err((text, "bad_form"));
        }
        None => living
            .first()
            .copied()
            .or_else(|| all.iter().rev().find(|one| one.word(now) == "expired")),
    };
    let Some(found) = found else {
        let text = match named {
            Some(number) => format!(
                "`{slug}` has no {number}; it has {}.",
                numbers(living.iter().map(|one| one.number))
            ),
            None => format!(
                "`{slug}` has no credential that could get a successor; ask for one with `/gate request`."
            ),
        };
        return Err((text, "unknown_credential"));
    };
    if found.word(now) == "revoked" {
        let text = format!(
            "{} of `{slug}` is revoked, and what was taken back gets no successor; ask for another with `/gate request`.",
            found.number
        );
        return Err((text, "unknown_credential"));
    }
    match known::heir(draft, found) {
        Some(heir) => {
            let text = format!(
                "{} of `{slug}` has a successor already, {}; `/gate revoke {slug} {}` ends that one.",
                found.number, heir.number, heir.number
            );
            Err((text, "already_rotated"))
        }
        None => Ok(found.clone()),
    }
}

/// What would come alive: as much as the predecessor may do now, for as long as it was granted. `None`
/// if that is no credential of the identity any more, or revoked.
pub(super) fn effect(
    draft: &Draft<'_>,
    board: &Board,
    identity: &Identity,
    number: CredentialNumber,
) -> Option<Wanted> {
    let old = draft.get::<Credential>(&Key::credential(number))?;
    let gate = board.gates.get(&identity.environment)?;
    if old.identity != Some(identity.number) || old.word(draft.now()) == "revoked" {
        return None;
    }
    let scopes = board.granted(gate, old.scopes.intersection(&identity.scopes));
    let life = seconds_between(old.issued_at, old.expires_at);
    let life = whole_minutes(u64::try_from(life).unwrap_or(0));
    Some(Wanted {
        identity: Some(identity.slug.clone()),
        scopes,
        resources: old.resources,
        modes: old.modes,
        environment: identity.environment.clone(),
        ttl: Some(life.min(gate.max_ttl)),
        predecessor: Some(number),
        ..Wanted::default()
    })
}

/// A life that a narrowing has ended at an odd second, as people write spans: never longer.
fn whole_minutes(life: u64) -> u64 {
    if life < 60 { life } else { life - life % 60 }
}

/// Why a request for a successor makes none any more: another one made it, or will, and nothing has
/// two. `None` for every other request.
pub(super) fn taken(draft: &Draft<'_>, request: &Request) -> Option<&'static str> {
    let old = predecessor_of(request)?;
    let granted = known::claims_in(draft, request.thread)
        .iter()
        .any(|(other, _)| other.number != request.number && predecessor_of(other) == Some(old));
    if has_heir(draft, request) {
        Some("its credential has a successor already, by another request")
    } else if granted {
        Some("another request for the same credential is approved and waits to be claimed")
    } else {
        None
    }
}

/// True if the credential whose successor is wanted has a living one that another request made.
pub(super) fn has_heir(draft: &Draft<'_>, request: &Request) -> bool {
    predecessor_of(request)
        .and_then(|old| draft.get::<Credential>(&Key::credential(old)))
        .and_then(|old| known::heir(draft, &old))
        .is_some_and(|heir| heir.request != request.number)
}

fn predecessor_of(request: &Request) -> Option<CredentialNumber> {
    let rotates = request.action == Action::Rotate;
    request.effect.predecessor.filter(|_| rotates)
}
