//! The start: take the lock, read the journal, ask the records how far they were, judge, and only
//! then change anything.
//!
//! Until the verdict nothing on disk changes, and a refusal leaves every byte as it was. After it the
//! order is: note an accepted loss, set a bad tail aside, rebuild or catch up the records.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Access, access};

use super::error::OpenError;
use super::faults::Point;
use super::footprint::{self, Footprint};
use super::journal::{self, Journal, Place, Replayed, create_directory};
use super::judge::{Reach, Verdict, judge};
use super::line::Line;
use super::lock::Lock;
use super::options::Options;
use super::progress::Progress;
use super::records::{Meta, PROJECTION, Records, RecordsError, Writes};
use super::scan::{Scanned, scan};
use super::shared::{Shared, Store};
use super::{Head, Loss, codec, loss};
use crate::gate::key::Key;

/// Lines applied in one batch while catching up.
const CATCH_UP_BATCH: usize = 512;

/// Something that the start did and people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// An unacknowledged tail of the journal was set aside.
    TailSetAside {
        /// Where it is kept.
        file: PathBuf,
        /// How many lines it has, the damaged one included.
        lines: u64,
        /// How long it is.
        bytes: u64,
    },
    /// The records were rebuilt from the journal.
    Rebuilt {
        /// Why.
        why: String,
        /// From how many lines.
        lines: u64,
    },
    /// The records were behind the journal and have caught up.
    CaughtUp {
        /// By how many lines.
        lines: u64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TailSetAside { file, lines, bytes } => write!(
                f,
                "an unfinished write at the journal's end was set aside ({lines} lines, {bytes} bytes, now in {}); nobody was promised anything in it",
                file.display()
            ),
            Self::Rebuilt { why, lines } => {
                write!(
                    f,
                    "the records were rebuilt from {lines} lines of the journal: {why}"
                )
            }
            Self::CaughtUp { lines } => {
                write!(
                    f,
                    "the records were {lines} lines behind the journal and have caught up"
                )
            }
        }
    }
}

/// An open store, not yet written to.
#[derive(Debug)]
pub struct Opened {
    /// What the start did.
    pub notes: Vec<Note>,
    /// The loss that was accepted and whose consequences the first job has to journal.
    pub loss_accepted: Option<Loss>,
    /// True if the journal has no commit yet.
    pub new: bool,
    pub(super) options: Options,
    pub(super) journal: Journal,
    pub(super) meta: Meta,
    pub(super) lock: Lock,
    pub(super) shared: Arc<Shared>,
    pub(super) last: Option<(jiff::Timestamp, String)>,
}

impl Opened {
    /// For reading.
    pub fn store(&self) -> Store {
        Store::new(Arc::clone(&self.shared))
    }
}

/// Opens the store of a directory, or creates it. It may take minutes when it rebuilds.
pub fn open(options: Options, progress: Arc<Progress>) -> Result<Opened, OpenError> {
    let progress = &*progress;
    let directory = &options.directory;
    progress.enter("waiting for the lock", 0);
    create_directory(directory).map_err(|error| OpenError::not_writable(directory, error))?;
    let lock = Lock::take(directory, options.lock_wait, &options.faults)?;
    let mut scanned = scan(&options.journal(), progress)?;
    check_installation(&options, &scanned)?;
    check_writable(&options, &scanned)?;
    let noted = loss::pending(directory).filter(|loss| loss.journal == scanned.end());
    let accept = options
        .accept_journal_loss
        .or(noted.map(|loss| loss.journal));
    let (records, mut verdict) = look_and_judge(&options, &scanned, accept)?;
    if let (Some(loss), Some(noted)) = (&mut verdict.loss, noted) {
        *loss = noted;
    }
    let mut notes = Vec::new();
    settle_journal(&options, &mut scanned, &verdict, &mut notes)?;
    let journal = open_journal(&options, &scanned)?;
    let last = last_line(&scanned)?;
    let (records, meta) = settle_records(
        &options,
        &scanned,
        records,
        verdict.rebuild,
        progress,
        &mut notes,
    )?;
    progress.enter("ready", 0);
    let head = Head {
        seq: scanned.end(),
        hash: hex::encode(scanned.end_hash()),
        bytes: journal.bytes,
        segments: journal.segments(),
    };
    let shared = Arc::new(Shared::new(&options, records, head));
    Ok(Opened {
        notes,
        loss_accepted: verdict.loss,
        new: scanned.last.is_none(),
        options,
        journal,
        meta,
        lock,
        shared,
        last,
    })
}

/// A journal of another installation is not ours to read on.
pub(super) fn check_installation(options: &Options, scanned: &Scanned) -> Result<(), OpenError> {
    match &scanned.installation {
        Some(found) if *found != options.installation => Err(OpenError::OtherInstallation {
            directory: options.directory.clone(),
            found: found.clone(),
            expected: options.installation.clone(),
        }),
        _ => Ok(()),
    }
}

/// Finds out before anything is touched whether everything can be written.
fn check_writable(options: &Options, scanned: &Scanned) -> Result<(), OpenError> {
    let newest = scanned.segments.last().map(|segment| segment.path.clone());
    let places = [Some(options.journal()), Some(options.records()), newest];
    for path in places.into_iter().flatten() {
        let tried = options.faults.io(Point::Writable).and_then(|()| {
            if path.try_exists()? {
                Ok(access(&path, Access::WRITE_OK)?)
            } else {
                Ok(())
            }
        });
        tried.map_err(|error| OpenError::not_writable(&path, error))?;
    }
    Ok(())
}

/// Opens the records, if there are any, and judges; a refusal leaves them as they were.
fn look_and_judge(
    options: &Options,
    scanned: &Scanned,
    accept: Option<u64>,
) -> Result<(Option<Records>, Verdict), OpenError> {
    let path = options.records();
    let decide = |reach: &Reach| {
        let hash = match reach {
            Reach::At { seq, .. } => journal::hash_at(scanned, *seq)?,
            Reach::Absent | Reach::Unknown(_) => None,
        };
        judge(scanned, reach, hash, accept, &path)
    };
    // Damage in the middle refuses whatever the records say: then they need not be opened.
    if scanned.bad.as_ref().is_some_and(|bad| bad.followed) || !path.join("db").exists() {
        return decide(&Reach::Absent).map(|verdict| (None, verdict));
    }
    let failed = |error| OpenError::io("read", &path, error);
    // Only here damaged records can lead to a refusal, and opening them would change them.
    if scanned.bad.is_some() || scanned.segments.is_empty() {
        let copy = footprint::private_copy(&path).map_err(failed)?;
        decide(&reach_of(&copy.folder, options.lock_wait)?.1)?;
    }
    let Some(before) = Footprint::of(&path).map_err(failed)? else {
        return decide(&Reach::Absent).map(|verdict| (None, verdict));
    };
    let (records, reach) = reach_of(&path, options.lock_wait)?;
    match decide(&reach) {
        Ok(verdict) => Ok((records, verdict)),
        Err(refusal) => {
            drop(records);
            before
                .restore()
                .map_err(|error| OpenError::io("leave as it was", &path, error))?;
            Err(refusal)
        }
    }
}

/// How far the records have come.
fn reach_of(path: &Path, wait: Duration) -> Result<(Option<Records>, Reach), OpenError> {
    let records = match Records::open(path, wait) {
        Ok(records) => records,
        Err(RecordsError::Damaged(why)) => {
            return Ok((None, Reach::Unknown(format!("they do not open ({why})"))));
        }
        Err(refused) => return Err(records_refused(path, refused)),
    };
    match records.meta() {
        Ok(meta) => {
            let outdated = (meta.version != PROJECTION).then(|| {
                format!(
                    "they are of version {}, this program's is {PROJECTION}",
                    meta.version
                )
            });
            let Meta { seq, hash, .. } = meta;
            Ok((
                Some(records),
                Reach::At {
                    seq,
                    hash,
                    outdated,
                },
            ))
        }
        Err(RecordsError::Damaged(why)) => {
            records.forget();
            Ok((None, Reach::Unknown(why)))
        }
        Err(refused) => Err(records_refused(path, refused)),
    }
}

/// Trouble with the records that a rebuild does not cure.
fn records_refused(path: &Path, error: RecordsError) -> OpenError {
    match error {
        RecordsError::Locked => OpenError::Busy {
            directory: path.to_owned(),
            pid: None,
        },
        RecordsError::Io(error) => OpenError::io("open the records in", path, error),
        RecordsError::Damaged(why) => {
            OpenError::io("use the records in", path, std::io::Error::other(why))
        }
    }
}

/// Notes an accepted loss and sets a bad tail aside.
fn settle_journal(
    options: &Options,
    scanned: &mut Scanned,
    verdict: &Verdict,
    notes: &mut Vec<Note>,
) -> Result<(), OpenError> {
    let directory = &options.directory;
    let failed = |error| OpenError::io("write in", directory, error);
    match verdict.loss {
        Some(accepted) => loss::note(directory, accepted).map_err(failed)?,
        None => loss::clear(directory).map_err(failed)?,
    }
    if let Some(bad) = scanned.bad.take().filter(|_| verdict.cut_tail) {
        let tail = journal::set_aside(&bad, scanned, &options.aside(), &options.faults)
            .map_err(|error| OpenError::io("set aside the end of", &bad.path, error))?;
        let journal::Tail { file, lines, bytes } = tail;
        notes.push(Note::TailSetAside { file, lines, bytes });
    }
    Ok(())
}

fn open_journal(options: &Options, scanned: &Scanned) -> Result<Journal, OpenError> {
    let directory = options.journal();
    let failed = |error| OpenError::io("open the journal in", &directory, error);
    create_directory(&directory).map_err(failed)?;
    journal::sync_directory(&options.directory).map_err(failed)?;
    let place = Place {
        directory: directory.clone(),
        installation: options.installation.clone(),
        segment_bytes: options.segment_bytes,
        faults: options.faults.clone(),
    };
    Journal::open(place, scanned).map_err(failed)
}

/// Time and policy of the last line: the next one begins from them.
fn last_line(scanned: &Scanned) -> Result<Option<(jiff::Timestamp, String)>, OpenError> {
    let Some(last) = &scanned.last else {
        return Ok(None);
    };
    let mut policy = last.policy.clone();
    if policy.is_empty() {
        journal::replay(&scanned.segments, last.seq, last.seq, |replayed| {
            policy = replayed.line.policy;
            ControlFlow::Break(())
        })?;
    }
    Ok(Some((last.time, policy)))
}

/// Brings the records to the journal's end: checked and caught up, or rebuilt.
fn settle_records(
    options: &Options,
    scanned: &Scanned,
    records: Option<Records>,
    mut rebuild: Option<String>,
    progress: &Progress,
    notes: &mut Vec<Note>,
) -> Result<(Records, Meta), OpenError> {
    let path = options.records();
    if let (Some(records), None) = (&records, &rebuild) {
        match records
            .meta()
            .and_then(|meta| records.check(&meta, progress).map(|()| meta))
        {
            Ok(meta) => {
                let lines = scanned.end() - meta.seq;
                if lines > 0 {
                    notes.push(Note::CaughtUp { lines });
                }
                return caught_up(&path, records.clone(), meta, scanned, progress);
            }
            Err(RecordsError::Damaged(why)) => rebuild = Some(why),
            Err(refused) => return Err(records_refused(&path, refused)),
        }
    }
    if let Some(records) = records {
        records.forget();
    }
    let failed = |error| OpenError::io("move aside", &path, error);
    if path.exists() {
        footprint::move_aside(&path, &options.aside()).map_err(failed)?;
        options.faults.io(Point::Rebuild).map_err(failed)?;
    }
    if scanned.end() > 0 {
        let why = rebuild.unwrap_or_else(|| "there were none".to_owned());
        notes.push(Note::Rebuilt {
            why,
            lines: scanned.end(),
        });
    }
    create_directory(&path).map_err(failed)?;
    let records =
        Records::open(&path, options.lock_wait).map_err(|error| records_refused(&path, error))?;
    let mut meta = Meta::empty();
    records
        .apply(Writes::new(), &mut meta)
        .map_err(|error| records_refused(&path, error))?;
    caught_up(&path, records, meta, scanned, progress)
}

/// Applies the lines that the records have not reached.
fn caught_up(
    path: &Path,
    records: Records,
    mut meta: Meta,
    scanned: &Scanned,
    progress: &Progress,
) -> Result<(Records, Meta), OpenError> {
    let end = scanned.end();
    progress.enter("applying the journal to the records", end - meta.seq);
    let mut writes = Writes::new();
    let mut waiting = 0;
    let mut outcome = Ok(());
    journal::replay(
        &scanned.segments,
        meta.seq + 1,
        end,
        |Replayed { line, hash }| {
            waiting += 1;
            outcome = collect(&line, &mut writes).map_err(RecordsError::Damaged);
            (meta.seq, meta.hash) = (line.seq, hash);
            if outcome.is_ok() && (waiting >= CATCH_UP_BATCH || line.seq == end) {
                outcome = records.apply(std::mem::take(&mut writes), &mut meta);
                progress.advance(std::mem::take(&mut waiting) as u64);
            }
            if outcome.is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )?;
    let private = |()| footprint::make_private(path).map_err(RecordsError::Io);
    outcome
        .and_then(|()| records.flush())
        .and_then(private)
        .map_err(|error| records_refused(path, error))?;
    Ok((records, meta))
}

/// The writes of one line: its changes, then its effects, each a record of the outbox.
pub(super) fn collect(
    line: &Line,
    writes: &mut BTreeMap<Vec<u8>, Option<Vec<u8>>>,
) -> Result<(), String> {
    for change in &line.changes {
        writes.insert(
            codec::encode(&change.key)?,
            codec::encode_value(change.value.as_ref())?,
        );
    }
    for (place, effect) in line.effects.iter().enumerate() {
        let place = u32::try_from(place).map_err(|error| error.to_string())?;
        let key = codec::encode(&Key::outbox(line.seq, place))?;
        writes.insert(key, codec::encode_value(Some(effect))?);
    }
    Ok(())
}

/// True if a store has been made in this directory.
pub fn exists(directory: &Path) -> bool {
    fs::read_dir(directory.join("journal")).is_ok_and(|mut entries| entries.next().is_some())
}
