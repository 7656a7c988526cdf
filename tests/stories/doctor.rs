//! What the doctor says: of a gate that is well, and of one thing at a time that is not.

use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use ownergate::clock::Clock;
use ownergate::demo::stage::free_port;
use ownergate::gate::ids::{IssueNumber, ThreadKey, UserId};
use ownergate::miniforge::{Fault, Hook, Right};
use serde_json::Value;

use crate::harness_edges::soon;
use crate::init::{USUAL, Village};

/// The bot of a village, in a process of its own; it ends with this.
struct Serving(std::process::Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A village with a gate on two free ports of this machine.
async fn set_up(village: &Village) -> (u16, u16) {
    let (public, internal) = (free_port().unwrap(), free_port().unwrap());
    let here = format!(
        "--public-url http://127.0.0.1:{public} --listen 127.0.0.1:{public} --internal-listen 127.0.0.1:{internal}"
    );
    let line = USUAL
        .replace("--listen 127.0.0.1:2 --internal-listen 127.0.0.1:3", "")
        .replace("--public-url https://gate.example", &here);
    let ran = village.run(&line).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    (public, internal)
}

/// Starts the bot and waits until it works.
async fn serve(village: &Village, internal: u16) -> Serving {
    let child = Command::new(env!("CARGO_BIN_EXE_ownergate"))
        .args(["serve", "--log", "error", "--config"])
        .arg(village.config_file())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let serving = Serving(child);
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let ready = async {
        let url = format!("http://127.0.0.1:{internal}/readyz");
        while !client
            .get(&url)
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            tokio::task::yield_now().await;
        }
    };
    soon(ready).await;
    serving
}

/// Runs the doctor: the exit code, and what it says for programs.
async fn doctor(village: &Village, more: &str) -> (i32, Value) {
    let line = format!("doctor --json --config gate/ownergate.toml {more}");
    let ran = village.run(&line).await;
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    assert_eq!(report["ok"] == true, ran.code == 0);
    (ran.code, report)
}

/// The state of a check, and its words with what to do.
fn of(report: &Value, name: &str) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let found: Vec<&Value> = checks
        .iter()
        .filter(|check| check["name"] == name)
        .collect();
    let worst = ["fail", "warn", "ok"]
        .iter()
        .find_map(|state| found.iter().find(|check| check["state"] == **state));
    let worst = worst.unwrap_or_else(|| panic!("no check {name}: {report}"));
    let said = format!("{} -> {}", worst["said"], worst["mend"]);
    (worst["state"].as_str().unwrap().to_owned(), said)
}

/// The one thing that is not well.
async fn expect(village: &Village, more: &str, name: &str, state: &str, words: &[&str]) {
    let (code, report) = doctor(village, more).await;
    let (found, said) = of(&report, name);
    assert_eq!(found, state, "{name}: {report}");
    for word in words {
        assert!(said.contains(word), "{name}: {word}: {said}");
    }
    assert_eq!(code, i32::from(state == "fail"), "{report}");
    for check in report["checks"].as_array().unwrap() {
        let other = check["name"] != name && check["state"] == "fail";
        assert!(!other, "{name}: {check}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_gate_is_well_before_and_after_its_start() {
    for gitea in [false, true] {
        let village = Village::new();
        village.forge.settings(|settings| settings.gitea = gitea);
        let (_, internal) = set_up(&village).await;
        let before = village.run("doctor --config gate/ownergate.toml").await;
        assert_eq!(before.code, 0, "{}{}", before.out, before.err);
        assert!(
            before.out.contains("the bot does not run"),
            "{}",
            before.out
        );
        assert!(
            before.out.contains("-> ownergate serve --config"),
            "{}",
            before.out
        );
        let _serving = serve(&village, internal).await;
        let (code, report) = doctor(&village, "--token-file alice").await;
        assert_eq!(code, 0, "{report}");
        for check in report["checks"].as_array().unwrap() {
            assert_eq!(check["state"], "ok", "{check}");
            assert_eq!(check["mend"], Value::Null, "{check}");
        }
        // Stable names, in this order.
        let names: Vec<&str> = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "config",
                "secrets",
                "gates",
                "store",
                "disk",
                "running",
                "forge",
                "clock",
                "bot_account",
                "token_scopes",
                "repository",
                "owners",
                "comments",
                "webhook",
                "delivery"
            ]
        );
        // The hook is as it was, and nothing is left in the control issue.
        let hook = &village.forge.hooks_of(village.board)[0];
        assert!(!hook.events.contains("push"), "{:?}", hook.events);
        let thread = ThreadKey {
            repository: village.board,
            issue: IssueNumber(1),
        };
        assert!(village.forge.issue(thread).unwrap().reactions.is_empty());
        assert!(village.forge.comments(thread).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_bot_on_the_same_port_is_not_taken_for_this_one() {
    let (village, other) = (Village::new(), Village::new());
    let (public, internal) = set_up(&village).await;
    let _serving = serve(&village, internal).await;
    assert_eq!(other.init().await.code, 0);
    let config = std::fs::read_to_string(other.config_file()).unwrap();
    let config = config
        .replace("\"127.0.0.1:2\"", &format!("\"127.0.0.1:{public}\""))
        .replace("\"127.0.0.1:3\"", &format!("\"127.0.0.1:{internal}\""));
    std::fs::write(other.config_file(), config).unwrap();
    expect(&other, "", "running", "fail", &["another bot answers"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_with_another_secret_and_one_that_does_not_arrive() {
    let village = Village::new();
    let (_, internal) = set_up(&village).await;
    let _serving = serve(&village, internal).await;
    change_hook(&village, |hook| {
        hook.secret = "another secret that is long enough".to_owned()
    });
    let words = ["another secret", "run ownergate init"];
    expect(&village, "--token-file alice", "delivery", "fail", &words).await;
    village.forge.drop_hooks(1);
    let words = ["did not arrive", "ALLOWED_HOST_LIST = external,loopback"];
    expect(&village, "--token-file alice", "delivery", "fail", &words).await;
}

fn change_hook(village: &Village, how: impl FnOnce(&mut Hook)) {
    village.forge.change_hook(village.board, how);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_hook_is_named() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    let well = village.forge.hooks_of(village.board)[0].clone();
    let look = async |how: &dyn Fn(&mut Hook), words: &[&str]| {
        change_hook(&village, |hook| how(hook));
        expect(&village, "--token-file alice", "webhook", "fail", words).await;
        change_hook(&village, |hook| *hook = well.clone());
    };
    look(
        &|hook| hook.active = false,
        &["not active", "ownergate init"],
    )
    .await;
    look(&|hook| hook.form = true, &["not JSON"]).await;
    look(
        &|hook| hook.events.retain(|event| event != "pull_request_comment"),
        &["does not send pull_request_comment"],
    )
    .await;
    look(
        &|hook| hook.url = "https://old.example/hooks/board".to_owned(),
        &["goes to https://old.example", "public_url asks for"],
    )
    .await;
    look(
        &|hook| hook.url = "https://old.example/".to_owned(),
        &["has no hook for"],
    )
    .await;
    // init mends what can be mended.
    change_hook(&village, |hook| hook.active = false);
    let ran = village.init().await;
    assert!(ran.out.contains("mended webhook"), "{}", ran.out);
    expect(&village, "--token-file alice", "webhook", "ok", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forge_that_answers_otherwise_is_named_with_the_mend() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    let answers = |status: u16, header: (&str, &str), body: &str| Fault::Answer {
        status,
        headers: vec![(header.0.to_owned(), header.1.to_owned())],
        body: body.to_owned(),
    };
    let page = answers(
        200,
        ("Content-Type", "text/html"),
        "<html>Are you a human?</html>",
    );
    village.forge.fault("GET", "/version", None, page);
    expect(
        &village,
        "",
        "forge",
        "fail",
        &["HTML", "let calls to /api/v1 of this machine through"],
    )
    .await;
    village.forge.clear_faults();
    let elsewhere = answers(
        301,
        ("Location", "https://forge.example/api/v1/version"),
        "",
    );
    village.forge.fault("GET", "/version", None, elsewhere);
    expect(
        &village,
        "",
        "forge",
        "fail",
        &[
            "redirects (301)",
            "set [forge] url = \\\"https://forge.example\\\"",
        ],
    )
    .await;
    village.forge.clear_faults();
    let broken = answers(502, ("Content-Type", "text/plain"), "");
    village.forge.fault("GET", "/version", None, broken);
    expect(&village, "", "forge", "fail", &["502", "forge's log"]).await;
    village.forge.clear_faults();
    village.forge.go_away().await;
    expect(
        &village,
        "",
        "forge",
        "fail",
        &["cannot be reached", "start the forge"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_differ_are_told() {
    let ahead = Timestamp::from_second(Clock::system().now().as_second() + 600).unwrap();
    let clock = Clock::manual(ahead);
    let village = Village::with("", clock.clone());
    assert_eq!(village.init().await.code, 0);
    expect(
        &village,
        "",
        "clock",
        "fail",
        &["nothing is widened", "NTP"],
    )
    .await;
    // The clock stands still, so this is a minute ahead at most.
    let near = Clock::system().now().as_second() + 60 - ahead.as_second();
    clock.advance(SignedDuration::from_secs(near));
    expect(&village, "", "clock", "warn", &["differ by"]).await;
}

/// Puts another token into the bot's file.
fn put_token(village: &Village, token: &str) {
    std::fs::write(village.directory().join("secrets/forge-token"), token).unwrap();
}

fn bot(village: &Village) -> UserId {
    let config = ownergate::config::Config::load(&village.config_file()).unwrap();
    config.config.forge.bot_id.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_the_bots_token_and_account_is_named() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    let bot = bot(&village);
    let scopes = [
        "write:issue",
        "write:repository",
        "read:user",
        "read:notification",
    ];
    put_token(&village, &village.forge.give_token(bot, &scopes));
    let words = [
        "write:repository, read:notification",
        "only write:issue, read:repository, read:user",
    ];
    expect(&village, "", "token_scopes", "warn", &words).await;
    let less = village
        .forge
        .give_token(bot, &["write:issue", "read:repository"]);
    put_token(&village, &less);
    expect(
        &village,
        "",
        "bot_account",
        "warn",
        &["may not ask whose it is", "read:user"],
    )
    .await;
    put_token(&village, "0000000000000000000000000000000000000000");
    expect(
        &village,
        "",
        "bot_account",
        "fail",
        &["401", "make a new one"],
    )
    .await;
    put_token(
        &village,
        &village.forge.give_token(village.codex.id, &["all"]),
    );
    expect(
        &village,
        "",
        "bot_account",
        "fail",
        &["is of codex", "forge.bot_id is"],
    )
    .await;
    put_token(
        &village,
        &village
            .forge
            .give_token(bot, &["write:issue", "read:repository", "read:user"]),
    );
    village.forge.change(|state| state.make_site_admin(bot));
    let (code, report) = doctor(&village, "").await;
    let (state, said) = of(&report, "bot_account");
    assert_eq!((code, state.as_str()), (1, "fail"), "{report}");
    assert!(said.contains("site administrator"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_repository_is_named() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    let (board, bot) = (village.board, bot(&village));
    village.forge.set_right(board, bot, Right::Write);
    expect(
        &village,
        "",
        "repository",
        "warn",
        &["may write", "read only"],
    )
    .await;
    village.forge.set_right(board, bot, Right::None);
    expect(
        &village,
        "",
        "repository",
        "fail",
        &["does not see alice/board", "collaborator"],
    )
    .await;
    village.forge.set_right(board, bot, Right::Read);
    village.forge.change(|state| state.archive(board, true));
    expect(&village, "", "repository", "fail", &["archived"]).await;
    village.forge.change(|state| state.archive(board, false));
    village
        .forge
        .change(|state| state.move_repository(board, None, Some("roadmap")));
    let words = ["is called alice/roadmap now", "set repository"];
    expect(&village, "", "repository", "fail", &words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_whose_name_moved_is_told() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    village
        .forge
        .change(|state| state.rename_user(village.alice.id, "alice2"));
    let (_, report) = doctor(&village, "").await;
    let (state, said) = of(&report, "owners");
    assert_eq!(state, "fail");
    assert!(said.contains("alice is called alice2 now"), "{said}");
    village.forge.add_user("alice").unwrap();
    let (_, report) = doctor(&village, "").await;
    let (state, said) = of(&report, "owners");
    assert_eq!(state, "fail");
    assert!(said.contains("somebody else took the name"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_is_blocked_or_has_no_place_to_speak_is_told() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    let bot = bot(&village);
    village
        .forge
        .change(|state| state.block(village.alice.id, bot));
    expect(&village, "", "comments", "fail", &["blocked", "unblock it"]).await;
    village
        .alice
        .call(reqwest::Method::PUT, "/user/unblock/ownergate", None)
        .await
        .unwrap();
    village
        .root
        .close("alice/board", IssueNumber(1))
        .await
        .unwrap();
    expect(
        &village,
        "",
        "comments",
        "warn",
        &["is closed", "open it again"],
    )
    .await;
    let file = village.config_file();
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        config.replace("control_issue = 1", "control_issue = 9"),
    )
    .unwrap();
    expect(&village, "", "comments", "fail", &["no issue #9"]).await;
    std::fs::write(&file, config.replace("control_issue = 1", "#")).unwrap();
    expect(&village, "", "comments", "warn", &["no control issue"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_used_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    let pepper = village.directory().join("secrets/pepper");
    std::fs::set_permissions(&pepper, std::fs::Permissions::from_mode(0o644)).unwrap();
    expect(
        &village,
        "",
        "secrets",
        "fail",
        &["secrets.pepper_file", "0644"],
    )
    .await;
    std::fs::set_permissions(&pepper, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = village.config_file();
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("quorum = 1", "quorum = 9")).unwrap();
    expect(
        &village,
        "",
        "config",
        "fail",
        &["board[board].gate.dev.quorum"],
    )
    .await;
    std::fs::write(
        &file,
        config.replace("max_ttl = \"24h\"", "max_ttl = \"30d\""),
    )
    .unwrap();
    expect(
        &village,
        "",
        "gates",
        "warn",
        &["it grants for 30d", "signature"],
    )
    .await;
    std::fs::remove_file(&file).unwrap();
    expect(&village, "", "config", "fail", &["cannot be read"]).await;
}
