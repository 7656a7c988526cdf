//! Timers: what is due is fed to the core when its time has come. What is to come is in the records; a
//! start, a late hour or an unreadable forge only make it later.

use std::sync::Arc;
use std::time::Duration;

use super::Bot;
use super::core::Outcome;
use crate::gate::due::{Due, DueRecord};
use crate::gate::event::Event;
use crate::gate::evidence::Reads;
use crate::gate::identity::Identity;
use crate::gate::ids::RepositoryId;
use crate::gate::key::{Key, Part, Table};
use crate::gate::world;

/// How often it is looked whether something is due.
const EVERY: Duration = Duration::from_secs(5);
/// Due things that are looked at in one go.
const PAGE: usize = 100;
/// Rounds of reading for one of them.
const ROUNDS: usize = 4;

/// Runs until the task is dropped.
pub async fn run(bot: Arc<Bot>) {
    loop {
        while fire(&bot).await > 0 {}
        bot.clock.sleep(EVERY).await;
    }
}

/// Has what is due decided; how many of them were. A clock that cannot be trusted makes nothing due.
pub async fn fire(bot: &Arc<Bot>) -> usize {
    if bot.core.clock_trouble().get().is_some() {
        return 0;
    }
    let page = match bot.core.store().scan(Table::Due, &[], None, PAGE) {
        Ok(page) => page,
        Err(error) => {
            tracing::error!(%error, "cannot read what is due");
            return 0;
        }
    };
    let now = bot.clock.now().as_second();
    let mut done = 0;
    for (key, value) in page {
        let record = world::decode::<DueRecord>(&value);
        let (Some(Part::Number(at)), Some(DueRecord { due })) = (key.parts.first(), record) else {
            continue;
        };
        if *at > now {
            break;
        }
        done += usize::from(decide(bot, *at, due).await);
    }
    done
}

/// Has one of them decided, with what its decision wants to be read. True if it was.
async fn decide(bot: &Arc<Bot>, at: i64, due: Due) -> bool {
    let mut reads = Reads::default();
    for _ in 0..ROUNDS {
        let event = Event::Due {
            at,
            due: due.clone(),
            reads: Box::new(reads.clone()),
        };
        match bot.core.feed(event).await {
            Ok(Outcome::Decided { answer, effects }) => {
                bot.decided(&answer, effects);
                return true;
            }
            Ok(Outcome::Gather(needs)) => {
                let Some(board) = board_of(bot, &due) else {
                    return false;
                };
                if let Err(error) = bot.gatherer.gather(board, &needs, &mut reads).await {
                    tracing::warn!(%error, "cannot read what is due; it is looked at later");
                    return false;
                }
            }
            Ok(Outcome::Wait(_) | Outcome::Unreadable(_)) | Err(_) => return false,
        }
    }
    false
}

/// The board whose forge is to be read.
fn board_of(bot: &Bot, due: &Due) -> Option<RepositoryId> {
    match due {
        Due::RevokeClosed { identity, .. } => bot
            .core
            .get::<Identity>(&Key::identity(*identity))
            .ok()?
            .map(|identity| identity.board()),
        Due::Remind(_) | Due::End(_) | Due::WarnEnd(_) | Due::SayEnd(_) => None,
    }
}
