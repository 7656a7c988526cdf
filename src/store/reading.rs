//! Reading the journal line by line without touching it, whether a bot runs or not.
//!
//! The chain is checked first, so that only lines that belong to it are handed out. An unfinished write
//! at the end of a running bot's journal is no fault. Nothing is locked, made or changed.

use std::ops::ControlFlow;
use std::path::Path;

use super::error::VerifyError;
use super::journal;
use super::line::Line;
use super::lock::Lock;
use super::verify::scan_for_reading;

/// Hands over every line of a store's journal in order, until the closure breaks off. Gives the number
/// of the last line that there is.
pub fn read(
    directory: &Path,
    installation: Option<&str>,
    mut each: impl FnMut(Line) -> ControlFlow<()>,
) -> Result<u64, VerifyError> {
    let running = Lock::holder(directory).is_some();
    let scanned = scan_for_reading(directory, installation, running)?;
    journal::replay(&scanned.segments, 1, scanned.end(), |replayed| {
        each(replayed.line)
    })?;
    Ok(scanned.end())
}
