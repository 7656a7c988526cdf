//! `ownergate approve`: an owner signs an approval with an SSH key, outside of the forge.
//!
//! Invariant: what is signed is shown first, byte for byte, and follows from what the bot itself says
//! over a channel that the forge has no part in: the digest and the code are computed anew, and the
//! bot's key is the one that was seen before. On the standard output stands the comment to paste and
//! nothing else, and only if the signature was checked.

pub(super) mod brought;
mod known_bots;
mod owner_key;

use std::io::{BufRead, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use reqwest::{StatusCode, Url};

use self::known_bots::KnownBots;
use self::owner_key::{OwnerKey, sign};
use super::activate::{bot_address, client, in_words, read};
use super::printable::printable;
use crate::gate::code::Code;
use crate::gate::command::Vouched;
use crate::gate::ids::{RequestNumber, UserId};
use crate::gate::policy::Factor;
use crate::gate::statement::Delivery;
use crate::gate::time::{parse_span, span};
use crate::http::document::{Approver, Document, Restatement, Signable};

/// No answer about a request is larger: it names every owner with all keys.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Sign an approval with your SSH key
///
/// Asks the bot what the request is for, shows it and the exact text to sign, asks once, signs through
/// ssh-keygen (so that agents, passphrases and security keys work), and prints the comment to paste
/// into the thread.
#[derive(Debug, clap::Args)]
pub struct ApproveArgs {
    /// The request, such as R17.
    #[arg(value_parser = number)]
    pub request: RequestNumber,
    /// Its code, as it stands in the thread.
    #[arg(value_parser = code)]
    pub code: Code,
    /// The bot's address, such as `https://gate.example` (http only on this machine).
    #[arg(long, value_name = "URL", value_parser = bot_address)]
    pub bot: Url,
    /// The age recipient (or challenge) that the requester gave you outside of the forge: you vouch
    /// for it.
    #[arg(long, value_name = "age1…")]
    pub recipient: Option<String>,
    /// Your SSH key: the private one, or the public one of a key that an agent holds. Left out: the
    /// first of the usual ones in ~/.ssh that is pinned for an owner.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Your numeric id on the forge, where the key does not tell it.
    #[arg(long, value_name = "ID")]
    pub approver: Option<i64>,
    /// Grant these scopes only.
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    pub scopes: Option<Vec<String>>,
    /// Grant them for this long only, such as 8h.
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    pub ttl: Option<u64>,
    /// Your one-time code, where the gate asks for one too.
    #[arg(long, value_name = "123456", value_parser = OneTime::parse)]
    pub otp: Option<OneTime>,
    /// Sign without asking.
    #[arg(long)]
    pub yes: bool,
}

/// A one-time code; its `Debug` does not show it.
#[derive(Clone)]
pub struct OneTime(String);

impl OneTime {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| "not a one-time code of six digits".to_owned())
    }
}

impl std::fmt::Debug for OneTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneTime([REDACTED])")
    }
}

fn number(text: &str) -> Result<RequestNumber, String> {
    RequestNumber::parse(text).ok_or_else(|| "not the number of a request, such as R17".to_owned())
}

fn code(text: &str) -> Result<Code, String> {
    Code::parse(text).ok_or_else(|| "not a code, such as 7Q4K-9MZT-0XHV".to_owned())
}

fn seconds(text: &str) -> Result<u64, String> {
    parse_span(text).ok_or_else(|| "not a span, such as 30m, 8h or 7d".to_owned())
}

/// Signs. Must not be called on a thread of a tokio runtime.
pub fn run(args: &ApproveArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the network")?;
    let answer = runtime.block_on(fetch(args))?;
    let stdin = std::io::stdin();
    let mut stderr = std::io::stderr();
    let comment = approved(args, &answer, &mut stdin.lock(), &mut stderr)?;
    let mut stdout = std::io::stdout();
    stdout.write_all(comment.as_bytes())?;
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Asks the bot for the request.
async fn fetch(args: &ApproveArgs) -> anyhow::Result<Vec<u8>> {
    let bot = &args.bot;
    let base = bot.as_str().trim_end_matches('/');
    let number = args.request;
    let mut address =
        Url::parse(&format!("{base}/v1/requests/{number}")).context("cannot make the address")?;
    let code = args.code.to_string();
    address.query_pairs_mut().append_pair("code", &code);
    let response = client(bot)?
        .get(address)
        .send()
        .await
        // The error would name the address, and with it the code.
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("{bot} cannot be reached"))?;
    match response.status() {
        StatusCode::OK => read(response, LARGEST_ANSWER).await,
        StatusCode::NOT_FOUND => bail!("{bot} knows no {number} with this code"),
        StatusCode::TOO_MANY_REQUESTS => {
            bail!("{bot} was asked with wrong codes too often: try again in a minute")
        }
        status if status.is_redirection() => {
            bail!("{bot} redirects, which is not followed: give the address that it names")
        }
        status => bail!("{bot} answers {status}: try again later"),
    }
}

/// From the bot's answer to the comment.
fn approved(
    args: &ApproveArgs,
    answer: &[u8],
    stdin: &mut dyn BufRead,
    stderr: &mut dyn Write,
) -> anyhow::Result<String> {
    let bots = KnownBots::of_this_user()?;
    let bot = args.bot.as_str().trim_end_matches('/');
    let known = bots.key_of(bot)?;
    let document = Document::read(answer, known.as_deref())
        .with_context(|| format!("{bot} is not believed, and nothing is signed"))?;
    document
        .check(args.request, &args.code)
        .context("nothing is signed")?;
    pin(&bots, bot, known.as_deref(), &document.bot_key, stderr)?;
    if document.status != "open" {
        let status = printable(&document.status);
        bail!(
            "{} is not open but {status}: nothing is signed",
            args.request
        );
    }
    let key = OwnerKey::find(
        args.key.as_deref(),
        args.approver.map(UserId),
        &document.owners,
    )?;
    let restated = Restatement {
        scopes: args
            .scopes
            .clone()
            .map(|scopes| scopes.into_iter().collect()),
        ttl: args.ttl,
        vouched: vouched(args, &document)?,
    };
    let mut signable = document
        .signable(key.owner.id, &restated)
        .context("nothing is signed")?;
    signable.line.push_str(&one_time(args, &document)?);
    show(&document, &key, &signable, stderr)?;
    if !args.yes && !agreed(&key.owner, stdin, stderr)? {
        bail!("nothing is signed");
    }
    let armor = sign(&key, &signable.text)?;
    Ok(format!(
        "{}\n\n```\n{}\n```\n",
        signable.line,
        armor.trim_end()
    ))
}

/// Pins the bot's key at first use, or when the pinned one vouches for it; says so.
fn pin(
    bots: &KnownBots,
    bot: &str,
    known: Option<&str>,
    found: &str,
    stderr: &mut dyn Write,
) -> anyhow::Result<()> {
    match known {
        None => {
            let file = bots.pin(bot, found)?;
            writeln!(
                stderr,
                "first use of {bot}: its key {found} is pinned in {file}, and no other is believed from now on"
            )?;
        }
        Some(known) if known != found => {
            let file = bots.succeed(bot, known, found)?;
            writeln!(
                stderr,
                "{bot} has the new key {found}; its old one, {known}, vouches for it, and the new one is pinned in {file}"
            )?;
        }
        Some(_) => {}
    }
    Ok(())
}

/// What a one-time code adds to the line. It is not part of the signed text: the forge sees it, and it
/// is used up by being looked at.
fn one_time(args: &ApproveArgs, document: &Document) -> anyhow::Result<String> {
    match (&args.otp, document.factors.contains(&Factor::Code)) {
        (Some(OneTime(code)), true) => Ok(format!(" otp={code}")),
        (Some(_), false) => {
            bail!("this gate asks for no one-time code, and nothing is signed: leave --otp out")
        }
        (None, true) => bail!(
            "this gate asks for a one-time code, too, and nothing is signed: give it with --otp"
        ),
        (None, false) => Ok(String::new()),
    }
}

/// Who vouches for the key that would get the token.
fn vouched(args: &ApproveArgs, document: &Document) -> anyhow::Result<Option<Vouched>> {
    vouched_with(args.recipient.as_deref(), document)
}

/// Who vouches, if the approver gives this key.
fn vouched_with(given: Option<&str>, document: &Document) -> anyhow::Result<Option<Vouched>> {
    let delivery = document.delivery().map(|delivery| match delivery {
        Delivery::Recipient(recipient) => recipient,
        Delivery::Challenge(challenge) => challenge,
    });
    match (given, delivery) {
        (Some(given), Some(asked)) if given == asked => Ok(Some(Vouched::Approver)),
        (Some(_), Some(asked)) => bail!(
            "the request names another key than the one that you gave, and nothing is signed: it \
             names {}",
            printable(&asked)
        ),
        (Some(_), None) => bail!("this request delivers nothing: leave --recipient out"),
        (None, Some(asked))
            if document.vouched.is_none() && document.factors.contains(&Factor::Signature) =>
        {
            bail!(
                "nobody vouches for {}, and nothing is signed: have the requester tell you its key \
                 outside of the forge, and give that with --recipient",
                printable(&asked)
            )
        }
        (None, Some(_)) => Ok(document.vouched),
        (None, None) => Ok(None),
    }
}

/// Shows what is granted, and the text to sign.
fn show(
    document: &Document,
    key: &OwnerKey,
    signable: &Signable,
    stderr: &mut dyn Write,
) -> anyhow::Result<()> {
    let canonical = &document.canonical;
    let thread = in_words(&canonical["thread"]);
    let mut lines = vec![format!(
        "{}: {} asks in {}#{thread} for: {}",
        document.request,
        document.asker_login,
        document.repository,
        in_words(&canonical["action"]),
    )];
    for (name, value) in canonical["effect"].as_object().into_iter().flatten() {
        let value = match (name.as_str(), value.as_u64()) {
            ("ttl", Some(seconds)) => span(seconds),
            _ => in_words(value),
        };
        lines.push(format!("  {name}: {value}"));
    }
    let own = [
        ("is called", &document.display_name),
        ("labels it", &document.label),
        ("says", &document.reason),
    ];
    for (what, text) in own {
        if let Some(text) = text {
            lines.push(format!("  the asker {what}: {text}"));
        }
    }
    let counted: Vec<String> = document.counted.iter().map(UserId::to_string).collect();
    lines.push(format!(
        "  needs {} of the board's owners, counted so far: {}; ends {}",
        document.quorum,
        if counted.is_empty() {
            "none".to_owned()
        } else {
            counted.join(" ")
        },
        document.ends_at
    ));
    lines.push(format!("the comment will say: {}", signable.line));
    lines.push(format!(
        "you are {} ({}) and sign with {} {} this text:",
        key.owner.login,
        key.owner.id,
        key.file.display(),
        key.public.fingerprint()
    ));
    for line in lines {
        writeln!(stderr, "{}", printable(&line))?;
    }
    writeln!(stderr)?;
    for line in signable.text.lines() {
        writeln!(stderr, "{}", printable(line))?;
    }
    writeln!(stderr)?;
    Ok(())
}

/// The one question.
fn agreed(
    owner: &Approver,
    stdin: &mut dyn BufRead,
    stderr: &mut dyn Write,
) -> anyhow::Result<bool> {
    write!(stderr, "sign it as {}? [y/N] ", printable(&owner.login))?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.take(1024).read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}

#[cfg(test)]
mod tests;
