//! What operators and the host itself can look at and stop: the same routes on the internal listener and
//! on the admin socket.
//!
//! Everything that changes something is an event for the writer like any other. What lies on a board
//! that is not the caller's is as unknown as what there is not.

mod audit;
mod caller;
mod dry_run;
mod identities;
mod orders;
mod refusals;
pub(super) mod rehearsal;
mod requests;
mod shapes;
mod verify;
mod votes;
mod wishes;

use actix_web::guard::{self, GuardContext};
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Resource, Route};

use super::limits::Counted;
use super::problem::ApiError;
use super::{only_delete, only_get, only_post};
pub(super) use caller::owner_of;
pub use caller::{Caller, NAMED, note_peer};
pub use refusals::Refusals;

/// The routes that nobody else has.
pub(super) fn routes(config: &mut ServiceConfig) {
    let one = "/v1/identities/{slug}";
    let no_text = web::PathConfig::default().error_handler(|_, _| ApiError::NotFound.into());
    config
        .app_data(no_text)
        .service(reading("/v1/audit", |route| route.to(audit::audit)))
        .configure(asking)
        .service(
            reading("/v1/identities", |route| route.to(identities::list))
                .route(web::post().to(wishes::create))
                .default_service(web::to(get_or_post)),
        )
        .service(reading(one, |route| route.to(identities::show)))
        .service(
            reading(&format!("{one}/credentials"), |route| {
                route.to(identities::list_credentials)
            })
            .route(web::post().to(wishes::credential))
            .default_service(web::to(get_or_post)),
        )
        .service(narrowing(
            &format!("{one}/pause"),
            web::post().to(orders::pause),
        ))
        .service(narrowing(
            &format!("{one}/revoke"),
            web::post().to(orders::revoke),
        ))
        .service(narrowing(
            &format!("{one}/narrow"),
            web::post().to(orders::narrow),
        ))
        .service(narrowing(
            &format!("{one}/release"),
            web::post().to(orders::release),
        ))
        .service(
            web::resource(format!("{one}/credentials/{{number}}"))
                .route(web::delete().to(orders::revoke_credential))
                .default_service(web::to(only_delete)),
        )
        .service(
            web::resource("/v1/credentials/{number}")
                .route(web::delete().to(orders::revoke_alone))
                .default_service(web::to(only_delete)),
        )
        .service(narrowing(
            "/v1/requests/{number}/deny",
            web::post().to(orders::deny),
        ))
        .service(changing(
            "/v1/token-which",
            web::post().to(identities::which),
        ))
        .service(changing("/v1/dry-run", web::post().to(dry_run::dry_run)));
}

/// What operators ask for, and the signatures that they bring.
fn asking(config: &mut ServiceConfig) {
    let one = "/v1/identities/{slug}";
    config
        .service(changing(
            &format!("{one}/rotate"),
            web::post().to(wishes::rotate),
        ))
        .service(changing(
            &format!("{one}/resume"),
            web::post().to(wishes::resume),
        ))
        .service(changing(&format!("{one}/own"), web::post().to(wishes::own)))
        .service(reading("/v1/requests/{number}/document", |route| {
            route.to(votes::document)
        }))
        .service(changing(
            "/v1/requests/{number}/approve",
            web::post().to(votes::approve),
        ));
}

async fn get_or_post() -> Result<&'static str, ApiError> {
    Err(ApiError::MethodNotAllowed("GET, HEAD, POST"))
}

/// The routes whose address others have, too: whoever shows a code or a challenge is answered there.
pub(super) fn requests(config: &mut ServiceConfig) {
    config
        .service(reading("/v1/requests", |route| route.to(requests::list)))
        .service(reading("/v1/requests/{number}", |route| {
            route.to(requests::show)
        }));
}

/// The same where one listener serves everybody: only for who shows a token, and neither code nor
/// challenge.
pub(super) fn requests_beside_public(config: &mut ServiceConfig) {
    config
        .service(
            reading("/v1/requests", |route| route.to(requests::list)).guard(guard::fn_guard(shows)),
        )
        .service(
            reading("/v1/requests/{number}", |route| route.to(requests::show))
                .guard(guard::fn_guard(shows)),
        );
}

fn shows(call: &GuardContext<'_>) -> bool {
    let head = call.head();
    let query = head.uri.query().unwrap_or("").as_bytes();
    let public = form_urlencoded::parse(query)
        .any(|(name, _)| matches!(name.as_ref(), "code" | "challenge"));
    head.headers().contains_key(AUTHORIZATION) && !public
}

/// Something to look at, so many times a minute.
fn reading(path: &str, answered_by: impl Fn(Route) -> Route) -> Resource {
    web::resource(path)
        .app_data(Counted)
        .route(answered_by(web::get()))
        .route(answered_by(web::head()))
        .default_service(web::to(only_get))
}

/// Something that takes POST only, so many times a minute.
fn changing(path: &str, post: Route) -> Resource {
    narrowing(path, post).app_data(Counted)
}

/// Something that takes POST only, and takes what somebody has: nobody is made to wait for that.
fn narrowing(path: &str, post: Route) -> Resource {
    web::resource(path)
        .route(post)
        .default_service(web::to(only_post))
}

/// What only makes sense on the bot's own host.
pub(super) fn host_routes(config: &mut ServiceConfig) {
    config.service(web::resource("/verify").route(web::get().to(verify::verify)));
}
