//! The running sum over the records, in which the order of writes does not matter.
//!
//! Each record adds SHA-256(key ‖ value) as a 256-bit number, wrapping; removing it subtracts the
//! same. It finds damage, not malice: whoever can write the records can write the sum.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::line::Digest32;

/// A 256-bit number, lowest 64 bits first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Sum([u64; 4]);

impl Sum {
    /// Counts a record in.
    pub(super) fn add(&mut self, record: &Digest32) {
        let mut carry = false;
        for (own, other) in self.0.iter_mut().zip(number(record)) {
            let (partial, first) = own.overflowing_add(other);
            let (total, second) = partial.overflowing_add(u64::from(carry));
            *own = total;
            carry = first || second;
        }
    }

    /// Counts a record out.
    pub(super) fn remove(&mut self, record: &Digest32) {
        let mut borrow = false;
        for (own, other) in self.0.iter_mut().zip(number(record)) {
            let (partial, first) = own.overflowing_sub(other);
            let (total, second) = partial.overflowing_sub(u64::from(borrow));
            *own = total;
            borrow = first || second;
        }
    }
}

/// SHA-256(key ‖ value).
pub(super) fn record(key: &[u8], value: &[u8]) -> Digest32 {
    Sha256::new()
        .chain_update(key)
        .chain_update(value)
        .finalize()
        .into()
}

fn number(record: &Digest32) -> [u64; 4] {
    let (chunks, _) = record.as_chunks::<8>();
    std::array::from_fn(|place| {
        chunks
            .get(place)
            .map_or(0, |chunk| u64::from_le_bytes(*chunk))
    })
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.0.iter().map(|part| format!("{part:016x}")).collect()
    }
}

impl TryFrom<String> for Sum {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|error| error.to_string())?;
        let (chunks, _) = bytes.as_chunks::<8>();
        Ok(Self(std::array::from_fn(|place| {
            chunks
                .get(place)
                .map_or(0, |chunk| u64::from_be_bytes(*chunk))
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_matter_and_removing_undoes_adding() {
        let mut one = Sum::default();
        let mut other = Sum::default();
        for place in 0..200_u8 {
            one.add(&record(&[place], b"x"));
            other.add(&record(&[199 - place], b"x"));
        }
        assert_eq!(one, other);
        assert_eq!(Sum::try_from(String::from(one)), Ok(one));
        let before = one;
        one.add(&record(b"k", b"v"));
        assert_ne!(one, before);
        one.remove(&record(b"k", b"v"));
        assert_eq!(one, before);
        for place in 0..200_u8 {
            one.remove(&record(&[place], b"x"));
        }
        assert_eq!(one, Sum::default());
    }
}
