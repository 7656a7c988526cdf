//! One board: its repository, its owners' names, whether the bot can speak there, its webhook.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;

use super::running::{Deliveries, Running};
use super::{Findings, mend, said};
use crate::cli::printable::printable;
use crate::config::{Board, Config};
use crate::forgejo::client::RepositoryPath;
use crate::forgejo::client::setup::{EVENTS, Place, Webhook, lacks_scope};
use crate::forgejo::types::IssueState;
use crate::forgejo::{Client, ForgejoError};
use crate::setup::{Kind, missing_events};

/// How long a test delivery may take: a forge sends late, and gives up after five seconds.
const ARRIVES: Duration = Duration::from_secs(8);
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Put to the control issue and taken back.
const REACTION: &str = "eyes";

/// Looks at one board.
pub(super) async fn examine(
    found: &mut Findings,
    (bot, owner): (&Client, Option<&Client>),
    (config, board): (&Config, &Board),
    running: Option<(&Running, Kind)>,
) {
    let Some(path) = repository(found, bot, board).await else {
        return;
    };
    owners(found, bot, board).await;
    comments(found, bot, board, &path).await;
    let Some(owner) = owner else {
        found.warn(
            "webhook",
            "not looked at: the bot's token may not see webhooks, and that is right",
            "run it with --token-file and a token of the repository's owner",
        );
        return;
    };
    let url = format!("{}/hooks/{}", config.server.public_url, board.rules.name);
    if let Some(hook) = webhook(found, owner, &path, &url).await {
        delivery(found, owner, (&path, &hook), running).await;
    }
}

/// The repository under its number, and what the bot may do there.
async fn repository(found: &mut Findings, bot: &Client, board: &Board) -> Option<RepositoryPath> {
    let rules = &board.rules;
    let named = format!("{} ({})", rules.repository, rules.repository_id);
    let place: Place = match bot.place_by_id(rules.repository_id).await {
        Ok(answer) => answer.value,
        Err(ForgejoError::NotFound) => {
            found.fail(
                "repository",
                format!("the bot does not see {named}"),
                "add its account to the repository as a collaborator (read), or correct repository_id",
            );
            return None;
        }
        Err(error) => {
            found.unanswered("repository", &named, &error);
            return None;
        }
    };
    let now = printable(&place.full_name);
    if !place.full_name.eq_ignore_ascii_case(&rules.repository) {
        found.fail(
            "repository",
            format!("{named} is called {now} now: nothing is widened there"),
            format!("if that is right, set repository = {now:?}"),
        );
    } else if place.archived {
        found.fail("repository", format!("{named} is archived"), "unarchive it");
    } else if !place.has_issues {
        found.fail(
            "repository",
            format!("{named} has no issues"),
            "turn them on in its settings",
        );
    } else if place.permissions.admin || place.permissions.push {
        found.warn(
            "repository",
            format!("the bot may write in {named}: who steals its token edits what owners wrote"),
            "give its account read only",
        );
    } else {
        found.ok(
            "repository",
            format!("{named}, where the bot may read and comment"),
        );
    }
    RepositoryPath::parse(&place.full_name)
}

/// Every owner's name leads to the pinned number.
async fn owners(found: &mut Findings, bot: &Client, board: &Board) {
    let mut right = Vec::new();
    for (id, owner) in &board.rules.owners {
        let login = &owner.login;
        match bot.account(login).await {
            Ok(answer) if answer.value.id == *id => right.push(format!("{login} ({id})")),
            Ok(answer) => found.fail(
                "owners",
                format!(
                    "{login} is the account {} now, and the owner is {id}: somebody else took the name",
                    answer.value.id
                ),
                "ask the owner what the account is called now, and correct login",
            ),
            Err(ForgejoError::NotFound) => found.fail(
                "owners",
                format!("nobody is called {login}: the account {id} was renamed or deleted"),
                "correct login; an owner who left stays with may_approve = false",
            ),
            Err(ForgejoError::Redirected { location, .. }) => {
                let now = location.rsplit('/').next().unwrap_or_default();
                found.fail(
                    "owners",
                    format!("{login} is called {now} now: the bot holds approvals until that is confirmed"),
                    format!("if the account is still {id}, set login = {now:?}"),
                );
            }
            Err(ForgejoError::Permanent { why, .. }) if lacks_scope(&why) => {
                found.warn(
                    "owners",
                    "not looked at: the token may not ask for accounts",
                    "give it read:user as well, if it is not limited to repositories",
                );
                return;
            }
            Err(error) => {
                found.unanswered("owners", login, &error);
                return;
            }
        }
    }
    if right.len() == board.rules.owners.len() {
        found.ok("owners", right.join(", "));
    }
}

/// Whether the bot can speak: it reacts in the control issue, and takes that back.
async fn comments(found: &mut Findings, bot: &Client, board: &Board, path: &RepositoryPath) {
    let Some(number) = board.rules.control_issue else {
        found.warn(
            "comments",
            "not looked at: there is no control issue, so a bot that a thread refuses is silent",
            "open an issue for it and set control_issue",
        );
        return;
    };
    let issue = match bot.issue(path, number).await {
        Ok(answer) => answer.value,
        Err(ForgejoError::NotFound) => {
            let what = format!("there is no issue {number}, which is to be the control issue");
            found.fail("comments", what, "open one and correct control_issue");
            return;
        }
        Err(error) => {
            found.unanswered("comments", "the control issue cannot be read", &error);
            return;
        }
    };
    if issue.state != IssueState::Open {
        let what = format!("the control issue {number} is closed");
        found.warn("comments", what, "open it again");
    }
    match bot.react_issue(path, number, REACTION).await {
        Ok(_) => {
            // What stays is a pair of eyes.
            let _ = bot.unreact_issue(path, number, REACTION).await;
            found.ok("comments", format!("the bot may speak in issue {number}"));
        }
        Err(ForgejoError::Permanent { why, .. }) if why.contains("blocked") => found.fail(
            "comments",
            "the repository's owner, or who opened the control issue, has blocked the bot's account",
            "unblock it: settings of that account, Blocked users",
        ),
        Err(error) => found.fail(
            "comments",
            format!("the bot may not speak in issue {number}: {}", said(&error)),
            mend(&error),
        ),
    }
}

/// The hook for this address, if it is as it should be.
async fn webhook(
    found: &mut Findings,
    owner: &Client,
    path: &RepositoryPath,
    url: &str,
) -> Option<Webhook> {
    let hooks = match owner.webhooks(path).await {
        Ok(hooks) => hooks,
        Err(error) => {
            let mend = "take a token of the repository's owner with write:repository";
            found.warn("webhook", format!("not looked at: {}", said(&error)), mend);
            return None;
        }
    };
    let again = "ownergate init with the same --repo makes or mends it";
    let Some(hook) = hooks.iter().find(|hook| hook.config.url == url) else {
        let tail = url.rsplit('/').next().unwrap_or_default();
        let near = hooks
            .iter()
            .find(|hook| hook.config.url.ends_with(&format!("/hooks/{tail}")));
        let said = match near {
            Some(near) => format!(
                "the hook of {path} goes to {}, and public_url asks for {url}",
                printable(&near.config.url)
            ),
            None => format!("{path} has no hook for {url}"),
        };
        found.fail("webhook", said, again);
        return None;
    };
    let missing = missing_events(hook);
    if !hook.active {
        found.fail("webhook", format!("hook {} is not active", hook.id), again);
    } else if hook.config.content_type != "json" {
        found.fail(
            "webhook",
            format!("hook {} sends forms, not JSON", hook.id),
            again,
        );
    } else if !missing.is_empty() {
        let what = format!("hook {} does not send {}", hook.id, missing.join(", "));
        found.fail("webhook", what, again);
    } else {
        found.ok("webhook", format!("hook {} sends to {url}", hook.id));
        return Some(hook.clone());
    }
    None
}

/// A test delivery, which has to arrive and to be signed with the right secret.
async fn delivery(
    found: &mut Findings,
    owner: &Client,
    (path, hook): (&RepositoryPath, &Webhook),
    running: Option<(&Running, Kind)>,
) {
    let not_tried = |found: &mut Findings, why: &str, mend: &str| {
        found.warn("delivery", format!("not tried: {why}"), mend);
    };
    let Some((running, kind)) = running else {
        return not_tried(found, "the bot does not run", "start it and look again");
    };
    let Some(before) = running.deliveries().await else {
        return not_tried(
            found,
            "the bot does not show its counters",
            "look into its log",
        );
    };
    // Gitea tests only hooks that want pushes; for a moment this one does.
    let opened = kind == Kind::Gitea && !hook.events.iter().any(|event| event == "push");
    if opened && let Err(error) = owner.mend_webhook(path, hook, &with_push()).await {
        return not_tried(found, &said(&error), &mend(&error));
    }
    let tested = owner.test_webhook(path, hook.id).await;
    if opened && let Err(error) = owner.mend_webhook(path, hook, &EVENTS).await {
        let what = format!(
            "hook {} sends pushes as well now: {}",
            hook.id,
            said(&error)
        );
        found.warn(
            "delivery",
            what,
            "ownergate passes them over; take `push` out of the hook",
        );
    }
    match tested {
        Ok(()) => {}
        Err(ForgejoError::NotFound) => {
            let why = "a forge tests no hook of a repository without commits";
            return not_tried(found, why, "make a first commit (a README will do)");
        }
        Err(error) => return not_tried(found, &said(&error), &mend(&error)),
    }
    match arrival(running, before).await {
        Arrival::Signed => found.ok("delivery", "a test delivery arrived and was signed rightly"),
        Arrival::OtherSecret => found.fail(
            "delivery",
            format!(
                "a test delivery arrived, signed with another secret than {} has",
                "hook_secret_file"
            ),
            "delete the hook on the forge and run ownergate init with the same --repo",
        ),
        Arrival::Nothing => {
            let (why, mend) = nothing(&hook.config.url);
            found.fail("delivery", why, mend);
        }
    }
}

/// The bot's events, and pushes.
fn with_push() -> Vec<&'static str> {
    EVENTS.into_iter().chain(["push"]).collect()
}

/// What became of a test delivery.
enum Arrival {
    Signed,
    OtherSecret,
    Nothing,
}

/// Waits until the bot has counted one more.
async fn arrival(running: &Running, before: Deliveries) -> Arrival {
    let looked = async {
        loop {
            if let Some(now) = running.deliveries().await {
                if now.ignored > before.ignored {
                    return Arrival::Signed;
                }
                if now.bad_signature > before.bad_signature {
                    return Arrival::OtherSecret;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(ARRIVES, looked)
        .await
        .unwrap_or(Arrival::Nothing)
}

/// Why nothing may have come.
fn nothing(url: &str) -> (String, String) {
    let said = format!("a test delivery did not arrive at {}", printable(url));
    match inside(url) {
        Some(word) => (
            format!("{said}, an address that a forge does not call unless it is told to"),
            format!(
                "in the forge's app.ini: [webhook] ALLOWED_HOST_LIST = external,{word}; then restart it"
            ),
        ),
        None => (
            said,
            "look at the hook's recent deliveries in the repository's settings: they say what the forge \
             met on its way to public_url (name, certificate, proxy)"
                .to_owned(),
        ),
    }
}

/// The word of the forge's list that would allow this address, if it is inside.
fn inside(url: &str) -> Option<&'static str> {
    let url = Url::parse(url).ok()?;
    let host = url
        .host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']');
    if host == "localhost" {
        return Some("loopback");
    }
    match host.parse::<IpAddr>().ok()? {
        address if address.is_loopback() => Some("loopback"),
        IpAddr::V4(address) if address.is_private() => Some("private"),
        IpAddr::V6(address) if address.is_unique_local() => Some("private"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_forges_do_not_call_by_themselves_is_known() {
        for (url, word) in [
            ("http://127.0.0.1:8420/hooks/kan", Some("loopback")),
            ("http://localhost/hooks/kan", Some("loopback")),
            ("http://[::1]:8420/hooks/kan", Some("loopback")),
            ("https://10.1.2.3/hooks/kan", Some("private")),
            ("https://[fd00::1]/hooks/kan", Some("private")),
            ("https://gate.example/hooks/kan", None),
            ("https://192.0.2.7/hooks/kan", None),
        ] {
            assert_eq!(inside(url), word, "{url}");
            assert_eq!(nothing(url).1.contains("ALLOWED_HOST_LIST"), word.is_some());
        }
    }
}
