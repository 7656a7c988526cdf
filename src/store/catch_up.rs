//! Bringing the records to the journal's end: checked and caught up, or moved aside and made again.
//!
//! Both ways apply the same lines by the same function as the running store does, so that the result
//! is the same to the byte. A catch-up that is interrupted goes on where it was.

use std::ops::ControlFlow;
use std::path::Path;

use super::codec;
use super::error::OpenError;
use super::faults::Point;
use super::footprint;
use super::journal::{self, Replayed, create_directory};
use super::line::Line;
use super::note::Note;
use super::options::Options;
use super::progress::Progress;
use super::records::{Meta, Records, RecordsError, Writes};
use super::scan::Scanned;
use crate::gate::account;
use crate::gate::audit::index;
use crate::gate::key::Key;

/// Lines applied in one batch while catching up.
const CATCH_UP_BATCH: usize = 512;

/// Brings the records to the journal's end: checked and caught up, or rebuilt.
pub(super) fn settle_records(
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

/// The writes of one line: its changes and what they do to the index of owners, then its effects, each
/// a record of the outbox, then what makes its entries found again. What no key can hold of an entry is left out, as no line may become
/// impossible to apply by what it says.
pub(super) fn collect(line: &Line, writes: &mut Writes) -> Result<(), String> {
    for change in &line.changes {
        writes.insert(
            codec::encode(&change.key)?,
            codec::encode_value(change.value.as_ref())?,
        );
        if let Some((key, value)) = account::row(change) {
            writes.insert(codec::encode(&key)?, codec::encode_value(value.as_ref())?);
        }
    }
    for (place, effect) in line.effects.iter().enumerate() {
        let place = u32::try_from(place).map_err(|error| error.to_string())?;
        let key = codec::encode(&Key::outbox(line.seq, place))?;
        writes.insert(key, codec::encode_value(Some(effect))?);
    }
    for (entry, place) in line.entries.iter().zip(0..) {
        for (key, value) in index::rows(line.time, line.seq, place, entry) {
            if let (Ok(key), Ok(value)) = (codec::encode(&key), codec::encode_value(Some(&value))) {
                writes.insert(key, value);
            }
        }
    }
    Ok(())
}

/// Trouble with the records that a rebuild does not cure.
pub(super) fn records_refused(path: &Path, error: RecordsError) -> OpenError {
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
