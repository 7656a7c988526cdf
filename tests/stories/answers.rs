//! The statuses of the HTTP edges, which are a contract: each row of the table, as bytes on a wire.

use std::sync::Arc;

use ownergate::demo::stage::{CLIENT_SECRET, HOOK_SECRET};
use ownergate::miniforge::hmac_sha256;
use ownergate::store::{Fault, Point};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::{Key, Story};
use crate::harness_edges::{Forged, Raw, delivery_head, raw, soon};

const MEBIBYTE: usize = 1024 * 1024;

impl Story {
    /// A call of the bot.
    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        self.stage
            .client()
            .request(method, format!("{}{path}", self.stage.url()))
    }

    /// A JSON delivery to `kan` with these headers.
    async fn deliver(&self, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        let mut request = self
            .request("POST", "/hooks/kan")
            .header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_vec()).send().await.unwrap();
        answer.status().as_u16()
    }

    /// A delivery under its right signature.
    async fn deliver_signed(&self, body: &[u8]) -> u16 {
        let signature = hmac_sha256(HOOK_SECRET, body);
        self.deliver(&[("X-Forgejo-Signature", &signature)], body)
            .await
    }

    /// Bytes on a connection of their own.
    async fn raw(&self, request: &[u8]) -> Raw {
        raw(&self.stage.url(), request).await
    }
}

/// A board with a thread, a live token, and the bytes of a comment that the bot has not seen yet.
async fn scene() -> (Story, String, Vec<u8>) {
    let story = Story::begin().await;
    let token = {
        let thread = story.thread(&story.stage.codex, "answers").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        token
    };
    let fresh = Forged::comment(&story)
        .saying(77_777, "good morning")
        .by(&story.stage.carol)
        .bytes();
    (story, token, fresh)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn valid_deliveries_are_202_after_the_commit_and_others_204() {
    let (story, _, fresh) = scene().await;
    let lines = story.lines();
    assert_eq!(story.deliver_signed(&fresh).await, 202);
    assert_eq!(
        story.lines(),
        lines + 1,
        "it is in the journal before the answer"
    );
    assert_eq!(story.deliver_signed(&fresh).await, 202, "the same again");
    assert_eq!(story.lines(), lines + 1);

    // The bot's own comment with its marker, a push, the test button, a label, a review.
    let deliveries = story.stage.forge.deliveries();
    let own = deliveries
        .iter()
        .rev()
        .find(|delivery| String::from_utf8_lossy(&delivery.body).contains("ownergate.marker"));
    assert_eq!(story.deliver_signed(&own.unwrap().body).await, 204);
    let labels = Forged::issue(&story)
        .with("/action", "label_updated")
        .bytes();
    for body in [
        &br#"{"ref":"refs/heads/main","commits":[]}"#[..],
        b"{}",
        br#"{"action":"created","repository":{"id":17}}"#,
        &labels,
    ] {
        assert_eq!(story.deliver_signed(body).await, 204);
    }
    assert_eq!(story.lines(), lines + 1);
    // Text that JSON writes with escapes, and raw UTF-8: the signature is over the bytes as sent.
    let hard = Forged::comment(&story)
        .saying(77_778, "🚀 \u{1b}[31m \u{2028} \u{0}")
        .by(&story.stage.carol)
        .bytes();
    assert!(String::from_utf8_lossy(&hard).contains("\\u001b"));
    assert_eq!(story.deliver_signed(&hard).await, 202);
    let signature = hmac_sha256(HOOK_SECRET, &hard);
    let compact = serde_json::to_vec(&serde_json::from_slice::<Value>(&hard).unwrap()).unwrap();
    assert_eq!(
        story
            .deliver(&[("X-Forgejo-Signature", &signature)], &compact)
            .await,
        401
    );
    assert!(!story.journal().contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_one_right_signature_nothing_is_written_and_it_is_counted() {
    let (story, _, fresh) = scene().await;
    let lines = story.lines();
    let right = hmac_sha256(HOOK_SECRET, &fresh);
    let upper = right.to_ascii_uppercase();
    let prefixed = format!("sha256={right}");
    let wrong = hmac_sha256("another secret of at least thirty-two bytes", &fresh);
    let doubled = format!("{right},{right}");
    let (forgejo, gitea) = ("X-Forgejo-Signature", "X-Gitea-Signature");
    let rows: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![(forgejo, "")],
        vec![(forgejo, &wrong)],
        vec![(forgejo, &upper)],
        vec![(forgejo, &right[..63])],
        vec![(forgejo, &right), (forgejo, &right)],
        vec![(gitea, &right), (gitea, &right)],
        vec![(forgejo, &prefixed)],
        vec![(forgejo, &doubled)],
        vec![(forgejo, &wrong), (gitea, &right)],
        vec![(forgejo, ""), (gitea, &right)],
        vec![("X-Hub-Signature-256", &prefixed)],
        vec![("X-Gogs-Signature", &right)],
    ];
    for row in &rows {
        assert_eq!(story.deliver(row, &fresh).await, 401, "{row:?}");
    }
    assert_eq!(story.lines(), lines);
    let counted = story
        .metric("ownergate_deliveries_total{outcome=\"bad_signature\"}")
        .await;
    assert_eq!(counted, rows.len() as u64);
    // A Gitea sends only its own header; where both are there, the first is meant.
    assert_eq!(story.deliver(&[(gitea, &right)], &fresh).await, 202);
    assert_eq!(
        story
            .deliver(&[(forgejo, &right), (gitea, &wrong)], &fresh)
            .await,
        202
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_places_sizes_and_kinds_of_deliveries() {
    let (story, _, fresh) = scene().await;
    let lines = story.lines();
    let signature = hmac_sha256(HOOK_SECRET, &fresh);
    // Unknown hooks and paths; other methods.
    for path in [
        "/hooks/nowhere",
        "/hooks/",
        "/hooks",
        "/hooks/kan/",
        "/hooks/kan/x",
        "/",
        "/v1",
    ] {
        let request = story
            .request("POST", path)
            .header("Content-Type", "application/json")
            .header("X-Forgejo-Signature", &signature);
        let answer = request.body(fresh.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = story.request(method, "/hooks/kan").send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method}");
    }
    // Kinds of content.
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
        "json",
    ] {
        let answer = story
            .request("POST", "/hooks/kan")
            .header("Content-Type", kind)
            .header("X-Forgejo-Signature", &signature)
            .body(fresh.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 415, "{kind:?}");
    }
    for encoding in ["gzip", "deflate", "br", "identity, gzip"] {
        let headers = [
            ("Content-Encoding", encoding),
            ("X-Forgejo-Signature", &signature),
        ];
        assert_eq!(story.deliver(&headers, &fresh).await, 415, "{encoding}");
    }
    // Signed, and no JSON object or one that lacks what its kind must have.
    let whole: Value = serde_json::from_slice(&fresh).unwrap();
    let without = |pointer: &str, name: &str| {
        let mut lacking = whole.clone();
        lacking
            .pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(name);
        serde_json::to_vec(&lacking).unwrap()
    };
    let lacking = [
        without("", "sender"),
        without("", "repository"),
        without("", "issue"),
        without("/comment", "id"),
        without("/issue", "number"),
        without("/repository", "id"),
    ];
    let broken: [&[u8]; 8] = [
        b"",
        b"[]",
        b"\"x\"",
        b"{",
        b"7",
        b"null",
        b"{\"action\":\"created\",\"comment\":{}}",
        b"{}{}",
    ];
    for body in broken.into_iter().chain(lacking.iter().map(Vec::as_slice)) {
        let status = story.deliver_signed(body).await;
        assert_eq!(status, 400, "{}", String::from_utf8_lossy(body));
    }
    assert_eq!(story.lines(), lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_mebibyte_is_taken_and_one_byte_more_is_not() {
    let (story, _, _) = scene().await;
    let body = |size: usize| {
        let mut body = br#"{"ref":""#.to_vec();
        body.resize(size - 2, b'x');
        body.extend_from_slice(b"\"}");
        body
    };
    assert_eq!(story.deliver_signed(&body(MEBIBYTE)).await, 204);
    let json = "Content-Type: application/json\r\n";
    // Said beforehand, and nothing of it is read.
    let head = delivery_head(
        "HTTP/1.1",
        b"",
        &format!("{json}Content-Length: {}\r\n", MEBIBYTE + 1),
    );
    assert_eq!(story.raw(&head).await.status, 413);
    // Not said beforehand.
    for size in [MEBIBYTE + 1, 2 * MEBIBYTE] {
        let body = body(size);
        let mut request = delivery_head(
            "HTTP/1.1",
            &body,
            &format!("{json}Transfer-Encoding: chunked\r\n"),
        );
        for chunk in body.chunks(64 * 1024) {
            request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            request.extend_from_slice(chunk);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"0\r\n\r\n");
        assert_eq!(story.raw(&request).await.status, 413);
    }
    let counted = story
        .metric("ownergate_deliveries_total{outcome=\"too_large\"}")
        .await;
    assert_eq!(counted, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_client_may_do_with_http_is_understood() {
    let (story, _, fresh) = scene().await;
    let length = format!("Content-Length: {}\r\n", fresh.len());
    let json = "Content-Type: application/json\r\n";
    let with = |version: &str, more: &str| {
        let mut request = delivery_head(version, &fresh, more);
        request.extend_from_slice(&fresh);
        request
    };
    let mut chunked = delivery_head(
        "HTTP/1.1",
        &fresh,
        &format!("{json}Transfer-Encoding: chunked\r\n"),
    );
    for chunk in fresh.chunks(1_000) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    for (what, request) in [
        ("chunked", chunked),
        ("HTTP/1.0", with("HTTP/1.0", &format!("{json}{length}"))),
        (
            "charset",
            with(
                "HTTP/1.1",
                &format!("Content-Type: application/json; charset=utf-8\r\n{length}"),
            ),
        ),
        (
            "any case",
            with(
                "HTTP/1.1",
                &format!("content-type: Application/JSON\r\n{length}"),
            ),
        ),
        (
            "identity",
            with(
                "HTTP/1.1",
                &format!("{json}Content-Encoding: identity\r\n{length}"),
            ),
        ),
        (
            "expect",
            with(
                "HTTP/1.1",
                &format!("{json}{length}Expect: 100-continue\r\n"),
            ),
        ),
    ] {
        assert_eq!(story.raw(&request).await.status, 202, "{what}");
    }
    // Half a body is none.
    let half = with("HTTP/1.1", &format!("{json}{length}"));
    let lines = story.lines();
    let broken = tokio::net::TcpStream::connect(story.stage.url().strip_prefix("http://").unwrap())
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut { broken }, &half[..half.len() - 10])
        .await
        .unwrap();
    assert_eq!(story.lines(), lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introspection_answers_known_clients_alike_about_everything_that_is_not_alive() {
    let (story, token, _) = scene().await;
    let ask = |name: &str, secret: &str, form: String| {
        story
            .request("POST", "/v1/introspect")
            .basic_auth(name, Some(secret))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
    };
    let good = ask(
        "kanban-api",
        CLIENT_SECRET,
        format!("token={token}&token_type_hint=access_token"),
    )
    .await
    .unwrap();
    assert_eq!(good.status(), 200);
    assert_eq!(good.headers()["cache-control"], "no-store");
    assert_eq!(good.json::<Value>().await.unwrap()["active"], true);

    // No client, or not that client.
    let bare = story
        .request("POST", "/v1/introspect")
        .body(format!("token={token}"))
        .send();
    let unknown = [
        bare.await.unwrap(),
        ask("kanban-api", "wrong", format!("token={token}"))
            .await
            .unwrap(),
        ask("nobody", CLIENT_SECRET, format!("token={token}"))
            .await
            .unwrap(),
        ask("", "", format!("token={token}")).await.unwrap(),
        story
            .request("POST", "/v1/introspect")
            .bearer_auth(&token)
            .body(format!("token={token}"))
            .send()
            .await
            .unwrap(),
        story
            .request("POST", "/v1/introspect")
            .basic_auth("kanban-api", Some(CLIENT_SECRET))
            .header("Authorization", "Bearer x")
            .body(format!("token={token}"))
            .send()
            .await
            .unwrap(),
    ];
    for answer in unknown {
        assert_eq!(answer.status(), 401);
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Basic "), "{challenge}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }

    // Not alive, for whatever reason, or not this client's.
    let (head, digits) = token.split_at(token.len() - 64);
    let mut dead: Vec<(&str, String)> = vec![
        ("kanban-api", String::new()),
        ("kanban-api", "x".to_owned()),
        ("kanban-api", format!("{head}{}", "0".repeat(64))),
        (
            "kanban-api",
            format!("{head}{}", digits.to_ascii_uppercase()),
        ),
        ("kanban-api", format!("og_other_{digits}")),
        ("kanban-api", format!("{token}0")),
        ("ops-api", token.clone()),
    ];
    dead.push(("kanban-api", "é".repeat(200)));
    for (client, token) in &dead {
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .finish();
        let answer = ask(client, CLIENT_SECRET, form).await.unwrap();
        assert_eq!(answer.status(), 200, "{client} {token}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(
            answer.text().await.unwrap(),
            r#"{"active":false}"#,
            "{client} {token}"
        );
    }

    // Forms that are none.
    for (form, status) in [
        (format!("token={token}&token={token}"), 400),
        (format!("token={token}&a=1&a=2"), 400),
        ("".to_owned(), 400),
        ("other=1".to_owned(), 400),
        (format!("token={token}&x={}", "x".repeat(9_000)), 413),
    ] {
        let answer = ask("kanban-api", CLIENT_SECRET, form).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    let json = story
        .request("POST", "/v1/introspect")
        .basic_auth("kanban-api", Some(CLIENT_SECRET))
        .json(&json!({ "token": token }));
    assert_eq!(json.send().await.unwrap().status(), 415);
    let query = story
        .request("GET", &format!("/v1/introspect?token={token}"))
        .basic_auth("kanban-api", Some(CLIENT_SECRET));
    assert_eq!(query.send().await.unwrap().status(), 405);

    // Names and secrets that were form-encoded before Basic, as the standard says.
    let encoded = CLIENT_SECRET.replace('-', "%2D");
    let answer = ask("kanban%2Dapi", &encoded, format!("token={token}"))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activation_tells_a_holder_what_its_token_may_do_and_others_nothing() {
    let (story, token, _) = scene().await;
    let activate = |values: Vec<String>| {
        let mut headers = HeaderMap::new();
        for value in values {
            let name = HeaderName::from_static("authorization");
            headers.append(name, HeaderValue::from_str(&value).unwrap());
        }
        story
            .request("POST", "/v1/activate")
            .headers(headers)
            .send()
    };
    let mut first = Value::Null;
    for form in ["Bearer T", "bearer T", "BEARER  T", "Bearer T "] {
        for _ in 0..2 {
            let answer = activate(vec![form.replace('T', &token)]).await.unwrap();
            assert_eq!(answer.status(), 200, "{form}");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            let told: Value = answer.json().await.unwrap();
            assert_eq!(told["scope"], "board:read card:write");
            first = if first.is_null() { told.clone() } else { first };
            assert_eq!(told, first, "the same each time");
        }
    }
    let bare = activate(vec![]).await.unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(
        bare.headers()["www-authenticate"],
        "Bearer realm=\"ownergate\""
    );

    let dead = format!("{}{}", &token[..token.len() - 64], "0".repeat(64));
    let with = |form: &str| form.replace('T', &token).replace("DEAD", &dead);
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
        let answer = activate(row.iter().map(|form| with(form)).collect())
            .await
            .unwrap();
        assert_eq!(answer.status(), 401, "{row:?}");
        let challenge = answer.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(challenge.contains("invalid_token"), "{row:?} {challenge}");
        shapes.push((challenge, answer.text().await.unwrap()));
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "one shape for all causes");
    let query = format!("/v1/activate?access_token={token}");
    assert_eq!(
        story.request("POST", &query).send().await.unwrap().status(),
        401
    );
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
        let get = async |path: &str| client.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(get("/healthz").await.status(), 200);
        let ready = get("/readyz").await;
        assert_eq!(ready.status(), 503);
        assert!(ready.headers().contains_key("retry-after"));
        let state: Value = ready.json().await.unwrap();
        assert_eq!(state["ready"], false);
        assert_eq!(state["store"]["phase"], "waiting for the lock", "{state}");
        let mut waiting = vec![
            client
                .post(format!("{url}/v1/introspect"))
                .basic_auth("kanban-api", Some(CLIENT_SECRET))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(format!("token={token}")),
            client
                .post(format!("{url}/v1/activate"))
                .bearer_auth(&token),
        ];
        waiting.push(
            client
                .post(format!("{url}/hooks/kan"))
                .header("Content-Type", "application/json")
                .header("X-Forgejo-Signature", hmac_sha256(HOOK_SECRET, &fresh))
                .body(fresh.clone()),
        );
        for request in waiting {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key("retry-after"));
            assert!(!answer.text().await.unwrap().contains("active"));
        }
        assert_eq!(get("/metrics").await.status(), 200);
        open.send_replace(true);
    };
    let (started, ()) = tokio::join!(story.stage.start_bot(), probing);
    started.unwrap();
    assert!(story.alive(&token).await);
    assert_eq!(story.deliver_signed(&fresh).await, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_disk_fails_everything_is_503_and_the_start_after_it_has_all() {
    let failing = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut story = Story::with(|setting| {
        let failing = Arc::clone(&failing);
        setting.plan = Some(Arc::new(move |point| {
            let fails = failing.load(std::sync::atomic::Ordering::SeqCst);
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
        .bytes();
    failing.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(story.deliver_signed(&fresh).await, 503);
    // And from then on everything, without another look at the disk.
    failing.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(story.deliver_signed(&fresh).await, 503);
    let refused = story.stage.introspect(&token).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
    assert_eq!(story.get("/readyz").await.0, 503);
    assert_eq!(story.get("/healthz").await.0, 200);
    soon(story.stage.bot().unwrap().core.writer().died()).await;
    story.start_again().await;
    assert!(story.alive(&token).await);
    assert_eq!(story.deliver_signed(&fresh).await, 202);
}
