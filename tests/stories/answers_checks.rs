//! The statuses of checks and of health, which are a contract, also while the store opens and after
//! it failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ownergate::demo::stage::{CLIENT_SECRET, HOOK_SECRET};
use ownergate::miniforge::hmac_sha256;
use ownergate::store::{Fault, Point};
use reqwest::Response;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::answers::scene;
use crate::harness::{Key, Story};
use crate::harness_edges::{Forged, soon};

/// The resource server of `kan`.
const CLIENT: (&str, &str) = ("kanban-api", CLIENT_SECRET);

async fn ask(story: &Story, (name, secret): (&str, &str), form: &str) -> Response {
    story
        .request("POST", "/v1/introspect")
        .basic_auth(name, Some(secret))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.to_owned())
        .send()
        .await
        .unwrap()
}

/// Activates with these values of the header `Authorization`.
async fn activate(story: &Story, values: &[String]) -> Response {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    }
    let request = story.request("POST", "/v1/activate").headers(headers);
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introspection_is_for_known_clients() {
    let (story, token, _) = scene().await;
    let form = format!("token={token}&token_type_hint=access_token");
    let good = ask(&story, CLIENT, &form).await;
    assert_eq!(good.status(), 200);
    assert_eq!(good.headers()["cache-control"], "no-store");
    assert_eq!(good.json::<Value>().await.unwrap()["active"], true);

    // No client, or not that client.
    let form = format!("token={token}");
    let post = || story.request("POST", "/v1/introspect").body(form.clone());
    let (name, secret) = CLIENT;
    let two = post()
        .basic_auth(name, Some(secret))
        .header("Authorization", "Bearer x");
    for answer in [
        post().send().await.unwrap(),
        post().bearer_auth(&token).send().await.unwrap(),
        two.send().await.unwrap(),
        ask(&story, (name, "wrong"), &form).await,
        ask(&story, ("nobody", secret), &form).await,
        ask(&story, ("", ""), &form).await,
    ] {
        assert_eq!(answer.status(), 401);
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Basic "), "{challenge}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    // A name and a secret that were form-encoded before, as the standard says.
    let encoded = secret.replace('-', "%2D");
    let answer = ask(&story, ("kanban%2Dapi", &encoded), &form).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introspection_answers_alike_about_everything_that_is_not_alive() {
    let (story, token, _) = scene().await;
    let (head, digits) = token.split_at(token.len() - 64);
    let upper = digits.to_ascii_uppercase();
    let dead = [
        String::new(),
        "x".to_owned(),
        "é".repeat(200),
        format!("{head}{}", "0".repeat(64)),
        format!("{head}{upper}"),
        format!("og_other_{digits}"),
        format!("{token}0"),
    ];
    let others = ("ops-api", CLIENT_SECRET);
    let asked = dead.iter().map(|token| (CLIENT, token));
    for (client, token) in asked.chain([(others, &token)]) {
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .finish();
        let answer = ask(&story, client, &form).await;
        assert_eq!(answer.status(), 200, "{token}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let text = answer.text().await.unwrap();
        assert_eq!(text, r#"{"active":false}"#, "{token}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introspection_takes_one_token_in_a_form_and_nothing_else() {
    let (story, token, _) = scene().await;
    for (form, status) in [
        (format!("token={token}&token={token}"), 400),
        (format!("token={token}&a=1&a=2"), 400),
        (String::new(), 400),
        ("other=1".to_owned(), 400),
        (format!("token={token}&x={}", "x".repeat(9_000)), 413),
    ] {
        let answer = ask(&story, CLIENT, &form).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    let (name, secret) = CLIENT;
    let json = story
        .request("POST", "/v1/introspect")
        .basic_auth(name, Some(secret))
        .json(&json!({ "token": token }));
    assert_eq!(json.send().await.unwrap().status(), 415);
    let query = story
        .request("GET", &format!("/v1/introspect?token={token}"))
        .basic_auth(name, Some(secret));
    assert_eq!(query.send().await.unwrap().status(), 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activation_tells_a_holder_what_its_token_may_do_again_and_again() {
    let (story, token, _) = scene().await;
    let mut told = Vec::new();
    for form in ["Bearer T", "bearer T", "BEARER  T", "Bearer T "] {
        for _ in 0..2 {
            let answer = activate(&story, &[form.replace('T', &token)]).await;
            assert_eq!(answer.status(), 200, "{form}");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            told.push(answer.json::<Value>().await.unwrap());
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "the same each time");
    assert_eq!(told[0]["scope"], "board:read card:write");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activation_tells_others_nothing_and_always_alike() {
    let (story, token, _) = scene().await;
    let bare = activate(&story, &[]).await;
    assert_eq!(bare.status(), 401);
    let challenge = bare.headers()["www-authenticate"].to_str().unwrap();
    assert_eq!(challenge, "Bearer realm=\"ownergate\"");
    assert_eq!(bare.headers()["content-type"], "application/problem+json");
    assert_eq!(bare.headers()["cache-control"], "no-store");
    let problem: Value = bare.json().await.unwrap();
    assert_eq!(
        problem,
        json!({
            "type": "about:blank",
            "title": "no token",
            "status": 401,
            "detail": "give the token as `Authorization: Bearer …`",
        }),
        "without an error code"
    );

    let dead = format!("{}{}", &token[..token.len() - 64], "0".repeat(64));
    let with = |form: &&str| form.replace('T', &token).replace("DEAD", &dead);
    let mut shapes = Vec::new();
    for row in [
        vec!["Token T"],
        vec!["Bearer \"T\""],
        vec!["Bearer T, Bearer T"],
        vec!["Bearer T", "Bearer DEAD"],
        vec!["Bearer DEAD", "Bearer T"],
        vec!["Bearer DEAD"],
        vec!["Bearer"],
        vec!["Bearer x"],
        vec!["T"],
    ] {
        let values: Vec<String> = row.iter().map(with).collect();
        let answer = activate(&story, &values).await;
        assert_eq!(answer.status(), 401, "{row:?}");
        let challenge = answer.headers()["www-authenticate"].clone();
        shapes.push((challenge, answer.text().await.unwrap()));
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "one shape for all causes");
    assert!(shapes[0].0.to_str().unwrap().contains("invalid_token"));
    let query = format!("/v1/activate?access_token={token}");
    let query = story.request("POST", &query).send().await.unwrap();
    assert_eq!(query.status(), 401);
    let get = story.request("GET", "/v1/activate").bearer_auth(&token);
    assert_eq!(get.send().await.unwrap().status(), 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_told_by_get_and_by_head_and_without_a_forge() {
    let (story, _, _) = scene().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let get = story.request("GET", path).send().await.unwrap();
        assert_eq!(get.status(), 200, "{path}");
        let head = story
            .raw(
                format!("HEAD {path} HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        let post = story.request("POST", path).send().await.unwrap();
        assert_eq!(post.status(), 405, "{path}");
    }
    story.stage.forge.go_away().await;
    story.reconcile().await;
    assert_eq!(story.get("/readyz").await.0, 200);
    assert_eq!(story.ready().await["forge"]["answers"], false);
    story.stage.forge.come_back().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forge_that_was_not_asked_yet_has_not_answered() {
    let story = Story::configured(&[("token_file", "bot_id = 5\ntoken_file")]).await;
    let forge = story.ready().await["forge"].clone();
    let nothing = json!({ "answers": false, "last": null, "trouble": null });
    assert_eq!(forge, nothing);
    assert!(story.reconcile().await);
    assert_eq!(story.ready().await["forge"]["answers"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_opens_everything_waits_and_nothing_is_said_to_be_dead() {
    let (mut story, token, fresh) = scene().await;
    story.stage.stop_bot().await;
    let (open, shut) = watch::channel(false);
    let reached = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&reached);
    story.stage.setting().plan = Some(Arc::new(move |point| {
        if point == Point::Lock {
            told.notify_one();
            let mut shut = shut.clone();
            // The opening has a thread of its own, which may stand still.
            let _ = tokio::runtime::Handle::current().block_on(shut.wait_for(|open| *open));
        }
        Fault::None
    }));
    let (url, client) = (story.stage.url(), story.stage.client().clone());
    let probing = async {
        soon(reached.notified()).await;
        everything_waits(&client, &url, &token, &fresh).await;
        open.send_replace(true);
    };
    let (started, ()) = tokio::join!(story.stage.start_bot(), probing);
    started.unwrap();
    assert!(story.alive(&token).await);
    assert_eq!(story.deliver_signed(&fresh).await, 202);
}

async fn everything_waits(client: &reqwest::Client, url: &str, token: &str, fresh: &[u8]) {
    let get = async |path: &str| client.get(format!("{url}{path}")).send().await.unwrap();
    assert_eq!(get("/healthz").await.status(), 200);
    assert_eq!(get("/metrics").await.status(), 200);
    let ready = get("/readyz").await;
    assert_eq!(ready.status(), 503);
    assert!(ready.headers().contains_key("retry-after"));
    let state: Value = ready.json().await.unwrap();
    assert_eq!(state["ready"], false);
    assert_eq!(state["store"]["phase"], "waiting for the lock", "{state}");
    let introspect = client
        .post(format!("{url}/v1/introspect"))
        .basic_auth(CLIENT.0, Some(CLIENT.1))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("token={token}"));
    let activate = client.post(format!("{url}/v1/activate")).bearer_auth(token);
    let deliver = client
        .post(format!("{url}/hooks/kan"))
        .header("Content-Type", "application/json")
        .header("X-Forgejo-Signature", hmac_sha256(HOOK_SECRET, fresh))
        .body(fresh.to_vec());
    for request in [introspect, activate, deliver] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        assert!(!answer.text().await.unwrap().contains("active"));
    }
    // A proxy takes 503 for a failure of its own: it is told that nothing passes, and why.
    let route = format!("{url}/v1/forward-auth?client=kanban-api&scope=card:write");
    for route in [route.clone(), format!("{route}&foreign=pass")] {
        let answer = client.get(&route).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 403);
        assert!(answer.headers().contains_key("retry-after"));
        assert!(answer.text().await.unwrap().contains("cannot be checked"));
    }
    assert_eq!(
        get("/v1/forward-auth?client=kanban-api&scope=card:write")
            .await
            .status(),
        401
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_disk_fails_everything_is_503_and_the_start_after_it_has_all() {
    let failing = Arc::new(AtomicBool::new(false));
    let mut story = Story::with(|setting| {
        let failing = Arc::clone(&failing);
        setting.plan = Some(Arc::new(move |point| {
            let fails = failing.load(Ordering::SeqCst);
            if point == Point::BeforeSync && fails {
                Fault::Error(std::io::ErrorKind::StorageFull)
            } else {
                Fault::None
            }
        }));
    })
    .await;
    let token = {
        let thread = story.thread(&story.stage.codex, "disk").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        token
    };
    let fresh = Forged::comment(&story)
        .saying(77_777, "good morning")
        .by(&story.stage.carol)
        .bytes();
    failing.store(true, Ordering::SeqCst);
    assert_eq!(story.deliver_signed(&fresh).await, 503);
    // And from then on everything, without another look at the disk.
    failing.store(false, Ordering::SeqCst);
    assert_eq!(story.deliver_signed(&fresh).await, 503);
    let refused = story.stage.introspect(&token).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
    let route = "/v1/forward-auth?client=kanban-api&scope=card:write";
    let asked = story.request("GET", route).bearer_auth(&token);
    assert_eq!(asked.send().await.unwrap().status(), 403);
    assert_eq!(story.get("/readyz").await.0, 503);
    assert_eq!(story.get("/healthz").await.0, 200);
    soon(story.stage.bot().unwrap().core.writer().died()).await;
    story.start_again().await;
    assert!(story.alive(&token).await);
    assert_eq!(story.deliver_signed(&fresh).await, 202);
    story.stage.settle().await.unwrap();
}
