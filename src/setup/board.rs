//! One board on the forge: the bot reads it, the issue form stands in it, the control issue is open,
//! the webhook sends.
//!
//! What is there is left as it is, if it does its work. A hook whose secret cannot be the one in the
//! file is replaced, because no call of the forge changes a hook's secret.

use anyhow::{Context, bail};
use secrecy::SecretString;

use super::found::{Kind, explain};
use super::secrets::HookSecret;
use super::{NO_ISSUE_YET, NOBODY_YET, Step, Wish, Work};
use crate::cli::printable::printable;
use crate::config::Config;
use crate::forgejo::client::ForgejoError;
use crate::forgejo::client::setup::{Account, EVENTS, Place, Webhook};
use crate::gate::ids::{IssueNumber, UserId};
use crate::secret::file::read_secret_file;

/// The title of the control issue, by which one from a run that was broken off is found.
const CONTROL: &str = "Ownergate: notices";

/// What stands in it.
const CONTROL_TEXT: &str = "Ownergate speaks here when a thread refuses its comments. Owners may \
    give every command that takes away (`/gate revoke`, `/gate pause`, `/gate freeze`) here as well. \
    Leave it open.";

/// The form, with values of no board in particular.
const FORM: &str = include_str!("../../deploy/issue-form.yaml");

/// The board's name: the one that it has, the one that is wished, or one made of the repository's.
pub(super) fn name(wish: &Wish, before: Option<&Config>, place: &Place) -> anyhow::Result<String> {
    let boards = before.map_or(&[][..], |config| &config.boards);
    let known = boards
        .iter()
        .find(|board| board.rules.repository_id == place.id);
    if let Some(board) = known {
        return Ok(board.rules.name.clone());
    }
    let taken = |name: &str| boards.iter().any(|board| board.rules.name == name);
    if let Some(name) = &wish.board {
        if taken(name) {
            bail!("another board is called {name}: choose another --board");
        }
        return Ok(name.clone());
    }
    let (owner, repository) = place
        .full_name
        .split_once('/')
        .unwrap_or(("", &place.full_name));
    [repository.to_owned(), format!("{owner}-{repository}")]
        .iter()
        .map(|text| plain(text))
        .find(|name| !name.is_empty() && !taken(name))
        .map_or_else(
            || {
                bail!(
                    "no name can be made of {}: choose one with --board",
                    place.full_name
                )
            },
            Ok,
        )
}

/// The characters that a board's name may have, at most 32.
fn plain(text: &str) -> String {
    let kept = |c: char| {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() { c } else { '-' }
    };
    let name: String = text.chars().map(kept).take(32).collect();
    name.trim_matches('-').to_owned()
}

/// The bot may read the repository, and so comment in it.
pub(super) async fn reader(
    work: &mut Work<'_>,
    place: &Place,
    bot: &Account,
) -> anyhow::Result<()> {
    let login = printable(&bot.login);
    // Nobody is known by a name that nobody has yet.
    let there = match bot.id {
        UserId(NOBODY_YET) => Ok(false),
        UserId(_) => work.forge.is_collaborator(&work.path, &bot.login).await,
    };
    if there.map_err(|error| explain("cannot read the collaborators", error))? {
        let what = format!("reader     {login} in {}", place.full_name);
        work.say(Step::Found, &what);
        return Ok(());
    }
    if !work.rehearses() {
        let added = work.forge.add_reader(&work.path, &bot.login).await;
        added.map_err(|error| explain("cannot add the bot to the repository", error))?;
    }
    let own = work.notes.board(&place.full_name, place.id);
    own.reader = Some(bot.login.clone());
    work.notes.write()?;
    let what = format!(
        "reader     {login} in {} (collaborator, read)",
        place.full_name
    );
    work.say(Step::Made, &what);
    Ok(())
}

/// The issue form, where there is none yet. Without it everything works, so a forge that refuses the
/// commit (a protected branch) is no failure.
pub(super) async fn form(work: &mut Work<'_>, place: &Place, kind: Kind) -> anyhow::Result<()> {
    let file = match kind {
        Kind::Forgejo => ".forgejo/issue_template/identity.yaml",
        Kind::Gitea => ".gitea/ISSUE_TEMPLATE/identity.yaml",
    };
    let there = work.forge.file(&work.path, file).await;
    if there
        .map_err(|error| explain(&format!("cannot look for {file}"), error))?
        .is_some()
    {
        work.say(
            Step::Found,
            &format!("form       {file} in {}", place.full_name),
        );
        return Ok(());
    }
    let text = form_text(&work.wish.scopes);
    let added = if work.rehearses() {
        Ok(())
    } else {
        work.forge.add_file(&work.path, file, &text).await
    };
    match added {
        Ok(()) => {
            let own = work.notes.board(&place.full_name, place.id);
            own.form = Some(file.to_owned());
            work.notes.write()?;
            work.say(
                Step::Made,
                &format!("form       {file} in {}", place.full_name),
            );
            Ok(())
        }
        Err(error @ ForgejoError::Transient { .. }) => {
            Err(explain("cannot commit the issue form", error))
        }
        Err(error) => {
            let why = format!(
                "form       not committed ({}): put deploy/issue-form.yaml to {file} by hand, if you want it",
                printable(&error.to_string())
            );
            work.say(Step::Note, &why);
            Ok(())
        }
    }
}

/// The form with this board's first scope in its example.
fn form_text(scopes: &[String]) -> String {
    let first = scopes.first().map_or("board:read", String::as_str);
    FORM.replace(
        "scopes = [\"board:read\"]",
        &format!("scopes = [\"{first}\"]"),
    )
}

/// The issue in which the bot speaks when a thread refuses it.
pub(super) async fn control_issue(
    work: &mut Work<'_>,
    place: &Place,
    configured: Option<IssueNumber>,
) -> anyhow::Result<IssueNumber> {
    let found = match configured {
        Some(number) => Some(number),
        None => {
            let login = work.me.login.clone();
            let open = work.forge.open_issues_by(&work.path, &login).await;
            let open = open.map_err(|error| explain("cannot read the issues", error))?;
            let ours = open.iter().find(|issue| issue.title.expose() == CONTROL);
            let ours = ours.map(|issue| issue.number);
            if ours.is_some() {
                // Of a run whose answer was lost.
                let own = work.notes.board(&place.full_name, place.id);
                own.control_issue = ours;
                work.notes.write()?;
            }
            ours
        }
    };
    if let Some(number) = found {
        let what = format!("control    issue {number} of {}", place.full_name);
        work.say(Step::Found, &what);
        return Ok(number);
    }
    if work.rehearses() {
        let what = format!("control    an issue of {}", place.full_name);
        work.say(Step::Made, &what);
        return Ok(NO_ISSUE_YET);
    }
    let made = work
        .forge
        .open_issue(&work.path, CONTROL, CONTROL_TEXT)
        .await;
    let made = made.map_err(|error| explain("cannot open the control issue", error))?;
    let made = made.value;
    let own = work.notes.board(&place.full_name, place.id);
    own.control_issue = Some(made.number);
    work.notes.write()?;
    let what = format!("control    issue {} of {}", made.number, place.full_name);
    work.say(Step::Made, &what);
    Ok(made.number)
}

/// The webhook: one for this address, active, JSON, with the bot's events and the file's secret.
pub(super) async fn webhook(
    work: &mut Work<'_>,
    place: &Place,
    kind: Kind,
    (name, secret): (&str, &HookSecret),
) -> anyhow::Result<()> {
    let url = format!("{}/hooks/{name}", work.wish.public_url);
    let hooks = work.forge.webhooks(&work.path).await;
    let hooks = hooks.map_err(|error| explain("cannot read the webhooks", error))?;
    let there = hooks.into_iter().find(|hook| hook.config.url == url);
    match there {
        Some(hook) if !secret.new && serves(&hook) => {
            // It may be of a run whose answer was lost.
            let own = work.notes.board(&place.full_name, place.id);
            if own.hook.replace(hook.id) != Some(hook.id) {
                work.notes.write()?;
            }
            work.say(Step::Found, &format!("webhook    {url} (hook {})", hook.id));
            Ok(())
        }
        Some(hook) if !secret.new => {
            if !work.rehearses() {
                let mended = work.forge.mend_webhook(&work.path, &hook, &EVENTS).await;
                mended.map_err(|error| explain("cannot mend the webhook", error))?;
            }
            let what = format!(
                "webhook    {url} (hook {}): active, JSON, all events",
                hook.id
            );
            work.say(Step::Mended, &what);
            Ok(())
        }
        Some(hook) => {
            let what = if work.rehearses() {
                format!(
                    "webhook    hook {} has another secret and would go",
                    hook.id
                )
            } else {
                let gone = work.forge.delete_webhook(&work.path, hook.id).await;
                gone.map_err(|error| explain("cannot replace the webhook", error))?;
                format!("webhook    hook {} had another secret and is gone", hook.id)
            };
            work.say(Step::Note, &what);
            make_webhook(work, place, kind, (&url, secret)).await
        }
        None => make_webhook(work, place, kind, (&url, secret)).await,
    }
}

async fn make_webhook(
    work: &mut Work<'_>,
    place: &Place,
    kind: Kind,
    (url, secret): (&str, &HookSecret),
) -> anyhow::Result<()> {
    let word = match kind {
        Kind::Forgejo => "forgejo",
        Kind::Gitea => "gitea",
    };
    if work.rehearses() {
        work.say(
            Step::Made,
            &format!("webhook    {url}: {}", EVENTS.join(", ")),
        );
        return Ok(());
    }
    let text = read_secret_file(&secret.file).with_context(|| secret.file.display().to_string())?;
    let secret = SecretString::from(text.expose());
    let made = work
        .forge
        .make_webhook(&work.path, word, url, &secret)
        .await;
    let made = made.map_err(|error| explain("cannot make the webhook", error))?;
    let own = work.notes.board(&place.full_name, place.id);
    own.hook = Some(made.id);
    work.notes.write()?;
    let what = format!("webhook    {url} (hook {}): {}", made.id, EVENTS.join(", "));
    work.say(Step::Made, &what);
    Ok(())
}

/// True if a hook brings everything that the bot lives on.
pub(crate) fn serves(hook: &Webhook) -> bool {
    missing(hook).is_empty() && hook.active && hook.config.content_type == "json"
}

/// The bot's events that a hook does not send. Forges list `issues` as what it stands for.
pub(crate) fn missing(hook: &Webhook) -> Vec<&'static str> {
    let sends = |event: &str| hook.events.iter().any(|own| own == event);
    EVENTS
        .into_iter()
        .filter(|event| !(sends(event) || (*event == "issues" && sends("issues_only"))))
        .collect()
}
