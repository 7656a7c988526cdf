//! How long a decision takes in a store of a thousand identities and in one of a million, each on sled as
//! the bot has it: the decision reads by points, so that it should not feel how many there are.
//!
//! Two decisions are made, and not committed: a comment of an owner arrives that stops an identity, and
//! a holder lets its identity stand still. Which identity it is differs from one to the next. The first
//! time that one is met its rows are read from the disk, in pages that lie far apart where there are a
//! million; that is told apart from all later times.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN, Setting, Stage};
use ownergate::gate::decide::{Given, Step, decide_with};
use ownergate::gate::event::{Accepted, Arrival, Event, Road, Spoken, What};
use ownergate::gate::ids::{Hash, IssueNumber, Mac, Seq, UserId};
use ownergate::gate::policy::Policy;
use ownergate::store::{self, Body, Opened, Options, Progress, Store};

use crate::seed;
use crate::table;

/// Identities of the two stores.
const IDENTITIES: [u64; 2] = [1_000, 1_000_000];
/// Identities that are met in each store.
const MET: u64 = 500;
/// Decisions of each kind about each of them; the first is told apart.
const TIMES: usize = 8;
/// The ratio of the medians that is still flat.
const FLAT: f64 = 2.0;
/// Identities that one line brings.
const A_LINE: u64 = 100;
/// Lines that are submitted together.
const TOGETHER: u64 = 32;

/// Writes so many identities, each with a credential in use.
async fn write(directory: &Path, clock: &Clock, count: u64) -> anyhow::Result<()> {
    let opened = open(directory, clock).await?;
    let writer = opened.start(|_, body: Body, _| store::Step::Commit { body, answer: () });
    let now = clock.now();
    let lines: Vec<u64> = (0..count.div_ceil(A_LINE)).collect();
    for part in lines.chunks(usize::try_from(TOGETHER)?) {
        let submitted = part.iter().map(|line| {
            let first = line * A_LINE + 1;
            writer.submit(seed::identities(
                first..(first + A_LINE).min(count + 1),
                now,
            ))
        });
        for done in futures_util::future::join_all(submitted).await {
            done?;
        }
    }
    writer.close().await;
    Ok(())
}

/// A store opened anew, as after a start.
async fn open(directory: &Path, clock: &Clock) -> anyhow::Result<Opened> {
    let options = Options::new(directory, "5e".repeat(32), clock.clone());
    let opening = move || store::open(options, Arc::new(Progress::new()));
    Ok(tokio::task::spawn_blocking(opening).await??)
}

/// A comment of alice that stops an identity, as it is delivered.
fn arrives(number: u64, now: Timestamp) -> Event {
    let text = format!("/gate pause codex-kan-{number} odd calls");
    let body = Hash::of(text.as_bytes());
    let spoken = Spoken::new(
        1_000_000_000 + number.cast_signed(),
        Some(UserId(2)),
        &text,
        body,
    );
    Event::Arrived(Box::new(Arrival {
        accepted: Accepted {
            road: Road::Hook,
            repository: KAN,
            issue: IssueNumber(number.cast_signed()),
            unverified_sender: Some(UserId(2)),
            at: now,
            what: What::Comment(spoken),
            urgent: false,
            stood_still: false,
        },
        leaks: Vec::new(),
    }))
}

/// A holder lets its identity stand still.
fn pauses(number: u64) -> anyhow::Result<Event> {
    let mac: Mac = seed::mac_of(number);
    Ok(Event::HolderPaused { macs: vec![mac] })
}

/// How long one decision takes.
fn decide(
    store: &Store,
    clock: &Clock,
    policy: &Arc<Policy>,
    event: &Event,
) -> anyhow::Result<Duration> {
    let given = Given {
        now: clock.now(),
        seq: Seq(1),
        policy: Arc::clone(policy),
        policy_hash: Hash::of(b"policy"),
        nonce: "0".repeat(32),
        low_space: false,
        clock: None,
    };
    let mut failed = false;
    let began = clock.monotonic();
    let step = decide_with(event, &given, |key| {
        store.get(key).unwrap_or_else(|_| {
            failed = true;
            None
        })
    });
    let took = clock.monotonic() - began;
    ensure!(!failed, "a record could not be read");
    match step {
        Step::Decided(decision) if !decision.changes.is_empty() => Ok(took),
        other => bail!("it decides nothing: {other:?}"),
    }
}

/// Half of them took at most so long, in microseconds.
fn median(waits: &mut [Duration]) -> f64 {
    waits.sort_unstable();
    let middle = waits.get(waits.len() / 2).copied();
    middle.map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e6)
}

/// Decisions of one kind: those about an identity that is met first, and all later ones.
type Kind = [Vec<Duration>; 2];
/// A store, how many identities are in it, and how long each decision of either kind took.
type Measured = (u64, Opened, [Kind; 2]);

/// Measures and prints. The two are asked in turns, so that both have the same machine.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let place = directory.join("stage");
    std::fs::create_dir_all(&place)?;
    let stage = Stage::build(&place, Setting::new(clock.clone()))?;
    let policy = Arc::new(stage.config()?.policy("5e".repeat(32), UserId(5)));
    let mut stores: Vec<Measured> = Vec::new();
    for count in IDENTITIES {
        let directory = directory.join(count.to_string());
        let began = clock.monotonic();
        write(&directory, clock, count).await?;
        let took = clock.monotonic() - began;
        println!("{count} identities written in {:.0} s", took.as_secs_f64());
        stores.push((count, open(&directory, clock).await?, Default::default()));
    }
    for time in 0..TIMES {
        for place in 0..MET {
            for (count, opened, kinds) in &mut stores {
                // A prime step: neighbours were not made together.
                let number = 1 + place * 7_919 % *count;
                let events = [arrives(number, clock.now()), pauses(number)?];
                for (event, kind) in events.iter().zip(kinds) {
                    let took = decide(&opened.store(), clock, &policy, event)?;
                    kind[usize::from(time > 0)].push(took);
                }
            }
        }
    }
    println!("\nA decision without its commit, the median of {MET} identities");
    for (kind, name) in ["an owner's word arrives", "a holder stands still"]
        .into_iter()
        .enumerate()
    {
        for (met, when) in ["met first", "met again"].into_iter().enumerate() {
            let mut medians = Vec::new();
            for (count, _, kinds) in &mut stores {
                let median = median(&mut kinds[kind][met]);
                println!("among {count:>7} identities, {name}, {when}: {median:.1} µs");
                medians.push(median);
            }
            let (few, many) = medians.first().zip(medians.last()).context("two stores")?;
            let ratio = many / few;
            println!("ratio of the large one to the small one: {ratio:.2}");
            if met > 0 {
                table::target("flat in the number of identities", ratio <= FLAT);
            }
        }
    }
    Ok(())
}
