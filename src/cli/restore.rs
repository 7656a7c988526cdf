//! `ownergate restore`: puts a backup back where no journal is.
//!
//! What is restored is a rewound store: the next start refuses until the loss is accepted, and then
//! pauses everything. Without the pepper and the signing key of that installation nothing of it could
//! work, so these are compared first. Nothing that exists is overwritten.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::{Value, json};

use super::confirm::{Change, Go};
use super::printable::printable;
use super::report::tell;
use super::{admin, stored};
use crate::clock::Clock;
use crate::store::Backup;

/// Put a backup back where no journal is; the next start then asks to accept the loss
///
/// The backup is verified first, and compared with the configured pepper and signing key.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that `ownergate backup` made
    #[arg(value_name = "DIR")]
    pub from: PathBuf,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Go on although a pepper is lost for good: credentials that were made with it never work again,
    /// and what the bot wrote under it is taken for somebody else's
    #[arg(long)]
    pub pepper_lost: bool,
    /// Write the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Whether to ask
    #[command(flatten)]
    pub change: Change,
}

/// Runs the command. Exit code 1 if it cannot be done.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let what = format!("Restore the journal from {}", args.from.display());
    let go = match args.change.ask(&what) {
        Ok(go) => go,
        Err(code) => return Ok(code),
    };
    let config = admin::load(&args.config)?;
    let installation = stored::installation(&config)?;
    let backup = Backup::look(&args.from, &installation)?;
    let store = &config.store.path;
    backup.fits(store)?;
    let configured = stored::configured_peppers(&config)?;
    let needed = stored::peppers(&args.from, &installation)?;
    let missing: Vec<&String> = needed
        .keys()
        .filter(|id| !configured.contains(*id))
        .collect();
    if !missing.is_empty() && !args.pepper_lost {
        let names: Vec<&str> = missing.iter().map(|id| id.as_str()).collect();
        bail!(
            "credentials of this backup were made with pepper {}, and the config has {}: put that pepper back (`secrets.pepper_file`, or `secrets.previous_pepper_file` beside a newer one). If it is lost for good, `--pepper-lost` goes on without it. Nothing was changed",
            names.join(", "),
            configured
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    if go == Go::DoIt {
        backup.restore(store, &Clock::system())?;
    }
    let peppers: Vec<Value> = needed
        .iter()
        .map(|(id, credentials)| {
            json!({ "id": id, "credentials": credentials, "configured": configured.contains(id) })
        })
        .collect();
    let report = json!({
        "restored": go == Go::DoIt,
        "from": args.from,
        "to": store.join("journal"),
        "made_at": backup.manifest.as_ref().map(|made| made.made_at),
        "head": backup.report.head,
        "head_hash": backup.report.head_hash,
        "last": backup.report.last,
        "records_beside_it": store.join("sled").exists(),
        "next_start": format!("ownergate serve --accept-journal-loss {}", backup.report.head),
        "peppers": peppers,
        "secrets": stored::secret_files(&config),
    });
    tell(args.json, &report, show)?;
    Ok(ExitCode::SUCCESS)
}

fn show(out: &mut dyn Write, report: &Value) -> io::Result<()> {
    let text = |value: &Value| printable(value.as_str().unwrap_or("-"));
    let done = if report["restored"] == true {
        "restored"
    } else {
        "would restore"
    };
    writeln!(
        out,
        "{done} {} lines, up to {}, into {}",
        report["head"],
        text(&report["last"]),
        text(&report["to"])
    )?;
    if report["made_at"].is_null() {
        writeln!(
            out,
            "it has no backup.json: it was copied by hand, and nothing says that it is whole"
        )?;
    }
    if report["records_beside_it"] == true {
        writeln!(
            out,
            "the records beside it stay: they prove how much is missing"
        )?;
    }
    for pepper in report["peppers"].as_array().into_iter().flatten() {
        let configured = if pepper["configured"] == true {
            "as configured"
        } else {
            "LOST: they never work again"
        };
        writeln!(
            out,
            "pepper {}: {} credentials, {configured}",
            text(&pepper["id"]),
            pepper["credentials"]
        )?;
    }
    for file in report["secrets"].as_array().into_iter().flatten() {
        if let Some(fault) = file["fault"].as_str() {
            writeln!(
                out,
                "the start will refuse: {} {}: {}",
                text(&file["key"]),
                text(&file["path"]),
                printable(fault)
            )?;
        }
    }
    writeln!(
        out,
        "what happened after that line is forgotten: what was revoked then would be alive again. So the next start has to be\n  {}\nIt pauses every identity, voids every open request, reads the boards, and only then answers checks. Owners resume what they want to.",
        text(&report["next_start"])
    )
}
