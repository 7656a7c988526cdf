//! Evidence: what was read again on the forge before something is decided.
//!
//! A webhook is only a hint of what to read. Nothing here is taken from a delivery; a thing that
//! was not read is not in `Reads`, and the decision asks for it by name (`Need`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::audit::Entry;
use super::ids::{
    CommentId, CredentialNumber, Hash, IdentityNumber, IssueNumber, Mac, RequestNumber, Slug,
    ThreadKey, UserId,
};
use super::time::seconds_between;

/// How long what was read may be used, in seconds.
pub const FRESH: i64 = 10;

/// What was read for one decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// When reading began; `None`: nothing was read.
    pub at: Option<Timestamp>,
    /// Comments of the board by id.
    pub comments: BTreeMap<CommentId, ReadComment>,
    /// Issues of the board by number.
    pub issues: BTreeMap<IssueNumber, ReadIssue>,
    /// The board's repository.
    pub repository: Option<ReadRepository>,
    /// A credential minted in case the event completes a grant.
    pub candidate: Option<Candidate>,
    /// What happened to identities, from the bot's own records.
    pub histories: BTreeMap<HistoryOf, History>,
    /// When credentials were last used, as far as the bot knows.
    pub last_uses: BTreeMap<CredentialNumber, Option<Timestamp>>,
    /// Since when the forge is away; then nothing was read there.
    pub away: Option<Timestamp>,
    /// With the forge away: whether something waits for it that may stop what is asked.
    pub waits: Option<bool>,
}

impl Reads {
    /// What was read, if that is fresh enough to be used; otherwise nothing was.
    pub fn fresh(&self, now: Timestamp) -> &Self {
        static NOTHING: Reads = Reads {
            at: None,
            comments: BTreeMap::new(),
            issues: BTreeMap::new(),
            repository: None,
            candidate: None,
            histories: BTreeMap::new(),
            last_uses: BTreeMap::new(),
            away: None,
            waits: None,
        };
        match self.at {
            Some(at) if seconds_between(at, now) <= FRESH => self,
            Some(_) | None => &NOTHING,
        }
    }
}

/// Which part of an identity's history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryOf {
    /// Whose.
    pub identity: IdentityNumber,
    /// Of one credential only.
    pub credential: Option<CredentialNumber>,
    /// Not what was before.
    pub since: Option<Timestamp>,
    /// So many entries at most.
    pub most: usize,
}

/// What happened to an identity, without what resource servers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The newest entries, newest first.
    pub entries: Vec<(Timestamp, Entry)>,
    /// True if there are more.
    pub more: bool,
}

/// A comment as the forge shows it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadComment {
    /// It is there.
    Found(FoundComment),
    /// It is there, in the conversation of a pull request: what stops something is heard there, too.
    InPull(FoundComment),
    /// 404.
    Gone,
    /// 204: not an ordinary comment.
    NotPlain,
    /// Its text is over the cap.
    TooLarge,
}

/// A comment that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundComment {
    /// Its author; `None` where the forge says null. Ghost is -1.
    pub author: Option<UserId>,
    /// The author's login now; display and comparison with the configured one only.
    pub login: String,
    /// The issue it stands in.
    pub issue: IssueNumber,
    /// SHA-256 of its text as stored.
    pub body: Hash,
    /// When the forge says it was written.
    pub created_at: Timestamp,
    /// When the forge says it was last changed; a hint, not proof.
    pub updated_at: Timestamp,
    /// The effect of this bot's that wrote it, by a marker that fits it.
    #[serde(default)]
    pub marker: Option<(u64, u32)>,
}

/// An issue as the forge shows it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadIssue {
    /// It is there.
    Found(FoundIssue),
    /// 404.
    Gone,
}

/// An issue that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundIssue {
    /// Whether it is open.
    pub open: bool,
    /// Its author; `None` where the forge says null.
    pub author: Option<UserId>,
    /// The author's login now; display only.
    pub login: String,
    /// SHA-256 of its title.
    pub title: Hash,
    /// SHA-256 of its body, `None` if that is over 64 KiB.
    pub body: Option<Hash>,
    /// SHA-256 of its body with the line ends of Unix, if it has others.
    pub body_lf: Option<Hash>,
    /// Whether it has no label; `None` where the forge does not say.
    pub unlabelled: Option<bool>,
    /// When the forge says it was opened.
    pub created_at: Timestamp,
}

/// The board's repository as the forge shows it now, read by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadRepository {
    /// It is there under this name.
    Named(String),
    /// 404.
    Gone,
}

/// A credential minted and sealed before it is known whether the gate opens. Dropped if not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The request that it was minted for.
    pub request: RequestNumber,
    /// The identity that is part of the token.
    pub slug: Slug,
    /// Who can open the sealed file; `None`: it is claimed.
    pub recipient: Option<String>,
    /// How the token is looked up.
    pub mac: Mac,
    /// Which pepper the MAC was made with.
    pub pepper_id: String,
    /// The armored age file; empty if it is claimed.
    pub sealed: String,
}

/// Something that has to be read before a decision can be made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A comment.
    Comment(CommentId),
    /// An issue.
    Issue(IssueNumber),
    /// The repository, by its id.
    Repository,
    /// A part of an identity's history.
    History(HistoryOf),
    /// When a credential was last used.
    LastUse(CredentialNumber),
    /// Whether something waits for the forge that may stop what is asked in this issue, from the bot's
    /// own records.
    Waiting(ThreadKey),
    /// A candidate credential.
    Candidate {
        /// For this request.
        request: RequestNumber,
        /// Part of the token.
        slug: Slug,
        /// Who can open it; `None`: nothing is sealed, it is claimed.
        recipient: Option<String>,
    },
}

/// What a decision still needs.
pub type Needs = BTreeSet<Need>;
