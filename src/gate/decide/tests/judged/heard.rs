//! Judgements as they come in: what is kept, what is void, what is shown as advice, and what falls.

use super::*;

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
    story.arrive(story.caught_up(said));
    story.settle();
    assert!(story.thread_of(kan(12)).judgements[&ISKRA].fallen);
}

/// The delivery of a comment that was read back comes after somebody edited it.
#[test]
fn a_judgement_that_was_read_back_falls_with_its_late_delivery() {
    let mut story = begin();
    story.ask(kan(12));
    let text = judgement(&story, kan(12), "go");
    let said = story.write(kan(12), ISKRA, &text);
    let delivery = story.delivery(said);
    story.arrive(story.caught_up(said));
    story.settle();
    let text = judgement(&story, kan(12), "hurry");
    story.forge.edit(said, &text, story.now);
    story.arrive(delivery);
    story.settle();
    assert_eq!(story.last_entry("judgement_void"), "edited");
    assert!(story.thread_of(kan(12)).judgements[&ISKRA].fallen);
}

/// A judge who may give orders, too, gives one: what stands below it in the same comment is no judgement.
#[test]
fn a_judges_command_is_a_command() {
    let mut story = begin();
    story.reconfigure(KAN, |board| {
        board.judges.insert(ALICE, judge("alice"));
    });
    story.ask(kan(12));
    let text = format!("/gate deny R1\n{}", judgement(&story, kan(12), "go"));
    story.say(kan(12), ALICE, &text);
    assert_eq!(story.word(1), "denied");
    assert!(story.thread_of(kan(12)).judgements.is_empty());
    // What a judge says without a block is no judgement either, and nothing is written down of it.
    let entries = story.entries().len();
    story.say(kan(12), ISKRA, "I shall look at it tomorrow.");
    assert_eq!(story.entries().len(), entries);
}

/// A judge is none any more when its comment is read: that comment is used up, whoever delivers it again.
#[test]
fn what_was_heard_of_a_former_judge_is_not_heard_again() {
    let mut story = begin();
    story.ask(kan(12));
    let text = judgement(&story, kan(12), "go");
    let said = story.write(kan(12), ISKRA, &text);
    story.arrive(story.delivery(said));
    story.reconfigure(KAN, |board| {
        board.judges.remove(&ISKRA);
    });
    story.settle();
    story.reconfigure(KAN, |board| {
        board.judges.insert(ISKRA, judge("iskra"));
    });
    assert_eq!(story.arrive(story.delivery(said)), Taken::Nothing);
    story.settle();
    assert!(story.thread_of(kan(12)).judgements.is_empty());
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "judgement_missing");
}

#[test]
fn only_the_judgement_that_was_touched_falls() {
    let mut story = begin();
    story.ask(kan(12));
    story.judged(kan(12), ISKRA, "go");
    let said = story.judged(kan(12), NOVA, "go");
    story.edit(said, "no");
    let judgements = story.thread_of(kan(12)).judgements;
    assert!(judgements[&NOVA].fallen && !judgements[&ISKRA].fallen);
    let told = story.last_reply(kan(12));
    assert!(
        told.starts_with("R1: the judgement of nova was edited"),
        "{told}"
    );
}
