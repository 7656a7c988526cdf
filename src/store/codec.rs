//! Keys as bytes: the table's byte, then each part with a byte that says what it is.
//!
//! Numbers are big-endian with the sign flipped, texts end with a zero byte, so that bytes sort as
//! keys do and the bytes of a prefix are a prefix of the bytes. Values are JSON; numbers with a
//! fraction are refused, because they would not be read back to the same bytes everywhere.

use serde_json::Value;

use crate::gate::key::{Key, Part, Table};

/// Says that a number follows.
const NUMBER: u8 = 1;
/// Says that a text follows.
const TEXT: u8 = 2;
const SIGN: u64 = 1 << 63;

/// The bytes of a key, or why it has none.
pub(super) fn encode(key: &Key) -> Result<Vec<u8>, String> {
    encode_prefix(key.table, &key.parts)
}

/// The bytes with which every key of a table begins that has these first parts.
pub(super) fn encode_prefix(table: Table, parts: &[Part]) -> Result<Vec<u8>, String> {
    let mut bytes = vec![table.byte()];
    for part in parts {
        match part {
            Part::Number(number) => {
                bytes.push(NUMBER);
                bytes.extend_from_slice(&(number.cast_unsigned() ^ SIGN).to_be_bytes());
            }
            Part::Text(text) if text.contains('\0') => {
                return Err("a text in a key has a zero byte".to_owned());
            }
            Part::Text(text) => {
                bytes.push(TEXT);
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(0);
            }
        }
    }
    Ok(bytes)
}

/// The key of some bytes; `None` if no key has them.
pub(super) fn decode(bytes: &[u8]) -> Option<Key> {
    let (first, mut rest) = bytes.split_first()?;
    let table = Table::ALL
        .into_iter()
        .find(|table| table.byte() == *first)?;
    let mut parts = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        match *kind {
            NUMBER => {
                let (number, after) = after.split_first_chunk::<8>()?;
                parts.push(Part::Number(
                    (u64::from_be_bytes(*number) ^ SIGN).cast_signed(),
                ));
                rest = after;
            }
            TEXT => {
                let end = after.iter().position(|byte| *byte == 0)?;
                let text = std::str::from_utf8(&after[..end]).ok()?;
                parts.push(Part::Text(text.to_owned()));
                rest = &after[end + 1..];
            }
            _ => return None,
        }
    }
    Some(Key { table, parts })
}

/// The bytes of a record; `None` for one that is removed.
pub(super) fn encode_value(value: Option<&Value>) -> Result<Option<Vec<u8>>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) if has_fraction(value) => {
            Err("a record has a number with a fraction".to_owned())
        }
        Some(value) => serde_json::to_vec(value)
            .map(Some)
            .map_err(|error| error.to_string()),
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test stops")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parts() -> impl Strategy<Value = Vec<Part>> {
        let part = prop_oneof![
            any::<i64>().prop_map(Part::Number),
            "[a-c]{0,3}".prop_map(Part::Text),
        ];
        prop::collection::vec(part, 0..4)
    }

    proptest! {
        #[test]
        fn bytes_read_back_and_sort_as_keys(one in parts(), other in parts()) {
            let key = |parts: &[Part]| Key { table: Table::Seen, parts: parts.to_vec() };
            let bytes = |parts: &[Part]| encode(&key(parts)).unwrap();
            prop_assert_eq!(decode(&bytes(&one)), Some(key(&one)));
            prop_assert_eq!(bytes(&one).cmp(&bytes(&other)), one.cmp(&other));
        }

        #[test]
        fn a_prefix_of_parts_is_a_prefix_of_bytes(key in parts(), prefix in parts()) {
            let whole = encode_prefix(Table::Seen, &key).unwrap();
            let start = encode_prefix(Table::Seen, &prefix).unwrap();
            prop_assert_eq!(whole.starts_with(&start), key.starts_with(&prefix));
        }
    }

    #[test]
    fn what_would_not_read_back_is_refused() {
        assert!(encode_prefix(Table::Slug, &[Part::Text("a\0b".to_owned())]).is_err());
        assert!(encode_value(Some(&json!({"a": [1.5]}))).is_err());
        assert_eq!(encode_value(Some(&Value::Null)), Ok(None));
        assert_eq!(decode(b"?"), None);
        assert_eq!(decode(b"c\x01\x00"), None);
    }
}
