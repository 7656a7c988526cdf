//! `POST /v1/pause`: a holder lets the identity that it acts for stand still, at once. Owners let it go
//! on; the token cannot. A secret from before that no identity has stands still by itself.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::authorization;
use super::gateway::Gateway;
use super::introspect::{feed, row};
use super::problem::ApiError;
use crate::gate::decide::Answer;
use crate::gate::event::Event;

/// Answers a holder. A token that is not alive, or of an identity that stands still already, is 401 as
/// everywhere: it could not be told apart from another's.
pub(super) async fn pause(
    request: HttpRequest,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let token = authorization::bearer(&request, &gateway)?;
    let (_, macs) = row(bot, &gateway, token)?.ok_or(ApiError::InvalidToken)?;
    match feed(bot, Event::HolderPaused { macs }).await? {
        Answer::Decided {
            outcome: "done", ..
        } => Ok(HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(json!({ "identity_status": "paused" }))),
        Answer::Decided {
            outcome: "done_alone",
            ..
        } => Ok(HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(json!({ "credential_status": "paused" }))),
        _ => Err(ApiError::InvalidToken),
    }
}
