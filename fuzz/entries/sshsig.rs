//! Any text as an armored signature: checking it never panics, and it counts for nothing but the
//! pinned key, the namespace and the message that were signed.

use ownergate::secret::sshsig::verify;

const NAMESPACE: &str = "ownergate-approve";
const MESSAGE: &[u8] = include_bytes!("../../src/secret/sshsig/fixtures/message.txt");
const PINNED: [&str; 2] = [
    include_str!("../../src/secret/sshsig/fixtures/ed25519.pub"),
    include_str!("../../src/secret/sshsig/fixtures/p256.pub"),
];

/// Checks it, and against everything else.
pub(crate) fn run(data: &[u8]) {
    let armor = String::from_utf8_lossy(data);
    let _ = verify(&armor, NAMESPACE, MESSAGE, PINNED);
    assert!(verify(&armor, NAMESPACE, MESSAGE, []).is_err());
    assert!(verify(&armor, NAMESPACE, b"another message", PINNED).is_err());
    assert!(verify(&armor, "another namespace", MESSAGE, PINNED).is_err());
    // A key or a message may be foreign text, too.
    let _ = verify(&armor, NAMESPACE, data, [armor.as_ref()]);
}
