//! What is kept of a thread, a board, a requester and the installation: the parents of everything
//! else, with bounded lists of their children's numbers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{
    CredentialNumber, Hash, IdentityNumber, RepositoryId, RequestNumber, Slug, UserId,
};

/// The most identities that may live in one thread.
pub const MAX_IDENTITIES_IN_THREAD: usize = 20;
/// The most open requests in one thread.
pub const MAX_REQUESTS_IN_THREAD: usize = 2;
/// Explanations and refusals in a thread in one hour; the last one says that it is the last.
pub const ANSWERS_PER_HOUR: u32 = 20;

/// The record of one thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Requests that are not decided; those past their end are dropped when the thread is next used.
    pub requests: Vec<RequestNumber>,
    /// Identities that are not final.
    pub identities: Vec<IdentityNumber>,
    /// The hour (since 1970) that `answers` counts.
    pub hour: i64,
    /// Explanations and refusals given in that hour.
    pub answers: u32,
    /// Comments of the bot's id that were not its own and have been told.
    pub told_strays: u32,
}

/// The record of one board.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardState {
    /// Why widening is held, by what was found; a hold ends when what is found is as configured.
    pub holds: BTreeMap<String, Hold>,
    /// Open requests of the board.
    pub requests: BTreeSet<RequestNumber>,
    /// How many identities were ever made here, by the word of their last status.
    pub identities: BTreeMap<String, u64>,
}

/// Something that differs from the configuration and holds widening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What was found.
    pub found: String,
    /// When it was first found.
    pub since: Timestamp,
}

/// The open requests of one requester on one board, or of one slug on one board.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequests {
    /// Their numbers; those past their end are dropped when the list is next used.
    pub requests: BTreeSet<RequestNumber>,
}

/// What is sealed to one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientState {
    /// When its secret key was seen in a text; nothing is sealed to it from then on.
    pub burnt: Option<Timestamp>,
    /// Open requests with it.
    pub requests: BTreeSet<RequestNumber>,
    /// Credentials sealed to it; ended ones are dropped once there are many.
    pub credentials: BTreeSet<CredentialNumber>,
}

/// Who a slug belongs to; it is never passed on to another requester.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlugOwner {
    /// The board.
    pub repository: RepositoryId,
    /// The requester.
    pub requester: UserId,
    /// The newest identity of that name.
    pub identity: IdentityNumber,
    /// The name.
    pub slug: Slug,
}

/// The numbers given out last; zero before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Of requests.
    pub request: u64,
    /// Of credentials.
    pub credential: u64,
    /// Of identities.
    pub identity: u64,
}

/// What was first seen of a comment or an issue's body, by any road.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// SHA-256 of the first body.
    pub first: Hash,
    /// When it was received.
    pub at: Timestamp,
    /// True once any other body was seen, or it came from somebody who could not speak here then:
    /// worthless for requests and approvals from then on.
    pub many: bool,
    /// True once a decision was made on a re-read body that equals the delivered one.
    pub used: bool,
    /// Accepted, undecided deliveries by the hash of their body: the line that accepted each.
    pub pending: BTreeMap<String, u64>,
    /// True if the outbox posted it.
    pub own: bool,
    /// True once its author was told that it was caught up and has to be repeated.
    pub told: bool,
    /// True once something wrong with it was said or acted on, so that a replay says it no more.
    #[serde(default)]
    pub explained: bool,
}

impl Seen {
    /// A first sight.
    pub fn new(first: Hash, at: Timestamp) -> Self {
        Self {
            first,
            at,
            many: false,
            used: false,
            pending: BTreeMap::new(),
            own: false,
            told: false,
            explained: false,
        }
    }

    /// Notes another sight.
    pub fn sight(&mut self, body: &Hash) {
        self.many |= *body != self.first;
    }
}

/// What the installation knows about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// An accepted loss of journal lines whose consequences are not all written yet.
    pub loss: Option<Loss>,
}

/// Acknowledged lines are missing and an operator accepted that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The journal's last number.
    pub journal: u64,
    /// What the records had reached.
    pub records: u64,
    /// Identities up to here are paused already.
    pub paused_to: IdentityNumber,
    /// True once every identity is paused.
    pub done: bool,
}
