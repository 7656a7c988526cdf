//! The forge as the bot's token sees it: there, its clock, whose token it is, what it may do.

use jiff::Timestamp;
use reqwest::Method;

use super::Findings;
use crate::cli::printable::printable;
use crate::clock::Clock;
use crate::config::Config;
use crate::forgejo::client::RepositoryPath;
use crate::forgejo::client::setup::BOT_SCOPES;
use crate::forgejo::{Client, ForgejoError};
use crate::gate::ids::UserId;
use crate::setup::Kind;

/// Seconds by which clocks may differ before nothing is widened any more.
const FAR: i64 = 300;
/// Seconds by which clocks may differ before it is worth a word.
const NEAR: i64 = 30;

/// Whether it answers, what it runs, and what time it has.
pub(super) async fn reach(found: &mut Findings, bot: &Client, clock: &Clock) -> Option<Kind> {
    match bot.version().await {
        Ok(answer) => {
            let version = printable(&answer.value.version);
            found.ok(
                "forge",
                format!("{} answers, version {version}", bot.base()),
            );
            compare(found, clock.now(), answer.date);
            Some(Kind::of(&answer.value.version))
        }
        // Whoever brings a dead token is told nothing at all.
        Err(error @ ForgejoError::Permanent { status: 401, .. }) => {
            found.unanswered(
                "bot_account",
                "the forge does not take the bot's token",
                &error,
            );
            None
        }
        Err(error) => {
            found.unanswered("forge", bot.base(), &error);
            None
        }
    }
}

fn compare(found: &mut Findings, here: Timestamp, there: Option<Timestamp>) {
    let mend = "set the clocks of both machines by NTP";
    let Some(there) = there else {
        found.warn(
            "clock",
            "the forge's answers have no Date",
            "let a proxy pass that header",
        );
        return;
    };
    // Dates are whole seconds.
    let ahead = here.as_second() - there.as_second();
    let said = format!("this machine and the forge differ by {} s", ahead.abs());
    match ahead.abs() {
        FAR.. => found.fail("clock", format!("{said}: nothing is widened"), mend),
        NEAR.. => found.warn("clock", said, mend),
        _ => found.ok("clock", said),
    }
}

/// Whose token it is, and that this account may be the bot.
pub(super) async fn account(found: &mut Findings, bot: &Client, config: &Config) -> bool {
    let account = match bot.own_account().await {
        Ok(answer) => answer.value,
        // A token for single repositories may not ask; the bot can live with that.
        Err(ForgejoError::Permanent { status: 403, .. }) if config.forge.bot_id.is_some() => {
            found.warn(
                "bot_account",
                "the token may not ask whose it is, so that account could not be looked at",
                "give it read:user as well, if it is not limited to repositories",
            );
            return true;
        }
        Err(error) => {
            found.unanswered(
                "bot_account",
                "the forge does not say whose token it is",
                &error,
            );
            return false;
        }
    };
    let login = printable(&account.login);
    match config.forge.bot_id {
        Some(id) if id != account.id => found.fail(
            "bot_account",
            format!(
                "the token is of {login} ({}), and forge.bot_id is {id}",
                account.id
            ),
            "put the bot's own token into forge.token_file, or correct forge.bot_id",
        ),
        _ if account.is_admin => found.fail(
            "bot_account",
            format!("{login} is a site administrator: who steals its token has the forge"),
            "take an ordinary account for the bot",
        ),
        _ if is_owner(config, account.id) => found.fail(
            "bot_account",
            format!("{login} is an owner of a board: the bot would approve by itself"),
            "take an account of its own for the bot",
        ),
        _ => found.ok(
            "bot_account",
            format!("{login} ({}), an ordinary account", account.id),
        ),
    }
    true
}

fn is_owner(config: &Config, id: UserId) -> bool {
    let mut boards = config.boards.iter();
    boards.any(|board| board.rules.owner(id).is_some())
}

/// What the token may do beyond what the bot needs. A forge judges the scope before everything else,
/// so calls about nothing tell.
pub(super) async fn scopes(found: &mut Findings, bot: &Client, config: &Config) {
    let first = config.boards.first();
    let path = first.and_then(|board| RepositoryPath::parse(&board.rules.repository));
    let path = path.map(|path| path.to_string()).unwrap_or_default();
    let (owner, name) = path.split_once('/').unwrap_or(("-", "-"));
    let probes: [(&str, Method, Vec<&str>); 6] = [
        (
            "write:repository",
            Method::DELETE,
            vec!["repos", owner, name, "hooks", "0"],
        ),
        ("write:user", Method::DELETE, vec!["user", "keys", "0"]),
        (
            "read:notification",
            Method::GET,
            vec!["notifications", "new"],
        ),
        ("write:organization", Method::DELETE, vec!["teams", "0"]),
        ("read:package", Method::GET, vec!["packages", owner]),
        ("read:admin", Method::GET, vec!["admin", "users"]),
    ];
    let mut more = Vec::new();
    for (scope, method, segments) in probes {
        match bot.has_scope(method, &segments).await {
            Ok(true) => more.push(scope),
            Ok(false) => {}
            Err(error) => {
                found.unanswered("token_scopes", "the token's scopes are not known", &error);
                return;
            }
        }
    }
    let enough = BOT_SCOPES.join(", ");
    if more.is_empty() {
        found.ok("token_scopes", "the token may do no more than it needs");
    } else {
        found.warn(
            "token_scopes",
            format!("the token may do more than it needs: {}", more.join(", ")),
            format!(
                "make one with only {enough}, put it into forge.token_file and delete this one"
            ),
        );
    }
}
