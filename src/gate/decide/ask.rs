//! A request for a credential, for a new identity or one that exists: the form in the board's terms.

use super::super::command::{Delivery, Form, Name};
use super::super::ids::Slug;
use super::super::reply::{self, reasons};
use super::super::request::{Action, Wanted};
use super::super::{signed, statement};
use super::Draft;
use super::comment::Said;
use super::propose::{self, Proposal};

/// Decides a request.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, form: &Form) {
    propose::ask(draft, said, Action::Issue, |draft| {
        proposal(draft, said, form)
    });
}

/// What the form asks for, in the board's terms.
pub(super) fn proposal(
    draft: &Draft<'_>,
    said: &Said<'_>,
    form: &Form,
) -> Result<Proposal, (String, &'static str)> {
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
fn wanted(said: &Said<'_>, form: &Form) -> Result<Wanted, (String, &'static str)> {
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
    for (what, asked, allowed) in [
        ("resources", &form.resources, &said.board.resources),
        ("modes", &form.modes, &said.board.modes),
    ] {
        if let (Some(asked), Some(allowed)) = (asked, allowed)
            && let Some(beyond) = asked.difference(allowed).next()
        {
            let text = format!(
                "This board has no `{beyond}` among its {what}: {}.",
                reasons::codes(allowed)
            );
            return Err((text, "bad_request"));
        }
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
