//! Signatures of OpenSSH over a text (`ssh-keygen -Y sign`), read and checked against pinned keys.
//!
//! Invariant: a signature counts for one namespace, one message and one of the given keys, and
//! every other case is refused by its reason. A signature of a security key counts only if it says
//! that somebody touched the key: neither `ssh-keygen -Y verify` nor the libraries demand that.
//! Nothing here knows who owns a key, and the counters of security keys are the caller's business.
//! The format is OpenSSH's `PROTOCOL.sshsig` and `PROTOCOL.u2f`.

use data_encoding::BASE64;
use ed25519_dalek::Signature as Ed25519Signature;
use p256::ecdsa::Signature as P256Signature;
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest, Sha256, Sha512};

use super::sshkey::{KeyFault, Kind, Point, PublicKey, Wire, named};

/// The longest armor, in bytes; the longest of an accepted kind has some 600.
pub const LONGEST_ARMOR: usize = 8 * 1024;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
const MAGIC: &[u8] = b"SSHSIG";

/// Somebody touched the security key.
const USER_PRESENT: u8 = 0x01;
/// Somebody showed the security key a PIN or a finger.
const USER_VERIFIED: u8 = 0x04;

/// Why a signature does not count. No message repeats foreign text but names of the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// Not between the two lines.
    #[error(
        "not an armored SSH signature: it begins with {BEGIN} and ends with {END}, and nothing \
         else stands before, between or behind"
    )]
    NotArmored,
    /// Blanks before a line.
    #[error("the signature is indented: paste its lines without blanks before them")]
    Indented,
    /// Two of them.
    #[error("more than one signature: exactly one is looked at")]
    Several,
    /// Larger than any signature.
    #[error("larger than {} KiB: no signature of an accepted key is", LONGEST_ARMOR / 1024)]
    TooLarge,
    /// The base 64 or what is in it does not fit.
    #[error("the signature is mistyped or cut: paste it again, whole")]
    Damaged,
    /// Made for another purpose.
    #[error("signed for another purpose: the namespace is `{found}`, not `{expected}`")]
    Namespace {
        /// What it was made for.
        found: String,
        /// What it should be made for.
        expected: String,
    },
    /// Made with a hash that is not in the format.
    #[error("hashed with {0}; accepted are sha256 and sha512")]
    Hash(String),
    /// Made with a key of a kind that is not accepted.
    #[error("{0} keys are not accepted, only: {names}", names = Kind::NAMES.join(", "))]
    Kind(String),
    /// Made with a key that is none of the given.
    #[error("signed with {0}, which is no key that is pinned for this owner")]
    NotPinned(String),
    /// Made with a security key that nobody touched.
    #[error("nobody touched the security key: sign without `no-touch-required`")]
    NotTouched,
    /// The same text with other line ends was signed.
    #[error(
        "other bytes were signed (line ends?): sign exactly the text that the bot gives, with LF \
         line ends and one at its end"
    )]
    LineEnds,
    /// The signature does not fit the key and the message.
    #[error("the signature is broken, or other bytes were signed")]
    Broken,
}

impl From<KeyFault> for SignatureFault {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Kind(kind) => Self::Kind(kind),
            KeyFault::Broken => Self::Damaged,
        }
    }
}

/// A signature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key that made it, as `ssh-keygen -l` shows it: `SHA256:…`.
    pub fingerprint: String,
    /// What its security key said; `None` if it is another kind of key.
    pub touch: Option<Touch>,
}

/// What a security key says beside its signature. The touch itself was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// How often it signed. One that is not always 0 only grows; whoever keeps it compares.
    pub counter: u32,
    /// Whether it was shown a PIN or a finger.
    pub pin: bool,
}

impl Touch {
    /// Whether it can come after one whose counter was `last`: keys that count only count up, and
    /// those that do not always say 0.
    pub fn follows(self, last: Option<u32>) -> bool {
        match last {
            None => true,
            Some(0) if self.counter == 0 => true,
            Some(last) => self.counter > last,
        }
    }
}

/// Checks an armored signature of `message` for `namespace` against public key lines.
pub fn verify<'a>(
    armor: &str,
    namespace: &str,
    message: &[u8],
    pinned: impl IntoIterator<Item = &'a str>,
) -> Result<Signed, SignatureFault> {
    let blob = unarmored(armor)?;
    let signature = Signature::read(&blob)?;
    if signature.namespace != namespace.as_bytes() {
        return Err(SignatureFault::Namespace {
            found: named(signature.namespace),
            expected: namespace.to_owned(),
        });
    }
    let key = &signature.key;
    let is_pinned = |line| PublicKey::parse(line).is_ok_and(|pinned| pinned == *key);
    if !pinned.into_iter().any(is_pinned) {
        return Err(SignatureFault::NotPinned(key.fingerprint()));
    }
    if !signature.is_of(message) {
        let other = other_line_ends(message)
            .iter()
            .any(|other| signature.is_of(other));
        return Err(if other {
            SignatureFault::LineEnds
        } else {
            SignatureFault::Broken
        });
    }
    if signature
        .told
        .is_some_and(|told| told.flags & USER_PRESENT == 0)
    {
        return Err(SignatureFault::NotTouched);
    }
    Ok(Signed {
        fingerprint: key.fingerprint(),
        touch: signature.told.map(|told| Touch {
            counter: told.counter,
            pin: told.flags & USER_VERIFIED != 0,
        }),
    })
}

/// The bytes between the two lines. CRLF and blanks behind a line are what pasting does.
fn unarmored(armor: &str) -> Result<Vec<u8>, SignatureFault> {
    if armor.len() > LONGEST_ARMOR {
        return Err(SignatureFault::TooLarge);
    }
    let lines: Vec<&str> = armor.lines().map(str::trim_ascii_end).collect();
    let begins = |line: &&&str| line.trim_ascii_start() == BEGIN;
    match lines.iter().filter(begins).count() {
        0 => return Err(SignatureFault::NotArmored),
        1 => {}
        _ => return Err(SignatureFault::Several),
    }
    if lines.iter().any(|line| line.starts_with([' ', '\t'])) {
        return Err(SignatureFault::Indented);
    }
    let filled = |line: &&str| !line.is_empty();
    let first = lines.iter().position(filled).unwrap_or(0);
    let last = lines.iter().rposition(filled).unwrap_or(0);
    let [BEGIN, body @ .., END] = &lines[first..=last] else {
        return Err(SignatureFault::NotArmored);
    };
    BASE64
        .decode(body.concat().as_bytes())
        .map_err(|_| SignatureFault::Damaged)
}

/// What an armored signature holds.
struct Signature<'a> {
    key: PublicKey,
    namespace: &'a [u8],
    hash: Hash,
    bytes: [u8; 64],
    told: Option<Told>,
}

/// What a security key signs beside the message.
#[derive(Clone, Copy)]
struct Told {
    flags: u8,
    counter: u32,
}

/// How the message was hashed.
#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha512,
}

impl<'a> Signature<'a> {
    fn read(blob: &'a [u8]) -> Result<Self, SignatureFault> {
        let damaged = || SignatureFault::Damaged;
        let mut wire = Wire(blob);
        if wire.bytes(MAGIC.len()) != Some(MAGIC) || wire.number() != Some(1) {
            return Err(damaged());
        }
        let key = PublicKey::from_blob(wire.text().ok_or_else(damaged)?)?;
        let namespace = wire.text().ok_or_else(damaged)?;
        // Reserved: nothing may stand there, since nothing that stood there would be signed.
        if wire.text() != Some(b"") {
            return Err(damaged());
        }
        let hash = match wire.text().ok_or_else(damaged)? {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            other => return Err(SignatureFault::Hash(named(other))),
        };
        let signature = wire.text().ok_or_else(damaged)?;
        let (bytes, told) = signature_of(key.kind, signature).ok_or_else(damaged)?;
        if !wire.is_empty() {
            return Err(damaged());
        }
        Ok(Self {
            key,
            namespace,
            hash,
            bytes,
            told,
        })
    }

    /// Whether it was made over this message.
    fn is_of(&self, message: &[u8]) -> bool {
        let signed = match self.told {
            None => self.preimage(message),
            Some(told) => {
                // What a security key signs (OpenSSH `PROTOCOL.u2f`).
                let mut signed = Sha256::digest(&self.key.application).to_vec();
                signed.push(told.flags);
                signed.extend(told.counter.to_be_bytes());
                signed.extend(Sha256::digest(self.preimage(message)));
                signed
            }
        };
        match &self.key.point {
            // The strict form refuses keys and points for which one signature fits many messages.
            Point::Ed25519(key) => key
                .verify_strict(&signed, &Ed25519Signature::from_bytes(&self.bytes))
                .is_ok(),
            Point::P256(key) => P256Signature::from_slice(&self.bytes)
                .is_ok_and(|signature| key.verify(&signed, &signature).is_ok()),
        }
    }

    /// What stands for the message when it is signed.
    fn preimage(&self, message: &[u8]) -> Vec<u8> {
        let (name, hash) = match self.hash {
            Hash::Sha256 => ("sha256", Sha256::digest(message).to_vec()),
            Hash::Sha512 => ("sha512", Sha512::digest(message).to_vec()),
        };
        let mut bytes = MAGIC.to_vec();
        for text in [self.namespace, b"", name.as_bytes(), &hash] {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            bytes.extend(length.to_be_bytes());
            bytes.extend(text);
        }
        bytes
    }
}

/// The 64 bytes of a signature, and what a security key tells beside them.
fn signature_of(kind: Kind, signature: &[u8]) -> Option<([u8; 64], Option<Told>)> {
    let mut wire = Wire(signature);
    if wire.text()? != kind.name().as_bytes() {
        return None;
    }
    let bytes = wire.text()?;
    let bytes = match kind {
        Kind::Ed25519 | Kind::SecurityKeyEd25519 => bytes.try_into().ok()?,
        Kind::P256 | Kind::SecurityKeyP256 => two_numbers(bytes)?,
    };
    let told = if kind.is_security_key() {
        Some(Told {
            flags: *wire.bytes(1)?.first()?,
            counter: wire.number()?,
        })
    } else {
        None
    };
    wire.is_empty().then_some((bytes, told))
}

/// The two numbers of an ECDSA signature (RFC 5656 §3.1.2), each in 32 bytes.
fn two_numbers(bytes: &[u8]) -> Option<[u8; 64]> {
    let mut wire = Wire(bytes);
    let mut both = [0; 64];
    for half in both.chunks_exact_mut(32) {
        let number = wire.text()?;
        // A byte of zero stands before a number whose first bit is set; others would be negative.
        let digits = match number {
            [0, digits @ ..] => digits,
            [first, ..] if first & 0x80 != 0 => return None,
            digits => digits,
        };
        let place = half.len().checked_sub(digits.len())?;
        half[place..].copy_from_slice(digits);
    }
    wire.is_empty().then_some(both)
}

/// The message as editors, shells and copying change it: CRLF line ends, no last one, one more.
fn other_line_ends(message: &[u8]) -> Vec<Vec<u8>> {
    let bare = message.strip_suffix(b"\n").unwrap_or(message);
    let crlf = |bytes: &[u8]| {
        let mut changed = Vec::with_capacity(bytes.len() + 32);
        for byte in bytes {
            if *byte == b'\n' {
                changed.push(b'\r');
            }
            changed.push(*byte);
        }
        changed
    };
    let ended = [bare, b"\n"].concat();
    let twice = [bare, b"\n\n"].concat();
    vec![
        [b"\xef\xbb\xbf", message].concat(),
        [b"\xef\xbb\xbf", crlf(&ended).as_slice()].concat(),
        crlf(&ended),
        crlf(bare),
        crlf(&twice),
        bare.to_vec(),
        ended,
        twice,
    ]
}

#[cfg(test)]
mod tests;
