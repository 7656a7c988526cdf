//! `POST /v1/claim`: whoever shows the verifier of an approved challenge gets the token, once; and
//! `GET /v1/requests?challenge=…`: how the request that named a challenge stands, in one word.
//!
//! Both are for agents that have no more than curl: a form is enough, and with `Accept: text/plain` the
//! answer is the bare word or the bare token.

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use super::body;
use super::decided::{decided, from_forge};
use super::gateway::Gateway;
use super::problem::ApiError;
use crate::bot::Bot;
use crate::gate::credential::Credential;
use crate::gate::decide::{Answer, Claim};
use crate::gate::event::Event;
use crate::gate::evidence::{Candidate, Need, Needs, Reads};
use crate::gate::grant::{GrantRecord, GrantStatus};
use crate::gate::ids::{RequestNumber, ThreadKey};
use crate::gate::key::Key;
use crate::gate::request::{Request, RequestStatus};
use crate::gate::thread::Challenge;
use crate::gate::time::{after, rfc3339};
use crate::secret::claim::{Said, challenge_of};
use crate::secret::token::{RawToken, mint};

/// The largest claim, in bytes.
const MOST: usize = 4 * 1024;

/// Answers a claim.
pub(super) async fn claim(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let said = read(&request, payload).await?;
    let challenge = challenge_of(&said.verifier).ok_or_else(|| {
        ApiError::BadRequest(
            "`verifier` must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~ (RFC 7636 §4.1)"
                .to_owned(),
        )
    })?;
    let known = known(bot, &challenge)?;
    let named = match &said.request {
        None => known.as_ref().map(|known| known.number),
        Some(text) => Some(RequestNumber::parse(text).ok_or_else(|| {
            ApiError::BadRequest("`request` must be a number such as R17".to_owned())
        })?),
    };
    let right = known.filter(|known| named == Some(known.number));
    let Some(right) = right else {
        return Err(wrong(bot, &gateway, &request, named)?);
    };
    // What is not approved yet is asked again and again, and costs nothing. What is costs a look at the
    // forge each time.
    if right.status == RequestStatus::Approved {
        gateway
            .tries
            .claims
            .count(&request, &(right.number, true))?;
    }
    let (made, token) = claimed(bot, &gateway, &challenge, &right).await?;
    gateway.metrics.check("claimed");
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "no-store"));
    if plain(&request) {
        answer.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"));
        return Ok(answer.body(format!("{}\n", token.expose())));
    }
    Ok(answer.json(json!({
        "token": token.expose(),
        "token_type": "Bearer",
        "credential": made.number.to_string(),
        "identity": right.effect.identity,
        "scope": made.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        "expires_at": rfc3339(made.expires_at),
    })))
}

/// A verifier that is not the named request's. Only requests that are there are counted: nobody makes
/// the list of counters longer than that of requests.
fn wrong(
    bot: &Bot,
    gateway: &Gateway,
    request: &HttpRequest,
    named: Option<RequestNumber>,
) -> Result<ApiError, ApiError> {
    let Some(number) = named else {
        return Ok(ApiError::NotFound);
    };
    if bot.core.get::<Request>(&Key::request(number))?.is_some() {
        gateway.tries.claims.count(request, &(number, false))?;
    }
    Ok(ApiError::NotFound)
}

/// The form or the JSON of a claim.
async fn read(request: &HttpRequest, payload: Payload) -> Result<Said, ApiError> {
    let kind = body::media_type(request)?;
    let bad = |why: &str| ApiError::BadRequest(why.to_owned());
    let bytes = Zeroizing::new(body::read(request, payload, MOST).await?.to_vec());
    match kind.as_str() {
        "application/json" => Said::from_json(&bytes).map_err(bad),
        "application/x-www-form-urlencoded" => Said::from_form(&bytes).map_err(bad),
        _ => Err(ApiError::UnsupportedMedia(
            "send the claim as a form or as JSON",
        )),
    }
}

/// The request that named a challenge.
fn known(bot: &Bot, challenge: &str) -> Result<Option<Request>, ApiError> {
    let named = bot.core.get::<Challenge>(&Key::challenge(challenge))?;
    match named {
        Some(named) => Ok(bot.core.get(&Key::request(named.request))?),
        None => Ok(None),
    }
}

/// Has the claim decided, with what its decision wants to be read; the token that it minted for that.
async fn claimed(
    bot: &Bot,
    gateway: &Gateway,
    challenge: &str,
    request: &Request,
) -> Result<(Box<Credential>, RawToken), ApiError> {
    let mut minted = None;
    let event = |reads: &Reads| Event::Claimed {
        challenge: challenge.to_owned(),
        reads: Box::new(reads.clone()),
    };
    let gather = async |needs: Needs, reads: &mut Reads| {
        gather(bot, gateway, request.thread, needs, reads, &mut minted).await
    };
    match decided(bot, event, gather).await? {
        Answer::Claim(claim) => handed(claim, minted),
        _ => Err(ApiError::Unhealthy),
    }
}

/// Reads what a decision wants; the candidate is minted here, since nobody else may hold the token.
async fn gather(
    bot: &Bot,
    gateway: &Gateway,
    thread: ThreadKey,
    needs: Needs,
    reads: &mut Reads,
    minted: &mut Option<RawToken>,
) -> Result<(), ApiError> {
    let (candidates, others): (Needs, Needs) = needs
        .into_iter()
        .partition(|need| matches!(need, Need::Candidate { .. }));
    for need in candidates {
        if let Need::Candidate { request, slug, .. } = need {
            let token = mint(&gateway.prefix, &slug).map_err(|error| {
                tracing::error!(%error, "cannot mint a token");
                ApiError::Unhealthy
            })?;
            reads.candidate = Some(Candidate {
                request,
                slug,
                recipient: None,
                mac: gateway.peppers.token_mac(token.expose()),
                pepper_id: gateway.peppers.pepper_id().to_owned(),
                sealed: String::new(),
            });
            *minted = Some(token);
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    from_forge(bot, thread.repository, &others, reads, "a claim").await
}

/// The token of what was made, or why there is none.
fn handed(claim: Claim, minted: Option<RawToken>) -> Result<(Box<Credential>, RawToken), ApiError> {
    match (claim, minted) {
        (Claim::Made(credential), Some(token)) => Ok((credential, token)),
        (Claim::Made(_), None) => Err(ApiError::Unhealthy),
        (Claim::Unknown, _) => Err(ApiError::NotFound),
        (Claim::Open, _) => Err(ApiError::Pending),
        (Claim::Over(word), _) => Err(ApiError::Gone(format!(
            "the request is over: {word}; ask anew in the issue thread"
        ))),
        (Claim::Reused, _) => Err(ApiError::Gone(
            "it was claimed and used already: the identity is paused and its owners are told"
                .to_owned(),
        )),
        (Claim::Shut(why), _) => Err(ApiError::Shut(why)),
    }
}

/// How an approved request stands for whoever wants to claim: what was granted may have fallen since, or
/// nobody came for it in time.
fn granted(bot: &Bot, request: &Request, now: Timestamp) -> Result<&'static str, ApiError> {
    let grant: Option<GrantRecord> = bot.core.get(&Key::grant(request.number))?;
    Ok(match grant {
        Some(grant) if grant.status == GrantStatus::Void => "void",
        Some(grant) if grant.status == GrantStatus::Open => {
            let until = after(grant.at, bot.core.policy().activation.min(grant.ttl));
            if now < until { "approved" } else { "ended" }
        }
        Some(_) | None => "approved",
    })
}

/// Says how the request that named a challenge stands.
pub(super) async fn status(
    request: HttpRequest,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let mut challenge = None;
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        if name != "challenge" || challenge.replace(value.into_owned()).is_some() {
            return Err(ApiError::BadRequest(
                "give one `challenge=…`, and nothing else".to_owned(),
            ));
        }
    }
    let challenge = challenge.ok_or_else(|| {
        ApiError::BadRequest("`challenge` is missing: the one that your request names".to_owned())
    })?;
    let found = known(bot, &challenge)?.ok_or(ApiError::NotFound)?;
    let word = match found.word(gateway.clock.now()) {
        "withdrawn" => "void",
        "approved" => granted(bot, &found, gateway.clock.now())?,
        word => word,
    };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "no-store"));
    if plain(&request) {
        answer.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"));
        return Ok(answer.body(format!("{word}\n")));
    }
    Ok(answer.json(json!({
        "request": found.number.to_string(),
        "status": word,
        "ends_at": rfc3339(found.ends_at),
    })))
}

/// True for a caller that wants bare words.
fn plain(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let first = value.split([',', ';']).next().unwrap_or("");
            first.trim().eq_ignore_ascii_case("text/plain")
        })
}
