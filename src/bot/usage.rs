//! Uses of credentials: when each was last used and by whom, and how often since that was written down.
//!
//! Both are in memory. The last use goes into the store's scratch every minute, the counts into the
//! journal every hour, both at the end. A kill loses what was counted since; nothing is ever counted
//! twice.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::gate::ids::CredentialNumber;
use crate::gate::uses::{Tally, Use};

/// The last use of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LastUse {
    at: Timestamp,
    /// The resource server that asked; `None`: its holder activated it.
    client: Option<String>,
}

/// What is noted of one credential.
#[derive(Debug, Default)]
struct Noted {
    /// Not in the scratch yet.
    last: Option<LastUse>,
    /// Not in the journal yet; few, so that they are looked through.
    parties: Vec<(Option<String>, Use)>,
}

#[derive(Debug, Default)]
struct State {
    noted: HashMap<CredentialNumber, Noted>,
    /// To be journaled.
    waiting: BTreeMap<(CredentialNumber, Option<String>), Use>,
    /// Handed to the writer, and not answered.
    in_flight: Vec<Tally>,
}

/// Uses since they were last written down.
#[derive(Debug, Default)]
pub struct Usage {
    state: Mutex<State>,
    /// Whoever journals holds it.
    pub writing: tokio::sync::Mutex<()>,
}

/// Where the last use of a credential stands beside the records.
pub fn scratch_name(credential: CredentialNumber) -> String {
    format!("last_used/{credential}")
}

impl Usage {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a use.
    pub fn note(&self, credential: CredentialNumber, at: Timestamp, client: Option<&str>) {
        let mut state = self.state();
        let noted = state.noted.entry(credential).or_default();
        let name = || client.map(str::to_owned);
        match &mut noted.last {
            Some(last) if last.client.as_deref() == client => last.at = at,
            last => {
                *last = Some(LastUse { at, client: name() });
            }
        }
        let known = noted.parties.iter_mut();
        match known
            .into_iter()
            .find(|(party, _)| party.as_deref() == client)
        {
            Some((_, uses)) => uses.add(Use::once(at)),
            None => noted.parties.push((name(), Use::once(at))),
        }
    }

    /// Takes last uses that are not written down yet: names and values for the scratch.
    pub fn take(&self) -> Vec<(String, Value)> {
        let mut state = self.state();
        let lasts = state
            .noted
            .iter_mut()
            .filter_map(|(credential, noted)| Some((*credential, noted.last.take()?)));
        lasts
            .map(|(credential, last)| {
                (
                    scratch_name(credential),
                    json!({ "at": last.at.as_second(), "client": last.client }),
                )
            })
            .collect()
    }

    /// When a credential was last used, if that was since uses were last journaled.
    pub fn last(&self, credential: CredentialNumber) -> Option<Timestamp> {
        let state = self.state();
        let noted = state.noted.get(&credential)?;
        noted.parties.iter().map(|(_, uses)| uses.last).max()
    }

    /// Whether a resource server was shown a credential alive since uses were last journaled.
    pub fn saw(&self, credential: CredentialNumber, client: &str) -> bool {
        let state = self.state();
        let noted = state.noted.get(&credential).is_some_and(|noted| {
            let mut parties = noted.parties.iter();
            parties.any(|(party, _)| party.as_deref() == Some(client))
        });
        let key = (credential, Some(client.to_owned()));
        let same = |tally: &Tally| {
            tally.credential == credential && tally.client.as_deref() == Some(client)
        };
        noted || state.waiting.contains_key(&key) || state.in_flight.iter().any(same)
    }

    /// Everything that was counted so far is to be journaled. What an interrupted writing left in the
    /// writer's hands is taken for written.
    pub fn gather(&self) {
        let mut state = self.state();
        state.in_flight.clear();
        let State { noted, waiting, .. } = &mut *state;
        noted.retain(|credential, noted| {
            for (party, uses) in noted.parties.drain(..) {
                add(waiting, *credential, party, uses);
            }
            noted.last.is_some()
        });
    }

    /// The next to be journaled; empty if there is nothing left.
    pub fn begin(&self, most: usize) -> Vec<Tally> {
        let mut state = self.state();
        let first = std::iter::from_fn(|| state.waiting.pop_first()).take(most);
        let tallies: Vec<Tally> = first
            .map(|((credential, client), uses)| Tally {
                credential,
                client,
                uses,
            })
            .collect();
        state.in_flight.clone_from(&tallies);
        tallies
    }

    /// So many of the last ones are journaled; the others wait again.
    pub fn settle(&self, written: usize) {
        let mut state = self.state();
        let left = std::mem::take(&mut state.in_flight);
        for tally in left.into_iter().skip(written) {
            add(
                &mut state.waiting,
                tally.credential,
                tally.client,
                tally.uses,
            );
        }
    }
}

fn add(
    waiting: &mut BTreeMap<(CredentialNumber, Option<String>), Use>,
    credential: CredentialNumber,
    client: Option<String>,
    uses: Use,
) {
    waiting
        .entry((credential, client))
        .and_modify(|known| known.add(uses))
        .or_insert(uses);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    const C1: CredentialNumber = CredentialNumber(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn uses_are_counted_for_each_party_and_written_once() {
        let usage = Usage::default();
        for second in 1..=3 {
            usage.note(C1, at(second), Some("a"));
        }
        usage.note(C1, at(4), None);
        usage.gather();
        let tallies = usage.begin(10);
        let shown: Vec<_> = tallies
            .iter()
            .map(|tally| (tally.client.as_deref(), tally.uses.count, tally.uses.last))
            .collect();
        assert_eq!(shown, [(None, 1, at(4)), (Some("a"), 3, at(3))]);
        usage.settle(2);
        usage.gather();
        assert_eq!(usage.begin(10), []);
    }

    #[test]
    fn what_is_not_written_waits_with_what_came_meanwhile() {
        let usage = Usage::default();
        usage.note(C1, at(1), Some("a"));
        usage.note(CredentialNumber(2), at(1), Some("a"));
        usage.gather();
        assert_eq!(usage.begin(10).len(), 2);
        usage.note(CredentialNumber(2), at(9), Some("a"));
        usage.settle(1);
        usage.gather();
        let [tally] = &usage.begin(10)[..] else {
            panic!("one is left")
        };
        assert_eq!(tally.credential, CredentialNumber(2));
        assert_eq!(
            (tally.uses.first, tally.uses.last, tally.uses.count),
            (at(1), at(9), 2)
        );
    }

    #[test]
    fn an_interrupted_writing_counts_nothing_twice() {
        let usage = Usage::default();
        usage.note(C1, at(1), Some("a"));
        usage.gather();
        usage.begin(10);
        usage.gather();
        assert_eq!(usage.begin(10), []);
    }

    #[test]
    fn who_was_shown_a_credential_is_known_until_it_is_written() {
        let usage = Usage::default();
        usage.note(C1, at(1), Some("a"));
        assert!(usage.saw(C1, "a") && !usage.saw(C1, "b"));
        assert!(!usage.saw(CredentialNumber(2), "a"));
        usage.gather();
        assert!(usage.saw(C1, "a"), "it waits");
        usage.begin(10);
        assert!(usage.saw(C1, "a"), "it is being written");
        usage.settle(1);
        assert!(!usage.saw(C1, "a"), "the records know it now");
    }

    #[test]
    fn the_last_use_goes_into_the_scratch_once() {
        let usage = Usage::default();
        usage.note(C1, at(1), Some("a"));
        usage.note(C1, at(5), None);
        assert_eq!(usage.last(C1), Some(at(5)));
        let taken = usage.take();
        assert_eq!(
            taken,
            [("last_used/c1".to_owned(), json!({"at": 5, "client": null}))]
        );
        assert_eq!(usage.take(), []);
        assert_eq!(usage.last(C1), Some(at(5)), "it is still in memory");
    }
}
