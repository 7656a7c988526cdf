//! `ownergate policy`: what another configuration would change, before it is put into force.
//!
//! Both commands read the new file and the journal of the running or stopped bot, and write nothing.
//! They know the policy in force from the journal, so the forge is not asked.

mod past;
mod replay;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use super::printable::printable;
use super::{admin, stored};
use crate::app::secrets;
use crate::config::{Config, Fault, Loaded, Warning};
use crate::gate::decide::differences_between;
use crate::gate::key::{Key, Table};
use crate::gate::policy::Policy;
use crate::gate::world;

/// See what another configuration would change, before it is put into force
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to see
    #[command(subcommand)]
    pub what: What,
}

/// What can be seen.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Check a configuration and say what it makes wider and narrower than what is in force
    Check(Compared),
    /// Judge every past request again under a configuration: what would be decided otherwise
    ///
    /// Every request of the journal goes through the rules of the gate once more, with the approvals
    /// that were counted then; and every live credential is looked at under the new ceilings.
    Replay(Compared),
}

/// A new configuration and the one whose journal is read.
#[derive(Debug, clap::Args)]
pub struct Compared {
    /// The new configuration
    #[arg(value_name = "NEW.toml")]
    pub new: PathBuf,
    /// The configuration of the bot that runs now
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Check(compared) => check(compared),
        What::Replay(compared) => replay::run(compared),
    }
}

/// Exit code 1 if the new configuration has a fault.
fn check(args: &Compared) -> anyhow::Result<ExitCode> {
    let (new, faults, warnings) = read(&args.new);
    let differences = match &new {
        None => Vec::new(),
        Some(new) => {
            let current = admin::load(&args.config)?;
            let before = in_force(&current)?;
            let after = policy(new, &before);
            differences_between(&before, &after)
        }
    };
    let differences: Vec<Value> = differences
        .into_iter()
        .map(|(board, it)| json!({ "board": board, "wider": it.wider, "text": it.text }))
        .collect();
    let mut out = io::stdout().lock();
    if args.json {
        let report = json!({
            "ok": faults.is_empty(),
            "faults": faults,
            "warnings": warnings,
            "differences": differences,
        });
        writeln!(out, "{report}")?;
    } else {
        show(
            &mut out,
            &mut io::stderr().lock(),
            (&faults, &warnings),
            &differences,
        )?;
    }
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn show(
    out: &mut dyn Write,
    err: &mut dyn Write,
    (faults, warnings): (&[Fault], &[Warning]),
    differences: &[Value],
) -> io::Result<()> {
    for fault in faults {
        writeln!(err, "error: {fault}")?;
    }
    for warning in warnings {
        writeln!(err, "warning: {warning}")?;
    }
    for difference in differences {
        let word = if difference["wider"] == true {
            "wider   "
        } else {
            "narrower"
        };
        let text = |key: &str| printable(difference[key].as_str().unwrap_or("-"));
        writeln!(out, "{word}  {}: {}", text("board"), text("text"))?;
    }
    if faults.is_empty() && differences.is_empty() {
        writeln!(out, "nothing that a board or a credential would notice")?;
    }
    Ok(())
}

/// Reads a configuration with all that `check-config` looks at.
fn read(file: &Path) -> (Option<Config>, Vec<Fault>, Vec<Warning>) {
    match Config::load(file) {
        Ok(Loaded { config, warnings }) => {
            let faults = secrets::faults(&config);
            (Some(config), faults, warnings)
        }
        Err(faults) => (None, faults, Vec::new()),
    }
}

/// The policy that the newest line of the journal was decided under.
fn in_force(current: &Config) -> anyhow::Result<Policy> {
    let installation = stored::installation(current)?;
    let records = stored::records(&current.store.path, &installation, &[Table::Policy])?;
    records
        .get(&Key::policy())
        .and_then(world::decode)
        .with_context(|| {
            let path = current.store.path.display();
            format!("there is no policy in the journal in {path} yet: start the bot once")
        })
}

/// The policy of a new configuration for the installation whose policy is in force.
fn policy(new: &Config, before: &Policy) -> Policy {
    let bot = new.forge.bot_id.unwrap_or(before.bot);
    new.policy(before.installation.clone(), bot)
}
