//! `POST /v1/requests/R17/approve`: an operator brings an owner's signature; and
//! `GET /v1/requests/R17/document`, what an approver signs for, without a code.
//!
//! What comes of it is what was decided: counted, open, or not counted and why.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::gate::code::Code;
use crate::gate::command::Vouched;
use crate::gate::credential::Credential;
use crate::gate::decide::Answer;
use crate::gate::event::Event;
use crate::gate::evidence::{Needs, Reads};
use crate::gate::identity::Identity;
use crate::gate::ids::UserId;
use crate::gate::key::Key;
use crate::gate::operator::Right;
use crate::gate::wish::{Vote, Voted};
use crate::http::body;
use crate::http::decided::decided;
use crate::http::document::Document;
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;
use crate::http::rotate;

use super::Caller;
use super::orders::{bad, not_kept, ok};
use super::requests::reached;
use super::wishes::gather;

/// The largest body: an armored signature is about 400 bytes long, one by RSA 1,300.
const MOST: usize = 16 * 1024;

/// What is brought.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Brought {
    code: String,
    approver: i64,
    #[serde(default)]
    scopes: Vec<String>,
    ttl: Option<u64>,
    vouched: Option<String>,
    signature: String,
}

/// A request of a board that the caller does not reach is unknown.
fn unknown() -> ApiError {
    ApiError::Unknown("there is no such request on your boards".to_owned())
}

/// Shows what is signed for.
pub(in crate::http) async fn document(
    caller: Caller,
    number: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Request).await?;
    let bot = gateway.bot()?;
    let request = reached(&caller, bot, &number)?.ok_or_else(unknown)?;
    let policy = bot.core.policy();
    let key = &gateway.bot_keys.current;
    let signed = Document::of(&request, &policy, gateway.clock.now(), key)
        .and_then(|document| document.signed(key))
        .ok_or(ApiError::Unhealthy)?;
    Ok(ok(signed))
}

/// Takes a signature.
pub(in crate::http) async fn approve(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    number: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Request).await?;
    let bot = gateway.bot()?;
    if body::media_type(&request)? != "application/json" {
        return Err(ApiError::UnsupportedMedia("send JSON: application/json"));
    }
    let bytes = body::read(&request, payload, MOST).await?;
    let brought: Brought = body::json_object(&bytes).map_err(|_| {
        bad("send `code`, `approver`, `scopes`, `ttl` in seconds, `vouched` and `signature`, as far as the request has them")
    })?;
    let known = reached(&caller, bot, &number)?.ok_or_else(unknown)?;
    let board = known.thread.repository;
    caller.may_on(Right::Request, board).await?;
    let vote = Vote {
        by: caller.by().clone(),
        request: known.number,
        code: Code::parse(&brought.code).ok_or_else(|| bad("`code` is no code"))?,
        approver: UserId(brought.approver),
        scopes: brought.scopes.into_iter().collect(),
        ttl: brought.ttl,
        vouched: brought
            .vouched
            .map(|word| Vouched::parse(&word).ok_or_else(|| bad("`vouched` is no such word")))
            .transpose()?,
        armor: brought.signature,
        reads: Box::default(),
    };
    let event = |reads: &Reads| {
        Event::Vote(Box::new(Vote {
            reads: Box::new(reads.clone()),
            ..vote.clone()
        }))
    };
    let gather = async |needs: Needs, reads: &mut Reads| gather(bot, board, &needs, reads).await;
    match decided(bot, event, gather).await? {
        Answer::Voted(voted) => {
            let note = note(&gateway, &voted)?;
            Ok(answer(&vote, &voted, note))
        }
        _ => Err(ApiError::Unhealthy),
    }
}

/// The bot's note on a file that was sealed just now, signed as the one in the thread is when that goes
/// out: whoever has the file before the forge is back can check it.
fn note(gateway: &Gateway, voted: &Voted) -> Result<Option<Map<String, Value>>, ApiError> {
    let Voted::Open {
        credential: Some(number),
        sealed: Some(sealed),
    } = voted
    else {
        return Ok(None);
    };
    let core = &gateway.bot()?.core;
    let Some(credential) = core.get::<Credential>(&Key::credential(*number))? else {
        return Ok(None);
    };
    let identity = match credential.identity {
        Some(number) => core.get::<Identity>(&Key::identity(number))?,
        None => None,
    };
    let slug = identity.as_ref().map(|identity| &identity.slug);
    Ok(rotate::note(gateway, &credential, slug, sealed))
}

/// What came of it.
fn answer(vote: &Vote, voted: &Voted, note: Option<Map<String, Value>>) -> HttpResponse {
    let number = vote.request.to_string();
    match voted {
        Voted::Counted { counted, needed } => {
            let answer = json!({
                "state": "counted",
                "request": number,
                "counted": counted,
                "needed": needed,
            });
            not_kept(HttpResponse::Accepted(), answer)
        }
        Voted::Open { credential, sealed } => ok(json!({
            "state": "approved",
            "request": number,
            "credential": credential.map(|number| number.to_string()),
            "sealed": sealed,
            "note": note,
        })),
        Voted::Refused { code, text } => HttpResponse::build(StatusCode::CONFLICT)
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_TYPE, "application/problem+json"))
            .body(
                json!({
                    "type": "about:blank",
                    "title": "not counted",
                    "status": StatusCode::CONFLICT.as_u16(),
                    "code": code,
                    "detail": format!("not counted for {number}: {text}"),
                })
                .to_string(),
            ),
    }
}
