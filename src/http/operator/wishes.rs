//! What operators ask for: `POST /v1/identities`, `…/{slug}/credentials`, `…/{slug}/rotate`, `resume` and
//! `own`.
//!
//! What is sent becomes the text that a comment would have asked with, and that is fed to the writer. An
//! answer says which request it is and where; 202, since only owners open its gate. With an
//! `Idempotency-Key` the same call again is the same wish, whatever became of it.

use std::time::Duration;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bot::Bot;
use crate::gate::decide::Answer;
use crate::gate::event::Event;
use crate::gate::evidence::{Needs, Reads};
use crate::gate::ids::{Hash, IssueNumber, RepositoryId, RequestNumber, Slug, ThreadKey};
use crate::gate::key::Key;
use crate::gate::operator::Right;
use crate::gate::policy::Board;
use crate::gate::request::Request;
use crate::gate::wish::{Wish, WishRecord, WishState, Wished};
use crate::http::body;
use crate::http::decided::decided;
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;
use crate::secret::token::random_hex;

use super::Caller;
use super::orders::{bad, not_kept, ok};

/// The largest body: a request may be 8 KiB long.
const MOST: usize = 16 * 1024;
/// How long an answer waits for the thread and the summary.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest `Idempotency-Key`.
const LONGEST_KEY: usize = 255;

/// What is the same for every wish.
#[derive(Debug, Default, Deserialize)]
struct Where {
    board: Option<String>,
    issue: Option<i64>,
    title: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// What an identity or a credential is asked with: the keys of a request in a comment.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Form {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The keys that every body may have; one that its call does not take is an error, never left out.
const PLACE: [&str; 4] = ["board", "issue", "title", "dry_run"];
/// The keys of what is asked for, beside the identity.
const WANTED: [&str; 10] = [
    "scopes",
    "ttl",
    "environment",
    "recipient",
    "challenge",
    "display_name",
    "resources",
    "modes",
    "label",
    "reason",
];

/// A new identity, or another credential of one that is named in the body.
pub(in crate::http) async fn create(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let keys = [["identity"].as_slice(), &WANTED].concat();
    let body = object(&request, payload, &keys).await?;
    let form: Form = member(&body)?;
    let text = asking("request", &form)?;
    wished(&caller, &request, &gateway, &body, text, None).await
}

/// Another credential of an identity.
pub(in crate::http) async fn credential(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    slug: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let slug = named(&slug)?;
    let body = object(&request, payload, &WANTED).await?;
    let form = Form {
        identity: Some(slug.to_string()),
        ..member(&body)?
    };
    let text = asking("request", &form)?;
    wished(&caller, &request, &gateway, &body, text, Some(&slug)).await
}

/// A successor of a credential.
pub(in crate::http) async fn rotate(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    slug: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let slug = named(&slug)?;
    let body = object(&request, payload, &["credential", "recipient", "challenge"]).await?;
    let mut text = format!("/gate rotate {slug}");
    for (key, before) in [
        ("credential", " "),
        ("recipient", " recipient="),
        ("challenge", " challenge="),
    ] {
        if body[key].is_null() {
            continue;
        }
        let word = body[key]
            .as_str()
            .filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()));
        let word = word.ok_or_else(|| bad(&format!("`{key}` is no such thing")))?;
        text.push_str(before);
        text.push_str(word);
    }
    wished(&caller, &request, &gateway, &body, text, Some(&slug)).await
}

/// A paused identity is to work again.
pub(in crate::http) async fn resume(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    slug: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    bare("resume", &caller, &request, payload, &slug, &gateway).await
}

/// The operator's account is to own an identity.
pub(in crate::http) async fn own(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    slug: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    bare("own", &caller, &request, payload, &slug, &gateway).await
}

/// What names an identity and says no more.
async fn bare(
    verb: &'static str,
    caller: &Caller,
    request: &HttpRequest,
    payload: Payload,
    slug: &str,
    gateway: &Gateway,
) -> Result<HttpResponse, ApiError> {
    let slug = named(slug)?;
    let body = object(request, payload, &[]).await?;
    let text = format!("/gate {verb} {slug}");
    wished(caller, request, gateway, &body, text, Some(&slug)).await
}

fn named(slug: &str) -> Result<Slug, ApiError> {
    Slug::parse(slug).ok_or(ApiError::NotFound)
}

/// The body: one JSON object with those keys, and those of a place, and no others; an empty body is an
/// empty object.
async fn object(request: &HttpRequest, payload: Payload, keys: &[&str]) -> Result<Value, ApiError> {
    let json = body::media_type(request)?;
    let bytes = body::read(request, payload, MOST).await?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    if json != "application/json" {
        return Err(ApiError::UnsupportedMedia("send JSON: application/json"));
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| bad("the body is not JSON"))?;
    let members = value
        .as_object()
        .ok_or_else(|| bad("the body is no JSON object"))?;
    let known = [&PLACE, keys].concat();
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        Some(_) => Err(bad(&format!(
            "it may hold {} and nothing else",
            known.join(", ")
        ))),
        None => Ok(value),
    }
}

/// What the body says, in one form.
fn member<T: for<'de> Deserialize<'de>>(body: &Value) -> Result<T, ApiError> {
    T::deserialize(body).map_err(|_| {
        bad("texts have to be texts, `scopes`, `resources` and `modes` lists of them, `issue` a number")
    })
}

/// The text of a comment that would ask the same.
fn asking(verb: &str, form: &Form) -> Result<String, ApiError> {
    let block = toml::to_string(form).map_err(|_| bad("that cannot be asked"))?;
    let longest = block
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    Ok(format!("/gate {verb}\n\n{fence}toml\n{block}{fence}\n"))
}

/// Has it decided, waits for what follows from it, and answers.
async fn wished(
    caller: &Caller,
    request: &HttpRequest,
    gateway: &Gateway,
    body: &Value,
    text: String,
    slug: Option<&Slug>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Request).await?;
    let bot = gateway.bot()?;
    let place: Where = member(body)?;
    let board = board(caller, bot, &place, slug)?;
    caller.may_on(Right::Request, board.repository_id).await?;
    let issue = place.issue.map(IssueNumber);
    if issue.is_some_and(|issue| issue.0 < 1) {
        return Err(bad("`issue` must be the number of an issue"));
    }
    let screened = bot.screen.screen(&text);
    let title = bot.screen.screen(place.title.as_deref().unwrap_or(""));
    let secrets = [&screened, &title]
        .iter()
        .any(|one| !one.macs.is_empty() || !one.burnt_recipients.is_empty());
    if secrets {
        return Err(bad(
            "a token or a secret key stands in it; nothing was asked",
        ));
    }
    let wish = Wish {
        by: caller.by().clone(),
        key: key(request, caller.by().name())?,
        board: board.repository_id,
        issue,
        title: place.title,
        text,
        dry: place.dry_run,
        reads: Box::default(),
    };
    let event = |reads: &Reads| {
        Event::Wish(Box::new(Wish {
            reads: Box::new(reads.clone()),
            ..wish.clone()
        }))
    };
    let gather = async |needs: Needs, reads: &mut Reads| {
        gather(bot, board.repository_id, &needs, reads).await
    };
    let asked = match decided(bot, event, gather).await? {
        Answer::Wished(Ok(Wished::Opening)) => put_up(bot, &wish.key).await?,
        Answer::Wished(Ok(Wished::Asked { request, thread })) => Some((request, thread)),
        Answer::Wished(Ok(Wished::Would {
            thread,
            title,
            summary,
        })) => return Ok(would(&board, thread, &title, &summary)),
        Answer::Wished(Err(why)) => return Err(refused(why)),
        _ => return Err(ApiError::Unhealthy),
    };
    match asked {
        Some((number, thread)) => shown(bot, &board, number, thread).await,
        None => Ok(accepted(json!({ "state": "opening", "board": board.name }))),
    }
}

/// Reads what a decision for an operator needs; without the forge, if that is away.
pub(super) async fn gather(
    bot: &Bot,
    board: RepositoryId,
    needs: &Needs,
    reads: &mut Reads,
) -> Result<(), ApiError> {
    bot.gather_or_away(board, needs, reads)
        .await
        .map_err(|error| {
            tracing::warn!(%error, "cannot read what an operator's request rests on");
            ApiError::ForgeAway
        })
}

/// Nothing was asked; why, as a sentence.
fn refused(why: String) -> ApiError {
    ApiError::Refused(why.trim_end_matches('.').to_owned())
}

/// The board that is meant: as it is named, else where the identity lives, else the operator's only one.
fn board(
    caller: &Caller,
    bot: &Bot,
    place: &Where,
    slug: Option<&Slug>,
) -> Result<Board, ApiError> {
    let policy = bot.core.policy();
    let own = |board: &&Board| caller.reaches(&policy, board.repository_id);
    if let Some(name) = &place.board {
        let mut boards = policy.boards.values().filter(own);
        let found = boards.find(|board| board.name == *name);
        return found.cloned().ok_or_else(|| {
            ApiError::Unknown("there is no board of that name among yours".to_owned())
        });
    }
    let of_identity = match slug {
        Some(slug) => bot
            .core
            .get::<crate::gate::thread::SlugOwner>(&Key::slug(slug))?
            .and_then(|owner| policy.board(owner.repository)),
        None => None,
    };
    if let Some(board) = of_identity.filter(own) {
        return Ok(board.clone());
    }
    let mut boards = policy.boards.values().filter(own);
    match (boards.next(), boards.next(), slug) {
        (Some(only), None, None) => Ok(only.clone()),
        (_, _, Some(slug)) => Err(ApiError::Unknown(format!(
            "there is no identity {slug} on your boards"
        ))),
        (_, _, None) => Err(bad("say on which board: `board`")),
    }
}

/// What names the wish: as the caller says, else nothing that anybody could say again.
fn key(request: &HttpRequest, operator: &str) -> Result<Hash, ApiError> {
    let named = request
        .headers()
        .get_all("Idempotency-Key")
        .collect::<Vec<_>>();
    let name = match named.as_slice() {
        [] => random_hex().map_err(|_| ApiError::Unhealthy)?.to_string(),
        [one] => {
            let text = one.to_str().unwrap_or("");
            if text.is_empty() || text.len() > LONGEST_KEY {
                return Err(bad("`Idempotency-Key` must be 1 to 255 ASCII characters"));
            }
            text.to_owned()
        }
        _ => return Err(bad("`Idempotency-Key` is there twice")),
    };
    Ok(Hash::of(format!("{operator}\0{name}").as_bytes()))
}

/// Waits until `found` has something, as long as that may still come of what is being done.
async fn awaited<T>(
    bot: &Bot,
    mut found: impl FnMut() -> Result<Option<T>, ApiError>,
) -> Result<Option<T>, ApiError> {
    let mut outbox = bot.outbox.moves();
    let mut inbox = bot.inbox.moves();
    let waits = async {
        loop {
            if let Some(found) = found()? {
                return Ok(Some(found));
            }
            // What cannot be done now is tried again later: nobody waits for that here.
            if bot.is_idle() {
                return found();
            }
            tokio::select! {
                _ = outbox.changed() => {}
                _ = inbox.changed() => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, waits)
        .await
        .unwrap_or(Ok(None))
}

/// Waits until a wish is put up in its new thread; `None` if that takes long.
async fn put_up(bot: &Bot, key: &Hash) -> Result<Option<(RequestNumber, ThreadKey)>, ApiError> {
    let key = Key::wish(key);
    awaited(bot, || match bot.core.get::<WishRecord>(&key)? {
        Some(WishRecord {
            state: WishState::Asked(number, thread),
            ..
        }) => Ok(Some((number, thread))),
        Some(WishRecord {
            state: WishState::Refused(why),
            ..
        }) => Err(refused(why)),
        Some(_) | None => Ok(None),
    })
    .await
}

/// Which request it is, once its thread was told or that cannot be done now.
async fn shown(
    bot: &Bot,
    board: &Board,
    number: RequestNumber,
    thread: ThreadKey,
) -> Result<HttpResponse, ApiError> {
    let key = Key::request(number);
    let of = || bot.core.get::<Request>(&key).map_err(ApiError::from);
    let posted = awaited(
        bot,
        || Ok(of()?.filter(|request| request.summary.is_some())),
    )
    .await?;
    let posted_now = posted.is_some();
    let request = match posted {
        Some(request) => request,
        None => of()?.ok_or(ApiError::Unhealthy)?,
    };
    Ok(accepted(json!({
        "state": request.word(bot.clock.now()),
        "request": number.to_string(),
        "code": request.code().to_string(),
        "board": board.name,
        "issue": thread.issue.0,
        "thread": bot.core.policy().thread_url(thread),
        "identity": request.effect.identity,
        "told": posted_now,
        "ends_at": crate::gate::time::rfc3339(request.ends_at),
    })))
}

fn accepted(value: Value) -> HttpResponse {
    not_kept(HttpResponse::Accepted(), value)
}

/// What would be asked; nothing was.
fn would(board: &Board, thread: Option<ThreadKey>, title: &str, summary: &str) -> HttpResponse {
    ok(json!({
        "state": "dry_run",
        "board": board.name,
        "issue": thread.map(|thread| thread.issue.0),
        "title": thread.is_none().then_some(title),
        "summary": summary,
    }))
}
