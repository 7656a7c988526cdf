//! The one thread that decides and commits.
//!
//! Take what waits, decide each job over the changes of those before it, append all lines with one
//! write and one `fdatasync`, change the records, answer. Because nobody else writes, the state that a
//! decision saw is the state that its commit replaces. After any error of the disk it ends: nothing is
//! tried twice.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::draft::{Draft, Reply};
use super::error::SubmitError;
use super::faults::{Event, Point, Trouble};
use super::journal::Journal;
use super::line::Digest32;
use super::lock::Lock;
use super::open::Opened;
use super::options::{Batch, Options};
use super::overlay::{Overlay, Read};
use super::records::{Meta, Records, RecordsError, Writes};
use super::shared::{Shared, State};
use super::writer::{Body, Message, Stamp, Step};
use super::{Head, loss};

/// After so long without a job the records are handed to the operating system.
const IDLE: Duration = Duration::from_millis(20);
/// After so many lines they are, too, however busy it is.
const LINES_UNFLUSHED: u64 = 4096;

/// Why the thread ends.
enum End {
    /// It was closed.
    Closed,
    /// Nobody can submit any more.
    Unused,
    /// The journal or the disk failed.
    Failed,
    /// The records failed.
    RecordsFailed(RecordsError),
    /// As by SIGKILL.
    Stopped,
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Error(_) => Self::Failed,
            Trouble::Stop | Trouble::Torn(_) => Self::Stopped,
        }
    }
}

impl From<RecordsError> for End {
    fn from(error: RecordsError) -> Self {
        Self::RecordsFailed(error)
    }
}

/// Everything that the thread owns.
pub(super) struct Thread<J, A, D> {
    options: Options,
    journal: Journal,
    records: Records,
    meta: Meta,
    lock: Lock,
    shared: Arc<Shared>,
    jobs: mpsc::Receiver<Message<J, A>>,
    decide: D,
    runtime: Runtime,
    /// The last line's time and policy.
    time: Timestamp,
    policy: String,
    loss_pending: bool,
    /// Who asked to close.
    closing: Option<oneshot::Sender<()>>,
    unflushed: u64,
}

impl<J, A, D> Thread<J, A, D>
where
    J: Send + 'static,
    A: Send + 'static,
    D: FnMut(&dyn Read, J, &Stamp) -> Step<A> + Send + 'static,
{
    /// Takes over an open store.
    pub(super) fn new(
        opened: Opened,
        jobs: mpsc::Receiver<Message<J, A>>,
        decide: D,
    ) -> io::Result<Self> {
        let records = opened.shared.records().ok_or(io::ErrorKind::NotConnected)?;
        let (time, policy) = opened.last.unwrap_or((Timestamp::MIN, String::new()));
        Ok(Self {
            records,
            time,
            policy,
            runtime: Builder::new_current_thread().enable_time().build()?,
            options: opened.options,
            journal: opened.journal,
            meta: opened.meta,
            lock: opened.lock,
            shared: opened.shared,
            loss_pending: opened.loss_accepted.is_some(),
            closing: None,
            unflushed: 0,
            jobs,
            decide,
        })
    }

    /// Runs until it is closed or fails.
    pub(super) fn spawn(self) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        thread.spawn(move || self.run()).map(drop)
    }

    fn run(mut self) {
        let end = catch_unwind(AssertUnwindSafe(|| self.serve())).unwrap_or(End::Failed);
        let end = match end {
            End::Closed => self.closing_line().err().unwrap_or(End::Closed),
            end => end,
        };
        let Self {
            records,
            shared,
            lock,
            jobs,
            journal,
            closing,
            ..
        } = self;
        let how = match end {
            End::Unused | End::Closed => State::Closed,
            End::Failed | End::RecordsFailed(_) | End::Stopped => State::Dead,
        };
        match end {
            End::Stopped => {
                records.forget();
                shared.abandon();
            }
            End::RecordsFailed(error) => {
                records.leave(&error);
                shared.records_failed(error);
            }
            End::Failed | End::Unused | End::Closed => {
                records.close();
                if let Some(records) = shared.take_records() {
                    records.close();
                }
            }
        }
        // Whoever learns of the end may open the store again at once.
        drop((journal, lock));
        shared.end(how);
        refuse(jobs);
        if let Some(reply) = closing {
            // Whoever asked may have gone.
            let _ = reply.send(());
        }
    }

    fn serve(&mut self) -> End {
        loop {
            let first = match self.next() {
                Ok(Some(message)) => message,
                Ok(None) => return self.flush().err().unwrap_or(End::Unused),
                Err(end) => return end,
            };
            if let Err(end) = self.take(first) {
                return end;
            }
        }
    }

    /// Waits for a message; hands the records to the system when none comes for a while.
    fn next(&mut self) -> Result<Option<Message<J, A>>, End> {
        if self.unflushed >= LINES_UNFLUSHED {
            self.flush()?;
        }
        if self.unflushed > 0 {
            let jobs = &mut self.jobs;
            let waited = self
                .runtime
                .block_on(async { tokio::time::timeout(IDLE, jobs.recv()).await });
            match waited {
                Ok(message) => return Ok(message),
                Err(_) => self.flush()?,
            }
        }
        Ok(self.jobs.blocking_recv())
    }

    fn flush(&mut self) -> Result<(), End> {
        self.records.flush()?;
        self.unflushed = 0;
        Ok(())
    }

    /// Takes what waits, up to a batch, and does it.
    fn take(&mut self, first: Message<J, A>) -> Result<(), End> {
        let mut batch = Vec::new();
        let mut message = Some(first);
        while let Some(taken) = message.take() {
            match taken {
                Message::Job(job, reply) => batch.push((job, reply)),
                Message::Scratch(name, value, reply) => {
                    self.records.set_scratch(&name, &value)?;
                    self.unflushed += 1;
                    // Whoever asked may have gone.
                    let _ = reply.send(Ok(()));
                }
                Message::Close(reply) => {
                    self.closing = Some(reply);
                    break;
                }
            }
            if batch.len() < self.options.max_batch {
                message = self.jobs.try_recv().ok();
            }
        }
        if !self.shared.is_running() {
            return Err(End::Failed);
        }
        if !batch.is_empty() {
            self.batch(batch)?;
        }
        if self.closing.is_some() {
            Err(End::Closed)
        } else {
            Ok(())
        }
    }

    fn batch(&mut self, jobs: Vec<(J, Reply<A>)>) -> Result<(), End> {
        let begun = self.options.clock.monotonic();
        let low = self.options.reserve.is_low(&self.options.directory);
        let low = low.map_err(Trouble::Error)?;
        let count = jobs.len();
        let mut draft = self.draft();
        for (job, reply) in jobs {
            self.decide_one(&mut draft, job, reply, low)?;
        }
        let Draft {
            overlay,
            bytes,
            first,
            last,
            hash,
            time,
            policy,
            answers,
            ..
        } = draft;
        if last >= first {
            self.commit(&bytes, (first, last), hash, overlay.into_writes())?;
            (self.time, self.policy) = (time, policy);
            self.consequences_journaled()?;
        }
        self.options.faults.at(Point::BeforeAnswer)?;
        for (reply, answer, seen) in answers {
            self.options.faults.saw(Event::Answered(seen));
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
        self.options.observer.tell(&Batch {
            jobs: count,
            lines: last + 1 - first,
            bytes: bytes.len(),
            took: self.options.clock.monotonic().saturating_sub(begun),
        });
        Ok(())
    }

    fn draft(&self) -> Draft<A> {
        Draft {
            overlay: Overlay::new(self.records.clone()),
            bytes: Vec::new(),
            format: self.journal.format(),
            first: self.meta.seq + 1,
            last: self.meta.seq,
            hash: self.meta.hash,
            time: self.time,
            policy: self.policy.clone(),
            answers: Vec::new(),
        }
    }

    fn decide_one(
        &mut self,
        draft: &mut Draft<A>,
        job: J,
        reply: Reply<A>,
        low_space: bool,
    ) -> Result<(), End> {
        let stamp = Stamp {
            seq: draft.last + 1,
            time: self.options.clock.now().max(draft.time),
            low_space,
            queue: self.jobs.len(),
        };
        let decide = &mut self.decide;
        let overlay = &draft.overlay;
        let step = catch_unwind(AssertUnwindSafe(|| decide(overlay, job, &stamp)));
        if let Some(error) = draft.overlay.failure() {
            return Err(error.into());
        }
        let answer = match step {
            Err(panic) => Err(SubmitError::Panicked(words(&*panic))),
            Ok(Step::Nothing(answer)) => Ok(answer),
            Ok(Step::Commit { body, .. }) if low_space && !body.under_reserve => {
                Err(SubmitError::LowSpace)
            }
            Ok(Step::Commit { body, answer }) => draft
                .push(body, stamp.time)?
                .map(|()| answer)
                .map_err(SubmitError::Panicked),
        };
        draft.answers.push((reply, answer, draft.last));
        Ok(())
    }

    /// Makes lines durable, then changes the records.
    fn commit(
        &mut self,
        bytes: &[u8],
        (first, last): (u64, u64),
        hash: Digest32,
        writes: Writes,
    ) -> Result<(), End> {
        self.journal.append(bytes, first, last, self.meta.hash)?;
        self.shared.set_head(Head {
            seq: last,
            hash: hex::encode(hash),
            bytes: self.journal.bytes,
            segments: self.journal.segments(),
        });
        match self.options.faults.at(Point::BeforeApply) {
            Err(Trouble::Error(error)) => return Err(RecordsError::Io(error).into()),
            passed => passed?,
        }
        (self.meta.seq, self.meta.hash) = (last, hash);
        self.records.apply(writes, &mut self.meta)?;
        self.shared.set_reached(last);
        self.unflushed += last + 1 - first;
        self.options.faults.at(Point::AfterApply)?;
        Ok(())
    }

    /// The first commit after an accepted loss has journaled what follows from it.
    fn consequences_journaled(&mut self) -> Result<(), End> {
        if std::mem::take(&mut self.loss_pending) {
            loss::clear(&self.options.directory).map_err(Trouble::Error)?;
        }
        Ok(())
    }

    /// The last line of a clean stop. After an accepted loss the domain's line has to come first.
    fn closing_line(&mut self) -> Result<(), End> {
        if !self.loss_pending {
            let mut draft = self.draft();
            let body = Body {
                policy: self.policy.clone(),
                cause: json!({"kind": "closed"}),
                changes: Vec::new(),
                entries: Vec::new(),
                effects: Vec::new(),
                under_reserve: true,
            };
            let time = self.options.clock.now().max(self.time);
            if draft.push(body, time)?.is_ok() {
                let Draft {
                    overlay,
                    bytes,
                    first,
                    last,
                    hash,
                    ..
                } = draft;
                self.commit(&bytes, (first, last), hash, overlay.into_writes())?;
            }
        }
        self.flush()
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}

/// Refuses everything that still comes. A queue that is only dropped keeps what is being sent at that
/// moment, and whoever sent it would wait for ever.
fn refuse<J, A>(mut jobs: mpsc::Receiver<Message<J, A>>) {
    jobs.close();
    while jobs.blocking_recv().is_some() {}
}
