//! How often operators and resource servers may call, how they read what is left of it, and what is
//! never made to wait: deliveries, what narrows, and forward-auth.

use insta::assert_snapshot;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Key, Story};
use crate::operator_calls::{GRETA, PIOTR, begin, get};

/// Three calls a minute for everybody.
const THREE: &str = "[limits]\noperator_per_minute = 3\nclient_per_minute = 3\n\n[forge]";

/// The usual stage with operators, and three calls a minute.
async fn three() -> Story {
    let mut story = begin().await;
    story.restart(&[("[forge]", THREE)]).await;
    story
}

impl Story {
    /// The list of identities, as an operator asks for it.
    async fn listed(&self, token: &str) -> Response {
        let call = self.request("GET", "/v1/identities").bearer_auth(token);
        call.send().await.unwrap()
    }

    /// An introspection of nothing, with this secret of the kanban board's client.
    async fn introspected(&self, secret: &str) -> Response {
        let call = self
            .request("POST", "/v1/introspect")
            .basic_auth("kanban-api", Some(secret))
            .header("Content-Type", "application/x-www-form-urlencoded");
        call.body("token=none").send().await.unwrap()
    }
}

/// Status, and what the headers say of the limit.
fn left(answer: &Response) -> String {
    let header = |headers: &HeaderMap, name: &str| {
        let value = headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or("-").to_owned()
    };
    let headers = answer.headers();
    format!(
        "{} {} {} {}",
        answer.status().as_u16(),
        header(headers, "ratelimit-policy"),
        header(headers, "ratelimit"),
        header(headers, "retry-after"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_reads_what_is_left_and_waits_as_long_as_it_is_told() {
    let story = three().await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(left(&story.listed(PIOTR).await));
    }
    assert_snapshot!(seen.join("\n"), @r#"
    200 "operator";q=3;w=60 "operator";r=2;t=20 -
    200 "operator";q=3;w=60 "operator";r=1;t=40 -
    200 "operator";q=3;w=60 "operator";r=0;t=60 -
    429 "operator";q=3;w=60 "operator";r=0;t=20 20
    "#);
    let refused = story.listed(PIOTR).await;
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    assert_snapshot!(refused.text().await.unwrap(), @r#"{"detail":"too many calls; try again in 20 s","status":429,"title":"too often","type":"about:blank"}"#);
    // Another operator has its own, and the time that was named is enough.
    assert_eq!(story.listed(GRETA).await.status(), StatusCode::OK);
    story.pass(19).await;
    assert_eq!(story.listed(PIOTR).await.status(), 429);
    story.pass(1).await;
    assert_eq!(story.listed(PIOTR).await.status(), StatusCode::OK);
    assert_eq!(story.listed(PIOTR).await.status(), 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_made_to_wait_for_what_narrows() {
    let story = three().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    for _ in 0..4 {
        story.listed(PIOTR).await;
        let _ = story.stage.introspect(&token).await;
    }
    assert_eq!(story.listed(PIOTR).await.status(), 429);
    assert_eq!(story.introspected("wrong").await.status(), 401);
    assert!(story.stage.introspect(&token).await.is_err());
    // Its proxy goes on asking, and gets no headers of limits, since there is none.
    let question = "/v1/forward-auth?client=kanban-api&scope=card:write";
    for _ in 0..20 {
        let asked = story.request("GET", question).bearer_auth(&token);
        let answer = asked.send().await.unwrap();
        assert_eq!(left(&answer), "200 - - -");
    }
    // A hook's delivery, forged here, is judged and not counted.
    for _ in 0..70 {
        let delivery = story.request("POST", "/hooks/kan").body("{}");
        let delivery = delivery.header("Content-Type", "application/json");
        assert_eq!(delivery.send().await.unwrap().status(), 401);
    }
    // An operator whose calls are used up stops what it wants stopped.
    let order = |verb: &str| {
        let path = format!("/v1/identities/codex-kan-1/{verb}");
        let call = story.request("POST", &path).bearer_auth(PIOTR);
        call.json(&json!({"reason": "strange"}))
    };
    for verb in ["pause", "revoke"] {
        let answer = order(verb).send().await.unwrap();
        assert_eq!(left(&answer), "200 - - -", "{verb}");
    }
    let ended = story
        .request("DELETE", "/v1/identities/codex-kan-1/credentials/c1")
        .bearer_auth(PIOTR);
    assert_ne!(ended.send().await.unwrap().status(), 429);
    // So does whoever has a token, or only found it.
    for path in ["/v1/pause", "/v1/revoke"] {
        for _ in 0..70 {
            let call = story.request("POST", path).bearer_auth(&token);
            let call = call.header("Content-Type", "application/x-www-form-urlencoded");
            let answer = call.body(format!("token={token}")).send().await.unwrap();
            assert_ne!(answer.status(), 429, "{path}");
        }
    }
    story.stage.settle().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_server_has_its_own_and_a_reload_gives_more() {
    let mut story = three().await;
    let secret = ownergate::demo::stage::CLIENT_SECRET;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(left(&story.introspected(secret).await));
    }
    let activity = story
        .request("POST", "/v1/activity")
        .basic_auth("kanban-api", Some(secret));
    let activity = activity.json(&json!({"events": []})).send().await.unwrap();
    seen.push(left(&activity));
    assert_snapshot!(seen.join("\n"), @r#"
    200 "client";q=3;w=60 "client";r=2;t=20 -
    200 "client";q=3;w=60 "client";r=1;t=40 -
    200 "client";q=3;w=60 "client";r=0;t=60 -
    429 "client";q=3;w=60 "client";r=0;t=20 20
    429 "client";q=3;w=60 "client";r=0;t=20 20
    "#);
    assert!(story.stage.introspect_as("ops-api", "none").await.is_ok());
    let more = [("client_per_minute = 3", "client_per_minute = 4")];
    crate::harness::change(&mut story.stage.setting().config, &more);
    story.stage.reload().await.unwrap();
    let answer = story.introspected(secret).await;
    assert_eq!(
        left(&answer),
        "200 \"client\";q=4;w=60 \"client\";r=3;t=15 -"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_is_slowed_down_and_keeps_nobody_out() {
    let story = begin().await;
    let mut codes = Vec::new();
    for turn in 0..62 {
        let answer = if turn % 2 == 0 {
            story.listed("a-guess-of-somebody-who-has-no-token").await
        } else {
            story.introspected("a-guess").await
        };
        codes.push(answer.status().as_u16());
    }
    assert_eq!(codes.iter().filter(|code| **code == 401).count(), 60);
    assert_eq!(codes[60..], [429, 429]);
    // From the same address: whoever is somebody is answered.
    assert_eq!(get(&story, PIOTR, "/v1/identities").await.0, StatusCode::OK);
    let secret = ownergate::demo::stage::CLIENT_SECRET;
    assert_eq!(story.introspected(secret).await.status(), StatusCode::OK);
    // Where something is stopped a wrong token is wrong, however often.
    for _ in 0..3 {
        let path = "/v1/identities/codex-kan-1/pause";
        let (status, problem) =
            crate::operator_api::send(&story, "a-guess", Method::POST, path, Value::Null).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{problem}");
    }
    story.pass(1).await;
    assert_eq!(story.listed("a-guess").await.status(), 401);
}
