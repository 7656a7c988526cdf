//! One-time codes of an authenticator app (RFC 6238): six digits, SHA-1, a new one every 30 s.
//!
//! Invariant: the secret is wiped when it is dropped and never shown, and all codes of the window
//! are compared in constant time. That a code is taken once is the caller's business: it keeps the
//! step of the last one that it took and takes no step that is not higher (RFC 6238 §5.2).

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::file::SecretText;
use super::token::{NoRandomness, random};

/// Seconds that a code is for.
pub const STEP: u64 = 30;

/// How many steps the clock of the app may be off, either way.
const SKEW: u64 = 1;

/// Digits of a code.
pub const DIGITS: usize = 6;

/// The fewest bytes of a secret (RFC 4226 §4, R6).
pub const SHORTEST: usize = 16;

/// The most bytes of a secret: no app makes longer ones.
const LONGEST: usize = 64;

/// Why a text is no secret for one-time codes. None of the messages repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TotpFault {
    /// Another alphabet.
    #[error(
        "a secret for one-time codes is base 32: the letters A to Z and the digits 2 to 7, as \
         `ownergate keygen totp` writes it"
    )]
    NotBase32,
    /// Fewer than 128 bits.
    #[error("a secret for one-time codes has at least {SHORTEST} bytes (26 characters of base 32)")]
    TooShort,
    /// More than any app takes.
    #[error("a secret for one-time codes has at most {LONGEST} bytes")]
    TooLong,
}

/// The secret that an owner's app shares with the bot.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// Reads base 32, in either case, with or without `=` at its end.
    pub fn parse(text: &SecretText) -> Result<Self, TotpFault> {
        let upper = Zeroizing::new(text.expose().trim_end_matches('=').to_ascii_uppercase());
        let bytes = BASE32_NOPAD
            .decode(upper.as_bytes())
            .map_err(|_| TotpFault::NotBase32)?;
        let bytes = Zeroizing::new(bytes);
        match bytes.len() {
            ..SHORTEST => Err(TotpFault::TooShort),
            SHORTEST..=LONGEST => Ok(Self(bytes)),
            _ => Err(TotpFault::TooLong),
        }
    }

    /// Makes one, as long as the sum of SHA-1: what every app takes (RFC 4226 §4, R6).
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(Zeroizing::new(random::<20>()?.to_vec())))
    }

    /// The secret in base 32, for its file.
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// The step of a right code: that of the time, or one beside it. `None`: the code is wrong. All
    /// are compared, whichever fits; where two do, the later one is meant.
    pub fn check(&self, code: &str, now: Timestamp) -> Option<u64> {
        let now = u64::try_from(now.as_second()).ok()? / STEP;
        let mut found = 0_u64;
        for step in now.saturating_sub(SKEW)..=now.saturating_add(SKEW) {
            let right = self.code(step);
            // Texts of another length are unequal at once; that a code has six digits is known.
            let fits = right.as_bytes().ct_eq(code.as_bytes());
            // Kept one higher, so that no step is 0.
            found.conditional_assign(&step.saturating_add(1), fits);
        }
        found.checked_sub(1)
    }

    /// The code of a step (RFC 4226 §5.3): what the owner's app shows.
    pub fn code(&self, step: u64) -> Zeroizing<String> {
        let mut mac =
            Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&step.to_be_bytes());
        let sum = mac.finalize().into_bytes();
        let offset = usize::from(sum[19] & 0x0f);
        let number = sum[offset..offset + 4]
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let number = (number & 0x7fff_ffff) % 1_000_000;
        Zeroizing::new(format!("{number:0DIGITS$}"))
    }

    /// What an app reads from a QR code: `otpauth://totp/…`. It contains the secret.
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let secret = self.base32();
        let issuer = encoded(issuer);
        let account = encoded(account);
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1\
             &digits={DIGITS}&period={STEP}",
            *secret
        ))
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret([REDACTED])")
    }
}

/// Percent-encodes everything but the unreserved characters (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What names a code in a comment.
const NAME: &str = "otp=";

/// Takes codes out of a text: what stands for each is `instead`, as long as a code. The first one comes
/// back; it is a secret as long as its step lasts.
pub fn taken_out(text: &str, instead: &str) -> (String, Option<Zeroizing<String>>) {
    let (mut left, mut first) = (String::with_capacity(text.len()), None);
    let mut rest = text;
    while let Some(place) = rest.find(NAME) {
        let (before, after) = rest.split_at(place + NAME.len());
        left.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits == DIGITS {
            first.get_or_insert_with(|| Zeroizing::new(after[..DIGITS].to_owned()));
            left.push_str(instead);
            rest = &after[DIGITS..];
        } else {
            rest = after;
        }
    }
    left.push_str(rest);
    (left, first)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the ASCII text `12345678901234567890`.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn secret() -> TotpSecret {
        TotpSecret::parse(&SecretText::new(SECRET)).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Times and the last six of the eight digits that the standard gives for SHA-1.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    #[test]
    fn the_codes_are_those_of_the_standard() {
        for (second, code) in VECTORS {
            let step = u64::try_from(second / 30).unwrap();
            assert_eq!(secret().check(code, at(second)), Some(step), "{second}");
        }
    }

    #[test]
    fn the_codes_of_counters_are_those_of_the_standard() {
        // RFC 4226, appendix D.
        let codes: Vec<String> = (0..10)
            .map(|step| secret().code(step).to_string())
            .collect();
        assert_eq!(
            codes,
            [
                "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
                "399871", "520489"
            ]
        );
    }

    #[test]
    fn a_clock_may_be_one_step_off_and_no_more() {
        // Step 37037036 ends with second 1,111,111,109.
        let code = "081804";
        let step = Some(37_037_036);
        for (second, found) in [
            (1_111_111_049, None),
            (1_111_111_050, step),
            (1_111_111_080, step),
            (1_111_111_110, step),
            (1_111_111_139, step),
            (1_111_111_140, None),
        ] {
            assert_eq!(secret().check(code, at(second)), found, "{second}");
        }
    }

    #[test]
    fn anything_but_the_six_digits_is_wrong() {
        for bad in [
            "",
            "28708",
            "2870820",
            " 287082",
            "287082\n",
            "287083",
            "94287082",
            "٢٨٧٠٨٢",
        ] {
            assert_eq!(secret().check(bad, at(59)), None, "{bad:?}");
        }
        assert_eq!(secret().check("755224", at(0)), Some(0), "step 0 is one");
        assert_eq!(secret().check("755224", at(-1)), None, "before 1970");
    }

    #[test]
    fn a_secret_is_base_32_of_a_sensible_length() {
        let lower = SECRET.to_ascii_lowercase();
        for same in [SECRET, &lower, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ===="] {
            let read = TotpSecret::parse(&SecretText::new(same)).unwrap();
            assert_eq!(*read.0, b"12345678901234567890");
        }
        let fault = |text: &str| TotpSecret::parse(&SecretText::new(text)).unwrap_err();
        for bad in [
            "0189",
            "GEZD GNBV",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1",
            "GEZDGNBVG",
        ] {
            assert_eq!(fault(bad), TotpFault::NotBase32, "{bad}");
        }
        assert_eq!(fault(&BASE32_NOPAD.encode(&[7; 15])), TotpFault::TooShort);
        assert_eq!(fault(""), TotpFault::TooShort);
        assert_eq!(fault(&BASE32_NOPAD.encode(&[7; 65])), TotpFault::TooLong);
        for length in [SHORTEST, LONGEST] {
            let text = BASE32_NOPAD.encode(&vec![7; length]);
            assert!(TotpSecret::parse(&SecretText::new(&text)).is_ok());
        }
    }

    #[test]
    fn a_new_secret_is_read_back_and_no_other_time_the_same() {
        let made = TotpSecret::generate().unwrap();
        assert_eq!(made.0.len(), 20);
        let read = TotpSecret::parse(&SecretText::new(&made.base32())).unwrap();
        assert_eq!(made.0, read.0);
        assert_ne!(made.0, TotpSecret::generate().unwrap().0);
    }

    #[test]
    fn the_uri_has_the_form_that_apps_read() {
        assert_eq!(
            *secret().uri("Ownergate kan", "alice@forge:8/é"),
            "otpauth://totp/Ownergate%20kan:alice%40forge%3A8%2F%C3%A9?secret=GEZDGNBVGY3TQOJQ\
             GEZDGNBVGY3TQOJQ&issuer=Ownergate%20kan&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", secret()), "TotpSecret([REDACTED])");
    }

    #[test]
    fn codes_are_taken_out_and_the_first_is_looked_at() {
        for (text, left, code) in [
            (
                "/gate approve R1 otp=123456",
                "/gate approve R1 otp=------",
                Some("123456"),
            ),
            (
                "otp=111111 otp=222222",
                "otp=------ otp=------",
                Some("111111"),
            ),
            ("otp=12345 otp=1234567", "otp=12345 otp=1234567", None),
            ("otp=", "otp=", None),
            ("no code", "no code", None),
        ] {
            let (found, first) = taken_out(text, "------");
            assert_eq!(found, left);
            assert_eq!(first.as_ref().map(|code| code.as_str()), code, "{text}");
        }
    }
}
