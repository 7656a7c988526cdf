//! Reading for operators, who may have something decided while the forge is away.
//!
//! With the forge there everything is read as for a comment. That it is away is found out here and
//! nowhere else: the reading fails, its version cannot be asked for either, and that for some seconds.
//! Whether anything comes of an event without the forge is the core's to say.

use crate::forgejo::ForgejoError;
use crate::gate::event::{Accepted, What};
use crate::gate::evidence::{Needs, Reads};
use crate::gate::ids::{RepositoryId, ThreadKey};
use crate::gate::key::Table;
use crate::gate::world;
use crate::store::StoreError;

use super::Bot;
use super::evidence::GatherFault;

/// Accepted events that are looked at; more than that may hold anything.
const MOST_WAITING: usize = 1_000;

impl Bot {
    /// Adds what is needed to what was read, or notes that the forge is away: then everything that was
    /// read before is dropped, so that nothing is decided half with it and half without.
    pub async fn gather_or_away(
        &self,
        board: RepositoryId,
        needs: &Needs,
        reads: &mut Reads,
    ) -> Result<(), GatherFault> {
        let outside = self.look_up(needs, reads)?;
        if outside.is_empty() {
            return Ok(());
        }
        if reads.away.is_some() {
            let left = self.gatherer.prepare(&outside, reads)?;
            if left.is_empty() {
                return Ok(());
            }
            // What the core wants read now can be read by nobody.
            return self.gatherer.gather(board, &left, reads).await;
        }
        let error = match self.gatherer.gather(board, &outside, reads).await {
            Err(GatherFault::Forge(error @ ForgejoError::Transient { .. })) => error,
            other => return other,
        };
        let Some(since) = self.forge.away_since().await else {
            return Err(error.into());
        };
        *reads = Reads {
            at: Some(self.clock.now()),
            away: Some(since),
            ..Reads::default()
        };
        Ok(())
    }

    /// Whether something that was accepted and not decided may stop what is asked in a thread: any look
    /// at it, and whatever narrows on its board. Where too much waits to be sure, it may.
    pub(super) fn waits(&self, thread: ThreadKey) -> Result<bool, StoreError> {
        let store = self.core.store();
        let page = store.scan(Table::Inbox, &[], None, MOST_WAITING)?;
        let may_stop = |accepted: Accepted| {
            let looks = accepted.thread() == thread && matches!(accepted.what, What::Look(_));
            looks || (accepted.urgent && accepted.repository == thread.repository)
        };
        let mut all = page
            .iter()
            .map(|(_, value)| world::decode::<Accepted>(value));
        Ok(page.len() == MOST_WAITING || all.any(|accepted| accepted.is_none_or(may_stop)))
    }
}
