//! The calls, one function each; what they need of a token is in the scopes `write:issue` and
//! `read:repository`, but for `whoami` and `user`, which need `read:user`.
//!
//! Times go out in UTC with a `Z`, since a `+` in a query means a blank to some. Lists are always
//! asked for by page: without a page Forgejo ignores the limit and sends everything.

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::answer::{Answer, Limits, Page};
use super::error::ForgejoError;
use super::path::{RepositoryPath, segment};
use super::{Call, Client};
use crate::forgejo::types::{Comment, Issue, Reaction, Repository, User, Version};
use crate::gate::ids::{CommentId, IssueNumber, RepositoryId};

/// What Forgejo gives in a page at most, unless it is configured otherwise.
const PAGE: u32 = 50;

/// What a read of one comment finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommentRead {
    /// It is there.
    Found(Box<Comment>),
    /// It is there and is not a plain comment: a review's, or an event that the forge wrote (204).
    NotPlain,
    /// It is not there, or not any more (404).
    Gone,
}

impl Client {
    /// Asks what the forge runs; also the question whether it is there at all.
    pub async fn version(&self) -> Result<Answer<Version>, ForgejoError> {
        self.call(Method::GET, &["version"]).read().await
    }

    /// The account of the token. Tokens that are limited to repositories may not ask (403).
    pub async fn whoami(&self) -> Result<Answer<User>, ForgejoError> {
        self.call(Method::GET, &["user"]).read().await
    }

    /// The account that has this login now.
    pub async fn user(&self, login: &str) -> Result<Answer<User>, ForgejoError> {
        if !segment(login) {
            return Err(ForgejoError::NotFound);
        }
        self.call(Method::GET, &["users", login]).read().await
    }

    /// The account that has this login now, as anybody sees it: without the token. A forge that wants
    /// everybody to sign in refuses (401 or 403).
    pub async fn user_as_anybody(&self, login: &str) -> Result<Answer<User>, ForgejoError> {
        if !segment(login) {
            return Err(ForgejoError::NotFound);
        }
        self.call(Method::GET, &["users", login])
            .without_token()
            .read()
            .await
    }

    /// The repository with this id, under whatever path it is now.
    pub async fn repository_by_id(
        &self,
        id: RepositoryId,
    ) -> Result<Answer<Repository>, ForgejoError> {
        self.call(Method::GET, &["repositories", &id.0.to_string()])
            .read()
            .await
    }

    /// One issue.
    pub async fn issue(
        &self,
        repository: &RepositoryPath,
        number: IssueNumber,
    ) -> Result<Answer<Issue>, ForgejoError> {
        self.at(Method::GET, repository, &["issues", &number.0.to_string()])
            .limits(Limits::TEXT)
            .read()
            .await
    }

    /// Issues (no pull requests) in any state that were changed at or after `since`; a page is
    /// counted from 1. `TooLarge` means that half of the limit should be tried.
    pub async fn issues_since(
        &self,
        repository: &RepositoryPath,
        since: Timestamp,
        page: u32,
        limit: u32,
    ) -> Result<Answer<Page<Issue>>, ForgejoError> {
        self.at(Method::GET, repository, &["issues"])
            .query("state", "all")
            .query("type", "issues")
            .since(since)
            .paged(page, limit)
            .send()
            .await?
            .page()
            .await
    }

    /// One comment.
    pub async fn comment(
        &self,
        repository: &RepositoryPath,
        id: CommentId,
    ) -> Result<Answer<CommentRead>, ForgejoError> {
        let sent = self
            .at(
                Method::GET,
                repository,
                &["issues", "comments", &id.0.to_string()],
            )
            .limits(Limits::TEXT)
            .send()
            .await;
        match sent {
            Err(ForgejoError::NotFound) => Ok(Answer {
                value: CommentRead::Gone,
                date: None,
            }),
            Err(error) => Err(error),
            Ok(reader) if reader.status() == StatusCode::NO_CONTENT => Ok(Answer {
                value: CommentRead::NotPlain,
                date: reader.date(),
            }),
            Ok(reader) => {
                let answer = reader.json::<Comment>().await?;
                Ok(answer.map(|comment| CommentRead::Found(Box::new(comment))))
            }
        }
    }

    /// Comments of the whole repository, pull requests included, that were changed at or after
    /// `since`, in the order in which they were written; a page is counted from 1. `TooLarge` means
    /// that half of the limit should be tried. Deleted comments are missing, and so are edits
    /// whose time was set back.
    pub async fn comments_since(
        &self,
        repository: &RepositoryPath,
        since: Timestamp,
        page: u32,
        limit: u32,
    ) -> Result<Answer<Page<Comment>>, ForgejoError> {
        self.at(Method::GET, repository, &["issues", "comments"])
            .since(since)
            .paged(page, limit)
            .send()
            .await?
            .page()
            .await
    }

    /// Every comment of one issue at once: the forge does not page this list.
    pub async fn issue_comments(
        &self,
        repository: &RepositoryPath,
        number: IssueNumber,
    ) -> Result<Answer<Page<Comment>>, ForgejoError> {
        let number = number.0.to_string();
        self.at(Method::GET, repository, &["issues", &number, "comments"])
            .limits(Limits::LIST)
            .send()
            .await?
            .page()
            .await
    }

    /// Those of them that were changed at or after `since`.
    pub async fn issue_comments_since(
        &self,
        repository: &RepositoryPath,
        number: IssueNumber,
        since: Timestamp,
    ) -> Result<Answer<Page<Comment>>, ForgejoError> {
        let number = number.0.to_string();
        self.at(Method::GET, repository, &["issues", &number, "comments"])
            .since(since)
            .limits(Limits::LIST)
            .send()
            .await?
            .page()
            .await
    }

    /// The reactions to a comment of an issue, or to the issue itself. None at all is `null` there.
    pub async fn reactions(
        &self,
        repository: &RepositoryPath,
        number: IssueNumber,
        comment: Option<CommentId>,
    ) -> Result<Answer<Vec<Reaction>>, ForgejoError> {
        let (number, comment) = (number.0.to_string(), comment.map(|id| id.0.to_string()));
        let rest = match &comment {
            Some(comment) => vec!["issues", "comments", comment, "reactions"],
            None => vec!["issues", &number, "reactions"],
        };
        let answer = self
            .at(Method::GET, repository, &rest)
            .read::<Option<Vec<Reaction>>>()
            .await?;
        Ok(answer.map(Option::unwrap_or_default))
    }

    /// Opens an issue.
    pub async fn open_issue(
        &self,
        repository: &RepositoryPath,
        title: &str,
        body: &str,
    ) -> Result<Answer<Issue>, ForgejoError> {
        self.at(Method::POST, repository, &["issues"])
            .json(json!({ "title": title, "body": body }))
            .read()
            .await
    }

    /// Writes a comment.
    pub async fn post_comment(
        &self,
        repository: &RepositoryPath,
        number: IssueNumber,
        body: &str,
    ) -> Result<Answer<Comment>, ForgejoError> {
        let number = number.0.to_string();
        self.at(Method::POST, repository, &["issues", &number, "comments"])
            .json(json!({ "body": body }))
            .read()
            .await
    }

    /// Replaces the text of a comment.
    pub async fn edit_comment(
        &self,
        repository: &RepositoryPath,
        id: CommentId,
        body: &str,
    ) -> Result<Answer<Comment>, ForgejoError> {
        let id = id.0.to_string();
        self.at(Method::PATCH, repository, &["issues", "comments", &id])
            .json(json!({ "body": body }))
            .read()
            .await
    }

    /// Deletes a comment.
    pub async fn delete_comment(
        &self,
        repository: &RepositoryPath,
        id: CommentId,
    ) -> Result<Answer<()>, ForgejoError> {
        let id = id.0.to_string();
        self.at(Method::DELETE, repository, &["issues", "comments", &id])
            .send()
            .await?
            .empty()
    }

    /// Reacts to a comment; doing it again changes nothing. The forge knows a few names only
    /// (`eyes`, `+1`, `-1`, `rocket`, `confused` and others) and refuses the rest with 403.
    pub async fn react_comment(
        &self,
        repository: &RepositoryPath,
        id: CommentId,
        content: &str,
    ) -> Result<Answer<()>, ForgejoError> {
        let id = id.0.to_string();
        self.at(
            Method::POST,
            repository,
            &["issues", "comments", &id, "reactions"],
        )
        .react(content)
        .await
    }

    /// Reacts to an issue, as [`Client::react_comment`] does.
    pub async fn react_issue(
        &self,
        repository: &RepositoryPath,
        number: IssueNumber,
        content: &str,
    ) -> Result<Answer<()>, ForgejoError> {
        let number = number.0.to_string();
        self.at(Method::POST, repository, &["issues", &number, "reactions"])
            .react(content)
            .await
    }

    /// Starts a call to something in a repository.
    pub(super) fn at(
        &self,
        method: Method,
        repository: &RepositoryPath,
        rest: &[&str],
    ) -> Call<'_> {
        self.call(method, &repository.segments(rest))
    }
}

impl Call<'_> {
    /// Only what was changed at or after this time; the forge's times are whole seconds.
    fn since(self, since: Timestamp) -> Self {
        let whole = Timestamp::from_second(since.as_second()).unwrap_or(since);
        self.query("since", &whole.to_string())
    }

    pub(super) fn paged(self, page: u32, limit: u32) -> Self {
        self.query("page", &page.max(1).to_string())
            .query("limit", &limit.clamp(1, PAGE).to_string())
            .limits(Limits::LIST)
    }

    async fn react(self, content: &str) -> Result<Answer<()>, ForgejoError> {
        let answer = self
            .json(json!({ "content": content }))
            .read::<serde::de::IgnoredAny>()
            .await?;
        Ok(answer.map(|_| ()))
    }
}
