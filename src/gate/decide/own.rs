//! An owner wants to be the one who is named as an identity's owner: a request through its gate, which
//! whoever would become it cannot approve.

use serde_json::json;

use super::super::identity::Identity;
use super::super::ids::Slug;
use super::super::reply;
use super::super::request::{Action, Wanted};
use super::super::verdict::Opening;
use super::happened::Happened;
use super::named::asked_about;
use super::propose::{Proposal, Refusal};
use super::said::Said;
use super::{Draft, issue, lifecycle};

/// What would be asked for.
pub(super) fn proposal(
    draft: &Draft<'_>,
    said: &Said<'_>,
    slug: &Slug,
) -> Result<Proposal, Refusal> {
    if !said.by_owner() {
        let text = "Only an owner of this board can own an identity.";
        return Err((text.to_owned(), "not_an_owner"));
    }
    let identity = asked_about(draft, said, slug)?;
    if identity.owner == said.author {
        let text = format!("You own `{slug}` already.");
        return Err((text, "nothing_to_do"));
    }
    let effect = Wanted {
        identity: Some(identity.slug),
        environment: identity.environment,
        owner: Some(said.author),
        ..Wanted::default()
    };
    Ok(Proposal::of(Action::Own, effect))
}

/// The gate is open: the identity has another owner. What it may do is the same.
pub(super) fn act(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    opening: &Opening,
    mut identity: Identity,
) -> Option<Happened> {
    let request = opening.request();
    let owner = request.effect.owner?;
    identity.owner = owner;
    let text = format!("user {owner}, for {}", request.number);
    let by = said.actor();
    let entry = lifecycle::remember(draft, &mut identity, "owner_changed", &by, &text);
    lifecycle::write_checks(draft, &identity);
    let by = issue::names(said.board, opening.approvers());
    Some(Happened {
        entry: entry.with_facts(json!({ "owner": owner })),
        outcome: "owned",
        text: reply::owned(request.number, &identity.slug, &request.asker_login, &by),
    })
}
