//! The status page of the internal listener, for people: what lives, what waits for an owner, what
//! happened lately.
//!
//! It only shows. Whoever has an operator's token may log in and sees that operator's boards; a session
//! is a cookie that browsers keep to this host, and ends with the token.

mod gather;
mod session;
mod view;

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderValue, LOCATION,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use maud::Markup;
use zeroize::Zeroizing;

use crate::gate::operator::{By, Right, Way};

use super::body;
use super::gateway::Gateway;
use super::operator::owner_of;
use super::problem::ApiError;
pub use session::Sessions;

/// Nothing is loaded but the style sheet of this host, nothing runs, nobody frames it.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The largest login, in bytes.
const MOST: usize = 4 * 1024;

/// The page and what belongs to it.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/")
                .route(web::get().to(show))
                .route(web::head().to(show))
                .default_service(web::to(super::only_get)),
        )
        .service(
            web::resource(view::STYLE)
                .route(web::get().to(style))
                .route(web::head().to(style))
                .default_service(web::to(super::only_get)),
        )
        .service(
            web::resource("/login")
                .route(web::post().to(login))
                .default_service(web::to(super::only_post)),
        )
        .service(
            web::resource("/logout")
                .route(web::post().to(logout))
                .default_service(web::to(super::only_post)),
        );
}

/// The page, or the way in.
async fn show(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, ApiError> {
    let operators = &gateway.doors().operators;
    let now = gateway.clock.monotonic();
    let operator =
        session_of(&request).and_then(|name| gateway.sessions.operator(name, operators, now));
    match operator {
        None => Ok(answer(StatusCode::OK, &view::login(None))),
        Some(operator) => {
            let bot = gateway.bot()?;
            let policy = bot.core.policy();
            let by = By::Operator {
                name: operator,
                way: Way::Token,
            };
            if let Err(denied) = by.may(&policy, Right::Read) {
                let page = view::login(Some(&format!("{denied}.")));
                return Ok(answer(StatusCode::FORBIDDEN, &page));
            }
            let view = gather::gather(bot, &policy, &by)?;
            Ok(answer(StatusCode::OK, &view::page(&view)))
        }
    }
}

/// Lets an operator in. Wrong tokens are counted by address; the right one always opens.
async fn login(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    from_here(&request)?;
    if body::media_type(&request)? != "application/x-www-form-urlencoded" {
        return Err(ApiError::UnsupportedMedia("log in by the form"));
    }
    let bytes = Zeroizing::new(body::read(&request, payload, MOST).await?.to_vec());
    let fields: BTreeMap<_, _> = form_urlencoded::parse(&bytes).collect();
    let token = fields.get("token").map_or("", |token| token.trim());
    let doors = gateway.doors();
    let now = gateway.clock.monotonic();
    let known = owner_of(&doors.operators, token);
    let Some(operator) = known else {
        gateway.metrics.check("bad_operator");
        let trusted = &doors.trusted_proxies;
        if gateway.tries.wrong_login(&request, trusted).is_err() {
            let fault = "Too many wrong tokens from your address; try again in a minute.";
            let page = view::login(Some(fault));
            return Ok(answer(StatusCode::TOO_MANY_REQUESTS, &page));
        }
        let page = view::login(Some("That is no operator's token."));
        return Ok(answer(StatusCode::UNAUTHORIZED, &page));
    };
    let token = doors.operators.get(&operator).ok_or(ApiError::Unhealthy)?;
    let session = gateway.sessions.open(&operator, token, now);
    let session = session.ok_or(ApiError::Unhealthy)?;
    tracing::info!(operator, "an operator has logged in to the status page");
    Ok(to_page(&session::set_cookie(&session)))
}

/// Ends a session.
async fn logout(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, ApiError> {
    from_here(&request)?;
    if let Some(name) = session_of(&request) {
        gateway.sessions.close(name);
    }
    Ok(to_page(&session::clear_cookie()))
}

/// The style sheet.
async fn style() -> HttpResponse {
    guarded(HttpResponse::Ok())
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .body(include_str!("style.css"))
}

/// Nobody else's page logs somebody in or out (Fetch Metadata); programs send no such header.
fn from_here(request: &HttpRequest) -> Result<(), ApiError> {
    let site = request.headers().get("Sec-Fetch-Site");
    match site.map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(ApiError::Forbidden(
            "this form is only for the page itself.".to_owned(),
        )),
    }
}

fn session_of(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(COOKIE);
    headers.find_map(|header| session::cookie(header.to_str().ok()?))
}

fn answer(status: StatusCode, page: &Markup) -> HttpResponse {
    guarded(HttpResponseBuilder::new(status))
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(page.0.clone())
}

fn to_page(cookie: &str) -> HttpResponse {
    guarded(HttpResponse::SeeOther())
        .insert_header((SET_COOKIE, cookie))
        // The way back is relative: a proxy may have put the page elsewhere.
        .insert_header((LOCATION, "./"))
        .finish()
}

fn guarded(mut answer: HttpResponseBuilder) -> HttpResponseBuilder {
    answer
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((X_FRAME_OPTIONS, "DENY"));
    answer
}
