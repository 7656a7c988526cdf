//! The bot's account and its token: made, or checked if somebody brings one.
//!
//! An account that is made is restricted and gets a random password, which exists as long as its token
//! is being made and is then nowhere. One that was there before is never given another password and
//! never used, unless somebody brings its token.

use std::path::Path;

use anyhow::{Context, bail};
use secrecy::SecretString;

use super::found::{People, explain};
use super::made::MadeAccount;
use super::{BotWish, NOBODY_YET, Step, Work};
use crate::cli::printable::printable;
use crate::forgejo::client::setup::{Account, BOT_SCOPES};
use crate::forgejo::client::{Access, Client, ForgejoError};
use crate::gate::ids::UserId;
use crate::secret::file::{SecretText, read_secret_file, write_secret_file};
use crate::secret::token::random_hex;

/// Why an account cannot be made.
const NOT_MADE: &str = "cannot make the bot's account (only a site administrator's token can)";

/// The bot's account, with its token in the file.
pub(super) async fn bot(
    work: &mut Work<'_>,
    token_file: &Path,
    people: &People,
) -> anyhow::Result<Account> {
    let shown = token_file.display().to_string();
    // Whatever is wished, a token that is there and works is the bot's.
    let there = match read_secret_file(token_file) {
        Ok(text) => Some(text),
        Err(_) if !token_file.exists() => None,
        Err(why) => bail!("{shown} {why}"),
    };
    let wish = work.wish.bot.clone();
    let (text, new) = match (there, wish) {
        (Some(text), BotWish::Token(other)) if text.expose() != other.expose() => {
            bail!("{shown} holds another token than --bot-token-file: move one of the two away")
        }
        (Some(text), _) => (text, false),
        (None, BotWish::Token(text)) => (text, true),
        (None, BotWish::Make(login)) if work.rehearses() => {
            return would_make(work, &login, people, &shown).await;
        }
        (None, BotWish::Make(login)) => (make(work, &login, people).await?, true),
        (None, BotWish::AsConfigured) => {
            bail!("{shown} is missing: name the bot's token with --bot-token-file")
        }
    };
    let bot = judge(work, &text, people).await.with_context(|| {
        if new {
            "the bot's token is not taken".to_owned()
        } else {
            format!("{shown} is not taken; move it away if it is an old one")
        }
    })?;
    if new {
        if !work.rehearses() {
            write_secret_file(token_file, text.expose().as_bytes())
                .with_context(|| format!("cannot make {shown}"))?;
        }
        say_token(work, &bot.login, &shown);
    } else {
        let what = format!(
            "bot        {} ({}), its token in {shown}",
            printable(&bot.login),
            bot.id
        );
        work.say(Step::Found, &what);
    }
    Ok(bot)
}

fn say_token(work: &mut Work<'_>, login: &str, shown: &str) {
    let scopes = match work.wish.bot {
        BotWish::Make(_) => format!(", {}", BOT_SCOPES.join(", ")),
        BotWish::Token(_) | BotWish::AsConfigured => String::new(),
    };
    let what = format!(
        "bot        the token of {} in {shown}{scopes}",
        printable(login)
    );
    work.say(Step::Made, &what);
}

/// Who a token belongs to, and whether that may be the bot.
async fn judge(
    work: &mut Work<'_>,
    token: &SecretText,
    people: &People,
) -> anyhow::Result<Account> {
    let client = as_bot(work, Access::new(SecretString::from(token.expose()))?)?;
    let bot = client.own_account().await.map_err(|error| {
        explain(
            "the bot's token cannot ask who it is (it needs read:user)",
            error,
        )
    })?;
    let bot = bot.value;
    if bot.id == work.me.id {
        bail!(
            "the bot's token belongs to {}, whose token sets it up: the bot needs an account of its own",
            printable(&bot.login)
        );
    }
    if bot.is_admin {
        bail!(
            "{} is a site administrator: the bot needs an ordinary account that may as little as possible",
            printable(&bot.login)
        );
    }
    for person in people.owners.iter().chain(&people.requesters) {
        if person.id == bot.id {
            bail!(
                "{} is the bot and cannot be an owner or a requester as well",
                printable(&bot.login)
            );
        }
    }
    Ok(bot)
}

/// A client for the bot's own account.
fn as_bot(work: &Work<'_>, access: Access) -> anyhow::Result<Client> {
    let client = super::client(
        &work.wish.forge,
        work.wish.insecure_http,
        // Replaced before anything is sent.
        SecretString::from("none"),
    )?;
    client.change_access(access);
    Ok(client)
}

/// Makes the account and its token.
async fn make(work: &mut Work<'_>, login: &str, people: &People) -> anyhow::Result<SecretText> {
    let there = ours(work, login, people).await?;
    let password = password()?;
    if let Some(found) = there {
        let set = work.forge.set_password(login, &password).await;
        set.map_err(|error| explain("cannot go on with the bot's account", error))?;
        note(work, login, Some(&found))?;
        work.say(
            Step::Found,
            &format!("bot        the account {login} ({})", found.id),
        );
    } else {
        // Written down first: after a crash the account is known for ours.
        note(work, login, None)?;
        let made = work.forge.make_account(login, &password).await;
        let made = made.map_err(|error| explain(NOT_MADE, error))?;
        note(work, login, Some(&made.value))?;
        let what = format!(
            "bot        the account {login} ({}), restricted",
            made.value.id
        );
        work.say(Step::Made, &what);
    }
    token(work, login, password).await
}

/// Says what `make` would do. What it would ask of the forge first is asked, and its token's right to go
/// on is taken from what the forge says of it.
async fn would_make(
    work: &mut Work<'_>,
    login: &str,
    people: &People,
    shown: &str,
) -> anyhow::Result<Account> {
    let there = ours(work, login, people).await?;
    if !work.me.is_admin {
        bail!("{NOT_MADE}; {} is none", printable(&work.me.login));
    }
    let account = if let Some(found) = there {
        work.say(
            Step::Found,
            &format!("bot        the account {login} ({})", found.id),
        );
        found
    } else {
        let what = format!("bot        the account {login}, restricted");
        work.say(Step::Made, &what);
        Account {
            id: UserId(NOBODY_YET),
            login: login.to_owned(),
            is_admin: false,
            restricted: true,
        }
    };
    say_token(work, login, shown);
    Ok(account)
}

/// The account with this login, if it was made here. One that was not is nobody's to take.
async fn ours(work: &Work<'_>, login: &str, people: &People) -> anyhow::Result<Option<Account>> {
    let mut all = people.owners.iter().chain(&people.requesters);
    if all.any(|person| person.login.eq_ignore_ascii_case(login)) {
        bail!("{login} is an owner or a requester: name another account with --bot-login");
    }
    let made = work.notes.made.bot.as_ref();
    let ours = made.is_some_and(|bot| bot.login == login);
    match work.forge.account(login).await {
        Err(ForgejoError::NotFound) => Ok(None),
        Ok(found) if ours => Ok(Some(found.value)),
        Ok(_) => bail!(
            "the forge has an account {login} already, which was not made here: name another one with \
             --bot-login, or bring that one's token with --bot-token-file"
        ),
        Err(error) => Err(explain(
            &format!("cannot ask for the account {login}"),
            error,
        )),
    }
}

fn note(work: &mut Work<'_>, login: &str, account: Option<&Account>) -> anyhow::Result<()> {
    work.notes.made.bot = Some(MadeAccount {
        login: login.to_owned(),
        id: account.map(|account| account.id),
    });
    work.notes.write()
}

/// A token of the new account: forges give one for the password only, whoever else asks.
async fn token(work: &Work<'_>, login: &str, password: SecretString) -> anyhow::Result<SecretText> {
    let client = as_bot(work, Access::with_password(login, password)?)?;
    let number = random_hex()?;
    let name = format!("ownergate-{}", &number[..8]);
    let made = client.make_token(login, &name).await.map_err(|error| {
        anyhow::anyhow!(
            "the account {login} is there, and the forge makes no token for its password: {error}; make \
             one on the forge's host (forgejo admin user generate-access-token --username {login} \
             --token-name {name} --scopes {} --raw > FILE) and go on with --bot-token-file FILE",
            BOT_SCOPES.join(",")
        )
    })?;
    Ok(SecretText::new(secrecy::ExposeSecret::expose_secret(&made)))
}

/// A password that satisfies every rule that a forge may have for one.
fn password() -> anyhow::Result<SecretString> {
    let random = random_hex()?;
    let text = zeroize::Zeroizing::new(format!("aA1!{}", random.as_str()));
    Ok(SecretString::from(text.as_str()))
}
