//! Owners' signatures that operators bring: one vote of the quorum, worth nothing at a gate that demands
//! a comment, and the only thing that opens a gate while the forge is away.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use ownergate::cli::open::open_noted;
use ownergate::demo::signer::SshKey;
use ownergate::gate::ids::IssueNumber;
use ownergate::gate::statement::APPROVE;
use ownergate::http::document::{Document, Restatement};
use ownergate::secret::clipboard::sealed_file_in;
use ownergate::secret::seal::unseal_any;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bot_note::key_in;
use crate::harness::{Key, Story};
use crate::operators_ask::{CAROL_ASKS, OPERATOR, config_of, create, run, socket};
use crate::signed::{Desk, Done};

const ALICE: u8 = 1;
const PIOTR: u8 = 2;

/// `dev` demands what is said here, and both owners have keys.
async fn begin(gate: &str) -> Story {
    Story::with(|setting| {
        for (id, login, seed) in [(2, "alice", ALICE), (4, "piotr", PIOTR)] {
            let before = format!("id = {id}\nlogin = \"{login}\"\n");
            let key = SshKey::of(seed).public();
            let with = format!("{before}signing_keys = [\"{key}\"]\n");
            setting.config = setting.config.replacen(&before, &with, 1);
        }
        let config = setting.config.replacen("[board.gate.dev]", CAROL_ASKS, 1);
        let config = config.replacen("quorum = 1\nfactors = [\"comment\"]", gate, 1);
        setting.config = format!("{config}{OPERATOR}");
        setting.secret("operator-home", "home-0123456789abcdef0123456789abcdef");
    })
    .await
}

/// The program, run by somebody who has this key, as this operator.
async fn signing(story: &Story, desk: &Desk, arguments: &[&str]) -> Done {
    let config = config_of(story);
    let more = ["--config", &config, "--operator", "home"];
    let done = desk.signs(&[arguments, &more].concat()).await;
    if story.stage.bot().unwrap().forge.heard().trouble.is_none() {
        story.stage.settle().await.unwrap();
    }
    done
}

/// What is brought for a request as it was asked: signed with this key in this owner's name.
async fn vote(story: &Story, approver: i64, key: u8, recipient: bool) -> Value {
    let bot = socket(story, Some("home"));
    let (status, answer) = bot.get("/v1/requests/R1/document", &[]).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
    let bytes = serde_json::to_vec(&answer).unwrap();
    let document = Document::read(&bytes, None).unwrap();
    let vouched = recipient.then_some(ownergate::gate::command::Vouched::Approver);
    let restated = Restatement {
        vouched,
        ..Restatement::default()
    };
    let id = ownergate::gate::ids::UserId(approver);
    let text = document.signable(id, &restated).unwrap().text;
    json!({
        "code": document.code,
        "approver": approver,
        "scopes": document.scopes(),
        "ttl": document.ttl(),
        "vouched": recipient.then_some("approver"),
        "signature": SshKey::of(key).armor(APPROVE, text.as_bytes()),
    })
}

async fn bring(story: &Story, vote: &Value) -> (StatusCode, Value) {
    let bot = socket(story, Some("home"));
    let path = "/v1/requests/R1/approve";
    bot.send(Method::POST, path, vote).await.unwrap()
}

const ALONE: &str = "quorum = 1\nfactors = [\"signature\"]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_at_hand_signs_what_is_asked_and_the_gate_opens() {
    let story = begin(ALONE).await;
    let (desk, key) = (Desk::of(ALICE), Key::new());
    let out = desk.path("sealed");
    let (file, own) = (
        out.display().to_string(),
        desk.path("home/.ssh/id_ed25519.pub"),
    );
    let own = own.display().to_string();
    let more = ["--confirm", "--approve-with", &own, "--out", &file];
    let done = signing(&story, &desk, &create("robot", &key, &more)).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let said = done.stdout.replace(&story.stage.forge.url(), "FORGE");
    assert_snapshot!(said.replace(&file, "FILE"), @r"
    R1 asks in issue 1 of kan: FORGE/alice/board/issues/1
    R1 is approved: c1
    the sealed file is in FILE
    ");
    assert!(
        done.stderr
            .contains("ownergate-approval-v1\naction=issue\napprover=2\n")
    );
    assert!(done.stderr.contains("vouched=approver"), "{}", done.stderr);
    let mode = std::fs::metadata(&out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sealed = sealed_file_in(&std::fs::read(&out).unwrap()).unwrap();
    let token = unseal_any(std::slice::from_ref(&key.identity), &sealed).unwrap();
    let thread = story.again(IssueNumber(1));
    assert_eq!(thread.open(&key), token.expose(), "the thread has the same");
    assert_eq!(story.may(token.expose()).await, "board:read");
    assert!(
        thread
            .last_reply()
            .starts_with("**R1 approved by alice: `robot` c1**")
    );
    // Whoever verifies the journal finds the signature in it and checks it again.
    let report = story
        .stage
        .bot()
        .unwrap()
        .core
        .writer()
        .verify()
        .await
        .unwrap();
    assert_eq!(
        ownergate::cli::verify::faults(&serde_json::to_value(&report).unwrap()),
        Vec::<String>::new()
    );
    // What is in the way is told before anything is asked.
    let done = run(&story, &desk, &create("robot-2", &key, &more)).await;
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr
            .contains("is there already, and nothing was asked"),
        "{}",
        done.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_sign_at_their_own_desks() {
    let story = begin("quorum = 2\nfactors = [\"signature\"]").await;
    let (alice, piotr, key) = (Desk::of(ALICE), Desk::of(PIOTR), Key::new());
    let own = alice.path("home/.ssh/id_ed25519.pub").display().to_string();
    let more = ["--confirm", "--approve-with", &own, "--json"];
    let done = signing(&story, &alice, &create("robot", &key, &more)).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let told: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (&told["request"], &told["state"]),
        (&json!("R1"), &json!("counted"))
    );
    let thread = story.again(IssueNumber(1));
    assert_snapshot!(thread.last_reply(), @"R1: counted alice (1 of 2); still to come from piotr. The signature of alice was brought by an operator.");
    let approve = ["request", "approve", "R1", "--recipient", &key.recipient];
    // Nothing is signed without a yes, and nothing by looking.
    let done = run(&story, &piotr, &approve).await;
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
    assert_snapshot!(done.stderr, @"ownergate: Sign an approval of R1? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change");
    let lines = story.lines();
    let done = run(&story, &piotr, &[&approve[..], &["--dry-run"]].concat()).await;
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "nothing was signed\n")
    );
    assert!(
        done.stderr.contains("ownergate-approval-v1\n"),
        "{}",
        done.stderr
    );
    assert_eq!(story.lines(), lines);
    let done = signing(&story, &piotr, &[&approve[..], &["--confirm"]].concat()).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout, "R1 is approved: c1\n");
    assert!(story.alive(&thread.open(&key)).await);
    let done = run(&story, &piotr, &[&approve[..], &["--confirm"]].concat()).await;
    assert!(
        done.stderr
            .contains("R1 is not open but approved: nothing is signed"),
        "{}",
        done.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_signature_does_not_count() {
    let mut story = begin(ALONE).await;
    let (desk, key) = (Desk::of(ALICE), Key::new());
    // Piotr asks through his operator.
    story.restart(&[("forge_id = 3", "forge_id = 4")]).await;
    let done = run(&story, &desk, &create("robot", &key, &["--confirm"])).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let thread = story.again(IssueNumber(1));
    let replies = thread.replies();
    for (approver, seed, vouches, code) in [
        (4, PIOTR, true, "asked_for_it"),
        (2, PIOTR, true, "bad_signature"),
        (2, 9, true, "bad_signature"),
        (3, 3, true, "not_an_owner"),
        (2, ALICE, false, "nobody_vouches"),
    ] {
        let vote = vote(&story, approver, seed, vouches).await;
        let (status, answer) = bring(&story, &vote).await;
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
        assert_eq!(answer["code"], code, "{answer}");
    }
    assert_eq!(
        thread.replies(),
        replies,
        "nothing of it is told in the thread"
    );
    let right = vote(&story, 2, ALICE, true).await;
    let (status, answer) = bring(&story, &right).await;
    assert_eq!(
        (status, &answer["credential"]),
        (StatusCode::OK, &json!("c1"))
    );
    story.stage.settle().await.unwrap();
    // The same again, across a restart, is nothing more.
    story.start_again().await;
    let thread = story.again(IssueNumber(1));
    let before = (story.lines(), thread.replies());
    for _ in 0..3 {
        let (status, answer) = bring(&story, &right).await;
        assert_eq!(
            (status, &answer["credential"]),
            (StatusCode::OK, &json!("c1"))
        );
        assert_eq!(answer["sealed"], json!(null));
    }
    assert_eq!((story.lines(), thread.replies()), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_demands_a_comment_too_stays_shut() {
    let story = begin("quorum = 1\nfactors = [\"comment\", \"signature\"]").await;
    let (desk, key) = (Desk::of(ALICE), Key::new());
    let done = run(&story, &desk, &create("robot", &key, &["--confirm"])).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let vote = vote(&story, 2, ALICE, true).await;
    let (status, answer) = bring(&story, &vote).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_snapshot!(answer["detail"].as_str().unwrap(), @"not counted for R1: This gate demands a comment, too, and a signature that an operator brings has none: post what `ownergate approve` prints in the thread");
    // The command line says so before anything is signed.
    let approve = [
        "request",
        "approve",
        "R1",
        "--recipient",
        &key.recipient,
        "--confirm",
    ];
    let done = run(&story, &desk, &approve).await;
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr
            .contains("this gate demands a comment, too, and nothing is signed"),
        "{}",
        done.stderr
    );
    assert_eq!(story.again(IssueNumber(1)).count("credential"), 0);
}

/// Something was asked in #1 once; then the forge goes away, and the bot has noticed.
async fn away(gate: &str) -> Story {
    let story = begin(gate).await;
    let thread = story.thread(&story.stage.codex, "for emergencies").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    thread.comment(&story.stage.alice, "/gate deny R1").await;
    story.stage.forge.go_away().await;
    assert!(!story.reconcile().await);
    story.pass(10).await;
    story
}

fn emergency<'a>(key: &'a Key, own: &'a str, file: &'a str) -> Vec<&'a str> {
    let more = [
        "--issue",
        "1",
        "--confirm",
        "--approve-with",
        own,
        "--out",
        file,
    ];
    create("robot", key, &more)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_forge_away_an_owner_at_hand_opens_an_offline_gate_and_the_thread_is_told_afterwards()
 {
    let story = away("quorum = 1\nfactors = [\"signature\"]\noffline = true").await;
    let (desk, key) = (Desk::of(ALICE), Key::new());
    let own = desk.path("home/.ssh/id_ed25519.pub").display().to_string();
    let file = desk.path("sealed").display().to_string();
    let done = signing(&story, &desk, &emergency(&key, &own, &file)).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_snapshot!(done.stdout.replace(&story.stage.forge.url(), "FORGE").replace(&file, "FILE"), @r"
    R2 asks in issue 1 of kan: FORGE/alice/board/issues/1
    its thread is told as soon as the forge can be reached
    R2 is approved: c1
    the sealed file is in FILE
    ");
    // It carries the bot's note, so that it is believed before the thread has it.
    let text = std::fs::read_to_string(&file).unwrap();
    let bot = [key_in(&story, "signing-key").public_hex()];
    let secret = key.secret.expose().as_bytes();
    let token = open_noted(text.as_bytes(), secret, &bot).unwrap();
    let other = text.replace("\"credential\":\"c1\"", "\"credential\":\"c2\"");
    assert_ne!(other, text);
    let why = open_noted(other.as_bytes(), secret, &bot);
    assert!(why.unwrap_err().to_string().contains("does not fit"));
    let bare = sealed_file_in(text.as_bytes()).unwrap();
    let why = open_noted(&bare, secret, &bot);
    assert!(why.unwrap_err().to_string().contains("note is missing"));
    story.remember(token.expose());
    assert_eq!(story.may(token.expose()).await, "board:read");
    // Without an issue there is none to ask in.
    let nowhere = create("other", &key, &["--confirm"]);
    let done = desk
        .runs(
            &[
                &nowhere[..],
                &["--config", &config_of(&story), "--operator", "home"],
            ]
            .concat(),
        )
        .await;
    assert_eq!(done.code, Some(1));
    assert_snapshot!(done.stderr, @"ownergate: the forge cannot be read, so that no issue can be opened: say in which one to ask, with `--issue N`");

    story.stage.forge.come_back().unwrap();
    story.pass(300).await;
    let thread = story.again(IssueNumber(1));
    assert_eq!(thread.open(&key), token.expose());
    let replies = thread.replies();
    let told: Vec<&str> = replies
        .iter()
        .rev()
        .take(2)
        .rev()
        .map(String::as_str)
        .collect();
    assert!(
        told[0].contains("`home` (operator) asks as `user 3` for `robot`"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("**R2 approved by alice: `robot` c1**"),
        "{told:?}"
    );
    assert!(story.reconcile().await);
    assert_eq!(story.may(token.expose()).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_was_closed_while_the_forge_was_away_pauses_what_was_opened_meanwhile() {
    let story = away("quorum = 1\nfactors = [\"signature\"]\noffline = true").await;
    let (desk, key) = (Desk::of(ALICE), Key::new());
    let own = desk.path("home/.ssh/id_ed25519.pub").display().to_string();
    let file = desk.path("sealed").display().to_string();
    let done = signing(&story, &desk, &emergency(&key, &own, &file)).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let sealed = sealed_file_in(&std::fs::read(&file).unwrap()).unwrap();
    let token = unseal_any(std::slice::from_ref(&key.identity), &sealed).unwrap();
    story.remember(token.expose());
    assert!(story.alive(token.expose()).await);
    story.stage.forge.come_back().unwrap();
    story.stage.forge.drop_hooks(1);
    story
        .stage
        .alice
        .close("alice/board", IssueNumber(1))
        .await
        .unwrap();
    story.pass(300).await;
    story.reconcile().await;
    assert!(!story.alive(token.expose()).await);
    let thread = story.again(IssueNumber(1));
    assert!(
        thread
            .last_reply()
            .contains("**`robot` paused**: its issue was closed"),
        "{}",
        thread.last_reply()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_forge_away_every_other_gate_stays_shut_and_says_so() {
    let story = away(ALONE).await;
    let (desk, key) = (Desk::of(ALICE), Key::new());
    let own = desk.path("home/.ssh/id_ed25519.pub").display().to_string();
    let file = desk.path("sealed").display().to_string();
    let config = config_of(&story);
    let more = ["--config", &config, "--operator", "home"];
    let done = desk
        .runs(&[&emergency(&key, &own, &file)[..], &more].concat())
        .await;
    assert_eq!(done.code, Some(1));
    assert_snapshot!(done.stderr, @"ownergate: the forge cannot be read, and this gate does not open without it; try again once it is back");
    assert!(!std::path::Path::new(&file).exists());
    story.stage.forge.come_back().unwrap();
    story.pass(300).await;
    assert_eq!(story.again(IssueNumber(1)).count("credential"), 0);
}
