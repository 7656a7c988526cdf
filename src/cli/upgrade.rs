//! `ownergate upgrade`: lets the journal of a stopped bot have the newest format that this program knows.
//!
//! A newer program works with the older format and leaves it so, for the program before can then be put
//! back. Only this command gives that up, and keeps a copy first.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::admin;
use super::confirm::{Change, Go};
use super::printable::printable;
use crate::app::secrets::Secrets;
use crate::clock::Clock;
use crate::store::{self, Options, Upgrade};

/// Let the journal have this program's newest format; the program before can then not be put back
///
/// The bot must be stopped. The journal is copied first.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Write the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Whether to ask
    #[command(flatten)]
    pub change: Change,
}

/// Runs the command. Exit code 1 if it cannot be done.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let go = match args
        .change
        .ask("Give the journal this program's newest format")
    {
        Ok(go) => go,
        Err(code) => return Ok(code),
    };
    let config = admin::load(&args.config)?;
    let secrets = Secrets::read(&config).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })?;
    let installation = secrets.bot_keys.current.installation_id().to_string();
    let options = Options::new(&config.store.path, installation, Clock::system());
    let done = store::upgrade(&options, go == Go::DoIt)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report(&done))?;
    } else {
        writeln!(out, "{}", said(&done))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The same for programs: `from`, `to`, `segment`, and `backup` once it is done.
fn report(upgrade: &Upgrade) -> Value {
    match upgrade {
        Upgrade::Nothing { format } => json!({ "from": format, "to": format }),
        Upgrade::Segment {
            from,
            to,
            segment,
            backup,
        } => json!({ "from": from, "to": to, "segment": segment, "backup": backup }),
    }
}

/// What was done, or would be.
pub fn said(upgrade: &Upgrade) -> String {
    let shown = |path: &Path| printable(&path.display().to_string());
    match upgrade {
        Upgrade::Nothing { format } => format!("format {format} is the newest: nothing to do"),
        Upgrade::Segment {
            from,
            to,
            segment,
            backup: None,
        } => format!(
            "would copy the journal, then open {} in format {to}; the lines before it stay in format {from}. Programs that know up to {from} do not start after that. `--confirm` does it",
            shown(segment)
        ),
        Upgrade::Segment {
            from,
            to,
            segment,
            backup: Some(backup),
        } => format!(
            "opened {} in format {to}; the lines before it stay in format {from}\nto go back, put {} in place of the journal; what the bot has written since is then lost, and the start says so",
            shown(segment),
            shown(backup)
        ),
    }
}
