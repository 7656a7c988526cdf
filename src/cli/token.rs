//! `ownergate token`: the credentials of an identity, ending one, and which credential a token is.
//!
//! A token itself is only ever read, from the standard input, and never shown.

use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::admin::{self, Target};
use super::asks;
use super::identity::path;
use super::listing;
use super::order::{Common, give};
use super::printable::printable;
use super::table::{Cell, Table, text, time};
use crate::gate::ids::CredentialNumber;

/// No token is larger.
const LARGEST: u64 = 4_096;

/// Look at credentials, end them, and ask for them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Ask for another credential of an identity; the token is sealed, or claimed, and never shown
    Create(Box<asks::Another>),
    /// List the credentials of an identity
    List(List),
    /// End one credential, or the identity with all of them, at once and for good
    Revoke(Revoke),
    /// Say which credential a token is: `ownergate token which < FILE`
    Which(Which),
}

/// Whose credentials to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// The identity's name
    pub slug: String,
    /// Which bot
    #[command(flatten)]
    pub target: Target,
    /// Write one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// What to end.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// The identity's name; or a credential that no identity has, such as c9
    #[arg(value_name = "SLUG|cN")]
    pub name: String,
    /// One of its credentials, such as c2; all of them and the identity, if it is not said
    #[arg(value_name = "ID", value_parser = number)]
    pub credential: Option<CredentialNumber>,
    /// What every order takes
    #[command(flatten)]
    pub common: Common,
}

/// Which bot is asked.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Which bot
    #[command(flatten)]
    pub target: Target,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

fn number(text: &str) -> Result<CredentialNumber, String> {
    CredentialNumber::parse(text).ok_or_else(|| "a credential's number, such as c2".to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Create(args) => args.run(),
        What::List(list) => list_all(list),
        What::Revoke(revoke) => end(revoke),
        What::Which(which) => name(which),
    }
}

/// Credentials as a table.
pub(super) fn table(credentials: &[Value]) -> Table {
    let mut table = Table::new(&[
        "CREDENTIAL",
        "STATUS",
        "MAY NOW",
        "ENDS",
        "LAST USED",
        "FOR",
        "LABEL",
    ]);
    for one in credentials {
        table.row(vec![
            Cell::plain(text(one, "credential")),
            Cell::status(&text(one, "status")),
            Cell::plain(text(one, "scopes_now")),
            Cell::plain(time(one, "expires_at")),
            Cell::plain(time(one, "last_used_at")),
            Cell::plain(text(one, "request")),
            Cell::plain(text(one, "label")),
        ]);
    }
    table
}

fn list_all(list: &List) -> anyhow::Result<ExitCode> {
    let answer = listing::one(&list.target, &format!("{}/credentials", path(&list.slug)))?;
    let credentials = answer["credentials"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if list.json {
        for one in &credentials {
            listing::say(&one.to_string())?;
        }
    } else {
        table(&credentials).print()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn end(revoke: &Revoke) -> anyhow::Result<ExitCode> {
    let name = &revoke.name;
    if let Some(number) = revoke.credential {
        let question = format!("Revoke {number} of {name} for good");
        let path = format!("{}/credentials/{number}", path(name));
        return give(&revoke.common, &question, Method::DELETE, &path, json!({}));
    }
    if let Some(number) = CredentialNumber::parse(name) {
        let question = format!("Revoke {number} for good");
        let path = format!("/v1/credentials/{number}");
        return give(&revoke.common, &question, Method::DELETE, &path, json!({}));
    }
    let question = format!("Revoke {name} for good, with all its credentials");
    let path = format!("{}/revoke", path(name));
    give(&revoke.common, &question, Method::POST, &path, json!({}))
}

fn name(which: &Which) -> anyhow::Result<ExitCode> {
    let input = io::stdin();
    if input.is_terminal() {
        bail!("give the token on the standard input: `ownergate token which < FILE`");
    }
    let mut token = Zeroizing::new(Vec::new());
    let mut input = input.lock().take(LARGEST + 1);
    input
        .read_to_end(&mut token)
        .context("cannot read the token")?;
    if token.len() as u64 > LARGEST {
        bail!("the standard input is too large to be a token");
    }
    let bot = which.target.reach()?;
    let asked = bot.post("/v1/token-which", &[], token.to_vec());
    let answer = admin::success(admin::runtime()?.block_on(asked)?)?;
    if which.json {
        return listing::json(&answer);
    }
    let identity = match text(&answer, "identity") {
        slug if slug.is_empty() => String::new(),
        slug => format!(" of {slug} ({})", text(&answer, "identity_status")),
    };
    let line = format!(
        "{}{identity}: {}, ends {}",
        text(&answer, "credential"),
        text(&answer, "status"),
        time(&answer, "expires_at")
    );
    listing::say(&printable(&line))?;
    Ok(ExitCode::SUCCESS)
}
