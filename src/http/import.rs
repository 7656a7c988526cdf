//! `POST /import` on the admin socket: an operator hands in a file of secrets from before.
//!
//! The file is read whole or not at all. Its hashes become MACs here, and nothing else of them goes on.
//! The host speaks for every operator, everybody else for itself. With `dry_run` the same decision is made
//! and thrown away.

use std::collections::BTreeMap;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use zeroize::Zeroizing;

use super::body;
use super::decided::{decided, from_forge};
use super::gateway::Gateway;
use super::operator::Caller;
use super::operator::rehearsal::{describe, rehearsed};
use super::problem::ApiError;
use crate::gate::decide::Answer;
use crate::gate::event::Event;
use crate::gate::evidence::{Needs, Reads};
use crate::gate::ids::{IssueNumber, RequestNumber};
use crate::gate::import::{Import, Line};
use crate::gate::operator::Right;
use crate::gate::policy::Board;
use crate::secret::legacy::{LARGEST_FILE, LegacyLine, read};
use crate::secret::pepper::Peppers;

/// What an operator of this host may hand in.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/import").route(web::post().to(import)));
}

/// What the address says beside the file.
struct Named {
    board: String,
    issue: IssueNumber,
    operator: String,
    dry_run: bool,
}

/// Answers an operator.
async fn import(
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let named = named(request.query_string())?;
    let by = caller.naming(&named.operator, Right::Request).await?;
    let policy = bot.core.policy();
    let board = policy
        .boards
        .values()
        .find(|board| board.name == named.board && by.reaches(&policy, board.repository_id))
        .ok_or_else(|| ApiError::BadRequest("there is no board of that name".to_owned()))?;
    let file = body::read(&request, payload, LARGEST_FILE).await?;
    let file = Zeroizing::new(file.to_vec());
    let read = match read(&file, &board.scopes, gateway.clock.now()) {
        Ok(read) => read,
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return Ok(HttpResponse::UnprocessableEntity().json(json!({ "faults": faults })));
        }
    };
    let lines = read.lines.iter().map(|line| known(line, &gateway.peppers));
    let import = Import {
        by,
        board: board.repository_id,
        issue: named.issue,
        file: read.digest.clone(),
        lines: lines.collect(),
        reads: Box::default(),
    };
    handed_in(&gateway, board, import, named.dry_run).await
}

/// A line without its hash.
fn known(line: &LegacyLine, peppers: &Peppers) -> Line {
    Line {
        macs: line.hash.macs(peppers),
        pepper_id: peppers.pepper_id().to_owned(),
        label: line.label.clone(),
        scopes: line.scopes.clone(),
        expires_at: line.expires_at,
        identity: line.identity.clone(),
    }
}

/// Reads board, issue and operator, and whether it is a dry run; each once, and nothing else.
fn named(query: &str) -> Result<Named, ApiError> {
    let bad = || {
        let all = "give `board`, `issue` and `operator`, perhaps `dry_run` (true or false), and nothing else";
        ApiError::BadRequest(all.to_owned())
    };
    let mut pairs = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if pairs.insert(key.into_owned(), value.into_owned()).is_some() {
            return Err(bad());
        }
    }
    let mut take = |key: &str| pairs.remove(key).ok_or_else(bad);
    let (board, issue, operator) = (take("board")?, take("issue")?, take("operator")?);
    let dry_run = match pairs.remove("dry_run").as_deref() {
        Some("true") => true,
        Some("false") | None => false,
        Some(_) => return Err(bad()),
    };
    let issue = issue.parse::<i64>().ok().filter(|issue| *issue > 0);
    match issue {
        Some(issue) if pairs.is_empty() => Ok(Named {
            board,
            issue: IssueNumber(issue),
            operator,
            dry_run,
        }),
        Some(_) | None => Err(bad()),
    }
}

/// Has it decided, or in a dry run only looks what would be.
async fn handed_in(
    gateway: &Gateway,
    board: &Board,
    import: Import,
    dry_run: bool,
) -> Result<HttpResponse, ApiError> {
    let bot = gateway.bot()?;
    let event = |reads: &Reads| {
        let mut import = import.clone();
        *import.reads = reads.clone();
        Event::Import(Box::new(import))
    };
    let gather = async |needs: Needs, reads: &mut Reads| {
        from_forge(bot, board.repository_id, &needs, reads, "an import").await
    };
    let asked = |number: RequestNumber| {
        json!({
            "request": number.to_string(),
            "lines": import.lines.len(),
            "file": import.file.as_str(),
        })
    };
    if dry_run {
        let decision = rehearsed(bot, event, gather).await?;
        return match &decision.answer {
            Answer::Import(Ok(number)) => {
                let mut answer = asked(*number);
                answer["dry_run"] = json!(true);
                answer["would"] = describe(&decision, &bot.core.policy());
                Ok(HttpResponse::Ok().json(answer))
            }
            Answer::Import(Err(why)) => Err(ApiError::Shut(why.clone())),
            _ => Err(ApiError::Unhealthy),
        };
    }
    match decided(bot, event, gather).await? {
        Answer::Import(Ok(number)) => Ok(HttpResponse::Accepted().json(asked(number))),
        Answer::Import(Err(why)) => Err(ApiError::Shut(why)),
        _ => Err(ApiError::Unhealthy),
    }
}
