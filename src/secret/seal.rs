//! Sealing: a token leaves the bot only inside an age file, for the one key that the request named.
//!
//! Invariant: the plaintext of a sealed file is a token and nothing else, when sealing and when
//! opening. No plugin is ever run and no passphrase ever asked for. Sealing hides a token; it says
//! nothing about who sealed it.

use std::fmt;
use std::io::Read;

use age::armor::ArmoredReader;
use age::secrecy::ExposeSecret;
use age::{DecryptError, Decryptor, x25519};
use zeroize::Zeroizing;

use super::file::SecretText;
pub use super::recipient::{Recipient, RecipientFault};
use super::token::{LONGEST_PREFIX, LONGEST_SLUG, RANDOM_HEX, RawToken};

/// Longest token: `{prefix}_{slug}_{64 hex}`.
const LONGEST_TOKEN: usize = LONGEST_PREFIX + LONGEST_SLUG + RANDOM_HEX + 2;

/// The token could not be sealed.
#[derive(Debug, thiserror::Error)]
#[error("the token cannot be sealed: {0}")]
pub struct SealFault(String);

/// Seals a token: an armored age file whose plaintext is the token and nothing else.
pub fn seal(recipient: &Recipient, token: &RawToken) -> Result<String, SealFault> {
    age::encrypt_and_armor(&recipient.0, token.expose().as_bytes())
        .map_err(|fault| SealFault(fault.to_string()))
}

/// A secret age key, for whoever opens a sealed file.
pub struct AgeIdentity(x25519::Identity);

impl AgeIdentity {
    /// Reads `AGE-SECRET-KEY-1…`; `None` if the checksum or the kind is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The public half.
    pub fn recipient(&self) -> Recipient {
        Recipient::of(&self.0)
    }
}

impl fmt::Debug for AgeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgeIdentity([REDACTED])")
    }
}

/// Makes a new age key: the text of its secret half, and its public half.
pub fn generate_age_identity() -> (SecretText, Recipient) {
    let identity = x25519::Identity::generate();
    let secret = SecretText::new(identity.to_string().expose_secret());
    (secret, Recipient::of(&identity))
}

/// Why a sealed file is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealFault {
    /// Not an age file, or one whose armor or header is damaged.
    #[error(
        "the age file is damaged: copy it again, whole, from BEGIN AGE ENCRYPTED FILE to END AGE \
         ENCRYPTED FILE"
    )]
    Damaged,
    /// Sealed with a passphrase: the bot never does that.
    #[error("this age file is sealed with a passphrase: the bot seals to keys only, refuse it")]
    Passphrase,
    /// Sealed to other keys.
    #[error(
        "this age file is not sealed to this key: use the identity whose age1 the request named"
    )]
    OtherKey,
    /// Opened, but what is in it is no token.
    #[error("this age file opens, but what is in it is no token: the bot did not make it")]
    NotAToken,
}

/// Opens an armored age file with one key.
pub fn unseal(identity: &AgeIdentity, armored: &str) -> Result<RawToken, UnsealFault> {
    unseal_any(std::slice::from_ref(identity), armored.as_bytes())
}

/// Opens an age file, armored or binary, with whichever key fits; the plaintext must be a token and
/// nothing else.
pub fn unseal_any(identities: &[AgeIdentity], sealed: &[u8]) -> Result<RawToken, UnsealFault> {
    let decryptor =
        Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|_| UnsealFault::Damaged)?;
    if decryptor.is_scrypt() {
        return Err(UnsealFault::Passphrase);
    }
    let keys = identities
        .iter()
        .map(|identity| &identity.0 as &dyn age::Identity);
    let mut plaintext = decryptor.decrypt(keys).map_err(|fault| match fault {
        DecryptError::NoMatchingKeys => UnsealFault::OtherKey,
        _ => UnsealFault::Damaged,
    })?;
    // One byte more than a token has, of full size from the start, so that nothing is copied.
    let mut buffer = Zeroizing::new([0_u8; LONGEST_TOKEN + 1]);
    let mut filled = 0;
    while filled < buffer.len() {
        match plaintext.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(_) => return Err(UnsealFault::Damaged),
        }
    }
    let text = std::str::from_utf8(&buffer[..filled]).map_err(|_| UnsealFault::NotAToken)?;
    RawToken::parse(text).ok_or(UnsealFault::NotAToken)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gate::ids::Slug;
    use crate::secret::token::{TokenPrefix, mint};

    fn key() -> (AgeIdentity, Recipient) {
        let (secret, recipient) = generate_age_identity();
        (AgeIdentity::parse(secret.expose()).unwrap(), recipient)
    }

    fn token(prefix: usize, slug: usize) -> RawToken {
        let prefix = TokenPrefix::parse(&"ogogogog"[..prefix]).unwrap();
        let slug = Slug::parse(&"codex7f3a0".repeat(4)[..slug]).unwrap();
        mint(&prefix, &slug).unwrap()
    }

    /// Armor as RFC 7468 and the age specification have it: full lines of 64, one last line of 1 to
    /// 64, none empty.
    fn assert_armor_is_well_formed(sealed: &str) {
        let body = sealed
            .strip_prefix("-----BEGIN AGE ENCRYPTED FILE-----\n")
            .and_then(|rest| rest.strip_suffix("\n-----END AGE ENCRYPTED FILE-----\n"))
            .unwrap();
        let lines: Vec<&str> = body.split('\n').collect();
        let (last, full) = lines.split_last().unwrap();
        assert!(full.iter().all(|line| line.len() == 64), "{sealed}");
        assert!(
            (1..=64).contains(&last.len()) && last.len() % 4 == 0,
            "{sealed}"
        );
    }

    #[test]
    fn tokens_of_every_length_are_sealed_in_whole_armor() {
        let (identity, recipient) = key();
        let mut lengths = std::collections::BTreeSet::new();
        let mut full_last_lines = 0;
        for prefix in 1..=8 {
            for slug in 1..=40 {
                let token = token(prefix, slug);
                let sealed = seal(&recipient, &token).unwrap();
                assert_armor_is_well_formed(&sealed);
                full_last_lines += usize::from(sealed.lines().rev().nth(1).unwrap().len() == 64);
                lengths.insert(token.expose().len());
                let opened = unseal(&identity, &sealed).unwrap();
                assert_eq!(opened.expose(), token.expose());
                assert!(!sealed.contains(&token.expose()[token.expose().len() - 16..]));
            }
        }
        // Of 68 to 114, so the last line was full at least once.
        assert_eq!(lengths.len(), 114 - 68 + 1);
        assert!(full_last_lines > 0);
    }

    #[test]
    fn another_key_a_damaged_file_and_no_age_file_are_told_apart() {
        let (identity, recipient) = key();
        let sealed = seal(&recipient, &token(2, 4)).unwrap();
        assert_eq!(
            unseal(&key().0, &sealed).unwrap_err(),
            UnsealFault::OtherKey
        );
        for bad in [
            String::new(),
            "hello".to_owned(),
            sealed.replace("-----END AGE ENCRYPTED FILE-----\n", ""),
            sealed
                .lines()
                .rev()
                .skip(2)
                .map(|line| format!("{line}\n"))
                .collect(),
            sealed[..sealed.len() - 60].to_owned(),
        ] {
            assert_eq!(
                unseal(&identity, &bad).unwrap_err(),
                UnsealFault::Damaged,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_file_with_another_content_is_refused() {
        let (identity, recipient) = key();
        let raw = token(2, 4);
        let long = "a".repeat(100_000);
        let more_than_the_longest = format!("{}x", token(8, 40).expose());
        for content in [
            "",
            "hello",
            &format!("{}\n", raw.expose()),
            &more_than_the_longest,
            &long,
        ] {
            let sealed = age::encrypt_and_armor(&recipient.0, content.as_bytes()).unwrap();
            assert_eq!(
                unseal(&identity, &sealed).unwrap_err(),
                UnsealFault::NotAToken
            );
        }
        let sealed = age::encrypt(&recipient.0, raw.expose().as_bytes()).unwrap();
        assert!(
            unseal_any(&[identity], &sealed).is_ok(),
            "a binary age file opens"
        );
    }

    #[test]
    fn a_file_with_a_passphrase_is_refused_without_trying_it() {
        let mut recipient = age::scrypt::Recipient::new("hush".to_owned().into());
        recipient.set_work_factor(2);
        let sealed = age::encrypt_and_armor(&recipient, b"og_a_b").unwrap();
        assert_eq!(
            unseal(&key().0, &sealed).unwrap_err(),
            UnsealFault::Passphrase
        );
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", key().0), "AgeIdentity([REDACTED])");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(unseal_any(&[key().0], &bytes).is_err());
        }
    }
}
