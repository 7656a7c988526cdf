//! The two comments of a normal life: the summary of a request, and the credential.

use std::collections::BTreeSet;

use super::super::credential::Credential;
use super::super::identity::Identity;
use super::super::ids::{Seq, Slug, UserId};
use super::super::policy::{Board, Gate};
use super::super::request::Request;
use super::super::time::{instant, span};
use super::escape::{foreign, login, mention};
use super::machine::Block;
use super::reasons::codes;
use super::{comment, fence};

/// The exact line that approves a request as it was asked.
pub fn approve_line(request: &Request) -> String {
    let scopes: Vec<&str> = request.effect.scopes.iter().map(String::as_str).collect();
    format!(
        "/gate approve {} {} scopes={} ttl={}",
        request.number,
        request.code(),
        scopes.join(","),
        span(request.effect.ttl)
    )
}

/// Shows a request to its owners; only those who can still open the gate are mentioned, once.
pub fn summary(
    request: &Request,
    board: &Board,
    gate: &Gate,
    identity: Option<&Identity>,
    advice: &[String],
    could_approve: &[UserId],
    seq: Seq,
) -> String {
    let wanted = &request.effect;
    let approve = approve_line(request);
    let mut lines = vec![
        format!(
            "**{} · {} asks for `{}`** · {}",
            request.number,
            foreign(&request.asker_login, 40),
            wanted.identity,
            wanted.environment
        ),
        format!(
            "- may {} in {}, for {}",
            codes(&wanted.scopes),
            foreign(&board.workspace, 80),
            spoken(wanted.ttl)
        ),
    ];
    for (name, list) in [("resources", &wanted.resources), ("modes", &wanted.modes)] {
        if let Some(list) = list {
            lines.push(format!("- only {name} {}", codes(list)));
        }
    }
    lines.push(format!(
        "- {}; sealed to `{}`",
        standing(request, identity),
        short_recipient(&wanted.recipient)
    ));
    if let Some(name) = &request.display_name {
        lines.push(format!("- called {}", foreign(name, 80)));
    }
    if let Some(reason) = &request.reason {
        lines.push(format!("- says: {}", foreign(reason, 500)));
    }
    lines.extend(advice.iter().cloned());
    let owners: Vec<String> = could_approve
        .iter()
        .filter_map(|user| board.owner(*user))
        .map(|owner| mention(&owner.login))
        .collect();
    let needed = match gate.quorum {
        1 => "one".to_owned(),
        more => more.to_string(),
    };
    lines.push(format!(
        "- needs {needed} of {}, by {}",
        owners.join(" "),
        instant(request.ends_at)
    ));
    lines.extend(pause(gate));
    lines.extend(hours(gate));
    lines.extend(judgement(board, gate));
    let text = format!(
        "{}\n\n{}\nor `/gate deny {}`",
        lines.join("\n"),
        fence(&approve),
        request.number
    );
    let block = Block::request(request, &wanted.environment, &approve);
    comment(&text, block, seq)
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

/// Delivers a credential.
pub fn credential(
    credential: &Credential,
    slug: &Slug,
    asker: &str,
    approvers: &[&str],
    sealed: &str,
    pending_until: jiff::Timestamp,
    seq: Seq,
) -> String {
    let by: Vec<String> = approvers.iter().map(|name| login(name)).collect();
    let text = format!(
        "**{} approved by {}: `{slug}` {}** · {} · ends {}\n{}: open it and use it by {}. To take it back: `/gate revoke {slug}`\n<details><summary>sealed file</summary>\n\n```\n{}\n```\n</details>",
        credential.request,
        by.join(" and "),
        credential.number,
        codes(&credential.scopes),
        instant(credential.expires_at),
        foreign(asker, 40),
        instant(pending_until),
        sealed.trim_end()
    );
    comment(&text, Block::credential(credential, slug), seq)
}

/// `8 h`, `7 d`: a span with a blank, for sentences.
fn spoken(seconds: u64) -> String {
    let text = span(seconds);
    let (number, unit) = text.split_at(text.len() - 1);
    format!("{number} {unit}")
}

/// `age1q…x7`: enough to compare at a glance; the digest covers the whole.
fn short_recipient(recipient: &str) -> String {
    let end = recipient.len().saturating_sub(2);
    match (recipient.get(..5), recipient.get(end..)) {
        (Some(head), Some(tail)) => format!("{head}…{tail}"),
        _ => recipient.to_owned(),
    }
}
