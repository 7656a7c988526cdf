//! What is ordered over the bot's own doors: something stands still, ends or does less, at once; and
//! that somebody was turned away there is written down.
//!
//! Invariant: nothing here gives anything. Rights and boards are looked at by the policy in force, on the
//! writer; what lies on a board that is not the orderer's is unknown. It goes through the same
//! functions as an owner's comment, the thread is told once, and an order leaves a line in the audit
//! with the operator's name, whatever comes of it.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::{Less, one_line};
use super::super::credential::Credential;
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{CredentialNumber, RequestNumber, Slug, ThreadKey};
use super::super::key::Key;
use super::super::operator::{By, Right};
use super::super::order::{Ask, Order, Ordered, TurnedAway};
use super::super::reply;
use super::super::request::{Request, RequestStatus};
use super::super::thread::{OpenRequests, SlugOwner};
use super::named::{shown, with_reason};
use super::{Answer, Draft, alone, lifecycle, narrow, refuse};

/// The longest reason that is kept, in characters.
const REASON: usize = 400;

/// Decides an order.
pub(super) fn decide(draft: &mut Draft<'_>, order: &Order) {
    let verb = order.what.verb();
    let by = order.by.name();
    draft.cause("ordered", json!({ "operator": by, "verb": verb }));
    let policy = &draft.given.policy;
    let ordered = match order.by.may(policy, Right::Narrow) {
        Ok(()) => act(draft, order),
        Err(denied) => Ordered::Denied(denied.to_string()),
    };
    note(draft, order, &ordered);
    draft.answer(Answer::Ordered(ordered));
}

/// An order of which nothing came is written down, too, unless the disk is nearly full or there were
/// too many already.
fn note(draft: &mut Draft<'_>, order: &Order, ordered: &Ordered) {
    let (code, why) = match ordered {
        Ordered::Done(_) => return,
        Ordered::Already(why) => ("order_needless", why),
        Ordered::Unknown(why) | Ordered::Denied(why) | Ordered::Refused(why) => {
            ("order_refused", why)
        }
    };
    if draft.given.low_space || !order.noted {
        return;
    }
    let text = format!("{}: {why}", order.what.verb());
    let mut entry = Entry::new(code, order.by.actor(), one_line(&text, REASON))
        .with_facts(json!({ "verb": order.what.verb(), "of": named(&order.what) }));
    // What this one may not know of is not named by what happened to it.
    let meant = slug_of(&order.what).and_then(|slug| identity(draft, order, slug));
    if let Some(meant) = meant {
        entry = entry.in_thread(meant.thread).about_identity(meant.number);
    }
    draft.entry(entry);
}

/// The identity's name that an order says.
fn slug_of(what: &Ask) -> Option<&Slug> {
    match what {
        Ask::Pause(slug) | Ask::Revoke(slug) | Ask::Narrow(slug, _) | Ask::Release(slug) => {
            Some(slug)
        }
        Ask::RevokeCredential(_, slug) => slug.as_ref(),
        Ask::Deny(_) => None,
    }
}

/// What an order names.
fn named(what: &Ask) -> String {
    match what {
        Ask::Pause(slug) | Ask::Revoke(slug) | Ask::Narrow(slug, _) | Ask::Release(slug) => {
            slug.to_string()
        }
        Ask::RevokeCredential(number, _) => number.to_string(),
        Ask::Deny(number) => number.to_string(),
    }
}

fn act(draft: &mut Draft<'_>, order: &Order) -> Ordered {
    match &order.what {
        Ask::Pause(slug) => with(draft, order, slug, pause),
        Ask::Revoke(slug) => match identity(draft, order, slug) {
            Some(identity) if identity.is_living() => revoke(draft, order, identity),
            found => void(draft, order, slug)
                .or_else(|| found.map(|identity| ended(draft, &identity)))
                .unwrap_or_else(|| no_identity(slug)),
        },
        Ask::RevokeCredential(number, slug) => credential(draft, order, *number, slug.as_ref()),
        Ask::Narrow(slug, less) => with(draft, order, slug, |draft, order, identity| {
            narrow_it(draft, order, identity, less)
        }),
        Ask::Release(slug) => with(draft, order, slug, release),
        Ask::Deny(number) => deny(draft, order, *number),
    }
}

/// The newest identity of a name, if its board is one that this one may know of.
fn identity(draft: &Draft<'_>, order: &Order, slug: &Slug) -> Option<Identity> {
    let owner: SlugOwner = draft.get(&Key::slug(slug))?;
    draft
        .get::<Identity>(&Key::identity(owner.identity))
        .filter(|found| order.by.reaches(&draft.given.policy, found.board()))
}

/// Does something with the living identity of a name.
fn with(
    draft: &mut Draft<'_>,
    order: &Order,
    slug: &Slug,
    act: impl FnOnce(&mut Draft<'_>, &Order, Identity) -> Ordered,
) -> Ordered {
    match identity(draft, order, slug) {
        Some(identity) if identity.is_living() => act(draft, order, identity),
        Some(identity) => ended(draft, &identity),
        None => no_identity(slug),
    }
}

fn no_identity(slug: &Slug) -> Ordered {
    Ordered::Unknown(format!("there is no identity {slug}"))
}

fn ended(draft: &Draft<'_>, identity: &Identity) -> Ordered {
    let word = identity.word(draft.now());
    Ordered::Already(format!("{} was {word} already", identity.slug))
}

/// Who it is, for a sentence.
fn who(by: &By) -> String {
    match by {
        By::Host => "the bot's host".to_owned(),
        By::Operator { name, .. } => format!("operator {}", reply::escape::login(name)),
    }
}

/// Who it was, behind what was done.
fn by(order: &Order) -> String {
    format!(" by {}", who(&order.by))
}

/// Who wants it and why, for the records.
fn because(order: &Order) -> String {
    let by = match &order.by {
        By::Host => "by the bot's host".to_owned(),
        By::Operator { name, .. } => format!("by operator {name}"),
    };
    with_reason(by, &one_line(&order.reason, REASON))
}

/// It is done: the thread is told, unless its board is none any more.
fn done(draft: &mut Draft<'_>, thread: ThreadKey, told: &str, said: String) -> Ordered {
    if draft.board(thread).is_some() {
        draft.tell(thread, told, None);
    }
    Ordered::Done(said)
}

fn pause(draft: &mut Draft<'_>, order: &Order, mut identity: Identity) -> Ordered {
    let slug = identity.slug.clone();
    if let IdentityStatus::Paused(_) = identity.status {
        let void = lifecycle::void_resumes(draft, &identity, &because(order));
        if void.is_empty() {
            return Ordered::Already(format!("{slug} is paused already"));
        }
        let void: Vec<String> = void.iter().map(ToString::to_string).collect();
        let void = format!("{}, asked before that, is void", void.join(" and "));
        let told = format!(
            "**`{slug}` stays paused**, by {}{}. {void}.",
            who(&order.by),
            shown(&order.reason)
        );
        let said = format!("{slug} stays paused; {void}");
        return done(draft, identity.thread, &told, said);
    }
    lifecycle::pause(draft, &mut identity, &order.by.actor(), &because(order));
    let told = format!(
        "{} {}",
        reply::paused(&slug, &by(order), &shown(&order.reason)),
        reply::paused_onward(&slug)
    );
    let said = format!("{slug} is paused: every credential of it is refused");
    done(draft, identity.thread, &told, said)
}

fn revoke(draft: &mut Draft<'_>, order: &Order, mut identity: Identity) -> Ordered {
    let slug = identity.slug.clone();
    lifecycle::revoke(draft, &mut identity, &order.by.actor(), &because(order));
    let count = identity.credentials.len();
    let told = reply::revoked(&identity, &by(order), &shown(&order.reason));
    let said = format!("{slug} is revoked, with {count} of its credentials");
    done(draft, identity.thread, &told, said)
}

fn release(draft: &mut Draft<'_>, order: &Order, mut identity: Identity) -> Ordered {
    let slug = identity.slug.clone();
    lifecycle::release(draft, &mut identity, &order.by.actor(), &because(order));
    let count = identity.credentials.len();
    let told = reply::released(&identity, &by(order), &shown(&order.reason));
    let said = format!("{slug} is released, with {count} of its credentials");
    done(draft, identity.thread, &told, said)
}

fn narrow_it(draft: &mut Draft<'_>, order: &Order, mut identity: Identity, less: &Less) -> Ordered {
    let board = draft.board(identity.thread);
    if let Some(wider) = narrow::wider(draft, board, &identity, less) {
        return Ordered::Refused(format!(
            "{}; narrowing only takes away",
            wider.replace('`', "")
        ));
    }
    if !narrow::apply(draft, &mut identity, less) {
        return Ordered::Already(format!(
            "{} may do no more than that already",
            identity.slug
        ));
    }
    let why = because(order);
    narrow::written(draft, &mut identity, less, &order.by.actor(), &why);
    let reason = format!(" (by {}{})", who(&order.by), shown(&order.reason));
    let told = reply::narrowed(&identity, less, &reason);
    let said = format!("{} may do less now", identity.slug);
    done(draft, identity.thread, &told, said)
}

/// One credential ends, an identity's or one that stands alone.
fn credential(
    draft: &mut Draft<'_>,
    order: &Order,
    number: CredentialNumber,
    slug: Option<&Slug>,
) -> Ordered {
    let unknown = || {
        Ordered::Unknown(match slug {
            Some(slug) => format!("{slug} has no credential {number}"),
            None => format!("there is no credential {number}"),
        })
    };
    let Some(mut found) = draft.get::<Credential>(&Key::credential(number)) else {
        return unknown();
    };
    let Some(home) = alone::home(draft, &found) else {
        return unknown();
    };
    let here = order
        .by
        .reaches(&draft.given.policy, home.thread.repository);
    let name = home.identity.as_ref().map(|identity| &identity.slug);
    if !here || (slug.is_some() && name != slug) {
        return unknown();
    }
    let actor = order.by.actor();
    let Some(stopped) = alone::revoke(draft, &mut found, &actor, &because(order)) else {
        return Ordered::Already(format!("{number} was revoked already"));
    };
    let (told, said) = match name {
        Some(slug) => (
            format!("**{number} of `{slug}` is revoked** by {}", who(&order.by)),
            format!("{number} of {slug} is revoked; the identity stays"),
        ),
        None => (
            format!("**{} is revoked** by {}", stopped.name, who(&order.by)),
            format!("{number} is revoked"),
        ),
    };
    let told = format!("{told}{}.", shown(&order.reason));
    done(draft, stopped.thread, &told, said)
}

/// No identity of that name lives: what is asked under it is void. `None` if nothing is.
fn void(draft: &mut Draft<'_>, order: &Order, slug: &Slug) -> Option<Ordered> {
    let policy = &draft.given.policy;
    let boards: Vec<_> = policy.boards.keys().copied().collect();
    let mut void = Vec::new();
    for board in boards {
        if !order.by.reaches(&draft.given.policy, board) {
            continue;
        }
        let naming: OpenRequests = draft.get_or_default(&Key::naming(board, slug));
        for number in naming.requests {
            let thread = draft
                .get::<Request>(&Key::request(number))
                .map(|request| request.thread);
            let why = format!("{slug} was revoked {}", because(order));
            if let Some(thread) = thread
                && lifecycle::void(draft, number, &why)
            {
                let told = format!(
                    "**{number} is void**: {} ended what is asked for as `{slug}`{}.",
                    who(&order.by),
                    shown(&order.reason)
                );
                draft.tell(thread, &told, Some(number));
                note_void(draft, order, number, thread);
                void.push(number.to_string());
            }
        }
    }
    (!void.is_empty()).then(|| {
        Ordered::Done(format!(
            "no identity {slug} lives; void is what was asked for under it: {}",
            void.join(", ")
        ))
    })
}

/// Voiding is the bot's; who wanted it stands beside it.
fn note_void(draft: &mut Draft<'_>, order: &Order, number: RequestNumber, thread: ThreadKey) {
    draft.entry(
        Entry::new("request_void_ordered", order.by.actor(), because(order))
            .in_thread(thread)
            .about_request(number),
    );
}

fn deny(draft: &mut Draft<'_>, order: &Order, number: RequestNumber) -> Ordered {
    let found = draft
        .get::<Request>(&Key::request(number))
        .filter(|request| {
            order
                .by
                .reaches(&draft.given.policy, request.thread.repository)
        });
    let Some(mut request) = found else {
        return Ordered::Unknown(format!("there is no request {number}"));
    };
    if !request.is_open(draft.now()) {
        let word = request.word(draft.now());
        let said = format!("{number} is not open: {word}");
        return match (&request.status, &request.effect.identity) {
            (RequestStatus::Approved, Some(slug)) => Ordered::Refused(format!(
                "{said}; what came of it is taken back with `ownergate identity revoke {slug}`"
            )),
            _ => Ordered::Already(said),
        };
    }
    let status = RequestStatus::DeniedBy(order.by.name().to_owned());
    let told = refuse::end(
        draft,
        &mut request,
        status,
        (order.by.actor(), &who(&order.by)),
        (&because(order), &order.reason),
    );
    if draft.board(request.thread).is_some() {
        draft.tell(request.thread, &told, Some(number));
    }
    Ordered::Done(format!("{number} is denied"))
}

/// Writes down that somebody was turned away. When the disk is nearly full it is only logged.
pub(super) fn turned_away(draft: &mut Draft<'_>, turned_away: &TurnedAway) {
    draft.outcome("order", "turned_away");
    if draft.given.low_space {
        return;
    }
    let TurnedAway {
        by,
        why,
        board,
        times,
    } = turned_away;
    draft.cause(
        "turned_away",
        json!({ "operator": by.as_ref().map(By::name) }),
    );
    let actor = by.as_ref().map_or(Actor::Bot, By::actor);
    draft.entry(
        Entry::new("operator_turned_away", actor, one_line(why, REASON))
            .with_facts(json!({ "times": times, "repository_id": board })),
    );
}
