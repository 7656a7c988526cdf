//! Ten thousand deliveries at once, with 64 connections of a resource server beside them: nothing is lost,
//! memory stays within bounds, and how long answers took is printed.
//!
//! The bot is a process of its own, so that its memory is its own; `OWNERGATE_BIN` names another than the
//! one that was built for the tests. Run by `cargo test --test stories load:: -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "figures are printed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN, KAN_NAME};
use ownergate::gate::ids::IssueNumber;
use ownergate::miniforge::{Delivery, Outcome};
use tokio::task::JoinSet;

use crate::harness::{Key, Story, change};
use crate::harness_edges::{Process, delivery_head, json_of, raw, run};

/// Deliveries, each of another comment.
const DELIVERIES: usize = 10_000;
/// Threads in which they are written, each with an identity.
const THREADS: usize = 10;
/// Connections of the resource server.
const CONNECTIONS: usize = 64;
/// The most memory that the bot may ever have had, in MiB: what it keeps of a delivery that it has
/// decided is on the disk.
const MOST_MEMORY: u64 = 512;
/// The longest that all of it may take: only a bot that loses something takes so long.
const PATIENCE: Duration = Duration::from_secs(300);

/// A token and how its resource server was answered about it.
struct Asked {
    waits: Vec<Duration>,
    /// Checks of a token that was said to be dead, and then to be alive.
    came_back: usize,
}

/// Asks for one token again and again until there is an end.
async fn asking(story: &Story, token: &str, over: &AtomicBool) -> Asked {
    let (mut asked, mut dead) = (
        Asked {
            waits: Vec::new(),
            came_back: 0,
        },
        false,
    );
    while !over.load(Ordering::SeqCst) {
        let began = story.stage.clock().monotonic();
        let alive = story.alive(token).await;
        asked.waits.push(story.stage.clock().monotonic() - began);
        asked.came_back += usize::from(dead && alive);
        dead |= !alive;
    }
    asked
}

/// All of them at the same time, each over a connection of its own: how each was answered, and when.
async fn at_once(story: &Story, deliveries: &[Delivery]) -> Vec<(u16, Duration)> {
    let mut sending = JoinSet::new();
    for delivery in deliveries {
        let (url, body) = (story.stage.url(), delivery.body.clone());
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let mut request = delivery_head("HTTP/1.1", &body, &headers);
        request.extend_from_slice(&body);
        let clock = story.stage.clock().clone();
        sending.spawn(async move {
            let began = clock.monotonic();
            let status = raw(&url, &request).await.status;
            (status, clock.monotonic() - began)
        });
    }
    sending.join_all().await
}

/// The statuses that there were, with what is to be said of each.
fn by_status(answers: Vec<(u16, Duration)>) -> Vec<u16> {
    let mut by_status: BTreeMap<u16, Vec<Duration>> = BTreeMap::new();
    for (status, took) in answers {
        by_status.entry(status).or_default().push(took);
    }
    let said = |(status, waits)| {
        println!("  {status}: {}", figures(waits));
        status
    };
    by_status.into_iter().map(said).collect()
}

/// The one in a hundred that took longest was answered within this.
fn figures(mut waits: Vec<Duration>) -> String {
    waits.sort_unstable();
    let within = |part: usize| waits[(waits.len() - 1) * part / 100].as_secs_f64() * 1e3;
    format!(
        "{} answers, median {:.1} ms, 99 % within {:.1} ms, all within {:.1} ms",
        waits.len(),
        within(50),
        within(99),
        within(100)
    )
}

/// The most memory that a process ever had, in MiB (`VmHWM` of proc(5)).
fn peak(bot: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", bot.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() / 1024
}

/// Whether the first sight of each of these comments is in the journal.
fn all_seen(story: &Story, deliveries: &[Delivery]) -> bool {
    let journal = story.journal();
    let key = format!("\"table\":\"seen\",\"key\":[{KAN},\"comment\",");
    let seen: BTreeSet<i64> = journal
        .split(&key)
        .skip(1)
        .filter_map(|rest| rest.split(']').next()?.parse().ok())
        .collect();
    let mut comments = deliveries
        .iter()
        .map(|one| json_of(one)["comment"]["id"].as_i64().unwrap());
    comments.all(|comment| seen.contains(&comment))
}

/// Identities with their tokens, in threads of their own.
async fn identities(story: &Story) -> Vec<(IssueNumber, String)> {
    let mut made = Vec::new();
    for _ in 0..THREADS {
        let thread = story.thread(&story.stage.codex, "flood").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        made.push((thread.issue, token));
    }
    made
}

/// Somebody writes a thousand comments in each thread; somewhere among them its identity is revoked.
async fn written(story: &Story, threads: &[(IssueNumber, String)]) -> Vec<Delivery> {
    let forge = &story.stage.forge;
    let before = forge.deliveries().len();
    forge.hold_hooks();
    for place in 0..DELIVERIES {
        let thread = place % THREADS;
        let text = if place / THREADS == 97 * (thread + 1) {
            format!("/gate revoke codex-kan-{}", thread + 1)
        } else {
            format!("I would rather sort it by date ({place}).")
        };
        let alice = &story.stage.alice;
        alice
            .comment(KAN_NAME, threads[thread].0, &text)
            .await
            .unwrap();
    }
    let written = forge.deliveries().split_off(before);
    forge.drop_hooks(written.len());
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes its time, and every connection that the machine has: CI runs it apart"]
async fn ten_thousand_deliveries_at_once_and_none_is_lost() {
    let mut story = Story::with(|setting| {
        setting.clock = Clock::system();
        change(
            &mut setting.config,
            &[("[forge]", "[forge]\nreconcile = \"1s\"")],
        );
    })
    .await;
    let threads = identities(&story).await;
    let deliveries = written(&story, &threads).await;
    assert_eq!(deliveries.len(), DELIVERIES);
    assert!(deliveries.iter().all(|one| one.outcome == Outcome::Waiting));
    story.stage.stop_bot().await;
    let bot = Process::start(&story.stage, &["--log", "error"]);
    bot.ready().await;

    let (story, over) = (Arc::new(story), Arc::new(AtomicBool::new(false)));
    let clock = story.stage.clock().clone();
    let began = clock.monotonic();
    let mut askers = JoinSet::new();
    for place in 0..CONNECTIONS {
        let (story, over) = (Arc::clone(&story), Arc::clone(&over));
        let token = threads[place % THREADS].1.clone();
        askers.spawn(async move { asking(&story, &token, &over).await });
    }
    let answers = at_once(&story, &deliveries).await;
    let answered = clock.monotonic() - began;
    // Who was turned away because the queue was full is found by reading the board.
    let is_over = async || {
        let checks = threads.iter().map(|(_, token)| story.alive(token));
        let alive = futures_util::future::join_all(checks).await;
        let alive = alive.into_iter().filter(|alive| *alive).count();
        let waited = clock.monotonic() - began;
        assert!(waited < PATIENCE, "{alive} are alive after {waited:?}");
        alive == 0 && all_seen(&story, &deliveries)
    };
    while !is_over().await {}
    let settled = clock.monotonic() - began;
    over.store(true, Ordering::SeqCst);
    let asked = askers.join_all().await;

    println!("deliveries: all answered after {answered:.1?}, all decided after {settled:.1?}");
    let statuses = by_status(answers);
    let waits: Vec<Duration> = asked.iter().flat_map(|one| one.waits.clone()).collect();
    println!(
        "introspection, {CONNECTIONS} connections: {}",
        figures(waits)
    );
    println!("memory of the bot at its most: {} MiB", peak(&bot));

    assert!(
        statuses.iter().all(|status| [202, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(asked.iter().all(|one| one.came_back == 0));
    assert!(peak(&bot) <= MOST_MEMORY);
    bot.terminate();
    let (status, log) = bot.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
    let (status, text) = run(&story.stage, "verify", &[]).await;
    assert!(status.success(), "{text}");
}
