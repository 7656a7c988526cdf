//! Random histories for whoever keeps them: what was decided, and the records that came of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use super::acts::{Act, act};
use super::beginnings::begun_with;
use crate::gate::decide::Decision;
use crate::gate::key::Key;

/// A history.
pub(crate) struct History {
    /// When each line was decided, and what it says.
    pub(crate) lines: Vec<(Timestamp, Decision)>,
    /// What the core saw at the end.
    pub(crate) records: BTreeMap<Key, Value>,
}

/// Histories for tests that are the same in every run.
pub(super) fn histories() -> impl FnMut() -> Vec<Act> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let acts = prop::collection::vec(act(), 12..20);
    move || acts.new_tree(&mut runner).unwrap().current()
}

/// One that no line of is lost in.
pub(crate) fn history(beginning: u8) -> History {
    let mut next = histories();
    let mut life = begun_with(beginning % 7 + 7 * 8);
    for _ in 0..beginning {
        next();
    }
    let acts = next().into_iter();
    let acts: Vec<Act> = acts.filter(|act| !matches!(act, Act::Lose(_))).collect();
    life.lived(&acts);
    let lines = life.story.lines.into_iter();
    History {
        lines: lines.map(|line| (line.at, line.decision)).collect(),
        records: life.story.records,
    }
}
