//! The only clock. Everything that needs the time is given a `Clock`; stories move a manual one.
//!
//! It reads wall time and monotonic time together, so that a jump of the wall clock can be told
//! from time that passed. It never sleeps longer than it is asked to, and a manual clock wakes its
//! sleepers when it is moved past their time.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A source of time; clones share it.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { started: Instant },
    Manual(Arc<Manual>),
}

#[derive(Debug)]
struct Manual {
    milliseconds: AtomicI64,
    moved: watch::Sender<()>,
    /// Moves are serial, so that two stories' threads cannot lose one.
    moving: Mutex<()>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one sanctioned reading site")]
        let started = Instant::now();
        Self(Source::System { started })
    }

    /// A clock that stands still until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Manual {
            milliseconds: AtomicI64::new(start.as_millisecond()),
            moved: watch::Sender::new(()),
            moving: Mutex::new(()),
        })))
    }

    /// The wall time, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System { .. } => {
                #[expect(clippy::disallowed_methods, reason = "the one sanctioned reading site")]
                let now = Timestamp::now();
                Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
            }
            Source::Manual(manual) => {
                Timestamp::from_millisecond(manual.milliseconds.load(Ordering::SeqCst))
                    .unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Time since the clock was made that no setting of the wall clock changes.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System { started } => started.elapsed(),
            Source::Manual(manual) => {
                let milliseconds = manual.milliseconds.load(Ordering::SeqCst);
                Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
            }
        }
    }

    /// Waits until the wall time is at least `until`.
    pub async fn sleep_until(&self, until: Timestamp) {
        match &self.0 {
            Source::System { .. } => {
                let wait = until.duration_since(self.now());
                tokio::time::sleep(Duration::try_from(wait).unwrap_or(Duration::ZERO)).await;
            }
            Source::Manual(manual) => {
                let mut moved = manual.moved.subscribe();
                while self.now() < until {
                    if moved.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for a span of time.
    pub async fn sleep(&self, span: Duration) {
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        self.sleep_until(self.now().saturating_add(span).unwrap_or(Timestamp::MAX))
            .await;
    }

    /// Moves a manual clock, forward or (to show a wrong clock) back. No effect on the machine's.
    pub fn advance(&self, span: SignedDuration) {
        if let Source::Manual(manual) = &self.0 {
            let _one_at_a_time = manual.moving.lock();
            let step = i64::try_from(span.as_millis()).unwrap_or(0);
            manual.milliseconds.fetch_add(step, Ordering::SeqCst);
            manual.moved.send_replace(());
        }
    }
}
