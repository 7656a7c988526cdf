//! `ownergate doctor`: what is wrong with this gate, and what to do about it.
//!
//! It changes nothing. Exit code 0 if nothing fails, 1 otherwise; warnings alone are no failure. What
//! could not be looked at is a warning that says so.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use secrecy::SecretString;

use super::admin::runtime;
use super::printable::printable;
use crate::clock::Clock;
use crate::doctor::{self, Check, Findings, State};
use crate::secret::file::read_secret_file;

/// Look at everything that this gate needs, and say what to do where something is wrong
///
/// Changes nothing; a reaction in each control issue comes and goes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// A file with an access token of the repositories' owner: with it webhooks are looked at, and a
    /// test delivery is sent. It is used now and kept nowhere
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Write one JSON object with `ok` and `checks` to standard output
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let owner = match &args.token_file {
        None => None,
        Some(file) => {
            let text = read_secret_file(file).with_context(|| file.display().to_string())?;
            Some(SecretString::from(text.expose()))
        }
    };
    let clock = Clock::system();
    let found = runtime()?.block_on(doctor::examine(&args.config, owner, &clock));
    let mut out = io::stdout().lock();
    let written = if args.json {
        write_json(&mut out, &found)
    } else {
        write(&mut out, &found)
    };
    written.context("cannot write")?;
    Ok(if found.worst() == State::Fail {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// For people: one line a thing, and below it what to do.
fn write(out: &mut dyn Write, found: &Findings) -> io::Result<()> {
    for check in &found.checks {
        let word = match check.state {
            State::Ok => "ok  ",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        writeln!(out, "{word}  {:<14}{}", check.name, line(check))?;
        if let Some(mend) = &check.mend {
            writeln!(out, "      {:<14}-> {}", "", printable(mend))?;
        }
    }
    let count = |state| {
        found
            .checks
            .iter()
            .filter(|check| check.state == state)
            .count()
    };
    let (fails, warnings) = (count(State::Fail), count(State::Warn));
    match (fails, warnings) {
        (0, 0) => writeln!(out, "\nall is well"),
        (0, warnings) => writeln!(out, "\nit works; warnings: {warnings}"),
        (fails, warnings) => writeln!(out, "\nto be mended: {fails}; warnings: {warnings}"),
    }
}

fn line(check: &Check) -> String {
    let said = printable(&check.said);
    match &check.board {
        Some(board) => format!("{}: {said}", printable(board)),
        None => said,
    }
}

/// For programs.
fn write_json(out: &mut dyn Write, found: &Findings) -> io::Result<()> {
    let object = serde_json::json!({
        "ok": found.worst() != State::Fail,
        "checks": found.checks,
    });
    writeln!(out, "{object}")
}
