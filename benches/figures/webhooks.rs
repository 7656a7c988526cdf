//! Durable webhooks: how many deliveries per second are answered 202, each after the `fdatasync` of
//! its line, at one connection and at 64.
//!
//! The deliveries are those of comments that are no commands, as most are: each leaves its first
//! sight in the journal and nothing is read back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ownergate::clock::Clock;
use ownergate::demo::stage::{HOOK_SECRET, KAN_NAME};
use ownergate::miniforge::hmac_sha256;
use serde_json::Value;

use crate::client;
use crate::load::{self, Load};
use crate::stand::{self, BATCHES, Stand};
use crate::table::{self, Rounds, Row};

/// Rounds in each of which every path has its turn.
const ROUNDS: usize = 5;
/// The most requests of one turn.
const MOST: usize = 4_000;
/// How long one turn may take.
const TURN: Duration = Duration::from_millis(900);
/// Connections at the same time.
const CONNECTIONS: [usize; 2] = [1, 64];

/// Makes deliveries whose comments are all new.
struct Deliveries {
    example: Value,
    next: i64,
}

impl Deliveries {
    /// Takes a delivery of the miniature forge as the example.
    async fn like(stand: &Stand) -> anyhow::Result<Self> {
        let forge = &stand.stage.forge;
        forge.hold_hooks();
        let alice = &stand.stage.alice;
        let issue = alice.open_issue(KAN_NAME, "roadmap", "").await?;
        alice
            .comment(KAN_NAME, issue, "I would rather sort it by date.")
            .await?;
        let last = forge.deliveries().pop().context("nothing is delivered")?;
        Ok(Self {
            example: serde_json::from_slice(&last.body)?,
            next: 1_000_000,
        })
    }

    /// The next ones, as bytes on the wire.
    fn make(&mut self, count: usize) -> anyhow::Result<Arc<Vec<Vec<u8>>>> {
        let mut requests = Vec::new();
        for _ in 0..count {
            self.next += 1;
            self.example["comment"]["id"] = self.next.into();
            let body = serde_json::to_vec_pretty(&self.example)?;
            requests.push(delivery(&body));
        }
        Ok(Arc::new(requests))
    }
}

/// A signed delivery as bytes on the wire.
pub(crate) fn delivery(body: &[u8]) -> Vec<u8> {
    let headers = [
        ("Content-Type", "application/json"),
        ("X-Forgejo-Signature", &hmac_sha256(HOOK_SECRET, body)),
    ];
    client::request("POST", "/hooks/kan", &headers, body)
}

/// Measures and prints.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let fixed = stand::static_handler()?;
    let mut stands = Vec::new();
    for max_batch in BATCHES {
        let place = directory.join(format!("batch-{max_batch}"));
        stands.push(Stand::build(&place, clock, max_batch).await?);
    }
    let mut deliveries = Deliveries::like(&stands[0]).await?;
    let bytes = deliveries.make(1)?[0].len();
    // Per number of connections: the static handler, the bot, the bot with batches of one.
    let mut rounds: [[Rounds; 3]; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (connections, [still, usual, one]) in CONNECTIONS.into_iter().zip(&mut rounds) {
            let turn = |status| Load {
                connections,
                within: TURN,
                status,
            };
            let requests = stand::static_requests(20_000);
            still.push(load::run(clock, fixed, turn(200), requests).await?);
            for (stand, rounds) in stands.iter().zip([usual, one]) {
                let requests = deliveries.make(MOST)?;
                rounds.push(load::run(clock, stand.address, turn(202), requests).await?);
            }
        }
    }
    print(&rounds, bytes);
    for stand in stands {
        stand.stop().await;
    }
    Ok(())
}

fn print(rounds: &[[Rounds; 3]; 2], bytes: usize) {
    let mut rows = Vec::new();
    for (connections, [still, usual, one]) in CONNECTIONS.into_iter().zip(rounds) {
        let name = |what: &str| format!("{what}, {connections} connections");
        rows.push(Row::load(&name("static handler"), still, None, None));
        let usual_row = Row::load(&name("durable webhook"), usual, Some(still), Some(one));
        rows.push(usual_row);
        let name = name("durable webhook, batches of one");
        rows.push(Row::load(&name, one, Some(still), None));
    }
    let title = format!("Durable webhooks, {bytes} bytes each");
    table::print(&title, "answers per second", &rows);
    let [_, [_, usual, one]] = rounds;
    let ratio = usual.rate_against(one);
    table::target(
        &format!("at 64 connections at least 3 times the rate of batches of one: {ratio:.2}"),
        ratio >= 3.0,
    );
}
