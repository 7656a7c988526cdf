//! Nothing counts that is not what it was, whenever that came to light.

use super::*;
use crate::gate::credential::CredentialStatus;
use crate::gate::event::{Spoken, What};

/// Piotr's yes completes nothing if Alice's was once another text: seen when it happened, or found
/// out only now.
#[test]
fn an_approval_that_was_once_another_text_counts_no_longer() {
    for looked in [true, false] {
        let mut story = Story::new();
        story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
        let approval = story.approve(kan(12), ALICE, 1);
        assert_eq!(story.request(1).approvals.len(), 1);
        if looked {
            edited_and_back(&mut story, kan(12), approval);
            story.settle();
            assert!(story.request(1).approvals.is_empty());
        } else {
            seen_otherwise(&mut story, Subject::Comment(approval));
        }
        story.approve(kan(12), PIOTR, 1);
        assert_eq!(story.credentials(), 0);
        assert_eq!(story.request(1).approvals.len(), 1);
        // She says it again.
        story.approve(kan(12), ALICE, 1);
        assert_eq!(story.credentials(), 1);
        assert_eq!(story.identity("codex").unwrap().owner, PIOTR);
    }
}

/// A second `created` with another body is as telling as an edit.
#[test]
fn a_second_body_of_an_approval_is_looked_at() {
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
    let approval = story.approve(kan(12), ALICE, 1);
    story.arrive(story.forged(kan(12), approval, ALICE, "something else"));
    story.settle();
    assert!(story.request(1).approvals.is_empty());
    assert_eq!(story.word(1), "open");
}

#[test]
fn a_request_whose_text_was_once_another_is_void() {
    for looked in [true, false] {
        let mut story = Story::new();
        let asked = story.forge.last_id + 1;
        story.ask(kan(12));
        if looked {
            edited_and_back(&mut story, kan(12), asked);
            story.settle();
        } else {
            seen_otherwise(&mut story, Subject::Comment(asked));
            story.approve(kan(12), ALICE, 1);
        }
        assert_eq!(story.word(1), "void");
        assert_eq!(story.credentials(), 0);
    }
}

/// Somebody shows the owners a smaller request for a minute and puts the summary back: nothing that
/// was shown in this thread can be relied on.
#[test]
fn a_summary_that_was_once_another_voids_the_whole_thread() {
    for looked in [true, false] {
        let mut story = Story::new();
        story.ask(kan(12));
        story.ask(kan(12));
        story.ask(kan(13));
        let summary = story.request(1).summary.unwrap().comment.0;
        if looked {
            edited_and_back(&mut story, kan(12), summary);
            story.settle();
        } else {
            seen_otherwise(&mut story, Subject::Comment(summary));
            story.approve(kan(12), ALICE, 1);
        }
        assert_eq!(story.word(1), "void");
        assert_eq!(story.word(2), "void");
        assert_eq!(story.word(3), "open");
        assert_eq!(story.credentials(), 0);
    }
}

/// Junk about the number that the summary is going to get says nothing about the summary.
#[test]
fn junk_before_the_summary_is_posted_does_not_void_it() {
    let mut story = Story::new();
    let coming = story.forge.last_id + 2;
    story.arrive(story.forged(kan(12), coming, ALICE, "junk"));
    story.arrive(story.forged(kan(12), coming, ALICE, "more junk"));
    story.ask(kan(12));
    assert_eq!(story.request(1).summary.unwrap().comment.0, coming);
    // Nor does the same junk afterwards: nobody but the bot wrote that comment.
    story.arrive(story.forged(kan(12), coming, ALICE, "junk"));
    story.arrive(story.forged(kan(12), coming, BOT, "still more junk"));
    story.settle();
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.credentials(), 1);
}

/// Before a credential is used: what is not there any more takes it back; what is there and was once
/// seen otherwise stops it, which can be undone.
#[test]
fn what_an_unused_credential_rests_on_must_stand() {
    let issued = || {
        let mut story = Story::new();
        story.ask(kan(12));
        let approval = story.approve(kan(12), ALICE, 1);
        assert!(story.live(1).is_some());
        (story, approval)
    };
    let (mut story, approval) = issued();
    edited_and_back(&mut story, kan(12), approval);
    story.settle();
    assert_eq!(word(&story, "codex-kan-12"), "paused");
    assert_eq!(story.live(1), None);
    assert!(!matches!(
        story.credential(1).status,
        CredentialStatus::Revoked(_)
    ));

    let (mut story, approval) = issued();
    story.arrive(story.forged(kan(12), approval, ALICE, "junk"));
    story.settle();
    assert_eq!(word(&story, "codex-kan-12"), "paused");

    let (mut story, approval) = issued();
    story.edit(approval, "I never said that");
    assert!(matches!(
        story.credential(1).status,
        CredentialStatus::Revoked(_)
    ));
    assert_eq!(word(&story, "codex-kan-12"), "active");

    // Once it was used, an edit changes nothing.
    let (mut story, approval) = issued();
    let mac = story.credential(1).mac;
    story.show(&mac);
    story.edit(approval, "I never said that");
    assert!(story.live(1).is_some());
}

/// An issue's body shows no sign of an edit, so that it asks only while the issue is new.
#[test]
fn an_issue_that_was_not_new_when_it_was_seen_does_not_ask() {
    for (seconds, asks) in [(10, true), (299, true), (301, false), (86_400, false)] {
        let mut story = Story::new();
        let body = request_line("codex-*", "board:read", "dev");
        story
            .forge
            .issues
            .insert(kan(12), Issue::new(CODEX, &body, story.now));
        story.pass(seconds);
        let mut arrival = story.forged(kan(12), 12, CODEX, &body);
        arrival.accepted.what = What::Opened(Spoken::new(
            12,
            Some(CODEX),
            &body,
            Hash::of(body.as_bytes()),
        ));
        story.arrive(arrival);
        story.settle();
        assert_eq!(story.requests() == 1, asks, "{seconds}");
        if !asks {
            assert_eq!(story.last_code(kan(12)), "not_in_time");
            assert!(story.last_reply(kan(12)).contains("as a comment"));
        }
    }
}

/// The first who approved owns it, whoever came last.
#[test]
fn the_first_approver_is_the_owner() {
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
    story.approve(kan(12), PIOTR, 1);
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.identity("codex").unwrap().owner, PIOTR);
}

/// A hold is about one owner and one login: it ends when either is not so any more.
#[test]
fn a_hold_ends_when_the_config_knows_the_login_or_the_owner_no_more() {
    let held = || {
        let mut story = Story::new();
        story.ask(kan(12));
        story
            .forge
            .logins
            .insert(ALICE, "www.evil.example".to_owned());
        story.approve(kan(12), ALICE, 1);
        let told = story.replies(kan(12)).join("\n");
        assert!(
            told.contains("**Widening is held on this board**"),
            "{told}"
        );
        assert!(told.contains("`www.evil.example`"));
        story.approve(kan(12), PIOTR, 1);
        assert_eq!(story.last_code(kan(12)), "held");
        story
    };
    let opens = |story: &mut Story| {
        story.approve(kan(12), PIOTR, 1);
        story.credentials() == 1
    };
    let mut story = held();
    assert!(!opens(&mut story));
    story.reconfigure(KAN, |board| {
        board.owners.get_mut(&ALICE).unwrap().login = "www.evil.example".to_owned();
    });
    assert!(opens(&mut story));

    let mut story = held();
    story.reconfigure(KAN, |board| {
        board.owners.remove(&ALICE);
    });
    assert!(opens(&mut story));
}

/// An approval that was not kept is not logged as if it had been.
#[test]
fn what_is_not_counted_is_logged_as_that_alone() {
    let mut story = Story::new();
    story.ask(kan(12));
    story.clock = Some("it jumped".to_owned());
    story.approve(kan(12), ALICE, 1);
    let counted = |story: &Story, code| {
        let entries = story.entries();
        entries.iter().filter(|entry| **entry == code).count()
    };
    assert_eq!(counted(&story, "approval_counted"), 0);
    assert_eq!(counted(&story, "approval_not_counted"), 1);
    assert!(story.request(1).approvals.is_empty());
    story.clock = None;
    story.approve(kan(12), ALICE, 1);
    assert_eq!(counted(&story, "approval_counted"), 1);
    assert_eq!(story.credentials(), 1);
}
