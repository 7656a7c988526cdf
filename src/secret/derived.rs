//! An age key that follows from another secret and a random salt (HKDF, RFC 5869, SHA-256).
//!
//! So a program that waits for a sealed file can go on after a crash without keeping a secret of its
//! own: what it kept is worth nothing without the secret that it was given, and the other way round.
//! Invariant: a new salt for each key, so that no two files are sealed to the same one.

use bech32::{Bech32, Hrp};
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::file::SecretText;
use super::seal::AgeIdentity;

/// What the key is for.
const INFO: &[u8] = b"ownergate/ask/age/v1";

/// The age key that follows from a secret and a salt of 64 hex characters; `None` if the salt is none.
pub fn age_identity(secret: &SecretText, salt: &str) -> Option<AgeIdentity> {
    let salt = hex::decode(salt).ok().filter(|salt| salt.len() == 32)?;
    let seed = hkdf(&salt, secret.expose().as_bytes(), INFO)?;
    let prefix = Hrp::parse("age-secret-key-").ok()?;
    let text = Zeroizing::new(bech32::encode_upper::<Bech32>(prefix, seed.as_slice()).ok()?);
    AgeIdentity::parse(&text)
}

/// The first 32 bytes of HKDF-SHA-256: RFC 5869, sections 2.2 and 2.3 with one block.
fn hkdf(salt: &[u8], secret: &[u8], info: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let extracted = mac(salt, &[secret])?;
    mac(extracted.as_slice(), &[info, &[1]])
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Zeroizing<[u8; 32]>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(Zeroizing::new(mac.finalize().into_bytes().into()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;
    use crate::gate::ids::Slug;
    use crate::secret::seal::{seal, unseal};
    use crate::secret::token::{TokenPrefix, mint, random_hex};

    #[test]
    fn the_derivation_is_the_one_of_the_standard() {
        // RFC 5869, appendix A.1 and A.3, the first 32 bytes.
        let ikm = [0x0b; 22];
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let made = |salt: &[u8], info: &[u8]| hex::encode(*hkdf(salt, &ikm, info).unwrap());
        assert_eq!(
            made(&salt, &info),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
        );
        assert_eq!(
            made(&[], &[]),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        );
    }

    #[test]
    fn secret_and_salt_together_make_one_key_that_opens() {
        let secret = SecretText::new("a-token-of-the-forge");
        let (one, other) = (random_hex().unwrap(), random_hex().unwrap());
        let recipient = |secret: &SecretText, salt: &str| {
            age_identity(secret, salt).unwrap().recipient().to_string()
        };
        assert_eq!(recipient(&secret, &one), recipient(&secret, &one));
        assert_ne!(recipient(&secret, &one), recipient(&secret, &other));
        let another = SecretText::new("another");
        assert_ne!(recipient(&secret, &one), recipient(&another, &one));
        for bad in ["", "00", "x", &one[2..]] {
            assert!(age_identity(&secret, bad).is_none(), "{bad}");
        }
        let key = age_identity(&secret, &one).unwrap();
        let slug = Slug::parse("codex-7f3a").unwrap();
        let token = mint(&TokenPrefix::parse("og").unwrap(), &slug).unwrap();
        let sealed = seal(&key.recipient(), &token).unwrap();
        assert_eq!(unseal(&key, &sealed).unwrap().expose(), token.expose());
    }
}
