//! Planned failures, and the proof that every answer came after its `fdatasync`.
//!
//! Both are values that a test hands in; the program itself runs with `Faults::none()`. A fault says
//! what happens at one named point of the store's work: an error, or the end of the writer as if the
//! process had been killed. A `Probe` only listens. Nothing here decides anything.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// A place in the store's work where a failure can be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// The lock of the directory is about to be taken.
    Lock,
    /// The journal's directory is about to be tried for writing.
    Writable,
    /// A new segment is about to be created.
    SegmentCreate,
    /// A new segment has its header; its directory is not synchronised yet.
    SegmentCreated,
    /// A batch is about to be written.
    BeforeWrite,
    /// A batch is written, not yet durable.
    AfterWrite,
    /// `fdatasync` is about to be called.
    BeforeSync,
    /// `fdatasync` has returned.
    AfterSync,
    /// The records are about to be changed.
    BeforeApply,
    /// The records are changed.
    AfterApply,
    /// The jobs of the batch are about to be answered.
    BeforeAnswer,
    /// A bad tail has been copied aside and is about to be cut.
    TailCut,
    /// Records about to be rebuilt have been moved aside.
    Rebuild,
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The step fails with an error of this kind.
    Error(io::ErrorKind),
    /// The step fails with this `errno`.
    Os(i32),
    /// The writer ends at once, as by SIGKILL: nothing further touches the disk, nobody is answered.
    Stop,
    /// Only so many bytes of the batch reach the file, then as `Stop`. At [`Point::BeforeWrite`].
    Torn(usize),
}

/// How a point was passed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The step failed.
    Error(io::Error),
    /// The writer ends here.
    Stop,
    /// The writer ends here after so many bytes.
    Torn(usize),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}

type Plan = dyn Fn(Point) -> Fault + Send + Sync;

/// The failures that are planned; none by default.
#[derive(Clone, Default)]
pub struct Faults {
    plan: Option<Arc<Plan>>,
    probe: Option<Probe>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let planned = if self.plan.is_some() {
            "planned"
        } else {
            "none"
        };
        write!(f, "Faults({planned})")
    }
}

impl Faults {
    /// No failures.
    pub fn none() -> Self {
        Self::default()
    }

    /// Asks the closure at each point.
    pub fn new(plan: impl Fn(Point) -> Fault + Send + Sync + 'static) -> Self {
        Self {
            plan: Some(Arc::new(plan)),
            probe: None,
        }
    }

    /// The same failures, with a listener.
    #[must_use]
    pub fn watched(mut self, probe: Probe) -> Self {
        self.probe = Some(probe);
        self
    }

    pub(super) fn at(&self, point: Point) -> Result<(), Trouble> {
        match self.plan.as_ref().map_or(Fault::None, |plan| plan(point)) {
            Fault::None => Ok(()),
            Fault::Error(kind) => Err(Trouble::Error(kind.into())),
            Fault::Os(errno) => Err(Trouble::Error(io::Error::from_raw_os_error(errno))),
            Fault::Stop => Err(Trouble::Stop),
            Fault::Torn(bytes) => Err(Trouble::Torn(bytes)),
        }
    }

    /// For steps outside of the writer, where a stop is an interrupted start.
    pub(super) fn io(&self, point: Point) -> io::Result<()> {
        self.at(point).map_err(|trouble| match trouble {
            Trouble::Error(error) => error,
            Trouble::Stop | Trouble::Torn(_) => io::ErrorKind::Interrupted.into(),
        })
    }

    pub(super) fn saw(&self, event: Event) {
        if let Some(probe) = &self.probe {
            probe.push(event);
        }
    }
}

/// One durable step, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Lines up to this number have been handed to the operating system.
    Written(u64),
    /// `fdatasync` has returned for lines up to this number.
    Synced(u64),
    /// A job that saw lines up to this number is being answered.
    Answered(u64),
}

/// Listens to the durable steps; clones share what they heard.
#[derive(Clone, Debug, Default)]
pub struct Probe(Arc<Mutex<Vec<Event>>>);

impl Probe {
    /// Everything heard so far.
    pub fn events(&self) -> Vec<Event> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The number of `fdatasync` calls heard.
    pub fn syncs(&self) -> usize {
        let synced = |event: &&Event| matches!(event, Event::Synced(_));
        self.events().iter().filter(synced).count()
    }

    /// The first answer that was given before its line was durable, if there is one.
    pub fn answered_too_early(&self) -> Option<u64> {
        let mut durable = 0;
        for event in self.events() {
            match event {
                Event::Written(_) => {}
                Event::Synced(line) => durable = line,
                Event::Answered(line) if line > durable => return Some(line),
                Event::Answered(_) => {}
            }
        }
        None
    }

    fn push(&self, event: Event) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
    }
}
