//! What an approval rests on must stand when it is counted, and still when the next one is: texts,
//! summary, gate, logins, and who people were when they spoke.

use super::*;
use crate::gate::effect::Reaction;
use crate::gate::ids::{CommentId, UserId};
use crate::gate::key::Key;
use crate::gate::thread::BoardState;

/// Before anything is counted, everything that it rests on is read again.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of what falls")]
fn what_an_approval_rests_on_must_stand() {
    type Change = fn(&mut Story, i64);
    let voids: [(&str, Change); 6] = [
        ("the request edited", |story, source| {
            let text =
                request_line("codex-*", "board:read,card:write", "dev").replace("ttl=8h", "ttl=1h");
            story.forge.edit(source, &text, story.now);
        }),
        ("the request deleted", |story, source| {
            story.forge.delete(source)
        }),
        ("the summary edited", |story, source| {
            let text = story.forge.comments[&(source + 1)]
                .text
                .replace("card:write", "card:read");
            story.forge.edit(source + 1, &text, story.now);
        }),
        ("the summary deleted", |story, source| {
            story.forge.delete(source + 1)
        }),
        ("the summary by another", |story, source| {
            story.forge.comments.get_mut(&(source + 1)).unwrap().author = CAROL;
        }),
        ("another installation", |story, _| {
            let mut policy = story.policy.clone();
            policy.installation = "j".repeat(64);
            story.configure(policy);
        }),
    ];
    for (name, change) in voids {
        let mut story = Story::new();
        let source = story.say(
            kan(12),
            CODEX,
            &request_line("codex-*", "board:read,card:write", "dev"),
        );
        let line = story.approve_line(1);
        change(&mut story, source);
        let id = story.say(kan(12), ALICE, &line);
        assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::No);
        assert_eq!(story.word(1), "void", "{name}");
        assert_eq!(story.credentials(), 0, "{name}");
        assert!(
            story.last_reply(kan(12)).starts_with("**R1 is void**"),
            "{name}"
        );
    }
    // An edit of the issue's body, seen by nobody, when it was asked there.
    let mut story = Story::new();
    story.open(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    story
        .forge
        .issues
        .get_mut(&kan(12))
        .unwrap()
        .body
        .push_str(" label=x");
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "void");
}

/// The first of two approvals is gone or was given under other rules when the second comes.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of what falls")]
fn stale_approvals_are_forgotten_when_the_next_one_comes() {
    type Change = fn(&mut Story, i64);
    let changes: [(&str, Change); 6] = [
        ("edited, seen by nobody", |story, id| {
            story
                .forge
                .edit(id, "no", story.forge.comments[&id].created);
        }),
        ("deleted, seen by nobody", |story, id| {
            story.forge.delete(id)
        }),
        ("somebody else's now", |story, id| {
            story.forge.comments.get_mut(&id).unwrap().author = UserId(-1);
        }),
        ("another gate", |story, _| {
            story.reconfigure(KAN, |board| {
                board.gates.get_mut("staging").unwrap().max_ttl = 100_000
            });
        }),
        ("a new owner", |story, _| {
            story.reconfigure(KAN, |board| {
                let owner = board.owners[&ALICE].clone();
                board.owners.insert(UserId(8), owner);
            });
        }),
        ("a new machine account", |story, _| {
            story.reconfigure(KAN, |board| {
                board.machine_accounts.insert(UserId(9));
            });
        }),
    ];
    for (name, change) in changes {
        let mut story = Story::new();
        story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
        let id = story.approve(kan(12), ALICE, 1);
        change(&mut story, id);
        story.approve(kan(12), PIOTR, 1);
        assert_eq!(story.credentials(), 0, "{name}");
        assert_eq!(story.request(1).approvals.len(), 1, "{name}");
        assert!(story.entries().contains(&"approval_dropped"), "{name}");
        let said = story.replies(kan(12));
        assert!(
            said.iter()
                .any(|text| text.contains("approval by alice counts no longer")),
            "{name}"
        );
        story.approve(kan(12), ALICE, 1);
        assert_eq!(story.word(1), "approved", "{name}");
    }
    // Forgotten, too, if the next one does not count itself.
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
    let id = story.approve(kan(12), ALICE, 1);
    story.forge.delete(id);
    let wider = story.approve_line(1).replace("ttl=8h", "ttl=9h");
    story.say(kan(12), PIOTR, &wider);
    assert!(story.request(1).approvals.is_empty());
    // Another gate's change voids nothing here.
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "staging");
    story.approve(kan(12), ALICE, 1);
    story.reconfigure(KAN, |board| {
        board.gates.get_mut("dev").unwrap().max_ttl = 100_000
    });
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.word(1), "approved");
}

/// A yes that meets a shut gate is not kept: what shut it may pass, and the owner says it again.
#[test]
fn a_yes_from_before_opens_nothing_later() {
    let mut story = Story::new();
    story.ask(kan(12));
    story.clock = Some("it jumped".to_owned());
    let first = story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "clock_not_trusted");
    story.clock = None;
    story.low_space = true;
    let id = story.write(kan(12), PIOTR, &story.approve_line(1));
    story.arrive(story.delivery(id));
    story.settle();
    story.low_space = false;
    assert_eq!(story.last_code(kan(12)), "disk_nearly_full");
    assert!(story.request(1).approvals.is_empty());
    story.arrive(story.delivery(first));
    story.settle();
    assert_eq!(story.credentials(), 0);
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");
}

#[test]
fn a_changed_login_holds_the_board_until_the_config_says_the_same() {
    let mut story = Story::new();
    story.ask(kan(12));
    story.forge.logins.insert(ALICE, "alice2".to_owned());
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.last_code(kan(12)), "login_changed");
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.last_code(kan(12)), "held");
    // The kill switch is not held.
    story.say(kan(12), ALICE, "/gate deny R1");
    assert_eq!(story.word(1), "denied");

    story.ask(kan(12));
    story.reconfigure(KAN, |board| {
        board.owners.get_mut(&ALICE).unwrap().login = "alice2".to_owned()
    });
    story.approve(kan(12), PIOTR, 2);
    assert_eq!(story.word(2), "approved", "{}", story.last_reply(kan(12)));

    // She changes it back on the forge: held again, until she approves under her own name.
    story.ask(kan(12));
    story.forge.logins.insert(ALICE, "alice".to_owned());
    story.approve(kan(12), ALICE, 3);
    story.forge.logins.insert(ALICE, "alice2".to_owned());
    story.approve(kan(12), ALICE, 3);
    assert_eq!(story.word(3), "approved");

    // An owner who is taken out of the config holds nothing.
    story.ask(kan(12));
    story.forge.logins.insert(ALICE, "eve".to_owned());
    story.approve(kan(12), ALICE, 4);
    story.reconfigure(KAN, |board| {
        board.owners.remove(&ALICE);
    });
    let state: BoardState = story.record(&Key::board(KAN)).unwrap();
    assert!(state.holds.is_empty());
    story.approve(kan(12), PIOTR, 4);
    assert_eq!(story.word(4), "approved");
}

/// Somebody who becomes an owner has not said as one what she said before.
#[test]
fn what_somebody_said_before_she_was_an_owner_does_not_count() {
    let said_by = |who: UserId| {
        let mut story = Story::new();
        story.ask(kan(12));
        let id = story.approve(kan(12), who, 1);
        story.reconfigure(KAN, |board| {
            let owner = crate::gate::policy::Owner {
                login: story_login(who).to_owned(),
                ..board.owners[&ALICE].clone()
            };
            board.owners.insert(who, owner);
        });
        story.arrive(story.delivery(id));
        story.settle();
        assert_eq!(story.credentials(), 0, "{who}");
        story.approve(kan(12), who, 1);
        assert_eq!(story.word(1), "approved", "{who}");
    };
    // Carol may ask here and was refused; Mallory got no answer.
    said_by(CAROL);
    said_by(STRANGER);

    // The same, with a delivery that named an owner as the author.
    let mut story = Story::new();
    story.ask(kan(12));
    let line = story.approve_line(1);
    let id = story.write(kan(12), STRANGER, &line);
    story.arrive(story.forged(kan(12), id, ALICE, &line));
    story.settle();
    story.reconfigure(KAN, |board| {
        let owner = crate::gate::policy::Owner {
            login: "mallory".to_owned(),
            ..board.owners[&ALICE].clone()
        };
        board.owners.insert(STRANGER, owner);
    });
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!(story.credentials(), 0);
}

/// What stops something does not depend on when it was said.
#[test]
fn what_somebody_said_before_she_was_an_owner_still_stops_what_it_names() {
    let mut story = Story::new();
    let number = story.issue(kan(12));
    story.show(&story.credential(number).mac);
    let id = story.say(kan(13), STRANGER, "/gate revoke codex-kan-12");
    assert!(story.live(1).is_some());
    story.reconfigure(KAN, |board| {
        let owner = crate::gate::policy::Owner {
            login: "mallory".to_owned(),
            ..board.owners[&ALICE].clone()
        };
        board.owners.insert(STRANGER, owner);
    });
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!(story.live(1), None);
}
fn story_login(who: UserId) -> &'static str {
    if who == CAROL { "carol" } else { "mallory" }
}
