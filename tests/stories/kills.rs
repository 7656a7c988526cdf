//! A process that plays the main story again and again is killed at random moments: nothing that was
//! acknowledged is lost, nothing is issued or posted twice.

use std::collections::BTreeSet;

use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN_NAME, Setting, Stage};
use ownergate::gate::ids::{IssueNumber, UserId};
use ownergate::miniforge::people::Person;
use ownergate::miniforge::{LoggedCall, Outcome};
use ownergate::secret::clipboard::sealed_file_in;
use ownergate::secret::seal::unseal_any;
use tempfile::TempDir;

use crate::harness::{Key, block};
use crate::harness_edges::{Process, json_of, run, soon};

/// How often the child process is killed.
const KILLS: u64 = 50;

/// People who ask, approve and revoke in one thread after the other, whatever becomes of the bot.
struct Loops<'a> {
    stage: &'a Stage,
    key: Key,
    issue: Option<IssueNumber>,
    /// What somebody is about to post; it is not taken back when the bot is killed meanwhile.
    posting: Option<tokio::task::JoinHandle<Option<IssueNumber>>>,
    tokens: Vec<String>,
    lives: usize,
}

impl Loops<'_> {
    /// What the bot said in a thread, of one kind.
    fn of_kind(&self, issue: IssueNumber, kind: &str) -> Vec<String> {
        let comments = self.stage.forge.comments(self.stage.thread(issue));
        let own = comments
            .into_iter()
            .filter(|comment| comment.author == UserId(5));
        own.map(|comment| comment.body)
            .filter(|body| block(body)["kind"] == kind)
            .collect()
    }

    /// Waits until the bot has said something of this kind in the thread.
    async fn hear(&self, issue: IssueNumber, kind: &str) -> String {
        let path = format!("/issues/{}/comments", issue.0);
        let mark = format!("\\\"kind\\\":\\\"{kind}\\\"");
        let said = |call: &LoggedCall| {
            call.method == "POST"
                && call.user == Some(UserId(5))
                && call.path.ends_with(&path)
                && String::from_utf8_lossy(&call.request).contains(&mark)
        };
        soon(self.stage.forge.called(said)).await;
        self.of_kind(issue, kind).remove(0)
    }

    /// One life after the other; one that was interrupted goes on.
    async fn live(&mut self) {
        loop {
            self.one().await;
        }
    }

    /// Somebody comments, or opens an issue.
    async fn post(&mut self, who: &Person, issue: Option<IssueNumber>, text: String) {
        let who = who.clone();
        self.posting = Some(tokio::spawn(async move {
            match issue {
                Some(issue) => who
                    .comment(KAN_NAME, issue, &text)
                    .await
                    .map(|_| None)
                    .unwrap(),
                None => Some(who.open_issue(KAN_NAME, &text, "").await.unwrap()),
            }
        }));
        self.posted().await;
    }

    async fn posted(&mut self) {
        if let Some(posting) = &mut self.posting {
            let opened = posting.await.unwrap();
            self.issue = self.issue.or(opened);
            self.posting = None;
        }
    }

    async fn one(&mut self) {
        let stage = self.stage;
        self.posted().await;
        if self.issue.is_none() {
            self.post(&stage.codex, None, "loop".to_owned()).await;
        }
        let issue = self.issue.unwrap();
        let comments = stage.forge.comments(stage.thread(issue));
        if !comments
            .iter()
            .any(|comment| comment.author == stage.codex.id)
        {
            let asking = format!(
                "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev recipient={} reason=\"x\"",
                self.key.recipient
            );
            self.post(&stage.codex, Some(issue), asking).await;
        }
        let summary = self.hear(issue, "request").await;
        if self.of_kind(issue, "credential").is_empty() {
            let line = block(&summary)["approve"].as_str().unwrap().to_owned();
            self.post(&stage.alice, Some(issue), line).await;
        }
        let credential = self.hear(issue, "credential").await;
        let sealed = sealed_file_in(credential.as_bytes()).unwrap();
        let token = unseal_any(std::slice::from_ref(&self.key.identity), &sealed).unwrap();
        self.tokens.push(token.expose().to_owned());
        let slug = block(&credential)["identity"].as_str().unwrap().to_owned();
        let revoke = format!("/gate revoke {slug}");
        self.post(&stage.alice, Some(issue), revoke).await;
        self.hear(issue, "notice").await;
        self.issue = None;
        self.lives += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the dice are shown if the story fails")]
async fn fifty_kills_of_a_process_at_random_moments() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::build(directory.path(), Setting::new(Clock::system())).unwrap();
    let mut loops = Loops {
        stage: &stage,
        key: Key::new(),
        issue: None,
        posting: None,
        tokens: Vec::new(),
        lives: 0,
    };
    let mut dice = u64::from_le_bytes(uuid::Uuid::new_v4().into_bytes()[..8].try_into().unwrap());
    println!("seed {dice}");
    for _ in 0..KILLS {
        // Knuth's generator: a moment is a number of calls of anybody.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let moment = usize::try_from((dice >> 33) % 40).unwrap();
        let bot = Process::start(&stage, &["--log", "error"]);
        let began = stage.forge.calls().len();
        if moment > 3 {
            bot.ready().await;
            let moment = stage.forge.calls_reached(began + moment);
            tokio::select! {
                () = loops.live() => {}
                () = soon(moment) => {}
            }
        } else {
            // While it starts.
            soon(stage.forge.calls_reached(began + 1)).await;
        }
        bot.kill().await;
    }
    assert_eq!(stage.forge.forgotten_calls(), 0);
    let bot = Process::start(&stage, &["--log", "error"]);
    bot.ready().await;
    loops.one().await;
    assert!(loops.lives >= 5, "{} lives", loops.lives);
    for token in &loops.tokens {
        assert_eq!(stage.introspect(token).await.unwrap()["active"], false);
    }
    bot.terminate();
    let (status, log) = bot.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
    nothing_twice_and_nothing_lost(&stage, &loops);
    let (status, text) = run(&stage, "verify", &[]).await;
    assert!(status.success(), "{text}");
}

fn nothing_twice_and_nothing_lost(stage: &Stage, loops: &Loops<'_>) {
    let mut credentials = BTreeSet::new();
    for number in 1.. {
        let issue = IssueNumber(number);
        if stage.forge.issue(stage.thread(issue)).is_none() {
            break;
        }
        assert_eq!(loops.of_kind(issue, "request").len(), 1, "{issue}");
        let issued = loops.of_kind(issue, "credential");
        assert_eq!(issued.len(), 1, "{issue}");
        let name = block(&issued[0])["credential"].to_string();
        assert!(credentials.insert(name), "{issue}");
    }
    let journal = stage.directory().join("data/journal/00000001.jsonl");
    let journal = std::fs::read_to_string(journal).unwrap();
    for delivery in stage.forge.deliveries() {
        let told = json_of(&delivery);
        let created = told["action"] == "created" && told["comment"].is_object();
        if delivery.outcome == Outcome::Answered(202) && created {
            let id = format!("\"comment\":{}", told["comment"]["id"]);
            let there = [",", "}"]
                .iter()
                .any(|end| journal.contains(&format!("{id}{end}")));
            assert!(
                there,
                "comment {} was acknowledged and is lost",
                told["comment"]["id"]
            );
        }
    }
}
