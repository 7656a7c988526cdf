//! Feeds judges' comments to what reads them.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../entries/judgement.rs"]
mod entry;

fuzz_target!(|data: &[u8]| entry::run(data));
