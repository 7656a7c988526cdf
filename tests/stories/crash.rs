//! The bot ends at any moment, as by SIGKILL, and is started on the same directory: nothing that was
//! acknowledged is lost, nothing is issued or posted twice, and lost history means stop.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN_NAME, Setting, Stage};
use ownergate::gate::ids::{CommentId, IssueNumber, UserId};
use ownergate::miniforge::Outcome;
use ownergate::secret::clipboard::sealed_file_in;
use ownergate::secret::seal::unseal_any;
use ownergate::store::{self, Fault, Point, Projection};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Key, Story, block, noon};
use crate::harness_edges::{json_of, soon};

/// Places that leave something else behind: before and after each write, sync and change of records.
const STOPS: [Point; 5] = [
    Point::BeforeWrite,
    Point::AfterWrite,
    Point::AfterSync,
    Point::AfterApply,
    Point::BeforeAnswer,
];

/// A main story in which the bot ends at one point.
struct Play {
    stage: Stage,
    passed: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    key: Key,
}

impl Play {
    /// Sets the stage; at the point of this number the fault happens.
    async fn set(directory: &Path, number: usize, fault: Fault) -> Self {
        let passed = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let (counted, ends) = (Arc::clone(&passed), Arc::clone(&ended));
        let mut setting = Setting::new(Clock::manual(noon()));
        setting.plan = Some(Arc::new(move |point| {
            let counts = match fault {
                Fault::Torn(_) => point == Point::BeforeWrite,
                _ => STOPS.contains(&point),
            };
            if counts && counted.fetch_add(1, Ordering::SeqCst) == number {
                ends.store(true, Ordering::SeqCst);
                fault
            } else {
                Fault::None
            }
        }));
        let mut play = Self {
            stage: Stage::build(directory, setting).unwrap(),
            passed,
            ended,
            key: Key::new(),
        };
        play.start().await;
        play
    }

    /// Starts the bot, once more if it ended while it started.
    async fn start(&mut self) {
        if let Err(why) = self.stage.start_bot().await {
            assert!(self.ended.swap(false, Ordering::SeqCst), "{why}");
            self.stage.kill_bot().await;
            self.stage.start_bot().await.unwrap();
        }
    }

    /// Everything happens that can; a bot that has ended is started, and reads its board.
    async fn go_on(&mut self) {
        self.stage.settle().await.unwrap();
        if self.ended.swap(false, Ordering::SeqCst) {
            soon(self.stage.bot().unwrap().core.writer().died()).await;
            self.stage.kill_bot().await;
            self.start().await;
            self.stage.settle().await.unwrap();
            let board = ownergate::demo::stage::KAN;
            self.stage.reconcile(board).await.unwrap();
        }
    }

    fn comments(&self, kind: &str) -> Vec<String> {
        let thread = self.stage.thread(IssueNumber(1));
        self.stage
            .forge
            .comments(thread)
            .into_iter()
            .filter(|comment| comment.author == UserId(5))
            .map(|comment| comment.body)
            .filter(|body| block(body)["kind"] == kind)
            .collect()
    }

    fn was_taken(&self, comment: CommentId) -> bool {
        let deliveries = self.stage.forge.deliveries();
        deliveries.iter().any(|delivery| {
            json_of(delivery)["comment"]["id"] == json!(comment.0)
                && delivery.outcome == Outcome::Answered(202)
        })
    }

    async fn says(&mut self, owner: bool, body: &str) -> CommentId {
        let who = match owner {
            true => &self.stage.alice,
            false => &self.stage.codex,
        };
        let comment = who.comment(KAN_NAME, IssueNumber(1), body).await.unwrap();
        self.go_on().await;
        comment
    }

    /// The whole story; the number of points that were passed.
    async fn play(mut self) -> usize {
        self.stage
            .codex
            .open_issue(KAN_NAME, "crash", "")
            .await
            .unwrap();
        self.go_on().await;
        let asking = format!(
            "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev recipient={} reason=\"x\"",
            self.key.recipient
        );
        self.says(false, &asking).await;
        assert_eq!(self.comments("request").len(), 1);
        let line = block(&self.comments("request")[0])["approve"]
            .as_str()
            .unwrap()
            .to_owned();

        let approval = self.says(true, &line).await;
        if self.comments("credential").is_empty() {
            assert!(
                !self.was_taken(approval),
                "an acknowledged approval was lost"
            );
            // It was read back, which counts for nothing; the owner is told and says it again.
            self.stage
                .clock()
                .advance(jiff::SignedDuration::from_secs(10));
            self.go_on().await;
            assert_eq!(self.comments("credential").len(), 0);
            assert_eq!(self.comments("refusal").len(), 1);
            self.says(true, &line).await;
        }
        let credentials = self.comments("credential");
        assert_eq!(credentials.len(), 1);
        let sealed = sealed_file_in(credentials[0].as_bytes()).unwrap();
        let token = unseal_any(std::slice::from_ref(&self.key.identity), &sealed).unwrap();
        let token = token.expose().to_owned();

        let first = self.stage.introspect(&token).await;
        self.go_on().await;
        let told = first.unwrap_or(Value::Null);
        assert!(told.is_null() || told["active"] == true, "{told}");
        assert_eq!(self.stage.introspect(&token).await.unwrap()["active"], true);

        self.says(true, "/gate revoke codex-kan-1 enough").await;
        assert_eq!(
            self.stage.introspect(&token).await.unwrap()["active"],
            false
        );
        self.check(&token).await;
        self.passed.load(Ordering::SeqCst)
    }

    /// Once more with everything that was delivered, after another end: nothing is there twice.
    async fn check(&mut self, token: &str) {
        self.stage.kill_bot().await;
        self.start().await;
        let past = self.stage.forge.deliveries().len();
        for delivery in 0..past {
            self.stage.forge.replay(delivery);
        }
        self.go_on().await;
        assert_eq!(self.comments("request").len(), 1);
        assert_eq!(self.comments("credential").len(), 1);
        assert_eq!(self.stage.introspect(token).await.unwrap()["active"], false);
        let calls = self.stage.forge.calls();
        let removed = calls.iter().filter(|call| call.method == "DELETE").count();
        assert_eq!(removed, 0, "nothing was posted twice and removed again");
        self.stage.stop_bot().await;
        let data = self.stage.directory().join("data");
        let verified = async {
            loop {
                let report = store::verify(&data, None, false).unwrap();
                match report.projection {
                    // A process that another story is just starting has our files for a moment.
                    Projection::NotChecked { .. } => tokio::task::yield_now().await,
                    compared => return compared,
                }
            }
        };
        let compared = soon(verified).await;
        assert!(matches!(compared, Projection::Equal { .. }), "{compared:?}");
    }
}

/// Plays the story with an end at every place of a share of them.
async fn everywhere(fault: Fault, share: usize, of: usize) {
    let mut number = share;
    loop {
        let directory = TempDir::new().unwrap();
        let play = Play::set(directory.path(), number, fault).await;
        // A task of its own, so that the place is named if the story goes wrong.
        let played = tokio::spawn(play.play()).await;
        assert!(played.is_ok(), "ended at {number}: {fault:?}");
        if played.unwrap() <= number {
            assert!(number > 10, "the story has many places");
            return;
        }
        number += of;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_at_every_durable_step_of_the_main_story_one() {
    everywhere(Fault::Stop, 0, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_at_every_durable_step_of_the_main_story_two() {
    everywhere(Fault::Stop, 1, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_at_every_durable_step_of_the_main_story_three() {
    everywhere(Fault::Stop, 2, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_in_the_middle_of_every_write_of_the_main_story() {
    everywhere(Fault::Torn(100), 0, 1).await;
}

/// A story with one token in use, one that was revoked, and an open request; the bot is stopped.
async fn lived() -> (Story, String, String) {
    let mut story = Story::begin().await;
    let (live, dead) = {
        let stage = &story.stage;
        let first = story.thread(&stage.codex, "first").await;
        let live = first.credential(&Key::new()).await;
        assert!(story.alive(&live).await);
        let second = story.thread(&stage.codex, "second").await;
        let dead = second.credential(&Key::new()).await;
        second
            .comment(&stage.alice, "/gate revoke codex-kan-2")
            .await;
        let third = story.thread(&stage.codex, "third").await;
        third.ask(&stage.codex, &Key::new()).await;
        (live, dead)
    };
    story.stage.stop_bot().await;
    (story, live, dead)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_sled_folder_everything_is_back() {
    let (mut story, live, dead) = lived().await;
    std::fs::remove_dir_all(story.stage.directory().join("data/sled")).unwrap();
    story.stage.start_bot().await.unwrap();
    assert!(story.alive(&live).await);
    assert!(!story.alive(&dead).await);
    let third = story.at(3);
    third
        .comment(&story.stage.alice, &third.approve_line())
        .await;
    assert_eq!(third.count("credential"), 1);
    assert!(third.said("c3"), "numbers go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_without_its_last_lines_refuses_the_start_until_the_loss_is_accepted() {
    let (mut story, live, dead) = lived().await;
    let data = story.stage.directory().join("data");
    let journal = data.join("journal/00000001.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // The closing line, and the one before it.
    let cut = lines[..lines.len() - 2].join("\n") + "\n";
    std::fs::write(&journal, &cut).unwrap();
    let last = lines.len() as u64 - 3;

    let before = contents(&data);
    for accepted in [None, Some(last - 1), Some(last + 1)] {
        let why = story
            .stage
            .start_bot_with(accepted)
            .await
            .unwrap_err()
            .to_string();
        assert!(why.contains(&last.to_string()), "{why}");
        assert!(why.contains("Nothing was changed"), "{why}");
    }
    assert_eq!(contents(&data), before);

    story.stage.start_bot_with(Some(last)).await.unwrap();
    assert!(!story.alive(&live).await, "every identity is paused");
    assert!(!story.alive(&dead).await);
    let stage = &story.stage;
    let next = story.thread(&stage.codex, "after the loss").await;
    let key = Key::new();
    next.ask(&stage.codex, &key).await;
    assert!(
        next.approve_line().contains("approve R100"),
        "{}",
        next.approve_line()
    );
    next.comment(&stage.alice, &next.approve_line()).await;
    let token = next.open(&key);
    assert!(story.alive(&token).await);
    let number = next.block("credential")["credential"].as_str().unwrap()[1..].parse::<u64>();
    assert!(number.unwrap() > 1_000);
    // Accepted once: the next start needs no word and pauses nobody.
    story.start_again().await;
    assert!(story.alive(&token).await);
    assert!(story.journal().contains("loss_accepted"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_and_the_old_approval_give_nothing() {
    restored_and_replayed(600).await;
}

/// Within the five minutes in which an approval counts, nothing on the forge tells that it counted
/// already; that lines are missing does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_and_the_fresh_approval_give_nothing() {
    restored_and_replayed(60).await;
}

/// The journal of before an approval is put back so many seconds after it, and every delivery comes
/// again.
async fn restored_and_replayed(seconds: i64) {
    let mut story = Story::begin().await;
    let data = story.stage.directory().join("data");
    let journal = data.join("journal/00000001.jsonl");
    let (issue, token, backup) = {
        let thread = story.thread(&story.stage.codex, "restored").await;
        let key = Key::new();
        thread.ask(&story.stage.codex, &key).await;
        let backup = std::fs::read(&journal).unwrap();
        thread
            .comment(&story.stage.alice, &thread.approve_line())
            .await;
        let token = thread.open(&key);
        assert!(story.alive(&token).await);
        (thread.issue.0, token, backup)
    };
    story.pass(seconds).await;
    story.stage.stop_bot().await;
    std::fs::write(&journal, &backup).unwrap();
    let refused = story.stage.start_bot().await.unwrap_err().to_string();
    assert!(refused.contains("--accept-journal-loss"), "{refused}");
    let last = String::from_utf8_lossy(&backup).lines().count() as u64 - 1;
    story.stage.start_bot_with(Some(last)).await.unwrap();
    assert!(!story.alive(&token).await);
    let before = story.at(issue).count("credential");
    for delivery in 0..story.stage.forge.deliveries().len() {
        story.stage.forge.replay(delivery);
    }
    story.stage.settle().await.unwrap();
    let thread = story.at(issue);
    assert_eq!(thread.count("credential"), before);
    assert!(thread.said("not open: void"), "{:?}", thread.replies());
    assert!(!story.alive(&token).await);
}

/// Every file below a folder.
fn contents(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Whose pid stands there means nothing once nobody holds it.
            if path.ends_with("lock") {
                continue;
            }
            match path.is_dir() {
                true => folders.push(path),
                false => found.push((path.clone(), std::fs::read(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}
