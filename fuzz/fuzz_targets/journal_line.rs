//! Feeds lines of the journal to what reads them.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../entries/journal_line.rs"]
mod entry;

fuzz_target!(|data: &[u8]| entry::run(data));
