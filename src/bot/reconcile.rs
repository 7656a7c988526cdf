//! Reconciliation: reads what the forge has since the cursor, and the state of threads in which
//! something lives or is open, and feeds the same inbox. So a lost delivery is repaired, and counted.
//!
//! The cursor only moves after a complete pass. Nothing that is caught up can approve.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use super::core::Outcome;
use super::evidence::read_issue;
use super::pages::{Listed, Pages};
use super::silence::{Moment, Silence};
use super::{Bot, accounts};
use crate::forgejo::{Body, ForgejoError};
use crate::gate::event::{Event, Look};
use crate::gate::evidence::ReadIssue;
use crate::gate::identity::{Identity, IdentityStatus};
use crate::gate::ids::{CommentId, Hash, IssueNumber, RepositoryId, ThreadKey};
use crate::gate::key::{Key, Part, Subject, Table};
use crate::gate::request::Request;
use crate::gate::thread::Thread;
use crate::gate::time::seconds_between;
use crate::gate::world;
use crate::store::SubmitError;

/// How far the cursor stays behind the forge's time, in seconds: comments written in a transaction
/// that was still open are read the next time.
const OVERLAP: i64 = 120;
/// How far back reconciliation reads when it has lost its cursor, in seconds.
const LOST_CURSOR: i64 = 86_400;
/// How long a thread may be unreadable while the forge answers, in seconds.
const UNREADABLE: i64 = 600;
/// Reads of threads for each second between two passes.
const READS_A_SECOND: u64 = 2;
/// The least time between two passes that were asked for, in seconds.
const AT_MOST_EVERY: i64 = 5;
/// How far the forge's clock and ours may be apart, in seconds.
pub(super) const CLOCKS_APART: i64 = 300;
/// How far the wall clock may get ahead of the time that passed, in seconds.
const JUMP: i64 = 3_600;

/// Why a pass was not completed.
#[derive(Debug, thiserror::Error)]
enum PassFault {
    #[error(transparent)]
    Forge(#[from] ForgejoError),
    #[error("the store: {0}")]
    Store(String),
    #[error("the disk is below its reserve, and what was read there could not be journaled")]
    LowSpace,
}

impl From<SubmitError> for PassFault {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::LowSpace => Self::LowSpace,
            other => Self::Store(other.to_string()),
        }
    }
}

impl From<crate::store::StoreError> for PassFault {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// What reconciliation remembers of a board between passes.
#[derive(Debug, Default)]
struct BoardMemory {
    last_pass: Option<Timestamp>,
    unreadable: BTreeMap<ThreadKey, Timestamp>,
    /// Where the rotation through the threads goes on.
    next_thread: Option<Key>,
}

/// The state of all boards' reconciliation.
#[derive(Debug)]
pub struct Reconciliation {
    boards: Mutex<BTreeMap<RepositoryId, BoardMemory>>,
    soon: Mutex<BTreeMap<RepositoryId, Arc<Notify>>>,
    /// Boards that the journal did not know before, and where they begin.
    new: Mutex<BTreeMap<RepositoryId, Timestamp>>,
    /// Seconds between two passes.
    every: AtomicU64,
    /// For how long each board was not read.
    pub silence: Silence,
}

impl Reconciliation {
    /// Remembers nothing yet; boards are to be read this often.
    pub fn new(every: Duration, now: Moment) -> Self {
        Self {
            boards: Mutex::default(),
            soon: Mutex::default(),
            new: Mutex::default(),
            every: AtomicU64::new(every.as_secs()),
            silence: Silence::new(now),
        }
    }

    /// A board that is new to the journal is not read from before this time.
    pub fn begin_at(&self, board: RepositoryId, time: Timestamp, now: Moment) {
        self.silence.broken(board, now);
        self.new
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(board, time);
    }

    /// How often each board is read.
    pub fn every(&self) -> Duration {
        Duration::from_secs(self.every.load(Ordering::Relaxed))
    }

    /// Boards are to be read this often from their next pass on.
    pub fn change_every(&self, every: Duration) {
        self.every.store(every.as_secs(), Ordering::Relaxed);
    }

    /// When a board was last read completely.
    pub fn last_pass(&self, board: RepositoryId) -> Option<Timestamp> {
        self.memory(|boards| boards.get(&board)?.last_pass)
    }

    fn memory<T>(&self, with: impl FnOnce(&mut BTreeMap<RepositoryId, BoardMemory>) -> T) -> T {
        with(&mut self.boards.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn bell(&self, board: RepositoryId) -> Arc<Notify> {
        let mut soon = self.soon.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(soon.entry(board).or_default())
    }

    /// Asks for a pass of a board at once; at most one in five seconds is made.
    pub fn ask(&self, board: RepositoryId) {
        self.bell(board).notify_one();
    }
}

/// Reads one board again and again until the other end of `over` is dropped. A pass is never cut off:
/// what it has taken in has to reach the worker.
pub async fn run(bot: Arc<Bot>, board: RepositoryId, mut over: oneshot::Receiver<()>) {
    let bell = bot.reconciliation.bell(board);
    while matches!(over.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
        let began = bot.clock.now();
        pass(&bot, board).await;
        tokio::select! {
            () = bot.clock.sleep(bot.reconciliation.every()) => {}
            () = bell.notified() => {
                let earliest = began
                    .checked_add(SignedDuration::from_secs(AT_MOST_EVERY))
                    .unwrap_or(began);
                bot.clock.sleep_until(earliest).await;
            }
            _ = &mut over => return,
        }
    }
}

/// One pass, with its outcome noted. True if it was complete.
pub async fn pass(bot: &Arc<Bot>, board: RepositoryId) -> bool {
    let began = Moment::now(&bot.clock);
    let complete = match whole_pass(bot, board).await {
        Ok(()) => true,
        Err(fault) => {
            bot.metrics.failed_passes.inc();
            look_for_a_jump(bot);
            tracing::warn!(board = board.0, error = %fault, "the board was not read to its end; the cursor stays");
            false
        }
    };
    let silence = &bot.reconciliation.silence;
    if complete {
        silence.broken(board, began);
        let now = bot.clock.now();
        bot.reconciliation
            .memory(|boards| boards.entry(board).or_default().last_pass = Some(now));
        accounts::look(bot, board).await;
    } else if silence.refuses(&bot.core.policy(), board, &bot.clock) {
        tracing::error!(
            board = board.0,
            "the board was not read for longer than max_silence: its tokens are refused"
        );
    }
    complete
}

async fn whole_pass(bot: &Arc<Bot>, board: RepositoryId) -> Result<(), PassFault> {
    let since = cursor(bot, board)?;
    // Ask where the repository is, so that no pass reads a name that another one has now.
    bot.forge.locate(board).await?;
    let mut comments = Pages::comments(bot, board, since).await?;
    let mut own = BTreeMap::new();
    while let Some(page) = comments.next().await? {
        for listed in page {
            if let Listed::Comment(comment) = listed {
                duplicates(bot, board, &comment, &mut own).await?;
                if bot.catch_up_comment(board, &comment).await? {
                    bot.metrics.repaired.inc();
                }
            }
        }
    }
    let (began, unreadable) = (comments.began, comments.unreadable);
    let mut issues = Pages::issues(bot, board, since).await?;
    while let Some(page) = issues.next().await? {
        for listed in page {
            if let Listed::Issue(issue) = listed
                && bot.catch_up_issue(board, &issue).await?
            {
                bot.metrics.repaired.inc();
            }
        }
    }
    if unreadable + issues.unreadable > 0 {
        bot.metrics
            .unreadable_entries
            .inc_by(u64::from(unreadable + issues.unreadable));
        tracing::warn!(
            board = board.0,
            comments = unreadable,
            issues = issues.unreadable,
            "entries too large to be read were passed"
        );
    }
    threads(bot, board).await?;
    if let Some(began) = began {
        compare_clocks(bot, began);
        let next = began
            .checked_sub(SignedDuration::from_secs(OVERLAP))
            .unwrap_or(began);
        bot.core
            .writer()
            .scratch(&scratch_name(board), Value::from(next.as_second()))
            .await?;
    }
    Ok(())
}

fn scratch_name(board: RepositoryId) -> String {
    format!("cursor/{board}")
}

/// How far the board was read. A board that is new to the journal begins at now.
fn cursor(bot: &Arc<Bot>, board: RepositoryId) -> Result<Timestamp, PassFault> {
    let known = bot.core.store().scratch(&scratch_name(board))?;
    if let Some(second) = known.as_ref().and_then(Value::as_i64)
        && let Ok(time) = Timestamp::new(second, 0)
    {
        return Ok(time);
    }
    let new = bot
        .reconciliation
        .new
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&board)
        .copied();
    let (from, back) = match new {
        Some(begins) => (begins, OVERLAP.min(5)),
        None => (bot.last_line.min(bot.started), LOST_CURSOR),
    };
    Ok(from
        .checked_sub(SignedDuration::from_secs(back))
        .unwrap_or(from))
}

/// A clock that differs from the forge's by more than five minutes stops widening.
fn compare_clocks(bot: &Arc<Bot>, forge: Timestamp) {
    let apart = seconds_between(forge, bot.clock.now());
    let trouble = (apart.abs() > CLOCKS_APART)
        .then(|| format!("it differs from the forge's by {apart} seconds"));
    if let Some(why) = &trouble {
        tracing::error!(why, "the clock cannot be trusted: nothing widens");
    }
    bot.core.clock_trouble().set(trouble);
}

/// Without a forge to compare with, a wall clock that went an hour ahead of the time that passed
/// stops widening, too, until the forge agrees with it.
fn look_for_a_jump(bot: &Arc<Bot>) {
    let (wall, monotonic) = bot.clock_at_start;
    let by_wall = seconds_between(wall, bot.clock.now());
    let passed = bot.clock.monotonic().saturating_sub(monotonic).as_secs();
    let ahead = by_wall.saturating_sub(i64::try_from(passed).unwrap_or(i64::MAX));
    if ahead > JUMP && bot.core.clock_trouble().get().is_none() {
        let why = format!("it jumped forward by {ahead} seconds and the forge cannot be asked");
        tracing::error!(why, "the clock cannot be trusted: nothing widens");
        bot.core.clock_trouble().set(Some(why));
    }
}

/// Two comments of the bot with one marker: an ambiguous answer made it post twice. The later goes.
async fn duplicates(
    bot: &Arc<Bot>,
    board: RepositoryId,
    comment: &crate::forgejo::types::Comment,
    own: &mut BTreeMap<super::schedule::Id, CommentId>,
) -> Result<(), PassFault> {
    let by_us = comment
        .user
        .as_ref()
        .is_some_and(|user| user.id == bot.core.policy().bot);
    let Body::Text(text) = &comment.body else {
        return Ok(());
    };
    let marked = by_us
        .then(|| super::marker::read(&bot.peppers, text.expose()))
        .flatten();
    let Some(effect) = marked else {
        return Ok(());
    };
    let Some(known) = own.get(&effect).copied() else {
        own.insert(effect, comment.id);
        return Ok(());
    };
    if known == comment.id {
        return Ok(());
    }
    own.insert(effect, known.min(comment.id));
    let later = known.max(comment.id);
    let recorded = bot
        .core
        .get::<crate::gate::thread::Seen>(&Key::seen(board, Subject::Comment(later.0)))?
        .is_some_and(|seen| seen.own);
    let surplus = if recorded {
        known.min(comment.id)
    } else {
        later
    };
    let path = bot.forge.path(board).await?;
    tracing::warn!(
        comment = surplus.0,
        "removing a comment that was posted twice"
    );
    match bot
        .forge
        .note(bot.forge.client.delete_comment(&path, surplus).await)
    {
        Ok(_) | Err(ForgejoError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads the state of threads in which something lives or is open: all of them on a small board, in
/// rotation on a large one, at most two for each second between passes.
async fn threads(bot: &Arc<Bot>, board: RepositoryId) -> Result<(), PassFault> {
    let most = usize::try_from(bot.reconciliation.every().as_secs() * READS_A_SECOND)
        .unwrap_or(usize::MAX)
        .max(4);
    let begin = bot
        .reconciliation
        .memory(|boards| boards.entry(board).or_default().next_thread.clone());
    let mut due = live_threads(bot, board, begin.as_ref(), most)?;
    let whole = due.len() < most;
    if whole && begin.is_some() {
        // The rotation is at its end: go on at its beginning, up to where this pass began.
        let more = live_threads(bot, board, None, most - due.len())?;
        due.extend(
            more.into_iter()
                .filter(|(key, ..)| begin.as_ref() >= Some(key)),
        );
    }
    let next = due.last().map(|(key, ..)| key.clone()).filter(|_| !whole);
    bot.reconciliation
        .memory(|boards| boards.entry(board).or_default().next_thread = next);
    for (_, key, thread) in due {
        look(bot, key, &thread).await?;
    }
    Ok(())
}

/// Up to `most` threads after a key in which something lives or is open.
fn live_threads(
    bot: &Arc<Bot>,
    board: RepositoryId,
    begin: Option<&Key>,
    most: usize,
) -> Result<Vec<(Key, ThreadKey, Thread)>, PassFault> {
    let mut found = Vec::new();
    let mut after = begin.cloned();
    loop {
        let page =
            bot.core
                .store()
                .scan(Table::Thread, &[Part::Number(board.0)], after.as_ref(), 200)?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = Some(last.clone());
        for (key, value) in page {
            if found.len() == most {
                return Ok(found);
            }
            let issue = match key.parts.get(1) {
                Some(Part::Number(issue)) => IssueNumber(*issue),
                Some(Part::Text(_)) | None => continue,
            };
            let Some(thread) = world::decode::<Thread>(&value) else {
                continue;
            };
            if !thread.requests.is_empty() || !thread.identities.is_empty() {
                let thread_key = ThreadKey {
                    repository: board,
                    issue,
                };
                found.push((key, thread_key, thread));
            }
        }
    }
}

/// Compares one thread with the forge; what differs is an event.
async fn look(bot: &Arc<Bot>, key: ThreadKey, thread: &Thread) -> Result<(), PassFault> {
    let path = bot.forge.path(key.repository).await?;
    let read = match bot
        .forge
        .note(bot.forge.client.issue(&path, key.issue).await)
    {
        Ok(answer) => read_issue(&answer.value),
        Err(ForgejoError::NotFound) => ReadIssue::Gone,
        Err(error) => return unreadable(bot, key, &error).await,
    };
    bot.reconciliation.memory(|boards| {
        boards
            .entry(key.repository)
            .or_default()
            .unreadable
            .remove(&key)
    });
    let look = match &read {
        ReadIssue::Found(found) if found.open && thread.closed.is_some() => Some(Look::Reopened),
        ReadIssue::Found(found) if found.open => {
            // What is not noted of it was read before that was noted, and is noted by another look.
            let unknown =
                thread.seen.is_none() && is_offline(bot, key.repository) && stands(bot, thread)?;
            if edited(bot, thread, found.body.as_ref())? {
                Some(Look::IssueEdited)
            } else {
                unknown.then_some(Look::Issue)
            }
        }
        ReadIssue::Found(_) | ReadIssue::Gone => stands(bot, thread)?.then_some(Look::Issue),
    };
    if let Some(look) = look {
        bot.metrics.repaired.inc();
        bot.look_at(key.repository, key.issue, look).await?;
    } else if !thread.identities.is_empty() {
        let event = Event::Compare { thread: key };
        // Nearly always there is nothing to say, which is no decision worth counting.
        if let Outcome::Decided { answer, effects } = bot.core.feed(event).await?
            && !effects.is_empty()
        {
            bot.decided(&answer, effects);
        }
    }
    Ok(())
}

/// True if a gate of the board counts signatures without the forge: there it matters how threads were
/// last seen.
fn is_offline(bot: &Bot, board: RepositoryId) -> bool {
    let policy = bot.core.policy();
    policy
        .board(board)
        .is_some_and(|board| board.gates.values().any(|gate| gate.offline))
}

/// True if a request in the issue's body is open and the body is another one now.
fn edited(bot: &Arc<Bot>, thread: &Thread, body: Option<&Hash>) -> Result<bool, PassFault> {
    for number in &thread.requests {
        if let Some(request) = bot.core.get::<Request>(&Key::request(*number))?
            && matches!(request.source.subject, Some(Subject::Issue(_)))
            && request.is_open(bot.clock.now())
            && body != Some(&request.source.body)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True if something is active or open in a thread, or lives there and its closing is not noted yet.
fn stands(bot: &Arc<Bot>, thread: &Thread) -> Result<bool, PassFault> {
    for number in &thread.identities {
        if let Some(identity) = bot.core.get::<Identity>(&Key::identity(*number))?
            && (identity.status == IdentityStatus::Active
                || (identity.is_living() && thread.closed.is_none()))
        {
            return Ok(true);
        }
    }
    for number in &thread.requests {
        if let Some(request) = bot.core.get::<Request>(&Key::request(*number))?
            && request.is_open(bot.clock.now())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A thread that cannot be read while the forge answers is paused after ten minutes.
async fn unreadable(bot: &Arc<Bot>, key: ThreadKey, error: &ForgejoError) -> Result<(), PassFault> {
    if !bot.forge.answers().await {
        return Err(error.clone().into());
    }
    let now = bot.clock.now();
    let since = bot.reconciliation.memory(|boards| {
        *boards
            .entry(key.repository)
            .or_default()
            .unreadable
            .entry(key)
            .or_insert(now)
    });
    tracing::warn!(issue = key.issue.0, %error, "a thread cannot be read while the forge answers");
    if seconds_between(since, now) < UNREADABLE {
        return Ok(());
    }
    let event = Event::Unreadable {
        thread: key,
        why: error.to_string(),
    };
    if let Outcome::Decided { answer, effects } = bot.core.feed(event).await? {
        bot.decided(&answer, effects);
    }
    Ok(())
}
