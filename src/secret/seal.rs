//! Sealing: a token leaves the bot only inside an age file, for the one key that the request named.
//!
//! Invariant: a recipient that was parsed can be sealed to and opened by whoever holds its key: the
//! checksum is right, the kind is the plain `age1…` (X25519), and the key is the one form of a
//! point that an attacker could not have chosen to break the sealing. No plugin is ever run and no
//! passphrase ever asked for. Sealing hides a token; it says nothing about who sealed it.

use std::fmt;
use std::io::Read;

use age::armor::ArmoredReader;
use age::secrecy::ExposeSecret;
use age::{DecryptError, Decryptor, x25519};
use data_encoding::{Encoding, Specification};
use zeroize::Zeroizing;

use super::file::SecretText;
use super::token::{LONGEST_PREFIX, LONGEST_SLUG, RANDOM_HEX, RawToken};

/// Longest token: `{prefix}_{slug}_{64 hex}`.
const LONGEST_TOKEN: usize = LONGEST_PREFIX + LONGEST_SLUG + RANDOM_HEX + 2;

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
pub struct Recipient(x25519::Recipient);

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
        Recipient(self.0.to_public())
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
    (secret, Recipient(identity.to_public()))
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
        for content in ["", "hello", &format!("{}\n", raw.expose()), "\u{0}", &long] {
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
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in any::<String>()) {
            prop_assert!(unseal_any(&[key().0], &bytes).is_err());
            prop_assert!(Recipient::parse(&text).is_err());
        }
    }
}
