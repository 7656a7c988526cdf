//! The core at work: the gate's `decide` on the store's writer thread, with time and policy attached
//! there.
//!
//! One thread decides and commits, so the state that a decision saw is the state that its line
//! replaces. There is no second way to change state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use rand::TryRng;
use rand::rngs::SysRng;
use serde_json::Value;

use crate::gate::audit::Entry;
use crate::gate::credential::Check;
use crate::gate::decide::{Answer, Decision, Explanation, Given, Step, decide_with, explain_with};
use crate::gate::effect::Effect;
use crate::gate::event::Event;
use crate::gate::evidence::{Needs, Reads};
use crate::gate::ids::{Hash, Mac, RequestNumber, Seq};
use crate::gate::key::Key;
use crate::gate::policy::Policy;
use crate::gate::world;
use crate::store::{self, Body, Opened, Read, Stamp, Store, SubmitError, Writer};

use super::schedule::Id;

/// What comes of feeding an event to the core.
#[derive(Debug)]
pub enum Outcome {
    /// It is decided and durable.
    Decided {
        /// What whoever fed it is told.
        answer: Answer,
        /// What is to be done outside, with the id of each.
        effects: Vec<(Id, Effect)>,
    },
    /// These things have to be read first.
    Gather(Needs),
    /// Not before this time.
    Wait(Timestamp),
    /// A record cannot be read by this program; nothing was decided.
    Unreadable(String),
}

/// Why the clock cannot be trusted, if so; set by whoever compares clocks.
#[derive(Clone, Debug, Default)]
pub struct ClockTrouble(Arc<Mutex<Option<String>>>);

impl ClockTrouble {
    /// Sets or clears it.
    pub fn set(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why, if so.
    pub fn get(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The running core; clones share it.
#[derive(Clone, Debug)]
pub struct Core {
    writer: Writer<Event, Outcome>,
    policy: Arc<RwLock<Arc<Policy>>>,
    clock_trouble: ClockTrouble,
}

impl Core {
    /// Starts the writer's thread with a first policy, which `feed(Event::Policy)` journals.
    pub fn start(opened: Opened, policy: Policy) -> Self {
        let policy = Arc::new(policy);
        let clock_trouble = ClockTrouble::default();
        let trouble = clock_trouble.clone();
        let mut current = with_hash(Arc::clone(&policy));
        let mut exchanged = false;
        let writer = opened.start(move |records: &dyn Read, event: Event, stamp: &Stamp| {
            // In force is what the journal took, which only now is known.
            if std::mem::take(&mut exchanged)
                && let Some(policy) = records.get(&Key::policy()).as_ref().and_then(world::decode)
            {
                current = with_hash(Arc::new(policy));
            }
            let Event::Policy(next) = &event else {
                return decide(records, &event, stamp, &current, &trouble);
            };
            exchanged = true;
            let next = with_hash(Arc::new((**next).clone()));
            decide(records, &event, stamp, &next, &trouble)
        });
        Self {
            writer,
            policy: Arc::new(RwLock::new(policy)),
            clock_trouble,
        }
    }

    /// Decides an event, waiting for room in the queue.
    pub async fn feed(&self, event: Event) -> Result<Outcome, SubmitError> {
        self.writer.submit(event).await
    }

    /// Decides an event, or refuses at once when the queue is full: for the edges.
    pub async fn try_feed(&self, event: Event) -> Result<Outcome, SubmitError> {
        self.writer.try_submit(event).await
    }

    /// Journals a policy and puts it into force for checks; the one before stays where that cannot
    /// be decided.
    pub async fn adopt(&self, policy: Policy) -> Result<Outcome, SubmitError> {
        let outcome = self.feed(Event::Policy(Box::new(policy.clone()))).await?;
        if matches!(outcome, Outcome::Decided { .. }) {
            *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
        }
        Ok(outcome)
    }

    /// What would come of an event, by the records as they are under `changed`: nothing is written, and
    /// what another event changes meanwhile may be seen in part.
    pub fn rehearse(
        &self,
        event: &Event,
        now: Timestamp,
        changed: &BTreeMap<Key, Option<Value>>,
    ) -> Result<Step, store::StoreError> {
        let given = self.given(now);
        let mut failed = None;
        let step = decide_with(event, &given, |key| {
            changed.get(key).cloned().unwrap_or_else(|| {
                let read = self.store().get(key);
                read.unwrap_or_else(|error| {
                    failed = Some(error);
                    None
                })
            })
        });
        failed.map_or(Ok(step), Err)
    }

    /// Why the gate of an open request is shut, rule by rule; `None` if it is not open.
    pub fn explain(
        &self,
        number: RequestNumber,
        reads: &Reads,
        now: Timestamp,
    ) -> Result<Option<Explanation>, store::StoreError> {
        let mut failed = None;
        let explained = explain_with(number, reads, &self.given(now), |key| {
            let read = self.store().get(key);
            read.unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        });
        failed.map_or(Ok(explained), Err)
    }

    /// What a decision would be given now. What cannot be asked of the disk is as if it were full.
    fn given(&self, now: Timestamp) -> Given {
        let policy = self.policy();
        Given {
            now,
            seq: Seq(self.store().head().seq + 1),
            policy_hash: policy.hash(),
            policy,
            nonce: nonce(),
            low_space: self.store().low_space().unwrap_or(true),
            clock: self.clock_trouble.get(),
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The row that a check of a token reads; the first of its possible MACs that is known.
    pub fn check(&self, macs: &[Mac]) -> Result<Option<Check>, store::StoreError> {
        for mac in macs {
            if let Some(read) = self.read(&Key::check(mac))? {
                return Ok(read);
            }
        }
        Ok(None)
    }

    /// A record, for those who only read.
    pub fn get<T: world::Record>(&self, key: &Key) -> Result<Option<T>, store::StoreError> {
        self.read(key).map(Option::flatten)
    }

    /// A record that is there; inside, `None` if this program cannot read it.
    fn read<T: world::Record>(&self, key: &Key) -> Result<Option<Option<T>>, store::StoreError> {
        let store = self.writer.store();
        match store.json(key, world::read)? {
            // Whether it is damage or a newer record is told where values are made.
            Some(None) => store.get(key).map(|value| value.map(|_| None)),
            read => Ok(read),
        }
    }

    /// For reading.
    pub fn store(&self) -> Store {
        self.writer.store()
    }

    /// The writer, for its health, its queue and its end.
    pub fn writer(&self) -> &Writer<Event, Outcome> {
        &self.writer
    }

    /// Whether the clock can be trusted.
    pub fn clock_trouble(&self) -> &ClockTrouble {
        &self.clock_trouble
    }
}

fn with_hash(policy: Arc<Policy>) -> (Arc<Policy>, Hash) {
    let hash = policy.hash();
    (policy, hash)
}

/// One decision, on the writer's thread.
fn decide(
    records: &dyn Read,
    event: &Event,
    stamp: &Stamp,
    (policy, hash): &(Arc<Policy>, Hash),
    trouble: &ClockTrouble,
) -> store::Step<Outcome> {
    let given = Given {
        now: stamp.time,
        seq: Seq(stamp.seq),
        nonce: nonce(),
        policy: Arc::clone(policy),
        policy_hash: hash.clone(),
        low_space: stamp.low_space,
        clock: trouble.get(),
    };
    match decide_with(event, &given, |key| records.get(key)) {
        Step::Decided(decision) => commit(*decision, stamp, hash),
        Step::Gather(needs) => store::Step::Nothing(Outcome::Gather(needs)),
        Step::Wait(time) => store::Step::Nothing(Outcome::Wait(time)),
        Step::Load(keys) | Step::Unreadable(keys) => {
            let first = keys.first().map(|key| format!("{:?}", key.table));
            store::Step::Nothing(Outcome::Unreadable(first.unwrap_or_default()))
        }
    }
}

/// 128 random bits, hex. Without randomness nothing else of this process works either; a nonce that is
/// not random only lets an owner sign the same text twice.
fn nonce() -> String {
    let mut bytes = [0_u8; 16];
    match SysRng.try_fill_bytes(&mut bytes) {
        Ok(()) => hex::encode(bytes),
        Err(_) => String::new(),
    }
}

fn commit(decision: Decision, stamp: &Stamp, policy: &Hash) -> store::Step<Outcome> {
    let Decision {
        cause,
        changes,
        entries,
        effects,
        under_reserve,
        answer,
    } = decision;
    if changes.is_empty() && entries.is_empty() && effects.is_empty() {
        return store::Step::Nothing(Outcome::Decided {
            answer,
            effects: Vec::new(),
        });
    }
    let body = Body {
        policy: policy.as_str().to_owned(),
        cause,
        changes,
        entries: entries.iter().map(plain::<Entry>).collect(),
        effects: effects.iter().map(world::encode::<Effect>).collect(),
        under_reserve,
    };
    let effects = effects
        .into_iter()
        .zip(0..)
        .map(|(effect, place)| ((stamp.seq, place), effect))
        .collect();
    store::Step::Commit {
        body,
        answer: Outcome::Decided { answer, effects },
    }
}

fn plain<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("entries are made of plain data")
}
