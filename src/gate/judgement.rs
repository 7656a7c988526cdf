//! A judgement: what a judge's comment says about an issue, read between its two markers.
//!
//! The reader is pure and takes the whole text. Whatever could be read in two ways is void: two
//! blocks, markers that do not match, a key that stands twice at any depth. A judgement never opens
//! anything; what it says is advice, and for some gates its absence or its objection shuts.

use std::fmt;

use jiff::Timestamp;
use serde::de::{self, MapAccess, SeqAccess};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::one_line;
use super::evidence::{FoundIssue, ReadComment, ReadIssue};
use super::ids::{CommentId, Hash, IssueNumber, RequestNumber, UserId};
use super::policy::Judge;
use super::request::Request;
use super::thread::Seen;

/// What a judgement's member `schema` must be.
pub const SCHEMA: &str = "openclaw.judge.v0";
/// What stands before it.
const BEGIN: &str = "<!-- openclaw.judge.v0 -->";
/// What stands behind it.
const END: &str = "<!-- /openclaw.judge.v0 -->";
/// The longest comment that is read, bytes; the forge's texts are kept no longer.
const LONGEST: usize = 64 * 1024;
/// The most characters that are kept of a judge's priority.
const PRIORITY: usize = 40;
/// The most characters that are kept of a judge's caveat.
const CAVEAT: usize = 300;

/// What stood between the markers of a comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// One judgement.
    Judgement(Judgement),
    /// Something that counts for nothing.
    Void(Fault),
}

/// What a judgement says, as far as it is used; everything else in it is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// `owner/name` of the repository that it is about.
    pub repository: String,
    /// The issue that it is about.
    pub issue: IssueNumber,
    /// SHA-256 of the title that was judged.
    pub title: Hash,
    /// SHA-256 of the text that was judged.
    pub body: Hash,
    /// True if it was judged without labels; other forms of their hash are not known.
    pub unlabelled: bool,
    /// What it recommends: one word.
    pub action: String,
    /// How urgent it calls the matter; foreign text.
    pub priority: Option<String>,
    /// Its gravest doubt; foreign text.
    pub caveat: Option<String>,
}

/// Why what stood between the markers counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The comment is longer than 64 KiB.
    TooLarge,
    /// More than one marked block.
    TwoBlocks,
    /// A marker without its other half, or in the wrong order.
    Markers,
    /// What stands between is no JSON, or more than one value.
    NotJson,
    /// A key stands twice in one object.
    DuplicateKey,
    /// The JSON is no object.
    NotAnObject,
    /// The schema is another one.
    Schema,
    /// `target` does not name an issue of a repository.
    Target,
    /// `target_snapshot` lacks the hash of title or body.
    Snapshot,
    /// `recommended_next_action` is no word.
    Action,
    /// `priority` or `top_caveat` is no text.
    Advice,
}

impl Fault {
    /// The word for the audit.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TwoBlocks => "two_blocks",
            Self::Markers => "markers",
            Self::NotJson => "not_json",
            Self::DuplicateKey => "duplicate_key",
            Self::NotAnObject => "not_an_object",
            Self::Schema => "schema",
            Self::Target => "target",
            Self::Snapshot => "snapshot",
            Self::Action => "action",
            Self::Advice => "advice",
        }
    }
}

/// A judge's newest judgement in a thread, and the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The comment that said it.
    pub comment: CommentId,
    /// SHA-256 of that comment as it was read.
    pub body: Hash,
    /// What it says.
    pub said: Judgement,
    /// True if it was delivered in time by its author; what was found by reading back is advice, and
    /// objects, but lets nothing through.
    pub counts: bool,
    /// When it was first seen.
    pub seen_at: Timestamp,
    /// The one request that it served.
    pub served: Option<RequestNumber>,
    /// True once its comment was edited or deleted.
    pub fallen: bool,
}

/// How a judge's newest judgement stands to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It lets the request through.
    Serves,
    /// It recommends this, which shuts.
    Objects(String),
    /// Its comment is not what it was.
    Changed,
    /// It is about another title or text than the issue has now.
    Older,
    /// It was found by reading back, or came late.
    Undelivered,
    /// It is older than the request's summary, served another request, or is by whoever asks.
    Missing,
}

/// What a judgement is held against.
#[derive(Debug)]
pub struct Weighing<'a> {
    /// The judge.
    pub user: UserId,
    /// What of its recommendations shuts.
    pub judge: &'a Judge,
    /// The request.
    pub request: &'a Request,
    /// The judgement's comment as it was read again.
    pub comment: Option<&'a ReadComment>,
    /// What was first seen of it.
    pub seen: Option<&'a Seen>,
    /// The issue as it was read again.
    pub issue: &'a ReadIssue,
}

/// Reads a comment; `None` if neither marker stands in it.
pub fn read(text: &str) -> Option<Heard> {
    let begins = text.matches(BEGIN).count();
    let ends = text.matches(END).count();
    if begins + ends == 0 {
        return None;
    }
    let read = if text.len() > LONGEST {
        Err(Fault::TooLarge)
    } else if begins > 1 || ends > 1 {
        Err(Fault::TwoBlocks)
    } else {
        between(text).ok_or(Fault::Markers).and_then(judgement)
    };
    Some(match read {
        Ok(judgement) => Heard::Judgement(judgement),
        Err(fault) => Heard::Void(fault),
    })
}

/// What stands between the two markers, without a fence around it.
fn between(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (inner, _) = rest.split_once(END)?;
    let inner = inner.trim();
    let fenced = ["```json", "```"].into_iter().find_map(|fence| {
        inner
            .strip_prefix(fence)
            .filter(|rest| rest.starts_with(['\r', '\n']))?
            .strip_suffix("```")
    });
    Some(fenced.unwrap_or(inner))
}

fn judgement(json: &str) -> Result<Judgement, Fault> {
    // Every form of JSON is taken, so the only complaint about data is the one about keys.
    let value = serde_json::from_str::<Strict>(json).map_err(|error| {
        if error.is_data() {
            Fault::DuplicateKey
        } else {
            Fault::NotJson
        }
    })?;
    let Value::Object(members) = value.0 else {
        return Err(Fault::NotAnObject);
    };
    if members.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
        return Err(Fault::Schema);
    }
    let (repository, issue) = target(&members).ok_or(Fault::Target)?;
    let snapshot = members.get("target_snapshot").unwrap_or(&Value::Null);
    let action = members
        .get("recommended_next_action")
        .and_then(Value::as_str);
    Ok(Judgement {
        repository,
        issue,
        title: hash(&snapshot["title_hash"]).ok_or(Fault::Snapshot)?,
        body: hash(&snapshot["body_hash"]).ok_or(Fault::Snapshot)?,
        unlabelled: hash(&snapshot["labels_hash"]) == Some(Hash::of(b"")),
        action: action
            .filter(|action| is_word(action))
            .ok_or(Fault::Action)?
            .to_owned(),
        priority: advice(&members, "priority", PRIORITY)?,
        caveat: advice(&members, "top_caveat", CAVEAT)?,
    })
}

/// The repository and the issue that are meant.
fn target(members: &Map<String, Value>) -> Option<(String, IssueNumber)> {
    let target = members.get("target")?;
    let kind = target.get("kind").map_or(Some("issue"), Value::as_str)?;
    let repository = target.get("repo")?.as_str()?;
    let issue = target.get("number")?.as_i64()?;
    let fits = kind == "issue" && repository.len() <= 200 && issue > 0;
    fits.then(|| (repository.to_owned(), IssueNumber(issue)))
}

/// `sha256:` and 64 lower-case hex characters.
fn hash(value: &Value) -> Option<Hash> {
    Hash::parse(value.as_str()?.strip_prefix("sha256:")?)
}

/// The form that the configuration gives to such words, too.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A text that may be missing or null.
fn advice(members: &Map<String, Value>, name: &str, most: usize) -> Result<Option<String>, Fault> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(one_line(text, most)).filter(|it| !it.is_empty())),
        Some(_) => Err(Fault::Advice),
    }
}

impl Judgement {
    /// True if it is about this issue of this repository. The forge tells names apart without regard
    /// to case.
    pub fn is_about(&self, repository: &str, issue: IssueNumber) -> bool {
        self.issue == issue && self.repository.eq_ignore_ascii_case(repository)
    }

    /// True if title and text of the issue are those that were judged. The text may have been judged
    /// with the line ends of Unix where the forge has others.
    pub fn fits(&self, issue: &FoundIssue) -> bool {
        let body = Some(&self.body);
        self.title == issue.title && (issue.body.as_ref() == body || issue.body_lf.as_ref() == body)
    }

    /// True if it recommends one of these. Dashes, underscores and case make no difference: the same
    /// word stands in labels in another spelling, and a misspelt objection must not let through.
    pub fn recommends<'a>(&self, actions: impl IntoIterator<Item = &'a String>) -> bool {
        let plain = |word: &str| word.to_ascii_lowercase().replace('-', "_");
        let own = plain(&self.action);
        actions.into_iter().any(|action| plain(action) == own)
    }
}

impl Judged {
    /// How it stands to a request. An objection holds whatever else is wrong with it, except that a
    /// changed comment says nothing any more.
    pub fn standing(&self, weighing: &Weighing<'_>) -> Standing {
        let request = weighing.request;
        let summary = request.summary.as_ref().map(|summary| summary.comment);
        if summary.is_none_or(|summary| self.comment <= summary) {
            return Standing::Missing;
        }
        if !self.is_unchanged(weighing) {
            return Standing::Changed;
        }
        if self.said.recommends(&weighing.judge.shut_on) {
            return Standing::Objects(self.said.action.clone());
        }
        let fits = matches!(weighing.issue, ReadIssue::Found(issue) if self.said.fits(issue));
        let served_another = self.served.is_some_and(|served| served != request.number);
        if !fits {
            Standing::Older
        } else if served_another || request.asker() == Some(weighing.user) {
            Standing::Missing
        } else if !self.counts {
            Standing::Undelivered
        } else {
            Standing::Serves
        }
    }

    fn is_unchanged(&self, weighing: &Weighing<'_>) -> bool {
        let there = matches!(weighing.comment, Some(ReadComment::Found(found))
            if found.author == Some(weighing.user)
                && found.issue == weighing.request.thread.issue
                && found.body == self.body
                && found.updated_at == found.created_at);
        let only = weighing.seen.is_some_and(|seen| seen.only(&self.body));
        there && only && !self.fallen
    }
}

/// A JSON value in which no key stands twice in one object.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> de::Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a key stands twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests;
