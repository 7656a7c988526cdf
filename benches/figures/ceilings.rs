//! What the ceilings cost a check of a token: everything that a check looks at today, with every ceiling
//! set, against what it looked at before boards could stand still, fall silent and cap their owners.
//!
//! Both run on the same bot and store, in turns, without HTTP, which costs the same either way: the MAC
//! of the token, its row, the rules. "Today" adds the board's standstill, its silence, replaced tokens,
//! and owners with ceilings.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use ownergate::bot::Bot;
use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN, Setting, Stage};
use ownergate::gate::key::Key;
use ownergate::gate::policy::Policy;
use ownergate::gate::thread::Standstill;
use ownergate::store::Faults;

use crate::seed;
use crate::stand::Stand;
use crate::table;

/// How many credentials there are.
const CREDENTIALS: u64 = 10_000;
/// Turns of each.
const ROUNDS: usize = 60;
/// Checks of one turn.
const CHECKS: usize = 2_000;
/// How much slower a check may be for them.
const MOST: f64 = 1.2;

/// One check, as before.
fn plain(bot: &Bot, policy: &Policy, clock: &Clock, token: &str) -> anyhow::Result<bool> {
    let macs = bot.peppers.token_macs(token);
    let check = bot.core.check(&macs)?.context("it was seeded")?;
    let seen = policy.shows("kanban-api", check.board, &check.environment);
    Ok(seen && check.live(policy, clock.now()).is_some())
}

/// One check, as `http::introspect` makes it today.
fn whole(bot: &Bot, policy: &Policy, clock: &Clock, token: &str) -> anyhow::Result<bool> {
    let macs = bot.peppers.token_macs(token);
    let check = bot.core.check(&macs)?.context("it was seeded")?;
    let now = clock.now();
    let still = bot.core.get::<Standstill>(&Key::standstill(check.board))?;
    let silence = &bot.reconciliation.silence;
    let seen = still.is_none()
        && policy.shows("kanban-api", check.board, &check.environment)
        && !silence.refuses(policy, check.board, clock)
        && !check.is_rotated_away(now);
    Ok(seen && check.live(policy, now).is_some())
}

/// The policy with every ceiling set on its board, or with none.
fn policy(bot: &Bot, ceilings: bool) -> Policy {
    let mut policy = (*bot.core.policy()).clone();
    if let Some(board) = policy.boards.get_mut(&KAN) {
        board.max_silence = ceilings.then_some(3_600);
        let all = board.scopes.clone();
        for owner in board.owners.values_mut() {
            owner.ceiling = ceilings.then(|| all.clone());
        }
    }
    policy
}

/// A way to check a token.
type Way = fn(&Bot, &Policy, &Clock, &str) -> anyhow::Result<bool>;

/// How long a turn of checks took.
fn turn(
    (bot, clock): (&Bot, &Clock),
    way: Way,
    policy: &Policy,
    tokens: &[&str],
) -> anyhow::Result<Duration> {
    let began = clock.monotonic();
    for token in tokens {
        ensure!(way(bot, policy, clock, token)?, "a token in use is alive");
    }
    Ok(clock.monotonic() - began)
}

/// Measures and prints.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let stage = Stage::build(directory, Setting::new(clock.clone()))?;
    let tokens = seed::write(&stage.config()?, clock, CREDENTIALS).await?;
    let stand = Stand::start(stage, 256, Faults::none()).await?;
    let bot = &*stand.bot;
    let (none, all) = (policy(bot, false), policy(bot, true));
    let (mut ratios, mut before, mut today) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        // A prime step: neighbours were not issued together.
        let chosen: Vec<&str> = (0..CHECKS)
            .map(|check| {
                tokens.active[(round * CHECKS + check) * 7_919 % tokens.active.len()].as_str()
            })
            .collect();
        // Rows that were just read are in the cache: who goes first changes.
        let (first, second) = if round % 2 == 0 {
            let first = turn((bot, clock), plain, &none, &chosen)?;
            (first, turn((bot, clock), whole, &all, &chosen)?)
        } else {
            let second = turn((bot, clock), whole, &all, &chosen)?;
            (turn((bot, clock), plain, &none, &chosen)?, second)
        };
        ratios.push(second.as_secs_f64() / first.as_secs_f64());
        before += first;
        today += second;
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    let each = |took: Duration| took.as_secs_f64() * 1e6 / (ROUNDS * CHECKS) as f64;
    println!("\nA check without HTTP over {CREDENTIALS} credentials, {ROUNDS} turns of {CHECKS}");
    println!(
        "as before, without a ceiling:       {:>7.2} µs",
        each(before)
    );
    println!(
        "as today, with every ceiling set:   {:>7.2} µs",
        each(today)
    );
    println!("ratio, the median of the turns: {ratio:.2}");
    table::target("no slower than 1.2 times the one before", ratio <= MOST);
    stand.stop().await;
    Ok(())
}
