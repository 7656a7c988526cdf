//! What can go wrong, in words for the people who have to do something about it.
//!
//! Each message says what happened, why, and what to type next. Nothing in here is logged twice: the
//! caller prints or logs it once. Messages hold paths and numbers, never the content of a line.

use std::io;
use std::path::{Path, PathBuf};

/// Why the store cannot be opened. Unless it says otherwise, nothing on disk has changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the lock.
    #[error(
        "the store in {} is in use by another process{}: stop that one first. Nothing was touched",
        directory.display(),
        pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
    )]
    Busy {
        /// The store's directory.
        directory: PathBuf,
        /// Who holds it, as its lock file says.
        pid: Option<u32>,
    },
    /// The records prove that acknowledged commits are missing from the journal.
    #[error(
        "acknowledged commits are missing: the journal ends at {journal}, and the records have seen {records}. \
         Put the whole journal back; or, if it is lost, start with `ownergate serve --accept-journal-loss {journal}`, \
         which pauses every identity. Nothing was changed"
    )]
    Loss {
        /// The last number in the journal.
        journal: u64,
        /// The last number that the records have seen.
        records: u64,
    },
    /// The journal was put back from a backup.
    #[error(
        "the journal was put back from a backup, and ends at {journal}: what was taken back after that would be alive again. \
         Start with `ownergate serve --accept-journal-loss {journal}`, which pauses every identity; or put the whole journal back. \
         Nothing was changed"
    )]
    PutBack {
        /// The last number in the journal.
        journal: u64,
    },
    /// There are records, and no journal.
    #[error(
        "the journal is missing, and there are records in {}. Put the journal back; or, if it is lost, start with \
         `ownergate serve --accept-journal-loss 0`. Nothing was changed",
        records.display()
    )]
    JournalGone {
        /// Where the records are.
        records: PathBuf,
    },
    /// The journal has another line where the records have been.
    #[error(
        "the journal has another history than the records: line {seq} is not the one that was applied. \
         Put the right journal back; or start with `ownergate serve --accept-journal-loss {journal}`, \
         which pauses every identity. Nothing was changed"
    )]
    OtherHistory {
        /// The number at which they differ.
        seq: u64,
        /// The last number in the journal.
        journal: u64,
    },
    /// A line of the journal is damaged, and it was acknowledged.
    #[error(
        "{}, line {line} is damaged: {why}. {}. Nothing was changed",
        segment.display(),
        bad_line_advice(*accept)
    )]
    BadLine {
        /// The segment.
        segment: PathBuf,
        /// The line in it; the header is 1.
        line: u64,
        /// What is wrong with it.
        why: String,
        /// The number that `--accept-journal-loss` takes, if nothing readable follows.
        accept: Option<u64>,
    },
    /// The number given to `--accept-journal-loss` is not the journal's last.
    #[error(
        "`--accept-journal-loss {given}` was refused: the journal ends at {journal}. \
         Leave the option out, unless a start has just asked for it. Nothing was changed"
    )]
    WrongLoss {
        /// The number given.
        given: u64,
        /// The last number in the journal.
        journal: u64,
    },
    /// A newer program has written this journal.
    #[error(
        "{} is in format {found}, and this program knows up to {known}: start a newer ownergate. Nothing was changed",
        segment.display()
    )]
    NewerFormat {
        /// The segment.
        segment: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The journal belongs to another signing key.
    #[error(
        "the journal in {} belongs to installation {}…, and this config's signing key to {}…: \
         check `store.path` and `secrets.signing_key_file`. Nothing was changed",
        directory.display(),
        short(found),
        short(expected)
    )]
    OtherInstallation {
        /// The store's directory.
        directory: PathBuf,
        /// Whose journal it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The file system has no locks.
    #[error(
        "the file system of {} has no locks ({source}): put `store.path` on a local disk. Nothing was changed",
        directory.display()
    )]
    NoLocks {
        /// The store's directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory cannot be written.
    #[error(
        "{} cannot be written ({source}): give it to the user that runs ownergate, for example \
         `chown -R ownergate {}`. Nothing was changed",
        path.display(),
        path.display()
    )]
    NotWritable {
        /// What cannot be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that the operating system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn not_writable(path: &Path, source: io::Error) -> Self {
        Self::NotWritable {
            path: path.to_owned(),
            source,
        }
    }
}

/// What to do about a damaged line.
fn bad_line_advice(accept: Option<u64>) -> String {
    match accept {
        Some(last) => format!(
            "It was acknowledged. Put that segment back from a backup; or go on without it with \
             `ownergate serve --accept-journal-loss {last}`, which pauses every identity"
        ),
        None => "Put that segment back from a backup: acknowledged lines follow it".to_owned(),
    }
}

/// Enough of an installation's id to tell two apart.
fn short(installation: &str) -> &str {
    installation.get(..12).unwrap_or(installation)
}

/// Why a job was not done. None of them wrote anything, except that after `Unhealthy` and `Closed`
/// the job may have become durable: whoever asked looks again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full; come back later.
    #[error("the queue is full")]
    Full,
    /// Too little space is left for anything but narrowing.
    #[error("too little disk space is left for this")]
    LowSpace,
    /// The journal or the records failed; the process has to be restarted.
    #[error("the store has failed and waits for a restart")]
    Unhealthy,
    /// The decision panicked; nothing was written and the writer goes on.
    #[error("the decision panicked: {0}")]
    Panicked(String),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The records are damaged; they are rebuilt at the next start.
    #[error("the records cannot be read ({0}); they are rebuilt at the next start")]
    Damaged(String),
}

/// Why a store cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The journal is not in order.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// A commit in the chain cannot be read.
    #[error("line {seq} of the journal cannot be read: {why}")]
    Line {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
}
