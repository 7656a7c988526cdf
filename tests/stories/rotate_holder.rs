//! A holder swaps its own token over HTTP: sealed to its key, once, and where its gate lets holders.

use insta::assert_snapshot;
use ownergate::miniforge::Fault;
use ownergate::secret::clipboard::sealed_file_in;
use ownergate::secret::seal::unseal_any;
use reqwest::Response;
use reqwest::header::CACHE_CONTROL;
use serde_json::Value;

use crate::harness::{Key, Story};

const ON: (&str, &str) = (
    "[board.gate.dev]\n",
    "[board.gate.dev]\nholder_rotation = true\n",
);

async fn rotate(story: &Story, token: &str, key: &str) -> Response {
    let url = format!("{}/v1/rotate", story.stage.url());
    let call = story.stage.client().post(url).bearer_auth(token);
    call.header("Idempotency-Key", key).send().await.unwrap()
}

async fn json(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

fn opened(story: &Story, said: &Value, key: &Key) -> String {
    let sealed = sealed_file_in(said["sealed"].as_str().unwrap().as_bytes()).unwrap();
    let token = unseal_any(std::slice::from_ref(&key.identity), &sealed).unwrap();
    story.remember(token.expose());
    token.expose().to_owned()
}

/// The holder's new token, after one rotation.
pub(crate) async fn swapped(story: &Story, token: &str, key: &Key) -> String {
    opened(
        story,
        &json(rotate(story, token, "first-key").await).await,
        key,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_swaps_its_token_and_nobody_else_learns_the_new_one() {
    let story = Story::configured(&[ON]).await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let key = Key::new();
    let old = thread.credential(&key).await;
    assert!(story.alive(&old).await);
    let before = thread.replies().len();
    let answer = rotate(&story, &old, "first-key").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    let said = json(answer).await;
    assert_eq!(said["credential"], "c2");
    assert_eq!(said["predecessor"], "c1");
    assert_eq!(said["identity"], "codex-kan-1");
    assert_eq!(said["scope"], "board:read card:write");
    assert_eq!(said["expires_at"], "2026-11-24T22:00:00Z");
    assert_eq!(said["recipient"], key.recipient.as_str());
    let new = opened(&story, &said, &key);
    assert_ne!(old, new);
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"**`codex-kan-1` c2 is the successor of c1**: its holder asked for it, as this gate allows. Sealed to the same key, ends 24 Nov 22:00 UTC; c1 goes on until a grace after c2 is first used. To take it back: `/gate revoke codex-kan-1`");
    // The answer was lost: the same key, the same file.
    assert_eq!(json(rotate(&story, &old, "first-key").await).await, said);
    assert!(story.alive(&old).await && story.alive(&new).await);
    story.pass(899).await;
    assert!(story.alive(&old).await);
    story.pass(1).await;
    assert!(!story.alive(&old).await && story.alive(&new).await);
    // Shown again, and again: dead, and written down once.
    assert!(!story.alive(&old).await);
    let noted = story.journal().matches("\"rotated_token_shown\"").count();
    assert_eq!(noted, 1);
    // Shown here, the identity stands still.
    let before = thread.replies().len();
    assert_eq!(rotate(&story, &old, "first-key").await.status(), 401);
    assert!(!story.alive(&new).await);
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"**`codex-kan-1` is paused**: somebody wants a successor of c1, which has one and is over. Whoever holds the token of c1 may not be the only one. @alice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_gets_nothing_and_the_owners_are_told_once() {
    let story = Story::configured(&[ON]).await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let key = Key::new();
    let old = thread.credential(&key).await;
    assert!(story.alive(&old).await);
    opened(
        &story,
        &json(rotate(&story, &old, "first-key").await).await,
        &key,
    );
    story.stage.settle().await.unwrap();
    let before = thread.replies().len();
    let mut codes = Vec::new();
    for number in 0..5 {
        let answer = rotate(&story, &old, &format!("other-key-{number}")).await;
        codes.push(answer.status().as_u16());
    }
    assert_eq!(codes, [409, 409, 409, 409, 429]);
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"**`codex-kan-1`: a second successor of c1 was wanted, with another key.** It has c2 and gets no other. If its holder did not ask twice, somebody has a copy of its token: `/gate revoke codex-kan-1` ends both. @alice");
    assert!(story.alive(&old).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_off_unless_the_gate_says_so() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let answer = rotate(&story, &token, "first-key").await;
    assert_eq!(answer.status(), 403);
    assert_snapshot!(answer.text().await.unwrap(), @r#"{"detail":"no holder swaps its token here; ask the owners in the issue: `/gate rotate codex-kan-1 c1`","status":403,"title":"the gate is shut","type":"about:blank"}"#);
    assert!(!story.journal().contains("holder_rotates"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_rotation_is_named() {
    let story = Story::configured(&[ON]).await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let url = format!("{}/v1/rotate", story.stage.url());
    let call = || story.stage.client().post(&url).bearer_auth(&token);
    let long = "k".repeat(129);
    for call in [
        call(),
        call().header("Idempotency-Key", "short"),
        call().header("Idempotency-Key", long),
        call().header("Idempotency-Key", "tab\tin the key"),
        call()
            .header("Idempotency-Key", "first-key")
            .header("Idempotency-Key", "first-key"),
        call()
            .header("Idempotency-Key", "first-key")
            .body("{\"ttl\":\"8h\"}"),
    ] {
        assert_eq!(call.send().await.unwrap().status(), 400);
    }
    let nobody = story.stage.client().post(&url);
    let nobody = nobody.header("Idempotency-Key", "first-key");
    assert_eq!(nobody.send().await.unwrap().status(), 401);
    let unknown = format!("og_codex-kan-1_{}", "0".repeat(64));
    assert_eq!(rotate(&story, &unknown, "first-key").await.status(), 401);
    // It was never used.
    let answer = rotate(&story, &token, "first-key").await;
    assert_eq!(answer.status(), 403);
    assert_snapshot!(json(answer).await["detail"].as_str().unwrap(), @"this credential is pending; only one that is active gets a successor of its holder's own");
    assert!(story.alive(&token).await);
    // An empty object says nothing, too.
    let empty = call().header("Idempotency-Key", "first-key").body("{}");
    assert_eq!(empty.send().await.unwrap().status(), 200);
    thread.comment(alice, "/gate pause codex-kan-1").await;
    assert_eq!(rotate(&story, &token, "first-key").await.status(), 401);
}

/// There is no key that its successor could be sealed to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claimed_token_gets_no_successor() {
    let story = Story::configured(&[ON]).await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let verifier = "Yx2-6mIyp1H0Jf2Wq8nTtLr4kZbVd3eQsGcA9uRoPhM";
    let challenge = ownergate::secret::claim::challenge_of(verifier).unwrap();
    let line = format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev challenge={challenge}"
    );
    thread.comment(codex, &line).await;
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    let claim = story
        .stage
        .client()
        .post(format!("{}/v1/claim", story.stage.url()))
        .json(&serde_json::json!({ "verifier": verifier }));
    let token = json(claim.send().await.unwrap()).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    story.remember(&token);
    assert!(story.alive(&token).await);
    let answer = rotate(&story, &token, "first-key").await;
    assert_eq!(answer.status(), 403);
    assert_snapshot!(json(answer).await["detail"].as_str().unwrap(), @"this credential was not sealed to a key that its successor could go to; ask in the issue: `/gate rotate codex-kan-1 c1 recipient=age1…`");
    thread.comment(alice, "/gate revoke codex-kan-1").await;
}

/// Without the forge nobody knows whether the issue is still open; once it is closed, the token is dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_open_issue_a_token_gets_no_successor() {
    let story = Story::configured(&[ON]).await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let token = thread.credential(&key).await;
    assert!(story.alive(&token).await);
    story.stage.forge.fault("GET", "", None, Fault::status(500));
    let answer = rotate(&story, &token, "first-key").await;
    assert_eq!(answer.status(), 503);
    story.stage.forge.clear_faults();
    let answer = rotate(&story, &token, "first-key").await;
    assert_eq!(answer.status(), 200);
    opened(&story, &json(answer).await, &key);
    alice.close(&thread.name, thread.issue).await.unwrap();
    story.stage.settle().await.unwrap();
    let answer = rotate(&story, &token, "first-key").await;
    assert_eq!(answer.status(), 401);
}
