//! The journal, and sled as its projection.
//!
//! The journal is the truth: one line per commit, in a chain, durable before anybody is answered. The
//! records can be made from it at any time and equal it byte for byte. One thread decides and
//! commits. The store knows keys and JSON values and nothing else of the domain; only this folder
//! names sled, and it never repairs what it cannot prove to be unacknowledged.

mod backup;
mod catch_up;
mod codec;
mod draft;
mod durable;
mod error;
mod faults;
mod footprint;
mod journal;
mod judge;
mod line;
mod lines;
mod lock;
mod loss;
mod manifest;
mod note;
mod open;
mod options;
mod overlay;
mod progress;
mod reading;
mod records;
mod restore;
mod scan;
mod shared;
mod sum;
mod thread;
mod upgrade;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use backup::{BackupError, backup};
pub use error::{OpenError, StoreError, SubmitError, VerifyError};
pub use faults::{Event, Fault, Faults, Point, Probe};
pub use line::{FORMAT, Header, Line};
pub use lock::holder;
pub use manifest::Manifest;
pub use note::Note;
pub use open::{Opened, exists, open};
pub use options::{Batch, Observer, Options, Reserve};
pub use overlay::Read;
pub use progress::Progress;
pub use reading::read;
pub use restore::{Backup, RestoreError};
pub use shared::Store;
pub use upgrade::{Upgrade, UpgradeError, upgrade};
pub use verify::{Projection, Report, Signed, Tail, verify};
pub use writer::{Body, Stamp, Step, Writer};

/// How far the journal is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The number of the last durable line; 0 before the first.
    pub seq: u64,
    /// Its hash, hex.
    pub hash: String,
    /// Bytes in all segments.
    pub bytes: u64,
    /// How many segments there are.
    pub segments: u64,
}

/// Acknowledged commits that are gone, as the operator has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The last number in the journal.
    pub journal: u64,
    /// The last number that the records had seen; the same as `journal` where they could not say.
    pub records: u64,
}
