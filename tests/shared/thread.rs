//! One issue of the board, as people and the bot see it, and the agent who opens what stands there.
//!
//! Everything is read over the forge's API by alice, so that it is the same on both forges.

use std::process::Stdio;

use ownergate::gate::ids::{CommentId, IssueNumber};
use ownergate::miniforge::Person;
use ownergate::miniforge::people::ListedComment;
use ownergate::secret::file::write_secret_file;
use ownergate::secret::seal::generate_age_identity;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::ground::{BOARD, Ground, bot_binary};

/// The resource server's name and secret on both grounds.
const CLIENT: (&str, &str) = ("kanban-api", ownergate::demo::stage::CLIENT_SECRET);

/// An agent's key pair, in a file as `ownergate open` wants it.
pub(crate) struct Key {
    folder: TempDir,
    /// The public half.
    pub(crate) recipient: String,
}

impl Key {
    /// A new key.
    pub(crate) fn new() -> Self {
        let (secret, recipient) = generate_age_identity();
        let folder = TempDir::new().unwrap();
        write_secret_file(&folder.path().join("key"), secret.expose().as_bytes()).unwrap();
        Self {
            folder,
            recipient: recipient.to_string(),
        }
    }

    /// The line that asks for eight hours in `dev`.
    pub(crate) fn request(&self) -> String {
        format!(
            "/gate request identity=codex-* scopes=board:read,card:write ttl=8h environment=dev recipient={} reason=\"sort the roadmap\"",
            self.recipient
        )
    }

    /// Opens a comment of the bot with the command that agents use; gives the token.
    pub(crate) async fn open(&self, comment: &str, further: &[&str]) -> String {
        let token = self.folder.path().join("token");
        let mut process = tokio::process::Command::new(bot_binary())
            .arg("open")
            .arg("--identity")
            .arg(self.folder.path().join("key"))
            .arg("--out")
            .arg(&token)
            .args(further)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = process.stdin.take().unwrap();
        stdin.write_all(comment.as_bytes()).await.unwrap();
        drop(stdin);
        let done = process.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{}: {said}", done.status);
        let opened = std::fs::read_to_string(&token).unwrap();
        std::fs::remove_file(&token).unwrap();
        opened
    }
}

/// One issue of the board.
pub(crate) struct Thread<'a, G> {
    ground: &'a G,
    issue: IssueNumber,
}

/// What people do.
impl<'a, G: Ground> Thread<'a, G> {
    /// Opens an issue.
    pub(crate) async fn open(ground: &'a G, who: &Person, title: &str, body: &str) -> Self {
        let issue = who.open_issue(BOARD, title, body).await.unwrap();
        Self::of(ground, issue)
    }

    /// An issue that is there already.
    pub(crate) fn of(ground: &'a G, issue: IssueNumber) -> Self {
        Self { ground, issue }
    }

    /// Somebody comments.
    pub(crate) async fn say(&self, who: &Person, text: &str) -> CommentId {
        who.comment(BOARD, self.issue, text).await.unwrap()
    }

    /// The site's administrator comments in somebody's name.
    pub(crate) async fn say_as(&self, admin: &Person, whom: &Person, text: &str) -> CommentId {
        let said = admin.comment_as(&whom.login, BOARD, self.issue, text);
        said.await.unwrap()
    }

    /// Somebody edits a comment, maybe another's.
    pub(crate) async fn edit(&self, who: &Person, comment: CommentId, text: &str) {
        who.edit_comment(BOARD, comment, text).await.unwrap();
    }

    /// Somebody deletes a comment.
    pub(crate) async fn delete(&self, who: &Person, comment: CommentId) {
        who.delete_comment(BOARD, comment).await.unwrap();
    }

    /// Somebody closes the issue.
    pub(crate) async fn close(&self, who: &Person) {
        who.close(BOARD, self.issue).await.unwrap();
    }

    /// Somebody opens the issue again.
    pub(crate) async fn reopen(&self, who: &Person) {
        who.reopen(BOARD, self.issue).await.unwrap();
    }

    /// codex asks.
    pub(crate) async fn ask(&self, key: &Key) -> CommentId {
        self.say(&self.ground.people().codex, &key.request()).await
    }

    /// codex asks, alice approves, codex opens it and says that it has come.
    pub(crate) async fn credential(&self, key: &Key) -> String {
        self.ask(key).await;
        let line = self.approve_line().await;
        self.say(&self.ground.people().alice, &line).await;
        let sealed = self.answer("credential").await;
        let bot = self.ground.bot_url();
        key.open(&sealed, &["--activate", "--bot", &bot]).await
    }
}

/// What the bot does.
impl<G: Ground> Thread<'_, G> {
    /// All comments, oldest first.
    pub(crate) async fn comments(&self) -> Vec<ListedComment> {
        let alice = &self.ground.people().alice;
        alice.comments(BOARD, self.issue).await.unwrap()
    }

    /// What the bot has said so far, oldest first.
    pub(crate) async fn answers(&self) -> Vec<String> {
        let bot = self.ground.people().bot.id;
        let mut comments = self.comments().await;
        comments.retain(|comment| comment.author == bot);
        comments.into_iter().map(|comment| comment.body).collect()
    }

    /// Waits for a comment of the bot of this kind; gives the last one.
    pub(crate) async fn answer(&self, kind: &str) -> String {
        let is = |answer: &str| block(answer)["kind"] == kind;
        self.answer_that(&format!("an answer of the kind {kind}"), is)
            .await
    }

    /// Waits for the refusal with this code; gives the last one.
    pub(crate) async fn refusal(&self, code: &str) -> String {
        let is = |answer: &str| block(answer)["code"] == code;
        self.answer_that(&format!("the refusal {code}"), is).await
    }

    /// Waits for a comment of the bot with these words; gives the last one.
    pub(crate) async fn answer_with(&self, words: &str) -> String {
        let is = |answer: &str| answer.contains(words);
        self.answer_that(&format!("an answer with {words:?}"), is)
            .await
    }

    /// Waits for a comment of the bot; gives the last that fits.
    pub(super) async fn answer_that(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let find = async || {
            let answers = self.answers().await;
            answers.into_iter().rev().find(|answer| fits(answer))
        };
        let what = format!("{what} in {}", self.issue);
        let came = async || find().await.is_some();
        self.ground.until(&what, came).await;
        find().await.unwrap()
    }

    /// Waits for a reaction of the bot on a comment.
    pub(crate) async fn reacted(&self, comment: CommentId, with: &str) {
        let people = self.ground.people();
        let there = async || {
            let all = people.alice.reactions(BOARD, comment).await.unwrap();
            all.iter()
                .any(|reaction| reaction.user == people.bot.id && reaction.content == with)
        };
        let what = format!("the reaction {with} on {comment}");
        self.ground.until(&what, there).await;
    }

    /// The line that approves the request here, once the summary is there.
    pub(crate) async fn approve_line(&self) -> String {
        let summary = self.answer("request").await;
        block(&summary)["approve"].as_str().unwrap().to_owned()
    }

    /// Waits until the bot has dealt with everything said here so far, and gives the kinds of what it
    /// answered. Events of a thread are dealt with in order, so alice asks for something afterwards.
    pub(crate) async fn kinds_in_the_end(&self) -> Vec<String> {
        const HELP: &str = "/gate help [verb]";
        let helped = async || {
            let answers = self.answers().await;
            answers.iter().filter(|text| text.contains(HELP)).count()
        };
        let before = helped().await;
        self.say(&self.ground.people().alice, "/gate help").await;
        let answered = async || helped().await > before;
        self.ground.until("help", answered).await;
        let mut answers = self.answers().await;
        answers.retain(|text| !text.contains(HELP));
        let kind = |text: &String| block(text)["kind"].as_str().unwrap_or("none").to_owned();
        answers.iter().map(kind).collect()
    }

    /// What a resource server is told of a token.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let answer = plain_client()
            .post(format!("{}/v1/introspect", self.ground.bot_url()))
            .basic_auth(CLIENT.0, Some(CLIENT.1))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("token={token}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.json().await.unwrap()
    }

    /// True if a resource server is told that the token is alive, and of a dead one nothing else.
    pub(crate) async fn alive(&self, token: &str) -> bool {
        let answer = self.introspect(token).await;
        let alive = answer["active"] == true;
        assert!(
            alive || answer == serde_json::json!({"active": false}),
            "{answer}"
        );
        alive
    }

    /// Waits until the token is dead.
    pub(crate) async fn until_dead(&self, token: &str) {
        let dead = async || !self.alive(token).await;
        self.ground.until("the token's end", dead).await;
    }
}

/// Plain http on loopback.
pub(crate) fn plain_client() -> reqwest::Client {
    // Fails where somebody has installed it already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap()
}

/// The machine block of a comment.
pub(crate) fn block(body: &str) -> Value {
    body.lines()
        .find_map(|line| {
            line.strip_prefix("<!-- ownergate.v1 ")?
                .strip_suffix(" -->")
        })
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or(Value::Null)
}
