//! Any bytes as a signed delivery: reading them never panics, and no other bytes have its signature.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use ownergate::forgejo::payload::parse;
use ownergate::forgejo::signature::{HookSecrets, Signatures, verify};
use sha2::Sha256;

const SECRET: &str = "a secret of a hook, 32 bytes or more";

/// Signs it as the forge does, and reads it.
pub(crate) fn run(data: &[u8]) {
    let secrets = HookSecrets::new(SECRET.into(), None).expect("it is long enough");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length does");
    mac.update(data);
    let signature = hex::encode(mac.finalize().into_bytes());
    let values: [&[u8]; 1] = [signature.as_bytes()];
    let signatures = Signatures {
        forgejo: &values,
        gitea: &[],
    };
    let mut other = data.to_vec();
    other.push(b' ');
    assert!(verify(&secrets, signatures, Bytes::from(other)).is_err());
    let signed = verify(&secrets, signatures, Bytes::copy_from_slice(data));
    let _ = parse(&signed.expect("it is signed"));
}
