//! The note on disk that a loss was accepted and its consequences are not journaled yet.
//!
//! Without it a crash between rebuilding the records and the domain's first commit would make the
//! loss invisible: the next start would find records and journal in agreement and pause nobody. It is
//! written before anything else changes and removed after the first commit.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Loss;
use super::journal::sync_directory;

fn path(directory: &Path) -> PathBuf {
    directory.join("accepted-loss.json")
}

/// The accepted loss whose consequences are to be journaled.
pub(super) fn pending(directory: &Path) -> Option<Loss> {
    serde_json::from_slice(&fs::read(path(directory)).ok()?).ok()
}

/// Notes an accepted loss durably.
pub(super) fn note(directory: &Path, loss: Loss) -> io::Result<()> {
    let bytes = serde_json::to_vec(&loss).map_err(io::Error::from)?;
    let draft = path(directory).with_extension("draft");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(draft, path(directory))?;
    sync_directory(directory)
}

/// The consequences are journaled.
pub(super) fn clear(directory: &Path) -> io::Result<()> {
    match fs::remove_file(path(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
