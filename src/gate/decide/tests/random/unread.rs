//! What cannot be read in a random history: the forge is away while somebody wants something stopped, a
//! thread cannot be read, an issue is gone, what waits is given up, and nobody hears that something was
//! posted.

use super::{Life, pick, thread};
use crate::gate::decide::tests::*;
use crate::gate::effect::Effect;
use crate::gate::event::{Event, Look};
use crate::gate::ids::UserId;
use crate::gate::key::Key;

/// What is said unread: most of it wants something stopped.
const UNREAD: [&str; 8] = [
    "/gate pause",
    "/gate revoke codex-kan-12",
    "/gate pause one",
    "/gate narrow codex-kan-12 scopes=board:read",
    "/gate freeze",
    "/gate release",
    "/gate resume codex-kan-12",
    "hello",
];

impl Life {
    /// A delivery cannot be read again for a minute: what an owner wants to stop stands still, and
    /// nothing else happens. Later it is read, or it waits on, or it is given up.
    pub(super) fn unread(&mut self, who: u8, which: u8, then: u8) {
        let people = [ALICE, PIOTR, CODEX, ALICE, PIOTR, CAROL, STRANGER];
        let who: UserId = pick(&people, who).unwrap_or(ALICE);
        let text = pick(&UNREAD, which).unwrap_or("hello");
        let place = thread(which / 8);
        // One in four is made up by whoever has the secret of the hook.
        let arrival = if then % 4 == 3 {
            self.story
                .forged(place, self.story.forge.last_id + 1, who, text)
        } else {
            let id = self.story.write(place, who, text);
            self.story.delivery(id)
        };
        self.take_in(arrival);
        for line in self.story.waiting() {
            let lines = self.story.lines.len();
            self.story.answer(&Event::Unread { line });
            let stopped = self.story.lines[lines..].iter();
            let mut codes = stopped.flat_map(|line| &line.decision.entries);
            let stopped = codes.any(|entry| entry.code != "unread");
            self.reach.note("a delivery that nobody can read", stopped);
            if then % 8 == 7 {
                self.give_up(line, then);
            }
        }
        if then.is_multiple_of(2) {
            self.story.settle();
        }
    }

    fn give_up(&mut self, line: u64, then: u8) {
        let before = self.authority();
        let event = Event::Abandoned {
            line,
            why: "it was not there for a day".to_owned(),
            quarantined: then.is_multiple_of(3),
        };
        self.story.answer(&event);
        assert_eq!(self.authority(), before, "what is given up does nothing");
        self.reach.note("a delivery that is given up", true);
        let lines = self.story.lines.len();
        self.story.answer(&event);
        assert_eq!(self.story.lines.len(), lines, "once");
        self.reach.note("a delivery that is given up", false);
    }

    /// A thread could not be read for ten minutes: nothing in it lives, and nothing is open there.
    pub(super) fn unreadable(&mut self, which: u8) {
        let thread = thread(which);
        let lines = self.story.lines.len();
        let why = "500, it <b>says</b>".to_owned();
        self.story.answer(&Event::Unreadable { thread, why });
        self.story.settle();
        let stopped = self.story.lines.len() > lines;
        self.reach.note("a thread that nobody can read", stopped);
        self.nothing_lives_in(thread);
    }

    /// An owner says yes; what the bot posts for that is there, and nobody heard so: it is posted once
    /// more.
    pub(super) fn unheard(&mut self, which: u8) {
        let stood = std::mem::replace(&mut self.story.outbox_stands, true);
        self.agree(which);
        for (line, place) in self.story.undone() {
            let effect: Effect = self.story.record(&Key::outbox(line, place)).unwrap();
            if let Effect::Post(post) = effect {
                let text = format!("{}\n<!-- marker -->", post.body);
                let now = self.story.now;
                let id = self.story.forge.write(post.thread, BOT, &text, now, true);
                self.story.forge.signed_by_bot(id, (line, place));
            }
        }
        self.story.outbox_stands = stood;
        self.story.settle();
    }

    /// An issue is deleted.
    pub(super) fn vanish(&mut self, which: u8) {
        let thread = thread(which);
        if let Some(issue) = self.story.forge.issues.get_mut(&thread) {
            issue.gone = true;
            let arrival = self.story.trigger(thread, Look::Issue);
            self.story.arrive(arrival);
            self.story.settle();
            if self.story.waiting().is_empty() {
                self.nothing_lives_in(thread);
            }
        }
    }
}
