//! `ownergate ask`: an agent asks, waits for an owner, and has its token, with one command.
//!
//! Invariant: where to ask and whom to believe is pinned in the profile or the flags (the bot's
//! address, its account's number, its keys), never learnt from a thread. The token goes into one new
//! private file or into one command and nowhere else; what is printed holds no secret. A request is
//! posted once, however often the command is run again, and by one process at a time.

mod bot;
mod exec;
mod fault;
mod going;
mod lock;
mod profile;
mod state;
mod thread;
mod wish;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::json;

pub use self::fault::{AskFault, TIMED_OUT};
use self::going::{Going, Waits};
use self::lock::Alone;
use self::profile::{Setup, setup};
pub use self::state::Receipt;
use self::state::{Keep, State};
use self::wish::Wish;
use super::activate::bot_address;
use super::open::bot_keys;
use super::printable::printable;
use crate::clock::Clock;
use crate::forgejo::{Client, ClientOptions};
use crate::gate::time::parse_span;
use crate::secret::file::read_secret_file;
use crate::secret::token::RawToken;

/// The profile that is read if none is named.
const DEFAULT_PROFILE: &str = "ownergate.ask.toml";

/// What stands below the flags.
const EXITS: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 denied, 5 void or ended, 6 timed out, 7 not signed by the bot, 8 forge away or refusing, 9 not activated yet, 10 not accepted by the bot. Run again after 6, 8 and 9, it goes on where it was and posts nothing twice.";

/// Ask for a token: posts the request, waits for an owner, and has the token
///
/// Where to ask and whom to believe stands in ownergate.ask.toml or in the flags. The token goes into
/// --out (mode 0600) or to the command of --exec; one line of JSON without any secret is printed. Run
/// again after a crash or a timeout, it goes on where it was and posts nothing twice.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXITS)]
#[command(group = clap::ArgGroup::new("to").required(true).args(["out", "exec"]))]
pub struct AskArgs {
    /// The profile; left out: ownergate.ask.toml, if it is here.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// The identity's name, or `codex-*` for a new one named after the board and the issue.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<String>,
    /// What it shall be able to do.
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    pub scopes: Option<Vec<String>>,
    /// For how long, such as 8h.
    #[arg(long, value_name = "SPAN")]
    pub ttl: Option<String>,
    /// Which gate.
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Why; the owners read it.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// A name for the credential.
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// What inside the workspace it is for.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub resources: Option<Vec<String>>,
    /// How it may be used.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub modes: Option<Vec<String>>,
    /// Ask in this issue.
    #[arg(long, value_name = "N", conflicts_with = "title")]
    pub issue: Option<i64>,
    /// Ask in a new issue with this title; without --issue it is named after the identity.
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Put the token into this file (mode 0600). What is needed to go on stands in FILE.ask.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Ask for a successor of the token in --out, and put it there.
    #[arg(long, conflicts_with_all = ["exec", "issue", "title", "identity", "scopes", "ttl"])]
    pub renew: bool,
    /// How long to wait for an owner.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span)]
    pub timeout: u64,
    /// The forge's address.
    #[arg(long, value_name = "URL")]
    pub forge: Option<String>,
    /// A file (mode 0600) with the agent's own token of the forge.
    #[arg(long, value_name = "FILE")]
    pub forge_token_file: Option<PathBuf>,
    /// The board's repository, such as alice/board.
    #[arg(long, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
    /// The bot's address, such as `https://gate.example` (http only on this machine).
    #[arg(long, value_name = "URL", value_parser = bot_address)]
    pub bot: Option<Url>,
    /// The numeric id of the bot's account on the forge.
    #[arg(long, value_name = "ID")]
    pub bot_id: Option<i64>,
    /// The bot's public key (`GET /v1/bot-key`), or a file with it; may be given again.
    #[arg(long, value_name = "KEY|FILE", value_parser = bot_keys)]
    pub bot_key: Vec<Vec<String>>,
    /// With --exec: keep here what is needed to go on after a crash. It holds no secret.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    pub state: Option<PathBuf>,
    /// With --exec: give the token in this environment variable. Left out: in a file descriptor, whose
    /// number is in OWNERGATE_TOKEN_FD and whose path in OWNERGATE_TOKEN_FILE.
    #[arg(long, value_name = "NAME", conflicts_with = "out", value_parser = exec::variable)]
    pub env: Option<String>,
    /// Run this command with the token and put nothing on disk. Everything behind it is the command's.
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
    pub exec: Vec<String>,
}

fn span(text: &str) -> Result<u64, String> {
    parse_span(text).ok_or_else(|| "not a span, such as 30m, 8h or 7d".to_owned())
}

/// A place where a process may end; tests end it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is posted yet.
    Posting,
    /// Posted, and that is not kept yet.
    Posted,
    /// Kept.
    Asked,
    /// The token is in memory only.
    Opened,
    /// In its file, and that is not kept yet.
    Written,
    /// Kept.
    Kept,
    /// The bot knows, and that is not kept yet.
    Activated,
}

/// How fast it looks, and where it ends before its time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between the first two looks.
    pub first: Duration,
    /// Between two looks at most.
    pub most: Duration,
    /// Where to end, as if the process were killed there.
    pub stop: Option<Step>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            most: Duration::from_secs(15),
            stop: None,
        }
    }
}

impl Pace {
    fn cap(&self, wait: Duration) -> Duration {
        wait.min(self.most)
    }

    fn at(&self, step: Step) -> Result<(), AskFault> {
        match self.stop {
            Some(stop) if stop == step => Err(AskFault::Failed(format!("stopped at {step:?}"))),
            _ => Ok(()),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Handed {
    /// The token, if it is not in a file.
    pub token: Option<RawToken>,
    /// What it is.
    pub receipt: Receipt,
}

impl Handed {
    /// One line of JSON, without any secret.
    pub fn line(&self, out: Option<&Path>) -> String {
        json!({
            "identity": self.receipt.identity,
            "credential": self.receipt.credential,
            "scopes": self.receipt.scopes,
            "expires_at": self.receipt.expires_at,
            "issue": self.receipt.issue,
            "out": out.map(|out| out.display().to_string()),
        })
        .to_string()
    }
}

/// Asks. Must not be called on a thread of a tokio runtime.
pub fn run(args: &AskArgs) -> anyhow::Result<ExitCode> {
    let terminal = std::io::stderr().is_terminal();
    let say = |line: &str| {
        if terminal {
            // Whoever closed the terminal needs no progress.
            let _ = writeln!(std::io::stderr(), "{}", printable(line));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the network")?;
    let outcome = runtime.block_on(ask(args, Pace::default(), &Clock::system(), &say));
    drop(runtime);
    let fault = match outcome {
        Ok(handed) => {
            let line = handed.line(args.out.as_deref());
            match &handed.token {
                None => {
                    writeln!(std::io::stdout(), "{line}")?;
                    return Ok(ExitCode::SUCCESS);
                }
                // The standard output is the command's.
                Some(token) => {
                    writeln!(std::io::stderr(), "{line}")?;
                    match exec::become_command(&args.exec, args.env.as_deref(), token) {
                        Ok(never) => match never {},
                        Err(fault) => fault,
                    }
                }
            }
        }
        Err(fault) => fault,
    };
    writeln!(
        std::io::stderr(),
        "ownergate: {}",
        printable(&fault.to_string())
    )?;
    Ok(ExitCode::from(fault.code()))
}

/// Asks, and goes on with what was asked before.
pub async fn ask(
    args: &AskArgs,
    pace: Pace,
    clock: &Clock,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Handed, AskFault> {
    let setup = setup(args)?;
    let client = Client::new(ClientOptions {
        base: setup.forge.clone(),
        insecure_http: setup.insecure_http,
        token: SecretString::from(setup.forge_token.expose()),
        user_agent: concat!("ownergate-ask/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
    .map_err(|fault| AskFault::Usage(fault.to_string()))?;
    let keep = match (&args.out, &args.state) {
        (Some(out), _) => Keep::beside(out),
        (None, state) => Keep(state.clone()),
    };
    let _alone = Alone::take(&keep)?;
    let place = format!("{} {}", client.base(), setup.repository);
    let kept = keep.load(&place)?;
    let state = kept.unwrap_or_else(|| State {
        v: 1,
        place,
        ..State::default()
    });
    let mut going = Going {
        setup: &setup,
        client,
        keep,
        state,
        out: args.out.clone(),
        timeout: Duration::from_secs(args.timeout),
        pace,
        say,
        waits_for: Waits::Somebody("nothing was posted".to_owned()),
    };
    if let Some(token) = there(args, &setup, &going, clock)? {
        let receipt = match &going.state.receipt {
            Some(receipt) if receipt.activated => receipt.clone(),
            _ => going.activate(&token).await?,
        };
        return Ok(Handed {
            token: None,
            receipt,
        });
    }
    let (wish, title, issue) = wanted(args, &setup, &going.state)?;
    let token = going.token(&wish, title, issue).await?;
    let receipt = going.activate(&token).await?;
    if args.out.is_some() {
        return Ok(Handed {
            token: None,
            receipt,
        });
    }
    // Where nothing is on disk there is nothing to go on with.
    (going.state.receipt, going.state.ask) = (None, None);
    going.keep.save(&going.state)?;
    Ok(Handed {
        token: Some(token),
        receipt,
    })
}

/// What to post, and where: the title of a new issue, or an issue's number.
fn wanted(
    args: &AskArgs,
    setup: &Setup,
    state: &State,
) -> Result<(Wish, Option<String>, Option<i64>), AskFault> {
    if args.renew {
        let receipt = state.receipt.as_ref().ok_or_else(|| {
            AskFault::Usage("there is no token to renew here: ask without --renew".to_owned())
        })?;
        let wish = Wish::rotation(&receipt.identity, &receipt.credential)?;
        return Ok((wish, None, Some(receipt.issue)));
    }
    let wish = Wish::request(args, &setup.usual)?;
    let identity = args.identity.as_ref().or(setup.usual.identity.as_ref());
    let title = match (&args.title, args.issue) {
        (Some(title), _) => Some(title.clone()),
        (None, Some(_)) => None,
        (None, None) => identity.map(|identity| format!("Machine identity: {identity}")),
    };
    Ok((wish, title, args.issue))
}

/// The token that is there already, if it is what is asked for.
fn there(
    args: &AskArgs,
    setup: &Setup,
    going: &Going<'_>,
    clock: &Clock,
) -> Result<Option<RawToken>, AskFault> {
    let Some(out) = &args.out else {
        return Ok(None);
    };
    let (receipt, shown) = (&going.state.receipt, going.keep.shown());
    match receipt {
        // A renewal replaces it; whether it still works does not matter then.
        Some(receipt) if args.renew && receipt.activated => Ok(None),
        Some(_) if going.state.ask.is_some() => Err(AskFault::Usage(format!(
            "a renewal goes on ({shown}): finish it with --renew"
        ))),
        Some(receipt)
            if !args.renew
                && !Wish::request(args, &setup.usual)?.is_for_the_same(&receipt.wish) =>
        {
            Err(AskFault::Usage(format!(
                "{} holds a token that was asked for with other flags ({shown}): name another file",
                out.display()
            )))
        }
        Some(receipt) => {
            let ends: Option<Timestamp> = receipt.expires_at.parse().ok();
            if ends.is_some_and(|ends| ends <= clock.now()) {
                return Err(AskFault::Failed(format!(
                    "the token in {} ended at {}: ask for a successor with --renew, or remove it and {shown} and ask anew",
                    out.display(),
                    receipt.expires_at
                )));
            }
            let text = read_secret_file(out).map_err(|fault| {
                AskFault::Failed(format!(
                    "the token of {shown}, {}, {fault}: ask for a successor with --renew, or remove {shown} and ask anew",
                    out.display()
                ))
            })?;
            let token = RawToken::parse(text.expose());
            token.map(Some).ok_or_else(|| {
                AskFault::Failed(format!(
                    "{} holds no token: remove it and {shown} and ask anew",
                    out.display()
                ))
            })
        }
        None if going.state.ask.is_none() && out.exists() => Err(AskFault::Failed(format!(
            "{} exists and is not overwritten: name another file",
            out.display()
        ))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
