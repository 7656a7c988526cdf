//! The numbers and names that everything else is keyed by, each a type of its own.
//!
//! A number of one kind cannot stand where another is meant. People are numeric ids: a login can be
//! renamed and re-used, so it is display data and never compared to decide who somebody is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a newtype over a number, shown with an optional prefix.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

number!(
    /// A user of the forge. Real people and machine accounts have ids above zero; the forge's
    /// Ghost is -1 and its Actions user -2 (Forgejo, `models/user/user_system.go`).
    UserId(i64), "");
number!(
    /// A repository of the forge; survives renames and transfers.
    RepositoryId(i64), "");
number!(
    /// The number of an issue inside its repository, as in `#12`.
    IssueNumber(i64), "#");
number!(
    /// A comment; unique per forge and growing.
    CommentId(i64), "");
number!(
    /// A request, shown as `R17`; counted per installation, never used twice.
    RequestNumber(u64), "R");
number!(
    /// A credential, shown as `c1`; counted per installation, never used twice.
    CredentialNumber(u64), "c");
number!(
    /// An identity; counted per installation, never used twice. People see the slug instead.
    IdentityNumber(u64), "i");
number!(
    /// The number of a journal line.
    Seq(u64), "");

impl UserId {
    /// True for ids that a person or a machine account can have; Ghost, Actions and zero are not.
    pub fn is_somebody(self) -> bool {
        self.0 > 0
    }
}

impl RequestNumber {
    /// Reads `R17` or `r17`.
    pub fn parse(text: &str) -> Option<Self> {
        prefixed(text, 'r').map(Self)
    }
}

impl CredentialNumber {
    /// Reads `c1` or `C1`.
    pub fn parse(text: &str) -> Option<Self> {
        prefixed(text, 'c').map(Self)
    }
}

/// Digits after one letter of either case; no sign, no leading zero, so that a number has one form.
fn prefixed(text: &str, letter: char) -> Option<u64> {
    let mut characters = text.chars();
    if characters.next()?.to_ascii_lowercase() != letter {
        return None;
    }
    let digits = characters.as_str();
    let plain = !digits.is_empty()
        && digits.len() <= 15
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if plain { digits.parse().ok() } else { None }
}

/// One issue of one repository: everything about an identity happens in its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ThreadKey {
    /// The board's repository.
    pub repository: RepositoryId,
    /// The issue inside it.
    pub issue: IssueNumber,
}

/// The name of an identity: `[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?`, at most 40 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// Checks the form; `None` if it is not a slug.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let fits = (1..=40).contains(&bytes.len())
            && bytes.iter().all(inner)
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Slug {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "not a slug".to_owned())
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(half)]));
        }
    }
    text
}

/// HMAC-SHA-256 of a token under a pepper kept outside the store: how a credential is looked up.
/// 64 lower-case hex characters. Its `Debug` tells nothing, so that no MAC reaches a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mac(String);

impl Mac {
    /// Wraps the 32 bytes of the MAC.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hex(bytes))
    }

    /// The hex text, for the store's keys.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac([REDACTED])")
    }
}

/// SHA-256 of a text, 64 lower-case hex characters: how bodies are compared without being kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(String);

impl Hash {
    /// Hashes the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        let sum = sha2::Sha256::digest(bytes);
        Self(hex(&sum))
    }

    /// Reads the hex text; `None` if it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// The hex text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forgejo writes Ghost as -1 and Actions as -2; a user that is left out reads as 0.
    #[test]
    fn nobody_is_somebody_by_a_number_that_no_account_has() {
        for id in [-2, -1, 0] {
            assert!(!UserId(id).is_somebody(), "{id}");
        }
        assert!(UserId(1).is_somebody());
    }

    #[test]
    fn slugs_have_one_form() {
        let longest = "a".repeat(40);
        for good in ["a", "codex-7f3a", "0", longest.as_str()] {
            assert!(Slug::parse(good).is_some(), "{good}");
        }
        let too_long = "a".repeat(41);
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", too_long.as_str()] {
            assert!(Slug::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn numbers_have_one_form() {
        assert_eq!(RequestNumber::parse("R17"), Some(RequestNumber(17)));
        assert_eq!(RequestNumber::parse("r17"), Some(RequestNumber(17)));
        for bad in ["17", "R", "R017", "R+1", "R1x", "R9999999999999999", "c1"] {
            assert_eq!(RequestNumber::parse(bad), None, "{bad}");
        }
        assert_eq!(CredentialNumber::parse("c2"), Some(CredentialNumber(2)));
    }

    #[test]
    fn a_mac_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Mac::new(&[7; 32])), "Mac([REDACTED])");
    }
}
