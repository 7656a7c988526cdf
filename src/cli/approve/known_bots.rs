//! The keys of bots that were seen before, one `URL KEY` a line in the user's config folder.
//!
//! Invariant: a key is pinned when a bot is used first. This program replaces it only by one that the
//! pinned key itself vouches for; whoever gave a bot another key on purpose deletes the line.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::secret::file::write_secret_file;

/// No list of bots is larger.
const LARGEST: u64 = 1024 * 1024;

/// The file with the keys.
pub(super) struct KnownBots(PathBuf);

impl KnownBots {
    /// The file of whoever runs this.
    pub(super) fn of_this_user() -> anyhow::Result<Self> {
        let folder = config_folder().context("no HOME, and so no place for the keys of bots")?;
        Ok(Self(folder.join("ownergate").join("known-bots")))
    }

    /// The key that is pinned for a bot.
    pub(super) fn key_of(&self, bot: &str) -> anyhow::Result<Option<String>> {
        let file = self.0.display();
        let mut text = String::new();
        match std::fs::File::open(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {file}")),
            Ok(open) => open
                .take(LARGEST)
                .read_to_string(&mut text)
                .with_context(|| format!("cannot read {file}"))?,
        };
        let mut keys = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(url, _)| *url == bot)
            .map(|(_, key)| key.trim());
        let Some(key) = keys.next() else {
            return Ok(None);
        };
        let whole = key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !whole || keys.any(|other| other != key) {
            bail!("{file} does not name one key for {bot}: mend or delete its lines");
        }
        Ok(Some(key.to_ascii_lowercase()))
    }

    /// Puts a key in the place of the pinned one, which vouches for it; gives the file's name.
    pub(super) fn succeed(&self, bot: &str, old: &str, key: &str) -> anyhow::Result<String> {
        let file = self.0.display().to_string();
        let replaced = || -> std::io::Result<()> {
            let text = std::fs::read_to_string(&self.0)?;
            let line = |line: &str| match line.split_once(' ') {
                Some((url, pinned)) if url == bot && pinned.trim().eq_ignore_ascii_case(old) => {
                    format!("{bot} {key}\n")
                }
                _ => format!("{line}\n"),
            };
            let text: String = text.lines().map(line).collect();
            // Beside it and then in its place: a list that is cut would let any key be a first one.
            let new = self.0.with_extension(format!("new-{}", std::process::id()));
            write_secret_file(&new, text.as_bytes())?;
            std::fs::rename(&new, &self.0)
        };
        replaced().with_context(|| format!("cannot write {file}"))?;
        Ok(file)
    }

    /// Pins a key; gives the file's name.
    pub(super) fn pin(&self, bot: &str, key: &str) -> anyhow::Result<String> {
        let file = self.0.display().to_string();
        write_line(&self.0, &format!("{bot} {key}\n"))
            .with_context(|| format!("cannot write {file}"))?;
        Ok(file)
    }
}

fn write_line(path: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Where this user's programs keep what they were told (XDG Base Directory Specification).
fn config_folder() -> Option<PathBuf> {
    let own = absolute("XDG_CONFIG_HOME");
    own.or_else(|| home().map(|home| home.join(".config")))
}

/// The user's home.
pub(super) fn home() -> Option<PathBuf> {
    absolute("HOME")
}

#[expect(
    clippy::disallowed_methods,
    reason = "where a user's own files are is no configuration of the bot"
)]
fn absolute(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_pinned_for_its_bot_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let bots = KnownBots(folder.path().join("new/ownergate/known-bots"));
        let (one, other) = ("a".repeat(64), "b".repeat(64));
        assert_eq!(bots.key_of("https://gate.example").unwrap(), None);
        bots.pin("https://gate.example", &one).unwrap();
        bots.pin("https://gate.example/two", &other).unwrap();
        let key = |bot| bots.key_of(bot).unwrap();
        assert_eq!(key("https://gate.example"), Some(one));
        assert_eq!(key("https://gate.example/two"), Some(other));
        assert_eq!(key("https://gate.exampl"), None);
        let next = "c".repeat(64);
        bots.succeed("https://gate.example", &"a".repeat(64), &next)
            .unwrap();
        assert_eq!(key("https://gate.example"), Some(next));
        assert_eq!(key("https://gate.example/two"), Some("b".repeat(64)));
        let mode = std::fs::metadata(&bots.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_line_that_is_no_key_stops_it() {
        let folder = tempfile::tempdir().unwrap();
        let bots = KnownBots(folder.path().join("known-bots"));
        for lines in [
            "https://gate.example abc\n".to_owned(),
            format!("https://gate.example {}\n", "g".repeat(64)),
            format!(
                "https://gate.example {}\nhttps://gate.example {}\n",
                "a".repeat(64),
                "b".repeat(64)
            ),
        ] {
            std::fs::write(&bots.0, lines).unwrap();
            let fault = bots.key_of("https://gate.example").unwrap_err();
            assert!(fault.to_string().contains("mend or delete"), "{fault}");
        }
    }
}
