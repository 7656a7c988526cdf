//! What the store is opened with.
//!
//! All of it is handed in, the clock and the planned failures too, so that a test opens the very store
//! that the program opens. Nothing here reads a config file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::faults::Faults;
use super::line::FORMAT;
use crate::clock::Clock;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where `journal/`, `sled/`, `aside/` and the lock file live.
    pub directory: PathBuf,
    /// Whose journal it is: SHA-256 of the first public signing key, hex.
    pub installation: String,
    /// The loss that the operator accepts: the journal's last number.
    pub accept_journal_loss: Option<u64>,
    /// The size at which a segment is full.
    pub segment_bytes: u64,
    /// The most jobs in one batch; 1 to measure what batches bring.
    pub max_batch: usize,
    /// How long to wait for the lock of a process that is just ending.
    pub lock_wait: Duration,
    /// The newest format of the journal that is known; `FORMAT`, but for tests of what is to come.
    pub newest_format: u32,
    /// Planned failures.
    pub faults: Faults,
    /// The time.
    pub clock: Clock,
    /// How much space is kept for narrowing.
    pub reserve: Reserve,
    /// Who is told of each batch.
    pub observer: Observer,
}

impl Options {
    /// The usual options.
    pub fn new(directory: impl Into<PathBuf>, installation: String, clock: Clock) -> Self {
        Self {
            directory: directory.into(),
            installation,
            accept_journal_loss: None,
            segment_bytes: 64 << 20,
            max_batch: 256,
            lock_wait: Duration::from_secs(2),
            newest_format: FORMAT,
            faults: Faults::none(),
            clock,
            reserve: Reserve::Usual,
            observer: Observer::default(),
        }
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.directory.join("journal")
    }

    pub(super) fn records(&self) -> PathBuf {
        self.directory.join("sled")
    }

    pub(super) fn aside(&self) -> PathBuf {
        self.directory.join("aside")
    }
}

/// Below how much free space only narrowing is journaled.
#[derive(Clone, Debug)]
pub enum Reserve {
    /// 64 MiB, or a tenth of the file system if that is less.
    Usual,
    /// So many bytes.
    Bytes(u64),
    /// Whatever the switch says, for stories: true is "low".
    Switch(Arc<AtomicBool>),
}

impl Reserve {
    /// True if too little space is left.
    pub(super) fn is_low(&self, directory: &Path) -> io::Result<bool> {
        if let Self::Switch(low) = self {
            return Ok(low.load(Ordering::SeqCst));
        }
        let space = rustix::fs::statvfs(directory)?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        let total = space.f_blocks.saturating_mul(space.f_frsize);
        Ok(match self {
            Self::Bytes(bytes) => free < *bytes,
            Self::Usual | Self::Switch(_) => free < (64 << 20).min(total / 10),
        })
    }
}

/// One batch that has become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Jobs in it, also those that wrote nothing.
    pub jobs: usize,
    /// Lines that it wrote.
    pub lines: u64,
    /// Their bytes.
    pub bytes: usize,
    /// From the first decision to the records being changed.
    pub took: Duration,
}

type Listener = dyn Fn(&Batch) + Send + Sync;

/// Is told of each batch, on the writer's thread; nobody by default.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Listener>>);

impl Observer {
    /// Tells the closure, which must return at once.
    pub fn new(listener: impl Fn(&Batch) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    pub(super) fn tell(&self, batch: &Batch) {
        if let Some(listener) = &self.0 {
            listener(batch);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
