//! `POST /v1/activity`: a resource server says what credentials did.
//!
//! What it says is its word, and journaled as such before it is answered. Events are taken one by one:
//! of a credential that this resource server was never shown alive it learns nothing, and an event that
//! it sends again does nothing. A token that it names is looked up here and goes no further.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::gateway::Gateway;
use super::introspect::{feed, row};
use super::problem::ApiError;
use super::{authorization, body};
use crate::bot::Bot;
use crate::gate::command::one_line;
use crate::gate::decide::Answer;
use crate::gate::event::Event;
use crate::gate::ids::{CredentialNumber, Hash};
use crate::gate::time::seconds_between;
use crate::gate::uses::{Report, Reported};

/// The most events in one call.
const EVENTS: usize = 500;
/// The most bytes of one event, as JSON without blanks.
const EVENT: usize = 1024;
/// The largest body, in bytes: that many events, and blanks between them.
const MOST: usize = EVENTS * (EVENT + 128);
/// Events that are handed to the writer together; it takes as many as fit into a line.
const TOGETHER: usize = 16;

/// An event as it is sent. Members of other names are ignored.
#[derive(Deserialize)]
struct Said {
    jti: Option<String>,
    token: Option<String>,
    action: String,
    object: Option<String>,
    outcome: Option<String>,
    at: Timestamp,
    event_id: String,
}

/// Takes a resource server's reports.
pub(super) async fn report(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let client = authorization::client(&request, &gateway)?;
    if body::media_type(&request)? != "application/json" {
        return Err(ApiError::UnsupportedMedia(
            "send the events as JSON: application/json",
        ));
    }
    let events = events(&body::read(&request, payload, MOST).await?)?;
    let mut results: Vec<Option<Reported>> = Vec::with_capacity(events.len());
    let mut reports = Vec::new();
    for event in events {
        let report = read(bot, &gateway, &client, event)?;
        results.push(None);
        if let Some(report) = report {
            reports.push((results.len() - 1, report));
        }
    }
    let mut left = reports.as_slice();
    while !left.is_empty() {
        let next = left.iter().take(TOGETHER);
        let event = Event::Reported {
            client: client.clone(),
            reports: next.map(|(_, report)| report.clone()).collect(),
        };
        let outcomes = match feed(bot, event).await? {
            Answer::Reported(outcomes) if !outcomes.is_empty() => outcomes,
            Answer::TooMuch(until) => return Err(too_much(&gateway, until)),
            _ => return Err(ApiError::Unhealthy),
        };
        let (done, rest) = left.split_at(outcomes.len().min(left.len()));
        for ((place, _), outcome) in done.iter().zip(outcomes) {
            results[*place] = Some(outcome);
        }
        left = rest;
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(answer(&results)))
}

/// The events of a body.
fn events(body: &[u8]) -> Result<Vec<Value>, ApiError> {
    let bad = |why: &str| ApiError::BadRequest(why.to_owned());
    let mut body: Value =
        serde_json::from_slice(body).map_err(|_| bad("the body is not one JSON value"))?;
    let Some(Value::Array(events)) = body.get_mut("events").map(Value::take) else {
        return Err(bad("the body is no object with a list named `events`"));
    };
    if events.len() > EVENTS {
        return Err(bad("more than 500 events in one call"));
    }
    Ok(events)
}

/// Reads one event; `None` if it has not the form of one. Whatever has the form of a secret is taken
/// out of its texts.
fn read(
    bot: &Bot,
    gateway: &Gateway,
    client: &str,
    event: Value,
) -> Result<Option<Report>, ApiError> {
    if !event.is_object() || event.to_string().len() > EVENT {
        return Ok(None);
    }
    let Ok(said) = Said::deserialize(event) else {
        return Ok(None);
    };
    let credential = match (&said.jti, &said.token) {
        (Some(jti), None) => CredentialNumber::parse(jti),
        (None, Some(token)) => row(bot, gateway, token)?.map(|(check, _)| check.credential),
        (None, None) | (Some(_), Some(_)) => return Ok(None),
    };
    let text = |text: &str, most: usize| {
        let fits = !text.trim().is_empty() && text.chars().count() <= most;
        fits.then(|| one_line(&bot.screen.screen(text).text, 2 * most))
    };
    // Absent is fine; present and too long is not.
    let maybe = |given: &Option<String>, most: usize| match given {
        Some(given) => text(given, most).map(Some),
        None => Some(None),
    };
    let report = (|| {
        Some(Report {
            credential,
            seen: credential.is_some_and(|number| bot.usage.saw(number, client)),
            action: text(&said.action, 64)?,
            object: maybe(&said.object, 256)?,
            outcome: maybe(&said.outcome, 64)?,
            at: said.at,
            event_id: text(&said.event_id, 128)?,
            event: Hash::of(said.event_id.as_bytes()),
        })
    })();
    Ok(report)
}

fn too_much(gateway: &Gateway, until: Timestamp) -> ApiError {
    let wait = seconds_between(gateway.clock.now(), until).max(1);
    ApiError::TooMuch(wait.unsigned_abs())
}

/// What became of each event, in the order in which they were sent. `None`: it was none.
fn answer(results: &[Option<Reported>]) -> Value {
    let each: Vec<Value> = results
        .iter()
        .map(|result| match result {
            Some(Reported::Accepted) => json!({ "result": "accepted" }),
            Some(Reported::Known) => json!({ "result": "accepted", "known": true }),
            Some(Reported::UnknownCredential) => refused("unknown_credential"),
            Some(Reported::OutsideItsLife) => refused("outside_its_life"),
            None => refused("malformed"),
        })
        .collect();
    let accepted = each
        .iter()
        .filter(|one| one["result"] == "accepted")
        .count();
    json!({ "accepted": accepted, "refused": each.len() - accepted, "events": each })
}

fn refused(why: &str) -> Value {
    json!({ "result": "refused", "reason": why })
}
