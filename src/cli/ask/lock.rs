//! One ask for one file at a time: two would post two requests and write over each other's state.
//!
//! Invariant: the system holds the lock and lets go when the process ends, however that ends. The file
//! beside the state is only its place: one that is left behind locks nothing.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::fault::AskFault;
use super::state::Keep;

/// The lock, as long as it lives.
#[derive(Debug)]
pub(super) struct Alone {
    path: PathBuf,
    _file: File,
}

impl Alone {
    /// Takes it, or says that another ask goes on. Where nothing is kept there is nothing to lock.
    pub(super) fn take(keep: &Keep) -> Result<Option<Self>, AskFault> {
        let Some(state) = &keep.0 else {
            return Ok(None);
        };
        let mut name = OsString::from(state);
        name.push(".lock");
        let path = PathBuf::from(name);
        loop {
            let file = open(&path).map_err(|why| cannot(&path, &why))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(AskFault::Failed(format!(
                        "another ask goes on with {}, and nothing was posted by this one: let it end, or name another file",
                        state.display()
                    )));
                }
                Err(TryLockError::Error(why)) => return Err(cannot(&path, &why)),
            }
            // Whoever had it may have removed the file between opening and locking.
            if is_at(&file, &path) {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // Still locked: nobody is given a place that is about to go. What stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut how = OpenOptions::new();
    how.create(true).truncate(false).write(true).mode(0o600);
    how.open(path)
}

fn is_at(file: &File, path: &Path) -> bool {
    let place = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(file), Ok(there)) => place(file) == place(there),
        _ => false,
    }
}

fn cannot(path: &Path, why: &std::io::Error) -> AskFault {
    AskFault::Failed(format!("cannot lock {}: {why}", path.display()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::beside(&folder.path().join("token"));
        let first = Alone::take(&keep).unwrap();
        let why = Alone::take(&keep).unwrap_err();
        assert_eq!(why.code(), 1);
        assert!(
            why.to_string().contains("another ask goes on with"),
            "{why}"
        );
        let other = Keep::beside(&folder.path().join("another"));
        drop(Alone::take(&other).unwrap());
        drop(first);
        drop(Alone::take(&keep).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(Alone::take(&Keep(None)).unwrap().is_none());
    }

    #[test]
    fn what_a_killed_process_left_locks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token.ask.lock"), "").unwrap();
        let keep = Keep::beside(&folder.path().join("token"));
        assert!(Alone::take(&keep).unwrap().is_some());
    }

    #[test]
    fn a_lock_on_a_file_that_was_removed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.ask.lock");
        let file = open(&path).unwrap();
        assert!(is_at(&file, &path));
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        let _new = open(&path).unwrap();
        assert!(!is_at(&file, &path));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::beside(&folder.path().join("nowhere/token"));
        let why = Alone::take(&keep).unwrap_err().to_string();
        assert!(why.contains("nowhere/token.ask.lock: "), "{why}");
    }
}
