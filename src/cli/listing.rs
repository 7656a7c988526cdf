//! Lists from the bot, page by page until there is no more, and single answers.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use serde_json::Value;

use super::admin::{self, Target};
use super::table::Table;

/// How a list is shown.
#[derive(Debug, clap::Args)]
pub struct Listing {
    /// The first so many; all if it is not said
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Write one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Which bot
    #[command(flatten)]
    pub target: Target,
}

/// A list.
pub struct Found {
    /// The items, as they came.
    pub items: Vec<Value>,
    json: bool,
}

impl Found {
    /// Prints the table, or a line for each; an empty table is said on the standard error.
    pub fn print(&self, table: &Table, none: &str) -> anyhow::Result<ExitCode> {
        if self.json {
            let mut out = io::stdout().lock();
            for item in &self.items {
                writeln!(out, "{item}")?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        if self.items.is_empty() {
            writeln!(io::stderr(), "{none}")?;
        }
        table.print()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Asks until there is no more, or there is enough.
pub fn all(
    listing: &Listing,
    path: &str,
    name: &str,
    filters: &[(&'static str, &Option<String>)],
) -> anyhow::Result<Found> {
    let bot = listing.target.reach()?;
    let most = match listing.limit {
        Some(limit) => usize::try_from(limit)?,
        None => usize::MAX,
    };
    let filters: Vec<(&'static str, String)> = filters
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_ref()?.clone())))
        .collect();
    let asked = async {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut parameters = filters.clone();
            parameters.push(("limit", (most - items.len()).min(500).to_string()));
            parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
            let mut page = admin::success(bot.get(path, &parameters).await?)?;
            let Value::Array(more) = page[name].take() else {
                bail!("the answer is not the bot's: it has no {name}");
            };
            items.extend(more);
            cursor = page["cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || items.len() >= most {
                return Ok(items);
            }
        }
    };
    let items = admin::runtime()?.block_on(asked)?;
    let json = listing.json;
    Ok(Found { items, json })
}

/// Asks for one thing.
pub fn one(target: &Target, path: &str) -> anyhow::Result<Value> {
    let bot = target.reach()?;
    admin::success(admin::runtime()?.block_on(bot.get(path, &[]))?)
}

/// Prints an answer as it came.
pub fn json(answer: &Value) -> anyhow::Result<ExitCode> {
    say(&answer.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// One line on the standard output; whoever passes foreign text has made it printable.
pub fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
