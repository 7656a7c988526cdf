//! `ownergate backup`: a verified copy of the journal, while the bot runs or not.
//!
//! It writes into the named folder only, asks nobody and locks nothing. Secrets are never copied: it
//! says which files the copy is of no use without.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::printable::printable;
use super::report::tell;
use super::{admin, stored};
use crate::clock::Clock;
use crate::store;

/// Copy the journal into a new folder and verify the copy; the bot may run meanwhile
///
/// Secrets are not in it: the pepper and the signing key have to be kept apart, at another place.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to; it must not exist, or be empty
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Write the report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command. Exit code 1 if there is no sound copy.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = admin::load(&args.config)?;
    let installation = stored::installation(&config)?;
    let clock = Clock::system();
    let made = store::backup(&config.store.path, &args.to, &installation, &clock)?;
    let report = json!({
        "backup": args.to,
        "head": made.head,
        "head_hash": made.head_hash,
        "last": made.last,
        "lines": made.lines,
        "segments": made.segments,
        "bytes": made.bytes,
        "installation": made.installation,
        "peppers": stored::peppers(&args.to, &installation)?,
        "secrets_not_in_it": stored::secret_files(&config),
    });
    tell(args.json, &report, show)?;
    Ok(ExitCode::SUCCESS)
}

fn show(out: &mut dyn Write, report: &Value) -> io::Result<()> {
    let text = |value: &Value| printable(value.as_str().unwrap_or("-"));
    writeln!(
        out,
        "copied {} lines, up to {}, and verified the copy in {}",
        report["lines"],
        text(&report["last"]),
        text(&report["backup"])
    )?;
    writeln!(
        out,
        "not in it; without these it is of no use, keep them at another place:"
    )?;
    let files = report["secrets_not_in_it"].as_array();
    let (needed, others): (Vec<&Value>, Vec<&Value>) = files
        .into_iter()
        .flatten()
        .partition(|file| file["installation"] == true);
    for file in needed {
        writeln!(out, "  {:<32} {}", text(&file["key"]), text(&file["path"]))?;
    }
    for (pepper, credentials) in report["peppers"].as_object().into_iter().flatten() {
        writeln!(
            out,
            "  pepper {}: {credentials} credentials were made with it",
            printable(pepper)
        )?;
    }
    writeln!(out, "not in it either; these can be made anew:")?;
    for file in others {
        writeln!(out, "  {:<32} {}", text(&file["key"]), text(&file["path"]))?;
    }
    writeln!(
        out,
        "to put it back: `ownergate restore {}`",
        text(&report["backup"])
    )
}
