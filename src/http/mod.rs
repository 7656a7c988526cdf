//! The HTTP edges: one file per route group, errors in one form.
//!
//! Answers are built from decisions, never from candidates. The public routes are for forge, agents
//! and holders; the internal ones for resource servers and whoever runs the bot.

mod activate;
mod activity;
mod authorization;
mod body;
mod claim;
mod decided;
pub mod document;
mod forward_auth;
pub mod gateway;
mod health;
mod hooks;
mod import;
mod introspect;
mod limits;
mod openapi;
mod operator;
mod pages;
mod pause;
mod problem;
mod requests;
mod revoke;
mod rotate;

use actix_web::web::{self, ServiceConfig};
use limits::Counted;

pub use gateway::{Doors, Gateway, Hook};
pub use limits::{Callers, Tries, headers as limit_headers};
pub use operator::{Caller, NAMED, Refusals, note_peer};
pub use pages::Sessions;
pub use problem::ApiError;

/// Webhooks and holders.
pub fn public(config: &mut ServiceConfig) {
    config
        .configure(holders)
        .service(
            web::resource("/hooks/{board}")
                .route(web::post().to(hooks::receive))
                .default_service(web::to(only_post)),
        )
        .service(
            web::resource("/v1/revoke")
                .route(web::post().to(revoke::revoke))
                .default_service(web::to(only_post)),
        )
        .service(
            web::resource("/v1/claim")
                .route(web::post().to(claim::claim))
                .default_service(web::to(only_post)),
        )
        .service(
            web::resource("/v1/requests")
                .route(web::get().to(claim::status))
                .route(web::head().to(claim::status))
                .default_service(web::to(only_get)),
        )
        .service(
            web::resource("/v1/requests/{number}")
                .route(web::get().to(requests::show))
                .route(web::head().to(requests::show))
                .default_service(web::to(only_get)),
        )
        .service(
            web::resource("/v1/requests/{number}/statement")
                .route(web::get().to(requests::statement))
                .route(web::head().to(requests::statement))
                .default_service(web::to(only_get)),
        )
        .service(
            web::resource("/v1/bot-key")
                .route(web::get().to(requests::bot_key))
                .route(web::head().to(requests::bot_key))
                .default_service(web::to(only_get)),
        )
        .service(
            web::resource("/healthz")
                .route(web::get().to(health::healthz))
                .route(web::head().to(health::healthz))
                .default_service(web::to(only_get)),
        );
}

/// What a token of its own is shown for.
fn holders(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/v1/activate")
                .route(web::post().to(activate::activate))
                .default_service(web::to(only_post)),
        )
        .service(
            web::resource("/v1/pause")
                .route(web::post().to(pause::pause))
                .default_service(web::to(only_post)),
        )
        .service(
            web::resource("/v1/rotate")
                .route(web::post().to(rotate::rotate))
                .default_service(web::to(only_post)),
        );
}

/// What resource servers and their proxies ask with every request of theirs: before all other routes, since
/// addresses are compared in this order and those with names in them cost most.
pub fn checks(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/v1/introspect")
                .app_data(Counted)
                .route(web::post().to(introspect::introspect))
                .default_service(web::to(only_post)),
        )
        .service(
            web::resource("/v1/activity")
                .app_data(Counted)
                .route(web::post().to(activity::report))
                .default_service(web::to(only_post)),
        )
        .service(web::resource("/v1/forward-auth{suffix:.*}").to(forward_auth::forward_auth));
}

/// Whoever runs the bot.
pub fn internal(config: &mut ServiceConfig) {
    config
        .configure(operator::routes)
        .configure(pages::routes)
        .service(
            web::resource("/openapi.json")
                .route(web::get().to(openapi::json))
                .route(web::head().to(openapi::json))
                .default_service(web::to(only_get)),
        )
        .service(
            web::resource("/docs")
                .route(web::get().to(openapi::page))
                .route(web::head().to(openapi::page))
                .default_service(web::to(only_get)),
        )
        .service(
            web::resource("/readyz")
                .route(web::get().to(health::readyz))
                .route(web::head().to(health::readyz))
                .default_service(web::to(only_get)),
        )
        .service(
            web::resource("/metrics")
                .route(web::get().to(health::metrics))
                .route(web::head().to(health::metrics))
                .default_service(web::to(only_get)),
        );
}

/// Whoever runs the bot, over the admin socket: what operators have, and what only makes sense here.
pub fn admin(config: &mut ServiceConfig) {
    config
        .configure(operator::routes)
        .configure(operator::requests)
        .configure(operator::host_routes)
        .configure(import::routes);
}

/// What operators have whose address is the public's, too: beside it, or alone.
pub fn requests(config: &mut ServiceConfig, beside_public: bool) {
    if beside_public {
        config.configure(operator::requests_beside_public);
    } else {
        config.configure(operator::requests);
    }
}

/// Everything else.
pub async fn nothing_here() -> Result<&'static str, ApiError> {
    Err(ApiError::NotFound)
}

async fn only_post() -> Result<&'static str, ApiError> {
    Err(ApiError::MethodNotAllowed("POST"))
}

async fn only_delete() -> Result<&'static str, ApiError> {
    Err(ApiError::MethodNotAllowed("DELETE"))
}

async fn only_get() -> Result<&'static str, ApiError> {
    Err(ApiError::MethodNotAllowed("GET, HEAD"))
}
