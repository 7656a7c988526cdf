//! The claim's verifier and its challenge: S256 of RFC 7636 §4.2.
//!
//! The verifier is a secret of whoever asked, shown once over TLS; only its challenge is ever kept. A
//! guess can be tried on the public challenge without asking anybody, so that a verifier must be
//! random: `ownergate` and the script of `docs/for-agents.md` make 256 bits.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// What the body of a claim says. The verifier is wiped when this is dropped, and `Debug` is not there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The verifier that is shown.
    pub verifier: Zeroizing<String>,
    /// The number of the request that is meant, as written.
    pub request: Option<String>,
}

impl Said {
    /// Reads a JSON body; the error says what it must be and nothing of what it is.
    pub fn from_json(body: &[u8]) -> Result<Self, &'static str> {
        let must =
            "the body must be {\"verifier\": …, \"request\": \"R17\"}, the second of them optional";
        // A list would be read, too, in order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(must);
        }
        serde_json::from_slice(body).map_err(|_| must)
    }

    /// Reads a form; the error says what is wrong with it and nothing of what stands in it.
    pub fn from_form(body: &[u8]) -> Result<Self, &'static str> {
        let (mut verifier, mut request) = (None, None);
        for (name, value) in form_urlencoded::parse(body) {
            let place = match name.as_ref() {
                "verifier" => &mut verifier,
                "request" => &mut request,
                _ => return Err("a claim has `verifier` and, if you like, `request`"),
            };
            if let Some(mut before) = place.replace(value.into_owned()) {
                before.zeroize();
                return Err("a parameter is there twice");
            }
        }
        let verifier = verifier.ok_or("the parameter `verifier` is missing")?;
        Ok(Self {
            verifier: Zeroizing::new(verifier),
            request,
        })
    }
}

/// The challenge of a verifier: base64url of its SHA-256, 43 characters. `None` if the text is no
/// verifier: 43 to 128 of `A-Z a-z 0-9 - . _ ~` (RFC 7636 §4.1).
pub fn challenge_of(verifier: &str) -> Option<String> {
    let fits = (43..=128).contains(&verifier.len())
        && verifier
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    fits.then(|| data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn the_example_of_the_standard() {
        assert_eq!(
            challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").as_deref(),
            Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        );
    }

    #[test]
    fn a_claim_is_an_object_and_no_list() {
        assert!(Said::from_json(b" {\"verifier\": \"v\"}").is_ok());
        assert!(Said::from_json(b"[\"v\", null]").is_err());
    }

    #[test]
    fn what_is_no_verifier_has_no_challenge() {
        for bad in [
            "",
            &"a".repeat(42),
            &"a".repeat(129),
            &format!("{} ", "a".repeat(43)),
            &format!("{}ä", "a".repeat(43)),
            &format!("{}=", "a".repeat(43)),
        ] {
            assert_eq!(challenge_of(bad), None, "{bad}");
        }
        assert!(challenge_of(&"~".repeat(128)).is_some());
    }
}
