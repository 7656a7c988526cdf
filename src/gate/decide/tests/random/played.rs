//! Short histories that nobody has to wait for: what random ones seldom come to, done and refused.

use super::Life;
use super::acts::{Twist, Words};
use super::beginnings::begun;
use super::configured::vouch;
use super::factors::strengthen;
use super::reach::Reach;
use crate::gate::decide::Claim;
use crate::gate::decide::tests::*;
use crate::gate::ids::UserId;
use crate::gate::key::Table;
use crate::gate::request::Request;

/// What they come to, and whether that is done or refused.
const SELDOM: [(&str, bool); 14] = [
    ("vouched by the configuration", true),
    ("vouched by the configuration", false),
    ("vouched by the requester", true),
    ("vouched by the requester", false),
    ("yes with a security key", true),
    ("yes with a security key", false),
    ("signed yes to rotate", true),
    ("signed yes to rotate", false),
    ("signed yes to import", true),
    ("signed yes to import", false),
    ("yes with a judge", false),
    ("widening after a loss", true),
    ("widening after a loss", false),
    ("a delivery that is given up", true),
];

fn strengthened(kind: u8) -> Life {
    let mut life = begun();
    life.story.reconfigure(KAN, |board| strengthen(board, kind));
    life
}

impl Life {
    /// Somebody says yes to the newest request.
    fn yes(&mut self, who: UserId, twist: &Twist) {
        self.check();
        let newest = self.all::<Request>(Table::Request).pop().unwrap();
        self.says_yes(&newest, who, twist);
        self.check();
    }
}

/// Where the gate wants signatures: the configuration vouches, a copy of a security key is used, and a
/// successor is asked for.
fn signed() -> Life {
    let mut life = strengthened(1);
    life.story.reconfigure(KAN, vouch);
    life.story
        .ask_for(kan(20), CODEX, "two", "board:read", "dev");
    life.yes(ALICE, &Twist::ByRequest);
    life.yes(PIOTR, &Twist::ByConfig);
    life.story
        .ask_for(kan(20), CODEX, "three", "board:read", "dev");
    life.yes(PIOTR, &Twist::Copied);
    life.story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    life.yes(ALICE, &Twist::Bare);
    life.yes(ALICE, &Twist::Plain);
    life
}

/// The requester itself vouches, and a file of secrets comes.
fn pledged() -> Life {
    let mut life = strengthened(1);
    let asks = Words::Request(6, 28, false);
    let (text, place) = life.text(CODEX, &asks, kan(20));
    life.story.say(place, CODEX, &text);
    life.yes(ALICE, &Twist::ByConfig);
    life.yes(PIOTR, &Twist::ByRequest);
    life.import(0, 20);
    life.yes(ALICE, &Twist::Bare);
    life.yes(ALICE, &Twist::Plain);
    life.yes(PIOTR, &Twist::Plain);
    life
}

/// Nobody has judged.
fn unjudged() -> Life {
    let mut life = strengthened(3);
    life.story
        .ask_for(kan(20), CODEX, "two", "board:read", "dev");
    life.yes(ALICE, &Twist::Plain);
    life
}

/// The store comes back from a copy: nothing widens until that is accepted, and then only anew.
fn lost() -> Life {
    let mut life = begun();
    life.copy();
    life.story
        .ask_for(kan(20), CODEX, "two", "board:read", "dev");
    life.yes(ALICE, &Twist::Plain);
    life.lose(1);
    life.yes(PIOTR, &Twist::Plain);
    life.accept_loss();
    life.story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    life.yes(ALICE, &Twist::Plain);
    life
}

fn given_up() -> Life {
    let mut life = begun();
    life.unread(0, 0, 7);
    life.check();
    life
}

/// What was asked before its board stood still is approved afterwards.
fn frozen() -> Life {
    let mut life = begun();
    life.story
        .ask_for(kan(20), CODEX, "two", "board:read", "dev");
    life.story.say(kan(13), PIOTR, "/gate freeze");
    life.yes(ALICE, &Twist::Plain);
    life
}

/// A token is claimed, claimed again, used, and claimed again.
fn claimed_twice() -> Life {
    let mut life = begun();
    let asks = Words::Request(2, 0, false);
    let (text, place) = life.text(CODEX, &asks, kan(20));
    life.story.say(place, CODEX, &text);
    life.yes(ALICE, &Twist::Plain);
    let newest = life.all::<Request>(Table::Request).pop().unwrap();
    let challenge = newest.effect.challenge.unwrap();
    for number in [2, 3] {
        life.story.claim(KAN, &challenge);
        life.check();
        assert!(life.story.live(number).is_some(), "it is claimed");
    }
    life.first_use(3);
    assert_eq!(life.story.claim(KAN, &challenge), Claim::Reused);
    life.check();
    life
}

/// A successor is used, and the grace of the one before ends.
fn replaced() -> Life {
    let mut life = begun();
    life.first_use(1);
    life.story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    life.yes(ALICE, &Twist::Plain);
    life.first_use(2);
    for _ in 0..2 {
        life.check();
        life.story.pass(500);
    }
    life.check();
    life
}

/// What was granted is cut by every later configuration.
fn cut() -> Life {
    let mut life = begun();
    for which in [1, 0, 9, 23] {
        life.configure(which);
        life.check();
    }
    life
}

/// All of them.
pub(super) fn played() -> Reach {
    let mut reached = Reach::default();
    let seldom = [signed, pledged, unjudged, lost, given_up];
    let stopped = [frozen, claimed_twice, replaced, cut];
    for play in seldom.into_iter().chain(stopped) {
        reached.join(play().reach);
    }
    reached
}

#[test]
fn what_is_seldom_is_played() {
    let reached = played();
    for (what, done) in SELDOM {
        assert!(reached.knows(what, done), "{what} {done}: {reached:?}");
    }
}
