//! Introspection over 100,000 credentials: checks of tokens in use, and first checks, each of which
//! is durable before it is answered.

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

/// Measures and prints.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let fixed = stand::static_handler()?;
    let (tokens, stands) = stands(directory, clock).await?;
    let mut active = Shuffled {
        tokens: &tokens.active,
        place: 0,
    };
    // First the checks, then the first checks: the static handler, the bot, the bot with batches of
    // one.
    let mut rounds: [[Rounds; 3]; 2] = Default::default();
    for round in 0..ROUNDS {
        let [checks, first_checks] = &mut rounds;
        let from = round * FIRST_CHECKS;
        let pending = &tokens.pending[from..from + FIRST_CHECKS];
        let pending = Arc::new(pending.iter().map(|token| check(token)).collect());
        let turn = |connections| Load {
            connections,
            within: TURN,
            status: 200,
        };
        for (rounds, connections) in [(checks, CONNECTIONS), (first_checks, FIRST_CONNECTIONS)] {
            let [still, usual, one] = rounds;
            let requests = stand::static_requests(CHECKS);
            still.push(load::run(clock, fixed, turn(connections), requests).await?);
            for (stand, rounds) in stands.iter().zip([usual, one]) {
                let requests = if connections == CONNECTIONS {
                    active.requests(CHECKS)
                } else {
                    Arc::clone(&pending)
                };
                rounds.push(load::run(clock, stand.address, turn(connections), requests).await?);
            }
        }
    }
    print(&rounds);
    for stand in stands {
        stand.stop().await;
    }
    Ok(())
}

fn print(rounds: &[[Rounds; 3]; 2]) {
    let names = [
        ("check of a token in use", CONNECTIONS),
        ("first check of a token (durable)", FIRST_CONNECTIONS),
    ];
    let mut rows = Vec::new();
    for ((what, connections), [still, usual, one]) in names.into_iter().zip(rounds) {
        let name = |what: &str| format!("{what}, {connections} connections");
        rows.push(Row::load(&name("static handler"), still, None, None));
        rows.push(Row::load(&name(what), usual, Some(still), Some(one)));
    }
    let title = format!("Introspection over {CREDENTIALS} credentials");
    table::print(&title, "answers per second", &rows);
    let [[still, usual, _], _] = rounds;
    let ratio = usual.rate_against(still);
    table::target(
        &format!("checks at least half as fast as the static handler: {ratio:.2}"),
        ratio >= 0.5,
    );
}
