//! What a folder of sled looked like before it was opened, so that a refused start leaves it so.
//!
//! Opening sled writes even if nothing is changed: it lengthens its data file to a whole segment and
//! writes a snapshot of its page table. A start that then refuses puts both back. It also makes the
//! copies that verification reads and that a writer stopped as by SIGKILL leaves behind.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use rustix::fs::{FlockOperation, flock};

use super::journal::create_directory;

/// The data file, which is only ever lengthened by opening it.
const DATA: &str = "db";

/// The files of a folder: length, and content of all but the data file.
#[derive(Debug)]
pub(super) struct Footprint {
    folder: PathBuf,
    files: BTreeMap<PathBuf, (u64, Option<Vec<u8>>)>,
}

impl Footprint {
    /// Looks at a folder; `None` if there is none.
    pub(super) fn of(folder: &Path) -> io::Result<Option<Self>> {
        if !folder.try_exists()? {
            return Ok(None);
        }
        let mut files = BTreeMap::new();
        for path in files_in(folder)? {
            let data = path == folder.join(DATA);
            let length = fs::metadata(&path)?.len();
            let content = if data { None } else { Some(fs::read(&path)?) };
            files.insert(path, (length, content));
        }
        Ok(Some(Self {
            folder: folder.to_owned(),
            files,
        }))
    }

    /// Puts the folder back to what it was. Nobody may have it open any more.
    pub(super) fn restore(&self) -> io::Result<()> {
        wait_until_free(&self.folder.join(DATA));
        for path in files_in(&self.folder)? {
            if !self.files.contains_key(&path) {
                fs::remove_file(path)?;
            }
        }
        for (path, (length, content)) in &self.files {
            match content {
                Some(content) if fs::read(path).ok().as_ref() != Some(content) => {
                    fs::write(path, content)?;
                }
                None if fs::metadata(path)?.len() != *length => {
                    OpenOptions::new()
                        .write(true)
                        .open(path)?
                        .set_len(*length)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A sled that has just been dropped may hold its lock for another moment.
fn wait_until_free(data: &Path) {
    let Ok(file) = File::open(data) else { return };
    for _ in 0..40 {
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Every file below a folder.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(files_in(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Copies a folder.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    create_directory(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Puts a copy in the folder's place, as it is on disk now: whoever has the old files open writes to
/// them in vain.
pub(super) fn detach(folder: &Path) -> io::Result<()> {
    let away = folder.with_extension("detached");
    fs::rename(folder, &away)?;
    copy(&away, folder)?;
    fs::remove_dir_all(away)
}

/// Lets only the owner look into a folder and read what is in it, whoever put it there and how.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_private(&entry.path())?;
        } else {
            fs::set_permissions(entry.path(), Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Moves a folder of damaged records aside; only the newest one is kept.
pub(super) fn move_aside(folder: &Path, aside: &Path) -> io::Result<()> {
    create_directory(aside)?;
    let target = aside.join("sled");
    match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match fs::rename(folder, &target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}

/// A copy of a folder that goes with this value.
pub(super) struct Copy {
    pub(super) folder: PathBuf,
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What is left of a temporary folder is the system's to clear.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Copies a folder to a place where nothing else looks.
pub(super) fn private_copy(folder: &Path) -> io::Result<Copy> {
    let mut name = [0; 8];
    SysRng.try_fill_bytes(&mut name).map_err(io::Error::other)?;
    let name = format!("ownergate-{}", hex::encode(name));
    let to = Copy {
        folder: std::env::temp_dir().join(name),
    };
    copy(folder, &to.folder)?;
    Ok(to)
}
