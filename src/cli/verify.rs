//! `ownergate verify`: is the store what the journal says, and the journal what it was?
//!
//! A running bot is asked over its admin socket; otherwise the files are read. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::Value;

use super::admin::{self, Admin};
use super::printable::printable;
use super::report::tell;
use crate::app::secrets::Secrets;
use crate::config::Config;
use crate::gate::policy::Policy;
use crate::gate::request::Request;
use crate::gate::signed::recheck;
use crate::gate::world;
use crate::store;

/// Verify a store: the journal's chain, its batches and policies, and the records
///
/// An unfinished write at the end of a running bot's journal is no fault.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Write the report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command. Exit code 1 if anything is wrong.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = admin::load(&args.config)?;
    let asked = ask(&config)?;
    let (report, running) = match asked {
        Some(report) => (report, true),
        None => {
            let secrets = Secrets::read(&config).map_err(|faults| {
                let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
                anyhow::anyhow!("{}", lines.join("\n"))
            })?;
            let installation = secrets.bot_keys.current.installation_id().to_string();
            let report = store::verify(&config.store.path, Some(&installation), false)
                .context("the store is not sound")?;
            (serde_json::to_value(report)?, false)
        }
    };
    let faults = faults(&report);
    tell(args.json, &report, |out, report| {
        show(out, report, running, &faults)
    })?;
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The report of a running bot; `None` if nobody answers on the socket.
fn ask(config: &Config) -> anyhow::Result<Option<Value>> {
    let Some(bot) = Admin::find(config)? else {
        return Ok(None);
    };
    let (status, body) = admin::runtime()?.block_on(bot.get("/verify", &[]))?;
    if !status.is_success() {
        let fault = body["fault"].as_str().or(body["detail"].as_str());
        bail!(
            "the running bot's store is not sound: {}",
            printable(fault.unwrap_or("no reason given"))
        );
    }
    Ok(Some(body))
}

/// What is wrong, in words.
pub fn faults(report: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(why) = report["projection"]["differs"]["why"].as_str() {
        faults.push(format!("the records differ from the journal: {why}"));
    }
    let recorded = policies(report);
    for (hash, lines) in report["policies"].as_object().into_iter().flatten() {
        if !recorded.contains_key(hash) && !hash.is_empty() {
            faults.push(format!(
                "{lines} lines were decided under policy {hash}, which is not in the journal"
            ));
        }
    }
    for checked in signatures(report) {
        if let Err(why) = checked.holds {
            faults.push(format!(
                "the signature of {} does not hold: {why}",
                checked.of
            ));
        }
    }
    faults
}

/// The policies that were recorded, by their hashes.
fn policies(report: &Value) -> BTreeMap<String, Policy> {
    report["policy_records"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| world::decode::<Policy>(&entry[1]))
        .map(|policy| (policy.hash().to_string(), policy))
        .collect()
}

/// One signed approval, checked again.
struct Checked {
    /// Which it is, in words.
    of: String,
    /// Why it does not hold, if so.
    holds: Result<(), String>,
}

/// Checks every signed approval again, once, under the policy that it was counted under.
fn signatures(report: &Value) -> Vec<Checked> {
    let policies = policies(report);
    let mut seen = BTreeSet::new();
    let mut checked = Vec::new();
    for signed in report["signed"].as_array().into_iter().flatten() {
        let line = &signed["seq"];
        let Some(request) = world::decode::<Request>(&signed["record"]) else {
            checked.push(Checked {
                of: format!("a request in line {line}"),
                holds: Err("its record cannot be read".to_owned()),
            });
            continue;
        };
        let policy = signed["policy"]
            .as_str()
            .and_then(|hash| policies.get(hash));
        for approval in &request.approvals {
            let bears = approval.armor.is_some() || approval.signed_by.is_some();
            if !bears || !seen.insert((request.number, approval.approver, approval.armor.clone())) {
                continue;
            }
            checked.push(Checked {
                of: format!(
                    "{} by owner {} (line {line})",
                    request.number, approval.approver
                ),
                holds: policy
                    .ok_or_else(|| "the policy of that line is not in the journal".to_owned())
                    .and_then(|policy| recheck(policy, &request, approval)),
            });
        }
    }
    checked
}

fn show(out: &mut dyn Write, report: &Value, running: bool, faults: &[String]) -> io::Result<()> {
    let text = |name: &str| printable(report[name].as_str().unwrap_or("-"));
    writeln!(
        out,
        "{}",
        if running {
            "asked the running bot"
        } else {
            "read the files; no bot is running"
        }
    )?;
    writeln!(
        out,
        "journal     {} lines in {} batches, {} segments, {} bytes",
        report["lines"], report["batches"], report["segments"], report["bytes"]
    )?;
    writeln!(out, "from        {}", text("first"))?;
    writeln!(out, "to          {}", text("last"))?;
    writeln!(out, "head        {} {}", report["head"], text("head_hash"))?;
    let policies = report["policies"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    writeln!(out, "policies    {policies}")?;
    writeln!(
        out,
        "signed      {} approvals checked",
        signatures(report).len()
    )?;
    writeln!(
        out,
        "records     {}",
        printable(&report["projection"].to_string())
    )?;
    for (table, count) in report["tables"].as_object().into_iter().flatten() {
        writeln!(out, "  {:<12}{count}", printable(table))?;
    }
    for fault in faults {
        writeln!(out, "FAULT       {}", printable(fault))?;
    }
    if faults.is_empty() {
        writeln!(out, "sound")?;
    }
    Ok(())
}
