//! The installation's signing key: Ed25519, whose public half names the installation.
//!
//! Invariant: the installation id is a hash of the first public key and stands in every digest and
//! in every segment of the journal, so that nothing approved for one installation counts in
//! another. The seed is never shown and is wiped when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

use super::file::SecretText;
use crate::gate::ids::Hash;

/// Why a text is no signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key is exactly 64 hex characters (32 bytes, an Ed25519 seed)")]
pub struct SigningKeyFault;

/// The key that names and signs for this installation.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Reads the seed from 64 hex characters.
    pub fn parse(text: &SecretText) -> Result<Self, SigningKeyFault> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(text.expose(), seed.as_mut_slice()).map_err(|_| SigningKeyFault)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// The public key, 64 lower-case hex characters.
    pub fn public_hex(&self) -> String {
        hex::encode(self.0.verifying_key().as_bytes())
    }

    /// Signs for one purpose: 128 lower-case hex characters. The purpose stands before the bytes, so
    /// that what is signed for one is never taken for another.
    pub fn sign(&self, purpose: &'static str, bytes: &[u8]) -> String {
        use ed25519_dalek::Signer;
        hex::encode(self.0.sign(&for_purpose(purpose, bytes)).to_bytes())
    }

    /// SHA-256 of the 32 bytes of the public key: the name of the installation.
    pub fn installation_id(&self) -> Hash {
        Hash::of(self.0.verifying_key().as_bytes())
    }
}

/// Whether a key, 64 hex characters, signed the bytes for this purpose.
pub fn is_signed_by(
    public_hex: &str,
    purpose: &'static str,
    bytes: &[u8],
    signature: &str,
) -> bool {
    let mut key = [0_u8; 32];
    let mut sum = [0_u8; 64];
    let whole = hex::decode_to_slice(public_hex, &mut key).is_ok()
        && hex::decode_to_slice(signature, &mut sum).is_ok();
    let signature = ed25519_dalek::Signature::from_bytes(&sum);
    whole
        && ed25519_dalek::VerifyingKey::from_bytes(&key).is_ok_and(|key| {
            key.verify_strict(&for_purpose(purpose, bytes), &signature)
                .is_ok()
        })
}

fn for_purpose(purpose: &'static str, bytes: &[u8]) -> Vec<u8> {
    [purpose.as_bytes(), b"\0", bytes].concat()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([REDACTED])")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn the_public_key_is_the_one_of_the_standard() {
        let key = SigningKey::parse(&SecretText::new(SEED)).unwrap();
        assert_eq!(key.public_hex(), PUBLIC);
        let bytes = hex::decode(PUBLIC).unwrap();
        assert_eq!(key.installation_id(), Hash::of(&bytes));
        assert_eq!(format!("{key:?}"), "SigningKey([REDACTED])");
    }

    #[test]
    fn a_signature_is_for_its_key_its_purpose_and_its_bytes() {
        let key = SigningKey::parse(&SecretText::new(SEED)).unwrap();
        let signature = key.sign("ownergate/a/v1", b"text");
        assert_eq!(signature.len(), 128);
        assert!(is_signed_by(PUBLIC, "ownergate/a/v1", b"text", &signature));
        let other = "00".repeat(32);
        for (key, purpose, bytes, signature) in [
            (PUBLIC, "ownergate/b/v1", &b"text"[..], signature.as_str()),
            (PUBLIC, "ownergate/a/v1", b"texts", &signature),
            (PUBLIC, "ownergate/a/v1", b"text", &signature[2..]),
            (PUBLIC, "ownergate/a/v1", b"text", &"00".repeat(64)),
            (&other, "ownergate/a/v1", b"text", &signature),
            (&PUBLIC[2..], "ownergate/a/v1", b"text", &signature),
        ] {
            assert!(!is_signed_by(key, purpose, bytes, signature));
        }
    }

    #[test]
    fn anything_but_64_hex_characters_is_refused() {
        let long = format!("{SEED}00");
        let other = SEED.replace('9', "g");
        for bad in ["", &SEED[2..], &SEED[1..], &long, &other] {
            assert!(SigningKey::parse(&SecretText::new(bad)).is_err(), "{bad}");
        }
    }
}
