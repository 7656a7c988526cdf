//! How many refusals are written down: each of an operator up to so many in an hour, and of strangers
//! one line an hour with their number.
//!
//! Invariant: nobody without an operator's token can fill the journal, and what is kept here is one row
//! for each name that the configuration has. Nothing is refused because of a count.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Refusals of one operator that are written down in an hour.
const OF_OPERATOR: u64 = 60;
/// Of all strangers together.
const OF_STRANGERS: u64 = 1;

/// What was counted of one name; `None`: strangers.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<Option<String>, Count>>);

#[derive(Debug, Default)]
struct Count {
    hour: i64,
    written: u64,
    unwritten: u64,
}

impl Refusals {
    /// Whether another refusal of an operator is to be written down.
    pub fn has_room(&self, name: &str, now: Timestamp) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now.as_second() / 3_600;
        all.get(&Some(name.to_owned()))
            .is_none_or(|count| count.hour != hour || count.written < OF_OPERATOR)
    }

    /// Counts a refusal. If it is to be written down: how many it stands for, those included that were
    /// not written down before.
    pub fn count(&self, name: Option<&str>, now: Timestamp) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(name.map(str::to_owned)).or_default();
        let hour = now.as_second() / 3_600;
        if count.hour != hour {
            (count.hour, count.written) = (hour, 0);
        }
        let most = if name.is_some() {
            OF_OPERATOR
        } else {
            OF_STRANGERS
        };
        if count.written >= most {
            count.unwritten += 1;
            return None;
        }
        count.written += 1;
        Some(std::mem::take(&mut count.unwritten) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn strangers_leave_one_line_an_hour_that_stands_for_all() {
        let refusals = Refusals::default();
        assert_eq!(refusals.count(None, at(0)), Some(1));
        for second in 1..1_000 {
            assert_eq!(refusals.count(None, at(second)), None);
        }
        assert_eq!(refusals.count(None, at(3_600)), Some(1_000));
        assert_eq!(refusals.count(None, at(3_601)), None);
    }

    #[test]
    fn an_operator_leaves_sixty_and_takes_nobody_elses() {
        let refusals = Refusals::default();
        for _ in 0..60 {
            assert_eq!(refusals.count(Some("piotr"), at(0)), Some(1));
        }
        assert!(!refusals.has_room("piotr", at(1)) && refusals.has_room("alice", at(1)));
        assert!(refusals.has_room("piotr", at(7_200)));
        assert_eq!(refusals.count(Some("piotr"), at(1)), None);
        assert_eq!(refusals.count(Some("alice"), at(1)), Some(1));
        assert_eq!(refusals.count(Some("piotr"), at(7_200)), Some(2));
    }
}
