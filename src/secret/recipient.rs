//! Recipients: the public age key that a request names and that its token is sealed to.
//!
//! Invariant: a recipient that was parsed can be sealed to, and opened by whoever holds its key: the
//! checksum is right, the kind is the plain `age1…` (X25519), and the key is the one form of a point
//! that nobody chose to break the sealing. Every other kind is refused by its name.

use std::fmt;

use age::x25519;
use data_encoding::{Encoding, Specification};

/// Why a text is no recipient that the bot seals to. None of the messages repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientFault {
    /// A secret key was posted where its public half belongs.
    #[error(
        "this is a secret age key, and it is public now: make a new one and name the line that \
         begins with age1"
    )]
    SecretKey,
    /// A secret key or a plugin's identity (`AGE-…`).
    #[error("this is an age identity, not a recipient: name the line that begins with age1")]
    Identity,
    /// `age1pq…`.
    #[error(
        "post-quantum recipients (age1pq) are not supported: name an age1 recipient as \
         `age-keygen` makes it without -pq"
    )]
    PostQuantum,
    /// `age1tag…`, `age1yubikey…` and the like.
    #[error(
        "recipients of plugins and hardware tokens are not supported: name an age1 recipient as \
         `age-keygen` makes it"
    )]
    Plugin,
    /// An SSH public key.
    #[error("SSH keys are not supported: name an age1 recipient as `age-keygen` makes it")]
    Ssh,
    /// Something that does not begin with `age1`.
    #[error("not an age recipient: it begins with age1 and has 62 characters")]
    NotAge,
    /// Written in capitals.
    #[error("an age recipient is written in lower case")]
    NotLowerCase,
    /// The checksum or the length is wrong.
    #[error("mistyped or cut: the checksum of this age recipient is wrong")]
    Checksum,
    /// A key that no honest program makes.
    #[error("this age recipient is no key that age-keygen could have made: make a new one")]
    ForgedKey,
}

/// The public key that a token is sealed to; one key has one form.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(pub(super) x25519::Recipient);

impl Recipient {
    /// Reads `age1…`, for real: a wrong checksum is refused, and every other kind by name.
    pub fn parse(text: &str) -> Result<Self, RecipientFault> {
        check_kind(text)?;
        let recipient: x25519::Recipient = text.parse().map_err(|_| RecipientFault::Checksum)?;
        if !is_honest_key(text) {
            return Err(RecipientFault::ForgedKey);
        }
        Ok(Self(recipient))
    }

    /// The public half of a secret key.
    pub(super) fn of(identity: &x25519::Identity) -> Self {
        Self(identity.to_public())
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0)
    }
}

/// Tells the kinds of keys apart by what they begin with, so that each is refused by its name.
fn check_kind(text: &str) -> Result<(), RecipientFault> {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("age-secret-key-") {
        return Err(RecipientFault::SecretKey);
    }
    if lower.starts_with("age-") {
        return Err(RecipientFault::Identity);
    }
    if lower.starts_with("ssh-") || lower.starts_with("ecdsa-") || lower.starts_with("sk-") {
        return Err(RecipientFault::Ssh);
    }
    // The last `1` parts the kind from the key (Bech32 has no `1` in its data), so that a plain
    // recipient whose key happens to begin with `pq` is still a plain one.
    match lower.rsplit_once('1').map(|(kind, _)| kind) {
        Some("age") if text == lower => Ok(()),
        Some("age") => Err(RecipientFault::NotLowerCase),
        Some("age1pq" | "age1tagpq") => Err(RecipientFault::PostQuantum),
        Some(kind) if kind.starts_with("age1") => Err(RecipientFault::Plugin),
        _ => Err(RecipientFault::NotAge),
    }
}

/// Canonical u-coordinates of the points of small order on Curve25519 and its twist, little-endian.
/// The shared secret with them is zero for every key: the age crate panics on it, and a file sealed
/// that way would be open to all.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    *b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    *b"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\
       \xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00",
    *b"\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\
       \x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57",
    *b"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
       \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
];

/// True if the key is the canonical form of a point of large order. Another form of a key would slip
/// past the list of burnt recipients, and age files sealed to it could not be opened by its holder.
fn is_honest_key(text: &str) -> bool {
    let Some(key) = key_bytes(text) else {
        return false;
    };
    let high_bit = key[31] & 0x80 != 0;
    let not_reduced =
        key[31] == 0x7f && key[1..31].iter().all(|byte| *byte == 0xff) && key[0] >= 0xed;
    !high_bit && !not_reduced && !SMALL_ORDER.contains(&key)
}

/// The 32 bytes of a recipient whose checksum has been verified: 52 characters of Bech32 data
/// between `age1` and the 6 of the checksum.
fn key_bytes(text: &str) -> Option<[u8; 32]> {
    let data = text.strip_prefix("age1")?;
    let data = data.get(..data.len().checked_sub(6)?)?;
    let bytes = bech32_alphabet().decode(data.as_bytes()).ok()?;
    bytes.try_into().ok()
}

/// Base 32 with the alphabet of Bech32 (BIP 173), most significant bit first.
fn bech32_alphabet() -> Encoding {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("qpzry9x8gf2tvdw0s3jn54khce6mua7l");
    specification
        .encoding()
        .expect("32 different ASCII characters make an encoding")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::seal::AgeIdentity;

    #[test]
    fn a_plain_recipient_is_read_and_shown_in_its_one_form() {
        let text = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
        assert_eq!(Recipient::parse(text).unwrap().to_string(), text);
        let identity = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
        assert_eq!(
            AgeIdentity::parse(identity)
                .unwrap()
                .recipient()
                .to_string(),
            text
        );
    }

    #[test]
    fn every_other_kind_is_refused_by_name() {
        use RecipientFault as Fault;
        let good = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
        let cases = [
            (
                "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pq",
                Fault::Checksum,
            ),
            (&good[..61], Fault::Checksum),
            (
                "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqar9jk6",
                Fault::Checksum,
            ),
            ("age1", Fault::Checksum),
            (&good.to_uppercase(), Fault::NotLowerCase),
            (
                "Age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
                Fault::NotLowerCase,
            ),
            (&format!(" {good}"), Fault::NotAge),
            (&format!("{good} "), Fault::Checksum),
            (
                "bge1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqrl5efe",
                Fault::NotAge,
            ),
            ("", Fault::NotAge),
            ("ägé1", Fault::NotAge),
            (
                "age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqfqj7ru",
                Fault::PostQuantum,
            ),
            (
                "age1yubikey1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqjrljxx",
                Fault::Plugin,
            ),
            (
                "age1tag1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqcpqz94",
                Fault::Plugin,
            ),
            (
                "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33",
                Fault::SecretKey,
            ),
            ("AGE-PLUGIN-YUBIKEY-1QQQQQ", Fault::Identity),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", Fault::Ssh),
        ];
        for (text, fault) in cases {
            assert_eq!(Recipient::parse(text).unwrap_err(), fault, "{text}");
        }
        assert!(Fault::PostQuantum.to_string().contains("post-quantum"));
    }

    /// Each has a right checksum, so that only our own check stands between it and `seal`, which
    /// would panic on most of them.
    #[test]
    fn keys_chosen_to_break_the_sealing_are_refused() {
        let forged = [
            // 0, 1, the two points of order 8, p - 1
            "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
            "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
            "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
            "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
            "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
            // p, p + 1, p + 9 (9 is an honest key, this is not its form)
            "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
            "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
            "age17mlllllllllllllllllllllllllllllllllllllllllllllllalsxajvgg",
            // 0 and 9 with the bit set that X25519 ignores
            "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqsuwj9m",
            "age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqyr3apl",
        ];
        for text in forged {
            assert!(text.parse::<x25519::Recipient>().is_ok(), "{text}");
            assert_eq!(
                Recipient::parse(text).unwrap_err(),
                RecipientFault::ForgedKey,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>(), data in "[ -~]{0,70}") {
            prop_assert!(Recipient::parse(&text).is_err());
            let almost = format!("age1{data}");
            prop_assert!(Recipient::parse(&almost).is_err());
        }
    }
}
