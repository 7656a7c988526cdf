//! Lines that are lost in a random history: the store comes back from an older copy, and the forge has
//! gone on. Widening is held from when the bot finds a comment of its own that its journal does not
//! reach, until an operator accepts the loss; from then on everything stands still until owners say anew
//! that it goes on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::reports::Servers;
use super::witness::Witness;
use super::{Counted, Life, pick};
use crate::gate::decide::Answer;
use crate::gate::event::{Ahead, Event};
use crate::gate::ids::{CommentId, RequestNumber, UserId};
use crate::gate::import::Line;
use crate::gate::key::Key;

/// What there was at some time, beside the forge.
#[derive(Clone)]
pub(super) struct Copy {
    records: BTreeMap<Key, Value>,
    lines: usize,
    counted: Counted,
    witness: Witness,
    codes: BTreeSet<(UserId, u64)>,
    touches: BTreeMap<UserId, u32>,
    files: BTreeMap<RequestNumber, Vec<Line>>,
    servers: Servers,
}

impl Life {
    /// Somebody copies the store.
    pub(super) fn copy(&mut self) {
        self.check();
        let copy = Copy {
            records: self.story.records.clone(),
            lines: self.story.lines.len(),
            counted: self.counted.clone(),
            witness: self.witness.clone(),
            codes: self.codes.clone(),
            touches: self.touches.clone(),
            files: self.files.clone(),
            servers: self.servers.clone(),
        };
        self.copies.push(copy);
    }

    /// The store comes back from a copy.
    pub(super) fn lose(&mut self, which: u8) {
        let places: Vec<usize> = (0..self.copies.len()).collect();
        let copy = pick(&places, which).map(|place| self.copies[place].clone());
        let reached = self.story.seq();
        // Nobody puts a copy back while another loss is open, and there has to be one.
        let Some(copy) = copy.filter(|copy| self.lost.is_none() && copy.lines as u64 + 1 < reached)
        else {
            return;
        };
        self.story.records = copy.records;
        self.story.lines.truncate(copy.lines);
        self.checked = copy.lines;
        self.counted = copy.counted;
        self.witness = copy.witness;
        self.codes = copy.codes;
        self.touches = copy.touches;
        self.files = copy.files;
        self.servers = copy.servers;
        self.copies.retain(|other| other.lines <= copy.lines);
        self.lost = Some(reached);
        let policy = self.story.policy.clone();
        if which.is_multiple_of(4) || !self.look_for_own() {
            self.accept_loss();
        }
        self.story.configure(policy);
    }

    /// The bot finds a comment of its own that its journal does not reach.
    pub(super) fn hold(&mut self) {
        let journal = self.story.seq();
        let comments = self.story.forge.comments.iter();
        let own = comments.rev().find(|(_, comment)| comment.marked);
        let (id, comment) = own.expect("the bot has spoken");
        let found = Ahead {
            thread: comment.thread,
            comment: CommentId(*id),
            line: journal + 1,
            journal,
            written: comment.created,
        };
        self.story.pass(1);
        self.story.answer(&Event::AheadOfJournal(found));
        self.lost = Some(journal + 1);
    }

    /// Every comment of the bot itself is looked at. True if one shows that lines are missing.
    fn look_for_own(&mut self) -> bool {
        let journal = self.story.seq();
        let own = self
            .story
            .forge
            .comments
            .iter()
            .filter_map(|(id, comment)| {
                let (line, _) = comment.marker.filter(|_| comment.marked)?;
                Some(Ahead {
                    thread: comment.thread,
                    comment: CommentId(*id),
                    line,
                    journal,
                    written: comment.created,
                })
            });
        let own: Vec<Ahead> = own.collect();
        let mut held = false;
        for found in own {
            let before = self.story.lines.len();
            self.story.answer(&Event::AheadOfJournal(found));
            let says = self.story.lines.len() > before;
            self.reach
                .note("a comment that the journal does not reach", says);
            assert!(!says || found.line > journal, "{found:?}");
            held |= says;
        }
        held
    }

    /// An operator accepts that lines are missing: everything stands still, and no comment from before
    /// is news.
    pub(super) fn accept_loss(&mut self) {
        let Some(reached) = self.lost.take() else {
            let before = self.story.lines.len();
            let answer = self.story.answer(&Event::LossGoesOn);
            assert_ne!(answer, Answer::More, "it was accepted, and is done");
            assert_eq!(self.story.lines.len(), before);
            return self.reach.note("a loss is accepted", false);
        };
        let journal = self.story.seq();
        self.story.answer(&Event::Loss {
            journal,
            records: reached,
        });
        while self.story.answer(&Event::LossGoesOn) == Answer::More {}
        self.losses += 1;
        self.reach.note("a loss is accepted", true);
        let living = self.authority();
        assert!(living.is_empty(), "{living:?} after a loss");
        assert!(!self.look_for_own(), "what is known is told again");
    }
}
