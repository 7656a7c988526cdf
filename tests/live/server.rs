//! The process of a real forge: its binary, its folder with the settings, its end.
//!
//! Everything that it writes is in the folder, and nothing that it does leaves loopback.
//! It is ended by its own process id. It knows nothing of people and boards.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

/// How often somebody else may take the port between choosing and using it.
const ATTEMPTS: u32 = 3;

/// How long a forge may take to answer its first call; it sets up a database before.
const START: Duration = Duration::from_secs(60);

/// The forge's process and its folder; dropping it ends the one and removes the other.
pub(crate) struct Server {
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
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
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
pub(crate) async fn start(
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
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
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
