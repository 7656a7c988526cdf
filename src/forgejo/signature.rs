//! Who sent a delivery: an HMAC-SHA-256 over the bytes of the body, under the hook's secret.
//!
//! Only `verify` makes a `Verified`, and only a `Verified` can be parsed, so parsing an unsigned
//! body does not compile. The comparison takes constant time and always tries both secrets.
//! The headers beside the signature are not signed, and a signature has no time in it: that a
//! delivery is fresh, or what kind it is, is not to be learnt here.
//!
//! ```compile_fail
//! // The field is private: nothing but `verify` says that bytes are signed.
//! let forged = ownergate::forgejo::signature::Verified(bytes::Bytes::new());
//! ```

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The fewest bytes that a hook secret may have.
pub const LEAST_SECRET: usize = 32;

/// Bytes in an HMAC-SHA-256; the header shows them as twice as many hex digits.
const MAC_BYTES: usize = 32;

/// Something that was signed with one of the hook's secrets.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// What was signed.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// The secrets of one hook: the one in force and, while it is being replaced, the one before.
/// Both are wiped when dropped and neither is shown by `Debug`.
#[derive(Debug)]
pub struct HookSecrets {
    current: SecretString,
    previous: Option<SecretString>,
}

/// A hook secret that is too short to be guessed only by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {which} hook secret has {bytes} bytes, and {LEAST_SECRET} are needed; \
     `ownergate keygen secret` makes one"
)]
pub struct WeakSecret {
    /// Which of the two: `current` or `previous`.
    pub which: &'static str,
    /// How many bytes it has.
    pub bytes: usize,
}

impl HookSecrets {
    /// Takes the secrets; an empty one or one below 32 bytes is refused, since a forge with an
    /// empty secret sends an empty signature, which everybody can forge.
    pub fn new(current: SecretString, previous: Option<SecretString>) -> Result<Self, WeakSecret> {
        long_enough("current", &current)?;
        if let Some(previous) = &previous {
            long_enough("previous", previous)?;
        }
        Ok(Self { current, previous })
    }
}

fn long_enough(which: &'static str, secret: &SecretString) -> Result<(), WeakSecret> {
    let bytes = secret.expose_secret().len();
    if bytes < LEAST_SECRET {
        return Err(WeakSecret { which, bytes });
    }
    Ok(())
}

/// Every value of the two signature headers of one delivery, in the order in which they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signatures<'a> {
    /// The values of `X-Forgejo-Signature`.
    pub forgejo: &'a [&'a [u8]],
    /// The values of `X-Gitea-Signature`; looked at only where the other header is missing.
    pub gitea: &'a [&'a [u8]],
}

/// Why a delivery is answered 401. The answer does not tell which; the counter may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// Neither header is there.
    #[error("the delivery has no signature")]
    Missing,
    /// The header that counts is there more than once, equal or not.
    #[error("the delivery has more than one signature")]
    Doubled,
    /// The value is not 64 lower-case hex digits.
    #[error("the signature is not 64 lower-case hex digits")]
    Malformed,
    /// No secret of the hook makes this signature over this body.
    #[error("the signature does not fit the body")]
    Wrong,
}

/// Checks the signature over the raw bytes of the body, as sent and before anything is decoded.
pub fn verify(
    secrets: &HookSecrets,
    headers: Signatures<'_>,
    body: Bytes,
) -> Result<Verified<Bytes>, SignatureFault> {
    let values = if headers.forgejo.is_empty() {
        headers.gitea
    } else {
        headers.forgejo
    };
    let value = match values {
        [] => return Err(SignatureFault::Missing),
        [value] => value,
        _ => return Err(SignatureFault::Doubled),
    };
    let claimed = decode(value).ok_or(SignatureFault::Malformed)?;
    let by_current = signed_by(&secrets.current, &body, &claimed);
    let by_previous = secrets
        .previous
        .as_ref()
        .is_some_and(|previous| signed_by(previous, &body, &claimed));
    // Not `||`: the second secret is tried whatever the first gave.
    if by_current | by_previous {
        Ok(Verified(body))
    } else {
        Err(SignatureFault::Wrong)
    }
}

/// Reads exactly 64 lower-case hex digits.
fn decode(value: &[u8]) -> Option<[u8; MAC_BYTES]> {
    let plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !value.iter().all(plain) {
        return None;
    }
    let mut mac = [0; MAC_BYTES];
    hex::decode_to_slice(value, &mut mac).ok()?;
    Some(mac)
}

fn signed_by(secret: &SecretString, body: &[u8], claimed: &[u8; MAC_BYTES]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(body);
    mac.verify_slice(claimed).is_ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"action":"created"}"#;

    fn secret(letter: &str) -> SecretString {
        SecretString::from(letter.repeat(32))
    }

    fn secrets() -> HookSecrets {
        HookSecrets::new(secret("s"), None).unwrap()
    }

    fn sign(secret: &SecretString, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).unwrap();
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    fn forgejo(secrets: &HookSecrets, values: &[&str], body: &[u8]) -> Result<(), SignatureFault> {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        let headers = Signatures {
            forgejo: &values,
            gitea: &[],
        };
        verify(secrets, headers, Bytes::copy_from_slice(body)).map(|verified| {
            assert_eq!(verified.get().as_ref(), body);
        })
    }

    #[test]
    fn the_right_signature_passes_and_a_changed_byte_does_not() {
        let good = sign(&secret("s"), BODY);
        assert_eq!(forgejo(&secrets(), &[&good], BODY), Ok(()));
        let other = br#"{"action":"Created"}"#;
        assert_eq!(
            forgejo(&secrets(), &[&good], other),
            Err(SignatureFault::Wrong)
        );
    }

    #[test]
    fn a_signature_has_one_form() {
        let good = sign(&secret("s"), BODY);
        let upper = good.to_uppercase();
        let short = &good[..63];
        let long = format!("{good}0");
        let prefixed = format!("sha256={good}");
        let padded = format!(" {good}");
        let listed = format!("{good},{good}");
        for bad in ["", &upper, short, &long, &prefixed, &padded, &listed] {
            assert_eq!(
                forgejo(&secrets(), &[bad], BODY),
                Err(SignatureFault::Malformed),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn two_headers_are_refused_even_if_they_are_equal() {
        let good = sign(&secret("s"), BODY);
        assert_eq!(
            forgejo(&secrets(), &[&good, &good], BODY),
            Err(SignatureFault::Doubled)
        );
        assert_eq!(forgejo(&secrets(), &[], BODY), Err(SignatureFault::Missing));
    }

    #[test]
    fn giteas_header_counts_only_where_forgejos_is_missing() {
        let good = sign(&secret("s"), BODY);
        let good = good.as_bytes();
        let bad: &[u8] = b"";
        let check = |forgejo: &[&[u8]], gitea: &[&[u8]]| {
            let headers = Signatures { forgejo, gitea };
            verify(&secrets(), headers, Bytes::from_static(BODY)).map(|_| ())
        };
        assert_eq!(check(&[], &[good]), Ok(()));
        assert_eq!(check(&[], &[good, good]), Err(SignatureFault::Doubled));
        assert_eq!(check(&[good], &[bad, bad]), Ok(()));
        assert_eq!(check(&[bad], &[good]), Err(SignatureFault::Malformed));
    }

    #[test]
    fn while_a_secret_is_replaced_both_are_good_and_a_third_is_not() {
        let both = HookSecrets::new(secret("n"), Some(secret("s"))).unwrap();
        for letter in ["n", "s"] {
            let signature = sign(&secret(letter), BODY);
            assert_eq!(forgejo(&both, &[&signature], BODY), Ok(()), "{letter}");
        }
        let third = sign(&secret("x"), BODY);
        assert_eq!(forgejo(&both, &[&third], BODY), Err(SignatureFault::Wrong));
    }

    #[test]
    fn the_signature_is_over_the_bytes_as_sent() {
        let sent = "{\n  \"body\": \"\u{1f680} \\u001b[31m \\u2028 \\u0000\"\n}".as_bytes();
        let signature = sign(&secret("s"), sent);
        assert_eq!(forgejo(&secrets(), &[&signature], sent), Ok(()));
        let indented = "{\"body\": \"\u{1f680} \\u001b[31m \\u2028 \\u0000\"}".as_bytes();
        assert_eq!(
            forgejo(&secrets(), &[&signature], indented),
            Err(SignatureFault::Wrong)
        );
    }

    #[test]
    fn short_secrets_are_refused_and_none_is_shown() {
        let weak = |current: &str, previous: Option<&str>| {
            HookSecrets::new(
                SecretString::from(current),
                previous.map(SecretString::from),
            )
            .map(|_| ())
            .map_err(|weak| (weak.which, weak.bytes))
        };
        assert_eq!(weak("", None), Err(("current", 0)));
        assert_eq!(weak(&"s".repeat(31), None), Err(("current", 31)));
        assert_eq!(weak(&"s".repeat(32), Some("short")), Err(("previous", 5)));
        assert!(!format!("{:?}", secrets()).contains("ss"));
    }
}
