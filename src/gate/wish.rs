//! What an operator asks for, the signature that an owner gives it to bring, and what is kept of a
//! wish until it is a request.
//!
//! A wish is the text that a comment would have asked with, so that it is read by the same grammar and
//! judged by the same rules. It has a key: the same key again is the same wish, whatever became of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::command::Vouched;
use super::evidence::Reads;
use super::ids::{
    CredentialNumber, Hash, IssueNumber, RepositoryId, RequestNumber, ThreadKey, UserId,
};
use super::operator::By;

/// An operator asks.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who.
    pub by: By,
    /// SHA-256 of what names the wish among its operator's; kept for good.
    pub key: Hash,
    /// The board.
    pub board: RepositoryId,
    /// The issue to ask in; `None`: where the identity lives, else in a new one.
    pub issue: Option<IssueNumber>,
    /// The title of a new issue; `None`: one is made.
    pub title: Option<String>,
    /// What a comment would say, free of secrets: `/gate request …`, `rotate`, `resume` or `own`.
    pub text: String,
    /// Only say what would be asked.
    pub dry: bool,
    /// What was read for it.
    pub reads: Box<Reads>,
}

impl Wish {
    /// What has to be the same under one key.
    pub fn content(&self) -> Hash {
        let issue = self.issue.map(|issue| issue.0);
        let all = serde_json::json!([self.board, issue, self.title, self.text]);
        Hash::of(all.to_string().as_bytes())
    }
}

/// What came of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wished {
    /// Its thread is being opened; the request is put up there.
    Opening,
    /// It is this request.
    Asked {
        /// Which.
        request: RequestNumber,
        /// Where.
        thread: ThreadKey,
    },
    /// It was only asked what would be asked: where (`None`: in a new issue), and the summary.
    Would {
        /// The thread.
        thread: Option<ThreadKey>,
        /// The title of the new issue.
        title: String,
        /// The summary as people would see it.
        summary: String,
    },
}

/// What is kept of a wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishRecord {
    /// The operator's name.
    pub operator: String,
    /// The account of the forge that it asks as.
    pub author: UserId,
    /// The board.
    pub board: RepositoryId,
    /// What has to be the same under one key.
    pub content: Hash,
    /// What a comment would say; empty once it is decided.
    pub text: String,
    /// When it came.
    pub at: Timestamp,
    /// How it stands.
    pub state: WishState,
}

/// How a wish stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WishState {
    /// Its thread is not there yet.
    Opening,
    /// Its thread is there, and the request waits in the inbox.
    Waits(IssueNumber),
    /// It is this request.
    Asked(RequestNumber, ThreadKey),
    /// Nothing was asked; why.
    Refused(String),
}

/// An owner's signature over an approval, brought by an operator and not in a comment.
#[derive(Clone, Debug)]
pub struct Vote {
    /// Who brings it.
    pub by: By,
    /// The request.
    pub request: RequestNumber,
    /// Its code.
    pub code: Code,
    /// The owner whose key signed.
    pub approver: UserId,
    /// What is granted.
    pub scopes: BTreeSet<String>,
    /// For how long, seconds; `None` where nothing gets a life.
    pub ttl: Option<u64>,
    /// Who vouches for the key that gets the token.
    pub vouched: Option<Vouched>,
    /// The armored signature.
    pub armor: String,
    /// What was read for it.
    pub reads: Box<Reads>,
}

/// What came of a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voted {
    /// It is counted, and more owners are needed.
    Counted {
        /// So many are counted.
        counted: usize,
        /// So many are needed.
        needed: u32,
    },
    /// The gate is open and what was asked for happened.
    Open {
        /// The credential, if one was made.
        credential: Option<CredentialNumber>,
        /// Its sealed file, if it was sealed just now.
        sealed: Option<String>,
    },
    /// Nothing was counted.
    Refused {
        /// The code of the first reason.
        code: &'static str,
        /// Every reason.
        text: String,
    },
}
