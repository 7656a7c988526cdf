//! `GET /verify` on the admin socket: the running store's own report.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use super::Caller;
use crate::gate::operator::Right;
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;

/// Answers.
pub(in crate::http) async fn verify(
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let bot = gateway.bot()?;
    match bot.core.writer().verify().await {
        Ok(report) => Ok(HttpResponse::Ok().json(report)),
        Err(error) => Ok(HttpResponse::Conflict().json(json!({
            "fault": error.to_string(),
        }))),
    }
}
