//! The log, as whoever runs the bot reads it: one number follows a comment from its delivery to what the
//! bot says.

use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN_NAME, Setting, Stage};
use ownergate::miniforge::LoggedCall;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness_edges::{Process, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_number_goes_through_delivery_decision_and_post() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::build(directory.path(), Setting::new(Clock::system())).unwrap();
    let bot = Process::start(&stage, &["--log", "info", "--log-format", "json"]);
    bot.ready().await;
    let issue = stage.codex.open_issue(KAN_NAME, "log", "").await.unwrap();
    let secret = "a text that no log has";
    stage
        .codex
        .comment(KAN_NAME, issue, &format!("/gate help {secret}"))
        .await
        .unwrap();
    let answered = |call: &LoggedCall| {
        call.method == "POST"
            && call.path.ends_with("/issues/1/comments")
            && call.user == Some(stage.bot_account.id)
    };
    soon(stage.forge.called(answered)).await;
    bot.terminate();
    let (_, log) = bot.end().await;
    assert!(!log.contains(secret), "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let said = |message: &str| -> &Value {
        let mut found = lines
            .iter()
            .filter(|line| line["fields"]["message"] == message)
            .map(|line| &line["fields"]);
        found
            .next_back()
            .unwrap_or_else(|| panic!("{message}: {log}"))
    };
    let (taken, decided, posted) = (said("taken in"), said("decided"), said("posted"));
    assert!(taken["request_id"].as_u64().is_some(), "{taken}");
    assert_eq!(decided["request_id"], taken["request_id"]);
    assert_eq!(posted["request_id"], taken["request_id"]);
    assert_eq!(
        (&taken["board"], &taken["issue"]),
        (&Value::from(17), &Value::from(1))
    );
    assert_eq!(decided["verb"], "help");
}
