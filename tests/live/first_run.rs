//! From an empty folder to a token that a resource server takes, on a real forge and with nobody
//! editing a file: init, doctor, serve, doctor again, a request, an approval, a second board, undo.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ownergate::clock::Clock;
use ownergate::gate::ids::IssueNumber;
use ownergate::secret::file::{read_secret_file, write_secret_file};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::forge::RealForge;
use crate::shared::ground::bot_binary;
use crate::shared::thread::{Key, plain_client};

/// How long all of it may take the machine.
const MACHINE: Duration = Duration::from_secs(20);
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A folder with two tokens, in which everything happens.
struct Place {
    folder: TempDir,
    forge: RealForge,
}

impl Place {
    async fn new() -> Self {
        let forge = RealForge::start().await.unwrap();
        let folder = TempDir::with_prefix("ownergate-first-").unwrap();
        for (name, token) in [("admin", &forge.root1.token), ("owner", &forge.alice.token)] {
            write_secret_file(&folder.path().join(name), token.as_bytes()).unwrap();
        }
        Self { folder, forge }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program to its end; what it printed.
    fn run(&self, line: &str) -> String {
        let output = Command::new(bot_binary())
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{line}: {said}");
        said
    }

    /// The bot's newest comment of a kind in an issue.
    async fn answer(&self, issue: IssueNumber, kind: &str) -> String {
        let clock = Clock::system();
        let wanted = format!("\"kind\":\"{kind}\"");
        loop {
            let comments = self
                .forge
                .alice
                .comments("alice/board", issue)
                .await
                .unwrap();
            let found = comments.iter().rev().find(|comment| {
                comment.login == "gatekeeper" && comment.body.replace(": ", ":").contains(&wanted)
            });
            if let Some(found) = found {
                return found.body.clone();
            }
            assert!(clock.monotonic() < PATIENCE, "no {kind}: {comments:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The running bot; it ends with this.
struct Serving(Child);

impl Serving {
    async fn start(config: &Path, ready: &str) -> Self {
        let child = Command::new(bot_binary())
            .args(["serve", "--log", "warn", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let serving = Self(child);
        until(async || {
            let answer = plain_client().get(ready).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        serving
    }

    fn hang_up(&self) {
        let pid = Pid::from_raw(self.0.id().cast_signed()).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn until(holds: impl AsyncFn() -> bool) {
    let clock = Clock::system();
    while !holds().await {
        assert!(clock.monotonic() < PATIENCE);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Two ports that nobody used a moment ago.
fn ports() -> [u16; 2] {
    [(); 2].map(|()| ownergate::demo::stage::free_port().unwrap())
}

async fn introspect(internal: u16, client: &str, secret: &Path, token: &str) -> Value {
    let secret = read_secret_file(secret).unwrap();
    let answer = plain_client()
        .post(format!("http://127.0.0.1:{internal}/v1/introspect"))
        .basic_auth(client, Some(secret.expose()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("token={token}"))
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
#[expect(clippy::print_stdout, reason = "the figure that this is for")]
async fn from_an_empty_folder_to_a_token_that_is_used() {
    let place = Place::new().await;
    let [public, internal] = ports();
    let clock = Clock::system();
    let init = format!(
        "init --forge {} --token-file admin --repo alice/board --owner alice --create-bot \
         --bot-login gatekeeper --requester codex --listen 127.0.0.1:{public} \
         --internal-listen 127.0.0.1:{internal} --dir gate --yes",
        place.forge.url
    );
    let would = place.run(&format!("{init} --dry-run"));
    assert!(would.contains("would make webhook"), "{would}");
    assert!(!place.path("gate").exists(), "{would}");
    place.run(&init);
    let set_up = clock.monotonic();
    place.run("doctor --config gate/ownergate.toml");
    let ready = format!("http://127.0.0.1:{internal}/readyz");
    let serving = Serving::start(&place.path("gate/ownergate.toml"), &ready).await;
    let said = place.run("doctor --config gate/ownergate.toml --token-file owner");
    assert!(said.contains("all is well"), "{said}");
    let looked = clock.monotonic();
    a_token_is_used(&place, public, internal).await;
    let took = clock.monotonic();
    println!(
        "first run: init {} ms, doctor, serve and doctor {} ms, request to used token {} ms, together {} ms",
        set_up.as_millis(),
        (looked - set_up).as_millis(),
        (took - looked).as_millis(),
        took.as_millis()
    );
    assert!(took < MACHINE, "{took:?}");
    another_board(&place, &serving, &ready).await;
    let would = place.run("init --remove --token-file admin --dir gate --dry-run");
    assert!(
        would.contains("would undo the account gatekeeper"),
        "{would}"
    );
    let undone = place.run("init --remove --token-file admin --dir gate --yes");
    assert!(
        undone.contains("the account gatekeeper and its token"),
        "{undone}"
    );
    let hooks = place
        .forge
        .alice
        .call(Method::GET, "/repos/alice/board/hooks", None)
        .await;
    assert_eq!(hooks.unwrap().json(), json!([]));
}

/// The agent asks, the owner copies a line, the agent opens and uses what came.
async fn a_token_is_used(place: &Place, public: u16, internal: u16) {
    let key = Key::new();
    let codex = &place.forge.codex;
    let issue = codex
        .open_issue("alice/board", "a token", &key.request())
        .await
        .unwrap();
    let summary = place.answer(issue, "request").await;
    let line = summary
        .lines()
        .find(|line| line.starts_with("/gate approve"))
        .unwrap();
    place
        .forge
        .alice
        .comment("alice/board", issue, line)
        .await
        .unwrap();
    let sealed = place.answer(issue, "credential").await;
    let bot = format!("http://127.0.0.1:{public}");
    let token = key.open(&sealed, &["--activate", "--bot", &bot]).await;
    let secret = place.path("gate/secrets/client-board-api");
    let answer = introspect(internal, "board-api", &secret, &token).await;
    assert_eq!(
        (&answer["active"], &answer["scope"]),
        (&json!(true), &json!("board:read card:write"))
    );
}

/// A second board is added while the bot runs, and taken up on SIGHUP.
async fn another_board(place: &Place, serving: &Serving, ready: &str) {
    let repository = json!({"name": "ops", "auto_init": true});
    let alice = &place.forge.alice;
    let made = alice
        .call(Method::POST, "/user/repos", Some(&repository))
        .await
        .unwrap();
    assert_eq!(made.status, 201);
    place.run(
        "init --token-file owner --repo alice/ops --owner alice --requester codex --dir gate --yes",
    );
    serving.hang_up();
    until(async || {
        let state: Value = plain_client()
            .get(ready)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        state["boards"]
            .as_array()
            .is_some_and(|boards| boards.len() == 2)
    })
    .await;
    let said = place.run("doctor --config gate/ownergate.toml --token-file owner");
    assert!(said.contains("all is well"), "{said}");
    let again = place.run(
        "init --token-file owner --repo alice/ops --owner alice --requester codex --dir gate --yes",
    );
    assert!(again.contains("nothing was changed"), "{again}");
}
