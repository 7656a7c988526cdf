//! Undoing on the forge what was made there: hooks, the bot's right, its account, the issue form; the
//! control issue is closed.
//!
//! Only what the notes name is touched, and each note goes when its thing is gone, so that an undoing
//! that was broken off goes on. Config, secrets and store stay: they are the gate's history. A rehearsal
//! only reads.

use std::path::Path;

use anyhow::{Context, bail};

use super::found::explain;
use super::made::{MadeBoard, Notes};
use super::{Report, Step};
use crate::cli::confirm::Go;
use crate::forgejo::client::{Client, ForgejoError, RepositoryPath};

/// What is to be undone.
#[derive(Clone, Debug)]
pub struct Undo<'a> {
    /// The folder with the notes.
    pub directory: &'a Path,
    /// Only this repository's things, and not the account.
    pub repository: Option<&'a str>,
    /// Whether it is done or only said.
    pub go: Go,
}

/// Undoes it, or says what would be undone; true if anything was there to undo.
pub async fn undo(
    forge: &Client,
    wish: &Undo<'_>,
    report: &mut dyn Report,
) -> anyhow::Result<bool> {
    let mut notes = Notes::read(wish.directory)?.kept(wish.go);
    let chosen = |board: &MadeBoard| {
        wish.repository
            .is_none_or(|name| name.eq_ignore_ascii_case(&board.repository))
    };
    if let Some(name) = wish.repository
        && !notes.made.boards.iter().any(chosen)
    {
        bail!("nothing was made for {name} from this folder");
    }
    let mut any = false;
    for place in 0..notes.made.boards.len() {
        if chosen(&notes.made.boards[place]) {
            any |= board(forge, &mut notes, place, (wish.go, report)).await?;
        }
    }
    notes.made.boards.retain(|board| !board.is_empty());
    if wish.repository.is_none()
        && let Some(bot) = notes.made.bot.clone()
    {
        any = true;
        let gone = gone(wish.go, forge.delete_account(&bot.login)).await;
        gone.map_err(|error| explain("cannot delete the bot's account", error))?;
        report.say(
            Step::Undone,
            &format!("the account {} and its token", bot.login),
        );
        notes.made.bot = None;
    }
    notes.write()?;
    Ok(any)
}

/// Makes the call, which a rehearsal does not. What is not there needs no undoing.
async fn gone(
    go: Go,
    call: impl Future<Output = Result<(), ForgejoError>>,
) -> Result<(), ForgejoError> {
    if go == Go::Rehearse {
        return Ok(());
    }
    match call.await {
        Err(ForgejoError::NotFound) => Ok(()),
        other => other,
    }
}

async fn board(
    forge: &Client,
    notes: &mut Notes,
    place: usize,
    (go, report): (Go, &mut dyn Report),
) -> anyhow::Result<bool> {
    let own = notes.made.boards[place].clone();
    if own.is_empty() {
        return Ok(false);
    }
    // By number, because it may have been renamed since.
    let found = match forge.place_by_id(own.repository_id).await {
        Ok(found) => found.value.full_name,
        Err(ForgejoError::NotFound) => {
            let what = format!("{} is not there any more", own.repository);
            report.say(Step::Note, &what);
            forget(notes, place, |board| {
                (board.hook, board.control_issue) = (None, None);
                (board.reader, board.form) = (None, None);
            })?;
            return Ok(true);
        }
        Err(error) => return Err(explain(&format!("cannot read {}", own.repository), error)),
    };
    let path = RepositoryPath::parse(&found).context("the forge names no repository")?;
    if let Some(id) = own.hook {
        let gone = gone(go, forge.delete_webhook(&path, id)).await;
        gone.map_err(|error| explain("cannot delete the webhook", error))?;
        report.say(Step::Undone, &format!("hook {id} of {path}"));
        forget(notes, place, |board| board.hook = None)?;
    }
    if let Some(number) = own.control_issue {
        let closed = gone(go, forge.close_issue(&path, number)).await;
        closed.map_err(|error| explain("cannot close the control issue", error))?;
        report.say(Step::Undone, &format!("issue {number} of {path}"));
        forget(notes, place, |board| board.control_issue = None)?;
    }
    if let Some(file) = &own.form {
        remove_form(forge, &path, file, (go, report)).await?;
        forget(notes, place, |board| board.form = None)?;
    }
    if let Some(login) = &own.reader {
        let gone = gone(go, forge.remove_collaborator(&path, login)).await;
        gone.map_err(|error| explain("cannot take the bot out of the repository", error))?;
        report.say(Step::Undone, &format!("{login} from {path}"));
        forget(notes, place, |board| board.reader = None)?;
    }
    Ok(true)
}

async fn remove_form(
    forge: &Client,
    path: &RepositoryPath,
    file: &str,
    (go, report): (Go, &mut dyn Report),
) -> anyhow::Result<()> {
    let hash = forge.file(path, file).await;
    let hash = hash.map_err(|error| explain(&format!("cannot look for {file}"), error))?;
    if let Some(hash) = hash {
        let gone = gone(go, forge.remove_file(path, file, &hash)).await;
        gone.map_err(|error| explain(&format!("cannot remove {file}"), error))?;
    }
    report.say(Step::Undone, &format!("{file} of {path}"));
    Ok(())
}

fn forget(notes: &mut Notes, place: usize, how: impl FnOnce(&mut MadeBoard)) -> anyhow::Result<()> {
    how(&mut notes.made.boards[place]);
    notes.write()
}
