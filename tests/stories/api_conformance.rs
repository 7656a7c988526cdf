//! The running bot against its own document: the document is valid, and whatever the bot is sent, every
//! answer is one that stands there, with no member that does not.
//!
//! Ignored unless asked for, since both checks are Python programs; `.ci/run` installs them and runs these
//! with `cargo test --test stories api_conformance:: -- --ignored`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ownergate::clock::Clock;
use ownergate::demo::stage::CLIENT_SECRET;
use ownergate::secret::claim::challenge_of;
use ownergate::secret::file::write_secret_file;
use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::harness::{Key, Story};

const OPERATOR_TOKEN: &str = "the-token-of-an-operator-on-the-stage-0123456789";
pub(crate) const VERIFIER: &str = "Yx2-6mIyp1H0Jf2Wq8nTtLr4kZbVd3eQsGcA9uRoPhM";
/// Much longer than it takes.
const PATIENCE: Duration = Duration::from_secs(240);

/// The usual stage with an operator who may do everything. Its clock goes, so that what is limited comes
/// back.
async fn begin() -> Story {
    Story::with(|setting| {
        setting.clock = Clock::system();
        setting.secret("operator", OPERATOR_TOKEN);
        setting.config.push_str(
            "\n[limits]\noperator_per_minute = 100000000\nclient_per_minute = 100000000\n\n[[operator]]\nname = \"home\"\nforge_id = 3\ntoken_file = \"secrets/operator\"\nboards = [\"kan\"]\nrights = [\"read\", \"narrow\", \"request\"]\n",
        );
    })
    .await
}

/// Runs a program in the story's folder; it has to say that all is well.
#[expect(
    clippy::print_stdout,
    reason = "what was tried stands in the log of the run"
)]
pub(crate) async fn well(story: &Story, program: &str, arguments: &[&str]) {
    let call = Command::new(program)
        .args(arguments)
        .current_dir(story.stage.directory())
        .env("HOME", story.stage.directory())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, call)
        .await
        .unwrap_or_else(|_| panic!("{program} does not end"))
        .unwrap_or_else(|error| panic!("cannot run {program}, see `.ci/run`: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in said.lines().rev().take(40).collect::<Vec<_>>().iter().rev() {
        println!("{line}");
    }
}

pub(crate) async fn document(story: &Story) -> Value {
    let answer = story.request("GET", "/openapi.json").send().await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs openapi-spec-validator; .ci/run installs it"]
async fn the_document_is_valid() {
    let story = begin().await;
    let text = document(&story).await.to_string();
    std::fs::write(story.stage.directory().join("openapi.json"), text).unwrap();
    let arguments = ["--schema", "3.1", "openapi.json"];
    well(&story, "openapi-spec-validator", &arguments).await;
}

/// Closes every object of an answer that does not say that it is open: readers take members that they do
/// not know, and this reader does not.
fn close(shape: &mut Value) {
    match shape {
        Value::Object(members) => {
            if members.contains_key("properties") {
                let open = members.entry("additionalProperties");
                open.or_insert(Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The document as a strict reader has it.
pub(crate) fn strict(mut document: Value) -> Value {
    for item in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in item.as_object_mut().unwrap().values_mut() {
            close(&mut operation["responses"]);
        }
    }
    let sent = sent(&document);
    let forms = document["components"]["schemas"].as_object_mut().unwrap();
    for (name, form) in forms {
        if !sent.contains(name) {
            close(form);
        }
    }
    document
}

/// The names of forms that are sent to the bot, which says itself where it is strict.
fn sent(document: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let body = operation["requestBody"].to_string();
            let named = body.split("#/components/schemas/").skip(1);
            names.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    names
}

/// Identities, credentials and requests of every kind; the token of `codex-kan-1`, and one to lose.
async fn filled(story: &Story) -> (String, String) {
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let mut tokens = Vec::new();
    for _ in 0..6 {
        let thread = story.thread(codex, "sort").await;
        tokens.push(thread.credential(&Key::new()).await);
    }
    for token in &tokens {
        assert!(story.alive(token).await);
    }
    for (issue, line) in [
        (3, "/gate pause codex-kan-3 strange"),
        (4, "/gate revoke codex-kan-4 leaked"),
        (5, "/gate narrow codex-kan-5 scopes=board:read"),
    ] {
        let thread = story.again(ownergate::gate::ids::IssueNumber(issue));
        thread.comment(alice, line).await;
    }
    let thread = story.thread(codex, "waits").await;
    thread.ask(codex, &Key::new()).await;
    thread
        .comment(
            alice,
            "/gate approve R7 AAAA-AAAA-AAAA scopes=board:read ttl=8h",
        )
        .await;
    let thread = story.thread(codex, "is denied").await;
    thread.ask(codex, &Key::new()).await;
    thread.comment(alice, "/gate deny R8 no").await;
    let thread = story.thread(codex, "is claimed").await;
    let challenge = challenge_of(VERIFIER).unwrap();
    let line = format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev challenge={challenge}"
    );
    thread.comment(codex, &line).await;
    thread.comment(alice, &thread.approve_line()).await;
    (tokens.swap_remove(0), tokens.swap_remove(1))
}

/// What schemathesis is told: who calls, what is there, and what no schema can say.
fn settings(story: &Story, code: &str, token: &str, lost: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories/api_conformance.toml");
    let settings = std::fs::read_to_string(file).unwrap();
    settings
        .replace("{url}", &story.stage.url())
        .replace("{operator}", OPERATOR_TOKEN)
        .replace("{client}", CLIENT_SECRET)
        .replace("{verifier}", VERIFIER)
        .replace("{challenge}", &challenge_of(VERIFIER).unwrap())
        .replace("{code}", code)
        .replace("{token}", token)
        .replace("{lost}", lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs schemathesis; .ci/run installs it"]
async fn the_running_bot_keeps_to_its_document() {
    let story = begin().await;
    let (token, lost) = filled(&story).await;
    let url = format!("{}/v1/requests/R7", story.stage.url());
    let call = story.stage.client().get(url).bearer_auth(OPERATOR_TOKEN);
    let open: Value = call.send().await.unwrap().json().await.unwrap();
    let code = open["code"].as_str().unwrap();
    let folder = story.stage.directory();
    let strict = strict(document(&story).await);
    std::fs::write(folder.join("strict.json"), strict.to_string()).unwrap();
    let settings = settings(&story, code, &token, &lost);
    write_secret_file(&folder.join("schemathesis.toml"), settings.as_bytes()).unwrap();
    // The same calls in every run.
    let arguments = [
        "--config-file",
        "schemathesis.toml",
        "run",
        "strict.json",
        "--url",
        &story.stage.url(),
        "--seed",
        "20261125",
        "--no-color",
    ];
    well(&story, "schemathesis", &arguments).await;
    story.stage.settle().await.unwrap();
}

#[test]
fn a_strict_reader_finds_what_is_not_described() {
    let shape =
        json!({ "type": "object", "properties": { "a": { "type": "object", "properties": {} } } });
    let mut closed = shape.clone();
    close(&mut closed);
    assert_eq!(closed["additionalProperties"], false);
    assert_eq!(closed["properties"]["a"]["additionalProperties"], false);
    let mut open = Map::new();
    open.insert("properties".to_owned(), json!({}));
    open.insert("additionalProperties".to_owned(), json!(true));
    let mut kept = Value::Object(open);
    close(&mut kept);
    assert_eq!(kept["additionalProperties"], true);
}
