//! From a bound port to a working bot: open the store, learn who the bot is, put the policy into
//! force, finish what an accepted loss demands, begin to work.
//!
//! The port is open meanwhile and answers 503; the service manager is told that it goes on. Nothing
//! is verified before all of it is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Settings;
use super::secrets::Secrets;
use crate::bot::accounts::Accounts;
use crate::bot::codes::Codes;
use crate::bot::core::{Core, Outcome};
use crate::bot::evidence::Gatherer;
use crate::bot::forge::Forge;
use crate::bot::reconcile::Reconciliation;
use crate::bot::schedule::Id;
use crate::bot::silence::Moment;
use crate::bot::{self, Bot, reconcile};
use crate::forgejo::{Client, ClientOptions};
use crate::gate::decide::Answer;
use crate::gate::effect::Effect;
use crate::gate::event::Event;
use crate::gate::ids::{RepositoryId, UserId};
use crate::gate::key::Key;
use crate::gate::policy::Policy;
use crate::gate::thread::Installation;
use crate::gate::world;
use crate::http::Gateway;
use crate::secret::screen::Screen;
use crate::store::{self, Observer, Opened, Options};

/// The tasks of a bot at work; dropping them ends it.
#[derive(Debug)]
pub(super) struct Working {
    pub(super) tasks: JoinSet<()>,
    /// Of those, the ones that read a board: they go on as long as this is held.
    reading: BTreeMap<RepositoryId, oneshot::Sender<()>>,
}

impl Working {
    /// Has these boards read from time to time, and no others.
    pub(super) fn read(&mut self, bot: &Arc<Bot>, boards: &[RepositoryId]) {
        self.reading.retain(|board, _| boards.contains(board));
        for board in boards {
            self.reading.entry(*board).or_insert_with(|| {
                let (goes_on, over) = oneshot::channel();
                self.tasks
                    .spawn(reconcile::run(Arc::clone(bot), *board, over));
                goes_on
            });
        }
        // What has ended is not kept.
        while self.tasks.try_join_next().is_some() {}
    }
}

/// Opens everything.
pub(super) async fn open(
    settings: &Settings,
    secrets: &Secrets,
    gateway: &Arc<Gateway>,
) -> anyhow::Result<Working> {
    let client = Client::new(ClientOptions {
        base: settings.config.forge.url.clone(),
        insecure_http: settings.config.forge.insecure_http,
        token: secrets.forge_token.clone(),
        user_agent: concat!("ownergate/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
    .context("cannot speak to the forge")?;
    let forge = Arc::new(Forge::new(client, settings.clock.clone()));
    gateway.now_waiting_for("the store");
    let opened = open_store(settings, secrets, gateway).await?;
    for note in &opened.notes {
        tracing::warn!("{note}");
    }
    let loss = opened.loss_accepted;
    let before: Option<Policy> = opened
        .store()
        .get(&Key::policy())?
        .as_ref()
        .and_then(world::decode);
    gateway.now_waiting_for("the forge, which has to say who the bot is");
    let own = who_am_i(settings, &forge, before.as_ref()).await?;
    let installation = secrets.bot_keys.current.installation_id().to_string();
    let policy = settings.config.policy(installation, own);
    let boards: Vec<RepositoryId> = policy.boards.keys().copied().collect();
    let bot = Arc::new(assemble(
        settings,
        secrets,
        gateway,
        forge,
        opened,
        policy.clone(),
    ));
    for board in &boards {
        let known = before
            .as_ref()
            .is_some_and(|before| before.board(*board).is_some());
        if !known {
            let now = Moment::now(&bot.clock);
            bot.reconciliation.begin_at(*board, bot.started, now);
        }
    }
    // The outbox is filled from the records when the tasks start.
    drop(put_into_force(&bot, policy).await?);
    gateway.now_waiting_for("what an accepted loss demands");
    if settle_loss(&bot, loss).await? && settings.reconcile {
        read_boards_first(&bot, &boards).await;
    }
    let mut working = Working {
        tasks: bot::start(&bot, settings.reconcile)?,
        reading: BTreeMap::new(),
    };
    if settings.reconcile {
        working.read(&bot, &boards);
    }
    gateway
        .open(Arc::clone(&bot))
        .map_err(|_| anyhow::anyhow!("the bot was started twice"))?;
    Ok(working)
}

/// Opens the store on a thread of its own, and tells the service manager while it advances.
async fn open_store(
    settings: &Settings,
    secrets: &Secrets,
    gateway: &Arc<Gateway>,
) -> anyhow::Result<Opened> {
    let metrics = Arc::clone(&gateway.metrics);
    let mut options = Options::new(
        &settings.config.store.path,
        secrets.bot_keys.current.installation_id().to_string(),
        settings.clock.clone(),
    );
    options.accept_journal_loss = settings.accept_journal_loss;
    options.faults = settings.faults.clone();
    options.reserve = settings.reserve.clone();
    options.max_batch = settings.max_batch;
    options.observer = Observer::new(move |batch| {
        metrics.batch_jobs.observe(batch.jobs as f64);
        metrics.commit_seconds.observe(batch.took.as_secs_f64());
    });
    let progress = Arc::clone(&gateway.progress);
    let mut opening = tokio::task::spawn_blocking(move || store::open(options, progress));
    let mut last = (gateway.progress.phase(), gateway.progress.done());
    loop {
        tokio::select! {
            opened = &mut opening => {
                return Ok(opened.context("the store's opening ended early")??);
            }
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                let now = (gateway.progress.phase(), gateway.progress.done());
                if now != last {
                    let _ = sd_notify::notify(false, &[
                        sd_notify::NotifyState::ExtendTimeoutUsec(15_000_000),
                        sd_notify::NotifyState::Status(now.0),
                    ]);
                    last = now;
                }
            }
        }
    }
}

/// The bot's own account: as configured, as the journal knows it, or as the forge says.
async fn who_am_i(
    settings: &Settings,
    forge: &Arc<Forge>,
    before: Option<&Policy>,
) -> anyhow::Result<UserId> {
    if let Some(known) = settings.config.forge.bot_id {
        return Ok(known);
    }
    let mut attempt = 0_u32;
    loop {
        let why = match forge.note(forge.client.whoami().await) {
            Ok(answer) => {
                let own = answer.value.id;
                if let Some(fault) = settings.config.bot_faults(own).first() {
                    bail!("{fault}");
                }
                return Ok(own);
            }
            Err(error) => error,
        };
        if let Some(before) = before {
            tracing::warn!(error = %why, "the forge does not say who the bot is; it is taken from the journal");
            return Ok(before.bot);
        }
        if let crate::forgejo::ForgejoError::Permanent { .. } = &why {
            bail!(
                "the forge does not say who the bot is: {why}. Set `bot_id` under [forge] to the id of the bot's account; a token that is limited to repositories may not ask"
            );
        }
        attempt += 1;
        tracing::warn!(error = %why, attempt, "the forge does not say who the bot is; asking again");
        settings.clock.sleep(Duration::from_secs(2)).await;
    }
}

fn assemble(
    settings: &Settings,
    secrets: &Secrets,
    gateway: &Arc<Gateway>,
    forge: Arc<Forge>,
    opened: Opened,
    policy: Policy,
) -> Bot {
    let clock = settings.clock.clone();
    let now = clock.now();
    let last_line = opened.last_time().unwrap_or(now);
    let journal_at_start = opened.store().head().seq;
    Bot {
        core: Core::start(opened, policy),
        gatherer: Gatherer {
            forge: Arc::clone(&forge),
            peppers: Arc::clone(&secrets.peppers),
            prefix: gateway.prefix.clone(),
            clock: clock.clone(),
        },
        forge,
        peppers: Arc::clone(&secrets.peppers),
        bot_keys: Arc::clone(&secrets.bot_keys),
        screen: Screen::new(gateway.prefix.clone(), Arc::clone(&secrets.peppers)),
        codes: Codes::new(secrets.totp.clone()),
        clock,
        inbox: Default::default(),
        outbox: Default::default(),
        doubts: Default::default(),
        accounts: Accounts::default(),
        reconciliation: Reconciliation::new(
            settings.config.forge.reconcile,
            Moment::now(&settings.clock),
        ),
        metrics: Arc::clone(&gateway.metrics),
        origins: Default::default(),
        usage: Default::default(),
        started: now,
        clock_at_start: (now, settings.clock.monotonic()),
        last_line,
        journal_at_start,
    }
}

/// Journals a policy and puts it into force. What is to be done outside because of it is given back.
pub(super) async fn put_into_force(
    bot: &Arc<Bot>,
    policy: Policy,
) -> anyhow::Result<Vec<(Id, Effect)>> {
    match bot.core.adopt(policy).await {
        Ok(Outcome::Decided { answer, effects }) => {
            bot.metrics_only(&answer);
            Ok(effects)
        }
        Ok(_) => {
            bail!("the policy could not be journaled: a record cannot be read by this program")
        }
        Err(error) => Err(error).context("the policy could not be journaled"),
    }
}

/// Journals an accepted loss and pauses every identity, in parts; goes on with what a start before
/// this one did not finish. True if there was anything to do.
async fn settle_loss(bot: &Arc<Bot>, loss: Option<store::Loss>) -> anyhow::Result<bool> {
    let mut event = match loss {
        Some(loss) => Event::Loss {
            journal: loss.journal,
            records: loss.records,
        },
        None => {
            let open = bot
                .core
                .get::<Installation>(&Key::installation())?
                .and_then(|installation| installation.loss)
                .is_some_and(|loss| !loss.done);
            if !open {
                return Ok(false);
            }
            Event::LossGoesOn
        }
    };
    loop {
        match bot.core.feed(event).await {
            Ok(Outcome::Decided {
                answer: Answer::More,
                ..
            }) => event = Event::LossGoesOn,
            Ok(Outcome::Decided { .. }) => return Ok(true),
            Ok(_) => bail!("an accepted loss could not be journaled: a record cannot be read"),
            Err(error) => return Err(error).context("an accepted loss could not be journaled"),
        }
    }
}

/// After a loss every board is read before anything is verified.
async fn read_boards_first(bot: &Arc<Bot>, boards: &[RepositoryId]) {
    for board in boards {
        while !reconcile::pass(bot, *board).await {
            bot.clock.sleep(Duration::from_secs(5)).await;
        }
    }
}
