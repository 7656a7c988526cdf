//! Widening commands, read strictly: what is on the screen is exactly what is meant.
//!
//! One ASCII line that starts with `/gate ` and a verb in lower case, words parted by one blank. A
//! request may carry one fenced `toml` block. Nothing else may be in the comment.

use std::collections::{BTreeMap, BTreeSet};

use super::super::code::Code;
use super::super::ids::{CredentialNumber, RequestNumber, Slug};
use super::super::time::parse_span;
use super::form::{self, MAX_REQUEST_BYTES};
use super::{Command, Fault, Reading, Restated, Rotation, Vouched, trap};

/// What stands for a one-time code once it was looked at: the code itself is never kept.
pub const HIDDEN_OTP: &str = "------";

/// Reads a comment whose first line starts with `/gate` and this verb in some form; `None` if it is no
/// verb that widens.
pub(super) fn read(body: &str, verb: &str) -> Option<Reading> {
    let body = body.trim_end_matches([' ', '\t', '\n', '\r']);
    let parsed = match verb {
        "request" => request(body),
        "approve" => approve(body),
        "rotate" => rotate(body),
        "resume" => named(body, "resume").map(Command::Resume),
        "own" => named(body, "own").map(Command::Own),
        "link" => link(body),
        "thaw" => thaw(body),
        _ => return None,
    };
    Some(match parsed {
        Ok(command) => Reading::Command(command),
        Err(fault) => Reading::Fault(fault),
    })
}

/// The plain first line, and what follows it.
fn split<'a>(body: &'a str, verb: &'static str) -> Result<(&'a str, &'a str), Fault> {
    if body.len() > MAX_REQUEST_BYTES {
        return Err(Fault::TooLong);
    }
    let (line, more) = body.split_once('\n').unwrap_or((body, ""));
    let line = line.trim_end_matches([' ', '\t', '\r']);
    plain(line, verb)?;
    Ok((line, without_blank_lines(more)))
}

/// The text from its first line with anything in it on.
fn without_blank_lines(text: &str) -> &str {
    let mut rest = text;
    while let Some((line, more)) = rest.split_once('\n') {
        if !line.trim_end_matches([' ', '\t', '\r']).is_empty() {
            break;
        }
        rest = more;
    }
    rest
}

/// One plain line that is all there is. The end of the comment is trimmed by now: whatever follows is
/// more than blanks and newlines.
fn alone<'a>(body: &'a str, verb: &'static str) -> Result<&'a str, Fault> {
    let (line, more) = split(body, verb)?;
    if more.is_empty() {
        return Ok(line);
    }
    Err(Fault::NotAlone {
        verb,
        copy: trap::copyable(line),
    })
}

fn approve(body: &str) -> Result<Command, Fault> {
    let (line, more) = split(body, "approve")?;
    let armor = if more.is_empty() {
        None
    } else {
        let word = |mark: &str| mark.bytes().all(|byte| byte.is_ascii_lowercase());
        let fenced = form::in_fence(more, word).unwrap_or_else(|| {
            Err(Fault::NotAlone {
                verb: "approve",
                copy: trap::copyable(line),
            })
        })?;
        Some(fenced)
    };
    let restated = approval(line)?;
    Ok(Command::Approve(Restated { armor, ..restated }))
}

/// Reads the words of one plain approve line.
fn approval(line: &str) -> Result<Restated, Fault> {
    let missing = |what| Fault::Missing {
        verb: "approve",
        what,
    };
    let mut words = line.split(' ').skip(2);
    let request = words.next().ok_or(missing("R17"))?;
    let request = RequestNumber::parse(request).ok_or(Fault::BadValue {
        key: "request",
        must: "a request's number such as `R17`, right after `approve`".to_owned(),
    })?;
    let code = words.next().ok_or(missing("the code"))?;
    let code = Code::parse(code).ok_or(Fault::BadValue {
        key: "code",
        must: "the code from the bot's summary, such as `7Q4K-9MZT-0XHV`".to_owned(),
    })?;
    let mut pairs = pairs(words, &["scopes", "ttl", "otp", "vouched"])?;
    let scopes = pairs.remove("scopes");
    let ttl = pairs.remove("ttl");
    let otp = pairs.remove("otp");
    let digits = |code: &String| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    if otp
        .as_ref()
        .is_some_and(|code| !digits(code) && code != HIDDEN_OTP)
    {
        return Err(Fault::BadValue {
            key: "otp",
            must: "the 6 digits that your authenticator shows".to_owned(),
        });
    }
    let vouched = pairs
        .remove("vouched")
        .map(|word| {
            Vouched::parse(&word).ok_or(Fault::BadValue {
                key: "vouched",
                must: "`config`, `request` or `approver`, as `ownergate approve` writes it"
                    .to_owned(),
            })
        })
        .transpose()?;
    Ok(Restated {
        request,
        code,
        scopes: scopes.map_or(Ok(BTreeSet::new()), |scopes| {
            form::listed("scopes", &scopes)
        })?,
        ttl: ttl
            .map(|ttl| parse_span(&ttl).ok_or_else(form::bad_ttl))
            .transpose()?,
        otp: otp.is_some(),
        vouched,
        armor: None,
    })
}

fn request(body: &str) -> Result<Command, Fault> {
    let (line, more) = split(body, "request")?;
    let keys = line
        .strip_prefix("/gate request")
        .unwrap_or("")
        .trim_start();
    let form = match (keys.is_empty(), more.is_empty()) {
        (true, true) => {
            return Err(Fault::Missing {
                verb: "request",
                what: "identity=… scopes=… ttl=… recipient=age1…, or a fenced `toml` block with them",
            });
        }
        (false, true) => form::from_words(&quoted_words(keys)?)?,
        (true, false) => form::from_block(more)?,
        (false, false) => {
            return Err(Fault::NotAlone {
                verb: "request",
                copy: trap::copyable(line),
            });
        }
    };
    Ok(Command::Request(Box::new(form)))
}

/// `/gate rotate SLUG [cN]`, and where the successor goes: on the line or in one `toml` block.
fn rotate(body: &str) -> Result<Command, Fault> {
    let (line, more) = split(body, "rotate")?;
    let mut words = line.split(' ').skip(2).peekable();
    let slug = slug(words.next(), "rotate")?;
    let credential = words.next_if(|word| !word.contains('='));
    let credential = credential
        .map(|word| {
            CredentialNumber::parse(word).ok_or(Fault::BadValue {
                key: "credential",
                must: "the number of a credential such as `c2`, right after the name".to_owned(),
            })
        })
        .transpose()?;
    let words: Vec<&str> = words.collect();
    if !words.is_empty() && !more.is_empty() {
        return Err(Fault::NotAlone {
            verb: "rotate",
            copy: trap::copyable(line),
        });
    }
    let delivery = form::delivery(&quoted_words(&words.join(" "))?, more)?;
    Ok(Command::Rotate(Rotation {
        slug,
        credential,
        delivery,
    }))
}

/// `/gate VERB SLUG` and nothing else.
fn named(body: &str, verb: &'static str) -> Result<Slug, Fault> {
    let line = alone(body, verb)?;
    let mut words = line.split(' ').skip(2);
    let slug = slug(words.next(), verb)?;
    match words.next() {
        None => Ok(slug),
        Some(word) => Err(form::unknown_key(word, &[])),
    }
}

/// `/gate link cN SLUG` and nothing else.
fn link(body: &str) -> Result<Command, Fault> {
    let line = alone(body, "link")?;
    let mut words = line.split(' ').skip(2);
    let number = words.next().ok_or(Fault::Missing {
        verb: "link",
        what: "the number of a credential such as `c9`",
    })?;
    let number = CredentialNumber::parse(number).ok_or(Fault::BadValue {
        key: "credential",
        must: "the number of a credential such as `c9`, right after `link`".to_owned(),
    })?;
    let slug = words.next().ok_or(Fault::Missing {
        verb: "link",
        what: "the name of the identity that it is to belong to",
    })?;
    let slug = Slug::parse(slug).ok_or(Fault::BadValue {
        key: "identity",
        must: "the name of an identity of this thread, right after the number".to_owned(),
    })?;
    match words.next() {
        None => Ok(Command::Link(number, slug)),
        Some(word) => Err(form::unknown_key(word, &[])),
    }
}

fn thaw(body: &str) -> Result<Command, Fault> {
    let line = alone(body, "thaw")?;
    match line.split(' ').nth(2) {
        None => Ok(Command::Thaw),
        Some(word) => Err(form::unknown_key(word, &[])),
    }
}

fn slug(word: Option<&str>, verb: &'static str) -> Result<Slug, Fault> {
    let word = word.ok_or(Fault::Missing {
        verb,
        what: "the identity's name",
    })?;
    Slug::parse(word).ok_or(Fault::BadValue {
        key: "identity",
        must: format!("the name of an identity of this thread, right after `{verb}`"),
    })
}

/// Checks that a line is `/gate VERB`, plain ASCII, with single blanks outside of quotes.
fn plain(line: &str, verb: &'static str) -> Result<(), Fault> {
    let copy = || trap::copyable(line);
    let odd = line
        .chars()
        .enumerate()
        .find(|(_, character)| !matches!(character, ' '..='~'));
    if let Some((place, character)) = odd {
        return Err(Fault::Character {
            character,
            line: 1,
            column: place + 1,
            copy: copy(),
        });
    }
    let head = format!("/gate {verb}");
    let written = line.get(..head.len()).unwrap_or(line);
    if written != head {
        if written.eq_ignore_ascii_case(&head) {
            return Err(Fault::Capital {
                written: written.to_owned(),
                copy: copy(),
            });
        }
        // The first line was found to be `/gate`, white space and the verb: it is the white space.
        return Err(Fault::TwoBlanks {
            column: 7,
            copy: copy(),
        });
    }
    match two_blanks(line) {
        Some(column) => Err(Fault::TwoBlanks {
            column,
            copy: copy(),
        }),
        None => Ok(()),
    }
}

/// The place of the second of two blanks outside of quotes.
fn two_blanks(line: &str) -> Option<usize> {
    let (mut quoted, mut escaped, mut blank) = (false, false, false);
    for (place, character) in line.chars().enumerate() {
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && character == '\\' && !escaped;
        if !quoted && character == ' ' && blank {
            return Some(place + 1);
        }
        blank = character == ' ';
    }
    None
}

/// Splits `key=value` words; each key once, each known.
fn pairs<'a>(
    words: impl Iterator<Item = &'a str>,
    known: &[&'static str],
) -> Result<BTreeMap<String, String>, Fault> {
    let mut pairs = BTreeMap::new();
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| Fault::UnknownKey {
            key: word.to_owned(),
            nearest: None,
        })?;
        if !known.contains(&key) {
            return Err(form::unknown_key(key, known));
        }
        if pairs.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Fault::Twice(key.to_owned()));
        }
    }
    Ok(pairs)
}

/// Splits a line into `key=value` words; a value may be quoted, with `\"` and `\\` inside.
fn quoted_words(line: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(|| Fault::UnknownKey {
            key: rest.split(' ').next().unwrap_or("").to_owned(),
            nearest: None,
        })?;
        if let Some((stray, _)) = key.split_once(' ') {
            return Err(Fault::UnknownKey {
                key: stray.to_owned(),
                nearest: None,
            });
        }
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted, key)?,
            None => {
                let end = after.find(' ').unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        words.push((key.to_owned(), value));
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    Ok(words)
}

/// Reads up to the closing quote; what follows it must be a blank or the end.
fn unquote<'a>(quoted: &'a str, key: &str) -> Result<(String, &'a str), Fault> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => {
                let rest = &quoted[place + 1..];
                if rest.is_empty() || rest.starts_with(' ') {
                    return Ok((value, rest));
                }
                break;
            }
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                _ => break,
            },
            other => value.push(other),
        }
    }
    Err(Fault::BadBlock(format!(
        "the quoted value of `{key}` does not end in a quote before the next word"
    )))
}
