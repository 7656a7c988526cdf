//! `POST /hooks/{board}`: deliveries of the forge, capped, verified over their raw bytes, durable
//! before the answer.
//!
//! A body that is too large is not lost: its board is read at once, since whoever may write in a
//! thread controls the size of every delivery of it.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body;
use super::gateway::Gateway;
use super::problem::ApiError;
use crate::bot::inbox::Delivered;
use crate::forgejo::payload;
use crate::forgejo::signature::{Signatures, verify};

/// The largest delivery, in bytes.
const MOST: usize = 1024 * 1024;

/// Takes a delivery.
pub(super) async fn receive(
    request: HttpRequest,
    board: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let taken = take(&request, &board, payload, &gateway).await;
    let (outcome, answer) = match taken {
        Ok(Delivered::Accepted) => ("accepted", Ok(StatusCode::ACCEPTED)),
        Ok(Delivered::Ignored) => ("ignored", Ok(StatusCode::NO_CONTENT)),
        Err(error) => (outcome(&error), Err(error)),
    };
    gateway.metrics.delivery(outcome);
    answer.map(HttpResponse::new)
}

/// The word for the metric.
fn outcome(error: &ApiError) -> &'static str {
    match error {
        ApiError::NotFound => "unknown_hook",
        ApiError::TooLarge => "too_large",
        ApiError::UnsupportedMedia(_) => "unsupported_media",
        ApiError::BadSignature => "bad_signature",
        ApiError::BadRequest(_) => "bad_request",
        ApiError::Opening(_) => "starting",
        ApiError::Busy => "busy",
        ApiError::Unhealthy => "unhealthy",
        ApiError::MethodNotAllowed(_)
        | ApiError::BadClient
        | ApiError::NoOperator
        | ApiError::NotOperator
        | ApiError::Forbidden(_)
        | ApiError::Unknown(_)
        | ApiError::Refused(_)
        | ApiError::NoToken
        | ApiError::InvalidToken
        | ApiError::Pending
        | ApiError::Gone(_)
        | ApiError::Shut(_)
        | ApiError::TooMany(_)
        | ApiError::TooMuch(_)
        | ApiError::Conflict(_)
        | ApiError::ForgeAway => "refused",
    }
}

async fn take(
    request: &HttpRequest,
    board: &str,
    payload: Payload,
    gateway: &Gateway,
) -> Result<Delivered, ApiError> {
    let doors = gateway.doors();
    let hook = doors.hooks.get(board).ok_or(ApiError::NotFound)?;
    if body::media_type(request)? != "application/json" {
        return Err(ApiError::UnsupportedMedia(
            "deliveries are JSON: set the hook's content type to application/json",
        ));
    }
    let bot = gateway.bot_soon().await?;
    let bytes = match body::read(request, payload, MOST).await {
        Err(ApiError::TooLarge) => {
            bot.reconciliation.ask(hook.repository);
            return Err(ApiError::TooLarge);
        }
        read => read?,
    };
    let values = |name: &str| -> Vec<&[u8]> {
        request
            .headers()
            .get_all(name)
            .map(actix_web::http::header::HeaderValue::as_bytes)
            .collect()
    };
    let (forgejo, gitea) = (values("x-forgejo-signature"), values("x-gitea-signature"));
    let signatures = Signatures {
        forgejo: &forgejo,
        gitea: &gitea,
    };
    let verified = verify(&hook.secrets, signatures, bytes).map_err(|fault| {
        tracing::warn!(board, %fault, "a delivery was refused");
        ApiError::BadSignature
    })?;
    let parsed = payload::parse(&verified).map_err(|fault| {
        tracing::warn!(board, %fault, "a signed delivery cannot be used");
        ApiError::BadRequest(fault.to_string())
    })?;
    Ok(bot.deliver(hook.repository, parsed).await?)
}
