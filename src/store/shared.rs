//! What readers and the writer share, and the handle for reading.
//!
//! Reading takes no lock that writing holds for long and never waits for the disk's confirmation.
//! Whoever first meets damage in the records, reader or writer, moves them aside and reports the store
//! dead: the next start rebuilds them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::Value;
use tokio::sync::watch;

use super::error::StoreError;
use super::footprint;
use super::options::{Options, Reserve};
use super::records::{Meta, Records, RecordsError};
use super::{Head, codec};
use crate::gate::key::{Key, Part, Table};

/// Whether the store works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It does.
    Running,
    /// It failed; the process has to be restarted.
    Dead,
    /// It was closed in good order.
    Closed,
}

/// What all handles of one store share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) installation: String,
    records: RwLock<Option<Records>>,
    records_path: PathBuf,
    aside: PathBuf,
    reserve: Reserve,
    head: Mutex<Head>,
    reached: AtomicU64,
    pub(super) state: watch::Sender<State>,
}

impl Shared {
    pub(super) fn new(options: &Options, records: Records, head: Head) -> Self {
        Self {
            directory: options.directory.clone(),
            installation: options.installation.clone(),
            records: RwLock::new(Some(records)),
            records_path: options.records(),
            aside: options.aside(),
            reserve: options.reserve.clone(),
            reached: AtomicU64::new(head.seq),
            head: Mutex::new(head),
            state: watch::Sender::new(State::Running),
        }
    }

    /// Runs a read; damage found by it ends the store.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Records) -> Result<T, RecordsError>,
    ) -> Result<T, StoreError> {
        let outcome = {
            let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
            read(records.as_ref().ok_or(StoreError::Closed)?)
        };
        outcome.map_err(|error| {
            let why = why(&error);
            self.records_failed(error);
            StoreError::Damaged(why)
        })
    }

    /// A handle of the records of its own.
    pub(super) fn records(&self) -> Option<Records> {
        self.records
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets go of the records, so that they close with their last user.
    pub(super) fn take_records(&self) -> Option<Records> {
        self.records
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Moves damaged records aside and reports the store dead. Records that the operating system only
    /// refused to read or write (a full disk) stay: a copy aside would fill it more.
    pub(super) fn records_failed(&self, error: RecordsError) {
        // Only the first to report: a later one could meet what the next start has made.
        if let Some(records) = self.take_records() {
            records.leave(&error);
            if matches!(error, RecordsError::Damaged(_)) {
                // If this fails, the next start finds the damage by itself.
                let _ = footprint::move_aside(&self.records_path, &self.aside);
            }
        }
        self.end(State::Dead);
    }

    /// Ends as SIGKILL would: the records stay as they are on disk at this moment.
    pub(super) fn abandon(&self) {
        if let Some(records) = self.take_records() {
            records.forget();
            let _ = footprint::detach(&self.records_path);
        }
    }

    /// Says once how the store has ended.
    pub(super) fn end(&self, how: State) {
        self.state.send_if_modified(|state| {
            let runs = *state == State::Running;
            if runs {
                *state = how;
            }
            runs
        });
    }

    pub(super) fn is_running(&self) -> bool {
        *self.state.borrow() == State::Running
    }

    pub(super) fn head(&self) -> Head {
        self.head
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_head(&self, head: Head) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
    }

    pub(super) fn set_reached(&self, seq: u64) {
        self.reached.store(seq, Ordering::SeqCst);
    }
}

/// Words for trouble with the records.
pub(super) fn why(error: &RecordsError) -> String {
    match error {
        RecordsError::Locked => "they are locked".to_owned(),
        RecordsError::Io(error) => error.to_string(),
        RecordsError::Damaged(why) => why.clone(),
    }
}

/// For reading; clones read the same store.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) shared: Arc<Shared>,
}

impl Store {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// A record.
    pub fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        let Ok(bytes) = codec::encode(key) else {
            return Ok(None);
        };
        self.shared.read(|records| match records.get(&bytes)? {
            Some(value) => decode_value(&value).map(Some),
            None => Ok(None),
        })
    }

    /// What is made of a record's JSON, without a value in between.
    pub fn json<T>(
        &self,
        key: &Key,
        make: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let Ok(bytes) = codec::encode(key) else {
            return Ok(None);
        };
        self.shared
            .read(|records| Ok(records.get(&bytes)?.map(|row| make(&row))))
    }

    /// Records of a table whose keys begin with these parts, in order, after a key, at most `limit`.
    pub fn scan(
        &self,
        table: Table,
        prefix: &[Part],
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let Ok(prefix) = codec::encode_prefix(table, prefix) else {
            return Ok(Vec::new());
        };
        let after = after.and_then(|key| codec::encode(key).ok());
        self.shared.read(|records| {
            let mut rows = Vec::new();
            if limit > 0 {
                records.scan(&prefix, after.as_deref(), |key, value| {
                    rows.push((key.to_vec(), value.to_vec()));
                    rows.len() < limit
                })?;
            }
            rows.iter()
                .map(|(key, value)| decode_row(key, value))
                .collect()
        })
    }

    /// A value beside the records: lost with them and never rebuilt.
    pub fn scratch(&self, name: &str) -> Result<Option<Value>, StoreError> {
        self.shared.read(|records| records.scratch(name))
    }

    /// How far the journal is.
    pub fn head(&self) -> Head {
        self.shared.head()
    }

    /// The last line that the records hold.
    pub fn reached(&self) -> u64 {
        self.shared.reached.load(Ordering::SeqCst)
    }

    /// True if the disk is below its reserve, so that only what takes away is journaled; an error says
    /// that the system does not tell.
    pub fn low_space(&self) -> std::io::Result<bool> {
        self.shared.reserve.is_low(&self.shared.directory)
    }

    /// True while jobs can be done.
    pub fn healthy(&self) -> bool {
        self.shared.is_running()
    }

    /// What the records say about themselves.
    pub(super) fn meta(&self) -> Result<Meta, StoreError> {
        self.shared.read(Records::meta)
    }
}

/// The key and the value of a row.
pub(super) fn decode_row(key: &[u8], value: &[u8]) -> Result<(Key, Value), RecordsError> {
    let key = codec::decode(key)
        .ok_or_else(|| RecordsError::Damaged("a key cannot be read".to_owned()))?;
    Ok((key, decode_value(value)?))
}

/// The value of a row.
pub(super) fn decode_value(bytes: &[u8]) -> Result<Value, RecordsError> {
    serde_json::from_slice(bytes)
        .map_err(|error| RecordsError::Damaged(format!("a record cannot be read: {error}")))
}
