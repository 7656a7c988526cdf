//! Faults and warnings: what is wrong with a configuration, in words that say the mend.
//!
//! A fault names the file, the key, why it is wrong and what to write instead; all of them are
//! collected before any is shown. A warning leaves the configuration usable. Nothing here prints.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::secret::credential;

/// One thing that keeps the configuration from being used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The configuration file.
    pub file: PathBuf,
    /// The key, such as `board[kan].gate.dev.quorum`; empty if the file as a whole is meant.
    pub key: String,
    /// Why it is wrong.
    pub why: String,
    /// What to write, or the command to type.
    pub example: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}\n    help: {}", self.why, self.example)
    }
}

/// One thing that a person should know about a configuration that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The configuration file.
    pub file: PathBuf,
    /// The key that it is about.
    pub key: String,
    /// What will happen, and what to do if that is not wanted.
    pub why: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file.display(), self.key, self.why)
    }
}

/// One reading of one file: where it stands, and what was found so far.
#[derive(Debug)]
pub(super) struct Reading {
    /// The file, absolute.
    file: PathBuf,
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<Warning>>,
}

impl Reading {
    /// Begins to read a file.
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            faults: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// The file being read.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The path as seen from the file's folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("/")).join(path)
    }

    /// The same for a secret; a credential of the service manager is in no folder that is known here.
    pub(super) fn resolve_secret(&self, path: &str) -> PathBuf {
        if credential::is_one(path) {
            PathBuf::from(path)
        } else {
            self.resolve(path)
        }
    }

    /// Notes a fault.
    pub(super) fn fault(
        &self,
        key: impl Into<String>,
        why: impl Into<String>,
        example: impl Into<String>,
    ) {
        self.faults.borrow_mut().push(Fault {
            file: self.file.clone(),
            key: key.into(),
            why: why.into(),
            example: example.into(),
        });
    }

    /// Notes a warning.
    pub(super) fn warn(&self, key: impl Into<String>, why: impl Into<String>) {
        self.warnings.borrow_mut().push(Warning {
            file: self.file.clone(),
            key: key.into(),
            why: why.into(),
        });
    }

    /// True if this very key has a fault already, so that nothing is concluded from its value.
    pub(super) fn faulty(&self, key: &str) -> bool {
        self.faults.borrow().iter().any(|fault| fault.key == key)
    }

    /// True if this key or something inside it has a fault already.
    pub(super) fn began(&self, key: &str) -> bool {
        let faults = self.faults.borrow();
        faults.iter().any(|fault| fault.key.starts_with(key))
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> (Vec<Fault>, Vec<Warning>) {
        (self.faults.into_inner(), self.warnings.into_inner())
    }
}
