//! Public keys of OpenSSH: `ssh-ed25519 AAAA… alice`, and the bytes that they are made of.
//!
//! Only kinds whose signatures are accepted are read: Ed25519 and ECDSA over P-256, each plain or
//! on a security key (`sk-`). Every other kind is refused by its name. Two keys are the same if
//! their bytes are; the comment behind a key is for people.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest, Sha256};

/// Why a key is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A kind whose signatures are not accepted: its name, made safe to show.
    #[error("{0} keys are not accepted, only: {names}", names = Kind::NAMES.join(", "))]
    Kind(String),
    /// The bytes are no whole key of the kind that they name.
    #[error("the public key is mistyped or cut")]
    Broken,
}

/// The kinds of keys whose signatures are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ed25519.
    Ed25519,
    /// ECDSA over P-256 with SHA-256.
    P256,
    /// Ed25519 on a security key.
    SecurityKeyEd25519,
    /// ECDSA over P-256 on a security key.
    SecurityKeyP256,
}

impl Kind {
    /// The names of all kinds.
    pub const NAMES: [&'static str; 4] = [
        Self::Ed25519.name(),
        Self::P256.name(),
        Self::SecurityKeyEd25519.name(),
        Self::SecurityKeyP256.name(),
    ];

    /// The name that OpenSSH has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::SecurityKeyEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SecurityKeyP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// Whether its signatures tell of a touch.
    pub const fn is_security_key(self) -> bool {
        match self {
            Self::Ed25519 | Self::P256 => false,
            Self::SecurityKeyEd25519 | Self::SecurityKeyP256 => true,
        }
    }

    /// Finds a kind by its name; another name is refused with it.
    fn of(name: &[u8]) -> Result<Self, KeyFault> {
        [
            Self::Ed25519,
            Self::P256,
            Self::SecurityKeyEd25519,
            Self::SecurityKeyP256,
        ]
        .into_iter()
        .find(|kind| kind.name().as_bytes() == name)
        .ok_or_else(|| KeyFault::Kind(named(name)))
    }
}

/// The point that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// Of Ed25519; not one of the few for which anybody can sign.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// Of P-256.
    P256(p256::ecdsa::VerifyingKey),
}

/// A public key that signatures can be checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub(super) kind: Kind,
    pub(super) point: Point,
    /// What a security key was made for, `ssh:` as a rule; empty for other kinds.
    pub(super) application: Vec<u8>,
    /// The bytes, as they stand in base 64 in a key file.
    blob: Vec<u8>,
}

impl PublicKey {
    /// Reads a line of a `.pub` file; what follows the key is a comment.
    pub fn parse(line: &str) -> Result<Self, KeyFault> {
        let mut words = line.split_ascii_whitespace();
        let (Some(kind), Some(body)) = (words.next(), words.next()) else {
            return Err(KeyFault::Broken);
        };
        let kind = Kind::of(kind.as_bytes())?;
        let blob = BASE64
            .decode(body.as_bytes())
            .map_err(|_| KeyFault::Broken)?;
        let key = Self::from_blob(&blob)?;
        if key.kind == kind {
            Ok(key)
        } else {
            Err(KeyFault::Broken)
        }
    }

    /// Reads the bytes of a key (RFC 8709 §4, RFC 5656 §3.1, OpenSSH `PROTOCOL.u2f`).
    pub(super) fn from_blob(blob: &[u8]) -> Result<Self, KeyFault> {
        let mut wire = Wire(blob);
        let kind = Kind::of(wire.text().ok_or(KeyFault::Broken)?)?;
        Self::read(kind, wire, blob).ok_or(KeyFault::Broken)
    }

    fn read(kind: Kind, mut wire: Wire<'_>, blob: &[u8]) -> Option<Self> {
        let point = match kind {
            Kind::Ed25519 | Kind::SecurityKeyEd25519 => {
                Point::Ed25519(ed25519_point(wire.text()?)?)
            }
            Kind::P256 | Kind::SecurityKeyP256 => {
                let curve = wire.text()?;
                let point = wire.text()?;
                Point::P256(
                    (curve == b"nistp256")
                        .then(|| p256_point(point))
                        .flatten()?,
                )
            }
        };
        let application = if kind.is_security_key() {
            let application = wire.text()?;
            (!application.is_empty()).then_some(application)?
        } else {
            &[]
        };
        wire.is_empty().then(|| Self {
            kind,
            point,
            application: application.to_vec(),
            blob: blob.to_vec(),
        })
    }

    /// How people know it: `SHA256:` and the hash in base 64, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            BASE64_NOPAD.encode(&Sha256::digest(&self.blob))
        )
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), BASE64.encode(&self.blob))
    }
}

/// A point of the curve that is not one of the few for which anybody can sign.
fn ed25519_point(bytes: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    let bytes = <[u8; 32]>::try_from(bytes).ok()?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok()?;
    (!key.is_weak()).then_some(key)
}

/// A point of the curve in the long form, the only one that OpenSSH writes: one key has one form.
fn p256_point(bytes: &[u8]) -> Option<p256::ecdsa::VerifyingKey> {
    let long = bytes.len() == 65 && bytes.first() == Some(&4);
    long.then(|| p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok())
        .flatten()
}

/// A name out of foreign bytes, safe to show: the characters that names of OpenSSH have, or none.
pub(super) fn named(name: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(byte);
    match str::from_utf8(name) {
        Ok(name) if (1..=64).contains(&name.len()) && name.as_bytes().iter().all(plain) => {
            name.to_owned()
        }
        _ => "nameless".to_owned(),
    }
}

/// Bytes that are read from the front (RFC 4251 §5); `None` where they do not reach.
pub(super) struct Wire<'a>(pub(super) &'a [u8]);

impl<'a> Wire<'a> {
    /// So many bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of 32 bits, most significant byte first.
    pub(super) fn number(&mut self) -> Option<u32> {
        let (taken, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*taken))
    }

    /// A `string`: its length and so many bytes.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.bytes(length)
    }

    /// Whether all was read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFZGistp1H9f1jkm750rNg8pEEyUgcM8ktPmNKVQalKg alice";
    const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBH+ygIlOFhOhdsge3E5RLzZZuIfTqL5M4Ap/HFNItrYqseDv+jicMePQjVZRiU7DvCzqOh3iwFuw+9eqhqK+1OA= p256";
    const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIFZGistp1H9f1jkm750rNg8pEEyUgcM8ktPmNKVQalKgAAAABHNzaDo=";
    const SK_P256: &str = "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBH+ygIlOFhOhdsge3E5RLzZZuIfTqL5M4Ap/HFNItrYqseDv+jicMePQjVZRiU7DvCzqOh3iwFuw+9eqhqK+1OAAAAAEc3NoOg==";

    #[test]
    fn the_four_kinds_are_read_and_written_alike() {
        for (line, kind) in [
            (ED25519, Kind::Ed25519),
            (P256, Kind::P256),
            (SK_ED25519, Kind::SecurityKeyEd25519),
            (SK_P256, Kind::SecurityKeyP256),
        ] {
            let key = PublicKey::parse(line).unwrap();
            assert_eq!(key.kind(), kind);
            assert!(line.starts_with(&key.to_string()), "{key}");
            assert_eq!(
                key.application.is_empty(),
                !kind.is_security_key(),
                "{line}"
            );
        }
    }

    #[test]
    fn a_fingerprint_is_the_one_that_ssh_keygen_shows() {
        // `ssh-keygen -l -f` of the two keys.
        for (line, fingerprint) in [
            (
                ED25519,
                "SHA256:0SzUPcjO2PXS7uAAtAKQo2J2qq/pEwaafn2TqDdPZsM",
            ),
            (P256, "SHA256:zTLdx9zU/GaKlpOZLCdtzQOQ9OBhjl7o6QVbCsaNJks"),
        ] {
            assert_eq!(PublicKey::parse(line).unwrap().fingerprint(), fingerprint);
        }
    }

    #[test]
    fn other_kinds_are_refused_by_their_name() {
        for kind in [
            "ssh-rsa",
            "ssh-dss",
            "ecdsa-sha2-nistp384",
            "ssh-ed25519-cert-v01@openssh.com",
            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        ] {
            let fault = PublicKey::parse(&format!("{kind} AAAA")).unwrap_err();
            assert_eq!(fault, KeyFault::Kind(kind.to_owned()));
            assert!(fault.to_string().contains("ssh-ed25519"), "{fault}");
        }
        let odd = PublicKey::parse("<b>\u{202e} AAAA").unwrap_err();
        assert_eq!(odd, KeyFault::Kind("nameless".to_owned()));
    }

    #[test]
    fn a_key_that_is_not_whole_is_refused() {
        let cut = &SK_ED25519[..SK_ED25519.len() - 12];
        let swapped = ED25519.replace("ssh-ed25519 ", "ecdsa-sha2-nistp256 ");
        let off_the_curve = P256.replace("9eqhqK+1OA=", "9eqhqK+1OE=");
        let longer = format!("{}AAAA", SK_ED25519.trim_end_matches('='));
        let nowhere = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIFZGistp1H9f1jkm750rNg8pEEyUgcM8ktPmNKVQalKgAAAAAA==";
        for bad in [
            "",
            "ssh-ed25519",
            cut,
            &swapped,
            &off_the_curve,
            &longer,
            nowhere,
        ] {
            assert_eq!(PublicKey::parse(bad), Err(KeyFault::Broken), "{bad}");
        }
    }
}
