//! `POST /v1/revoke` (RFC 7009): whoever shows a token may end that credential, without a login.
//!
//! The answer is 200 and empty also for unknown, malformed, expired and revoked tokens (§2.2): there
//! is nothing left to end, and nothing to learn. 503 means that it is not done: try again.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body;
use super::gateway::Gateway;
use super::introspect::{MOST, feed, row, token};
use super::problem::ApiError;
use crate::gate::event::Event;

/// Answers a holder.
pub(super) async fn revoke(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    body::form_only(&request)?;
    let form = body::read(&request, payload, MOST).await?;
    let token = token(&form)?;
    if let Some((_, macs)) = row(bot, &gateway, &token)? {
        feed(bot, Event::GivenUp { macs }).await?;
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish())
}
