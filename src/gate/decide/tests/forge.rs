//! A forge in memory: issues, comments and names, as far as the core reads them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::gate::evidence::{FoundComment, FoundIssue, ReadComment, ReadIssue, ReadRepository};
use crate::gate::ids::{CommentId, Hash, IssueNumber, RepositoryId, ThreadKey, UserId};

/// The bot.
pub(super) const BOT: UserId = UserId(5);
/// An owner of both boards.
pub(super) const ALICE: UserId = UserId(2);
/// An owner of the board `kan`.
pub(super) const PIOTR: UserId = UserId(3);
/// A writer; an owner of the board `ops` only.
pub(super) const CAROL: UserId = UserId(4);
/// An agent's machine account on both boards.
pub(super) const CODEX: UserId = UserId(7);
/// Another agent's machine account on both boards.
pub(super) const BUILDER: UserId = UserId(8);
/// Somebody who may do nothing.
pub(super) const STRANGER: UserId = UserId(99);

/// The board `kan`.
pub(super) const KAN: RepositoryId = RepositoryId(17);
/// The board `ops`.
pub(super) const OPS: RepositoryId = RepositoryId(18);

/// An issue of the board `kan`.
pub(super) fn kan(issue: i64) -> ThreadKey {
    ThreadKey {
        repository: KAN,
        issue: IssueNumber(issue),
    }
}

/// An issue of the board `ops`.
pub(super) fn ops(issue: i64) -> ThreadKey {
    ThreadKey {
        repository: OPS,
        issue: IssueNumber(issue),
    }
}

/// One comment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comment {
    pub thread: ThreadKey,
    pub author: UserId,
    pub text: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// True if the bot posted it.
    pub marked: bool,
    /// The effect whose marker it carries.
    pub marker: Option<(u64, u32)>,
    pub deleted: bool,
}

/// One issue.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Issue {
    pub open: bool,
    pub gone: bool,
    pub author: UserId,
    pub title: String,
    pub body: String,
    pub labelled: bool,
    pub created: Timestamp,
}

impl Issue {
    /// An open one.
    pub(super) fn new(author: UserId, body: &str, created: Timestamp) -> Self {
        Self {
            open: true,
            gone: false,
            author,
            title: "sort the roadmap".to_owned(),
            body: body.to_owned(),
            labelled: false,
            created,
        }
    }
}

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub(super) struct Forge {
    pub comments: BTreeMap<i64, Comment>,
    pub issues: BTreeMap<ThreadKey, Issue>,
    pub names: BTreeMap<RepositoryId, String>,
    pub logins: BTreeMap<UserId, String>,
    /// Threads in which the bot may not comment.
    pub refusing: Vec<ThreadKey>,
    pub last_id: i64,
}

impl Forge {
    /// The people and boards of the stories.
    pub(super) fn new() -> Self {
        let logins = [
            (BOT, "ownergate"),
            (ALICE, "alice"),
            (PIOTR, "piotr"),
            (CAROL, "carol"),
            (CODEX, "codex"),
            (BUILDER, "builder"),
            (STRANGER, "mallory"),
        ];
        Self {
            names: [
                (KAN, "alice/board".to_owned()),
                (OPS, "ops/board".to_owned()),
            ]
            .into(),
            logins: logins
                .into_iter()
                .map(|(user, login)| (user, login.to_owned()))
                .collect(),
            last_id: 100,
            ..Self::default()
        }
    }

    /// The number of the next issue of a repository.
    pub(super) fn next_issue(&self, repository: RepositoryId) -> IssueNumber {
        let threads = self.issues.keys();
        let numbers = threads.filter(|thread| thread.repository == repository);
        IssueNumber(1 + numbers.map(|thread| thread.issue.0).max().unwrap_or(0))
    }

    /// Somebody writes a comment; nothing is delivered.
    pub(super) fn write(
        &mut self,
        thread: ThreadKey,
        author: UserId,
        text: &str,
        now: Timestamp,
        marked: bool,
    ) -> i64 {
        self.issues
            .entry(thread)
            .or_insert_with(|| Issue::new(author, "", now));
        self.last_id += 1;
        self.comments.insert(
            self.last_id,
            Comment {
                thread,
                author,
                text: text.to_owned(),
                created: now,
                updated: now,
                marked,
                marker: marked.then_some((0, 0)),
                deleted: false,
            },
        );
        self.last_id
    }

    /// Somebody edits a comment; `updated` is what the forge says afterwards.
    pub(super) fn edit(&mut self, id: i64, text: &str, updated: Timestamp) {
        if let Some(comment) = self.comments.get_mut(&id) {
            comment.text = text.to_owned();
            comment.marker = None;
            comment.updated = updated;
        }
    }

    /// A comment carries a marker of the bot's for this effect.
    pub(super) fn signed_by_bot(&mut self, id: i64, effect: (u64, u32)) {
        if let Some(comment) = self.comments.get_mut(&id) {
            comment.marker = Some(effect);
        }
    }

    /// Somebody deletes a comment.
    pub(super) fn delete(&mut self, id: i64) {
        if let Some(comment) = self.comments.get_mut(&id) {
            comment.deleted = true;
        }
    }

    fn login(&self, user: UserId) -> String {
        self.logins.get(&user).cloned().unwrap_or_default()
    }

    /// `GET` of a comment of one repository.
    pub(super) fn read_comment(&self, repository: RepositoryId, id: CommentId) -> ReadComment {
        match self.comments.get(&id.0) {
            Some(comment) if comment.deleted || comment.thread.repository != repository => {
                ReadComment::Gone
            }
            Some(comment) if comment.text.len() > 64 * 1024 => ReadComment::TooLarge,
            Some(comment) => ReadComment::Found(FoundComment {
                author: (comment.author.0 != 0).then_some(comment.author),
                login: self.login(comment.author),
                issue: comment.thread.issue,
                body: Hash::of(comment.text.as_bytes()),
                created_at: comment.created,
                updated_at: comment.updated,
                marker: comment.marker,
            }),
            None => ReadComment::Gone,
        }
    }

    /// `GET` of an issue.
    pub(super) fn read_issue(&self, thread: ThreadKey) -> ReadIssue {
        match self.issues.get(&thread) {
            Some(issue) if !issue.gone => ReadIssue::Found(FoundIssue {
                open: issue.open,
                author: Some(issue.author),
                login: self.login(issue.author),
                title: Hash::of(issue.title.as_bytes()),
                body_lf: None,
                unlabelled: Some(!issue.labelled),
                body: (issue.body.len() <= 64 * 1024).then(|| Hash::of(issue.body.as_bytes())),
                created_at: issue.created,
            }),
            Some(_) | None => ReadIssue::Gone,
        }
    }

    /// `GET` of a repository by its id.
    pub(super) fn read_repository(&self, repository: RepositoryId) -> ReadRepository {
        match self.names.get(&repository) {
            Some(name) => ReadRepository::Named(name.clone()),
            None => ReadRepository::Gone,
        }
    }
}
