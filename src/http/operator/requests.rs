//! `GET /v1/requests` and one of them for operators: open and past ones, and why an open one is shut,
//! rule by rule.
//!
//! An operator needs no code for it. Whoever shows one, or a challenge, is answered as everybody is
//! (`http::requests`, `http::claim`).

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde_json::{Value, json};

use super::Caller;
use super::identities::{Asked, Filter, filter};
use super::orders::ok;
use super::shapes;
use crate::bot::Bot;
use crate::bot::audit;
use crate::gate::decide::Explanation;
use crate::gate::evidence::Reads;
use crate::gate::ids::{RepositoryId, RequestNumber};
use crate::gate::key::Key;
use crate::gate::operator::Right;
use crate::gate::policy::{Board, Policy};
use crate::gate::reply::reasons;
use crate::gate::request::Request;
use crate::gate::thread::{BoardState, Counters};
use crate::gate::time::rfc3339;
use crate::gate::verdict::{Finding, Stand};
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;

/// Numbers that one page looks at.
const LOOKED_AT: u64 = 2_000;
/// Approvals that were not counted which are shown of a request.
const NOT_COUNTED: usize = 20;
/// Entries of a thread that are looked through for them.
const LOOKED_THROUGH: usize = 500;

/// Lists requests, the newest first.
pub(super) async fn list(
    asked: Result<Query<Asked>, actix_web::Error>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let bot = gateway.bot()?;
    let policy = bot.core.policy();
    let statuses = ["open", "approved", "denied", "withdrawn", "void", "ended"];
    let filter = filter(&caller, &policy, asked, &statuses, 'r')?;
    let numbers = if filter.status.as_deref() == Some("open") {
        open_ones(&caller, bot, &policy, &filter)?
    } else {
        let counters: Counters = bot.core.get(&Key::counters())?.unwrap_or_default();
        let first = filter.after.unwrap_or(counters.request + 1);
        (first.saturating_sub(LOOKED_AT).max(1)..first)
            .rev()
            .collect()
    };
    let now = bot.clock.now();
    let (mut found, mut last, mut full) = (Vec::new(), None, false);
    for number in numbers {
        last = Some(number);
        let request = bot
            .core
            .get::<Request>(&Key::request(RequestNumber(number)))?;
        let fits = |request: &Request| {
            let board = request.thread.repository;
            let status = filter.status.as_ref();
            caller.reaches(&policy, board)
                && filter.board.is_none_or(|only| only == board)
                && status.is_none_or(|only| only == request.word(now))
        };
        if let Some(request) = request.filter(fits) {
            found.push(shapes::request(&request, &policy, now));
        }
        if found.len() == filter.limit {
            full = true;
            break;
        }
    }
    let walks_all = filter.status.as_deref() != Some("open");
    let more = last.filter(|last| (full || walks_all) && *last > 1);
    let cursor = more.map(|number| format!("r{number}"));
    Ok(ok(json!({ "requests": found, "cursor": cursor })))
}

/// The numbers of open requests, which their boards know, the newest first.
fn open_ones(
    caller: &Caller,
    bot: &Bot,
    policy: &Policy,
    filter: &Filter,
) -> Result<Vec<u64>, ApiError> {
    let boards: Vec<RepositoryId> = policy
        .boards
        .keys()
        .copied()
        .filter(|board| caller.reaches(policy, *board))
        .filter(|board| filter.board.is_none_or(|only| only == *board))
        .collect();
    let mut numbers = Vec::new();
    for board in boards {
        let state: BoardState = bot.core.get(&Key::board(board))?.unwrap_or_default();
        numbers.extend(state.requests.iter().map(|number| number.0));
    }
    numbers.retain(|number| filter.after.is_none_or(|after| *number < after));
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    Ok(numbers)
}

/// A request by its number, if it is on a board that the caller reaches.
pub(super) fn reached(
    caller: &Caller,
    bot: &Bot,
    number: &str,
) -> Result<Option<Request>, ApiError> {
    let Some(number) = RequestNumber::parse(number) else {
        return Ok(None);
    };
    let policy = bot.core.policy();
    let request = bot.core.get::<Request>(&Key::request(number))?;
    Ok(request.filter(|request| caller.reaches(&policy, request.thread.repository)))
}

/// One request, and why its gate is shut.
pub(super) async fn show(
    number: Path<String>,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let bot = gateway.bot()?;
    let policy = bot.core.policy();
    let unknown = || ApiError::Unknown("there is no such request".to_owned());
    let request = reached(&caller, bot, &number)?.ok_or_else(unknown)?;
    let now = bot.clock.now();
    let mut shown = shapes::request(&request, &policy, now);
    shown["code"] = json!(request.code().to_string());
    shown["digest"] = json!(request.digest);
    shown["recipient"] = json!(request.effect.recipient);
    shown["challenge"] = json!(request.effect.challenge);
    shown["approvals"] = approvals(&request);
    shown["not_counted"] = not_counted(bot, &request)?;
    let board = policy.board(request.thread.repository);
    shown["verdict"] = match (board, request.is_open(now)) {
        (Some(board), true) => verdict(bot, board, &request).await?,
        (None, _) | (_, false) => Value::Null,
    };
    Ok(ok(shown))
}

/// Who is counted, with what.
fn approvals(request: &Request) -> Value {
    let one = |approval: &crate::gate::approval::Approval| {
        json!({
            "approver_id": approval.approver,
            "comment": approval.comment,
            "scopes": approval.scopes,
            "ttl": approval.ttl,
            "signed_by": approval.signed_by,
            "code": approval.code,
            "counted_at": rfc3339(approval.counted_at),
        })
    };
    request.approvals.iter().map(one).collect()
}

/// Approvals that were not counted, the newest first.
fn not_counted(bot: &Bot, request: &Request) -> Result<Value, ApiError> {
    let query = audit::Query {
        thread: Some(request.thread),
        since: Some(request.asked_at),
        most: LOOKED_THROUGH,
        ..audit::Query::default()
    };
    let page = audit::find(&bot.core.store(), &query)?;
    let about = page.entries.iter().filter(|(_, entry)| {
        entry.request == Some(request.number) && entry.code == "approval_not_counted"
    });
    let one = |(place, entry): &(crate::gate::audit::index::Place, crate::gate::audit::Entry)| {
        json!({
            "at": rfc3339(place.time()),
            "by": entry.actor.to_string(),
            "codes": entry.text.split(' ').collect::<Vec<_>>(),
            "comment": entry.facts.as_ref().map(|facts| &facts["comment"]),
        })
    };
    Ok(about.take(NOT_COUNTED).map(one).collect())
}

/// Every rule of the gate; what a judge says is read for it, if the forge answers.
async fn verdict(bot: &Bot, board: &Board, request: &Request) -> Result<Value, ApiError> {
    let mut reads = Reads::default();
    let Some(mut why) = bot.core.explain(request.number, &reads, bot.clock.now())? else {
        return Ok(Value::Null);
    };
    let mut judgements_unread = false;
    if !why.unread.is_empty() {
        let unread = why.unread.clone();
        let gathered = bot
            .gatherer
            .gather(board.repository_id, &unread, &mut reads);
        match gathered.await {
            Ok(()) => {
                let again = bot.core.explain(request.number, &reads, bot.clock.now())?;
                why = again.unwrap_or(why);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read the judgements of a request");
                judgements_unread = true;
            }
        }
    }
    Ok(describe(&why, board, judgements_unread))
}

fn describe(why: &Explanation, board: &Board, judgements_unread: bool) -> Value {
    let rule = |(name, finding): &(&'static str, Finding)| {
        if *name == "judged" && judgements_unread {
            return json!({
                "rule": name,
                "finding": "unknown",
                "why": "the judgements cannot be read on the forge now",
            });
        }
        match finding {
            Finding::Allow => json!({ "rule": name, "finding": "ok" }),
            Finding::Silent => json!({ "rule": name, "finding": "ok" }),
            Finding::Deny(reason) => json!({
                "rule": name,
                "finding": "not",
                "code": reasons::code(reason),
                "why": reasons::sentence(reason, board),
            }),
        }
    };
    let owner = |(user, stand): &(crate::gate::ids::UserId, Stand)| {
        let (word, why) = match stand {
            Stand::Counted => ("counted", Vec::new()),
            Stand::Missing => ("missing", Vec::new()),
            Stand::Cannot(why) => ("not_counted", why.clone()),
        };
        json!({
            "id": user,
            "login": board.owner(*user).map(|owner| &owner.login),
            "stands": word,
            "why": why,
        })
    };
    json!({
        "open": why.open && !judgements_unread,
        "rules": why.rules.iter().map(rule).collect::<Vec<_>>(),
        "owners": why.owners.iter().map(owner).collect::<Vec<_>>(),
    })
}
