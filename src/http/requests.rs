//! `GET /v1/requests/R17?code=…`, what an approver is told of a request; `…/statement`, the exact text
//! to sign; and `GET /v1/bot-key`.
//!
//! The code of a request stands in its thread: who shows it can read that thread. Without the right
//! one a request is as unknown as one that does not exist.

use std::collections::BTreeMap;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::document::{Document, Restatement};
use super::gateway::Gateway;
use super::problem::ApiError;
use crate::gate::code::Code;
use crate::gate::command::Vouched;
use crate::gate::ids::{RequestNumber, UserId};
use crate::gate::key::Key;
use crate::gate::request::Request;
use crate::gate::time::parse_span;
use crate::secret::signing::SigningKey;

/// Shows a request, signed.
pub(super) async fn show(
    request: HttpRequest,
    number: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let query = query(&request, &["code"])?;
    let document = document(&request, &number, &query, &gateway)?;
    let signed = document
        .signed(&gateway.bot_keys.current)
        .ok_or(ApiError::Unhealthy)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(signed))
}

/// Gives the exact text that an owner signs.
pub(super) async fn statement(
    request: HttpRequest,
    number: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let query = query(&request, &["code", "approver", "scopes", "ttl", "vouched"])?;
    let document = document(&request, &number, &query, &gateway)?;
    let approver = query
        .get("approver")
        .and_then(|id| id.parse().ok().map(UserId))
        .filter(|id| document.owners.iter().any(|owner| owner.id == *id))
        .ok_or_else(|| bad("`approver` must be the numeric id of an owner who may approve here"))?;
    let restated = restatement(&query)?;
    let signable = document
        .signable(approver, &restated)
        .map_err(|fault| bad(&fault.to_string()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body(signable.text))
}

/// Tells the bot's public key: what it signs is checked with it. Beside it the one before, while both
/// hold, and how each key vouched for the next.
pub(super) async fn bot_key(gateway: Data<Gateway>) -> HttpResponse {
    let keys = &gateway.bot_keys;
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "algorithm": "Ed25519",
            "public_key": keys.current.public_hex(),
            "previous_key": keys.previous.as_ref().map(SigningKey::public_hex),
            "pedigree": keys.current.pedigree(),
            "installation": keys.current.installation_id(),
        }))
}

fn bad(why: &str) -> ApiError {
    ApiError::BadRequest(why.to_owned())
}

/// The parameters: known ones, each once.
fn query(
    request: &HttpRequest,
    known: &[&'static str],
) -> Result<BTreeMap<&'static str, String>, ApiError> {
    let mut query = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        let Some(name) = known.iter().find(|known| **known == name) else {
            return Err(bad("a parameter is not known here"));
        };
        if query.insert(*name, value.into_owned()).is_some() {
            return Err(bad("a parameter is there twice"));
        }
    }
    Ok(query)
}

/// What is told of a request to whoever has its code. Wrong codes are counted, right ones never.
fn document(
    request: &HttpRequest,
    number: &str,
    query: &BTreeMap<&'static str, String>,
    gateway: &Gateway,
) -> Result<Document, ApiError> {
    let bot = gateway.bot()?;
    let number = RequestNumber::parse(number);
    let found = match number {
        Some(number) => bot.core.get::<Request>(&Key::request(number))?,
        None => None,
    };
    let code = query.get("code").and_then(|code| Code::parse(code));
    let right = found.filter(|found| {
        let (right, shown) = (
            Some(found.code().to_string()),
            code.map(|code| code.to_string()),
        );
        right
            .zip(shown)
            .is_some_and(|(right, shown)| bool::from(right.as_bytes().ct_eq(shown.as_bytes())))
    });
    let Some(right) = right else {
        let trusted = &gateway.doors().trusted_proxies;
        gateway.tries.wrong_code(request, trusted, number)?;
        return Err(ApiError::NotFound);
    };
    let policy = bot.core.policy();
    Document::of(
        &right,
        &policy,
        gateway.clock.now(),
        &gateway.bot_keys.current,
    )
    .ok_or(ApiError::NotFound)
}

/// What the approval restates.
fn restatement(query: &BTreeMap<&'static str, String>) -> Result<Restatement, ApiError> {
    let scopes = query
        .get("scopes")
        .map(|scopes| scopes.split(',').map(str::to_owned).collect());
    let ttl = query.get("ttl").map(|ttl| {
        parse_span(ttl).ok_or_else(|| bad("`ttl` must be a span such as `30m`, `8h` or `7d`"))
    });
    let vouched = query.get("vouched").map(|word| {
        Vouched::parse(word)
            .ok_or_else(|| bad("`vouched` must be `config`, `request` or `approver`"))
    });
    Ok(Restatement {
        scopes,
        ttl: ttl.transpose()?,
        vouched: vouched.transpose()?,
    })
}
