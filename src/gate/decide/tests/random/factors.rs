//! What a gate may demand beside the words of an approval, as people bring it or fail to: keys, one-time
//! codes, judges, pauses and hours.
//!
//! Every signature that is made here is remembered with what it was really made for, and every code is
//! looked at as the edge does, so that nobody has to ask the core whether it was right.

use std::borrow::Cow;

use jiff::Timestamp;

use super::acts::{Twist, Way, Words};
use super::hosts::HOST;
use super::{Life, pick, thread};
use crate::demo::signer::SshKey;
use crate::gate::command::{self, Command, Reading, Restated};
use crate::gate::decide::tests::judged::{ISKRA, judgement};
use crate::gate::decide::tests::*;
use crate::gate::event::{Arrival, Otp, What};
use crate::gate::ids::{CommentId, UserId};
use crate::gate::key::Table;
use crate::gate::policy::{Board, Factor, Gate, Judge, Operator, Policy};
use crate::gate::request::Request;
use crate::gate::signed;
use crate::gate::statement::APPROVE;

/// How many kinds of gates there are.
pub(super) const STRENGTHS: u8 = 7;
/// The pause of the gates that demand one, in seconds.
pub(super) const PAUSE: i64 = 60;
/// The hours of the gates that have some: six of every day, from the first of a story on.
const HOURS: &str = "Mon-Sun 00:00-06:00 UTC";

/// True within those hours.
pub(super) fn in_hours(at: Timestamp) -> bool {
    at.as_second().rem_euclid(86_400) < 6 * 3_600
}

/// The rules of the stories, with operators, a judge, and a key and codes for every owner.
pub(super) fn rules() -> Policy {
    let mut rules = policy();
    let operator = |forge_id, rights: &[&str]| Operator {
        forge_id,
        uid: Some(1_000),
        boards: [KAN].into(),
        rights: names(rights),
    };
    let office = Operator {
        boards: [KAN, OPS].into(),
        ..operator(Some(PIOTR), &["read", "request", "narrow"])
    };
    rules.operators = [
        (
            "home".to_owned(),
            operator(Some(CAROL), &["request", "narrow"]),
        ),
        ("office".to_owned(), office),
        ("guest".to_owned(), operator(None, &["read", "request"])),
    ]
    .into();
    for board in rules.boards.values_mut() {
        let judge = Judge {
            login: "iskra".to_owned(),
            shut_on: names(&["reject"]),
        };
        board.judges.insert(ISKRA, judge);
        for (id, owner) in &mut board.owners {
            owner.signing_keys = [key(*id).public()].into();
            owner.has_code = true;
        }
        let dev = board.gates.get_mut("dev").unwrap();
        dev.holder_rotation = board.repository_id == KAN;
    }
    rules
}

/// The key of a person.
pub(super) fn key(of: UserId) -> SshKey {
    SshKey::of(u8::try_from(of.0).unwrap())
}

/// Every gate of a board becomes one of a kind.
pub(super) fn strengthen(board: &mut Board, which: u8) {
    for gate in board.gates.values_mut() {
        let plain = Gate {
            factors: [Factor::Comment].into(),
            offline: false,
            judge_required: false,
            cooling_off: None,
            open_hours: None,
            ..gate.clone()
        };
        let signed = Gate {
            factors: [Factor::Comment, Factor::Signature].into(),
            holder_rotation: false,
            ..plain.clone()
        };
        let pause = Some(u64::try_from(PAUSE).unwrap());
        *gate = match which % STRENGTHS {
            0 => Gate {
                factors: [Factor::Signature].into(),
                offline: true,
                ..signed
            },
            1 => signed,
            2 => Gate {
                factors: [Factor::Comment, Factor::Code].into(),
                ..plain
            },
            3 => Gate {
                judge_required: true,
                ..plain
            },
            4 => Gate {
                cooling_off: pause,
                open_hours: Some(HOURS.to_owned()),
                ..plain
            },
            5 => Gate {
                factors: [Factor::Comment, Factor::Code, Factor::Signature].into(),
                judge_required: true,
                cooling_off: pause,
                ..signed
            },
            _ => plain,
        };
    }
}

/// What a signature was really made for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    /// Whose key.
    pub by: UserId,
    /// In whose name.
    pub approver: UserId,
    /// What it says.
    pub restated: Restated,
}

/// An armor without its line ends.
pub(super) fn plain(armor: &str) -> String {
    armor.split_whitespace().collect()
}

fn step(at: Timestamp) -> u64 {
    u64::try_from(at.as_second() / 30).unwrap()
}

/// What an authenticator shows.
fn code(user: UserId, step: u64) -> String {
    let of = u64::try_from(user.0).unwrap() % 10;
    format!("{:06}", step % 90_000 * 10 + of)
}

impl Life {
    /// What the edge says of the first code in a text that is said to be by this owner.
    fn otp(&self, arrival: &Arrival, author: UserId, text: &str) -> Option<Otp> {
        let shown = text.split("otp=").nth(1)?.get(..6)?;
        let board = self.story.policy.board(arrival.accepted.repository)?;
        board.owner(author).filter(|owner| owner.has_code)?;
        let now = step(self.story.now);
        let mut steps = now - 1..=now + 1;
        Some(Otp {
            step: steps.find(|step| code(author, *step) == shown),
        })
    }

    /// Takes a delivery in, as the edge does.
    pub(super) fn take_in(&mut self, mut arrival: Arrival) {
        if let What::Comment(spoken) = &arrival.accepted.what
            && let Some(author) = spoken.unverified_author
        {
            let otp = self.otp(&arrival, author, &spoken.text);
            if let What::Comment(spoken) = &mut arrival.accepted.what {
                spoken.otp = otp;
            }
        }
        self.story.arrive(arrival);
    }

    pub(super) fn gate(&self, request: &Request) -> Option<Gate> {
        let board = self.story.policy.board(request.thread.repository)?;
        board.gate(&request.effect.environment).map(Cow::into_owned)
    }

    /// A line with what the gate demands beside it, or with something wrong in its place.
    pub(super) fn fitted(
        &mut self,
        request: &Request,
        who: UserId,
        line: &str,
        how: &Twist,
        signs: bool,
    ) -> String {
        let mut line = line.to_owned();
        let Some(gate) = self.gate(request).filter(|_| *how != Twist::Bare) else {
            return line;
        };
        if gate.factors.contains(&Factor::Code) {
            let late = if *how == Twist::Stale { 9 } else { 0 };
            let who = if *how == Twist::Foreign { CODEX } else { who };
            line = format!("{line} otp={}", code(who, step(self.story.now) - late));
        }
        let wrong = matches!(how, Twist::Foreign | Twist::Stale);
        if signs || wrong || gate.factors.contains(&Factor::Signature) {
            if request.action.delivers() && *how != Twist::Unvouched {
                line.push_str(" vouched=approver");
            }
            if let Some(armor) = self.armor(request, who, &line, how) {
                line = format!("{line}\n\n```\n{armor}```");
            }
        }
        line
    }

    /// A signature over what a line says.
    fn armor(&mut self, request: &Request, who: UserId, line: &str, how: &Twist) -> Option<String> {
        let Reading::Command(Command::Approve(mut restated)) = command::read(line) else {
            return None;
        };
        if *how == Twist::Stale && restated.scopes.pop_last().is_none() {
            restated.ttl = Some(60);
        }
        let by = if *how == Twist::Foreign {
            UserId(who.0 + 1)
        } else {
            who
        };
        let text = signed::statement(&self.story.policy, request, who, &restated)?;
        let armor = key(by).armor(APPROVE, text.as_bytes());
        let made = Made {
            by,
            approver: who,
            restated,
        };
        self.signed.insert(plain(&armor), made);
        Some(armor)
    }

    /// Somebody judges the issue of a request.
    pub(super) fn judge(&mut self, which: u8, how: u8, way: Way) {
        let Some(request) = self.named(which) else {
            return;
        };
        let action = if how.is_multiple_of(4) {
            "reject"
        } else {
            "go"
        };
        let text = judgement(&self.story, request.thread, action);
        let who = pick(&[ISKRA, ISKRA, ISKRA, ISKRA, ISKRA, CAROL], how).unwrap_or(ISKRA);
        let text = if how > 240 { text.repeat(2) } else { text };
        let id = self.story.write(request.thread, who, &text);
        let delivery = self.story.delivery(id);
        self.deliver(delivery, way);
        self.story.settle();
    }

    /// Everybody who has to says yes to a request, with all that its gate demands.
    pub(super) fn agree(&mut self, which: u8) {
        if let Some(request) = self.named(which) {
            self.agree_to(&request, which);
        }
    }

    fn agree_to(&mut self, request: &Request, which: u8) {
        let Some(gate) = self.gate(request) else {
            return;
        };
        if gate.judge_required && !which.is_multiple_of(8) {
            let text = judgement(&self.story, request.thread, "go");
            let id = self.story.write(request.thread, ISKRA, &text);
            self.take_in(self.story.delivery(id));
            self.story.settle();
        }
        if gate.open_hours.is_some() && which % 4 == 3 {
            self.story.pass(30_000);
        }
        if gate.cooling_off.is_some() && !which.is_multiple_of(4) {
            self.story.pass(PAUSE);
        }
        if gate.factors.contains(&Factor::Code) && which % 4 != 1 {
            self.story.pass(61);
        }
        if gate.offline && which.is_multiple_of(3) {
            for owner in 0..2 {
                self.bring_for(request, owner, &Twist::Plain);
                self.check();
            }
            return;
        }
        let board = &self.story.policy.boards[&request.thread.repository];
        let owners: Vec<UserId> = board.owners.keys().copied().collect();
        for owner in owners {
            let line = crate::gate::reply::approve_line(request);
            let text = self.fitted(request, owner, &line, &Twist::Plain, false);
            let id = self.story.write(request.thread, owner, &text);
            self.take_in(self.story.delivery(id));
            self.story.settle();
        }
    }

    /// Somebody who may asks for something, and everybody who has to says yes.
    pub(super) fn through(&mut self, which: u8, how: u8) {
        let (who, words) = match which % 7 {
            0 => (CODEX, Some(Words::Rotate(how, which))),
            1 => {
                self.order(HOST, 0, how);
                (CODEX, Some(Words::Resume(how)))
            }
            2 => (
                pick(&[ALICE, PIOTR], how).unwrap_or(ALICE),
                Some(Words::Own(how)),
            ),
            3 => (PIOTR, Some(Words::Link(how, which))),
            4 => {
                self.story.say(kan(12), ALICE, "/gate freeze");
                (PIOTR, Some(Words::Thaw))
            }
            5 => (
                CODEX,
                Some(Words::Request(how, which, how.is_multiple_of(4))),
            ),
            _ => (CAROL, None),
        };
        self.check();
        let before = self.story.requests();
        if let Some(words) = words {
            let (text, place) = self.text(who, &words, thread(how));
            let id = self.story.write(place, who, &text);
            self.take_in(self.story.delivery(id));
            self.story.settle();
        } else {
            self.import(how % 5, how);
        }
        let requests: Vec<Request> = self.all(Table::Request);
        if let Some(newest) = requests.last().filter(|_| requests.len() > before) {
            self.check();
            self.agree_to(newest, which / 8);
        }
    }

    /// The comment of a judge that says that a request may be, if there is one.
    pub(super) fn says_go(&self, request: &Request, id: i64) -> bool {
        let summary = request.summary.as_ref().map(|summary| summary.comment);
        let Some(comment) = self.story.forge.comments.get(&id) else {
            return false;
        };
        comment.thread == request.thread
            && comment.author == ISKRA
            && !comment.deleted
            && comment.updated == comment.created
            && Some(CommentId(id)) > summary
            && comment.text == judgement(&self.story, request.thread, "go")
    }

    /// The judge's newest word on a request that was heard is an objection.
    pub(super) fn objects(&self, request: &Request) -> bool {
        let summary = request.summary.as_ref().map(|summary| summary.comment);
        let heard = |id: i64| {
            let deliveries = self.story.deliveries.iter().map(|one| &one.accepted);
            let mut proper = false;
            for accepted in deliveries {
                if let What::Comment(spoken) = &accepted.what
                    && spoken.id == id
                    && accepted.repository == request.thread.repository
                {
                    let text = &self.story.forge.comments[&id].text;
                    if spoken.body != crate::gate::ids::Hash::of(text.as_bytes()) {
                        return false;
                    }
                    proper |= accepted.unverified_sender == Some(ISKRA)
                        && accepted.issue == request.thread.issue;
                }
            }
            proper
        };
        let mut all = self
            .story
            .forge
            .comments
            .iter()
            .rev()
            .filter(|(id, comment)| {
                comment.thread == request.thread
                    && comment.author == ISKRA
                    && Some(CommentId(**id)) > summary
                    && heard(**id)
            });
        let waits = !self.story.waiting().is_empty();
        all.next().is_some_and(|(_, comment)| {
            let whole = !comment.deleted && comment.updated == comment.created;
            whole && !waits && comment.text == judgement(&self.story, request.thread, "reject")
        })
    }
}
