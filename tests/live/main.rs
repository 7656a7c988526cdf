//! Live stories: against a real forge, started here from the binary that
//! `tests/live/build-forge` builds, or from the one that `OWNERGATE_FORGE_BIN` names.
//!
//! They are ignored unless asked for (`cargo test --test live -- --ignored`), because
//! building a forge needs Go, a C compiler and some minutes. Nothing here leaves loopback.

#![expect(clippy::unwrap_used, reason = "a story fails where its forge does")]

mod answer_time;
mod first_run;
mod forge;
mod forge_answers;
mod issue_form;
mod listener;
mod real;
mod server;
#[path = "../shared/mod.rs"]
mod shared;
