//! `decide`: one event and the world in, a decision out. Pure and total: a refusal is a decision.
//!
//! One file per kind of event. A decision that reaches for a record that was not loaded, or would
//! count something that was not read, is thrown away and says what it needs; it is then made again
//! from the start, so nothing is ever decided on half of the facts.

mod abandoned;
mod account;
mod alone;
mod approve;
mod arrived;
mod ask;
mod audited;
mod claim;
mod code;
mod comment;
mod cut;
mod draft;
mod due;
mod explain;
mod freeze;
mod given_up;
mod grounds;
mod happened;
mod holder;
mod import;
mod issue;
mod judge;
mod known;
mod leak;
mod lifecycle;
mod link;
mod look;
mod loss;
mod named;
mod narrow;
mod order;
mod outbox;
mod own;
mod pause;
mod policy;
mod propose;
mod refuse;
mod release;
mod reported;
mod rests;
mod resume;
mod revoke;
mod rotate;
mod said;
mod show;
mod state;
mod strangers;
mod thaw;
mod unread;
mod unsaid;
mod used;
mod uses;
mod vote;
mod wanted;
mod weigh;
mod wish;
mod yes;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::audit::Entry;
use super::credential::{Credential, Live};
use super::effect::Effect;
use super::event::Event;
use super::evidence::Needs;
use super::ids::{CredentialNumber, Hash, RequestNumber, Seq};
use super::key::{Change, Key};
use super::order::Ordered;
use super::policy::Policy;
use super::uses::Reported;
use super::wish::{Voted, Wished};
use super::world::World;

pub use draft::{Draft, decide_with};
pub use explain::{Explanation, explain_with};
pub use policy::{Difference, differences_between};

/// What a decision is given beside the event and the world; attached on the writer's thread.
#[derive(Clone, Debug)]
pub struct Given {
    /// The time of the line.
    pub now: Timestamp,
    /// The number that the line will have.
    pub seq: Seq,
    /// The rules in force.
    pub policy: Arc<Policy>,
    /// Their hash.
    pub policy_hash: Hash,
    /// 128 fresh random bits, hex: what an owner signs is new each time.
    pub nonce: String,
    /// True below the reserve of the disk.
    pub low_space: bool,
    /// Why the clock cannot be trusted, if so.
    pub clock: Option<String>,
}

/// What comes of an event.
#[derive(Debug)]
pub enum Step {
    /// These records have to be loaded first.
    Load(BTreeSet<Key>),
    /// These things have to be read first.
    Gather(Needs),
    /// It is too early; not before this time.
    Wait(Timestamp),
    /// It is decided.
    Decided(Box<Decision>),
    /// A record is there that this program cannot read: nothing may be decided on it.
    Unreadable(BTreeSet<Key>),
}

/// Records to write, what happened in people's words, and work for the outside.
#[derive(Debug)]
pub struct Decision {
    /// The event and its evidence, for the journal.
    pub cause: Value,
    /// The records, whole.
    pub changes: Vec<Change>,
    /// What happened.
    pub entries: Vec<Entry>,
    /// What to do outside.
    pub effects: Vec<Effect>,
    /// True if it may be journaled when the disk is nearly full.
    pub under_reserve: bool,
    /// What whoever fed the event is told.
    pub answer: Answer,
}

/// What whoever fed an event is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was taken.
    Taken(Taken),
    /// It was decided; the verb, if it was a command, and a word for the outcome.
    Decided {
        /// The command's verb, else the kind of event.
        verb: &'static str,
        /// A word for the outcome, from a closed list: it becomes a metric's label.
        outcome: &'static str,
    },
    /// The token is alive.
    Live(Box<Live>),
    /// It is not, whatever the cause.
    Inactive,
    /// What came of a claim.
    Claim(Claim),
    /// What came of a holder's wish for a successor.
    Rotated(Rotated),
    /// What came of a file of secrets from before: the request for it, or why there is none.
    Import(Result<RequestNumber, String>),
    /// What came of an order.
    Ordered(Ordered),
    /// What came of an operator's wish, or why nothing is asked.
    Wished(Result<Wished, String>),
    /// What came of an owner's signature that an operator brought.
    Voted(Voted),
    /// More of the same is to be done.
    More,
    /// So many of the uses are written down.
    Counted(usize),
    /// What became of the first so many reports.
    Reported(Vec<Reported>),
    /// The resource server has reported as much as it may until that time.
    TooMuch(Timestamp),
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The minted token is this credential now; it may be handed out, once.
    Made(Box<Credential>),
    /// No request names that challenge.
    Unknown,
    /// The request is not approved yet.
    Open,
    /// The request or its grant is over; the word for what it is.
    Over(&'static str),
    /// It was claimed and used: whoever shows the verifier again may have stolen it. The identity
    /// stands still.
    Reused,
    /// The gate is shut now; every reason in words.
    Shut(String),
}

/// What came of a holder's wish for a successor.
#[derive(Clone, Debug, PartialEq)]
pub enum Rotated {
    /// The successor and its sealed token; for the same key the same again.
    Made(Box<Credential>, String),
    /// The token is not alive, whatever the cause.
    NotAlive,
    /// It has this successor already, and not by this key.
    Another(CredentialNumber),
    /// The successor that this key made is over.
    Over(CredentialNumber),
    /// The gate is shut; every reason in words.
    Shut(String),
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It waits in the inbox under this line.
    Waits {
        /// The line.
        line: u64,
        /// True if it overtakes what waits in its thread.
        urgent: bool,
    },
    /// It is known, or nothing has to be done.
    Nothing,
    /// Whoever spoke may not ask here: no answer, only a count.
    Stranger,
}

/// Decides.
pub fn decide(world: World, event: &Event, given: &Given) -> Step {
    let mut draft = Draft::new(world, given);
    match event {
        Event::Arrived(arrival) => arrived::decide(&mut draft, arrival),
        Event::Waiting { line, reads } => comment::waiting(&mut draft, *line, reads),
        Event::Unread { line } => unread::decide(&mut draft, *line),
        Event::Abandoned {
            line,
            why,
            quarantined,
        } => abandoned::decide(&mut draft, *line, why, *quarantined),
        Event::Done(done) => outbox::done(&mut draft, done),
        Event::Refused { effect, why } => outbox::refused(&mut draft, *effect, why),
        Event::Used { macs, client } => used::decide(&mut draft, macs, client.as_deref()),
        Event::Due { at, due, reads } => due::decide(&mut draft, *at, due, reads),
        Event::Claimed { challenge, reads } => claim::decide(&mut draft, challenge, reads),
        Event::HolderPaused { macs } => given_up::stand_still(&mut draft, macs),
        Event::HolderRotates { macs, key, reads } => holder::decide(&mut draft, macs, key, reads),
        Event::Uses(tallies) => uses::decide(&mut draft, tallies),
        Event::Reported { client, reports } => reported::decide(&mut draft, client, reports),
        Event::GivenUp { macs } => given_up::decide(&mut draft, macs),
        Event::Policy(policy) => policy::decide(&mut draft, policy),
        Event::Loss { journal, records } => loss::begin(&mut draft, *journal, *records),
        Event::LossGoesOn => loss::go_on(&mut draft),
        Event::Import(import) => import::decide(&mut draft, import),
        Event::Account(sighting) => account::decide(&mut draft, sighting),
        Event::Ordered(order) => order::decide(&mut draft, order),
        Event::TurnedAway(turned_away) => order::turned_away(&mut draft, turned_away),
        Event::Wish(wish) => wish::decide(&mut draft, wish),
        Event::ThreadOpened { effect, issue } => wish::thread_opened(&mut draft, *effect, *issue),
        Event::Vote(vote) => vote::decide(&mut draft, vote),
        Event::Compare { thread } => cut::decide(&mut draft, *thread),
        Event::AheadOfJournal(found) => loss::ahead(&mut draft, found),
        Event::Unreadable { thread, why } => look::unreadable(&mut draft, *thread, why),
    }
    draft.finish()
}

#[cfg(test)]
#[path = "tests/mod.rs"]
pub(crate) mod tests;
