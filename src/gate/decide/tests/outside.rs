//! What comes from outside of the threads: posts that the forge refuses, policies, lost lines, events
//! that are given up.

use super::super::*;
use super::*;
use crate::gate::credential::CredentialStatus;
use crate::gate::effect::Effect;
use crate::gate::event::{EffectDone, What};
use crate::gate::identity::{Identity, IdentityStatus};
use crate::gate::ids::CommentId;
use crate::gate::policy::{Board, Factor, Gate, KnownRequester, Owner, Policy, Requesters};
use crate::gate::thread::{Counters, Installation};
use crate::gate::world::encode;

#[test]
fn nothing_widens_in_a_thread_that_refuses_the_bot() {
    // The summary is refused.
    let mut story = Story::new();
    story.forge.refusing.push(kan(12));
    story.say(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    assert_eq!(story.word(1), "void");
    assert!(
        story
            .last_reply(kan(1))
            .starts_with("R1 in #12 is void: the forge refuses my comments there.")
    );

    // The credential is refused.
    let mut story = Story::new();
    story.ask(kan(12));
    story.forge.refusing.push(kan(12));
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.live(1), None);
    assert!(matches!(
        story.credential(1).status,
        CredentialStatus::Revoked(_)
    ));
    assert!(
        story
            .last_reply(kan(1))
            .starts_with("**c1 of `codex-kan-12` in #12 is revoked**")
    );

    // An answer is refused: the command acts all the same.
    story.forge.refusing.clear();
    story.issue(kan(12));
    story.forge.refusing.push(kan(12));
    story.say(kan(12), ALICE, "/gate revoke");
    assert_eq!(story.live(2), None);
    let said = story.last_reply(kan(1));
    assert!(
        said.contains("In #12 the forge refuses my comments.") && said.contains("is revoked"),
        "{said}"
    );

    // The control issue refuses, too, or there is none: nothing goes round in circles.
    story.forge.refusing.push(kan(1));
    story.say(kan(12), ALICE, "/gate help");
    story.say(kan(1), ALICE, "/gate help");
    story.reconfigure(KAN, |board| board.control_issue = None);
    story.say(kan(12), ALICE, "/gate help");
    let posts = story
        .entries()
        .iter()
        .filter(|code| **code == "post_refused")
        .count();
    assert_eq!(posts, 6);
}

#[test]
fn an_effect_is_done_once() {
    let mut story = Story::new();
    story.outbox_stands = true;
    story.say(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    let line = story
        .lines
        .iter()
        .find(|line| !line.decision.effects.is_empty())
        .unwrap();
    let place = line
        .decision
        .effects
        .iter()
        .position(|effect| matches!(effect, Effect::Post(_)))
        .unwrap();
    let effect = (line.seq, u32::try_from(place).unwrap());
    let done = |comment| {
        Event::Done(EffectDone {
            effect,
            comment: Some(CommentId(comment)),
            body: Some(Hash::of(b"x")),
        })
    };
    story.answer(&done(500));
    let lines = story.lines.len();
    story.answer(&done(501));
    story.answer(&Event::Refused {
        effect,
        why: "late".to_owned(),
    });
    assert_eq!(story.lines.len(), lines);
    assert_eq!(story.request(1).summary.unwrap().comment, CommentId(500));
    assert_eq!(story.word(1), "open");
}

#[test]
fn cutting_the_policy_cuts_what_lives() {
    let mut story = Story::new();
    story.issue(kan(12));
    let whole = names(&["board:read", "card:write"]);
    assert_eq!(story.live(1), Some(whole.clone()));
    type Row = (fn(&mut Board), Option<&'static [&'static str]>);
    let rows: [Row; 7] = [
        (
            |board| {
                board
                    .gates
                    .get_mut("dev")
                    .unwrap()
                    .scopes
                    .remove("card:write");
            },
            Some(&["board:read"]),
        ),
        (
            |board| {
                board.scopes.remove("board:read");
            },
            Some(&["card:write"]),
        ),
        (
            |board| board.owners.get_mut(&ALICE).unwrap().ceiling = Some(names(&["board:read"])),
            Some(&["board:read"]),
        ),
        (
            |board| board.owners.get_mut(&ALICE).unwrap().ceiling = Some(names(&[])),
            None,
        ),
        (
            |board| {
                board.owners.remove(&ALICE);
            },
            None,
        ),
        (
            |board| {
                board.gates.remove("dev");
            },
            None,
        ),
        (
            |board| board.owners.get_mut(&ALICE).unwrap().may_approve = false,
            Some(&["board:read", "card:write"]),
        ),
    ];
    for (change, left) in rows {
        story.reconfigure(KAN, change);
        assert_eq!(story.live(1), left.map(names));
        story.configure(policy());
        assert_eq!(story.live(1), Some(whole.clone()));
    }
    let mut without = policy();
    without.boards.remove(&KAN);
    story.configure(without);
    assert_eq!(story.live(1), None);
}

/// A change of the board, its words, and whether it lets more through.
type Difference = (fn(&mut Board), &'static str, bool);

const DIFFERENCES: [Difference; 25] = [
    (
        |board| {
            board.scopes.insert("x".to_owned());
        },
        "scopes gained `x`",
        true,
    ),
    (
        |board| {
            board.scopes.remove("deploy:run");
        },
        "scopes lost `deploy:run`",
        false,
    ),
    (
        |board| {
            let owner = Owner {
                login: "carol".to_owned(),
                ..board.owners[&ALICE].clone()
            };
            board.owners.insert(CAROL, owner);
        },
        "carol is an owner",
        true,
    ),
    (
        |board| {
            board.owners.remove(&ALICE);
        },
        "alice is no owner any more",
        false,
    ),
    (
        |board| board.owners.get_mut(&ALICE).unwrap().ceiling = Some(names(&["x"])),
        "what alice may approve changed",
        true,
    ),
    (
        |board| board.owners.get_mut(&ALICE).unwrap().may_approve = false,
        "what alice may approve changed",
        false,
    ),
    (
        |board| {
            board.machine_accounts.insert(CAROL);
        },
        "who may ask changed",
        true,
    ),
    (
        |board| board.requesters = Requesters::Anyone,
        "who may ask changed",
        true,
    ),
    (
        |board| {
            board
                .known_requesters
                .insert(STRANGER, KnownRequester::default());
        },
        "who may ask changed",
        true,
    ),
    (
        |board| {
            board.gates.remove("dev");
        },
        "gate `dev` is gone",
        false,
    ),
    (
        |board| {
            board.gates.insert("x".to_owned(), gate(&[], 1));
        },
        "gate `x` is new",
        true,
    ),
    (
        |board| {
            board
                .gates
                .get_mut("dev")
                .unwrap()
                .scopes
                .insert("deploy:run".to_owned());
        },
        "gate `dev` gained `deploy:run`",
        true,
    ),
    (
        |board| {
            board
                .gates
                .get_mut("dev")
                .unwrap()
                .scopes
                .remove("board:read");
        },
        "gate `dev` lost `board:read`",
        false,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().max_ttl = 172_800,
        "gate `dev` allows 2d instead of 1d",
        true,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().max_ttl = 60,
        "gate `dev` allows 1m instead of 1d",
        false,
    ),
    (
        |board| board.gates.get_mut("staging").unwrap().quorum = 1,
        "gate `staging` needs 1 owners instead of 2",
        true,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().quorum = 2,
        "gate `dev` needs 2 owners instead of 1",
        false,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().self_approval = true,
        "the conditions of gate `dev` changed",
        true,
    ),
    (
        |board| {
            board
                .gates
                .get_mut("dev")
                .unwrap()
                .factors
                .insert(Factor::Code);
        },
        "the conditions of gate `dev` changed",
        false,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().factors.clear(),
        "the conditions of gate `dev` changed",
        true,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().cooling_off = Some(60),
        "the conditions of gate `dev` changed",
        false,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().judge_required = true,
        "the conditions of gate `dev` changed",
        false,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().holder_rotation = true,
        "the conditions of gate `dev` changed",
        true,
    ),
    (
        |board| board.gates.get_mut("dev").unwrap().offline = true,
        "the conditions of gate `dev` changed",
        true,
    ),
    (
        |board| {
            let hours = Some("Mon-Fri 08:00-18:00 UTC".to_owned());
            board.gates.get_mut("dev").unwrap().open_hours = hours;
        },
        "the conditions of gate `dev` changed",
        false,
    ),
];

#[test]
fn a_policy_is_journaled_with_the_difference_and_boards_hear_what_got_wider() {
    let mut story = Story::new();
    let lines = story.lines.len();
    story.configure(policy());
    assert_eq!(story.lines.len(), lines, "the same policy is no change");
    assert!(
        story.replies(kan(1)).is_empty(),
        "the first one is not told"
    );
    for (change, words, wider) in DIFFERENCES {
        let mut story = Story::new();
        story.reconfigure(KAN, change);
        let entry = story
            .lines
            .iter()
            .rev()
            .flat_map(|line| &line.decision.entries)
            .next()
            .unwrap();
        assert_eq!(entry.code, "policy_changed");
        assert_eq!(entry.text, format!("kan: {words}"));
        let told = story.last_reply(kan(1));
        assert_eq!(told.contains(words), wider, "{words}: {told}");
        assert!(story.replies(ops(1)).is_empty());
    }
}

/// What a gate waited for and waits for no more opens it sooner.
#[test]
fn a_condition_that_is_taken_away_is_told() {
    type Change = fn(&mut Gate);
    let changes: [(Change, bool); 6] = [
        (|gate| gate.judge_required = false, true),
        (|gate| gate.cooling_off = None, true),
        (|gate| gate.open_hours = None, true),
        (
            |gate| gate.open_hours = Some("Sat,Sun 08:00-18:00 UTC".to_owned()),
            true,
        ),
        (|gate| gate.cooling_off = Some(61), false),
        (
            |gate| gate.factors = [Factor::Comment, Factor::Code].into(),
            false,
        ),
    ];
    for (change, wider) in changes {
        let mut rules = policy();
        let dev = |rules: &mut Policy, change: &dyn Fn(&mut Gate)| {
            change(
                rules
                    .boards
                    .get_mut(&KAN)
                    .unwrap()
                    .gates
                    .get_mut("dev")
                    .unwrap(),
            );
        };
        dev(&mut rules, &|gate| {
            gate.judge_required = true;
            gate.cooling_off = Some(60);
            gate.open_hours = Some("Mon-Fri 08:00-18:00 UTC".to_owned());
        });
        let mut story = Story::with(rules.clone());
        dev(&mut rules, &change);
        story.configure(rules);
        let entries: Vec<_> = story
            .lines
            .iter()
            .flat_map(|line| &line.decision.entries)
            .collect();
        let words = "the conditions of gate `dev` changed";
        assert!(entries.last().unwrap().text.contains(words));
        assert_eq!(story.last_reply(kan(1)).contains(words), wider);
    }
}

#[test]
fn an_accepted_loss_pauses_every_identity_in_parts_and_jumps_the_numbers() {
    let mut story = Story::new();
    for issue in 0..3 {
        story.issue(kan(100 + issue));
    }
    let mut counters: Counters = story.record(&Key::counters()).unwrap();
    counters.identity = 60;
    story.records.insert(Key::counters(), encode(&counters));
    let mut last = story.identity("codex-kan-102").unwrap();
    last.number = crate::gate::ids::IdentityNumber(55);
    story
        .records
        .insert(Key::identity(last.number), encode(&last));
    let paused = |story: &Story, number| {
        let identity: Identity = story
            .record(&Key::identity(crate::gate::ids::IdentityNumber(number)))
            .unwrap();
        matches!(identity.status, IdentityStatus::Paused(_))
    };
    assert_eq!(
        story.answer(&Event::Loss {
            journal: 5,
            records: 9
        }),
        Answer::More
    );
    let accepted = &story.lines.last().unwrap().decision.entries[0];
    assert_eq!(accepted.code, "loss_accepted");
    assert_eq!(
        accepted.facts,
        Some(serde_json::json!({ "journal": 5, "records": 9 }))
    );
    let counters: Counters = story.record(&Key::counters()).unwrap();
    assert_eq!(
        (counters.request, counters.credential, counters.identity),
        (1_003, 1_003, 1_060)
    );
    assert!(!paused(&story, 1));
    assert_eq!(story.answer(&Event::LossGoesOn), Answer::More);
    assert!(paused(&story, 1) && paused(&story, 2) && !paused(&story, 55));
    assert_eq!(story.answer(&Event::LossGoesOn), Answer::More);
    assert!(paused(&story, 55));
    let mut rounds = 2;
    while story.answer(&Event::LossGoesOn) == Answer::More {
        rounds += 1;
        assert!(rounds < 30);
    }
    let installation: Installation = story.record(&Key::installation()).unwrap();
    assert!(installation.loss.unwrap().done);
    let lines = story.lines.len();
    story.answer(&Event::LossGoesOn);
    assert_eq!(story.lines.len(), lines);
    assert_eq!(story.live(1), None);
}

#[test]
fn what_is_open_when_a_loss_is_accepted_is_void() {
    let mut story = Story::new();
    story.ask(kan(12));
    story.answer(&Event::Loss {
        journal: 5,
        records: 9,
    });
    assert_eq!(
        story.word(1),
        "void",
        "its approval may be among the lines that are missing"
    );
    assert_eq!(story.ask(kan(13)), 1_002);
}

#[test]
fn an_event_that_is_given_up_is_said_and_gone() {
    for (quarantined, code) in [(true, "quarantined"), (false, "closed_unread")] {
        let mut story = Story::new();
        let id = story.write(kan(12), ALICE, "/gate help");
        story.arrive(story.delivery(id));
        let line = story.waiting()[0];
        let event = Event::Abandoned {
            line,
            why: "it panicked".to_owned(),
            quarantined,
        };
        story.answer(&event);
        story.settle();
        assert!(story.waiting().is_empty());
        assert_eq!(story.last_code(kan(12)), code);
        assert!(story.entries().contains(&code));
        let lines = story.lines.len();
        story.answer(&event);
        assert_eq!(story.lines.len(), lines);
        // Read back again: what panicked is not tried by itself, what could not be read is.
        let taken = story.arrive(story.caught_up(id));
        assert_eq!(matches!(taken, Taken::Waits { .. }), !quarantined);
    }
    // Who may ask is told, too; strangers are not, nor is anybody of a look.
    let mut story = Story::new();
    for (who, told) in [(CODEX, 1), (STRANGER, 1)] {
        let id = story.write(kan(12), ALICE, "/gate help");
        let mut arrival = story.delivery(id);
        if let What::Comment(spoken) = &mut arrival.accepted.what {
            spoken.unverified_author = Some(who);
        }
        story.arrive(arrival);
        for line in story.waiting() {
            let why = "it panicked".to_owned();
            story.answer(&Event::Abandoned {
                line,
                why,
                quarantined: true,
            });
        }
        story.settle();
        assert_eq!(story.replies(kan(12)).len(), told);
    }
    let mut story = Story::new();
    story.issue(kan(12));
    story.arrive(story.trigger(kan(12), crate::gate::event::Look::Issue));
    let said = story.replies(kan(12)).len();
    let line = story.waiting()[0];
    story.answer(&Event::Abandoned {
        line,
        why: "x".to_owned(),
        quarantined: true,
    });
    story.settle();
    assert_eq!(story.replies(kan(12)).len(), said);
}

/// A record that this program cannot read is no absence: nothing is decided on it.
#[test]
fn an_unreadable_record_stops_the_decision() {
    let mut story = Story::new();
    story.issue(kan(12));
    let mac = story.credential(1).mac;
    let key = Key::check(&mac);
    story.records.get_mut(&key).unwrap()["v"] = Value::from(2);
    let step = story.feed(&Event::Used {
        macs: vec![mac],
        client: None,
    });
    assert!(matches!(step, Step::Unreadable(keys) if keys == [key].into()));
}
