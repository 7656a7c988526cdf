//! The start: take the lock, read the journal, ask the records how far they were, judge, and only
//! then change anything.
//!
//! Until the verdict nothing on disk changes, and a refusal leaves every byte as it was. After it the
//! order is: note an accepted loss, set a bad tail aside, rebuild or catch up the records.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Access, access};

use super::catch_up::{records_refused, settle_records};
use super::error::OpenError;
use super::faults::Point;
use super::footprint::{self, Footprint};
use super::journal::{self, Journal, Place, create_directory};
use super::judge::{Reach, Verdict, judge};
use super::lock::Lock;
use super::note::Note;
use super::options::Options;
use super::progress::Progress;
use super::records::{Meta, PROJECTION, Records, RecordsError};
use super::scan::{Scanned, scan};
use super::shared::{Shared, Store};
use super::{Head, Loss, loss, manifest};

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

    /// The time of the journal's last line; `None` before the first.
    pub fn last_time(&self) -> Option<jiff::Timestamp> {
        self.last.as_ref().map(|(time, _)| *time)
    }
}

/// Opens the store of a directory, or creates it. It may take minutes when it rebuilds.
pub fn open(options: Options, progress: Arc<Progress>) -> Result<Opened, OpenError> {
    let progress = &*progress;
    let directory = &options.directory;
    progress.enter("waiting for the lock", 0);
    create_directory(directory).map_err(|error| OpenError::not_writable(directory, error))?;
    let lock = Lock::take(directory, options.lock_wait, &options.faults)?;
    let mut scanned = scan(&options.journal(), options.newest_format, progress)?;
    check_installation(&options, &scanned)?;
    check_writable(&options, &scanned)?;
    let unreadable = |error| OpenError::io("read in", directory, error);
    let noted = loss::pending(directory).filter(|loss| loss.journal == scanned.end());
    let accept = options
        .accept_journal_loss
        .or(noted.map(|loss| loss.journal));
    if accept.is_none() && manifest::was_put_back(&options.journal()).map_err(unreadable)? {
        return Err(OpenError::PutBack {
            journal: scanned.end(),
        });
    }
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
        Some(accepted) => loss::note(directory, accepted)
            .and_then(|()| manifest::clear(&options.journal()))
            .map_err(failed)?,
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
        newest_format: options.newest_format,
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

/// True if a store has been made in this directory.
pub fn exists(directory: &Path) -> bool {
    fs::read_dir(directory.join("journal")).is_ok_and(|mut entries| entries.next().is_some())
}
