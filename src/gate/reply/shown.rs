//! What the reading commands show: an identity, the board's numbers, the verbs.

use jiff::Timestamp;
use serde_json::json;

use super::super::command::VERBS;
use super::super::credential::Credential;
use super::super::identity::Identity;
use super::super::ids::{Seq, UserId};
use super::super::policy::Board;
use super::super::request::Request;
use super::super::thread::BoardState;
use super::super::time::{instant, rfc3339};
use super::escape::{foreign, login};
use super::machine::Block;
use super::reasons::codes;
use super::{asks, comment};

/// Shows an identity: never anything secret, and of its history only verbs, times and counts.
pub fn inspection(
    identity: &Identity,
    credentials: &[Credential],
    open: &[Request],
    advice: &[String],
    board: &Board,
    now: Timestamp,
    seq: Seq,
) -> String {
    let word = identity.word(now);
    let mut lines = vec![
        format!(
            "**`{}`** · {word} · {}",
            identity.slug, identity.environment
        ),
        format!("- may {}", codes(&identity.scopes)),
        format!(
            "- owner {}, asked for by {}; ends {}",
            person(board, identity.owner),
            person(board, identity.requester),
            instant(identity.expires_at)
        ),
    ];
    for credential in credentials {
        let label = match &credential.label {
            Some(label) => format!(" {}", foreign(label, 80)),
            None => String::new(),
        };
        lines.push(format!(
            "- {}{label}: {}, {}, ends {}",
            credential.number,
            credential.word(now),
            codes(&credential.scopes),
            instant(credential.expires_at.min(identity.expires_at))
        ));
    }
    for request in open {
        lines.push(format!(
            "- {} is open until {}",
            request.number,
            instant(request.ends_at)
        ));
    }
    lines.extend(advice.iter().cloned());
    let recent: Vec<String> = identity
        .recent
        .entries()
        .iter()
        .rev()
        .map(|entry| format!("{} {}", instant(entry.at), entry.code.replace('_', " ")))
        .collect();
    lines.push(format!("- lately: {}", recent.join(" · ")));
    let block = Block::inspection(json!({
        "identity": identity.slug,
        "status": word,
        "environment": identity.environment,
        "scopes": identity.scopes,
        "expires_at": rfc3339(identity.expires_at),
        "credentials": credentials.iter().map(|credential| json!({
            "credential": credential.number.to_string(),
            "status": credential.word(now),
            "scopes": credential.scopes,
            "expires_at": rfc3339(credential.expires_at.min(identity.expires_at)),
        })).collect::<Vec<_>>(),
        "requests": open.iter().map(|request| request.number.to_string()).collect::<Vec<_>>(),
    }));
    comment(&lines.join("\n"), block, seq)
}

/// A person by the configured login, otherwise by number.
fn person(board: &Board, user: UserId) -> String {
    match board.owner(user) {
        Some(owner) => login(&owner.login),
        None => format!("user {user}"),
    }
}

/// Shows the open requests and how many identities there are, by status; slugs only where the
/// config allows them.
pub fn list(state: &BoardState, open: &[Request], board: &Board, seq: Seq) -> String {
    let mut lines = vec![format!("**{}** · {} open requests", board.name, open.len())];
    for request in open.iter().take(20) {
        let named = if board.list_in_thread {
            format!(" {}", asks(request))
        } else {
            String::new()
        };
        lines.push(format!(
            "- {}{named} in {}, until {}",
            request.number,
            request.thread.issue,
            instant(request.ends_at)
        ));
    }
    if open.len() > 20 {
        lines.push(format!("- and {} more", open.len() - 20));
    }
    let counts: Vec<String> = state
        .identities
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if counts.is_empty() {
        lines.push("- no identities yet".to_owned());
    } else {
        lines.push(format!("- identities: {}", counts.join(", ")));
    }
    comment(&lines.join("\n"), Block::notice(), seq)
}

/// Shows how commands are written: all of them, or one.
pub fn help(verb: Option<&str>, board: &Board, seq: Seq) -> String {
    let verb = verb.and_then(|verb| {
        VERBS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(verb))
    });
    let shown: Vec<&str> = match verb {
        Some(verb) => vec![verb],
        None => VERBS.to_vec(),
    };
    let lines: Vec<String> = shown.into_iter().map(|verb| usage(verb, board)).collect();
    comment(&lines.join("\n"), Block::notice(), seq)
}

fn usage(verb: &str, board: &Board) -> String {
    let scopes: Vec<&str> = board.scopes.iter().map(String::as_str).take(2).collect();
    let scopes = scopes.join(",");
    match verb {
        "request" => format!(
            "- `/gate request identity=codex-* scopes={scopes} ttl=8h environment={} recipient=age1… reason=\"…\"`, or `/gate request` and one fenced `toml` block with these keys",
            board.default_environment()
        ),
        "approve" => format!(
            "- `/gate approve R17 7Q4K-9MZT-0XHV scopes={scopes} ttl=8h` (owners; copy the line from the summary; fewer scopes or a shorter ttl are fine)"
        ),
        "resume" => "- `/gate resume codex-7f3a` (owners and the requester, in the identity's thread: asks that a paused identity works again)".to_owned(),
        "narrow" => format!(
            "- `/gate narrow codex-7f3a scopes={scopes} [ttl=2h] [resources=…] [modes=…] [reason]` (owners; the requester in the identity's own thread; at once, and only ever less)"
        ),
        "rotate" => "- `/gate rotate codex-7f3a [c2] [recipient=age1…]` (owners and the requester, in the identity's thread: asks for a successor)".to_owned(),
        "own" => "- `/gate own codex-7f3a` (owners, in the identity's thread: asks to be its owner)".to_owned(),
        "freeze" => "- `/gate freeze [reason]` (owners: the whole board stands still, at once)".to_owned(),
        "thaw" => "- `/gate thaw` (owners: asks that the board goes on)".to_owned(),
        "deny" => "- `/gate deny R17 [reason]` (owners)".to_owned(),
        "withdraw" => "- `/gate withdraw [R17]` (whoever asked)".to_owned(),
        "revoke" => "- `/gate revoke codex-7f3a [c2] [reason]` (owners; the requester in the identity's own thread)".to_owned(),
        "pause" => "- `/gate pause codex-7f3a [reason]` (owners; the requester in the identity's own thread)".to_owned(),
        "release" => "- `/gate release codex-7f3a [reason]` (the requester in the identity's own thread: gives it back)".to_owned(),
        "inspect" => "- `/gate inspect codex-7f3a`".to_owned(),
        "list" => "- `/gate list` (owners)".to_owned(),
        _ => "- `/gate help [verb]`".to_owned(),
    }
}
