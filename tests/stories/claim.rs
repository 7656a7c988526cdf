//! Claims over HTTP: an agent with curl only asks how its request stands, shows its verifier once, and
//! gets its token.

use insta::assert_snapshot;
use ownergate::secret::claim::challenge_of;
use reqwest::Response;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};

use crate::harness::{Story, Thread};

const VERIFIER: &str = "Yx2-6mIyp1H0Jf2Wq8nTtLr4kZbVd3eQsGcA9uRoPhM";

async fn ask(thread: &Thread<'_>, verifier: &str) {
    let challenge = challenge_of(verifier).unwrap();
    let line = format!(
        "/gate request identity=codex-* scopes=board:read,card:write ttl=8h environment=dev challenge={challenge}"
    );
    thread.comment(&thread.story.stage.codex, &line).await;
}

async fn status(story: &Story, verifier: &str) -> (u16, String) {
    let url = format!(
        "{}/v1/requests?challenge={}",
        story.stage.url(),
        challenge_of(verifier).unwrap()
    );
    let call = story.stage.client().get(url).header(ACCEPT, "text/plain");
    let answer = call.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn post(story: &Story, accept: &str, kind: &str, body: String) -> Response {
    let url = format!("{}/v1/claim", story.stage.url());
    let call = story.stage.client().post(url).body(body);
    let call = call.header(ACCEPT, accept).header(CONTENT_TYPE, kind);
    call.send().await.unwrap()
}

const FORM: &str = "application/x-www-form-urlencoded";

async fn claim(story: &Story, verifier: &str) -> Response {
    post(story, "text/plain", FORM, format!("verifier={verifier}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_with_curl_only_gets_its_token_once() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    assert_eq!(status(&story, VERIFIER).await.0, 404);
    assert_eq!(claim(&story, VERIFIER).await.status(), 404);
    ask(&thread, VERIFIER).await;
    assert_eq!(status(&story, VERIFIER).await, (200, "open\n".to_owned()));
    assert_eq!(claim(&story, VERIFIER).await.status(), 409);
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(alice, &line).await, @r"
    **R1 approved by alice: `codex-kan-1`** · `board:read` `card:write` · ends 24 Nov 22:00 UTC
    `codex`: claim it with your verifier by 24 Nov 22:00 UTC. To take it back: `/gate revoke codex-kan-1`
    ");
    assert_eq!(status(&story, VERIFIER).await.1, "approved\n");
    let answer = claim(&story, VERIFIER).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    let token = answer.text().await.unwrap();
    let token = token.strip_suffix('\n').unwrap();
    story.remember(token);
    assert!(story.alive(token).await);
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.last_reply(), @"**`codex-kan-1` c1 was claimed**; it ends 24 Nov 22:00 UTC.");
    // The verifier stands nowhere.
    assert!(!story.journal().contains(VERIFIER));
    for reply in thread.replies() {
        assert!(!reply.contains(VERIFIER));
    }
}

/// The answer was lost: the same verifier gets another token, and the first is dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_made_good_until_the_token_is_used() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    ask(&thread, VERIFIER).await;
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    let body = format!("{{\"request\":\"R1\",\"verifier\":\"{VERIFIER}\"}}");
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let answer = post(&story, "application/json", "application/json", body.clone()).await;
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["scope"], "board:read card:write");
        assert_eq!(said["token_type"], "Bearer");
        assert_eq!(said["identity"], "codex-kan-1");
        tokens.push(said["token"].as_str().unwrap().to_owned());
    }
    assert!(!story.alive(&tokens[0]).await && story.alive(&tokens[1]).await);
    let again = claim(&story, VERIFIER).await;
    assert_eq!(again.status(), 410);
    assert!(
        !story.alive(&tokens[1]).await,
        "somebody else may have the verifier"
    );
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.last_reply(), @"**`codex-kan-1` is paused**: somebody claimed c2 again after its first use. Whoever holds the verifier of R1 may not be the only one. @alice");
    for token in tokens {
        story.remember(&token);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_claim_is_named() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    ask(&thread, VERIFIER).await;
    let wrong = VERIFIER.replace("Yx2", "Yx3");
    let mut said = String::new();
    for (kind, body) in [
        (FORM, String::new()),
        (FORM, "verifier=short".to_owned()),
        (FORM, format!("verifier={VERIFIER}&verifier={VERIFIER}")),
        (FORM, format!("verifier={VERIFIER}&colour=red")),
        (FORM, format!("verifier={VERIFIER}&request=one")),
        (FORM, format!("verifier={VERIFIER}&request=R2")),
        (FORM, format!("verifier={wrong}")),
        ("application/json", "{}".to_owned()),
        (
            "application/json",
            format!("{{\"verifier\":\"{VERIFIER}\",\"more\":1}}"),
        ),
        ("text/plain", VERIFIER.to_owned()),
    ] {
        let answer = post(&story, "*/*", kind, body.clone()).await;
        let code = answer.status().as_u16();
        let problem: serde_json::Value =
            serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let body = body.replace(VERIFIER, "VERIFIER").replace(&wrong, "WRONG");
        said.push_str(&format!("{body}\n  {code} {}\n", problem["detail"]));
    }
    assert_snapshot!(said, @r#"
      400 "the parameter `verifier` is missing"
    verifier=short
      400 "`verifier` must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~ (RFC 7636 §4.1)"
    verifier=VERIFIER&verifier=VERIFIER
      400 "a parameter is there twice"
    verifier=VERIFIER&colour=red
      400 "a claim has `verifier` and, if you like, `request`"
    verifier=VERIFIER&request=one
      400 "`request` must be a number such as R17"
    verifier=VERIFIER&request=R2
      404 "there is nothing at this address"
    verifier=WRONG
      404 "there is nothing at this address"
    {}
      400 "the body must be {\"verifier\": …, \"request\": \"R17\"}, the second of them optional"
    {"verifier":"VERIFIER","more":1}
      400 "the body must be {\"verifier\": …, \"request\": \"R17\"}, the second of them optional"
    VERIFIER
      415 "send the claim as a form or as JSON"
    "#);
    for query in ["", "?challenge=x&challenge=y", "?colour=red"] {
        let url = format!("{}/v1/requests{query}", story.stage.url());
        let answer = story.stage.client().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
    }
    // Wrong verifiers of one request are slowed down, and the right one is as good as before.
    let body = format!("verifier={wrong}&request=R1");
    let mut codes = Vec::new();
    for _ in 0..7 {
        codes.push(
            post(&story, "*/*", FORM, body.clone())
                .await
                .status()
                .as_u16(),
        );
    }
    assert_eq!(codes, [404, 404, 404, 404, 404, 429, 429]);
    thread.comment(alice, "/gate deny R1").await;
    assert_eq!(status(&story, VERIFIER).await.1, "denied\n");
    assert_eq!(claim(&story, VERIFIER).await.status(), 410);
}

/// What the approval rested on is read again: without the forge nothing is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_is_judged_by_the_forge_as_it_is_now() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    ask(&thread, VERIFIER).await;
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    thread.comment(alice, "/gate freeze").await;
    let answer = claim(&story, VERIFIER).await;
    assert_eq!(answer.status(), 403);
    assert_snapshot!(answer.text().await.unwrap(), @r#"{"detail":"this board stands still; `/gate thaw` asks its owners that it goes on","status":403,"title":"the gate is shut","type":"about:blank"}"#);
    thread.comment(alice, "/gate pause codex-kan-1").await;
    assert_eq!(claim(&story, VERIFIER).await.status(), 410);
    assert!(!story.journal().contains("credential_issued"));
}

/// What was approved and has fallen is not said to be approved, by the bot's word or in the thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_claimed_any_more_is_not_said_to_be_approved() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    ask(&thread, VERIFIER).await;
    thread.comment(alice, &thread.approve_line()).await;
    assert_snapshot!(thread.answer(alice, "/gate narrow codex-kan-1 scopes=board:read").await, @"**`codex-kan-1` may do less now**: may `board:read`. That holds for each of its credentials, and only a new request widens it. What R1 granted and nobody has claimed is void.");
    assert_eq!(status(&story, VERIFIER).await, (200, "void\n".to_owned()));
    let second = &VERIFIER.replace('Y', "y");
    ask(&thread, second).await;
    thread.comment(alice, &thread.approve_line()).await;
    assert_eq!(status(&story, second).await.1, "approved\n");
    assert_snapshot!(thread.answer(alice, "/gate pause codex-kan-1").await, @"**`codex-kan-1` is paused**. Every credential of it is refused. What R2 granted and nobody has claimed is void. `/gate resume codex-kan-1` asks that it goes on; `/gate revoke codex-kan-1` ends it.");
    assert_eq!(status(&story, second).await.1, "void\n");

    let other = story.thread(codex, "another").await;
    let third = &VERIFIER.replace('x', "X");
    ask(&other, third).await;
    other.comment(alice, &other.approve_line()).await;
    story.pass(8 * 3_600 - 1).await;
    assert_eq!(status(&story, third).await.1, "approved\n");
    story.pass(1).await;
    assert_eq!(status(&story, third).await.1, "ended\n");
    assert_eq!(claim(&story, third).await.status(), 410);
}
