//! A copy of the journal while the bot runs, or of a stopped one.
//!
//! The newest segment is copied first: all before it are finished then, so whatever is written
//! meanwhile, the copy is a beginning of the journal. It ends with a whole line and holds at least
//! what was durable when the copying began. It counts as made only after it was verified. The records
//! are not copied, they can be made anew; secrets are files of their own and never in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::{OpenError, VerifyError};
use super::journal::{create_directory, sync_directory};
use super::manifest::Manifest;
use super::open::exists;
use super::scan::{file_name, list};
use super::verify::{Report, verify};
use crate::clock::Clock;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no journal.
    #[error("there is no journal in {}: nothing to back up", directory.display())]
    NoJournal {
        /// The store's directory.
        directory: PathBuf,
    },
    /// Something is there already.
    #[error(
        "{} is not empty: name a new folder, such as one with the date in its name. Nothing was copied",
        to.display()
    )]
    NotEmpty {
        /// Where the copy was to go.
        to: PathBuf,
    },
    /// The journal cannot be listed.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// A file cannot be copied.
    #[error("cannot copy the journal to {}: {source}. What was copied is deleted", to.display())]
    Copy {
        /// Where to.
        to: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The copy is not sound.
    #[error(
        "the copy is not sound: {source}. It is deleted; `ownergate verify` says whether the store itself is"
    )]
    NotSound {
        /// What is wrong.
        source: VerifyError,
    },
}

/// Copies the journal of a store into a new or empty folder and verifies the copy. Nothing of the
/// store is locked or changed.
pub fn backup(
    directory: &Path,
    to: &Path,
    installation: &str,
    clock: &Clock,
) -> Result<Report, BackupError> {
    copy_and_verify(directory, to, installation, clock, &mut |_| {})
}

/// As `backup`; `each` is told of every file after it was copied.
pub(super) fn copy_and_verify(
    directory: &Path,
    to: &Path,
    installation: &str,
    clock: &Clock,
    each: &mut dyn FnMut(&Path),
) -> Result<Report, BackupError> {
    if !exists(directory) {
        return Err(BackupError::NoJournal {
            directory: directory.to_owned(),
        });
    }
    let failed = |source| BackupError::Copy {
        to: to.to_owned(),
        source,
    };
    match fs::read_dir(to).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(BackupError::NotEmpty { to: to.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let journal = to.join("journal");
    let made = copy_segments(&directory.join("journal"), &journal, each)
        .and_then(|()| sound(to, installation))
        .and_then(|report| {
            let manifest = Manifest::of(&report, clock.now());
            let written = manifest.map_or(Ok(()), |manifest| manifest.write(&journal));
            written.and_then(|()| sync_directory(to)).map_err(failed)?;
            Ok(report)
        });
    if made.is_err() {
        // What is not whole is no backup, and the disk may be full.
        let _ = fs::remove_dir_all(&journal);
    }
    made
}

/// The report of a copy that ends with a whole line.
fn sound(copy: &Path, installation: &str) -> Result<Report, BackupError> {
    verify(copy, Some(installation), false).map_err(|source| BackupError::NotSound { source })
}

/// Copies every segment, the newest first.
fn copy_segments(from: &Path, to: &Path, each: &mut dyn FnMut(&Path)) -> Result<(), BackupError> {
    let mut files = list(from)?;
    let failed = |source| BackupError::Copy {
        to: to.to_owned(),
        source,
    };
    create_directory(to).map_err(failed)?;
    files.reverse();
    for (place, (number, path, _)) in files.iter().enumerate() {
        let target = to.join(file_name(*number));
        copy_file(path, &target, place == 0).map_err(failed)?;
        each(path);
    }
    sync_directory(to).map_err(failed)
}

/// Copies a file durably; `growing`: up to its last whole line, and not at all if it has none.
pub(super) fn copy_file(from: &Path, to: &Path, growing: bool) -> io::Result<()> {
    let mut copied = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    let length = io::copy(&mut File::open(from)?, &mut copied)?;
    if growing {
        let whole = end_of_last_line(&mut copied, length)?;
        if whole == 0 {
            return fs::remove_file(to);
        }
        copied.set_len(whole)?;
    }
    copied.sync_all()
}

/// The length of a file without what comes after its last newline.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut buffer = [0; 4096];
    while end > 0 {
        let begin = end.saturating_sub(buffer.len() as u64);
        let part = &mut buffer[..usize::try_from(end - begin).unwrap_or(0)];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        if let Some(place) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + place as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}
