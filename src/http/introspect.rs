//! `POST /v1/introspect` (RFC 7662): is this token alive, and what may it do now?
//!
//! Callers are configured clients. Whatever is wrong with a token, or whosever it is, the answer is
//! the same `{"active":false}` and not a byte more.

use std::borrow::Cow;
use std::collections::BTreeSet;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;

use super::gateway::Gateway;
use super::problem::ApiError;
use super::{authorization, body};
use crate::bot::Bot;
use crate::bot::core::Outcome;
use crate::gate::credential::{Check, Credential, Live};
use crate::gate::decide::Answer;
use crate::gate::event::Event;
use crate::gate::ids::{CredentialNumber, IdentityNumber, Mac, ThreadKey, UserId};
use crate::gate::key::Key;
use crate::gate::thread::Standstill;
use crate::secret::legacy::LegacyHash;
use crate::secret::token::parse_token;
use crate::store::SubmitError;

/// The largest form, in bytes.
pub(super) const MOST: usize = 8 * 1024;

/// Answers a resource server.
pub(super) async fn introspect(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let client = authorization::client(&request, &gateway)?;
    body::form_only(&request)?;
    let form = body::read(&request, payload, MOST).await?;
    let token = token(&form)?;
    let live = alive(bot, &gateway, &token, Some(&client)).await?;
    gateway
        .metrics
        .check(if live.is_some() { "active" } else { "inactive" });
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "no-store"));
    Ok(match live {
        Some(live) => answer.json(describe(&live, &gateway.doors().public_url)),
        None => answer.json(json!({ "active": false })),
    })
}

/// The one `token` of a form; a parameter that is there twice is an error (RFC 6749 §3.1).
pub(super) fn token(form: &[u8]) -> Result<String, ApiError> {
    let mut seen = BTreeSet::new();
    let mut token = None;
    for (name, value) in form_urlencoded::parse(form) {
        if !seen.insert(name.clone()) {
            return Err(ApiError::BadRequest(
                "a parameter is there twice".to_owned(),
            ));
        }
        if name == "token" {
            token = Some(value.into_owned());
        }
    }
    token.ok_or_else(|| ApiError::BadRequest("the parameter `token` is missing".to_owned()))
}

/// What a token may do now, for a client or for its own holder. A first use is journaled before it
/// is answered.
pub(super) async fn alive(
    bot: &Bot,
    gateway: &Gateway,
    token: &str,
    client: Option<&str>,
) -> Result<Option<Live>, ApiError> {
    let Some((check, macs)) = row(bot, gateway, token)? else {
        return Ok(None);
    };
    let now = gateway.clock.now();
    let policy = bot.core.policy();
    let frozen = bot.core.get::<Standstill>(&Key::standstill(check.board))?;
    if frozen.is_some() {
        return Ok(None);
    }
    let seen = client.is_none_or(|client| policy.shows(client, check.board, &check.environment))
        && !bot
            .reconciliation
            .silence
            .refuses(&policy, check.board, &gateway.clock);
    if seen && check.is_rotated_away(now) {
        note_late(bot, check.credential, macs, client).await;
        return Ok(None);
    }
    let Some(live) = seen.then(|| check.live(&policy, now)).flatten() else {
        return Ok(None);
    };
    let live = if live.first_use {
        match first_use(bot, macs, client).await? {
            Some(live) => live,
            None => return Ok(None),
        }
    } else {
        live
    };
    bot.usage.note(live.check.credential, now, client);
    Ok(Some(live))
}

/// A token that was replaced was shown after its grace: it is written down the first time. The answer is
/// the same whether that succeeds or not.
async fn note_late(bot: &Bot, number: CredentialNumber, macs: Vec<Mac>, client: Option<&str>) {
    let credential = bot.core.get::<Credential>(&Key::credential(number));
    let first = credential
        .is_ok_and(|found| found.is_some_and(|credential| credential.shown_late.is_none()));
    if first && let Err(error) = first_use(bot, macs, client).await {
        tracing::warn!(%error, "cannot note that a replaced token was shown");
    }
}

async fn first_use(
    bot: &Bot,
    macs: Vec<Mac>,
    client: Option<&str>,
) -> Result<Option<Live>, ApiError> {
    let event = Event::Used {
        macs,
        client: client.map(str::to_owned),
    };
    match feed(bot, event).await? {
        Answer::Live(live) => Ok(Some(*live)),
        _ => Ok(None),
    }
}

/// The row that a token finds, and its possible MACs. The slug is a label of that row; a token that
/// names another is none. What has not our form may be a secret from before, unless it is too short.
pub(super) fn row(
    bot: &Bot,
    gateway: &Gateway,
    token: &str,
) -> Result<Option<(Check, Vec<Mac>)>, ApiError> {
    let Some(parts) = parse_token(&gateway.prefix, token) else {
        let Some(hash) = LegacyHash::of_shown(&gateway.prefix, token) else {
            return Ok(None);
        };
        let macs = hash.macs(&gateway.peppers);
        let check = bot.core.check(&macs)?;
        return Ok(check.map(|check| (check, macs)));
    };
    let macs = gateway.peppers.token_macs(token);
    let check = bot.core.check(&macs)?;
    let check = check.filter(|check| check.slug.as_ref() == Some(&parts.slug));
    Ok(check.map(|check| (check, macs)))
}

/// Has an event decided, durable before this returns.
pub(super) async fn feed(bot: &Bot, event: Event) -> Result<Answer, ApiError> {
    match bot.core.try_feed(event).await? {
        Outcome::Decided { answer, effects } => {
            bot.decided(&answer, effects);
            Ok(answer)
        }
        _ => Err(ApiError::from(SubmitError::Unhealthy)),
    }
}

/// The answer for a live token (RFC 7662 §2.2); what is ours stands under `ownergate`.
#[derive(Serialize)]
pub(super) struct Description<'a> {
    active: bool,
    sub: Cow<'a, str>,
    scope: String,
    exp: i64,
    iat: i64,
    jti: String,
    iss: &'a str,
    aud: &'a str,
    client_id: Cow<'a, str>,
    token_type: &'static str,
    ownergate: Ours<'a>,
}

/// The part of the answer that no standard names.
#[derive(Serialize)]
struct Ours<'a> {
    identity_id: Option<IdentityNumber>,
    identity_status: Option<&'static str>,
    workspace: &'a str,
    resources: &'a Option<BTreeSet<String>>,
    modes: &'a Option<BTreeSet<String>>,
    environment: &'a str,
    owner_id: UserId,
    requester_id: UserId,
    thread: ThreadKey,
    /// What people call a secret from before that no identity has.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

/// Whom a token stands for: its identity, else a word that no identity can have for its name.
fn subject(check: &Check) -> Cow<'_, str> {
    match &check.slug {
        Some(slug) => slug.as_str().into(),
        None => format!("legacy:{}", check.credential).into(),
    }
}

/// Describes a live token.
pub(super) fn describe<'a>(live: &'a Live, issuer: &'a str) -> Description<'a> {
    let check = &live.check;
    let scopes: Vec<&str> = live.scopes.iter().map(String::as_str).collect();
    Description {
        active: true,
        sub: subject(check),
        scope: scopes.join(" "),
        exp: check.expires_at.as_second(),
        iat: check.issued_at.as_second(),
        jti: check.credential.to_string(),
        iss: issuer,
        aud: &live.workspace,
        client_id: subject(check),
        token_type: "Bearer",
        ownergate: Ours {
            identity_id: check.identity,
            identity_status: check.identity.map(|_| "active"),
            workspace: &live.workspace,
            resources: &check.resources,
            modes: &check.modes,
            environment: &check.environment,
            owner_id: check.owner,
            requester_id: check.requester,
            thread: check.thread,
            label: check.label.as_deref(),
        },
    }
}
