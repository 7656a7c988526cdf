//! `POST /v1/activate`: the holder shows its token, which is thereby in use, and is told what the
//! token may do. Doing it again gives the same answer.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::authorization;
use super::gateway::Gateway;
use super::introspect::{alive, describe};
use super::problem::ApiError;

/// Answers a holder.
pub(super) async fn activate(
    request: HttpRequest,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let token = authorization::bearer(&request, &gateway).inspect_err(|_| {
        gateway.metrics.check("bad_token");
    })?;
    let live = alive(bot, &gateway, token, None).await?;
    gateway
        .metrics
        .check(if live.is_some() { "active" } else { "inactive" });
    let live = live.ok_or(ApiError::InvalidToken)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(describe(&live, &gateway.doors().public_url)))
}
