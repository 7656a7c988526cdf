//! What is kept beside the token's file, so that an ask goes on after a crash and is posted once.
//!
//! Invariant: no secret is in it. The age key follows from the forge's token and the salt that is kept
//! here: neither is worth anything without the other. A file is replaced whole or not at all.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::AskFault;
use crate::secret::file::write_secret_file;

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The form: 1.
    pub(super) v: u32,
    /// The forge and the repository that all of it is about.
    pub(super) place: String,
    /// The token that is there.
    pub(super) receipt: Option<Receipt>,
    /// The ask that goes on.
    pub(super) ask: Option<Pending>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was asked for, without the recipient.
    pub wish: String,
    /// The thread.
    pub issue: i64,
    /// The identity.
    pub identity: String,
    /// The credential.
    pub credential: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it ends, RFC 3339.
    pub expires_at: String,
    /// Whether the bot was told that it has arrived.
    pub activated: bool,
}

/// An ask that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// What is asked for, without the recipient.
    pub(super) wish: String,
    /// The title of the issue that it opens.
    pub(super) title: Option<String>,
    /// The issue that it stands in, or is to stand in.
    pub(super) issue: Option<i64>,
    /// The comment that asks; the issue's text if there is none.
    pub(super) comment: Option<i64>,
    /// Whether it was posted.
    pub(super) posted: bool,
    /// Nothing of it is older, by the forge's clock.
    pub(super) since: Option<Timestamp>,
    /// What the age key follows from, beside the forge's token.
    pub(super) salt: String,
    /// The age key's public half.
    pub(super) recipient: String,
}

/// Where it is kept; `None`: nowhere.
#[derive(Clone, Debug)]
pub(super) struct Keep(pub(super) Option<PathBuf>);

impl Keep {
    /// Beside the token's file.
    pub(super) fn beside(out: &Path) -> Self {
        let mut name = OsString::from(out);
        name.push(".ask");
        Self(Some(name.into()))
    }

    /// Its name, for people.
    pub(super) fn shown(&self) -> String {
        let path = self.0.as_ref();
        path.map_or_else(|| "nothing".to_owned(), |path| path.display().to_string())
    }

    /// What was kept; `None` if nothing was.
    pub(super) fn load(&self, place: &str) -> Result<Option<State>, AskFault> {
        let Some(path) = &self.0 else {
            return Ok(None);
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(failed(path, &why)),
        };
        let shown = path.display();
        let state: State = serde_json::from_str(&text)
            .ok()
            .filter(|state: &State| state.v == 1)
            .ok_or_else(|| {
                AskFault::Failed(format!(
                    "{shown} is no state of an ask: remove it to ask anew"
                ))
            })?;
        if state.place != place {
            let why = format!(
                "{shown} is about {}, not about {place}: name another file, or remove it",
                state.place
            );
            return Err(AskFault::Usage(why));
        }
        Ok(Some(state))
    }

    /// Keeps it; without anything in it, nothing is kept.
    pub(super) fn save(&self, state: &State) -> Result<(), AskFault> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        if state.ask.is_none() && state.receipt.is_none() {
            return match std::fs::remove_file(path) {
                Err(why) if why.kind() != ErrorKind::NotFound => Err(failed(path, &why)),
                _ => Ok(()),
            };
        }
        let text = serde_json::to_string_pretty(state).unwrap_or_default();
        replace(path, text.as_bytes())
    }
}

/// Puts a file of mode 0600 in the place of another: durable and whole, or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), AskFault> {
    let mut name = OsString::from(path);
    name.push(format!(".new-{}", std::process::id()));
    let new = PathBuf::from(name);
    let written = || -> std::io::Result<()> {
        // Left over from a process with the same number.
        let _ = std::fs::remove_file(&new);
        write_secret_file(&new, bytes)?;
        std::fs::rename(&new, path)?;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|why| {
        let _ = std::fs::remove_file(&new);
        failed(path, &why)
    })
}

fn failed(path: &Path, why: &std::io::Error) -> AskFault {
    AskFault::Failed(format!("{}: {why}", path.display()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn state() -> State {
        State {
            v: 1,
            place: "https://forge.example alice/board".to_owned(),
            receipt: None,
            ask: Some(Pending {
                wish: "/gate request\n".to_owned(),
                title: None,
                issue: Some(12),
                comment: None,
                posted: false,
                since: None,
                salt: "00".repeat(32),
                recipient: "age1".to_owned(),
            }),
        }
    }

    #[test]
    fn what_is_kept_is_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::beside(&folder.path().join("token"));
        let place = state().place;
        assert_eq!(keep.load(&place).unwrap(), None);
        keep.save(&state()).unwrap();
        keep.save(&state()).unwrap();
        assert_eq!(keep.load(&place).unwrap(), Some(state()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let path = folder.path().join("token.ask");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Another board's is not taken for this one's.
        assert_eq!(
            keep.load("https://forge.example bob/board")
                .unwrap_err()
                .code(),
            2
        );
        std::fs::write(&path, "{").unwrap();
        assert_eq!(keep.load(&place).unwrap_err().code(), 1);
        let nothing = State {
            ask: None,
            ..state()
        };
        keep.save(&nothing).unwrap();
        assert!(!path.exists());
        keep.save(&nothing).unwrap();
    }
}
