//! Events of the edges that need reading: fed to the writer, and fed again with what their decision
//! wanted to know, until they are decided.
//!
//! Nothing is decided here, and what is answered comes from the decision alone.

use crate::bot::Bot;
use crate::bot::core::Outcome;
use crate::gate::decide::Answer;
use crate::gate::event::Event;
use crate::gate::evidence::{Needs, Reads};
use crate::gate::ids::RepositoryId;
use crate::store::SubmitError;

use super::problem::ApiError;

/// Rounds of reading for one event; each is for something the round before showed.
pub(super) const ROUNDS: usize = 8;

/// Has an event decided. `event` makes it from what was read; `gather` reads what is still missing.
pub(super) async fn decided(
    bot: &Bot,
    event: impl Fn(&Reads) -> Event,
    mut gather: impl AsyncFnMut(Needs, &mut Reads) -> Result<(), ApiError>,
) -> Result<Answer, ApiError> {
    let mut reads = Reads::default();
    for _ in 0..ROUNDS {
        match bot.core.try_feed(event(&reads)).await? {
            Outcome::Gather(needs) => gather(needs, &mut reads).await?,
            Outcome::Decided { answer, effects } => {
                bot.decided(&answer, effects);
                return Ok(answer);
            }
            Outcome::Wait(_) | Outcome::Unreadable(_) => break,
        }
    }
    Err(ApiError::from(SubmitError::Unhealthy))
}

/// Reads what is missing from the forge. `rests_on` names for the log what could not be read.
pub(super) async fn from_forge(
    bot: &Bot,
    board: RepositoryId,
    needs: &Needs,
    reads: &mut Reads,
    rests_on: &'static str,
) -> Result<(), ApiError> {
    let gathered = bot.gatherer.gather(board, needs, reads);
    gathered.await.map_err(|error| {
        tracing::warn!(%error, rests_on, "cannot read what an event of the edges rests on");
        ApiError::ForgeAway
    })
}
