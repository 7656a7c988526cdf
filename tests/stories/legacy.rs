//! Secrets from before: an operator hands a file of hashes in on the host, owners approve in the issue,
//! and each secret works until somebody stops it.

use std::os::unix::fs::MetadataExt;

use insta::assert_snapshot;
use ownergate::cli::confirm::{Change, Go};
use ownergate::cli::import::{Asked, Legacy, hand_over};
use ownergate::gate::ids::Hash;
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Key, Story, Thread, plain};
use crate::operator_cli::transcript;

/// In use for years somewhere; long enough, and not of our form.
pub(crate) const ROBOT: &str = "hunter2-but-much-longer-and-shared-for-years";
const OTHER: &str = "Zm9vYmFyYmF6cXV4/another~one";
const SHORT: &str = "nineteen-characters";

/// The usual stage with an operator who asks as carol, and speaks as the user that runs this test.
pub(crate) async fn begin() -> Story {
    Story::with(|setting| {
        let uid = std::fs::metadata("/proc/self").unwrap().uid();
        setting.config.push_str(&format!(
            "\n[[operator]]\nname = \"home\"\nforge_id = 3\nuid = {uid}\nboards = [\"kan\"]\nrights = [\"request\"]\n"
        ));
    })
    .await
}

fn line(secret: &str, label: &str, scopes: &[&str], identity: Option<&str>) -> String {
    let mut line = json!({
        "sha256": Hash::of(secret.as_bytes()).as_str(),
        "label": label,
        "scopes": scopes,
    });
    if let Some(identity) = identity {
        line["identity"] = json!(identity);
    }
    format!("{line}\n")
}

/// What `ownergate import legacy` is told.
async fn import(thread: &Thread<'_>, operator: &str, file: &str) -> Result<Asked, String> {
    import_or_not(thread, operator, file, Go::DoIt).await
}

async fn import_or_not(
    thread: &Thread<'_>,
    operator: &str,
    file: &str,
    go: Go,
) -> Result<Asked, String> {
    let stage = &thread.story.stage;
    let args = Legacy {
        file: "tokens.jsonl".into(),
        board: "kan".to_owned(),
        issue: thread.issue.0,
        operator: operator.to_owned(),
        config: "ownergate.toml".into(),
        change: Change::default(),
    };
    let config = stage.config().unwrap();
    let asked = hand_over(&config, &args, file.as_bytes().to_vec(), go).await;
    stage.settle().await.unwrap();
    asked.map_err(|error| format!("{error:#}"))
}

/// ROBOT comes for the identity of this thread, and alice lets it.
pub(crate) async fn imported(thread: &Thread<'_>) {
    let line = line(ROBOT, "robot", &["board:read"], Some("codex-kan-1"));
    let asked = import(thread, "home", &line).await.unwrap();
    assert!(matches!(asked, Asked::Request(_)));
    let line = thread.approve_line();
    thread.comment(&thread.story.stage.alice, &line).await;
}

async fn post(story: &Story, path: &str, secret: &str) -> StatusCode {
    let call = story
        .stage
        .client()
        .post(format!("{}{path}", story.stage.url()));
    call.bearer_auth(secret).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_from_before_works_once_an_owner_says_so() {
    let mut story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let file = line(
        ROBOT,
        "robot",
        &["board:read", "card:write"],
        Some("codex-kan-1"),
    );
    let before = thread.replies().len();
    let Asked::Request(told) = import(&thread, "home", &file).await.unwrap() else {
        panic!("faults");
    };
    assert!(told.starts_with("R2 asks in issue 1 of kan; lines 1, SHA-256 of the file "));
    let said = thread.news(before);
    assert!(said.contains(Hash::of(file.as_bytes()).as_str()), "{said}");
    assert!(
        said.contains("`operator home` asks that a secret from before works here"),
        "{said}"
    );
    assert!(!story.alive(ROBOT).await, "asking changes nothing");
    let line = thread.approve_line();
    // Whose account asks gains nothing by it: she is no owner here.
    thread.comment(&story.stage.carol, &line).await;
    assert!(!story.alive(ROBOT).await);
    assert_snapshot!(thread.answer(&story.stage.alice, &line).await, @r"
    **R2 approved by alice: 1 secret from before works here now**.
    - c2 `robot`: `board:read` `card:write`, ends 25 Nov 14:00 UTC
    To take one back: `/gate revoke c2`, with its identity's name in front if it has one.
    ");
    let answer = story.stage.introspect(ROBOT).await.unwrap();
    assert_eq!(answer["sub"], "codex-kan-1");
    assert_eq!(answer["jti"], "c2");
    assert_eq!(answer["scope"], "board:read card:write");
    let (status, _) = story.stage.activate(ROBOT).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    // Neither it nor its hash is anywhere in the journal.
    let hash = Hash::of(ROBOT.as_bytes());
    for secret in [ROBOT, hash.as_str()] {
        assert!(!story.journal().contains(secret));
    }
    story.restart(&[]).await;
    assert_eq!(story.may(ROBOT).await, "board:read card:write");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_listed_and_stops_with_its_identity_and_by_itself() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    imported(&thread).await;
    assert_snapshot!(thread.answer(&story.stage.alice, "/gate inspect").await, @r"
    **`codex-kan-1`** · active · dev
    - may `board:read` `card:write`
    - owner alice, asked for by codex (user 7); ends 22 Feb 14:00 UTC
    - last used 24 Nov 14:00 UTC
    - c2 `robot`: active from before, `board:read`, ends 25 Nov 14:00 UTC
    - c1: active, `board:read` `card:write`, ends 24 Nov 22:00 UTC, last used 24 Nov 14:00 UTC
    - lately: 24 Nov 14:00 UTC credential imported (c2, R2) · 24 Nov 14:00 UTC credential first used (c1) · 24 Nov 14:00 UTC credential issued (c1, R1)
    ");
    thread.comment(&story.stage.alice, "/gate pause").await;
    assert!(!story.alive(ROBOT).await && !story.alive(&token).await);
    thread
        .comment(&story.stage.alice, "/gate resume codex-kan-1")
        .await;
    let line = thread.approve_line();
    thread.comment(&story.stage.alice, &line).await;
    assert!(story.alive(ROBOT).await && story.alive(&token).await);
    thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1 c2")
        .await;
    assert!(!story.alive(ROBOT).await && story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_identity_has_goes_through_every_gate_and_is_linked_or_stopped_by_itself() {
    let story = begin().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "the old robots").await;
    let file = [
        line(ROBOT, "robot", &["board:read"], None),
        line(OTHER, "other", &["board:read"], None),
    ]
    .concat();
    import(&thread, "home", &file).await.unwrap();
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    assert!(!story.alive(ROBOT).await, "one gate asks for two owners");
    thread.comment(piotr, &line).await;
    let answer = story.stage.introspect(ROBOT).await.unwrap();
    assert_eq!(answer["sub"], "legacy:c1");
    assert_eq!(answer["ownergate"]["identity_id"], json!(null));
    assert_eq!(answer["ownergate"]["identity_status"], json!(null));
    assert_eq!(answer["ownergate"]["label"], "robot");
    assert_eq!(answer["ownergate"]["environment"], "*");
    // A client of another board never sees it.
    assert_eq!(story.may_at("ops-api", ROBOT).await, "inactive");
    assert_snapshot!(thread.answer(alice, "/gate list").await, @r"
    **kan** · 0 open requests
    - no identities yet
    - secrets from before without an identity: 2
    ");

    // The holder lets it stand still; nothing else stops, and only a link lets it go on.
    assert_eq!(post(&story, "/v1/pause", ROBOT).await, StatusCode::OK);
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.last_reply(), @"**c1 `robot` is paused**: the holder of c1 wants it. `/gate link c1 SLUG` in an identity's thread asks that it goes on as that identity's; `/gate revoke c1` ends it.");
    assert_eq!(
        post(&story, "/v1/pause", ROBOT).await,
        StatusCode::UNAUTHORIZED
    );
    assert!(!story.alive(ROBOT).await && story.alive(OTHER).await);
    let home = story.thread(codex, "sort").await;
    home.credential(&Key::new()).await;
    assert_snapshot!(home.answer(alice, "/gate link c1 codex-kan-2").await, @r"
    **R3 · `alice` asks that c1 becomes `codex-kan-2`'s** · dev
    - may `board:read` in `kan-ductor` as that identity, until 24 Nov 22:00 UTC
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R3 CODE scopes=board:read
    ```
    or `/gate deny R3`
    ");
    assert!(!story.alive(ROBOT).await);
    let line = home.approve_line();
    assert_snapshot!(home.answer(alice, &line).await, @"**R3 approved by alice: c1 is `codex-kan-2`'s now** · `board:read` · ends 24 Nov 22:00 UTC. To take it back: `/gate revoke codex-kan-2 c1`");
    assert_eq!(
        story.stage.introspect(ROBOT).await.unwrap()["sub"],
        "codex-kan-2"
    );

    // An owner ends the other one from anywhere on the board.
    home.comment(alice, "/gate revoke c2 nobody knows whose it is")
        .await;
    assert!(!story.alive(OTHER).await && story.alive(ROBOT).await);
    assert_snapshot!(thread.last_reply(), @"**c2 `other` is revoked**: `nobody knows whose it is`.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_gives_up_what_it_shows() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    imported(&thread).await;
    assert!(story.alive(ROBOT).await);
    let form = story
        .stage
        .client()
        .post(format!("{}/v1/revoke", story.stage.url()));
    let form = form.header("Content-Type", "application/x-www-form-urlencoded");
    let answer = form.body(format!("token={ROBOT}")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!story.alive(ROBOT).await);
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.last_reply(), @"**`codex-kan-1` c2 is revoked**: its holder gave it up.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_can_be_guessed_is_never_alive() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let long = format!("{SHORT}!");
    let file = [
        line(SHORT, "short", &["board:read"], Some("codex-kan-1")),
        line(&long, "long", &["board:read"], Some("codex-kan-1")),
    ]
    .concat();
    import(&thread, "home", &file).await.unwrap();
    let line = thread.approve_line();
    thread.comment(&story.stage.alice, &line).await;
    assert!(!story.alive(SHORT).await && story.alive(&long).await);
    for path in ["/v1/pause", "/v1/activate"] {
        assert_eq!(post(&story, path, SHORT).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_line_and_nothing_is_imported() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let before = thread.replies().len();
    let good = line(ROBOT, "robot", &["board:read"], None);
    let file = format!(
        "{good}not json\n{}{{\"sha256\": \"short\", \"label\": \"x\", \"scopes\": []}}\n{}",
        line(OTHER, "other", &["card:burn"], None),
        line(ROBOT, "again", &["board:read"], None),
    );
    let Asked::Faults(faults) = import(&thread, "home", &file).await.unwrap() else {
        panic!("it was taken");
    };
    assert_snapshot!(faults.join("\n"), @r"
    line 2: not a JSON object
    line 3: the board has no scope card:burn
    line 4: `sha256` is not 64 hex characters
    line 4: `scopes` has to name 1 to 64 scopes
    line 5: the same secret as line 1
    ");
    // What only the bot's records show is told with the numbers of its lines, too.
    let file = format!(
        "{good}{}",
        line(OTHER, "other", &["board:read"], Some("nobody"))
    );
    assert_snapshot!(import(&thread, "home", &file).await.unwrap_err(), @"nothing was imported: line 2: there is no identity `nobody` on this board");
    assert_eq!(thread.replies().len(), before);
    assert!(!story.alive(ROBOT).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_import_would_ask_is_said_and_nothing_is_written() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let file = line(ROBOT, "robot", &["board:read"], Some("codex-kan-1"));
    let before = (story.lines(), thread.replies().len());
    let would = import_or_not(&thread, "home", &file, Go::Rehearse).await;
    let Asked::Would(told, what) = would.unwrap() else {
        panic!("it was asked");
    };
    assert!(told.starts_with("R2 asks in issue 1 of kan; lines 1, SHA-256 of the file "));
    assert_eq!(what["entries"][1]["code"], "import_asked");
    let said = what["comments"][0]["text"].as_str().unwrap();
    assert!(
        said.contains("that a secret from before works here"),
        "{said}"
    );
    assert!(
        !what
            .to_string()
            .contains(Hash::of(ROBOT.as_bytes()).as_str())
    );
    assert_eq!((story.lines(), thread.replies().len()), before);
    // What would be refused is refused with the same words, and with nothing in the audit.
    let bad = line(OTHER, "other", &["board:read"], Some("nobody"));
    let why = import_or_not(&thread, "home", &bad, Go::Rehearse).await;
    assert_eq!(
        why.unwrap_err(),
        "nothing was imported: line 1: there is no identity `nobody` on this board"
    );
    let faults = import_or_not(&thread, "home", "not json\n", Go::Rehearse).await;
    assert!(matches!(faults.unwrap(), Asked::Faults(_)));
    assert_eq!((story.lines(), thread.replies().len()), before);
    let Asked::Request(told) = import(&thread, "home", &file).await.unwrap() else {
        panic!("it was not asked");
    };
    assert!(told.starts_with("R2 asks in issue 1 of kan"));
    assert_eq!(thread.news(before.1), plain(said));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_asks_first_and_its_dry_run_is_shown() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let file = line(ROBOT, "robot", &["board:read"], Some("codex-kan-1"));
    std::fs::write(story.stage.directory().join("old.jsonl"), file).unwrap();
    let lines = story.lines();
    let import = "import legacy old.jsonl --board kan --issue 1 --operator home";
    let said = transcript(
        &story,
        &[
            &import.replace("old.jsonl", "nowhere.jsonl"),
            &format!("{import} --dry-run"),
        ],
    )
    .await;
    assert_eq!(story.lines(), lines);
    assert_snapshot!(said.replace("    \n", "\n"), @r"
    $ ownergate import legacy nowhere.jsonl --board kan --issue 1 --operator home
    ownergate: Ask in issue 1 of kan that the secrets of nowhere.jsonl work here? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ? 2

    $ ownergate import legacy old.jsonl --board kan --issue 1 --operator home --dry-run
    dry run, nothing was changed. It would be so: R2 asks in issue 1 of kan; lines 1, SHA-256 of the file 0d53932b7ea818044414629098dce6dcf05758455a138b27d2e72dca4beb470c
      audit: request opened, asks that a secret from before works here
      audit: import asked, 1 secrets from before, asked for as user 3
      comment in kan#1:
        **R2 · `operator home` asks that a secret from before works here** · dev
        - may `board:read` in `kan-ductor`, each for 1 d at most
        - the file's SHA-256 is `0d53932b7ea818044414629098dce6dcf05758455a138b27d2e72dca4beb470c`; it came from the bot's own host, and nobody wrote it on the forge
        - `robot`: `board:read`; for `codex-kan-1`
        - needs one of @alice @piotr, by 27 Nov 14:00 UTC

        ```
        /gate approve R2 CODE scopes=board:read ttl=1d
        ```
        or `/gate deny R2`
      record written: board 17
      record written: counters
      record written: due 1795615200/remind/2
      record written: due 1795788000/end/2
      record written: legacy 2/0
      record written: request 2
      record written: requester 17/3
      record written: thread 17/1
    ");
    let said = transcript(&story, &[&format!("{import} --confirm")]).await;
    assert!(said.contains("R2 asks in issue 1 of kan"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_configured_operator_hands_in_and_may_not_approve() {
    let mut story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let file = line(ROBOT, "robot", &["board:read"], None);
    let refused = import(&thread, "away", &file).await.unwrap_err();
    assert_snapshot!(refused, @"nothing was imported: no operator of that name is in my configuration");
    assert!(story.journal().contains("operator_turned_away"));
    thread.credential(&Key::new()).await;
    // Now it is alice who asks, and her word does not count for it.
    story.restart(&[("forge_id = 3", "forge_id = 2")]).await;
    let thread = story.again(thread_number());
    let file = line(ROBOT, "robot", &["board:read"], Some("codex-kan-1"));
    import(&thread, "home", &file).await.unwrap();
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(&story.stage.alice, &line).await, @"Not counted for R2: whoever asks or would get the credential cannot approve it; another owner must.");
    assert!(!story.alive(ROBOT).await);
    thread.comment(&story.stage.piotr, &line).await;
    assert!(story.alive(ROBOT).await);
    // The host speaks for every operator, whoever that is at home; but not for one without the right.
    story
        .restart(&[
            ("uid = ", "uid = 1"),
            ("rights = [\"request\"]", "rights = [\"read\"]"),
        ])
        .await;
    let thread = story.again(thread_number());
    let file = format!("{}\n", file_of_other().trim());
    let refused = import(&thread, "home", &file).await.unwrap_err();
    assert!(refused.contains("has not the right `request`"), "{refused}");
}

fn thread_number() -> ownergate::gate::ids::IssueNumber {
    ownergate::gate::ids::IssueNumber(1)
}

fn file_of_other() -> String {
    line(OTHER, "other", &["board:read"], None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_holder_gets_no_successor_though_the_gate_lets_holders_have_one() {
    let mut story = begin().await;
    let dev = "[board.gate.dev]\n";
    story
        .restart(&[(dev, &format!("{dev}holder_rotation = true\n"))])
        .await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    imported(&thread).await;
    let call = story
        .stage
        .client()
        .post(format!("{}/v1/rotate", story.stage.url()))
        .bearer_auth(ROBOT)
        .header("Idempotency-Key", "first-key");
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let text = answer.text().await.unwrap();
    assert!(text.contains("no holder swaps its token here"), "{text}");
    assert!(story.alive(ROBOT).await);
}
