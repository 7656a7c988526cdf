//! Introspection over 100,000 credentials: checks of tokens in use, and first checks, each of which
//! is durable before it is answered.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ownergate::clock::Clock;
use ownergate::demo::stage::{CLIENT_SECRET, Setting, Stage};
use ownergate::store::Faults;

use crate::client;
use crate::load::{self, Load};
use crate::seed::{self, Tokens};
use crate::stand::{self, BATCHES, Stand};
use crate::table::{self, Rounds, Row};

/// How many credentials there are.
pub(crate) const CREDENTIALS: u64 = 100_000;
/// Rounds in each of which every path has its turn.
const ROUNDS: usize = 5;
/// Checks of one turn.
const CHECKS: usize = 20_000;
/// First checks of one turn.
const FIRST_CHECKS: usize = 1_500;
/// Connections at the same time.
const CONNECTIONS: usize = 32;
/// Connections for first checks.
const FIRST_CONNECTIONS: usize = 64;
/// How long one turn may take.
const TURN: Duration = Duration::from_millis(900);

/// The bytes of a check of a token.
pub(crate) fn check(token: &str) -> Vec<u8> {
    let name = data_encoding::BASE64.encode(format!("kanban-api:{CLIENT_SECRET}").as_bytes());
    let headers = [
        ("Authorization", format!("Basic {name}")),
        (
            "Content-Type",
            "application/x-www-form-urlencoded".to_owned(),
        ),
    ];
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let body = format!("token={token}");
    client::request("POST", "/v1/introspect", &headers, body.as_bytes())
}

/// Tokens in an order in which neighbours were not issued together.
struct Shuffled<'a> {
    tokens: &'a [String],
    place: usize,
}

impl Shuffled<'_> {
    fn requests(&mut self, count: usize) -> Arc<Vec<Vec<u8>>> {
        let mut requests = Vec::new();
        for _ in 0..count {
            // A prime step visits every token before any of them twice.
            self.place = (self.place + 7_919) % self.tokens.len();
            requests.push(check(&self.tokens[self.place]));
        }
        Arc::new(requests)
    }
}

/// Seeds one store and gives two bots the same: the second is a copy of the first.
async fn stands(directory: &Path, clock: &Clock) -> anyhow::Result<(Tokens, Vec<Stand>)> {
    let mut stages = Vec::new();
    for max_batch in BATCHES {
        let place = directory.join(format!("batch-{max_batch}"));
        std::fs::create_dir_all(&place)?;
        stages.push(Stage::build(&place, Setting::new(clock.clone()))?);
    }
    let tokens = seed::write(&stages[0].config()?, clock, CREDENTIALS).await?;
    for folder in ["secrets", "data"] {
        copy(
            &stages[0].directory().join(folder),
            &stages[1].directory().join(folder),
        )?;
    }
    // The forge's tokens are the one secret that the two do not share.
    let token = &stages[1].bot_account.token;
    std::fs::write(stages[1].directory().join("secrets/forge-token"), token)?;
    let mut stands = Vec::new();
    for (stage, max_batch) in stages.into_iter().zip(BATCHES) {
        stands.push(Stand::start(stage, max_batch, Faults::none()).await?);
    }
    Ok((tokens, stands))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// What one kind of check was measured with.
#[derive(Default)]
struct Measured {
    /// The static handler.
    still: Rounds,
    /// The static handler with the very requests of the bot.
    same: Rounds,
    /// The bot.
    usual: Rounds,
    /// The bot with batches of one.
    one: Rounds,
}

/// Each kind of check, in the order of the table.
#[derive(Default)]
struct Figures {
    /// The first check of a token in use since the start: its row is read from sled.
    cold: Measured,
    /// Any later check of a token in use.
    warm: Measured,
    /// The first check of a token ever, which is journaled.
    first: Measured,
}

/// Gives every path its turn with these requests.
async fn turns(
    clock: &Clock,
    (fixed, stands): (SocketAddr, &[Stand]),
    connections: usize,
    requests: &Arc<Vec<Vec<u8>>>,
    into: &mut Measured,
) -> anyhow::Result<()> {
    let load = Load {
        connections,
        within: TURN,
        status: 200,
    };
    let nothing = stand::static_requests(CHECKS);
    into.still
        .push(load::run(clock, fixed, load, nothing).await?);
    let same = Arc::clone(requests);
    into.same.push(load::run(clock, fixed, load, same).await?);
    for (stand, rounds) in stands.iter().zip([&mut into.usual, &mut into.one]) {
        let requests = Arc::clone(requests);
        rounds.push(load::run(clock, stand.address, load, requests).await?);
    }
    Ok(())
}

/// Measures and prints.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let fixed = stand::static_handler()?;
    let (tokens, stands) = stands(directory, clock).await?;
    let place = (fixed, stands.as_slice());
    let mut figures = Figures::default();
    let mut active = Shuffled {
        tokens: &tokens.active,
        place: 0,
    };
    // As many as there are, so that afterwards each was checked once.
    for _ in 0..tokens.active.len().div_ceil(CHECKS) {
        let requests = active.requests(CHECKS);
        turns(clock, place, CONNECTIONS, &requests, &mut figures.cold).await?;
    }
    for round in 0..ROUNDS {
        let requests = active.requests(CHECKS);
        turns(clock, place, CONNECTIONS, &requests, &mut figures.warm).await?;
        let from = round * FIRST_CHECKS;
        let pending = &tokens.pending[from..from + FIRST_CHECKS];
        let requests = Arc::new(pending.iter().map(|token| check(token)).collect());
        let first = &mut figures.first;
        turns(clock, place, FIRST_CONNECTIONS, &requests, first).await?;
    }
    print(&figures);
    for stand in stands {
        stand.stop().await;
    }
    Ok(())
}

fn print(figures: &Figures) {
    let warm = &figures.warm;
    let mut rows = vec![
        Row::load("static handler", &warm.still, None, None),
        Row::load(
            "static handler, the same requests",
            &warm.same,
            Some(&warm.still),
            None,
        ),
    ];
    let names = [
        (
            "check of a token in use, first since the start",
            &figures.cold,
        ),
        ("check of a token in use", warm),
        (
            "first check of a token, durable, 64 connections",
            &figures.first,
        ),
    ];
    for (what, own) in names {
        let (still, one) = (Some(&own.still), Some(&own.one));
        rows.push(Row::load(what, &own.usual, still, one));
    }
    let title = format!("Introspection over {CREDENTIALS} credentials, {CONNECTIONS} connections");
    table::print(&title, "answers per second", &rows);
    print_work(figures);
    let ratio = warm.usual.rate_against(&warm.still);
    table::target(
        &format!("checks at least half as fast as the static handler: {ratio:.2}"),
        ratio >= 0.5,
    );
}

/// The client shares the processors with the server and has its part in every rate; not in this.
fn print_work(figures: &Figures) {
    let warm = &figures.warm;
    let of = |rounds: &Rounds| rounds.all().work_each().as_secs_f64() * 1e6;
    println!(
        "The server's own time for an answer: static handler {:.1} µs, with the same requests {:.1} µs, check of a \
         token in use {:.1} µs, first since the start {:.1} µs.",
        of(&warm.still),
        of(&warm.same),
        of(&warm.usual),
        of(&figures.cold.usual),
    );
}
