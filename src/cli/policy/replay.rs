//! `ownergate policy replay`: every past request judged once more, and every live credential looked at,
//! under another configuration.
//!
//! Each request is first judged again under its own rules: where that does not give what was decided
//! then, something decided it that the journal does not keep, and it is said instead of guessed.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::report::tell;
use super::past::{Found, History};
use super::{Compared, policy, read};
use crate::cli::printable::printable;
use crate::cli::{admin, stored};
use crate::gate::approval::gate_hash;
use crate::gate::credential::Check;
use crate::gate::key::Table;
use crate::gate::policy::Policy;
use crate::gate::replay::Again;
use crate::gate::reply::reasons;
use crate::gate::request::{Request, RequestStatus};
use crate::gate::time::{rfc3339, span};
use crate::gate::verdict::Reason;
use crate::gate::world;

/// What no journal can tell.
const NOT_KEPT: [&str; 4] = [
    "requests that were refused when they were asked, and approvals that were not counted: the journal keeps that they were, not what they said",
    "what the forge showed then: logins, closed threads, edited texts; and the disk and the clock",
    "judgements, unless one had to let the request through then; one-time codes and signatures under keys that are new",
    "claims, and credentials that holders swapped themselves",
];

/// Runs the command. Exit code 1 if the new configuration has a fault.
pub(super) fn run(args: &Compared) -> anyhow::Result<ExitCode> {
    let (new, faults, _) = read(&args.new);
    let Some(new) = new.filter(|_| faults.is_empty()) else {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        bail!("the new configuration cannot be used\n{}", lines.join("\n"));
    };
    let current = admin::load(&args.config)?;
    let installation = stored::installation(&current)?;
    let history = History::read(&current.store.path, &installation)?;
    let before = history.in_force().with_context(|| {
        let path = current.store.path.display();
        format!("there is no policy in the journal in {path} yet: start the bot once")
    })?;
    let after = policy(&new, &before);
    let report = report(&history, &before, &after);
    tell(args.json, &report, show)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that would differ.
fn report(history: &History, before: &Policy, after: &Policy) -> Value {
    let now = history.last;
    let (mut differ, mut not_judged) = (Vec::new(), Vec::new());
    for found in history.requests.values() {
        let request = found.past.request.number;
        match compare(history, found, after) {
            Err(why) => not_judged.push(json!({ "request": request.to_string(), "why": why })),
            Ok(Some(difference)) => differ.push(difference),
            Ok(None) => {}
        }
    }
    let (live, credentials) = credentials(history, before, after, now);
    json!({
        "policy": { "in_force": before.hash(), "new": after.hash() },
        "as_of": rfc3339(now),
        "requests": history.requests.len(),
        "differ": differ,
        "live_credentials": live,
        "credentials": credentials,
        "approvals_void": approvals_void(history, after, now),
        "not_judged": not_judged,
        "approvals_not_counted": history.uncounted,
        "not_kept": NOT_KEPT,
    })
}

/// What is different about one request; an error where its own rules do not give what was decided.
fn compare(history: &History, found: &Found, after: &Policy) -> Result<Option<Value>, String> {
    let past = &found.past;
    let rules = history
        .rules_of(found)
        .ok_or("the rules that it was judged by are not in the journal")?;
    let was = past.again(rules);
    let granted = past.request.status == RequestStatus::Approved;
    if granted != matches!(was, Again::Granted { .. }) {
        let word = if granted { "granted" } else { "not granted" };
        return Err(format!(
            "it was {word}, and what the journal keeps of it says otherwise under its own rules: {}",
            told(&was, rules, &past.request)["text"]
                .as_str()
                .unwrap_or("-")
        ));
    }
    let now = past.again(after);
    if same(&was, &now) {
        return Ok(None);
    }
    let request = &past.request;
    Ok(Some(json!({
        "request": request.number.to_string(),
        "identity": request.effect.identity.as_ref().map(ToString::to_string),
        "action": request.action.word(),
        "environment": request.effect.environment,
        "repository_id": request.thread.repository,
        "issue": request.thread.issue,
        "at": rfc3339(past.at),
        "was": told(&was, rules, request),
        "now": told(&now, after, request),
    })))
}

/// True if nobody would notice a difference: the same is granted, or more approvals are waited for.
fn same(was: &Again, now: &Again) -> bool {
    let waits = |again: &Again| match again {
        Again::Shut { reasons, .. } => reasons.iter().all(|reason| {
            matches!(
                reason,
                Reason::MoreOwners { .. } | Reason::NobodyVouches | Reason::NoJudgement(_)
            )
        }),
        Again::Granted { .. } | Again::NotTaken(_) => false,
    };
    was == now || (waits(was) && waits(now))
}

/// An outcome for programs and, as `text`, for people.
fn told(again: &Again, policy: &Policy, request: &Request) -> Value {
    match again {
        Again::Granted { scopes, ttl } => {
            let life = if *ttl > 0 {
                format!(" for {}", span(*ttl))
            } else {
                String::new()
            };
            let text = format!("granted {}{life}", words(scopes));
            json!({ "granted": true, "scopes": scopes, "ttl": ttl, "text": text })
        }
        Again::NotTaken(why) => {
            json!({ "granted": false, "reasons": ["not_taken"], "text": format!("refused when asked: {why}") })
        }
        Again::Shut { reasons, dropped } => {
            let sentence = |reason: &Reason| match policy.board(request.thread.repository) {
                Some(board) => reasons::sentence(reason, board),
                None => "the board is gone".to_owned(),
            };
            let mut all: Vec<String> = reasons.iter().map(sentence).collect();
            all.extend(
                dropped
                    .iter()
                    .map(|(user, reason)| format!("user {user}: {}", sentence(reason))),
            );
            let dropped: Vec<Value> = dropped
                .iter()
                .map(|(user, reason)| json!({ "approver": user, "reason": reasons::code(reason) }))
                .collect();
            json!({
                "granted": false,
                "reasons": reasons.iter().map(reasons::code).collect::<Vec<_>>(),
                "not_counted": dropped,
                "text": format!("shut: {}", all.join("; ")),
            })
        }
    }
}

/// How many credentials live, and those that may do less or more under the new ceilings.
fn credentials(
    history: &History,
    before: &Policy,
    after: &Policy,
    now: Timestamp,
) -> (u64, Vec<Value>) {
    let mut live = 0;
    let mut changed = Vec::new();
    let rows = history.records.iter();
    for (_, row) in rows.filter(|(key, _)| key.table == Table::Check) {
        let Some(row) = world::decode::<Check>(row) else {
            continue;
        };
        let may = |policy: &Policy| -> BTreeSet<String> {
            let live = row.clone().live(policy, now);
            live.map_or_else(BTreeSet::new, |live| live.scopes)
        };
        let (had, has) = (may(before), may(after));
        live += u64::from(!had.is_empty());
        if had != has {
            changed.push(json!({
                "credential": row.credential.to_string(),
                "identity": row.slug.as_ref().map(ToString::to_string),
                "environment": row.environment,
                "repository_id": row.board,
                "loses": had.difference(&has).collect::<Vec<_>>(),
                "gains": has.difference(&had).collect::<Vec<_>>(),
                "inactive": has.is_empty(),
            }));
        }
    }
    (live, changed)
}

/// The open requests whose approvals were given under a gate that would be another one.
fn approvals_void(history: &History, after: &Policy, now: Timestamp) -> Vec<String> {
    let rows = history.records.iter();
    rows.filter(|(key, _)| key.table == Table::Request)
        .filter_map(|(_, record)| world::decode::<Request>(record))
        .filter(|request| {
            let board = after.board(request.thread.repository);
            let gate = board.and_then(|board| {
                let gate = board.gate(&request.effect.environment)?;
                Some(gate_hash(board, &gate))
            });
            let other = |hash| Some(hash) != gate.as_ref();
            request.is_open(now) && request.approvals.iter().any(|it| other(&it.gate))
        })
        .map(|request| request.number.to_string())
        .collect()
}

fn words(scopes: &BTreeSet<String>) -> String {
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    scopes.join(" ")
}

fn show(out: &mut dyn Write, report: &Value) -> io::Result<()> {
    for it in list(report, "differ") {
        writeln!(
            out,
            "{}  {} {} ({}), {}\n    was: {}\n    now: {}",
            text(&it["request"]),
            text(&it["action"]),
            text(&it["identity"]),
            text(&it["environment"]),
            text(&it["at"]),
            text(&it["was"]["text"]),
            text(&it["now"]["text"])
        )?;
    }
    for it in list(report, "credentials") {
        show_credential(out, it)?;
    }
    for it in list(report, "approvals_void") {
        let number = text(it);
        writeln!(
            out,
            "{number}  is open: its approvals would have to be given again"
        )?;
    }
    for it in list(report, "not_judged") {
        let (number, why) = (text(&it["request"]), text(&it["why"]));
        writeln!(out, "{number}  cannot be judged again: {why}")?;
    }
    writeln!(
        out,
        "{} requests judged again: {} would be decided otherwise; {} credentials lived at {}: {} would change",
        report["requests"],
        list(report, "differ").len(),
        report["live_credentials"],
        text(&report["as_of"]),
        list(report, "credentials").len()
    )?;
    writeln!(
        out,
        "not judged again, since no journal keeps it ({} approvals were not counted):",
        report["approvals_not_counted"]
    )?;
    for it in NOT_KEPT {
        writeln!(out, "- {it}")?;
    }
    Ok(())
}

fn show_credential(out: &mut dyn Write, it: &Value) -> io::Result<()> {
    let mut parts = Vec::new();
    for key in ["loses", "gains"] {
        let names: Vec<String> = list(it, key).iter().map(text).collect();
        if !names.is_empty() {
            parts.push(format!("{key} {}", names.join(" ")));
        }
    }
    if it["inactive"] == true {
        parts.push("is dead then".to_owned());
    }
    writeln!(
        out,
        "{}  of {} ({}): {}",
        text(&it["credential"]),
        text(&it["identity"]),
        text(&it["environment"]),
        parts.join(", ")
    )
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    printable(value.as_str().unwrap_or("-"))
}
