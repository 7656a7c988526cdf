//! The bot's note: what shows that a sealed file comes from the bot, and for which request it is.
//!
//! Anybody can seal anything to a public `age1…`, and whoever may write in an issue can edit the
//! bot's comments. So the machine block of a sealed comment names the recipient and the SHA-256 of
//! the sealed file, and its `signatures` cover everything else in it. Invariant: what is believed of
//! a block was signed by a key that the reader knew before, and belongs to the file that is opened.

use std::io::Read;

use age::armor::ArmoredReader;
use serde_json::{Map, Value, json};

use super::signing::{SigningKey, is_signed_by};
use crate::gate::ids::Hash;

/// What the bot signs it for.
pub const PURPOSE: &str = "ownergate/sealed/v1";
/// The member that holds the signatures; they cover everything beside it.
const SIGNATURES: &str = "signatures";
/// No block has more signatures: two keys are in force at most.
const MOST: usize = 8;

/// The keys that sign: the one in force and, while both hold, the one before it.
#[derive(Debug)]
pub struct BotKeys {
    /// In force.
    pub current: SigningKey,
    /// The one before.
    pub previous: Option<SigningKey>,
}

impl BotKeys {
    /// Those in force, newest first.
    pub fn all(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// Completes a machine block with the recipient, the file's hash and a signature of each key.
    /// `None` if the file is none.
    pub fn note(
        &self,
        mut block: Map<String, Value>,
        recipient: &str,
        sealed: &[u8],
    ) -> Option<Map<String, Value>> {
        block.remove(SIGNATURES);
        block.insert("recipient".to_owned(), Value::from(recipient));
        block.insert("sha256".to_owned(), Value::from(sum(sealed)?));
        let bytes = serde_json_canonicalizer::to_vec(&block).ok()?;
        let signatures: Vec<Value> = self
            .all()
            .map(|key| json!({ "key": key.public_hex(), "signature": key.sign(PURPOSE, &bytes) }))
            .collect();
        block.insert(SIGNATURES.to_owned(), Value::from(signatures));
        Some(block)
    }
}

/// Why the sender of a sealed file is not believed to be the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// No block, or one without signatures.
    #[error(
        "the bot's signed note is missing: give the whole comment as the forge's API has it, with its hidden last lines"
    )]
    Missing,
    /// More blocks than one.
    #[error("there are several machine blocks in this text: give the bot's one comment")]
    Several,
    /// Signed by other keys only.
    #[error(
        "the note is signed by another key than the bot's: do not use this file, and tell the owners"
    )]
    OtherKey,
    /// The signature does not cover what stands there.
    #[error(
        "the bot's note does not fit: the comment was changed after the bot had signed it; do not use this file, and tell the owners"
    )]
    Changed,
    /// A note of another file.
    #[error(
        "the bot's note is for another sealed file: this one was put in its place; do not use it, and tell the owners"
    )]
    OtherFile,
    /// A note for another recipient.
    #[error("the bot's note is for another recipient than this key's")]
    OtherRecipient,
}

/// SHA-256 of a sealed file in its binary form, 64 hex characters; armored and binary give the same.
/// `None` if it is no age file.
pub fn sum(sealed: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    ArmoredReader::new(sealed).read_to_end(&mut bytes).ok()?;
    bytes
        .starts_with(b"age-encryption.org/")
        .then(|| Hash::of(&bytes).to_string())
}

/// The members of the one machine block of a comment.
pub fn block_in(text: &str) -> Result<Map<String, Value>, NoteFault> {
    let mut blocks = text.lines().filter_map(|line| {
        let inner = line.trim().strip_prefix("<!-- ownergate.v1 ")?;
        inner.strip_suffix(" -->")
    });
    let block = blocks.next().ok_or(NoteFault::Missing)?;
    if blocks.next().is_some() {
        return Err(NoteFault::Several);
    }
    serde_json::from_str(block).map_err(|_| NoteFault::Missing)
}

/// Checks that a known key of the bot signed this block for this file and for one of these recipients.
pub fn check(
    block: &Map<String, Value>,
    sealed: &[u8],
    recipients: &[String],
    known: &[String],
) -> Result<(), NoteFault> {
    let mut block = block.clone();
    let Some(Value::Array(signatures)) = block.remove(SIGNATURES) else {
        return Err(NoteFault::Missing);
    };
    let bytes = serde_json_canonicalizer::to_vec(&block).map_err(|_| NoteFault::Missing)?;
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let by_known = signatures
        .iter()
        .take(MOST)
        .map(|one| (text(one, "key"), text(one, "signature")))
        .filter(|(key, _)| known.contains(key));
    let mut fault = NoteFault::OtherKey;
    for (key, signature) in by_known {
        if !is_signed_by(&key, PURPOSE, &bytes, &signature) {
            fault = NoteFault::Changed;
            continue;
        }
        let is = |name: &str, value: &str| block.get(name).and_then(Value::as_str) == Some(value);
        if !is("kind", "credential") || !sum(sealed).is_some_and(|sum| is("sha256", &sum)) {
            return Err(NoteFault::OtherFile);
        }
        return if recipients.iter().any(|one| is("recipient", one)) {
            Ok(())
        } else {
            Err(NoteFault::OtherRecipient)
        };
    }
    Err(fault)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;
    use crate::gate::ids::Slug;
    use crate::secret::file::SecretText;
    use crate::secret::seal::{generate_age_identity, seal};
    use crate::secret::token::{TokenPrefix, mint};

    fn key(seed: &str) -> SigningKey {
        SigningKey::parse(&SecretText::new(&seed.repeat(32))).unwrap()
    }

    fn block() -> Map<String, Value> {
        let block = json!({ "kind": "credential", "request": "R17", "credential": "c1", "seq": 7 });
        block.as_object().unwrap().clone()
    }

    /// A sealed file and whom it is for.
    fn sealed() -> (String, String) {
        let (_, recipient) = generate_age_identity();
        let slug = Slug::parse("codex-7f3a").unwrap();
        let token = mint(&TokenPrefix::parse("og").unwrap(), &slug).unwrap();
        (seal(&recipient, &token).unwrap(), recipient.to_string())
    }

    #[test]
    fn a_note_fits_its_file_its_recipient_and_its_keys() {
        let (file, recipient) = sealed();
        let keys = BotKeys {
            current: key("11"),
            previous: Some(key("22")),
        };
        let note = keys.note(block(), &recipient, file.as_bytes()).unwrap();
        let (current, previous, other) = (
            key("11").public_hex(),
            key("22").public_hex(),
            key("33").public_hex(),
        );
        let judged = |file: &str, recipient: &str, known: &[&String]| {
            let known: Vec<String> = known.iter().map(|key| (*key).clone()).collect();
            check(&note, file.as_bytes(), &[recipient.to_owned()], &known)
        };
        // Either of the two keys does, while both hold.
        for known in [[&current, &other], [&other, &previous]] {
            assert_eq!(judged(&file, &recipient, &known), Ok(()));
        }
        let known = [&current];
        let (another, elsewhere) = sealed();
        assert_eq!(
            judged(&file, &recipient, &[&other]),
            Err(NoteFault::OtherKey)
        );
        assert_eq!(judged(&file, &recipient, &[]), Err(NoteFault::OtherKey));
        assert_eq!(
            judged(&another, &recipient, &known),
            Err(NoteFault::OtherFile)
        );
        assert_eq!(
            judged("no file", &recipient, &known),
            Err(NoteFault::OtherFile)
        );
        assert_eq!(
            judged(&file, &elsewhere, &known),
            Err(NoteFault::OtherRecipient)
        );
        // The hash is that of the bytes, however they are written down.
        let mut binary = Vec::new();
        ArmoredReader::new(file.as_bytes())
            .read_to_end(&mut binary)
            .unwrap();
        assert_eq!(sum(&binary), sum(file.as_bytes()));
        assert!(check(&note, &binary, &[recipient], &[current]).is_ok());
    }

    #[test]
    fn every_member_of_the_block_is_covered() {
        let (file, recipient) = sealed();
        let keys = BotKeys {
            current: key("11"),
            previous: None,
        };
        let note = keys.note(block(), &recipient, file.as_bytes()).unwrap();
        let known = [key("11").public_hex()];
        let judged = |note: &Map<String, Value>| {
            check(
                note,
                file.as_bytes(),
                std::slice::from_ref(&recipient),
                &known,
            )
        };
        assert_eq!(judged(&note), Ok(()));
        for name in note.keys().filter(|name| *name != SIGNATURES) {
            let mut changed = note.clone();
            changed[name] = Value::from("x");
            assert_eq!(judged(&changed), Err(NoteFault::Changed), "{name}");
            changed.remove(name);
            assert_eq!(judged(&changed), Err(NoteFault::Changed), "{name}");
        }
        let mut more = note.clone();
        more.insert("note".to_owned(), Value::from("trust me"));
        assert_eq!(judged(&more), Err(NoteFault::Changed));
        let mut bare = note.clone();
        bare.remove(SIGNATURES);
        assert_eq!(judged(&bare), Err(NoteFault::Missing));
        // A signature of the right key for something else does not count.
        let signed = serde_json_canonicalizer::to_vec(&bare).unwrap();
        let elsewhere = key("11").sign("ownergate/request/v1", &signed);
        bare.insert(
            SIGNATURES.to_owned(),
            json!([{ "key": known[0], "signature": elsewhere }]),
        );
        assert_eq!(judged(&bare), Err(NoteFault::Changed));
        // Nor a note of another kind.
        let mut other = block();
        other["kind"] = Value::from("notice");
        let other = keys.note(other, &recipient, file.as_bytes()).unwrap();
        assert_eq!(judged(&other), Err(NoteFault::OtherFile));
    }

    #[test]
    fn one_block_is_found_in_a_comment_and_two_are_none() {
        let line = "<!-- ownergate.v1 {\"kind\":\"notice\"} -->";
        assert_eq!(
            block_in(&format!("**x**\r\n\r\n{line}\r\n")).unwrap()["kind"],
            "notice"
        );
        assert_eq!(block_in("**x**"), Err(NoteFault::Missing));
        assert_eq!(block_in(&line.replace('}', "")), Err(NoteFault::Missing));
        assert_eq!(
            block_in(&format!("{line}\n{line}")),
            Err(NoteFault::Several)
        );
    }
}
