//! The worker: takes what waits in the inbox, gathers what its decision needs, and has it decided.
//!
//! In order per thread, many threads at once; narrowing overtakes. With the forge away an event
//! waits; one that alone cannot be read leaves its thread's order after 30 s and is given up, and
//! said, after a day. Nothing is ever lost here: what waits is in the journal.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Bot;
use super::core::Outcome;
use super::evidence::GatherFault;
use super::schedule::{Id, Lane, Schedule};
use crate::forgejo::client::retry::backoff;
use crate::gate::event::{Accepted, Event};
use crate::gate::evidence::{Needs, Reads};
use crate::gate::ids::Hash;
use crate::gate::key::{Key, Part, Table};
use crate::gate::time::{after, seconds_between};
use crate::gate::world;
use crate::store::SubmitError;

/// Events that are decided at the same time.
const AT_ONCE: usize = 16;
/// Rounds of gathering for one decision; each is for something the round before showed.
const ROUNDS: usize = 8;
/// Seconds of failing after which an event leaves its thread's order.
const PARK_AFTER: i64 = 30;
/// Seconds of failing, with the forge away, after which what it wants to stop stands still.
const STAND_STILL_AFTER: i64 = 60;
/// Seconds of failing after which it is given up.
const GIVE_UP_AFTER: i64 = 24 * 3_600;

/// Fills the schedule from the inbox: at start, whatever was accepted and not decided.
pub fn load(bot: &Bot, schedule: &Schedule) -> Result<usize, crate::store::StoreError> {
    let mut after: Option<Key> = None;
    let mut count = 0;
    loop {
        let page = bot
            .core
            .store()
            .scan(Table::Inbox, &[], after.as_ref(), 500)?;
        let Some((last, _)) = page.last() else {
            return Ok(count);
        };
        after = Some(last.clone());
        for (key, value) in &page {
            if let (Some(Part::Number(line)), Some(accepted)) =
                (key.parts.first(), world::decode::<Accepted>(value))
                && let Ok(line) = u64::try_from(*line)
            {
                add(bot, schedule, line, &accepted);
                count += 1;
            }
        }
    }
}

/// Adds one accepted event.
pub fn add(bot: &Bot, schedule: &Schedule, line: u64, accepted: &Accepted) {
    let thread = accepted.thread();
    let lane = if accepted.urgent {
        Lane::Urgent
    } else {
        Lane::Ordered(thread)
    };
    schedule.add((line, 0), thread, lane, bot.clock.now());
}

/// Runs until the task is dropped.
pub async fn run(bot: Arc<Bot>) {
    let work = |id| {
        let bot = Arc::clone(&bot);
        async move { one(&bot, id).await }
    };
    bot.inbox.run(&bot.clock, AT_ONCE, work).await;
}

/// Brings one event as far as it can be brought now.
async fn one(bot: &Arc<Bot>, id: Id) {
    let (line, _) = id;
    let accepted = match bot.core.get::<Accepted>(&Key::inbox(line)) {
        Ok(Some(accepted)) => accepted,
        Ok(None) => return bot.inbox.finish(id),
        Err(error) => {
            tracing::error!(request_id = line, %error, "cannot read the inbox");
            return bot.inbox.later(id, after(bot.clock.now(), 5), false);
        }
    };
    let mut reads = Reads::default();
    for _ in 0..ROUNDS {
        let event = Event::Waiting {
            line,
            reads: Box::new(reads.clone()),
        };
        match bot.core.feed(event).await {
            Ok(Outcome::Decided { answer, effects }) => {
                bot.decided_of(line, &answer, effects);
                bot.inbox.nudge(accepted.thread(), bot.clock.now());
                return bot.inbox.finish(id);
            }
            Ok(Outcome::Wait(until)) => return bot.inbox.later(id, until, true),
            Ok(Outcome::Gather(needs)) => {
                if let Err(fault) = gather(bot, &accepted, &needs, &mut reads).await {
                    return failed(bot, id, &accepted, &fault).await;
                }
            }
            Ok(Outcome::Unreadable(what)) => {
                return quarantine(bot, id, &format!("a record of {what} cannot be read")).await;
            }
            Err(SubmitError::Panicked(why)) => return quarantine(bot, id, &why).await,
            Err(error) => {
                tracing::error!(request_id = line, %error, "cannot decide an event; it waits");
                return bot.inbox.later(id, after(bot.clock.now(), 5), false);
            }
        }
    }
    quarantine(bot, id, "its decision never had enough to go on").await;
}

/// Reads what is needed; what was read too long ago is read again, all of it.
async fn gather(
    bot: &Arc<Bot>,
    accepted: &Accepted,
    needs: &Needs,
    reads: &mut Reads,
) -> Result<(), GatherFault> {
    let stale = reads
        .at
        .is_some_and(|at| seconds_between(at, bot.clock.now()) > crate::gate::evidence::FRESH / 2);
    if stale {
        let candidate = reads.candidate.take();
        *reads = Reads {
            candidate,
            ..Reads::default()
        };
    }
    let outside = bot.look_up(needs, reads)?;
    if outside.is_empty() {
        return Ok(());
    }
    bot.gatherer
        .gather(accepted.repository, &outside, reads)
        .await
}

/// A read failed: the event waits with growing pauses.
async fn failed(bot: &Arc<Bot>, id: Id, accepted: &Accepted, fault: &GatherFault) {
    let now = bot.clock.now();
    let trouble = bot.inbox.failed(id, now);
    let lasted = seconds_between(trouble.since, now);
    tracing::warn!(request_id = id.0, attempts = trouble.attempts, error = %fault, "cannot read what an event needs; it waits");
    if lasted >= GIVE_UP_AFTER {
        return abandon(
            bot,
            id,
            "what it is about could not be read for a day",
            false,
        )
        .await;
    }
    let retry_after = match fault {
        GatherFault::Forge(error) => error.retry_after(),
        GatherFault::Candidate(_) | GatherFault::Store(_) => None,
    };
    let pause = backoff(trouble.attempts, retry_after, jitter(id, trouble.attempts));
    // Only an event that fails while the forge answers is the event's own trouble.
    let answers = lasted >= PARK_AFTER && bot.forge.answers().await;
    if answers {
        bot.inbox.park(id);
    } else if lasted >= STAND_STILL_AFTER && accepted.urgent {
        stand_still(bot, id).await;
    }
    let aside = answers;
    bot.inbox.later(id, later(bot.clock.now(), pause), aside);
}

/// The forge is away: what the event wants to stop stands still meanwhile.
async fn stand_still(bot: &Arc<Bot>, (line, _): Id) {
    match bot.core.feed(Event::Unread { line }).await {
        Ok(Outcome::Decided { answer, effects }) => bot.decided_of(line, &answer, effects),
        Ok(_) | Err(_) => {
            tracing::error!(
                request_id = line,
                "cannot let stand still what an unread event wants to stop"
            );
        }
    }
}

/// A moment after `now`.
pub fn later(now: Timestamp, pause: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(pause)
        .ok()
        .and_then(|pause| now.checked_add(pause).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Spreads retries without dice: every item has its own sequence.
pub fn jitter((line, place): Id, attempt: u32) -> u64 {
    let hash = Hash::of(format!("{line}.{place}.{attempt}").as_bytes());
    u64::from_str_radix(hash.as_str().get(..16).unwrap_or("0"), 16).unwrap_or(0)
}

async fn quarantine(bot: &Arc<Bot>, id: Id, why: &str) {
    tracing::error!(
        request_id = id.0,
        why,
        "an event could not be decided and is quarantined"
    );
    abandon(bot, id, why, true).await;
}

async fn abandon(bot: &Arc<Bot>, id: Id, why: &str, quarantined: bool) {
    let event = Event::Abandoned {
        line: id.0,
        why: why.to_owned(),
        quarantined,
    };
    match bot.core.feed(event).await {
        Ok(Outcome::Decided { answer, effects }) => {
            bot.decided_of(id.0, &answer, effects);
            bot.inbox.finish(id);
        }
        Ok(_) | Err(_) => {
            tracing::error!(
                request_id = id.0,
                "cannot give an event up; it is looked at again later"
            );
            bot.inbox.later(id, after(bot.clock.now(), 300), true);
        }
    }
}
