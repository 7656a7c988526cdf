//! Checking a token: by its resource server and nobody else's, by its holder, and under the policy
//! that is in force now.

use insta::assert_snapshot;
use ownergate::demo::stage::CLIENT_SECRET;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use crate::harness::{Key, Story, noon};

/// G1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_alive_for_its_own_boards_server_only() {
    let mut story = Story::begin().await;
    let (kan, ops, pair) = {
        let (codex, piotr, alice) = (&story.stage.codex, &story.stage.piotr, &story.stage.alice);
        let thread = story.thread(codex, "sort").await;
        let kan = thread.credential(&Key::new()).await;
        let key = Key::new();
        thread
            .ask_for(codex, &key, "pairing", "board:read", "8h", "pair")
            .await;
        let line = thread.approve_line();
        thread.comment(alice, &line).await;
        let pair = thread.approved(piotr, &key).await;
        let thread = story.ops_thread(codex, "nightly").await;
        let key = Key::new();
        thread
            .ask_for(codex, &key, "codex-*", "board:read", "8h", "dev")
            .await;
        let ops = thread.approved(piotr, &key).await;
        (kan, ops, pair)
    };
    assert_eq!(story.may_at("ops-api", &kan).await, "inactive");
    assert_eq!(story.may_at("kanban-api", &ops).await, "inactive");
    assert_eq!(
        story.may_at("kanban-api", &kan).await,
        "board:read card:write"
    );
    assert_eq!(story.may_at("kanban-api", &pair).await, "board:read");
    assert_eq!(story.may_at("ops-api", &ops).await, "board:read");
    // A server of one environment sees no other.
    story
        .restart(&[(
            "environments = [\"dev\", \"pair\"]",
            "environments = [\"pair\"]",
        )])
        .await;
    assert_eq!(story.may_at("kanban-api", &kan).await, "inactive");
    assert_eq!(story.may_at("kanban-api", &pair).await, "board:read");
    // To be asked by the wrong one is no use: a holder's first use comes later and is told.
    let (status, answer) = story.stage.activate(&kan).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["ownergate"]["environment"], "dev");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let (head, hex) = token.split_at(token.len() - 64);
    let renamed = token.replace("codex-kan-1", "codex-kan-2");
    let upper = format!("{head}{}", hex.to_uppercase());
    for wrong in [
        "",
        "og",
        "og_codex-kan-1_",
        hex,
        &renamed,
        &upper,
        &format!("{token}0"),
        &token.replacen("og_", "gh_", 1),
        &format!("{head}{}", "0".repeat(64)),
    ] {
        assert_eq!(story.may(wrong).await, "inactive", "{wrong}");
    }
    assert!(story.alive(&token).await);
}

/// Status of `POST /v1/activate` with these `Authorization` headers, and whether it challenged.
async fn activate(story: &Story, values: &[&str], query: &str) -> (u16, bool) {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    }
    let answer = story
        .stage
        .client()
        .post(format!("{}/v1/activate{query}", story.stage.url()))
        .headers(headers)
        .send()
        .await
        .unwrap();
    let challenge = answer.headers().get(WWW_AUTHENTICATE).is_some();
    (answer.status().as_u16(), challenge)
}

/// d01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_may_write_bearer_as_it_likes_and_nothing_else() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    let dead = thread.credential(&Key::new()).await;
    let token = thread.credential(&Key::new()).await;
    thread.comment(codex, "/gate revoke codex-kan-1 c1").await;
    for fine in [
        format!("bearer {token}"),
        format!("BEARER  {token}"),
        format!("Bearer {token} "),
    ] {
        assert_eq!(activate(&story, &[&fine], "").await, (200, false), "{fine}");
    }
    let (live, gone) = (format!("Bearer {token}"), format!("Bearer {dead}"));
    for (values, query) in [
        (vec![format!("Token {token}")], String::new()),
        (vec![format!("Bearer \"{token}\"")], String::new()),
        (
            vec![format!("Bearer {token}, Bearer {dead}")],
            String::new(),
        ),
        (vec![format!("Bearer{token}")], String::new()),
        (vec![live.clone(), gone.clone()], String::new()),
        (vec![gone.clone(), live.clone()], String::new()),
        (vec![live.clone(), live.clone()], String::new()),
        (vec![gone.clone()], String::new()),
        (vec![], format!("?access_token={token}")),
        (vec![], String::new()),
    ] {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert_eq!(activate(&story, &values, &query).await, (401, true));
    }
}

/// d02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_server_may_encode_its_secret_or_not() {
    let mut story = Story::begin().await;
    let token = {
        let thread = story.thread(&story.stage.codex, "sort").await;
        thread.credential(&Key::new()).await
    };
    let file = story.stage.directory().join("secrets/client");
    std::fs::write(file, "a+b%2Fc:d\n").unwrap();
    story.restart(&[]).await;
    let post = async |secret: &str, form: String| {
        let answer = story
            .stage
            .client()
            .post(format!("{}/v1/introspect", story.stage.url()))
            .basic_auth("kanban-api", Some(secret))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        let challenge = answer
            .headers()
            .get(WWW_AUTHENTICATE)
            .map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), challenge)
    };
    let form = format!("token={token}");
    assert_eq!(post("a+b%2Fc:d", form.clone()).await, (200, None));
    assert_eq!(post("a%2Bb%252Fc%3Ad", form.clone()).await, (200, None));
    for wrong in ["a+b%2Fc:e", "a b/c:d", "", CLIENT_SECRET] {
        let (status, challenge) = post(wrong, form.clone()).await;
        assert_eq!(status, 401, "{wrong}");
        assert!(challenge.unwrap().starts_with("Basic"), "{wrong}");
    }
    let twice = format!("{form}&{form}");
    assert_eq!(post("a+b%2Fc:d", twice).await, (400, None));
    assert_eq!(post("a+b%2Fc:d", "tokens=1".to_owned()).await, (400, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cutting_the_policy_narrows_what_lives() {
    let mut story = Story::configured(&[("quorum = 2", "quorum = 1")]).await;
    let token = {
        let thread = story.thread(&story.stage.codex, "sort").await;
        thread.credential(&Key::new()).await
    };
    assert_eq!(story.may(&token).await, "board:read card:write");

    let dev = "scopes = [\"board:read\", \"card:write\"]\nmax_ttl = \"24h\"";
    let cut = "scopes = [\"board:read\"]\nmax_ttl = \"24h\"";
    story.restart(&[(dev, cut)]).await;
    assert_eq!(story.may(&token).await, "board:read");
    story.restart(&[(cut, dev)]).await;
    assert_eq!(story.may(&token).await, "board:read card:write");

    // The approver's ceiling now.
    let low = "login = \"alice\"\nceiling = [\"card:write\"]";
    story.restart(&[("login = \"alice\"", low)]).await;
    assert_eq!(story.may(&token).await, "card:write");
    let none = "login = \"alice\"\nceiling = [\"deploy:run\"]";
    story.restart(&[(low, none)]).await;
    assert_eq!(story.may(&token).await, "inactive");
    let (status, _) = story.stage.activate(&token).await.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // An owner who leaves stays with `may_approve = false`; one who is gone hands nothing on.
    let left = "login = \"alice\"\nmay_approve = false";
    story.restart(&[(none, left)]).await;
    assert_eq!(story.may(&token).await, "board:read card:write");
    story
        .restart(&[("id = 2\n", "id = 3\n"), (left, "login = \"carol\"")])
        .await;
    assert_eq!(story.may(&token).await, "inactive");
}

/// g01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_runs_from_the_approval() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread
        .ask_for(codex, &key, "codex-*", "board:read", "1h", "dev")
        .await;
    story.pass(50 * 60).await;
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(alice, &line).await, @r"
    **R1 approved by alice: `codex-kan-1` c1** · `board:read` · ends 24 Nov 15:50 UTC
    codex: open it and use it by 24 Nov 15:50 UTC. To take it back: `/gate revoke codex-kan-1`
    <details><summary>sealed file</summary>

    ```
    (age file)
    ```
    </details>
    ");
    let token = thread.open(&key);
    let ends = "2026-11-24T15:50:00Z";
    assert_eq!(thread.block("credential")["expires_at"], ends);
    story.pass(50 * 60).await;
    let answer = story.stage.introspect(&token).await.unwrap();
    assert_eq!(answer["exp"], noon().as_second() + 110 * 60);
    assert_eq!(answer["iat"], noon().as_second() + 50 * 60);
    story.pass(10 * 60 - 1).await;
    assert!(story.alive(&token).await);
    story.pass(1).await;
    assert!(!story.alive(&token).await);
    let said = thread.answer(alice, "/gate inspect").await;
    assert!(
        said.contains("- c1: expired, `board:read`, ends 24 Nov 15:50 UTC"),
        "{said}"
    );
}
