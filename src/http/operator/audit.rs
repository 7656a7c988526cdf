//! `GET /v1/audit`: what happened, on the boards that the caller may read.
//!
//! Parameters are what people type: names, numbers, spans. The answer has the newest entry first, in
//! fields whose names stay, and says where to go on. A parameter that means nothing is an error, never
//! a filter that is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
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
use crate::gate::operator::{By, Right};
use crate::gate::policy::Policy;
use crate::gate::thread::SlugOwner;
use crate::gate::time::{parse_span, rfc3339};
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;

use super::Caller;
use super::identities::{digits, numeral, page_size};

/// The most entries in one answer.
const MOST: usize = 500;

/// What can be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Asked {
    /// A slug or `cN`.
    name: Option<String>,
    identity: Option<u64>,
    owner: Option<String>,
    thread: Option<String>,
    actor: Option<String>,
    since: Option<String>,
    until: Option<String>,
    /// Where another answer ended.
    cursor: Option<String>,
    /// Only what is newer than this place.
    newer: Option<String>,
    limit: Option<usize>,
}

fn unknown<T>(why: String) -> Result<T, ApiError> {
    Err(ApiError::Unknown(why))
}

/// Answers.
pub(in crate::http) async fn audit(
    caller: Caller,
    gateway: Data<Gateway>,
    asked: Result<Parameters<Asked>, actix_web::Error>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let asked = asked.map_err(|_| {
        ApiError::BadRequest(
            "a parameter is not known here, or is no number where it has to be one".to_owned(),
        )
    })?;
    let reader = Reader {
        bot: gateway.bot()?,
        policy: gateway.bot()?.core.policy(),
        by: caller.by(),
    };
    let page = reader.page(&asked)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(page))
}

/// Who reads what of whom.
struct Reader<'a> {
    bot: &'a Bot,
    policy: Arc<Policy>,
    by: &'a By,
}

impl Reader<'_> {
    fn page(&self, asked: &Asked) -> Result<Value, ApiError> {
        let now = self.bot.clock.now();
        let query = self.query(asked, now)?;
        let page = find(&self.bot.core.store(), &query)?;
        let mut identities = BTreeMap::new();
        let mut entries = Vec::new();
        for (place, entry) in &page.entries {
            if let Some(number) = entry.identity
                && !identities.contains_key(&number)
            {
                let identity = self.bot.core.get::<Identity>(&Key::identity(number))?;
                identities.insert(number, identity);
            }
            let identity = entry
                .identity
                .and_then(|number| identities.get(&number)?.as_ref());
            if self.may_see(entry, identity) {
                let slug = identity.map(|identity| &identity.slug);
                entries.push(describe(*place, entry, slug, &self.policy));
            }
        }
        Ok(json!({
            "now": rfc3339(now),
            "entries": entries,
            "cursor": page.rest.map(written),
        }))
    }

    /// An operator sees what happened on its boards, and what it did itself; what is no board's is the
    /// host's.
    fn may_see(&self, entry: &Entry, identity: Option<&Identity>) -> bool {
        if entry.actor == self.by.actor() {
            return true;
        }
        let board = entry.thread.map(|thread| thread.repository);
        match board.or(identity.map(Identity::board)) {
            Some(board) => self.by.reaches(&self.policy, board),
            None => matches!(self.by, By::Host),
        }
    }

    fn query(&self, asked: &Asked, now: Timestamp) -> Result<Query, ApiError> {
        let policy = &self.policy;
        let mut query = Query {
            identity: asked.identity.map(IdentityNumber),
            most: page_size(asked.limit, MOST)?,
            ..Query::default()
        };
        if let Some(name) = &asked.name {
            self.named(name, &mut query)?;
        }
        if let Some(owner) = &asked.owner {
            query.owner = Some(person(policy, owner)?);
        }
        if let Some(actor) = &asked.actor {
            query.actor = Some(match Actor::parse(actor) {
                Some(actor) => actor,
                None => Actor::User(person(policy, actor)?),
            });
        }
        if let Some(text) = &asked.thread {
            query.thread = Some(self.thread(text)?);
        }
        let moment =
            |text: &Option<String>| text.as_ref().map(|text| moment(text, now)).transpose();
        query.since = moment(&asked.since)?;
        query.until = moment(&asked.until)?;
        query.before = asked.cursor.as_deref().map(place).transpose()?;
        query.newer = asked.newer.as_deref().map(place).transpose()?;
        Ok(query)
    }

    /// A credential, or the newest identity of a name.
    fn named(&self, name: &str, query: &mut Query) -> Result<(), ApiError> {
        let core = &self.bot.core;
        if let Some(number) = CredentialNumber::parse(name)
            && let Some(credential) = core.get::<Credential>(&Key::credential(number))?
        {
            let home = match (&credential.alone, credential.identity) {
                (Some(alone), _) => Some(alone.thread.repository),
                (None, Some(number)) => core
                    .get::<Identity>(&Key::identity(number))?
                    .map(|identity| identity.board()),
                (None, None) => None,
            };
            if home.is_some_and(|board| self.by.reaches(&self.policy, board)) {
                query.credential = Some(number);
                return Ok(());
            }
        }
        if let Some(slug) = Slug::parse(&name.to_ascii_lowercase())
            && let Some(owner) = core.get::<SlugOwner>(&Key::slug(&slug))?
            && self.by.reaches(&self.policy, owner.repository)
        {
            query.identity = Some(owner.identity);
            return Ok(());
        }
        unknown(format!("there is no identity or credential {name}"))
    }

    /// `12` or `kan#12`; the board may be left out where there is one.
    fn thread(&self, text: &str) -> Result<ThreadKey, ApiError> {
        let (board, issue) = text.split_once('#').unwrap_or(("", text));
        let Some(issue) = numeral(issue).map(u64::cast_signed) else {
            return Err(ApiError::BadRequest(format!(
                "{text} is no thread: write kan#12"
            )));
        };
        let boards = self.policy.boards.iter();
        let named: Vec<RepositoryId> = boards
            .filter(|(id, _)| self.by.reaches(&self.policy, **id))
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

fn place(text: &str) -> Result<Place, ApiError> {
    let parts: Vec<&str> = text.split('.').collect();
    let read = (|| {
        let [at, seq, place] = parts.as_slice() else {
            return None;
        };
        Some(Place {
            at: digits(at)?.cast_signed(),
            seq: digits(seq)?,
            place: u32::try_from(digits(place)?).ok()?,
        })
    })();
    read.ok_or_else(|| ApiError::BadRequest(format!("{text} is no place of an entry")))
}

/// Somebody by number, or an owner by the login in the configuration.
fn person(policy: &Policy, text: &str) -> Result<UserId, ApiError> {
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

/// `7d` ago, or an instant in RFC 3339.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    if let Some(seconds) = parse_span(text) {
        let span = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        return Ok(now.saturating_sub(span).unwrap_or(Timestamp::MIN));
    }
    match text.parse() {
        Ok(time) => Ok(time),
        Err(_) => Err(ApiError::BadRequest(format!(
            "{text} is no span such as 7d and no RFC 3339 time"
        ))),
    }
}
