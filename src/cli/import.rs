//! `ownergate import legacy`: secrets that are in use already become credentials, once their owners say
//! so. The running bot is handed the file over its admin socket and asks in an issue.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use reqwest::StatusCode;
use serde_json::Value;

use super::admin::{self, Admin};
use super::confirm::{Change, Go};
use super::order::would;
use super::printable::printable;
use crate::config::Config;
use crate::secret::legacy::LARGEST_FILE;

/// Hand secrets from before to the running bot
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to hand over
    #[command(subcommand)]
    pub what: What,
}

/// What can be handed over.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Ask in an issue that secrets from before work here: a file with the SHA-256 of each
    ///
    /// Each line: {"sha256": …, "label": …, "scopes": […], "expires_at": …, "identity": …}, the last two
    /// optional. Whatever is wrong with any line is told, and then nothing is handed over.
    Legacy(Legacy),
}

/// What to ask where.
#[derive(Debug, clap::Args)]
pub struct Legacy {
    /// The file, one JSON object a line
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The board
    #[arg(long, value_name = "NAME")]
    pub board: String,
    /// The issue in which owners are asked
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub issue: i64,
    /// The operator who asks: one of the configuration with `uid`, `forge_id` and the right `request`
    #[arg(long, value_name = "NAME")]
    pub operator: String,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Asking first, or only saying what would be asked
    #[command(flatten)]
    pub change: Change,
}

/// Runs the command. Exit code 1 if nothing was asked.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let What::Legacy(args) = &args.what;
    let what = format!(
        "Ask in issue {} of {} that the secrets of {} work here",
        args.issue,
        args.board,
        args.file.display()
    );
    let go = match args.change.ask(&what) {
        Ok(go) => go,
        Err(code) => return Ok(code),
    };
    let config = admin::load(&args.config)?;
    let length = std::fs::metadata(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?
        .len();
    if length > LARGEST_FILE as u64 {
        bail!(
            "{} is larger than {LARGEST_FILE} bytes",
            args.file.display()
        );
    }
    let file = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let asked = admin::runtime()?.block_on(hand_over(&config, args, file, go))?;
    match asked {
        Asked::Request(line) => {
            writeln!(io::stdout().lock(), "{line}")?;
            Ok(ExitCode::SUCCESS)
        }
        Asked::Would(line, what) => {
            let mut out = io::stdout().lock();
            writeln!(out, "dry run, nothing was changed. It would be so: {line}")?;
            would(&mut out, &what)?;
            Ok(ExitCode::SUCCESS)
        }
        Asked::Faults(faults) => {
            let mut out = io::stderr().lock();
            for fault in faults {
                writeln!(
                    out,
                    "{}: {fault}",
                    printable(&args.file.display().to_string())
                )?;
            }
            writeln!(out, "nothing was imported")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// A request is up; what to tell.
    Request(String),
    /// One would be; what would be told, written and said.
    Would(String, Value),
    /// Every bad line, and why.
    Faults(Vec<String>),
}

/// Hands the file to the bot that runs with this configuration. In a rehearsal the bot reads it just so,
/// and says what would come of it.
pub async fn hand_over(
    config: &Config,
    args: &Legacy,
    file: Vec<u8>,
    go: Go,
) -> anyhow::Result<Asked> {
    let bot = Admin::find(config)?.with_context(|| {
        format!(
            "no bot answers on {}: start it, and run this as the user that it runs as",
            config.server.admin_socket.display()
        )
    })?;
    let named = [
        ("board", args.board.clone()),
        ("issue", args.issue.to_string()),
        ("operator", args.operator.clone()),
        ("dry_run", (go == Go::Rehearse).to_string()),
    ];
    let (status, body) = bot.post("/import", &named, file).await?;
    let text = |name: &str| printable(body[name].as_str().unwrap_or("no reason given"));
    let line = || {
        format!(
            "{} asks in issue {} of {}; lines {}, SHA-256 of the file {}",
            text("request"),
            args.issue,
            printable(&args.board),
            body["lines"],
            text("file")
        )
    };
    match status {
        StatusCode::ACCEPTED => Ok(Asked::Request(line())),
        StatusCode::OK if body["dry_run"] == true => {
            Ok(Asked::Would(line(), body["would"].clone()))
        }
        StatusCode::UNPROCESSABLE_ENTITY => {
            let faults = body["faults"].as_array().into_iter().flatten();
            Ok(Asked::Faults(
                faults
                    .map(|fault| printable(fault.as_str().unwrap_or("no reason given")))
                    .collect(),
            ))
        }
        _ => bail!("nothing was imported: {}", text("detail")),
    }
}
