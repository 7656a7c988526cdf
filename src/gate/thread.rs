//! What is kept of a thread, a board, a requester and the installation: the parents of everything
//! else, with bounded lists of their children's numbers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{
    CommentId, CredentialNumber, Hash, IdentityNumber, IssueNumber, RepositoryId, RequestNumber,
    Slug, ThreadKey, UserId,
};
use super::judgement::Judged;
use super::policy::Board;

/// The most identities that may live in one thread.
pub const MAX_IDENTITIES_IN_THREAD: usize = 20;
/// The most open requests in one thread.
pub const MAX_REQUESTS_IN_THREAD: usize = 2;
/// Explanations and refusals in a thread in one hour, to owners and to everybody else each; the last
/// one says that it is the last.
pub const ANSWERS_PER_HOUR: u32 = 20;
/// The most open requests with one recipient.
pub const MAX_REQUESTS_OF_RECIPIENT: usize = 20;
/// The most undecided deliveries that are noted of one text.
const MAX_PENDING: usize = 8;
/// The most bodies of one text that are noted as impossible to decide.
const MAX_QUARANTINED: usize = 8;

/// The record of one thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Requests that are not decided; those past their end are dropped when the thread is next used.
    pub requests: Vec<RequestNumber>,
    /// Identities that are not final.
    pub identities: Vec<IdentityNumber>,
    /// Approved requests whose token waits to be claimed; those past their end are dropped when another
    /// joins them.
    #[serde(default)]
    pub claims: Vec<RequestNumber>,
    /// The hour (since 1970) that the answers are counted in.
    pub hour: i64,
    /// Explanations and refusals given to owners in that hour.
    #[serde(default)]
    pub owner_answers: u32,
    /// Explanations and refusals given to everybody else in that hour.
    pub answers: u32,
    /// Comments of the bot's id that were not its own and have been told.
    pub told_strays: u32,
    /// Since when its issue is closed or gone, as far as it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
    /// How its issue stood when it was last read, if that was ever noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<LastSeen>,
    /// The newest judgement of each judge.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub judgements: BTreeMap<UserId, Judged>,
}

/// How an issue stood when it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    /// Whether it was open.
    pub open: bool,
    /// Since when it was seen so.
    pub since: Timestamp,
}

/// Whose share of explanations an answer is taken from: nobody can use up the owners'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Owners, as the forge named the author when the text was read again.
    Owners,
    /// Everybody else.
    Others,
}

impl Thread {
    /// Notes how its issue stands by what was just read.
    pub fn sight(&mut self, open: bool, now: Timestamp) {
        if self.seen.is_none_or(|seen| seen.open != open) {
            self.seen = Some(LastSeen { open, since: now });
        }
    }

    /// Takes one answer from a share; `None` if it is used up for this hour, else true for the last.
    pub fn take_answer(&mut self, share: Share, now: Timestamp) -> Option<bool> {
        let hour = now.as_second() / 3_600;
        if self.hour != hour {
            self.hour = hour;
            self.owner_answers = 0;
            self.answers = 0;
        }
        let count = match share {
            Share::Owners => &mut self.owner_answers,
            Share::Others => &mut self.answers,
        };
        if *count >= ANSWERS_PER_HOUR {
            return None;
        }
        *count += 1;
        Some(*count == ANSWERS_PER_HOUR)
    }
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
    /// Secrets from before that no identity has and that are not revoked; those past their end are
    /// dropped when another joins them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub alone: BTreeSet<CredentialNumber>,
}

/// What a challenge was used for; it is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The request that named it.
    pub request: RequestNumber,
}

/// What is kept of an owner's one-time codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorState {
    /// The step of the newest code that was seen: it and older ones are used up (RFC 6238 §5.2).
    pub last_step: Option<u64>,
    /// Wrong codes since the last lock or right code.
    pub wrong: u32,
    /// Locks without a right code in between.
    pub locks: u32,
    /// Until when it is locked.
    pub until: Option<Timestamp>,
}

/// What is kept of an owner's security key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// The counter of its last signature that was counted; it only grows.
    pub counter: u32,
}

/// A board stands still: every check of its tokens is refused and nothing is asked there. The record
/// is there exactly as long as that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standstill {
    /// Who wanted it.
    pub by: UserId,
    /// Since when; what goes on later names this moment.
    pub at: Timestamp,
    /// In people's words.
    pub why: String,
}

/// An owner is called otherwise than the configuration says, which holds widening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which owner.
    pub user: UserId,
    /// The login that was found.
    pub found: String,
    /// When it was first found.
    pub since: Timestamp,
}

impl Hold {
    /// The login that the configuration expects, if it still differs: a hold ends when the operator
    /// has set it, and when the user is no owner any more.
    pub fn expected<'a>(&self, board: &'a Board) -> Option<&'a str> {
        board
            .owner(self.user)
            .map(|owner| owner.login.as_str())
            .filter(|login| *login != self.found)
    }
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
    /// Accepted, undecided deliveries by issue and hash of their body: the line that accepted each.
    /// A delivery of another issue is another delivery, since only the re-read says where it stands.
    pub pending: BTreeMap<String, u64>,
    /// Bodies whose decision failed inside the program: never tried again.
    #[serde(default)]
    pub quarantined: BTreeSet<Hash>,
    /// True if the outbox posted it.
    pub own: bool,
    /// True once its author was told that it was caught up and has to be repeated.
    pub told: bool,
    /// True once it came from somebody who could not speak here then: only narrowing is heard in it.
    #[serde(default)]
    pub unheard: bool,
    /// True once something wrong with it was said or acted on, so that a replay says it no more.
    #[serde(default)]
    pub explained: bool,
}

fn delivery(issue: IssueNumber, body: &Hash) -> String {
    format!("{}:{body}", issue.0)
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
            quarantined: BTreeSet::new(),
            own: false,
            told: false,
            unheard: false,
            explained: false,
        }
    }

    /// Notes another sight. True if the text is worthless from this sight on and was not before.
    pub fn sight(&mut self, body: &Hash) -> bool {
        let flips = !self.many && *body != self.first;
        self.many |= flips;
        flips
    }

    /// True if this is the one body that was ever seen of it.
    pub fn only(&self, body: &Hash) -> bool {
        !self.many && self.first == *body
    }

    /// The line that accepted this very delivery, if it is noted and undecided.
    pub fn waiting(&self, issue: IssueNumber, body: &Hash) -> Option<u64> {
        self.pending.get(&delivery(issue, body)).copied()
    }

    /// Notes that a delivery waits under a line. Beyond a few it waits without being noted: then it
    /// is not recognised when it comes again, which costs one more decision and nothing else.
    pub fn wait(&mut self, issue: IssueNumber, body: &Hash, line: u64) {
        let key = delivery(issue, body);
        if self.pending.len() < MAX_PENDING || self.pending.contains_key(&key) {
            self.pending.insert(key, line);
        }
    }

    /// Notes that the delivery which this line accepted is decided or given up.
    pub fn settle(&mut self, issue: IssueNumber, body: &Hash, line: u64) {
        let key = delivery(issue, body);
        if self.pending.get(&key) == Some(&line) {
            self.pending.remove(&key);
        }
    }

    /// Notes that this body cannot be decided by this program.
    pub fn quarantine(&mut self, body: &Hash) {
        if self.quarantined.len() < MAX_QUARANTINED {
            self.quarantined.insert(body.clone());
        }
    }
}

/// What the installation knows about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// An accepted loss of journal lines whose consequences are not all written yet.
    pub loss: Option<Loss>,
    /// What shows that lines of the journal are missing, while no operator has accepted it: nothing
    /// widens meanwhile.
    #[serde(default)]
    pub missing: Option<Missing>,
}

/// The bot said something for a line that its journal does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The line.
    pub line: u64,
    /// The journal's last number when that was found.
    pub journal: u64,
    /// Where the comment stands.
    pub thread: ThreadKey,
    /// Which comment.
    pub comment: CommentId,
    /// When it was found.
    pub since: Timestamp,
}

/// Acknowledged lines are missing and an operator accepted that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The journal's last number.
    pub journal: u64,
    /// What the records had reached.
    pub records: u64,
    /// When that was journaled; comments of the bot from before may rest on what was lost.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Identities up to here, and secrets of that number that no identity has, are paused already.
    pub paused_to: IdentityNumber,
    /// True once all are paused.
    pub done: bool,
}
