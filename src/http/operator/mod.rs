//! What operators and the host itself can look at and stop: the same routes on the internal listener and
//! on the admin socket.
//!
//! Everything that changes something is an event for the writer like any other. What lies on a board
//! that is not the caller's is as unknown as what there is not.

mod audit;
mod caller;
mod refusals;
mod verify;

use actix_web::web::{self, ServiceConfig};

use super::only_get;
pub(super) use caller::owner_of;
pub use caller::{Caller, NAMED, note_peer};
pub use refusals::Refusals;

/// What only makes sense on the bot's own host.
pub(super) fn host_routes(config: &mut ServiceConfig) {
    config.service(web::resource("/verify").route(web::get().to(verify::verify)));
}

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(
        web::resource("/v1/audit")
            .route(web::get().to(audit::audit))
            .route(web::head().to(audit::audit))
            .default_service(web::to(only_get)),
    );
}
