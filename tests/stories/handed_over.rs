//! The service manager keeps the listening sockets while the bot is restarted: every delivery of that
//! time is answered by one process or the other. And: secrets that are credentials of the unit.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use ownergate::clock::Clock;
use ownergate::demo::stage::{HOOK_SECRET, KAN_NAME, Setting, Stage};
use ownergate::miniforge::hmac_sha256;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::harness_edges::{json_of, soon};

/// A bot that was given its sockets, as systemd gives them: from the third descriptor on.
struct Unit {
    child: tokio::process::Child,
}

impl Unit {
    /// Starts `serve` with these listeners under these names.
    fn start(
        stage: &Stage,
        names: &str,
        public: &TcpListener,
        internal: Option<&TcpListener>,
    ) -> Self {
        stage.config().unwrap();
        // A shell puts them where they belong and becomes the bot, so that the process is the announced one.
        let script = "exec 3<&0 4>&1 0</dev/null 1>&2; LISTEN_PID=$$ exec \"$0\" \"$@\"";
        let handed =
            |listener: &TcpListener| Stdio::from(OwnedFd::from(listener.try_clone().unwrap()));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(stage.directory().join("log"))
            .unwrap();
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                script,
                env!("CARGO_BIN_EXE_ownergate"),
                "serve",
                "--config",
            ])
            .arg(stage.directory().join("ownergate.toml"))
            .env("LISTEN_FDS", if internal.is_some() { "2" } else { "1" })
            .env("LISTEN_FDNAMES", names)
            .stdin(handed(public))
            .stdout(internal.map_or_else(Stdio::null, handed))
            .stderr(log);
        let child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child }
    }

    /// SIGTERM, and the end in order.
    async fn stop(mut self) {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert_eq!(soon(self.child.wait()).await.unwrap().code(), Some(0));
    }
}

/// Waits for an answer of the bot, whichever process gives it.
async fn readyz(stage: &Stage) -> u16 {
    let url = format!("{}/readyz", stage.url());
    let asked = async {
        loop {
            let answer = stage.client().get(&url).send().await.unwrap();
            if answer.status() == 200 {
                return 200;
            }
        }
    };
    soon(asked).await
}

/// Signed deliveries of new comments, one after another, until it is told to end: the numbers of the
/// comments, each with what was answered.
async fn deliver_all_the_while(
    (client, url): (reqwest::Client, String),
    template: Arc<Value>,
    next: Arc<AtomicI64>,
    over: Arc<AtomicBool>,
) -> Vec<(i64, String)> {
    let mut sent = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let id = next.fetch_add(1, Ordering::SeqCst);
        let mut body = template.as_ref().clone();
        body["comment"]["id"] = id.into();
        let body = serde_json::to_vec(&body).unwrap();
        let answer = client
            .post(&url)
            .header("Content-Type", "application/json")
            .header("X-Forgejo-Signature", hmac_sha256(HOOK_SECRET, &body))
            .body(body)
            .send()
            .await;
        let said = answer.map_or_else(|lost| format!("{lost:?}"), |it| it.status().to_string());
        sent.push((id, said));
    }
    sent
}

/// The numbers of comments that the journal has heard of.
fn journaled(stage: &Stage) -> BTreeSet<i64> {
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(stage.directory().join("data/journal")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for part in text.split("\"comment\":").skip(1) {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            found.extend(digits.parse::<i64>());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_delivery_is_lost_by_restarts_while_the_socket_is_kept() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::build(directory.path(), Setting::new(Clock::system())).unwrap();
    let listener = TcpListener::bind(stage.url().trim_start_matches("http://")).unwrap();
    let mut unit = Unit::start(&stage, "public", &listener, None);
    assert_eq!(readyz(&stage).await, 200);
    let issue = stage
        .codex
        .open_issue(KAN_NAME, "restarts", "")
        .await
        .unwrap();
    stage
        .codex
        .comment(KAN_NAME, issue, "good morning")
        .await
        .unwrap();
    soon(stage.forge.hooks_idle()).await;
    let template = Arc::new(json_of(stage.forge.deliveries().last().unwrap()));
    let (next, over) = (
        Arc::new(AtomicI64::new(700_000)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut senders = JoinSet::new();
    for _ in 0..4 {
        let to = (stage.client().clone(), format!("{}/hooks/kan", stage.url()));
        let (template, next, over) = (template.clone(), next.clone(), over.clone());
        senders.spawn(deliver_all_the_while(to, template, next, over));
    }
    for _ in 0..3 {
        let before = next.load(Ordering::SeqCst);
        unit.stop().await;
        unit = Unit::start(&stage, "public", &listener, None);
        assert_eq!(readyz(&stage).await, 200);
        // Deliveries go on before the next one.
        while next.load(Ordering::SeqCst) < before + 12 {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::SeqCst);
    let sent: Vec<(i64, String)> = soon(senders.join_all()).await.concat();
    unit.stop().await;
    let lost: Vec<_> = sent
        .iter()
        .filter(|(_, said)| said != "202 Accepted")
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {}: {lost:?}",
        lost.len(),
        sent.len()
    );
    let journaled = journaled(&stage);
    let missing: Vec<_> = sent
        .iter()
        .filter(|(id, _)| !journaled.contains(id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(sent.len() >= 36, "{}", sent.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_socket_serves_what_its_name_says() {
    let directory = TempDir::new().unwrap();
    let mut setting = Setting::new(Clock::system());
    let beside = "[server]\ninternal_listen = \"127.0.0.1:1\"";
    setting.config = setting.config.replacen("[server]", beside, 1);
    let stage = Stage::build(directory.path(), setting).unwrap();
    let public = TcpListener::bind(stage.url().trim_start_matches("http://")).unwrap();
    let internal = TcpListener::bind("127.0.0.1:0").unwrap();
    let inside = format!("http://{}", internal.local_addr().unwrap());
    let unit = Unit::start(&stage, "public:internal", &public, Some(&internal));
    let status = async |url: String| {
        let answer = soon(stage.client().get(url).send()).await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!(status(format!("{}/healthz", stage.url())).await, 200);
    assert_eq!(status(format!("{}/metrics", stage.url())).await, 404);
    assert_eq!(status(format!("{inside}/metrics")).await, 200);
    assert_eq!(status(format!("{inside}/v1/bot-key")).await, 404);
    unit.stop().await;
    // The sockets are open all the same: whoever calls now is kept waiting, not refused.
    for listener in [&public, &internal] {
        std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    }
}

#[test]
fn secrets_are_read_from_the_credentials_of_the_unit() {
    let directory = TempDir::new().unwrap();
    let mut setting = Setting::new(Clock::system());
    for name in ["pepper", "hook"] {
        setting.config = setting.config.replace(
            &format!("\"secrets/{name}\""),
            &format!("\"credential:{name}\""),
        );
    }
    let stage = Stage::build(directory.path(), setting).unwrap();
    stage.config().unwrap();
    let credentials = stage.directory().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    for name in ["pepper", "hook"] {
        let from = stage.directory().join("secrets").join(name);
        std::fs::rename(from, credentials.join(name)).unwrap();
    }
    let check = |folder: Option<&std::path::Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ownergate"));
        command.args(["check-config", "--config"]);
        command.arg(stage.directory().join("ownergate.toml"));
        command.env_remove("CREDENTIALS_DIRECTORY");
        if let Some(folder) = folder {
            command.env("CREDENTIALS_DIRECTORY", folder);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = check(Some(&credentials));
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = check(None);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("secrets.pepper_file: is a credential"),
        "{said}"
    );
    assert!(said.contains("LoadCredential=pepper:FILE"), "{said}");
    let (code, said) = check(Some(stage.directory()));
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot be read: No such file"), "{said}");
}
