//! A secret from before that no identity has becomes one's: a request of an owner through that
//! identity's gate. From then on it does no more than the identity may, and stops with it.

use serde_json::json;

use super::super::credential::Credential;
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{CredentialNumber, Slug};
use super::super::key::Key;
use super::super::policy::Board;
use super::super::reply;
use super::super::request::{Action, Alive, Request, Wanted};
use super::super::thread::BoardState;
use super::super::verdict::Opening;
use super::happened::Happened;
use super::named::asked_about;
use super::propose::{Proposal, Refusal};
use super::said::Said;
use super::{Draft, alone, issue, lifecycle};

/// What would be asked for.
pub(super) fn proposal(
    draft: &Draft<'_>,
    said: &Said<'_>,
    number: CredentialNumber,
    slug: &Slug,
) -> Result<Proposal, Refusal> {
    if !said.by_owner() {
        let text =
            "Only an owner of this board can ask that a secret from before becomes an identity's.";
        return Err((text.to_owned(), "not_an_owner"));
    }
    let identity = asked_about(draft, said, slug)?;
    let living = alone::get(draft, said.thread.repository, number)
        .is_some_and(|credential| credential.is_living(draft.now()));
    if !living {
        let text =
            format!("No secret from before {number} lives on this board without an identity.");
        return Err((text, "unknown_credential"));
    }
    let Some(effect) = effect(draft, said.board, number, &identity) else {
        let text = format!("`{slug}` is {}.", identity.word(draft.now()));
        return Err((text, "not_living"));
    };
    Ok(Proposal::of(Action::Link, effect))
}

/// What would be the identity's. `None` if there is no such secret or the identity gets nothing now.
fn effect(
    draft: &Draft<'_>,
    board: &Board,
    number: CredentialNumber,
    identity: &Identity,
) -> Option<Wanted> {
    let credential = alone::get(draft, board.repository_id, number)?;
    let gate = board.gates.get(&identity.environment)?;
    let active = matches!(identity.status, IdentityStatus::Active);
    if !active || draft.now() >= identity.expires_at || !credential.is_living(draft.now()) {
        return None;
    }
    let scopes = board.granted(gate, credential.scopes.intersection(&identity.scopes));
    Some(Wanted {
        identity: Some(identity.slug.clone()),
        scopes: scopes.clone(),
        environment: identity.environment.clone(),
        alive: vec![Alive {
            credential: number,
            scopes,
            ends: credential.expires_at.min(identity.expires_at),
        }],
        ..Wanted::default()
    })
}

/// What would be the identity's now, to be compared with what was asked.
pub(super) fn effect_again(
    draft: &Draft<'_>,
    board: &Board,
    request: &Request,
    identity: &Identity,
) -> Option<Wanted> {
    let asked = request.effect.alive.first()?;
    effect(draft, board, asked.credential, identity)
}

/// The gate is open: the secret is the identity's.
pub(super) fn act(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    opening: &Opening,
    mut identity: Identity,
) -> Option<Happened> {
    let request = opening.request();
    let number = request.effect.alive.first().map(|alive| alive.credential);
    let credential: Option<Credential> =
        number.and_then(|number| alone::get(draft, said.thread.repository, number));
    let Some(mut credential) = credential else {
        draft.outcome("approve", "unknown_credential");
        return None;
    };
    let number = credential.number;
    credential.link(opening, &identity);
    identity.credentials.push(number);
    let text = format!("{number} for {}", request.number);
    draft.put(Key::credential(number), &credential);
    draft.put(Key::check(&credential.mac), &credential.check(&identity));
    issue::announce_end(draft, &credential);
    let by = said.actor();
    let entry = lifecycle::remember(draft, &mut identity, "credential_linked", &by, &text);
    let key = Key::board(said.thread.repository);
    let mut board: BoardState = draft.get_or_default(&key);
    board.alone.remove(&number);
    draft.put(key, &board);
    let by = issue::names(said.board, opening.approvers());
    Some(Happened {
        entry: entry
            .about_credential(number)
            .with_facts(json!({ "scopes": credential.scopes })),
        outcome: "linked",
        text: reply::linked(request.number, &credential, &identity.slug, &by),
    })
}
