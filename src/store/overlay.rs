//! The state that a decision sees: the records, covered by what its batch has decided before it.
//!
//! It is read through a trait so that decisions can be tried without a store. A read that fails gives
//! "absent" and is remembered: the decision made of it is thrown away.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;

use super::codec;
use super::records::{Records, RecordsError, Writes};
use super::shared::{decode_row, decode_value};
use crate::gate::key::{Key, Part, Table};

/// Reading, as a decision does it.
pub trait Read {
    /// A record.
    fn get(&self, key: &Key) -> Option<Value>;

    /// Records of a table whose keys begin with these parts, in order, at most `limit`.
    fn scan(&self, table: Table, prefix: &[Part], limit: usize) -> Vec<(Key, Value)>;
}

/// The records under the changes of a batch that is not applied yet.
pub(super) struct Overlay {
    records: Records,
    changed: Writes,
    failed: RefCell<Option<RecordsError>>,
}

impl Overlay {
    pub(super) fn new(records: Records) -> Self {
        Self {
            records,
            changed: Writes::new(),
            failed: RefCell::new(None),
        }
    }

    /// Covers the records with the writes of a commit.
    pub(super) fn cover(&mut self, writes: Writes) {
        self.changed.extend(writes);
    }

    /// The writes of the whole batch.
    pub(super) fn into_writes(self) -> Writes {
        self.changed
    }

    /// What the first failed read met.
    pub(super) fn failure(&self) -> Option<RecordsError> {
        self.failed.take()
    }

    /// The outcome, or its default if a read failed.
    fn or_remember<T: Default>(&self, outcome: Result<T, RecordsError>) -> T {
        outcome.unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            T::default()
        })
    }

    fn rows(&self, prefix: &[u8], limit: usize) -> Result<Vec<(Key, Value)>, RecordsError> {
        let own = (Bound::Included(prefix), Bound::Unbounded);
        let mut changed = self
            .changed
            .range::<[u8], _>(own)
            .take_while(|(key, _)| key.starts_with(prefix))
            .peekable();
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        self.records.scan(prefix, None, |key, value| {
            while let Some((own, value)) = changed.next_if(|(own, _)| own.as_slice() < key) {
                keep(&mut rows, own, value.as_deref());
            }
            match changed.next_if(|(own, _)| own.as_slice() == key) {
                Some((_, covered)) => keep(&mut rows, key, covered.as_deref()),
                None => keep(&mut rows, key, Some(value)),
            }
            rows.len() < limit
        })?;
        for (own, value) in changed {
            keep(&mut rows, own, value.as_deref());
        }
        rows.iter()
            .take(limit)
            .map(|(key, value)| decode_row(key, value))
            .collect()
    }
}

fn keep(rows: &mut BTreeMap<Vec<u8>, Vec<u8>>, key: &[u8], value: Option<&[u8]>) {
    if let Some(value) = value {
        rows.insert(key.to_vec(), value.to_vec());
    }
}

impl Read for Overlay {
    fn get(&self, key: &Key) -> Option<Value> {
        let key = codec::encode(key).ok()?;
        let outcome = match self.changed.get(&key) {
            Some(covered) => covered.as_deref().map(decode_value).transpose(),
            None => self
                .records
                .get(&key)
                .and_then(|value| value.as_deref().map(decode_value).transpose()),
        };
        self.or_remember(outcome)
    }

    fn scan(&self, table: Table, prefix: &[Part], limit: usize) -> Vec<(Key, Value)> {
        match codec::encode_prefix(table, prefix) {
            Ok(prefix) if limit > 0 => self.or_remember(self.rows(&prefix, limit)),
            _ => Vec::new(),
        }
    }
}
