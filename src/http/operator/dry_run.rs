//! `POST /v1/dry-run`: what would come of a comment, if somebody wrote it in a thread now.
//!
//! Invariant: nothing is written, nothing is minted and nobody is told. One-time codes and signatures
//! are taken out of the text before anything looks at it, so that the answer is the same whatever they
//! are: an operator's token must not become a way to try codes.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Caller;
use super::orders::{bad, ok, read};
use super::rehearsal::{Overlay, describe, rehearse};
use crate::bot::Bot;
use crate::gate::decide::{Answer, Decision, Step, Taken};
use crate::gate::event::{Arrival, Event};
use crate::gate::evidence::{Candidate, FoundComment, Need, Needs, ReadComment, Reads};
use crate::gate::ids::{CommentId, Hash, IssueNumber, Mac, ThreadKey, UserId};
use crate::gate::operator::Right;
use crate::gate::policy::{Board, Policy};
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;

/// The id of the comment that nobody wrote: higher than any that there will be.
const NOBODYS: i64 = i64::MAX - 1;
/// Rounds of reading.
const ROUNDS: usize = 8;
/// Where an armored signature begins.
const ARMOR: &str = "-----BEGIN SSH SIGNATURE-----";

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    board: String,
    issue: i64,
    author_id: i64,
    comment: String,
}

/// Answers.
pub(super) async fn dry_run(
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Right::Read).await?;
    let asked: Asked = read(&request, payload).await?;
    let bot = gateway.bot()?;
    let policy = bot.core.policy();
    let mut boards = policy.boards.values();
    let board = boards
        .find(|board| board.name == asked.board && caller.reaches(&policy, board.repository_id))
        .ok_or_else(|| ApiError::Unknown("there is no such board".to_owned()))?;
    let author = UserId(asked.author_id);
    if !author.is_somebody() || asked.issue < 1 || asked.comment.is_empty() {
        return Err(bad(
            "give `board`, `issue`, `author_id` (the forge's numeric id) and `comment`",
        ));
    }
    let thread = ThreadKey {
        repository: board.repository_id,
        issue: IssueNumber(asked.issue),
    };
    let text = without_signature(&asked.comment);
    let arrival = bot.would_arrive(thread, author, NOBODYS, &text);
    let comment = written(board, thread, author, &text, bot.clock.now());
    let answer = play(bot, &policy, board, arrival, comment).await?;
    Ok(ok(answer))
}

/// The text without what a signature stands in.
fn without_signature(text: &str) -> String {
    let Some(armor) = text.find(ARMOR) else {
        return text.to_owned();
    };
    let head = &text[..armor];
    // Its fence, if it has one, goes with it; whatever follows a signature is no part of a command.
    let cut = head.trim_end().strip_suffix("```").unwrap_or(head);
    cut.trim_end().to_owned()
}

/// The comment as the forge would show it.
fn written(
    board: &Board,
    thread: ThreadKey,
    author: UserId,
    text: &str,
    now: Timestamp,
) -> FoundComment {
    let owner = board.owner(author);
    FoundComment {
        author: Some(author),
        login: owner.map_or_else(|| format!("user {author}"), |owner| owner.login.clone()),
        issue: thread.issue,
        body: Hash::of(text.as_bytes()),
        created_at: now,
        updated_at: now,
        marker: None,
    }
}

/// Takes the comment in and decides it, on records that are thrown away.
async fn play(
    bot: &Bot,
    policy: &Policy,
    board: &Board,
    arrival: Arrival,
    comment: FoundComment,
) -> Result<Value, ApiError> {
    let event = Event::Arrived(Box::new(arrival));
    let (step, mut overlay) = rehearse(bot, event, Overlay::new()).await?;
    let Step::Decided(taken) = step else {
        return Err(ApiError::Unhealthy);
    };
    let line = match taken.answer {
        Answer::Taken(Taken::Waits { line, .. }) => line,
        Answer::Taken(Taken::Stranger) => {
            return Ok(nothing(
                "whoever is no owner here and may not ask is not answered",
            ));
        }
        _ => return Ok(nothing("it is no command")),
    };
    overlay.extend(
        taken
            .changes
            .iter()
            .map(|change| (change.key.clone(), change.value.clone())),
    );
    let mut reads = Reads::default();
    for _ in 0..ROUNDS {
        let event = Event::Waiting {
            line,
            reads: Box::new(reads.clone()),
        };
        let (step, kept) = rehearse(bot, event, overlay).await?;
        overlay = kept;
        match step {
            Step::Decided(decision) => return Ok(decided(&decision, policy)),
            Step::Wait(until) => {
                return Ok(nothing(&format!("it would wait until {until}")));
            }
            Step::Gather(needs) => gather(bot, board, &needs, &mut reads, &comment).await?,
            Step::Load(_) | Step::Unreadable(_) => return Err(ApiError::Unhealthy),
        }
    }
    Err(ApiError::Unhealthy)
}

/// Reads what the decision wants to know. The comment is the one that nobody wrote, and what would be
/// minted is not.
async fn gather(
    bot: &Bot,
    board: &Board,
    needs: &Needs,
    reads: &mut Reads,
    comment: &FoundComment,
) -> Result<(), ApiError> {
    let mut outside = Needs::new();
    for need in bot.look_up(needs, reads)? {
        match need {
            Need::Comment(CommentId(NOBODYS)) => {
                let found = ReadComment::Found(comment.clone());
                reads.comments.insert(CommentId(NOBODYS), found);
            }
            Need::Candidate {
                request,
                slug,
                recipient,
            } => {
                reads.candidate = Some(Candidate {
                    request,
                    slug,
                    recipient,
                    mac: Mac::new(&[0; 32]),
                    pepper_id: String::new(),
                    sealed: String::new(),
                });
            }
            other => {
                outside.insert(other);
            }
        }
    }
    if outside.is_empty() {
        return Ok(());
    }
    let gathered = bot.gatherer.gather(board.repository_id, &outside, reads);
    gathered.await.map_err(|error| {
        tracing::warn!(%error, "cannot read what a dry run rests on");
        ApiError::ForgeAway
    })
}

fn nothing(why: &str) -> Value {
    json!({
        "dry_run": true,
        "verb": null,
        "outcome": "nothing",
        "said": why,
        "not_checked": ["code", "signature"],
        "would": { "entries": [], "comments": [], "records": [] },
    })
}

/// The decision in words.
fn decided(decision: &Decision, policy: &Policy) -> Value {
    let (verb, outcome) = match decision.answer {
        Answer::Decided { verb, outcome } => (verb, outcome),
        _ => ("none", "nothing"),
    };
    let would = describe(decision, policy);
    let comments = would["comments"].as_array();
    let said: Vec<&str> = comments
        .into_iter()
        .flatten()
        .filter_map(|comment| comment["text"].as_str())
        .collect();
    json!({
        "dry_run": true,
        "verb": verb,
        "outcome": outcome,
        "said": said.join("\n\n"),
        "not_checked": ["code", "signature"],
        "would": would,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_signature_is_left_in_what_is_looked_at() {
        let line = "/gate approve R1 7Q4K-9MZT-0XHV scopes=board:read ttl=8h";
        for armor in [
            format!("\n\n```\n{ARMOR}\nU1NIU0lH\n-----END SSH SIGNATURE-----\n```\n"),
            format!("\n{ARMOR}\nU1NI"),
            format!("\n\n```\n{ARMOR}\n{ARMOR}"),
        ] {
            assert_eq!(without_signature(&format!("{line}{armor}")), line);
        }
        assert_eq!(without_signature(line), line);
    }
}
