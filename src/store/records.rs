//! The records: sled as a projection of the journal, which can always be made again.
//!
//! One tree, and in it one row, `meta`, that says which line it has reached (number and hash), the
//! projection's version, and the wrapping sum of SHA-256(key ‖ value) over every record, so that one
//! walk at the start finds what sled did not. sled may fail or panic on a damaged file: every call is
//! caught, and all that is made of it is "damaged". A lock that another holds is not damage.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::line::{self, Digest32, NOTHING_BEFORE};
use super::progress::Progress;
use super::sum::{self, Sum};

/// The version of what is made of the journal; another one is rebuilt. Since 2 entries are found by
/// what they name, since 3 identities by their owner.
pub(super) const PROJECTION: u32 = 3;
/// No table has this byte.
const META: &[u8] = b"\0meta";
const CACHE_BYTES: u64 = 32 << 20;
const TREE: &str = "records";
const SCRATCH: &str = "scratch";
/// How long one try for sled's lock waits for the next.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Writes to be applied together: bytes of a key, bytes of a record or its removal.
pub(super) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Why the records cannot be used.
#[derive(Debug)]
pub(super) enum RecordsError {
    /// Another process has opened them.
    Locked,
    /// The operating system refused; rebuilding would not help.
    Io(io::Error),
    /// They have to be rebuilt.
    Damaged(String),
}

impl From<sled::Error> for RecordsError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
                Self::Locked
            }
            sled::Error::Io(error) if is_refusal(&error) => Self::Io(error),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// True for errors that say nothing about the files' content.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::OutOfMemory
    )
}

/// What the records say about themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// The projection's version.
    pub(super) version: u32,
    /// The line that they have reached.
    pub(super) seq: u64,
    /// Its hash, hex.
    #[serde(with = "hex_bytes")]
    pub(super) hash: Digest32,
    /// How many records there are.
    pub(super) count: u64,
    /// The sum over them.
    pub(super) sum: Sum,
}

impl Meta {
    /// Before the first line.
    pub(super) fn empty() -> Self {
        Self {
            version: PROJECTION,
            seq: 0,
            hash: NOTHING_BEFORE,
            count: 0,
            sum: Sum::default(),
        }
    }

    fn encode(&self) -> Result<Vec<u8>, RecordsError> {
        serde_json::to_vec(self)
            .map(line::seal)
            .map_err(|error| RecordsError::Damaged(error.to_string()))
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        line::is_whole(bytes).then(|| serde_json::from_slice(bytes).ok())?
    }
}

/// A hash as hex in JSON.
mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Digest32;

    pub(super) fn serialize<S: Serializer>(bytes: &Digest32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Digest32, D::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(String::deserialize(from)?, &mut bytes).map_err(D::Error::custom)?;
        Ok(bytes)
    }
}

/// The open records; clones share them.
#[derive(Clone)]
pub(super) struct Records {
    db: sled::Db,
    tree: sled::Tree,
    scratch: sled::Tree,
}

impl fmt::Debug for Records {
    /// Shows nothing of what is in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Records")
    }
}

impl Records {
    /// Opens or creates them; a sled that is just closing may hold its lock for another moment.
    pub(super) fn open(path: &Path, wait: Duration) -> Result<Self, RecordsError> {
        let mut left = wait.as_millis() / LOCK_PAUSE.as_millis();
        loop {
            match Self::open_once(path) {
                Err(RecordsError::Locked) if left > 0 => {
                    left -= 1;
                    std::thread::sleep(LOCK_PAUSE);
                }
                opened => return opened,
            }
        }
    }

    fn open_once(path: &Path) -> Result<Self, RecordsError> {
        guarded(|| {
            // Flushing is the writer's: a flush by another thread would block every read.
            let config = sled::Config::new()
                .path(path)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(None);
            #[expect(clippy::disallowed_methods, reason = "the one sanctioned opening site")]
            let db = config.open()?;
            let tree = db.open_tree(TREE)?;
            let scratch = db.open_tree(SCRATCH)?;
            Ok(Self { db, tree, scratch })
        })
    }

    /// What they say about themselves. Damage can make sled open as if it were new, so that an empty
    /// tree says nothing: records that were made by this program have a summary from the start.
    pub(super) fn meta(&self) -> Result<Meta, RecordsError> {
        let row = guarded(|| self.tree.get(META))?;
        let meta = row.as_deref().map_or(Err("they are empty"), |bytes| {
            Meta::decode(bytes).ok_or("their summary cannot be read")
        });
        meta.map_err(|why| RecordsError::Damaged(why.to_owned()))
    }

    /// Walks over every record and compares with what `meta` says.
    pub(super) fn check(&self, meta: &Meta, progress: &Progress) -> Result<(), RecordsError> {
        progress.enter("checking the records", meta.count);
        let mut total = Sum::default();
        let mut count = 0;
        self.each(|key, value| {
            total.add(&sum::record(key, value));
            count += 1;
            progress.advance(1);
        })?;
        if (total, count) == (meta.sum, meta.count) {
            Ok(())
        } else {
            Err(RecordsError::Damaged(
                "they are not what was written".to_owned(),
            ))
        }
    }

    /// Hands over every record in the order of their keys.
    pub(super) fn each(&self, mut each: impl FnMut(&[u8], &[u8])) -> Result<(), RecordsError> {
        guarded(|| {
            for row in &self.tree {
                let (key, value) = row?;
                if &*key != META {
                    each(&key, &value);
                }
            }
            Ok(())
        })
    }

    /// Applies writes in one batch, together with the `meta` that they lead to.
    pub(super) fn apply(&self, writes: Writes, meta: &mut Meta) -> Result<(), RecordsError> {
        guarded(|| {
            let mut batch = sled::Batch::default();
            let mut next = meta.clone();
            for (key, value) in writes {
                if let Some(old) = self.tree.get(&key)? {
                    next.sum.remove(&sum::record(&key, &old));
                    next.count = next.count.wrapping_sub(1);
                }
                if let Some(value) = value {
                    next.sum.add(&sum::record(&key, &value));
                    next.count = next.count.wrapping_add(1);
                    batch.insert(key, value);
                } else {
                    batch.remove(key);
                }
            }
            let Ok(row) = next.encode() else {
                return Err(sled::Error::Unsupported(
                    "a summary that is not JSON".to_owned(),
                ));
            };
            batch.insert(META, row);
            self.tree.apply_batch(batch)?;
            *meta = next;
            Ok(())
        })
    }

    /// Hands what was applied to the operating system: from here on a killed process keeps it.
    pub(super) fn flush(&self) -> Result<(), RecordsError> {
        guarded(|| self.db.flush().map(drop))
    }

    /// The bytes of a record.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, RecordsError> {
        guarded(|| self.tree.get(key))
    }

    /// Records whose keys begin with a prefix, after a key, until the closure has enough.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        mut each: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), RecordsError> {
        use std::ops::Bound;
        guarded(|| {
            let from = match after {
                Some(key) if key >= prefix => Bound::Excluded(key),
                _ => Bound::Included(prefix),
            };
            for row in self.tree.range::<&[u8], _>((from, Bound::Unbounded)) {
                let (key, value) = row?;
                if !key.starts_with(prefix) || !each(&key, &value) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// A value beside the records.
    pub(super) fn scratch(&self, name: &str) -> Result<Option<Value>, RecordsError> {
        let bytes = guarded(|| self.scratch.get(name))?;
        // What cannot be read in scratch is as good as absent.
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Writes a value beside the records; `null` removes it.
    pub(super) fn set_scratch(&self, name: &str, value: &Value) -> Result<(), RecordsError> {
        guarded(|| match serde_json::to_vec(value) {
            Ok(bytes) if !value.is_null() => self.scratch.insert(name, bytes).map(drop),
            _ => self.scratch.remove(name).map(drop),
        })
    }

    /// Lets go of the files; the last to do so writes what sled still holds back.
    pub(super) fn close(self) {
        // What was not written is caught up by the next start.
        let _ = guarded(|| {
            drop(self);
            Ok(())
        });
    }

    /// Lets go after a failure: damaged ones are not written to any more.
    pub(super) fn leave(self, error: &RecordsError) {
        match error {
            RecordsError::Damaged(_) => self.forget(),
            RecordsError::Io(_) | RecordsError::Locked => self.close(),
        }
    }

    /// Lets go of the files without writing to them again: dropping a damaged sled could panic.
    pub(super) fn forget(self) {
        std::mem::forget(self);
    }
}

/// Runs a call of sled; a panic in it is damage.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, RecordsError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => Ok(result?),
        Err(_) => Err(RecordsError::Damaged("sled panicked".to_owned())),
    }
}
