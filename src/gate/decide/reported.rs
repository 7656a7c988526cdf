//! A resource server says what a credential did: its word, kept as such and never believed.
//!
//! Only of credentials that it was shown alive, and only inside their life; of every other one it
//! learns nothing, whether it is unknown, another's, or never was shown to it. What it may have
//! written down in a day is limited, and below the disk's reserve nothing of it is.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::actor::Actor;
use super::super::allowance::Allowance;
use super::super::audit::{Entry, REPORTED};
use super::super::credential::{Credential, CredentialStatus};
use super::super::identity::{Identity, IdentityStatus};
use super::super::key::Key;
use super::super::time::{after, rfc3339};
use super::super::uses::{REPORT_BYTES_A_DAY, REPORT_SKEW, Report, ReportRecord, Reported, Uses};
use super::super::world::encode;
use super::alone::{self, Home};
use super::uses::{AROUND, LINE};
use super::{Answer, Draft};

/// Writes down as many as fit into a line, and says what became of each of those.
pub(super) fn decide(draft: &mut Draft<'_>, client: &str, reports: &[Report]) {
    draft.cause("reported", json!({ "client": client }));
    let key = Key::reporter(client);
    let before: Allowance = draft.get_or_default(&key);
    let mut reporter = before.on(draft.now());
    let mut outcomes = Vec::new();
    let mut line = 0;
    for report in reports {
        let outcome = match judge(draft, client, report) {
            Ok((credential, home)) => {
                let entry = entry(client, report, &credential, &home);
                let record = ReportRecord {
                    line: draft.given.seq.0,
                };
                let at = Key::report(client, &report.event);
                let bytes = [json!(entry), json!(at), encode(&record)]
                    .map(|value| value.to_string().len())
                    .iter()
                    .sum::<usize>()
                    + AROUND;
                line += bytes;
                if line > LINE && !outcomes.is_empty() {
                    break;
                }
                if !reporter.take(bytes as u64, REPORT_BYTES_A_DAY) {
                    if outcomes.is_empty() {
                        draft.answer(Answer::TooMuch(reporter.next_day()));
                        return;
                    }
                    break;
                }
                draft.put(at, &record);
                draft.put(key.clone(), &reporter);
                draft.entry(entry);
                Reported::Accepted
            }
            Err(outcome) => outcome,
        };
        outcomes.push(outcome);
    }
    draft.answer(Answer::Reported(outcomes));
}

/// Whether a report is taken, and of what.
fn judge(draft: &Draft<'_>, client: &str, report: &Report) -> Result<(Credential, Home), Reported> {
    let known = draft.get::<ReportRecord>(&Key::report(client, &report.event));
    if known.is_some() {
        return Err(Reported::Known);
    }
    let found = report.credential.and_then(|number| {
        let credential = draft.get::<Credential>(&Key::credential(number))?;
        let home = alone::home(draft, &credential)?;
        let uses: Uses = draft.get_or_default(&Key::uses(number));
        let seen = report.seen || uses.clients.contains_key(client);
        let policy = &draft.given.policy;
        let shown = policy.shows(client, home.thread.repository, &home.environment);
        (seen && shown).then_some((credential, home))
    });
    let (credential, home) = found.ok_or(Reported::UnknownCredential)?;
    let until = end(&credential, home.identity.as_ref()).min(after(draft.now(), REPORT_SKEW));
    if report.at < credential.issued_at || report.at > until {
        return Err(Reported::OutsideItsLife);
    }
    Ok((credential, home))
}

/// When a credential ended or will end.
fn end(credential: &Credential, identity: Option<&Identity>) -> Timestamp {
    let own = match &credential.status {
        CredentialStatus::Revoked(ending) | CredentialStatus::Paused(ending) => ending.at,
        CredentialStatus::Grace(until) => *until,
        CredentialStatus::Pending(_) | CredentialStatus::Active(_) => credential.expires_at,
    };
    let whole = identity.map(|identity| match &identity.status {
        IdentityStatus::Revoked(ending) | IdentityStatus::Released(ending) => ending.at,
        IdentityStatus::Active | IdentityStatus::Paused(_) => identity.expires_at,
    });
    own.min(whole.unwrap_or(own)).min(credential.expires_at)
}

fn entry(client: &str, report: &Report, credential: &Credential, home: &Home) -> Entry {
    let mut said = report.action.clone();
    for (link, part) in [(" ", &report.object), (": ", &report.outcome)] {
        if let Some(part) = part {
            said = format!("{said}{link}{part}");
        }
    }
    let facts: Value = json!({
        "unverified_action": report.action,
        "unverified_object": report.object,
        "unverified_outcome": report.outcome,
        "unverified_at": rfc3339(report.at),
        "unverified_event_id": report.event_id,
    });
    let actor = Actor::Client(client.to_owned());
    let entry = Entry::new(REPORTED, actor, format!("{client} says: {said}")).with_facts(facts);
    home.about(entry, credential.number)
}
