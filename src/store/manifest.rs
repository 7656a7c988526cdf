//! `backup.json` beside the segments of a copied journal: which lines the copy holds.
//!
//! It stays in the folder when the folder is put back, by whatever means, and so tells the start that
//! the journal was rewound: lines may have been written since that nobody remembers here. It goes only
//! after the loss that this means was noted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::durable::replace;
use super::journal::sync_directory;
use super::verify::Report;

const NAME: &str = "backup.json";

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this file.
    pub v: u32,
    /// Whose journal it is, hex.
    pub installation: String,
    /// When it was copied, by the clock of the machine that did it.
    pub made_at: Timestamp,
    /// The number of the last line.
    pub head: u64,
    /// Its hash, hex.
    pub head_hash: String,
}

impl Manifest {
    /// Of a journal that was just verified; `None` if it has no segment.
    pub(super) fn of(report: &Report, made_at: Timestamp) -> Option<Self> {
        Some(Self {
            v: 1,
            installation: report.installation.clone()?,
            made_at,
            head: report.head,
            head_hash: report.head_hash.clone(),
        })
    }

    /// Reads the one of a journal's folder; `None` if there is none.
    pub(super) fn read(journal: &Path) -> io::Result<Option<Self>> {
        match fs::read(path(journal)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it durably into a journal's folder.
    pub(super) fn write(&self, journal: &Path) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        replace(journal, NAME, &bytes)
    }
}

fn path(journal: &Path) -> PathBuf {
    journal.join(NAME)
}

/// True if the journal of this folder was put back from a copy and nobody has accepted what that
/// means. A file that cannot be read counts as well.
pub(super) fn was_put_back(journal: &Path) -> io::Result<bool> {
    path(journal).try_exists()
}

/// What it means is noted.
pub(super) fn clear(journal: &Path) -> io::Result<()> {
    match fs::remove_file(path(journal)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_directory(journal)),
    }
}
