//! What whoever runs the bot can see of it: logs and metrics.
//!
//! Never in either: tokens, MACs, secrets, sealed files, whole bodies, query strings. Labels come
//! from closed lists, so their number is bounded.

use std::io::IsTerminal;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// One label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    outcome: &'static str,
}

/// The labels of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Decision {
    verb: &'static str,
    outcome: &'static str,
}

/// The label of what holds the bot back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    kind: &'static str,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    deliveries: Family<Outcome, Counter>,
    decisions: Family<Decision, Counter>,
    checks: Family<Outcome, Counter>,
    reloads: Family<Outcome, Counter>,
    troubles: Family<Kind, Gauge>,
    /// Texts and states that reconciliation found and no delivery had brought.
    pub repaired: Counter,
    /// Commands of people who may not ask.
    pub strangers: Counter,
    /// Effects that the forge refused for good.
    pub refused_posts: Counter,
    /// Reconciliation passes that were not completed.
    pub failed_passes: Counter,
    /// Entries of lists that were too large at any page size.
    pub unreadable_entries: Counter,
    /// Accepted, undecided events.
    pub inbox: Gauge,
    /// Those of them that cannot be read while the forge answers.
    pub parked: Gauge,
    /// Decided, undone effects.
    pub outbox: Gauge,
    /// Jobs in one batch of the writer.
    pub batch_jobs: Histogram,
    /// Seconds from a batch's first decision to its records being changed.
    pub commit_seconds: Histogram,
    /// The number of the journal's last line.
    pub journal_lines: Gauge<u64, AtomicU64>,
    /// Bytes of the journal.
    pub journal_bytes: Gauge<u64, AtomicU64>,
    /// When this process began, seconds since 1970.
    pub start_time: Gauge,
    /// Boards that were not read for so long that their tokens are refused.
    pub silent_boards: Gauge,
    /// Seconds since the oldest undone effect was decided.
    pub outbox_age: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("ownergate"),
            deliveries: Family::default(),
            decisions: Family::default(),
            checks: Family::default(),
            reloads: Family::default(),
            troubles: Family::default(),
            repaired: Counter::default(),
            strangers: Counter::default(),
            refused_posts: Counter::default(),
            failed_passes: Counter::default(),
            unreadable_entries: Counter::default(),
            inbox: Gauge::default(),
            parked: Gauge::default(),
            outbox: Gauge::default(),
            batch_jobs: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            commit_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            journal_lines: Gauge::default(),
            journal_bytes: Gauge::default(),
            start_time: Gauge::default(),
            silent_boards: Gauge::default(),
            outbox_age: Gauge::default(),
        };
        metrics.register();
        metrics.begin();
        metrics
    }
}

impl Metrics {
    #[expect(clippy::too_many_lines, reason = "a table: one line a metric")]
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "deliveries",
            "Deliveries by outcome",
            self.deliveries.clone(),
        );
        r.register(
            "decisions",
            "Decisions by verb and outcome",
            self.decisions.clone(),
        );
        r.register("checks", "Checks of tokens by outcome", self.checks.clone());
        r.register(
            "reloads",
            "Reloads of the configuration by outcome",
            self.reloads.clone(),
        );
        r.register(
            "trouble",
            "1 while this holds the bot back",
            self.troubles.clone(),
        );
        r.register(
            "journal_bytes",
            "Bytes of the journal",
            self.journal_bytes.clone(),
        );
        r.register(
            "start_time_seconds",
            "When this process began, since 1970",
            self.start_time.clone(),
        );
        r.register(
            "repaired",
            "What reconciliation found and no delivery had brought",
            self.repaired.clone(),
        );
        r.register(
            "strangers",
            "Commands of people who may not ask",
            self.strangers.clone(),
        );
        r.register(
            "refused_posts",
            "Effects that the forge refused for good",
            self.refused_posts.clone(),
        );
        r.register(
            "failed_passes",
            "Reconciliation passes that were not completed",
            self.failed_passes.clone(),
        );
        r.register(
            "unreadable_entries",
            "List entries too large to be read",
            self.unreadable_entries.clone(),
        );
        r.register(
            "inbox_events",
            "Accepted, undecided events",
            self.inbox.clone(),
        );
        r.register(
            "parked_events",
            "Events that cannot be read while the forge answers",
            self.parked.clone(),
        );
        r.register(
            "outbox_effects",
            "Decided, undone effects",
            self.outbox.clone(),
        );
        r.register(
            "outbox_age_seconds",
            "Age of the oldest undone effect",
            self.outbox_age.clone(),
        );
        r.register(
            "silent_boards",
            "Boards not read for longer than max_silence, whose tokens are refused",
            self.silent_boards.clone(),
        );
        r.register(
            "batch_jobs",
            "Jobs in one batch of the writer",
            self.batch_jobs.clone(),
        );
        r.register(
            "commit_seconds",
            "Seconds that a batch took",
            self.commit_seconds.clone(),
        );
        r.register(
            "journal_lines",
            "The number of the journal's last line",
            self.journal_lines.clone(),
        );
    }

    /// Begins to count what alerts compare with nothing: what was never counted is otherwise no zero but
    /// absent, and an alert about it stays silent.
    fn begin(&self) {
        for outcome in [
            "accepted",
            "bad_signature",
            "unknown_hook",
            "unsupported_media",
            "bad_request",
            "too_large",
        ] {
            drop(self.deliveries.get_or_create(&Outcome { outcome }));
        }
        for (verb, outcome) in [("approve", "issued"), ("due", "warned")] {
            drop(self.decisions.get_or_create(&Decision { verb, outcome }));
        }
        for outcome in ["done", "refused"] {
            drop(self.reloads.get_or_create(&Outcome { outcome }));
        }
        drop(self.checks.get_or_create(&Outcome { outcome: "active" }));
        self.trouble("store", false);
    }

    /// Counts a delivery.
    pub fn delivery(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a decision.
    pub fn decision(&self, verb: &'static str, outcome: &'static str) {
        self.decisions
            .get_or_create(&Decision { verb, outcome })
            .inc();
    }

    /// Counts a check of a token.
    pub fn check(&self, outcome: &'static str) {
        self.checks.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a reload of the configuration.
    pub fn reload(&self, outcome: &'static str) {
        self.reloads.get_or_create(&Outcome { outcome }).inc();
    }

    /// Says whether something holds the bot back now.
    pub fn trouble(&self, kind: &'static str, holds: bool) {
        self.troubles
            .get_or_create(&Kind { kind })
            .set(i64::from(holds));
    }

    /// The text that Prometheus reads (OpenMetrics).
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Sends logs to standard error: text, or JSON lines. `filter` as in `info,ownergate=debug`.
pub fn log(json: bool, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter);
    // A second call, as in tests, leaves the first one in place.
    let _ = if json {
        registry.with(lines.json()).try_init()
    } else {
        registry.with(lines).try_init()
    };
}
