//! What is left of an age file or a key file after a clipboard, an editor or a mail program had it.
//!
//! Invariant: only what cannot change the meaning is repaired (line ends, blanks around lines, quote
//! marks, the comment around the file); where the lines themselves are lost the text is refused with
//! what to do, because a guess would hide that something was cut. Nothing here decrypts.

use zeroize::Zeroizing;

use super::seal::AgeIdentity;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const BINARY: &[u8] = b"age-encryption.org/v1\n";
const SECRET_KEY: &str = "AGE-SECRET-KEY-1";

/// Why no sealed file is found in a text: each says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedTextFault {
    /// Nothing was given.
    #[error("nothing to open: pipe the bot's comment, or the age file, into this command")]
    Empty,
    /// Two bytes a character, as some shells write into files and pipes.
    #[error("the sealed text is UTF-16: save it as UTF-8 and try again")]
    Utf16,
    /// Neither text nor a binary age file.
    #[error("the sealed text is not UTF-8: save it as UTF-8 and try again")]
    NotText,
    /// No begin line.
    #[error(
        "there is no sealed file in this text: copy the bot's whole comment, or the lines from \
         BEGIN AGE ENCRYPTED FILE to END AGE ENCRYPTED FILE"
    )]
    Missing,
    /// A begin line without an end line.
    #[error("the sealed file is cut: copy it again, down to the line END AGE ENCRYPTED FILE")]
    Cut,
    /// The line breaks are gone.
    #[error("the lines of the sealed file were joined: copy it again with its line breaks")]
    Joined,
    /// More than one file.
    #[error("there are several sealed files in this text: copy the one that you want to open")]
    Several,
}

/// Finds the one age file in a text (or takes a binary one as it is) and gives it in its plain form.
pub fn sealed_file_in(bytes: &[u8]) -> Result<Vec<u8>, SealedTextFault> {
    if bytes.starts_with(BINARY) {
        return Ok(bytes.to_vec());
    }
    if is_utf16(bytes) {
        return Err(SealedTextFault::Utf16);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| SealedTextFault::NotText)?;
    if text.trim().is_empty() {
        return Err(SealedTextFault::Empty);
    }
    let mut found: Option<String> = None;
    let mut lines = plain_lines(text);
    while let Some(line) = lines.next() {
        if line != BEGIN {
            continue;
        }
        if found.is_some() {
            return Err(SealedTextFault::Several);
        }
        found = Some(armor_up_to_end(&mut lines)?);
    }
    match found {
        Some(armor) => Ok(armor.into_bytes()),
        None if text.contains(BEGIN) => Err(SealedTextFault::Joined),
        None => Err(SealedTextFault::Missing),
    }
}

/// The lines after the begin line up to the end line, with the two of them. Empty ones are what is
/// left of doubled line ends.
fn armor_up_to_end<'text>(
    lines: &mut impl Iterator<Item = &'text str>,
) -> Result<String, SealedTextFault> {
    let mut armor = format!("{BEGIN}\n");
    for line in lines {
        if line.is_empty() {
            continue;
        }
        armor.push_str(line);
        armor.push('\n');
        if line == END {
            return Ok(armor);
        }
    }
    Err(SealedTextFault::Cut)
}

/// Why a text holds no usable age key: each says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextFault {
    /// Two bytes a character.
    #[error("the identity file is UTF-16: save it as UTF-8 and try again")]
    Utf16,
    /// Bytes that are no text.
    #[error("the identity file is not UTF-8 text")]
    NotText,
    /// Itself sealed with a passphrase.
    #[error("the identity file is sealed itself: open it with `age -d` first")]
    Sealed,
    /// An SSH key.
    #[error("the identity file is an SSH key: make an age key with `ownergate keygen age`")]
    Ssh,
    /// A key for a plugin or of the post-quantum kind.
    #[error(
        "the identity file holds a key of a plugin or of the post-quantum kind: only plain \
         {SECRET_KEY}… keys are supported"
    )]
    OtherKind,
    /// The line breaks are gone.
    #[error(
        "the lines of the identity file were joined: put the {SECRET_KEY}… on a line of its own"
    )]
    Joined,
    /// A line that is no key.
    #[error("a line of the identity file is damaged: copy it again, the {SECRET_KEY}… whole")]
    Damaged,
    /// Only comments and empty lines.
    #[error("there is no key in the identity file: it needs a line {SECRET_KEY}…")]
    Missing,
}

/// Reads the keys of an age identity file.
pub fn age_keys_in(bytes: &[u8]) -> Result<Vec<AgeIdentity>, KeyTextFault> {
    if is_utf16(bytes) {
        return Err(KeyTextFault::Utf16);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| KeyTextFault::NotText)?;
    let mut keys = Vec::new();
    for line in plain_lines(text) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match AgeIdentity::parse(line) {
            Some(key) => keys.push(key),
            None => return Err(fault_of_key_line(line)),
        }
    }
    if !keys.is_empty() {
        return Ok(keys);
    }
    Err(if text.contains(SECRET_KEY) {
        KeyTextFault::Joined
    } else {
        KeyTextFault::Missing
    })
}

/// Names what stands where a key is expected.
fn fault_of_key_line(line: &str) -> KeyTextFault {
    let upper = Zeroizing::new(line.to_ascii_uppercase());
    if line.starts_with(BEGIN) || line.starts_with("age-encryption.org/") {
        KeyTextFault::Sealed
    } else if line.starts_with("-----BEGIN ") {
        KeyTextFault::Ssh
    } else if upper.starts_with("AGE-PLUGIN-") || upper.starts_with("AGE-SECRET-KEY-PQ-") {
        KeyTextFault::OtherKind
    } else if line.contains(SECRET_KEY) && line.contains(char::is_whitespace) {
        KeyTextFault::Joined
    } else {
        KeyTextFault::Damaged
    }
}

/// The lines without what programs add around them: CR, blanks, quote marks, a byte order mark.
fn plain_lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let around = |character: char| character.is_whitespace() || character == '>';
    text.split(['\n', '\r'])
        .map(move |line| line.trim_start_matches(around).trim_end())
}

/// UTF-16 shows by its mark, or by the zero bytes of its ASCII half: armor and keys have none.
fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") || bytes.contains(&0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    const ARMOR: &str =
        "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n";
    const KEY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

    fn utf16(text: &str) -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xFF, 0xFE].into_iter().chain(units).collect()
    }

    #[test]
    fn what_does_not_change_the_file_is_repaired() {
        let indented: String = ARMOR
            .lines()
            .map(|line| format!("    {line}  \t\n"))
            .collect();
        let quoted: String = ARMOR.lines().map(|line| format!("> {line}\n")).collect();
        let comment = format!(
            "**R17 approved by alice**\n<details><summary>sealed file</summary>\n\n```\n{ARMOR}```\n\
             </details>\n<!-- ownergate.v1 {{\"kind\": \"credential\"}} -->\n"
        );
        for text in [
            ARMOR.to_owned(),
            ARMOR.trim_end().to_owned(),
            ARMOR.replace('\n', "\r\n"),
            ARMOR.replace('\n', "\r"),
            ARMOR.replace('\n', "\n\n"),
            format!("\u{feff}{ARMOR}"),
            indented,
            quoted,
            comment.replace('\n', "\r\n"),
            comment,
        ] {
            assert_eq!(
                sealed_file_in(text.as_bytes()).unwrap(),
                ARMOR.as_bytes(),
                "{text}"
            );
        }
        let binary = b"age-encryption.org/v1\n\0\xFF";
        assert_eq!(sealed_file_in(binary).unwrap(), binary);
    }

    #[test]
    fn what_is_lost_is_said() {
        use SealedTextFault as Fault;
        let cases: [(Vec<u8>, Fault); 9] = [
            (ARMOR.replace('\n', " ").into_bytes(), Fault::Joined),
            (ARMOR.replace('\n', "").into_bytes(), Fault::Joined),
            (utf16(ARMOR), Fault::Utf16),
            (utf16(ARMOR)[2..].to_vec(), Fault::Utf16),
            (b"\xFF\xFF".to_vec(), Fault::NotText),
            (b" \r\n".to_vec(), Fault::Empty),
            (b"**R17 approved by alice**".to_vec(), Fault::Missing),
            (ARMOR.replace("-----END", "").into_bytes(), Fault::Cut),
            (ARMOR.repeat(2).into_bytes(), Fault::Several),
        ];
        for (bytes, fault) in cases {
            assert_eq!(sealed_file_in(&bytes).unwrap_err(), fault);
        }
    }

    #[test]
    fn a_key_file_may_have_any_line_ends_and_comments() {
        for text in [
            KEY.to_owned(),
            format!("# created: 2026-11-24\r\n# public key: age1…\r\n{KEY}\r\n"),
            format!("\n    {KEY}  \n{KEY}\n"),
            format!("\u{feff}{KEY}\n"),
        ] {
            let keys = age_keys_in(text.as_bytes()).unwrap();
            assert_eq!(keys.len(), text.matches(KEY).count(), "{text}");
        }
    }

    #[test]
    fn a_key_file_that_cannot_be_used_is_refused_by_name() {
        use KeyTextFault as Fault;
        let file = format!("# public key: age1…\n{KEY}\n");
        let cases: [(Vec<u8>, Fault); 10] = [
            (file.replace('\n', " ").into_bytes(), Fault::Joined),
            (format!("{KEY} {KEY}").into_bytes(), Fault::Joined),
            (utf16(&file), Fault::Utf16),
            (b"\xFF\xFF".to_vec(), Fault::NotText),
            (b"# public key: age1\n".to_vec(), Fault::Missing),
            (KEY.as_bytes()[..70].to_vec(), Fault::Damaged),
            (b"AGE-SECRET-KEY-PQ-1QQQQ".to_vec(), Fault::OtherKind),
            (b"AGE-PLUGIN-YUBIKEY-1QQQQ".to_vec(), Fault::OtherKind),
            (b"-----BEGIN OPENSSH PRIVATE KEY-----".to_vec(), Fault::Ssh),
            (ARMOR.as_bytes().to_vec(), Fault::Sealed),
        ];
        for (bytes, fault) in cases {
            assert_eq!(age_keys_in(&bytes).unwrap_err(), fault);
        }
    }
}
