//! `GET /v1/identities`, one of them, and its credentials; which credential a token is.
//!
//! A list is walked by number, a page at a time: the store is never held whole, and a page that looked
//! at many and found few says where to go on.

use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Caller;
use super::orders::{bad, known_slug, ok};
use super::shapes;
use crate::bot::Bot;
use crate::gate::credential::Credential;
use crate::gate::identity::Identity;
use crate::gate::ids::{IdentityNumber, RepositoryId, Slug};
use crate::gate::key::{Key, Table};
use crate::gate::operator::Right;
use crate::gate::policy::Policy;
use crate::gate::request::Request;
use crate::gate::thread::{OpenRequests, SlugOwner};
use crate::gate::time::rfc3339;
use crate::gate::world;
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;
use crate::http::{body, introspect};

/// Things on a page, if nothing is said.
const USUAL: usize = 100;
/// Things on a page at most.
const MOST: usize = 500;
/// Records that one page looks at.
const LOOKED_AT: usize = 2_000;
/// The largest token, in bytes; one of ours is shorter.
const LONGEST_TOKEN: usize = 4_096;
/// Records that are read at once.
const CHUNK: usize = 64;

/// What can be asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    board: Option<String>,
    status: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// What a list shows, as its parameters say.
pub(super) struct Filter {
    /// Only this board.
    pub(super) board: Option<RepositoryId>,
    /// Only this status.
    pub(super) status: Option<String>,
    /// After this number.
    pub(super) after: Option<u64>,
    /// So many.
    pub(super) limit: usize,
}

/// Reads the parameters of a list. A board that is not the caller's is unknown; a status that there is
/// not is an error and never an empty list.
pub(super) fn filter(
    caller: &Caller,
    policy: &Policy,
    asked: Result<Query<Asked>, actix_web::Error>,
    statuses: &[&str],
    mark: char,
) -> Result<Filter, ApiError> {
    let known = "only `board`, `status`, `cursor` and `limit` are known here";
    let asked = asked.map_err(|_| bad(known))?.into_inner();
    let board = asked.board.map(|name| {
        let mut boards = policy.boards.values();
        boards
            .find(|board| board.name == name && caller.reaches(policy, board.repository_id))
            .map(|board| board.repository_id)
            .ok_or_else(|| ApiError::Unknown(format!("there is no board {name}")))
    });
    if let Some(status) = &asked.status
        && !statuses.contains(&status.as_str())
    {
        return Err(ApiError::BadRequest(format!(
            "`status` is one of {}",
            statuses.join(", ")
        )));
    }
    let after = asked.cursor.map(|cursor| {
        plain_number(&cursor, mark)
            .ok_or_else(|| bad("`cursor` is none of this list: take it from an answer"))
    });
    Ok(Filter {
        board: board.transpose()?,
        status: asked.status,
        after: after.transpose()?,
        limit: page_size(asked.limit, USUAL)?,
    })
}

/// How many things a page is to have.
pub(super) fn page_size(asked: Option<usize>, usual: usize) -> Result<usize, ApiError> {
    let asked = asked.unwrap_or(usual);
    if (1..=MOST).contains(&asked) {
        Ok(asked)
    } else {
        Err(bad("`limit` is a number from 1 to 500"))
    }
}

/// Digits after a mark, in their one form.
fn plain_number(text: &str, mark: char) -> Option<u64> {
    numeral(text.strip_prefix(mark)?)
}

/// A number above zero in its one form.
pub(super) fn numeral(text: &str) -> Option<u64> {
    digits(text).filter(|_| !text.starts_with('0'))
}

/// A number in digits and nothing else.
pub(super) fn digits(text: &str) -> Option<u64> {
    let plain = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Lists identities, by number.
pub(super) async fn list(
    asked: Result<Query<Asked>, actix_web::Error>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let bot = gateway.bot()?;
    let policy = bot.core.policy();
    let statuses = ["active", "paused", "expired", "revoked", "released"];
    let filter = filter(&caller, &policy, asked, &statuses, 'i')?;
    let (found, cursor) = walk(&caller, bot, &policy, &filter)?;
    Ok(ok(json!({ "identities": found, "cursor": cursor })))
}

fn walk(
    caller: &Caller,
    bot: &Bot,
    policy: &Policy,
    filter: &Filter,
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let now = bot.clock.now();
    let store = bot.core.store();
    let mut after = filter.after.map(IdentityNumber);
    let mut found = Vec::new();
    let mut looked_at = 0;
    loop {
        let from = after.map(Key::identity);
        let rows = store.scan(Table::Identity, &[], from.as_ref(), CHUNK)?;
        let last = rows.len() < CHUNK;
        for (_, row) in rows {
            let Some(identity) = world::decode::<Identity>(&row) else {
                return Err(ApiError::Unhealthy);
            };
            looked_at += 1;
            after = Some(identity.number);
            let board = identity.board();
            let fits = caller.reaches(policy, board)
                && filter.board.is_none_or(|only| only == board)
                && filter
                    .status
                    .as_ref()
                    .is_none_or(|only| only == identity.word(now));
            if fits {
                found.push(shapes::identity(&identity, policy, now));
            }
            if found.len() == filter.limit || looked_at == LOOKED_AT {
                return Ok((found, after.map(|number| format!("i{}", number.0))));
            }
        }
        if last {
            return Ok((found, None));
        }
    }
}

/// The newest identity of a name, if the caller may know of it.
fn find(caller: &Caller, bot: &Bot, policy: &Policy, slug: &Slug) -> Result<Identity, ApiError> {
    let owner = bot.core.get::<SlugOwner>(&Key::slug(slug))?;
    let found = match owner {
        Some(owner) => bot.core.get::<Identity>(&Key::identity(owner.identity))?,
        None => None,
    };
    found
        .filter(|identity| caller.reaches(policy, identity.board()))
        .ok_or_else(|| ApiError::Unknown(format!("there is no identity {slug}")))
}

/// One identity with everything that is kept of it.
pub(super) async fn show(
    slug: Path<String>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let bot = gateway.bot()?;
    let policy = bot.core.policy();
    let identity = find(&caller, bot, &policy, &known_slug(&slug)?)?;
    let now = bot.clock.now();
    let naming = Key::naming(identity.board(), &identity.slug);
    let naming: OpenRequests = bot.core.get(&naming)?.unwrap_or_default();
    let mut open = Vec::new();
    for number in naming.requests {
        let request = bot.core.get::<Request>(&Key::request(number))?;
        open.extend(
            request
                .filter(|request| request.is_open(now))
                .map(|_| number.to_string()),
        );
    }
    let recent: Vec<Value> = identity
        .recent
        .entries()
        .iter()
        .map(|entry| json!({ "at": rfc3339(entry.at), "code": entry.code, "text": entry.text }))
        .collect();
    let mut shown = shapes::identity(&identity, &policy, now);
    shown["requester"] = json!(requester(bot, &identity)?);
    shown["credentials"] = credentials(bot, &policy, &identity)?;
    shown["open_requests"] = json!(open);
    shown["recent"] = json!(recent);
    Ok(ok(shown))
}

/// The credentials of one identity that are remembered, oldest first.
pub(super) async fn list_credentials(
    slug: Path<String>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let bot = gateway.bot()?;
    let policy = bot.core.policy();
    let identity = find(&caller, bot, &policy, &known_slug(&slug)?)?;
    let credentials = credentials(bot, &policy, &identity)?;
    Ok(ok(
        json!({ "identity": identity.slug, "credentials": credentials }),
    ))
}

/// What the account that asked for an identity was called then, if a request of it is known.
fn requester(bot: &Bot, identity: &Identity) -> Result<Option<String>, ApiError> {
    for number in identity.credentials.iter().rev() {
        let Some(credential) = bot.core.get::<Credential>(&Key::credential(*number))? else {
            continue;
        };
        let request = bot.core.get::<Request>(&Key::request(credential.request))?;
        let login = request
            .as_ref()
            .and_then(|it| it.login_of(identity.requester));
        if let Some(login) = login {
            return Ok(Some(login.to_owned()));
        }
    }
    Ok(None)
}

fn credentials(bot: &Bot, policy: &Policy, identity: &Identity) -> Result<Value, ApiError> {
    let now = bot.clock.now();
    let mut shown = Vec::new();
    for number in &identity.credentials {
        if let Some(credential) = bot.core.get::<Credential>(&Key::credential(*number))? {
            let last = bot.last_use(*number)?;
            let home = Some(identity);
            shown.push(shapes::credential(&credential, home, last, policy, now));
        }
    }
    Ok(json!(shown))
}

/// Which credential a token is. The token is the whole body and nothing else of the call; it is no use
/// of it, and a token of another board is as unknown as one that there is not.
pub(super) async fn which(
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let bot = gateway.bot()?;
    let policy = bot.core.policy();
    // Any kind, but not compressed.
    body::media_type(&request)?;
    let shown = body::read(&request, payload, LONGEST_TOKEN).await?;
    let shown = Zeroizing::new(shown.to_vec());
    let text = std::str::from_utf8(&shown).map_err(|_| bad("the body is no text"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    let unknown = || ApiError::Unknown("no credential is known for this token".to_owned());
    let (check, _) = introspect::row(bot, &gateway, text)?.ok_or_else(unknown)?;
    if !caller.reaches(&policy, check.board) {
        return Err(unknown());
    }
    let number = check.credential;
    let credential = bot.core.get::<Credential>(&Key::credential(number))?;
    let identity = match check.identity {
        Some(number) => bot.core.get::<Identity>(&Key::identity(number))?,
        None => None,
    };
    let credential = credential.ok_or_else(unknown)?;
    let last = bot.last_use(number)?;
    let now = bot.clock.now();
    let mut shown = shapes::credential(&credential, identity.as_ref(), last, &policy, now);
    shown["identity_status"] = json!(identity.map(|identity| identity.word(now)));
    Ok(ok(shown))
}
