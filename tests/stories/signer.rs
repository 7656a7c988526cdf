//! A key that signs as `ssh-keygen -Y sign` does, so that stories need no OpenSSH.

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha512};

/// An Ed25519 key.
#[derive(Clone)]
pub(crate) struct SshKey(SigningKey);

impl SshKey {
    /// A key that is made of one byte.
    pub(crate) fn of(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn blob(&self) -> Vec<u8> {
        texts(&[b"ssh-ed25519", self.0.verifying_key().as_bytes()])
    }

    /// The line of the `.pub` file.
    pub(crate) fn public(&self) -> String {
        format!("ssh-ed25519 {} desk", BASE64.encode(&self.blob()))
    }

    /// The armor of a signature.
    pub(crate) fn armor(&self, namespace: &str, text: &[u8]) -> String {
        let hash = Sha512::digest(text);
        let signed = texts(&[namespace.as_bytes(), b"", b"sha512", &hash]);
        let signed = [&b"SSHSIG"[..], &signed].concat();
        let signature = self.0.sign(&signed).to_bytes();
        let signature = texts(&[b"ssh-ed25519", &signature]);
        let rest = texts(&[
            &self.blob(),
            namespace.as_bytes(),
            b"",
            b"sha512",
            &signature,
        ]);
        let blob = [&b"SSHSIG"[..], &1_u32.to_be_bytes(), &rest].concat();
        let body = BASE64.encode(&blob);
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(70)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
            lines.join("\n")
        )
    }
}

/// Texts with their lengths before them (RFC 4251 §5).
fn texts(parts: &[&[u8]]) -> Vec<u8> {
    let text = |part: &&[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat();
    parts.iter().flat_map(text).collect()
}
