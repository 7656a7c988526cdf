//! What `init` has made on the forge, so that it can be undone and so that a run that was broken off
//! goes on where it stood.
//!
//! It stands beside the config and holds no secret. Each thing is written down as soon as it is there;
//! what could be taken for somebody else's after a crash (the account) before it is made.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::cli::confirm::Go;
use crate::gate::ids::{IssueNumber, RepositoryId, UserId};

/// The name of the file.
const FILE: &str = "ownergate.made.json";

/// Everything that was made on the forge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The form of this file.
    pub v: u32,
    /// Where.
    pub forge: String,
    /// The bot's account, if it was made.
    pub bot: Option<MadeAccount>,
    /// Boards, in the order in which they came.
    pub boards: Vec<MadeBoard>,
}

/// An account that was made, or was about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeAccount {
    /// Its name.
    pub login: String,
    /// Its number; absent if it was not seen any more that it was made.
    pub id: Option<UserId>,
}

/// What was made for one board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBoard {
    /// `owner/name` when it was made.
    pub repository: String,
    /// Which repository it is.
    pub repository_id: RepositoryId,
    /// The bot's account was added to the repository.
    pub reader: Option<String>,
    /// The number of the hook.
    pub hook: Option<i64>,
    /// The issue in which the bot speaks when a thread refuses it.
    pub control_issue: Option<IssueNumber>,
    /// The path of the issue form.
    pub form: Option<String>,
}

impl MadeBoard {
    /// True if there is nothing to undo.
    pub fn is_empty(&self) -> bool {
        self.reader.is_none()
            && self.hook.is_none()
            && self.control_issue.is_none()
            && self.form.is_none()
    }
}

/// The file and what stands in it.
#[derive(Debug)]
pub struct Notes {
    path: PathBuf,
    /// What stands in it.
    pub made: Made,
    /// In a rehearsal nothing is written.
    rehearsed: bool,
}

impl Notes {
    /// Reads the file of a folder; without one nothing was made.
    pub fn read(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join(FILE);
        let made = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} cannot be read", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Made {
                v: 1,
                ..Made::default()
            },
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        };
        Ok(Self {
            path,
            made,
            rehearsed: false,
        })
    }

    /// The same, and in a rehearsal never written.
    pub fn kept(mut self, go: Go) -> Self {
        self.rehearsed = go == Go::Rehearse;
        self
    }

    /// Writes the file anew, whole or not at all.
    pub fn write(&self) -> anyhow::Result<()> {
        if self.rehearsed {
            return Ok(());
        }
        let mut text = serde_json::to_string_pretty(&self.made)?;
        text.push('\n');
        replace(&self.path, &text)
    }

    /// What was made for a repository.
    pub fn board(&mut self, repository: &str, id: RepositoryId) -> &mut MadeBoard {
        let boards = &mut self.made.boards;
        let place = boards.iter().position(|board| board.repository_id == id);
        let place = place.unwrap_or_else(|| {
            boards.push(MadeBoard {
                repository: repository.to_owned(),
                repository_id: id,
                reader: None,
                hook: None,
                control_issue: None,
                form: None,
            });
            boards.len() - 1
        });
        &mut boards[place]
    }
}

/// Writes a file beside the old one and puts it in its place.
pub(super) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut notes = Notes::read(folder.path()).unwrap();
        assert_eq!(notes.made.boards, []);
        notes.board("alice/board", RepositoryId(17)).hook = Some(3);
        notes.board("alice/board", RepositoryId(17)).form = Some("f".to_owned());
        notes.write().unwrap();
        let again = Notes::read(folder.path()).unwrap();
        assert_eq!(again.made, notes.made);
        assert_eq!(again.made.boards.len(), 1);
    }

    #[test]
    fn a_damaged_file_is_named_and_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let why = Notes::read(folder.path()).unwrap_err().to_string();
        assert!(why.contains("ownergate.made.json cannot be read"), "{why}");
    }
}
