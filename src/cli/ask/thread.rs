//! What the bot has said in a thread about one request.
//!
//! Invariant: only comments of the bot's own account are looked at, and of those a sealed file counts
//! only with a note that a pinned key signed, for this recipient. Everything else is words for people.

use serde_json::{Map, Value};

use super::profile::Setup;
use crate::cli::printable::printable;
use crate::forgejo::types::Comment;
use crate::gate::command::one_line;
use crate::secret::clipboard::sealed_file_in;
use crate::secret::note::{NoteFault, block_in, check};
use crate::secret::seal::{AgeIdentity, unseal_any};
use crate::secret::token::RawToken;

/// The most of the bot's words that are shown.
const WORDS: usize = 300;

/// What is looked for.
pub(super) struct Sought<'a> {
    pub(super) setup: &'a Setup,
    /// The agent's key.
    pub(super) key: &'a AgeIdentity,
    /// Its public half.
    pub(super) recipient: &'a str,
    /// The comment that asks; nothing before it is an answer.
    pub(super) after: Option<i64>,
}

/// A request, as the bot's summary has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// `R17`.
    pub(super) request: String,
    /// Its code.
    pub(super) code: String,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The token, and the block that its note covers.
    pub(super) token: Option<(RawToken, Map<String, Value>)>,
    /// Why a sealed file for this recipient is not taken.
    pub(super) fault: Option<NoteFault>,
    /// The request's summary.
    pub(super) summary: Option<Summary>,
    /// What the bot last refused, of no request.
    pub(super) refusal: Option<String>,
    /// What the bot last said of each request.
    said: Vec<(String, String)>,
}

impl Found {
    /// What the bot last said of a request.
    pub(super) fn said_of(&self, request: &str) -> String {
        let said = self.said.iter().rev().find(|(about, _)| about == request);
        said.map_or_else(
            || "the bot did not say why.".to_owned(),
            |(_, text)| text.clone(),
        )
    }
}

/// Reads the comments of a thread, oldest first.
pub(super) fn look(comments: &[Comment], sought: &Sought<'_>) -> Found {
    let mut found = Found::default();
    let own = comments.iter().filter(|comment| {
        let by_bot = comment
            .user
            .as_ref()
            .is_some_and(|user| user.id == sought.setup.bot_id);
        by_bot && sought.after.is_none_or(|after| comment.id.0 > after)
    });
    for comment in own {
        if let Some(text) = comment.body.text() {
            one(text.expose(), sought, &mut found);
        }
    }
    found
}

fn one(text: &str, sought: &Sought<'_>, found: &mut Found) {
    let block = block_in(text);
    let about = |name: &str| match &block {
        Ok(block) => block.get(name).and_then(Value::as_str).map(str::to_owned),
        Err(_) => None,
    };
    let (kind, request) = (about("kind"), about("request"));
    let ours = about("recipient").as_deref() == Some(sought.recipient);
    let sealed = sealed_file_in(text.as_bytes()).ok();
    let opens = || {
        let token = unseal_any(std::slice::from_ref(sought.key), sealed.as_deref()?);
        token.ok()
    };
    match kind.as_deref() {
        Some("request") if ours => {
            let code = about("code");
            found.summary = request
                .zip(code)
                .map(|(request, code)| Summary { request, code });
        }
        Some("request") => {}
        Some("credential") if ours => sealed_one(block, sealed.as_deref(), opens(), sought, found),
        _ if sealed.is_some() => {
            // What was changed so far that it does not name this recipient any more may still be its.
            if let Some(token) = opens() {
                sealed_one(block, sealed.as_deref(), Some(token), sought, found);
            }
        }
        Some(kind) => match request {
            Some(request) => found.said.push((request, words(text))),
            None if kind == "refusal" => found.refusal = Some(words(text)),
            None => {}
        },
        None => {}
    }
}

/// A sealed file that is or may be for this recipient.
fn sealed_one(
    block: Result<Map<String, Value>, NoteFault>,
    sealed: Option<&[u8]>,
    token: Option<RawToken>,
    sought: &Sought<'_>,
    found: &mut Found,
) {
    let recipients = [sought.recipient.to_owned()];
    let judged = block.and_then(|block| {
        let sealed = sealed.ok_or(NoteFault::OtherFile)?;
        check(&block, sealed, &recipients, &sought.setup.bot_keys)?;
        token
            .map(|token| (token, block))
            .ok_or(NoteFault::OtherFile)
    });
    match judged {
        Ok(both) => found.token = Some(both),
        Err(fault) => found.fault = Some(fault),
    }
}

/// The visible part of a comment on one line.
fn words(text: &str) -> String {
    let visible = text.split("\n\n<!--").next().unwrap_or_default();
    let mut line = printable(&one_line(visible, WORDS));
    if !line.ends_with(['.', '?', '!']) {
        line.push('.');
    }
    line
}
