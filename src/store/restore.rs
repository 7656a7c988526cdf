//! Putting a backup back where no journal is.
//!
//! A restored journal is a rewound one: what was revoked since is alive in it, and what was approved
//! since is open. So the copy keeps its `backup.json`, which makes the next start refuse until the loss
//! is accepted; that pauses every identity and voids every open request. An existing journal is never
//! overwritten. Records that are still there stay: they prove what is missing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::backup::copy_file;
use super::error::{OpenError, VerifyError};
use super::faults::Faults;
use super::journal::{create_directory, sync_directory};
use super::lock::Lock;
use super::manifest::Manifest;
use super::open::exists;
use super::scan::{file_name, list};
use super::verify::{Report, verify};
use crate::clock::Clock;

/// Why nothing is restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no backup.
    #[error("there is no journal in {}: name the folder that `ownergate backup` made", from.display())]
    NoBackup {
        /// The folder named.
        from: PathBuf,
    },
    /// What the backup says of itself cannot be read.
    #[error("{} cannot be read: {source}. Nothing was changed", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// There is a journal where it was to go.
    #[error(
        "there is a journal in {}, and restoring never overwrites one. If it is to go, stop the bot and move that folder away; keep it, and leave `sled` beside it, which proves what is missing. Nothing was changed",
        journal.display()
    )]
    Occupied {
        /// The journal that is there.
        journal: PathBuf,
    },
    /// The backup is not sound.
    #[error("the backup is not sound: {0}. Nothing was changed")]
    NotSound(#[from] VerifyError),
    /// The backup does not end as it was made.
    #[error(
        "the backup is not as it was made: it ends at line {found}, and its backup.json names line {named} or another hash. Nothing was changed"
    )]
    Differs {
        /// Where it ends.
        found: u64,
        /// Where it should.
        named: u64,
    },
    /// The backup ends in the middle of a line.
    #[error(
        "the backup ends in the middle of line {seq}: it was not made by `ownergate backup`. Cut that line off in a copy of it, or take another. Nothing was changed"
    )]
    Unfinished {
        /// The line's number.
        seq: u64,
    },
    /// The store cannot be locked.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A file cannot be read or written.
    #[error("cannot restore into {}: {source}. There is no journal there still", directory.display())]
    Copy {
        /// The store's directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A backup that was found sound.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Where it is.
    pub from: PathBuf,
    /// What verifying it said.
    pub report: Report,
    /// What it says of itself; `None` if it was copied by hand.
    pub manifest: Option<Manifest>,
}

impl Backup {
    /// Looks at a backup and verifies it: the chain, every line, and that it ends as it was made.
    pub fn look(from: &Path, installation: &str) -> Result<Self, RestoreError> {
        let journal = from.join("journal");
        let manifest = Manifest::read(&journal).map_err(|source| RestoreError::Manifest {
            path: journal.join("backup.json"),
            source,
        })?;
        let report = verify(from, Some(installation), false)?;
        if report.segments == 0 {
            return Err(RestoreError::NoBackup {
                from: from.to_owned(),
            });
        }
        if let Some(tail) = &report.unfinished {
            return Err(RestoreError::Unfinished { seq: tail.seq });
        }
        match &manifest {
            Some(made) if made.head != report.head || made.head_hash != report.head_hash => {
                Err(RestoreError::Differs {
                    found: report.head,
                    named: made.head,
                })
            }
            _ => Ok(Self {
                from: from.to_owned(),
                report,
                manifest,
            }),
        }
    }

    /// Refuses if there is a journal in a store's directory.
    pub fn fits(&self, directory: &Path) -> Result<(), RestoreError> {
        if exists(directory) {
            return Err(RestoreError::Occupied {
                journal: directory.join("journal"),
            });
        }
        Ok(())
    }

    /// Puts it into a store's directory that has no journal, verified once more before it gets its
    /// name. Gives the number that the next start wants to have accepted.
    pub fn restore(&self, directory: &Path, clock: &Clock) -> Result<u64, RestoreError> {
        self.fits(directory)?;
        let failed = |source| RestoreError::Copy {
            directory: directory.to_owned(),
            source,
        };
        create_directory(directory).map_err(failed)?;
        let _lock = Lock::take(directory, Duration::ZERO, &Faults::none())?;
        self.fits(directory)?;
        let draft = directory.join("restore.partial");
        let done = self.copy_to(&draft, clock, &failed).and_then(|()| {
            let journal = directory.join("journal");
            // An empty folder may be there: renaming over one is allowed, over a full one it is not.
            fs::rename(draft.join("journal"), journal)
                .and_then(|()| sync_directory(directory))
                .map_err(failed)
        });
        let _ = fs::remove_dir_all(&draft);
        done.map(|()| self.report.head)
    }

    fn copy_to(
        &self,
        draft: &Path,
        clock: &Clock,
        failed: &dyn Fn(io::Error) -> RestoreError,
    ) -> Result<(), RestoreError> {
        match fs::remove_dir_all(draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let (from, journal) = (self.from.join("journal"), draft.join("journal"));
        create_directory(&journal).map_err(failed)?;
        for (number, path, _) in list(&from)? {
            copy_file(&path, &journal.join(file_name(number)), false).map_err(failed)?;
        }
        let copied = verify(draft, self.report.installation.as_deref(), false)?;
        if copied.head_hash != self.report.head_hash {
            return Err(RestoreError::Differs {
                found: copied.head,
                named: self.report.head,
            });
        }
        let manifest = self.manifest.clone();
        match manifest.or_else(|| Manifest::of(&copied, clock.now())) {
            Some(manifest) => manifest.write(&journal).map_err(failed),
            None => Ok(()),
        }
    }
}
