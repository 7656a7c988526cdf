//! The form of a journal line and of a segment's header, and the chain that ties them.
//!
//! A line is JSON in a fixed field order, without a space. The hash of a line is the SHA-256 of its
//! bytes as written, without the newline; `prev` is the hash of the commit before (64 zeros for the
//! first), across segments: headers are not links of the chain, they repeat its hash. Every line ends
//! with `check`, the first 16 hex characters of the SHA-256 of everything before `,"check"`, so that a
//! flipped byte shows in the line itself, also in the last one, which no other line names yet.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::gate::key::Change;

/// The newest format of lines and headers that this program reads and writes. It reads every format from
/// 1 on, and writes that of the newest segment until `ownergate upgrade` opens one of a newer format.
pub const FORMAT: u32 = 1;

/// A SHA-256.
pub(super) type Digest32 = [u8; 32];

/// What stands where there is no line before.
pub(super) const NOTHING_BEFORE: Digest32 = [0; 32];

/// Length of `,"check":"0123456789abcdef"}`.
const CHECK_LENGTH: usize = 28;

/// SHA-256 of some bytes.
pub(super) fn sha256(bytes: &[u8]) -> Digest32 {
    Sha256::digest(bytes).into()
}

/// One commit, as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The line's format.
    pub v: u32,
    /// Its number; the first is 1.
    pub seq: u64,
    /// The number of the first line of its batch.
    pub batch: u64,
    /// When it was decided, never before the line before.
    pub time: Timestamp,
    /// The hash of the line before, hex.
    pub prev: String,
    /// 16 random bytes, hex, so that the hash of a line cannot be guessed.
    pub salt: String,
    /// The hash of the policy in force.
    pub policy: String,
    /// The event and the evidence that was counted.
    pub cause: Value,
    /// The records written, whole.
    pub changes: Vec<Change>,
    /// What happened, in people's words and with ids.
    pub entries: Vec<Value>,
    /// Work for the outside.
    pub effects: Vec<Value>,
}

impl Line {
    /// The bytes that are written, without the newline.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self).map(seal)
    }

    /// Reads a line that its `check` has proved whole; the error says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        if !is_whole(bytes) {
            return Err("its check does not fit its bytes".to_owned());
        }
        serde_json::from_slice(bytes).map_err(|error| format!("it is not a commit: {error}"))
    }
}

/// The first line of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format of the segment's lines.
    pub format: u32,
    /// Whose journal it is: SHA-256 of the first public signing key, hex.
    pub installation: String,
    /// The number of the segment's first commit.
    pub first: u64,
    /// The hash of the commit before, hex.
    pub prev: String,
}

impl Header {
    /// The bytes that are written, without the newline.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self).map(seal)
    }

    /// Reads a header that its `check` has proved whole; the error says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        if !is_whole(bytes) {
            return Err("the segment's header is damaged".to_owned());
        }
        serde_json::from_slice(bytes).map_err(|error| format!("it is not a header: {error}"))
    }
}

/// What the chain needs of a line; read without looking at the rest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) v: u32,
    pub(super) seq: u64,
    pub(super) batch: u64,
    pub(super) time: Timestamp,
    pub(super) prev: Digest32,
}

impl Link {
    /// Reads the first five fields, in exactly the form in which they are written.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"v\":")?;
        let (v, rest) = number(rest)?;
        let (seq, rest) = number(rest.strip_prefix(b",\"seq\":")?)?;
        let (batch, rest) = number(rest.strip_prefix(b",\"batch\":")?)?;
        let rest = rest.strip_prefix(b",\"time\":\"")?;
        let end = rest.iter().take(40).position(|byte| *byte == b'"')?;
        let (time, rest) = rest.split_at(end);
        let rest = rest.strip_prefix(b"\",\"prev\":\"")?;
        let mut prev = NOTHING_BEFORE;
        hex::decode_to_slice(rest.get(..64)?, &mut prev).ok()?;
        Some(Self {
            v: u32::try_from(v).ok()?,
            seq,
            batch,
            time: std::str::from_utf8(time).ok()?.parse().ok()?,
            prev,
        })
    }
}

/// Digits at the start of some bytes, and what follows them.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = bytes.split_at(length);
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, rest))
}

/// Puts the check in place of the closing brace.
pub(super) fn seal(mut json: Vec<u8>) -> Vec<u8> {
    json.pop();
    let check = check(&json);
    json.extend_from_slice(b",\"check\":\"");
    json.extend_from_slice(check.as_bytes());
    json.extend_from_slice(b"\"}");
    json
}

fn check(bytes: &[u8]) -> String {
    hex::encode(&sha256(bytes)[..8])
}

/// True if the line's check fits its bytes.
pub(super) fn is_whole(line: &[u8]) -> bool {
    let Some(length) = line.len().checked_sub(CHECK_LENGTH) else {
        return false;
    };
    let (body, tail) = line.split_at(length);
    tail == format!(",\"check\":\"{}\"}}", check(body)).as_bytes()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test stops")]

    use serde_json::json;

    use super::*;
    use crate::gate::ids::RequestNumber;
    use crate::gate::key::Key;

    fn line() -> Line {
        Line {
            v: 1,
            seq: 18,
            batch: 17,
            time: "2026-11-23T14:00:00.5Z".parse().unwrap(),
            prev: "ab".repeat(32),
            salt: "00".repeat(16),
            policy: "p".to_owned(),
            cause: json!({"kind": "comment"}),
            changes: vec![Change {
                key: Key::request(RequestNumber(17)),
                value: Some(json!({"v": 1})),
            }],
            entries: vec![json!("alice approved R17")],
            effects: vec![],
        }
    }

    #[test]
    fn a_line_has_the_fields_in_order_and_reads_back() {
        let bytes = line().encode().unwrap();
        let start = r#"{"v":1,"seq":18,"batch":17,"time":"2026-11-23T14:00:00.5Z","prev":"abab"#;
        assert!(
            bytes.starts_with(start.as_bytes()),
            "{:?}",
            String::from_utf8(bytes)
        );
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(r#""changes":[{"table":"request","key":[17],"value":{"v":1}}]"#));
        assert_eq!(Line::decode(&bytes).unwrap(), line());
        let link = Link::read(&bytes).unwrap();
        assert_eq!((link.v, link.seq, link.batch), (1, 18, 17));
        assert_eq!((link.time, link.prev), (line().time, [0xab; 32]));
    }

    #[test]
    fn any_flipped_bit_of_a_line_shows_in_the_line_itself() {
        let bytes = line().encode().unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                assert!(!is_whole(&flipped), "byte {place}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_header_reads_back_and_a_flipped_one_does_not() {
        let header = Header {
            format: FORMAT,
            installation: "i".to_owned(),
            first: 1,
            prev: hex::encode(NOTHING_BEFORE),
        };
        let mut bytes = header.encode().unwrap();
        assert_eq!(Header::decode(&bytes).unwrap(), header);
        bytes[12] ^= 2;
        assert!(Header::decode(&bytes).is_err());
    }
}
