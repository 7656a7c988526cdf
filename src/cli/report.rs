//! Telling what a command found: one JSON object for programs, or sentences for people.

use std::io::{self, Write};

use serde_json::Value;

/// Writes the report as it is, or has it shown.
pub(super) fn tell(
    json: bool,
    report: &Value,
    show: impl FnOnce(&mut dyn Write, &Value) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{report}")
    } else {
        show(&mut out, report)
    }
}
