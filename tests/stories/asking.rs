//! `ownergate ask` on the stage: through every outcome, and ended and run again at every step. However
//! often it is run, one request is posted.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use jiff::SignedDuration;
use ownergate::cli::ask::{AskArgs, AskFault, Handed, Pace, Step, ask};
use ownergate::gate::ids::{IssueNumber, UserId};
use ownergate::miniforge::Fault;
use ownergate::secret::file::SecretText;
use ownergate::secret::file::write_secret_file;
use ownergate::secret::recipient::Recipient;
use ownergate::secret::seal::seal;
use ownergate::secret::signing::SigningKey;
use ownergate::secret::token::{TokenPrefix, mint};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::harness::{Story, Thread, block};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: AskArgs,
}

/// An agent's machine.
struct Agent {
    folder: TempDir,
}

type Outcome = Result<Handed, AskFault>;

impl Agent {
    fn new(story: &Story) -> Self {
        let folder = TempDir::new().unwrap();
        let stage = &story.stage;
        let key = std::fs::read_to_string(stage.directory().join("secrets/signing-key")).unwrap();
        let key = SigningKey::parse(&SecretText::new(key.trim())).unwrap();
        let profile = format!(
            "forge = {:?}\nforge_token_file = \"forge-token\"\nrepository = \"alice/board\"\nbot = {:?}\nbot_id = 5\nbot_keys = [{:?}]\nenvironment = \"dev\"\nidentity = \"codex-*\"\nscopes = [\"board:read\"]\nttl = \"8h\"\n",
            stage.forge.url(),
            stage.url(),
            key.public_hex()
        );
        std::fs::write(folder.path().join("profile"), profile).unwrap();
        let token = folder.path().join("forge-token");
        write_secret_file(&token, stage.codex.token.as_bytes()).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn args(&self, more: &[&str]) -> AskArgs {
        let (profile, out) = (self.path("profile"), self.path("token"));
        let usual = ["ask", "--profile", profile.to_str().unwrap()];
        let usual = usual.into_iter().chain(["--out", out.to_str().unwrap()]);
        Line::try_parse_from(usual.chain(more.iter().copied()))
            .unwrap()
            .args
    }

    /// Starts the command; it looks often.
    fn start(&self, story: &Story, more: &[&str], stop: Option<Step>) -> JoinHandle<Outcome> {
        let (args, clock) = (self.args(more), story.stage.clock().clone());
        let pace = Pace {
            first: Duration::from_millis(5),
            most: Duration::from_millis(10),
            stop,
        };
        tokio::spawn(async move { ask(&args, pace, &clock, &|_| {}).await })
    }

    /// Runs it to its end; the bot does what there is to do meanwhile.
    async fn run(&self, story: &Story, more: &[&str], stop: Option<Step>) -> Outcome {
        ended(story, self.start(story, more, stop)).await
    }

    /// Runs it until it has posted, as if it were killed then.
    async fn posted(&self, story: &Story, more: &[&str]) {
        let fault = self.run(story, more, Some(Step::Asked)).await.unwrap_err();
        assert_eq!(fault.to_string(), "stopped at Asked");
        story.stage.settle().await.unwrap();
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.path("token")).unwrap()
    }
}

/// Waits for the command.
async fn ended(story: &Story, command: JoinHandle<Outcome>) -> Outcome {
    while !command.is_finished() {
        story.stage.settle().await.unwrap();
        tokio::task::yield_now().await;
    }
    command.await.unwrap()
}

/// The first issue, once it is there.
async fn first_issue(story: &Story) -> Thread<'_> {
    let thread = story.again(IssueNumber(1));
    while story
        .stage
        .forge
        .issue(story.stage.thread(thread.issue))
        .is_none()
    {
        tokio::task::yield_now().await;
    }
    thread
}

/// Waits for the summary and approves.
async fn approve(story: &Story, thread: &Thread<'_>, summaries: usize) {
    let there = || {
        let replies = thread.replies();
        let mut kinds = replies.iter().map(|reply| block(reply)["kind"].clone());
        let count = kinds.by_ref().filter(|kind| kind == "request").count();
        count >= summaries
    };
    while !there() {
        story.stage.settle().await.unwrap();
        tokio::task::yield_now().await;
    }
    let line = thread.approve_line();
    thread.comment(&story.stage.alice, &line).await;
}

/// How often something was asked in this thread.
fn asked(story: &Story, thread: &Thread<'_>) -> usize {
    let key = story.stage.thread(thread.issue);
    let issue = story.stage.forge.issue(key).unwrap();
    let comments = story.stage.forge.comments(key);
    let mut texts = vec![issue.body];
    texts.extend(
        comments
            .into_iter()
            .filter(|one| one.author == UserId(7))
            .map(|one| one.body),
    );
    texts
        .iter()
        .filter(|text| text.starts_with("/gate r"))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_asks_with_one_command_and_has_its_token() {
    let story = Story::begin().await;
    let agent = Agent::new(&story);
    let command = agent.start(&story, &["--reason", "sort \"it\""], None);
    let thread = first_issue(&story).await;
    approve(&story, &thread, 1).await;
    let handed = ended(&story, command).await.unwrap();
    let token = agent.token();
    story.remember(&token);
    let line = handed.line(Some(&agent.path("token")));
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(said["identity"], "codex-kan-1");
    assert_eq!(said["credential"], "c1");
    assert_eq!(said["scopes"], serde_json::json!(["board:read"]));
    assert_eq!(said["expires_at"], "2026-11-24T22:00:00Z");
    assert_eq!(said["issue"], 1);
    assert!(story.journal().contains("\"credential_first_used\""));
    assert_eq!(story.may(&token).await, "board:read");
    for name in ["token", "token.ask"] {
        let mode = std::fs::metadata(agent.path(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let kept = std::fs::read_to_string(agent.path("token.ask")).unwrap();
    for text in [&line, &kept] {
        assert!(
            !text.contains(&token) && !text.contains("AGE-SECRET"),
            "{text}"
        );
        assert!(!text.contains(&story.stage.codex.token), "{text}");
    }
    // Again: the same, and nothing is posted.
    let again = agent
        .run(&story, &["--reason", "sort"], None)
        .await
        .unwrap();
    assert_eq!(again.receipt, handed.receipt);
    assert_eq!((agent.token(), asked(&story, &thread)), (token, 1));
    let other = ["--scopes", "card:write"];
    let fault = agent.run(&story, &other, None).await.unwrap_err();
    assert!(
        fault.code() == 2 && fault.to_string().contains("other flags"),
        "{fault}"
    );
    // When it has ended, it says what to do.
    story.pass(8 * 3_600).await;
    let fault = agent.run(&story, &[], None).await.unwrap_err();
    assert!(
        fault.code() == 1 && fault.to_string().contains("--renew"),
        "{fault}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_ends_at_any_step_goes_on_there_and_posts_once() {
    let steps = [
        Step::Posting,
        Step::Posted,
        Step::Asked,
        Step::Opened,
        Step::Written,
        Step::Kept,
        Step::Activated,
    ];
    for in_issue in [false, true] {
        for step in steps {
            let story = Story::begin().await;
            let agent = Agent::new(&story);
            let mut more = Vec::new();
            if in_issue {
                story.thread(&story.stage.codex, "a place to ask").await;
                more.extend(["--issue", "1"]);
            }
            let early = matches!(step, Step::Posting | Step::Posted | Step::Asked);
            if !early {
                agent.posted(&story, &more).await;
                approve(&story, &first_issue(&story).await, 1).await;
            }
            let fault = agent.run(&story, &more, Some(step)).await.unwrap_err();
            assert_eq!(fault.to_string(), format!("stopped at {step:?}"));
            let kept = std::fs::read_to_string(agent.path("token.ask")).unwrap();
            assert!(!kept.contains("AGE-SECRET"), "{kept}");
            let command = agent.start(&story, &more, None);
            let thread = first_issue(&story).await;
            if early {
                approve(&story, &thread, 1).await;
            }
            let handed = ended(&story, command).await.unwrap();
            assert_eq!(handed.receipt.credential, "c1");
            assert!(handed.receipt.activated);
            story.remember(&agent.token());
            assert!(story.alive(&agent.token()).await);
            assert_eq!(asked(&story, &thread), 1, "{step:?}");
            assert_eq!(std::fs::read_dir(agent.folder.path()).unwrap().count(), 4);
            story.stage.settle().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_to_nothing_says_why_and_is_forgotten() {
    let story = Story::begin().await;
    let agent = Agent::new(&story);
    // Denied.
    agent.posted(&story, &[]).await;
    let thread = first_issue(&story).await;
    thread
        .comment(&story.stage.alice, "/gate deny R1 not today")
        .await;
    let fault = agent.run(&story, &[], None).await.unwrap_err();
    assert_eq!(fault.code(), 4);
    let said = fault.to_string();
    assert!(
        said.starts_with("R1 in http") && said.contains("not today"),
        "{said}"
    );
    assert!(!agent.path("token.ask").exists());
    // Void, because it was edited.
    agent.posted(&story, &["--issue", "1"]).await;
    let key = story.stage.thread(thread.issue);
    let own = story.stage.forge.comments(key);
    let own = own.iter().rfind(|one| one.author == UserId(7)).unwrap();
    story.stage.clock().advance(SignedDuration::from_secs(2));
    let wider = own.body.replace("board:read", "card:write");
    let codex = &story.stage.codex;
    codex
        .edit_comment("alice/board", own.id, &wider)
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    let fault = agent
        .run(&story, &["--issue", "1"], None)
        .await
        .unwrap_err();
    assert_eq!(fault.code(), 5, "{fault}");
    assert!(fault.to_string().contains("R2 in http"), "{fault}");
    // Refused.
    let more = ["--issue", "1", "--scopes", "fly:away"];
    let fault = agent.run(&story, &more, None).await.unwrap_err();
    assert_eq!(fault.code(), 3, "{fault}");
    assert!(fault.to_string().contains("fly:away"), "{fault}");
    // Ended.
    agent.posted(&story, &["--issue", "1"]).await;
    story.pass(73 * 3_600).await;
    let fault = agent
        .run(&story, &["--issue", "1"], None)
        .await
        .unwrap_err();
    assert_eq!(fault.code(), 5, "{fault}");
    assert!(fault.to_string().contains("is ended"), "{fault}");
    assert!(!agent.path("token.ask").exists() && !agent.path("token").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_goes_on_later_with_the_same_request() {
    let story = Story::begin().await;
    let agent = Agent::new(&story);
    let fault = agent
        .run(&story, &["--timeout", "1s"], None)
        .await
        .unwrap_err();
    assert_eq!(fault.code(), 6, "{fault}");
    assert!(
        fault.to_string().contains("R1 waits for an owner"),
        "{fault}"
    );
    let thread = first_issue(&story).await;
    // Another wish does not take its place.
    let other = agent.run(&story, &["--ttl", "1h"], None).await.unwrap_err();
    assert_eq!(other.code(), 2, "{other}");
    let command = agent.start(&story, &[], None);
    approve(&story, &thread, 1).await;
    ended(&story, command).await.unwrap();
    story.remember(&agent.token());
    assert_eq!(asked(&story, &thread), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_asks_for_one_file_post_one_request() {
    let story = Story::begin().await;
    let agent = Agent::new(&story);
    let first = agent.start(&story, &[], None);
    let thread = first_issue(&story).await;
    let second = agent.run(&story, &[], None).await.unwrap_err();
    assert_eq!(second.code(), 1, "{second}");
    let said = second.to_string();
    assert!(said.contains("another ask goes on with"), "{said}");
    assert!(said.contains("nothing was posted by this one"), "{said}");
    // Whoever asks for another file does not mind.
    let mut args = agent.args(&["--timeout", "1s", "--title", "another"]);
    args.out = Some(agent.path("other"));
    let clock = story.stage.clock().clone();
    let pace = Pace::default();
    let third = tokio::spawn(async move { ask(&args, pace, &clock, &|_| {}).await });
    assert_eq!(ended(&story, third).await.unwrap_err().code(), 6);
    approve(&story, &thread, 1).await;
    ended(&story, first).await.unwrap();
    assert_eq!(asked(&story, &thread), 1);
    story.remember(&agent.token());
    let locks = std::fs::read_dir(agent.folder.path()).unwrap();
    let mut names = locks.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names.any(|name| name.ends_with(".lock")));
}

/// A token that somebody else made, sealed to the agent's key.
fn forged(recipient: &str) -> String {
    let slug = ownergate::gate::ids::Slug::parse("codex-kan-1").unwrap();
    let token = mint(&TokenPrefix::parse("og").unwrap(), &slug).unwrap();
    seal(&Recipient::parse(recipient).unwrap(), &token).unwrap()
}

/// The sealed file of a text.
fn armor(text: &str) -> String {
    let begin = text.find("-----BEGIN AGE").unwrap();
    let end = text.find("-----END AGE").unwrap();
    text[begin..end].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_bot_did_not_sign_is_not_taken() {
    let story = Story::begin().await;
    let (agent, carol) = (Agent::new(&story), &story.stage.carol);
    agent.posted(&story, &[]).await;
    let thread = first_issue(&story).await;
    let recipient = thread.block("request")["recipient"]
        .as_str()
        .unwrap()
        .to_owned();
    // A stranger's comment that looks like the bot's is not even looked at.
    let fake = format!(
        "**R1 approved**\n\n```\n{}```\n\n<!-- ownergate.v1 {{\"kind\":\"credential\",\"request\":\"R1\",\"recipient\":\"{recipient}\"}} -->",
        forged(&recipient)
    );
    thread.comment(carol, &fake).await;
    let fault = agent
        .run(&story, &["--timeout", "1s"], None)
        .await
        .unwrap_err();
    assert_eq!(fault.code(), 6, "{fault}");
    // The bot's own comment, edited by whoever may write there.
    approve(&story, &thread, 1).await;
    let key = story.stage.thread(thread.issue);
    let comments = story.stage.forge.comments(key);
    let sealed = comments
        .iter()
        .rfind(|one| one.author == UserId(5) && one.body.contains("-----BEGIN AGE"))
        .unwrap();
    let swapped = sealed
        .body
        .replace(&armor(&sealed.body), &armor(&forged(&recipient)));
    let bare = fake.replace("ownergate.v1", "nothing");
    for (text, word) in [
        (swapped, "another sealed file"),
        (fake, "note is missing"),
        (bare, "note is missing"),
    ] {
        carol
            .edit_comment("alice/board", sealed.id, &text)
            .await
            .unwrap();
        let fault = agent.run(&story, &[], None).await.unwrap_err();
        assert_eq!(fault.code(), 7, "{fault}");
        assert!(fault.to_string().contains(word), "{fault}");
        assert!(!agent.path("token").exists());
    }
    // A key that is not the bot's believes nothing of it.
    carol
        .edit_comment("alice/board", sealed.id, &sealed.body)
        .await
        .unwrap();
    let other = "0".repeat(64);
    let fault = agent
        .run(&story, &["--bot-key", &other], None)
        .await
        .unwrap_err();
    assert_eq!(fault.code(), 7, "{fault}");
    let handed = agent.run(&story, &[], None).await.unwrap();
    assert_eq!(handed.receipt.credential, "c1");
    story.remember(&agent.token());
    story.stage.settle().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_renewed_in_its_place() {
    let story = Story::begin().await;
    let agent = Agent::new(&story);
    let fault = agent.run(&story, &["--renew"], None).await.unwrap_err();
    assert_eq!(fault.code(), 2, "{fault}");
    agent.posted(&story, &[]).await;
    let thread = first_issue(&story).await;
    approve(&story, &thread, 1).await;
    agent.run(&story, &[], None).await.unwrap();
    let old = agent.token();
    // Denied, it keeps what it has.
    let command = agent.start(&story, &["--renew"], None);
    while thread.block("request")["request"] != "R2" {
        story.stage.settle().await.unwrap();
    }
    thread.comment(&story.stage.alice, "/gate deny R2").await;
    let fault = ended(&story, command).await.unwrap_err();
    assert_eq!(fault.code(), 4, "{fault}");
    assert_eq!(agent.token(), old);
    for stop in [Some(Step::Asked), Some(Step::Written), None] {
        let command = agent.start(&story, &["--renew"], stop);
        if stop.is_some_and(|stop| stop == Step::Written) {
            approve(&story, &thread, 3).await;
        }
        let outcome = ended(&story, command).await;
        assert_eq!(outcome.is_ok(), stop.is_none(), "{outcome:?}");
    }
    let new = agent.token();
    assert_ne!(old, new);
    for token in [&old, &new] {
        story.remember(token);
        assert!(story.alive(token).await);
    }
    story.pass(901).await;
    assert!(!story.alive(&old).await && story.alive(&new).await);
    assert_eq!(asked(&story, &thread), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_or_a_forge_that_is_away_or_says_no_has_its_own_code() {
    let mut story = Story::begin().await;
    let agent = Agent::new(&story);
    let nowhere = ["--forge", "http://127.0.0.1:1", "--timeout", "1s"];
    let fault = agent.run(&story, &nowhere, None).await.unwrap_err();
    assert_eq!(fault.code(), 8, "{fault}");
    std::fs::remove_file(agent.path("token.ask")).unwrap();
    // What could not be posted does not stand in the way of what is asked elsewhere.
    let missing = agent.run(&story, &["--issue", "9"], None).await;
    assert_eq!(missing.unwrap_err().code(), 8);
    let posts = "/repos/alice/board/issues";
    let forge = &story.stage.forge;
    forge.fault("POST", posts, Some(1), Fault::status(403));
    let refused = agent.run(&story, &[], None).await.unwrap_err();
    assert_eq!(refused.code(), 8, "{refused}");
    assert!(!agent.path("token.ask").exists());
    // The key follows from the token of the forge: with another one there is nothing to open with.
    agent.posted(&story, &[]).await;
    let real = std::fs::read(agent.path("forge-token")).unwrap();
    let token = |text: &[u8]| {
        std::fs::remove_file(agent.path("forge-token")).unwrap();
        write_secret_file(&agent.path("forge-token"), text).unwrap();
    };
    token(b"0000");
    let fault = agent.run(&story, &[], None).await.unwrap_err();
    let said = fault.to_string();
    assert!(
        fault.code() == 1 && said.contains("token is another"),
        "{said}"
    );
    let elsewhere = Agent::new(&story);
    std::fs::copy(agent.path("forge-token"), elsewhere.path("forge-token")).unwrap();
    let fault = elsewhere.run(&story, &[], None).await.unwrap_err();
    assert_eq!(fault.code(), 8, "{fault}");
    token(&real);

    approve(&story, &first_issue(&story).await, 1).await;
    story.stage.stop_bot().await;
    let command = agent.start(&story, &[], None);
    let fault = command.await.unwrap().unwrap_err();
    assert_eq!(fault.code(), 9, "{fault}");
    story.stage.start_bot().await.unwrap();
    story.remember(&agent.token());
    let revoke = "/gate revoke codex-kan-1";
    first_issue(&story)
        .await
        .comment(&story.stage.alice, revoke)
        .await;
    let fault = agent.run(&story, &[], None).await.unwrap_err();
    assert_eq!(fault.code(), 10, "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_whose_answer_was_lost_is_looked_for_and_not_made_again() {
    let story = Story::begin().await;
    let forge = &story.stage.forge;
    let (agent, posts) = (Agent::new(&story), "/repos/alice/board/issues");
    forge.fault("POST", posts, Some(1), Fault::LoseAnswer);
    let command = agent.start(&story, &[], None);
    let thread = first_issue(&story).await;
    approve(&story, &thread, 1).await;
    let handed = ended(&story, command).await.unwrap();
    story.remember(&agent.token());
    assert_eq!((handed.receipt.issue, asked(&story, &thread)), (1, 1));
    let next = story.again(IssueNumber(2));
    assert!(forge.issue(story.stage.thread(next.issue)).is_none());

    // The same for a comment, by an account whose token may not ask who it is.
    let second = Agent::new(&story);
    forge.fault("GET", "/user", None, Fault::status(403));
    forge.fault("POST", posts, Some(1), Fault::LoseAnswer);
    let command = second.start(&story, &["--issue", "1"], None);
    approve(&story, &thread, 2).await;
    let handed = ended(&story, command).await.unwrap();
    story.remember(&second.token());
    assert_eq!(handed.receipt.credential, "c2");
    assert_eq!(asked(&story, &thread), 2);
    story.stage.settle().await.unwrap();
}
