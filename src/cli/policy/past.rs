//! Every request of a journal as it stood when it was decided, with the rules of that time.
//!
//! The journal is read once from its beginning. Before a line is applied the records are what the
//! decision of that line saw; that is what is kept of a request: when it was asked, then again
//! whenever another approval was counted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::gate::identity::Identity;
use crate::gate::ids::{CommentId, RequestNumber, UserId};
use crate::gate::key::{Key, Subject, Table};
use crate::gate::policy::Policy;
use crate::gate::replay::Past;
use crate::gate::request::{Request, RequestStatus};
use crate::gate::thread::{Seen, SlugOwner};
use crate::gate::world::{self, Record};
use crate::store::{self, Line, VerifyError};

/// The records that the rules of a gate look at.
const KEPT: [Table; 8] = [
    Table::Board,
    Table::Check,
    Table::Identity,
    Table::Policy,
    Table::Request,
    Table::Seen,
    Table::Slug,
    Table::Standstill,
];

/// A request as it stood, and the hash of the rules that it was judged by.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) past: Past,
    pub(super) policy: String,
}

/// What a journal holds of past decisions.
#[derive(Debug)]
pub(super) struct History {
    /// The requests by number.
    pub(super) requests: BTreeMap<RequestNumber, Found>,
    /// The rules that were ever in force, by hash.
    pub(super) policies: BTreeMap<String, Policy>,
    /// The newest records.
    pub(super) records: BTreeMap<Key, Value>,
    /// How many approvals were not counted.
    pub(super) uncounted: u64,
    /// The time of the last line.
    pub(super) last: Timestamp,
}

impl History {
    /// Reads a journal.
    pub(super) fn read(directory: &Path, installation: &str) -> Result<Self, VerifyError> {
        let mut history = Self {
            requests: BTreeMap::new(),
            policies: BTreeMap::new(),
            records: BTreeMap::new(),
            uncounted: 0,
            last: Timestamp::UNIX_EPOCH,
        };
        store::read(directory, Some(installation), |line| {
            history.line(line);
            ControlFlow::Continue(())
        })?;
        Ok(history)
    }

    /// The newest record of a key, if this program can read it.
    pub(super) fn get<T: Record>(&self, key: &Key) -> Option<T> {
        self.records.get(key).and_then(world::decode)
    }

    fn line(&mut self, line: Line) {
        self.last = line.time;
        let uncounted = |entry: &&Value| entry["code"] == "approval_not_counted";
        self.uncounted += line.entries.iter().filter(uncounted).count() as u64;
        for change in &line.changes {
            if change.key.table != Table::Request {
                continue;
            }
            if let Some(request) = change.value.as_ref().and_then(world::decode::<Request>) {
                self.request(request, line.time, &line.policy);
            }
        }
        let kept = line.changes.into_iter();
        for change in kept.filter(|change| KEPT.contains(&change.key.table)) {
            if change.key.table == Table::Policy {
                self.policy(change.value.as_ref());
            }
            match change.value {
                Some(value) => self.records.insert(change.key, value),
                None => self.records.remove(&change.key),
            };
        }
    }

    fn policy(&mut self, record: Option<&Value>) {
        if let Some(policy) = record.and_then(world::decode::<Policy>) {
            self.policies.insert(policy.hash().to_string(), policy);
        }
    }

    /// Keeps what a request looked like, if this line asked it or counted another approval.
    fn request(&mut self, request: Request, at: Timestamp, policy: &str) {
        let counted = |request: &Request| -> Vec<(UserId, Option<CommentId>)> {
            let approvals = request.approvals.iter();
            approvals
                .map(|approval| (approval.approver, approval.comment))
                .collect()
        };
        let known = self.requests.get(&request.number);
        let nothing_new = known.is_some_and(|found| {
            request.approvals.is_empty() || counted(&found.past.request) == counted(&request)
        });
        let decided = match request.status {
            RequestStatus::Open | RequestStatus::Approved => false,
            RequestStatus::Denied(_)
            | RequestStatus::DeniedBy(_)
            | RequestStatus::Withdrawn
            | RequestStatus::Void(_) => true,
        };
        if nothing_new || decided {
            return;
        }
        let repository = request.thread.repository;
        let slug = request.effect.identity.as_ref();
        let slug: Option<SlugOwner> = slug.and_then(|slug| self.get(&Key::slug(slug)));
        let identity = slug.as_ref().and_then(|slug| {
            let identity = self.get::<Identity>(&Key::identity(slug.identity))?;
            (identity.board() == repository).then_some(identity)
        });
        let seen = request.approvals.iter().map(|approval| {
            let key = |comment: CommentId| Key::seen(repository, Subject::Comment(comment.0));
            let seen = approval.comment.map(key);
            seen.and_then(|key| self.get::<Seen>(&key))
                .map_or(approval.counted_at, |seen| seen.at)
        });
        let judged = self
            .policies
            .get(policy)
            .and_then(|policy| policy.board(repository)?.gate(&request.effect.environment))
            .is_some_and(|gate| gate.judge_required);
        let found = Found {
            past: Past {
                at,
                seen: seen.collect(),
                state: self.get(&Key::board(repository)).unwrap_or_default(),
                standstill: self.get(&Key::standstill(repository)),
                slug,
                identity,
                judged,
                request,
            },
            policy: policy.to_owned(),
        };
        self.requests.insert(found.past.request.number, found);
    }

    /// The rules that a request was judged by.
    pub(super) fn rules_of(&self, found: &Found) -> Option<&Policy> {
        self.policies.get(&found.policy)
    }

    /// The rules in force.
    pub(super) fn in_force(&self) -> Option<Policy> {
        self.get(&Key::policy())
    }
}
