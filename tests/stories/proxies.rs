//! Real proxies with the files of `deploy/proxies/`: who is let through and as whom, and what nobody gets
//! past them.
//!
//! Ignored unless asked for, since they need the proxies; `.ci/run` installs them and runs these with
//! `cargo test --test stories proxies -- --ignored`.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Key, Story};
use crate::harness_edges::{raw, soon};
use crate::proxy::{Kind, Proxy, Server};

/// What a caller may send to seem to be somebody; the names as the server will read them.
const SPOOFED: &str = "X-Agent-Id: 999\r\nx-agent-id: 998\r\nX-AGENT-IDENTITY: root\r\nX-Agent-Scopes: all\r\nX-Agent-Owner: 999\r\nX-Agent-Credential: c999\r\nX-Agent-Environment: production\r\nX_Agent_Id: 999\r\nX-Agent_Id: 999\r\nX_Agent-Id: 999\r\nx_agent_identity: root\r\nx-agent_scopes: all\r\nX_AGENT-OWNER: 999\r\nConnection: close\r\n";

/// A bot, a server, and a proxy between callers and the server.
struct Scene {
    story: Story,
    server: Server,
    proxy: Proxy,
    /// May `card:write`.
    token: String,
    /// May only `board:read`.
    reads: String,
}

impl Scene {
    async fn begin(kind: Kind) -> Self {
        let story = Story::begin().await;
        let (token, reads) = {
            let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
            let thread = story.thread(codex, "sort").await;
            let token = thread.credential(&Key::new()).await;
            let thread = story.thread(codex, "read").await;
            let key = Key::new();
            thread.ask(codex, &key).await;
            // What piotr hands on is less.
            (token, thread.approved(piotr, &key).await)
        };
        let server = Server::start().await;
        let proxy = Proxy::start(kind, &story.stage.url(), server.port, &[]).await;
        Self {
            story,
            server,
            proxy,
            token,
            reads,
        }
    }

    /// A call through the proxy: status, challenge and what the server says that it was sent.
    async fn call(&self, method: &str, token: Option<&str>) -> (u16, String, String) {
        let url = format!("{}/cards?of=me", self.proxy.url);
        let mut call = self
            .story
            .stage
            .client()
            .request(method.parse().unwrap(), url);
        if let Some(token) = token {
            call = call.bearer_auth(token);
        }
        if method == "POST" {
            call = call.body("a card");
        }
        let answer = call.send().await.unwrap();
        let challenge = answer.headers().get("www-authenticate");
        let challenge = challenge
            .map_or("", |value| value.to_str().unwrap())
            .to_owned();
        (
            answer.status().as_u16(),
            challenge,
            answer.text().await.unwrap(),
        )
    }

    /// Bytes through the proxy.
    async fn raw(&self, proxy: &Proxy, head: &str) -> (u16, String) {
        let told = raw(&proxy.url, format!("{head}\r\n").as_bytes()).await;
        (told.status, told.body)
    }

    /// Nothing of this came as far as the server.
    async fn shut(&self, what: &str, call: impl Future<Output = u16>, status: &[u16]) {
        let before = self.server.served();
        let answered = call.await;
        assert!(
            status.contains(&answered),
            "{what}: {answered}\n{}",
            self.proxy.log()
        );
        assert_eq!(self.server.served(), before, "{what} reached the server");
    }
}

/// The values under which a server would find this header, whichever way it was written.
fn values(head: &str, name: &str) -> Vec<String> {
    let head = head.split("\n\n").next().unwrap();
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(found, _)| found.replace('_', "-").eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .collect()
}

/// Nobody but the bot says who acts.
fn named(head: &str, expected: [&str; 6]) {
    for (name, expected) in [
        "X-Agent-Id",
        "X-Agent-Identity",
        "X-Agent-Scopes",
        "X-Agent-Owner",
        "X-Agent-Credential",
        "X-Agent-Environment",
    ]
    .into_iter()
    .zip(expected)
    {
        let expected: Vec<&str> = Some(expected)
            .filter(|one| !one.is_empty())
            .into_iter()
            .collect();
        assert_eq!(values(head, name), expected, "{name} in\n{head}");
    }
}

const CODEX: [&str; 6] = [
    "1",
    "codex-kan-1",
    "board:read card:write",
    "2",
    "c1",
    "dev",
];

/// Who is let through, as whom, and who is not.
async fn lets_through_whom_the_bot_names(kind: Kind) {
    let scene = Scene::begin(kind).await;
    for method in ["GET", "POST"] {
        let (status, _, head) = scene.call(method, Some(&scene.token)).await;
        assert_eq!(status, 200, "{head}");
        named(&head, CODEX);
        assert!(
            head.starts_with(&format!("{method} /cards?of=me ")),
            "{head}"
        );
        assert!(values(&head, "Authorization").is_empty(), "{head}");
        assert_eq!(head.ends_with("a card"), method == "POST", "{head}");
    }
    for method in ["GET", "POST", "OPTIONS", "HEAD"] {
        scene
            .shut(
                "no token",
                async { scene.call(method, None).await.0 },
                &[401],
            )
            .await;
    }
    let challenge = scene.call("GET", None).await.1;
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    scene
        .shut(
            "too little",
            async { scene.call("GET", Some(&scene.reads)).await.0 },
            &[403],
        )
        .await;
    let unknown = scene.token.replace("codex-kan-1", "codex-kan-2");
    scene
        .shut(
            "unknown",
            async { scene.call("GET", Some(&unknown)).await.0 },
            &[401],
        )
        .await;
    scene.proxy.stop().await;
}

/// A name that the caller gives itself does not arrive, with a token or without one.
async fn drops_names_that_callers_give_themselves(kind: Kind) {
    let scene = Scene::begin(kind).await;
    let ask = |more: &str| format!("GET /cards HTTP/1.1\r\nHost: cards\r\n{SPOOFED}{more}");
    let bearer = format!("Authorization: Bearer {}\r\n", scene.token);
    let (status, head) = scene.raw(&scene.proxy, &ask(&bearer)).await;
    assert_eq!(status, 200, "{head}");
    named(&head, CODEX);
    // A caller may name headers of which it says that the proxy is to take them out on its way; those
    // that the proxy has put in itself are none of them.
    let hop = ask(&bearer).replace(
        "Connection: close",
        "Connection: X-Agent-Id, X-Agent-Scopes, close",
    );
    let before = scene.server.served();
    match scene.raw(&scene.proxy, &hop).await {
        (200, head) => named(&head, CODEX),
        (status, _) => {
            assert_eq!((kind, status), (Kind::Caddy, 400));
            assert_eq!(scene.server.served(), before);
        }
    }
    // Where strangers pass, every header of the answer is empty, and that is what arrives.
    let strangers = Proxy::start(
        kind,
        &scene.story.stage.url(),
        scene.server.port,
        &[("&scope=card:write", "&scope=card:write&foreign=pass")],
    )
    .await;
    for (more, expected) in [
        ("", [""; 6]),
        ("Authorization: Basic YTpi\r\n", [""; 6]),
        (&bearer, CODEX),
    ] {
        let (status, head) = scene.raw(&strangers, &ask(more)).await;
        assert_eq!(status, 200, "{head}");
        named(&head, expected);
    }
    strangers.stop().await;
    let twice = ask(&format!(
        "{bearer}Authorization: Bearer {}\r\n",
        scene.reads
    ));
    scene
        .shut(
            "two tokens",
            async { scene.raw(&scene.proxy, &twice).await.0 },
            &[400, 401],
        )
        .await;
    scene.proxy.stop().await;
}

/// Whatever is in path and query of a request stays there.
async fn asks_what_its_file_says_and_nothing_else(kind: Kind) {
    let scene = Scene::begin(kind).await;
    for path in [
        "/v1/forward-auth?client=kanban-api&scope=board:read",
        "/cards?client=kanban-api&scope=board:read&foreign=pass",
        "/cards&foreign=pass",
        "//cards/../..;/?foreign=pass",
        "/_ownergate",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: cards\r\nConnection: close\r\n");
        scene
            .shut(
                path,
                async { scene.raw(&scene.proxy, &head).await.0 },
                &[400, 401, 404],
            )
            .await;
    }
    scene.proxy.stop().await;
}

/// What is taken back, and a bot that is not there.
async fn shuts_when_told_and_when_nobody_answers(kind: Kind) {
    let mut scene = Scene::begin(kind).await;
    assert_eq!(scene.call("GET", Some(&scene.token)).await.0, 200);
    // On a connection that is kept, while requests go on.
    let kept = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let url = format!("{}/cards", scene.proxy.url);
    let ask = async || {
        let answer = kept
            .get(&url)
            .bearer_auth(&scene.token)
            .send()
            .await
            .unwrap();
        answer.status()
    };
    assert_eq!(ask().await, StatusCode::OK);
    let thread = scene.story.at(1);
    let alice = &scene.story.stage.alice;
    let revoked = async {
        thread.comment(alice, "/gate revoke codex-kan-1").await;
    };
    let in_flight = async { while ask().await == StatusCode::OK {} };
    soon(async { tokio::join!(revoked, in_flight) }).await;
    assert_eq!(ask().await, StatusCode::UNAUTHORIZED);
    scene
        .shut(
            "revoked",
            async { scene.call("GET", Some(&scene.token)).await.0 },
            &[401],
        )
        .await;
    scene.story.stage.stop_bot().await;
    scene
        .shut(
            "no bot",
            async { scene.call("GET", Some(&scene.reads)).await.0 },
            &[403, 500, 502],
        )
        .await;
    scene
        .shut(
            "no bot, no token",
            async { scene.call("GET", None).await.0 },
            &[403, 500, 502],
        )
        .await;
    scene.proxy.stop().await;
}

/// A WebSocket is a request like any other, and then a connection.
async fn lets_websockets_through_like_any_request(kind: Kind) {
    let scene = Scene::begin(kind).await;
    let address = scene.proxy.url.strip_prefix("http://").unwrap();
    let upgrade = "GET /live HTTP/1.1\r\nHost: cards\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut socket = TcpStream::connect(address).await.unwrap();
    let ask = format!("{upgrade}Authorization: Bearer {}\r\n\r\n", scene.token);
    socket.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(socket.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let mut echo = [0; 4];
    socket.write_all(b"ping").await.unwrap();
    soon(socket.read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"ping");
    drop(socket);
    for (token, status) in [("", 401), (scene.reads.as_str(), 403)] {
        let mut ask = upgrade.to_owned();
        if !token.is_empty() {
            ask.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        let before = scene.server.served();
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket
            .write_all(format!("{ask}\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = [0; 12];
        soon(socket.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, *format!("HTTP/1.1 {status}").as_bytes());
        assert_eq!(scene.server.served(), before);
    }
    scene.proxy.stop().await;
}

/// Each of these with each proxy.
macro_rules! each_proxy {
    ($($proxy:ident: $kind:expr,)*) => {
        $(mod $proxy {
            use crate::proxy::Kind;

            each_proxy! { @stories $kind,
                lets_through_whom_the_bot_names,
                drops_names_that_callers_give_themselves,
                asks_what_its_file_says_and_nothing_else,
                shuts_when_told_and_when_nobody_answers,
                lets_websockets_through_like_any_request,
            }
        })*
    };
    (@stories $kind:expr, $($story:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs the proxy; .ci/run installs it"]
            async fn $story() {
                super::$story($kind).await;
            }
        )*
    };
}

each_proxy! {
    nginx: Kind::Nginx,
    caddy: Kind::Caddy,
    traefik: Kind::Traefik,
    envoy: Kind::Envoy,
}
