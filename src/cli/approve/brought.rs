//! The same signature, brought to the bot over its own doors instead of in a comment.
//!
//! Invariant: what is signed is shown first, byte for byte, as for a comment. A gate that demands more
//! than a signature is told before anything is signed.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::path::Path;

use anyhow::{Context, bail};
use reqwest::Url;
use serde_json::{Value, json};

use super::super::printable::printable;
use super::known_bots::KnownBots;
use super::owner_key::{OwnerKey, sign};
use super::{agreed, pin, show, vouched_with};
use crate::gate::code::Code;
use crate::gate::ids::{RequestNumber, UserId};
use crate::gate::policy::Factor;
use crate::http::document::{Document, Restatement};

/// How it is signed.
#[derive(Clone, Debug, Default)]
pub struct Signing<'a> {
    /// The key's file.
    pub key: Option<&'a Path>,
    /// The owner, where the key does not tell it.
    pub approver: Option<i64>,
    /// The recipient or challenge that the approver vouches for.
    pub recipient: Option<&'a str>,
    /// Fewer scopes.
    pub scopes: Option<BTreeSet<String>>,
    /// A shorter life, seconds.
    pub ttl: Option<u64>,
    /// Sign without asking.
    pub yes: bool,
    /// Show what would be signed, and sign nothing.
    pub only_show: bool,
}

/// From what the bot tells of a request to what is brought; `None` if it was only to be shown. `bot` is
/// the address, if the bot is asked from elsewhere: then its key is pinned.
pub(in crate::cli) fn signed(
    answer: &Value,
    number: RequestNumber,
    bot: Option<&Url>,
    signing: &Signing<'_>,
    (stdin, stderr): (&mut dyn BufRead, &mut dyn Write),
) -> anyhow::Result<Option<Value>> {
    let document = believed(answer, number, bot, stderr)?;
    if document.status != "open" {
        let status = printable(&document.status);
        bail!("{number} is not open but {status}: nothing is signed");
    }
    alone(&document)?;
    let key = OwnerKey::find(signing.key, signing.approver.map(UserId), &document.owners)?;
    let restated = Restatement {
        scopes: signing.scopes.clone(),
        ttl: signing.ttl,
        vouched: vouched_with(signing.recipient, &document)?,
    };
    let signable = document
        .signable(key.owner.id, &restated)
        .context("nothing is signed")?;
    show(&document, &key, &signable, stderr)?;
    if signing.only_show {
        return Ok(None);
    }
    if !signing.yes && !agreed(&key.owner, stdin, stderr)? {
        bail!("nothing is signed");
    }
    let armor = sign(&key, &signable.text)?;
    Ok(Some(json!({
        "code": document.code,
        "approver": key.owner.id,
        "scopes": restated.scopes.unwrap_or_else(|| document.scopes()),
        "ttl": restated.ttl.or_else(|| document.ttl()),
        "vouched": restated.vouched.map(crate::gate::command::Vouched::word),
        "signature": armor,
    })))
}

/// What the bot tells of a request, if it is the bot that tells it.
fn believed(
    answer: &Value,
    number: RequestNumber,
    bot: Option<&Url>,
    stderr: &mut dyn Write,
) -> anyhow::Result<Document> {
    let bytes = serde_json::to_vec(answer).context("cannot read the answer")?;
    let document = match bot {
        // Over the socket of this host it is the bot, by the owner of the socket.
        None => Document::read(&bytes, None).context("nothing is signed")?,
        Some(bot) => {
            let bots = KnownBots::of_this_user()?;
            let bot = bot.as_str().trim_end_matches('/');
            let known = bots.key_of(bot)?;
            let document = Document::read(&bytes, known.as_deref())
                .with_context(|| format!("{bot} is not believed, and nothing is signed"))?;
            pin(&bots, bot, known.as_deref(), &document.bot_key, stderr)?;
            document
        }
    };
    let code = Code::parse(&document.code).context("the bot names no code")?;
    document.check(number, &code).context("nothing is signed")?;
    Ok(document)
}

/// A gate that demands more than a signature is not opened by one that is brought.
fn alone(document: &Document) -> anyhow::Result<()> {
    let more = document.factors.iter().find_map(|factor| match factor {
        Factor::Signature => None,
        Factor::Comment => Some("a comment"),
        Factor::Code => Some("a one-time code"),
    });
    if let Some(what) = more {
        bail!(
            "this gate demands {what}, too, and nothing is signed: use `ownergate approve {} {}`, and paste what it prints into the thread",
            printable(&document.request),
            printable(&document.code)
        );
    }
    Ok(())
}
