//! Effects: work for the outside that a decision asks for. They are data; the outbox does them.
//!
//! An effect is durable with the decision that made it and is done at least once; posts are made
//! once by their hidden marker.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{
    CommentId, CredentialNumber, Hash, IssueNumber, RepositoryId, RequestNumber, ThreadKey,
};

/// One thing to do on the forge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Effect {
    /// Post a comment.
    Post(Post),
    /// Replace the text of the bot's own summary of a request.
    Edit {
        /// The thread.
        thread: ThreadKey,
        /// The summary.
        comment: CommentId,
        /// The request that it shows.
        request: RequestNumber,
        /// Its Markdown, machine block included, marker not.
        body: String,
    },
    /// React to a comment, or to the issue itself.
    React {
        /// The thread.
        thread: ThreadKey,
        /// The comment; `None`: the issue.
        comment: Option<CommentId>,
        /// With what.
        with: Reaction,
    },
    /// Open an issue for an operator's wish.
    Open(Open),
}

/// An issue to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Where.
    pub repository: RepositoryId,
    /// Its title.
    pub title: String,
    /// Its Markdown, machine block included, marker not.
    pub body: String,
    /// The wish that is asked for in it.
    pub wish: Hash,
    /// When it was decided: the issue is not older.
    pub at: Timestamp,
}

/// A comment to post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Where.
    pub thread: ThreadKey,
    /// What it is for.
    pub role: Role,
    /// Its Markdown, machine block included, marker not.
    pub body: String,
    /// When it was decided: its comment is not older.
    pub at: Timestamp,
    /// True if it is already the control issue's copy of a post that a thread refused.
    #[serde(default)]
    pub elsewhere: bool,
}

/// What a comment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Shows a request.
    Summary(RequestNumber),
    /// Delivers a credential, or tells of one that its holder was given.
    Credential(CredentialNumber),
    /// Answers a command.
    Answer,
}

/// The reactions that the bot uses; every Forgejo allows them by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// Seen.
    Eyes,
    /// Counted, or done.
    Yes,
    /// Not counted, or not done.
    No,
}

impl Reaction {
    /// Forgejo's name (`modules/setting/ui.go`).
    pub fn content(self) -> &'static str {
        match self {
            Self::Eyes => "eyes",
            Self::Yes => "+1",
            Self::No => "-1",
        }
    }
}

impl Effect {
    /// The thread that it belongs to; none has the number 0, which stands for one to come.
    pub fn thread(&self) -> ThreadKey {
        match self {
            Self::Open(open) => ThreadKey {
                repository: open.repository,
                issue: IssueNumber(0),
            },
            Self::Post(post) => post.thread,
            Self::Edit { thread, .. } | Self::React { thread, .. } => *thread,
        }
    }
}
