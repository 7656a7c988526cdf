//! `ownergate ask`, the program itself: an agent has its token with one command, in a file or in the
//! hands of another program. Nobody edits a file; everything is in the flags.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Output, Stdio};
use std::time::Duration;

use ownergate::gate::ids::IssueNumber;
use ownergate::secret::file::write_secret_file;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::ground::{BOARD, Ground, bot_binary};
use super::life::assert_nothing_holds;
use super::thread::{Thread, plain_client};

/// A command that does not end is an error.
const PATIENCE: Duration = Duration::from_secs(60);

/// An agent's machine, and the command on it.
struct Agent {
    folder: TempDir,
    running: Pin<Box<dyn Future<Output = Output>>>,
}

impl Agent {
    /// Starts the command.
    async fn start(ground: &impl Ground, more: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let people = ground.people();
        let token = folder.path().join("forge-token");
        write_secret_file(&token, people.codex.token.as_bytes()).unwrap();
        let url = format!("{}/v1/bot-key", ground.bot_url());
        let key: Value = plain_client()
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let process = Command::new(bot_binary())
            .args(["ask", "--identity", "codex-*", "--scopes", "board:read"])
            .args([
                "--ttl",
                "1h",
                "--environment",
                "dev",
                "--reason",
                "to sort cards",
            ])
            .args(["--forge", &people.codex.base_url, "--repository", BOARD])
            .args([
                "--forge-token-file",
                "forge-token",
                "--bot",
                &ground.bot_url(),
            ])
            .args(["--bot-id", &people.bot.id.to_string()])
            .args(["--bot-key", key["public_key"].as_str().unwrap()])
            .args(more)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let running = Box::pin(async move {
            let ended = tokio::time::timeout(PATIENCE, process.wait_with_output());
            ended.await.unwrap().unwrap()
        });
        Self { folder, running }
    }

    /// Waits for the issue that it opens, and approves what is asked there.
    async fn approved<'a, G: Ground>(&mut self, ground: &'a G) -> Thread<'a, G> {
        let alice = &ground.people().alice;
        let path = format!("/repos/{BOARD}/issues?state=all");
        let issue = async {
            loop {
                let issues = alice.call(Method::GET, &path, None).await.unwrap().json();
                if let Some(number) = issues[0]["number"].as_i64() {
                    break IssueNumber(number);
                }
            }
        };
        let issue = tokio::select! {
            ended = &mut self.running => panic!("it ended early: {ended:?}"),
            issue = issue => issue,
        };
        let thread = Thread::of(ground, issue);
        let line = thread.approve_line().await;
        thread.say(alice, &line).await;
        thread.answer("credential").await;
        thread
    }

    /// The names of its files.
    fn files(&self) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = files.map(|file| name(file.unwrap().path())).collect();
        names.sort();
        names
    }
}

fn line(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes.trim_ascii()).unwrap()
}

pub(crate) async fn one_command_asks_and_its_token_is_used_with_no_file_edited(
    ground: &impl Ground,
) {
    let mut agent = Agent::start(ground, &["--title", "Cards", "--out", "token"]).await;
    let thread = agent.approved(ground).await;
    let ended = (&mut agent.running).await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stderr, b"");
    let said = line(&ended.stdout);
    assert_eq!(said["identity"], "codex-kan-1");
    assert_eq!(said["out"], "token");
    assert_eq!(agent.files(), ["forge-token", "token", "token.ask"]);
    let token = std::fs::read_to_string(agent.folder.path().join("token")).unwrap();
    let answer = thread.introspect(&token).await;
    assert_eq!(answer["sub"], "codex-kan-1");
    assert_eq!(answer["scope"], "board:read");
    assert_nothing_holds(ground, &token);
    let revoke = "/gate revoke codex-kan-1";
    thread.say(&ground.people().alice, revoke).await;
    thread.until_dead(&token).await;
}

pub(crate) async fn a_command_runs_with_a_token_and_nothing_is_on_disk(ground: &impl Ground) {
    let show = "printf '%s %s' \"$#\" \"$(cat \"$OWNERGATE_TOKEN_FILE\")\"; exit 9";
    let mut agent = Agent::start(ground, &["--exec", "sh", "-c", show, "x", "--out"]).await;
    let thread = agent.approved(ground).await;
    let ended = (&mut agent.running).await;
    // Its own exit code, and its own flags.
    assert_eq!(ended.status.code(), Some(9), "{ended:?}");
    let said = String::from_utf8(ended.stdout).unwrap();
    let token = said.strip_prefix("1 ").unwrap();
    assert!(thread.alive(token).await);
    assert_eq!(line(&ended.stderr)["credential"], "c1");
    assert!(!String::from_utf8_lossy(&ended.stderr).contains(token));
    assert_eq!(agent.files(), ["forge-token"]);

    let show = "printf %s \"$AGENT_TOKEN\"";
    let more = [
        "--issue",
        "1",
        "--env",
        "AGENT_TOKEN",
        "--exec",
        "sh",
        "-c",
        show,
    ];
    let mut second = Agent::start(ground, &more).await;
    loop {
        tokio::select! {
            ended = &mut second.running => panic!("it ended early: {ended:?}"),
            line = thread.approve_line() => {
                if line.contains(" R2 ") {
                    thread.say(&ground.people().alice, &line).await;
                    break;
                }
            }
        }
    }
    thread.answer_with("**R2 approved").await;
    let ended = (&mut second.running).await;
    assert!(ended.status.success(), "{ended:?}");
    let token = String::from_utf8(ended.stdout).unwrap();
    assert!(thread.alive(&token).await);
    assert_eq!(second.files(), ["forge-token"]);
    assert_nothing_holds(ground, &token);
}
