//! What people do on the board of a real forge, each in one call.
//!
//! Whoever acts is named first. A call that the forge refuses is an error that shows
//! its answer; stories that expect a refusal use `RealForge::try_call`.

use anyhow::Context as _;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::forge::{Person, RealForge};

/// An issue as the API gives it.
#[derive(Debug, Deserialize)]
pub(crate) struct Issue {
    /// The number in the board.
    pub(crate) number: u64,
    /// `open` or `closed`.
    pub(crate) state: String,
    /// The text, as it was submitted.
    pub(crate) body: String,
}

/// A comment as the API gives it.
#[derive(Debug, Deserialize)]
pub(crate) struct Comment {
    /// The forge's number of the comment.
    pub(crate) id: u64,
    /// The text.
    pub(crate) body: String,
    /// Whose comment it is said to be.
    pub(crate) user: Author,
    /// When it was made, in whole seconds.
    pub(crate) created_at: String,
    /// When it was changed last, in whole seconds.
    pub(crate) updated_at: String,
}

/// Who wrote a comment, according to the forge.
#[derive(Debug, Deserialize)]
pub(crate) struct Author {
    /// The forge's number of the account.
    pub(crate) id: u64,
}

impl RealForge {
    /// Makes a webhook on the board that sends what the bot listens to; gives its number.
    pub(crate) async fn webhook(&self, url: &str, secret: &str) -> anyhow::Result<u64> {
        // Forgejo says which Gitea it is compatible with, and knows a type of its own.
        let kind = if self.version.contains("+gitea-") {
            "forgejo"
        } else {
            "gitea"
        };
        let body = json!({
            "type": kind,
            "active": true,
            "events": ["issues", "issue_comment", "pull_request_comment"],
            "config": {"url": url, "content_type": "json", "secret": secret},
        });
        let made = self
            .call(
                &self.alice,
                Method::POST,
                "/repos/alice/board/hooks",
                Some(body),
            )
            .await?;
        made["id"].as_u64().context("a webhook without a number")
    }

    /// Opens an issue.
    pub(crate) async fn open_issue(
        &self,
        who: &Person,
        title: &str,
        body: &str,
    ) -> anyhow::Result<Issue> {
        let body = json!({"title": title, "body": body});
        self.board(who, Method::POST, "/issues", Some(body)).await
    }

    /// Reads an issue.
    pub(crate) async fn issue(&self, number: u64) -> anyhow::Result<Issue> {
        let path = format!("/issues/{number}");
        self.board(&self.alice, Method::GET, &path, None).await
    }

    /// Closes an issue.
    pub(crate) async fn close(&self, who: &Person, number: u64) -> anyhow::Result<Issue> {
        self.set_state(who, number, "closed").await
    }

    /// Opens a closed issue again.
    pub(crate) async fn reopen(&self, who: &Person, number: u64) -> anyhow::Result<Issue> {
        self.set_state(who, number, "open").await
    }

    /// Sets an issue's state.
    async fn set_state(&self, who: &Person, number: u64, state: &str) -> anyhow::Result<Issue> {
        let path = format!("/issues/{number}");
        let body = json!({"state": state});
        self.board(who, Method::PATCH, &path, Some(body)).await
    }

    /// Writes a comment.
    pub(crate) async fn comment(
        &self,
        who: &Person,
        issue: u64,
        text: &str,
    ) -> anyhow::Result<Comment> {
        let path = format!("/issues/{issue}/comments");
        let body = json!({"body": text});
        self.board(who, Method::POST, &path, Some(body)).await
    }

    /// Writes a comment in somebody's name, as the site's administrator can.
    pub(crate) async fn sudo_comment(
        &self,
        victim: &Person,
        issue: u64,
        text: &str,
    ) -> anyhow::Result<Comment> {
        let path = format!("/issues/{issue}/comments?sudo={}", victim.login);
        let body = json!({"body": text});
        self.board(&self.root1, Method::POST, &path, Some(body))
            .await
    }

    /// Changes a comment, one's own or, with write, another's.
    pub(crate) async fn edit_comment(
        &self,
        who: &Person,
        comment: u64,
        text: &str,
    ) -> anyhow::Result<Comment> {
        let path = format!("/issues/comments/{comment}");
        let body = json!({"body": text});
        self.board(who, Method::PATCH, &path, Some(body)).await
    }

    /// Deletes a comment, one's own or, with write, another's.
    pub(crate) async fn delete_comment(&self, who: &Person, comment: u64) -> anyhow::Result<()> {
        let path = format!("/repos/alice/board/issues/comments/{comment}");
        self.call(who, Method::DELETE, &path, None).await?;
        Ok(())
    }

    /// All comments of an issue, oldest first, as the bot sees them.
    pub(crate) async fn comments(&self, issue: u64) -> anyhow::Result<Vec<Comment>> {
        let path = format!("/issues/{issue}/comments");
        self.board(&self.bot, Method::GET, &path, None).await
    }

    /// Commits a new file to the board's default branch.
    pub(crate) async fn put_file(&self, path: &str, content: &str) -> anyhow::Result<()> {
        let body = json!({
            "message": format!("Add {path}"),
            "content": data_encoding::BASE64.encode(content.as_bytes()),
        });
        let path = format!("/repos/alice/board/contents/{path}");
        self.call(&self.alice, Method::POST, &path, Some(body))
            .await?;
        Ok(())
    }

    /// Calls something under the board and reads the answer.
    async fn board<T: DeserializeOwned>(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<T> {
        let path = format!("/repos/alice/board{path}");
        let answer = self.call(who, method, &path, body).await?;
        serde_json::from_value(answer).with_context(|| format!("cannot read what {path} answered"))
    }
}
