//! Keys that sign as `ssh-keygen -Y sign` does, so that demo and stories need no OpenSSH.
//!
//! The formats are OpenSSH's `PROTOCOL.sshsig` and `PROTOCOL.u2f`. An owner's own key is never in this program: the command
//! `ownergate approve` has `ssh-keygen` sign.

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256, Sha512};

use crate::secret::token::{NoRandomness, random};

/// Columns of an armor.
const COLUMNS: usize = 70;

/// An Ed25519 key.
#[derive(Clone, Debug)]
pub struct SshKey(SigningKey);

impl SshKey {
    /// A new key.
    pub fn new() -> Result<Self, NoRandomness> {
        Ok(Self(SigningKey::from_bytes(&*random()?)))
    }

    /// A key that is made of one byte.
    pub fn of(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn blob(&self) -> Vec<u8> {
        texts(&[b"ssh-ed25519", self.0.verifying_key().as_bytes()])
    }

    /// The line of the `.pub` file.
    pub fn public(&self) -> String {
        format!("ssh-ed25519 {} desk", BASE64.encode(&self.blob()))
    }

    /// The armor of a signature for a purpose.
    pub fn armor(&self, namespace: &str, text: &[u8]) -> String {
        let signature = self.0.sign(&signed(namespace, text)).to_bytes();
        let signature = texts(&[b"ssh-ed25519", &signature]);
        armored(&self.blob(), namespace, &signature)
    }
}

/// An Ed25519 key in a device that has to be touched, and counts how often it signed.
#[derive(Clone, Debug)]
pub struct SecurityKey(SigningKey);

impl SecurityKey {
    /// What the wire calls it.
    const KIND: &str = "sk-ssh-ed25519@openssh.com";
    /// What OpenSSH asks the device for.
    const APPLICATION: &[u8] = b"ssh:";

    /// A key that is made of one byte.
    pub fn of(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn blob(&self) -> Vec<u8> {
        let point = self.0.verifying_key();
        texts(&[Self::KIND.as_bytes(), point.as_bytes(), Self::APPLICATION])
    }

    /// The line of the `.pub` file.
    pub fn public(&self) -> String {
        format!("{} {} key", Self::KIND, BASE64.encode(&self.blob()))
    }

    /// The armor of a signature for a purpose: it was touched, and its counter says this.
    pub fn armor(&self, namespace: &str, text: &[u8], counter: u32) -> String {
        let touched = [&[1][..], &counter.to_be_bytes()].concat();
        let told = [
            &Sha256::digest(Self::APPLICATION)[..],
            &touched,
            &Sha256::digest(signed(namespace, text)),
        ];
        let signature = self.0.sign(&told.concat()).to_bytes();
        let signature = [texts(&[Self::KIND.as_bytes(), &signature]), touched].concat();
        armored(&self.blob(), namespace, &signature)
    }
}

/// What is signed for a text.
fn signed(namespace: &str, text: &[u8]) -> Vec<u8> {
    let hash = Sha512::digest(text);
    let meant = texts(&[namespace.as_bytes(), b"", b"sha512", &hash]);
    [&b"SSHSIG"[..], &meant].concat()
}

/// A signature by a key as people paste it.
fn armored(key: &[u8], namespace: &str, signature: &[u8]) -> String {
    let rest = texts(&[key, namespace.as_bytes(), b"", b"sha512", signature]);
    let blob = [&b"SSHSIG"[..], &1_u32.to_be_bytes(), &rest].concat();
    let body: Vec<char> = BASE64.encode(&blob).chars().collect();
    let lines: Vec<String> = body
        .chunks(COLUMNS)
        .map(|line| line.iter().collect())
        .collect();
    format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        lines.join("\n")
    )
}

/// Texts with their lengths before them (RFC 4251 §5).
fn texts(parts: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for part in parts {
        let length = u32::try_from(part.len()).expect("a key and a hash are short");
        all.extend_from_slice(&length.to_be_bytes());
        all.extend_from_slice(part);
    }
    all
}
