//! What the HTTP edges share: the doors (hooks and clients with their secrets) and the bot behind
//! them, once the store is open.
//!
//! The doors can be exchanged while the bot runs: a call sees the old ones or the new ones, never a
//! part of both. Until the store is open everything but `healthz` and `readyz` is 503 with
//! Retry-After and never a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;

use super::limits::{Callers, Tries};
use super::operator::Refusals;
use super::pages::Sessions;
use super::problem::ApiError;
use crate::bot::Bot;
use crate::clock::Clock;
use crate::forgejo::signature::HookSecrets;
use crate::gate::ids::RepositoryId;
use crate::secret::file::SecretText;
use crate::secret::note::BotKeys;
use crate::secret::pepper::Peppers;
use crate::secret::token::TokenPrefix;
use crate::store::Progress;
use crate::telemetry::Metrics;

/// How long a delivery waits for the end of a start. Forgejo gives up after five seconds
/// (`[webhook] DELIVER_TIMEOUT`) and never tries again.
const DELIVERY_WAITS: Duration = Duration::from_secs(4);

/// The way in for one board's deliveries.
#[derive(Debug)]
pub struct Hook {
    /// The board.
    pub repository: RepositoryId,
    /// Its secrets.
    pub secrets: Arc<HookSecrets>,
}

/// The ways in, as one configuration has them.
#[derive(Debug)]
pub struct Doors {
    /// Hooks by the name of their board.
    pub hooks: BTreeMap<String, Hook>,
    /// Secrets of resource servers by name.
    pub clients: BTreeMap<String, SecretText>,
    /// Tokens of operators by name.
    pub operators: BTreeMap<String, SecretText>,
    /// The issuer in answers.
    pub public_url: String,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: BTreeSet<IpAddr>,
    /// Counts the calls of operators and clients.
    pub callers: Callers,
}

/// What the edges share.
#[derive(Debug)]
pub struct Gateway {
    /// The ways in; `doors` gives those of now.
    pub doors: RwLock<Arc<Doors>>,
    /// What tokens begin with.
    pub prefix: TokenPrefix,
    /// For looking tokens up.
    pub peppers: Arc<Peppers>,
    /// The time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// How far the store's opening is.
    pub progress: Arc<Progress>,
    /// What the start waits for, when it is not the store.
    pub waits_for: Mutex<&'static str>,
    /// Counts what can be tried out.
    pub tries: Tries,
    /// Sign what approvers and holders are told.
    pub bot_keys: Arc<BotKeys>,
    /// How many refusals of operators and strangers are written down.
    pub refusals: Refusals,
    /// Who is logged in to the status page.
    pub sessions: Sessions,
    /// The bot, once everything is open.
    pub bot: OnceLock<Arc<Bot>>,
    /// Told when `bot` is set.
    pub opened: Notify,
}

impl Gateway {
    /// The ways in at this moment.
    pub fn doors(&self) -> Arc<Doors> {
        Arc::clone(&self.doors.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exchanges the ways in.
    pub fn change_doors(&self, doors: Doors) {
        *self.doors.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(doors);
    }

    /// The bot, or why not yet.
    pub fn bot(&self) -> Result<&Arc<Bot>, ApiError> {
        match self.bot.get() {
            Some(bot) if bot.core.writer().healthy() => Ok(bot),
            Some(_) => Err(ApiError::Unhealthy),
            None => Err(ApiError::Opening(
                "the bot is starting and the store is not open yet; try again in a few seconds",
            )),
        }
    }

    /// The bot, waited for a little while a start goes on: a delivery is sent once, and the forge
    /// waits for its answer longer than a usual start takes.
    pub async fn bot_soon(&self) -> Result<&Arc<Bot>, ApiError> {
        let mut opened = pin!(self.opened.notified());
        // Before the look, so that what opens between the two is not missed.
        opened.as_mut().enable();
        if self.bot.get().is_none() {
            let _ = tokio::time::timeout(DELIVERY_WAITS, opened).await;
        }
        self.bot()
    }

    /// Lets the bot in and wakes who waits for it; an error is one bot too many.
    pub fn open(&self, bot: Arc<Bot>) -> Result<(), Arc<Bot>> {
        self.bot.set(bot)?;
        self.opened.notify_waiters();
        Ok(())
    }

    /// Says what the start waits for.
    pub fn now_waiting_for(&self, what: &'static str) {
        *self
            .waits_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = what;
    }
}
