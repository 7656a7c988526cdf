//! How far the start of the store has come, for whoever waits for it.
//!
//! The port opens before the store does; `readyz` and the service manager are told a phase and two
//! numbers. Nothing depends on them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The progress of a start; shared with the thread that starts.
#[derive(Debug)]
pub struct Progress {
    phase: Mutex<&'static str>,
    done: AtomicU64,
    total: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Not begun.
    pub const fn new() -> Self {
        Self {
            phase: Mutex::new("waiting to start"),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
        }
    }

    /// What is being done.
    pub fn phase(&self) -> &'static str {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of the phase is done, in its own unit (bytes, records or lines).
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How much there is to do in this phase; 0 if that is not known.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self, phase: &'static str, total: u64) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, step: u64) {
        self.done.fetch_add(step, Ordering::Relaxed);
    }
}
