//! A request for a credential, for a new identity or one that exists: the form in the board's terms.

use super::super::command::{Delivery, Form, Name};
use super::super::ids::Slug;
use super::super::reply::{self, reasons};
use super::super::request::{Action, Wanted};
use super::super::{signed, statement};
use super::Draft;
use super::propose::{Proposal, Refusal};
use super::said::Said;

/// What the form asks for, in the board's terms.
pub(super) fn proposal(
    draft: &Draft<'_>,
    said: &Said<'_>,
    form: &Form,
) -> Result<Proposal, Refusal> {
    let signed_by = signed_by(draft, said, form).map_err(|why| {
        let text = format!("The request's signature does not count: {why}.");
        (text, "bad_signature")
    })?;
    Ok(Proposal {
        signed_by,
        action: Action::Issue,
        effect: wanted(said, form)?,
        display_name: form.display_name.clone(),
        label: form.label.clone(),
        reason: form.reason.clone(),
    })
}

/// The requester's key that signed where the token goes, if it signed.
fn signed_by(draft: &Draft<'_>, said: &Said<'_>, form: &Form) -> Result<Option<String>, String> {
    let Some(armor) = &form.signature else {
        return Ok(None);
    };
    let delivery = match &form.delivery {
        Delivery::Sealed(recipient) => statement::Delivery::Recipient(recipient.clone()),
        Delivery::Claim(challenge) => statement::Delivery::Challenge(challenge.clone()),
    };
    let policy = &draft.given.policy;
    signed::by_requester(policy, said.board, said.author, &delivery, armor)
        .map(Some)
        .map_err(|why| reply::escape::foreign(&why, 200))
}

/// The form in the board's terms: a name for the pattern, the default gate, the closed lists.
fn wanted(said: &Said<'_>, form: &Form) -> Result<Wanted, Refusal> {
    let identity = match &form.identity {
        Name::Exact(slug) if is_number(slug) => {
            return Err((
                format!(
                    "`{slug}` reads like the number of a credential or a request; choose another name."
                ),
                "bad_request",
            ));
        }
        Name::Exact(slug) => slug.clone(),
        Name::Pattern(stem) => {
            let name = format!("{stem}-{}-{}", said.board.name, said.thread.issue.0);
            Slug::parse(&name).ok_or((
                format!(
                    "`{name}` is longer than the 40 characters of a name; ask with a shorter one."
                ),
                "bad_request",
            ))?
        }
    };
    let beyond = said
        .board
        .not_listed(form.resources.as_ref(), form.modes.as_ref());
    if let Some((what, beyond, listed)) = beyond {
        let text = format!(
            "This board has no `{beyond}` among its {what}: {}.",
            reasons::codes(listed)
        );
        return Err((text, "bad_request"));
    }
    let (recipient, challenge) = sides(&form.delivery);
    Ok(Wanted {
        identity: Some(identity),
        scopes: form.scopes.clone(),
        resources: form.resources.clone(),
        modes: form.modes.clone(),
        environment: form
            .environment
            .clone()
            .unwrap_or_else(|| said.board.default_environment().to_owned()),
        ttl: Some(form.ttl),
        recipient,
        challenge,
        ..Wanted::default()
    })
}

/// Recipient and challenge: exactly one of them is there.
pub(super) fn sides(delivery: &Delivery) -> (Option<String>, Option<String>) {
    match delivery {
        Delivery::Sealed(recipient) => (Some(recipient.clone()), None),
        Delivery::Claim(challenge) => (None, Some(challenge.clone())),
    }
}

/// `c2` and `r17` behind a verb mean a credential and a request; as names they would divert it.
fn is_number(slug: &Slug) -> bool {
    slug.as_str()
        .strip_prefix(['c', 'r'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
