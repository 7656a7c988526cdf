//! `ownergate request`: what is and was asked for, why a gate is shut, and denying.

use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::admin::Target;
use super::asks;
use super::listing::{self, Listing};
use super::order::{Common, give};
use super::printable::printable;
use super::table::{Cell, Table, text, thread, time};
use crate::gate::ids::RequestNumber;
use crate::gate::time::span;

/// Look at requests, deny them, and bring owners' signatures for them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Sign an approval with an owner's SSH key and bring it to the bot: one vote of the quorum
    Approve(Box<asks::Approve>),
    /// List requests: the open ones, unless something else is said
    List(List),
    /// Show one request, and rule by rule why its gate is shut
    Show(Show),
    /// Deny an open request, at once
    Deny(Deny),
}

/// Which requests to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only this board
    #[arg(long, value_name = "NAME")]
    pub board: Option<String>,
    /// Only this status
    #[arg(long, value_name = "WORD", default_value = "open", value_parser = ["open", "approved", "denied", "withdrawn", "void", "ended"])]
    pub status: String,
    /// Past ones, too
    #[arg(long, conflicts_with = "status")]
    pub all: bool,
    /// How to show them
    #[command(flatten)]
    pub listing: Listing,
}

/// One request to look at.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Its number, such as R17
    #[arg(value_parser = number)]
    pub request: RequestNumber,
    /// Which bot
    #[command(flatten)]
    pub target: Target,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// One request to deny.
#[derive(Debug, clap::Args)]
pub struct Deny {
    /// Its number, such as R17
    #[arg(value_parser = number)]
    pub request: RequestNumber,
    /// What every order takes
    #[command(flatten)]
    pub common: Common,
}

fn number(text: &str) -> Result<RequestNumber, String> {
    RequestNumber::parse(text).ok_or_else(|| "a request's number, such as R17".to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Approve(args) => args.run(),
        What::List(list) => list_all(list),
        What::Show(one) => show(one),
        What::Deny(deny) => {
            let question = format!("Deny {}", deny.request);
            let path = format!("/v1/requests/{}/deny", deny.request);
            give(&deny.common, &question, Method::POST, &path, json!({}))
        }
    }
}

fn list_all(list: &List) -> anyhow::Result<ExitCode> {
    let status = (!list.all).then(|| list.status.clone());
    let filters = [("board", &list.board), ("status", &status)];
    let found = listing::all(&list.listing, "/v1/requests", "requests", &filters)?;
    let mut table = Table::new(&[
        "REQUEST", "STATUS", "ASKS", "FOR", "GATE", "BY", "COUNTED", "ENDS", "THREAD",
    ]);
    for one in &found.items {
        let counted = one["approver_ids"].as_array().map_or(0, Vec::len);
        table.row(vec![
            Cell::plain(text(one, "request")),
            Cell::status(&text(one, "status")),
            Cell::plain(text(one, "action")),
            Cell::plain(text(one, "identity")),
            Cell::plain(text(one, "environment")),
            Cell::plain(text(one, "requester_login")),
            Cell::plain(format!("{counted} of {}", text(one, "quorum"))),
            Cell::plain(time(one, "ends_at")),
            Cell::plain(thread(one)),
        ]);
    }
    found.print(&table, "no requests")
}

fn show(show: &Show) -> anyhow::Result<ExitCode> {
    let one = listing::one(&show.target, &format!("/v1/requests/{}", show.request))?;
    if show.json {
        return listing::json(&one);
    }
    let ttl = one["ttl"].as_u64().map(span).unwrap_or_default();
    let mut lines = vec![
        format!(
            "{} · {} · {} asks: {} {}",
            text(&one, "request"),
            text(&one, "status"),
            text(&one, "requester_login"),
            text(&one, "action"),
            text(&one, "identity")
        ),
        format!(
            "  for       {} {ttl} ({})",
            text(&one, "scopes"),
            text(&one, "environment")
        ),
        format!("  thread    {}", thread(&one)),
        format!("  ends      {}", time(&one, "ends_at")),
    ];
    for (name, head) in [("reason", "says"), ("why", "because")] {
        let said = text(&one, name);
        if !said.is_empty() {
            lines.push(format!("  {head:<9} {said}"));
        }
    }
    for refused in one["not_counted"].as_array().into_iter().flatten() {
        let (at, by) = (time(refused, "at"), text(refused, "by"));
        lines.push(format!(
            "  not counted {at} {by}: {}",
            text(refused, "codes")
        ));
    }
    for line in lines {
        listing::say(&printable(&line))?;
    }
    let verdict = &one["verdict"];
    if verdict.is_object() {
        let word = if verdict["open"] == true {
            "open"
        } else {
            "shut"
        };
        listing::say(&format!("the gate is {word}:"))?;
        rules(verdict).print()?;
        owners(verdict).print()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rules(verdict: &Value) -> Table {
    let mut table = Table::new(&["RULE", "FINDING", "WHY"]);
    for rule in verdict["rules"].as_array().into_iter().flatten() {
        table.row(vec![
            Cell::plain(text(rule, "rule").replace('_', " ")),
            Cell::status(&text(rule, "finding")),
            Cell::plain(text(rule, "why")),
        ]);
    }
    table
}

fn owners(verdict: &Value) -> Table {
    let mut table = Table::new(&["OWNER", "STANDS", "WHY"]);
    for owner in verdict["owners"].as_array().into_iter().flatten() {
        table.row(vec![
            Cell::plain(text(owner, "login")),
            Cell::status(&text(owner, "stands")),
            Cell::plain(text(owner, "why")),
        ]);
    }
    table
}
