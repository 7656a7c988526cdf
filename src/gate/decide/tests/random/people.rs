//! What people write, edit, delete and make up in a random history.

use super::acts::{Twist, Way, Words};
use super::{Life, PEOPLE, pick, thread};
use crate::gate::decide::tests::*;
use crate::gate::event::Look;
use crate::gate::ids::CommentId;
use crate::gate::key::Table;
use crate::gate::request::Request;

impl Life {
    /// Takes a delivery in now, later or never.
    pub(super) fn deliver(&mut self, arrival: crate::gate::event::Arrival, way: Way) {
        match way {
            Way::Delivered => self.take_in(arrival),
            Way::Late => self.late.push(arrival),
            Way::Unseen => {}
        }
    }

    pub(super) fn say(&mut self, who: u8, place: u8, words: &Words, way: Way) {
        // Mostly owners and the agents, so that things happen.
        let people = [
            ALICE, PIOTR, CODEX, CODEX, ALICE, PIOTR, CAROL, BUILDER, STRANGER,
        ];
        let who = pick(&people, who).unwrap_or(CAROL);
        let wished = thread(place);
        let (text, right) = self.text(who, words, wished);
        let place = if place < 240 { right } else { wished };
        let id = self.story.write(place, who, &text);
        let delivery = self.story.delivery(id);
        let lines = self.story.lines.len();
        self.deliver(delivery, way);
        // Else it waits beside what comes next.
        if id % 4 != 0 {
            self.story.settle();
            if way == Way::Delivered {
                self.obeyed(id, lines);
            }
        }
    }

    pub(super) fn edit(&mut self, which: u8, words: &Words, way: Way) {
        let Some(id) = pick(&self.ids(), which) else {
            return;
        };
        let (thread, who) = {
            let comment = &self.story.forge.comments[&id];
            (comment.thread, comment.author)
        };
        let (text, _) = self.text(who, words, thread);
        // An unseen edit also sets the time back.
        let updated = match way {
            Way::Unseen => self.story.forge.comments[&id].created,
            Way::Delivered | Way::Late => self.story.now,
        };
        self.story.forge.edit(id, &text, updated);
        let arrival = self.story.edited(id);
        self.deliver(arrival, way);
    }

    pub(super) fn delete(&mut self, which: u8, way: Way) {
        let Some(id) = pick(&self.ids(), which) else {
            return;
        };
        let thread = self.story.forge.comments[&id].thread;
        self.story.forge.delete(id);
        let arrival = self.story.trigger(thread, Look::Deleted(CommentId(id)));
        self.deliver(arrival, way);
    }

    /// An issue is closed, or opened again.
    pub(super) fn toggle(&mut self, which: u8, way: Way) {
        let thread = thread(which);
        if let Some(issue) = self.story.forge.issues.get_mut(&thread) {
            issue.open = !issue.open;
            let open = issue.open;
            let arrival = self.story.trigger(thread, Look::Issue);
            self.deliver(arrival, way);
            if way == Way::Delivered && !open {
                self.story.settle();
                self.nothing_lives_in(thread);
            }
        }
    }

    pub(super) fn replay(&mut self, which: u8) {
        let count = self.story.deliveries.len().max(1);
        let old = self.story.deliveries.get(usize::from(which) % count);
        if let Some(old) = old.cloned() {
            self.story.arrive_again(old);
        }
    }

    /// A comment of the bot's account that is not the bot's.
    pub(super) fn stray(&mut self, which: u8) {
        let thread = thread(which);
        let now = self.story.now;
        let id = self
            .story
            .forge
            .write(thread, BOT, "all is well", now, false);
        let arrival = self.story.trigger(thread, Look::Stray(CommentId(id)));
        self.story.arrive(arrival);
    }

    /// Whoever can edit looks for an ordinary comment below an open request's summary.
    pub(super) fn turn(&mut self, which: u8) {
        let open: Vec<Request> = self
            .all::<Request>(Table::Request)
            .into_iter()
            .filter(|request| request.is_open(self.story.now))
            .collect();
        let mut found = Vec::new();
        for (id, comment) in &self.story.forge.comments {
            let request = open.iter().find(|request| request.thread == comment.thread);
            let ordinary = comment.author != BOT && !comment.text.starts_with('/');
            if let (Some(request), true) = (request, ordinary) {
                found.push((*id, request.number.0));
            }
        }
        found.reverse();
        let Some((id, number)) = pick(&found, which % 4) else {
            return;
        };
        let request = self.story.request(number);
        let comment = &self.story.forge.comments[&id];
        let (created, author) = (comment.created, comment.author);
        let line = crate::gate::reply::approve_line(&request);
        // Whoever can edit has no key of anybody.
        let how = if which.is_multiple_of(2) {
            Twist::Bare
        } else {
            Twist::Foreign
        };
        let line = self.fitted(&request, author, &line, &how, false);
        self.story.forge.edit(id, &line, created);
        let mut arrival = self.story.delivery(id);
        if which % 4 == 3 {
            arrival.accepted.unverified_sender = Some(CAROL);
        }
        self.take_in(arrival);
        self.story.settle();
    }

    /// A thief of the hook secret speaks of comments that are, were or will be, by anybody.
    pub(super) fn forge(&mut self, id: u8, who: u8, place: u8, words: &Words) {
        let thread = thread(place);
        let who = pick(&PEOPLE, who).unwrap_or(ALICE);
        let (text, _) = self.text(who, words, thread);
        let id = match id % 4 {
            0 => self.story.forge.last_id + 1,
            1 => self.story.forge.last_id + 2,
            _ => pick(&self.ids(), id).unwrap_or(1),
        };
        let text = match self.story.forge.comments.get(&id) {
            Some(comment) if place < 128 => comment.text.clone(),
            Some(_) | None => text,
        };
        let arrival = self.story.forged(thread, id, who, &text);
        self.take_in(arrival);
    }
}
