//! `GET /audit` on the admin socket: what happened, for `ownergate audit`.
//!
//! Parameters are what people type: names, numbers, spans. The answer has the newest entry first, in
//! fields whose names stay, and says where to go on. A parameter that means nothing is an error, never
//! a filter that is left out.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Query as Parameters};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bot::Bot;
use crate::bot::audit::{Query, find};
use crate::gate::actor::Actor;
use crate::gate::audit::Entry;
use crate::gate::audit::index::Place;
use crate::gate::credential::Credential;
use crate::gate::identity::Identity;
use crate::gate::ids::{
    CredentialNumber, IdentityNumber, IssueNumber, RepositoryId, Slug, ThreadKey, UserId,
};
use crate::gate::key::Key;
use crate::gate::policy::Policy;
use crate::gate::thread::SlugOwner;
use crate::gate::time::{parse_span, rfc3339};
use crate::http::{ApiError, Gateway};
use crate::store::StoreError;

/// The most entries in one answer.
const MOST: usize = 500;

/// What can be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// A slug or `cN`.
    name: Option<String>,
    identity: Option<u64>,
    owner: Option<String>,
    thread: Option<String>,
    actor: Option<String>,
    since: Option<String>,
    until: Option<String>,
    before: Option<String>,
    newer: Option<String>,
    most: Option<usize>,
}

/// Why there is no answer.
enum Fault {
    /// What was asked for is not there.
    Unknown(String),
    /// The records.
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn unknown<T>(why: String) -> Result<T, Fault> {
    Err(Fault::Unknown(why))
}

/// Answers.
pub(super) async fn audit(
    gateway: Data<Gateway>,
    asked: Parameters<Asked>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    match page(bot, &asked) {
        Ok(page) => Ok(HttpResponse::Ok().json(page)),
        Err(Fault::Unknown(why)) => Ok(HttpResponse::NotFound().json(json!({ "fault": why }))),
        Err(Fault::Store(error)) => {
            tracing::error!(%error, "cannot read the records");
            Err(ApiError::Unhealthy)
        }
    }
}

fn page(bot: &Bot, asked: &Asked) -> Result<Value, Fault> {
    let now = bot.clock.now();
    let query = query(bot, asked, now)?;
    let page = find(&bot.core.store(), &query)?;
    let mut slugs = BTreeMap::new();
    let mut entries = Vec::new();
    let policy = bot.core.policy();
    for (place, entry) in &page.entries {
        if let Some(number) = entry.identity
            && !slugs.contains_key(&number)
        {
            let identity = bot.core.get::<Identity>(&Key::identity(number))?;
            slugs.insert(number, identity.map(|identity| identity.slug));
        }
        let slug = entry
            .identity
            .and_then(|number| slugs.get(&number)?.as_ref());
        entries.push(describe(*place, entry, slug, &policy));
    }
    Ok(json!({
        "now": rfc3339(now),
        "entries": entries,
        "rest": page.rest.map(written),
    }))
}

/// One entry, in fields whose names stay.
fn describe(place: Place, entry: &Entry, slug: Option<&Slug>, policy: &Policy) -> Value {
    let board = entry.thread.map(|thread| thread.repository);
    let name = board.and_then(|board| policy.board(board));
    json!({
        "place": written(place),
        "seq": place.seq,
        "at": place.time(),
        "code": entry.code,
        "actor": entry.actor.to_string(),
        "text": entry.text,
        "repository_id": board,
        "board": name.map(|board| &board.name),
        "issue": entry.thread.map(|thread| thread.issue),
        "request": entry.request.map(|number| number.to_string()),
        "identity_id": entry.identity,
        "identity": slug,
        "credential": entry.credential.map(|number| number.to_string()),
        "owner_id": entry.owner,
        "facts": entry.facts,
    })
}

/// A place as a text that can be given back.
fn written(place: Place) -> String {
    format!("{}.{}.{}", place.at, place.seq, place.place)
}

fn place(text: &str) -> Result<Place, Fault> {
    let mut parts = text.split('.');
    let mut part = || parts.next().and_then(|part| part.parse::<i64>().ok());
    let read = (|| {
        Some(Place {
            at: part()?,
            seq: u64::try_from(part()?).ok()?,
            place: u32::try_from(part()?).ok()?,
        })
    })();
    read.map_or_else(|| unknown(format!("{text} is no place of an entry")), Ok)
}

fn query(bot: &Bot, asked: &Asked, now: Timestamp) -> Result<Query, Fault> {
    let policy = bot.core.policy();
    let mut query = Query {
        identity: asked.identity.map(IdentityNumber),
        most: asked.most.unwrap_or(MOST).clamp(1, MOST),
        ..Query::default()
    };
    if let Some(name) = &asked.name {
        named(bot, name, &mut query)?;
    }
    if let Some(owner) = &asked.owner {
        query.owner = Some(person(&policy, owner)?);
    }
    if let Some(actor) = &asked.actor {
        query.actor = Some(match Actor::parse(actor) {
            Some(actor) => actor,
            None => Actor::User(person(&policy, actor)?),
        });
    }
    if let Some(text) = &asked.thread {
        query.thread = Some(thread(&policy, text)?);
    }
    let moment = |text: &Option<String>| text.as_ref().map(|text| moment(text, now)).transpose();
    query.since = moment(&asked.since)?;
    query.until = moment(&asked.until)?;
    query.before = asked.before.as_deref().map(place).transpose()?;
    query.newer = asked.newer.as_deref().map(place).transpose()?;
    Ok(query)
}

/// A credential, or the newest identity of a name.
fn named(bot: &Bot, name: &str, query: &mut Query) -> Result<(), Fault> {
    if let Some(number) = CredentialNumber::parse(name) {
        let known = bot.core.get::<Credential>(&Key::credential(number))?;
        if known.is_some() {
            query.credential = Some(number);
            return Ok(());
        }
    }
    if let Some(slug) = Slug::parse(&name.to_ascii_lowercase())
        && let Some(owner) = bot.core.get::<SlugOwner>(&Key::slug(&slug))?
    {
        query.identity = Some(owner.identity);
        return Ok(());
    }
    unknown(format!("there is no identity or credential {name}"))
}

/// Somebody by number, or an owner by the login in the configuration.
fn person(policy: &Policy, text: &str) -> Result<UserId, Fault> {
    if let Ok(id) = text.parse() {
        return Ok(UserId(id));
    }
    let owners = policy.boards.values().flat_map(|board| &board.owners);
    let found = owners.into_iter().find(|(_, owner)| owner.login == text);
    match found {
        Some((id, _)) => Ok(*id),
        None => unknown(format!("{text} is no number and no owner's login")),
    }
}

/// `12` or `kan#12`; the board may be left out where there is one.
fn thread(policy: &Policy, text: &str) -> Result<ThreadKey, Fault> {
    let (board, issue) = text.split_once('#').unwrap_or(("", text));
    let Ok(issue) = issue.parse() else {
        return unknown(format!("{text} is no thread: write kan#12"));
    };
    let named: Vec<RepositoryId> = policy
        .boards
        .iter()
        .filter(|(_, known)| board.is_empty() || known.name == board)
        .map(|(id, _)| *id)
        .collect();
    match named.as_slice() {
        [repository] => Ok(ThreadKey {
            repository: *repository,
            issue: IssueNumber(issue),
        }),
        [] => unknown(format!("there is no board {board}")),
        _ => unknown(format!(
            "name the board of issue {issue}, as in kan#{issue}"
        )),
    }
}

/// `7d` ago, or an instant in RFC 3339.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    if let Some(seconds) = parse_span(text) {
        let span = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        return Ok(now.saturating_sub(span).unwrap_or(Timestamp::MIN));
    }
    match text.parse() {
        Ok(time) => Ok(time),
        Err(_) => unknown(format!("{text} is no span such as 7d and no RFC 3339 time")),
    }
}
