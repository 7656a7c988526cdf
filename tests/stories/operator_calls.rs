//! Who may ask the bot something: the host over its socket, and operators by their tokens.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use insta::assert_snapshot;
use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::{Key, Story};
use crate::shared::ground::bot_binary;

/// The token of piotr, who reads and narrows on `kan`.
pub(crate) const PIOTR: &str = "the-operator-token-of-piotr-0123456789abcdef";
/// The token of olga, who may do everything on `ops`.
pub(crate) const OLGA: &str = "the-operator-token-of-olga-0123456789abcdef-";
/// The token of greta, who reads on both boards.
pub(crate) const GRETA: &str = "the-operator-token-of-greta-0123456789abcdef";

const OPERATORS: &str = r#"
[[operator]]
name = "piotr"
token_file = "secrets/operator-piotr"
boards = ["kan"]
rights = ["read", "narrow"]

[[operator]]
name = "olga"
forge_id = 4
token_file = "secrets/operator-olga"
boards = ["ops"]
rights = ["read", "narrow", "request"]

[[operator]]
name = "greta"
token_file = "secrets/operator-greta"
boards = ["kan", "ops"]
rights = ["read"]
"#;

/// The usual stage with three operators.
pub(crate) async fn begin() -> Story {
    Story::with(|setting| {
        setting.config.push_str(OPERATORS);
        setting.secret("operator-piotr", PIOTR);
        setting.secret("operator-olga", OLGA);
        setting.secret("operator-greta", GRETA);
    })
    .await
}

/// Asks for something with a token: status, challenge and answer.
pub(crate) async fn get(story: &Story, token: &str, path: &str) -> (StatusCode, Value) {
    let call = story
        .stage
        .client()
        .get(format!("{}{path}", story.stage.url()));
    let answer = call.bearer_auth(token).send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap())
}

/// The entries of the audit with that code, by `field`.
pub(crate) fn turned_away(story: &Story) -> Vec<String> {
    let journal = story.journal();
    let lines = journal
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let entries = lines.flat_map(|line| line["entries"].as_array().cloned().unwrap_or_default());
    entries
        .filter(|entry| entry["code"] == "operator_turned_away")
        .map(|entry| {
            let who = entry["actor"].as_str().map(str::to_owned);
            let who = who.or_else(|| entry["actor"]["operator"].as_str().map(str::to_owned));
            format!(
                "{}: {} ({})",
                who.unwrap_or_default(),
                entry["text"].as_str().unwrap_or(""),
                entry["facts"]["times"]
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_token_opens_what_its_rights_say_and_strangers_fill_no_journal() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let (status, page) = get(&story, PIOTR, "/v1/audit?name=codex-kan-1").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(page["entries"][0]["code"], "credential_issued");

    // Nobody, and nobody known: 401 with the challenge of RFC 6750.
    let bare = story.stage.client();
    let url = format!("{}/v1/audit", story.stage.url());
    let answer = bare.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.headers()["www-authenticate"],
        "Bearer realm=\"ownergate\""
    );
    let lines = story.lines();
    for wrong in [
        "wrong",
        &PIOTR[1..],
        "og_codex-kan-1_00",
        &format!("{PIOTR}x"),
    ] {
        let answer = bare.get(&url).bearer_auth(wrong).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], 401);
        assert_eq!(problem["error"], "invalid_token");
    }
    for _ in 0..50 {
        get(&story, "wrong", "/v1/audit").await;
    }
    assert_eq!(
        story.lines(),
        lines + 1,
        "one line an hour for all strangers"
    );
    story.pass(3_600).await;
    get(&story, "wrong", "/v1/audit").await;
    assert_snapshot!(turned_away(&story).join("\n"), @r"
    bot: somebody showed what is no operator's token (1)
    bot: somebody showed what is no operator's token (54)
    ");
    // Two headers, or the token anywhere else, are nobody's.
    let two = bare
        .get(&url)
        .bearer_auth(PIOTR)
        .header("Authorization", "Bearer x");
    assert_eq!(two.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let asked = bare.get(format!("{url}?access_token={PIOTR}"));
    assert_eq!(
        asked.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_question_is_told_in_one_form_once_it_is_known_who_asks() {
    let story = begin().await;
    let (status, problem) = get(&story, PIOTR, "/v1/identities/%ff").await;
    assert_eq!(
        (status, &problem["status"]),
        (StatusCode::NOT_FOUND, &404.into())
    );
    for path in [
        "/v1/audit?most=1",
        "/v1/audit?limit=many",
        "/v1/audit?limit=501",
        "/v1/audit?since=yesterday",
        "/v1/audit?thread=kan",
        "/v1/audit?thread=kan%23-1",
        "/v1/audit?cursor=1.2",
        "/v1/audit?cursor=1.2.3.4",
        "/v1/audit?newer=1.2.%2B3",
    ] {
        let (status, problem) = get(&story, PIOTR, path).await;
        assert_eq!(
            (status, &problem["status"]),
            (StatusCode::BAD_REQUEST, &400.into())
        );
        assert_eq!(get(&story, "wrong", path).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_on_another_board_is_unknown() {
    let story = begin().await;
    let kan = story.thread(&story.stage.codex, "sort").await;
    kan.credential(&Key::new()).await;
    let ops = story.ops_thread(&story.stage.codex, "look").await;
    let key = Key::new();
    ops.ask_for(
        &story.stage.codex,
        &key,
        "codex-*",
        "board:read",
        "8h",
        "dev",
    )
    .await;
    ops.approved(&story.stage.piotr, &key).await;

    for (token, unknown) in [
        (PIOTR, ["codex-ops-1", "c2"]),
        (OLGA, ["codex-kan-1", "c1"]),
    ] {
        for name in unknown {
            let (status, problem) = get(&story, token, &format!("/v1/audit?name={name}")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{name}");
            let (_, nothing) = get(&story, token, "/v1/audit?name=nothing").await;
            let same = nothing["detail"].as_str().unwrap().replace("nothing", name);
            assert_eq!(problem["detail"], same);
        }
        let (_, page) = get(&story, token, "/v1/audit?limit=500").await;
        let own = if token == PIOTR { "kan" } else { "ops" };
        let entries = page["entries"].as_array().unwrap();
        assert!(!entries.is_empty());
        assert!(
            entries.iter().all(|entry| entry["board"] == own),
            "{page:#}"
        );
    }
    let (_, page) = get(&story, OLGA, "/v1/audit?thread=kan%231").await;
    assert_eq!(page["detail"], "there is no board kan");
    let (_, both) = get(&story, GRETA, "/v1/audit?limit=500").await;
    let boards: std::collections::BTreeSet<&str> = both["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["board"].as_str().unwrap())
        .collect();
    assert_eq!(boards, ["kan", "ops"].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_exchanged_or_taken_out_is_dead_at_once() {
    let mut story = begin().await;
    let path = "/v1/audit";
    assert_eq!(get(&story, PIOTR, path).await.0, StatusCode::OK);
    let file = story.stage.directory().join("secrets/operator-piotr");
    let next = PIOTR.replace("piotr", "later");
    std::fs::write(&file, &next).unwrap();
    story.stage.reload().await.unwrap();
    assert_eq!(get(&story, PIOTR, path).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(get(&story, &next, path).await.0, StatusCode::OK);
    // A right that is gone is gone.
    let config = &mut story.stage.setting().config;
    *config = config.replace(r#"rights = ["read", "narrow"]"#, r#"rights = ["narrow"]"#);
    story.stage.reload().await.unwrap();
    let (status, problem) = get(&story, &next, path).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"this operator has not the right `read`: see its `rights` in my configuration");
    assert!(
        turned_away(&story)
            .last()
            .unwrap()
            .starts_with("piotr: this operator has not")
    );
    // Tokens that anybody guesses, and one for two, are refused as they are read.
    for (token, why) in [
        ("short", "an operator's token has at least 32"),
        (OLGA, "holds the token of piotr too"),
        (
            "with blanks in it, which no header takes",
            "cannot stand in a header",
        ),
    ] {
        std::fs::write(&file, token).unwrap();
        let error = format!("{:#}", story.stage.reload().await.unwrap_err());
        assert!(error.contains(why) && !error.contains(token), "{error}");
    }
    assert_eq!(get(&story, &next, path).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_of_the_host_is_refused_though_the_socket_were_open() {
    let story = begin().await;
    let socket = story.stage.directory().join("ownergate.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Only root can be somebody else; without that, the rule alone is tested beside it.
    if !rustix_is_root() {
        return;
    }
    let lines = story.lines();
    for path in [story.stage.directory(), socket.as_path()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let config = story.stage.directory().join("ownergate.toml");
    let program = story.stage.directory().join("ownergate");
    std::fs::copy(bot_binary(), &program).unwrap();
    let output = tokio::process::Command::new(&program)
        .arg("audit")
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .uid(65_534)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("this socket is for root"), "{said}");
    assert!(output.stdout.is_empty());
    assert_eq!(story.lines(), lines + 1);
    assert_snapshot!(turned_away(&story).join("\n"), @"bot: another user of the host called over the admin socket (1)");
}

fn rustix_is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_asks_from_elsewhere_with_a_token() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let run = async |token_file: &str, url: &str| {
        let output = tokio::process::Command::new(bot_binary())
            .args([
                "audit",
                "codex-kan-1",
                "--json",
                "--bot",
                url,
                "--token-file",
            ])
            .arg(story.stage.directory().join("secrets").join(token_file))
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), out, err)
    };
    let url = story.stage.url();
    let (code, out, _) = run("operator-piotr", &url).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("\"credential_issued\""), "{out}");
    let (code, out, err) = run("operator-olga", &url).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_snapshot!(err, @"ownergate: there is no identity or credential codex-kan-1");
    let (code, _, err) = run("client", &url).await;
    assert_eq!(code, Some(1));
    assert_snapshot!(err, @"ownergate: this is no token of an operator; see `token_file` of `[[operator]]`");
    // Plain http leaves this machine for nobody, and a missing half is a usage error.
    let (code, _, err) = run("operator-piotr", "http://gate.example").await;
    assert_eq!(code, Some(2), "{err}");
    assert!(!err.contains(PIOTR));
}
