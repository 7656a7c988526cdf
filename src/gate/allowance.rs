//! How many bytes of the journal somebody may fill in a day: a resource server with its reports, a
//! stranger with its comments. A day is one of UTC.
//!
//! What is counted are the bytes that the line is about to have, never fewer than it gets. Nothing that
//! narrows is ever counted here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What somebody has filled today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// The day, counted from 1970 in UTC.
    pub day: i64,
    /// Bytes that were journaled on it.
    pub bytes: u64,
}

impl Allowance {
    /// How it stands on the day of that time.
    pub fn on(self, now: Timestamp) -> Self {
        let day = now.as_second().div_euclid(DAY);
        if self.day == day {
            self
        } else {
            Self { day, bytes: 0 }
        }
    }

    /// Takes so many bytes of that many a day; false, and nothing is taken, if fewer are left.
    pub fn take(&mut self, bytes: u64, most: u64) -> bool {
        let fits = self.bytes.saturating_add(bytes) <= most;
        if fits {
            self.bytes += bytes;
        }
        fits
    }

    /// When its next day begins.
    pub fn next_day(&self) -> Timestamp {
        let second = self.day.saturating_add(1).saturating_mul(DAY);
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_so_many_bytes_and_the_next_one_as_many() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let mut today = Allowance::default().on(at(DAY * 3 + 5));
        assert!(today.take(9, 10) && !today.take(2, 10) && today.take(1, 10));
        assert!(!today.take(1, 10));
        assert_eq!(today.next_day(), at(DAY * 4));
        let mut same = today.on(at(DAY * 4 - 1));
        assert!(!same.take(1, 10));
        let mut next = today.on(at(DAY * 4));
        assert!(next.take(10, 10) && !next.take(1, 10));
        assert!(!next.take(u64::MAX, u64::MAX - 1));
    }
}
