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

    /// SHA-256 of the 32 bytes of the public key: the name of the installation.
    pub fn installation_id(&self) -> Hash {
        Hash::of(self.0.verifying_key().as_bytes())
    }
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
    fn anything_but_64_hex_characters_is_refused() {
        let long = format!("{SEED}00");
        let other = SEED.replace('9', "g");
        for bad in ["", &SEED[2..], &SEED[1..], &long, &other] {
            assert!(SigningKey::parse(&SecretText::new(bad)).is_err(), "{bad}");
        }
    }
}
