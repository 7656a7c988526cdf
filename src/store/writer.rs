//! The handle through which jobs reach the one thread that decides and commits.
//!
//! An answer comes after the `fdatasync` of the batch that the job was in. Edges are refused when the
//! queue is full; the bot's own producers wait. What a job is and how it is decided is the domain's.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;

use super::error::{SubmitError, VerifyError};
use super::open::Opened;
use super::overlay::Read;
use super::shared::{Shared, State, Store};
use super::thread::Thread;
use super::verify::{self, Report};
use crate::gate::key::Change;

/// Jobs that may wait.
const QUEUE: usize = 1024;

/// What a decision is told by the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The number that its line will get.
    pub seq: u64,
    /// The time of its line: never before the line before.
    pub time: Timestamp,
    /// Only narrowing may be journaled now.
    pub low_space: bool,
    /// Jobs that wait behind it.
    pub queue: usize,
}

/// What a decision comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<A> {
    /// A line to write, and the answer once it is durable.
    Commit {
        /// The line.
        body: Body,
        /// The answer.
        answer: A,
    },
    /// Nothing to write; the answer is given with its batch.
    Nothing(A),
}

/// The domain's part of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// The hash of the policy in force.
    pub policy: String,
    /// The event and the evidence that was counted.
    pub cause: Value,
    /// The records to write, whole.
    pub changes: Vec<Change>,
    /// What happened.
    pub entries: Vec<Value>,
    /// Work for the outside; number i of line n becomes the record `Key::outbox(n, i)`.
    pub effects: Vec<Value>,
    /// It may be journaled although space is low.
    pub under_reserve: bool,
}

/// What travels to the writer's thread.
pub(super) enum Message<J, A> {
    /// Decide this and answer.
    Job(J, oneshot::Sender<Result<A, SubmitError>>),
    /// Write this beside the records.
    Scratch(String, Value, oneshot::Sender<Result<(), SubmitError>>),
    /// Finish what was asked before, then end.
    Close(oneshot::Sender<()>),
}

/// Submits jobs; clones submit to the same thread.
#[derive(Debug)]
pub struct Writer<J, A> {
    queue: mpsc::Sender<Message<J, A>>,
    shared: Arc<Shared>,
}

impl<J, A> Clone for Writer<J, A> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Opened {
    /// Starts the writer's thread. `decide` sees the records under its batch's own changes.
    pub fn start<J, A>(
        self,
        decide: impl FnMut(&dyn Read, J, &Stamp) -> Step<A> + Send + 'static,
    ) -> Writer<J, A>
    where
        J: Send + 'static,
        A: Send + 'static,
    {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let shared = Arc::clone(&self.shared);
        // A system that gives us no thread leaves the store dead, which `died` reports.
        if Thread::new(self, jobs, decide)
            .and_then(Thread::spawn)
            .is_err()
        {
            shared.end(State::Dead);
        }
        Writer { queue, shared }
    }
}

impl<J, A> Writer<J, A>
where
    J: Send + 'static,
    A: Send + 'static,
{
    /// Does a job, waiting for room in the queue.
    pub async fn submit(&self, job: J) -> Result<A, SubmitError> {
        let (reply, answer) = oneshot::channel();
        match self.queue.send(Message::Job(job, reply)).await {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.gone())),
            Err(_) => Err(self.gone()),
        }
    }

    /// Does a job, or refuses at once when the queue is full.
    pub async fn try_submit(&self, job: J) -> Result<A, SubmitError> {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Message::Job(job, reply)) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.gone())),
            Err(TrySendError::Full(_)) => Err(SubmitError::Full),
            Err(TrySendError::Closed(_)) => Err(self.gone()),
        }
    }

    /// Writes a value beside the records, without a line; `null` removes it.
    pub async fn scratch(&self, name: &str, value: Value) -> Result<(), SubmitError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Scratch(name.to_owned(), value, reply);
        match self.queue.send(message).await {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.gone())),
            Err(_) => Err(self.gone()),
        }
    }

    /// For reading.
    pub fn store(&self) -> Store {
        Store::new(Arc::clone(&self.shared))
    }

    /// True while jobs can be done.
    pub fn healthy(&self) -> bool {
        self.shared.is_running()
    }

    /// Jobs that wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Resolves when the store has failed; after a clean close it never does. If the writer met the
    /// failure, it has let go of the lock by then.
    pub fn died(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut state = self.shared.state.subscribe();
        async move {
            if state.wait_for(|state| *state == State::Dead).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Does what was submitted before, writes the closing line, lets go of the lock.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            // An error means that the thread has ended already.
            let _ = closed.await;
        }
    }

    /// Verifies the running store: the journal on disk, and the records against it.
    pub async fn verify(&self) -> Result<Report, VerifyError> {
        let store = self.store();
        match tokio::task::spawn_blocking(move || verify::running(&store)).await {
            Ok(report) => report,
            Err(error) => Err(VerifyError::Line {
                seq: 0,
                why: error.to_string(),
            }),
        }
    }

    fn gone(&self) -> SubmitError {
        match *self.shared.state.borrow() {
            State::Closed => SubmitError::Closed,
            State::Running | State::Dead => SubmitError::Unhealthy,
        }
    }
}
