//! `ownergate audit`: what did this machine identity do, and what was done to it?
//!
//! The running bot is asked over its admin socket. What is shown goes through `printable`; `--json`
//! gives one object a line, in fields whose names stay.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::Value;

use super::admin::{self, Admin, Target};
use super::printable::printable;
use crate::clock::Clock;
use crate::gate::time::parse_span;

/// How often the bot is asked for news.
const FOLLOW: Duration = Duration::from_secs(1);
/// Entries that are shown if nothing says how many.
const USUAL: usize = 100;

/// Show what happened: what an identity or a credential did and what was done to it
///
/// Asks the running bot. The oldest entry stands first. Lines of the kind `activity_reported` are what
/// a resource server says; everything else the bot knows itself.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Something else than looking
    #[command(subcommand)]
    pub what: Option<What>,
    /// An identity by its name, or a credential such as c12; without it, everything
    #[arg(value_name = "SLUG|cN")]
    pub name: Option<String>,
    /// An identity by its number, for one whose name was given again
    #[arg(long, value_name = "NUMBER", conflicts_with = "name")]
    pub identity: Option<u64>,
    /// What this owner answers for or did: a number, or a login of the configuration
    #[arg(long, value_name = "OWNER")]
    pub owner: Option<String>,
    /// What happened in a thread, such as kan#12
    #[arg(long, value_name = "THREAD")]
    pub thread: Option<String>,
    /// What one party did: user:2 or an owner's login, client:NAME, holder:c12, operator:NAME, clock, bot
    #[arg(long, value_name = "ACTOR")]
    pub actor: Option<String>,
    /// Not what was before: 7d, or 2026-11-24T14:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub since: Option<String>,
    /// Not what was after
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub until: Option<String>,
    /// The newest so many entries; 100, or all if --since says where to begin
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Go on with what happens from now on
    #[arg(long, conflicts_with = "until")]
    pub follow: bool,
    /// Write one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Which bot is asked
    #[command(flatten)]
    pub target: Target,
}

/// What else there is.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Write everything that happened as JSON lines, the newest first
    Export(Export),
}

/// What to export.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Not what was before: 30d, or 2026-11-24T14:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub since: Option<String>,
    /// Not what was after
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub until: Option<String>,
    /// Which bot is asked
    #[command(flatten)]
    pub target: Target,
}

/// Checks a time as it is typed; the bot reads it by its own clock.
fn when(text: &str) -> Result<String, String> {
    let known = parse_span(text).is_some() || text.parse::<Timestamp>().is_ok();
    known
        .then(|| text.to_owned())
        .ok_or_else(|| "a span such as 7d, or a time such as 2026-11-24T14:00:00Z".to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let done = match &args.what {
        Some(What::Export(export)) => {
            let bot = export.target.reach()?;
            admin::runtime()?.block_on(write_all(&bot, export))
        }
        None => {
            let bot = args.target.reach()?;
            admin::runtime()?.block_on(show(&bot, args))
        }
    };
    match done {
        // Whoever reads has enough, as `head` has.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        done => done.map(|()| ExitCode::SUCCESS),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes page after page: nothing is kept, however much there is.
async fn write_all(bot: &Admin, export: &Export) -> anyhow::Result<()> {
    let mut filters: Vec<Filter> = Vec::new();
    for (name, value) in [("since", &export.since), ("until", &export.until)] {
        filters.extend(value.clone().map(|value| (name, value)));
    }
    let mut cursor: Option<String> = None;
    loop {
        let mut parameters = filters.clone();
        parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = admin::success(bot.get("/v1/audit", &parameters).await?)?;
        let mut out = io::stdout().lock();
        for entry in page["entries"].as_array().into_iter().flatten() {
            writeln!(out, "{entry}")?;
        }
        out.flush()?;
        cursor = page["cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(());
        }
    }
}

async fn show(bot: &Admin, args: &Args) -> anyhow::Result<()> {
    let limit = match (args.limit, &args.since) {
        (Some(limit), _) => usize::try_from(limit)?,
        (None, Some(_)) => usize::MAX,
        (None, None) => USUAL,
    };
    let filters = filters(args);
    let mut table = Table::default();
    let first = ask(bot, &filters, limit).await?;
    table.print(args.json, &first.entries)?;
    if first.more && args.limit.is_none() {
        table.note("There are older entries: --since or --limit shows more.")?;
    }
    if args.follow {
        follow(bot, &filters, first.after(), args.json, &mut table).await?;
    }
    Ok(())
}

/// Shows what comes later, until nobody answers or nobody reads any more.
async fn follow(
    bot: &Admin,
    filters: &[Filter],
    mut after: Filter,
    json: bool,
    table: &mut Table,
) -> anyhow::Result<()> {
    let others = filters.iter().filter(|(name, _)| *name != "since");
    let others: Vec<Filter> = others.cloned().collect();
    loop {
        Clock::system().sleep(FOLLOW).await;
        let mut filters = others.clone();
        filters.push(after.clone());
        let news = ask(bot, &filters, usize::MAX).await?;
        table.print(json, &news.entries)?;
        if !news.entries.is_empty() {
            after = news.after();
        }
    }
}

type Filter = (&'static str, String);

fn filters(args: &Args) -> Vec<Filter> {
    let number = args.identity.map(|number| number.to_string());
    [
        ("name", &args.name),
        ("identity", &number),
        ("owner", &args.owner),
        ("thread", &args.thread),
        ("actor", &args.actor),
        ("since", &args.since),
        ("until", &args.until),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.clone()?)))
    .collect()
}

/// What the bot said to one question, in as many answers as it took.
struct Answered {
    /// Oldest first.
    entries: Vec<Value>,
    more: bool,
    now: String,
}

impl Answered {
    /// What asks for everything that comes later.
    fn after(&self) -> Filter {
        match self
            .entries
            .last()
            .and_then(|entry| entry["place"].as_str())
        {
            Some(place) => ("newer", place.to_owned()),
            None => ("since", self.now.clone()),
        }
    }
}

async fn ask(bot: &Admin, filters: &[Filter], limit: usize) -> anyhow::Result<Answered> {
    let mut answered = Answered {
        entries: Vec::new(),
        more: false,
        now: String::new(),
    };
    let mut rest: Option<String> = None;
    loop {
        let mut parameters = filters.to_vec();
        parameters.push((
            "limit",
            (limit - answered.entries.len()).min(500).to_string(),
        ));
        parameters.extend(rest.map(|rest| ("cursor", rest)));
        let mut body = admin::success(bot.get("/v1/audit", &parameters).await?)?;
        let Some(Value::Array(entries)) = body.get_mut("entries").map(Value::take) else {
            bail!("the bot's answer has no entries");
        };
        let now = body["now"]
            .as_str()
            .context("the bot's answer has no time")?;
        if answered.now.is_empty() {
            answered.now = now.to_owned();
        }
        answered.entries.extend(entries);
        rest = body["cursor"].as_str().map(str::to_owned);
        answered.more = rest.is_some();
        if rest.is_none() || answered.entries.len() >= limit {
            answered.entries.reverse();
            return Ok(answered);
        }
    }
}

const HEADS: [&str; 6] = ["TIME", "WHO", "WHAT", "IDENTITY", "THREAD", "SAID"];

/// Rows under heads, each column as wide as its widest cell so far.
#[derive(Default)]
struct Table {
    widths: [usize; HEADS.len()],
    begun: bool,
}

impl Table {
    fn print(&mut self, json: bool, entries: &[Value]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            for entry in entries {
                writeln!(out, "{entry}")?;
            }
            return out.flush();
        }
        let rows: Vec<[String; HEADS.len()]> = entries.iter().map(cells).collect();
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if !rows.is_empty() && !std::mem::replace(&mut self.begun, true) {
            for (width, head) in self.widths.iter_mut().zip(HEADS) {
                *width = (*width).max(head.len());
            }
            self.line(&mut out, &HEADS.map(str::to_owned))?;
        }
        for row in &rows {
            self.line(&mut out, row)?;
        }
        out.flush()
    }

    fn line(&self, out: &mut dyn Write, row: &[String]) -> io::Result<()> {
        let cells: Vec<String> = row
            .iter()
            .zip(self.widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())
    }

    fn note(&self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{text}")
    }
}

/// What stands in the columns.
fn cells(entry: &Value) -> [String; HEADS.len()] {
    let text = |name: &str| entry[name].as_str().unwrap_or("").to_owned();
    let time = entry["at"].as_str().and_then(|at| at.parse().ok());
    let time = time.map_or_else(
        || text("at"),
        |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    let mut whose = vec![text("identity"), text("credential"), text("request")];
    whose.retain(|name| !name.is_empty());
    let thread = match entry["issue"].as_i64() {
        Some(issue) if entry["board"].is_string() => format!("{}#{issue}", text("board")),
        Some(issue) => format!("{}#{issue}", entry["repository_id"]),
        None => String::new(),
    };
    [
        time,
        text("actor"),
        text("code").replace('_', " "),
        whose.join(" "),
        thread,
        text("text"),
    ]
    .map(|cell| printable(&cell))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_shows_everything_and_obeys_nothing() {
        let entry = json!({
            "at": "2026-11-24T14:00:05Z", "actor": "client:kanban-api", "code": "activity_reported",
            "identity": "codex-kan-1", "credential": "c1", "request": null, "board": "kan",
            "repository_id": 17, "issue": 1, "text": "kanban-api says: \u{1b}[31mred\nR2",
        });
        assert_eq!(
            cells(&entry),
            [
                "2026-11-24 14:00:05",
                "client:kanban-api",
                "activity reported",
                "codex-kan-1 c1",
                "kan#1",
                r"kanban-api says: \u{1b}[31mred\u{a}R2",
            ]
        );
    }

    #[test]
    fn times_are_checked_before_anybody_is_asked() {
        for good in [
            "7d",
            "15m",
            "2026-11-24T14:00:00Z",
            "2026-11-24T14:00:00+01:00",
        ] {
            assert_eq!(when(good).as_deref(), Ok(good));
        }
        for bad in ["", "yesterday", "7w", "2026-11-24"] {
            assert!(when(bad).is_err(), "{bad}");
        }
    }
}
