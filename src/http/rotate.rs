//! `POST /v1/rotate`: a holder swaps its token without an owner, where the gate lets holders do so.
//!
//! The answer holds the successor sealed to the key that the shown token was sealed to, so that a stolen
//! token alone brings nothing, and the bot's note that shows who sealed it. The same `Idempotency-Key` gets the same answer: a holder that lost it
//! asks again.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::authorization;
use super::body;
use super::decided::{decided, from_forge};
use super::gateway::Gateway;
use super::introspect::row;
use super::problem::ApiError;
use crate::bot::Bot;
use crate::gate::credential::{Credential, CredentialStatus};
use crate::gate::decide::{Answer, Rotated};
use crate::gate::event::Event;
use crate::gate::evidence::{Needs, Reads};
use crate::gate::ids::{Hash, Mac, RepositoryId, Slug};
use crate::gate::key::Key;
use crate::gate::reply::machine::Block;
use crate::gate::time::rfc3339;

/// The header that tells one wish from another (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The largest body, in bytes: there is nothing to say in it.
const MOST: usize = 1024;

/// Answers a holder.
pub(super) async fn rotate(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let token = authorization::bearer(&request, &gateway).inspect_err(|_| {
        gateway.metrics.check("bad_token");
    })?;
    let key = key(&request)?;
    nothing_said(&request, payload).await?;
    let (check, macs) = row(bot, &gateway, token)?.ok_or(ApiError::InvalidToken)?;
    let credential = bot
        .core
        .get::<Credential>(&Key::credential(check.credential))?
        .ok_or(ApiError::InvalidToken)?;
    let rotations = &gateway.tries.rotations;
    rotations.count(&request, &credential.family)?;
    let silence = &bot.reconciliation.silence;
    if silence.refuses(&bot.core.policy(), check.board, &gateway.clock) {
        return Err(ApiError::InvalidToken);
    }
    let rotated = wished(bot, check.board, &macs, &key).await?;
    let (heir, sealed) = handed(rotated)?;
    gateway.metrics.check("rotated");
    bot.usage.note(credential.number, gateway.clock.now(), None);
    let use_by = match heir.status {
        CredentialStatus::Pending(until) => until,
        CredentialStatus::Active(_)
        | CredentialStatus::Grace(_)
        | CredentialStatus::Paused(_)
        | CredentialStatus::Revoked(_) => heir.expires_at,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "credential": heir.number.to_string(),
            "predecessor": credential.number.to_string(),
            "identity": check.slug,
            "scope": heir.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
            "recipient": heir.recipient,
            "sealed": sealed,
            "note": note(&gateway, &heir, check.slug.as_ref(), &sealed),
            "use_by": rfc3339(use_by),
            "expires_at": rfc3339(heir.expires_at),
        })))
}

/// What stands in the machine block of a sealed comment, signed as there.
pub(super) fn note(
    gateway: &Gateway,
    heir: &Credential,
    slug: Option<&Slug>,
    sealed: &str,
) -> Option<Map<String, Value>> {
    let block = Block::credential(heir, slug?).members();
    let recipient = heir.recipient.as_deref()?;
    gateway.bot_keys.note(block, recipient, sealed.as_bytes())
}

/// The hash of the one `Idempotency-Key`.
fn key(request: &HttpRequest) -> Result<Hash, ApiError> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let value = values.next().map(|value| value.as_bytes());
    let fits = |key: &[u8]| {
        (8..=128).contains(&key.len()) && key.iter().all(|byte| (b' '..=b'~').contains(byte))
    };
    match (value.filter(|key| fits(key)), values.next()) {
        (Some(key), None) => Ok(Hash::of(key)),
        _ => Err(ApiError::BadRequest(
            "give one header `Idempotency-Key` of 8 to 128 printable ASCII characters, new for each rotation and the same when you try it again"
                .to_owned(),
        )),
    }
}

/// A rotation has nothing to say: whoever says something expects what it does not get.
async fn nothing_said(request: &HttpRequest, payload: Payload) -> Result<(), ApiError> {
    body::media_type(request)?;
    let bytes = body::read(request, payload, MOST).await?;
    let empty = bytes.is_empty()
        || serde_json::from_slice::<Map<String, Value>>(&bytes)
            .is_ok_and(|members| members.is_empty());
    if empty {
        Ok(())
    } else {
        Err(ApiError::BadRequest(
            "the body must be empty, or `{}`".to_owned(),
        ))
    }
}

/// Has the wish decided.
async fn wished(
    bot: &Bot,
    board: RepositoryId,
    macs: &[Mac],
    key: &Hash,
) -> Result<Rotated, ApiError> {
    let event = |reads: &Reads| Event::HolderRotates {
        macs: macs.to_vec(),
        key: key.clone(),
        reads: Box::new(reads.clone()),
    };
    let gather = async |needs: Needs, reads: &mut Reads| {
        from_forge(bot, board, &needs, reads, "a rotation").await
    };
    match decided(bot, event, gather).await? {
        Answer::Rotated(rotated) => Ok(rotated),
        _ => Err(ApiError::Unhealthy),
    }
}

/// The successor and its sealed token, or why there is none.
fn handed(rotated: Rotated) -> Result<(Box<Credential>, String), ApiError> {
    match rotated {
        Rotated::Made(heir, sealed) => Ok((heir, sealed)),
        Rotated::NotAlive => Err(ApiError::InvalidToken),
        Rotated::Another(heir) => Err(ApiError::Conflict(format!(
            "this credential has a successor already, {heir}, and gets no other; its owners know if that was asked for under another key"
        ))),
        Rotated::Over(heir) => Err(ApiError::Conflict(format!(
            "the successor that this key made, {heir}, is over; ask the owners for another with `/gate rotate` in the issue"
        ))),
        Rotated::Shut(why) => Err(ApiError::Shut(why)),
    }
}
