//! The calls that set a forge up for a bot and look whether it is set up: accounts, tokens,
//! collaborators, hooks, files, the control issue.
//!
//! The running bot makes none of them: its token may not. They are made with the token of an owner or
//! of an administrator, which is used for that and kept nowhere. What is already as it should be can
//! be asked for, so that nothing is made twice.

use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::Client;
use super::answer::Answer;
use super::error::ForgejoError;
use super::path::{RepositoryPath, segment};
use crate::forgejo::text::or_default;
use crate::forgejo::types::{Issue, User};
use crate::gate::ids::{IssueNumber, RepositoryId, UserId};

/// An account with what it may do on the forge, as far as the asking token is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Who it is.
    pub id: UserId,
    /// What it is called now.
    pub login: String,
    /// A site administrator; told to itself and to administrators only.
    #[serde(default, deserialize_with = "or_default")]
    pub is_admin: bool,
    /// It sees only what it was added to.
    #[serde(default, deserialize_with = "or_default")]
    pub restricted: bool,
}

/// A repository with what the asking account may do there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// What counts.
    pub id: RepositoryId,
    /// `owner/name` as it is now.
    #[serde(default, deserialize_with = "or_default")]
    pub full_name: String,
    /// Whose it is.
    pub owner: User,
    /// Nothing can be written to it.
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
    /// It has issues at all.
    #[serde(default = "yes")]
    pub has_issues: bool,
    /// What the asking account may do.
    #[serde(default, deserialize_with = "or_default")]
    pub permissions: Permissions,
}

/// What an account may do in a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Permissions {
    /// Hooks, collaborators.
    #[serde(default)]
    pub admin: bool,
    /// Files, and what others wrote.
    #[serde(default)]
    pub push: bool,
    /// Reading.
    #[serde(default)]
    pub pull: bool,
}

/// A webhook, as its admins see it; the secret is never told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// Whether it sends anything.
    #[serde(default)]
    pub active: bool,
    /// The events that it sends, by the API's names.
    #[serde(default, deserialize_with = "or_default")]
    pub events: Vec<String>,
    /// Where and how it sends.
    pub config: WebhookConfig,
}

/// Where and how a hook sends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WebhookConfig {
    /// The receiver.
    #[serde(default)]
    pub url: String,
    /// `json` or `form`.
    #[serde(default)]
    pub content_type: String,
}

/// The events that the bot lives on. `issues` brings labels and assignments as well, which it passes
/// over.
pub const EVENTS: [&str; 3] = ["issues", "issue_comment", "pull_request_comment"];

/// What the bot's token may do: comment, react, read the boards, and ask who people are.
pub const BOT_SCOPES: [&str; 3] = ["write:issue", "read:repository", "read:user"];

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Made {
    sha1: Zeroizing<String>,
}

#[derive(Deserialize)]
struct FileInfo {
    sha: String,
}

impl Client {
    /// The account of the token, with its rights.
    pub async fn own_account(&self) -> Result<Answer<Account>, ForgejoError> {
        self.call(Method::GET, &["user"]).read().await
    }

    /// The account with this login; `NotFound` where there is none, a redirect where it was renamed.
    pub async fn account(&self, login: &str) -> Result<Answer<Account>, ForgejoError> {
        if !segment(login) {
            return Err(ForgejoError::NotFound);
        }
        self.call(Method::GET, &["users", login]).read().await
    }

    /// A repository by its path.
    pub async fn place(&self, path: &RepositoryPath) -> Result<Answer<Place>, ForgejoError> {
        self.at(Method::GET, path, &[]).read().await
    }

    /// A repository by its number.
    pub async fn place_by_id(&self, id: RepositoryId) -> Result<Answer<Place>, ForgejoError> {
        self.call(Method::GET, &["repositories", &id.0.to_string()])
            .read()
            .await
    }

    /// Makes a restricted account. The password is needed to make a token and then never again.
    pub async fn make_account(
        &self,
        login: &str,
        password: &SecretString,
    ) -> Result<Answer<Account>, ForgejoError> {
        let form = json!({
            "username": login,
            "email": format!("{}@noreply.invalid", login.to_lowercase()),
            "password": exposed(password),
            "must_change_password": false,
            "restricted": true,
            "visibility": "limited",
            "send_notify": false,
        });
        self.call(Method::POST, &["admin", "users"])
            .json(form)
            .read()
            .await
    }

    /// Gives an account another password, as an administrator.
    pub async fn set_password(
        &self,
        login: &str,
        password: &SecretString,
    ) -> Result<Answer<Account>, ForgejoError> {
        let form = json!({
            "source_id": 0,
            "login_name": login,
            "password": exposed(password),
            "must_change_password": false,
        });
        self.call(Method::PATCH, &["admin", "users", login])
            .json(form)
            .read()
            .await
    }

    /// Deletes an account, as an administrator; its comments stay and show a ghost.
    pub async fn delete_account(&self, login: &str) -> Result<(), ForgejoError> {
        self.call(Method::DELETE, &["admin", "users", login])
            .done()
            .await
    }

    /// Makes an access token of the asking account, which must have come with its password.
    pub async fn make_token(&self, login: &str, name: &str) -> Result<SecretString, ForgejoError> {
        let form = json!({"name": name, "scopes": BOT_SCOPES});
        let made: Answer<Made> = self
            .call(Method::POST, &["users", login, "tokens"])
            .json(form)
            .read()
            .await?;
        Ok(SecretString::from(made.value.sha1.as_str()))
    }

    /// True if the account was added to the repository.
    pub async fn is_collaborator(
        &self,
        path: &RepositoryPath,
        login: &str,
    ) -> Result<bool, ForgejoError> {
        let asked = self.at(Method::GET, path, &["collaborators", login]);
        match asked.done().await {
            Ok(()) => Ok(true),
            Err(ForgejoError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Adds the account to the repository, as a reader.
    pub async fn add_reader(&self, path: &RepositoryPath, login: &str) -> Result<(), ForgejoError> {
        self.at(Method::PUT, path, &["collaborators", login])
            .json(json!({"permission": "read"}))
            .done()
            .await
    }

    /// Takes the account out of the repository.
    pub async fn remove_collaborator(
        &self,
        path: &RepositoryPath,
        login: &str,
    ) -> Result<(), ForgejoError> {
        self.at(Method::DELETE, path, &["collaborators", login])
            .done()
            .await
    }

    /// The repository's hooks, for its admins; the first 50.
    pub async fn webhooks(&self, path: &RepositoryPath) -> Result<Vec<Webhook>, ForgejoError> {
        let asked = self.at(Method::GET, path, &["hooks"]).paged(1, 50);
        let list: Option<Vec<Webhook>> = asked.read().await?.value;
        Ok(list.unwrap_or_default())
    }

    /// Makes an active JSON hook for the bot's events. `kind` is `forgejo` or `gitea`.
    pub async fn make_webhook(
        &self,
        path: &RepositoryPath,
        kind: &str,
        url: &str,
        secret: &SecretString,
    ) -> Result<Webhook, ForgejoError> {
        let form = json!({
            "type": kind,
            "active": true,
            "events": EVENTS,
            "config": {"url": url, "content_type": "json", "secret": exposed(secret)},
        });
        let made = self.at(Method::POST, path, &["hooks"]).json(form);
        Ok(made.read().await?.value)
    }

    /// Makes a hook active, for these events and as JSON. Its secret stays: no call changes that.
    pub async fn mend_webhook(
        &self,
        path: &RepositoryPath,
        hook: &Webhook,
        events: &[&str],
    ) -> Result<Webhook, ForgejoError> {
        let form = json!({
            "active": true,
            "events": events,
            "config": {"url": hook.config.url, "content_type": "json"},
        });
        let id = hook.id.to_string();
        let mended = self.at(Method::PATCH, path, &["hooks", &id]).json(form);
        Ok(mended.read().await?.value)
    }

    /// Deletes a hook.
    pub async fn delete_webhook(&self, path: &RepositoryPath, id: i64) -> Result<(), ForgejoError> {
        self.at(Method::DELETE, path, &["hooks", &id.to_string()])
            .done()
            .await
    }

    /// Has a hook send its test delivery, a made-up push. `NotFound` for a repository without commits.
    /// Gitea sends it only to a hook that wants pushes, and answers the same.
    pub async fn test_webhook(&self, path: &RepositoryPath, id: i64) -> Result<(), ForgejoError> {
        self.at(Method::POST, path, &["hooks", &id.to_string(), "tests"])
            .done()
            .await
    }

    /// Open issues that this account has opened; the newest 50.
    pub async fn open_issues_by(
        &self,
        path: &RepositoryPath,
        login: &str,
    ) -> Result<Vec<Issue>, ForgejoError> {
        let asked = self
            .at(Method::GET, path, &["issues"])
            .query("state", "open")
            .query("type", "issues")
            .query("created_by", login)
            .paged(1, 50);
        Ok(asked.read().await?.value)
    }

    /// Closes an issue.
    pub async fn close_issue(
        &self,
        path: &RepositoryPath,
        number: IssueNumber,
    ) -> Result<(), ForgejoError> {
        let number = number.0.to_string();
        self.at(Method::PATCH, path, &["issues", &number])
            .json(json!({"state": "closed"}))
            .done()
            .await
    }

    /// Takes a reaction of its own from an issue back.
    pub async fn unreact_issue(
        &self,
        path: &RepositoryPath,
        number: IssueNumber,
        content: &str,
    ) -> Result<(), ForgejoError> {
        let number = number.0.to_string();
        self.at(Method::DELETE, path, &["issues", &number, "reactions"])
            .json(json!({"content": content}))
            .done()
            .await
    }

    /// The hash of a file on the default branch; `None` where there is none.
    pub async fn file(
        &self,
        path: &RepositoryPath,
        file: &str,
    ) -> Result<Option<String>, ForgejoError> {
        let asked = self.at(Method::GET, path, &contents(file));
        match asked.read::<FileInfo>().await {
            Ok(found) => Ok(Some(found.value.sha)),
            Err(ForgejoError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Commits a new file to the default branch.
    pub async fn add_file(
        &self,
        path: &RepositoryPath,
        file: &str,
        content: &str,
    ) -> Result<(), ForgejoError> {
        let form = json!({
            "message": format!("Add {file}"),
            "content": data_encoding::BASE64.encode(content.as_bytes()),
        });
        self.at(Method::POST, path, &contents(file))
            .json(form)
            .done()
            .await
    }

    /// Commits the deletion of a file, if it still has this hash.
    pub async fn remove_file(
        &self,
        path: &RepositoryPath,
        file: &str,
        hash: &str,
    ) -> Result<(), ForgejoError> {
        let form = json!({"message": format!("Remove {file}"), "sha": hash});
        self.at(Method::DELETE, path, &contents(file))
            .json(form)
            .done()
            .await
    }

    /// True if the token has the scope that this call needs. The scope is judged before the right and
    /// before the thing, so calls about nothing serve: nothing is read or changed.
    pub async fn has_scope(&self, method: Method, segments: &[&str]) -> Result<bool, ForgejoError> {
        match self.call(method, segments).send().await {
            Ok(_) | Err(ForgejoError::NotFound) => Ok(true),
            Err(ForgejoError::Permanent { why, .. }) => Ok(!lacks_scope(&why)),
            Err(error) => Err(error),
        }
    }
}

impl super::Call<'_> {
    /// Sends a call of which only success counts, with whatever body.
    async fn done(self) -> Result<(), ForgejoError> {
        let reader = self.send().await?;
        let status: StatusCode = reader.status();
        debug_assert!(status.is_success());
        Ok(())
    }
}

/// True for the forge's words for a token that lacks a scope.
pub fn lacks_scope(why: &str) -> bool {
    why.contains("required scope")
}

fn contents(file: &str) -> Vec<&str> {
    std::iter::once("contents").chain(file.split('/')).collect()
}

fn exposed(secret: &SecretString) -> &str {
    secrecy::ExposeSecret::expose_secret(secret)
}
