//! Uses of credentials, and what resource servers say about them.
//!
//! Who used a credential is counted beside the journal and written down from time to time: first and
//! last time and how often, for each resource server and for the holder. What a resource server says
//! that a credential did is its word and nothing more: it is kept as `unverified_`, and only of
//! credentials that it was shown alive.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{CredentialNumber, Hash};

/// Resource servers that are remembered of one credential; the one that was away longest is forgotten.
const MAX_CLIENTS: usize = 16;
/// What one resource server may have journaled in a day, in bytes.
pub const REPORT_BYTES_A_DAY: u64 = 4 << 20;
/// How far ahead of ours a resource server's clock may be, in seconds.
pub const REPORT_SKEW: u64 = 60;

/// Uses since the last ones were written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Of which credential.
    pub credential: CredentialNumber,
    /// By which resource server; `None`: its holder activated it.
    pub client: Option<String>,
    /// When and how often.
    pub uses: Use,
}

/// Uses by one party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
}

impl Use {
    /// One use.
    pub fn once(at: Timestamp) -> Self {
        Self {
            first: at,
            last: at,
            count: 1,
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
    }
}

/// The record of one credential's uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uses {
    /// By resource servers.
    pub clients: BTreeMap<String, Use>,
    /// By its holder.
    pub holder: Option<Use>,
}

impl Uses {
    /// Adds uses by one party.
    pub fn add(&mut self, client: Option<&str>, uses: Use) {
        let Some(client) = client else {
            match &mut self.holder {
                Some(known) => known.add(uses),
                None => self.holder = Some(uses),
            }
            return;
        };
        match self.clients.get_mut(client) {
            Some(known) => known.add(uses),
            None => drop(self.clients.insert(client.to_owned(), uses)),
        }
        while self.clients.len() > MAX_CLIENTS {
            let oldest = self.clients.iter().min_by_key(|(_, uses)| uses.last);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.clients.remove(&oldest);
        }
    }

    /// The last use by anybody.
    pub fn last(&self) -> Option<Timestamp> {
        let all = self.clients.values().chain(&self.holder);
        all.map(|uses| uses.last).max()
    }
}

/// What a resource server says that a credential did. Its texts were screened and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which credential; `None`: the one that it names is not there.
    pub credential: Option<CredentialNumber>,
    /// Whether it was shown this credential alive since uses were last written down.
    pub seen: bool,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The resource server's own name for the event, as it may be shown.
    pub event_id: String,
    /// SHA-256 of that name as it was given.
    pub event: Hash,
}

/// What became of one report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It is in the journal.
    Accepted,
    /// It was already; nothing was written.
    Known,
    /// There is no such credential that this resource server was shown alive.
    UnknownCredential,
    /// The credential did not live then.
    OutsideItsLife,
}

/// That something was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecord {
    /// The line that says it.
    pub line: u64,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn uses_are_added_up_for_each_party() {
        let mut uses = Uses::default();
        uses.add(Some("kanban-api"), Use::once(at(20)));
        uses.add(
            Some("kanban-api"),
            Use {
                first: at(10),
                last: at(30),
                count: 4,
            },
        );
        uses.add(None, Use::once(at(40)));
        let known = uses.clients["kanban-api"];
        assert_eq!((known.first, known.last, known.count), (at(10), at(30), 5));
        assert_eq!(uses.last(), Some(at(40)));
        assert_eq!(Uses::default().last(), None);
    }

    #[test]
    fn the_one_that_was_away_longest_is_forgotten() {
        let mut uses = Uses::default();
        for number in 0..20 {
            uses.add(
                Some(&format!("client-{number}")),
                Use::once(at(100 - number)),
            );
        }
        assert_eq!(uses.clients.len(), MAX_CLIENTS);
        assert!(uses.clients.contains_key("client-0"));
        assert!(!uses.clients.contains_key("client-19"));
    }
}
