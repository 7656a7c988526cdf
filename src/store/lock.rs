//! The writer lease: a lock file with the pid of whoever holds it.
//!
//! It is taken before anything in the directory is looked at, so that a second process moves, cuts
//! and rebuilds nothing. The operating system lets go of it when the process ends, however it ends;
//! the file stays, and an old pid in it means nothing. A file system without locks is refused.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::error::OpenError;
use super::faults::{Faults, Point};

/// How long one try waits for the next.
const PAUSE: Duration = Duration::from_millis(50);

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a directory; a restart right after a kill may have to wait a moment.
    pub(super) fn take(
        directory: &Path,
        wait: Duration,
        faults: &Faults,
    ) -> Result<Self, OpenError> {
        let path = directory.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| OpenError::not_writable(&path, error))?;
        let tries = wait.as_millis() / PAUSE.as_millis();
        for left in (0..=tries).rev() {
            match faults.io(Point::Lock).and_then(|()| try_once(&file)) {
                Ok(true) => {
                    note_pid(&mut file).map_err(|error| OpenError::not_writable(&path, error))?;
                    return Ok(Self { _file: file });
                }
                Ok(false) if left > 0 => std::thread::sleep(PAUSE),
                Ok(false) => break,
                Err(error) if has_no_locks(&error) => {
                    return Err(OpenError::NoLocks {
                        directory: directory.to_owned(),
                        source: error,
                    });
                }
                Err(error) => return Err(OpenError::io("lock", &path, error)),
            }
        }
        Err(OpenError::Busy {
            directory: directory.to_owned(),
            pid: read_pid(&mut file),
        })
    }

    /// Says who holds the lock of a directory, without taking or creating anything.
    pub(super) fn holder(directory: &Path) -> Option<Option<u32>> {
        let mut file = File::open(directory.join("lock")).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => Some(read_pid(&mut file)),
            _ => None,
        }
    }
}

/// Who has the store of a directory open: `None` if nobody, else the pid if its lock file says it.
pub fn holder(directory: &Path) -> Option<Option<u32>> {
    Lock::holder(directory)
}

/// True if the lock is ours now, false if another holds it.
fn try_once(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn has_no_locks(error: &io::Error) -> bool {
    let none = [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS];
    none.iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn note_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
