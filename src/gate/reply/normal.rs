//! The two comments of a normal life: the summary of a request, and the credential.

use std::collections::BTreeSet;

use super::super::command::Vouched;
use super::super::credential::Credential;
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{Seq, Slug, UserId};
use super::super::policy::{Board, Factor, Gate, STRICTEST};
use super::super::request::{Action, Request};
use super::super::signed::vouched;
use super::super::time::{instant, span};
use super::escape::{foreign, login, mention};
use super::machine::Block;
use super::people::mentions;
use super::reasons::codes;
use super::{comment, fence, imports};

/// The exact line that approves a request as it was asked.
pub fn approve_line(request: &Request) -> String {
    let wanted = &request.effect;
    let mut line = format!("/gate approve {} {}", request.number, request.code());
    if !wanted.scopes.is_empty() {
        let scopes: Vec<&str> = wanted.scopes.iter().map(String::as_str).collect();
        line.push_str(&format!(" scopes={}", scopes.join(",")));
    }
    if let Some(ttl) = wanted.ttl {
        line.push_str(&format!(" ttl={}", span(ttl)));
    }
    line
}

/// What is asked for, in a few words.
pub fn asks(request: &Request) -> String {
    let name = request
        .effect
        .identity
        .as_ref()
        .map_or_else(|| "the board".to_owned(), |slug| format!("`{slug}`"));
    match (request.action, request.effect.predecessor) {
        (Action::Rotate, Some(old)) => format!("asks for a successor of {name} {old}"),
        (Action::Issue | Action::Rotate, _) => format!("asks for {name}"),
        (Action::Resume, _) => format!("asks to resume {name}"),
        (Action::Import, _) => {
            let lines = request
                .effect
                .import
                .as_ref()
                .map_or(0, |import| import.lines);
            match lines {
                1 => "asks that a secret from before works here".to_owned(),
                lines => format!("asks that {lines} secrets from before work here"),
            }
        }
        (Action::Link, _) => {
            let alive = request.effect.alive.first();
            let number = alive.map_or_else(String::new, |alive| alive.credential.to_string());
            format!("asks that {number} becomes {name}'s")
        }
        (Action::Thaw, _) => "asks that this board goes on".to_owned(),
        (Action::Own, _) => format!("asks to own {name}"),
    }
}

/// Who asks and what for; an operator asks as an account of the forge.
fn who_asks(request: &Request) -> String {
    let asker = foreign(&request.asker_login, 40);
    let asks = asks(request);
    match (&request.source.operator, asks.strip_prefix("asks ")) {
        (Some(operator), Some(what)) => {
            format!(
                "{} (operator) asks as {asker} {what}",
                foreign(operator, 40)
            )
        }
        _ => format!("{asker} {asks}"),
    }
}

/// What a summary is written with beside its request.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The board.
    pub board: &'a Board,
    /// The gate.
    pub gate: &'a Gate,
    /// The newest identity of that name.
    pub identity: Option<&'a Identity>,
    /// What the judges advise.
    pub advice: &'a [String],
    /// Who could still approve.
    pub could_approve: &'a [UserId],
    /// Where approvers reach the bot.
    pub bot: &'a str,
}

/// Shows a request to its owners; only those who can still open the gate are mentioned, once.
pub fn summary(request: &Request, shown: &Asked<'_>, seq: Seq) -> String {
    let Asked { board, gate, .. } = *shown;
    let wanted = &request.effect;
    let approve = approve_line(request);
    let place = match wanted.environment.as_str() {
        STRICTEST => "all gates of the board together",
        environment => environment,
    };
    let mut lines = vec![format!(
        "**{} · {}** · {place}",
        request.number,
        who_asks(request)
    )];
    lines.extend(what(request, board, shown.identity));
    for (name, list) in [("resources", &wanted.resources), ("modes", &wanted.modes)] {
        if let Some(list) = list {
            lines.push(format!("- only {name} {}", codes(list)));
        }
    }
    lines.extend(destination(request, shown.identity));
    if let Some(name) = &request.display_name {
        lines.push(format!("- called {}", foreign(name, 80)));
    }
    if let Some(reason) = &request.reason {
        lines.push(format!("- says: {}", foreign(reason, 500)));
    }
    lines.extend(shown.advice.iter().cloned());
    lines.push(needed(request, shown));
    lines.extend(pause(gate));
    lines.extend(hours(gate));
    lines.extend(judgement(board, gate));
    lines.extend(factors(request, board, gate));
    let line = if gate.factors.contains(&Factor::Signature) {
        format!(
            "ownergate approve --bot {} {} {}",
            shown.bot,
            request.number,
            request.code()
        )
    } else {
        approve.clone()
    };
    let text = format!(
        "{}\n\n{}\nor `/gate deny {}`",
        lines.join("\n"),
        fence(&line),
        request.number
    );
    let block = Block::request(request, &wanted.environment, &approve);
    comment(&text, block, seq)
}

/// How many of whom have to approve, and until when.
fn needed(request: &Request, shown: &Asked<'_>) -> String {
    let could = shown.could_approve;
    let owners = mentions(shown.board, could.iter().copied());
    let needed = match (shown.gate.quorum, could.len()) {
        (1, 1) => String::new(),
        (1, _) => "one of ".to_owned(),
        (more, _) => format!("{more} of "),
    };
    format!(
        "- needs {needed}{}, by {}",
        owners,
        instant(request.ends_at)
    )
}

/// What would come alive, line by line.
fn what(request: &Request, board: &Board, identity: Option<&Identity>) -> Vec<String> {
    let wanted = &request.effect;
    let workspace = foreign(&board.workspace, 80);
    match request.action {
        Action::Issue | Action::Rotate => vec![format!(
            "- may {} in {workspace}, for {}",
            codes(&wanted.scopes),
            spoken(wanted.ttl.unwrap_or(0))
        )],
        Action::Resume => {
            let mut lines = vec![format!("- may {} in {workspace}", codes(&wanted.scopes))];
            if wanted.alive.is_empty() {
                lines.push("- no credential of it lives; none would work again".to_owned());
            }
            lines.extend(wanted.alive.iter().map(|alive| {
                format!(
                    "- {} would work again: {}, until {}",
                    alive.credential,
                    codes(&alive.scopes),
                    instant(alive.ends)
                )
            }));
            if let Some(IdentityStatus::Paused(ending)) = identity.map(|one| &one.status) {
                lines.push(format!(
                    "- paused since {}: {}",
                    instant(ending.at),
                    foreign(&ending.why, 200)
                ));
            }
            lines
        }
        Action::Import => imports::what(request, board),
        Action::Link => imports::what_is_linked(request, board),
        Action::Thaw => {
            let since = wanted.since.map(instant).unwrap_or_default();
            vec![format!(
                "- stands still since {since}; everything that stood still then and was not ended since would work again"
            )]
        }
        Action::Own => {
            let before = identity.map(|identity| identity.owner);
            let before = before.and_then(|owner| board.owner(owner));
            let before = before.map_or_else(
                || "somebody who is no owner any more".to_owned(),
                |owner| login(&owner.login),
            );
            vec![format!(
                "- owner now: {before}; what it may do stays the same"
            )]
        }
    }
}

/// Where the token would go.
fn destination(request: &Request, identity: Option<&Identity>) -> Option<String> {
    let wanted = &request.effect;
    let to = match (&wanted.recipient, &wanted.challenge) {
        (Some(recipient), _) => format!("sealed to `{}`", short(recipient)),
        (None, Some(challenge)) => format!("claimed with the verifier of `{}`", short(challenge)),
        (None, None) => return None,
    };
    let standing = match wanted.predecessor {
        Some(old) => format!("{old} goes on until a grace after the new one is first used"),
        None => standing(request, identity),
    };
    Some(format!("- {standing}; {to}"))
}

/// What an approval has to bring beside the line.
fn factors(request: &Request, board: &Board, gate: &Gate) -> Vec<String> {
    let mut lines = Vec::new();
    if gate.factors.contains(&Factor::Code) {
        lines.push("- each approval brings a one-time code, `otp=123456` at its end".to_owned());
    }
    if gate.factors.contains(&Factor::Signature) {
        lines.push(
            "- each approval is signed with a key that my config names: the line below shows what is signed and prints the comment"
                .to_owned(),
        );
        let by = match vouched(request, board) {
            _ if !request.action.delivers() => return lines,
            Some(Vouched::Config) => "my config vouches for that key",
            Some(Vouched::Request | Vouched::Approver) => {
                "a key of the requester's vouches for that key"
            }
            None => {
                "nobody vouches for that key yet: whoever learnt it from the agent itself, and not here, adds `--recipient` and the key"
            }
        };
        lines.push(format!("- {by}"));
    }
    lines
}

/// The pause that a gate demands before an approval.
fn pause(gate: &Gate) -> Option<String> {
    let pause = spoken(gate.cooling_off?);
    Some(format!(
        "- an approval counts from {pause} after this comment"
    ))
}

/// The hours in which an approval counts.
fn hours(gate: &Gate) -> Option<String> {
    let hours = gate.open_hours.as_ref()?;
    Some(format!("- an approval counts {hours}"))
}

/// The judgement that a gate demands before an approval.
fn judgement(board: &Board, gate: &Gate) -> Option<String> {
    let judges = board.judges.values().map(|judge| mention(&judge.login));
    let judges: Vec<String> = judges.collect();
    gate.judge_required.then(|| {
        format!(
            "- an approval counts after a judgement of {} below this comment",
            judges.join(" or ")
        )
    })
}

/// New, again, or one more credential, with what would be new.
fn standing(request: &Request, identity: Option<&Identity>) -> String {
    match identity.filter(|identity| identity.is_living()) {
        None => "new identity".to_owned(),
        Some(identity) => {
            let new: BTreeSet<String> = request
                .effect
                .scopes
                .difference(&identity.scopes)
                .cloned()
                .collect();
            if new.is_empty() {
                "one more credential, nothing new in it".to_owned()
            } else {
                format!("one more credential, new for it: {}", codes(&new))
            }
        }
    }
}

/// What is said beside a sealed credential.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The identity's name.
    pub slug: &'a Slug,
    /// The asker's login, as it was when it asked; foreign text.
    pub asker: &'a str,
    /// The approvers, as configured.
    pub approvers: &'a str,
    /// The armored age file.
    pub sealed: &'a str,
    /// When it ends unless it is used by then.
    pub pending_until: jiff::Timestamp,
    /// Seconds that its predecessor lives on after its first use.
    pub grace: u64,
}

/// Delivers a credential.
pub fn credential(credential: &Credential, with: &Delivery<'_>, seq: Seq) -> String {
    let slug = with.slug;
    let old = credential.predecessor.map_or_else(String::new, |old| {
        format!(" {old} works until {} after that.", spoken(with.grace))
    });
    let text = format!(
        "**{} approved by {}: `{slug}` {}** · {} · ends {}\n{}: open it and use it by {}.{old} To take it back: `/gate revoke {slug}`\n<details><summary>sealed file</summary>\n\n```\n{}\n```\n</details>",
        credential.request,
        with.approvers,
        credential.number,
        codes(&credential.scopes),
        instant(credential.expires_at),
        foreign(with.asker, 40),
        instant(with.pending_until),
        with.sealed.trim_end()
    );
    comment(&text, Block::credential(credential, slug), seq)
}

/// `8 h`, `7 d`: a span with a blank, for sentences.
pub(super) fn spoken(seconds: u64) -> String {
    let text = span(seconds);
    let (number, unit) = text.split_at(text.len() - 1);
    format!("{number} {unit}")
}

/// `age1q…x7`: enough to compare at a glance; the digest covers the whole.
fn short(recipient: &str) -> String {
    let end = recipient.len().saturating_sub(2);
    match (recipient.get(..5), recipient.get(end..)) {
        (Some(head), Some(tail)) => format!("{head}…{tail}"),
        _ => recipient.to_owned(),
    }
}
