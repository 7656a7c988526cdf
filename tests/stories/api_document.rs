//! The document of the API: it is valid, and the running bot keeps to it, whatever it is sent.
//!
//! Ignored unless asked for, since both checks are Python programs; `.ci/run` installs them and runs
//! these with `cargo test --test stories api_document -- --ignored`.

use std::process::Stdio;

use ownergate::demo::stage::CLIENT_SECRET;
use ownergate::secret::file::write_secret_file;
use serde_json::Value;
use tokio::process::Command;

use crate::harness::{Key, Story};

const OPERATOR_TOKEN: &str = "the-token-of-an-operator-on-the-stage-0123456789";

/// The usual stage with an operator who may do everything.
async fn begin() -> Story {
    Story::with(|setting| {
        setting.secret("operator", OPERATOR_TOKEN);
        setting.config.push_str(
            "\n[[operator]]\nname = \"home\"\nforge_id = 3\ntoken_file = \"secrets/operator\"\nboards = [\"kan\"]\nrights = [\"read\", \"narrow\", \"request\"]\n",
        );
    })
    .await
}

/// Runs a program in the story's folder; it has to say that all is well.
async fn well(story: &Story, program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(story.stage.directory())
        .env("HOME", story.stage.directory())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap_or_else(|error| panic!("cannot run {program}, see `.ci/run`: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_and_people_find_the_document() {
    let story = begin().await;
    let answer = story.request("GET", "/openapi.json").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["info"]["title"], "Ownergate");
    let answer = story.request("GET", "/docs").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    let page = answer.text().await.unwrap();
    assert!(page.contains("POST /v1/introspect") && page.ends_with("</html>\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs openapi-spec-validator; .ci/run installs it"]
async fn the_document_is_valid() {
    let story = begin().await;
    let document = story.get("/openapi.json").await.1;
    std::fs::write(story.stage.directory().join("openapi.json"), document).unwrap();
    well(
        &story,
        "openapi-spec-validator",
        &["--schema", "3.1", "openapi.json"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs schemathesis; .ci/run installs it"]
async fn the_running_bot_keeps_to_the_document() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "api").await;
    let token = thread.credential(&Key::new()).await;
    let settings = format!(
        "[auth.openapi.token]\nbearer = \"{token}\"\n[auth.openapi.operator]\nbearer = \"{OPERATOR_TOKEN}\"\n[auth.openapi.client]\nusername = \"kanban-api\"\npassword = \"{CLIENT_SECRET}\"\n"
    );
    let file = story.stage.directory().join("schemathesis.toml");
    write_secret_file(&file, settings.as_bytes()).unwrap();
    let url = format!("{}/openapi.json", story.stage.url());
    // The same calls in every run. The method that an address does not take is tried in other stories:
    // forward-auth takes every one.
    well(
        &story,
        "schemathesis",
        &[
            "--config-file",
            "schemathesis.toml",
            "run",
            &url,
            "--phases",
            "examples,coverage,fuzzing",
            "--exclude-checks",
            "unsupported_method",
            "--max-examples",
            "20",
            "--seed",
            "20261125",
            "--no-color",
        ],
    )
    .await;
    story.stage.settle().await.unwrap();
}
