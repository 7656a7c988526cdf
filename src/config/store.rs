//! `[store]`: where the journal and its projection live.
//!
//! It names the folder; whether that can be written is found out by whoever opens it.

use std::path::PathBuf;

use super::section::Section;

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The folder that holds `journal/` and `sled/`.
    pub path: PathBuf,
}

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> Store {
    let path = section.required_path("path", r#"path = "data""#);
    section.finish();
    Store { path }
}
