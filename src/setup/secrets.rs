//! The secret files of a gate: made where they are missing, 0600, and never written over.
//!
//! A file that is there is judged like at a start, so that a run does not go on with one that the bot
//! would refuse. The forge's token is put there by `account`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::{Step, Work};
use crate::app::secrets::check;
use crate::config::{Config, SecretFile, SecretKind};
use crate::secret::credential;
use crate::secret::file::write_secret_file;
use crate::secret::token::random_hex;

/// Where the bot's own secrets are.
pub(super) struct Own {
    pub(super) forge_token: PathBuf,
}

/// A board's secret for its hook.
pub(super) struct HookSecret {
    pub(super) file: PathBuf,
    /// It was made in this run, or would be: no hook on the forge can have it.
    pub(super) new: bool,
}

/// The bot's own: pepper, signing key and, as a place, its token.
pub(super) fn own(work: &mut Work<'_>, before: Option<&Config>) -> anyhow::Result<Own> {
    if let Some(config) = before {
        return Ok(Own {
            forge_token: config.forge.token_file.clone(),
        });
    }
    let folder = folder(work)?;
    ensure(work, "pepper", &folder.join("pepper"), SecretKind::Pepper)?;
    let key = folder.join("signing-key");
    ensure(work, "key", &key, SecretKind::SigningKey)?;
    Ok(Own {
        forge_token: folder.join("forge-token"),
    })
}

/// A board's: of its hook and of its first client.
pub(super) fn of_board(
    work: &mut Work<'_>,
    before: Option<&Config>,
    name: &str,
) -> anyhow::Result<HookSecret> {
    let known = before.and_then(|config| {
        let mut boards = config.boards.iter();
        boards.find(|board| board.rules.name == name)
    });
    let file = if let Some(board) = known {
        board.hook_secret_file.clone()
    } else {
        let folder = folder(work)?;
        let client = folder.join(format!("client-{name}-api"));
        ensure(work, "client", &client, SecretKind::ClientSecret)?;
        folder.join(format!("hook-{name}"))
    };
    let new = ensure(work, "secret", &file, SecretKind::HookSecret)?;
    Ok(HookSecret { file, new })
}

fn folder(work: &Work<'_>) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = work.wish.directory.join("secrets");
    if work.rehearses() {
        return Ok(folder);
    }
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&folder);
    made.with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(folder)
}

/// Makes a secret file if there is none; true if it did, or would.
fn ensure(work: &mut Work<'_>, what: &str, path: &Path, kind: SecretKind) -> anyhow::Result<bool> {
    let shown = path.display().to_string();
    if credential::is_one(&shown) {
        bail!(
            "{shown} is a credential of a systemd unit, which cannot be read here: name files while \
             setting up, and credentials afterwards"
        );
    }
    if path.exists() {
        let file = SecretFile {
            key: what.to_owned(),
            path: path.to_owned(),
            kind,
        };
        if let Err(why) = check(&file) {
            bail!("{shown} {why}: mend it, or move it away so that a new one is made");
        }
        work.say(Step::Found, &format!("{what:<10} {shown}"));
        return Ok(false);
    }
    if !work.rehearses() {
        let secret = random_hex()?;
        let mut line = zeroize::Zeroizing::new(String::with_capacity(secret.len() + 1));
        line.push_str(&secret);
        line.push('\n');
        write_secret_file(path, line.as_bytes()).with_context(|| format!("cannot make {shown}"))?;
    }
    work.say(Step::Made, &format!("{what:<10} {shown} ({kind})"));
    Ok(true)
}
