//! Orders over HTTP: `POST …/pause`, `…/revoke`, `…/narrow`, `…/release`, `DELETE …/credentials/{id}`,
//! `POST /v1/requests/{R17}/deny`. Each is an event for the writer and takes something away, at once.
//!
//! With `dry_run` the same decision is made and thrown away: nothing is written, and the answer says
//! exactly what would have been.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Caller;
use super::rehearsal::{Overlay, describe, rehearse};
use crate::bot::core::Outcome;
use crate::gate::command::Less;
use crate::gate::decide::{Answer, Step};
use crate::gate::event::Event;
use crate::gate::ids::{CredentialNumber, RequestNumber, Slug};
use crate::gate::operator::Right;
use crate::gate::order::{Ask, Order, Ordered};
use crate::gate::time::parse_span;
use crate::http::body;
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;

/// The largest body, in bytes.
const MOST: usize = 16 * 1024;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 400;

/// What every order may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Plain {
    reason: String,
    dry_run: bool,
}

/// What a narrowing says beside that.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Narrowing {
    reason: String,
    dry_run: bool,
    scopes: Option<Vec<String>>,
    resources: Option<Vec<String>>,
    modes: Option<Vec<String>>,
    ttl: Option<String>,
}

/// What stands in an address instead of a body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InAddress {
    reason: String,
    dry_run: bool,
}

/// An identity stands still.
pub(super) async fn pause(
    request: HttpRequest,
    payload: Payload,
    slug: Path<String>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    on_identity(&request, payload, &slug, caller, &gateway, Ask::Pause).await
}

/// An identity ends, with all its credentials.
pub(super) async fn revoke(
    request: HttpRequest,
    payload: Payload,
    slug: Path<String>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    on_identity(&request, payload, &slug, caller, &gateway, Ask::Revoke).await
}

/// An identity is given back.
pub(super) async fn release(
    request: HttpRequest,
    payload: Payload,
    slug: Path<String>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    on_identity(&request, payload, &slug, caller, &gateway, Ask::Release).await
}

/// An identity may do less.
pub(super) async fn narrow(
    request: HttpRequest,
    payload: Payload,
    slug: Path<String>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Narrow).await?;
    let said: Narrowing = read(&request, payload).await?;
    let ttl = said.ttl.as_deref().map(|ttl| {
        parse_span(ttl).ok_or_else(|| bad("`ttl` must be a span such as `30m`, `8h` or `7d`"))
    });
    let set = |list: Option<Vec<String>>| list.map(|list| list.into_iter().collect());
    let less = Less {
        scopes: set(said.scopes),
        resources: set(said.resources),
        modes: set(said.modes),
        ttl: ttl.transpose()?,
    };
    if less == Less::default() {
        return Err(bad(
            "say what is to be left: `scopes`, `resources`, `modes` or `ttl`",
        ));
    }
    let what = Ask::Narrow(known_slug(&slug)?, less);
    give(&caller, &gateway, what, said.reason, said.dry_run).await
}

/// One credential of an identity ends.
pub(super) async fn revoke_credential(
    path: Path<(String, String)>,
    said: Result<Query<InAddress>, actix_web::Error>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Narrow).await?;
    let (slug, number) = path.into_inner();
    let what = Ask::RevokeCredential(known_number(&number)?, Some(known_slug(&slug)?));
    let said = in_address(said)?;
    give(&caller, &gateway, what, said.reason, said.dry_run).await
}

/// One credential ends, whosever it is: for secrets from before that no identity has.
pub(super) async fn revoke_alone(
    number: Path<String>,
    said: Result<Query<InAddress>, actix_web::Error>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Narrow).await?;
    let what = Ask::RevokeCredential(known_number(&number)?, None);
    let said = in_address(said)?;
    give(&caller, &gateway, what, said.reason, said.dry_run).await
}

/// A request is denied.
pub(super) async fn deny(
    request: HttpRequest,
    payload: Payload,
    number: Path<String>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Narrow).await?;
    let said: Plain = read(&request, payload).await?;
    let number = RequestNumber::parse(&number)
        .ok_or_else(|| ApiError::Unknown("no request has such a number".to_owned()))?;
    give(
        &caller,
        &gateway,
        Ask::Deny(number),
        said.reason,
        said.dry_run,
    )
    .await
}

async fn on_identity(
    request: &HttpRequest,
    payload: Payload,
    slug: &str,
    caller: Caller,
    gateway: &Gateway,
    what: impl FnOnce(Slug) -> Ask,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Narrow).await?;
    let said: Plain = read(request, payload).await?;
    let what = what(known_slug(slug)?);
    give(&caller, gateway, what, said.reason, said.dry_run).await
}

pub(super) fn bad(why: &str) -> ApiError {
    ApiError::BadRequest(why.to_owned())
}

fn in_address(said: Result<Query<InAddress>, actix_web::Error>) -> Result<InAddress, ApiError> {
    said.map(Query::into_inner)
        .map_err(|_| bad("only `reason` and `dry_run` (true or false) are known here"))
}

/// A name as it is written; what no identity can be called is as unknown as one that is not there.
pub(super) fn known_slug(text: &str) -> Result<Slug, ApiError> {
    Slug::parse(text).ok_or_else(|| ApiError::Unknown("no identity has such a name".to_owned()))
}

fn known_number(text: &str) -> Result<CredentialNumber, ApiError> {
    CredentialNumber::parse(text)
        .ok_or_else(|| ApiError::Unknown("no credential has such a number".to_owned()))
}

/// Reads a body of JSON; none at all says nothing.
pub(super) async fn read<T: Default + for<'a> Deserialize<'a>>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T, ApiError> {
    let bytes = body::read(request, payload, MOST).await?;
    if bytes.is_empty() && request.headers().get(CONTENT_TYPE).is_none() {
        return Ok(T::default());
    }
    if body::media_type(request)? != "application/json" {
        return Err(ApiError::UnsupportedMedia(
            "send JSON: Content-Type: application/json",
        ));
    }
    body::json_object(&bytes).map_err(|error| {
        ApiError::BadRequest(format!("the body is not what is taken here: {error}"))
    })
}

/// Gives an order, or rehearses it.
async fn give(
    caller: &Caller,
    gateway: &Gateway,
    what: Ask,
    reason: String,
    dry_run: bool,
) -> Result<HttpResponse, ApiError> {
    if reason.chars().count() > LONGEST_REASON {
        return Err(bad("`reason` may have 400 characters"));
    }
    let verb = what.verb();
    let order = Order {
        by: caller.by().clone(),
        what,
        reason,
        noted: caller.has_room(),
    };
    let bot = gateway.bot()?;
    let event = Event::Ordered(Box::new(order));
    if dry_run {
        let (step, _) = rehearse(bot, event, Overlay::new()).await?;
        let Step::Decided(decision) = step else {
            return Err(ApiError::Unhealthy);
        };
        let Answer::Ordered(ordered) = &decision.answer else {
            return Err(ApiError::Unhealthy);
        };
        let mut answer = told(ordered)?;
        answer["dry_run"] = json!(true);
        answer["would"] = describe(&decision, &bot.core.policy());
        return Ok(ok(answer));
    }
    match bot.core.try_feed(event).await? {
        Outcome::Decided { answer, effects } => {
            bot.decided(&answer, effects);
            let Answer::Ordered(ordered) = answer else {
                return Err(ApiError::Unhealthy);
            };
            gateway.metrics.decision(verb, word(&ordered));
            if !matches!(ordered, Ordered::Done(_)) {
                caller.count_refusal();
            }
            let mut answer = told(&ordered)?;
            answer["dry_run"] = json!(false);
            Ok(ok(answer))
        }
        Outcome::Gather(_) | Outcome::Wait(_) | Outcome::Unreadable(_) => Err(ApiError::Unhealthy),
    }
}

pub(super) fn ok(answer: impl Serialize) -> HttpResponse {
    not_kept(HttpResponse::Ok(), answer)
}

/// An answer that nobody keeps.
pub(super) fn not_kept(mut status: HttpResponseBuilder, answer: impl Serialize) -> HttpResponse {
    status
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(answer)
}

fn word(ordered: &Ordered) -> &'static str {
    match ordered {
        Ordered::Done(_) => "done",
        Ordered::Already(_) => "already",
        Ordered::Unknown(_) => "unknown",
        Ordered::Denied(_) => "denied",
        Ordered::Refused(_) => "refused",
    }
}

/// The answer, built from the decision.
fn told(ordered: &Ordered) -> Result<Value, ApiError> {
    let outcome = word(ordered);
    match ordered {
        Ordered::Done(said) | Ordered::Already(said) => {
            Ok(json!({ "outcome": outcome, "said": said }))
        }
        Ordered::Unknown(why) => Err(ApiError::Unknown(why.clone())),
        Ordered::Denied(why) => Err(ApiError::Forbidden(why.clone())),
        Ordered::Refused(why) => Err(ApiError::Refused(why.clone())),
    }
}
