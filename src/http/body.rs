//! Reading a request's body with a cap, and telling what kind it says it is.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::Deserialize;

use super::problem::ApiError;

/// Reads at most `cap` bytes; one more is `TooLarge`. A body that says beforehand that it is longer
/// is not read at all.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    cap: usize,
) -> Result<Bytes, ApiError> {
    let declared = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if declared.is_some_and(|length| length > cap as u64) {
        return Err(ApiError::TooLarge);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|_| ApiError::BadRequest("the body did not come whole".to_owned()))?;
        if body.len() + chunk.len() > cap {
            return Err(ApiError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads a JSON object. Lists read as objects, too, in order; nothing here is said by a place in a list.
pub(super) fn json_object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> serde_json::Result<T> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        serde_json::from_slice(bytes)
    } else {
        Err(serde::de::Error::custom("it is no JSON object"))
    }
}

/// The media type without parameters, lower-cased; refuses compressed bodies, which are never
/// inflated.
pub(super) fn media_type(request: &HttpRequest) -> Result<String, ApiError> {
    let encoded = request
        .headers()
        .get_all(CONTENT_ENCODING)
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(ApiError::UnsupportedMedia(
            "compressed bodies are not taken",
        ));
    }
    let named = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    Ok(named
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase())
}

/// A form as RFC 7662 §2.1 and RFC 7009 §2.1 demand it.
pub(super) fn form_only(request: &HttpRequest) -> Result<(), ApiError> {
    if media_type(request)? == "application/x-www-form-urlencoded" {
        Ok(())
    } else {
        Err(ApiError::UnsupportedMedia(
            "send the token as a form: application/x-www-form-urlencoded",
        ))
    }
}
