//! Reloading: the configuration and every secret are read anew, judged whole, and only then put into
//! force while the bot runs.
//!
//! A configuration with a fault changes nothing and says why; so does one that changes what is fixed
//! as long as the process lives. The policy is journaled before anybody comes in by the new doors, so
//! what is cut is cut for the first check after the reload.

use std::path::Path;

use anyhow::{Context, bail};

use super::opening::put_into_force;
use super::secrets::Secrets;
use super::{Application, doors};
use crate::bot::silence::Moment;
use crate::config::{Config, Fault, Loaded, Warning};
use crate::forgejo::Access;
use crate::gate::ids::{RepositoryId, UserId};
use crate::secret::signing::SigningKey;

/// What of the secrets cannot be exchanged: names of them, no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    signing_key: String,
    previous_signing_key: Option<String>,
    installation: String,
    pepper: String,
    previous_pepper: Option<String>,
}

impl Kept {
    /// Names what a process was started with.
    pub(super) fn of(secrets: &Secrets) -> Self {
        Self {
            signing_key: secrets.bot_keys.current.public_hex(),
            previous_signing_key: secrets
                .bot_keys
                .previous
                .as_ref()
                .map(SigningKey::public_hex),
            installation: secrets.bot_keys.current.installation_id().to_string(),
            pepper: secrets.peppers.pepper_id().to_owned(),
            previous_pepper: secrets.peppers.previous_pepper_id().map(str::to_owned),
        }
    }
}

/// What a reload has put into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The hash of the policy that every decision from now on names.
    pub policy: String,
    /// What a person should know about the configuration.
    pub warnings: Vec<Warning>,
}

impl Application {
    /// Reads the configuration and its secrets anew and puts them into force, or changes nothing and
    /// says why. Waits for the start, if that still goes on. Whatever it cut is cut for every check
    /// that begins after this returns.
    pub async fn reload(&self) -> anyhow::Result<Reloaded> {
        let outcome = self.exchange().await;
        match &outcome {
            Ok(reloaded) => {
                self.gateway.metrics.reload("done");
                for warning in &reloaded.warnings {
                    tracing::warn!("{warning}");
                }
                tracing::info!(policy = reloaded.policy, "the configuration was reloaded");
            }
            Err(why) => {
                self.gateway.metrics.reload("refused");
                tracing::error!(
                    "the configuration was not reloaded; all of the old one stays in force: {why:#}"
                );
            }
        }
        outcome
    }

    async fn exchange(&self) -> anyhow::Result<Reloaded> {
        let bot = self.ready().await.map_err(anyhow::Error::msg)?;
        let mut current = self.config.lock().await;
        let file = current.file.clone();
        let before = bot.core.policy();
        let read = tokio::task::spawn_blocking(move || read(&file, before.bot));
        let (Loaded { config, warnings }, secrets) =
            read.await.context("reading it ended early")??;
        let before = bot.core.policy();
        let fixed = fixed(
            &current,
            &config,
            before.bot,
            &self.kept,
            &Kept::of(&secrets),
        );
        if !fixed.is_empty() {
            bail!(
                "these cannot change while the bot runs, restart it to put them into force: {}",
                fixed.join(", ")
            );
        }
        let access = Access::new(secrets.forge_token.clone()).context("forge.token_file")?;
        let policy = config.policy(self.kept.installation.clone(), before.bot);
        let boards: Vec<RepositoryId> = policy.boards.keys().copied().collect();
        for board in boards
            .iter()
            .filter(|board| before.board(**board).is_none())
        {
            bot.reconciliation
                .begin_at(*board, bot.clock.now(), Moment::now(&bot.clock));
        }
        let hash = policy.hash().to_string();
        let effects = put_into_force(&bot, policy).await?;
        self.gateway
            .change_doors(doors(&config, &secrets, &self.gateway.clock));
        bot.codes.change(secrets.totp.clone());
        bot.forge.client.change_access(access);
        bot.reconciliation.change_every(config.forge.reconcile);
        for (id, effect) in effects {
            crate::bot::outbox::add(&bot, id, &effect);
        }
        if self.reconcile {
            self.read_boards(&bot, &boards);
        }
        // Read at once: a wait of the old length would end late, and what was cut is to be told.
        for board in &boards {
            bot.reconciliation.ask(*board);
        }
        *current = config;
        Ok(Reloaded {
            policy: hash,
            warnings,
        })
    }

    /// Boards that came are read from now on, those that went no longer.
    fn read_boards(&self, bot: &std::sync::Arc<crate::bot::Bot>, boards: &[RepositoryId]) {
        let working = self.working.get().map(std::sync::Mutex::lock);
        if let Some(Ok(mut working)) = working
            && let Some(working) = working.as_mut()
        {
            working.read(bot, boards);
        }
    }
}

/// Reads file and secrets with the checks of a start.
fn read(file: &Path, bot: UserId) -> anyhow::Result<(Loaded, Secrets)> {
    let loaded = Config::load(file).map_err(|faults| told(&faults))?;
    let faults = loaded.config.bot_faults(bot);
    if !faults.is_empty() {
        return Err(told(&faults));
    }
    let secrets = Secrets::read(&loaded.config).map_err(|faults| told(&faults))?;
    Ok((loaded, secrets))
}

fn told(faults: &[Fault]) -> anyhow::Error {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    anyhow::Error::msg(lines.join("\n"))
}

/// The keys of what is fixed as long as the process lives, and yet differs.
fn fixed(old: &Config, new: &Config, bot: UserId, kept: &Kept, found: &Kept) -> Vec<&'static str> {
    let (was, is) = (&old.server, &new.server);
    [
        ("server.listen", was.listen != is.listen),
        (
            "server.internal_listen",
            was.internal_listen != is.internal_listen,
        ),
        ("server.admin_socket", was.admin_socket != is.admin_socket),
        ("store.path", old.store.path != new.store.path),
        ("secrets.pepper_file", kept.pepper != found.pepper),
        (
            "secrets.previous_pepper_file",
            kept.previous_pepper != found.previous_pepper,
        ),
        (
            "secrets.signing_key_file",
            (&kept.signing_key, &kept.installation) != (&found.signing_key, &found.installation),
        ),
        (
            "secrets.previous_signing_key_file",
            kept.previous_signing_key != found.previous_signing_key,
        ),
        ("forge.url", old.forge.url != new.forge.url),
        (
            "forge.insecure_http",
            old.forge.insecure_http != new.forge.insecure_http,
        ),
        (
            "forge.bot_id",
            new.forge.bot_id.is_some_and(|named| named != bot),
        ),
        ("tokens.prefix", old.tokens.prefix != new.tokens.prefix),
    ]
    .into_iter()
    .filter_map(|(key, differs)| differs.then_some(key))
    .collect()
}
