//! What people and agents do at a forge, over its HTTP API.
//!
//! The same functions work against the miniature forge, a real Forgejo and a real Gitea, so that one
//! story runs on all of them. They follow no redirect, and an answer other than success is an error
//! that names status and body. They know nothing of the bot.

use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use reqwest::Method;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::gate::ids::{CommentId, IssueNumber, UserId};

/// Somebody with an account and a token.
#[derive(Clone)]
pub struct Person {
    /// Where the forge is, with its sub-path and without a final slash.
    pub base_url: String,
    /// The name when this was made.
    pub login: String,
    /// The number of the account.
    pub id: UserId,
    /// An access token.
    pub token: String,
    client: reqwest::Client,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person({} {})", self.id, self.login)
    }
}

/// A comment as the forge lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedComment {
    /// Its number.
    pub id: CommentId,
    /// Its author; -1 if the account is gone.
    pub author: UserId,
    /// Its author's name now.
    pub login: String,
    /// Its text now.
    pub body: String,
    /// When it was written, as far as the forge says.
    pub created_at: Timestamp,
    /// When it was last changed, as far as the forge says.
    pub updated_at: Timestamp,
}

/// A reaction as the forge lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedReaction {
    /// Who reacted.
    pub user: UserId,
    /// With what.
    pub content: String,
}

/// A raw answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Answered {
    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// A user, as far as is read.
#[derive(Deserialize)]
struct RawUser {
    id: i64,
    login: String,
}

/// A comment, as far as is read.
#[derive(Deserialize)]
struct RawComment {
    id: i64,
    user: Option<RawUser>,
    body: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A reaction, as far as is read.
#[derive(Deserialize)]
struct RawReaction {
    user: RawUser,
    content: String,
}

impl Person {
    /// Somebody whose account exists already.
    pub fn new(base_url: &str, login: &str, id: UserId, token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            login: login.to_owned(),
            id,
            token: token.to_owned(),
            client: client(base_url, Duration::from_secs(60), Policy::none())?,
        })
    }

    /// Any call below `/api/v1`; every answer is fine, only a lost one is an error.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answered> {
        let mut request = self
            .client
            .request(method.clone(), format!("{}/api/v1{path}", self.base_url))
            .header("Authorization", format!("token {}", self.token));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("no answer to {method} {path}"))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer
            .text()
            .await
            .with_context(|| format!("half an answer to {path}"))?;
        Ok(Answered {
            status,
            headers,
            body,
        })
    }

    /// Opens an issue.
    pub async fn open_issue(
        &self,
        repository: &str,
        title: &str,
        body: &str,
    ) -> anyhow::Result<IssueNumber> {
        let form = json!({"title": title, "body": body});
        let issue = self
            .done(Method::POST, &format!("/repos/{repository}/issues"), &form)
            .await?;
        issue["number"]
            .as_i64()
            .map(IssueNumber)
            .context("the new issue has no number")
    }

    /// Comments.
    pub async fn comment(
        &self,
        repository: &str,
        issue: IssueNumber,
        body: &str,
    ) -> anyhow::Result<CommentId> {
        let path = format!("/repos/{repository}/issues/{}/comments", issue.0);
        let comment = self
            .done(Method::POST, &path, &json!({"body": body}))
            .await?;
        comment["id"]
            .as_i64()
            .map(CommentId)
            .context("the new comment has no id")
    }

    /// Comments in another's name, as a site admin can.
    pub async fn comment_as(
        &self,
        login: &str,
        repository: &str,
        issue: IssueNumber,
        body: &str,
    ) -> anyhow::Result<CommentId> {
        let path = format!(
            "/repos/{repository}/issues/{}/comments?sudo={login}",
            issue.0
        );
        let comment = self
            .done(Method::POST, &path, &json!({"body": body}))
            .await?;
        comment["id"]
            .as_i64()
            .map(CommentId)
            .context("the new comment has no id")
    }

    /// Edits a comment, his own or, as a writer, another's.
    pub async fn edit_comment(
        &self,
        repository: &str,
        comment: CommentId,
        body: &str,
    ) -> anyhow::Result<()> {
        let path = format!("/repos/{repository}/issues/comments/{comment}");
        self.done(Method::PATCH, &path, &json!({"body": body}))
            .await
            .map(drop)
    }

    /// Edits a comment and sets its time of change, as an admin can on Forgejo.
    pub async fn edit_comment_at(
        &self,
        repository: &str,
        comment: CommentId,
        body: &str,
        updated_at: Timestamp,
    ) -> anyhow::Result<()> {
        let path = format!("/repos/{repository}/issues/comments/{comment}");
        let form = json!({"body": body, "updated_at": updated_at.to_string()});
        self.done(Method::PATCH, &path, &form).await.map(drop)
    }

    /// Deletes a comment, his own or, as a writer, another's.
    pub async fn delete_comment(&self, repository: &str, comment: CommentId) -> anyhow::Result<()> {
        let path = format!("/repos/{repository}/issues/comments/{comment}");
        self.done(Method::DELETE, &path, &Value::Null)
            .await
            .map(drop)
    }

    /// Edits the text of an issue.
    pub async fn edit_issue(
        &self,
        repository: &str,
        issue: IssueNumber,
        body: &str,
    ) -> anyhow::Result<()> {
        self.patch_issue(repository, issue, &json!({"body": body}))
            .await
    }

    /// Closes an issue.
    pub async fn close(&self, repository: &str, issue: IssueNumber) -> anyhow::Result<()> {
        self.patch_issue(repository, issue, &json!({"state": "closed"}))
            .await
    }

    /// Opens an issue again.
    pub async fn reopen(&self, repository: &str, issue: IssueNumber) -> anyhow::Result<()> {
        self.patch_issue(repository, issue, &json!({"state": "open"}))
            .await
    }

    /// Deletes an issue, as an admin of the repository can.
    pub async fn delete_issue(&self, repository: &str, issue: IssueNumber) -> anyhow::Result<()> {
        let path = format!("/repos/{repository}/issues/{}", issue.0);
        self.done(Method::DELETE, &path, &Value::Null)
            .await
            .map(drop)
    }

    /// Reacts to a comment.
    pub async fn react(
        &self,
        repository: &str,
        comment: CommentId,
        content: &str,
    ) -> anyhow::Result<()> {
        let path = format!("/repos/{repository}/issues/comments/{comment}/reactions");
        self.done(Method::POST, &path, &json!({"content": content}))
            .await
            .map(drop)
    }

    /// The comments of an issue, oldest first.
    pub async fn comments(
        &self,
        repository: &str,
        issue: IssueNumber,
    ) -> anyhow::Result<Vec<ListedComment>> {
        let path = format!("/repos/{repository}/issues/{}/comments", issue.0);
        let list = self.done(Method::GET, &path, &Value::Null).await?;
        let list: Vec<RawComment> =
            serde_json::from_value(list).context("the list of comments has another form")?;
        let listed = |raw: RawComment| {
            let user = raw.user.unwrap_or(RawUser {
                id: -1,
                login: String::new(),
            });
            ListedComment {
                id: CommentId(raw.id),
                author: UserId(user.id),
                login: user.login,
                body: raw.body,
                created_at: raw.created_at,
                updated_at: raw.updated_at,
            }
        };
        Ok(list.into_iter().map(listed).collect())
    }

    /// The reactions to a comment.
    pub async fn reactions(
        &self,
        repository: &str,
        comment: CommentId,
    ) -> anyhow::Result<Vec<ListedReaction>> {
        let path = format!("/repos/{repository}/issues/comments/{comment}/reactions");
        let list = self.done(Method::GET, &path, &Value::Null).await?;
        let list: Option<Vec<RawReaction>> =
            serde_json::from_value(list).context("the list of reactions has another form")?;
        let listed = |raw: RawReaction| ListedReaction {
            user: UserId(raw.user.id),
            content: raw.content,
        };
        Ok(list.unwrap_or_default().into_iter().map(listed).collect())
    }

    /// Blocks somebody: Forgejo's call, or where that is unknown Gitea's.
    pub async fn block(&self, login: &str) -> anyhow::Result<()> {
        let forgejo = self
            .call(Method::PUT, &format!("/user/block/{login}"), None)
            .await?;
        if forgejo.status == 404 {
            let path = format!("/user/blocks/{login}");
            return self.done(Method::PUT, &path, &Value::Null).await.map(drop);
        }
        success(forgejo, "PUT", "/user/block").map(drop)
    }

    /// Edits an issue.
    async fn patch_issue(
        &self,
        repository: &str,
        issue: IssueNumber,
        form: &Value,
    ) -> anyhow::Result<()> {
        let path = format!("/repos/{repository}/issues/{}", issue.0);
        self.done(Method::PATCH, &path, form).await.map(drop)
    }

    /// A call that must succeed; a form of `null` is no body.
    async fn done(&self, method: Method, path: &str, form: &Value) -> anyhow::Result<Value> {
        let body = Some(form).filter(|form| !form.is_null());
        let answered = self.call(method.clone(), path, body).await?;
        success(answered, method.as_str(), path)
    }
}

/// The JSON of a successful answer; anything else is an error that shows it.
fn success(answered: Answered, method: &str, path: &str) -> anyhow::Result<Value> {
    if !(200..300).contains(&answered.status) {
        bail!(
            "{method} {path} answered {}: {}",
            answered.status,
            answered.body
        );
    }
    Ok(answered.json())
}

/// An HTTP client. Plain http needs no certificates, and must work where the system has none. Each
/// call opens a connection of its own: a kept one may have been ended by a forge that went away.
pub(crate) fn client(
    base_url: &str,
    timeout: Duration,
    redirects: Policy,
) -> anyhow::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // A second provider is refused; whichever came first serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let mut builder = reqwest::Client::builder()
        .timeout(timeout)
        .redirect(redirects)
        .pool_max_idle_per_host(0)
        .no_proxy();
    if base_url.starts_with("http://") {
        builder = builder.tls_certs_only([]);
    }
    builder.build().context("cannot make an HTTP client")
}
