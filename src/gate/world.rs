//! The world: the records that an event can touch, loaded by point reads only.
//!
//! It knows *absent* from *not loaded*. A decision that reaches for a record that was not loaded is
//! thrown away and asks for it by key (`Step::Load`); nothing is ever decided on a guess. Records
//! are JSON objects with a version `v`, which older ones are brought up to when they are decoded.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account::Account;
use super::allowance::Allowance;
use super::credential::{Check, Credential};
use super::due::DueRecord;
use super::effect::Effect;
use super::event::Accepted;
use super::grant::{GrantRecord, Rotation};
use super::identity::Identity;
use super::import::Row;
use super::key::{Change, Key};
use super::policy::Policy;
use super::request::Request;
use super::thread::{
    BoardState, Challenge, Counters, FactorState, Installation, OpenRequests, RecipientState, Seen,
    Signer, SlugOwner, Standstill, Thread,
};
use super::uses::{ReportRecord, Uses};
use super::wish::WishRecord;

/// A kind of record that the world holds.
pub trait Record: Serialize + DeserializeOwned {
    /// The version that this program writes.
    const VERSION: u64 = 1;
}

macro_rules! records {
    ($($name:ty),*) => { $(impl Record for $name {})* };
}

records!(
    Account,
    Allowance,
    BoardState,
    Challenge,
    Check,
    Counters,
    Credential,
    DueRecord,
    FactorState,
    GrantRecord,
    Identity,
    Accepted,
    Installation,
    OpenRequests,
    Effect,
    Policy,
    RecipientState,
    ReportRecord,
    Request,
    Rotation,
    Row,
    Seen,
    Signer,
    SlugOwner,
    Standstill,
    Thread,
    Uses,
    WishRecord
);

/// Turns a record into what the journal and the store hold.
pub fn encode<T: Record>(record: &T) -> Value {
    let mut value = serde_json::to_value(record).expect("records are made of plain data");
    if let Value::Object(members) = &mut value {
        members.insert("v".to_owned(), Value::from(T::VERSION));
    }
    value
}

/// Reads a record; `None` if this program cannot read it, which is treated as a fault, not as
/// absence.
pub fn decode<T: Record>(value: &Value) -> Option<T> {
    if let Value::Object(members) = value {
        known::<T>(members.get("v").and_then(Value::as_u64)?)?;
    }
    T::deserialize(value).ok()
}

/// Reads a record from its JSON, as `decode` does.
pub fn read<T: Record>(json: &[u8]) -> Option<T> {
    /// What every record says first of all.
    #[derive(Deserialize)]
    struct Versioned {
        v: u64,
    }
    known::<T>(serde_json::from_slice::<Versioned>(json).ok()?.v)?;
    serde_json::from_slice(json).ok()
}

/// Whether this program reads records of this version.
fn known<T: Record>(version: u64) -> Option<()> {
    (1..=T::VERSION).contains(&version).then_some(())
}

/// The loaded records, and the changes that a decision makes to them. Its `Debug` shows which, and
/// none of what they hold.
#[derive(Default)]
pub struct World {
    known: BTreeMap<Key, Option<Value>>,
    changed: BTreeMap<Key, Option<Value>>,
    wanted: RefCell<BTreeSet<Key>>,
    unreadable: RefCell<BTreeSet<Key>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("known", &self.known.keys())
            .field("changed", &self.changed.keys())
            .finish_non_exhaustive()
    }
}

impl World {
    /// A world that knows these records; `None` says that a record is absent.
    pub fn new(known: BTreeMap<Key, Option<Value>>) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    /// A record, as changed so far; `None` if it is absent, cannot be read, or was not loaded. In
    /// the last two cases the decision that asked will not be used.
    pub fn get<T: Record>(&self, key: &Key) -> Option<T> {
        let found = self.changed.get(key).or_else(|| self.known.get(key));
        match found {
            Some(Some(value)) => {
                let record = decode(value);
                if record.is_none() {
                    self.unreadable.borrow_mut().insert(key.clone());
                }
                record
            }
            Some(None) => None,
            None => {
                self.wanted.borrow_mut().insert(key.clone());
                None
            }
        }
    }

    /// Writes a record whole. What stood there is loaded first, so that only what really changes is
    /// written and both ways of loading give the same decision.
    pub fn put<T: Record>(&mut self, key: Key, record: &T) {
        self.want(&key);
        self.changed.insert(key, Some(encode(record)));
    }

    /// Removes a record.
    pub fn remove(&mut self, key: Key) {
        self.want(&key);
        self.changed.insert(key, None);
    }

    fn want(&mut self, key: &Key) {
        if !self.known.contains_key(key) {
            self.wanted.get_mut().insert(key.clone());
        }
    }

    /// What was asked for and not loaded.
    pub fn wanted(&self) -> BTreeSet<Key> {
        self.wanted.borrow().clone()
    }

    /// Records that are there and cannot be read by this program.
    pub fn unreadable(&self) -> BTreeSet<Key> {
        self.unreadable.borrow().clone()
    }

    /// The changes, without those that change nothing.
    pub fn into_changes(self) -> Vec<Change> {
        let Self { known, changed, .. } = self;
        changed
            .into_iter()
            .filter(|(key, value)| known.get(key) != Some(value))
            .map(|(key, value)| Change { key, value })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::{Hash, RepositoryId};
    use super::super::key::Subject;
    use super::*;

    fn key() -> Key {
        Key::seen(RepositoryId(17), Subject::Comment(9))
    }

    #[test]
    fn absent_is_not_the_same_as_not_loaded() {
        let absent = World::new([(key(), None)].into());
        assert_eq!(absent.get::<Seen>(&key()), None);
        assert!(absent.wanted().is_empty());

        let unknown = World::default();
        assert_eq!(unknown.get::<Seen>(&key()), None);
        assert_eq!(unknown.wanted(), [key()].into());
    }

    #[test]
    fn a_record_of_a_newer_version_is_a_fault_and_not_an_absence() {
        let seen = Seen::new(Hash::of(b"x"), jiff::Timestamp::UNIX_EPOCH);
        let mut value = encode(&seen);
        assert_eq!(read(value.to_string().as_bytes()), Some(seen.clone()));
        value["v"] = Value::from(2);
        assert_eq!(read::<Seen>(value.to_string().as_bytes()), None);
        let world = World::new([(key(), Some(value))].into());
        assert_eq!(world.get::<Seen>(&key()), None);
        assert_eq!(world.unreadable(), [key()].into());
    }

    #[test]
    fn a_change_that_changes_nothing_is_not_written() {
        let seen = Seen::new(Hash::of(b"x"), jiff::Timestamp::UNIX_EPOCH);
        let mut world = World::new([(key(), Some(encode(&seen)))].into());
        world.put(key(), &seen);
        assert!(world.into_changes().is_empty());
    }
}
