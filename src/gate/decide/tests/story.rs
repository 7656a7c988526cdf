//! The driver: deliveries in, records and comments out, as worker, writer and outbox would do it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::*;
use super::forge::*;
use super::rules::policy;
use crate::gate::account;
use crate::gate::audit::index;
use crate::gate::command;
use crate::gate::due::{Due, DueRecord};
use crate::gate::effect::{Effect, Reaction};
use crate::gate::event::{Accepted, Arrival, EffectDone, Leak, Look, Road, Spoken, What};
use crate::gate::evidence::{Candidate, Need, Reads};
use crate::gate::identity::Identity;
use crate::gate::ids::{CommentId, Mac, RepositoryId, ThreadKey, UserId};
use crate::gate::import::Import;
use crate::gate::key::{Part, Table};
use crate::gate::policy::Board;
use crate::gate::request::Request;
use crate::gate::uses::Uses;
use crate::gate::wish::{Vote, Voted, Wish, Wished};
use crate::gate::world::{World, encode};

/// A recipient whose checksum is right.
pub(super) const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
/// Another one.
pub(super) const OTHER_RECIPIENT: &str =
    "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

/// One committed decision.
#[derive(Debug)]
pub(super) struct Line {
    pub seq: u64,
    pub at: Timestamp,
    pub decision: Decision,
}

/// A forge, a store and the core between them.
pub(super) struct Story {
    pub policy: Policy,
    in_force: (Arc<Policy>, Hash),
    pub forge: Forge,
    pub records: BTreeMap<Key, Value>,
    pub now: Timestamp,
    pub lines: Vec<Line>,
    pub deliveries: Vec<Arrival>,
    /// When something was heard of each comment.
    pub received: BTreeMap<i64, Vec<Timestamp>>,
    pub reactions: BTreeMap<Option<CommentId>, Reaction>,
    pub low_space: bool,
    pub clock: Option<String>,
    /// Posts wait as long as this is set.
    pub outbox_stands: bool,
    /// Since when the forge is away for operators.
    pub away: Option<Timestamp>,
    /// Titles of issues that the bot opened.
    pub titles: Vec<String>,
    pub minted: u64,
    /// Verbs and outcomes, for the metrics.
    pub outcomes: Vec<(&'static str, &'static str)>,
}

impl Story {
    /// An installation with its first policy.
    pub(super) fn new() -> Self {
        Self::with(policy())
    }

    /// An installation with this first policy.
    pub(super) fn with(policy: Policy) -> Self {
        let mut story = Self {
            policy: policy.clone(),
            in_force: (Arc::new(policy.clone()), policy.hash()),
            forge: Forge::new(),
            records: BTreeMap::new(),
            now: Timestamp::from_second(1_795_564_800).expect("within the calendar"),
            lines: Vec::new(),
            deliveries: Vec::new(),
            received: BTreeMap::new(),
            reactions: BTreeMap::new(),
            low_space: false,
            clock: None,
            outbox_stands: false,
            away: None,
            titles: Vec::new(),
            minted: 0,
            outcomes: Vec::new(),
        };
        story.configure(policy);
        story
    }

    pub(super) fn seq(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.seq)
    }

    fn given(&self) -> Given {
        Given {
            now: self.now,
            seq: Seq(self.seq() + 1),
            policy: Arc::clone(&self.in_force.0),
            policy_hash: self.in_force.1.clone(),
            nonce: "0".repeat(32),
            low_space: self.low_space,
            clock: self.clock.clone(),
        }
    }

    /// Feeds one event, makes its decision in both ways, and commits it.
    pub(super) fn feed(&mut self, event: &Event) -> Step {
        let given = self.given();
        let mut absent = BTreeSet::new();
        let step = decide_with(event, &given, |key| {
            let found = self.records.get(key).cloned();
            if found.is_none() {
                absent.insert(key.clone());
            }
            found
        });
        assert_same(&step, &self.with_every_record(event, &given, absent));
        match step {
            Step::Decided(decision) => {
                let answer = decision.answer.clone();
                if let Answer::Decided { verb, outcome } = answer {
                    self.outcomes.push((verb, outcome));
                }
                // Only new texts, uses, reports, claims and rotations may be kept waiting when the disk is nearly full.
                let waits = matches!(
                    event,
                    Event::Arrived(_)
                        | Event::Used { .. }
                        | Event::Uses(_)
                        | Event::Reported { .. }
                        | Event::Claimed { .. }
                        | Event::HolderRotates { .. }
                        | Event::Import(_)
                        | Event::Wish(_)
                        | Event::Vote(_)
                );
                assert!(waits || decision.under_reserve || decision.changes.is_empty());
                self.commit(*decision);
                // What was decided is in the line; the caller needs the answer only.
                Step::Decided(Box::new(Decision {
                    cause: Value::Null,
                    changes: Vec::new(),
                    entries: Vec::new(),
                    effects: Vec::new(),
                    under_reserve: false,
                    answer,
                }))
            }
            other => other,
        }
    }

    /// The same decision by a world that holds every record, and knows what is absent: what it asks
    /// for still is absent, too.
    fn with_every_record(&self, event: &Event, given: &Given, absent: BTreeSet<Key>) -> Step {
        let mut known: BTreeMap<Key, Option<Value>> = self
            .records
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .chain(absent.into_iter().map(|key| (key, None)))
            .collect();
        loop {
            match decide(World::new(known.clone()), event, given) {
                Step::Load(keys) => {
                    for key in keys {
                        assert!(!self.records.contains_key(&key), "{key:?} was known");
                        known.insert(key, None);
                    }
                }
                done => return done,
            }
        }
    }

    fn commit(&mut self, decision: Decision) {
        let nothing = decision.changes.is_empty()
            && decision.entries.is_empty()
            && decision.effects.is_empty();
        if nothing {
            return;
        }
        assert!(decision.cause["event"].is_string(), "{decision:?}");
        assert!(
            decision.under_reserve || !self.low_space || decision.entries.is_empty(),
            "{decision:?} needs more disk than there is"
        );
        let seq = self.seq() + 1;
        for change in &decision.changes {
            match &change.value {
                Some(value) => self.records.insert(change.key.clone(), value.clone()),
                None => self.records.remove(&change.key),
            };
            match account::row(change) {
                Some((key, Some(value))) => drop(self.records.insert(key, value)),
                Some((key, None)) => drop(self.records.remove(&key)),
                None => {}
            }
        }
        for (place, effect) in decision.effects.iter().enumerate() {
            let place = u32::try_from(place).expect("a decision has few effects");
            self.records.insert(Key::outbox(seq, place), encode(effect));
        }
        for (entry, place) in decision.entries.iter().zip(0..) {
            let entry = serde_json::to_value(entry).expect("plain data");
            self.records
                .extend(index::rows(self.now, seq, place, &entry));
        }
        let at = self.now;
        self.lines.push(Line { seq, at, decision });
    }

    /// What whoever fed an event is told.
    pub(super) fn answer(&mut self, event: &Event) -> Answer {
        match self.feed(event) {
            Step::Decided(decision) => decision.answer,
            other => panic!("{other:?}"),
        }
    }

    // ---- time and rules ----

    /// Time passes.
    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    /// Another configuration is in force.
    pub(super) fn configure(&mut self, policy: Policy) {
        self.policy = policy.clone();
        self.in_force = (Arc::new(policy.clone()), policy.hash());
        self.answer(&Event::Policy(Box::new(policy)));
        self.settle();
    }

    /// One thing of a board's configuration changes.
    pub(super) fn reconfigure(&mut self, repository: RepositoryId, change: impl Fn(&mut Board)) {
        let mut policy = self.policy.clone();
        change(policy.boards.get_mut(&repository).expect("a board"));
        self.configure(policy);
    }

    // ---- deliveries ----

    /// Takes an arrival in.
    pub(super) fn arrive(&mut self, arrival: Arrival) -> Taken {
        self.deliveries.push(arrival.clone());
        self.arrive_again(arrival)
    }

    /// Takes an arrival in that is only a copy.
    pub(super) fn arrive_again(&mut self, mut arrival: Arrival) -> Taken {
        arrival.accepted.at = self.now;
        let of = match &arrival.accepted.what {
            What::Comment(spoken) => Some(spoken.id),
            What::Look(Look::Edited { comment, .. }) => Some(comment.0),
            What::Opened(_) | What::Look(_) | What::Screened | What::Wished(_) => None,
        };
        if let Some(of) = of {
            self.received.entry(of).or_default().push(self.now);
        }
        match self.answer(&Event::Arrived(Box::new(arrival))) {
            Answer::Taken(taken) => taken,
            other => panic!("{other:?}"),
        }
    }

    fn accepted(&self, thread: ThreadKey, sender: Option<UserId>, what: What) -> Arrival {
        Arrival {
            accepted: Accepted {
                road: Road::Hook,
                repository: thread.repository,
                issue: thread.issue,
                unverified_sender: sender,
                at: self.now,
                what,
                urgent: false,
                stood_still: false,
            },
            leaks: Vec::new(),
        }
    }

    /// The delivery that a comment with this text would make.
    pub(super) fn forged(&self, thread: ThreadKey, id: i64, author: UserId, text: &str) -> Arrival {
        let spoken = Spoken::new(id, Some(author), text, Hash::of(text.as_bytes()));
        self.accepted(thread, Some(author), What::Comment(spoken))
    }

    /// The delivery of a comment as it is now.
    pub(super) fn delivery(&self, id: i64) -> Arrival {
        let comment = &self.forge.comments[&id];
        self.forged(comment.thread, id, comment.author, &comment.text)
    }

    /// The comment as reconciliation reads it.
    pub(super) fn caught_up(&self, id: i64) -> Arrival {
        let mut arrival = self.delivery(id);
        arrival.accepted.road = Road::CatchUp;
        arrival.accepted.unverified_sender = None;
        arrival
    }

    /// A trigger.
    pub(super) fn trigger(&self, thread: ThreadKey, look: Look) -> Arrival {
        self.accepted(thread, Some(CODEX), What::Look(look))
    }

    // ---- what people do ----

    /// Somebody writes a comment, and it is not delivered.
    pub(super) fn write(&mut self, thread: ThreadKey, author: UserId, text: &str) -> i64 {
        self.pass(1);
        self.forge.write(thread, author, text, self.now, false)
    }

    /// Somebody writes a comment; it is delivered and decided.
    pub(super) fn say(&mut self, thread: ThreadKey, author: UserId, text: &str) -> i64 {
        let id = self.write(thread, author, text);
        self.arrive(self.delivery(id));
        self.settle();
        id
    }

    /// Somebody opens an issue with this body.
    pub(super) fn open(&mut self, thread: ThreadKey, author: UserId, body: &str) {
        self.pass(1);
        self.forge
            .issues
            .insert(thread, Issue::new(author, body, self.now));
        let spoken = Spoken::new(
            thread.issue.0,
            Some(author),
            body,
            Hash::of(body.as_bytes()),
        );
        self.arrive(self.accepted(thread, Some(author), What::Opened(spoken)));
        self.settle();
    }

    /// Somebody edits a comment; the edit is delivered and decided.
    pub(super) fn edit(&mut self, id: i64, text: &str) {
        self.pass(1);
        self.forge.edit(id, text, self.now);
        self.arrive(self.edited(id));
        self.settle();
    }

    /// The delivery of an edit.
    pub(super) fn edited(&self, id: i64) -> Arrival {
        let comment = &self.forge.comments[&id];
        let look = Look::Edited {
            comment: CommentId(id),
            body: Hash::of(comment.text.as_bytes()),
            like_command: !matches!(command::read(&comment.text), command::Reading::Nothing),
            unverified_author: Some(comment.author),
        };
        self.trigger(comment.thread, look)
    }

    /// Somebody deletes a comment; that is delivered and decided.
    pub(super) fn delete(&mut self, id: i64) {
        self.pass(1);
        let thread = self.forge.comments[&id].thread;
        self.forge.delete(id);
        self.arrive(self.trigger(thread, Look::Deleted(CommentId(id))));
        self.settle();
    }

    /// An issue is closed or opened again; that is delivered and decided.
    pub(super) fn set_open(&mut self, thread: ThreadKey, open: bool) {
        self.pass(1);
        self.forge.issues.get_mut(&thread).expect("an issue").open = open;
        let look = if open { Look::Reopened } else { Look::Issue };
        self.arrive(self.trigger(thread, look));
        self.settle();
    }

    /// A text with secrets in it comes in.
    pub(super) fn leak(&mut self, thread: ThreadKey, leaks: Vec<Leak>) -> Arrival {
        let id = self.write(thread, STRANGER, "[removed]");
        let mut arrival = self.delivery(id);
        arrival.leaks = leaks;
        self.arrive(arrival.clone());
        self.settle();
        arrival
    }

    /// A token is shown.
    pub(super) fn show(&mut self, mac: &Mac) -> Answer {
        self.answer(&Event::Used {
            macs: vec![mac.clone()],
            client: Some("kanban-api".to_owned()),
        })
    }

    // ---- what the bot does ----

    /// Decides what waits and does what was decided, until nothing moves.
    pub(super) fn settle(&mut self) {
        for _ in 0..64 {
            let mut moved = false;
            // While the forge is away nothing that waits can be read.
            let readable = self.away.is_none();
            for line in self.waiting().into_iter().filter(|_| readable) {
                moved |= self.work(line);
            }
            for effect in self.undone() {
                moved |= !self.outbox_stands;
                self.dispatch(effect);
            }
            if !moved {
                self.consistent();
                return;
            }
        }
        panic!("it never settles");
    }

    /// Lines of accepted events that are not decided.
    pub(super) fn waiting(&self) -> Vec<u64> {
        self.numbered(Table::Inbox)
            .into_iter()
            .map(|parts| parts.0)
            .collect()
    }

    pub(super) fn undone(&self) -> Vec<(u64, u32)> {
        self.numbered(Table::Outbox)
            .into_iter()
            .map(|(line, place)| (line, u32::try_from(place).expect("a small number")))
            .collect()
    }

    fn numbered(&self, table: Table) -> Vec<(u64, u64)> {
        let number = |part: Option<&Part>| match part {
            Some(Part::Number(number)) => u64::try_from(*number).expect("counted from one"),
            Some(Part::Text(_)) | None => 0,
        };
        self.records
            .keys()
            .filter(|key| key.table == table)
            .map(|key| (number(key.parts.first()), number(key.parts.get(1))))
            .collect()
    }

    /// Decides one accepted event; false if it is too early.
    pub(super) fn work(&mut self, line: u64) -> bool {
        let accepted: Accepted = self.record(&Key::inbox(line)).expect("it waits");
        let mut reads = Reads {
            at: Some(self.now),
            ..Reads::default()
        };
        for _ in 0..8 {
            let event = Event::Waiting {
                line,
                reads: Box::new(reads.clone()),
            };
            match self.feed(&event) {
                Step::Gather(needs) => {
                    for need in needs {
                        self.read(accepted.repository, need, &mut reads);
                    }
                }
                Step::Wait(time) => {
                    assert!(time > self.now, "it waits for the past");
                    return false;
                }
                Step::Decided(_) => return true,
                other => panic!("{other:?}"),
            }
        }
        panic!("it never has enough");
    }

    /// Whatever is due by now is looked at.
    pub(super) fn timers(&mut self) {
        let due: Vec<(i64, Due)> = self
            .records
            .iter()
            .filter(|(key, _)| key.table == Table::Due)
            .filter_map(|(key, value)| match key.parts.first() {
                Some(Part::Number(at)) if *at <= self.now.as_second() => Some((
                    *at,
                    crate::gate::world::decode::<DueRecord>(value)
                        .expect("it can be read")
                        .due,
                )),
                Some(_) | None => None,
            })
            .collect();
        for (at, due) in due {
            let repository = match &due {
                Due::RevokeClosed { identity, .. } => self
                    .record::<Identity>(&Key::identity(*identity))
                    .map_or(KAN, |identity| identity.board()),
                Due::Remind(_) | Due::End(_) | Due::WarnEnd(_) | Due::SayEnd(_) => KAN,
            };
            let mut reads = Reads {
                at: Some(self.now),
                ..Reads::default()
            };
            for _ in 0..4 {
                let event = Event::Due {
                    at,
                    due: due.clone(),
                    reads: Box::new(reads.clone()),
                };
                match self.feed(&event) {
                    Step::Gather(needs) => {
                        for need in needs {
                            self.read(repository, need, &mut reads);
                        }
                    }
                    Step::Decided(_) => break,
                    other => panic!("{other:?}"),
                }
            }
        }
        self.settle();
    }

    /// Somebody shows the verifier of a challenge.
    pub(super) fn claim(&mut self, repository: RepositoryId, challenge: &str) -> Claim {
        let mut reads = Reads {
            at: Some(self.now),
            ..Reads::default()
        };
        for _ in 0..8 {
            let event = Event::Claimed {
                challenge: challenge.to_owned(),
                reads: Box::new(reads.clone()),
            };
            match self.feed(&event) {
                Step::Gather(needs) => {
                    for need in needs {
                        self.read(repository, need, &mut reads);
                    }
                }
                Step::Decided(decision) => {
                    self.settle();
                    match decision.answer {
                        Answer::Claim(claim) => return claim,
                        other => panic!("{other:?}"),
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("it never has enough");
    }

    /// An operator hands in a file of secrets from before.
    pub(super) fn import(&mut self, mut import: Import) -> Result<RequestNumber, String> {
        import.reads.at = Some(self.now);
        for _ in 0..8 {
            match self.feed(&Event::Import(Box::new(import.clone()))) {
                Step::Gather(needs) => {
                    for need in needs {
                        self.read(import.board, need, &mut import.reads);
                    }
                }
                Step::Decided(decision) => {
                    self.settle();
                    match decision.answer {
                        Answer::Import(asked) => return asked,
                        other => panic!("{other:?}"),
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("it never has enough");
    }

    /// An operator asks.
    pub(super) fn operator_asks(&mut self, wish: Wish) -> Result<Wished, String> {
        let board = wish.board;
        let make = |reads: &Reads| {
            Event::Wish(Box::new(Wish {
                reads: Box::new(reads.clone()),
                ..wish.clone()
            }))
        };
        match self.for_operator(board, make) {
            Answer::Wished(wished) => wished,
            other => panic!("{other:?}"),
        }
    }

    /// An operator brings an owner's signature.
    pub(super) fn operator_brings(&mut self, vote: Vote) -> Voted {
        let make = |reads: &Reads| {
            Event::Vote(Box::new(Vote {
                reads: Box::new(reads.clone()),
                ..vote.clone()
            }))
        };
        let request: Option<Request> = self.record(&Key::request(vote.request));
        let board = request.map_or(KAN, |request| request.thread.repository);
        match self.for_operator(board, make) {
            Answer::Voted(voted) => voted,
            other => panic!("{other:?}"),
        }
    }

    /// With the forge, or without it.
    fn for_operator(&mut self, board: RepositoryId, make: impl Fn(&Reads) -> Event) -> Answer {
        let mut reads = Reads {
            at: Some(self.now),
            away: self.away,
            ..Reads::default()
        };
        for _ in 0..8 {
            match self.feed(&make(&reads)) {
                Step::Gather(needs) => {
                    for need in needs {
                        let read =
                            matches!(need, Need::Comment(_) | Need::Issue(_) | Need::Repository);
                        assert!(!read || self.away.is_none(), "{need:?} with the forge away");
                        self.read(board, need, &mut reads);
                    }
                }
                Step::Decided(decision) => {
                    self.settle();
                    return decision.answer;
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("it never has enough");
    }

    pub(super) fn read(&mut self, repository: RepositoryId, need: Need, reads: &mut Reads) {
        match need {
            Need::Comment(id) => {
                let read = self.forge.read_comment(repository, id);
                reads.comments.insert(id, read);
            }
            Need::Issue(issue) => {
                let read = self.forge.read_issue(ThreadKey { repository, issue });
                reads.issues.insert(issue, read);
            }
            Need::Repository => {
                reads.repository = Some(self.forge.read_repository(repository));
            }
            Need::History(of) => {
                let history = self.history(&of);
                reads.histories.insert(of, history);
            }
            Need::LastUse(number) => {
                let uses: Option<Uses> = self.record(&Key::uses(number));
                reads
                    .last_uses
                    .insert(number, uses.and_then(|uses| uses.last()));
            }
            Need::Waiting(thread) => {
                let waiting = self.waiting().into_iter();
                let mut waiting =
                    waiting.filter_map(|line| self.record::<Accepted>(&Key::inbox(line)));
                reads.waits = Some(waiting.any(|accepted| {
                    accepted.urgent
                        || (accepted.thread() == thread && matches!(accepted.what, What::Look(_)))
                }));
            }
            Need::Candidate {
                request,
                slug,
                recipient,
            } => {
                self.minted += 1;
                let mut mac = [0; 32];
                mac[..8].copy_from_slice(&self.minted.to_be_bytes());
                reads.candidate = Some(Candidate {
                    request,
                    slug,
                    recipient,
                    mac: Mac::new(&mac),
                    pepper_id: "p1".to_owned(),
                    sealed: "-----BEGIN AGE ENCRYPTED FILE-----\n…".to_owned(),
                });
            }
        }
    }

    fn dispatch(&mut self, effect: (u64, u32)) {
        if self.outbox_stands {
            return;
        }
        let what: Effect = self
            .record(&Key::outbox(effect.0, effect.1))
            .expect("it is undone");
        let mut done = EffectDone {
            effect,
            comment: None,
            body: None,
        };
        match what {
            Effect::Open(open) => {
                let issue = self.forge.next_issue(open.repository);
                let thread = ThreadKey {
                    repository: open.repository,
                    issue,
                };
                let opened = Issue::new(BOT, &open.body, self.now);
                self.forge.issues.insert(thread, opened);
                self.titles.push(open.title);
                self.answer(&Event::ThreadOpened { effect, issue });
                return;
            }
            Effect::React { comment, with, .. } => {
                self.reactions.insert(comment, with);
            }
            Effect::Post(post) if self.forge.refusing.contains(&post.thread) => {
                self.answer(&Event::Refused {
                    effect,
                    why: "blocked".to_owned(),
                });
                return;
            }
            Effect::Post(post) => {
                let text = format!("{}\n<!-- marker -->", post.body);
                let id = self.forge.write(post.thread, BOT, &text, self.now, true);
                self.forge.signed_by_bot(id, effect);
                done.comment = Some(CommentId(id));
                done.body = Some(Hash::of(text.as_bytes()));
            }
            Effect::Edit { comment, body, .. } => {
                let text = format!("{body}\n<!-- marker -->");
                if self.forge.comments.contains_key(&comment.0) {
                    self.forge.edit(comment.0, &text, self.now);
                    self.forge.signed_by_bot(comment.0, effect);
                    done.comment = Some(comment);
                    done.body = Some(Hash::of(text.as_bytes()));
                } else {
                    self.answer(&Event::Refused {
                        effect,
                        why: "not found".to_owned(),
                    });
                    return;
                }
            }
        }
        self.answer(&Event::Done(done));
    }
}

/// A request on one line.
pub(super) fn request_line(identity: &str, scopes: &str, environment: &str) -> String {
    format!(
        "/gate request identity={identity} scopes={scopes} ttl=8h environment={environment} recipient={RECIPIENT}"
    )
}

/// Both decisions are one.
fn assert_same(loaded: &Step, every: &Step) {
    match (loaded, every) {
        (Step::Decided(loaded), Step::Decided(every)) => {
            for (left, right) in loaded.changes.iter().zip(&every.changes) {
                assert_eq!(left, right);
            }
            assert_eq!(loaded.changes.len(), every.changes.len());
            assert_eq!(loaded.effects, every.effects);
            assert_eq!(loaded.entries, every.entries);
            assert_eq!(loaded.cause, every.cause);
            assert_eq!(loaded.answer, every.answer);
            assert_eq!(loaded.under_reserve, every.under_reserve);
        }
        (loaded, every) => assert_eq!(format!("{loaded:?}"), format!("{every:?}")),
    }
}
