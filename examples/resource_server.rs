//! A resource server that lets Ownergate's tokens in: POST /boards/roadmap/cards makes a card.
//!
//! `cargo run --example resource_server http://127.0.0.1:8421 kanban-api secrets/client-kanban-api 3000`
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "an example is a program of its own"
)]

use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::web::{Data, Path, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use anyhow::Context;
use serde_json::{Value, json};

struct Gate {
    url: String,
    client: String,
    secret: String,
    http: reqwest::Client,
}

impl Gate {
    async fn ask(&self, path: &str, kind: &str, body: String) -> Result<Value, reqwest::Error> {
        let call = self.http.post(format!("{}{path}", self.url)).body(body);
        let call = call.basic_auth(&self.client, Some(&self.secret));
        let answer = call.header("Content-Type", kind).send().await?;
        answer.error_for_status()?.json().await
    }
}

/// `scope` is what owners, identity and token have in common now; the other two are limits if given.
fn may(told: &Value, scope: &str, resource: &str, mode: &str) -> bool {
    let mut scopes = told["scope"].as_str().unwrap_or("").split(' ');
    let within = |limit: &Value, name: &str| match limit {
        Value::Null => true,
        limit => limit
            .as_array()
            .is_some_and(|limit| limit.iter().any(|one| one == name)),
    };
    let ours = &told["ownergate"];
    scopes.any(|one| one == scope)
        && within(&ours["resources"], resource)
        && within(&ours["modes"], mode)
}

async fn card(request: HttpRequest, board: Path<String>, gate: Data<Gate>) -> HttpResponse {
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.split_once(' '));
    let token = shown
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", token)
        .finish();
    let Ok(told) = gate
        .ask("/v1/introspect", "application/x-www-form-urlencoded", form)
        .await
    else {
        // No answer is no permission.
        return HttpResponse::ServiceUnavailable()
            .body("tokens cannot be checked now, try again\n");
    };
    if told["active"] != true {
        let challenge = (
            WWW_AUTHENTICATE,
            "Bearer realm=\"cards\", scope=\"card:write\"",
        );
        return HttpResponse::Unauthorized()
            .insert_header(challenge)
            .body("ask for a token in the issue thread\n");
    }
    if !may(&told, "card:write", &board, "autonomous") {
        return HttpResponse::Forbidden().body("the token may not make cards on this board\n");
    }
    let events = json!({ "events": [{
        "jti": told["jti"], "action": "card:write", "object": *board, "outcome": "made",
        "at": jiff::Timestamp::now(), "event_id": uuid::Uuid::new_v4().to_string(),
    }]});
    if let Err(error) = gate
        .ask("/v1/activity", "application/json", events.to_string())
        .await
    {
        eprintln!("cannot report: {error}");
    }
    let by = told["sub"].as_str().unwrap_or("");
    HttpResponse::Created().body(format!("a card on {board} by {by}\n"))
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, client, secret_file, port] = words
        .try_into()
        .ok()
        .context("GATE CLIENT SECRET_FILE PORT")?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let gate = Data::new(Gate {
        url,
        client,
        secret: std::fs::read_to_string(secret_file)?.trim().to_owned(),
        http: reqwest::Client::builder()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(5))
            .build()?,
    });
    let app = move || {
        App::new()
            .app_data(gate.clone())
            .route("/boards/{board}/cards", post().to(card))
    };
    Ok(HttpServer::new(app)
        .bind(("127.0.0.1", port.parse()?))?
        .run()
        .await?)
}
