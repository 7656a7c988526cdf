//! What a gate may demand beside the words of an approval, as people bring it or fail to: keys, one-time
//! codes, judges, pauses and hours.
//!
//! Every signature that is made here is remembered with what it was really made for, and every code is
//! looked at as the edge does, so that nobody has to ask the core whether it was right.

use std::borrow::Cow;

use jiff::Timestamp;

use super::acts::{Twist, Words};
use super::configured::SELF_APPROVAL;
use super::hosts::HOST;
use super::reports::with_servers;
use super::{Life, pick, thread};
use crate::demo::signer::{SecurityKey, SshKey};
use crate::gate::command::{self, Command, Reading, Restated};
use crate::gate::decide::tests::judged::{ISKRA, judgement};
use crate::gate::decide::tests::*;
use crate::gate::event::{Arrival, Otp, What};
use crate::gate::ids::UserId;
use crate::gate::key::Table;
use crate::gate::policy::{Board, Factor, Gate, Judge, Operator, Policy};
use crate::gate::request::Request;
use crate::gate::signed;
use crate::gate::statement::APPROVE;

/// How many kinds of gates there are.
pub(super) const STRENGTHS: u8 = 7;
/// The kind of gate that is no more than it was.
pub(super) const PLAIN: u8 = STRENGTHS - 1;
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
    // Shorter than what is mostly asked for, so that something ends unused.
    rules.activation = 14_400;
    with_servers(&mut rules);
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
            let both = [key(*id).public(), security_key(*id).public()];
            owner.signing_keys = both.into();
            owner.has_code = true;
        }
        let codex = board.known_requesters.entry(CODEX).or_default();
        codex.signing_keys = [key(CODEX).public()].into();
        let dev = board.gates.get_mut("dev").unwrap();
        dev.holder_rotation = board.repository_id == KAN;
    }
    rules
}

/// The key of a person.
pub(super) fn key(of: UserId) -> SshKey {
    SshKey::of(u8::try_from(of.0).unwrap())
}

/// The security key of a person.
fn security_key(of: UserId) -> SecurityKey {
    SecurityKey::of(100 + u8::try_from(of.0).unwrap())
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
    /// What the counter of a security key said.
    pub counter: Option<u32>,
}

/// An armor without its line ends.
pub(super) fn plain(armor: &str) -> String {
    armor.split_whitespace().collect()
}

fn step(at: Timestamp) -> u64 {
    u64::try_from(at.as_second() / 30).unwrap()
}

/// A text as the edge lets it in.
fn without_codes(text: &str) -> String {
    let mut parts = text.split("otp=");
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        left = format!("{left}otp={}{}", "-".repeat(digits), &part[digits..]);
    }
    left
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
                spoken.text = without_codes(&spoken.text);
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
        let wrong = matches!(how, Twist::Foreign | Twist::Stale | Twist::Copied);
        if signs || wrong || gate.factors.contains(&Factor::Signature) {
            if request.action.delivers() {
                line.push_str(match how {
                    Twist::Unvouched => "",
                    Twist::ByConfig => " vouched=config",
                    Twist::ByRequest => " vouched=request",
                    _ => " vouched=approver",
                });
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
        // Piotr has a security key, and somebody has a copy of everybody's.
        let copied = *how == Twist::Copied;
        let counter = (copied || who == PIOTR).then(|| {
            self.touched += u32::from(!copied);
            let last = self.touches.get(&by).copied().unwrap_or(0);
            if copied { last } else { self.touched }
        });
        let armor = match counter {
            Some(counter) => security_key(by).armor(APPROVE, text.as_bytes(), counter),
            None => key(by).armor(APPROVE, text.as_bytes()),
        };
        let made = Made {
            by,
            approver: who,
            restated,
            counter,
        };
        self.signed.insert(plain(&armor), made);
        Some(armor)
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
            // Mostly whoever really vouches is named, where it is not the owner.
            let twist = match self.vouches(request) {
                [true, _] if which.is_multiple_of(2) => Twist::ByConfig,
                [_, true] if which.is_multiple_of(2) => Twist::ByRequest,
                _ if which % 16 == 6 => Twist::ByConfig,
                _ if which % 16 == 14 => Twist::ByRequest,
                _ => Twist::Plain,
            };
            self.says_yes(request, owner, &twist);
        }
    }

    /// Somebody says yes in the request's thread.
    pub(super) fn says_yes(&mut self, request: &Request, who: UserId, twist: &Twist) {
        let line = crate::gate::reply::approve_line(request);
        let text = self.fitted(request, who, &line, twist, false);
        let id = self.story.write(request.thread, who, &text);
        self.take_in(self.story.delivery(id));
        self.story.settle();
    }

    /// Who asks may approve, or not.
    fn by_itself(&mut self, how: u8) {
        if how.is_multiple_of(2) {
            self.configure(SELF_APPROVAL);
        }
    }

    /// Somebody who may asks for something, and everybody who has to says yes.
    pub(super) fn through(&mut self, which: u8, how: u8) {
        if which % 8 == 7 {
            self.by_itself(how);
        }
        let (who, words) = match which % 8 {
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
            7 => (ALICE, Some(Words::Request(how, 0, false))),
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
}
