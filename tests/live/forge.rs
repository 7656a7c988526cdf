//! A real forge in a temporary folder on a free loopback port, with the people of the
//! stories and the board `alice/board`.
//!
//! One process per `RealForge`, ended by its own process id when dropped. It runs the
//! binary that `OWNERGATE_FORGE_BIN` names (Forgejo or Gitea), otherwise the one that
//! `tests/live/build-forge` has built; it builds nothing itself. The calls that people
//! make on it are in `calls.rs`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a forge may take to answer its first call; it sets up a database before.
const START: Duration = Duration::from_secs(60);

/// How often somebody else may take the port between choosing and using it.
const ATTEMPTS: u32 = 3;

/// What everybody may do with the token of the story; the bot's is narrower.
const ALL: &[&str] = &["all"];

/// What the bot's token may do: comment, react, read the board, and ask who it is.
const BOT_SCOPES: &[&str] = &["write:issue", "read:repository", "read:user"];

/// An account of the forge, with what is needed to act as it.
#[derive(Debug)]
pub(crate) struct Person {
    /// The forge's number of the account, which never changes.
    pub(crate) id: u64,
    /// The name.
    pub(crate) login: String,
    /// The password of the web pages.
    pub(crate) password: String,
    /// An access token of the API.
    pub(crate) token: String,
}

/// A running forge, set up and ready.
pub(crate) struct RealForge {
    /// Where it answers, without a slash at the end.
    pub(crate) url: String,
    /// What `/api/v1/version` says.
    pub(crate) version: String,
    /// The number of the repository `alice/board`.
    pub(crate) board_id: u64,
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
        let (server, url, version) = start_server(&client, &binary()?).await?;
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

    /// Calls the API as somebody; an answer that is not 2xx is an error that shows it.
    pub(crate) async fn call(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let (status, answer) = self.try_call(who, method.clone(), path, body).await?;
        ensure!(
            status.is_success(),
            "{method} {path} as {}: {status}: {answer}",
            who.login
        );
        Ok(answer)
    }

    /// Calls the API as somebody and gives the status and the answer, whatever they are.
    pub(crate) async fn try_call(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let request = self
            .client
            .request(method, format!("{}/api/v1{path}", self.url))
            .header("Authorization", format!("token {}", who.token));
        send(request, body).await
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
        Ok(Person {
            id,
            login: login.to_owned(),
            password,
            token,
        })
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
        Ok(Person {
            id: id_of(&made)?,
            login: login.to_owned(),
            password,
            token,
        })
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
    async fn board(&self, alice: &Person) -> anyhow::Result<u64> {
        let body = json!({"name": "board", "auto_init": true, "default_branch": "main"});
        id_of(&done(self.post("/user/repos", alice), Some(body)).await?)
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

/// The forge's process and its folder; dropping it ends the one and removes the other.
struct Server {
    binary: PathBuf,
    folder: TempDir,
    process: Child,
}

impl Server {
    /// Writes the settings and starts the process.
    fn spawn(binary: &Path, port: u16) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("ownergate-forge-").context("cannot make a folder")?;
        let settings = folder.path().join("custom/conf");
        std::fs::create_dir_all(&settings)?;
        std::fs::write(
            settings.join("app.ini"),
            app_ini(binary, folder.path(), port),
        )?;
        let log = File::create(folder.path().join("log"))?;
        let process = command(binary, folder.path(), &["web"])
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self {
            binary: binary.to_owned(),
            folder,
            process,
        })
    }

    /// One of the forge's own commands, on the same folder.
    fn command(&self, arguments: &[&str]) -> Command {
        command(&self.binary, self.folder.path(), arguments)
    }

    /// What the process has printed.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already. Waiting for it keeps it from
        // writing into the folder while that is being removed.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A command of the forge with nothing of the caller's own forge settings in it.
fn command(binary: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("GITEA") || text.starts_with("FORGEJO") {
            command.env_remove(name);
        }
    }
    for prefix in ["GITEA", "FORGEJO"] {
        command
            .env(format!("{prefix}_WORK_DIR"), folder)
            .env(format!("{prefix}_CUSTOM"), folder.join("custom"));
    }
    command
        // A forge refuses to run as root otherwise, and CI is root.
        .env("GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT", "true")
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .args(arguments);
    command
}

/// The settings: everything in the folder, nothing that would leave loopback.
fn app_ini(binary: &Path, folder: &Path, port: u16) -> String {
    // A binary built by `build-forge` has its pages beside it, others inside.
    let pages = binary.with_file_name("static");
    let pages = if pages.is_dir() {
        format!("STATIC_ROOT_PATH = {}", pages.display())
    } else {
        String::new()
    };
    let folder = folder.display();
    format!(
        "APP_NAME = Ownergate's forge
RUN_MODE = prod
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
{pages}
OFFLINE_MODE = true
DISABLE_SSH = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = {folder}/forge.db
[repository]
ROOT = {folder}/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = a-key-of-a-forge-that-lives-for-one-story
PASSWORD_COMPLEXITY = off
[service]
DISABLE_REGISTRATION = true
[webhook]
ALLOWED_HOST_LIST = loopback
[indexer]
ISSUE_INDEXER_TYPE = db
[mailer]
ENABLED = false
[actions]
ENABLED = false
[cron.update_checker]
ENABLED = false
[log]
MODE = console
LEVEL = warn
"
    )
}

/// Starts the process and waits until it answers; gives its address and version.
async fn start_server(
    client: &reqwest::Client,
    binary: &Path,
) -> anyhow::Result<(Server, String, String)> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let port = free_port()?;
        let mut server = Server::spawn(binary, port)?;
        let url = format!("http://127.0.0.1:{port}");
        let waiting = first_answer(client, &mut server, &url);
        match tokio::time::timeout(START, waiting).await {
            Ok(Ok(version)) => return Ok((server, url, version)),
            Ok(Err(error)) if attempts < ATTEMPTS && server.log().contains("already in use") => {
                drop(error);
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => bail!(
                "the forge did not answer within {START:?}; it said:\n{}",
                server.log()
            ),
        }
    }
}

/// Asks for the version until it is told, or the process has ended.
async fn first_answer(
    client: &reqwest::Client,
    server: &mut Server,
    url: &str,
) -> anyhow::Result<String> {
    loop {
        if let Some(status) = server.process.try_wait()? {
            bail!(
                "the forge ended at once ({status}); it said:\n{}",
                server.log()
            );
        }
        let asked = client.get(format!("{url}/api/v1/version")).send().await;
        if let Ok(answer) = asked
            && answer.status().is_success()
        {
            let answer: Value = answer.json().await?;
            let version = answer["version"].as_str().context("no version")?;
            return Ok(version.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A port that nobody used a moment ago.
fn free_port() -> anyhow::Result<u16> {
    let socket =
        std::net::TcpListener::bind(("127.0.0.1", 0)).context("cannot open a loopback port")?;
    Ok(socket.local_addr()?.port())
}

/// The binary that is to be run.
fn binary() -> anyhow::Result<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it says which forge the stories run on; the program under test does not read it"
    )]
    let named = std::env::var_os("OWNERGATE_FORGE_BIN");
    if let Some(path) = named.filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        ensure!(
            path.is_file(),
            "OWNERGATE_FORGE_BIN names {}, which is not a file",
            path.display()
        );
        // The forge runs in a folder of its own.
        return path.canonicalize().context("cannot find the forge");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/build-forge");
    let answer = Command::new(&script)
        .arg("--where")
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    let path = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    ensure!(
        path.is_file(),
        "there is no forge to run the live stories against: run tests/live/build-forge first, or let OWNERGATE_FORGE_BIN name a Forgejo or Gitea binary"
    );
    Ok(path)
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

/// Sends a request; the answer is JSON, or null where it is empty, or its text.
async fn send(
    request: reqwest::RequestBuilder,
    body: Option<Value>,
) -> anyhow::Result<(StatusCode, Value)> {
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await.context("cannot reach the forge")?;
    let status = answer.status();
    let text = answer.text().await.context("cannot read the answer")?;
    if text.is_empty() {
        return Ok((status, Value::Null));
    }
    Ok((
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    ))
}

/// Sends a request that has to succeed.
async fn done(request: reqwest::RequestBuilder, body: Option<Value>) -> anyhow::Result<Value> {
    let (status, answer) = send(request, body).await?;
    ensure!(status.is_success(), "{status}: {answer}");
    Ok(answer)
}

/// The number in an answer.
fn id_of(answer: &Value) -> anyhow::Result<u64> {
    answer["id"]
        .as_u64()
        .with_context(|| format!("no id in {answer}"))
}

/// The password of an account; these are no secrets, the forge lives for one story.
fn password_of(login: &str) -> String {
    format!("{login} of the story")
}
