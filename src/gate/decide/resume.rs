//! Resuming: a paused identity works again, with what it has. A request whose digest names every
//! credential that would work again, what it could do and when it ends, and since when it stands still:
//! what was approved before another pause does not undo that one.

use jiff::Timestamp;
use serde_json::json;

use super::super::command::Less;
use super::super::credential::Credential;
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::Slug;
use super::super::key::Key;
use super::super::policy::Board;
use super::super::reply;
use super::super::request::{Action, Alive, Wanted};
use super::super::time::after;
use super::super::verdict::Opening;
use super::happened::Happened;
use super::named::{asked_about, numbers};
use super::propose::{Proposal, Refusal};
use super::said::Said;
use super::{Draft, issue, known, lifecycle};

/// What would be asked for.
pub(super) fn proposal(
    draft: &Draft<'_>,
    said: &Said<'_>,
    slug: &Slug,
) -> Result<Proposal, Refusal> {
    let identity = asked_about(draft, said, slug)?;
    let effect = effect(draft, said.board, &identity, draft.now());
    Ok(Proposal::of(Action::Resume, effect))
}

/// What would work again: of what lived when it was asked, everything that was not revoked since.
pub(super) fn effect(
    draft: &Draft<'_>,
    board: &Board,
    identity: &Identity,
    asked_at: Timestamp,
) -> Wanted {
    let scopes = board
        .gates
        .get(&identity.environment)
        .map(|gate| board.granted(gate, &identity.scopes))
        .unwrap_or_default();
    let alive = known::credentials_of(draft, identity)
        .into_iter()
        .filter(|credential| credential.is_living(asked_at))
        .map(|credential| Alive {
            credential: credential.number,
            scopes: credential.scopes.intersection(&scopes).cloned().collect(),
            ends: credential.expires_at,
        })
        .collect();
    let since = match &identity.status {
        IdentityStatus::Paused(pause) => Some(pause.at),
        IdentityStatus::Active | IdentityStatus::Revoked(_) | IdentityStatus::Released(_) => None,
    };
    Wanted {
        identity: Some(identity.slug.clone()),
        scopes,
        resources: identity.resources.clone(),
        modes: identity.modes.clone(),
        environment: identity.environment.clone(),
        alive,
        since,
        ..Wanted::default()
    }
}

/// The gate is open: the identity works again, with no more than every approver restated.
pub(super) fn act(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    opening: &Opening,
    mut identity: Identity,
) -> Happened {
    let request = opening.request();
    let less = Less {
        scopes: Some(opening.scopes().clone()),
        ..Less::default()
    };
    for alive in &request.effect.alive {
        let key = Key::credential(alive.credential);
        if let Some(mut credential) = draft.get::<Credential>(&key) {
            credential.narrow(&less, None);
            credential.vouch(opening.approvers());
            draft.put(key, &credential);
        }
    }
    identity
        .scopes
        .retain(|scope| opening.scopes().contains(scope));
    identity.expires_at = after(draft.now(), draft.given.policy.identity_ttl);
    identity.resumed_at = Some(draft.now());
    let before = std::mem::replace(&mut identity.status, IdentityStatus::Active);
    let text = format!("for {}", request.number);
    lifecycle::recount(draft, &identity, &before);
    let by = said.actor();
    let entry = lifecycle::remember(draft, &mut identity, "identity_resumed", &by, &text);
    lifecycle::write_checks(draft, &identity);
    let by = issue::names(said.board, opening.approvers());
    let alive = numbers(request.effect.alive.iter().map(|alive| alive.credential));
    Happened {
        entry: entry.with_facts(json!({
            "scopes": opening.scopes(),
            "alive": request.effect.alive,
        })),
        outcome: "resumed",
        text: reply::resumed(request.number, &identity, &by, &alive),
    }
}
