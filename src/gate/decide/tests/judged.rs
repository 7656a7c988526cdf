//! Judgements: what lets an approval through where a gate waits for one, and what shuts it again.

mod heard;

use serde_json::json;

use super::super::{Event, Step, Taken};
use super::*;
use crate::gate::effect::Reaction;
use crate::gate::event::{Accepted, Arrival, What};
use crate::gate::evidence::{Need, Reads};
use crate::gate::ids::{CommentId, Hash, ThreadKey, UserId};
use crate::gate::key::Key;
use crate::gate::policy::Judge;
use crate::gate::thread::Thread;

/// A judge.
pub(super) const ISKRA: UserId = UserId(21);
/// Another one.
const NOVA: UserId = UserId(22);

fn judge(login: &str) -> Judge {
    Judge {
        login: login.to_owned(),
        shut_on: names(&["reject", "operator_needed"]),
    }
}

/// The gate `dev` of `kan` waits for a judgement of iskra or nova.
fn begin() -> Story {
    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        board.judges.insert(ISKRA, judge("iskra"));
        board.judges.insert(NOVA, judge("nova"));
        board.gates.get_mut("dev").unwrap().judge_required = true;
    });
    story
}

/// A judgement of an issue as it is.
pub(super) fn judgement(story: &Story, thread: ThreadKey, action: &str) -> String {
    let issue = &story.forge.issues[&thread];
    let hash = |text: &str| format!("sha256:{}", Hash::of(text.as_bytes()));
    let json = json!({
        "schema": "openclaw.judge.v0", "confidence": 5, "priority": "p1",
        "recommended_next_action": action, "top_caveat": "who <b>holds</b> the key?",
        "target": {"kind": "issue", "number": thread.issue, "repo": "alice/board"},
        "target_snapshot": {
            "title_hash": hash(&issue.title), "body_hash": hash(&issue.body),
            "labels": [], "labels_hash": hash(""),
        },
    });
    format!("<!-- openclaw.judge.v0 -->\n```json\n{json}\n```\n<!-- /openclaw.judge.v0 -->")
}

impl Story {
    fn judged(&mut self, thread: ThreadKey, who: UserId, action: &str) -> i64 {
        let text = judgement(self, thread, action);
        self.say(thread, who, &text)
    }

    fn thread_of(&self, thread: ThreadKey) -> Thread {
        self.record(&Key::thread(thread)).unwrap_or_default()
    }

    /// The facts and text of the last entry with this code.
    fn last_entry(&self, code: &str) -> String {
        self.lines
            .iter()
            .flat_map(|line| &line.decision.entries)
            .rfind(|entry| entry.code == code)
            .map(|entry| entry.text.clone())
            .unwrap_or_default()
    }
}

#[test]
fn an_approval_before_the_judgement_is_said_again_after_it() {
    let mut story = begin();
    story.ask(kan(12));
    let summary = story.last_reply(kan(12));
    let line = "an approval counts after a judgement of @iskra or @nova below this comment";
    assert!(summary.contains(line), "{summary}");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
    assert!(story.request(1).approvals.is_empty(), "it is not kept");

    let said = story.judged(kan(12), ISKRA, "go");
    assert_eq!(story.reactions[&Some(CommentId(said))], Reaction::Eyes);
    assert_eq!(story.word(1), "open", "a judgement never approves");
    let kept = &story.thread_of(kan(12)).judgements[&ISKRA];
    assert_eq!((kept.comment, kept.counts), (CommentId(said), true));

    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");
    let kept = &story.thread_of(kan(12)).judgements[&ISKRA];
    assert_eq!(kept.served.map(|number| number.0), Some(1));
    assert!(story.entries().contains(&"judgement_served"));
}

#[test]
fn a_quorum_of_two_needs_the_judgement_before_both() {
    let mut story = begin();
    story.reconfigure(KAN, |board| board.gates.get_mut("dev").unwrap().quorum = 2);
    story.ask(kan(12));
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
    let said = story.judged(kan(12), ISKRA, "go");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.request(1).approvals.len(), 1);
    // What fell in between is noticed when the second comes.
    story.forge.delete(said);
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_changed");
    story.judged(kan(12), ISKRA, "go");
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.word(1), "approved");
}

/// Codex asked in R1 and iskra judged: what happens then, and the code of the refusal.
type Row = (&'static str, fn(&mut Story, i64), &'static str);

const SHUTS: [Row; 10] = [
    (
        "the title is another one",
        |story, _| story.forge.issues.get_mut(&kan(12)).unwrap().title = "sort it".to_owned(),
        "judgement_outdated",
    ),
    (
        "the text is another one",
        |story, _| story.forge.issues.get_mut(&kan(12)).unwrap().body = "all".to_owned(),
        "judgement_outdated",
    ),
    (
        "the judgement was edited, and nobody was told",
        |story, said| {
            let text = judgement(story, kan(12), "hurry");
            let created = story.forge.comments[&said].created;
            story.forge.edit(said, &text, created);
        },
        "judgement_changed",
    ),
    (
        "the judgement was saved again",
        |story, said| {
            let text = story.forge.comments[&said].text.clone();
            story.pass(5);
            story.forge.edit(said, &text, story.now);
        },
        "judgement_changed",
    ),
    (
        "the judgement was deleted, and nobody was told",
        |story, said| story.forge.delete(said),
        "judgement_changed",
    ),
    (
        "the judgement was edited, and edited back without a trace",
        |story, said| {
            let (text, created) = {
                let comment = &story.forge.comments[&said];
                (comment.text.clone(), comment.created)
            };
            story.edit(said, "no");
            story.forge.edit(said, &text, created);
        },
        "judgement_changed",
    ),
    (
        "the judgement is by somebody else now",
        |story, said| story.forge.comments.get_mut(&said).unwrap().author = CAROL,
        "judgement_changed",
    ),
    (
        "the other judge objects",
        |story, _| {
            story.judged(kan(12), NOVA, "operator-needed");
        },
        "judge_objects",
    ),
    (
        "the judge thinks again",
        |story, _| {
            story.judged(kan(12), ISKRA, "reject");
        },
        "judge_objects",
    ),
    (
        "the judge is none any more",
        |story, _| {
            story.reconfigure(KAN, |board| {
                board.judges.remove(&ISKRA);
            });
        },
        "judgement_missing",
    ),
];

#[test]
fn what_shuts_a_gate_that_was_judged() {
    for (name, change, code) in SHUTS {
        let mut story = begin();
        story.ask(kan(12));
        let said = story.judged(kan(12), ISKRA, "go");
        change(&mut story, said);
        story.approve(kan(12), ALICE, 1);
        assert_eq!(story.last_code(kan(12)), code, "{name}");
        assert_eq!(story.credentials(), 0, "{name}");
        assert!(story.request(1).approvals.is_empty(), "{name}");
    }
}

#[test]
fn a_judgement_from_before_the_summary_is_advice() {
    let mut story = begin();
    story.open(kan(12), CODEX, "please");
    story.judged(kan(12), ISKRA, "go");
    story.ask(kan(12));
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
}

#[test]
fn who_asks_does_not_judge() {
    let mut story = begin();
    story.reconfigure(KAN, |board| {
        board.judges.insert(CODEX, judge("codex"));
    });
    story.ask(kan(12));
    story.judged(kan(12), CODEX, "go");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
    story.judged(kan(12), CODEX, "reject");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judge_objects");
}

#[test]
fn a_judgement_serves_one_request() {
    let mut story = begin();
    story.ask(kan(12));
    story.ask_for(kan(12), CODEX, "other", "board:read", "dev");
    story.judged(kan(12), ISKRA, "go");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
    story.judged(kan(12), ISKRA, "go");
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.word(2), "approved");
}

#[test]
fn what_was_found_by_reading_back_objects_and_lets_nothing_through() {
    let mut story = begin();
    story.ask(kan(12));
    let text = judgement(&story, kan(12), "go");
    let said = story.write(kan(12), ISKRA, &text);
    story.arrive(story.caught_up(said));
    story.settle();
    assert_eq!(story.arrive(story.caught_up(said)), Taken::Nothing);
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
    assert!(story.last_reply(kan(12)).contains("reading back"));
    // Its delivery comes after all.
    story.arrive(story.delivery(said));
    story.settle();
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");

    story.ask_for(kan(12), CODEX, "other", "board:read", "dev");
    let text = judgement(&story, kan(12), "reject");
    let said = story.write(kan(12), ISKRA, &text);
    story.arrive(story.caught_up(said));
    story.settle();
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.last_code(kan(12)), "judge_objects");
}

#[test]
fn a_judgement_that_comes_late_is_advice() {
    let mut story = begin();
    story.ask(kan(12));
    let text = judgement(&story, kan(12), "go");
    let said = story.write(kan(12), ISKRA, &text);
    story.pass(301);
    story.arrive(story.delivery(said));
    story.settle();
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
}

#[test]
fn whoever_waits_for_a_judgement_hears_of_its_fall() {
    type Change = fn(&mut Story, i64);
    let changes: [Change; 2] = [|story, said| story.edit(said, "no"), Story::delete];
    for change in changes {
        let mut story = begin();
        story.ask(kan(12));
        let said = story.judged(kan(12), ISKRA, "go");
        let replies = story.replies(kan(12)).len();
        change(&mut story, said);
        let told = story.last_reply(kan(12));
        assert!(told.starts_with("R1: the judgement of iskra was edited or deleted"));
        assert_eq!(story.replies(kan(12)).len(), replies + 1);
        assert!(story.thread_of(kan(12)).judgements[&ISKRA].fallen);

        // Where nobody waits, nothing is said.
        let mut story = begin();
        story.open(kan(13), CODEX, "please");
        let said = story.judged(kan(13), ISKRA, "go");
        change(&mut story, said);
        assert!(story.replies(kan(13)).is_empty());
        assert!(story.entries().contains(&"judgement_dropped"));

        // A request does not wait for one that is older than its summary.
        let mut story = begin();
        story.open(kan(12), CODEX, "please");
        let said = story.judged(kan(12), ISKRA, "go");
        story.ask(kan(12));
        let replies = story.replies(kan(12)).len();
        change(&mut story, said);
        assert_eq!(story.replies(kan(12)).len(), replies);
    }
}

/// What can decide nothing any more is not read again: it might be unreadable.
#[test]
fn an_approval_asks_for_the_judgements_below_the_summary() {
    let mut story = begin();
    story.open(kan(12), CODEX, "please");
    story.judged(kan(12), NOVA, "go");
    story.ask(kan(12));
    let said = story.judged(kan(12), ISKRA, "go");
    let line = story.approve_line(1);
    let id = story.write(kan(12), ALICE, &line);
    story.arrive(story.delivery(id));
    let mut reads = Reads {
        at: Some(story.now),
        ..Reads::default()
    };
    let own = story.forge.read_comment(KAN, CommentId(id));
    reads.comments.insert(CommentId(id), own);
    let event = Event::Waiting {
        line: story.waiting()[0],
        reads: Box::new(reads),
    };
    let Step::Gather(needs) = story.feed(&event) else {
        panic!("it is read first");
    };
    let summary = story.request(1).summary.unwrap().comment;
    let wanted: Vec<Need> = [summary.0 - 1, summary.0, said]
        .map(|id| Need::Comment(CommentId(id)))
        .into();
    assert_eq!(needs.into_iter().take(3).collect::<Vec<_>>(), wanted);
    story.settle();
    assert_eq!(story.word(1), "approved");
}
