//! Looking again: edits, deletions, closed and deleted issues, strangers in the bot's clothes,
//! secrets in texts. Everything narrows, and nothing comes back by itself.

use super::super::*;
use super::*;
use crate::gate::event::{Leak, Look};
use crate::gate::ids::CommentId;

#[test]
fn an_edit_or_deletion_ends_what_rests_on_it() {
    type Change = fn(&mut Story, i64);
    let changes: [(&str, Change); 4] = [
        ("the request edited", |story, id| {
            story.edit(id, &request_line("codex", "board:read,card:write", "dev"));
        }),
        ("the request deleted", |story, id| story.delete(id)),
        ("the summary edited", |story, id| {
            story.edit(id + 1, "**R1** · for nothing much")
        }),
        ("the summary deleted", |story, id| story.delete(id + 1)),
    ];
    for (name, change) in changes {
        let mut story = Story::new();
        let id = story.say(kan(12), CODEX, &request_line("codex", "board:read", "dev"));
        change(&mut story, id);
        assert_eq!(story.word(1), "void", "{name}");
        let said = story.replies(kan(12));
        assert!(
            said.iter().any(|text| text.starts_with("**R1 is void**")),
            "{name}"
        );
        let line = story.approve_line(1);
        story.say(kan(12), ALICE, &line);
        assert_eq!(story.last_code(kan(12)), "not_open", "{name}");
    }
    // A comment that nothing rests on.
    let mut story = Story::new();
    story.ask(kan(12));
    let id = story.say(kan(12), CODEX, "hello");
    story.edit(id, "hello again");
    story.delete(id);
    // An edit that changed nothing.
    let id = *story.forge.comments.keys().next().unwrap();
    let text = story.forge.comments[&id].text.clone();
    story.edit(id, &text);
    assert_eq!(story.word(1), "open");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");
}

#[test]
fn an_approval_that_is_edited_or_deleted_counts_no_longer() {
    for delete in [false, true] {
        let mut story = Story::new();
        story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
        let id = story.approve(kan(12), ALICE, 1);
        if delete {
            story.delete(id);
        } else {
            story.edit(id, "no");
        }
        assert!(story.request(1).approvals.is_empty());
        assert_eq!(
            story.last_reply(kan(12)),
            "R1: an approval was edited or deleted and counts no longer."
        );
        story.approve(kan(12), PIOTR, 1);
        assert_eq!(story.word(1), "open");
        story.approve(kan(12), ALICE, 1);
        assert_eq!(story.word(1), "approved");
    }
}

#[test]
fn of_two_approvals_only_the_one_that_was_edited_falls() {
    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        board.gates.get_mut("staging").unwrap().quorum = 3;
        let carol = board.owners[&ALICE].clone();
        board.owners.insert(
            CAROL,
            crate::gate::policy::Owner {
                login: "carol".to_owned(),
                ..carol
            },
        );
    });
    story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
    let first = story.approve(kan(12), ALICE, 1);
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.request(1).approvals.len(), 2);
    story.edit(first, "no");
    let left: Vec<_> = story
        .request(1)
        .approvals
        .iter()
        .map(|it| it.approver)
        .collect();
    assert_eq!(left, [PIOTR]);
}
/// A credential that was not used yet falls with the approval that it rests on; one in use stays
/// until somebody revokes it.
#[test]
fn a_pending_credential_falls_with_its_approval() {
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
    let first = story.approve(kan(12), ALICE, 1);
    story.approve(kan(12), PIOTR, 1);
    story.edit(first, "I did not mean it");
    assert_eq!(story.live(1), None);
    let said = story.last_reply(kan(12));
    assert!(
        said.starts_with("**c1 of `codex` is revoked**") && said.ends_with("@alice @piotr"),
        "{said}"
    );
}

#[test]
fn a_credential_in_use_stays_when_its_approval_is_deleted() {
    let mut story = Story::new();
    story.ask(kan(12));
    let approval = story.approve(kan(12), ALICE, 1);
    let mac = story.credential(1).mac;
    assert!(matches!(story.show(&mac), Answer::Live(_)));
    story.delete(approval);
    assert!(matches!(story.show(&mac), Answer::Live(_)));
}

#[test]
fn a_closed_issue_pauses_and_voids_and_opening_revives_neither() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask(kan(12));
    let mac = story.credential(1).mac;
    story.set_open(kan(12), false);
    assert_eq!(
        story.identity("codex-kan-12").unwrap().word(story.now),
        "paused"
    );
    assert_eq!(story.word(2), "void");
    assert_eq!(story.show(&mac), Answer::Inactive);
    let said = story.last_reply(kan(12));
    assert!(
        said.starts_with("**`codex-kan-12` paused**: its issue was closed")
            && said.ends_with("Void: R2."),
        "{said}"
    );
    story.set_open(kan(12), true);
    assert_eq!(story.show(&mac), Answer::Inactive);
    assert_eq!(story.word(2), "void");
    let count = story.replies(kan(12)).len();
    story.set_open(kan(12), false);
    assert_eq!(
        story.replies(kan(12)).len(),
        count,
        "nothing is left to stop"
    );
    story.say(kan(12), ALICE, "/gate revoke");
    assert_eq!(
        story.identity("codex-kan-12").unwrap().word(story.now),
        "revoked"
    );
}

/// The trigger says "look again": what is there now counts, not what the delivery says.
#[test]
fn a_late_close_of_an_open_issue_does_nothing() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.arrive(story.trigger(kan(12), Look::Issue));
    story.settle();
    assert!(story.live(1).is_some());
}

#[test]
fn a_deleted_or_unreadable_issue_is_said_in_the_control_issue() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask(kan(12));
    story.forge.issues.get_mut(&kan(12)).unwrap().gone = true;
    story.arrive(story.trigger(kan(12), Look::Issue));
    story.settle();
    assert_eq!(story.live(1), None);
    assert_eq!(story.word(2), "void");
    assert!(story.last_reply(kan(1)).ends_with("That was #12."));

    story.issue(kan(13));
    let event = Event::Unreadable {
        thread: kan(13),
        why: "500".to_owned(),
    };
    story.answer(&event);
    story.settle();
    assert_eq!(story.live(2), None);
    assert!(
        story
            .last_reply(kan(1))
            .contains("could not be read for ten minutes: `500`")
    );
    let said = story.replies(kan(1)).len();
    story.answer(&event);
    story.settle();
    assert_eq!(story.replies(kan(1)).len(), said);
}

#[test]
fn an_edited_body_voids_what_was_asked_in_it_and_nothing_else() {
    let mut story = Story::new();
    story.open(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    story.ask_for(kan(12), CODEX, "other", "board:read", "dev");
    story.arrive(story.trigger(kan(12), Look::IssueEdited));
    story.settle();
    assert_eq!(story.word(1), "open", "only the title changed");
    story.forge.issues.get_mut(&kan(12)).unwrap().body = "something else".to_owned();
    story.arrive(story.trigger(kan(12), Look::IssueEdited));
    story.settle();
    assert_eq!((story.word(1), story.word(2)), ("void", "open"));
}

#[test]
fn somebody_with_the_bots_voice_voids_what_is_open_and_is_told_once() {
    let mut story = Story::new();
    story.ask(kan(12));
    story.ask(kan(13));
    let say = |story: &mut Story| {
        let id = story
            .forge
            .write(kan(12), BOT, "**R1 approved**", story.now, false);
        story.arrive(story.trigger(kan(12), Look::Stray(CommentId(id))));
        story.settle();
    };
    say(&mut story);
    assert_eq!((story.word(1), story.word(2)), ("void", "open"));
    assert!(
        story
            .last_reply(kan(12))
            .contains("written with my account and not by me")
    );
    let said = story.replies(kan(12)).len();
    story.ask(kan(12));
    say(&mut story);
    assert_eq!(story.word(3), "void");
    assert_eq!(
        story.replies(kan(12)).len(),
        said + 1,
        "the summary of R3 and no more"
    );

    // Neither a marked comment of its own, nor somebody else's, nor one of another thread.
    story.ask(kan(12));
    let marked = story.forge.write(kan(12), BOT, "x", story.now, true);
    let carols = story.forge.write(kan(12), CAROL, "x", story.now, false);
    let elsewhere = story.forge.write(kan(14), BOT, "x", story.now, false);
    for id in [marked, carols, elsewhere, 9_999] {
        story.arrive(story.trigger(kan(12), Look::Stray(CommentId(id))));
    }
    story.settle();
    assert_eq!(story.word(4), "open");
}

#[test]
fn a_leaked_token_is_revoked_whoever_wrote_it_and_wherever() {
    for (thread, place) in [
        (kan(12), "in this thread"),
        (kan(99), "in #99"),
        (ops(3), "on another board"),
    ] {
        let mut story = Story::new();
        story.issue(kan(12));
        let mac = story.credential(1).mac;
        let unknown = crate::gate::ids::Mac::new(&[0xaa; 32]);
        let arrival = story.leak(thread, vec![Leak::Token(vec![unknown, mac.clone()])]);
        assert_eq!(story.show(&mac), Answer::Inactive);
        let said = story.last_reply(kan(12));
        assert!(
            said.contains(&format!("its token stood in a text {place}")),
            "{said}"
        );
        let lines = story.lines.len();
        story.arrive_again(arrival);
        assert_eq!(story.lines.len(), lines);
    }
}

#[test]
fn a_leaked_age_key_burns_its_recipient() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.issue(kan(13));
    story.ask(kan(14));
    let line = request_line("other", "board:read", "dev").replace(RECIPIENT, OTHER_RECIPIENT);
    story.say(kan(15), CODEX, &line);
    let used = story.credential(1).mac;
    assert!(matches!(story.show(&used), Answer::Live(_)));
    let arrival = story.leak(kan(20), vec![Leak::AgeKey(RECIPIENT.to_owned())]);
    assert!(
        matches!(story.show(&used), Answer::Live(_)),
        "its file is open already"
    );
    assert_eq!(story.live(2), None, "it was not used yet");
    assert_eq!((story.word(3), story.word(4)), ("void", "open"));
    assert!(
        story
            .last_reply(kan(13))
            .starts_with("**`codex-kan-13` c2 is revoked**")
    );
    assert!(story.last_reply(kan(20)).contains("Its recipient is burnt"));
    let lines = story.lines.len();
    story.arrive_again(arrival);
    assert_eq!(story.lines.len(), lines);
    let entries = story.entries();
    assert_eq!(
        entries
            .iter()
            .filter(|code| **code == "age_key_leaked")
            .count(),
        1
    );
}

/// Both in one moment: the key burns between the approval's counting and the opening of the gate.
#[test]
fn nothing_is_sealed_to_a_burnt_key() {
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "dev");
    let line = story.approve_line(1);
    let id = story.write(kan(12), ALICE, &line);
    story.arrive(story.delivery(id));
    let mut arrival = story.forged(kan(13), 5_000, STRANGER, "x");
    arrival.leaks = vec![Leak::AgeKey(RECIPIENT.to_owned())];
    story.arrive(arrival);
    story.settle();
    assert_eq!(story.credentials(), 0);
    assert_eq!(story.word(1), "void");
}
