//! What runs beside the core: taking in, the worker, the outbox, reconciliation.
//!
//! All of it is tasks on one runtime that feed events to the core and do what its decisions ask for.
//! What they hold in memory is filled again from the journal's records at start; nothing here decides.

pub mod accounts;
pub mod audit;
mod away;
pub mod codes;
pub mod core;
pub mod evidence;
pub mod forge;
pub mod inbox;
pub mod marker;
pub mod outbox;
pub mod pages;
pub mod reconcile;
pub mod schedule;
pub mod silence;
pub mod timers;
pub mod trace;
pub mod usage;
pub mod worker;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use self::accounts::Accounts;
use self::codes::Codes;
use self::core::{Core, Outcome};
use crate::clock::Clock;
use crate::gate::decide::Answer;
use crate::gate::effect::Effect;
use crate::gate::event::Event;
use crate::gate::time::after;
use crate::secret::note::BotKeys;
use crate::secret::pepper::Peppers;
use crate::secret::screen::Screen;
use crate::telemetry::Metrics;
use evidence::Gatherer;
use forge::Forge;
use reconcile::Reconciliation;
use schedule::{Id, Schedule};
use trace::Origins;
use usage::Usage;

/// How often last uses are written down.
const WRITE_USES: Duration = Duration::from_secs(60);
/// How often uses are journaled, in seconds.
const JOURNAL_USES: u64 = 3_600;
/// Parties that are handed to the writer together; it takes as many as fit into a line.
const PARTIES: usize = 32;

/// Everything that the tasks share.
#[derive(Debug)]
pub struct Bot {
    /// Decides and commits.
    pub core: Core,
    /// The forge.
    pub forge: Arc<Forge>,
    /// Reads what decisions need.
    pub gatherer: Gatherer,
    /// MACs and markers.
    pub peppers: Arc<Peppers>,
    /// Sign what is sealed.
    pub bot_keys: Arc<BotKeys>,
    /// Takes secrets out of texts.
    pub screen: Screen,
    /// Compares owners' one-time codes.
    pub codes: Codes,
    /// The time.
    pub clock: Clock,
    /// Accepted, undecided events.
    pub inbox: Schedule,
    /// Decided, undone effects.
    pub outbox: Schedule,
    /// Posts that may have been made without it being known.
    pub doubts: Mutex<BTreeSet<Id>>,
    /// What reconciliation remembers.
    pub reconciliation: Reconciliation,
    /// What is remembered of owners' accounts.
    pub accounts: Accounts,
    /// Counters for whoever runs it.
    pub metrics: Arc<Metrics>,
    /// Which arrivals effects came of.
    pub origins: Origins,
    /// Last uses of credentials.
    pub usage: Usage,
    /// When this process began.
    pub started: Timestamp,
    /// Wall time and monotonic time when this process began.
    pub clock_at_start: (Timestamp, Duration),
    /// The time of the journal's last line when this process began.
    pub last_line: Timestamp,
    /// The journal's last number when this process began.
    pub journal_at_start: u64,
}

impl Bot {
    /// Notes a decision's outcome and hands its effects to the outbox.
    pub fn decided(&self, answer: &Answer, effects: Vec<(Id, Effect)>) {
        self.metrics_only(answer);
        for (id, effect) in effects {
            outbox::add(self, id, &effect);
        }
    }

    /// Notes a decision's outcome; its effects are done when the outbox is filled from the records.
    pub fn metrics_only(&self, answer: &Answer) {
        if let Answer::Decided { verb, outcome } = answer {
            self.metrics.decision(verb, outcome);
        }
    }

    /// Notes what was decided of an arrival, and says so in the log.
    pub(super) fn decided_of(&self, arrival: u64, answer: &Answer, effects: Vec<(Id, Effect)>) {
        if let Answer::Decided { verb, outcome } = answer {
            let effects = effects.len();
            tracing::info!(request_id = arrival, verb, outcome, effects, "decided");
        }
        self.origins.note(arrival, &effects);
        self.decided(answer, effects);
    }

    /// Says whether a post may have been made without it being known.
    fn doubtful(&self, id: Id, doubtful: bool) {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        if doubtful {
            doubts.insert(id);
        } else {
            doubts.remove(&id);
        }
    }

    fn is_doubtful(&self, id: Id) -> bool {
        self.doubts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id)
    }

    /// Writes last uses down.
    pub async fn write_uses(&self) {
        for (name, value) in self.usage.take() {
            if let Err(error) = self.core.writer().scratch(&name, value).await {
                tracing::warn!(%error, "cannot write down when credentials were last used");
                return;
            }
        }
    }

    /// Journals who used which credential since the last time, and how often. What cannot be journaled
    /// now waits for the next time.
    pub async fn journal_uses(&self) {
        let _one_at_a_time = self.usage.writing.lock().await;
        self.usage.gather();
        loop {
            let tallies = self.usage.begin(PARTIES);
            if tallies.is_empty() {
                return;
            }
            match self.core.feed(Event::Uses(tallies)).await {
                Ok(Outcome::Decided {
                    answer: Answer::Counted(written @ 1..),
                    ..
                }) => self.usage.settle(written),
                other => {
                    self.usage.settle(0);
                    let why = other.err().map(|error| error.to_string());
                    tracing::warn!(why, "cannot journal how often credentials were used");
                    return;
                }
            }
        }
    }

    /// True if nothing is being done and nothing could be done now.
    pub fn is_idle(&self) -> bool {
        let now = self.clock.now();
        // Work moves from one to the other: both are looked at, and nothing may have moved meanwhile.
        let changes = || (self.inbox.changes(), self.outbox.changes());
        let before = changes();
        self.inbox.is_idle(now) && self.outbox.is_idle(now) && before == changes()
    }

    /// Waits until nothing is left to do at this time.
    pub async fn idle(&self) {
        let mut inbox = self.inbox.moves();
        let mut outbox = self.outbox.moves();
        while !self.is_idle() {
            tokio::select! {
                _ = inbox.changed() => {}
                _ = outbox.changed() => {}
            }
        }
    }
}

/// Starts the tasks. Dropping the set ends them. Boards are read by tasks of their own.
pub fn start(bot: &Arc<Bot>, timers: bool) -> Result<JoinSet<()>, crate::store::StoreError> {
    let waiting = worker::load(bot, &bot.inbox)?;
    let undone = outbox::load(bot)?;
    if waiting + undone > 0 {
        tracing::info!(waiting, undone, "work from before this start goes on");
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(worker::run(Arc::clone(bot)));
    tasks.spawn(outbox::run(Arc::clone(bot)));
    tasks.spawn(uses(Arc::clone(bot)));
    if timers {
        tasks.spawn(timers::run(Arc::clone(bot)));
    }
    Ok(tasks)
}

async fn uses(bot: Arc<Bot>) {
    let mut due = after(bot.clock.now(), JOURNAL_USES);
    loop {
        bot.clock.sleep(WRITE_USES).await;
        bot.write_uses().await;
        if bot.clock.now() >= due {
            due = after(bot.clock.now(), JOURNAL_USES);
            bot.journal_uses().await;
        }
    }
}
