//! What a proxy is told about the requests that it asks for: whom it lets through and as whom, whom it
//! does not and why, and that nothing that anybody sends makes another answer of it.

use futures_util::future::join_all;
use ownergate::demo::stage::CLIENT_SECRET;
use ownergate::miniforge::people::Person;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::harness::{Key, Story};
use crate::legacy::{self, ROBOT};

/// The usual route: cards of the kanban board.
const CARDS: &str = "?client=kanban-api&scope=card:write";
/// Every header that says who acts.
const IDENTITY: [&str; 6] = [
    "x-agent-id",
    "x-agent-identity",
    "x-agent-scopes",
    "x-agent-owner",
    "x-agent-credential",
    "x-agent-environment",
];

/// Lines that are wrong, and what their answers say.
const MISUNDERSTOOD: &[(&str, &str)] = &[
    ("", "`scope=` is missing"),
    ("?", "`scope=` is missing"),
    ("?client=kanban-api", "`scope=` is missing"),
    ("?scope=card:write", "`client=` is missing"),
    ("?client=&scope=card:write", "empty"),
    ("?client=kanban-api&scope=", "empty"),
    ("?client=kanban-api&scope", "empty"),
    ("?client=nobody&scope=card:write", "no client of that name"),
    (
        "?client=Kanban-api&scope=card:write",
        "no client of that name",
    ),
    (
        "?client=kanban-api&scope=card:wirte",
        "no board of this client",
    ),
    (
        "?client=kanban-api&scope=board:read,card:write",
        "characters",
    ),
    (
        "?client=kanban-api&scope=board:read+card:write",
        "characters",
    ),
    ("?client=kanban-api&scope=card:write%00", "characters"),
    ("?client=kanban-api&scope=card:write%ff", "characters"),
    (
        "?client=kanban-api&scope=card:write&client=kanban-api",
        "twice",
    ),
    (
        "?client=ops-api&client=kanban-api&scope=card:write",
        "twice",
    ),
    (
        "?client=kanban-api&scope=card:write&resource=a&resource=b",
        "twice",
    ),
    ("?client=kanban-api&scope=card:write&mode=", "empty"),
    ("?client=kanban-api&scope=card:write&foreign=yes", "`pass`"),
    (
        "?client=kanban-api&scope=card:write&resouce=roadmap",
        "not known",
    ),
    (
        "?client=kanban-api&scope=card:write&access_token=x",
        "not known",
    ),
    // Path and query of the request, appended by the proxy.
    ("?client=kanban-api&scope=card:write/cards", "append"),
    (
        "?client=kanban-api&scope=card:write/cards?foreign=pass",
        "append",
    ),
    (
        "?client=kanban-api&scope=card:write&resource=a/b&foreign=pass",
        "append",
    ),
    ("/cards?client=kanban-api&scope=card:write", "behind"),
    ("/?client=kanban-api&scope=card:write", "behind"),
    ("x?client=kanban-api&scope=card:write", "behind"),
];

/// What a proxy was told.
struct Told {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Told {
    async fn of(answer: Response) -> Self {
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await.unwrap(),
        }
    }

    /// One header, which has to be there once.
    fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(values.next().is_none(), "{name} twice");
        value.to_str().unwrap()
    }

    /// The values of all identity headers, which have to be there whatever the answer is.
    fn identity(&self) -> Vec<&str> {
        IDENTITY.iter().map(|name| self.header(name)).collect()
    }

    /// The sentence for people.
    fn detail(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl Story {
    /// A proxy asks for a request with these `Authorization` headers.
    async fn proxy_asks(&self, query: &str, authorization: &[&str]) -> Told {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let answer = self
            .request("GET", &format!("/v1/forward-auth{query}"))
            .headers(headers)
            .send()
            .await
            .unwrap();
        let told = Told::of(answer).await;
        assert!(matches!(told.status, 200 | 401 | 403), "{}", told.status);
        if told.status != 200 {
            assert_eq!(told.header("cache-control"), "no-store");
            assert_eq!(told.identity(), [""; 6], "nobody is named");
        }
        told
    }

    /// The verdict about one Bearer token.
    async fn verdict(&self, query: &str, token: &str) -> u16 {
        self.proxy_asks(query, &[&format!("Bearer {token}")])
            .await
            .status
    }
}

/// Asked for in `dev` and approved by alice, opened.
async fn asked(story: &Story, who: &Person, line: &str) -> String {
    let thread = story.thread(who, "more").await;
    let key = Key::new();
    let line = format!("/gate request {line} recipient={}", key.recipient);
    thread.comment(who, &line).await;
    thread.approved(&story.stage.alice, &key).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_told_who_acts_and_what_is_missing() {
    let story = Story::begin().await;
    let token = {
        let thread = story.thread(&story.stage.codex, "sort").await;
        thread.credential(&Key::new()).await
    };
    // The first use of a token may come this way; it is in the journal before the answer.
    let lines = story.lines();
    let bearer = format!("Bearer {token}");
    let told = story.proxy_asks(CARDS, &[&bearer]).await;
    assert_eq!((told.status, told.body.as_str()), (200, ""));
    assert_eq!(
        told.identity(),
        [
            "1",
            "codex-kan-1",
            "board:read card:write",
            "2",
            "c1",
            "dev"
        ]
    );
    assert_eq!(told.header("cache-control"), "private, max-age=30");
    assert_eq!(told.header("vary"), "Authorization");
    assert_eq!(story.lines(), lines + 1);
    assert_eq!(story.verdict(CARDS, &token).await, 200);
    assert_eq!(story.lines(), lines + 1, "later uses are only counted");

    // Scopes add up, and all of them are needed.
    let both = "?client=kanban-api&scope=board:read&scope=card:write";
    assert_eq!(story.verdict(both, &token).await, 200);
    let more = "?client=kanban-api&scope=card:write&scope=deploy:run";
    let told = story.proxy_asks(more, &[&bearer]).await;
    assert_eq!(told.status, 403);
    assert_eq!(
        told.header("www-authenticate"),
        "Bearer realm=\"ownergate\", error=\"insufficient_scope\", error_description=\"the token may not do this; ask for these scopes with /gate request in the issue of its identity\", scope=\"card:write deploy:run\""
    );
    assert!(told.detail().contains("/gate request"));
    // Without a token there is no error, only what the route demands (RFC 6750, section 3.1).
    let told = story.proxy_asks(more, &[]).await;
    assert_eq!(told.status, 401);
    assert_eq!(
        told.header("www-authenticate"),
        "Bearer realm=\"ownergate\", scope=\"card:write deploy:run\""
    );
    let dead = format!("og_codex-kan-1_{}", "0".repeat(64));
    let told = story.proxy_asks(CARDS, &[&format!("Bearer {dead}")]).await;
    assert_eq!(told.status, 401);
    assert!(
        told.header("www-authenticate")
            .contains("error=\"invalid_token\", error_description=\"the token is not valid")
    );
    assert!(told.detail().contains("ask for another"));
    for (outcome, count) in [
        ("active", 3),
        ("inactive", 1),
        ("too_little", 1),
        ("no_token", 1),
    ] {
        let name = format!("ownergate_checks_total{{outcome=\"{outcome}\"}}");
        assert_eq!(story.metric(&name).await, count, "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_proxy_lets_through_its_server_may_report_about() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert_eq!(story.verdict(CARDS, &token).await, 200);
    let report = json!({"events": [{"jti": "c1", "action": "sorted", "at": "2026-11-24T14:00:00Z", "event_id": "e1"}]});
    let answer = story
        .request("POST", "/v1/activity")
        .basic_auth("kanban-api", Some(CLIENT_SECRET))
        .json(&report)
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["accepted"], 1, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_scope_of_another_environment_or_board_does_not_pass() {
    let mut story = Story::begin().await;
    let (dev, ops) = {
        let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
        let thread = story.thread(codex, "sort").await;
        let dev = thread.credential(&Key::new()).await;
        let thread = story.ops_thread(codex, "nightly").await;
        let key = Key::new();
        thread
            .ask_for(codex, &key, "codex-*", "board:read", "8h", "dev")
            .await;
        (dev, thread.approved(piotr, &key).await)
    };
    let read = "?client=kanban-api&scope=board:read";
    assert_eq!(story.verdict(read, &dev).await, 200);
    assert_eq!(story.verdict(read, &ops).await, 401);
    assert_eq!(
        story
            .verdict("?client=ops-api&scope=board:read", &ops)
            .await,
        200
    );
    assert_eq!(
        story
            .verdict("?client=ops-api&scope=board:read", &dev)
            .await,
        401
    );
    story
        .restart(&[(
            "environments = [\"dev\", \"pair\"]",
            "environments = [\"pair\"]",
        )])
        .await;
    assert_eq!(story.verdict(read, &dev).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_not_exactly_understood_opens_nothing() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let bearer = format!("Bearer {token}");
    assert_eq!(story.verdict(&format!("{CARDS}&"), &token).await, 200);
    for (query, why) in MISUNDERSTOOD {
        let told = story.proxy_asks(query, &[&bearer]).await;
        assert_eq!(told.status, 403, "{query}");
        assert!(told.detail().contains(why), "{query}: {}", told.detail());
        let without = story.proxy_asks(query, &[]).await;
        assert_eq!(without.status, 401, "{query} without a token");
        without.header("www-authenticate");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bearer_may_be_written_as_one_likes_and_nothing_else_passes() {
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
        assert_eq!(
            story.proxy_asks(CARDS, &[&fine]).await.status,
            200,
            "{fine}"
        );
    }
    let (live, gone) = (format!("Bearer {token}"), format!("Bearer {dead}"));
    for values in [
        vec![format!("Token {token}")],
        vec![format!("Bearer \"{token}\"")],
        vec![format!("Bearer {token}, {gone}")],
        vec![live.clone(), gone.clone()],
        vec![gone.clone(), live.clone()],
        vec![live.clone(), live.clone()],
        vec![gone.clone()],
        vec!["Basic a2FuOmthbg==".to_owned()],
        vec!["Bearer".to_owned()],
    ] {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let told = story.proxy_asks(CARDS, &values).await;
        assert_eq!(told.status, 401, "{values:?}");
        assert!(told.header("www-authenticate").starts_with("Bearer "));
    }
    let query = format!("{CARDS}&access_token={token}");
    assert_eq!(story.proxy_asks(&query, &[]).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_method_nor_upgrade_nor_body_changes_the_verdict() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let ask = |method: &str, more: &str| {
        format!("{method} /v1/forward-auth{CARDS} HTTP/1.1\r\nHost: bot\r\n{more}\r\n")
    };
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "ODD",
    ] {
        for (more, status) in [
            (format!("{bearer}Connection: close\r\n"), 200),
            ("Connection: close\r\n".to_owned(), 401),
            (
                "X-Forwarded-Method: OPTIONS\r\nConnection: close\r\n".to_owned(),
                401,
            ),
        ] {
            let told = story.raw(ask(method, &more).as_bytes()).await;
            assert_eq!(told.status, status, "{method} {more}");
            assert_eq!(told.body.is_empty(), method == "HEAD" || status == 200);
        }
    }
    // None of these says that the connection is to be closed. That it is shows the end of each call.
    let odd = [
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
        "Content-Length: 99999999999\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 5\r\nExpect: 100-continue\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    ];
    // All at once: each is given a moment in which its sender may end the connection itself.
    let calls = odd.iter().flat_map(|more| {
        [
            ("GET", &*bearer, 200),
            ("POST", &bearer, 200),
            ("GET", "", 401),
            ("POST", "", 401),
        ]
        .map(|(method, token, status)| (method, format!("{token}{more}"), status))
    });
    join_all(calls.map(async |(method, more, status)| {
        let told = story.raw(ask(method, &more).as_bytes()).await;
        assert_eq!(told.status, status, "{method} {more}");
    }))
    .await;
    // What stands where a body would be is not taken for a second request.
    let hidden = ask("GET", &format!("{bearer}Content-Length: 500\r\n")) + &ask("GET", "");
    let told = story.raw(hidden.as_bytes()).await;
    assert_eq!((told.status, told.body.contains("HTTP/1.1")), (200, false));
    let old = format!("GET /v1/forward-auth{CARDS} HTTP/1.0\r\n{bearer}\r\n");
    assert_eq!(story.raw(old.as_bytes()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_is_refused_by_the_next_answer() {
    let story = Story::begin().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert_eq!(story.verdict(CARDS, &token).await, 200);
    thread.comment(alice, "/gate pause codex-kan-1").await;
    assert_eq!(story.verdict(CARDS, &token).await, 401);
    let key = Key::new();
    thread.comment(codex, "/gate resume codex-kan-1").await;
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    assert_eq!(story.verdict(CARDS, &token).await, 200);
    thread.comment(piotr, "/gate freeze").await;
    assert_eq!(story.verdict(CARDS, &token).await, 401);
    thread.comment(alice, "/gate thaw").await;
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    assert_eq!(story.verdict(CARDS, &token).await, 401, "it wants two");
    thread.comment(piotr, &line).await;
    assert_eq!(story.verdict(CARDS, &token).await, 200);
    thread
        .comment(alice, "/gate narrow codex-kan-1 scopes=board:read")
        .await;
    assert_eq!(story.verdict(CARDS, &token).await, 403);
    let read = "?client=kanban-api&scope=board:read";
    assert_eq!(story.verdict(read, &token).await, 200);
    thread.comment(alice, "/gate revoke codex-kan-1").await;
    assert_eq!(story.verdict(read, &token).await, 401);

    // An answer is kept no longer than the token lives, and one that nobody used in time never passes.
    let thread = story.thread(codex, "late").await;
    let token = thread.credential(&key).await;
    assert_eq!(story.verdict(read, &token).await, 200);
    story.pass(8 * 3600 - 7).await;
    let told = story.proxy_asks(read, &[&format!("Bearer {token}")]).await;
    assert_eq!(told.header("cache-control"), "private, max-age=7");
    story.pass(7).await;
    assert_eq!(story.verdict(read, &token).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limited_token_passes_only_where_the_route_says_what_it_is_about() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let roadmap = asked(
        &story,
        codex,
        "identity=roadmap scopes=card:write ttl=8h environment=dev resources=roadmap,inbox",
    )
    .await;
    let alone = asked(
        &story,
        codex,
        "identity=alone scopes=card:write ttl=8h environment=dev modes=autonomous",
    )
    .await;
    let any = asked(
        &story,
        codex,
        "identity=any scopes=card:write ttl=8h environment=dev",
    )
    .await;
    for (more, verdicts) in [
        ("", [403, 403, 200]),
        ("&resource=roadmap", [200, 403, 200]),
        ("&resource=inbox", [200, 403, 200]),
        ("&resource=a%2Fb", [403, 403, 200]),
        ("&mode=autonomous", [403, 200, 200]),
        ("&mode=interactive", [403, 403, 200]),
        ("&resource=roadmap&mode=autonomous", [200, 200, 200]),
    ] {
        for (token, verdict) in [&roadmap, &alone, &any].into_iter().zip(verdicts) {
            let query = format!("{CARDS}{more}");
            assert_eq!(story.verdict(&query, token).await, verdict, "{more}");
        }
    }
    for (token, more, why) in [
        (&roadmap, "", "needs resource="),
        (&roadmap, "&resource=other", "other resources"),
        (&alone, "", "needs mode="),
        (&alone, "&mode=interactive", "other modes"),
    ] {
        let query = format!("{CARDS}{more}");
        let told = story
            .proxy_asks(&query, &[&format!("Bearer {token}")])
            .await;
        assert!(told.detail().contains(why), "{}", told.detail());
        assert!(told.header("www-authenticate").contains(why));
    }
}

/// A secret from before is judged like any other token, also where strangers pass: the server that it
/// comes from may still know it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_from_before_is_no_stranger() {
    let story = legacy::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let (bearer, route) = (
        format!("Bearer {ROBOT}"),
        "?client=kanban-api&scope=board:read",
    );
    let foreign = format!("{route}&foreign=pass");
    let told = story.proxy_asks(&foreign, &[&bearer]).await;
    assert_eq!((told.status, told.header("x-agent-credential")), (200, ""));
    assert_eq!(story.proxy_asks(route, &[&bearer]).await.status, 401);
    legacy::imported(&thread).await;
    for route in [route, &foreign] {
        let told = story.proxy_asks(route, &[&bearer]).await;
        assert_eq!(
            told.identity(),
            ["1", "codex-kan-1", "board:read", "2", "c2", "dev"]
        );
    }
    thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1 c2")
        .await;
    for route in [route, &foreign] {
        assert_eq!(story.proxy_asks(route, &[&bearer]).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_other_logins_gets_strangers_without_a_name() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let route = format!("{CARDS}&foreign=pass");
    let bearer = format!("Bearer {token}");
    let told = story.proxy_asks(&route, &[&bearer]).await;
    assert_eq!((told.status, told.header("x-agent-id")), (200, "1"));
    for other in [
        vec![],
        vec!["Basic a2FuOmthbg=="],
        vec!["Bearer eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"],
        vec!["Bearer short"],
        vec!["Bearer"],
    ] {
        let told = story.proxy_asks(&route, &other).await;
        assert_eq!(told.status, 200, "{other:?}");
        assert_eq!(told.identity(), [""; 6], "{other:?}");
        assert_eq!(told.header("cache-control"), "no-store");
    }
    // What looks like ours, or cannot be told, is judged.
    let near = token.replace("codex-kan-1", "codex-kan-2");
    for ours in [
        vec![format!("Bearer {near}")],
        vec!["Bearer og_x".to_owned()],
        vec![bearer.clone(), bearer.clone()],
        vec![bearer.clone(), "Basic a2FuOmthbg==".to_owned()],
    ] {
        let values: Vec<&str> = ours.iter().map(String::as_str).collect();
        assert_eq!(story.proxy_asks(&route, &values).await.status, 401);
    }
    thread.comment(alice, "/gate revoke codex-kan-1").await;
    assert_eq!(story.proxy_asks(&route, &[&bearer]).await.status, 401);
    // Whoever can append to the address cannot make a route that lets strangers through.
    for appended in [
        "/cards?foreign=pass",
        "/cards&foreign=pass",
        "&foreign=pass/cards",
    ] {
        let told = story.proxy_asks(&format!("{CARDS}{appended}"), &[]).await;
        assert_eq!(told.status, 401, "{appended}");
    }
    let wrong = "?client=nobody&scope=card:write&foreign=pass";
    assert_eq!(story.proxy_asks(wrong, &[]).await.status, 401);
    assert_eq!(
        story
            .metric("ownergate_checks_total{outcome=\"foreign\"}")
            .await,
        5
    );
    // The public listener has no such address; here both are one, so that it answers.
    let client = story.stage.client();
    let answer = client
        .request(Method::GET, format!("{}/v1/forward-aut", story.stage.url()))
        .send();
    assert_eq!(answer.await.unwrap().status(), 404);
}
