//! The form of a request: its keys, from the line or from a fenced `toml` block, and their limits.
//!
//! Every value has one accepted form and a bound. Whether the board allows what is asked is not
//! decided here.

use std::collections::BTreeSet;

use super::super::ids::Slug;
use super::super::time::parse_span;
use super::{Fault, distance};
use crate::secret::recipient::Recipient;

/// The longest request, in bytes of the comment.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024;
/// The longest reason, in characters.
const MAX_REASON: usize = 500;
/// The longest label or display name, in characters.
const MAX_NAME: usize = 80;
/// The most scopes, resources or modes that one request may name.
const MAX_LIST: usize = 64;

const KEYS: [&str; 12] = [
    "identity",
    "scopes",
    "ttl",
    "environment",
    "recipient",
    "challenge",
    "signature",
    "display_name",
    "resources",
    "modes",
    "label",
    "reason",
];

/// What a request asks for, in the requester's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The identity's name.
    pub identity: Name,
    /// What it may do.
    pub scopes: BTreeSet<String>,
    /// Seconds of life.
    pub ttl: u64,
    /// The gate; `None`: the board's default.
    pub environment: Option<String>,
    /// Where the token goes.
    pub delivery: Delivery,
    /// The requester's armored signature over where the token goes.
    pub signature: Option<String>,
    /// A longer name.
    pub display_name: Option<String>,
    /// What inside the workspace it is for.
    pub resources: Option<BTreeSet<String>>,
    /// How it may run.
    pub modes: Option<BTreeSet<String>>,
    /// A name for the credential.
    pub label: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Where a token goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Sealed into the thread, to this age recipient.
    Sealed(String),
    /// To whoever shows the verifier of this S256 challenge (RFC 7636 §4.2).
    Claim(String),
}

/// How an identity is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// By its slug.
    Exact(Slug),
    /// `codex-*`: the bot adds the board's name and the issue's number.
    Pattern(String),
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix("-*") {
            Some(stem) => Slug::parse(stem).map(|_| Self::Pattern(stem.to_owned())),
            None => Slug::parse(text).map(Self::Exact),
        }
    }
}

/// Raw values by key, before they are checked.
#[derive(Default)]
struct Raw {
    values: Vec<(String, Value)>,
}

/// A raw value: a text, or a list of texts.
enum Value {
    Text(String),
    List(Vec<String>),
}

/// Reads the keys of a request that stand on the line.
pub(super) fn from_words(words: &[(String, String)]) -> Result<Form, Fault> {
    Raw::from_words(words, &KEYS)?.check()
}

/// Reads the one fenced `toml` block of a request.
pub(super) fn from_block(block: &str) -> Result<Form, Fault> {
    Raw::from_block(block, "request", &KEYS)?.check()
}

/// Reads where a successor goes, from the line or from the block; `None` if neither says so.
pub(super) fn delivery(words: &[(String, String)], block: &str) -> Result<Option<Delivery>, Fault> {
    let known = ["recipient", "challenge"];
    if block.is_empty() {
        Raw::from_words(words, &known)?.delivery()
    } else {
        Raw::from_block(block, "rotate", &known)?.delivery()
    }
}

impl Raw {
    fn from_words(words: &[(String, String)], known: &[&'static str]) -> Result<Self, Fault> {
        let mut raw = Self::default();
        for (key, value) in words {
            raw.add(key, Value::Text(value.clone()), known)?;
        }
        Ok(raw)
    }

    fn from_block(block: &str, verb: &'static str, known: &[&'static str]) -> Result<Self, Fault> {
        let inner = fenced(block, verb)?;
        let table: toml::Table = toml::from_str(&inner).map_err(|error| {
            Fault::BadBlock(format!(
                "the block is not valid TOML: {}",
                error.message().trim()
            ))
        })?;
        let mut raw = Raw::default();
        for (key, value) in table {
            let value = match value {
                toml::Value::String(text) => Value::Text(text),
                toml::Value::Array(items) => Value::List(
                    items
                        .into_iter()
                        .map(|item| match item {
                            toml::Value::String(text) => Ok(text),
                            _ => Err(Fault::BadBlock(format!(
                                "`{}` must be a list of texts",
                                short(&key)
                            ))),
                        })
                        .collect::<Result<_, _>>()?,
                ),
                _ => {
                    return Err(Fault::BadBlock(format!(
                        "`{}` must be a text in quotes or a list of them",
                        short(&key)
                    )));
                }
            };
            raw.add(&key, value, known)?;
        }
        Ok(raw)
    }
}

/// The content of a fence of three or more backticks marked `toml` that is all there is.
fn fenced(block: &str, verb: &str) -> Result<String, Fault> {
    in_fence(block, |mark| mark == "toml").unwrap_or_else(|| {
        Err(Fault::BadBlock(format!(
            "after `/gate {verb}` only one block that opens with ```toml may follow"
        )))
    })
}

/// The content of a fence of three or more backticks that is all there is; `None` if no fence with a
/// fitting mark opens it.
pub(super) fn in_fence(block: &str, fits: impl Fn(&str) -> bool) -> Option<Result<String, Fault>> {
    let mut lines = block.lines();
    let opening = lines.next().unwrap_or("").trim_end();
    let ticks = opening.len() - opening.trim_start_matches('`').len();
    if ticks < 3 || !fits(&opening[ticks..]) {
        return None;
    }
    Some(inside(&opening[..ticks], lines))
}

/// What stands between the opening fence and its closing one, if nothing follows that.
fn inside<'a>(fence: &str, lines: impl Iterator<Item = &'a str>) -> Result<String, Fault> {
    let fault = |text: &str| Err(Fault::BadBlock(text.to_owned()));
    let mut inner = String::new();
    let mut closed = false;
    for line in lines {
        if closed {
            return fault("nothing may follow the fenced block");
        }
        if line.trim_end() == fence {
            closed = true;
        } else {
            inner.push_str(line.trim_end_matches('\r'));
            inner.push('\n');
        }
    }
    if closed {
        Ok(inner)
    } else {
        fault("the fenced block is not closed")
    }
}

impl Raw {
    fn add(&mut self, key: &str, value: Value, known: &[&'static str]) -> Result<(), Fault> {
        if !known.contains(&key) {
            return Err(unknown_key(key, known));
        }
        if self.values.iter().any(|(known, _)| known == key) {
            return Err(Fault::Twice(key.to_owned()));
        }
        self.values.push((key.to_owned(), value));
        Ok(())
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let place = self.values.iter().position(|(known, _)| known == key)?;
        Some(self.values.swap_remove(place).1)
    }

    fn text(&mut self, key: &'static str) -> Result<Option<String>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::List(_)) => Err(Fault::BadValue {
                key,
                must: "one text, not a list".to_owned(),
            }),
        }
    }

    fn required(&mut self, key: &'static str, what: &'static str) -> Result<String, Fault> {
        self.text(key)?.ok_or(Fault::Missing {
            verb: "request",
            what,
        })
    }

    fn list(&mut self, key: &'static str) -> Result<Option<BTreeSet<String>>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Text(text)) => names(key, text.split(',')).map(Some),
            Some(Value::List(items)) => names(key, items.iter().map(String::as_str)).map(Some),
        }
    }

    fn note(&mut self, key: &'static str, most: usize) -> Result<Option<String>, Fault> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let must = if text.chars().count() > most {
            format!("at most {most} characters")
        } else if let Some(odd) = text.chars().find(|character| invisible(*character)) {
            format!(
                "free of invisible and control characters; U+{:04X} is in it",
                u32::from(odd)
            )
        } else {
            return Ok(Some(text));
        };
        Err(Fault::BadValue { key, must })
    }

    fn check(mut self) -> Result<Form, Fault> {
        let identity = self.required("identity", "identity=…")?;
        let identity = Name::parse(&identity).ok_or_else(|| Fault::BadValue {
            key: "identity",
            must: "1 to 40 of a-z, 0-9 and `-`, not at an end; or such a name and `-*`".to_owned(),
        })?;
        let scopes = self.list("scopes")?.ok_or(Fault::Missing {
            verb: "request",
            what: "scopes=…",
        })?;
        let ttl = parse_span(&self.required("ttl", "ttl=…")?).ok_or_else(bad_ttl)?;
        let environment = self.text("environment")?;
        if environment
            .as_ref()
            .is_some_and(|name| Slug::parse(name).is_none())
        {
            return Err(Fault::BadValue {
                key: "environment",
                must: "the name of one of this board's gates".to_owned(),
            });
        }
        Ok(Form {
            identity,
            scopes,
            ttl,
            environment,
            delivery: self.delivery()?.ok_or(Fault::Missing {
                verb: "request",
                what: "recipient=age1…",
            })?,
            signature: self.text("signature")?,
            display_name: self.note("display_name", MAX_NAME)?,
            resources: self.list("resources")?,
            modes: self.list("modes")?,
            label: self.note("label", MAX_NAME)?,
            reason: self.note("reason", MAX_REASON)?,
        })
    }

    /// At most one of `recipient` and `challenge`.
    fn delivery(&mut self) -> Result<Option<Delivery>, Fault> {
        match (self.text("recipient")?, self.text("challenge")?) {
            (Some(_), Some(_)) => Err(Fault::BadValue {
                key: "recipient",
                must: "alone: a request names `recipient` or `challenge`, not both".to_owned(),
            }),
            (None, None) => Ok(None),
            (None, Some(text)) => challenge(text).map(Delivery::Claim).map(Some),
            (Some(recipient), None) if Recipient::parse(&recipient).is_ok() => {
                Ok(Some(Delivery::Sealed(recipient)))
            }
            (Some(_), None) => Err(Fault::BadValue {
                key: "recipient",
                must: "an age recipient as `age-keygen` or `ownergate keygen age` prints it: `age1…`, 62 characters, none mistyped".to_owned(),
            }),
        }
    }
}

/// The challenge of RFC 7636's own example (appendix B), whose verifier everybody knows.
const EXAMPLE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// RFC 7636 §4.2, S256: 43 characters of base64url for 32 bytes.
fn challenge(text: String) -> Result<String, Fault> {
    let must = match data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()) {
        Ok(bytes) if bytes.len() == 32 && text != EXAMPLE => return Ok(text),
        Ok(bytes) if bytes.len() == 32 => {
            "your own: that one is the example of RFC 7636, and everybody knows its verifier"
        }
        _ => "43 characters of base64url: the SHA-256 of the verifier",
    };
    Err(Fault::BadValue {
        key: "challenge",
        must: must.to_owned(),
    })
}

/// Names of a list: lower-case, bounded, each once.
fn names<'a>(
    key: &'static str,
    items: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<String>, Fault> {
    let mut names = BTreeSet::new();
    for item in items {
        let fits = (1..=64).contains(&item.len())
            && item
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-'));
        let must = if !fits {
            "names of a-z, 0-9 and `. _ : -`, parted by commas without blanks".to_owned()
        } else if !names.insert(item.to_owned()) {
            format!("names that are different; `{item}` is there twice")
        } else if names.len() > MAX_LIST {
            format!("at most {MAX_LIST} names")
        } else {
            continue;
        };
        return Err(Fault::BadValue { key, must });
    }
    Ok(names)
}

/// Reads `board:read,card:write`.
pub(super) fn listed(key: &'static str, text: &str) -> Result<BTreeSet<String>, Fault> {
    names(key, text.split(','))
}

/// The fault of every ttl that cannot be read.
pub(super) fn bad_ttl() -> Fault {
    Fault::BadValue {
        key: "ttl",
        must: "a whole number and s, m, h or d, such as `8h`".to_owned(),
    }
}

/// A key that there is not, with the nearest one.
pub(super) fn unknown_key(key: &str, known: &[&'static str]) -> Fault {
    let nearest = known
        .iter()
        .map(|name| (distance(key, name), *name))
        .min()
        .filter(|(distance, name)| *distance <= name.len() / 2)
        .map(|(_, name)| name);
    Fault::UnknownKey {
        key: short(key),
        nearest,
    }
}

/// At most 40 characters of a foreign word.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// True for characters that a reader cannot see: C0, C1, bidi controls, zero-width, tags.
pub(super) fn invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}
