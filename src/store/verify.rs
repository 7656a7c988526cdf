//! Verifying a store without changing it: the chain, what the lines say, and the records against them.
//!
//! The journal of a running bot may be read at any time; the last write may then be unfinished, which
//! is no fault. The records of a store at rest are read from a copy, because opening sled writes. Those
//! of a running store are walked while it works: what is written meanwhile is left out of the
//! comparison record by record, and the sum over all records is compared at one line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::catch_up::collect;
use super::error::{OpenError, VerifyError};
use super::footprint;
use super::journal::{self, Replayed};
use super::line::{Digest32, FORMAT, NOTHING_BEFORE};
use super::lock::Lock;
use super::progress::Progress;
use super::records::{Meta, PROJECTION, Records, RecordsError, Writes};
use super::scan::{Scanned, scan};
use super::shared::{Store, why};
use super::sum::{self, Sum};
use crate::gate::key::{Change, Key, Table};

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Whose journal it is, hex; `None` if there is no journal.
    pub installation: Option<String>,
    /// Files of the journal.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Commits in the chain.
    pub lines: u64,
    /// Batches that they were written in.
    pub batches: u64,
    /// When the first commit was made.
    pub first: Option<Timestamp>,
    /// When the last commit was made.
    pub last: Option<Timestamp>,
    /// The number of the last commit.
    pub head: u64,
    /// Its hash, hex.
    pub head_hash: String,
    /// The last commit is that of a clean stop.
    pub closed: bool,
    /// An unfinished write at the end; no fault.
    pub unfinished: Option<Tail>,
    /// How many records each table has, as the journal says.
    pub tables: BTreeMap<String, u64>,
    /// The hash of each policy that lines were decided under, and how many were.
    pub policies: BTreeMap<String, u64>,
    /// Each policy that was recorded: the number of its line and the record.
    pub policy_records: Vec<(u64, Value)>,
    /// Each request as it was when another signature came to stand in it.
    pub signed: Vec<Signed>,
    /// What came of comparing the records with the journal.
    pub projection: Projection,
}

impl Report {
    /// True unless the records differ from the journal.
    pub fn sound(&self) -> bool {
        !matches!(self.projection, Projection::Differs { .. })
    }

    /// Hashes that lines name and no recorded policy has. `hash` gives the hash of a policy record.
    pub fn unrecorded_policies(&self, hash: impl Fn(&Value) -> Option<String>) -> Vec<String> {
        let recorded: BTreeSet<String> = self
            .policy_records
            .iter()
            .filter_map(|(_, record)| hash(record))
            .collect();
        self.policies
            .keys()
            .filter(|policy| !recorded.contains(*policy))
            .cloned()
            .collect()
    }
}

/// The end of the journal that is not a whole line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tail {
    /// The number that the line should have.
    pub seq: u64,
    /// Where it begins in its file.
    pub offset: u64,
}

/// What came of comparing the records with the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// They are what the journal makes, up to this line.
    Equal {
        /// The line that they have reached.
        reached: u64,
    },
    /// They are not; deleting the folder `sled` and starting makes them anew.
    Differs {
        /// In what.
        why: String,
    },
    /// They were not looked at.
    NotChecked {
        /// Why not.
        why: String,
    },
}

/// A record with a signature that whoever knows what it means can check again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The number of its line.
    pub seq: u64,
    /// The hash of the policy of that line.
    pub policy: String,
    /// The record.
    pub record: Value,
}

/// How many signatures stand in a request's record.
fn signatures(record: &Value) -> usize {
    let approvals = record["approvals"].as_array();
    let signed =
        |approval: &&Value| !approval["armor"].is_null() || !approval["signed_by"].is_null();
    approvals.map_or(0, |approvals| approvals.iter().filter(signed).count())
}

/// Verifies the store of a directory. `running` says that a bot may be writing to it.
pub fn verify(
    directory: &Path,
    installation: Option<&str>,
    running: bool,
) -> Result<Report, VerifyError> {
    let holder = Lock::holder(directory);
    let scanned = scan_for_reading(directory, installation, running || holder.is_some())?;
    let replayed = Replay::of(&scanned, u64::MAX, u64::MAX)?;
    let projection = match holder {
        Some(pid) => {
            let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
            Projection::NotChecked {
                why: format!("a running bot{pid} holds them: ask it"),
            }
        }
        None if running => Projection::NotChecked {
            why: "a running bot holds them".to_owned(),
        },
        None => at_rest(directory, &scanned)?,
    };
    Ok(replayed.report(&scanned, projection))
}

/// Verifies the store that this process has open.
pub(super) fn running(store: &Store) -> Result<Report, VerifyError> {
    let shared = &store.shared;
    let mut rows = BTreeMap::new();
    let looked = store.meta().and_then(|before| {
        shared.read(|records| digests(records, &mut rows))?;
        Ok((before, store.meta()?))
    });
    let installation = Some(shared.installation.as_str());
    let scanned = scan_for_reading(&shared.directory, installation, true)?;
    let projection = match looked {
        Ok((before, after)) => compare(&rows, &before, &after, &scanned)?,
        Err(error) => Projection::NotChecked {
            why: error.to_string(),
        },
    };
    Ok(Replay::of(&scanned, u64::MAX, u64::MAX)?.report(&scanned, projection))
}

/// Reads the chain; damage other than an unfinished end is an error.
pub(super) fn scan_for_reading(
    directory: &Path,
    installation: Option<&str>,
    running: bool,
) -> Result<Scanned, OpenError> {
    let scanned = scan(&directory.join("journal"), FORMAT, &Progress::new())?;
    match (&scanned.installation, installation) {
        (Some(found), Some(expected)) if found != expected => {
            return Err(OpenError::OtherInstallation {
                directory: directory.to_owned(),
                found: found.clone(),
                expected: expected.to_owned(),
            });
        }
        _ => {}
    }
    match &scanned.bad {
        Some(bad) if bad.followed || !(running || bad.torn) => Err(OpenError::BadLine {
            segment: bad.path.clone(),
            line: bad.line,
            why: bad.why.clone(),
            accept: None,
        }),
        _ => Ok(scanned),
    }
}

/// Compares the records of a store that nobody has open, through a copy.
fn at_rest(directory: &Path, scanned: &Scanned) -> Result<Projection, VerifyError> {
    let folder = directory.join("sled");
    if !folder.join("db").exists() {
        return Ok(Projection::NotChecked {
            why: "there are none; a start makes them".to_owned(),
        });
    }
    let copy = match footprint::private_copy(&folder) {
        Ok(copy) => copy,
        Err(error) => {
            return Ok(Projection::NotChecked {
                why: format!("no copy: {error}"),
            });
        }
    };
    let mut rows = BTreeMap::new();
    let looked = Records::open(&copy.folder, Duration::ZERO).and_then(|records| {
        let meta = records.meta()?;
        digests(&records, &mut rows)?;
        Ok(meta)
    });
    match looked {
        Ok(meta) => compare(&rows, &meta, &meta, scanned),
        Err(error) => Ok(Projection::Differs { why: why(&error) }),
    }
}

/// The hash of each record.
fn digests(records: &Records, rows: &mut BTreeMap<Vec<u8>, Digest32>) -> Result<(), RecordsError> {
    records.each(|key, value| {
        rows.insert(key.to_vec(), sum::record(key, value));
    })
}

/// Compares rows that were read between two states with what the journal makes.
fn compare(
    rows: &BTreeMap<Vec<u8>, Digest32>,
    before: &Meta,
    after: &Meta,
    scanned: &Scanned,
) -> Result<Projection, VerifyError> {
    let differs = |why: String| Ok(Projection::Differs { why });
    if after.version != PROJECTION {
        return differs(format!(
            "they are of version {}, not {PROJECTION}",
            after.version
        ));
    }
    if after.seq > scanned.end() {
        return differs(format!(
            "they have seen line {}, the journal ends at {}",
            after.seq,
            scanned.end()
        ));
    }
    let replay = Replay::of(scanned, before.seq, after.seq)?;
    if replay.hash != after.hash {
        return differs(format!(
            "line {} is not the one that they have seen",
            after.seq
        ));
    }
    if (replay.sum, replay.rows.len() as u64) != (after.sum, after.count) {
        return differs(format!(
            "their sum is not the one that the journal makes at line {}",
            after.seq
        ));
    }
    let settled = |rows: &BTreeMap<Vec<u8>, Digest32>| -> BTreeMap<Vec<u8>, Digest32> {
        let settled = rows.iter().filter(|(key, _)| !replay.moving.contains(*key));
        settled
            .map(|(key, digest)| (key.clone(), *digest))
            .collect()
    };
    if settled(rows) == settled(&replay.rows) {
        Ok(Projection::Equal { reached: after.seq })
    } else {
        differs("a record is not the one that the journal makes".to_owned())
    }
}

/// What a journal makes, as hashes.
struct Replay {
    rows: BTreeMap<Vec<u8>, Digest32>,
    /// Keys written after the line `settled`.
    moving: BTreeSet<Vec<u8>>,
    sum: Sum,
    hash: Digest32,
    first: Option<Timestamp>,
    closed: bool,
    policies: BTreeMap<String, u64>,
    policy_records: Vec<(u64, Value)>,
    signed: Vec<Signed>,
    /// How many signatures the newest record of each signed request has.
    signatures: BTreeMap<Key, usize>,
}

impl Replay {
    fn of(scanned: &Scanned, settled: u64, to: u64) -> Result<Self, VerifyError> {
        let mut replay = Self {
            rows: BTreeMap::new(),
            moving: BTreeSet::new(),
            sum: Sum::default(),
            hash: NOTHING_BEFORE,
            first: None,
            closed: false,
            policies: BTreeMap::new(),
            policy_records: Vec::new(),
            signed: Vec::new(),
            signatures: BTreeMap::new(),
        };
        let mut outcome = Ok(());
        // The file may have grown since the scan: what came later has not been checked.
        journal::replay(&scanned.segments, 1, to.min(scanned.end()), |replayed| {
            let seq = replayed.line.seq;
            outcome = replay
                .line(replayed, settled)
                .map_err(|why| VerifyError::Line { seq, why });
            if outcome.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        outcome.map(|()| replay)
    }

    fn line(&mut self, Replayed { line, hash }: Replayed, settled: u64) -> Result<(), String> {
        let mut writes = Writes::new();
        collect(&line, &mut writes)?;
        for (key, value) in writes {
            if let Some(old) = self.rows.remove(&key) {
                self.sum.remove(&old);
            }
            if line.seq > settled {
                self.moving.insert(key.clone());
            }
            if let Some(value) = value {
                let digest = sum::record(&key, &value);
                self.sum.add(&digest);
                self.rows.insert(key, digest);
            }
        }
        self.hash = hash;
        self.first.get_or_insert(line.time);
        self.closed = line.cause.get("kind").is_some_and(|kind| kind == "closed");
        for Change { key, value } in line.changes {
            let Some(value) = value else {
                continue;
            };
            if key == Key::policy() {
                self.policy_records.push((line.seq, value));
            } else if key.table == Table::Request {
                self.request(line.seq, &line.policy, key, value);
            }
        }
        *self.policies.entry(line.policy).or_default() += 1;
        Ok(())
    }

    /// Keeps a request's record if there are more signatures in it than before.
    fn request(&mut self, seq: u64, policy: &str, key: Key, record: Value) {
        let now = signatures(&record);
        let before = self.signatures.insert(key, now).unwrap_or(0);
        if now > before {
            self.signed.push(Signed {
                seq,
                policy: policy.to_owned(),
                record,
            });
        }
    }

    fn report(self, scanned: &Scanned, projection: Projection) -> Report {
        let mut tables = BTreeMap::new();
        for key in self.rows.keys() {
            let table = Table::ALL
                .into_iter()
                .find(|table| key.first() == Some(&table.byte()));
            let name = table.and_then(|table| serde_json::to_value(table).ok());
            if let Some(Value::String(name)) = name {
                *tables.entry(name).or_default() += 1;
            }
        }
        Report {
            installation: scanned.installation.clone(),
            segments: scanned.segments.len() as u64,
            bytes: scanned.segments.iter().map(|segment| segment.bytes).sum(),
            lines: scanned.lines,
            batches: scanned.batches,
            first: self.first,
            last: scanned.last.as_ref().map(|last| last.time),
            head: scanned.end(),
            head_hash: hex::encode(scanned.end_hash()),
            closed: self.closed,
            unfinished: scanned.bad.as_ref().map(|bad| Tail {
                seq: bad.seq,
                offset: bad.offset,
            }),
            tables,
            policies: self.policies,
            policy_records: self.policy_records,
            signed: self.signed,
            projection,
        }
    }
}
