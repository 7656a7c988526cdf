//! What the reading commands show: an identity, the board's numbers, the verbs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::super::command::VERBS;
use super::super::credential::{Credential, CredentialKind};
use super::super::evidence::History;
use super::super::identity::Identity;
use super::super::ids::{CredentialNumber, Seq, UserId};
use super::super::policy::Board;
use super::super::request::Request;
use super::super::thread::BoardState;
use super::super::time::{instant, rfc3339};
use super::audited::row;
use super::escape::{foreign, login};
use super::machine::Block;
use super::people::person;
use super::reasons::codes;
use super::{asks, comment};

/// What is shown of an identity.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The identity.
    pub identity: &'a Identity,
    /// Its newest credentials.
    pub credentials: &'a [Credential],
    /// When each was last used.
    pub last_uses: &'a BTreeMap<CredentialNumber, Option<Timestamp>>,
    /// Open requests that name it.
    pub open: &'a [Request],
    /// What its requester was called when it asked, if that is known.
    pub asker: Option<&'a str>,
    /// What happened lately.
    pub history: &'a History,
    /// What judges advise, a line each.
    pub advice: &'a [String],
    /// Its board.
    pub board: &'a Board,
}

impl Shown<'_> {
    fn last_use(&self, credential: &Credential) -> Option<Timestamp> {
        self.last_uses.get(&credential.number).copied().flatten()
    }

    /// Its own lines: what it may do, whose it is, when it was used.
    fn identity_lines(&self, now: Timestamp) -> Vec<String> {
        let identity = self.identity;
        let mut first = format!(
            "**`{}`** · {} · {}",
            identity.slug,
            identity.word(now),
            identity.environment
        );
        if let Some(name) = &identity.display_name {
            first.push_str(&format!(" · {}", foreign(name, 80)));
        }
        let mut may = format!("- may {}", codes(&identity.scopes));
        for (what, names) in [("for", &identity.resources), ("as", &identity.modes)] {
            if let Some(names) = names {
                let names: Vec<String> = names.iter().map(|name| foreign(name, 40)).collect();
                may.push_str(&format!(", {what} {}", names.join(" ")));
            }
        }
        let last = self.credentials.iter().filter_map(|it| self.last_use(it));
        let used = match last.max() {
            Some(at) => format!("- last used {}", instant(at)),
            None => "- not used yet".to_owned(),
        };
        let rotated = match identity.last_rotated {
            Some(at) => format!("; last rotated {}", instant(at)),
            None => String::new(),
        };
        vec![
            first,
            may,
            format!(
                "- owner {}, asked for by {}; ends {}",
                person(self.board, identity.owner),
                asker(self.board, identity.requester, self.asker),
                instant(identity.expires_at)
            ),
            format!("{used}{rotated}"),
        ]
    }

    fn credential_line(&self, credential: &Credential, now: Timestamp) -> String {
        let label = match &credential.label {
            Some(label) => format!(" {}", foreign(label, 80)),
            None => String::new(),
        };
        let used = match self.last_use(credential) {
            Some(at) if self.credentials.len() > 1 => format!(", last used {}", instant(at)),
            Some(_) | None => String::new(),
        };
        let before = match credential.kind {
            CredentialKind::Token => "",
            CredentialKind::Legacy => " from before",
        };
        format!(
            "- {}{label}: {}{before}, {}, ends {}{used}",
            credential.number,
            credential.word(now),
            codes(&credential.scopes),
            instant(credential.expires_at.min(self.identity.expires_at))
        )
    }

    fn block(&self, now: Timestamp) -> Block {
        let identity = self.identity;
        let last = self.credentials.iter().filter_map(|it| self.last_use(it));
        Block::inspection(json!({
            "identity": identity.slug,
            "status": identity.word(now),
            "environment": identity.environment,
            "scopes": identity.scopes,
            "resources": identity.resources,
            "modes": identity.modes,
            "owner_id": identity.owner,
            "requester_id": identity.requester,
            "expires_at": rfc3339(identity.expires_at),
            "last_used": last.max().map(rfc3339),
            "last_rotated": identity.last_rotated.map(rfc3339),
            "credentials": self.credentials.iter().map(|credential| json!({
                "credential": credential.number.to_string(),
                "label": credential.label,
                "status": credential.word(now),
                "scopes": credential.scopes,
                "expires_at": rfc3339(credential.expires_at.min(identity.expires_at)),
                "last_used": self.last_use(credential).map(rfc3339),
            })).collect::<Vec<_>>(),
            "requests": self.open.iter().map(|request| request.number.to_string()).collect::<Vec<_>>(),
        }))
    }
}

/// Shows an identity: never anything secret, and of its history only verbs, times and counts.
pub fn inspection(shown: &Shown<'_>, now: Timestamp, seq: Seq) -> String {
    let mut lines = shown.identity_lines(now);
    for credential in shown.credentials {
        lines.push(shown.credential_line(credential, now));
    }
    for request in shown.open {
        lines.push(format!(
            "- {} is open until {}",
            request.number,
            instant(request.ends_at)
        ));
    }
    lines.extend(shown.advice.iter().cloned());
    let lately: Vec<String> = shown
        .history
        .entries
        .iter()
        .map(|(at, entry)| row(*at, entry))
        .collect();
    lines.push(format!("- lately: {}", lately.join(" · ")));
    comment(&lines.join("\n"), shown.block(now), seq)
}

/// Who asked: the login is only how it was called then, so that the number stands beside it.
fn asker(board: &Board, user: UserId, called: Option<&str>) -> String {
    match called {
        Some(called) if board.owner(user).is_none() => format!("{} (user {user})", login(called)),
        Some(_) | None => person(board, user),
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
    if !state.alone.is_empty() {
        lines.push(format!(
            "- secrets from before without an identity: {}",
            state.alone.len()
        ));
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
        "link" => "- `/gate link c9 codex-7f3a` (owners, in the identity's thread: asks that a secret from before becomes that identity's)".to_owned(),
        "own" => "- `/gate own codex-7f3a` (owners, in the identity's thread: asks to be its owner)".to_owned(),
        "freeze" => "- `/gate freeze [reason]` (owners: the whole board stands still, at once)".to_owned(),
        "thaw" => "- `/gate thaw` (owners: asks that the board goes on)".to_owned(),
        "deny" => "- `/gate deny R17 [reason]` (owners)".to_owned(),
        "withdraw" => "- `/gate withdraw [R17]` (whoever asked)".to_owned(),
        "revoke" => "- `/gate revoke codex-7f3a [c2] [reason]` (owners; the requester in the identity's own thread)".to_owned(),
        "pause" => "- `/gate pause codex-7f3a [reason]` (owners; the requester in the identity's own thread)".to_owned(),
        "release" => "- `/gate release codex-7f3a [reason]` (the requester in the identity's own thread: gives it back)".to_owned(),
        "inspect" => "- `/gate inspect codex-7f3a`".to_owned(),
        "audit" => "- `/gate audit codex-7f3a [c2] [since=7d]` (owners; the requester in the identity's own thread)".to_owned(),
        "list" => "- `/gate list` (owners)".to_owned(),
        _ => "- `/gate help [verb]`".to_owned(),
    }
}
