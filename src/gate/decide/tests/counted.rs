//! Approvals that are not counted: the reason is said, nothing is issued, and the right line after
//! it still counts where that can be.

use super::*;
use crate::gate::effect::Reaction;
use crate::gate::event::Road;
use crate::gate::ids::CommentId;
use crate::gate::ids::UserId;

/// Somebody says the right line of R1 in its thread after a change; the code of the refusal.
fn refused(change: impl FnOnce(&mut Story), who: UserId) -> String {
    let mut story = Story::new();
    story.ask(kan(12));
    change(&mut story);
    let id = story.approve(kan(12), who, 1);
    assert_eq!(story.credentials(), 0);
    assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::No);
    story.last_code(kan(12))
}

#[test]
fn who_cannot_approve() {
    assert_eq!(refused(|_| (), CAROL), "not_an_owner");
    assert_eq!(refused(|_| (), CODEX), "machine_account");
    let left = |story: &mut Story| {
        story.reconfigure(KAN, |board| {
            board.owners.get_mut(&ALICE).unwrap().may_approve = false;
        });
    };
    assert_eq!(refused(left, ALICE), "may_not_approve");
    let machine = |story: &mut Story| {
        story.reconfigure(KAN, |board| {
            board.machine_accounts.insert(ALICE);
        });
    };
    assert_eq!(refused(machine, ALICE), "machine_account");
    let renamed = |story: &mut Story| {
        story.forge.logins.insert(ALICE, "alice2".to_owned());
    };
    assert_eq!(refused(renamed, ALICE), "login_changed");
}

#[test]
fn who_asks_cannot_approve() {
    let mut story = Story::new();
    story.ask_for(kan(12), ALICE, "mine", "board:read", "dev");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "asked_for_it");
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.word(1), "approved");

    // Piotr asks for a credential of Alice's identity: neither of them counts.
    story.say(kan(12), PIOTR, &request_line("mine", "board:read", "dev"));
    assert_eq!(story.last_code(kan(12)), "too_few_owners");

    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        board.gates.get_mut("dev").unwrap().self_approval = true
    });
    story.ask_for(kan(12), ALICE, "mine", "board:read", "dev");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");
}

#[test]
fn where_things_are_wrong_on_the_forge() {
    type Row = (fn(&mut Story), &'static str);
    let cases: [Row; 3] = [
        (
            |story| {
                story.forge.issues.get_mut(&kan(12)).unwrap().open = false;
            },
            "thread_closed",
        ),
        (
            |story| {
                story.forge.issues.get_mut(&kan(12)).unwrap().body = "x".repeat(70_000);
            },
            "issue_too_large",
        ),
        (
            |story| {
                story.forge.names.insert(KAN, "guild/board".to_owned());
            },
            "repository_renamed",
        ),
    ];
    for (change, code) in cases {
        assert_eq!(refused(change, ALICE), code);
    }
}

#[test]
fn a_wrong_line_is_refused_with_the_right_one_to_copy() {
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "dev");
    let right = story.approve_line(1);
    for (line, code) in [
        (right.replace("ttl=8h", "ttl=9h"), "wider_than_asked"),
        (right.replace("ttl=8h", "ttl=0s"), "wider_than_asked"),
        (
            right.replace("board:read", "board:read,card:write"),
            "wider_than_asked",
        ),
        (
            right.replace(&story.request(1).code().to_string(), "7Q4K-9MZT-0XHV"),
            "wrong_code",
        ),
    ] {
        story.say(kan(12), ALICE, &line);
        assert_eq!(story.last_code(kan(12)), code, "{line}");
        assert!(
            story
                .last_reply(kan(12))
                .ends_with(&format!("```\n{right}\n```"))
        );
    }
    story.say(kan(12), ALICE, &right.replace("R1", "R2"));
    assert_eq!(story.last_code(kan(12)), "unknown_request");
    story.say(kan(13), ALICE, &right);
    assert_eq!(story.last_code(kan(13)), "other_thread");
    assert!(story.last_reply(kan(13)).contains("decided in #12"));
    story.say(kan(12), ALICE, &right);
    assert_eq!(story.word(1), "approved");
    story.say(kan(12), PIOTR, &right);
    assert_eq!(story.last_code(kan(12)), "not_open");
    assert_eq!(story.credentials(), 1);
}

#[test]
fn a_delivery_sent_by_somebody_else_is_not_counted() {
    let mut story = Story::new();
    story.ask(kan(12));
    let line = story.approve_line(1);
    let id = story.write(kan(12), ALICE, &line);
    let mut delivery = story.delivery(id);
    delivery.accepted.unverified_sender = Some(CAROL);
    story.arrive(delivery);
    story.settle();
    assert_eq!(story.last_code(kan(12)), "sent_by_another");

    let id = story.write(
        kan(13),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    let mut delivery = story.delivery(id);
    delivery.accepted.unverified_sender = Some(CAROL);
    story.arrive(delivery);
    story.settle();
    assert_eq!(story.last_code(kan(13)), "sent_by_another");
    assert_eq!(story.requests(), 1);
}

/// An old comment turned into an approval, in every way in which that can be tried.
#[test]
fn old_comments_stay_old() {
    let forge_line = |story: &mut Story, id: i64, updated| {
        let line = story.approve_line(1);
        story.forge.edit(id, &line, updated);
        let mut delivery = story.delivery(id);
        delivery.accepted.unverified_sender = Some(ALICE);
        story.arrive(delivery);
        story.settle();
        assert_eq!(story.credentials(), 0);
        story.last_code(kan(12))
    };
    // Seen with another text before the request: its first-seen hash stands.
    let mut story = Story::new();
    let id = story.say(kan(12), ALICE, "One moment");
    let created = story.forge.comments[&id].created;
    story.ask(kan(12));
    assert_eq!(forge_line(&mut story, id, created), "edited");

    // Never seen before, and older than the summary.
    let mut story = Story::new();
    let id = story.write(kan(12), ALICE, "One moment");
    let created = story.forge.comments[&id].created;
    story.ask(kan(12));
    assert_eq!(forge_line(&mut story, id, created), "older_than_summary");

    // Never seen before, newer than the summary, but written long ago.
    let mut story = Story::new();
    story.ask(kan(12));
    let id = story.write(kan(12), ALICE, "One moment");
    let created = story.forge.comments[&id].created;
    story.pass(301);
    assert_eq!(forge_line(&mut story, id, created), "not_in_time");

    // Edited within the second in which it was written, after its delivery was read.
    let mut story = Story::new();
    story.ask(kan(12));
    let id = story.say(kan(12), ALICE, "One moment");
    let created = story.forge.comments[&id].created;
    assert_eq!(forge_line(&mut story, id, created), "edited");
}

/// Edited between the delivery and the reading: nothing is done with either text.
#[test]
fn a_comment_that_changed_before_it_was_read_does_nothing() {
    let mut story = Story::new();
    story.ask(kan(12));
    let line = story.approve_line(1);
    let id = story.write(kan(12), ALICE, &line.replace("ttl=8h", "ttl=1h"));
    let delivery = story.delivery(id);
    let created = story.forge.comments[&id].created;
    story.forge.edit(id, &line, created);
    story.arrive(delivery.clone());
    story.settle();
    assert_eq!(story.last_code(kan(12)), "edited");
    assert_eq!(story.credentials(), 0);
    assert!(story.seen(id).unwrap().many, "both texts were seen");
    let said = story.replies(kan(12)).len();
    story.arrive(delivery);
    story.settle();
    assert_eq!(story.replies(kan(12)).len(), said, "said once");
}

/// An approval that comes before the summary's post is recorded waits, a minute at most.
#[test]
fn an_approval_waits_for_the_summary() {
    let mut story = Story::new();
    story.outbox_stands = true;
    story.say(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    let line = story.approve_line(1);
    let wrong = line.replace(&story.request(1).code().to_string(), "7Q4K-9MZT-0XHV");
    story.say(kan(12), ALICE, &wrong);
    assert!(story.waiting().is_empty(), "a wrong code waits for nothing");
    // Whoever approves now did it before the summary was there.
    story.say(kan(12), ALICE, &line);
    assert_eq!(story.waiting().len(), 1);
    story.pass(59);
    story.settle();
    assert_eq!(story.waiting().len(), 1);
    story.pass(2);
    story.settle();
    assert!(story.waiting().is_empty());
    story.outbox_stands = false;
    story.settle();
    assert_eq!(story.last_code(kan(12)), "no_summary_yet");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");

    // The summary is there on the forge and the post is recorded a little later.
    let mut story = Story::new();
    story.outbox_stands = true;
    story.say(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    let line = story.approve_line(1);
    story.forge.last_id += 10;
    let id = story.write(kan(12), ALICE, &line);
    story.forge.last_id -= 10;
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!(story.waiting().len(), 1);
    story.outbox_stands = false;
    story.settle();
    assert_eq!(story.word(1), "approved");
}

/// Reading back finds what was not delivered: it may ask and narrow, and not approve.
#[test]
fn a_caught_up_approval_waits_for_its_delivery_and_is_then_to_be_repeated() {
    let mut story = Story::new();
    let id = story.write(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    story.arrive(story.caught_up(id));
    story.settle();
    assert_eq!(story.word(1), "open");

    // The delivery comes after all: it counts.
    let line = story.approve_line(1);
    let id = story.write(kan(12), ALICE, &line);
    let caught_up = story.caught_up(id);
    story.arrive(caught_up.clone());
    story.settle();
    assert_eq!(story.waiting().len(), 1);
    story.arrive_again(caught_up.clone());
    assert_eq!(
        story.waiting().len(),
        1,
        "reading back again changes nothing"
    );
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!(story.word(1), "approved");
    story.pass(10);
    story.settle();
    assert!(story.waiting().is_empty());
    assert_eq!(story.replies(kan(12)).len(), 2);

    // It does not come: whoever gave it is told once, and it still counts when it comes later.
    story.ask(kan(12));
    let line = story.approve_line(2);
    let id = story.write(kan(12), ALICE, &line);
    let caught_up = story.caught_up(id);
    story.arrive(caught_up.clone());
    story.pass(9);
    story.settle();
    assert_eq!(story.waiting().len(), 1);
    story.pass(1);
    story.settle();
    assert_eq!(story.last_code(kan(12)), "not_delivered");
    assert!(story.last_reply(kan(12)).starts_with("@alice: "));
    let said = story.replies(kan(12)).len();
    story.arrive_again(caught_up);
    story.pass(20);
    story.settle();
    assert_eq!(story.replies(kan(12)).len(), said);
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!(story.word(2), "approved");

    // A revoke that was caught up acts.
    let id = story.write(kan(12), ALICE, "/gate revoke codex-kan-12");
    story.arrive(story.caught_up(id));
    story.settle();
    assert_eq!(story.live(1), None);
    assert!(
        story
            .deliveries
            .iter()
            .any(|delivery| delivery.accepted.road == Road::CatchUp)
    );
}

#[test]
fn an_author_who_is_gone_is_said_and_not_asked_for_again() {
    for ghost in [UserId(-1), UserId(0)] {
        let mut story = Story::new();
        story.ask(kan(12));
        let line = story.approve_line(1);
        let id = story.write(kan(12), ALICE, &line);
        let delivery = story.delivery(id);
        story.forge.comments.get_mut(&id).unwrap().author = ghost;
        story.arrive(delivery);
        story.settle();
        assert_eq!(story.last_code(kan(12)), "author_unknown");
        assert!(story.waiting().is_empty());
        assert_eq!(story.word(1), "open");
    }
}
