//! What an operator asks for from the command line, and the signatures that it brings: the common part
//! of `identity create|rotate|resume|own`, `token create` and `request approve`.
//!
//! Whatever is asked is a request in a thread, and only owners open its gate. Nothing here ever sees a
//! token: what comes back is sealed.

mod commands;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::admin::{self, Admin, Target};
use super::approve::brought::{Signing, signed};
use super::ask::TIMED_OUT;
use super::confirm::{Change, Go};
use super::printable::printable;
use crate::clock::Clock;
use crate::gate::ids::RequestNumber;
use crate::gate::reply::machine::line;
use crate::gate::time::parse_span;
use crate::secret::file::write_secret_file;
use crate::secret::token::random_hex;

pub use commands::{Another, Approve, Create, Named, Rotate};

/// How often a bot that cannot do it now is asked again, and how long it is given between: the forge is
/// away only after some seconds.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_secs(2);

/// How and where it is asked.
#[derive(Clone, Debug, clap::Args)]
pub struct Asking {
    /// The board; may be left out where it is plain
    #[arg(long, value_name = "NAME")]
    pub board: Option<String>,
    /// Ask in this issue; left out: where the identity lives, else in a new one that the bot opens
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub issue: Option<i64>,
    /// Follow the request until it ends; the exit code says whether it was approved
    #[arg(long)]
    pub wait: bool,
    /// With --wait: how long to wait for an owner [default: until the request ends]
    #[arg(long, value_name = "SPAN", requires = "wait", value_parser = seconds)]
    pub timeout: Option<u64>,
    /// Sign an approval with this key of an owner, and bring it: one vote of the quorum
    #[arg(long, value_name = "KEY")]
    pub approve_with: Option<PathBuf>,
    /// With --approve-with: the owner's numeric id on the forge, where the key does not tell it
    #[arg(long, value_name = "ID", requires = "approve_with")]
    pub approver: Option<i64>,
    /// With --approve-with: write the sealed file here, mode 0600, if that opens the gate
    #[arg(long, value_name = "FILE", requires = "approve_with")]
    pub out: Option<PathBuf>,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
    /// Asking first, or only saying what would be asked
    #[command(flatten)]
    pub change: Change,
    /// Which bot is asked
    #[command(flatten)]
    pub target: Target,
}

/// What a credential is asked with.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Wanted {
    /// What it may do
    #[arg(
        long,
        visible_alias = "capabilities",
        value_name = "SCOPES",
        value_delimiter = ',',
        required = true
    )]
    pub scopes: Vec<String>,
    /// For how long, such as 8h
    #[arg(long, visible_alias = "expires-in", value_name = "SPAN", value_parser = a_span)]
    pub ttl: String,
    /// The gate; left out: the board's only one, else dev
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Where the token is sealed to
    #[arg(long, value_name = "age1…", required_unless_present = "challenge")]
    pub recipient: Option<String>,
    /// The S256 challenge whose verifier claims the token
    #[arg(long, value_name = "CHALLENGE", conflicts_with = "recipient")]
    pub challenge: Option<String>,
    /// A name for the credential
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// A longer name for a new identity
    #[arg(long, value_name = "TEXT")]
    pub display_name: Option<String>,
    /// What inside the workspace it is for
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub resources: Option<Vec<String>>,
    /// How it may run
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub modes: Option<Vec<String>>,
    /// Why, for the owners
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

fn a_span(text: &str) -> Result<String, String> {
    seconds(text).map(|_| text.to_owned())
}

fn seconds(text: &str) -> Result<u64, String> {
    parse_span(text).ok_or_else(|| "not a span, such as 30m, 8h or 7d".to_owned())
}

impl Wanted {
    /// The members of the call, for this identity.
    pub fn body(&self, slug: &str) -> Map<String, Value> {
        let all = [
            ("identity", json!(slug)),
            ("scopes", json!(self.scopes)),
            ("ttl", json!(self.ttl)),
            ("environment", json!(self.environment)),
            ("recipient", json!(self.recipient)),
            ("challenge", json!(self.challenge)),
            ("label", json!(self.label)),
            ("display_name", json!(self.display_name)),
            ("resources", json!(self.resources)),
            ("modes", json!(self.modes)),
            ("reason", json!(self.reason)),
        ];
        all.into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Whose key gets the token.
    pub fn to(&self) -> Option<&str> {
        self.recipient.as_deref().or(self.challenge.as_deref())
    }
}

/// One thing to ask.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The address.
    pub path: String,
    /// What is sent.
    pub body: Map<String, Value>,
    /// In words, for the question: `Ask for …`.
    pub what: String,
    /// Whose key gets the token, if whoever types names it: the one who signs vouches for it.
    pub to: Option<&'a str>,
}

/// Asks, and does what else was wanted. The exit code: 0 if it is asked, or, where that was waited or
/// signed for, if it was approved or counted; 6 if it was waited for in vain, as `ownergate ask` says it.
pub fn ask(asking: &Asking, ask: Ask<'_>) -> anyhow::Result<ExitCode> {
    let go = match asking.change.ask(&ask.what) {
        Ok(go) => go,
        Err(code) => return Ok(code),
    };
    if let Some(out) = asking.out.as_deref().filter(|out| out.exists()) {
        bail!("{} is there already, and nothing was asked", shown(out));
    }
    let bot = asking.target.reach()?;
    let runtime = admin::runtime()?;
    let body = whole(asking, ask.body, go);
    let name = random_hex().context("no randomness")?;
    let call = || async { bot.send_once(&ask.path, &name, &body).await };
    let asked = runtime.block_on(patiently(call))?;
    let mut asked = admin::success(asked)?;
    if go == Go::Rehearse {
        return rehearsed(asking, &asked);
    }
    let patience = Patience::of(asking.timeout);
    let mut in_time = true;
    if asked["state"] == "opening" && (asking.wait || asking.approve_with.is_some()) {
        match runtime.block_on(patience.hold(opened(call)))? {
            Some(now) => asked = now,
            None => in_time = false,
        }
    }
    let mut told = Told::new(asking.json, &asked)?;
    let number = asked["request"].as_str().and_then(RequestNumber::parse);
    let Some(number) = number else {
        return told.end(if in_time {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(TIMED_OUT)
        });
    };
    let mut code = ExitCode::SUCCESS;
    if let Some(key) = &asking.approve_with {
        let signing = Signing {
            key: Some(key),
            approver: asking.approver,
            recipient: ask.to,
            yes: asking.change.confirm,
            ..Signing::default()
        };
        let voted = vote(&runtime, &bot, &asking.target, number, &signing)?;
        code = told.voted(number, voted.as_ref(), asking.out.as_deref())?;
    }
    if asking.wait {
        let status = runtime.block_on(patience.hold(ended(&bot, number)))?;
        code = match status {
            Some(status) => told.ended(number, &status)?,
            None => waited_long_enough(number, &asked)?,
        };
    }
    told.end(code)
}

/// Says what was waited for in vain.
fn waited_long_enough(number: RequestNumber, asked: &Value) -> anyhow::Result<ExitCode> {
    let place = printable(asked["thread"].as_str().unwrap_or("its thread"));
    writeln!(
        io::stderr(),
        "ownergate: not decided yet: {number} waits for an owner in {place}. The request stays open: `ownergate request show {number}` tells how it stands."
    )?;
    Ok(ExitCode::from(TIMED_OUT))
}

/// What is sent, with where it is asked.
fn whole(asking: &Asking, mut body: Map<String, Value>, go: Go) -> Value {
    for (name, value) in [
        ("board", json!(asking.board)),
        ("issue", json!(asking.issue)),
        ("dry_run", json!((go == Go::Rehearse).then_some(true))),
    ] {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    }
    Value::Object(body)
}

/// What would be asked.
fn rehearsed(asking: &Asking, would: &Value) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if asking.json {
        writeln!(out, "{would}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let board = printable(would["board"].as_str().unwrap_or(""));
    match would["issue"].as_i64() {
        Some(issue) => writeln!(out, "would ask in issue {issue} of {board}:")?,
        None => writeln!(
            out,
            "would open an issue in {board}, {:?}, and ask there:",
            printable(would["title"].as_str().unwrap_or(""))
        )?,
    }
    for line in would["summary"].as_str().unwrap_or("").lines() {
        writeln!(out, "  {}", printable(line))?;
    }
    writeln!(out, "nothing was asked")?;
    Ok(ExitCode::SUCCESS)
}

/// Signs an approval as `ownergate approve` does, and brings it; `None` if it was only shown.
pub fn vote(
    runtime: &tokio::runtime::Runtime,
    bot: &Admin,
    target: &Target,
    number: RequestNumber,
    signing: &Signing<'_>,
) -> anyhow::Result<Option<Value>> {
    let path = format!("/v1/requests/{number}/document");
    let answer = runtime.block_on(bot.get(&path, &[]))?;
    let answer = admin::success(answer)?;
    let stdin = io::stdin();
    let mut stderr = io::stderr();
    let streams: (&mut dyn io::BufRead, &mut dyn Write) = (&mut stdin.lock(), &mut stderr);
    let Some(body) = signed(&answer, number, target.bot.as_ref(), signing, streams)? else {
        return Ok(None);
    };
    let path = format!("/v1/requests/{number}/approve");
    let brings = || async { bot.send(Method::POST, &path, &body).await };
    let voted = runtime.block_on(patiently(brings))?;
    admin::success(voted).map(Some)
}

/// Asks again while the bot or the forge is only just away, or a thread is not told yet.
async fn patiently<F: Future<Output = anyhow::Result<(StatusCode, Value)>>>(
    call: impl Fn() -> F,
) -> anyhow::Result<(StatusCode, Value)> {
    let clock = Clock::system();
    let mut last = call().await?;
    for _ in 1..TRIES {
        let passes =
            last.0 == StatusCode::SERVICE_UNAVAILABLE || last.1["code"] == "no_summary_yet";
        if !passes {
            break;
        }
        clock.sleep(PAUSE).await;
        last = call().await?;
    }
    Ok(last)
}

/// How long is waited in all.
struct Patience {
    clock: Clock,
    until: Option<Duration>,
}

impl Patience {
    fn of(timeout: Option<u64>) -> Self {
        let clock = Clock::system();
        let until = timeout.map(|seconds| clock.monotonic() + Duration::from_secs(seconds));
        Self { clock, until }
    }

    /// What comes of it, or `None` if that takes too long.
    async fn hold<T>(
        &self,
        what: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<Option<T>> {
        let Some(until) = self.until else {
            return what.await.map(Some);
        };
        let left = until.saturating_sub(self.clock.monotonic());
        match tokio::time::timeout(left, what).await {
            Ok(done) => done.map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// Asks for the same again until its issue is there.
async fn opened<F: Future<Output = anyhow::Result<(StatusCode, Value)>>>(
    call: impl Fn() -> F,
) -> anyhow::Result<Value> {
    let clock = Clock::system();
    loop {
        let asked = admin::success(call().await?)?;
        if asked["state"] != "opening" {
            return Ok(asked);
        }
        clock.sleep(PAUSE).await;
    }
}

/// Follows a request until it ends; how it stands then.
async fn ended(bot: &Admin, number: RequestNumber) -> anyhow::Result<String> {
    let clock = Clock::system();
    let path = format!("/v1/requests/{number}/document");
    loop {
        let answer = bot.get(&path, &[]).await?;
        // A bot that restarts meanwhile is asked again.
        if answer.0 != StatusCode::SERVICE_UNAVAILABLE {
            let document = admin::success(answer)?;
            let status = document["status"].as_str().unwrap_or("unknown");
            if status != "open" {
                return Ok(status.to_owned());
            }
        }
        clock.sleep(PAUSE).await;
    }
}

/// What is told: lines for people as it goes, or one object at the end.
pub struct Told {
    json: bool,
    all: Map<String, Value>,
}

impl Told {
    /// Begins with what was asked.
    pub fn new(json: bool, asked: &Value) -> anyhow::Result<Self> {
        let told = Self {
            json,
            all: asked.as_object().cloned().unwrap_or_default(),
        };
        let text = |name: &str| printable(asked[name].as_str().unwrap_or(""));
        if asked["request"].is_string() {
            told.line(&format!(
                "{} asks in issue {} of {}: {}",
                text("request"),
                asked["issue"],
                text("board"),
                text("thread")
            ))?;
            if asked["told"] == false {
                told.line("its thread is told as soon as the forge can be reached")?;
            }
        } else {
            told.line(&format!(
                "an issue is being opened in {}; the request stands there as soon as the forge has it",
                text("board")
            ))?;
        }
        Ok(told)
    }

    /// Begins with nothing but the request.
    pub fn of(json: bool, number: RequestNumber) -> Self {
        let request = ("request".to_owned(), json!(number.to_string()));
        Self {
            json,
            all: Map::from_iter([request]),
        }
    }

    /// A line for people.
    fn line(&self, line: &str) -> anyhow::Result<()> {
        if !self.json {
            writeln!(io::stdout().lock(), "{line}")?;
        }
        Ok(())
    }

    /// What came of a signature.
    pub fn voted(
        &mut self,
        number: RequestNumber,
        voted: Option<&Value>,
        out: Option<&Path>,
    ) -> anyhow::Result<ExitCode> {
        let Some(voted) = voted else {
            self.line("nothing was signed")?;
            return Ok(ExitCode::SUCCESS);
        };
        self.all.insert("state".to_owned(), voted["state"].clone());
        if voted["state"] == "counted" {
            self.line(&format!(
                "{number}: the signature is counted, {} of {}",
                voted["counted"], voted["needed"]
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        let credential = voted["credential"].as_str();
        self.all
            .insert("credential".to_owned(), voted["credential"].clone());
        let made = credential.map_or_else(String::new, |number| format!(": {}", printable(number)));
        self.line(&format!("{number} is approved{made}"))?;
        match (voted["sealed"].as_str(), out) {
            (Some(sealed), Some(out)) => {
                write_secret_file(out, noted(sealed, &voted["note"]).as_bytes())
                    .with_context(|| format!("{number} is approved and its sealed file stands in the thread; {} cannot be written", shown(out)))?;
                self.line(&format!("the sealed file is in {}", shown(out)))?;
            }
            (None, Some(_)) => self.line("nothing is sealed, so that there is no file")?,
            (_, None) => {}
        }
        Ok(ExitCode::SUCCESS)
    }

    /// How the request ended.
    fn ended(&mut self, number: RequestNumber, status: &str) -> anyhow::Result<ExitCode> {
        self.all.insert("state".to_owned(), json!(status));
        self.line(&format!("{number}: {}", printable(status)))?;
        Ok(match status {
            "approved" => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    }

    /// Ends with an exit code.
    pub fn end(self, code: ExitCode) -> anyhow::Result<ExitCode> {
        if self.json {
            writeln!(io::stdout().lock(), "{}", Value::Object(self.all))?;
        }
        Ok(code)
    }
}

/// The sealed file with the bot's note behind it, as in the thread: what `ownergate open --bot-key` reads.
fn noted(sealed: &str, note: &Value) -> String {
    match note {
        Value::Object(note) => format!("{}\n\n{}\n", sealed.trim_end(), line(note.clone())),
        _ => sealed.to_owned(),
    }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}
