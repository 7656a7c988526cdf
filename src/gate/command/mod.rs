//! The grammar of comments: text in, a command or a fault out.
//!
//! Widening is strict: the whole comment is one plain line (a request may carry one fenced `toml`
//! block), nothing precedes it and only trailing white space is cut. Narrowing and reading are
//! lenient: a first line that starts with `/gate VERB` in any case acts, whatever follows. Anything
//! else that holds a command-like line does nothing and has a reason. Nothing here knows who wrote.

mod fault;
mod form;
mod narrow;
mod strict;
mod trap;

use super::code::Code;
use super::ids::{CredentialNumber, RequestNumber, Slug};

pub use fault::Fault;
pub use form::{Delivery, Form, MAX_REQUEST_BYTES, Name};
pub use narrow::{Less, less};
pub use strict::HIDDEN_OTP;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// No command and nothing like one.
    Nothing,
    /// A command.
    Command(Command),
    /// Something like a command that is not one, and why.
    Fault(Fault),
}

/// A command as it stands in the text; slugs and numbers are not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Asks for a credential.
    Request(Box<Form>),
    /// An owner's yes.
    Approve(Restated),
    /// Asks for a successor of a credential.
    Rotate(Rotation),
    /// Asks that a paused identity works again.
    Resume(Slug),
    /// Asks that a board goes on.
    Thaw,
    /// Asks that whoever asks becomes the identity's owner.
    Own(Slug),
    /// Asks that a secret from before becomes the identity's.
    Link(CredentialNumber, Slug),
    /// An owner's no.
    Deny(Words),
    /// The requester takes a request back.
    Withdraw(Words),
    /// Ends a credential or an identity.
    Revoke(Words),
    /// Lets an identity stand still.
    Pause(Words),
    /// Lets an identity do less.
    Narrow(Words),
    /// Lets a board stand still.
    Freeze(Words),
    /// The requester gives an identity back.
    Release(Words),
    /// Shows an identity.
    Inspect(Words),
    /// Shows what happened to an identity.
    Audit(Words),
    /// Shows what there is.
    List,
    /// Shows how to write commands.
    Help(Words),
}

/// What an approval says in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restated {
    /// The request that is meant.
    pub request: RequestNumber,
    /// The code of its digest.
    pub code: Code,
    /// What the owner grants; empty where nothing was named.
    pub scopes: BTreeSet<String>,
    /// For how long, seconds; `None` where nothing was named.
    pub ttl: Option<u64>,
    /// Whether a one-time code stands in it.
    pub otp: bool,
    /// Who vouches for the key that gets the token, by the owner's word.
    pub vouched: Option<Vouched>,
    /// The armored signature in the fence.
    pub armor: Option<String>,
}

/// Who vouches for the recipient or the challenge of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vouched {
    /// The configuration: it is pinned for that requester.
    Config,
    /// The requester: a key pinned for it signed the request.
    Request,
    /// The approver, who learnt it outside of the forge.
    Approver,
}

impl Vouched {
    /// As it stands in a comment and in a statement.
    pub fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Request => "request",
            Self::Approver => "approver",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Config, Self::Request, Self::Approver]
            .into_iter()
            .find(|vouched| vouched.word() == word)
    }
}

/// What a rotation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Whose credential.
    pub slug: Slug,
    /// Which; `None`: the only one.
    pub credential: Option<CredentialNumber>,
    /// Where the successor goes; `None`: to the recipient of the current one.
    pub delivery: Option<Delivery>,
}

/// The rest of a lenient command: words of the first line, and everything as a reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// The first word, if there is one.
    pub fn first(&self) -> Option<&str> {
        self.0.split_whitespace().next()
    }

    /// Everything after the first `count` words, further lines included.
    pub fn after(&self, count: usize) -> Words {
        let mut rest = self.0.trim_start();
        for _ in 0..count {
            rest = rest
                .find(char::is_whitespace)
                .map_or("", |end| rest[end..].trim_start());
        }
        Words(rest.trim_end().to_owned())
    }

    /// The text, trimmed.
    pub fn text(&self) -> &str {
        self.0.trim()
    }

    /// The text as a reason that can be stored: short, on one line, with characters that nobody sees
    /// as escapes.
    pub fn reason(&self) -> String {
        one_line(&self.0, MAX_REASON)
    }
}

/// The longest reason of a narrowing command that is kept, in characters.
const MAX_REASON: usize = 200;

/// At most `most` characters of a foreign text, on one line, with invisible and control characters as
/// escapes (`\u{202e}`): the form in which records may hold it.
pub fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut left = most;
    for word in text.split_whitespace().flat_map(|word| [" ", word]).skip(1) {
        for character in word.chars() {
            let shown = if form::invisible(character) {
                character.escape_unicode().to_string()
            } else {
                character.to_string()
            };
            let Some(rest) = left.checked_sub(shown.chars().count()) else {
                return line;
            };
            left = rest;
            line.push_str(&shown);
        }
    }
    line
}

/// Every verb there is, in the order in which `help` shows them.
pub const VERBS: [&str; 18] = [
    "request", "approve", "deny", "withdraw", "revoke", "pause", "resume", "narrow", "rotate",
    "release", "own", "link", "freeze", "thaw", "inspect", "audit", "list", "help",
];

impl Command {
    /// The verb's word.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Approve(_) => "approve",
            Self::Deny(_) => "deny",
            Self::Withdraw(_) => "withdraw",
            Self::Revoke(_) => "revoke",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Narrow(_) => "narrow",
            Self::Rotate(_) => "rotate",
            Self::Release(_) => "release",
            Self::Own(_) => "own",
            Self::Link(..) => "link",
            Self::Freeze(_) => "freeze",
            Self::Thaw => "thaw",
            Self::Inspect(_) => "inspect",
            Self::Audit(_) => "audit",
            Self::List => "list",
            Self::Help(_) => "help",
        }
    }

    /// What it could do to what may live.
    fn bearing(&self) -> Bearing {
        match self {
            Self::Request(_)
            | Self::Approve(_)
            | Self::Rotate(_)
            | Self::Resume(_)
            | Self::Thaw
            | Self::Link(..)
            | Self::Own(_) => Bearing::Widens,
            Self::Deny(_)
            | Self::Withdraw(_)
            | Self::Revoke(_)
            | Self::Pause(_)
            | Self::Narrow(_)
            | Self::Freeze(_)
            | Self::Release(_) => Bearing::Narrows,
            Self::Inspect(_) | Self::Audit(_) | Self::List | Self::Help(_) => Bearing::Shows,
        }
    }

    /// True for commands that only ever take something away: they overtake what waits.
    pub fn narrows(&self) -> bool {
        self.bearing() == Bearing::Narrows
    }

    /// True for commands through which something could come alive: they are read strictly.
    pub fn widens(&self) -> bool {
        self.bearing() == Bearing::Widens
    }
}

/// What a command could do to what may live. Each has one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bearing {
    /// Something could come alive.
    Widens,
    /// Something is taken away.
    Narrows,
    /// Nothing changes.
    Shows,
}

/// Reads a comment.
pub fn read(body: &str) -> Reading {
    let body = body.replace("\r\n", "\n");
    match first_line(&body) {
        Some((verb, rest)) => command(&body, &verb, rest),
        None => trap::look(&body),
    }
}

/// Reads the body of a new issue: a request in it, and no other command, is one. An issue form of
/// this project leaves no heading; anything before `/gate request` makes it an ordinary text.
pub fn read_issue(body: &str) -> Reading {
    match read(body) {
        Reading::Command(Command::Request(form)) => Reading::Command(Command::Request(form)),
        Reading::Command(other) => Reading::Fault(Fault::OnlyRequestsInIssues(other.verb())),
        other => other,
    }
}

/// Reads a comment of a pull request's conversation: what stops or shows something is heard there as in
/// any thread of the board, and nothing is asked there. An approval is read, to be told where it belongs.
pub fn read_in_pull(body: &str) -> Reading {
    match read(body) {
        Reading::Command(command)
            if command.widens() && !matches!(command, Command::Approve(_)) =>
        {
            Reading::Fault(Fault::OnlyInIssues(command.verb()))
        }
        other => other,
    }
}

/// The verb, lower-cased, and all that follows it, if the first line starts with `/gate` and a
/// word, parted by any white space.
fn first_line(body: &str) -> Option<(String, &str)> {
    let head = body.get(..5)?;
    if !head.eq_ignore_ascii_case("/gate") {
        return None;
    }
    let rest = &body[5..];
    let line = rest.split('\n').next().unwrap_or("");
    if !line.is_empty() && !line.starts_with(char::is_whitespace) {
        return None;
    }
    let word = line.trim_start().split(char::is_whitespace).next()?;
    let start = line.len() - line.trim_start().len();
    Some((word.to_lowercase(), &rest[start + word.len()..]))
}

/// One comment whose first line starts with `/gate`.
fn command(body: &str, verb: &str, rest: &str) -> Reading {
    let words = Words(rest.to_owned());
    let command = match verb {
        "deny" => Command::Deny(words),
        "withdraw" => Command::Withdraw(words),
        "revoke" => Command::Revoke(words),
        "pause" => Command::Pause(words),
        "narrow" => Command::Narrow(words),
        "release" => Command::Release(words),
        "freeze" => Command::Freeze(words),
        "inspect" => Command::Inspect(words),
        "audit" => Command::Audit(words),
        "list" => Command::List,
        "help" => Command::Help(words),
        "" => return Reading::Fault(Fault::NoVerb),
        verb => {
            return strict::read(body, verb).unwrap_or_else(|| Reading::Fault(unknown(body, verb)));
        }
    };
    Reading::Command(command)
}

/// What is wrong with a verb that there is not: a character that nobody sees, or another word.
fn unknown(body: &str, verb: &str) -> Fault {
    let line = body.split('\n').next().unwrap_or("");
    let odd = line
        .chars()
        .enumerate()
        .find(|(_, character)| form::invisible(*character) || !character.is_ascii());
    match odd {
        Some((place, character)) if verb.contains(character) => Fault::Character {
            character,
            line: 1,
            column: place + 1,
            copy: trap::copyable(line),
        },
        _ => Fault::UnknownVerb(nearest(verb)),
    }
}

/// The verb with the fewest letters to change, if it is a likely slip.
fn nearest(word: &str) -> Option<&'static str> {
    VERBS
        .into_iter()
        .map(|verb| (distance(word, verb), verb))
        .min()
        .filter(|(distance, verb)| *distance <= verb.len() / 2)
        .map(|(_, verb)| verb)
}

/// Letters to insert, remove or replace to make one word the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(40).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
