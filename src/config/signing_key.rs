//! Public keys that people sign with, in the form of OpenSSH: `ssh-ed25519 AAAA… alice`.
//!
//! Only kinds whose signatures are accepted may be pinned: Ed25519, Ed25519 on a security key and
//! ECDSA over P-256. Keys are compared by their bytes; the comment behind them is for people. It
//! checks no signature.

use data_encoding::BASE64;

/// Kinds that may be pinned.
const KINDS: [&str; 3] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
];

/// Checks a public key and gives it back with single blanks; the error says what is wrong.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [kind, body, ..] = words[..] else {
        return Err(format!(
            "{text:?} is not an OpenSSH public key (the line in id_ed25519.pub)"
        ));
    };
    if !KINDS.contains(&kind) {
        return Err(format!("{kind:?} is none of: {}", KINDS.join(", ")));
    }
    let sound = BASE64
        .decode(body.as_bytes())
        .ok()
        .and_then(|blob| fields(&blob).map(|fields| is_key(kind, &fields)))
        .unwrap_or(false);
    if !sound {
        return Err(format!("{body:?} is not a whole {kind} key"));
    }
    Ok(words.join(" "))
}

/// What makes two keys the same: everything but the comment.
pub(super) fn without_comment(key: &str) -> &str {
    key.match_indices(' ')
        .nth(1)
        .map_or(key, |(end, _)| &key[..end])
}

/// Splits the bytes of a key into the strings of RFC 4251, section 5; `None` if they do not fit.
fn fields(mut blob: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut fields = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        fields.push(field.to_vec());
        blob = rest;
    }
    Some(fields)
}

/// Whether the strings are those of a key of this kind.
fn is_key(kind: &str, fields: &[Vec<u8>]) -> bool {
    let Some((first, rest)) = fields.split_first() else {
        return false;
    };
    let of_its_kind = match rest {
        [point] if kind == "ssh-ed25519" => is_ed25519(point),
        [point, application] if kind == "sk-ssh-ed25519@openssh.com" => {
            is_ed25519(point) && !application.is_empty()
        }
        [curve, point] if kind == "ecdsa-sha2-nistp256" => {
            curve == b"nistp256" && point.len() == 65 && point[0] == 4
        }
        _ => false,
    };
    first == kind.as_bytes() && of_its_kind
}

/// A point of the curve that is not one of the few for which anybody can sign.
fn is_ed25519(point: &[u8]) -> bool {
    <[u8; 32]>::try_from(point)
        .ok()
        .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok())
        .is_some_and(|key| !key.is_weak())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ALICE_KEY, PIOTR_KEY};
    use super::*;

    const SECURITY_KEY: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIFZGistp1H9f1jkm750rNg8pEEyUgcM8ktPmNKVQalKgAAAABHNzaDo=";
    const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBH+ygIlOFhOhdsge3E5RLzZZuIfTqL5M4Ap/HFNItrYqseDv+jicMePQjVZRiU7DvCzqOh3iwFuw+9eqhqK+1OA= p256";

    #[test]
    fn the_three_kinds_are_read() {
        for key in [ALICE_KEY, PIOTR_KEY, SECURITY_KEY, P256] {
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
