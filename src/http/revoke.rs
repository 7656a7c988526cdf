//! `POST /v1/revoke` (RFC 7009): whoever shows a token may end that credential, without a login.
//!
//! The answer is 200 and empty also for unknown, malformed, expired and revoked tokens (§2.2): there
//! is nothing left to end, and nothing to learn. 503 means that it is not done: try again.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body;
use super::gateway::Gateway;
use super::introspect::{MOST, token};
use super::problem::ApiError;
use crate::bot::Bot;
use crate::bot::core::Outcome;
use crate::gate::event::Event;
use crate::gate::ids::Mac;
use crate::secret::token::parse_token;
use crate::store::SubmitError;

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
    if let Some(parts) = parse_token(&gateway.prefix, &token) {
        let macs = gateway.peppers.token_macs(&token);
        let check = bot.core.check(&macs).map_err(|error| {
            tracing::error!(%error, "cannot read a credential");
            ApiError::Unhealthy
        })?;
        // The slug is a label of the row that the MAC found; a token that names another is none.
        if check.is_some_and(|check| check.slug == parts.slug) {
            give_up(bot, macs).await?;
        }
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish())
}

async fn give_up(bot: &Bot, macs: Vec<Mac>) -> Result<(), ApiError> {
    match bot.core.try_feed(Event::GivenUp { macs }).await? {
        Outcome::Decided { answer, effects } => {
            bot.decided(&answer, effects);
            Ok(())
        }
        _ => Err(ApiError::from(SubmitError::Unhealthy)),
    }
}
