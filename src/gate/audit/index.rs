//! Where an audit entry is found again: by identity, credential, owner, thread and actor, and by time.
//!
//! Each entry of a journal line becomes one record that holds it, and one small record for each way
//! to it. Both are derived from the line alone, whenever it is applied, so that they can be made
//! again from any journal. Their keys run from the newest entry to the oldest: a walk that ends after
//! fifty rows costs the same in a short log and in a long one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::actor::Actor;
use super::super::ids::{CredentialNumber, IdentityNumber, ThreadKey, UserId};
use super::super::key::{Key, Part, Table};
use super::{Entry, REPORTED};

/// Where an entry stands. The order is that of the journal, which is that of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The line's time, in milliseconds since 1970.
    pub at: i64,
    /// The line's number.
    pub seq: u64,
    /// Which of the line's entries, from zero.
    pub place: u32,
}

impl Place {
    /// The place of an entry of a line.
    pub fn new(time: Timestamp, seq: u64, place: u32) -> Self {
        Self {
            at: time.as_millisecond(),
            seq,
            place,
        }
    }

    /// The line's time.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.at).unwrap_or(Timestamp::MAX)
    }

    /// The parts that keys end in; a later place has smaller ones.
    fn parts(self) -> [Part; 3] {
        let seq = i64::try_from(self.seq).unwrap_or(i64::MAX);
        [-self.at, -seq, -i64::from(self.place)].map(Part::Number)
    }

    /// The place that a key ends in.
    pub fn of_key(key: &Key) -> Option<Self> {
        match key.parts.as_slice() {
            [.., Part::Number(at), Part::Number(seq), Part::Number(place)] => Some(Self {
                at: -at,
                seq: u64::try_from(-seq).ok()?,
                place: u32::try_from(-place).ok()?,
            }),
            _ => None,
        }
    }
}

/// One way to entries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// All of them, by time.
    Time,
    /// What an identity did and what was done to it.
    Identity(IdentityNumber),
    /// What resource servers say that an identity did. It has a way of its own, so that however much
    /// they say hides nothing that is known.
    ReportedOfIdentity(IdentityNumber),
    /// What one credential did and what was done to it.
    Credential(CredentialNumber),
    /// What resource servers say that one credential did.
    ReportedOfCredential(CredentialNumber),
    /// About what an owner answers for, done by others.
    Owner(UserId),
    /// What happened in a thread.
    Thread(ThreadKey),
    /// What somebody did.
    Actor(Actor),
}

impl Way {
    /// The table and the first parts of the keys along it.
    pub fn prefix(&self) -> (Table, Vec<Part>) {
        let kind = |kind: &str| Part::Text(kind.to_owned());
        let number = |number: u64| Part::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let parts = match self {
            Self::Time => return (Table::Audit, Vec::new()),
            Self::Identity(id) => vec![kind("i"), number(id.0)],
            Self::ReportedOfIdentity(id) => vec![kind("ri"), number(id.0)],
            Self::Credential(id) => vec![kind("c"), number(id.0)],
            Self::ReportedOfCredential(id) => vec![kind("rc"), number(id.0)],
            Self::Owner(UserId(id)) => vec![kind("o"), Part::Number(*id)],
            Self::Thread(thread) => vec![
                kind("t"),
                Part::Number(thread.repository.0),
                Part::Number(thread.issue.0),
            ],
            Self::Actor(actor) => vec![kind("a"), Part::Text(actor.to_string())],
        };
        (Table::AuditBy, parts)
    }

    /// The key of an entry along it.
    pub fn key(&self, place: Place) -> Key {
        let (table, mut parts) = self.prefix();
        parts.extend(place.parts());
        Key { table, parts }
    }

    /// A key before every entry of that time or an earlier one, and after every later one.
    pub fn from(&self, time: Timestamp) -> Key {
        let (table, mut parts) = self.prefix();
        parts.push(Part::Number(-time.as_millisecond()));
        Key { table, parts }
    }
}

/// The ways to an entry, but that by time.
fn ways(entry: &Entry) -> Vec<Way> {
    let reported = entry.code == REPORTED;
    let mut ways = vec![Way::Actor(entry.actor.clone())];
    ways.extend(entry.identity.map(|id| match reported {
        true => Way::ReportedOfIdentity(id),
        false => Way::Identity(id),
    }));
    ways.extend(entry.credential.map(|id| match reported {
        true => Way::ReportedOfCredential(id),
        false => Way::Credential(id),
    }));
    let own = |owner: &UserId| entry.actor != Actor::User(*owner);
    ways.extend(entry.owner.filter(own).map(Way::Owner));
    ways.extend(entry.thread.map(Way::Thread));
    ways
}

/// The records of one entry of a line: the entry, and each way to it. What cannot be read as an entry
/// is found by its time only.
pub fn rows(time: Timestamp, seq: u64, place: u32, entry: &Value) -> Vec<(Key, Value)> {
    let place = Place::new(time, seq, place);
    let mut rows = vec![(Way::Time.key(place), entry.clone())];
    if let Ok(entry) = Entry::deserialize(entry) {
        let by = |way: Way| (way.key(place), Value::from(1));
        rows.extend(ways(&entry).into_iter().map(by));
    }
    rows
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use serde_json::json;

    use super::super::super::ids::{IssueNumber, RepositoryId};
    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry(code: &str) -> Entry {
        let thread = ThreadKey {
            repository: RepositoryId(17),
            issue: IssueNumber(12),
        };
        let mut entry = Entry::new(code, Actor::User(UserId(2)), "revoked")
            .in_thread(thread)
            .about_identity(IdentityNumber(3))
            .about_credential(CredentialNumber(4));
        entry.owner = Some(UserId(5));
        entry
    }

    #[test]
    fn later_entries_have_smaller_keys_and_keys_say_where() {
        let places = [
            Place::new(time(10), 1, 0),
            Place::new(time(10), 1, 1),
            Place::new(time(10), 2, 0),
            Place::new(time(11), 3, 0),
        ];
        assert!(places.is_sorted());
        let way = Way::Identity(IdentityNumber(3));
        let keys: Vec<Key> = places.iter().map(|place| way.key(*place)).collect();
        assert!(keys.iter().rev().is_sorted());
        for (key, place) in keys.iter().zip(places) {
            assert_eq!(Place::of_key(key), Some(place));
        }
        assert!(way.from(time(10)) < keys[0] && way.from(time(10)) > keys[3]);
        assert!(way.from(time(11)) < keys[3]);
        assert_eq!(Place::of_key(&Key::policy()), None);
    }

    #[test]
    fn an_entry_is_found_by_everything_that_it_names() {
        let of = |entry: &Entry| {
            rows(time(10), 7, 0, &json!(entry))
                .into_iter()
                .map(|(key, _)| key)
                .collect::<Vec<_>>()
        };
        let place = Place::new(time(10), 7, 0);
        let found = entry("identity_revoked");
        let thread = found.thread.unwrap();
        let ways = [
            Way::Time,
            Way::Actor(Actor::User(UserId(2))),
            Way::Identity(IdentityNumber(3)),
            Way::Credential(CredentialNumber(4)),
            Way::Owner(UserId(5)),
            Way::Thread(thread),
        ];
        assert_eq!(of(&found), ways.map(|way| way.key(place)));
        // What somebody says is kept apart from what is known.
        let said = of(&entry(REPORTED));
        assert!(said.contains(&Way::ReportedOfIdentity(IdentityNumber(3)).key(place)));
        assert!(!said.contains(&Way::Identity(IdentityNumber(3)).key(place)));
        assert!(said.contains(&Way::ReportedOfCredential(CredentialNumber(4)).key(place)));
        // What owners do themselves is found as theirs already.
        let mut own = entry("identity_revoked");
        own.owner = Some(UserId(2));
        assert!(!of(&own).contains(&Way::Owner(UserId(2)).key(place)));
        // An older or foreign form is found by its time.
        assert_eq!(rows(time(10), 7, 0, &json!("something")).len(), 1);
    }

    #[test]
    fn a_way_is_small() {
        let ways = rows(time(1_795_788_005), 1 << 40, 9, &json!(entry("x")));
        for (key, value) in &ways[1..] {
            let size = serde_json::to_vec(&(key, value)).unwrap().len();
            assert!(size < 120, "{key:?}: {size} bytes");
        }
    }
}
