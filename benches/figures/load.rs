//! Load: many requests over some connections, bounded in number and in time.
//!
//! Each connection sends its next request when it has the answer to the last one. An answer with
//! another status than the expected one ends the measurement: there is no figure for errors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::bail;
use ownergate::clock::Clock;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::workers;

/// How much, and for how long at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// When to stop although requests are left.
    pub(crate) within: Duration,
    /// The status of every answer.
    pub(crate) status: u16,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// How long each answer took, shortest first.
    pub(crate) waits: Vec<Duration>,
    /// How long the server's threads were at work for them.
    pub(crate) work: Duration,
}

impl Sample {
    /// Answers per second.
    pub(crate) fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// The server's own time for an answer.
    pub(crate) fn work_each(&self) -> Duration {
        let count = u32::try_from(self.waits.len()).unwrap_or(u32::MAX);
        self.work / count.max(1)
    }

    /// The time within which this part of the answers came.
    pub(crate) fn within(&self, part: f64) -> Duration {
        let last = self.waits.len().saturating_sub(1);
        let place = (last as f64 * part).round() as usize;
        self.waits.get(place).copied().unwrap_or_default()
    }

    /// Adds one that was measured alone; whoever adds sorts at the end.
    pub(crate) fn push(&mut self, took: Duration) {
        self.took += took;
        self.waits.push(took);
    }

    /// Both together.
    pub(crate) fn add(&mut self, other: &Self) {
        self.took += other.took;
        self.work += other.work;
        self.waits.extend(&other.waits);
        self.waits.sort_unstable();
    }
}

/// Sends the requests, each once, in order as far as there is an order.
pub(crate) async fn run(
    clock: &Clock,
    address: SocketAddr,
    load: Load,
    requests: Arc<Vec<Vec<u8>>>,
) -> anyhow::Result<Sample> {
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Connection::open(address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let worked = workers::time()?;
    let began = clock.monotonic();
    let mut tasks = JoinSet::new();
    for connection in connections {
        let (clock, next, requests) = (clock.clone(), Arc::clone(&next), Arc::clone(&requests));
        tasks.spawn(async move { one(&clock, connection, load, began, &next, &requests).await });
    }
    let mut waits = Vec::new();
    while let Some(done) = tasks.join_next().await {
        waits.extend(done??);
    }
    let took = clock.monotonic().saturating_sub(began);
    let work = workers::time()?.saturating_sub(worked);
    waits.sort_unstable();
    Ok(Sample { took, waits, work })
}

async fn one(
    clock: &Clock,
    mut connection: Connection,
    load: Load,
    began: Duration,
    next: &AtomicUsize,
    requests: &[Vec<u8>],
) -> anyhow::Result<Vec<Duration>> {
    let mut waits = Vec::new();
    let mut now = clock.monotonic();
    while now.saturating_sub(began) < load.within {
        let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) else {
            break;
        };
        let answer = connection.ask(request).await?;
        if answer.status != load.status {
            let body = String::from_utf8_lossy(answer.body).into_owned();
            bail!("an answer had the status {}: {body}", answer.status);
        }
        let then = std::mem::replace(&mut now, clock.monotonic());
        waits.push(now.saturating_sub(then));
    }
    Ok(waits)
}
