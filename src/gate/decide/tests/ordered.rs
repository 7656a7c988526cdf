//! Orders by the host and by operators: what they stop, on which boards, and what is written down.

use proptest::prelude::*;

use super::super::*;
use super::*;
use crate::gate::actor::Actor;
use crate::gate::command::Less;
use crate::gate::credential::CredentialStatus;
use crate::gate::identity::IdentityStatus;
use crate::gate::ids::{CredentialNumber, RequestNumber, Slug};
use crate::gate::operator::{By, Way};
use crate::gate::order::{Ask, Order, Ordered, TurnedAway};
use crate::gate::policy::Operator;
use crate::gate::request::RequestStatus;

const SLUG: &str = "codex-kan-12";

fn operator(board: crate::gate::ids::RepositoryId, rights: &[&str]) -> Operator {
    Operator {
        forge_id: None,
        uid: None,
        boards: [board].into(),
        rights: names(rights),
    }
}

/// Piotr reads and narrows on `kan`, Rita only reads there, Olga does both on `ops`. An identity in #12
/// with two tokens in use.
fn ready() -> Story {
    let mut rules = policy();
    for (name, one) in [
        ("piotr", operator(KAN, &["read", "narrow"])),
        ("rita", operator(KAN, &["read", "request"])),
        ("olga", operator(OPS, &["read", "narrow", "request"])),
    ] {
        rules.operators.insert(name.to_owned(), one);
    }
    let mut story = Story::with(rules);
    for _ in 0..2 {
        let credential = story.issue(kan(12));
        let mac = story.credential(credential).mac;
        story.show(&mac);
    }
    story
}

fn by(name: &str) -> By {
    match name {
        "host" => By::Host,
        name => By::Operator {
            name: name.to_owned(),
            way: Way::Token,
        },
    }
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn order(name: &str, what: Ask) -> Event {
    Event::Ordered(Box::new(Order {
        by: by(name),
        what,
        reason: "seen in a log".to_owned(),
        noted: true,
    }))
}

fn ordered(story: &mut Story, name: &str, what: Ask) -> Ordered {
    let answer = story.answer(&order(name, what));
    story.settle();
    match answer {
        Answer::Ordered(ordered) => ordered,
        other => panic!("{other:?}"),
    }
}

/// Code, actor and text of the last line's entries.
fn last_entries(story: &Story) -> Vec<(String, Actor, String)> {
    let lines = story.lines.iter().rev();
    let entries = lines
        .map(|line| &line.decision.entries)
        .find(|entries| !entries.is_empty())
        .unwrap();
    let row = |entry: &crate::gate::audit::Entry| {
        (entry.code.clone(), entry.actor.clone(), entry.text.clone())
    };
    entries.iter().map(row).collect()
}

fn named(name: &str) -> Actor {
    Actor::Operator(name.to_owned())
}

#[test]
fn host_and_operators_pause_at_once_and_the_thread_is_told_once() {
    for name in ["host", "piotr"] {
        let mut story = ready();
        let told = story.replies(kan(12)).len();
        let done = ordered(&mut story, name, Ask::Pause(slug(SLUG)));
        assert!(matches!(done, Ordered::Done(_)), "{done:?}");
        assert_eq!((story.live(1), story.live(2)), (None, None));
        let replies = story.replies(kan(12));
        assert_eq!(replies.len(), told + 1);
        let who = if name == "host" {
            "the bot's host"
        } else {
            "operator piotr"
        };
        let said = replies.last().unwrap();
        assert!(
            said.starts_with(&format!("**`{SLUG}` is paused** by {who}: `seen in a log`")),
            "{said}"
        );
        assert_eq!(
            last_entries(&story),
            [(
                "identity_paused".to_owned(),
                named(name),
                format!(
                    "by {}: seen in a log",
                    if name == "host" {
                        "the bot's host"
                    } else {
                        "operator piotr"
                    }
                )
            )]
        );
        // Again: nothing to do, and that is written down as well.
        let again = ordered(&mut story, name, Ask::Pause(slug(SLUG)));
        assert_eq!(again, Ordered::Already(format!("{SLUG} is paused already")));
        assert_eq!(last_entries(&story)[0].0, "order_needless");
        assert_eq!(story.replies(kan(12)).len(), told + 1);
        // What un-pauses is a request, for operators as for everybody.
        assert!(matches!(
            story.identity(SLUG).unwrap().status,
            IdentityStatus::Paused(_)
        ));
    }
}

#[test]
fn revoking_ends_one_or_all_and_voids_what_is_asked_under_the_name() {
    let mut story = ready();
    let one = Ask::RevokeCredential(CredentialNumber(1), Some(slug(SLUG)));
    let done = ordered(&mut story, "piotr", one.clone());
    assert_eq!(
        done,
        Ordered::Done(format!("c1 of {SLUG} is revoked; the identity stays"))
    );
    assert!(story.live(1).is_none() && story.live(2).is_some());
    let again = ordered(&mut story, "piotr", one);
    assert_eq!(again, Ordered::Already("c1 was revoked already".to_owned()));
    story.say(
        kan(12),
        CODEX,
        &request_line(SLUG, "board:read,card:write", "dev"),
    );
    let done = ordered(&mut story, "piotr", Ask::Revoke(slug(SLUG)));
    assert!(matches!(done, Ordered::Done(_)), "{done:?}");
    assert!(story.live(2).is_none());
    assert!(matches!(story.request(3).status, RequestStatus::Void(_)));
    let gone = ordered(&mut story, "piotr", Ask::Revoke(slug(SLUG)));
    assert_eq!(
        gone,
        Ordered::Already(format!("{SLUG} was revoked already"))
    );
    // A name that only a request has.
    story.say(
        kan(13),
        CODEX,
        &request_line("codex-new", "board:read", "dev"),
    );
    let void = ordered(&mut story, "piotr", Ask::Revoke(slug("codex-new")));
    assert_eq!(
        void,
        Ordered::Done(
            "no identity codex-new lives; void is what was asked for under it: R4".to_owned()
        )
    );
    assert!(matches!(story.request(4).status, RequestStatus::Void(_)));
    let entries = last_entries(&story);
    assert!(entries.iter().any(|(_, actor, _)| *actor == named("piotr")));
}

#[test]
fn narrowing_takes_away_and_refuses_what_would_be_wider() {
    let mut story = ready();
    let less = |scopes: &[&str]| Less {
        scopes: Some(names(scopes)),
        ..Less::default()
    };
    let wider = ordered(
        &mut story,
        "piotr",
        Ask::Narrow(slug(SLUG), less(&["board:read", "deploy:run"])),
    );
    let Ordered::Refused(why) = wider else {
        panic!("{wider:?}");
    };
    assert_eq!(
        why,
        "it has no deploy:run among its scopes, only board:read card:write; narrowing only takes away"
    );
    assert_eq!(story.live(1), Some(names(&["board:read", "card:write"])));
    assert_eq!(last_entries(&story)[0].0, "order_refused");
    let what = Ask::Narrow(slug(SLUG), less(&["board:read"]));
    let done = ordered(&mut story, "host", what.clone());
    assert_eq!(done, Ordered::Done(format!("{SLUG} may do less now")));
    assert_eq!(story.live(1), Some(names(&["board:read"])));
    assert_eq!(story.live(2), Some(names(&["board:read"])));
    let said = story.last_reply(kan(12));
    assert!(
        said.starts_with(&format!(
            "**`{SLUG}` may do less now** (by the bot's host: `seen in a log`)"
        )),
        "{said}"
    );
    let again = ordered(&mut story, "host", what);
    assert!(matches!(again, Ordered::Already(_)), "{again:?}");
    let ttl = Less {
        ttl: Some(60),
        ..Less::default()
    };
    ordered(&mut story, "piotr", Ask::Narrow(slug(SLUG), ttl));
    story.pass(60);
    assert_eq!((story.live(1), story.live(2)), (None, None));
}

#[test]
fn releasing_ends_and_the_name_stays_its_requesters() {
    let mut story = ready();
    let done = ordered(&mut story, "piotr", Ask::Release(slug(SLUG)));
    assert_eq!(
        done,
        Ordered::Done(format!("{SLUG} is released, with 2 of its credentials"))
    );
    assert!(story.live(1).is_none() && story.live(2).is_none());
    let status = story.credential(1).status;
    assert!(matches!(status, CredentialStatus::Revoked(_)));
    let identity = story.identity(SLUG).unwrap();
    assert!(matches!(identity.status, IdentityStatus::Released(_)));
}

#[test]
fn an_open_request_is_denied_and_no_approval_comes_after() {
    let mut story = ready();
    story.say(
        kan(13),
        CODEX,
        &request_line("codex-new", "board:read", "dev"),
    );
    let done = ordered(&mut story, "piotr", Ask::Deny(RequestNumber(3)));
    assert_eq!(done, Ordered::Done("R3 is denied".to_owned()));
    let request = story.request(3);
    assert_eq!(request.status, RequestStatus::DeniedBy("piotr".to_owned()));
    assert_eq!(request.word(story.now), "denied");
    assert_eq!(
        story.last_reply(kan(13)),
        "**R3 denied by operator piotr**: `seen in a log`"
    );
    story.approve(kan(13), ALICE, 3);
    assert!(story.identity("codex-new").is_none());
    let again = ordered(&mut story, "piotr", Ask::Deny(RequestNumber(3)));
    assert_eq!(again, Ordered::Already("R3 is not open: denied".to_owned()));
    let approved = ordered(&mut story, "piotr", Ask::Deny(RequestNumber(1)));
    assert!(matches!(approved, Ordered::Refused(_)), "{approved:?}");
    let unknown = ordered(&mut story, "olga", Ask::Deny(RequestNumber(1)));
    assert_eq!(
        unknown,
        Ordered::Unknown("there is no request R1".to_owned())
    );
}

#[test]
fn who_has_no_right_here_changes_nothing_and_that_is_written_down() {
    let asks = || {
        [
            Ask::Pause(slug(SLUG)),
            Ask::Revoke(slug(SLUG)),
            Ask::RevokeCredential(CredentialNumber(1), Some(slug(SLUG))),
            Ask::RevokeCredential(CredentialNumber(1), None),
            Ask::Release(slug(SLUG)),
            Ask::Deny(RequestNumber(1)),
            Ask::Narrow(
                slug(SLUG),
                Less {
                    ttl: Some(60),
                    ..Less::default()
                },
            ),
        ]
    };
    for name in ["rita", "olga", "nobody"] {
        let mut story = ready();
        for ask in asks() {
            let told = story.replies(kan(12)).len();
            let refused = ordered(&mut story, name, ask.clone());
            let expected = matches!(
                (name, &refused),
                ("olga", Ordered::Unknown(_)) | ("rita" | "nobody", Ordered::Denied(_))
            );
            assert!(expected, "{name}: {ask:?}: {refused:?}");
            assert!(story.live(1).is_some() && story.live(2).is_some());
            assert_eq!(story.replies(kan(12)).len(), told);
            let (code, actor, _) = last_entries(&story).remove(0);
            assert_eq!((code.as_str(), actor), ("order_refused", named(name)));
        }
    }
    // To somebody of another board it is as what there is not.
    let mut story = ready();
    let there = ordered(&mut story, "olga", Ask::Pause(slug(SLUG)));
    let nowhere = ordered(&mut story, "olga", Ask::Pause(slug("codex-kan-99")));
    let (Ordered::Unknown(there), Ordered::Unknown(nowhere)) = (there, nowhere) else {
        panic!("both are unknown");
    };
    assert_eq!(there.replace(SLUG, "codex-kan-99"), nowhere);
}

#[test]
fn the_edge_bounds_what_is_written_of_refusals_and_a_full_disk_takes_none() {
    let mut story = ready();
    let lines = story.lines.len();
    let quiet = Event::Ordered(Box::new(Order {
        by: by("rita"),
        what: Ask::Pause(slug(SLUG)),
        reason: String::new(),
        noted: false,
    }));
    story.answer(&quiet);
    let away = Event::TurnedAway(TurnedAway {
        by: None,
        why: "somebody showed what is no operator's token".to_owned(),
        board: None,
        times: 7,
    });
    story.low_space = true;
    story.answer(&order("rita", Ask::Pause(slug(SLUG))));
    story.answer(&away);
    assert_eq!(story.lines.len(), lines);
    // What stops something is journaled all the same.
    let done = ordered(&mut story, "piotr", Ask::Revoke(slug(SLUG)));
    assert!(matches!(done, Ordered::Done(_)), "{done:?}");
    story.low_space = false;
    story.answer(&away);
    assert_eq!(
        last_entries(&story)[0],
        (
            "operator_turned_away".to_owned(),
            Actor::Bot,
            "somebody showed what is no operator's token".to_owned()
        )
    );
}

#[test]
fn what_lives_on_a_board_that_is_gone_is_still_stopped_by_the_host() {
    let mut story = ready();
    let mut rules = story.policy.clone();
    rules.boards.remove(&KAN);
    story.configure(rules);
    let told = story.replies(kan(12)).len();
    let done = ordered(&mut story, "host", Ask::Revoke(slug(SLUG)));
    assert!(matches!(done, Ordered::Done(_)), "{done:?}");
    let identity = story.identity(SLUG).unwrap();
    assert!(matches!(identity.status, IdentityStatus::Revoked(_)));
    assert_eq!(story.replies(kan(12)).len(), told, "nobody reads there");
}

fn asks() -> impl Strategy<Value = Ask> {
    let slugs = prop_oneof![
        Just(SLUG),
        Just("codex-kan-13"),
        Just("codex-ops-12"),
        Just("nobody")
    ];
    let less = (
        prop::option::of(prop::sample::subsequence(
            vec!["board:read", "card:write", "deploy:run"],
            0..3,
        )),
        prop::option::of(1_u64..200_000),
    );
    (0_u8..6, slugs, less, 0_u64..5).prop_map(|(kind, name, (scopes, ttl), number)| {
        let less = Less {
            scopes: scopes.map(|scopes| names(&scopes)),
            ttl,
            ..Less::default()
        };
        match kind {
            0 => Ask::Pause(slug(name)),
            1 => Ask::Revoke(slug(name)),
            2 => Ask::RevokeCredential(
                CredentialNumber(number),
                (number % 2 == 0).then(|| slug(name)),
            ),
            3 => Ask::Narrow(slug(name), less),
            4 => Ask::Release(slug(name)),
            _ => Ask::Deny(RequestNumber(number)),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever orders whatever: nothing gets more, what is not somebody's to stop stays as it is, and
    /// each order leaves its name.
    #[test]
    fn orders_only_ever_take_away_and_only_on_ones_own_boards(
        orders in prop::collection::vec(
            (prop::sample::select(vec!["host", "piotr", "rita", "olga", "nobody"]), asks()),
            1..10,
        )
    ) {
        let mut story = ready();
        for thread in [kan(13), ops(12)] {
            let credential = story.issue(thread);
            let mac = story.credential(credential).mac;
            story.show(&mac);
        }
        for (name, ask) in orders {
            let before: Vec<_> = (1..=4).map(|number| story.live(number)).collect();
            let ends: Vec<_> = (1..=4).map(|number| story.credential(number).expires_at).collect();
            let lines = story.lines.len();
            ordered(&mut story, name, ask);
            for (place, number) in (1..=4).enumerate() {
                let after = story.live(number);
                let within = match (&before[place], &after) {
                    (None, after) => after.is_none(),
                    (Some(_), None) => true,
                    (Some(before), Some(after)) => after.is_subset(before),
                };
                prop_assert!(within, "c{} got more", number);
                prop_assert!(story.credential(number).expires_at <= ends[place]);
                let theirs = match name {
                    "host" => true,
                    "piotr" => number < 4,
                    "olga" => number == 4,
                    _ => false,
                };
                prop_assert!(theirs || after == before[place], "c{} is not {}'s", number, name);
            }
            let left = story.lines[lines..].iter().flat_map(|line| &line.decision.entries);
            prop_assert_eq!(left.filter(|entry| entry.actor == named(name)).count(), 1);
        }
    }
}
