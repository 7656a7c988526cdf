//! A journal gets a newer format: a copy of it is kept, then a segment of the new format is opened.
//!
//! Lines are never rewritten. Until this is done a newer program writes the format of the newest segment,
//! so that the program before can be put back at any time. Afterwards that one refuses to start; going
//! back is putting the kept copy in place of the journal, which loses what was written since, and says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::OpenError;
use super::faults::Trouble;
use super::journal::{self, create_directory, sync_directory};
use super::lock::Lock;
use super::open::{check_installation, exists};
use super::options::Options;
use super::progress::Progress;
use super::scan::{Scanned, scan};

/// What an upgrade did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// The newest segment is in the newest format already.
    Nothing {
        /// Which.
        format: u32,
    },
    /// A segment of a newer format.
    Segment {
        /// The format of the newest segment before.
        from: u32,
        /// The format of the new one.
        to: u32,
        /// The new segment.
        segment: PathBuf,
        /// Where the journal was copied to; `None`: nothing was done yet.
        backup: Option<PathBuf>,
    },
}

/// Why a journal gets no newer format.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// The store cannot be read, is in use, or is somebody else's.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// There is no journal.
    #[error(
        "there is no journal in {}: the first start makes one in the newest format. Nothing was touched",
        directory.display()
    )]
    NoJournal {
        /// The store's directory.
        directory: PathBuf,
    },
    /// The journal does not end with a whole line.
    #[error(
        "{}, line {line} is not whole: {why}. Start the bot once, which sets an unfinished end aside or says what to do. Nothing was changed",
        segment.display()
    )]
    NotWhole {
        /// The segment.
        segment: PathBuf,
        /// The line in it; the header is 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The copy cannot be made.
    #[error("cannot copy the journal to {}: {source}. The journal was not changed", to.display())]
    Backup {
        /// Where to.
        to: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The segment cannot be made.
    #[error("cannot open a new segment in {}: {source}. Try again; the copy in {} stays", directory.display(), backup.display())]
    Segment {
        /// The journal's directory.
        directory: PathBuf,
        /// The copy.
        backup: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Opens a segment of `options.newest_format`, if the newest is of an older one; with `confirm` false it
/// only says what would be done. The store must not be in use.
pub fn upgrade(options: &Options, confirm: bool) -> Result<Upgrade, UpgradeError> {
    let directory = &options.directory;
    if !exists(directory) {
        return Err(UpgradeError::NoJournal {
            directory: directory.clone(),
        });
    }
    let _lock = Lock::take(directory, options.lock_wait, &options.faults)?;
    let journal = options.journal();
    let scanned = scan(&journal, options.newest_format, &Progress::new())?;
    check_installation(options, &scanned)?;
    if let Some(bad) = &scanned.bad {
        return Err(UpgradeError::NotWhole {
            segment: bad.path.clone(),
            line: bad.line,
            why: bad.why.clone(),
        });
    }
    let to = options.newest_format;
    let from = scanned.format().unwrap_or(to);
    if from >= to {
        return Ok(Upgrade::Nothing { format: from });
    }
    let segment = next_name(&journal, &scanned);
    let backup = if confirm {
        let backup = keep(&journal, from, to)?;
        open_segment(options, &scanned).map_err(|source| UpgradeError::Segment {
            directory: journal,
            backup: backup.clone(),
            source,
        })?;
        Some(backup)
    } else {
        None
    };
    Ok(Upgrade::Segment {
        from,
        to,
        segment,
        backup,
    })
}

fn next_number(scanned: &Scanned) -> u64 {
    scanned.segments.last().map_or(1, |last| last.number + 1)
}

fn next_name(journal: &Path, scanned: &Scanned) -> PathBuf {
    journal.join(super::scan::file_name(next_number(scanned)))
}

/// Copies the journal beside itself, durably: under its name a copy is whole.
fn keep(journal: &Path, from: u32, to: u32) -> Result<PathBuf, UpgradeError> {
    let mut turn = 1;
    let backup = loop {
        let more = if turn == 1 {
            String::new()
        } else {
            format!("-{turn}")
        };
        let name = format!("journal.before-upgrade-{from}-to-{to}{more}");
        let path = journal.with_file_name(name);
        if !path.exists() {
            break path;
        }
        turn += 1;
    };
    let partial = backup.with_extension("partial");
    copy(journal, &partial)
        .and_then(|()| fs::rename(&partial, &backup))
        .and_then(|()| sync_directory(journal.parent().unwrap_or(journal)))
        .map_err(|source| {
            // A copy that is not whole is no use, and the disk may be full.
            let _ = fs::remove_dir_all(&partial);
            UpgradeError::Backup {
                to: backup.clone(),
                source,
            }
        })?;
    Ok(backup)
}

fn copy(journal: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => create_directory(to)?,
    }
    for entry in fs::read_dir(journal)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            continue;
        }
        let mut copied = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to.join(entry.file_name()))?;
        io::copy(&mut File::open(entry.path())?, &mut copied)?;
        copied.flush()?;
        copied.sync_all()?;
    }
    sync_directory(to)
}

fn open_segment(options: &Options, scanned: &Scanned) -> io::Result<()> {
    let header = journal::header(
        options.newest_format,
        &options.installation,
        scanned.end() + 1,
        scanned.end_hash(),
    )?;
    let number = next_number(scanned);
    journal::create(&options.journal(), number, &header, &options.faults)
        .map(drop)
        .map_err(|trouble| match trouble {
            Trouble::Error(error) => error,
            Trouble::Stop | Trouble::Torn(_) => io::ErrorKind::Interrupted.into(),
        })
}
