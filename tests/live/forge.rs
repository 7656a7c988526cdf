//! A real forge in a temporary folder on a free loopback port, with the people of the
//! stories and the board `alice/board`.
//!
//! One process per `RealForge`, ended by its own process id when dropped. It runs the
//! binary that `OWNERGATE_FORGE_BIN` names (Forgejo or Gitea), otherwise the one that
//! `tests/live/build-forge` has built; it builds nothing itself. The process is in
//! `server.rs`; people act by the same calls as on the miniature forge.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use ownergate::gate::ids::{RepositoryId, UserId};
use ownergate::miniforge::Person;
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{self, Server};

/// What everybody may do with the token of the story; the bot's is narrower.
const ALL: &[&str] = &["all"];

/// What the bot's token may do: comment, react, read the board, and ask who it is.
const BOT_SCOPES: &[&str] = &["write:issue", "read:repository", "read:user"];

/// A running forge, set up and ready.
pub(crate) struct RealForge {
    /// Where it answers, without a slash at the end.
    pub(crate) url: String,
    /// What `/api/v1/version` says.
    pub(crate) version: String,
    /// The number of the repository `alice/board`.
    pub(crate) board_id: RepositoryId,
    /// The site's administrator, who may act as anybody.
    pub(crate) root1: Person,
    /// The board's owner.
    pub(crate) alice: Person,
    /// A second owner in the bot's eyes; a collaborator with write on the forge.
    pub(crate) piotr: Person,
    /// A collaborator with write, owner of nothing.
    pub(crate) carol: Person,
    /// The agents' machine account, which may read and comment.
    pub(crate) codex: Person,
    /// The bot's restricted account `ownergate`, which may read and comment.
    pub(crate) bot: Person,
    /// Without redirects, without certificates: everything is plain HTTP on loopback.
    pub(crate) client: reqwest::Client,
    _server: Server,
}

impl RealForge {
    /// Starts a forge and makes the people, the board and their rights on it.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let client = client()?;
        let (server, url, version) = server::start(&client, &server::binary()?).await?;
        let setup = Setup {
            client: &client,
            url: &url,
        };

        let root1 = setup.administrator(&server).await?;
        let alice = setup.person(&root1, "alice", ALL).await?;
        let piotr = setup.person(&root1, "piotr", ALL).await?;
        let carol = setup.person(&root1, "carol", ALL).await?;
        let codex = setup.person(&root1, "codex", ALL).await?;
        let bot = setup.person(&root1, "ownergate", BOT_SCOPES).await?;
        let board_id = setup.board(&alice).await?;
        for (person, permission) in [
            (&piotr, "write"),
            (&carol, "write"),
            (&codex, "read"),
            (&bot, "read"),
        ] {
            setup
                .collaborator(&alice, &person.login, permission)
                .await?;
        }

        Ok(Self {
            url,
            version,
            board_id,
            root1,
            alice,
            piotr,
            carol,
            codex,
            bot,
            client,
            _server: server,
        })
    }

    /// Makes a webhook on the board that sends what the bot listens to.
    pub(crate) async fn webhook(&self, url: &str, secret: &str) -> anyhow::Result<()> {
        // Forgejo says which Gitea it is compatible with, and knows a type of its own.
        let kind = if self.version.contains("+gitea-") {
            "forgejo"
        } else {
            "gitea"
        };
        let hook = json!({
            "type": kind,
            "active": true,
            "events": ["issues", "issue_comment", "pull_request_comment"],
            "config": {"url": url, "content_type": "json", "secret": secret},
        });
        self.alice_posts("hooks", &hook).await
    }

    /// Commits a new file to the board's default branch.
    pub(crate) async fn put_file(&self, path: &str, content: &str) -> anyhow::Result<()> {
        let file = json!({
            "message": format!("Add {path}"),
            "content": data_encoding::BASE64.encode(content.as_bytes()),
        });
        self.alice_posts(&format!("contents/{path}"), &file).await
    }

    /// What only the board's owner may do.
    async fn alice_posts(&self, what: &str, body: &Value) -> anyhow::Result<()> {
        let path = format!("/repos/alice/board/{what}");
        let answer = self.alice.call(Method::POST, &path, Some(body)).await?;
        ensure!(
            (200..300).contains(&answer.status),
            "{path}: {}: {}",
            answer.status,
            answer.body
        );
        Ok(())
    }
}

/// Makes what the stories find already there.
struct Setup<'a> {
    client: &'a reqwest::Client,
    url: &'a str,
}

impl Setup<'_> {
    /// The site's administrator, made on the command line: there is nobody else to make it.
    async fn administrator(&self, server: &Server) -> anyhow::Result<Person> {
        let login = "root1";
        let password = password_of(login);
        let made = server
            .command(&["admin", "user", "create", "--admin"])
            .args(["--username", login, "--password", &password])
            .args(["--email", "root1@forge.example"])
            .arg("--must-change-password=false")
            .output()
            .context("cannot run the forge's command line")?;
        ensure!(
            made.status.success(),
            "cannot make the administrator: {}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        );
        let request = self
            .client
            .get(format!("{}/api/v1/user", self.url))
            .basic_auth(login, Some(&password));
        let id = id_of(&done(request, None).await?)?;
        let token = self.token(login, &password, ALL).await?;
        Person::new(self.url, login, UserId(id), &token)
    }

    /// Another account, with a token of its own. Only the bot's is restricted: it sees
    /// nothing but the repositories that it was added to.
    async fn person(&self, root1: &Person, login: &str, scopes: &[&str]) -> anyhow::Result<Person> {
        let password = password_of(login);
        let body = json!({
            "username": login,
            "password": password,
            "email": format!("{login}@forge.example"),
            "must_change_password": false,
            "restricted": login == "ownergate",
        });
        let made = done(self.post("/admin/users", root1), Some(body)).await?;
        let token = self.token(login, &password, scopes).await?;
        Person::new(self.url, login, UserId(id_of(&made)?), &token)
    }

    /// An access token; a forge gives one for the password only.
    async fn token(&self, login: &str, password: &str, scopes: &[&str]) -> anyhow::Result<String> {
        let request = self
            .client
            .post(format!("{}/api/v1/users/{login}/tokens", self.url))
            .basic_auth(login, Some(password));
        let made = done(request, Some(json!({"name": "story", "scopes": scopes}))).await?;
        let token = made["sha1"].as_str().context("a token without a value")?;
        Ok(token.to_owned())
    }

    /// The repository `alice/board`, with a first commit.
    async fn board(&self, alice: &Person) -> anyhow::Result<RepositoryId> {
        let body = json!({"name": "board", "auto_init": true, "default_branch": "main"});
        let made = done(self.post("/user/repos", alice), Some(body)).await?;
        Ok(RepositoryId(id_of(&made)?))
    }

    /// Gives somebody a right on the board.
    async fn collaborator(
        &self,
        alice: &Person,
        login: &str,
        permission: &str,
    ) -> anyhow::Result<()> {
        let request = self
            .client
            .put(format!(
                "{}/api/v1/repos/alice/board/collaborators/{login}",
                self.url
            ))
            .header("Authorization", format!("token {}", alice.token));
        done(request, Some(json!({"permission": permission}))).await?;
        Ok(())
    }

    /// A POST to the API as somebody.
    fn post(&self, path: &str, who: &Person) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}/api/v1{path}", self.url))
            .header("Authorization", format!("token {}", who.token))
    }
}

/// The client of everybody in the story.
fn client() -> anyhow::Result<reqwest::Client> {
    // Fails where another story has installed it already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // A machine without a certificate store must do, too.
        .tls_certs_only([])
        .timeout(Duration::from_secs(30))
        .build()
        .context("cannot make an HTTP client")
}

/// Sends a request that has to succeed; the answer is JSON, or null where it is empty.
async fn done(request: reqwest::RequestBuilder, body: Option<Value>) -> anyhow::Result<Value> {
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await.context("cannot reach the forge")?;
    let status = answer.status();
    let text = answer.text().await.context("cannot read the answer")?;
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The number in an answer.
fn id_of(answer: &Value) -> anyhow::Result<i64> {
    answer["id"]
        .as_i64()
        .with_context(|| format!("no id in {answer}"))
}

/// The password of an account; these are no secrets, the forge lives for one story.
pub(crate) fn password_of(login: &str) -> String {
    format!("{login} of the story")
}
