//! A decision in the making: the world as changed so far, entries, effects, and what is missing.
//!
//! It is the only thing that the files of `decide/` write to. If anything turned out to be missing,
//! everything written so far is dropped.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::audit::Entry;
use super::super::credential::Credential;
use super::super::due::{Due, DueRecord, second};
use super::super::effect::{Effect, Post, Reaction, Role};
use super::super::evidence::{Need, Needs};
use super::super::identity::Identity;
use super::super::ids::{CommentId, RequestNumber, ThreadKey};
use super::super::key::Key;
use super::super::policy::Board;
use super::super::reply;
use super::super::thread::{Share, Thread};
use super::super::world::{Record, World};
use super::{Answer, Decision, Given, Step};

/// A decision in the making.
#[derive(Debug)]
pub struct Draft<'a> {
    world: World,
    /// Time, policy and the line's number.
    pub given: &'a Given,
    entries: Vec<Entry>,
    effects: Vec<Effect>,
    needs: Needs,
    wait: Option<Timestamp>,
    cause: Value,
    under_reserve: bool,
    dry: bool,
    unreacting: bool,
    answer: Answer,
}

impl<'a> Draft<'a> {
    /// Begins.
    pub(super) fn new(world: World, given: &'a Given) -> Self {
        Self {
            world,
            given,
            entries: Vec::new(),
            effects: Vec::new(),
            needs: Needs::new(),
            wait: None,
            cause: Value::Null,
            under_reserve: false,
            dry: false,
            unreacting: false,
            answer: Answer::Decided {
                verb: "none",
                outcome: "nothing",
            },
        }
    }

    /// The time of the decision.
    pub(super) fn now(&self) -> Timestamp {
        self.given.now
    }

    /// A record.
    pub(super) fn get<T: Record>(&self, key: &Key) -> Option<T> {
        self.world.get(key)
    }

    /// A record, or its empty form.
    pub(super) fn get_or_default<T: Record + Default>(&self, key: &Key) -> T {
        self.world.get(key).unwrap_or_default()
    }

    /// Writes a record.
    pub(super) fn put<T: Record>(&mut self, key: Key, record: &T) {
        self.world.put(key, record);
    }

    /// Removes a record.
    pub(super) fn remove(&mut self, key: Key) {
        self.world.remove(key);
    }

    /// Something has to be read before this can be decided.
    pub(super) fn need(&mut self, need: Need) {
        self.needs.insert(need);
    }

    /// It is too early.
    pub(super) fn wait_until(&mut self, time: Timestamp) {
        self.wait = Some(time);
    }

    /// Has something looked at when its time has come.
    pub(super) fn due(&mut self, at: Timestamp, due: &Due) {
        let record = DueRecord { due: due.clone() };
        self.put(Key::due(second(at), due), &record);
    }

    /// Which effect the next one will be: its line, and its place in it.
    pub(super) fn next_effect(&self) -> (u64, u32) {
        let place = u32::try_from(self.effects.len()).unwrap_or(u32::MAX);
        (self.given.seq.0, place)
    }

    /// Writes down what happened.
    pub(super) fn entry(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Asks for work outside.
    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Names the cause.
    pub(super) fn cause(&mut self, kind: &str, facts: Value) {
        self.cause = json!({ "event": kind, "facts": facts });
    }

    /// May be journaled when the disk is nearly full.
    pub(super) fn use_reserve(&mut self) {
        self.under_reserve = true;
    }

    /// Nothing of this is to happen: only the answer is wanted.
    pub(super) fn only_answer(&mut self) {
        self.dry = true;
    }

    /// No text asks for this: there is nothing to react to.
    pub(super) fn no_reactions(&mut self) {
        self.unreacting = true;
    }

    /// What whoever fed the event is told.
    pub(super) fn answer(&mut self, answer: Answer) {
        self.answer = answer;
    }

    /// The outcome of a command, and its word for the metric.
    pub(super) fn outcome(&mut self, verb: &'static str, outcome: &'static str) {
        self.answer = Answer::Decided { verb, outcome };
    }

    /// Posts a comment that no limit holds back: summaries, credentials, answers to narrowing.
    pub(super) fn post(&mut self, thread: ThreadKey, role: Role, body: String) {
        self.effects.push(Effect::Post(Post {
            thread,
            role,
            body,
            at: self.given.now,
            elsewhere: false,
        }));
    }

    /// Reacts to a comment, or to the issue itself.
    pub(super) fn react(&mut self, thread: ThreadKey, comment: Option<CommentId>, with: Reaction) {
        if self.unreacting {
            return;
        }
        self.effects.push(Effect::React {
            thread,
            comment,
            with,
        });
    }

    /// Explains or refuses something, at most twenty times an hour in a thread to owners and to
    /// everybody else each; the last one says that it is the last. Below the disk's reserve only
    /// owners are answered. True if it was said.
    pub(super) fn explain(
        &mut self,
        thread: ThreadKey,
        text: &str,
        copy: Option<&str>,
        code: &str,
        about: Option<RequestNumber>,
        share: Share,
    ) -> bool {
        let Some(last) = self.take_answer(thread, share) else {
            return false;
        };
        let text = if last {
            format!(
                "{text}\n\nThat was the last explanation in this thread for this hour; commands still act, and further faults are only counted."
            )
        } else {
            text.to_owned()
        };
        let body = reply::refusal(&text, copy, code, about, self.given.seq);
        self.post(thread, Role::Answer, body);
        true
    }

    /// Takes one answer from a thread's share; `None` if there is none, else true for the last.
    pub(super) fn take_answer(&mut self, thread: ThreadKey, share: Share) -> Option<bool> {
        if self.given.low_space && share == Share::Others {
            return None;
        }
        let key = Key::thread(thread);
        let mut record: Thread = self.get_or_default(&key);
        let last = record.take_answer(share, self.now())?;
        self.put(key, &record);
        Some(last)
    }

    /// Says what narrowing did, or another notice that no limit holds back.
    pub(super) fn tell(&mut self, thread: ThreadKey, text: &str, about: Option<RequestNumber>) {
        let body = reply::notice(text, about, self.given.seq);
        self.post(thread, Role::Answer, body);
    }

    /// The board of a thread, with a lifetime of its own so that the draft can be written to.
    pub(super) fn board(&self, thread: ThreadKey) -> Option<&'a Board> {
        self.given.policy.board(thread.repository)
    }

    /// An entry about a credential names its identity, and one about an identity who answers for it.
    fn complete_entries(&mut self) {
        for entry in &mut self.entries {
            if let (None, Some(number)) = (entry.identity, entry.credential) {
                let credential = self.world.get::<Credential>(&Key::credential(number));
                entry.identity = credential.and_then(|credential| credential.identity);
            }
            if let Some(number) = entry.identity {
                let identity = self.world.get::<Identity>(&Key::identity(number));
                entry.owner = identity.map(|identity| identity.owner);
            }
        }
    }

    /// What was asked for and not loaded; an error if something there cannot be read.
    pub(super) fn wanted(&self) -> Result<BTreeSet<Key>, BTreeSet<Key>> {
        let unreadable = self.world.unreadable();
        if unreadable.is_empty() {
            Ok(self.world.wanted())
        } else {
            Err(unreadable)
        }
    }

    /// Ends: what is missing, or the decision.
    pub(super) fn finish(mut self) -> Step {
        self.complete_entries();
        let unreadable = self.world.unreadable();
        if !unreadable.is_empty() {
            return Step::Unreadable(unreadable);
        }
        let wanted = self.world.wanted();
        if !wanted.is_empty() {
            return Step::Load(wanted);
        }
        if !self.needs.is_empty() {
            return Step::Gather(self.needs);
        }
        if let Some(time) = self.wait {
            return Step::Wait(time);
        }
        if self.dry {
            return Step::Decided(Box::new(Decision {
                cause: self.cause,
                changes: Vec::new(),
                entries: Vec::new(),
                effects: Vec::new(),
                under_reserve: false,
                answer: self.answer,
            }));
        }
        Step::Decided(Box::new(Decision {
            cause: self.cause,
            changes: self.world.into_changes(),
            entries: self.entries,
            effects: self.effects,
            under_reserve: self.under_reserve,
            answer: self.answer,
        }))
    }
}

/// Makes a decision by loading what it asks for until nothing is missing. `read` gives a record as
/// the decision's line will find it. Gives up after 64 rounds, which no event comes near.
pub fn decide_with(
    event: &super::Event,
    given: &Given,
    mut read: impl FnMut(&Key) -> Option<Value>,
) -> Step {
    let mut known: BTreeMap<Key, Option<Value>> = BTreeMap::new();
    for _ in 0..64 {
        match super::decide(World::new(known.clone()), event, given) {
            Step::Load(keys) => {
                for key in keys {
                    let value = read(&key);
                    known.insert(key, value);
                }
            }
            done => return done,
        }
    }
    Step::Unreadable(known.into_keys().collect())
}
