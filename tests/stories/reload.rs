//! SIGHUP: the configuration and its secrets are read anew while the bot runs. What is cut is cut for
//! the next check, what came works at once, and a configuration with a fault changes nothing.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use insta::assert_snapshot;
use ownergate::clock::Clock;
use ownergate::demo::stage::{CLIENT_SECRET, HOOK_SECRET, KAN, OPS, Setting, Stage};
use ownergate::miniforge::{LoggedCall, hmac_sha256};
use ownergate::secret::file::write_secret_file;
use ownergate::store::{Fault, Point};
use tempfile::TempDir;

use crate::harness::{Key, Story, change};
use crate::harness_edges::{Process, soon};

/// The board `ops` and its client, as they stand at the end of the configuration.
fn ops_part(story: &mut Story) -> (String, String) {
    let config = &story.stage.setting().config;
    let (begin, end) = (
        config.find("[[board]]\nname = \"ops\"").unwrap(),
        config.find("[[client]]\nname = \"kanban-api\"").unwrap(),
    );
    let client = config.find("[[client]]\nname = \"ops-api\"").unwrap();
    (config[begin..end].to_owned(), config[client..].to_owned())
}

impl Story {
    /// The configuration is changed and the running bot told to read it.
    async fn reload(&mut self, changes: &[(&str, &str)]) {
        change(&mut self.stage.setting().config, changes);
        self.stage.reload().await.unwrap();
        self.stage.settle().await.unwrap();
    }

    /// The configuration is changed, the bot refuses it, and it is changed back: what it said.
    async fn refused(&mut self, changes: &[(&str, &str)]) -> String {
        let before = self.stage.setting().config.clone();
        change(&mut self.stage.setting().config, changes);
        let why = self.stage.reload().await.unwrap_err();
        self.stage.setting().config = before;
        format!("{why:#}")
    }

    /// The status of an introspection with this client and secret.
    async fn door(&self, client: &str, secret: &str) -> u16 {
        let call = self.request("POST", "/v1/introspect");
        let call = call
            .basic_auth(client, Some(secret))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("token=none");
        call.send().await.unwrap().status().as_u16()
    }

    /// The status of a delivery that is none of ours, under a secret.
    async fn hook(&self, name: &str, secret: &str) -> u16 {
        let body = b"{\"nothing\":1}";
        let call = self.request("POST", &format!("/hooks/{name}"));
        let call = call
            .header("Content-Type", "application/json")
            .header("X-Forgejo-Signature", hmac_sha256(secret, body))
            .body(body.to_vec());
        call.send().await.unwrap().status().as_u16()
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.stage.directory().join("secrets").join(name)
    }
}

/// As at a start; here nothing is filled from the records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_got_wider_is_told_in_the_control_issue_at_once() {
    let machines = "machine_accounts = [7]";
    let control = format!("{machines}\ncontrol_issue = 1");
    let mut story = Story::configured(&[(machines, &control)]).await;
    let issue = story.thread(&story.stage.alice, "control").await.issue;
    assert_eq!(issue.0, 1);
    story
        .reload(&[("max_ttl = \"24h\"", "max_ttl = \"48h\"")])
        .await;
    assert_snapshot!(story.at(1).news(0), @r"
    **The configuration lets more through than before:**
    - gate `dev` allows 2d instead of 1d
    ");
}

/// Nothing is in force that the journal does not have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_cannot_be_journaled_is_not_in_force() {
    let fails = Arc::new(AtomicBool::new(false));
    let plan = Arc::clone(&fails);
    let mut story = Story::with(|setting| {
        setting.plan = Some(Arc::new(move |point| {
            match point == Point::BeforeWrite && plan.load(Ordering::SeqCst) {
                true => Fault::Error(ErrorKind::StorageFull),
                false => Fault::None,
            }
        }));
    })
    .await;
    let before = story.stage.bot().unwrap().core.policy();
    fails.store(true, Ordering::SeqCst);
    let (_, client) = ops_part(&mut story);
    let said = story.refused(&[(&client, "")]).await;
    assert!(said.contains("could not be journaled"), "{said}");
    assert_eq!(story.stage.bot().unwrap().core.policy(), before);
    fails.store(false, Ordering::SeqCst);
    story.start_again().await;
    assert_eq!(story.stage.bot().unwrap().core.policy(), before);
}

const DEV: &str = "[board.gate.dev]\nscopes = [\"board:read\", \"card:write\"]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_scope_narrows_what_lives_at_the_next_check() {
    let mut story = Story::begin().await;
    let token = {
        let thread = story.thread(&story.stage.codex, "cut").await;
        thread.credential(&Key::new()).await
    };
    assert_eq!(story.may(&token).await, "board:read card:write");
    let lines = story.lines();
    let cut = "[board.gate.dev]\nscopes = [\"board:read\"]";
    story.reload(&[(DEV, cut)]).await;
    assert_eq!(story.may(&token).await, "board:read");
    assert!(story.journal().contains("gate `dev` lost `card:write`"));
    assert!(story.lines() > lines);
    // Its thread is told when it is looked at, and once.
    let thread = story.at(1);
    let before = thread.replies().len();
    assert!(story.reconcile().await);
    assert!(story.reconcile().await);
    assert_snapshot!(thread.news(before), @r"
    **My configuration lets `codex-kan-1` do less than it was granted**:
    - c1 may `board:read`, and not `card:write`
    ");
    // The same once more is nothing new.
    let lines = story.lines();
    story.reload(&[]).await;
    assert_eq!(story.lines(), lines);
    // What is asked now is judged by the new rules, on the writer's side, too.
    let thread = story.thread(&story.stage.codex, "again").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    assert_eq!(thread.last_code(), "scopes_not_granted");
    assert_eq!(
        story
            .metric("ownergate_reloads_total{outcome=\"done\"}")
            .await,
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_went_is_refused_and_a_new_secret_is_the_only_one() {
    let mut story = Story::begin().await;
    assert_eq!(story.door("kanban-api", CLIENT_SECRET).await, 200);
    let path = story.secret("client");
    std::fs::remove_file(&path).unwrap();
    write_secret_file(&path, b"another-secret-of-the-kanban-api").unwrap();
    story.reload(&[]).await;
    assert_eq!(story.door("kanban-api", CLIENT_SECRET).await, 401);
    let another = "another-secret-of-the-kanban-api";
    assert_eq!(story.door("kanban-api", another).await, 200);

    let (_, client) = ops_part(&mut story);
    assert_eq!(story.door("ops-api", CLIENT_SECRET).await, 200);
    story.reload(&[(&client, "")]).await;
    assert_eq!(story.door("ops-api", CLIENT_SECRET).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hooks_secret_is_exchanged_in_two_steps() {
    let mut story = Story::begin().await;
    let new = "the-new-secret-of-the-hook-of-the-board-kan";
    write_secret_file(&story.secret("hook-new"), new.as_bytes()).unwrap();
    let only_new = "hook_secret_file = \"secrets/hook-new\"";
    let both = &format!("{only_new}\nprevious_hook_secret_file = \"secrets/hook\"");
    assert_eq!(story.hook("kan", new).await, 401);
    story
        .reload(&[("hook_secret_file = \"secrets/hook\"", both)])
        .await;
    assert_eq!(story.hook("kan", new).await, 204);
    assert_eq!(story.hook("kan", HOOK_SECRET).await, 204);
    story.reload(&[(both, only_new)]).await;
    assert_eq!(story.hook("kan", new).await, 204);
    assert_eq!(story.hook("kan", HOOK_SECRET).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_goes_and_comes_back() {
    let mut story = Story::begin().await;
    let (key, codex, piotr) = (
        Key::new(),
        story.stage.codex.clone(),
        story.stage.piotr.clone(),
    );
    let (board, client) = ops_part(&mut story);
    let config = story.stage.setting().config.clone();
    story.reload(&[(&board, ""), (&client, "")]).await;
    assert_eq!(story.hook("ops", HOOK_SECRET).await, 404);
    assert_eq!(story.hook("kan", HOOK_SECRET).await, 204);

    // What is asked of a board that is none is not heard, also not when it is one.
    let early = {
        let thread = story.ops_thread(&codex, "early").await;
        thread
            .ask_for(&codex, &key, "codex-*", "board:read", "8h", "dev")
            .await;
        thread.issue
    };
    story.pass(60).await;
    story.stage.setting().config.clone_from(&config);
    story.reload(&[]).await;
    assert_eq!(story.door("ops-api", CLIENT_SECRET).await, 200);
    assert!(story.stage.reconcile(OPS).await.unwrap());
    let thread = story.ops_thread(&codex, "now").await;
    thread
        .ask_for(&codex, &key, "codex-*", "board:read", "8h", "dev")
        .await;
    let token = thread.approved(&piotr, &key).await;
    assert_eq!(story.may_at("ops-api", &token).await, "board:read");
    let early = ownergate::gate::ids::ThreadKey {
        repository: OPS,
        issue: early,
    };
    let said = story.stage.forge.comments(early);
    assert_eq!(said.len(), 1, "only the request stands there");

    // It goes: its tokens are as dead as unknown ones, whoever asks. With it back, they live.
    let sees_kan = client.replace(
        "boards = [\"ops\"]",
        "boards = [\"kan\"]\nenvironments = [\"dev\"]",
    );
    story.reload(&[(&board, ""), (&client, &sees_kan)]).await;
    assert_eq!(story.may_at("ops-api", &token).await, "inactive");
    assert_eq!(story.stage.activate(&token).await.unwrap().0.as_u16(), 401);
    story.stage.setting().config = config;
    story.reload(&[]).await;
    assert_eq!(story.may_at("ops-api", &token).await, "board:read");
}

/// True once each board was read to its end.
fn all_read(ready: &serde_json::Value) -> bool {
    let boards = ready["boards"].as_array().unwrap();
    boards.iter().all(|board| !board["read"].is_null())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boards_are_read_as_they_come_and_go() {
    let mut story = Story::with(|setting| setting.reconcile = true).await;
    let reads = |repository: i64| {
        move |call: &LoggedCall| call.path.contains(&format!("/repositories/{repository}"))
    };
    soon(story.stage.forge.called(reads(17))).await;
    soon(story.stage.forge.called(reads(18))).await;
    // What is being read when its board goes is read to its end: both first passes are over.
    soon(async {
        while !all_read(&story.ready().await) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (board, client) = ops_part(&mut story);
    let config = story.stage.setting().config.clone();
    story.reload(&[(&board, ""), (&client, "")]).await;
    story.stage.forge.clear_calls();
    story.pass(60).await;
    soon(story.stage.forge.called(reads(17))).await;
    assert!(!story.stage.forge.calls().iter().any(reads(18)));
    let named = |ready: &serde_json::Value| ready["boards"].to_string().contains("ops");
    assert!(!named(&story.ready().await));

    story.stage.setting().config = config;
    story.reload(&[]).await;
    soon(story.stage.forge.called(reads(18))).await;
    assert!(named(&story.ready().await));

    // Another pace is taken up at once, and not after a wait at the old one.
    story
        .reload(&[("token_file", "reconcile = \"1h\"\ntoken_file")])
        .await;
    story.pass(60).await;
    story.stage.forge.clear_calls();
    story.reload(&[("\"1h\"", "\"20s\"")]).await;
    for _ in 0..3 {
        story.pass(5).await;
    }
    soon(story.stage.forge.called(reads(17))).await;
    let every = story.stage.bot().unwrap().reconciliation.every();
    assert_eq!(every.as_secs(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_with_a_fault_changes_nothing() {
    let mut story = Story::begin().await;
    let token = {
        let thread = story.thread(&story.stage.codex, "kept").await;
        thread.credential(&Key::new()).await
    };
    let may = story.may(&token).await;
    let lines = story.lines();
    let cut = (DEV, "[board.gate.dev]\nscopes = [\"board:read\"]");
    // Something that cannot be read, something that cannot be, the bot as an owner.
    let said = story.refused(&[cut, ("[forge]", "[forge")]).await;
    assert!(said.contains("line 13, column 7"), "{said}");
    let said = story.refused(&[cut, ("quorum = 1", "quorum = 0")]).await;
    assert!(said.contains("board[kan].gate.dev.quorum"), "{said}");
    let said = story.refused(&[cut, ("id = 4", "id = 5")]).await;
    assert!(said.contains("board[kan].owner"), "{said}");
    // A secret that others can read, and one that is not there.
    let client = story.secret("client");
    let mode = |mode| std::fs::set_permissions(&client, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o604);
    let said = story.refused(&[cut]).await;
    assert!(said.contains("client[kanban-api].secret_file"), "{said}");
    mode(0o600);
    let missing = ("secrets/client-ops", "secrets/nowhere");
    let said = story.refused(&[cut, missing]).await;
    assert!(said.contains("client[ops-api].secret_file"), "{said}");

    assert_eq!(story.may(&token).await, may);
    assert_eq!(story.door("ops-api", CLIENT_SECRET).await, 200);
    assert_eq!(story.lines(), lines);
    assert_eq!(
        story
            .metric("ownergate_reloads_total{outcome=\"refused\"}")
            .await,
        5
    );
    story.reload(&[cut]).await;
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fixed_while_it_runs_is_named_and_nothing_of_the_file_is_taken() {
    let mut story = Story::begin().await;
    let lines = story.lines();
    for name in ["pepper-new", "signing-key-new"] {
        let hex = "ab".repeat(32);
        write_secret_file(&story.secret(name), hex.as_bytes()).unwrap();
    }
    let said = story
        .refused(&[
            (DEV, "[board.gate.dev]\nscopes = [\"board:read\"]"),
            ("listen = \"127.0.0.1:{port}\"", "listen = \"127.0.0.1:1\"\nadmin_socket = \"other.sock\"\ninternal_listen = \"127.0.0.1:2\""),
            ("path = \"data\"", "path = \"elsewhere\""),
            ("secrets/pepper\"", "secrets/pepper-new\"\nprevious_pepper_file = \"secrets/pepper\""),
            ("secrets/signing-key\"", "secrets/signing-key-new\""),
            ("url = \"{forge}\"", "url = \"http://127.0.0.1:1\"\ninsecure_http = true\nbot_id = 6"),
            ("[[board]]", "[tokens]\nprefix = \"ag\"\n\n[[board]]"),
        ])
        .await;
    assert_snapshot!(said, @"these cannot change while the bot runs, restart it to put them into force: server.listen, server.internal_listen, server.admin_socket, store.path, secrets.pepper_file, secrets.previous_pepper_file, secrets.signing_key_file, forge.url, forge.insecure_http, forge.bot_id, tokens.prefix");
    assert_eq!(story.lines(), lines);
    // What only says what is so already is no change.
    story
        .reload(&[("token_file", "bot_id = 5\ntoken_file")])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_forge_is_asked_with_the_new_token() {
    let mut story = Story::begin().await;
    let carol = story.stage.carol.clone();
    let path = story.secret("forge-token");
    std::fs::remove_file(&path).unwrap();
    write_secret_file(&path, carol.token.as_bytes()).unwrap();
    story.reload(&[]).await;
    story.stage.forge.clear_calls();
    story.stage.reconcile(KAN).await.unwrap();
    let calls = story.stage.forge.calls();
    assert!(!calls.is_empty() && calls.iter().all(|call| call.user == Some(carol.id)));
}

/// The process itself, told as its service manager tells it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_reads_the_configuration_and_the_log_says_what_is_wrong_with_it() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::build(directory.path(), Setting::new(Clock::system())).unwrap();
    let running = Process::start(&stage, &["--log", "info"]);
    running.ready().await;
    let file = stage.directory().join("ownergate.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let status = async |client: &str| {
        let call = stage
            .client()
            .post(format!("{}/v1/introspect", stage.url()));
        let call = call
            .basic_auth(client, Some(CLIENT_SECRET))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("token=none");
        call.send().await.unwrap().status().as_u16()
    };
    std::fs::write(&file, good.replace("quorum = 1", "quorum = 0")).unwrap();
    running.hang_up();
    running.ready().await;
    assert_eq!(status("kanban-api").await, 200);
    std::fs::write(&file, good.replace("\"kanban-api\"", "\"kanban\"")).unwrap();
    running.hang_up();
    running.ready().await;
    assert_eq!(status("kanban-api").await, 401);
    assert_eq!(status("kanban").await, 200);
    running.terminate();
    let (status, log) = running.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(
        log.contains("was not reloaded") && log.contains("gate.dev.quorum"),
        "{log}"
    );
    assert!(log.contains("the configuration was reloaded"), "{log}");
}
