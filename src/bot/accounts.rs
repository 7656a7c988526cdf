//! Owners' accounts: reads, a few in each pass, whether the forge still has them, and feeds what is not
//! as it should be to the core, which pauses what they own.
//!
//! Not to be found is weak evidence. It counts only for an account that was once seen in the same way,
//! while the forge answers otherwise, and when it is found twice at least a minute apart. That an
//! account may not sign in is the forge's own word; it gives that to site admins' tokens only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::Bot;
use super::core::Outcome;
use crate::forgejo::ForgejoError;
use crate::gate::account::{self, Account, Sighting, Trouble};
use crate::gate::event::Event;
use crate::gate::identity::{Identity, IdentityStatus};
use crate::gate::ids::{IdentityNumber, RepositoryId, UserId};
use crate::gate::key::{Key, Table};
use crate::gate::time::seconds_between;
use crate::store::{StoreError, SubmitError};

/// Accounts that are read in one pass of a board.
const IN_A_PASS: usize = 2;
/// How far apart an account has to be found missing twice, in seconds.
const TWICE: i64 = 60;
/// Identities that one line pauses at most.
const PART: usize = 10;
/// Rows of the index that are looked at together.
const PAGE: usize = 200;

/// Why the accounts could not be followed up.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

/// As whom accounts are read. Who may see less of people finds some of them missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eyes {
    /// The bot's token.
    Token,
    /// Nobody, since the token may not read accounts.
    Anybody,
}

impl Eyes {
    fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Anybody => "anybody",
        }
    }
}

/// What a read of an account says.
enum Found {
    /// It is there, with this trouble or none.
    There(Option<Trouble>),
    /// There is no such account, or its name is another one's.
    Missing,
}

/// What is remembered between passes.
#[derive(Debug, Default)]
pub struct Accounts {
    memory: Mutex<Memory>,
}

/// See [`Accounts`].
#[derive(Debug, Default)]
struct Memory {
    /// Where the rotation of each board goes on.
    after: BTreeMap<RepositoryId, UserId>,
    /// Since when accounts are missing that are not known to be.
    missing: BTreeMap<UserId, Timestamp>,
    /// True once it was said that the accounts cannot be read.
    said: bool,
}

impl Accounts {
    fn memory<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The owners of a board whose turn it is.
    fn turn(&self, board: RepositoryId, owners: &[(UserId, String)]) -> Vec<(UserId, String)> {
        self.memory(|memory| {
            let after = memory.after.get(&board).copied();
            let begin = owners
                .iter()
                .position(|(owner, _)| Some(*owner) > after)
                .unwrap_or(0);
            let turn: Vec<(UserId, String)> = owners
                .iter()
                .cycle()
                .skip(begin)
                .take(IN_A_PASS.min(owners.len()))
                .cloned()
                .collect();
            if let Some((last, _)) = turn.last() {
                memory.after.insert(board, *last);
            }
            turn
        })
    }
}

/// Looks at some of a board's owners. What fails is looked at again in a later pass.
pub async fn look(bot: &Arc<Bot>, board: RepositoryId) {
    let owners: Vec<(UserId, String)> =
        bot.core
            .policy()
            .board(board)
            .map_or_else(Vec::new, |board| {
                let named = |(owner, named): (&UserId, &crate::gate::policy::Owner)| {
                    (*owner, named.login.clone())
                };
                board.owners.iter().map(named).collect()
            });
    for (owner, login) in bot.accounts.turn(board, &owners) {
        if let Err(error) = one(bot, owner, &login).await {
            tracing::warn!(owner = owner.0, %error, "cannot follow up an owner's account");
        }
    }
}

async fn one(bot: &Arc<Bot>, owner: UserId, login: &str) -> Result<(), Fault> {
    let Some((found, eyes)) = read(bot, owner, login).await else {
        return Ok(());
    };
    let name = format!("account/{owner}");
    let seen = bot.core.store().scratch(&name)?;
    let seen = seen.as_ref().and_then(Value::as_str) == Some(eyes.word());
    match found {
        Found::There(trouble) => {
            bot.accounts.memory(|memory| memory.missing.remove(&owner));
            if !seen {
                let eyes = Value::from(eyes.word());
                bot.core.writer().scratch(&name, eyes).await?;
            }
            match trouble {
                Some(trouble) => stop(bot, owner, trouble).await,
                None => there(bot, owner).await,
            }
        }
        Found::Missing if seen => {
            if !shows_itself(bot, eyes).await {
                tracing::warn!(
                    owner = owner.0,
                    "an owner's account is missing, and so is the bot's own: nothing is made of it"
                );
                return Ok(());
            }
            let now = bot.clock.now();
            let since = bot
                .accounts
                .memory(|memory| *memory.missing.entry(owner).or_insert(now));
            if seconds_between(since, now) < TWICE {
                tracing::warn!(
                    owner = owner.0,
                    "the forge does not show an owner's account"
                );
                return Ok(());
            }
            stop(bot, owner, Trouble::Gone).await
        }
        Found::Missing => {
            tracing::warn!(
                owner = owner.0,
                login,
                "the forge shows no such account and never did: is the owner's `login` right?"
            );
            Ok(())
        }
    }
}

/// Reads an account by its configured login; `None` if nothing can be learnt now. An owner who was
/// renamed is there: the old name redirects.
async fn read(bot: &Arc<Bot>, owner: UserId, login: &str) -> Option<(Found, Eyes)> {
    let client = &bot.forge.client;
    let (answer, eyes) = match client.user(login).await {
        Err(ForgejoError::Permanent { status, .. }) if status == 401 || status == 403 => {
            (client.user_as_anybody(login).await, Eyes::Anybody)
        }
        answer => (answer, Eyes::Token),
    };
    match answer {
        Ok(answer) if answer.value.id == owner => {
            let trouble = answer.value.prohibit_login.then_some(Trouble::Suspended);
            Some((Found::There(trouble), eyes))
        }
        // Whoever has the name now is somebody else.
        Ok(_) | Err(ForgejoError::NotFound) => Some((Found::Missing, eyes)),
        Err(ForgejoError::Permanent { .. }) => {
            let said = bot
                .accounts
                .memory(|memory| std::mem::replace(&mut memory.said, true));
            if !said {
                tracing::warn!(
                    "the forge shows nobody's account to the bot: what owners own is not paused when their account goes; a token with read:user sees it"
                );
            }
            None
        }
        Err(
            ForgejoError::Transient { .. }
            | ForgejoError::TooLarge { .. }
            | ForgejoError::Redirected { .. },
        ) => None,
    }
}

/// True if the forge answers, and where the bot knows its own account, shows that one in the same way.
async fn shows_itself(bot: &Arc<Bot>, eyes: Eyes) -> bool {
    let client = &bot.forge.client;
    match (eyes, client.whoami().await) {
        (Eyes::Token, Ok(own)) => client
            .user(&own.value.login)
            .await
            .is_ok_and(|shown| shown.value.id == own.value.id),
        (Eyes::Token, Err(_)) => false,
        (Eyes::Anybody, _) => bot.forge.answers().await,
    }
}

/// The account is as it should be.
async fn there(bot: &Arc<Bot>, owner: UserId) -> Result<(), Fault> {
    if bot.core.get::<Account>(&Key::account(owner))?.is_some() {
        feed(bot, owner, None, Vec::new()).await?;
    }
    Ok(())
}

/// What the account owns and still works is paused, in parts.
async fn stop(bot: &Arc<Bot>, owner: UserId, trouble: Trouble) -> Result<(), Fault> {
    let mut known = bot.core.get::<Account>(&Key::account(owner))?;
    if known.is_none() {
        feed(bot, owner, Some(trouble), Vec::new()).await?;
        known = bot.core.get::<Account>(&Key::account(owner))?;
    }
    let Some(known) = known else {
        return Ok(());
    };
    let mut after = None;
    loop {
        let prefix = account::owned_by(owner);
        let page = bot
            .core
            .store()
            .scan(Table::Owned, &prefix, after.as_ref(), PAGE)?;
        let mut working = Vec::new();
        for number in page.iter().filter_map(|(row, _)| account::identity_of(row)) {
            if works(bot, owner, number, &known)? {
                working.push(number);
            }
        }
        for part in working.chunks(PART) {
            feed(bot, owner, Some(trouble), part.to_vec()).await?;
        }
        let Some((last, _)) = page.into_iter().last() else {
            return Ok(());
        };
        after = Some(last);
    }
}

/// True for an identity of this owner that the account's trouble is to pause.
fn works(
    bot: &Arc<Bot>,
    owner: UserId,
    number: IdentityNumber,
    known: &Account,
) -> Result<bool, StoreError> {
    let identity = bot.core.get::<Identity>(&Key::identity(number))?;
    Ok(identity.is_some_and(|identity| {
        identity.owner == owner
            && identity.status == IdentityStatus::Active
            && known.pauses(&identity)
    }))
}

async fn feed(
    bot: &Arc<Bot>,
    owner: UserId,
    trouble: Option<Trouble>,
    identities: Vec<IdentityNumber>,
) -> Result<(), SubmitError> {
    let event = Event::Account(Sighting {
        owner,
        trouble,
        identities,
    });
    if let Outcome::Decided { answer, effects } = bot.core.feed(event).await? {
        bot.decided(&answer, effects);
    }
    Ok(())
}
