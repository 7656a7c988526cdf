//! Reading the `Authorization` header: Bearer tokens (RFC 6750) and client secrets by HTTP Basic
//! (RFC 7617, RFC 6749 §2.3.1), once and from nowhere else.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use super::gateway::{Doors, Gateway};
use super::problem::ApiError;
use crate::secret::legacy::LegacyHash;
use crate::secret::token::parse_token;

/// What a request shows of itself in its `Authorization` headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    /// No such header.
    Nothing,
    /// One, of another scheme than Bearer.
    AnotherScheme,
    /// One Bearer token, whatever its form.
    Bearer(&'a str),
    /// Two or more, or one that is no text: nobody can say which counts.
    Several,
}

/// Reads them without judging the token.
pub(super) fn shown(request: &HttpRequest) -> Shown<'_> {
    if request.headers().get(AUTHORIZATION).is_none() {
        return Shown::Nothing;
    }
    match only(request) {
        None => Shown::Several,
        Some(value) => after_scheme(value, "Bearer").map_or(Shown::AnotherScheme, Shown::Bearer),
    }
}

/// The header's value, if there is exactly one.
fn only(request: &HttpRequest) -> Option<&str> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// What follows a scheme, which is compared without regard to case and may be followed by several
/// blanks (RFC 9110 §11.1).
fn after_scheme<'a>(value: &'a str, scheme: &str) -> Option<&'a str> {
    let head = value.get(..scheme.len())?;
    let rest = &value[scheme.len()..];
    (head.eq_ignore_ascii_case(scheme) && rest.starts_with(' ')).then(|| rest.trim_matches(' '))
}

/// The token that a request shows. Anything but one Bearer token of our form, or of
/// the length of a secret from before, is an error.
pub(super) fn bearer<'a>(request: &'a HttpRequest, gateway: &Gateway) -> Result<&'a str, ApiError> {
    if request.headers().get(AUTHORIZATION).is_none() {
        return Err(ApiError::NoToken);
    }
    let token = only(request)
        .and_then(|value| after_scheme(value, "Bearer"))
        .ok_or(ApiError::InvalidToken)?;
    let fits = parse_token(&gateway.prefix, token).is_some()
        || LegacyHash::of_shown(&gateway.prefix, token).is_some();
    fits.then_some(token).ok_or(ApiError::InvalidToken)
}

/// The one Bearer token that a request shows, of whatever form.
pub(super) fn bearer_text(request: &HttpRequest) -> Option<&str> {
    only(request).and_then(|value| after_scheme(value, "Bearer"))
}

/// The configured client that a request proves to be.
///
/// Half of the clients form-encode name and secret before Basic, as RFC 6749 §2.3.1 says, half do
/// not: both forms are compared, always both, in constant time.
pub(super) fn client(request: &HttpRequest, gateway: &Gateway) -> Result<String, ApiError> {
    let doors = gateway.doors();
    match known_client(request, &doors) {
        Ok(name) => {
            doors.callers.client(request, &name)?;
            Ok(name)
        }
        Err(stranger) => {
            gateway.metrics.check("bad_client");
            let trusted = &doors.trusted_proxies;
            gateway.tries.stranger(request, trusted)?;
            Err(stranger)
        }
    }
}

fn known_client(request: &HttpRequest, doors: &Doors) -> Result<String, ApiError> {
    let decoded = only(request)
        .and_then(|value| after_scheme(value, "Basic"))
        .and_then(|value| {
            data_encoding::BASE64
                .decode(value.as_bytes())
                .or_else(|_| data_encoding::BASE64_NOPAD.decode(value.as_bytes()))
                .ok()
        })
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(ApiError::BadClient)?;
    let (name, secret) = decoded.split_once(':').ok_or(ApiError::BadClient)?;
    for (name, secret) in [(form(name), form(secret)), (name.into(), secret.into())] {
        let known = doors.clients.get(name.as_ref());
        let same =
            known.is_some_and(|known| known.expose().as_bytes().ct_eq(secret.as_bytes()).into());
        if same {
            return Ok(name.into_owned());
        }
    }
    Err(ApiError::BadClient)
}

/// One value decoded from `application/x-www-form-urlencoded`.
fn form(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    // Only the value is to be decoded: a name in front keeps `=` and `&` out of the way.
    let escaped = format!("v={}", text.replace('&', "%26"));
    form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
        .into()
}
