//! What a signed delivery says: a comment, a change of an issue, or something for others.
//!
//! The kind is read from the signed body, since no header is signed. Unknown fields are ignored and
//! nulls are survived, but a delivery of our kinds that lacks what it must have, or that has one of
//! those fields twice, is a fault: two readers could see two things in it. What is read here is a
//! hint of what to look at. It is no evidence: a secret can leak and deliveries can be replayed.
//!
//! Texts come out as [`Foreign`]: the caller screens them for tokens before an event exists.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use super::signature::Verified;
pub use super::text::Foreign;
use super::text::{json_cause, or_default};
use super::types::Presence;
pub use super::types::{IssueState, User};
use crate::gate::ids::{CommentId, IssueNumber, RepositoryId};

/// What a signed delivery is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A comment of an issue or pull request was made, edited or deleted.
    IssueComment(Box<IssueComment>),
    /// An issue was opened, edited, closed or reopened.
    Issue(Box<Issue>),
    /// A JSON object of another kind: a push, a label, a pull request. Nothing to do: 204.
    Other,
}

/// Something happened to a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueComment {
    /// What happened.
    pub action: CommentAction,
    /// The comment stands at a pull request, not at an issue.
    pub is_pull: bool,
    /// Where.
    pub repository: DeliveredRepository,
    /// The issue or pull request, as it was then.
    pub issue: DeliveredIssue,
    /// The comment, as it was then; a deleted one as it was before.
    pub comment: DeliveredComment,
    /// Who did this now; the comment's author need not be the same person.
    pub sender: User,
    /// The comment's text before an edit.
    pub body_before: Option<Foreign>,
}

/// Something happened to an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What happened.
    pub action: IssueAction,
    /// It is a pull request. Forgejo sends these as another kind, which ends as `Parsed::Other`.
    pub is_pull: bool,
    /// Where.
    pub repository: DeliveredRepository,
    /// The issue, as it was then.
    pub issue: DeliveredIssue,
    /// Who did this now; the issue's author need not be the same person.
    pub sender: User,
    /// The title before an edit of the title.
    pub title_before: Option<Foreign>,
    /// The body before an edit of the body.
    pub body_before: Option<Foreign>,
}

/// What can happen to a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentAction {
    /// It was written.
    Created,
    /// Its text was saved again, perhaps by somebody else, perhaps unchanged.
    Edited,
    /// It was deleted, perhaps by somebody else.
    Deleted,
}

/// What can happen to an issue that this program looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueAction {
    /// It was opened.
    Opened,
    /// Its title, body or branch was changed, perhaps by somebody else.
    Edited,
    /// It was closed.
    Closed,
    /// It was opened again.
    Reopened,
}

/// The repository that a delivery names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeliveredRepository {
    /// What counts: it survives renames and transfers.
    pub id: RepositoryId,
    /// `owner/name` as it is now; for the eye and to notice that it changed.
    pub full_name: String,
}

/// The issue that a delivery carries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeliveredIssue {
    /// Its number in the repository.
    pub number: IssueNumber,
    /// Its title.
    #[serde(default)]
    pub title: Foreign,
    /// Its text.
    #[serde(default)]
    pub body: Foreign,
    /// Open or closed, as it was then.
    pub state: IssueState,
    /// Who opened it; missing where the account is gone.
    #[serde(default)]
    pub user: Option<User>,
    /// When it was opened, as the forge says.
    pub created_at: Timestamp,
    /// When it or one of its comments was last changed, as the forge says.
    pub updated_at: Timestamp,
    /// Whether it is a pull request.
    #[serde(default)]
    pull_request: Presence,
}

/// The comment that a delivery carries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeliveredComment {
    /// Its number, unique per forge.
    pub id: CommentId,
    /// Its text. The key must be there; `null` is the empty text.
    #[serde(deserialize_with = "Foreign::deserialize")]
    pub body: Foreign,
    /// Who wrote it first, whoever edited it; missing where the account is gone.
    #[serde(default)]
    pub user: Option<User>,
    /// When it was written, as the forge says.
    pub created_at: Timestamp,
    /// When it was last changed, as the forge says; an edit within one second does not show.
    pub updated_at: Timestamp,
}

/// Why a signed delivery is answered 400. No part of the delivery is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadFault {
    /// The body is no JSON object.
    #[error("the delivery is not a JSON object")]
    NotAnObject,
    /// It is of one of our kinds and lacks something, or has it twice or in another form.
    #[error("the {kind} delivery cannot be used: {why}")]
    Unusable {
        /// Which kind.
        kind: &'static str,
        /// What is wrong, in the words of this program.
        why: String,
    },
}

/// Reads a signed delivery.
pub fn parse(body: &Verified<Bytes>) -> Result<Parsed, PayloadFault> {
    let body = body.get();
    // A derived reader would take an array for an object.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(PayloadFault::NotAnObject);
    }
    let probe: Probe = serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            unusable("signed", json_cause(&error))
        } else {
            PayloadFault::NotAnObject
        }
    })?;
    match probe.kind()? {
        Kind::Comment(action) => comment(action, body),
        Kind::Issue(action) => issue(action, body),
        Kind::Other => Ok(Parsed::Other),
    }
}

/// What tells the kinds apart.
#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    comment: Presence,
    #[serde(default)]
    issue: Presence,
}

enum Kind {
    Comment(CommentAction),
    Issue(IssueAction),
    Other,
}

impl Probe {
    /// The same words are used for other things (a repository is `created`, a release `edited`), so
    /// that a comment or an issue must be named, too; `edited` is said of both.
    fn kind(&self) -> Result<Kind, PayloadFault> {
        let names_issue = self.issue != Presence::Absent;
        if !names_issue && self.comment == Presence::Absent {
            return Ok(Kind::Other);
        }
        let action = self
            .action
            .as_deref()
            .ok_or_else(|| unusable("issue or comment", "missing field `action`".to_owned()))?;
        Ok(match action {
            "created" => Kind::Comment(CommentAction::Created),
            // A Gitea tells of a deleted issue, too: it is looked at again, as one that was closed.
            "deleted" if self.comment == Presence::Absent && names_issue => {
                Kind::Issue(IssueAction::Closed)
            }
            "deleted" => Kind::Comment(CommentAction::Deleted),
            "edited" if self.comment == Presence::There || !names_issue => {
                Kind::Comment(CommentAction::Edited)
            }
            "edited" => Kind::Issue(IssueAction::Edited),
            "opened" => Kind::Issue(IssueAction::Opened),
            "closed" => Kind::Issue(IssueAction::Closed),
            "reopened" => Kind::Issue(IssueAction::Reopened),
            _ => Kind::Other,
        })
    }
}

/// A comment delivery as it stands in the body.
#[derive(Deserialize)]
struct CommentWire {
    repository: DeliveredRepository,
    issue: DeliveredIssue,
    comment: DeliveredComment,
    sender: User,
    #[serde(default, deserialize_with = "or_default")]
    is_pull: bool,
    #[serde(default)]
    pull_request: Presence,
    #[serde(default, deserialize_with = "or_default")]
    changes: Changes,
}

/// An issue delivery as it stands in the body.
#[derive(Deserialize)]
struct IssueWire {
    repository: DeliveredRepository,
    issue: DeliveredIssue,
    sender: User,
    #[serde(default, deserialize_with = "or_default")]
    changes: Changes,
}

/// What an edit replaced.
#[derive(Default, Deserialize)]
struct Changes {
    #[serde(default)]
    title: Option<Before>,
    #[serde(default)]
    body: Option<Before>,
}

#[derive(Deserialize)]
struct Before {
    #[serde(default)]
    from: Foreign,
}

const COMMENT: &str = "issue_comment";
const ISSUE: &str = "issues";

fn comment(action: CommentAction, body: &[u8]) -> Result<Parsed, PayloadFault> {
    let wire: CommentWire =
        serde_json::from_slice(body).map_err(|error| unusable(COMMENT, json_cause(&error)))?;
    above_zero(COMMENT, "repository.id", wire.repository.id.0)?;
    above_zero(COMMENT, "issue.number", wire.issue.number.0)?;
    above_zero(COMMENT, "comment.id", wire.comment.id.0)?;
    let is_pull = wire.is_pull
        || wire.pull_request == Presence::There
        || wire.issue.pull_request == Presence::There;
    Ok(Parsed::IssueComment(Box::new(IssueComment {
        action,
        is_pull,
        repository: wire.repository,
        issue: wire.issue,
        comment: wire.comment,
        sender: wire.sender,
        body_before: wire.changes.body.map(|before| before.from),
    })))
}

fn issue(action: IssueAction, body: &[u8]) -> Result<Parsed, PayloadFault> {
    let wire: IssueWire =
        serde_json::from_slice(body).map_err(|error| unusable(ISSUE, json_cause(&error)))?;
    above_zero(ISSUE, "repository.id", wire.repository.id.0)?;
    above_zero(ISSUE, "issue.number", wire.issue.number.0)?;
    Ok(Parsed::Issue(Box::new(Issue {
        action,
        is_pull: wire.issue.pull_request == Presence::There,
        repository: wire.repository,
        issue: wire.issue,
        sender: wire.sender,
        title_before: wire.changes.title.map(|before| before.from),
        body_before: wire.changes.body.map(|before| before.from),
    })))
}

/// Things of the forge are numbered from one; only people can be below (Ghost, Actions).
fn above_zero(kind: &'static str, field: &str, number: i64) -> Result<(), PayloadFault> {
    if number > 0 {
        return Ok(());
    }
    Err(unusable(kind, format!("{field} is not above zero")))
}

fn unusable(kind: &'static str, why: String) -> PayloadFault {
    PayloadFault::Unusable { kind, why }
}

impl fmt::Display for CommentAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Deleted => "deleted",
        })
    }
}

impl fmt::Display for IssueAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opened => "opened",
            Self::Edited => "edited",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
        })
    }
}

#[cfg(test)]
mod tests;
