//! The note on disk that a loss was accepted and its consequences are not journaled yet.
//!
//! Without it a crash between rebuilding the records and the domain's first commit would make the
//! loss invisible: the next start would find records and journal in agreement and pause nobody. It is
//! written before anything else changes and removed after the first commit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Loss;
use super::durable::replace;

const NAME: &str = "accepted-loss.json";

fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// The accepted loss whose consequences are to be journaled.
pub(super) fn pending(directory: &Path) -> Option<Loss> {
    serde_json::from_slice(&fs::read(path(directory)).ok()?).ok()
}

/// Notes an accepted loss durably.
pub(super) fn note(directory: &Path, loss: Loss) -> io::Result<()> {
    let bytes = serde_json::to_vec(&loss).map_err(io::Error::from)?;
    replace(directory, NAME, &bytes)
}

/// The consequences are journaled.
pub(super) fn clear(directory: &Path) -> io::Result<()> {
    match fs::remove_file(path(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
