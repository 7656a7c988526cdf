//! Operators ask: as whom, where, through which gate, and what becomes of a wish whose thread is not
//! there yet.

use super::super::*;
use super::*;

use crate::gate::actor::Actor;
use crate::gate::effect::Effect;
use crate::gate::ids::{IssueNumber, RequestNumber, ThreadKey, UserId};
use crate::gate::operator::{By, Way};
use crate::gate::policy::Operator;
use crate::gate::wish::{Wish, WishRecord, WishState, Wished};

/// The operator of these tests.
pub(super) fn home(forge_id: UserId) -> Operator {
    Operator {
        forge_id: Some(forge_id),
        uid: Some(1_000),
        boards: [KAN].into(),
        rights: names(&["read", "request"]),
    }
}

pub(super) fn by_home() -> By {
    By::Operator {
        name: "home".to_owned(),
        way: Way::User(1_000),
    }
}

/// A board where `home` asks as Carol.
fn ready() -> Story {
    let mut rules = policy();
    rules.operators.insert("home".to_owned(), home(CAROL));
    let mut story = Story::with(rules);
    for issue in [12, 20] {
        story.open(kan(issue), CODEX, "");
    }
    story
}

/// `/gate request …` for an identity of `dev`.
pub(super) fn text(slug: &str) -> String {
    request_line(slug, "board:read", "dev")
}

pub(super) fn wish(issue: Option<i64>, text: &str) -> Wish {
    Wish {
        by: by_home(),
        key: Hash::of(text.as_bytes()),
        board: KAN,
        issue: issue.map(IssueNumber),
        title: None,
        text: text.to_owned(),
        dry: false,
        reads: Box::default(),
    }
}

fn asked(request: u64, issue: i64) -> Result<Wished, String> {
    Ok(Wished::Asked {
        request: RequestNumber(request),
        thread: kan(issue),
    })
}

#[test]
fn what_an_operator_asks_for_is_a_request_of_its_account_and_owners_open_its_gate() {
    let mut story = ready();
    for _ in 0..2 {
        assert_eq!(
            story.operator_asks(wish(Some(20), &text("deploy"))),
            asked(1, 20),
            "the same again is the same"
        );
    }
    let said = story.last_reply(kan(20));
    assert!(
        said.starts_with("**R1 · `home` (operator) asks as `user 4` for `deploy`** · dev"),
        "{said}"
    );
    let request = story.request(1);
    assert_eq!(request.requester, Actor::User(CAROL));
    assert_eq!(
        (request.source.subject, request.source.author),
        (None, CAROL)
    );
    assert_eq!(request.source.operator.as_deref(), Some("home"));
    let kept: WishRecord = story
        .record(&Key::wish(&Hash::of(text("deploy").as_bytes())))
        .unwrap();
    assert_eq!(kept.text, "", "what it said is not needed any more");
    assert_eq!(story.credentials(), 0);
    let entries = story.entries();
    assert!(entries.contains(&"asked_by_operator") && entries.contains(&"request_opened"));
    // Whose account asked has no say in it, and may take it back as any requester may.
    story.approve(kan(20), CAROL, 1);
    assert_eq!(story.last_code(kan(20)), "not_an_owner");
    story.approve(kan(20), ALICE, 1);
    assert_eq!(story.word(1), "approved");
    let identity = story.identity("deploy").expect("an identity");
    assert_eq!((identity.requester, identity.owner), (CAROL, ALICE));
    // What lives is asked for again where it lives.
    let again = Wish {
        key: Hash::of(b"another wish"),
        ..wish(None, &text("deploy"))
    };
    assert_eq!(story.operator_asks(again), asked(2, 20));
}

#[test]
fn an_owner_who_asks_through_an_operator_does_not_approve() {
    let mut story = ready();
    let mut rules = story.policy.clone();
    rules.operators.insert("home".to_owned(), home(PIOTR));
    story.configure(rules);
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    assert!(
        story
            .last_reply(kan(20))
            .contains("`home` (operator) asks as `piotr` for")
    );
    story.approve(kan(20), PIOTR, 1);
    assert_eq!(story.last_code(kan(20)), "asked_for_it");
    story.approve(kan(20), ALICE, 1);
    assert_eq!(story.word(1), "approved");
}

#[test]
fn nobody_else_asks_and_every_refusal_is_written_down() {
    type Change = fn(&mut Policy, &mut Wish);
    fn change(policy: &mut Policy, with: impl Fn(&mut Operator)) {
        with(policy.operators.get_mut("home").expect("an operator"));
    }
    let cases: [(&str, Change); 10] = [
        ("no operator of that name", |policy, _| {
            policy.operators.clear()
        }),
        ("speaks as another user", |_, wish| {
            wish.by = By::Operator {
                name: "home".to_owned(),
                way: Way::User(0),
            }
        }),
        ("asks for nothing in its own name", |_, wish| {
            wish.by = By::Host
        }),
        ("no right on that board", |policy, _| {
            change(policy, |one| one.boards = [OPS].into())
        }),
        ("not the right `request`", |policy, _| {
            change(policy, |one| one.rights = names(&["read", "narrow"]))
        }),
        ("no `forge_id`", |policy, _| {
            change(policy, |one| one.forge_id = None)
        }),
        ("may not ask on this board", |policy, _| {
            change(policy, |one| one.forge_id = Some(STRANGER))
        }),
        ("no such board", |_, wish| {
            wish.board = crate::gate::ids::RepositoryId(99)
        }),
        ("asks with `request`", |_, wish| {
            wish.text = "/gate approve R1 7Q4K-9MZT-0XHV".to_owned();
        }),
        ("asks with `request`", |_, wish| {
            wish.text = "/gate revoke deploy".to_owned();
        }),
    ];
    for (why, change) in cases {
        for issue in [Some(20), None] {
            let mut story = ready();
            let mut rules = story.policy.clone();
            let mut wish = wish(issue, &text("deploy"));
            change(&mut rules, &mut wish);
            story.configure(rules);
            let said = story.operator_asks(wish).expect_err(why);
            assert!(said.contains(why), "{said}");
            assert_eq!((story.requests(), story.titles.len()), (0, 0));
            assert_eq!(story.entries().last(), Some(&"wish_refused"));
        }
    }
}

#[test]
fn an_operator_asks_for_no_more_than_a_comment_could() {
    let asks = |story: &mut Story, issue, text: &str| story.operator_asks(wish(issue, text));
    for issue in [Some(20), None] {
        let mut story = ready();
        for (line, why) in [
            (request_line("x", "deploy:run", "dev"), "does not grant"),
            (request_line("x", "board:read", "moon"), "has no gate"),
            (
                text("x").replace("ttl=8h", "ttl=9d"),
                "over this gate's limit",
            ),
            (text("c2"), "reads like the number"),
            ("/gate request identity=x".to_owned(), "scopes"),
        ] {
            let said = asks(&mut story, issue, &line).expect_err(why);
            assert!(said.contains(why), "{said}");
        }
        story.say(kan(12), ALICE, "/gate freeze");
        assert!(asks(&mut story, issue, &text("deploy")).is_err());
        assert_eq!((story.requests(), story.titles.len()), (0, 0));
    }
    // A name that is somebody else's stays that, and a living one is asked for where it lives.
    let mut story = ready();
    story.issue(kan(12));
    for issue in [Some(20), None] {
        assert!(asks(&mut story, issue, &text("codex-kan-12")).is_err());
    }
    // A closed thread is none to ask in.
    story.set_open(kan(20), false);
    let said = asks(&mut story, Some(20), &text("deploy")).expect_err("closed");
    assert!(said.contains("closed"), "{said}");
}

#[test]
fn an_issue_is_opened_for_it_and_the_request_put_up_there() {
    let mut story = ready();
    let asks = wish(None, &text("deploy"));
    assert_eq!(story.operator_asks(asks.clone()), Ok(Wished::Opening));
    assert_eq!(story.titles, ["deploy: a machine identity"]);
    let opened = story.forge.issues[&kan(21)].body.clone();
    assert!(
        opened.starts_with("`home` (operator) asks here as `user 4`. The request follows."),
        "{opened}"
    );
    assert!(
        story
            .last_reply(kan(21))
            .contains("asks as `user 4` for `deploy`")
    );
    // The same again is the same, at any time; another under its key is nothing.
    assert_eq!(story.operator_asks(asks.clone()), asked(1, 21));
    let other = Wish {
        text: text("other"),
        ..asks.clone()
    };
    let said = story.operator_asks(other).expect_err("another");
    assert!(said.contains("something else was asked"), "{said}");
    story.approve(kan(21), ALICE, 1);
    assert_eq!(story.operator_asks(asks), asked(1, 21));
    assert_eq!(
        (story.requests(), story.titles.len(), story.word(1)),
        (1, 1, "approved")
    );
    let mut blank = wish(None, &text("blank"));
    blank.title = Some(" \n ".to_owned());
    story.operator_asks(blank).expect("asked");
    assert_eq!(story.titles[1], "blank: a machine identity");
    let mut titled = wish(None, &text("more"));
    titled.title = Some("  the\nnew robot\u{202e} ".to_owned());
    story.operator_asks(titled).expect("asked");
    assert_eq!(story.titles[2], "the new robot\\u{202e}");
}

#[test]
fn a_pattern_becomes_a_name_where_it_is_asked() {
    let mut story = ready();
    story
        .operator_asks(wish(None, &text("robot-*")))
        .expect("asked");
    assert_eq!(story.titles, ["robot: a machine identity"]);
    let slug = story.request(1).effect.identity.expect("a name");
    assert_eq!(slug.as_str(), "robot-kan-21");
}

#[test]
fn what_became_impossible_while_its_issue_was_opened_is_told_there() {
    let mut story = ready();
    story.outbox_stands = true;
    let asks = wish(None, &text("deploy"));
    assert_eq!(story.operator_asks(asks.clone()), Ok(Wished::Opening));
    assert_eq!(story.operator_asks(asks.clone()), Ok(Wished::Opening));
    story.outbox_stands = false;
    let mut rules = story.policy.clone();
    rules.operators.insert("home".to_owned(), home(STRANGER));
    story.configure(rules);
    story.settle();
    assert_eq!(story.requests(), 0);
    let said = story.last_reply(kan(21));
    assert!(said.contains("**Nothing is asked here**"), "{said}");
    let mut rules = story.policy.clone();
    rules.operators.insert("home".to_owned(), home(CAROL));
    story.configure(rules);
    assert!(story.operator_asks(asks).is_err(), "it stays refused");
}

#[test]
fn a_wish_that_the_forge_does_not_take_ends_and_says_so() {
    let mut story = ready();
    story.outbox_stands = true;
    let asks = wish(None, &text("deploy"));
    story.operator_asks(asks.clone()).expect("opening");
    let effect = story.undone()[0];
    story.answer(&Event::Refused {
        effect,
        why: "archived".to_owned(),
    });
    let said = story.operator_asks(asks.clone()).expect_err("refused");
    assert!(
        said.contains("does not let me open an issue: archived"),
        "{said}"
    );
    let record: WishRecord = story.record(&Key::wish(&asks.key)).expect("it is kept");
    assert!(matches!(record.state, WishState::Refused(_)) && record.text.is_empty());
}

#[test]
fn a_wish_whose_new_issue_cannot_be_read_ends_and_both_sides_hear_of_it() {
    let mut story = ready();
    story.outbox_stands = true;
    let asks = wish(None, &text("deploy"));
    story.operator_asks(asks.clone()).expect("opening");
    let effect = story.undone()[0];
    story.answer(&Event::ThreadOpened {
        effect,
        issue: IssueNumber(21),
    });
    let state = |story: &Story| {
        let record: WishRecord = story.record(&Key::wish(&asks.key)).expect("it is kept");
        record.state
    };
    assert_eq!(state(&story), WishState::Waits(IssueNumber(21)));
    let line = story.waiting()[0];
    story.answer(&Event::Abandoned {
        line,
        why: "the issue could not be read for a day".to_owned(),
        quarantined: false,
    });
    assert!(matches!(state(&story), WishState::Refused(_)));
    assert!(story.entries().contains(&"wish_refused"));
    let undone = story.undone();
    let told: Effect = story
        .record(&Key::outbox(undone[0].0, undone[0].1))
        .expect("its thread is told");
    let told = format!("{told:?}");
    assert!(
        told.contains("**Nothing is asked here**: The issue could not be read for a day"),
        "{told}"
    );
    let said = story.operator_asks(asks).expect_err("it has ended");
    assert!(said.contains("could not be read for a day"), "{said}");
    assert_eq!(story.requests(), 0);
}

#[test]
fn rotation_resuming_and_owning_are_asked_where_the_identity_lives() {
    let mut story = ready();
    story
        .operator_asks(wish(Some(20), &text("deploy")))
        .expect("asked");
    story.approve(kan(20), ALICE, 1);
    story.show(&story.credential(1).mac);
    assert_eq!(
        story.operator_asks(wish(None, "/gate rotate deploy")),
        asked(2, 20)
    );
    story.approve(kan(20), ALICE, 2);
    assert_eq!(
        story.credential(2).predecessor,
        Some(story.credential(1).number)
    );
    story.say(kan(20), ALICE, "/gate pause deploy");
    assert_eq!(
        story.operator_asks(wish(None, "/gate resume deploy")),
        asked(3, 20)
    );
    story.approve(kan(20), ALICE, 3);
    assert!(story.live(2).is_some());
    // Only an owner owns, and nobody asks elsewhere or for what is not there.
    for (issue, line) in [
        (None, "/gate own deploy"),
        (Some(12), "/gate rotate deploy"),
        (None, "/gate resume deploy"),
        (None, "/gate rotate nobody"),
    ] {
        let another = Wish {
            key: Hash::of(b"another wish"),
            ..wish(issue, line)
        };
        assert!(story.operator_asks(another).is_err(), "{line}");
    }
    let mut rules = story.policy.clone();
    rules.operators.insert("home".to_owned(), home(PIOTR));
    story.configure(rules);
    assert_eq!(
        story.operator_asks(wish(None, "/gate own deploy")),
        asked(4, 20)
    );
    story.approve(kan(20), ALICE, 4);
    assert_eq!(story.identity("deploy").map(|one| one.owner), Some(PIOTR));
}

#[test]
fn only_asking_what_would_be_asked_writes_nothing() {
    let mut story = ready();
    let lines = story.lines.len();
    for (issue, thread) in [(Some(20), Some(kan(20))), (None, None)] {
        let dry = Wish {
            dry: true,
            ..wish(issue, &text("deploy"))
        };
        let Ok(Wished::Would {
            thread: place,
            title,
            summary,
        }) = story.operator_asks(dry)
        else {
            panic!("it would");
        };
        assert_eq!(place, thread);
        assert_eq!(title.is_empty(), issue.is_some());
        assert!(
            summary.starts_with("**R1 · `home` (operator) asks as `user 4` for `deploy`**")
                && !summary.contains("<!--"),
            "{summary}"
        );
    }
    let dry = Wish {
        dry: true,
        by: By::Host,
        ..wish(None, &text("deploy"))
    };
    assert!(story.operator_asks(dry).is_err());
    assert_eq!((story.lines.len(), story.titles.len()), (lines, 0));
}

#[test]
fn without_the_forge_only_an_offline_gate_is_asked_for_and_only_where_it_was_last_seen_open() {
    let asks = |story: &mut Story, issue| story.operator_asks(wish(issue, &text("deploy")));
    let mut story = ready();
    story.away = Some(story.now);
    let said = asks(&mut story, None).expect_err("away");
    assert!(said.contains("--issue N"), "{said}");
    let said = asks(&mut story, Some(20)).expect_err("away");
    assert!(
        said.contains("this gate does not open without it"),
        "{said}"
    );
    offline(&mut story);
    let said = asks(&mut story, Some(20)).expect_err("never seen");
    assert!(said.contains("last saw open"), "{said}");
    // Something was asked there once, and it was closed since.
    story.away = None;
    story.ask(kan(20));
    story.say(kan(20), ALICE, "/gate deny R1");
    story.set_open(kan(20), false);
    story.away = Some(story.now);
    assert!(
        asks(&mut story, Some(20))
            .expect_err("closed")
            .contains("last saw open")
    );
    story.away = None;
    story.set_open(kan(20), true);
    // A close was delivered that nobody could read yet.
    story.away = Some(story.now);
    let look = story.trigger(kan(20), crate::gate::event::Look::Issue);
    story.arrive(look);
    let said = unsettled(&mut story, 20).expect_err("a look waits");
    assert!(said.contains("waits for it"), "{said}");
    story.away = None;
    story.settle();
    story.away = Some(story.now);
    story.outbox_stands = true;
    assert_eq!(asks(&mut story, Some(20)), asked(2, 20));
    assert!(story.request(2).summary.is_none(), "its summary waits");
    story.outbox_stands = false;
    story.settle();
    assert!(
        story.request(2).summary.is_some(),
        "the thread is told afterwards"
    );
}

/// Asks without what waits being decided before.
fn unsettled(story: &mut Story, issue: i64) -> Result<Wished, String> {
    let mut wish = wish(Some(issue), &text("deploy"));
    wish.reads.at = Some(story.now);
    wish.reads.away = story.away;
    wish.reads.waits = Some(true);
    match story.answer(&Event::Wish(Box::new(wish))) {
        Answer::Wished(wished) => wished,
        other => panic!("{other:?}"),
    }
}

/// The gate of `dev` counts signatures without the forge.
pub(super) fn offline(story: &mut Story) {
    use crate::gate::policy::Factor;
    story.reconfigure(KAN, |board| {
        let gate = board.gates.get_mut("dev").expect("a gate");
        gate.factors = [Factor::Signature].into();
        gate.offline = true;
        for (id, owner) in &mut board.owners {
            let seed = u8::try_from(id.0).expect("a small id");
            owner.signing_keys = [crate::demo::signer::SshKey::of(seed).public()].into();
        }
    });
}

#[test]
fn a_thread_is_known_by_what_was_read_there() {
    let mut story = ready();
    let seen = |story: &Story, thread: ThreadKey| {
        let record: Option<crate::gate::thread::Thread> = story.record(&Key::thread(thread));
        record.and_then(|thread| thread.seen).map(|seen| seen.open)
    };
    offline(&mut story);
    assert_eq!(seen(&story, kan(12)), None);
    story.set_open(kan(12), false);
    assert_eq!(
        seen(&story, kan(12)),
        None,
        "nothing is kept of a thread without anything"
    );
    story.set_open(kan(12), true);
    story.ask(kan(12));
    assert_eq!(seen(&story, kan(12)), Some(true));
    story.set_open(kan(12), false);
    assert_eq!(seen(&story, kan(12)), Some(false));
    story.set_open(kan(12), true);
    assert_eq!(seen(&story, kan(12)), Some(true));
}

#[test]
fn no_issue_is_opened_where_the_repository_is_called_otherwise() {
    let mut story = ready();
    let name = "mallory/board".to_owned();
    story.forge.names.insert(KAN, name);
    let said = story.operator_asks(wish(None, &text("deploy")));
    assert!(said.is_err(), "{said:?}");
    assert!(story.titles.is_empty() && story.requests() == 0);
}
