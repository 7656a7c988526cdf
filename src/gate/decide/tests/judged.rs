//! Judgements: what is taken in, what lets an approval through where a gate waits for one, and what
//! shuts it again.

use serde_json::json;

use super::super::Taken;
use super::*;
use crate::gate::effect::Reaction;
use crate::gate::event::{Accepted, Arrival, Look, Road, What};
use crate::gate::ids::{CommentId, Hash, ThreadKey, UserId};
use crate::gate::key::Key;
use crate::gate::policy::Judge;
use crate::gate::thread::Thread;

/// A judge.
const ISKRA: UserId = UserId(21);
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
fn judgement(story: &Story, thread: ThreadKey, action: &str) -> String {
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

#[test]
fn what_a_judge_says_wrongly_is_an_entry_and_no_more() {
    type Change = fn(String) -> String;
    let rows: [(Change, &str); 5] = [
        (|text| format!("{text}\n{text}"), "two_blocks"),
        (
            |text| text.replace("\"number\":12", "\"number\":13"),
            "other_target",
        ),
        (
            |text| text.replace("alice/board", "ops/board"),
            "other_target",
        ),
        (|text| text.replace(".v0\",", ".v1\","), "schema"),
        (
            |text| text.replace("lice", &"x".repeat(70_000)),
            "too_large",
        ),
    ];
    for (change, word) in rows {
        let mut story = begin();
        story.ask(kan(12));
        let replies = story.replies(kan(12)).len();
        let text = change(judgement(&story, kan(12), "go"));
        let said = story.say(kan(12), ISKRA, &text);
        assert_eq!(story.last_entry("judgement_void"), word);
        assert_eq!(story.replies(kan(12)).len(), replies, "{word}");
        assert!(!story.reactions.contains_key(&Some(CommentId(said))));
        assert!(story.thread_of(kan(12)).judgements.is_empty(), "{word}");
    }
}

#[test]
fn a_judgement_that_is_not_what_was_delivered_is_void() {
    type Change = fn(&mut Story, i64, &mut Arrival);
    let rows: [(Change, &str); 3] = [
        (
            |story, said, _| story.forge.edit(said, "no", story.now),
            "edited",
        ),
        (
            |story, said, _| {
                let text = story.forge.comments[&said].text.clone();
                story.forge.edit(said, &text, story.now);
            },
            "edited",
        ),
        (
            |_, _, arrival| arrival.accepted.unverified_sender = Some(CAROL),
            "sent_by_another",
        ),
    ];
    for (change, word) in rows {
        let mut story = begin();
        story.ask(kan(12));
        let text = judgement(&story, kan(12), "go");
        let said = story.write(kan(12), ISKRA, &text);
        let mut arrival = story.delivery(said);
        story.pass(3);
        change(&mut story, said, &mut arrival);
        story.arrive(arrival);
        story.settle();
        assert_eq!(story.last_entry("judgement_void"), word);
        assert!(story.thread_of(kan(12)).judgements.is_empty(), "{word}");
    }
}

#[test]
fn what_anybody_else_writes_between_the_markers_leaves_nothing() {
    let mut story = begin();
    story.ask(kan(12));
    let entries = story.entries().len();
    for who in [STRANGER, CODEX, ALICE, CAROL] {
        story.judged(kan(12), who, "go");
    }
    // Said to be the judge's by a delivery, and it is not.
    let text = judgement(&story, kan(12), "go");
    let said = story.write(kan(12), STRANGER, &text);
    let mut arrival = story.delivery(said);
    if let What::Comment(spoken) = &mut arrival.accepted.what {
        spoken.unverified_author = Some(ISKRA);
    }
    story.arrive(arrival);
    story.settle();
    assert_eq!(story.entries().len(), entries);
    assert!(story.thread_of(kan(12)).judgements.is_empty());
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
}

#[test]
fn the_inbox_keeps_no_text_of_a_judge_and_no_judgement_of_others() {
    let mut story = begin();
    story.open(kan(12), CODEX, "please");
    let text = judgement(&story, kan(12), "go");
    let command = format!("/gate list\n{text}");
    for (who, text, judges) in [(ISKRA, &text, true), (ALICE, &command, false)] {
        let said = story.write(kan(12), who, text);
        let Taken::Waits { line, .. } = story.arrive(story.delivery(said)) else {
            panic!("it waits");
        };
        let accepted: Accepted = story.record(&Key::inbox(line)).unwrap();
        let What::Comment(spoken) = accepted.what else {
            panic!("a comment");
        };
        assert_eq!(spoken.judgement.is_some(), judges);
        assert_eq!(spoken.text.is_empty(), judges);
        story.settle();
    }
}

#[test]
fn a_command_with_a_judgement_in_it_is_a_command() {
    let mut story = begin();
    story.reconfigure(KAN, |board| {
        board.judges.insert(ALICE, judge("alice"));
    });
    story.open(kan(12), CODEX, "please");
    let text = format!("/gate list\n{}", judgement(&story, kan(12), "go"));
    story.say(kan(12), ALICE, &text);
    assert!(story.last_reply(kan(12)).contains("open requests"));
    assert!(story.thread_of(kan(12)).judgements.is_empty());
    // What only looks like a command is a judgement.
    let text = format!("> /gate list\n{}", judgement(&story, kan(12), "go"));
    story.say(kan(12), ALICE, &text);
    assert_eq!(story.replies(kan(12)).len(), 1);
    assert_eq!(story.thread_of(kan(12)).judgements.len(), 1);
}

#[test]
fn the_newest_judgement_of_each_judge_is_kept() {
    let mut story = begin();
    story.open(kan(12), CODEX, "please");
    let first = judgement(&story, kan(12), "go");
    let first = story.write(kan(12), ISKRA, &first);
    let second = story.judged(kan(12), ISKRA, "reject");
    story.judged(kan(12), NOVA, "go");
    story.arrive(story.delivery(first));
    story.settle();
    let kept = story.thread_of(kan(12)).judgements;
    assert_eq!(kept[&ISKRA].comment, CommentId(second));
    assert_eq!(kept.len(), 2);
    story.reconfigure(KAN, |board| {
        board.judges.remove(&NOVA);
    });
    story.judged(kan(12), ISKRA, "go");
    assert_eq!(story.thread_of(kan(12)).judgements.len(), 1);
}

#[test]
fn advice_is_shown_in_summary_and_inspection() {
    let mut story = begin();
    story.open(kan(12), CODEX, "please");
    story.judged(kan(12), ISKRA, "reject");
    story.ask(kan(12));
    let advice = "- judge iskra advises: `p1`, `reject`, caveat `who ‹b›holds‹/b› the key?`; ";
    let now = format!("{advice}for the text as it stands, no labels then and now");
    let summary = story.last_reply(kan(12));
    assert!(summary.contains(&now), "{summary}");

    let said = story.judged(kan(12), ISKRA, "go");
    story.approve(kan(12), ALICE, 1);
    let inspect = |story: &mut Story| {
        story.say(kan(12), CODEX, "/gate inspect codex-kan-12");
        story.last_reply(kan(12))
    };
    let advice = advice.replace("reject", "go");
    let issue = story.forge.issues.get_mut(&kan(12)).unwrap();
    issue.body = "another".to_owned();
    issue.labelled = true;
    let then = format!("{advice}for an older text, labelled since");
    let shown = inspect(&mut story);
    assert!(shown.contains(&then), "{shown}");
    story.delete(said);
    assert!(!inspect(&mut story).contains("advises"));
    let text = judgement(&story, kan(12), "go").replace("labels_hash", "labels_v2");
    story.say(kan(12), NOVA, &text);
    assert!(inspect(&mut story).contains("as it stands, labels not checked"));
}

#[test]
fn another_judge_or_less_that_shuts_is_told() {
    type Change = fn(&mut Story);
    let rows: [(Change, &str, bool); 4] = [
        (
            |story| {
                story.reconfigure(KAN, |board| {
                    board.judges.get_mut(&ISKRA).unwrap().shut_on = names(&["reject"]);
                });
            },
            "kan: what shuts a gate that waits for iskra lost `operator_needed`",
            true,
        ),
        (
            |story| {
                story.reconfigure(KAN, |board| {
                    let judge = board.judges.get_mut(&ISKRA).unwrap();
                    judge.shut_on.insert("wait".to_owned());
                });
            },
            "kan: what shuts a gate that waits for iskra gained `wait`",
            false,
        ),
        (
            |story| {
                story.reconfigure(KAN, |board| {
                    board.judges.remove(&NOVA);
                });
            },
            "kan: nova is no judge any more",
            true,
        ),
        (
            |story| {
                story.reconfigure(KAN, |board| {
                    board.judges.insert(CAROL, judge("carol"));
                });
            },
            "kan: carol is a judge",
            true,
        ),
    ];
    for (change, text, wider) in rows {
        let mut story = begin();
        let told = story.replies(kan(1)).len();
        change(&mut story);
        assert_eq!(story.last_entry("policy_changed"), text);
        assert_eq!(story.replies(kan(1)).len() > told, wider, "{text}");
    }
}

#[test]
fn a_poll_that_sees_an_edited_judgement_makes_it_fall() {
    let mut story = begin();
    story.ask(kan(12));
    let said = story.judged(kan(12), ISKRA, "go");
    story.pass(1);
    story.forge.edit(said, "no", story.now);
    story.arrive(story.caught_up(said));
    story.settle();
    assert!(story.thread_of(kan(12)).judgements[&ISKRA].fallen);

    // One that was itself only read back falls when it is read again with another text.
    let text = judgement(&story, kan(12), "go");
    let said = story.write(kan(12), ISKRA, &text);
    story.arrive(story.caught_up(said));
    story.settle();
    assert!(!story.thread_of(kan(12)).judgements[&ISKRA].fallen);
    let text = judgement(&story, kan(12), "hurry");
    story.forge.edit(said, &text, story.now);
    let mut arrival = story.trigger(kan(12), Look::Deleted(CommentId(said)));
    arrival.accepted.road = Road::CatchUp;
    story.arrive(arrival);
    story.settle();
    assert!(story.thread_of(kan(12)).judgements[&ISKRA].fallen);
}
