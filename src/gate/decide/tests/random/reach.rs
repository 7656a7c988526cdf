//! How often each kind of step came to something in random histories, and how often it was refused: what
//! is never reached is not tested.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::acts::act;
use super::{Life, begun_with};
use crate::gate::approval::Approval;
use crate::gate::audit::Entry;
use crate::gate::key::Key;
use crate::gate::policy::Factor;
use crate::gate::request::{Action, Request};

/// Kinds of steps: how often each was accepted and refused.
#[derive(Default)]
pub(super) struct Reach(BTreeMap<String, [u32; 2]>);

impl Reach {
    pub(super) fn note(&mut self, what: &str, accepted: bool) {
        let counts = self.0.entry(what.to_owned()).or_default();
        counts[usize::from(!accepted)] += 1;
    }

    fn join(&mut self, other: Self) {
        for (what, [accepted, refused]) in other.0 {
            let counts = self.0.entry(what).or_default();
            counts[0] += accepted;
            counts[1] += refused;
        }
    }
}

/// Everything that has to be reached, in both ways.
const KINDS: [&str; 37] = [
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
                for (there, what) in [
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
                let words = entry.text.split(' ').filter_map(of_kind);
                for what in words.collect::<Vec<_>>() {
                    self.reach.note(what, false);
                }
                self.opened(word, signed, false);
            }
            "credential_issued" if self.swap(entry.credential.unwrap()).is_none() => {
                self.opened(word, signed, true);
            }
            "identity_resumed"
            | "owner_changed"
            | "credential_linked"
            | "board_thawed"
            | "credential_imported" => self.opened(word, signed, true),
            _ => {}
        }
    }

    fn opened(&mut self, word: &str, signed: bool, open: bool) {
        self.reach.note(&format!("yes to {word}"), open);
        if signed {
            self.reach.note(&format!("signed yes to {word}"), open);
        }
    }
}

/// The same histories in every run, so that this says the same: each kind of step came to something and
/// was refused. Everything else that holds for random histories is looked at, too.
#[test]
fn every_kind_of_step_is_accepted_and_refused() {
    let config = ProptestConfig::default();
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let histories = prop::collection::vec(act(), 12..20);
    let mut reached = Reach::default();
    // Every beginning, each with every kind of gate.
    for beginning in 0..70 {
        let acts = histories.new_tree(&mut runner).unwrap().current();
        let mut life = begun_with(beginning);
        life.lived(&acts);
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
