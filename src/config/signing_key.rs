//! Public keys that people sign with, in the form of OpenSSH: `ssh-ed25519 AAAA… alice`.
//!
//! Only kinds whose signatures are accepted may be pinned: Ed25519 and ECDSA over P-256, each plain
//! or on a security key. Keys are compared by their bytes; the comment behind them is for people.
//! It checks no signature.

use crate::secret::sshkey::{KeyFault, Kind, PublicKey};

/// Checks a public key and gives it back with single blanks; the error says what is wrong.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [kind, body, ..] = words[..] else {
        return Err(format!(
            "{text:?} is not an OpenSSH public key (the line in id_ed25519.pub)"
        ));
    };
    match PublicKey::parse(text) {
        Ok(_) => Ok(words.join(" ")),
        Err(KeyFault::Kind(_)) => Err(format!("{kind:?} is none of: {}", Kind::NAMES.join(", "))),
        Err(KeyFault::Broken) => Err(format!("{body:?} is not a whole {kind} key")),
    }
}

/// What makes two keys the same: everything but the comment.
pub(super) fn without_comment(key: &str) -> &str {
    key.match_indices(' ')
        .nth(1)
        .map_or(key, |(end, _)| &key[..end])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ALICE_KEY, PIOTR_KEY};
    use super::*;

    const SECURITY_KEY: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIFZGistp1H9f1jkm750rNg8pEEyUgcM8ktPmNKVQalKgAAAABHNzaDo=";
    const SECURITY_KEY_P256: &str = "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBH+ygIlOFhOhdsge3E5RLzZZuIfTqL5M4Ap/HFNItrYqseDv+jicMePQjVZRiU7DvCzqOh3iwFuw+9eqhqK+1OAAAAAEc3NoOg==";
    const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBH+ygIlOFhOhdsge3E5RLzZZuIfTqL5M4Ap/HFNItrYqseDv+jicMePQjVZRiU7DvCzqOh3iwFuw+9eqhqK+1OA= p256";

    #[test]
    fn the_four_kinds_are_read() {
        for key in [ALICE_KEY, PIOTR_KEY, SECURITY_KEY, P256, SECURITY_KEY_P256] {
            assert_eq!(parse(key).as_deref(), Ok(key));
        }
        let wide = ALICE_KEY.replace(' ', " \t ");
        assert_eq!(parse(&wide).as_deref(), Ok(ALICE_KEY));
    }

    #[test]
    fn a_key_is_the_same_whatever_its_comment() {
        let bare = ALICE_KEY.trim_end_matches(" alice");
        assert_eq!(without_comment(ALICE_KEY), bare);
        assert_eq!(without_comment(bare), bare);
        assert_eq!(without_comment(&format!("{bare} at her desk")), bare);
    }

    #[test]
    fn what_cannot_be_verified_is_not_pinned() {
        let weak =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let truncated = &ALICE_KEY[..60];
        let other_kind = ALICE_KEY.replace("ssh-ed25519", "sk-ssh-ed25519@openssh.com");
        let unpadded = SECURITY_KEY.trim_end_matches('=');
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=",
            "ssh-ed25519 AAAA… alice",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            weak,
            truncated,
            &other_kind,
            unpadded,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
