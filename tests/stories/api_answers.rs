//! A working day in which every call of the bot succeeds at least once, and each answer is held against the
//! document: what a program that makes up calls does not reach, since it has neither keys nor patience.
//!
//! Ignored unless asked for, since the check is a Python program; `.ci/run` installs what it needs.

use std::path::Path;
use std::sync::Mutex;

use ownergate::demo::signer::SshKey;
use ownergate::demo::stage::{CLIENT_SECRET, HOOK_SECRET};
use ownergate::gate::command::Vouched;
use ownergate::gate::ids::UserId;
use ownergate::gate::statement::APPROVE;
use ownergate::http::document::{Document, Restatement};
use ownergate::miniforge::hmac_sha256;
use ownergate::secret::claim::challenge_of;
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use crate::api_conformance::{VERIFIER, document, strict, well};
use crate::harness::{Key, Story};
use crate::operators_ask::{CAROL_ASKS, OPERATOR};
use crate::shared::ground::changed;

const HOME: &str = "home-0123456789abcdef0123456789abcdef";

const PIOTR: &str = "piotr-0123456789abcdef0123456789abcdef";

/// Two owners with keys; holders may swap tokens in `dev`, and `pair` opens by two signatures.
async fn begin() -> Story {
    Story::with(|setting| {
        let pair = "[board.gate.pair]\nscopes = [\"board:read\", \"card:write\"]\nmax_ttl = \"8h\"\nquorum = 2\nfactors = [\"comment\"]";
        let signed = pair.replace("comment", "signature");
        let dev = format!("{CAROL_ASKS}\nholder_rotation = true");
        let keys = |id, login, seed| {
            let key = SshKey::of(seed).public();
            format!("id = {id}\nlogin = \"{login}\"\nsigning_keys = [\"{key}\"]\n")
        };
        let (alice, piotr) = (keys(2, "alice", 1), keys(4, "piotr", 2));
        let changes = [
            (pair, signed.as_str()),
            ("[board.gate.dev]", dev.as_str()),
            ("id = 2\nlogin = \"alice\"\n", alice.as_str()),
            ("id = 4\nlogin = \"piotr\"\n", piotr.as_str()),
        ];
        let operator = OPERATOR.replace("[\"read\", ", "[\"read\", \"narrow\", ");
        let owner = operator.replace("home", "piotr").replace("= 3", "= 4");
        setting.config = format!("{}{operator}{owner}", changed(&setting.config, &changes));
        setting.secret("operator-home", HOME);
        setting.secret("operator-piotr", PIOTR);
    })
    .await
}

/// Who calls, and what was answered.
struct Day<'a> {
    story: &'a Story,
    answers: Mutex<String>,
}

impl Day<'_> {
    fn call(&self, method: &str, path: &str) -> RequestBuilder {
        self.story.request(method, path)
    }

    fn home(&self, method: &str, path: &str) -> RequestBuilder {
        self.call(method, path).bearer_auth(HOME)
    }

    fn client(&self, path: &str) -> RequestBuilder {
        let call = self.call("POST", path);
        call.basic_auth("kanban-api", Some(CLIENT_SECRET))
    }

    /// Sends a call; it has to be answered so. Everything that follows from it happens.
    async fn done(&self, operation: &str, status: u16, call: RequestBuilder) -> Value {
        let answer = call.send().await.unwrap();
        let found = answer.status().as_u16();
        let kind = answer.headers().get(CONTENT_TYPE);
        let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
        let headers: Map<String, Value> = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
            .collect();
        let text = answer.text().await.unwrap();
        assert_eq!(found, status, "{operation}: {text}");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let line = json!({ "operation": operation, "status": status, "kind": kind, "headers": headers, "body": body });
        self.answers.lock().unwrap().push_str(&format!("{line}\n"));
        self.story.stage.settle().await.unwrap();
        body
    }

    async fn order(&self, operation: &str, path: &str, body: Value) {
        let dry = self.home("POST", path).json(&with(&body, "dry_run"));
        self.done(operation, 200, dry).await;
        let call = self.home("POST", path).json(&body);
        self.done(operation, 200, call).await;
    }
}

fn with(body: &Value, key: &str) -> Value {
    let mut body = body.clone();
    body[key] = json!(true);
    body
}

/// A token in a form.
fn form(call: RequestBuilder, token: &str) -> RequestBuilder {
    let call = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    call.body(format!("token={token}"))
}

/// What anybody may call, and whoever runs the bot.
async fn anybody(day: &Day<'_>) {
    for (operation, path) in [
        ("healthz", "/healthz"),
        ("readyz", "/readyz"),
        ("metrics", "/metrics"),
        ("openapi", "/openapi.json"),
        ("docs", "/docs"),
        ("botKey", "/v1/bot-key"),
        ("statusPage", "/"),
        ("statusPageStyle", "/style.css"),
    ] {
        day.done(operation, 200, day.call("GET", path)).await;
    }
    let body = "{}";
    let hook = day.call("POST", "/hooks/kan").body(body);
    let mac = hmac_sha256(HOOK_SECRET, body.as_bytes());
    let hook = hook.header("X-Forgejo-Signature", mac);
    let hook = hook.header(CONTENT_TYPE, "application/json");
    day.done("hook", 204, hook).await;
    let login = form(day.call("POST", "/login"), HOME);
    day.done("statusPageLogin", 303, login).await;
    let login = form(day.call("POST", "/login"), "wrong");
    day.done("statusPageLogin", 401, login).await;
    day.done("statusPageLogout", 303, day.call("POST", "/logout"))
        .await;
}

/// A holder with a token, and a resource server that is shown it.
async fn token(day: &Day<'_>) {
    let thread = day.story.thread(&day.story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let call = |path: &str| day.call("POST", path).bearer_auth(&token);
    day.done("activate", 200, call("/v1/activate")).await;
    let shown = form(day.client("/v1/introspect"), &token);
    day.done("introspect", 200, shown).await;
    let shown = form(day.client("/v1/introspect"), "none");
    day.done("introspect", 200, shown).await;
    let path = "/v1/forward-auth?client=kanban-api&scope=board:read";
    let passed = day.call("GET", path).bearer_auth(&token);
    day.done("forwardAuth", 200, passed).await;
    day.done("forwardAuth", 401, day.call("GET", path)).await;
    let event = json!({ "jti": "c1", "action": "card.moved", "at": "2026-11-24T14:00:00Z", "event_id": "e" });
    let events = json!({ "events": [event, event, {}] });
    let told = day.client("/v1/activity").json(&events);
    day.done("activity", 200, told).await;
    let which = day.home("POST", "/v1/token-which").body(token.clone());
    day.done("tokenWhich", 200, which).await;
    let swap = call("/v1/rotate").header("Idempotency-Key", "the first swap");
    day.done("rotate", 200, swap).await;
    day.done("pause", 200, call("/v1/pause")).await;
    day.done("activate", 401, call("/v1/activate")).await;
    let revoked = form(day.call("POST", "/v1/revoke"), &token);
    day.done("revoke", 200, revoked).await;
}

/// Whoever claims.
async fn claim(day: &Day<'_>) {
    let (codex, alice) = (&day.story.stage.codex, &day.story.stage.alice);
    let challenge = challenge_of(VERIFIER).unwrap();
    let thread = day.story.thread(codex, "sort").await;
    let line = format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev challenge={challenge}"
    );
    thread.comment(codex, &line).await;
    let asked = || day.call("GET", &format!("/v1/requests?challenge={challenge}"));
    day.done("requests", 200, asked()).await;
    let bare = asked().header("Accept", "text/plain");
    day.done("requests", 200, bare).await;
    let claim = || {
        let call = day.call("POST", "/v1/claim");
        call.json(&json!({ "verifier": VERIFIER }))
    };
    day.done("claim", 409, claim()).await;
    thread.comment(alice, &thread.approve_line()).await;
    let claimed = day.done("claim", 200, claim()).await;
    day.story.remember(claimed["token"].as_str().unwrap());
    let bare = claim().header("Accept", "text/plain");
    day.done("claim", 200, bare).await;
}

/// What an operator looks at and stops, that request among it.
async fn operator(day: &Day<'_>, number: &str) {
    for (operation, path) in [
        ("identities", "/v1/identities?limit=1"),
        ("identity", "/v1/identities/codex-kan-1"),
        ("credentials", "/v1/identities/codex-kan-1/credentials"),
        ("requests", "/v1/requests"),
        ("request", "/v1/requests/R1"),
        ("audit", "/v1/audit"),
        ("audit", "/v1/audit?limit=1"),
    ] {
        day.done(operation, 200, day.home("GET", path)).await;
    }
    let deny = format!("/v1/requests/{number}/deny");
    day.order("denyRequest", &deny, json!({ "reason": "no" }))
        .await;
    let own = day.call("POST", "/v1/identities/codex-kan-2/own");
    day.done("askOwn", 202, own.bearer_auth(PIOTR)).await;
    let one = "/v1/identities/robot";
    let less = json!({ "ttl": "1h", "reason": "enough" });
    let narrow = format!("{one}/narrow");
    day.order("narrowIdentity", &narrow, less).await;
    let pause = format!("{one}/pause");
    day.order("pauseIdentity", &pause, json!({})).await;
    let resume = day.home("POST", &format!("{one}/resume"));
    day.done("askResume", 202, resume).await;
    let all = day.home("GET", &format!("{one}/credentials"));
    let all = day.done("credentials", 200, all).await;
    let last = all["credentials"].as_array().unwrap().last().unwrap()["credential"].clone();
    let last = format!("{one}/credentials/{}?reason=lost", last.as_str().unwrap());
    for (operation, path) in [
        ("revokeCredential", last.as_str()),
        ("revokeCredentialAlone", "/v1/credentials/c1?dry_run=true"),
    ] {
        day.done(operation, 200, day.home("DELETE", path)).await;
    }
    let release = "/v1/identities/codex-kan-1/release";
    day.order("releaseIdentity", release, json!({})).await;
    let revoke = format!("{one}/revoke");
    day.order("revokeIdentity", &revoke, json!({})).await;
    let comment = json!({ "board": "kan", "issue": 1, "author_id": 2, "comment": "/gate inspect codex-kan-1" });
    let dry = day.home("POST", "/v1/dry-run").json(&comment);
    day.done("dryRun", 200, dry).await;
}

/// What an operator asks for, and the signatures of two owners that it brings; a request that is open then.
async fn asks(day: &Day<'_>) -> String {
    let key = Key::new();
    let mut wanted = json!({ "scopes": ["board:read"], "ttl": "4h", "environment": "pair", "recipient": key.recipient });
    wanted["identity"] = json!("robot");
    let ask = |body: &Value| day.home("POST", "/v1/identities").json(body);
    let dry = with(&wanted, "dry_run");
    day.done("askIdentity", 200, ask(&dry)).await;
    let asked = day.done("askIdentity", 202, ask(&wanted)).await;
    let number = asked["request"].as_str().unwrap();
    let of = |what: &str| format!("/v1/requests/{number}{what}");
    let shown = day.home("GET", &of("/document"));
    let shown = day.done("requestDocument", 200, shown).await;
    let code = shown["code"].as_str().unwrap();
    let public = day.call("GET", &of(&format!("?code={code}")));
    day.done("request", 200, public).await;
    let path = of(&format!(
        "/statement?code={code}&approver=2&vouched=approver"
    ));
    day.done("statement", 200, day.call("GET", &path)).await;
    day.done("request", 200, day.home("GET", &of(""))).await;
    let bytes = serde_json::to_vec(&shown).unwrap();
    let document = Document::read(&bytes, None).unwrap();
    let restated = Restatement {
        vouched: Some(Vouched::Approver),
        ..Restatement::default()
    };
    for (owner, seed, status) in [(2, 2, 409), (2, 1, 202), (4, 2, 200)] {
        let text = document.signable(UserId(owner), &restated).unwrap().text;
        let signature = SshKey::of(seed).armor(APPROVE, text.as_bytes());
        let vote = json!({ "code": code, "approver": owner, "scopes": ["board:read"], "ttl": document.ttl(), "vouched": "approver", "signature": signature });
        let vote = day.home("POST", &of("/approve")).json(&vote);
        day.done("approveRequest", status, vote).await;
    }
    let another = json!({ "scopes": ["board:read"], "ttl": "1h", "environment": "pair", "recipient": Key::new().recipient });
    let path = "/v1/identities/robot/credentials";
    let another = day.home("POST", path).json(&another);
    let another = day.done("askCredential", 202, another).await;
    let successor = json!({ "recipient": Key::new().recipient });
    let path = "/v1/identities/robot/rotate";
    let successor = day.home("POST", path).json(&successor);
    day.done("askRotate", 202, successor).await;
    another["request"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs jsonschema, which comes with openapi-spec-validator; .ci/run installs it"]
async fn every_call_succeeds_once_and_is_answered_as_it_is_described() {
    let story = begin().await;
    let day = Day {
        story: &story,
        answers: Mutex::default(),
    };
    anybody(&day).await;
    token(&day).await;
    claim(&day).await;
    let open = asks(&day).await;
    operator(&day, &open).await;
    let folder = story.stage.directory();
    let strict = strict(document(&story).await).to_string();
    std::fs::write(folder.join("strict.json"), strict).unwrap();
    std::fs::write(
        folder.join("answers.jsonl"),
        day.answers.lock().unwrap().as_str(),
    )
    .unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories/api_answers.py");
    let script = script.to_str().unwrap();
    well(&story, "python3", &[script, "strict.json", "answers.jsonl"]).await;
}
