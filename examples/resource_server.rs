//! A resource server that lets Ownergate's tokens in: POST /boards/roadmap/cards makes a card.
//!
//! `cargo run --example resource_server http://127.0.0.1:8421 kanban-api secrets/client-kanban-api 3000`
#![expect(clippy::disallowed_methods, reason = "a program of its own")]

use actix_web::web::{Data, Path, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::{Value, json};

/// Where the gate is, what this server is called there, its secret, and the way to it.
type Gate = ([String; 3], reqwest::Client);

async fn ask(gate: &Gate, path: &str, kind: &str, body: String) -> reqwest::Result<Value> {
    let ([url, client, secret], http) = gate;
    let call = http.post(format!("{url}{path}")).body(body);
    let call = call.basic_auth(client, Some(secret));
    let answer = call.header("Content-Type", kind).send().await?;
    answer.error_for_status()?.json().await
}

async fn card(request: HttpRequest, board: Path<String>, gate: Data<Gate>) -> HttpResponse {
    let shown = request.headers().get("Authorization");
    let shown = shown.and_then(|it| it.to_str().ok()?.split_once(' '));
    let (scheme, token) = shown.unwrap_or_default();
    let token: String = form_urlencoded::byte_serialize(token.trim().as_bytes()).collect();
    let (form, body) = (
        "application/x-www-form-urlencoded",
        format!("token={token}"),
    );
    let Ok(told) = ask(&gate, "/v1/introspect", form, body).await else {
        // No answer is no permission.
        return HttpResponse::ServiceUnavailable().body("tokens cannot be checked now\n");
    };
    if told["active"] != true || !scheme.eq_ignore_ascii_case("bearer") {
        let ask = r#"Bearer realm="cards", scope="card:write""#;
        let mut answer = HttpResponse::Unauthorized();
        let answer = answer.insert_header(("WWW-Authenticate", ask));
        return answer.body("ask for a token in the issue thread\n");
    }
    // `scope` is what owners, identity and token have in common; the other two are limits if given.
    let scopes = told["scope"].as_str().unwrap_or("");
    let within = |limit: &str, name: &str| match &told["ownergate"][limit] {
        Value::Array(names) => names.iter().any(|one| one == name),
        limit => limit.is_null(),
    };
    let may = scopes.split(' ').any(|one| one == "card:write");
    if !may || !within("resources", &board) || !within("modes", "autonomous") {
        return HttpResponse::Forbidden().body("the token may not make cards on this board\n");
    }
    let event = json!({"jti": told["jti"], "action": "card:write", "object": *board,
        "outcome": "made", "at": jiff::Timestamp::now(), "event_id": uuid::Uuid::new_v4().to_string()});
    let events = json!({"events": [event]}).to_string();
    // The card is made, whether that can be told or not.
    let _ = ask(&gate, "/v1/activity", "application/json", events).await;
    let by = told["sub"].as_str().unwrap_or("");
    HttpResponse::Created().body(format!("a card on {board} by {by}\n"))
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, client, file, port] = words.try_into().expect("GATE CLIENT SECRET_FILE PORT");
    let secret = std::fs::read_to_string(file)?.trim().to_owned();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy();
    let http = http.timeout(std::time::Duration::from_secs(5)).build()?;
    let gate = Data::new(([url, client, secret], http));
    let card = move || post().to(card);
    let app = move || {
        App::new()
            .app_data(gate.clone())
            .route("/boards/{board}/cards", card())
    };
    Ok(HttpServer::new(app)
        .bind(("127.0.0.1", port.parse()?))?
        .run()
        .await?)
}
