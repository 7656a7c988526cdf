//! The statuses of deliveries, which are a contract: each row of the table, as bytes on a wire.

use ownergate::demo::stage::HOOK_SECRET;
use ownergate::miniforge::hmac_sha256;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Key, Story};
use crate::harness_edges::{Forged, Raw, delivery_head, raw, soon};

const MEBIBYTE: usize = 1024 * 1024;

impl Story {
    /// A call of the bot.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
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
    pub(crate) async fn deliver_signed(&self, body: &[u8]) -> u16 {
        let signature = hmac_sha256(HOOK_SECRET, body);
        self.deliver(&[("X-Forgejo-Signature", &signature)], body)
            .await
    }

    /// Bytes on a connection of their own.
    pub(crate) async fn raw(&self, request: &[u8]) -> Raw {
        raw(&self.stage.url(), request).await
    }
}

/// A signed delivery in chunks.
fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let more = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let mut request = delivery_head("HTTP/1.1", body, more);
    for chunk in body.chunks(size) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// A board with a thread, a live token, and the bytes of a comment that the bot has not seen yet.
pub(crate) async fn scene() -> (Story, String, Vec<u8>) {
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
async fn unknown_hooks_are_404_and_other_methods_405() {
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
        assert_eq!(answer.headers()["allow"], "POST");
    }
    assert_eq!(story.lines(), lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_json_that_is_not_compressed_is_a_delivery() {
    let (story, _, fresh) = scene().await;
    let lines = story.lines();
    let signature = hmac_sha256(HOOK_SECRET, &fresh);
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
    assert_eq!(story.lines(), lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_delivery_that_cannot_be_used_is_a_bad_request() {
    let (story, _, fresh) = scene().await;
    let lines = story.lines();
    // No JSON object, or one that lacks what its kind must have.
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
        let request = chunked(&body, 64 * 1024);
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
    let json = format!("Content-Type: application/json\r\n{length}");
    let with = |version: &str, more: &str| {
        let mut request = delivery_head(version, &fresh, more);
        request.extend_from_slice(&fresh);
        request
    };
    let charset = format!("Content-Type: application/json; charset=utf-8\r\n{length}");
    let any_case = format!("content-type: Application/JSON\r\n{length}");
    let identity = format!("{json}Content-Encoding: identity\r\n");
    let expect = format!("{json}Expect: 100-continue\r\n");
    for (what, request) in [
        ("chunked", chunked(&fresh, 1_000)),
        ("HTTP/1.0", with("HTTP/1.0", &json)),
        ("charset", with("HTTP/1.1", &charset)),
        ("any case", with("HTTP/1.1", &any_case)),
        ("identity", with("HTTP/1.1", &identity)),
        ("expect", with("HTTP/1.1", &expect)),
    ] {
        assert_eq!(story.raw(&request).await.status, 202, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_body_is_none() {
    let (story, _, fresh) = scene().await;
    let lines = story.lines();
    let length = format!("Content-Length: {}\r\n", fresh.len() + 10);
    let mut half = delivery_head(
        "HTTP/1.1",
        &fresh,
        &format!("Content-Type: application/json\r\n{length}"),
    );
    // The signature would fit what came so far.
    half.extend_from_slice(&fresh);
    let address = story.stage.url();
    let address = address.strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(&half).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut answer = String::new();
    // The bot may answer or only end the connection.
    let _ = soon(connection.read_to_string(&mut answer)).await;
    assert!(!answer.starts_with("HTTP/1.1 20"), "{answer}");
    assert_eq!(story.lines(), lines);
}
