//! What resource servers say that credentials did: taken as their word, only of what they were shown,
//! and never more than the disk and the day have room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ownergate::demo::stage::CLIENT_SECRET;
use ownergate::miniforge::{Delivery, Outcome};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::{Value, json};

use crate::harness::{Key, Story, noon};

/// A body sent by a resource server: status, headers, answer.
async fn send(story: &Story, client: &str, body: String) -> (u16, HeaderMap, Value) {
    let answer = story
        .stage
        .client()
        .post(format!("{}/v1/activity", story.stage.url()))
        .basic_auth(client, Some(CLIENT_SECRET))
        .header("Content-Type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.json().await.unwrap())
}

/// What becomes of these events: a word for each.
async fn tell(story: &Story, client: &str, events: Vec<Value>) -> Vec<String> {
    let (status, _, answer) = send(story, client, json!({ "events": events }).to_string()).await;
    assert_eq!(status, 200, "{answer}");
    let events = answer["events"].as_array().unwrap();
    let word = |event: &Value| {
        let known = if event["known"] == true { " known" } else { "" };
        let word = event["reason"].as_str().or(event["result"].as_str());
        format!("{}{known}", word.unwrap())
    };
    let words: Vec<String> = events.iter().map(word).collect();
    let accepted = words
        .iter()
        .filter(|word| word.starts_with("accepted"))
        .count();
    assert_eq!(answer["accepted"], accepted);
    assert_eq!(answer["refused"], words.len() - accepted);
    words
}

fn event(id: &str, more: Value) -> Value {
    let mut event = json!({
        "action": "card:write",
        "object": "roadmap/7",
        "outcome": "ok",
        "at": noon().to_string(),
        "event_id": id,
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// A token that `kanban-api` was shown.
async fn a_used_token(story: &Story) -> String {
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    token
}

/// The entries of the journal with a code.
pub(crate) fn entries(story: &Story, code: &str) -> Vec<Value> {
    let journal = story.journal();
    let lines = journal
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let entries = lines.flat_map(|line| line["entries"].as_array().cloned().unwrap_or_default());
    entries.filter(|entry| entry["code"] == code).collect()
}

/// What the forge was answered when it delivered the revoke.
fn revoke_was_answered(story: &Story) -> Outcome {
    let deliveries = story.stage.forge.deliveries();
    let holds = |delivery: &&Delivery| {
        String::from_utf8_lossy(&delivery.body).contains("/gate revoke codex-kan-1\"")
    };
    deliveries.iter().find(holds).unwrap().outcome.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_resource_server_says_is_its_word() {
    let story = Story::begin().await;
    let token = a_used_token(&story).await;
    let told = tell(
        &story,
        "kanban-api",
        vec![
            event("e1", json!({ "jti": "c1" })),
            event(
                "e2",
                json!({ "token": token, "object": format!("pasted {token} here") }),
            ),
            event("e1", json!({ "jti": "c1" })),
        ],
    )
    .await;
    assert_eq!(told, ["accepted", "accepted", "accepted known"]);
    let [first, second] = &entries(&story, "activity_reported")[..] else {
        panic!("two are in the journal before the answer")
    };
    assert_eq!(first["text"], "kanban-api says: card:write roadmap/7: ok");
    assert_eq!(first["credential"], 1);
    assert_eq!(first["facts"]["unverified_at"], "2026-11-24T14:00:00Z");
    // The story ends with a look for the token on the disk; it is not in the text either.
    assert_eq!(
        second["facts"]["unverified_object"],
        "pasted [token removed] here"
    );
    // The thread does not show it, the host does.
    let thread = story.again(ownergate::gate::ids::IssueNumber(1));
    let said = thread.answer(&story.stage.alice, "/gate audit").await;
    assert!(said.starts_with("**`codex-kan-1`**: 2 entries\n"), "{said}");
    assert!(
        !said.contains("activity") && !said.contains("roadmap"),
        "{said}"
    );
}

/// Nobody learns by reporting what there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_it_was_not_shown_a_resource_server_learns_nothing() {
    let story = Story::begin().await;
    let token = a_used_token(&story).await;
    let unused = {
        let thread = story.thread(&story.stage.codex, "another").await;
        thread.credential(&Key::new()).await
    };
    let (head, _) = token.split_at(token.len() - 64);
    let lines = story.lines();
    for (client, what) in [
        ("kanban-api", json!({ "jti": "c9" })),
        ("kanban-api", json!({ "jti": "what" })),
        (
            "kanban-api",
            json!({ "token": format!("{head}{}", "0".repeat(64)) }),
        ),
        ("kanban-api", json!({ "jti": "c2" })),
        ("kanban-api", json!({ "token": unused })),
        ("ops-api", json!({ "jti": "c1" })),
        ("ops-api", json!({ "token": token })),
    ] {
        let told = tell(&story, client, vec![event("e1", what.clone())]).await;
        assert_eq!(told, ["unknown_credential"], "{client} {what}");
    }
    assert_eq!(story.lines(), lines, "nothing was written");
}

/// The members of an event without their names.
fn in_order() -> Value {
    json!(["c1", null, "moved", null, null, "2026-11-24T14:00:00Z", "f"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_the_form_of_an_event_is_refused_one_by_one() {
    let story = Story::begin().await;
    let token = a_used_token(&story).await;
    let long = "x".repeat(300);
    let of = |more: Value| event("e", more);
    let told = tell(
        &story,
        "kanban-api",
        vec![
            json!(7),
            of(json!({})),
            of(json!({ "jti": "c1", "token": token })),
            of(json!({ "jti": "c1", "action": "" })),
            of(json!({ "jti": "c1", "action": " \n" })),
            of(json!({ "jti": "c1", "action": 7 })),
            of(json!({ "jti": "c1", "object": long })),
            of(json!({ "jti": "c1", "at": "yesterday" })),
            in_order(),
            of(json!({ "jti": "c1", "event_id": null })),
            of(json!({ "jti": "c1", "more": "x".repeat(1024) })),
            of(json!({ "jti": "c1", "more": "is ignored" })),
            event("f", json!({ "jti": "c1", "at": "2026-11-24T13:59:59Z" })),
        ],
    )
    .await;
    let mut expected = vec!["malformed"; 11];
    expected.extend(["accepted", "outside_its_life"]);
    assert_eq!(told, expected);

    let status = async |body: String| send(&story, "kanban-api", body).await.0;
    for body in ["", "[]", "{}", "{\"events\": 1}", "{\"events\": [}"] {
        assert_eq!(status(body.to_owned()).await, 400, "{body}");
    }
    assert_eq!(
        status(json!({ "events": vec![1; 500] }).to_string()).await,
        200
    );
    assert_eq!(
        status(json!({ "events": vec![1; 501] }).to_string()).await,
        400
    );
    assert_eq!(status(" ".repeat(600_000)).await, 413);
    let url = format!("{}/v1/activity", story.stage.url());
    let client = story.stage.client();
    let form = client
        .post(&url)
        .basic_auth("kanban-api", Some(CLIENT_SECRET))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("events=1");
    assert_eq!(form.send().await.unwrap().status().as_u16(), 415);
    let stranger = client
        .post(&url)
        .basic_auth("kanban-api", Some("wrong"))
        .header("Content-Type", "application/json")
        .body("{\"events\":[]}");
    assert_eq!(stranger.send().await.unwrap().status().as_u16(), 401);
    assert_eq!(
        client.get(&url).send().await.unwrap().status().as_u16(),
        405
    );
}

/// A body of new events, as large as one may be.
fn flood(round: usize) -> String {
    let events: Vec<Value> = (0..500)
        .map(|place| {
            event(
                &format!("{round}-{place}-{}", "i".repeat(100)),
                json!({ "jti": "c1", "object": "o".repeat(256), "outcome": "u".repeat(64) }),
            )
        })
        .collect();
    json!({ "events": events }).to_string()
}

/// However much is reported: it ends for the day, and an owner still stops everything at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_reports_ends_and_a_revoke_is_taken_all_the_same() {
    let story = Story::begin().await;
    let token = a_used_token(&story).await;
    let before = story.journal().len();
    let mut rounds = 0;
    let (headers, problem) = loop {
        let (status, headers, answer) = send(&story, "kanban-api", flood(rounds)).await;
        match status {
            200 => assert_eq!(answer["accepted"], 500),
            429 => break (headers, answer),
            other => panic!("{other}: {answer}"),
        }
        rounds += 1;
        assert!(rounds < 50, "it never ends");
    };
    assert_eq!(
        headers[RETRY_AFTER],
        (10 * 3_600).to_string().as_str(),
        "until midnight"
    );
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(problem["status"], 429);
    let grown = story.journal().len() - before;
    assert!(grown < 5 << 20, "{grown} bytes");
    let longest = story.journal().lines().map(str::len).max().unwrap();
    assert!(longest < 16 * 1024, "a line of {longest} bytes");
    // It is still checked, and stopped.
    assert!(story.alive(&token).await);
    let thread = story.again(ownergate::gate::ids::IssueNumber(1));
    thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1")
        .await;
    assert_eq!(revoke_was_answered(&story), Outcome::Answered(202));
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_disk_nearly_full_nothing_is_reported_and_a_revoke_is_taken() {
    let low = Arc::new(AtomicBool::new(false));
    let story = Story::with(|setting| setting.low_space = Arc::clone(&low)).await;
    let token = a_used_token(&story).await;
    low.store(true, Ordering::SeqCst);
    let body = json!({ "events": [event("e1", json!({ "jti": "c1" }))] }).to_string();
    let (status, headers, _) = send(&story, "kanban-api", body.clone()).await;
    assert_eq!((status, headers.contains_key(RETRY_AFTER)), (503, true));
    // Nor are uses written down; they wait.
    story.stage.bot().unwrap().journal_uses().await;
    assert_eq!(entries(&story, "credential_used").len(), 0);
    let thread = story.again(ownergate::gate::ids::IssueNumber(1));
    thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1")
        .await;
    assert_eq!(revoke_was_answered(&story), Outcome::Answered(202));
    assert!(!story.alive(&token).await);
    low.store(false, Ordering::SeqCst);
    assert_eq!(send(&story, "kanban-api", body).await.0, 200);
    story.stage.bot().unwrap().journal_uses().await;
    assert_eq!(entries(&story, "credential_used").len(), 1);
}

/// Whom a credential was shown to is known after a stop, and after a kill where it was its first use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_shown_a_credential_is_remembered() {
    let mut story = Story::begin().await;
    a_used_token(&story).await;
    story.stage.kill_bot().await;
    story.stage.start_bot().await.unwrap();
    let told = tell(
        &story,
        "kanban-api",
        vec![event("e1", json!({ "jti": "c1" }))],
    )
    .await;
    assert_eq!(told, ["accepted"]);
    story.restart(&[]).await;
    let told = tell(
        &story,
        "kanban-api",
        vec![event("e1", json!({ "jti": "c1" }))],
    )
    .await;
    assert_eq!(told, ["accepted known"]);
}
