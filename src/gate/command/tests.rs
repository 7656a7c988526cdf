//! The grammar as tables: what acts, what does not, and what is said about it.
//!
//! `widening` holds the plain forms and their near misses, `narrowing` the lenient forms, `traps`
//! texts that only look like commands, `any_text` what holds for every text whatever it is.

#[path = "tests/any_text.rs"]
mod any_text;
#[path = "tests/narrowing.rs"]
mod narrowing;
#[path = "tests/traps.rs"]
mod traps;
#[path = "tests/widening.rs"]
mod widening;

use super::*;
use crate::gate::reply::faults::sentence;

/// A recipient whose checksum is right (the one of age's own README).
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// A plain approval.
const APPROVE: &str = "/gate approve R1 7Q4K-9MZT-0XHV scopes=board:read ttl=1d";

/// A plain request on one line.
fn request_line() -> String {
    format!("/gate request identity=codex-* scopes=board:read ttl=8h recipient={RECIPIENT}")
}

/// A plain request with a block that ends in these lines.
fn request_block(more: &str) -> String {
    format!(
        "/gate request\n```toml\nidentity = \"codex-*\"\nscopes = [\"board:read\"]\nttl = \"8h\"\nrecipient = \"{RECIPIENT}\"\n{more}```\n"
    )
}

/// The fault of a text that has one.
fn fault(text: &str) -> Fault {
    match read(text) {
        Reading::Fault(fault) => fault,
        other => panic!("{text:?} is {other:?}"),
    }
}

/// What is said about a faulty text, and the line to copy.
fn said(text: &str) -> (String, Option<String>) {
    sentence(&fault(text))
}

/// The verb of a text that is a command.
fn verb(text: &str) -> Option<&'static str> {
    match read(text) {
        Reading::Command(command) => Some(command.verb()),
        Reading::Nothing | Reading::Fault(_) => None,
    }
}

/// True if a text would widen something.
fn widens(text: &str) -> bool {
    matches!(verb(text), Some("approve" | "request"))
}

/// The form of a text that is a request.
fn form(text: &str) -> Form {
    match read(text) {
        Reading::Command(Command::Request(form)) => *form,
        other => panic!("{text:?} is {other:?}"),
    }
}
