//! Operators ask from the command line and over the API: in an issue that is there or in one that the
//! bot opens, as an account of the forge, and an owner answers in the thread as always.

use insta::assert_snapshot;
use ownergate::cli::admin::{Admin, Target};
use ownergate::gate::ids::IssueNumber;
use ownergate::miniforge::Fault;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Key, Story};
use crate::signed::{Desk, Done};

/// The operator of these stories: asks as carol, who is no owner but a known requester.
pub(crate) const OPERATOR: &str = "
[[operator]]
name = \"home\"
forge_id = 3
boards = [\"kan\"]
token_file = \"secrets/operator-home\"
rights = [\"read\", \"request\"]
";
const TOKEN: &str = "home-0123456789abcdef0123456789abcdef";
/// Carol may ask here.
pub(crate) const CAROL_ASKS: &str = "[[board.requester]]\nid = 3\n\n[board.gate.dev]";

async fn begin() -> Story {
    Story::with(|setting| {
        let with = setting.config.replacen("[board.gate.dev]", CAROL_ASKS, 1);
        setting.config = format!("{with}{OPERATOR}");
        setting.secret("operator-home", TOKEN);
    })
    .await
}

/// Where the configuration of a story's bot is.
pub(crate) fn config_of(story: &Story) -> String {
    let file = story.stage.directory().join("ownergate.toml");
    file.display().to_string()
}

/// The way to the bot over its socket, as this operator.
pub(crate) fn socket(story: &Story, operator: Option<&str>) -> Admin {
    let target = Target {
        config: story.stage.directory().join("ownergate.toml"),
        bot: None,
        token_file: None,
        operator: operator.map(str::to_owned),
    };
    target.reach().unwrap()
}

/// `ownergate …` as this operator over the socket, with everything following from it done.
pub(crate) async fn run(story: &Story, desk: &Desk, arguments: &[&str]) -> Done {
    let config = config_of(story);
    let more = ["--config", &config, "--operator", "home"];
    let done = desk.runs(&[arguments, &more].concat()).await;
    story.stage.settle().await.unwrap();
    done
}

/// `identity create …` for this recipient.
pub(crate) fn create<'a>(slug: &'a str, key: &'a Key, more: &[&'a str]) -> Vec<&'a str> {
    let head = ["identity", "create", slug, "--scopes", "board:read"];
    let rest = [
        "--ttl",
        "8h",
        "--environment",
        "dev",
        "--recipient",
        &key.recipient,
    ];
    [&head[..], &rest[..], more].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_asks_in_a_new_issue_and_an_owner_approves_there() {
    let story = begin().await;
    let (desk, key) = (Desk::of(1), Key::new());
    let arguments = create("robot", &key, &["--reason", "it sorts", "--confirm"]);
    let done = run(&story, &desk, &arguments).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let port = story.stage.forge.url();
    assert_snapshot!(done.stdout.replace(&port, "FORGE"), @"R1 asks in issue 1 of kan: FORGE/alice/board/issues/1");
    let thread = story.again(IssueNumber(1));
    assert_snapshot!(thread.news(0), @r"
    **R1 · `home` (operator) asks as `user 3` for `robot`** · dev
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `it sorts`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    or `/gate deny R1`
    ");
    let issue = &story.stage.forge.issue(thread_key(1)).unwrap();
    assert_eq!(issue.title, "robot: a machine identity");
    let token = thread.approved(&story.stage.alice, &key).await;
    assert_eq!(story.may(&token).await, "board:read");
    let journal = story.journal();
    assert!(journal.contains("asked_by_operator") && journal.contains("{\"operator\":\"home\"}"));
}

fn thread_key(issue: i64) -> ownergate::gate::ids::ThreadKey {
    ownergate::gate::ids::ThreadKey {
        repository: ownergate::demo::stage::KAN,
        issue: IssueNumber(issue),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_yes_nothing_is_asked_and_what_would_be_asked_is_told() {
    let story = begin().await;
    let (desk, key) = (Desk::of(1), Key::new());
    let lines = story.lines();
    let done = run(&story, &desk, &create("robot", &key, &[])).await;
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
    assert_snapshot!(done.stderr, @"ownergate: Ask for the identity robot with board:read for 8h? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change");
    let done = run(&story, &desk, &create("robot", &key, &["--dry-run"])).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(
        done.stdout.starts_with("would open an issue in kan, \"robot: a machine identity\", and ask there:\n  **R1 · `home` (operator) asks as `user 3` for `robot`** · dev\n"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.ends_with("nothing was asked\n"));
    let thread = story.thread(&story.stage.codex, "sort").await;
    let before = (story.lines(), thread.replies().len());
    let there = create("robot", &key, &["--issue", "1", "--dry-run", "--json"]);
    let done = run(&story, &desk, &there).await;
    let would: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (&would["state"], &would["issue"]),
        (&json!("dry_run"), &json!(1))
    );
    assert_eq!((story.lines(), thread.replies().len()), before);
    assert!(lines <= before.0 && story.calls("POST", "issues") <= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_says_why_and_nobody_asks_without_being_an_operator() {
    let story = begin().await;
    let (desk, key) = (Desk::of(1), Key::new());
    let told = async |arguments: &[&str]| {
        let done = run(&story, &desk, arguments).await;
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
        done.stderr
    };
    let wide = [
        "identity",
        "create",
        "robot",
        "--scopes",
        "deploy:run",
        "--ttl",
        "8h",
    ];
    let wide = [
        &wide[..],
        &[
            "--recipient",
            &key.recipient,
            "--environment",
            "dev",
            "--confirm",
        ],
    ];
    assert_snapshot!(told(&wide.concat()).await, @"ownergate: This gate does not grant `deploy:run`. Nothing is left that these owners may hand on");
    assert_snapshot!(told(&["identity", "resume", "nobody", "--confirm"]).await, @"ownergate: there is no identity nobody on your boards");
    assert_snapshot!(told(&["identity", "rotate", "nobody", "--board", "kan", "--confirm"]).await, @"ownergate: no identity `nobody` lives on this board");
    assert_snapshot!(told(&create("robot", &key, &["--board", "ops", "--confirm"])).await, @"ownergate: there is no board of that name among yours");
    let config = config_of(&story);
    let host = create("robot", &key, &["--confirm", "--config", &config]);
    let done = desk.runs(&host).await;
    assert_eq!(done.code, Some(1));
    assert_snapshot!(done.stderr, @"ownergate: the host asks for nothing in its own name: name an operator that has the right `request`, with `--operator NAME`");
    // Somebody's token in it: nothing is asked and nothing is kept.
    let secret = format!("og_robot_{}", "a".repeat(64));
    assert_snapshot!(told(&create("robot", &key, &["--reason", &secret, "--confirm"])).await, @"ownergate: a token or a secret key stands in it; nothing was asked");
    assert!(!story.journal().contains(&"a".repeat(64)));
    assert_eq!(story.calls("POST", "issues"), 0);
    assert!(story.journal().contains("wish_refused"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_credential_is_asked_for_where_its_identity_lives() {
    let story = begin().await;
    let thread = story.thread(&story.stage.carol, "mine").await;
    let key = Key::new();
    thread
        .ask_for(&story.stage.carol, &key, "robot", "board:read", "8h", "dev")
        .await;
    let token = thread.approved(&story.stage.alice, &key).await;
    assert!(story.alive(&token).await);
    // From elsewhere, with the operator's token.
    let second = Key::new();
    let body = json!({
        "scopes": ["board:read"],
        "ttl": "2h",
        "recipient": second.recipient,
        "label": "the second",
    });
    let call = || async {
        let call = story
            .stage
            .client()
            .post(format!(
                "{}/v1/identities/robot/credentials",
                story.stage.url()
            ))
            .bearer_auth(TOKEN)
            .header("Idempotency-Key", "once")
            .json(&body);
        let answer = call.send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let (status, answer) = call().await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    story.stage.settle().await.unwrap();
    assert_eq!(answer["request"], "R2");
    assert_eq!(answer["issue"], 1);
    assert_eq!(answer["state"], "open");
    assert!(
        answer["thread"]
            .as_str()
            .unwrap()
            .ends_with("/alice/board/issues/1")
    );
    let (lines, replies) = (story.lines(), thread.replies());
    for _ in 0..3 {
        assert_eq!(call().await, (status, answer.clone()));
    }
    assert_eq!((story.lines(), thread.replies()), (lines, replies));
    let token = thread.approved(&story.stage.alice, &second).await;
    assert_eq!(story.may(&token).await, "board:read");
    // Without a token, and with one of nobody, nothing.
    for token in [None, Some("nobody-0123456789abcdef0123456789")] {
        let url = format!("{}/v1/identities", story.stage.url());
        let call = story.stage.client().post(url).json(&body);
        let call = match token {
            Some(token) => call.bearer_auth(token),
            None => call,
        };
        assert_eq!(
            call.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_credential_is_asked_for_from_the_command_line() {
    let story = begin().await;
    let thread = story.thread(&story.stage.carol, "mine").await;
    let (desk, key, second) = (Desk::of(1), Key::new(), Key::new());
    thread
        .ask_for(&story.stage.carol, &key, "robot", "board:read", "8h", "dev")
        .await;
    thread.approved(&story.stage.alice, &key).await;
    let head = ["token", "create", "robot", "--capabilities", "board:read"];
    let rest = ["--expires-in", "2h", "--label", "the second"];
    let to = ["--recipient", &second.recipient, "--confirm"];
    let done = run(&story, &desk, &[&head[..], &rest, &to].concat()).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let port = story.stage.forge.url();
    assert_snapshot!(done.stdout.replace(&port, "FORGE"), @"R2 asks in issue 1 of kan: FORGE/alice/board/issues/1");
    let token = thread.approved(&story.stage.alice, &second).await;
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_resuming_and_owning_are_asked_from_the_command_line() {
    let mut story = begin().await;
    let desk = Desk::of(1);
    let thread = story.thread(&story.stage.carol, "mine").await;
    let key = Key::new();
    let carol = &story.stage.carol;
    thread
        .ask_for(carol, &key, "robot", "board:read", "8h", "dev")
        .await;
    let token = thread.approved(&story.stage.alice, &key).await;
    assert!(story.alive(&token).await);
    let done = run(&story, &desk, &["identity", "rotate", "robot", "--confirm"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(
        thread
            .last_reply()
            .contains("asks as `user 3` for a successor of `robot` c1")
    );
    let next = thread.approved(&story.stage.alice, &key).await;
    assert!(story.alive(&next).await);
    thread
        .comment(&story.stage.alice, "/gate pause robot")
        .await;
    assert!(!story.alive(&next).await);
    let done = run(&story, &desk, &["identity", "resume", "robot", "--confirm"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(!story.alive(&next).await, "asking changes nothing");
    let line = thread.approve_line();
    thread.comment(&story.stage.alice, &line).await;
    assert!(story.alive(&next).await);
    // Piotr's operator asks that he owns it.
    story.restart(&[("forge_id = 3", "forge_id = 4")]).await;
    let thread = story.again(IssueNumber(1));
    let done = run(&story, &desk, &["identity", "own", "robot", "--confirm"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let line = thread.approve_line();
    thread.comment(&story.stage.piotr, &line).await;
    assert_eq!(thread.last_code(), "asked_for_it");
    thread.comment(&story.stage.alice, &line).await;
    assert!(thread.last_reply().contains("owns `robot` now"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_whose_opening_was_not_answered_is_found_and_not_opened_twice() {
    let story = begin().await;
    let (desk, key) = (Desk::of(1), Key::new());
    let fault = story.stage.forge.fault(
        "POST",
        "/repos/alice/board/issues",
        Some(1),
        Fault::LoseAnswer,
    );
    let done = run(&story, &desk, &create("robot", &key, &["--confirm"])).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_snapshot!(done.stdout, @"an issue is being opened in kan; the request stands there as soon as the forge has it");
    assert_eq!(story.stage.forge.fault_count(fault), 1);
    story.pass(60).await;
    let thread = story.again(IssueNumber(1));
    assert!(thread.last_reply().contains("**R1 · `home` (operator)"));
    assert!(
        story.stage.forge.issue(thread_key(2)).is_none(),
        "opened once"
    );
    // Killed between the two, it goes on as well.
    let mut story = story;
    story.start_again().await;
    assert_eq!(story.again(IssueNumber(1)).count("request"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_with_the_request() {
    for (answer, code, said) in [
        ("/gate deny R1 no", 1, "R1: denied\n"),
        ("approve", 0, "R1: approved\n"),
    ] {
        let story = begin().await;
        let (desk, key) = (Desk::of(1), Key::new());
        let thread = story.thread(&story.stage.codex, "sort").await;
        let config = config_of(&story);
        let arguments = create("robot", &key, &["--issue", "1", "--confirm", "--wait"]);
        let more = ["--config", &config, "--operator", "home"];
        let all = [&arguments[..], &more].concat();
        let waits = desk.runs(&all);
        let answers = async {
            while thread.count("request") == 0 {
                tokio::task::yield_now().await;
            }
            let line = match answer {
                "approve" => thread.approve_line(),
                other => other.to_owned(),
            };
            thread.comment(&story.stage.alice, &line).await;
        };
        let (done, ()) = tokio::join!(waits, answers);
        assert_eq!(done.code, Some(code), "{}", done.stderr);
        assert!(done.stdout.ends_with(said), "{}", done.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_is_told_and_the_request_stays_open() {
    let story = begin().await;
    let (desk, key) = (Desk::of(1), Key::new());
    story.thread(&story.stage.codex, "sort").await;
    let more = ["--issue", "1", "--confirm", "--wait", "--timeout", "1s"];
    let done = run(&story, &desk, &create("robot", &key, &more)).await;
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    let port = story.stage.forge.url();
    assert_snapshot!(done.stderr.replace(&port, "FORGE"), @"ownergate: not decided yet: R1 waits for an owner in FORGE/alice/board/issues/1. The request stays open: `ownergate request show R1` tells how it stands.");
    // Nor is it waited longer for an issue that the forge does not open.
    let refusal = Fault::Answer {
        status: 503,
        headers: Vec::new(),
        body: String::new(),
    };
    let issues = "/repos/alice/board/issues";
    let fault = story.stage.forge.fault("POST", issues, None, refusal);
    let more = ["--confirm", "--wait", "--timeout", "1s", "--json"];
    let done = run(&story, &desk, &create("robot-2", &key, &more)).await;
    assert_eq!(done.code, Some(6), "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("\"state\":\"opening\""),
        "{}",
        done.stdout
    );
    story.stage.forge.clear_fault(fault);
    story.pass(60).await;
    // Without --wait there is nothing to wait for.
    let done = run(&story, &desk, &create("robot", &key, &["--timeout", "1s"])).await;
    assert_eq!(done.code, Some(2), "{}", done.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_such_body_is_told() {
    let story = begin().await;
    let bot = socket(&story, Some("home"));
    for (body, why) in [
        (json!({"owner": 2}), "and nothing else"),
        (json!({"scopes": "board:read"}), "lists of them"),
        (
            json!({"issue": 0, "identity": "x"}),
            "the number of an issue",
        ),
        (json!([]), "no JSON object"),
    ] {
        let (status, answer) = bot
            .send(Method::POST, "/v1/identities", &body)
            .await
            .unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail}");
    }
    // What a call does not take is not left out, and a number is not taken for nothing.
    for (path, body) in [
        ("x/resume", json!({"scopes": ["board:read"]})),
        ("x/own", json!({"reason": "mine"})),
        ("x/rotate", json!({"ttl": "1h"})),
        ("x/rotate", json!({"credential": 1})),
        ("x/credentials", json!({"identity": "y"})),
    ] {
        let path = format!("/v1/identities/{path}");
        let (status, answer) = bot.send(Method::POST, &path, &body).await.unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {answer}");
    }
    let (status, _) = bot
        .send(Method::POST, "/v1/identities/No_Slug/rotate", &json!({}))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::NOT_FOUND);
}
