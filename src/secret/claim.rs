//! The claim's verifier and its challenge: S256 of RFC 7636 §4.2.
//!
//! The verifier is a secret of whoever asked, shown once over TLS; only its challenge is ever kept. A
//! guess can be tried on the public challenge without asking anybody, so that a verifier must be
//! random: `ownergate` and the script of `docs/for-agents.md` make 256 bits.

use sha2::{Digest, Sha256};

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
