//! The installation's signing key: Ed25519, whose public half names the installation.
//!
//! Invariant: the installation id is a hash of the first public key and stands in every digest and
//! in every segment of the journal, so that nothing approved for one installation counts in
//! another. A later key carries its pedigree in its file: each key before it has signed the next, so
//! that it names the same installation and whoever knew an old one can check the new one. The seed is
//! never shown and is wiped when it is dropped.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::file::SecretText;
use crate::gate::ids::Hash;

/// What one key signs to let another come after it.
const SUCCEEDS: &str = "ownergate/bot-key/v1";
/// No installation changes its key more often.
const MOST_KEYS: usize = 32;

/// Why a text is no signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyFault {
    /// No seed.
    #[error("a signing key is exactly 64 hex characters (32 bytes, an Ed25519 seed)")]
    Seed,
    /// What stands behind the seed does not show that the key comes after another.
    #[error(
        "what stands behind the 64 hex characters does not show which key it comes after: `ownergate keygen signing-key --after FILE` makes such a key"
    )]
    Pedigree,
}

/// One key vouches for the one that comes after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    /// The public key that comes after, 64 hex characters.
    pub key: String,
    /// The public key that vouches for it, 64 hex characters.
    pub after: String,
    /// Its signature, 128 hex characters.
    pub signature: String,
}

impl Succession {
    /// Whether the one really has signed the other.
    pub fn holds(&self) -> bool {
        is_signed_by(&self.after, SUCCEEDS, self.key.as_bytes(), &self.signature)
    }
}

/// Whether a known key vouches, directly or through keys between, for the one that was found.
pub fn vouches(known: &str, found: &str, pedigree: &[Succession]) -> bool {
    let mut current = found;
    for step in pedigree.iter().take(MOST_KEYS) {
        if current == known {
            break;
        }
        if step.key != current || !step.holds() {
            return false;
        }
        current = &step.after;
    }
    current == known
}

/// The key that names and signs for this installation.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    /// Newest first; empty for the installation's first key.
    pedigree: Vec<Succession>,
}

impl SigningKey {
    /// Reads the seed from 64 hex characters, and for each key that it comes after the words
    /// `after PUBLIC-KEY SIGNATURE`, newest first.
    pub fn parse(text: &SecretText) -> Result<Self, SigningKeyFault> {
        let (seed_text, rest) = match text.expose().split_once(' ') {
            Some((seed, rest)) => (seed, rest),
            None => (text.expose(), ""),
        };
        let mut seed = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(seed_text, seed.as_mut_slice()).map_err(|_| SigningKeyFault::Seed)?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let pedigree = pedigree(hex::encode(key.verifying_key().as_bytes()), rest)?;
        Ok(Self { key, pedigree })
    }

    /// The public key, 64 lower-case hex characters.
    pub fn public_hex(&self) -> String {
        hex::encode(self.key.verifying_key().as_bytes())
    }

    /// How it came after the installation's first key, newest first.
    pub fn pedigree(&self) -> &[Succession] {
        &self.pedigree
    }

    /// Vouches for a key that comes after this one: what stands in that key's file behind its seed.
    pub fn successor_words(&self, next: &Self) -> String {
        let public = next.public_hex();
        let mut words = format!(
            " after {} {}",
            self.public_hex(),
            self.sign(SUCCEEDS, public.as_bytes())
        );
        for step in &self.pedigree {
            words.push_str(&format!(" after {} {}", step.after, step.signature));
        }
        words
    }

    /// Signs for one purpose: 128 lower-case hex characters. The purpose stands before the bytes, so
    /// that what is signed for one is never taken for another.
    pub fn sign(&self, purpose: &'static str, bytes: &[u8]) -> String {
        use ed25519_dalek::Signer;
        hex::encode(self.key.sign(&for_purpose(purpose, bytes)).to_bytes())
    }

    /// SHA-256 of the 32 bytes of the installation's first public key: its name.
    pub fn installation_id(&self) -> Hash {
        let first = self
            .pedigree
            .last()
            .and_then(|first| hex::decode(&first.after).ok());
        Hash::of(&first.unwrap_or_else(|| self.key.verifying_key().as_bytes().to_vec()))
    }
}

/// Reads `after PUBLIC-KEY SIGNATURE` as often as it is there, and checks each.
fn pedigree(public: String, words: &str) -> Result<Vec<Succession>, SigningKeyFault> {
    let words: Vec<&str> = words.split_ascii_whitespace().collect();
    let (steps, rest) = words.as_chunks::<3>();
    if !rest.is_empty() || steps.len() > MOST_KEYS {
        return Err(SigningKeyFault::Pedigree);
    }
    let mut pedigree = Vec::new();
    let mut key = public;
    for [word, after, signature] in steps {
        let step = Succession {
            key,
            after: after.to_ascii_lowercase(),
            signature: (*signature).to_owned(),
        };
        if *word != "after" || !step.holds() {
            return Err(SigningKeyFault::Pedigree);
        }
        key = step.after.clone();
        pedigree.push(step);
    }
    Ok(pedigree)
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

    fn after(old: &SigningKey, seed: &str) -> SigningKey {
        let bare = SigningKey::parse(&SecretText::new(seed)).unwrap();
        let text = format!("{seed}{}", old.successor_words(&bare));
        SigningKey::parse(&SecretText::new(&text)).unwrap()
    }

    #[test]
    fn a_key_that_comes_after_another_names_the_same_installation_and_is_vouched_for() {
        let first = SigningKey::parse(&SecretText::new(SEED)).unwrap();
        let second = after(&first, &"22".repeat(32));
        let third = after(&second, &"33".repeat(32));
        for later in [&second, &third] {
            assert_eq!(later.installation_id(), first.installation_id());
            assert_ne!(later.public_hex(), first.public_hex());
        }
        let known = |known: &SigningKey, found: &SigningKey| {
            vouches(&known.public_hex(), &found.public_hex(), found.pedigree())
        };
        assert!(known(&first, &third) && known(&second, &third) && known(&third, &third));
        assert!(!known(&third, &second) && !known(&second, &first));

        // Nobody comes in between, and nothing of a chain stands for another key.
        let stranger = SigningKey::parse(&SecretText::new(&"44".repeat(32))).unwrap();
        let (first, found) = (first.public_hex(), stranger.public_hex());
        assert!(!vouches(&first, &found, third.pedigree()));
        let mut forged = third.pedigree().to_vec();
        forged[0].key = found.clone();
        assert!(!vouches(&first, &found, &forged));
    }

    #[test]
    fn a_pedigree_that_does_not_hold_is_refused() {
        let first = SigningKey::parse(&SecretText::new(SEED)).unwrap();
        let (seed, other) = ("22".repeat(32), "33".repeat(32));
        let second = SigningKey::parse(&SecretText::new(&seed)).unwrap();
        let words = first.successor_words(&second);
        let refused = |text: &str| SigningKey::parse(&SecretText::new(text)).unwrap_err();
        for bad in [
            format!("{other}{words}"),
            format!("{seed}{}", words.replace("after", "before")),
            format!("{seed}{}", &words[..words.len() - 2]),
            format!("{seed}{words} after"),
            format!("{seed}{words}{words}"),
            format!("{seed} and more"),
        ] {
            assert_eq!(refused(&bad), SigningKeyFault::Pedigree, "{bad}");
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
