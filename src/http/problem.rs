//! Errors of the HTTP edges: RFC 9457 problem JSON, and the forms of RFC 6750 and RFC 7662 where
//! those say so.
//!
//! The public text says what, why and what to do; the text of a 5xx is constant and its cause is in
//! the log. Nothing of a request is repeated.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::store::{StoreError, SubmitError};

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// 404: no such hook, path or thing.
    NotFound,
    /// 405, with the methods that the address takes (RFC 9110 §15.5.6).
    MethodNotAllowed(&'static str),
    /// 413: the body is over the cap.
    TooLarge,
    /// 415: not JSON, or compressed.
    UnsupportedMedia(&'static str),
    /// 401: a delivery without a valid signature.
    BadSignature,
    /// 400, with what is wrong.
    BadRequest(String),
    /// 401: a resource server that did not show who it is.
    BadClient,
    /// 401: nobody said which operator calls.
    NoOperator,
    /// 401: what was shown is no operator's token.
    NotOperator,
    /// 403: this one may not do that; why.
    Forbidden(String),
    /// 404: there is no such thing, as far as this one may know; what.
    Unknown(String),
    /// 409: it cannot be done so; why.
    Refused(String),
    /// 401: no token was shown.
    NoToken,
    /// 401: the token is not alive, whatever the cause.
    InvalidToken,
    /// 409: what is claimed is not approved yet.
    Pending,
    /// 409: there is another already; which.
    Conflict(String),
    /// 410: it is over; how.
    Gone(String),
    /// 403: the gate is shut now; why.
    Shut(String),
    /// 429: too often; seconds until the next call is taken.
    TooMany(u64),
    /// 503: the forge cannot be asked, and without it nothing widens.
    ForgeAway,
    /// 429: as much as this caller may have written down today; seconds until the next day.
    TooMuch(u64),
    /// 503: the store is still being opened; what it does.
    Opening(&'static str),
    /// 503: the queue is full, or the disk nearly.
    Busy,
    /// 503: the store is not healthy.
    Unhealthy,
}

impl ApiError {
    /// The status and a short title.
    fn title(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not found"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too large"),
            Self::UnsupportedMedia(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported media type")
            }
            Self::BadSignature => (StatusCode::UNAUTHORIZED, "bad signature"),
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad request"),
            Self::BadClient => (StatusCode::UNAUTHORIZED, "client not known"),
            Self::NoOperator | Self::NotOperator => {
                (StatusCode::UNAUTHORIZED, "no operator's token")
            }
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "not allowed"),
            Self::Unknown(_) => (StatusCode::NOT_FOUND, "not known"),
            Self::Refused(_) => (StatusCode::CONFLICT, "refused"),
            Self::NoToken => (StatusCode::UNAUTHORIZED, "no token"),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, "invalid token"),
            Self::Pending => (StatusCode::CONFLICT, "not approved yet"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "there is one already"),
            Self::Gone(_) => (StatusCode::GONE, "over"),
            Self::Shut(_) => (StatusCode::FORBIDDEN, "the gate is shut"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too often"),
            Self::ForgeAway => (StatusCode::SERVICE_UNAVAILABLE, "the forge is away"),
            Self::TooMuch(_) => (StatusCode::TOO_MANY_REQUESTS, "too much"),
            Self::Opening(_) => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Unhealthy => (StatusCode::SERVICE_UNAVAILABLE, "not healthy"),
        }
    }

    fn detail(&self) -> Cow<'_, str> {
        let text = match self {
            Self::TooMany(seconds) => {
                return format!("too many calls; try again in {seconds} s").into();
            }
            Self::NotFound => "there is nothing at this address",
            Self::MethodNotAllowed(_) => "this address takes another method",
            Self::TooLarge => {
                "the body is larger than this address takes; deliveries may have 1 MiB, and the board is read instead"
            }
            Self::UnsupportedMedia(what) => what,
            Self::BadSignature => "the delivery carries no valid signature of this hook's secret",
            Self::BadRequest(what) => what,
            Self::BadClient => "give the name and secret of a configured client by HTTP Basic",
            Self::NoOperator => "give an operator's token as `Authorization: Bearer …`",
            Self::NotOperator => {
                "this is no token of an operator; see `token_file` of `[[operator]]`"
            }
            Self::Forbidden(what) | Self::Unknown(what) | Self::Refused(what) => what,
            Self::NoToken => "give the token as `Authorization: Bearer …`",
            Self::InvalidToken => "the token is not valid (any more)",
            Self::Pending => "no owner has approved it yet; ask again in a few seconds",
            Self::Conflict(what) | Self::Gone(what) | Self::Shut(what) => what,
            Self::ForgeAway => {
                "what this rests on cannot be read on the forge now; try again in a minute"
            }
            Self::TooMuch(_) => {
                "what you may have written down in a day is used up; events that were taken stay taken, send all of them again after the time in Retry-After"
            }
            Self::Opening(what) => what,
            Self::Busy => "the queue is full or the disk is nearly full; try again later",
            Self::Unhealthy => "the store is not healthy; try again later",
        };
        text.into()
    }

    fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Opening(_) | Self::Busy | Self::Unhealthy | Self::ForgeAway | Self::Pending
        )
    }

    /// The challenge of a 401 (RFC 6750 §3, RFC 7617).
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::BadClient => Some("Basic realm=\"ownergate\", charset=\"UTF-8\""),
            Self::NoToken | Self::NoOperator => Some("Bearer realm=\"ownergate\""),
            Self::NotOperator => Some(
                "Bearer realm=\"ownergate\", error=\"invalid_token\", error_description=\"this is no token of an operator\"",
            ),
            Self::Forbidden(_) => Some("Bearer realm=\"ownergate\", error=\"insufficient_scope\""),
            Self::InvalidToken => Some(
                "Bearer realm=\"ownergate\", error=\"invalid_token\", error_description=\"the token is not valid (any more); ask for another in the issue thread\"",
            ),
            _ => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title().1, self.detail())
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.title().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, title) = self.title();
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        response.insert_header((CACHE_CONTROL, "no-store"));
        if self.is_unavailable() {
            response.insert_header((RETRY_AFTER, "5"));
        }
        if let Self::TooMany(seconds) | Self::TooMuch(seconds) = self {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Self::MethodNotAllowed(methods) = self {
            response.insert_header((ALLOW, *methods));
        }
        if let Some(challenge) = self.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        let mut problem = json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        // RFC 6750 §3.1 names the codes; RFC 7662 §2.3 takes them over.
        let code = match self {
            Self::InvalidToken | Self::NotOperator => Some("invalid_token"),
            Self::Forbidden(_) => Some("insufficient_scope"),
            Self::BadClient => Some("invalid_client"),
            Self::BadRequest(_) => Some("invalid_request"),
            Self::Pending => Some("authorization_pending"),
            _ => None,
        };
        if let Some(code) = code {
            problem["error"] = json!(code);
        }
        response.body(problem.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "cannot read the store");
        Self::Unhealthy
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Full | SubmitError::LowSpace => Self::Busy,
            SubmitError::Unhealthy | SubmitError::Panicked(_) | SubmitError::Closed => {
                tracing::error!(%error, "the store did not take an event");
                Self::Unhealthy
            }
        }
    }
}
