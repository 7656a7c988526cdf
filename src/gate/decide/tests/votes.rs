//! Owners' signatures that operators bring: what they are worth, what shuts the gate all the same, and
//! what they open while the forge is away.

use super::super::*;
use super::wishes::{by_home, home, offline, text, wish};
use super::*;

use crate::demo::signer::SshKey;
use crate::gate::approval::Approval;
use crate::gate::code::Code;
use crate::gate::command::{Restated, Vouched};
use crate::gate::event::Look;
use crate::gate::ids::{CredentialNumber, UserId};
use crate::gate::operator::By;
use crate::gate::policy::{Factor, Gate};
use crate::gate::signed;
use crate::gate::statement::APPROVE;
use crate::gate::wish::{Vote, Voted};

/// `home` has asked as Carol for `deploy` in #20, at a gate that demands signatures and nothing else.
fn asked() -> Story {
    let mut story = ready();
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    story
}

/// The same where two owners have to agree.
fn asked_of_two() -> Story {
    let mut story = ready();
    gate(&mut story, |gate| gate.quorum = 2);
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    story
}

fn ready() -> Story {
    let mut rules = policy();
    rules.operators.insert("home".to_owned(), home(CAROL));
    let mut story = Story::with(rules);
    story.open(kan(20), CODEX, "");
    offline(&mut story);
    gate(&mut story, |gate| gate.offline = false);
    story
}

fn gate(story: &mut Story, change: impl Fn(&mut Gate)) {
    story.reconfigure(KAN, |board| {
        change(board.gates.get_mut("dev").expect("a gate"));
    });
}

/// What an owner signs for a request as it was asked, vouching for the recipient.
fn vote(story: &Story, approver: UserId, number: u64) -> Vote {
    signed_by(
        story,
        approver,
        number,
        u8::try_from(approver.0).expect("small"),
    )
}

/// The same, signed with a key of one byte.
fn signed_by(story: &Story, approver: UserId, number: u64, key: u8) -> Vote {
    let request = story.request(number);
    let restated = Restated {
        request: request.number,
        code: request.code(),
        scopes: request.effect.scopes.clone(),
        ttl: request.effect.ttl,
        otp: false,
        vouched: request.action.delivers().then_some(Vouched::Approver),
        armor: None,
    };
    let text = signed::statement(&story.policy, &request, approver, &restated).expect("a text");
    Vote {
        by: by_home(),
        request: request.number,
        code: restated.code,
        approver,
        scopes: restated.scopes,
        ttl: restated.ttl,
        vouched: restated.vouched,
        armor: SshKey::of(key).armor(APPROVE, text.as_bytes()),
        reads: Box::default(),
    }
}

fn code(voted: &Voted) -> &'static str {
    match voted {
        Voted::Refused { code, .. } => code,
        Voted::Counted { .. } => "counted",
        Voted::Open { .. } => "open",
    }
}

#[test]
fn an_owners_signature_opens_a_gate_that_demands_nothing_else() {
    let mut story = asked();
    let vote = vote(&story, ALICE, 1);
    let opened = story.operator_brings(vote.clone());
    let Voted::Open { credential, sealed } = &opened else {
        panic!("{opened:?}");
    };
    assert_eq!(*credential, Some(CredentialNumber(1)));
    assert!(sealed.is_some());
    let said = story.last_reply(kan(20));
    assert!(
        said.starts_with("**R1 approved by alice: `deploy` c1**"),
        "{said}"
    );
    let request = story.request(1);
    let approval = &request.approvals[0];
    assert_eq!(
        (approval.comment, approval.armor.as_ref()),
        (None, Some(&vote.armor))
    );
    assert_eq!(signed::recheck(&story.policy, &request, approval), Ok(()));
    let by_another = Approval {
        signed_by: Some("SHA256:another".to_owned()),
        ..approval.clone()
    };
    let found = signed::recheck(&story.policy, &request, &by_another);
    assert!(found.is_err_and(|why| why.contains("another key")));
    let entries = story.entries();
    assert!(entries.contains(&"approval_counted") && entries.contains(&"signature_brought"));
    assert!(story.reactions.is_empty(), "no text asked for this");
    // Once more, it changes nothing.
    let lines = story.lines.len();
    let again = Voted::Open {
        credential: Some(CredentialNumber(1)),
        sealed: None,
    };
    for _ in 0..3 {
        assert_eq!(story.operator_brings(vote.clone()), again);
    }
    assert_eq!((story.lines.len(), story.credentials()), (lines, 1));
}

#[test]
fn it_is_one_vote_of_the_quorum_beside_comments() {
    let mut story = asked_of_two();
    let first = vote(&story, ALICE, 1);
    let counted = Voted::Counted {
        counted: 1,
        needed: 2,
    };
    assert_eq!(story.operator_brings(first.clone()), counted);
    let said = story.last_reply(kan(20));
    assert!(
        said.starts_with("R1: counted alice (1 of 2); still to come from piotr. The signature of alice was brought by an operator."),
        "{said}"
    );
    let lines = story.lines.len();
    assert_eq!(story.operator_brings(first), counted);
    assert_eq!(story.lines.len(), lines, "a replay changes nothing");
    // Another signature of hers is no second vote.
    let narrower = Vote {
        armor: vote(&story, ALICE, 1).armor.replace('\n', "\r\n"),
        ..vote(&story, ALICE, 1)
    };
    assert_eq!(code(&story.operator_brings(narrower)), "already_counted");
    // The other owner says it in the thread.
    let other = vote(&story, PIOTR, 1);
    let line = format!(
        "{} vouched=approver\n\n```\n{}```",
        story.approve_line(1),
        other.armor
    );
    story.say(kan(20), PIOTR, &line);
    assert_eq!(story.word(1), "approved", "{}", story.last_reply(kan(20)));
    assert_eq!(story.credential(1).approvers, [ALICE, PIOTR].into());
}

#[test]
fn who_cannot_approve_cannot_so_either() {
    type Change = fn(&mut Story, &mut Vote);
    let cases: [(&str, Change); 13] = [
        ("not_an_owner", |story, vote| {
            *vote = signed_by(story, CAROL, 1, 4)
        }),
        ("machine_account", |story, _| {
            story.reconfigure(KAN, |board| {
                board.machine_accounts.insert(ALICE);
            });
        }),
        ("may_not_approve", |story, _| {
            story.reconfigure(KAN, |board| {
                let alice = board.owners.get_mut(&ALICE).expect("an owner");
                alice.may_approve = false;
            });
        }),
        // Somebody else's key, and somebody else's name on it.
        ("bad_signature", |story, vote| {
            *vote = signed_by(story, ALICE, 1, 3)
        }),
        ("bad_signature", |_, vote| vote.approver = PIOTR),
        ("bad_signature", |_, vote| {
            vote.armor = "no armor".to_owned()
        }),
        ("bad_signature", |_, vote| vote.ttl = Some(60)),
        ("bad_signature", |_, vote| vote.vouched = None),
        ("wrong_code", |_, vote| {
            vote.code = Code::of(&Hash::of(b"another"));
        }),
        ("bad_signature", |_, vote| {
            vote.scopes.insert("card:write".to_owned());
        }),
        ("not_allowed", |_, vote| vote.by = By::Host),
        ("not_allowed", |_, vote| {
            vote.request = crate::gate::ids::RequestNumber(9);
        }),
        ("not_allowed", |story, _| {
            let mut rules = story.policy.clone();
            let home = rules.operators.get_mut("home").expect("an operator");
            home.boards = [OPS].into();
            story.configure(rules);
        }),
    ];
    for (why, change) in cases {
        let mut story = asked();
        let mut vote = vote(&story, ALICE, 1);
        change(&mut story, &mut vote);
        let before = story.last_reply(kan(20));
        let voted = story.operator_brings(vote);
        assert_eq!(code(&voted), why, "{voted:?}");
        assert_eq!(
            (story.credentials(), story.request(1).approvals.len()),
            (0, 0)
        );
        assert_eq!(story.entries().last(), Some(&"signature_not_counted"));
        assert_eq!(story.last_reply(kan(20)), before, "the thread is not told");
    }
}

#[test]
fn whoever_asked_does_not_sign_for_it_unless_the_gate_says_so() {
    let mut story = ready();
    let mut rules = story.policy.clone();
    rules.operators.insert("home".to_owned(), home(PIOTR));
    story.configure(rules);
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    let own = vote(&story, PIOTR, 1);
    assert_eq!(code(&story.operator_brings(own)), "asked_for_it");
    let other = vote(&story, ALICE, 1);
    assert_eq!(code(&story.operator_brings(other)), "open");

    let mut story = ready();
    let mut rules = story.policy.clone();
    rules.operators.insert("home".to_owned(), home(PIOTR));
    story.configure(rules);
    gate(&mut story, |gate| gate.self_approval = true);
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    let own = vote(&story, PIOTR, 1);
    assert_eq!(code(&story.operator_brings(own)), "open");
}

#[test]
fn it_satisfies_the_factor_signature_and_no_other() {
    for (factors, what) in [
        (vec![Factor::Comment, Factor::Signature], "a comment"),
        (vec![Factor::Comment], "a comment"),
        (vec![Factor::Code, Factor::Signature], "a one-time code"),
    ] {
        let mut story = ready();
        let factors: BTreeSet<Factor> = factors.into_iter().collect();
        gate(&mut story, |gate| gate.factors = factors.clone());
        story.reconfigure(KAN, |board| {
            for owner in board.owners.values_mut() {
                owner.has_code = true;
            }
        });
        story
            .operator_asks(wish(Some(20), &text("deploy")))
            .expect("asked");
        let vote = vote(&story, ALICE, 1);
        let Voted::Refused { code, text } = story.operator_brings(vote) else {
            panic!("it was counted");
        };
        assert_eq!(code, "signature_alone");
        assert!(text.contains(&format!("demands {what}, too")), "{text}");
        assert_eq!(story.credentials(), 0);
    }
}

#[test]
fn whatever_shuts_the_gate_for_a_comment_shuts_it_here() {
    type Change = fn(&mut Story);
    let cases: [(&str, Change); 10] = [
        ("too_soon", |story| {
            gate(story, |gate| gate.cooling_off = Some(600))
        }),
        ("outside_hours", |story| {
            gate(story, |gate| {
                gate.open_hours = Some("Mon-Sun 12:00-12:01 UTC".to_owned())
            });
        }),
        ("judgement_missing", |story| {
            story.reconfigure(KAN, |board| {
                let judge = crate::gate::policy::Judge {
                    login: "iskra".to_owned(),
                    shut_on: names(&["reject"]),
                };
                board.judges.insert(UserId(9), judge);
                board.gates.get_mut("dev").expect("a gate").judge_required = true;
            });
        }),
        ("board_frozen", |story| {
            story.say(kan(20), ALICE, "/gate freeze");
        }),
        ("held", |story| {
            story.forge.logins.insert(PIOTR, "somebody".to_owned());
            let line = story.approve_line(1);
            story.say(kan(20), PIOTR, &line);
        }),
        ("clock_not_trusted", |story| {
            story.clock = Some("it jumped".to_owned())
        }),
        ("disk_nearly_full", |story| story.low_space = true),
        ("thread_closed", |story| {
            story.forge.issues.get_mut(&kan(20)).expect("an issue").open = false;
        }),
        ("not_open", |story| story.pass(80 * 3_600)),
        ("repository_renamed", |story| {
            story.forge.names.insert(KAN, "mallory/board".to_owned());
        }),
    ];
    for (why, change) in cases {
        let mut story = asked();
        change(&mut story);
        let vote = vote(&story, ALICE, 1);
        let voted = story.operator_brings(vote);
        assert_eq!(code(&voted), why, "{voted:?}");
        assert_eq!(story.credentials(), 0);
    }
}

#[test]
fn a_summary_that_is_not_there_or_not_the_bots_opens_nothing() {
    let mut story = ready();
    story.outbox_stands = true;
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    let vote = vote(&story, ALICE, 1);
    assert_eq!(code(&story.operator_brings(vote.clone())), "no_summary_yet");
    story.outbox_stands = false;
    story.settle();
    let summary = story.request(1).summary.expect("it is posted").comment;
    story.forge.edit(summary.0, "R1 is harmless", story.now);
    let voted = story.operator_brings(vote);
    assert_eq!(code(&voted), "void", "{voted:?}");
    assert_eq!(story.word(1), "void");
    assert!(story.last_reply(kan(20)).contains("**R1 is void**"));
}

#[test]
fn where_nothing_is_left_the_request_ends_as_by_a_comment() {
    let mut story = asked();
    story.reconfigure(KAN, |board| {
        let alice = board.owners.get_mut(&ALICE).expect("an owner");
        alice.ceiling = Some(names(&["elsewhere:read"]));
    });
    let vote = vote(&story, ALICE, 1);
    let voted = story.operator_brings(vote);
    assert_eq!(code(&voted), "nothing_left", "{voted:?}");
    assert_eq!((story.word(1), story.credentials()), ("void", 0));
    let said = story.last_reply(kan(20));
    assert!(said.starts_with("**R1 is refused**"), "{said}");
    assert!(story.entries().contains(&"signature_brought"));
}

/// The yes of `owner` to R1, in a comment with its signature.
fn says_yes(story: &mut Story, owner: UserId) -> i64 {
    let armor = vote(story, owner, 1).armor;
    let line = format!(
        "{} vouched=approver\n\n```\n{armor}```",
        story.approve_line(1)
    );
    story.say(kan(20), owner, &line)
}

#[test]
fn what_counts_no_longer_is_told_once_though_the_signature_is_not_kept() {
    let mut story = asked_of_two();
    let yes = says_yes(&mut story, PIOTR);
    assert_eq!(story.request(1).approvals.len(), 1);
    story.forge.edit(yes, "no", story.now);
    story.clock = Some("it jumped".to_owned());
    for _ in 0..2 {
        let mine = vote(&story, ALICE, 1);
        story.operator_brings(mine);
        assert_eq!(story.request(1).approvals.len(), 0);
    }
    let dropped = |entry: &&&str| **entry == "approval_dropped";
    assert_eq!(story.entries().iter().filter(dropped).count(), 1);
}

#[test]
fn a_request_that_is_decided_keeps_its_approvals() {
    let mut story = asked();
    let yes = says_yes(&mut story, ALICE);
    assert_eq!(story.word(1), "approved", "{}", story.last_reply(kan(20)));
    story.forge.edit(yes, "no", story.now);
    let other = vote(&story, PIOTR, 1);
    assert_eq!(code(&story.operator_brings(other)), "not_open");
    assert_eq!(story.request(1).approvals.len(), 1);
    assert!(!story.entries().contains(&"approval_dropped"));
}

#[test]
fn nobody_vouches_and_it_stays_shut() {
    let mut story = asked();
    let request = story.request(1);
    let mut bare = vote(&story, ALICE, 1);
    let restated = Restated {
        request: request.number,
        code: request.code(),
        scopes: bare.scopes.clone(),
        ttl: bare.ttl,
        otp: false,
        vouched: None,
        armor: None,
    };
    let text = signed::statement(&story.policy, &request, ALICE, &restated).expect("a text");
    bare.vouched = None;
    bare.armor = SshKey::of(2).armor(APPROVE, text.as_bytes());
    let voted = story.operator_brings(bare);
    assert_eq!(code(&voted), "nobody_vouches", "{voted:?}");
}

/// The forge goes away after `home` asked at an offline gate in a thread that was open.
fn away(quorum: u32) -> Story {
    let mut story = ready();
    gate(&mut story, |gate| {
        gate.offline = true;
        gate.quorum = quorum;
    });
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    story.pass(60);
    story.away = Some(story.now);
    story.outbox_stands = true;
    story.pass(10);
    story
}

#[test]
fn with_the_forge_away_an_offline_gate_opens_and_the_thread_is_told_afterwards() {
    let mut story = away(2);
    let first = vote(&story, ALICE, 1);
    assert_eq!(code(&story.operator_brings(first)), "counted");
    let second = vote(&story, PIOTR, 1);
    let Voted::Open {
        credential: Some(number),
        sealed: Some(_),
    } = story.operator_brings(second)
    else {
        panic!("it stayed shut");
    };
    assert!(story.live(number.0).is_some() || story.credential(number.0).is_living(story.now));
    story.away = None;
    story.outbox_stands = false;
    story.settle();
    let said = story.last_reply(kan(20));
    assert!(
        said.starts_with("**R1 approved by alice and piotr: `deploy` c1**"),
        "{said}"
    );
}

#[test]
fn with_the_forge_away_everything_else_still_shuts() {
    type Change = fn(&mut Story);
    let cases: [(&str, Change); 9] = [
        ("forge_away", |story| {
            gate(story, |gate| gate.offline = false)
        }),
        ("not_seen_open", |story| {
            let key = Key::thread(kan(20));
            let mut thread: crate::gate::thread::Thread = story.record(&key).expect("a thread");
            thread.seen = None;
            story
                .records
                .insert(key, crate::gate::world::encode(&thread));
        }),
        ("too_soon", |story| {
            gate(story, |gate| gate.cooling_off = Some(6_000))
        }),
        ("outside_hours", |story| {
            gate(story, |gate| {
                gate.open_hours = Some("Mon-Sun 12:00-12:01 UTC".to_owned())
            });
        }),
        ("judgement_missing", |story| {
            story.reconfigure(KAN, |board| {
                let judge = crate::gate::policy::Judge {
                    login: "iskra".to_owned(),
                    shut_on: names(&["reject"]),
                };
                board.judges.insert(UserId(9), judge);
                board.gates.get_mut("dev").expect("a gate").judge_required = true;
            });
        }),
        ("board_frozen", |story| {
            let standstill = crate::gate::thread::Standstill {
                by: ALICE,
                at: story.now,
                why: "she wants it".to_owned(),
            };
            let standstill = crate::gate::world::encode(&standstill);
            story.records.insert(Key::standstill(KAN), standstill);
        }),
        ("clock_not_trusted", |story| {
            story.clock = Some("it jumped".to_owned())
        }),
        ("disk_nearly_full", |story| story.low_space = true),
        ("not_open", |story| story.pass(80 * 3_600)),
    ];
    for (why, change) in cases {
        let mut story = away(1);
        change(&mut story);
        let vote = vote(&story, ALICE, 1);
        let voted = story.operator_brings(vote);
        assert_eq!(code(&voted), why, "{voted:?}");
        assert_eq!(story.credentials(), 0);
    }
}

#[test]
fn what_waits_for_the_forge_or_stands_only_there_opens_nothing_meanwhile() {
    // A close was delivered and cannot be read.
    let mut story = away(1);
    let look = story.trigger(kan(20), Look::Issue);
    story.arrive(look);
    let mut waiting = vote(&story, ALICE, 1);
    waiting.reads.at = Some(story.now);
    waiting.reads.away = story.away;
    waiting.reads.waits = Some(true);
    match story.answer(&Event::Vote(Box::new(waiting))) {
        Answer::Voted(voted) => assert_eq!(code(&voted), "unread"),
        other => panic!("{other:?}"),
    }
    // An approval in the thread cannot be read again, so that it is none meanwhile; the signature is
    // not kept either, as it would open nothing when the forge is back.
    let mut story = ready();
    gate(&mut story, |gate| {
        gate.offline = true;
        gate.quorum = 2;
    });
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    let said = vote(&story, PIOTR, 1);
    let line = format!(
        "{} vouched=approver\n\n```\n{}```",
        story.approve_line(1),
        said.armor
    );
    story.say(kan(20), PIOTR, &line);
    assert_eq!(story.request(1).approvals.len(), 1);
    story.away = Some(story.now);
    let mine = vote(&story, ALICE, 1);
    assert_eq!(code(&story.operator_brings(mine.clone())), "unread");
    assert_eq!(story.request(1).approvals.len(), 1);
    story.away = None;
    assert_eq!(code(&story.operator_brings(mine)), "open");
}

#[test]
fn a_thread_that_was_closed_meanwhile_pauses_what_came_alive() {
    let mut story = away(1);
    let vote = vote(&story, ALICE, 1);
    assert_eq!(code(&story.operator_brings(vote)), "open");
    story.show(&story.credential(1).mac);
    assert!(story.live(1).is_some());
    story.away = None;
    story.outbox_stands = false;
    story.set_open(kan(20), false);
    assert_eq!(story.live(1), None);
    assert!(
        story.last_reply(kan(20)).contains("paused"),
        "{}",
        story.last_reply(kan(20))
    );
}

#[test]
fn a_board_that_stands_still_does_not_go_on_without_the_forge() {
    let mut story = ready();
    story.reconfigure(KAN, |board| {
        for gate in board.gates.values_mut() {
            gate.factors = [Factor::Signature].into();
            gate.offline = true;
            gate.quorum = 1;
        }
    });
    story.ask(kan(20));
    story.say(kan(20), ALICE, "/gate freeze");
    story.say(kan(20), PIOTR, "/gate thaw");
    let thaw = u64::try_from(story.requests()).expect("few");
    let vote = vote(&story, ALICE, thaw);
    story.away = Some(story.now);
    assert_eq!(code(&story.operator_brings(vote.clone())), "forge_away");
    story.away = None;
    assert_eq!(code(&story.operator_brings(vote)), "open");
}

#[test]
fn a_signature_that_was_counted_is_worth_nothing_once_the_request_has_ended() {
    let mut story = asked_of_two();
    let first = vote(&story, ALICE, 1);
    assert_eq!(code(&story.operator_brings(first.clone())), "counted");
    story.pass(80 * 3_600);
    assert_ne!(code(&story.operator_brings(first)), "counted");
}

#[test]
fn a_requesters_own_signature_vouches_only_while_its_key_is_pinned() {
    use crate::gate::command::Vouched;
    use crate::secret::sshkey::PublicKey;
    let mut story = asked();
    let key = SshKey::of(40).public();
    let fingerprint = PublicKey::parse(&key).expect("a key").fingerprint();
    let mut request = story.request(1);
    request.signed_by = Some(fingerprint);
    for (pinned, vouched) in [
        (key, Some(Vouched::Request)),
        (SshKey::of(41).public(), None),
    ] {
        story.reconfigure(KAN, |board| {
            let known = board.known_requesters.entry(CAROL).or_default();
            known.signing_keys = [pinned.clone()].into();
        });
        let board = &story.policy.boards[&KAN];
        assert_eq!(signed::vouched(&request, board), vouched);
    }
}

/// An operator is told that the disk is nearly full, and not that nothing could be decided.
#[test]
fn with_the_disk_nearly_full_a_stale_approval_falls_all_the_same() {
    let mut story = asked_of_two();
    let first = vote(&story, ALICE, 1);
    assert_eq!(code(&story.operator_brings(first)), "counted");
    gate(&mut story, |gate| gate.max_ttl -= 60);
    story.low_space = true;
    let second = vote(&story, PIOTR, 1);
    let told = story.operator_brings(second);
    let Voted::Refused { text, .. } = &told else {
        panic!("{told:?}");
    };
    assert!(text.contains("is nearly full"), "{text}");
    assert!(story.request(1).approvals.is_empty());
    assert_eq!(story.credentials(), 0);
}
