//! What the stories are told with: a stage in a temporary directory, and threads in it.
//!
//! Dropping a `Story` fails the test if the bot still has work or an outgoing byte held a token.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN, KAN_NAME, OPS, OPS_NAME, Setting, Stage};
use ownergate::gate::ids::{CommentId, IssueNumber, RepositoryId, UserId};
use ownergate::miniforge::people::Person;
use ownergate::secret::clipboard::sealed_file_in;
use ownergate::secret::file::SecretText;
use ownergate::secret::seal::{AgeIdentity, generate_age_identity, unseal_any};
use serde_json::Value;
use tempfile::TempDir;

use crate::shared::ground::changed;

/// 24 November 2026, 14:00 UTC.
pub(crate) fn noon() -> Timestamp {
    "2026-11-24T14:00:00Z".parse().unwrap()
}

/// A stage and the tokens that came out of it.
pub(crate) struct Story {
    pub(crate) stage: Stage,
    /// Kept for its drop, which removes it.
    _directory: TempDir,
    tokens: Mutex<Vec<String>>,
}

impl Story {
    /// The usual stage with a manual clock.
    pub(crate) async fn begin() -> Self {
        Self::with(|_| {}).await
    }

    /// A stage with another setting.
    pub(crate) async fn with(change: impl FnOnce(&mut Setting)) -> Self {
        let directory = TempDir::new().unwrap();
        let mut setting = Setting::new(Clock::manual(noon()));
        change(&mut setting);
        let stage = Stage::set(directory.path(), setting).await.unwrap();
        Self {
            stage,
            _directory: directory,
            tokens: Mutex::default(),
        }
    }

    /// The usual stage with another configuration: each text is replaced where it stands first.
    pub(crate) async fn configured(changes: &[(&str, &str)]) -> Self {
        Self::with(|setting| change(&mut setting.config, changes)).await
    }

    /// Stops the bot as SIGTERM does, changes its configuration and starts it.
    pub(crate) async fn restart(&mut self, changes: &[(&str, &str)]) {
        self.stage.stop_bot().await;
        change(&mut self.stage.setting().config, changes);
        self.stage.start_bot().await.unwrap();
        self.stage.settle().await.unwrap();
    }

    /// Stops the bot, deletes its store and starts it: nothing is known any more.
    pub(crate) async fn forget_everything(&mut self) {
        self.stage.stop_bot().await;
        std::fs::remove_dir_all(self.stage.directory().join("data")).unwrap();
        self.stage.start_bot().await.unwrap();
    }

    /// A thread of `kan` that is there already.
    pub(crate) fn again(&self, issue: IssueNumber) -> Thread<'_> {
        Thread {
            story: self,
            repository: KAN,
            name: KAN_NAME.to_owned(),
            issue,
        }
    }

    /// Opens an issue of `ops`.
    pub(crate) async fn ops_thread(&self, who: &Person, title: &str) -> Thread<'_> {
        self.thread_in(OPS, OPS_NAME, who, title, "").await
    }

    /// Opens an issue of `kan`.
    pub(crate) async fn thread(&self, who: &Person, title: &str) -> Thread<'_> {
        self.thread_with(who, title, "").await
    }

    /// Opens an issue of `kan` with a text.
    pub(crate) async fn thread_with(&self, who: &Person, title: &str, body: &str) -> Thread<'_> {
        self.thread_in(KAN, KAN_NAME, who, title, body).await
    }

    /// Opens an issue of a repository.
    pub(crate) async fn thread_in(
        &self,
        repository: RepositoryId,
        name: &str,
        who: &Person,
        title: &str,
        body: &str,
    ) -> Thread<'_> {
        let issue = who.open_issue(name, title, body).await.unwrap();
        self.stage.settle().await.unwrap();
        Thread {
            story: self,
            repository,
            name: name.to_owned(),
            issue,
        }
    }

    /// Time goes by.
    pub(crate) async fn pass(&self, seconds: i64) {
        self.stage
            .clock()
            .advance(SignedDuration::from_secs(seconds));
        // Uses are written down every hour: whoever does it, it is done when this returns.
        if let (true, Ok(bot)) = (seconds >= 3_600, self.stage.bot()) {
            bot.journal_uses().await;
        }
        self.stage.settle().await.unwrap();
    }

    /// True if the resource server is told that the token is alive.
    pub(crate) async fn alive(&self, token: &str) -> bool {
        let answer = self.stage.introspect(token).await.unwrap();
        if answer["active"] == false {
            assert_eq!(answer, serde_json::json!({"active": false}));
        }
        answer["active"] == true
    }

    /// What the token may do by the resource server's answer; `inactive` if it is dead.
    pub(crate) async fn may(&self, token: &str) -> String {
        self.may_at("kanban-api", token).await
    }

    /// What a resource server is told that the token may do.
    pub(crate) async fn may_at(&self, client: &str, token: &str) -> String {
        let answer = self.stage.introspect_as(client, token).await.unwrap();
        match answer["scope"].as_str() {
            Some(scope) => scope.to_owned(),
            None => {
                assert_eq!(answer, serde_json::json!({"active": false}));
                "inactive".to_owned()
            }
        }
    }

    /// Remembers a token, which must then be in no byte that leaves the process.
    pub(crate) fn remember(&self, token: &str) {
        self.tokens.lock().unwrap().push(token.to_owned());
    }

    /// The journal's text.
    pub(crate) fn journal(&self) -> String {
        let mut text = String::new();
        let folder = self.stage.directory().join("data/journal");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            text.push_str(&std::fs::read_to_string(file).unwrap());
        }
        text
    }

    /// Lines in the journal.
    pub(crate) fn lines(&self) -> usize {
        self.journal().lines().count()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Ok(bot) = self.stage.bot() {
            assert!(bot.is_idle(), "the bot still has work to do");
        }
        for token in self.tokens.lock().unwrap().iter() {
            self.leak_canary(token);
        }
    }
}

impl Story {
    /// No 16 consecutive characters of the token's hex digits in any byte that left the bot or
    /// reached the disk.
    fn leak_canary(&self, token: &str) {
        let hex = &token[token.len() - 64..];
        let windows: Vec<&str> = (0..=48).map(|at| &hex[at..at + 16]).collect();
        let finds = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
            windows.iter().any(|window| text.contains(window))
        };
        for call in self.stage.forge.calls() {
            if call.user == Some(UserId(5)) {
                assert!(
                    !finds(&call.request),
                    "{} {} holds a token",
                    call.method,
                    call.path
                );
            }
        }
        let mut folders = vec![self.stage.directory().join("data")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    assert!(
                        !finds(&std::fs::read(&path).unwrap()),
                        "{} holds a token",
                        path.display()
                    );
                }
            }
        }
    }
}

/// An agent's key pair.
pub(crate) struct Key {
    pub(crate) identity: AgeIdentity,
    pub(crate) secret: SecretText,
    pub(crate) recipient: String,
}

impl Key {
    pub(crate) fn new() -> Self {
        let (secret, recipient) = generate_age_identity();
        Self {
            identity: identity(&secret),
            recipient: recipient.to_string(),
            secret,
        }
    }
}

fn identity(secret: &SecretText) -> AgeIdentity {
    AgeIdentity::parse(secret.expose()).unwrap()
}

/// One issue of a board.
pub(crate) struct Thread<'a> {
    pub(crate) story: &'a Story,
    pub(crate) repository: RepositoryId,
    pub(crate) name: String,
    pub(crate) issue: IssueNumber,
}

impl Thread<'_> {
    /// Somebody comments; everything that follows from it happens.
    pub(crate) async fn comment(&self, who: &Person, body: &str) -> CommentId {
        let id = self.say(who, body).await;
        self.story.stage.settle().await.unwrap();
        id
    }

    /// Somebody comments: what the bot then says here, as people see it.
    pub(crate) async fn answer(&self, who: &Person, body: &str) -> String {
        let before = self.replies().len();
        self.comment(who, body).await;
        self.news(before)
    }

    /// What the bot said here after its first `before` comments, as people see it.
    pub(crate) fn news(&self, before: usize) -> String {
        let news: Vec<String> = self
            .replies()
            .iter()
            .skip(before)
            .map(|reply| plain(&visible(reply)))
            .collect();
        if news.is_empty() {
            "(silence)".to_owned()
        } else {
            news.join("\n----\n")
        }
    }

    /// The same remarks, one after the other: each with the code of its refusal and the answer.
    pub(crate) async fn table(&self, who: &Person, remarks: &[&str]) -> String {
        let mut text = String::new();
        for remark in remarks {
            let before = self.replies().len();
            let answer = self.answer(who, remark).await;
            let code = match self.replies().get(before).map(|reply| block(reply)) {
                Some(block) if block["kind"] == "refusal" => {
                    block["code"].as_str().unwrap_or("none").to_owned()
                }
                Some(_) => "done".to_owned(),
                None => "nothing".to_owned(),
            };
            text.push_str(&format!("> {}\n{code}: {answer}\n\n", plain(remark)));
        }
        text.trim_end().to_owned()
    }

    /// The code of the last thing that the bot refused here.
    pub(crate) fn last_code(&self) -> String {
        self.block("refusal")["code"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    }

    /// Somebody comments; nothing is waited for.
    pub(crate) async fn say(&self, who: &Person, body: &str) -> CommentId {
        who.comment(&self.name, self.issue, body).await.unwrap()
    }

    /// An agent asks for `board:read,card:write` for 8 h in `dev`.
    pub(crate) async fn ask(&self, who: &Person, key: &Key) -> CommentId {
        self.ask_for(who, key, "codex-*", "board:read,card:write", "8h", "dev")
            .await
    }

    /// An agent asks.
    pub(crate) async fn ask_for(
        &self,
        who: &Person,
        key: &Key,
        identity: &str,
        scopes: &str,
        ttl: &str,
        environment: &str,
    ) -> CommentId {
        let line = format!(
            "/gate request identity={identity} scopes={scopes} ttl={ttl} environment={environment} recipient={} reason=\"sort the roadmap\"",
            key.recipient
        );
        self.comment(who, &line).await
    }

    /// What the bot said here, oldest first.
    pub(crate) fn replies(&self) -> Vec<String> {
        let thread = ownergate::gate::ids::ThreadKey {
            repository: self.repository,
            issue: self.issue,
        };
        self.story
            .stage
            .forge
            .comments(thread)
            .into_iter()
            .filter(|comment| comment.author == UserId(5))
            .map(|comment| comment.body)
            .collect()
    }

    /// The last thing that the bot said here, without the hidden part.
    pub(crate) fn last_reply(&self) -> String {
        visible(&self.replies().pop().unwrap_or_default())
    }

    /// The machine block of the bot's last comment of a kind.
    pub(crate) fn block(&self, kind: &str) -> Value {
        self.replies()
            .iter()
            .rev()
            .map(|reply| block(reply))
            .find(|block| block["kind"] == kind)
            .unwrap_or(Value::Null)
    }

    /// The line that approves the last request here.
    pub(crate) fn approve_line(&self) -> String {
        self.block("request")["approve"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Opens the last credential here.
    pub(crate) fn open(&self, key: &Key) -> String {
        let reply = self
            .replies()
            .into_iter()
            .rev()
            .find(|reply| block(reply)["kind"] == "credential")
            .unwrap();
        let sealed = sealed_file_in(reply.as_bytes()).unwrap();
        let token = unseal_any(std::slice::from_ref(&key.identity), &sealed).unwrap();
        self.story.remember(token.expose());
        token.expose().to_owned()
    }

    /// The last request here is approved as it was asked, and its credential opened.
    pub(crate) async fn approved(&self, who: &Person, key: &Key) -> String {
        let line = self.approve_line();
        self.comment(who, &line).await;
        self.open(key)
    }

    /// The bot's reactions on a comment.
    pub(crate) async fn reactions(&self, comment: CommentId) -> Vec<String> {
        let all = self
            .story
            .stage
            .alice
            .reactions(&self.name, comment)
            .await
            .unwrap();
        all.into_iter()
            .filter(|reaction| reaction.user == UserId(5))
            .map(|reaction| reaction.content)
            .collect()
    }

    /// Asked, approved by alice, opened.
    pub(crate) async fn credential(&self, key: &Key) -> String {
        self.ask(&self.story.stage.codex, key).await;
        let line = self.approve_line();
        self.comment(&self.story.stage.alice, &line).await;
        self.open(key)
    }
}

/// A comment without its hidden part.
pub(crate) fn visible(body: &str) -> String {
    body.split("\n\n<!--").next().unwrap_or("").to_owned()
}

/// A text with everything that differs from run to run replaced: codes, recipients, sealed files;
/// and with what cannot be seen made visible.
pub(crate) fn plain(text: &str) -> String {
    let ends = "-----END AGE ENCRYPTED FILE-----";
    let text = match (text.find("-----BEGIN AGE"), text.find(ends)) {
        (Some(from), Some(to)) => {
            format!("{}(age file){}", &text[..from], &text[to + ends.len()..])
        }
        _ => text.to_owned(),
    };
    let of_word = |character: char| character.is_ascii_alphanumeric() || "-…".contains(character);
    let mut shown = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let end = rest.find(|c| !of_word(c)).unwrap_or(rest.len());
        shown.push_str(&replaced(&rest[..end]));
        rest = &rest[end..];
        let end = rest.find(of_word).unwrap_or(rest.len());
        for character in rest[..end].chars() {
            shown.push_str(&seen(character));
        }
        rest = &rest[end..];
    }
    shown
}

/// A character, by its name if it cannot be seen.
fn seen(character: char) -> String {
    match character {
        '\r' => "{cr}".to_owned(),
        '\t' => "{tab}".to_owned(),
        '\u{a0}' => "{nbsp}".to_owned(),
        '\u{200b}' => "{zwsp}".to_owned(),
        '\u{202e}' => "{rlo}".to_owned(),
        '\u{feff}' => "{bom}".to_owned(),
        other => other.to_string(),
    }
}

/// One word, or what stands for it.
fn replaced(word: &str) -> String {
    let parts: Vec<&str> = word.split('-').collect();
    let crockford = |part: &&str| {
        part.len() == 4
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    };
    if parts.len() == 3 && parts.iter().all(crockford) {
        "CODE".to_owned()
    } else if word.starts_with("age1") && (word.len() == 62 || word.contains('…')) {
        "age1…".to_owned()
    } else {
        word.to_owned()
    }
}

/// Replaces each text where it stands first; it must be there.
pub(crate) fn change(config: &mut String, changes: &[(&str, &str)]) {
    *config = changed(config, changes);
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
