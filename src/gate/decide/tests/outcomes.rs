//! The words that become labels of a metric: one verb and one outcome for everything decided.

use super::super::*;
use super::*;
use crate::gate::event::Look;
use crate::gate::ids::{CommentId, UserId};

/// The outcomes of what is done here, without those of posts and reactions.
fn outcomes(story: &mut Story, act: impl FnOnce(&mut Story)) -> Vec<(&'static str, &'static str)> {
    let before = story.outcomes.len();
    act(story);
    story.outcomes[before..]
        .iter()
        .copied()
        .filter(|(verb, _)| *verb != "effect")
        .collect()
}

#[test]
fn every_command_has_its_outcome() {
    let mut story = Story::new();
    let plain = request_line("codex-*", "board:read", "dev");
    let staged = request_line("other", "board:read", "staging");
    let approve = |story: &Story, number| story.approve_line(number);
    let rows: [(UserId, &str, (&str, &str)); 25] = [
        (CODEX, &plain, ("request", "done")),
        (CODEX, &plain.replace("=dev", "=x"), ("request", "no_gate")),
        (
            CODEX,
            &plain.replace("8h", "9d"),
            ("request", "ttl_over_limit"),
        ),
        (CODEX, "/gate frob", ("fault", "unknown_verb")),
        (CAROL, "APPROVE 1", ("approve", "not_an_owner")),
        (ALICE, "APPROVE 1", ("approve", "issued")),
        (CODEX, &staged, ("request", "done")),
        (ALICE, "APPROVE 2", ("approve", "counted")),
        (ALICE, "/gate deny R9", ("deny", "unknown_request")),
        (ALICE, "/gate deny R2", ("deny", "done")),
        (CODEX, "/gate withdraw R2", ("withdraw", "not_open")),
        (CODEX, "/gate inspect x", ("inspect", "unknown_identity")),
        (CODEX, "/gate list", ("list", "not_an_owner")),
        (ALICE, "/gate list", ("list", "done")),
        (CAROL, "/gate revoke", ("revoke", "not_an_owner")),
        (CAROL, "/gate pause", ("pause", "not_an_owner")),
        (ALICE, "/gate pause x c9", ("pause", "done")),
        (ALICE, "/gate pause c9", ("pause", "done")),
        (ALICE, "/gate pause", ("pause", "done")),
        (ALICE, "/gate release", ("release", "not_yours")),
        (CODEX, "/gate release c1", ("release", "bad_form")),
        (ALICE, "/gate revoke", ("revoke", "done")),
        (CODEX, "/gate release", ("release", "unknown_identity")),
        (ALICE, "/gate pause", ("pause", "unknown_identity")),
        (ALICE, "/gate revoke", ("revoke", "unknown_identity")),
    ];
    for (who, text, outcome) in rows {
        let text = match text.strip_prefix("APPROVE ") {
            Some(number) => approve(&story, number.parse().unwrap()),
            None => text.to_owned(),
        };
        let found = outcomes(&mut story, |story| {
            story.say(kan(12), who, &text);
        });
        assert_eq!(found, [outcome], "{text}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of what happens")]
fn everything_else_has_its_outcome() {
    let mut story = Story::new();
    story.ask(kan(12));
    let line = story.approve_line(1);

    let id = story.write(kan(12), ALICE, &line);
    let changed = story.delivery(id);
    story.forge.edit(id, "no", story.now);
    let gone = story.forged(kan(12), 9_999, ALICE, &line);
    let elsewhere = story.write(kan(13), ALICE, "/gate help");
    let elsewhere = story.forged(kan(12), elsewhere, ALICE, "/gate help");
    let strangers = story.write(kan(12), STRANGER, "/gate help");
    let strangers = story.forged(kan(12), strangers, ALICE, "/gate help");
    let ghosts = story.write(kan(12), ALICE, "/gate help");
    let delivered = story.delivery(ghosts);
    story.forge.comments.get_mut(&ghosts).unwrap().author = UserId(-1);
    for (arrival, outcome) in [
        (changed, "changed"),
        (gone, "gone"),
        (elsewhere, "elsewhere"),
        (strangers, "stranger"),
        (delivered, "nobody"),
    ] {
        let found = outcomes(&mut story, |story| {
            story.arrive(arrival);
            story.settle();
        });
        assert_eq!(found, [("comment", outcome)]);
    }

    let id = story.write(kan(12), ALICE, &line);
    let caught_up = outcomes(&mut story, |story| {
        story.arrive(story.caught_up(id));
        story.pass(20);
        story.settle();
    });
    assert_eq!(caught_up, [("approve", "caught_up")]);
    let look = outcomes(&mut story, |story| {
        story.arrive(story.trigger(kan(12), Look::Stray(CommentId(9_999))));
        story.settle();
    });
    assert_eq!(look, [("look", "done")]);
    let unreadable = outcomes(&mut story, |story| {
        let why = "500".to_owned();
        story.answer(&Event::Unreadable {
            thread: kan(12),
            why,
        });
        story.settle();
    });
    assert_eq!(unreadable, [("unreadable", "done")]);
    let configured = outcomes(&mut story, |story| {
        story.reconfigure(KAN, |board| board.max_open_requests = 7);
    });
    assert_eq!(configured, [("policy", "changed")]);

    let id = story.write(kan(12), ALICE, "/gate help");
    story.arrive(story.delivery(id));
    let line = story.waiting()[0];
    let abandoned = outcomes(&mut story, |story| {
        let why = "x".to_owned();
        story.answer(&Event::Abandoned {
            line,
            why,
            quarantined: true,
        });
    });
    assert_eq!(abandoned, [("abandoned", "quarantined")]);
}

#[test]
fn a_void_and_an_empty_grant_have_their_outcomes() {
    let mut story = Story::new();
    let id = story.say(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    story.forge.delete(id);
    let void = outcomes(&mut story, |story| {
        story.approve(kan(12), ALICE, 1);
    });
    assert_eq!(void, [("approve", "void")]);
    story.reconfigure(KAN, |board| {
        board.owners.get_mut(&ALICE).unwrap().ceiling = Some(names(&[]));
    });
    story.ask(kan(12));
    let nothing = outcomes(&mut story, |story| {
        story.approve(kan(12), ALICE, 2);
    });
    assert_eq!(nothing, [("approve", "nothing_left")]);
    assert!(story.outcomes.contains(&("effect", "done")));
    story.forge.refusing.push(kan(12));
    story.say(kan(12), ALICE, "/gate help");
    assert!(story.outcomes.contains(&("effect", "refused")));
    assert_eq!(
        story.answer(&Event::Loss {
            journal: 1,
            records: 2
        }),
        Answer::More
    );
    while story.answer(&Event::LossGoesOn) == Answer::More {}
    assert_eq!(story.outcomes.last(), Some(&("loss", "done")));
}
