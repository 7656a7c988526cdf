//! `docs/events.md` has every code that the source gives to an audit event or a refusal, and no other.
//!
//! Codes are collected from the texts of the source: the first argument of an entry, the arguments of
//! the few functions that hand a code on, and the tables of refusals. The ones that are put together
//! while running are named here.

use std::collections::BTreeSet;

use super::{read, root};

/// Codes of events that no literal beside the call shows.
const PUT_TOGETHER: [&str; 12] = [
    "activity_reported",
    "closed_unread",
    "credential_used",
    "identity_active",
    "identity_paused",
    "identity_released",
    "identity_revoked",
    "order_needless",
    "order_refused",
    "quarantined",
    "request_denied",
    "request_withdrawn",
];
/// Words of commands, which stand beside codes in the same calls.
const VERBS: [&str; 16] = [
    "approve", "audit", "deny", "freeze", "link", "list", "narrow", "own", "pause", "release",
    "request", "resume", "revoke", "rotate", "thaw", "withdraw",
];

/// The source of every decision, without tests.
fn decisions() -> Vec<String> {
    let files = std::fs::read_dir(root().join("src/gate/decide")).unwrap();
    let mut texts = Vec::new();
    for file in files {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            texts.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
        }
    }
    assert!(texts.len() > 30);
    texts
}

/// The words in quotes of a text.
fn words(text: &str) -> BTreeSet<String> {
    let quoted = text.split('"').skip(1).step_by(2);
    let word = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    quoted.filter(word).map(str::to_owned).collect()
}

/// What stands behind each call up to its end.
fn calls<'t>(text: &'t str, call: &'t str, end: &'t str) -> impl Iterator<Item = &'t str> {
    let whole = move |before: &str| {
        !before.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_')
    };
    text.match_indices(call)
        .filter(move |(at, _)| whole(&text[..*at]))
        .map(move |(at, _)| {
            let rest = &text[at + call.len()..];
            &rest[..rest.find(end).unwrap_or(rest.len())]
        })
}

/// The codes that one table of the page has.
fn documented(heading: &str) -> BTreeSet<String> {
    let page = read("docs/events.md");
    let section = page.split(&format!("## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_audit_event_is_documented_and_no_other() {
    let mut found: BTreeSet<String> = PUT_TOGETHER.map(str::to_owned).into();
    for text in decisions() {
        for first in calls(&text, "Entry::new(", ",") {
            found.extend(words(first));
        }
        for handed_on in ["set_status(", "remember(", "write("] {
            for arguments in calls(&text, handed_on, ";") {
                found.extend(
                    words(arguments)
                        .into_iter()
                        .filter(|word| word.contains('_')),
                );
            }
        }
    }
    assert_eq!(documented("Audit events"), found);
}

#[test]
fn every_refusal_is_documented_and_no_other() {
    let put_together = ["closed_unread", "quarantined", "too_many_open"];
    let mut found: BTreeSet<String> = put_together.map(str::to_owned).into();
    let reasons = read("src/gate/reply/reasons.rs");
    let table = reasons.split("pub fn code(").nth(1).unwrap();
    found.extend(words(
        table
            .split("\npub fn ")
            .next()
            .unwrap()
            .split("/// ")
            .next()
            .unwrap(),
    ));
    let faults = read("src/gate/command/fault.rs");
    found.extend(words(faults.split("pub fn code(").nth(1).unwrap()));
    for text in decisions() {
        for call in ["explain(", "refuse(", "refused("] {
            for arguments in calls(&text, call, ";\n") {
                found.extend(words(arguments));
            }
        }
        for call in ["Err((", "ok_or(("] {
            for arguments in calls(&text, call, ";\n") {
                found.extend(words(arguments));
            }
        }
    }
    found.retain(|word| !VERBS.contains(&word.as_str()));
    assert_eq!(documented("Refusals"), found);
}
