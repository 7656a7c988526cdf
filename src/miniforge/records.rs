//! The things that the forge keeps, as plain records: accounts, repositories, issues, comments.
//!
//! People and repositories are referred to by number and never by name. Times are whole seconds, as
//! in a real forge's tables. Nothing is done here; `state` holds and changes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::gate::ids::{CommentId, RepositoryId, ThreadKey, UserId};

/// What a user may do in a repository; each right includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Nothing: the repository answers 404, even where it is public for others.
    None,
    /// Read, open issues, comment, react.
    Read,
    /// Also edit and delete what others wrote, and labels.
    Write,
    /// Also hooks, deleting issues, setting times back.
    Admin,
    /// All of it.
    Owner,
}

impl Right {
    /// The word in the forge's answers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Right::None => "none",
            Right::Read => "read",
            Right::Write => "write",
            Right::Admin => "admin",
            Right::Owner => "owner",
        }
    }
}

/// How this forge behaves where versions and configurations differ.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Act as Gitea 1.26: no `X-Forgejo-*` headers, `updated_at` of callers ignored, an edit
    /// without a change tells nobody.
    pub gitea: bool,
    /// Show the author of a deleted account as `null` instead of Ghost.
    pub null_authors: bool,
    /// Reading a single comment of a deleted account answers 500, as up to Forgejo 15.0.3.
    pub deleted_author_fails: bool,
    /// The offset in which times are written.
    pub offset: Offset,
    /// The status with which former paths answer; Forgejo's is 307.
    pub redirect_status: u16,
    /// Tokens may read accounts. One that is limited to repositories may not (403).
    pub tokens_read_users: bool,
    /// Keep the bodies of calls and answers in the log of calls.
    pub keep_bodies: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gitea: false,
            null_authors: false,
            deleted_author_fails: true,
            offset: Offset::UTC,
            redirect_status: 307,
            tokens_read_users: true,
            keep_bodies: true,
        }
    }
}

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    /// Never used twice.
    pub id: UserId,
    /// The name of today.
    pub login: String,
    /// 40 lower-case hex characters.
    pub(crate) token: String,
    /// May do everything everywhere, and speak as anybody.
    pub site_admin: bool,
    /// May not sign in: its token is refused. Only site admins and itself are told.
    pub suspended: bool,
    /// Sees only what it was added to.
    pub restricted: bool,
    /// What it signs in with where a password is asked for.
    pub(crate) password: Option<String>,
    /// Tokens that were made over the API, beside the one that may do everything.
    pub(crate) tokens: Vec<Token>,
    /// When the account was made.
    pub created: Timestamp,
}

/// An access token that may do less than its account.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Unique in the account.
    pub(crate) name: String,
    /// 40 lower-case hex characters.
    pub(crate) value: String,
    /// `write:issue`, `read:repository` and so on, or `all`.
    pub(crate) scopes: Vec<String>,
}

/// A repository.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Survives renames and transfers.
    pub id: RepositoryId,
    /// Whose it is now.
    pub owner: UserId,
    /// Its name now.
    pub name: String,
    /// Hidden from users without a right.
    pub private: bool,
    /// Files of the default branch by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Nothing can be written to it.
    pub archived: bool,
    /// Rights that were given.
    pub(crate) rights: BTreeMap<UserId, Right>,
    /// The highest issue number so far; numbers of deleted issues are not used again.
    pub(crate) last_number: i64,
    /// When it was made.
    pub created: Timestamp,
}

/// An issue or a pull request.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Unique in the forge; people see the number.
    pub id: i64,
    /// Repository and number.
    pub thread: ThreadKey,
    /// Who opened it.
    pub author: UserId,
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// When it was closed; `None` while open.
    pub closed: Option<Timestamp>,
    /// Only writers may comment and react.
    pub locked: bool,
    /// A pull request.
    pub pull: bool,
    /// Ids of its labels.
    pub(crate) labels: Vec<i64>,
    /// Reactions to the issue itself.
    pub reactions: Vec<Reaction>,
    /// In whole seconds.
    pub created: Timestamp,
    /// In whole seconds; editing a comment does not move it.
    pub updated: Timestamp,
}

/// A comment, or one of the forge's own notes in a thread.
#[derive(Clone, Debug)]
pub struct Comment {
    /// Unique in the forge, growing.
    pub id: CommentId,
    /// Where it stands.
    pub thread: ThreadKey,
    /// Who wrote it; stays when others edit it.
    pub author: UserId,
    /// The text of now.
    pub body: String,
    /// False for notes such as "closed this": those are in no list and answer 204.
    pub plain: bool,
    /// Reactions to it.
    pub reactions: Vec<Reaction>,
    /// In whole seconds.
    pub created: Timestamp,
    /// In whole seconds: an edit in the same second shows nothing.
    pub updated: Timestamp,
}

/// One reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Who reacted.
    pub user: UserId,
    /// `+1`, `eyes` and so on.
    pub content: String,
    /// When.
    pub created: Timestamp,
}

/// A label of a repository.
#[derive(Clone, Debug)]
pub struct Label {
    /// Unique in the forge.
    pub id: i64,
    /// Where it can be used.
    pub repository: RepositoryId,
    /// Not unique.
    pub name: String,
    /// Six hex digits.
    pub color: String,
    /// Free text.
    pub description: String,
    /// At most one of its scope (the text before the last slash) on an issue.
    pub exclusive: bool,
}

impl Label {
    /// What an exclusive label excludes: others of the same scope.
    pub(crate) fn scope(&self) -> Option<&str> {
        let scope = self.name.rsplit_once('/').map(|(scope, _)| scope);
        scope.filter(|_| self.exclusive)
    }
}
