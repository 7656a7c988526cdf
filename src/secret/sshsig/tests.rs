//! Signatures that `ssh-keygen -Y sign` of OpenSSH 9.2 made, and signatures of security keys that
//! are made here, because such a key cannot be had in a test.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use data_encoding::BASE64;
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::Signer as _;
use proptest::prelude::*;

use super::*;

const NAMESPACE: &str = "ownergate-approve";
const MESSAGE: &[u8] = include_bytes!("fixtures/message.txt");
const ED25519_KEY: &str = include_str!("fixtures/ed25519.pub");
const ED25519: &str = include_str!("fixtures/ed25519.sig");
const P256_KEY: &str = include_str!("fixtures/p256.pub");
const P256: &str = include_str!("fixtures/p256.sig");

/// Checks against both keys.
fn check(armor: &str) -> Result<Signed, SignatureFault> {
    verify(armor, NAMESPACE, MESSAGE, [P256_KEY, ED25519_KEY])
}

fn fingerprint(line: &str) -> String {
    PublicKey::parse(line).unwrap().fingerprint()
}

/// A signature of a key that was not touched tells of no touch.
fn plain(line: &str) -> Signed {
    Signed {
        fingerprint: fingerprint(line),
        touch: None,
    }
}

#[test]
fn what_ssh_keygen_signs_counts() {
    assert_eq!(check(ED25519), Ok(plain(ED25519_KEY)));
    assert_eq!(check(P256), Ok(plain(P256_KEY)));
    let sha256 = include_str!("fixtures/ed25519-sha256.sig");
    assert_eq!(check(sha256), Ok(plain(ED25519_KEY)));
}

#[test]
fn what_pasting_does_to_an_armor_is_harmless() {
    for armor in [ED25519, P256] {
        let crlf = armor.replace('\n', "\r\n");
        let blanks = armor.replace('\n', " \t \n");
        let around = format!("\n \n{armor}\n\n");
        for pasted in [&crlf, &blanks, &around, armor.trim_end()] {
            assert_eq!(check(pasted), check(armor), "{pasted:?}");
            assert!(check(pasted).is_ok());
        }
    }
}

#[test]
fn what_is_no_single_armor_is_refused_by_its_fault() {
    let indented = format!(" {}", ED25519.replace('\n', "\n "));
    let one_line = ED25519.replacen('\n', "\n\t", 1);
    let twice = format!("{ED25519}{ED25519}");
    let mixed = format!("{ED25519}{P256}");
    let headless = ED25519.split_once('\n').unwrap().1;
    let told = format!("my signature:\n{ED25519}");
    let told_behind = format!("{ED25519}thanks\n");
    let key = ED25519.replace("SIGNATURE", "PRIVATE KEY");
    for (text, fault) in [
        (indented.as_str(), SignatureFault::Indented),
        (&one_line, SignatureFault::Indented),
        (&twice, SignatureFault::Several),
        (&mixed, SignatureFault::Several),
        ("", SignatureFault::NotArmored),
        ("\n\n", SignatureFault::NotArmored),
        (BEGIN, SignatureFault::NotArmored),
        (headless, SignatureFault::NotArmored),
        (&told, SignatureFault::NotArmored),
        (&told_behind, SignatureFault::NotArmored),
        (&key, SignatureFault::NotArmored),
    ] {
        assert_eq!(check(text), Err(fault), "{text:?}");
    }
    let padding = "\n".repeat(LONGEST_ARMOR - ED25519.len());
    assert!(check(&format!("{ED25519}{padding}")).is_ok());
    let larger = format!("{ED25519}{padding}\n");
    assert_eq!(check(&larger), Err(SignatureFault::TooLarge));
}

#[test]
fn a_cut_or_mistyped_armor_is_damaged() {
    let lines: Vec<&str> = ED25519.lines().collect();
    let without = |gone: usize| {
        let mut lines = lines.clone();
        lines.remove(gone);
        lines.join("\n")
    };
    let cut = without(lines.len() - 2);
    let empty = format!("{BEGIN}\n{END}");
    let hole = ED25519.replacen("AAAA", "AA\u{200b}AA", 1);
    for bad in [&cut, &without(1), &empty, &hole] {
        assert_eq!(check(bad), Err(SignatureFault::Damaged), "{bad}");
    }
    assert_eq!(
        check(&without(lines.len() - 1)),
        Err(SignatureFault::NotArmored)
    );
    let blob = unarmored(ED25519).unwrap();
    for end in 0..blob.len() {
        assert_eq!(check(&armored(&blob[..end])), Err(SignatureFault::Damaged));
    }
    let more = [&blob[..], b"\0"].concat();
    assert_eq!(check(&armored(&more)), Err(SignatureFault::Damaged));
}

#[test]
fn a_signature_for_another_purpose_says_which() {
    for (armor, found) in [
        (include_str!("fixtures/ed25519-git.sig"), "git"),
        (include_str!("fixtures/p256-file.sig"), "file"),
    ] {
        let fault = check(armor).unwrap_err();
        let expected = NAMESPACE.to_owned();
        let found = found.to_owned();
        assert_eq!(fault, SignatureFault::Namespace { found, expected });
    }
    let fault = verify(ED25519, "ownergate-request", MESSAGE, [ED25519_KEY]).unwrap_err();
    let said = "signed for another purpose: the namespace is `ownergate-approve`, not \
                `ownergate-request`";
    assert_eq!(fault.to_string(), said);
}

#[test]
fn other_kinds_of_keys_are_refused_by_their_name() {
    for (armor, kind) in [
        (include_str!("fixtures/rsa.sig"), "ssh-rsa"),
        (include_str!("fixtures/p384.sig"), "ecdsa-sha2-nistp384"),
    ] {
        let fault = check(armor).unwrap_err();
        assert_eq!(fault, SignatureFault::Kind(kind.to_owned()));
        let said = fault.to_string();
        assert!(
            said.starts_with(&format!("{kind} keys are not accepted")),
            "{said}"
        );
    }
}

#[test]
fn a_key_of_somebody_else_is_not_pinned() {
    let fault = verify(ED25519, NAMESPACE, MESSAGE, [P256_KEY]).unwrap_err();
    assert_eq!(fault, SignatureFault::NotPinned(fingerprint(ED25519_KEY)));
    let nobody = verify(ED25519, NAMESPACE, MESSAGE, []);
    assert_eq!(nobody, Err(fault.clone()));
    let unreadable = verify(ED25519, NAMESPACE, MESSAGE, ["", "ssh-ed25519 AAAA"]);
    assert_eq!(unreadable, Err(fault));
}

#[test]
fn other_line_ends_are_told_apart_from_other_texts() {
    let crlf = include_str!("fixtures/ed25519-crlf.sig");
    assert_eq!(check(crlf), Err(SignatureFault::LineEnds));
    assert_eq!(
        check(include_str!("fixtures/p256-bare.sig")),
        Err(SignatureFault::LineEnds)
    );
    // The bot's text is the one without an end here, and the signed one has one.
    let bare = MESSAGE.strip_suffix(b"\n").unwrap();
    let longer = verify(ED25519, NAMESPACE, bare, [ED25519_KEY]);
    assert_eq!(longer, Err(SignatureFault::LineEnds));
    let other = String::from_utf8_lossy(MESSAGE).replace("approver=2", "approver=3");
    let broken = verify(ED25519, NAMESPACE, other.as_bytes(), [ED25519_KEY]);
    assert_eq!(broken, Err(SignatureFault::Broken));
}

#[test]
fn every_byte_of_a_signature_is_looked_at() {
    // Checking P-256 is slow without optimization: every seventh byte of it meets every field.
    for (armor, step) in [(ED25519, 1), (P256, 7)] {
        let blob = unarmored(armor).unwrap();
        for place in (0..blob.len()).step_by(step) {
            let mut changed = blob.clone();
            changed[place] ^= 1;
            assert!(check(&armored(&changed)).is_err(), "byte {place}");
        }
    }
}

/// A security key made of software.
enum SoftKey {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl SoftKey {
    fn both() -> [Self; 2] {
        let p256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        [Self::Ed25519(ed25519), Self::P256(p256)]
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Ed25519(_) => Kind::SecurityKeyEd25519,
            Self::P256(_) => Kind::SecurityKeyP256,
        }
    }

    fn blob(&self) -> Vec<u8> {
        let name = self.kind().name().as_bytes();
        match self {
            Self::Ed25519(key) => texts(&[name, key.verifying_key().as_bytes(), b"ssh:"]),
            Self::P256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                texts(&[name, b"nistp256", point.as_bytes(), b"ssh:"])
            }
        }
    }

    fn line(&self) -> String {
        format!(
            "{} {} soft",
            self.kind().name(),
            BASE64.encode(&self.blob())
        )
    }

    /// Signs as the key would: what is flagged is signed, and what is told may differ.
    fn armor(&self, flags: u8, counter: u32, told: (u8, u32)) -> String {
        let preimage = [
            MAGIC,
            &texts(&[
                NAMESPACE.as_bytes(),
                b"",
                b"sha512",
                &Sha512::digest(MESSAGE),
            ]),
        ]
        .concat();
        let signed = [
            &Sha256::digest(b"ssh:")[..],
            &[flags],
            &counter.to_be_bytes(),
            &Sha256::digest(preimage),
        ]
        .concat();
        let bytes = match self {
            Self::Ed25519(key) => key.sign(&signed).to_bytes().to_vec(),
            Self::P256(key) => {
                let signature: P256Signature = key.sign(&signed);
                let (r, s) = signature.split_bytes();
                texts(&[&mpint(&r), &mpint(&s)])
            }
        };
        let (flags, counter) = told;
        let signature = [
            &texts(&[self.kind().name().as_bytes(), &bytes]),
            &[flags][..],
            &counter.to_be_bytes(),
        ]
        .concat();
        let parts = [
            &self.blob(),
            NAMESPACE.as_bytes(),
            b"",
            b"sha512",
            &signature,
        ];
        armored(&[MAGIC, &1_u32.to_be_bytes(), &texts(&parts)].concat())
    }

    fn check(&self, flags: u8, counter: u32) -> Result<Signed, SignatureFault> {
        let armor = self.armor(flags, counter, (flags, counter));
        verify(&armor, NAMESPACE, MESSAGE, [self.line().as_str()])
    }
}

fn texts(parts: &[&[u8]]) -> Vec<u8> {
    let text = |part: &&[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat();
    parts.iter().flat_map(text).collect()
}

/// A number as RFC 4251 §5 writes it.
fn mpint(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap();
    let digits = &number[start..];
    let lead: &[u8] = if digits[0] & 0x80 != 0 { &[0] } else { &[] };
    [lead, digits].concat()
}

fn armored(blob: &[u8]) -> String {
    let body = BASE64.encode(blob);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(70)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
}

#[test]
fn a_touched_security_key_counts_and_tells_its_counter() {
    for key in SoftKey::both() {
        for (flags, counter, pin) in [(1, 0, false), (1, 7, false), (5, u32::MAX, true)] {
            let signed = key.check(flags, counter).unwrap();
            assert_eq!(signed.fingerprint, fingerprint(&key.line()));
            assert_eq!(signed.touch, Some(Touch { counter, pin }));
        }
    }
}

#[test]
fn a_counter_that_is_not_always_zero_only_grows() {
    let touch = |counter| Touch {
        counter,
        pin: false,
    };
    for (last, counter, follows) in [
        (None, 0, true),
        (None, 7, true),
        (Some(0), 0, true),
        (Some(0), 1, true),
        (Some(7), 8, true),
        (Some(7), 7, false),
        (Some(7), 6, false),
        (Some(7), 0, false),
        (Some(u32::MAX), u32::MAX, false),
    ] {
        assert_eq!(touch(counter).follows(last), follows, "{last:?} {counter}");
    }
}

#[test]
fn a_security_key_that_nobody_touched_does_not_count() {
    for key in SoftKey::both() {
        for flags in [0, 4] {
            assert_eq!(key.check(flags, 1), Err(SignatureFault::NotTouched));
        }
    }
}

#[test]
fn a_touch_or_a_counter_that_was_not_signed_does_not_count() {
    for key in SoftKey::both() {
        for told in [(1, 1), (0, 2), (5, 1)] {
            let armor = key.armor(0, 1, told);
            let checked = verify(&armor, NAMESPACE, MESSAGE, [key.line().as_str()]);
            assert_eq!(checked, Err(SignatureFault::Broken), "{told:?}");
        }
    }
}

#[test]
fn a_plain_key_with_the_same_point_is_another_key() {
    let [SoftKey::Ed25519(key), _] = SoftKey::both() else {
        unreachable!("the first one is of Ed25519");
    };
    let blob = texts(&[b"ssh-ed25519", key.verifying_key().as_bytes()]);
    let line = format!("ssh-ed25519 {}", BASE64.encode(&blob));
    let armor = SoftKey::Ed25519(key).armor(1, 1, (1, 1));
    let fault = verify(&armor, NAMESPACE, MESSAGE, [line.as_str()]).unwrap_err();
    assert!(matches!(fault, SignatureFault::NotPinned(_)), "{fault}");
}

#[test]
fn numbers_of_an_ecdsa_signature_have_their_one_form() {
    let both = |r: &[u8], s: &[u8]| two_numbers(&texts(&[r, s]));
    let mut expected = [0; 64];
    expected[31] = 1;
    expected[63] = 0x80;
    assert_eq!(both(&[1], &[0, 0x80]), Some(expected));
    assert_eq!(both(&[1], &[0x80]), None, "a negative number");
    assert_eq!(both(&[1; 33], &[1]), None, "a number of 33 bytes");
    assert_eq!(
        both(&[&[0], &[0x81; 32][..]].concat(), &[1]).map(|b| b[0]),
        Some(0x81)
    );
    assert_eq!(two_numbers(&texts(&[&[1], &[1], &[1]])), None);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), cut in 0_usize..400) {
        let _ = check(&text);
        let _ = check(&format!("{BEGIN}\n{text}\n{END}"));
        let _ = check(ED25519.get(..cut).unwrap_or(""));
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        place in 0_usize..300,
        byte in any::<u8>(),
    ) {
        prop_assert!(check(&armored(&bytes)).is_err());
        prop_assert!(check(&armored(&[MAGIC, &[0, 0, 0, 1], &bytes].concat())).is_err());
        let mut blob = unarmored(ED25519).unwrap();
        if let Some(there) = blob.get_mut(place) {
            *there = byte;
        }
        let _ = check(&armored(&blob));
    }
}
