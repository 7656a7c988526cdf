//! Orders from the command line: one call, and what came or would come of it.
//!
//! Whoever typed has confirmed before this is reached.

use std::io::{self, Write};
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::admin::{self, Target};
use super::confirm::{Change, Go, Reason};
use super::printable::printable;
use super::table;

/// What every order takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// Why
    #[command(flatten)]
    pub reason: Reason,
    /// How sure whoever types is
    #[command(flatten)]
    pub change: Change,
    /// Which bot
    #[command(flatten)]
    pub target: Target,
    /// Write the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Asks, gives the order, and tells what came of it. `what` is the question, without its question mark;
/// `body` what the order says beside reason and dry run.
pub fn give(
    common: &Common,
    what: &str,
    method: Method,
    path: &str,
    body: Value,
) -> anyhow::Result<ExitCode> {
    let go = match common.change.ask(what) {
        Ok(go) => go,
        Err(code) => return Ok(code),
    };
    let bot = common.target.reach()?;
    let reason = &common.reason.reason;
    let dry_run = go == Go::Rehearse;
    let asked = async {
        if method == Method::DELETE {
            let said = [("reason", reason.clone()), ("dry_run", dry_run.to_string())];
            bot.delete(path, &said).await
        } else {
            let mut body = body;
            body["reason"] = json!(reason);
            body["dry_run"] = json!(dry_run);
            bot.send(method, path, &body).await
        }
    };
    let answer = admin::success(admin::runtime()?.block_on(asked)?)?;
    tell(&answer, common.json)?;
    Ok(ExitCode::SUCCESS)
}

/// Tells what came or would come of it.
fn tell(answer: &Value, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{answer}");
    }
    let said = printable(&table::text(answer, "said"));
    if answer["dry_run"] != true {
        return writeln!(out, "{said}");
    }
    writeln!(out, "dry run, nothing was changed. It would be so: {said}")?;
    would(&mut out, &answer["would"])
}

/// What would be written and said.
pub fn would(out: &mut impl Write, would: &Value) -> io::Result<()> {
    let list = |name: &str| would[name].as_array().cloned().unwrap_or_default();
    for entry in list("entries") {
        let code = table::text(&entry, "code").replace('_', " ");
        let text = table::text(&entry, "text");
        writeln!(out, "  audit: {}", printable(&format!("{code}, {text}")))?;
    }
    for comment in list("comments") {
        writeln!(out, "  comment in {}:", printable(&table::thread(&comment)))?;
        for line in table::text(&comment, "text").lines() {
            writeln!(out, "    {}", printable(line))?;
        }
    }
    for record in list("records") {
        let key = match &record["key"] {
            Value::Array(parts) if !parts.is_empty() => {
                let parts = parts.iter().map(|part| match part {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                format!(" {}", parts.collect::<Vec<_>>().join("/"))
            }
            _ => String::new(),
        };
        let what = if record["removed"] == true {
            "removed"
        } else {
            "written"
        };
        let table = table::text(&record, "table");
        writeln!(
            out,
            "  record {what}: {}",
            printable(&format!("{table}{key}"))
        )?;
    }
    Ok(())
}
