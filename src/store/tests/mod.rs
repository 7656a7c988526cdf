//! Stories of the store: what is written stays, what is damaged is found, what was not promised goes.

#![expect(clippy::unwrap_used, reason = "a failed test stops")]

mod backup;
mod damage;
mod disk;
mod histories;
mod kill;
mod loss;
mod records;
mod tail;
mod upgrade;
mod verifying;
mod writing;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::records::{Meta, Records};
use super::*;
use crate::clock::Clock;
use crate::gate::ids::CredentialNumber;
use crate::gate::key::{Change, Key};

/// A job that brings its own decision.
type Job = Box<dyn FnOnce(&dyn Read, &Stamp) -> Step<u64> + Send>;
type Bot = Writer<Job, u64>;

/// A directory with a store, and the means to harm it.
struct House {
    directory: TempDir,
    clock: Clock,
}

impl House {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Clock::manual("2026-11-23T14:00:00Z".parse().unwrap()),
        }
    }

    /// A house whose store has this many lines in small segments and was closed.
    async fn with_lines(lines: u64) -> Self {
        let house = Self::new();
        let bot = house.start();
        for number in 1..lines {
            assert_eq!(bot.submit(put(number)).await, Ok(number));
        }
        bot.close().await;
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("data").join(name)
    }

    fn options(&self) -> Options {
        Options {
            segment_bytes: 4096,
            ..Options::new(self.path(""), "5e".repeat(32), self.clock.clone())
        }
    }

    fn open(&self) -> Result<Opened, OpenError> {
        open(self.options(), Arc::default())
    }

    /// Opens without waiting for a lock that another holds.
    fn open_at_once(&self) -> Result<Opened, OpenError> {
        let lock_wait = Duration::ZERO;
        open(
            Options {
                lock_wait,
                ..self.options()
            },
            Arc::default(),
        )
    }

    /// The records alone, as another process would open them.
    fn records(&self) -> Records {
        Records::open(&self.path("sled"), self.options().lock_wait).unwrap()
    }

    fn accept(&self, number: u64) -> Result<Opened, OpenError> {
        let accept_journal_loss = Some(number);
        open(
            Options {
                accept_journal_loss,
                ..self.options()
            },
            Arc::default(),
        )
    }

    fn start(&self) -> Bot {
        start(self.open().unwrap())
    }

    fn start_with(&self, faults: Faults) -> Bot {
        start(
            open(
                Options {
                    faults,
                    ..self.options()
                },
                Arc::default(),
            )
            .unwrap(),
        )
    }

    /// Every byte of the store on disk.
    fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&self.path(""))
    }

    /// The journal's files in order.
    fn segments(&self) -> Vec<PathBuf> {
        files(&self.path("journal")).into_keys().collect()
    }

    fn last_segment(&self) -> PathBuf {
        self.segments().pop().unwrap()
    }

    /// The lines of the whole journal without headers.
    fn lines(&self) -> Vec<Line> {
        let texts = files(&self.path("journal")).into_values();
        let texts: Vec<String> = texts
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect();
        let lines = texts.iter().flat_map(|text| text.lines().skip(1));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Opens the store and shows every record and the summary; lets it go again.
    fn rows(&self) -> Rows {
        rows(&self.open().unwrap())
    }

    /// The same, made from the journal alone in another place.
    fn rows_from_nothing(&self) -> Rows {
        let other = Self::new();
        copy(&self.path("journal"), &other.path("journal"));
        other.rows()
    }

    /// Makes the journal end with an unfinished batch of three lines that the records have not seen,
    /// and says where in its file it begins.
    async fn with_unanswered_batch(&self) -> u64 {
        let bot = self.start_with(stop_at(Point::AfterSync, 2));
        let outcomes = batch_of(&bot, 3).await;
        assert_eq!(outcomes, vec![Err(SubmitError::Unhealthy); 3]);
        bot.died().await;
        let text = fs::read(self.last_segment()).unwrap();
        let lines = self.lines();
        let first = lines
            .iter()
            .position(|line| line.batch == lines.last().unwrap().batch)
            .unwrap();
        assert_eq!(lines.len() - first, 3, "three lines in the last batch");
        let starts: Vec<usize> = std::iter::once(0)
            .chain(
                text.iter()
                    .enumerate()
                    .filter(|(_, byte)| **byte == b'\n')
                    .map(|(at, _)| at + 1),
            )
            .collect();
        starts[starts.len() - 4] as u64
    }
}

fn start(opened: Opened) -> Bot {
    opened.start(|read, job: Job, stamp| job(read, stamp))
}

/// Every record and the summary.
type Rows = (Vec<(Vec<u8>, Vec<u8>)>, Meta);

fn rows(opened: &Opened) -> Rows {
    let mut rows = Vec::new();
    let each = |key: &[u8], value: &[u8]| rows.push((key.to_vec(), value.to_vec()));
    opened.shared.read(|records| records.each(each)).unwrap();
    (rows, opened.store().meta().unwrap())
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    footprint::copy(from, to).unwrap();
}

fn flip(path: &Path, place: u64) {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 4], place).unwrap();
}

fn cut(path: &Path, length: u64) {
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(length)
        .unwrap();
}

/// Cuts the last line of a text file.
fn cut_last_line(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let ended = &bytes[..bytes.len() - 1];
    let start = ended.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    cut(path, start as u64);
}

fn credential(number: u64) -> Key {
    Key::credential(CredentialNumber(number))
}

fn change(number: u64, value: Option<Value>) -> Change {
    Change {
        key: credential(number),
        value,
    }
}

fn body(changes: Vec<Change>) -> Body {
    Body {
        policy: "policy-1".to_owned(),
        cause: json!({"kind": "test"}),
        changes,
        entries: vec![json!("something happened")],
        effects: Vec::new(),
        under_reserve: false,
    }
}

/// Writes a credential; the answer is the number of the line.
fn put(number: u64) -> Job {
    Box::new(move |_, stamp| Step::Commit {
        body: body(vec![change(
            number,
            Some(json!({"v": 1, "number": number, "pad": "x".repeat(300)})),
        )]),
        answer: stamp.seq,
    })
}

/// A plan that stops at the nth passing of a point.
fn stop_at(point: Point, turn: usize) -> Faults {
    fault_at(point, turn, Fault::Stop)
}

fn fault_at(point: Point, turn: usize, fault: Fault) -> Faults {
    let passed = std::sync::atomic::AtomicUsize::new(0);
    Faults::new(move |at| {
        let now =
            at == point && passed.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == turn;
        if now { fault } else { Fault::None }
    })
}

/// The same with jobs that write.
async fn batch_of(bot: &Bot, others: u64) -> Vec<Result<u64, SubmitError>> {
    batch_behind(
        bot,
        put(1000),
        (1..=others).map(|number| put(1000 + number)),
    )
    .await
}

/// Submits one job, and while it is decided others, which become one batch.
async fn batch_behind(
    bot: &Bot,
    first: Job,
    others: impl IntoIterator<Item = Job>,
) -> Vec<Result<u64, SubmitError>> {
    let (go, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
    let held: Job = Box::new(move |read, stamp| {
        begun.send(()).unwrap();
        wait.recv().unwrap();
        first(read, stamp)
    });
    let submit = |job: Job| {
        let bot = bot.clone();
        tokio::spawn(async move { bot.submit(job).await })
    };
    let held = submit(held);
    has_begun.await.unwrap();
    let others: Vec<_> = others.into_iter().map(submit).collect();
    while bot.waiting() < others.len() {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    let mut outcomes = Vec::new();
    for one in others {
        outcomes.push(one.await.unwrap());
    }
    outcomes
}
