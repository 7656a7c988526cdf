//! The pepper: the secret outside the store that turns tokens and the bot's comments into MACs.
//!
//! Invariant: each use has a label of its own (`ownergate/…/v1` and a zero byte), so that no MAC of
//! one use is ever valid for another. While a pepper is being replaced, the previous one still
//! verifies and never makes anything new. A pepper is never shown.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::file::SecretText;
use crate::gate::ids::Mac;

const TOKEN_LABEL: &[u8] = b"ownergate/token/v1\0";
const LEGACY_LABEL: &[u8] = b"ownergate/legacy/v1\0";
const MARKER_LABEL: &[u8] = b"ownergate/marker/v1\0";
const ID_LABEL: &[u8] = b"ownergate/pepper-id/v1\0";

/// Fewest hex characters of a pepper: 256 bits.
const FEWEST: usize = 64;

/// Why a text is no pepper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PepperFault {
    /// Some character is no hex digit, or one digit is missing.
    #[error("not hex text: a pepper is an even number of the characters 0-9 and a-f")]
    NotHex,
    /// Too little to be unguessable.
    #[error("shorter than {FEWEST} hex characters")]
    TooShort,
}

/// The pepper in force and, while it is being replaced, the one before it.
pub struct Peppers {
    current: Pepper,
    previous: Option<Pepper>,
}

/// One pepper and what is derived from it once.
struct Pepper {
    key: Zeroizing<Vec<u8>>,
    marker_key: Zeroizing<[u8; 32]>,
    id: String,
}

impl Peppers {
    /// Reads the peppers from their hex text, 64 characters or more each.
    pub fn parse(current: &SecretText, previous: Option<&SecretText>) -> Result<Self, PepperFault> {
        Ok(Self {
            current: Pepper::parse(current.expose())?,
            previous: previous
                .map(|text| Pepper::parse(text.expose()))
                .transpose()?,
        })
    }

    /// The short public name of the current pepper: 8 hex characters, derived one way. It stands in
    /// each credential's record, so that a look-up with the wrong pepper can be told from an unknown
    /// token.
    pub fn pepper_id(&self) -> &str {
        &self.current.id
    }

    /// The short public name of the previous pepper.
    pub fn previous_pepper_id(&self) -> Option<&str> {
        self.previous.as_ref().map(|pepper| pepper.id.as_str())
    }

    /// The MAC under which a new token is stored.
    pub fn token_mac(&self, token: &str) -> Mac {
        self.current.token_mac(token)
    }

    /// The MACs under which a token may be stored: current pepper first, then the previous one.
    pub fn token_macs(&self, token: &str) -> Vec<Mac> {
        self.all().map(|pepper| pepper.token_mac(token)).collect()
    }

    /// The MAC under which the hash of a secret from before is stored.
    pub(super) fn legacy_mac(&self, sha256: &[u8; 32]) -> Mac {
        self.current.legacy_mac(sha256)
    }

    /// The MACs under which it may be stored: current pepper first, then the previous one.
    pub(super) fn legacy_macs(&self, sha256: &[u8; 32]) -> Vec<Mac> {
        self.all().map(|pepper| pepper.legacy_mac(sha256)).collect()
    }

    /// The hidden marker of one of the bot's own comments: 64 hex characters over the effect's id
    /// and the comment's body without the marker.
    pub fn marker(&self, effect_id: &str, body: &str) -> String {
        let mac = self.current.marker_mac(effect_id, body);
        hex::encode(mac.finalize().into_bytes())
    }

    /// True if the marker was made by `marker` for that effect and body, under the current pepper or
    /// the previous one. Takes the same time wherever a wrong marker differs.
    pub fn verify_marker(&self, effect_id: &str, body: &str, marker: &str) -> bool {
        let mut claimed = [0_u8; 32];
        if hex::decode_to_slice(marker, &mut claimed).is_err() {
            return false;
        }
        self.all().any(|pepper| {
            let mac = pepper.marker_mac(effect_id, body);
            mac.verify_slice(&claimed).is_ok()
        })
    }

    fn all(&self) -> impl Iterator<Item = &Pepper> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl fmt::Debug for Peppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peppers([REDACTED])")
    }
}

impl Pepper {
    fn parse(text: &str) -> Result<Self, PepperFault> {
        if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PepperFault::NotHex);
        }
        if text.len() < FEWEST {
            return Err(PepperFault::TooShort);
        }
        let mut key = Zeroizing::new(vec![0_u8; text.len() / 2]);
        hex::decode_to_slice(text, &mut key).map_err(|_| PepperFault::NotHex)?;
        let marker_key =
            Zeroizing::new(mac_of(&key, &[MARKER_LABEL]).finalize().into_bytes().into());
        let id = mac_of(&key, &[ID_LABEL]).finalize().into_bytes();
        Ok(Self {
            id: hex::encode(&id[..4]),
            key,
            marker_key,
        })
    }

    fn token_mac(&self, token: &str) -> Mac {
        let mac = mac_of(&self.key, &[TOKEN_LABEL, token.as_bytes()]);
        Mac::new(&mac.finalize().into_bytes().into())
    }

    fn legacy_mac(&self, sha256: &[u8; 32]) -> Mac {
        let mac = mac_of(&self.key, &[LEGACY_LABEL, sha256]);
        Mac::new(&mac.finalize().into_bytes().into())
    }

    fn marker_mac(&self, effect_id: &str, body: &str) -> Hmac<Sha256> {
        let body_hash = Sha256::digest(body.as_bytes());
        mac_of(
            self.marker_key.as_slice(),
            &[effect_id.as_bytes(), b"\0", &body_hash],
        )
    }
}

/// HMAC-SHA-256 over the parts, one after the other.
fn mac_of(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    const A: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const B: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn peppers(current: &str, previous: Option<&str>) -> Result<Peppers, PepperFault> {
        let previous = previous.map(SecretText::new);
        Peppers::parse(&SecretText::new(current), previous.as_ref())
    }

    #[test]
    fn a_pepper_that_is_no_hex_text_is_refused_by_name() {
        let other = A.replace('f', "g");
        for bad in [
            other.as_str(),
            "correct horse battery staple",
            "",
            " ",
            &A[1..],
        ] {
            let fault = peppers(bad, None).unwrap_err();
            if bad.is_empty() {
                assert_eq!(fault, PepperFault::TooShort);
            } else {
                assert!(fault.to_string().contains("not hex text"), "{bad}");
            }
        }
        assert_eq!(peppers(&A[2..], None).unwrap_err(), PepperFault::TooShort);
        assert_eq!(
            peppers(A, Some(&A[2..])).unwrap_err(),
            PepperFault::TooShort
        );
    }

    /// The figures were computed with another program (Python's `hmac`): a change of a label or of
    /// the order of the parts would make every stored credential unknown.
    #[test]
    fn macs_have_the_values_that_stores_hold() {
        let peppers = peppers(A, None).unwrap();
        assert_eq!(
            peppers.token_mac("og_a_b").as_str(),
            "4ba6cd0151795bf3c8d46c5c50af428e8caf45f04434589c849f6b185bf70147"
        );
        assert_eq!(
            peppers.marker("e1", "hello"),
            "f6327a22f29c80c35fc10762ef02f34c89fbf5097d150fc93946c26b8177cd57"
        );
        assert_eq!(peppers.pepper_id(), "b6059945");
    }

    #[test]
    fn while_a_pepper_is_replaced_both_find_a_token() {
        let old = peppers(A, None).unwrap();
        let both = peppers(B, Some(A)).unwrap();
        assert_eq!(
            both.token_macs("og_a_b"),
            vec![both.token_mac("og_a_b"), old.token_mac("og_a_b")]
        );
        assert_ne!(both.token_mac("og_a_b"), old.token_mac("og_a_b"));
        assert_eq!(both.previous_pepper_id(), Some(old.pepper_id()));
        assert_eq!(old.token_macs("og_a_b").len(), 1);
    }

    #[test]
    fn a_marker_holds_for_its_effect_and_body_only() {
        let old = peppers(A, None).unwrap();
        let both = peppers(B, Some(A)).unwrap();
        let marker = old.marker("e1", "hello");
        assert!(old.verify_marker("e1", "hello", &marker));
        assert!(both.verify_marker("e1", "hello", &marker));
        assert!(
            !peppers(B, None)
                .unwrap()
                .verify_marker("e1", "hello", &marker)
        );
        for (effect, body) in [("e2", "hello"), ("e1", "hello "), ("e1", "")] {
            assert!(!old.verify_marker(effect, body, &marker), "{effect} {body}");
        }
        for bad in ["", "00", &marker[2..], &format!("{marker}00"), "x"] {
            assert!(!old.verify_marker("e1", "hello", bad), "{bad}");
        }
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(
            format!("{:?}", peppers(A, None).unwrap()),
            "Peppers([REDACTED])"
        );
    }
}
