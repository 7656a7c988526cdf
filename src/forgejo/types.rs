//! The forge's answers, cut down to what is needed.
//!
//! Only numbers are demanded; everything else may be null, missing or of a strange form, since one
//! odd comment must not make a whole page unreadable. A time that cannot be read is `None`, and
//! whoever needs it for evidence has none then. URLs in answers are never followed.

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::text::{Body, Foreign, or_default};
use crate::gate::ids::{CommentId, IssueNumber, RepositoryId, UserId};

/// An account. Ghost is -1 and Actions -2: see [`UserId::is_somebody`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// What it is called now; can be changed and re-used.
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
    /// It may not sign in. Said truly only to itself and to site admins; to everybody else, and in
    /// comments and deliveries, it is always false.
    #[serde(default, deserialize_with = "or_default")]
    pub prohibit_login: bool,
}

/// Whether an issue is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueState {
    /// It is open.
    Open,
    /// It is closed.
    Closed,
    /// A word that this version does not know; never taken for open.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A comment, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Comment {
    /// Its number, unique per forge.
    pub id: CommentId,
    /// Its text, or how long it is.
    #[serde(default)]
    pub body: Body,
    /// Who wrote it first; missing where the account is gone.
    #[serde(default)]
    pub user: Option<User>,
    /// When it was written, as the forge says.
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<Timestamp>,
    /// When it was last changed, as the forge says.
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    issue_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pull_request_url: String,
}

impl Comment {
    /// The number of the issue or pull request under which it stands.
    ///
    /// The answer has no such field: the number is the end of one of two web addresses, of which
    /// the other one is empty.
    pub fn thread(&self) -> Option<IssueNumber> {
        let address = if self.is_pull() {
            &self.pull_request_url
        } else {
            &self.issue_url
        };
        let (rest, number) = address.rsplit_once('/')?;
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || !(rest.ends_with("/issues") || rest.ends_with("/pulls")) {
            return None;
        }
        number.parse().ok().map(IssueNumber)
    }

    /// It stands under a pull request.
    pub fn is_pull(&self) -> bool {
        !self.pull_request_url.is_empty()
    }
}

/// An issue or pull request, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// Its number in the repository.
    pub number: IssueNumber,
    /// Its title.
    #[serde(default)]
    pub title: Foreign,
    /// Its text, or how long it is.
    #[serde(default)]
    pub body: Body,
    /// How many labels it has; `None` where the forge does not say.
    #[serde(default, deserialize_with = "length", rename = "labels")]
    labels: Option<usize>,
    /// Open or closed.
    #[serde(default, deserialize_with = "or_default")]
    pub state: IssueState,
    /// Who opened it; missing where the account is gone.
    #[serde(default)]
    pub user: Option<User>,
    /// When it was opened, as the forge says.
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<Timestamp>,
    /// When it or one of its comments was last changed, as the forge says.
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<Timestamp>,
    /// Only those who may write can comment.
    #[serde(default, deserialize_with = "or_default")]
    pub is_locked: bool,
    #[serde(default)]
    pull_request: Presence,
}

impl Issue {
    /// Whether it has no label; `None` where the forge says nothing about labels.
    pub fn is_unlabelled(&self) -> Option<bool> {
        self.labels.map(|labels| labels == 0)
    }

    /// It is a pull request.
    pub fn is_pull(&self) -> bool {
        self.pull_request == Presence::There
    }
}

/// Somebody's reaction to a text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reaction {
    /// Whose it is; missing where the account is gone.
    #[serde(default)]
    pub user: Option<User>,
    /// Its name, such as `eyes`.
    #[serde(default, deserialize_with = "or_default")]
    pub content: String,
}

/// A repository, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// What counts: it survives renames and transfers.
    pub id: RepositoryId,
    /// `owner/name` as it is now.
    #[serde(default, deserialize_with = "or_default")]
    pub full_name: String,
    /// Nothing can be written to it.
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
}

/// What the forge calls itself, such as `15.0.3+gitea-1.22.0`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// The text as it came.
    pub version: String,
}

/// Whether a field is there, without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// There is no such key.
    #[default]
    Absent,
    /// It is null.
    Null,
    /// It is anything else.
    There,
}

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<IgnoredAny>::deserialize(deserializer)? {
            None => Self::Null,
            Some(_) => Self::There,
        })
    }
}

/// The length of a list of anything; `None` for null.
fn length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let list = Option::<Vec<IgnoredAny>>::deserialize(deserializer)?;
    Ok(list.map(|list| list.len()))
}

/// A time with any offset; null, missing and unreadable are `None`.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn comment(json: &str) -> Comment {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_comment_of_nulls_is_a_comment() {
        let bare = comment(r#"{"id":9}"#);
        let nulls = comment(
            r#"{"id":9,"body":null,"user":null,"created_at":null,"updated_at":"soon",
                "issue_url":null,"pull_request_url":null,"assets":[{"id":1}]}"#,
        );
        assert_eq!(bare, nulls);
        assert_eq!((nulls.user.as_ref(), nulls.thread()), (None, None));
    }

    #[test]
    fn times_are_read_with_any_offset() {
        let here = comment(r#"{"id":9,"created_at":"2026-05-04T09:00:00+01:00"}"#);
        let there = comment(r#"{"id":9,"created_at":"2026-05-04T08:00:00Z"}"#);
        assert!(here.created_at.is_some());
        assert_eq!(here, there);
    }

    #[test]
    fn the_thread_of_a_comment_is_the_end_of_an_address() {
        let at = |issue: &str, pull: &str| {
            let comment = comment(&format!(
                r#"{{"id":9,"issue_url":"{issue}","pull_request_url":"{pull}"}}"#
            ));
            (comment.thread().map(|number| number.0), comment.is_pull())
        };
        let base = "https://forge.example/git/alice/board";
        assert_eq!(at(&format!("{base}/issues/12"), ""), (Some(12), false));
        assert_eq!(at("", &format!("{base}/pulls/3")), (Some(3), true));
        assert_eq!(at("", ""), (None, false));
        assert_eq!(at(&format!("{base}/issues/"), ""), (None, false));
        assert_eq!(at(&format!("{base}/issues/+12"), ""), (None, false));
        assert_eq!(at(&format!("{base}/wiki/12"), ""), (None, false));
    }

    #[test]
    fn an_issue_in_an_unknown_state_is_not_open() {
        let state = |json: &str| serde_json::from_str::<Issue>(json).unwrap().state;
        assert_eq!(state(r#"{"number":1,"state":"open"}"#), IssueState::Open);
        assert_eq!(
            state(r#"{"number":1,"state":"closed"}"#),
            IssueState::Closed
        );
        for odd in [
            r#"{"number":1,"state":"Open"}"#,
            r#"{"number":1,"state":null}"#,
            r#"{"number":1}"#,
        ] {
            assert_eq!(state(odd), IssueState::Unknown, "{odd}");
        }
    }

    #[test]
    fn labels_are_none_some_or_not_known() {
        let unlabelled = |json: &str| {
            let issue: Issue = serde_json::from_str(json).unwrap();
            issue.is_unlabelled()
        };
        assert_eq!(unlabelled(r#"{"number":1,"labels":[]}"#), Some(true));
        let one = r#"{"number":1,"labels":[{"id":3,"name":"judge/p1"}]}"#;
        assert_eq!(unlabelled(one), Some(false));
        assert_eq!(unlabelled(r#"{"number":1,"labels":null}"#), None);
        assert_eq!(unlabelled(r#"{"number":1}"#), None);
    }

    #[test]
    fn a_pull_request_is_told_from_an_issue() {
        let is_pull = |json: &str| serde_json::from_str::<Issue>(json).unwrap().is_pull();
        assert!(is_pull(r#"{"number":1,"pull_request":{"merged":false}}"#));
        assert!(!is_pull(r#"{"number":1,"pull_request":null}"#));
    }
}
