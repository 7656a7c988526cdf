//! Which arrival an effect came of, so that one thing can be followed through the log: delivery,
//! decision, post.
//!
//! The number is that of the journal's line that accepted the delivery, which `ownergate audit` and the
//! journal know as well. It is kept in memory only: of what was decided before this process began, and
//! of what no delivery brought, the decision's own line stands for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::schedule::Id;
use crate::gate::effect::Effect;

/// The most decisions that are remembered; older ones are followed by their own line.
const MOST: usize = 4_096;

/// The arrivals of decisions, by the line of the decision.
#[derive(Debug, Default)]
pub struct Origins(Mutex<BTreeMap<u64, u64>>);

impl Origins {
    /// Notes that these effects come of what this line accepted.
    pub(super) fn note(&self, arrival: u64, effects: &[(Id, Effect)]) {
        let Some(((line, _), _)) = effects.first() else {
            return;
        };
        let mut origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        origins.insert(*line, arrival);
        while origins.len() > MOST {
            origins.pop_first();
        }
    }

    /// The line that an effect is followed by.
    pub(super) fn of(&self, (line, _): Id) -> u64 {
        let origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        origins.get(&line).copied().unwrap_or(line)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test stops")]

    use super::*;
    use crate::gate::effect::Reaction;
    use crate::gate::ids::{IssueNumber, RepositoryId, ThreadKey};

    fn effect() -> Effect {
        Effect::React {
            thread: ThreadKey {
                repository: RepositoryId(17),
                issue: IssueNumber(1),
            },
            comment: None,
            with: Reaction::Yes,
        }
    }

    #[test]
    fn an_effect_is_followed_by_its_arrival_or_by_itself() {
        let origins = Origins::default();
        origins.note(7, &[((9, 0), effect()), ((9, 1), effect())]);
        origins.note(8, &[]);
        assert_eq!([(9, 0), (9, 1), (8, 0)].map(|id| origins.of(id)), [7, 7, 8]);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let origins = Origins::default();
        for line in 0..MOST as u64 + 10 {
            origins.note(line, &[((line + 1, 0), effect())]);
        }
        assert_eq!(origins.0.lock().unwrap().len(), MOST);
        assert_eq!(origins.of((5, 0)), 5);
    }
}
