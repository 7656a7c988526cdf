//! What an identity did, asked of a short journal and of one a hundred times as long: the newest
//! fifty entries of one identity that has as many in both.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use ownergate::bot::audit::{Query, find};
use ownergate::clock::Clock;
use ownergate::demo::stage::KAN;
use ownergate::gate::actor::Actor;
use ownergate::gate::audit::Entry;
use ownergate::gate::ids::{CredentialNumber, IdentityNumber, IssueNumber, ThreadKey, UserId};
use ownergate::store::{self, Body, Opened, Options, Progress, Step, Store};
use serde_json::json;

use crate::table;

/// Lines of the two journals.
const LINES: [u64; 2] = [1_000, 100_000];
/// Entries of the identity that is asked about, in each.
const OWN: u64 = 100;
/// Entries that are asked for.
const MOST: usize = 50;
/// How often each is asked.
const TIMES: usize = 400;
/// Jobs that are submitted together.
const TOGETHER: u64 = 256;
/// The ratio of the medians that is still flat.
const FLAT: f64 = 2.0;

/// An entry of a line; every so many lines it is about the identity that is asked about.
fn entry(line: u64, lines: u64) -> Entry {
    let identity = if line.is_multiple_of(lines / OWN) {
        1
    } else {
        2 + line % 1_000
    };
    let thread = ThreadKey {
        repository: KAN,
        issue: IssueNumber(identity.cast_signed()),
    };
    let actor = match line % 3 {
        0 => Actor::User(UserId(2)),
        1 => Actor::Client("kanban-api".to_owned()),
        _ => Actor::Bot,
    };
    let text = "used 12 times, from 24 Nov 14:02 UTC to 24 Nov 14:58 UTC";
    let mut entry = Entry::new("credential_used", actor, text)
        .in_thread(thread)
        .about_identity(IdentityNumber(identity))
        .about_credential(CredentialNumber(identity));
    entry.owner = Some(UserId(4));
    entry
}

fn options(directory: &Path, clock: &Clock) -> Options {
    Options::new(directory, "5e".repeat(32), clock.clone())
}

async fn write(directory: &Path, clock: &Clock, lines: u64) -> anyhow::Result<()> {
    let opened = open(directory, clock).await?;
    let writer = opened.start(|_, body: Body, _| Step::Commit { body, answer: () });
    for first in (1..=lines).step_by(usize::try_from(TOGETHER)?) {
        let bodies = (first..(first + TOGETHER).min(lines + 1)).map(|line| Body {
            policy: "policy".to_owned(),
            cause: json!({ "kind": "seeded" }),
            changes: Vec::new(),
            entries: vec![json!(entry(line, lines))],
            effects: Vec::new(),
            under_reserve: false,
        });
        let submitted = bodies.map(|body| writer.submit(body));
        for done in futures_util::future::join_all(submitted).await {
            done?;
        }
    }
    writer.close().await;
    Ok(())
}

/// A store opened anew, as after a start.
async fn open(directory: &Path, clock: &Clock) -> anyhow::Result<Opened> {
    let options = options(directory, clock);
    let opening = move || store::open(options, Arc::new(Progress::new()));
    Ok(tokio::task::spawn_blocking(opening).await??)
}

/// How long one question takes.
fn ask(store: &Store, clock: &Clock) -> anyhow::Result<Duration> {
    let query = Query {
        identity: Some(IdentityNumber(1)),
        most: MOST,
        ..Query::default()
    };
    let began = clock.monotonic();
    let page = find(store, &query)?;
    let took = clock.monotonic() - began;
    ensure!(page.entries.len() == MOST, "{}", page.entries.len());
    Ok(took)
}

/// Half of them took at most so long, in milliseconds.
fn median(mut waits: Vec<Duration>) -> f64 {
    waits.sort_unstable();
    let middle = waits.get(waits.len() / 2).copied();
    middle.map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e3)
}

/// Measures and prints. The two are asked in turns, so that both have the same machine.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let mut stores = Vec::new();
    for lines in LINES {
        let directory = directory.join(lines.to_string());
        write(&directory, clock, lines).await?;
        stores.push((lines, open(&directory, clock).await?, Vec::new()));
    }
    for _ in 0..TIMES {
        for (_, opened, waits) in &mut stores {
            waits.push(ask(&opened.store(), clock)?);
        }
    }
    println!("\nThe newest {MOST} entries of one identity, the median of {TIMES} questions");
    let mut medians = Vec::new();
    for (lines, _, waits) in stores {
        let median = median(waits);
        println!("in a journal of {lines:>7} lines: {median:.3} ms");
        medians.push(median);
    }
    let [short, long] = medians[..] else {
        bail!("two journals are compared");
    };
    let ratio = long / short;
    println!("ratio of the long one to the short one: {ratio:.2}");
    table::target("flat in the length of the journal", ratio <= FLAT);
    Ok(())
}
