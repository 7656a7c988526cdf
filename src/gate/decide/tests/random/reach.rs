//! How often each kind of step came to something in random histories, and how often it was refused: what
//! is never reached is not tested.

use std::collections::BTreeMap;

use super::Life;
use super::beginnings::begun_with;
use super::factors::plain;
use super::kept::histories;
use super::played::played;
use crate::gate::approval::Approval;
use crate::gate::audit::Entry;
use crate::gate::command::Vouched;
use crate::gate::key::Key;
use crate::gate::policy::Factor;
use crate::gate::request::{Action, Request};

/// Kinds of steps: how often each was accepted and refused.
#[derive(Debug, Default)]
pub(super) struct Reach(BTreeMap<String, [u32; 2]>);

impl Reach {
    pub(super) fn note(&mut self, what: &str, accepted: bool) {
        let counts = self.0.entry(what.to_owned()).or_default();
        counts[usize::from(!accepted)] += 1;
    }

    /// True if it was accepted, or refused.
    pub(super) fn knows(&self, what: &str, accepted: bool) -> bool {
        let counts = self.0.get(what).copied().unwrap_or_default();
        counts[usize::from(!accepted)] > 0
    }

    pub(super) fn join(&mut self, other: Self) {
        for (what, [accepted, refused]) in other.0 {
            let counts = self.0.entry(what).or_default();
            counts[0] += accepted;
            counts[1] += refused;
        }
    }
}

const BY_CONFIG: &str = "vouched by the configuration";
const BY_REQUEST: &str = "vouched by the requester";

/// Everything that has to be reached, in both ways.
const KINDS: [&str; 49] = [
    "a comment that the journal does not reach",
    "a loss is accepted",
    "widening after a loss",
    "uses are counted",
    "a report",
    "a delivery that nobody can read",
    "a delivery that is given up",
    "a thread that nobody can read",
    "yes with a security key",
    "yes to oneself",
    "vouched by the configuration",
    "vouched by the requester",
    "a wish in a thread",
    "a wish for a thread",
    "a wish without the forge",
    "an order to pause",
    "an order to revoke",
    "an order to revoke one",
    "an order to narrow",
    "an order to release",
    "an order to deny",
    "a signature brought",
    "a signature brought without the forge",
    "a file of secrets",
    "asking for issue",
    "asking for rotate",
    "asking for resume",
    "asking for own",
    "asking for link",
    "asking for thaw",
    "yes with a signature",
    "yes with a code",
    "yes with a judge",
    "yes with a pause",
    "yes with hours",
    "yes to issue",
    "yes to rotate",
    "yes to resume",
    "yes to own",
    "yes to link",
    "yes to thaw",
    "yes to import",
    "signed yes to issue",
    "signed yes to rotate",
    "signed yes to resume",
    "signed yes to own",
    "signed yes to link",
    "signed yes to thaw",
    "signed yes to import",
];

/// The reasons of one kind among those for which a yes was not counted.
fn of_kind(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "bad_signature" | "not_signed" | "nobody_vouches" | "not_vouched" => "yes with a signature",
        "bad_code" | "no_code" | "code_locked" => "yes with a code",
        "judgement_missing" | "judgement_changed" | "judge_objects" => "yes with a judge",
        "too_soon" => "yes with a pause",
        "outside_hours" => "yes with hours",
        "counter_stands" => "yes with a security key",
        "asked_for_it" => "yes to oneself",
        "history_lost" => "widening after a loss",
        _ => return None,
    })
}

impl Life {
    /// Counts what a line says.
    pub(super) fn tally(&mut self, line: usize) {
        for entry in self.story.lines[line].decision.entries.clone() {
            let request = entry
                .request
                .map(|number| -> Request { self.story.record(&Key::request(number)).unwrap() });
            if let Some(request) = request {
                self.tally_entry(&entry, &request);
            }
        }
        for (verb, outcome) in self.story.outcomes.split_off(0) {
            let asks = ["request", "rotate", "resume", "own", "link", "thaw"];
            if outcome == "history_lost" {
                self.reach.note("widening after a loss", false);
            }
            if asks.contains(&verb) && !["done", "opened"].contains(&outcome) {
                let what = if verb == "request" { "issue" } else { verb };
                self.reach.note(&format!("asking for {what}"), false);
            }
        }
    }

    fn tally_entry(&mut self, entry: &Entry, request: &Request) {
        let word = request.action.word();
        let gate = self.gate(request);
        let signed = gate
            .as_ref()
            .is_some_and(|gate| gate.factors.contains(&Factor::Signature));
        match entry.code.as_str() {
            "request_opened" => self.reach.note(&format!("asking for {word}"), true),
            "approval_counted" => {
                let facts = entry.facts.as_ref().unwrap();
                let yes: Approval = serde_json::from_value(facts["approval"].clone()).unwrap();
                let gate = gate.unwrap();
                let made = yes.armor.as_ref().map(|armor| &self.signed[&plain(armor)]);
                let touched = made.is_some_and(|made| made.counter.is_some());
                for (there, what) in [
                    (touched, "yes with a security key"),
                    (request.asker() == Some(yes.approver), "yes to oneself"),
                    (yes.vouched == Some(Vouched::Config), BY_CONFIG),
                    (yes.vouched == Some(Vouched::Request), BY_REQUEST),
                    (yes.signed_by.is_some(), "yes with a signature"),
                    (yes.code, "yes with a code"),
                    (gate.cooling_off.is_some(), "yes with a pause"),
                    (gate.open_hours.is_some(), "yes with hours"),
                ] {
                    if there {
                        self.reach.note(what, true);
                    }
                }
            }
            "judgement_served" => self.reach.note("yes with a judge", true),
            "approval_not_counted" | "signature_not_counted" => {
                let said = entry.facts.as_ref().unwrap()["comment"].as_i64();
                let said = said.map(|id| self.story.forge.comments[&id].text.clone());
                let named = [
                    ("vouched=config", BY_CONFIG),
                    ("vouched=request", BY_REQUEST),
                ];
                for (word, what) in named {
                    let says = said.as_ref().is_some_and(|said| said.contains(word));
                    if says && entry.text.contains("not_vouched") {
                        self.reach.note(what, false);
                    }
                }
                let words = entry.text.split(' ').filter_map(of_kind);
                for what in words.collect::<Vec<_>>() {
                    self.reach.note(what, false);
                }
                self.noted(word, signed, false);
            }
            "credential_issued" if self.swap(entry.credential.unwrap()).is_none() => {
                self.noted(word, signed, true);
            }
            "identity_resumed"
            | "owner_changed"
            | "credential_linked"
            | "board_thawed"
            | "credential_imported" => self.noted(word, signed, true),
            _ => {}
        }
    }

    fn noted(&mut self, word: &str, signed: bool, open: bool) {
        self.reach.note(&format!("yes to {word}"), open);
        if open && self.losses > 0 {
            self.reach.note("widening after a loss", true);
        }
        if signed {
            self.reach.note(&format!("signed yes to {word}"), open);
        }
    }
}

/// The same histories in every run, so that this says the same: each kind of step came to something and
/// was refused. Everything else that holds for random histories is looked at, too.
#[test]
fn every_kind_of_step_is_accepted_and_refused() {
    let mut next = histories();
    let mut reached = played();
    // Every beginning, each with every kind of gate.
    for beginning in 0..80 {
        let mut life = begun_with(beginning);
        life.lived(&next());
        reached.join(life.reach);
    }
    let missing: Vec<_> = KINDS
        .iter()
        .map(|what| (what, reached.0.get(*what).copied().unwrap_or_default()))
        .filter(|(_, counts)| counts.contains(&0))
        .collect();
    assert!(missing.is_empty(), "{missing:?} of {:#?}", reached.0);
    let actions = [
        Action::Issue,
        Action::Import,
        Action::Link,
        Action::Rotate,
        Action::Resume,
        Action::Thaw,
        Action::Own,
    ];
    assert!(
        actions
            .iter()
            .all(|action| KINDS.contains(&format!("yes to {}", action.word()).as_str()))
    );
}
