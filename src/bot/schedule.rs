//! What waits to be done and when: lanes in which one thing at a time is done in order, items that
//! have left their lane, and the time before which each is not tried.
//!
//! It keeps no facts of its own: what it holds is in the journal's inbox or outbox, and a restart
//! fills it again from there. The inbox and the outbox are two of these.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::gate::ids::ThreadKey;
use crate::gate::time::after;

/// The line and place that name an item; the inbox uses place 0.
pub type Id = (u64, u32);

/// In which order an item is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// After what came before it in its thread.
    Ordered(ThreadKey),
    /// Before everything that is ordered, and in no order: what only takes away can be done in any.
    Urgent,
    /// Whenever there is time.
    Free,
}

impl Lane {
    fn thread(self) -> Option<ThreadKey> {
        match self {
            Self::Ordered(thread) => Some(thread),
            Self::Urgent | Self::Free => None,
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug)]
struct Item {
    lane: Lane,
    thread: ThreadKey,
    added: Timestamp,
    due: Timestamp,
    attempts: u32,
    since: Option<Timestamp>,
    running: bool,
    /// Something happened in its thread while it was running.
    nudged: Option<Timestamp>,
}

/// How an attempt went wrong so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Failed attempts in a row.
    pub attempts: u32,
    /// When the first of them failed.
    pub since: Timestamp,
}

#[derive(Debug, Default)]
struct Inner {
    items: BTreeMap<Id, Item>,
    lanes: BTreeMap<Lane, BTreeSet<Id>>,
    parked: BTreeSet<Id>,
    expected: usize,
}

/// Something is on its way into a schedule, which is not idle until this is dropped.
#[derive(Debug)]
pub struct Expected<'a>(&'a Schedule);

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.0.lock().expected -= 1;
        self.0.wake();
    }
}

/// Items, lanes and times.
#[derive(Debug)]
pub struct Schedule {
    inner: Mutex<Inner>,
    changed: Notify,
    /// Counts changes, for whoever waits until nothing is left to do.
    moved: watch::Sender<u64>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            changed: Notify::new(),
            moved: watch::Sender::new(0),
        }
    }
}

impl Schedule {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held left plain data behind; it is used as it is.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.moved.send_modify(|count| *count += 1);
        self.changed.notify_one();
    }

    /// Says that something may be added soon: it is being written down.
    pub fn expect(&self) -> Expected<'_> {
        self.lock().expected += 1;
        Expected(self)
    }

    /// Adds an item unless it is known.
    pub fn add(&self, id: Id, thread: ThreadKey, lane: Lane, due: Timestamp) {
        let mut inner = self.lock();
        let item = Item {
            lane,
            thread,
            added: due,
            due,
            attempts: 0,
            since: None,
            running: false,
            nudged: None,
        };
        if inner.items.contains_key(&id) {
            return;
        }
        inner.items.insert(id, item);
        if lane.thread().is_some() {
            inner.lanes.entry(lane).or_default().insert(id);
        }
        drop(inner);
        self.wake();
    }

    /// Takes up to `most` items that can be done now, and `more` beyond that if they are urgent;
    /// urgent ones first. They are running until `finish` or `later`.
    pub fn take(&self, now: Timestamp, most: usize, more: usize) -> Vec<Id> {
        let mut inner = self.lock();
        let mut ready = inner.ready(now, |lane| lane == Lane::Urgent, most + more);
        let room = most.saturating_sub(ready.len());
        ready.extend(inner.ready(now, |lane| lane != Lane::Urgent, room));
        for id in &ready {
            if let Some(item) = inner.items.get_mut(id) {
                item.running = true;
                item.nudged = None;
            }
        }
        ready
    }

    /// The earliest time at which something that is not running and not due becomes due.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let inner = self.lock();
        inner
            .items
            .values()
            .filter(|item| !item.running && item.due > now)
            .map(|item| item.due)
            .min()
    }

    /// An item is done.
    pub fn finish(&self, id: Id) {
        let mut inner = self.lock();
        if let Some(item) = inner.items.remove(&id) {
            inner.leave(id, item.lane);
        }
        inner.parked.remove(&id);
        drop(inner);
        self.wake();
    }

    /// An attempt failed: the count of failures so far, this one included.
    pub fn failed(&self, id: Id, now: Timestamp) -> Trouble {
        let mut inner = self.lock();
        match inner.items.get_mut(&id) {
            None => Trouble {
                attempts: 1,
                since: now,
            },
            Some(item) => {
                item.attempts += 1;
                let since = *item.since.get_or_insert(now);
                Trouble {
                    attempts: item.attempts,
                    since,
                }
            }
        }
    }

    /// Tries an item again at that time; `aside` takes it out of its lane's order for good.
    pub fn later(&self, id: Id, due: Timestamp, aside: bool) {
        let mut inner = self.lock();
        let lane = inner.items.get_mut(&id).map(|item| {
            item.running = false;
            // What it waits for may have come while it looked.
            let nudged = item.nudged.take().filter(|_| item.since.is_none());
            item.due = nudged.map_or(due, |at| due.min(at));
            if aside {
                std::mem::replace(&mut item.lane, Lane::Free)
            } else {
                Lane::Free
            }
        });
        if let Some(lane) = lane {
            inner.leave(id, lane);
        }
        drop(inner);
        self.wake();
    }

    /// Counts an item as parked, for those who look.
    pub fn park(&self, id: Id) {
        self.lock().parked.insert(id);
    }

    /// Something happened in a thread: what waits there for a time is looked at now.
    pub fn nudge(&self, thread: ThreadKey, now: Timestamp) {
        let mut inner = self.lock();
        for item in inner.items.values_mut() {
            if item.thread == thread && item.running {
                item.nudged = Some(now);
            } else if item.thread == thread && item.since.is_none() {
                item.due = item.due.min(now);
            }
        }
        drop(inner);
        self.wake();
    }

    /// How many items there are, and how many of them are parked.
    pub fn counts(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.items.len(), inner.parked.len())
    }

    /// When the oldest item was added: how long something waits already.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lock().items.values().next().map(|item| item.added)
    }

    /// True if nothing is running, nothing could be, and nothing is on its way.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        let inner = self.lock();
        inner.expected == 0
            && !inner
                .items
                .iter()
                .any(|(id, item)| item.running || (item.due <= now && inner.is_first(*id, item)))
    }

    /// How many changes there were.
    pub fn changes(&self) -> u64 {
        *self.moved.borrow()
    }

    /// Counts up with every change.
    pub fn moves(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Does what can be done, up to `at_once` items at a time and as many urgent ones beside them, until the future is dropped, which
    /// ends what is at work, too. `work` calls `finish` or `later` for its item; an item whose work
    /// panics is tried again after a minute, out of its lane.
    pub async fn run<F>(&self, clock: &Clock, at_once: usize, work: impl Fn(Id) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut at_work = JoinSet::new();
        loop {
            let room = at_once.saturating_sub(at_work.len());
            let urgent = (2 * at_once).saturating_sub(at_work.len().max(at_once));
            let now = clock.now();
            for id in self.take(now, room, urgent) {
                let work = AssertUnwindSafe(work(id)).catch_unwind();
                at_work.spawn(async move { (id, work.await.is_ok()) });
            }
            tokio::select! {
                Some(done) = at_work.join_next() => {
                    if let Ok((id, false)) = done {
                        tracing::error!(line = id.0, "an item's work panicked; it is tried again later");
                        self.later(id, after(clock.now(), 60), true);
                    }
                }
                () = self.change(clock, now) => {}
            }
        }
    }

    /// Waits until something changes or becomes due after `looked`, when it was last looked at: what has
    /// become due since then, by however little, would otherwise wait for the next change.
    async fn change(&self, clock: &Clock, looked: Timestamp) {
        match self.next_due(looked) {
            Some(due) => {
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = clock.sleep_until(due) => {}
                }
            }
            None => self.changed.notified().await,
        }
    }
}

impl Inner {
    /// The oldest items of some lanes that can be done now.
    fn ready(&self, now: Timestamp, lanes: impl Fn(Lane) -> bool, most: usize) -> Vec<Id> {
        self.items
            .iter()
            .filter(|(id, item)| {
                lanes(item.lane) && !item.running && item.due <= now && self.is_first(**id, item)
            })
            .map(|(id, _)| *id)
            .take(most)
            .collect()
    }

    /// Nothing before it in its lane, and nothing else of its lane at work.
    fn is_first(&self, id: Id, item: &Item) -> bool {
        match item.lane {
            Lane::Free | Lane::Urgent => true,
            lane => self
                .lanes
                .get(&lane)
                .and_then(|ids| ids.first())
                .is_none_or(|first| *first == id),
        }
    }

    fn leave(&mut self, id: Id, lane: Lane) {
        if lane.thread().is_none() {
            return;
        }
        if let Some(ids) = self.lanes.get_mut(&lane) {
            ids.remove(&id);
            if ids.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::ids::{IssueNumber, RepositoryId};

    fn thread(issue: i64) -> ThreadKey {
        ThreadKey {
            repository: RepositoryId(17),
            issue: IssueNumber(issue),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 0).unwrap_or(Timestamp::MAX)
    }

    #[test]
    fn one_thing_at_a_time_in_a_thread_and_many_threads_at_once() {
        let schedule = Schedule::default();
        for (line, issue) in [(1, 1), (2, 1), (3, 2)] {
            schedule.add(
                (line, 0),
                thread(issue),
                Lane::Ordered(thread(issue)),
                at(0),
            );
        }
        assert_eq!(schedule.take(at(0), 9, 0), [(1, 0), (3, 0)]);
        assert_eq!(schedule.take(at(0), 9, 0), []);
        schedule.finish((1, 0));
        assert_eq!(schedule.take(at(0), 9, 0), [(2, 0)]);
    }

    #[test]
    fn urgent_items_overtake_and_what_is_aside_holds_nobody_up() {
        let schedule = Schedule::default();
        schedule.add((1, 0), thread(1), Lane::Ordered(thread(1)), at(0));
        schedule.add((2, 0), thread(1), Lane::Ordered(thread(1)), at(0));
        schedule.add((3, 0), thread(1), Lane::Urgent, at(0));
        assert_eq!(schedule.take(at(0), 1, 0), [(3, 0)]);
        assert_eq!(schedule.take(at(0), 9, 0), [(1, 0)]);
        schedule.later((1, 0), at(60), true);
        assert_eq!(schedule.take(at(0), 9, 0), [(2, 0)]);
        assert_eq!(schedule.next_due(at(0)), Some(at(60)));
        schedule.nudge(thread(1), at(0));
        assert_eq!(schedule.take(at(0), 9, 0), [(1, 0)]);
    }

    #[tokio::test]
    async fn what_became_due_since_it_was_looked_is_not_waited_for() {
        let schedule = Schedule::default();
        let clock = Clock::manual(at(60));
        schedule.add((1, 0), thread(1), Lane::Ordered(thread(1)), at(0));
        assert_eq!(schedule.take(at(0), 9, 0), [(1, 0)]);
        schedule.later((1, 0), at(60), true);
        // Two changes were noted so far, which is one wake.
        schedule.change(&clock, at(0)).await;
        assert!(schedule.take(at(0), 9, 0).is_empty());
        let waiting = schedule.change(&clock, at(0));
        assert!(futures_util::FutureExt::now_or_never(waiting).is_some());
        assert_eq!(schedule.take(clock.now(), 9, 0), [(1, 0)]);
    }

    #[test]
    fn urgent_items_have_room_when_there_is_none() {
        let schedule = Schedule::default();
        schedule.add((1, 0), thread(1), Lane::Ordered(thread(1)), at(0));
        schedule.add((2, 0), thread(1), Lane::Urgent, at(0));
        assert_eq!(schedule.take(at(0), 0, 1), [(2, 0)]);
        assert_eq!(schedule.take(at(0), 0, 1), []);
    }

    #[test]
    fn what_happens_while_an_item_is_at_work_is_not_lost_on_it() {
        let schedule = Schedule::default();
        schedule.add((1, 0), thread(1), Lane::Ordered(thread(1)), at(0));
        schedule.add((2, 0), thread(2), Lane::Ordered(thread(2)), at(0));
        assert_eq!(schedule.take(at(0), 9, 0), [(1, 0), (2, 0)]);
        schedule.nudge(thread(1), at(0));
        schedule.later((1, 0), at(60), true);
        schedule.later((2, 0), at(60), true);
        assert_eq!(schedule.take(at(0), 9, 0), [(1, 0)]);
        // Once looked at again, it waits.
        schedule.later((1, 0), at(60), true);
        assert!(schedule.is_idle(at(59)));
        // A failing read is not tried sooner for it.
        assert_eq!(schedule.take(at(60), 1, 0), [(1, 0)]);
        schedule.failed((1, 0), at(60));
        schedule.nudge(thread(1), at(60));
        schedule.later((1, 0), at(90), false);
        assert_eq!(schedule.take(at(60), 9, 0), [(2, 0)]);
    }

    #[test]
    fn what_failed_in_its_lane_holds_the_lane() {
        let schedule = Schedule::default();
        schedule.add((1, 0), thread(1), Lane::Ordered(thread(1)), at(0));
        schedule.add((2, 0), thread(1), Lane::Ordered(thread(1)), at(0));
        assert_eq!(schedule.take(at(0), 9, 0), [(1, 0)]);
        assert_eq!(schedule.failed((1, 0), at(0)).attempts, 1);
        schedule.later((1, 0), at(5), false);
        assert!(schedule.is_idle(at(0)));
        assert_eq!(schedule.take(at(5), 9, 0), [(1, 0)]);
        assert_eq!(
            schedule.failed((1, 0), at(5)),
            Trouble {
                attempts: 2,
                since: at(0)
            }
        );
    }
}
