//! What stories about attackers, outages and crashes need beside the usual harness: deliveries that
//! somebody made up, HTTP byte by byte, counters, restarts, and a bot in a process of its own.
//!
//! Nothing here sleeps: a story waits for a call at the forge, for the bot's word that it is ready, or
//! for the end of a process.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ownergate::demo::stage::{HOOK_SECRET, KAN, KAN_NAME, Stage};
use ownergate::gate::ids::{CommentId, IssueNumber, ThreadKey, UserId};
use ownergate::miniforge::people::Person;
use ownergate::miniforge::{Delivery, Outcome, hmac_sha256};
use reqwest::{Method, StatusCode};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixDatagram};

use crate::harness::{Story, Thread, block};
use crate::shared::ground::bot_binary;

/// Longer than anything takes; only a story that hangs meets it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that comes soon, and fails the story if it does not.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.unwrap()
}

impl Story {
    /// A thread of `kan` that is there already.
    pub(crate) fn at(&self, issue: i64) -> Thread<'_> {
        Thread {
            story: self,
            repository: KAN,
            name: KAN_NAME.to_owned(),
            issue: IssueNumber(issue),
        }
    }

    /// Kills the bot and starts it on the same directory.
    pub(crate) async fn start_again(&mut self) {
        self.stage.kill_bot().await;
        self.stage.start_bot().await.unwrap();
        self.stage.settle().await.unwrap();
    }

    /// The board is read, as happens every fifteen seconds.
    pub(crate) async fn reconcile(&self) -> bool {
        self.stage.reconcile(KAN).await.unwrap()
    }

    /// One value of the metrics, 0 if it is not there.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await.1;
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// A plain GET of the bot.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let url = format!("{}{path}", self.stage.url());
        let answer = self.stage.client().get(url).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// What `readyz` says.
    pub(crate) async fn ready(&self) -> Value {
        serde_json::from_str(&self.get("/readyz").await.1).unwrap()
    }

    /// What was answered to the delivery that told of a comment.
    pub(crate) fn answer_to(&self, comment: CommentId) -> Option<Outcome> {
        let deliveries = self.stage.forge.deliveries();
        let told = deliveries
            .iter()
            .find(|delivery| json_of(delivery)["comment"]["id"] == json!(comment.0));
        told.map(|delivery| delivery.outcome.clone())
    }

    /// Calls of the bot so far that fit.
    pub(crate) fn calls(&self, method: &str, part: &str) -> usize {
        let calls = self.stage.forge.calls();
        calls
            .iter()
            .filter(|call| call.method == method && call.path.contains(part))
            .filter(|call| call.user.is_none_or(|user| user == UserId(5)))
            .count()
    }
}

impl Thread<'_> {
    /// How many comments of the bot have a machine block of this kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let replies = self.replies();
        replies
            .iter()
            .filter(|reply| block(reply)["kind"] == kind)
            .count()
    }

    /// True if the bot said this here.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.replies().iter().any(|reply| reply.contains(text))
    }

    /// Somebody edits a comment; everything that follows happens.
    pub(crate) async fn edit(&self, who: &Person, comment: CommentId, body: &str) {
        who.edit_comment(&self.name, comment, body).await.unwrap();
        self.story.stage.settle().await.unwrap();
    }

    /// Somebody deletes a comment; everything that follows happens.
    pub(crate) async fn delete(&self, who: &Person, comment: CommentId) {
        who.delete_comment(&self.name, comment).await.unwrap();
        self.story.stage.settle().await.unwrap();
    }

    /// The bot's comment of a kind, newest first.
    pub(crate) fn comment_of(&self, kind: &str) -> CommentId {
        let thread = ThreadKey {
            repository: self.repository,
            issue: self.issue,
        };
        let comments = self.story.stage.forge.comments(thread);
        let found = comments
            .iter()
            .rev()
            .find(|comment| comment.author == UserId(5) && block(&comment.body)["kind"] == kind);
        found.unwrap().id
    }
}

/// The body of a delivery; `null` if it was forgotten.
pub(crate) fn json_of(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap_or(Value::Null)
}

/// A delivery that somebody makes up who knows the secret of the hook.
#[derive(Clone)]
pub(crate) struct Forged {
    event: &'static str,
    body: Value,
}

impl Forged {
    /// Made of the last delivery of a comment.
    pub(crate) fn comment(story: &Story) -> Self {
        Self::of(story, "issue_comment")
    }

    /// Made of the last delivery of an issue.
    pub(crate) fn issue(story: &Story) -> Self {
        Self::of(story, "issues")
    }

    fn of(story: &Story, event: &'static str) -> Self {
        let deliveries = story.stage.forge.deliveries();
        let last = deliveries
            .iter()
            .rev()
            .find(|delivery| delivery.header("X-Forgejo-Event") == Some(event));
        Self {
            event,
            body: json_of(last.unwrap()),
        }
    }

    /// Anything in it.
    pub(crate) fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        *self.body.pointer_mut(pointer).unwrap() = value.into();
        self
    }

    /// The comment's number and text.
    pub(crate) fn saying(self, id: i64, text: &str) -> Self {
        self.with("/action", "created")
            .with("/comment/id", id)
            .with("/comment/body", text)
    }

    /// Who wrote it, by the delivery.
    pub(crate) fn by(self, who: &Person) -> Self {
        self.with("/comment/user/id", who.id.0)
            .with("/comment/user/login", who.login.as_str())
            .sent_by(who)
    }

    /// Who did it, by the delivery.
    pub(crate) fn sent_by(self, who: &Person) -> Self {
        self.with("/sender/id", who.id.0)
            .with("/sender/login", who.login.as_str())
    }

    /// In which issue, by the delivery.
    pub(crate) fn in_issue(self, issue: i64) -> Self {
        self.with("/issue/number", issue)
    }

    /// The signed bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&self.body).unwrap()
    }

    /// Sends it under the signature of `kan`'s hook; everything that follows happens.
    pub(crate) async fn send(&self, story: &Story) {
        self.post(story);
        story.stage.settle().await.unwrap();
    }

    /// Puts it in line.
    pub(crate) fn post(&self, story: &Story) {
        let stage = &story.stage;
        stage
            .forge
            .forge_delivery(stage.kan_hook, self.event, self.bytes())
            .unwrap();
    }
}

/// What came back over a connection.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends bytes and reads until the other side ends the connection.
pub(crate) async fn raw(url: &str, request: &[u8]) -> Raw {
    let address = url.strip_prefix("http://").unwrap();
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    let request = request.to_vec();
    // A refusal may come, and the connection end, before everything is sent.
    let sending = tokio::spawn(async move {
        let _ = writing.write_all(&request).await;
        writing
    });
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = soon(reading.read(&mut part)).await {
        answer.extend_from_slice(&part[..count]);
    }
    sending.abort();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let (head, body) = match head.starts_with("HTTP/1.1 100") {
        true => body.split_once("\r\n\r\n").unwrap_or((body, "")),
        false => (head, body),
    };
    Raw {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0),
        body: body.to_owned(),
    }
}

/// The request line and headers of a signed delivery to `kan`, then whatever else is given.
pub(crate) fn delivery_head(version: &str, body: &[u8], more: &str) -> Vec<u8> {
    format!(
        "POST /hooks/kan {version}\r\nHost: bot\r\nConnection: close\r\nX-Forgejo-Signature: {}\r\n{more}\r\n",
        hmac_sha256(HOOK_SECRET, body)
    )
    .into_bytes()
}

/// A call of the bot's own account, as whoever stole its token makes it.
pub(crate) async fn edit_as_bot(stage: &Stage, comment: CommentId, body: &str) {
    let path = format!("/repos/{KAN_NAME}/issues/comments/{comment}");
    let answer = stage
        .bot_account
        .call(Method::PATCH, &path, Some(&json!({ "body": body })))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
}

/// The bot in a process of its own.
pub(crate) struct Process {
    child: tokio::process::Child,
    /// Where the service manager would listen.
    notified: UnixDatagram,
    /// Where its log goes: a pipe that nobody reads would stop it when it is full.
    log: PathBuf,
}

impl Process {
    /// Starts `ownergate serve` with the stage's configuration and more arguments.
    pub(crate) fn start(stage: &Stage, more: &[&str]) -> Self {
        stage.config().unwrap();
        let socket = stage.directory().join("notify");
        // One of a process before, perhaps.
        let _ = std::fs::remove_file(&socket);
        let notified = UnixDatagram::bind(&socket).unwrap();
        let log = stage.directory().join("log");
        let child = command(stage, "serve", "ownergate.toml")
            .args(more)
            .env("NOTIFY_SOCKET", &socket)
            .stderr(std::fs::File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            child,
            notified,
            log,
        }
    }

    /// Waits until the bot says that it works.
    pub(crate) async fn ready(&self) {
        let mut message = [0; 256];
        loop {
            let count = soon(self.notified.recv(&mut message)).await.unwrap();
            if String::from_utf8_lossy(&message[..count]).contains("READY=1") {
                return;
            }
        }
    }

    /// SIGKILL, and the end of the process.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGKILL, without waiting for anything.
    pub(crate) fn kill_soon(&mut self) {
        self.child.start_kill().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// SIGSTOP, until every thread has stopped, or SIGCONT.
    pub(crate) fn stand_still(&self, still: bool) {
        self.signal(if still { Signal::STOP } else { Signal::CONT });
        let threads = format!("/proc/{}/task", self.pid());
        let stopped = || {
            std::fs::read_dir(&threads).unwrap().all(|thread| {
                let stat = std::fs::read_to_string(thread.unwrap().path().join("stat"));
                // A thread that has just ended does nothing either.
                stat.map_or(true, |stat| {
                    stat.rsplit(") ").next().unwrap().starts_with('T')
                })
            })
        };
        while still && !stopped() {
            std::thread::yield_now();
        }
    }

    /// No file of the process may become longer, as on a full disk.
    pub(crate) fn limit_files_to(&self, bytes: u64) {
        let pid = Pid::from_raw(self.pid().cast_signed());
        let limit = Rlimit {
            current: Some(bytes),
            maximum: None,
        };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end: how it ended, and what stood on standard error.
    pub(crate) async fn end(mut self) -> (ExitStatus, String) {
        let status = soon(self.child.wait()).await.unwrap();
        (status, std::fs::read_to_string(&self.log).unwrap())
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }
}

/// One run of the program to its end: how it ended, and what it wrote.
pub(crate) async fn run(stage: &Stage, subcommand: &str, more: &[&str]) -> (ExitStatus, String) {
    let mut command = command(stage, subcommand, "ownergate.toml");
    ended(command.args(more)).await
}

/// The same with another configuration.
pub(crate) async fn run_with(
    stage: &Stage,
    subcommand: &str,
    config: &str,
) -> (ExitStatus, String) {
    ended(&mut command(stage, subcommand, config)).await
}

async fn ended(command: &mut tokio::process::Command) -> (ExitStatus, String) {
    let output = soon(command.output()).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&text).into_owned())
}

fn command(stage: &Stage, subcommand: &str, config: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(bot_binary());
    command
        .arg(subcommand)
        .arg("--config")
        .arg(stage.directory().join(config))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
