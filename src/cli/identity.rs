//! `ownergate identity`: what machine identities there are, and stopping them.
//!
//! Stopping acts at once. What widens is asked for, in other files.

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

/// Look at machine identities, stop them, and ask for them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Ask for a new identity and its first credential
    Create(Box<asks::Create>),
    /// Ask for a successor of a credential
    Rotate(Box<asks::Rotate>),
    /// Ask that a paused identity works again
    Resume(Box<asks::Named>),
    /// Ask that your account becomes an identity's owner
    Own(Box<asks::Named>),
    /// List identities
    List(List),
    /// Show one identity with its credentials
    Inspect(Inspect),
    /// Refuse every credential of an identity, at once; its owners can let it go on
    Pause(One),
    /// End an identity with all its credentials, at once and for good
    Revoke(One),
    /// Let an identity and each of its credentials do less, at once
    Narrow(Narrow),
    /// Give an identity back: it ends, and its name stays its requester's
    Release(One),
}

/// Which identities to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only this board
    #[arg(long, value_name = "NAME")]
    pub board: Option<String>,
    /// Only this status
    #[arg(long, value_name = "WORD", value_parser = ["active", "paused", "expired", "revoked", "released"])]
    pub status: Option<String>,
    /// How to show them
    #[command(flatten)]
    pub listing: Listing,
}

/// One identity to look at.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// Its name
    pub slug: String,
    /// Which bot
    #[command(flatten)]
    pub target: Target,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// One identity to stop.
#[derive(Debug, clap::Args)]
pub struct One {
    /// Its name
    pub slug: String,
    /// What every order takes
    #[command(flatten)]
    pub common: Common,
}

/// What is to be left of one identity.
#[derive(Debug, clap::Args)]
#[group(id = "less", required = true, multiple = true)]
pub struct Less {
    /// What it may still do: scopes, with commas between them
    #[arg(long, value_name = "LIST", value_delimiter = ',', group = "less")]
    pub scopes: Option<Vec<String>>,
    /// What inside the workspace it is still for
    #[arg(long, value_name = "LIST", value_delimiter = ',', group = "less")]
    pub resources: Option<Vec<String>>,
    /// How it may still run
    #[arg(long, value_name = "LIST", value_delimiter = ',', group = "less")]
    pub modes: Option<Vec<String>>,
    /// How long it has left at most, such as 30m, 8h or 7d
    #[arg(long, value_name = "SPAN", group = "less")]
    pub ttl: Option<String>,
}

/// One identity that is to do less.
#[derive(Debug, clap::Args)]
pub struct Narrow {
    /// Its name
    pub slug: String,
    /// What is to be left
    #[command(flatten)]
    pub less: Less,
    /// What every order takes
    #[command(flatten)]
    pub common: Common,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Create(args) => args.run(),
        What::Rotate(args) => args.run(),
        What::Resume(args) => args.run("resume", "Ask that it works again:"),
        What::Own(args) => args.run("own", "Ask to own"),
        What::List(list) => list_all(list),
        What::Inspect(inspect) => show(inspect),
        What::Pause(one) => stop(one, "pause", "Pause", ""),
        What::Revoke(one) => stop(
            one,
            "revoke",
            "Revoke",
            " for good, with all its credentials",
        ),
        What::Release(one) => stop(one, "release", "Give back", ", which ends it"),
        What::Narrow(narrow) => less(narrow),
    }
}

/// The address of an identity; what is no name of one is asked for as it is and is not found.
pub(super) fn path(slug: &str) -> String {
    let slug: String = form_urlencoded::byte_serialize(slug.as_bytes()).collect();
    format!("/v1/identities/{}", slug.replace('+', "%20"))
}

fn stop(one: &One, verb: &str, does: &str, how: &str) -> anyhow::Result<ExitCode> {
    let question = format!("{does} {}{how}", one.slug);
    let path = format!("{}/{verb}", path(&one.slug));
    give(&one.common, &question, Method::POST, &path, json!({}))
}

fn less(narrow: &Narrow) -> anyhow::Result<ExitCode> {
    let question = format!("Let {} do less, for good", narrow.slug);
    let path = format!("{}/narrow", path(&narrow.slug));
    let less = &narrow.less;
    let mut body = json!({});
    for (name, list) in [
        ("scopes", &less.scopes),
        ("resources", &less.resources),
        ("modes", &less.modes),
    ] {
        if let Some(list) = list {
            body[name] = json!(list);
        }
    }
    if let Some(ttl) = &less.ttl {
        body["ttl"] = json!(ttl);
    }
    give(&narrow.common, &question, Method::POST, &path, body)
}

fn list_all(list: &List) -> anyhow::Result<ExitCode> {
    let filters = [("board", &list.board), ("status", &list.status)];
    let found = listing::all(&list.listing, "/v1/identities", "identities", &filters)?;
    let mut table = Table::new(&[
        "IDENTITY", "STATUS", "OWNER", "GATE", "SCOPES", "ENDS", "THREAD",
    ]);
    for one in &found.items {
        table.row(vec![
            Cell::plain(text(one, "identity")),
            Cell::status(&text(one, "status")),
            Cell::plain(owner(one)),
            Cell::plain(text(one, "environment")),
            Cell::plain(text(one, "scopes")),
            Cell::plain(time(one, "expires_at")),
            Cell::plain(thread(one)),
        ]);
    }
    found.print(&table, "no identities")
}

/// The owner's login, or number where the configuration has it no more.
fn owner(one: &Value) -> String {
    match text(one, "owner") {
        login if login.is_empty() => text(one, "owner_id"),
        login => login,
    }
}

/// Who asked for it: by number, with what it was called then if that is known.
fn requester(one: &Value) -> String {
    let number = text(one, "requester_id");
    match text(one, "requester") {
        login if login.is_empty() => format!("user {number}"),
        login => format!("{login} (user {number})"),
    }
}

fn show(inspect: &Inspect) -> anyhow::Result<ExitCode> {
    let one = listing::one(&inspect.target, &path(&inspect.slug))?;
    if inspect.json {
        return listing::json(&one);
    }
    let mut lines = vec![
        format!(
            "{} · {} · {}",
            text(&one, "identity"),
            text(&one, "status"),
            text(&one, "environment")
        ),
        format!("  may       {}", text(&one, "scopes")),
        format!("  owner     {}", owner(&one)),
        format!("  asked by  {}", requester(&one)),
        format!("  thread    {}", thread(&one)),
        format!("  ends      {}", time(&one, "expires_at")),
    ];
    if let Value::Object(_) = &one["since"] {
        let since = &one["since"];
        let (at, why) = (time(since, "at"), text(since, "why"));
        lines.push(format!("  since     {at} {why}"));
    }
    let open = text(&one, "open_requests");
    if !open.is_empty() {
        lines.push(format!("  requests  {open}"));
    }
    for entry in one["recent"].as_array().into_iter().flatten() {
        let code = text(entry, "code").replace('_', " ");
        lines.push(format!(
            "  {}  {code}: {}",
            time(entry, "at"),
            text(entry, "text")
        ));
    }
    for line in lines {
        listing::say(&printable(&line))?;
    }
    super::token::table(one["credentials"].as_array().map_or(&[], Vec::as_slice)).print()?;
    Ok(ExitCode::SUCCESS)
}
