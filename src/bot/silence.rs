//! Silence: for how long a board was not read completely. A board may name the longest silence
//! (`max_silence`); beyond it every check of its tokens is refused until a pass has read it.
//!
//! Who cannot read a board cannot hear that something was taken back there. A silence is measured by
//! the wall clock and by the time that passed, and the longer one counts: neither a clock that is set
//! back nor a machine that slept makes it shorter.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::gate::ids::RepositoryId;
use crate::gate::policy::Policy;
use crate::gate::time::seconds_between;

/// A time by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    wall: Timestamp,
    monotonic: Duration,
}

impl Moment {
    /// This one.
    pub fn now(clock: &Clock) -> Self {
        Self {
            wall: clock.now(),
            monotonic: clock.monotonic(),
        }
    }

    /// Whole seconds from it to a later one, by the clock that counted more.
    fn until(self, later: Self) -> u64 {
        let by_wall = u64::try_from(seconds_between(self.wall, later.wall)).unwrap_or(0);
        by_wall.max(later.monotonic.saturating_sub(self.monotonic).as_secs())
    }
}

/// When each board was last heard.
#[derive(Debug)]
pub struct Silence {
    began: Moment,
    heard: RwLock<BTreeMap<RepositoryId, Moment>>,
}

impl Silence {
    /// Every board is silent from now on.
    pub fn new(now: Moment) -> Self {
        Self {
            began: now,
            heard: RwLock::default(),
        }
    }

    /// What the forge had at this moment was read, or is none of this board's past.
    pub fn broken(&self, board: RepositoryId, at: Moment) {
        self.heard
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(board, at);
    }

    /// True if the board was not heard for longer than its rules allow.
    pub fn refuses(&self, policy: &Policy, board: RepositoryId, clock: &Clock) -> bool {
        let Some(most) = policy.board(board).and_then(|board| board.max_silence) else {
            return false;
        };
        let heard = self
            .heard
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&board)
            .copied();
        heard.unwrap_or(self.began).until(Moment::now(clock)) > most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_counted_more_counts() {
        let at = |wall: i64, passed: u64| Moment {
            wall: Timestamp::new(wall, 0).unwrap_or(Timestamp::MAX),
            monotonic: Duration::from_secs(passed),
        };
        assert_eq!(at(1_000, 10).until(at(1_060, 70)), 60);
        // The wall clock was set back an hour; the machine slept for one.
        assert_eq!(at(5_000, 10).until(at(1_460, 70)), 60);
        assert_eq!(at(1_000, 10).until(at(4_600, 70)), 3_600);
    }
}
