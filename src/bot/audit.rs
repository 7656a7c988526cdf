//! Asking what happened: entries by identity, credential, owner, thread, actor and time, newest first.
//!
//! The most telling of what is given is walked, newest first, and the rest filters; a walk ends after
//! so many entries and can be gone on with. It reads the records only, so that it costs the same in a
//! short journal and in a long one.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Deserialize;

use super::Bot;
use crate::gate::actor::Actor;
use crate::gate::audit::Entry;
use crate::gate::audit::index::{Place, Way};
use crate::gate::evidence::{History, HistoryOf, Need, Needs, Reads};
use crate::gate::ids::{CredentialNumber, IdentityNumber, ThreadKey, UserId};
use crate::gate::key::Key;
use crate::gate::uses::Uses;
use crate::store::{Store, StoreError};

/// Rows of a way that are read at once.
const CHUNK: usize = 64;
/// Entries that one question looks at.
const MOST_WALKED: usize = 10_000;

/// What is asked; everything that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// About this identity.
    pub identity: Option<IdentityNumber>,
    /// About this credential.
    pub credential: Option<CredentialNumber>,
    /// About what this owner answers for, or done by this owner.
    pub owner: Option<UserId>,
    /// In this thread.
    pub thread: Option<ThreadKey>,
    /// Done by this one.
    pub actor: Option<Actor>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Older than this entry: where another question ended.
    pub before: Option<Place>,
    /// Newer than this entry.
    pub newer: Option<Place>,
    /// Without what resource servers say. Of one identity or credential only.
    pub known_only: bool,
    /// So many at most.
    pub most: usize,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<(Place, Entry)>,
    /// Where to go on, if there may be more.
    pub rest: Option<Place>,
}

impl Query {
    /// The ways to walk: together they lead to everything that is asked for.
    fn ways(&self) -> Vec<Way> {
        let mut ways = if let Some(id) = self.credential {
            vec![Way::Credential(id), Way::ReportedOfCredential(id)]
        } else if let Some(id) = self.identity {
            vec![Way::Identity(id), Way::ReportedOfIdentity(id)]
        } else if let Some(thread) = self.thread {
            vec![Way::Thread(thread)]
        } else if let Some(actor) = &self.actor {
            vec![Way::Actor(actor.clone())]
        } else if let Some(owner) = self.owner {
            vec![Way::Owner(owner), Way::Actor(Actor::User(owner))]
        } else {
            vec![Way::Time]
        };
        if self.known_only {
            ways.truncate(1);
        }
        ways
    }

    /// The key after which a walk begins.
    fn start(&self, way: &Way) -> Option<Key> {
        let until = self.until.map(|until| way.from(until));
        let before = self.before.map(|place| way.key(place));
        until.max(before)
    }

    /// True once only older entries follow than those asked for.
    fn is_over(&self, place: Place) -> bool {
        self.since.is_some_and(|since| place.time() < since)
            || self.newer.is_some_and(|newer| place <= newer)
    }

    fn fits(&self, entry: &Entry) -> bool {
        let owner = |owner| entry.owner == Some(owner) || entry.actor == Actor::User(owner);
        self.identity.is_none_or(|id| entry.identity == Some(id))
            && self
                .credential
                .is_none_or(|id| entry.credential == Some(id))
            && self
                .thread
                .is_none_or(|thread| entry.thread == Some(thread))
            && self
                .actor
                .as_ref()
                .is_none_or(|actor| entry.actor == *actor)
            && self.owner.is_none_or(owner)
    }
}

/// A walk along one way.
struct Walk {
    way: Way,
    after: Option<Key>,
    ready: VecDeque<Place>,
    ended: bool,
}

impl Walk {
    fn new(query: &Query, way: Way) -> Self {
        Self {
            after: query.start(&way),
            way,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// The next place, which stays the next one until it is taken.
    fn next(&mut self, store: &Store) -> Result<Option<Place>, StoreError> {
        if self.ready.is_empty() && !self.ended {
            let (table, prefix) = self.way.prefix();
            let rows = store.scan(table, &prefix, self.after.as_ref(), CHUNK)?;
            self.ended = rows.len() < CHUNK;
            self.ready
                .extend(rows.iter().filter_map(|(key, _)| Place::of_key(key)));
            self.after = rows.into_iter().next_back().map(|(key, _)| key);
        }
        Ok(self.ready.front().copied())
    }
}

/// The newest place of all walks, taken from each that has it.
fn next(walks: &mut [Walk], store: &Store) -> Result<Option<Place>, StoreError> {
    let mut newest = None;
    for walk in walks.iter_mut() {
        newest = newest.max(walk.next(store)?);
    }
    for walk in walks.iter_mut() {
        if walk.ready.front().copied() == newest {
            walk.ready.pop_front();
        }
    }
    Ok(newest)
}

/// Finds entries, newest first.
pub fn find(store: &Store, query: &Query) -> Result<Page, StoreError> {
    let ways = query.ways().into_iter();
    let mut walks: Vec<Walk> = ways.map(|way| Walk::new(query, way)).collect();
    let mut page = Page::default();
    let mut walked = 0;
    let mut last = None;
    while let Some(place) = next(&mut walks, store)? {
        if query.is_over(place) {
            break;
        }
        if page.entries.len() >= query.most || walked == MOST_WALKED {
            page.rest = last;
            break;
        }
        walked += 1;
        last = Some(place);
        let entry = store.get(&Way::Time.key(place))?;
        let entry = entry.and_then(|entry| Entry::deserialize(entry).ok());
        page.entries.extend(
            entry
                .filter(|entry| query.fits(entry))
                .map(|it| (place, it)),
        );
    }
    Ok(page)
}

impl Bot {
    /// Answers what a decision needs of the bot's own records, and gives what is left.
    pub fn look_up(&self, needs: &Needs, reads: &mut Reads) -> Result<Needs, StoreError> {
        let mut left = Needs::new();
        for need in needs {
            match need {
                Need::History(of) => {
                    reads.histories.insert(of.clone(), self.history(of)?);
                }
                Need::LastUse(number) => {
                    reads.last_uses.insert(*number, self.last_use(*number)?);
                }
                Need::Waiting(thread) => reads.waits = Some(self.waits(*thread)?),
                Need::Comment(_) | Need::Issue(_) | Need::Repository | Need::Candidate { .. } => {
                    left.insert(need.clone());
                }
            }
        }
        reads.at.get_or_insert(self.clock.now());
        Ok(left)
    }

    fn history(&self, of: &HistoryOf) -> Result<History, StoreError> {
        let query = Query {
            identity: Some(of.identity),
            credential: of.credential,
            since: of.since,
            known_only: true,
            most: of.most,
            ..Query::default()
        };
        let page = find(&self.core.store(), &query)?;
        Ok(History {
            more: page.rest.is_some(),
            entries: page
                .entries
                .into_iter()
                .map(|(place, entry)| (place.time(), entry))
                .collect(),
        })
    }

    /// When a credential was last used: in memory, beside the records, or written down.
    pub fn last_use(&self, number: CredentialNumber) -> Result<Option<Timestamp>, StoreError> {
        let noted = self.usage.last(number);
        let scratch = self
            .core
            .store()
            .scratch(&super::usage::scratch_name(number))?;
        let scratch = scratch
            .and_then(|last| last["at"].as_i64())
            .and_then(|second| Timestamp::from_second(second).ok());
        let journaled = self.core.get::<Uses>(&Key::uses(number))?;
        Ok(noted
            .max(scratch)
            .max(journaled.and_then(|uses| uses.last())))
    }
}

#[cfg(test)]
#[path = "audit/tests.rs"]
mod tests;
