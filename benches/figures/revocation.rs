//! From an owner's revoke to the first refusal, while a resource server asks without a pause: no
//! check that is sent after the commit may find the token alive.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use ownergate::clock::Clock;
use ownergate::demo::stage::{Setting, Stage};
use ownergate::store::{Fault, Faults, Point};

use crate::client::Connection;
use crate::introspection::check;
use crate::life::Life;
use crate::load::{self, Load, Sample};
use crate::stand::{self, BATCHES, Stand};
use crate::table::{self, Row};

/// Revokes by each bot.
const TIMES: usize = 40;
/// Checks after which a revoke that has not happened counts as lost.
const MOST_CHECKS: usize = 200_000;

/// When the store's commits were complete: durable, and in the records.
#[derive(Clone, Default)]
struct Commits(Arc<Mutex<Vec<Duration>>>);

impl Commits {
    /// A listener for a store.
    fn faults(&self, clock: &Clock) -> Faults {
        let (commits, clock) = (self.clone(), clock.clone());
        Faults::new(move |point| {
            if point == Point::AfterApply {
                let now = clock.monotonic();
                commits.with(|commits| commits.push(now));
            }
            Fault::None
        })
    }

    fn with<T>(&self, how: impl FnOnce(&mut Vec<Duration>) -> T) -> T {
        how(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Times of one bot.
#[derive(Default)]
struct Times {
    commit: Sample,
    refusal: Sample,
    whole: Sample,
    /// Checks that were sent after the commit and found the token alive.
    late: usize,
    checks: usize,
}

/// One check: when it was sent, when it was answered, what it said.
struct Checked {
    sent: Duration,
    answered: Duration,
    active: bool,
}

/// Asks without a pause until the token is refused.
async fn ask(address: SocketAddr, token: String, clock: Clock) -> anyhow::Result<Vec<Checked>> {
    let mut connection = Connection::open(address).await?;
    let request = check(&token);
    let mut checked = Vec::new();
    while checked.len() < MOST_CHECKS {
        let sent = clock.monotonic();
        let answer = connection.ask(&request).await?;
        let active = match answer.body {
            br#"{"active":false}"# => false,
            _ if answer.status == 200 => true,
            _ => bail!("a check was answered {}", answer.status),
        };
        let answered = clock.monotonic();
        checked.push(Checked {
            sent,
            answered,
            active,
        });
        if !active {
            return Ok(checked);
        }
    }
    bail!("the token was never refused")
}

/// One revoke.
async fn once(
    life: &mut Life<'_>,
    commits: &Commits,
    clock: &Clock,
    times: &mut Times,
) -> anyhow::Result<()> {
    let issue = life.ask().await?;
    life.approve(issue).await?;
    life.deliver().await?;
    life.stand.bot.idle().await;
    life.deliver().await?;
    let token = life.open(issue)?;
    let mut first = Connection::open(life.stand.address).await?;
    if first.ask(&check(&token)).await?.body == br#"{"active":false}"# {
        bail!("a new token is refused");
    }
    let line = format!("/gate revoke codex-kan-{}", issue.0);
    life.say(&life.stand.stage.alice, issue, &line).await?;
    let deliveries = life.waiting();
    let asking = tokio::spawn(ask(life.stand.address, token, clock.clone()));
    commits.with(Vec::clear);
    let began = clock.monotonic();
    for delivery in &deliveries {
        life.send(delivery).await?;
    }
    let checked = asking.await??;
    life.stand.bot.idle().await;
    // The first commit takes the delivery in, the second one revokes.
    let commit = commits
        .with(|commits| commits.get(1).copied())
        .context("the revoke was not committed")?;
    let refusal = checked.last().context("nothing was asked")?;
    times.commit.push(commit.saturating_sub(began));
    times.refusal.push(refusal.answered.saturating_sub(commit));
    times.whole.push(refusal.answered.saturating_sub(began));
    times.checks += checked.len();
    let late = checked
        .iter()
        .filter(|check| check.active && check.sent > commit);
    times.late += late.count();
    Ok(())
}

/// Measures and prints.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let fixed = stand::static_handler()?;
    let mut stands = Vec::new();
    let mut listening = Vec::new();
    for max_batch in BATCHES {
        let place = directory.join(format!("batch-{max_batch}"));
        std::fs::create_dir_all(&place)?;
        let stage = Stage::build(&place, Setting::new(clock.clone()))?;
        let commits = Commits::default();
        stands.push(Stand::start(stage, max_batch, commits.faults(clock)).await?);
        listening.push(commits);
    }
    let mut lives = Vec::new();
    for stand in &stands {
        lives.push(Life::begin(stand).await?);
    }
    let mut still = Sample::default();
    let mut times: [Times; 2] = Default::default();
    let turn = Load {
        connections: 1,
        within: Duration::from_millis(100),
        status: 200,
    };
    for _ in 0..TIMES {
        for ((life, commits), times) in lives.iter_mut().zip(&listening).zip(&mut times) {
            once(life, commits, clock, times).await?;
        }
        still.add(&load::run(clock, fixed, turn, stand::static_requests(50)).await?);
    }
    print(&still, times);
    drop(lives);
    for stand in stands {
        stand.stop().await;
    }
    Ok(())
}

fn print(still: &Sample, [mut usual, mut one]: [Times; 2]) {
    for times in [&mut usual, &mut one] {
        for sample in [&mut times.commit, &mut times.refusal, &mut times.whole] {
            sample.waits.sort_unstable();
        }
    }
    let row = |what, usual, one| Row::times(what, usual, Some(still), Some(one));
    let rows = [
        Row::times("static handler, 1 connection", still, None, None),
        row("delivery to commit", &usual.commit, &one.commit),
        row("commit to the first refusal", &usual.refusal, &one.refusal),
        row("delivery to the first refusal", &usual.whole, &one.whole),
    ];
    table::print(
        "Revoke to first refusal, under checks without a pause",
        "median times",
        &rows,
    );
    let (late, checks) = (usual.late + one.late, usual.checks + one.checks);
    table::target(
        &format!("of {checks} checks, {late} were sent after the commit and not refused"),
        late == 0,
    );
}
