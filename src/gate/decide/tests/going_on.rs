//! The edges of what goes on, what is handed on and what stands still: where it is asked, what has
//! moved since, and what is left of it afterwards.

use super::super::*;
use super::*;
use crate::gate::decide::Claim;
use crate::gate::evidence::{FRESH, Reads};
use crate::gate::identity::IdentityStatus;
use crate::gate::thread::Standstill;

const SLUG: &str = "codex-kan-12";
const CHALLENGE: &str = "UQdSwcxUDhdQ3tMqoBbvnE1m2bfyqoZJRYFVm8JpWXI";

/// An identity in #12 with a token in use.
fn in_use() -> Story {
    let mut story = Story::new();
    let credential = story.issue(kan(12));
    let mac = story.credential(credential).mac;
    story.show(&mac);
    story
}

fn standstill(story: &Story) -> Option<Standstill> {
    story.record(&Key::standstill(KAN))
}

#[test]
fn what_widens_is_asked_in_an_open_thread() {
    for (before, who, text) in [
        ("/gate pause", CODEX, "/gate resume codex-kan-12"),
        ("hello", CODEX, "/gate rotate codex-kan-12"),
        ("hello", PIOTR, "/gate own codex-kan-12"),
        ("/gate freeze", PIOTR, "/gate thaw"),
    ] {
        let mut story = in_use();
        story.say(kan(12), ALICE, before);
        story.forge.issues.get_mut(&kan(12)).unwrap().open = false;
        story.say(kan(12), who, text);
        assert_eq!(story.last_code(kan(12)), "thread_closed", "{text}");
        story.forge.issues.get_mut(&kan(12)).unwrap().open = true;
        story.say(kan(12), who, text);
        assert_eq!(story.word(2), "open", "{text}");
    }
}

#[test]
fn a_successor_of_what_was_taken_back_meanwhile_is_not_made() {
    for (delivery, taken_back) in [
        (String::new(), "/gate revoke codex-kan-12 c1"),
        (
            format!(" c1 challenge={CHALLENGE}"),
            "/gate revoke codex-kan-12 c1",
        ),
    ] {
        let mut story = in_use();
        story.say(
            kan(12),
            CODEX,
            &format!("/gate rotate codex-kan-12{delivery}"),
        );
        story.say(kan(12), ALICE, taken_back);
        story.approve(kan(12), ALICE, 2);
        assert_eq!((story.word(2), story.credentials()), ("void", 1));
    }
    // Granted before, claimed after.
    let mut story = in_use();
    story.say(
        kan(12),
        CODEX,
        &format!("/gate rotate codex-kan-12 c1 challenge={CHALLENGE}"),
    );
    story.approve(kan(12), ALICE, 2);
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c1");
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Shut(_)));
    assert_eq!(story.credentials(), 1);
}

#[test]
fn a_successor_asks_for_no_more_than_the_configuration_leaves() {
    let mut story = in_use();
    story.reconfigure(KAN, |board| {
        let dev = board.gates.get_mut("dev").unwrap();
        dev.scopes = names(&["board:read"]);
        dev.max_ttl = 600;
    });
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    let effect = story.request(2).effect;
    assert_eq!(
        (effect.scopes, effect.ttl),
        (names(&["board:read"]), Some(600))
    );
    let mut story = in_use();
    story.reconfigure(KAN, |board| {
        board.scopes.remove("card:write");
    });
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    assert_eq!(story.request(2).effect.scopes, names(&["board:read"]));
}

/// The identity may grow again for another credential; what was given back as less stays less.
#[test]
fn what_was_resumed_with_less_does_not_grow_with_its_identity() {
    let mut story = in_use();
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    story.pass(60);
    let line = story.approve_line(2).replace(",card:write", "");
    story.say(kan(12), ALICE, &line);
    let identity = story.identity(SLUG).unwrap();
    let life = identity.expires_at - story.now;
    assert_eq!(life.total(jiff::Unit::Second).unwrap(), 90.0 * 86_400.0);
    story.issue(kan(12));
    assert_eq!(
        story.identity(SLUG).unwrap().scopes,
        names(&["board:read", "card:write"])
    );
    assert_eq!(story.live(1), Some(names(&["board:read"])));
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12 c1");
    assert_eq!(story.request(4).effect.scopes, names(&["board:read"]));
}

/// `ttl=21607s` is nothing that an owner likes to restate.
#[test]
fn a_successors_life_is_whole_minutes_and_never_longer_than_its_predecessors() {
    let mut story = in_use();
    story.pass(7);
    story.say(
        kan(12),
        CODEX,
        "/gate narrow codex-kan-12 scopes=board:read ttl=6h",
    );
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    let life = story.request(2).effect.ttl.unwrap();
    let credential = story.credential(1);
    let before = (credential.expires_at - credential.issued_at).get_seconds();
    assert!(before % 60 != 0);
    assert_eq!(i64::try_from(life).unwrap(), before - before % 60);
}

#[test]
fn what_was_thawed_or_owned_is_decided() {
    let mut story = in_use();
    story.say(kan(12), PIOTR, "/gate own codex-kan-12");
    story.approve(kan(12), ALICE, 2);
    story.say(kan(12), PIOTR, "/gate freeze");
    story.say(kan(12), PIOTR, "/gate thaw");
    story.approve(kan(12), PIOTR, 3);
    story.approve(kan(12), ALICE, 3);
    assert_eq!((story.word(2), story.word(3)), ("approved", "approved"));
}

#[test]
fn a_freeze_needs_no_disk_and_little_evidence_and_may_be_said_again() {
    let mut story = in_use();
    story.low_space = true;
    story.say(kan(12), ALICE, "/gate freeze odd calls");
    let begun = standstill(&story).unwrap();
    assert_eq!(begun.why, "by user 2: odd calls");
    story.low_space = false;
    story.say(kan(12), PIOTR, "/gate freeze again");
    let later = standstill(&story).unwrap();
    assert!(later.at > begun.at && later.why == "by user 3: again");
    assert!(story.last_reply(kan(12)).contains("goes on standing still"));

    let mut story = in_use();
    let id = story.write(kan(12), ALICE, "/gate freeze");
    let delivery = story.delivery(id);
    story.forge.comments.get_mut(&id).unwrap().updated =
        story.now + jiff::SignedDuration::from_secs(1);
    story.arrive(delivery);
    story.settle();
    let why = standstill(&story).unwrap().why;
    assert_eq!(why, "by user 2: the comment was changed");
}

#[test]
fn what_has_ended_is_not_narrowed() {
    let mut story = in_use();
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    let before = story.identity(SLUG);
    story.say(kan(12), ALICE, "/gate narrow codex-kan-12 ttl=1h");
    assert_eq!(story.last_code(kan(12)), "unknown_identity");
    assert!(story.last_reply(kan(12)).contains("was revoked already"));
    assert_eq!(story.identity(SLUG), before);
}

#[test]
fn narrowing_needs_no_disk_and_takes_from_the_identity_too() {
    let mut story = in_use();
    story.low_space = true;
    story.say(
        kan(12),
        ALICE,
        "/gate narrow codex-kan-12 ttl=1h modes=interactive resources=inbox",
    );
    let identity = story.identity(SLUG).unwrap();
    assert_eq!((identity.expires_at - story.now).get_seconds(), 3_600);
    let check: crate::gate::credential::Check =
        story.record(&Key::check(&story.credential(1).mac)).unwrap();
    assert_eq!(check.modes, Some(names(&["interactive"])));
    assert_eq!(check.resources, Some(names(&["inbox"])));
    assert_eq!(identity.modes, check.modes);
    assert_eq!(identity.resources, check.resources);
    assert_eq!((check.expires_at - story.now).get_seconds(), 3_600);
}

/// How long something has left is said of what lives.
#[test]
fn a_longer_life_than_what_lives_has_left_is_wider() {
    let mut story = in_use();
    let short = request_line("codex-*", "board:read", "dev").replace("ttl=8h", "ttl=10m");
    story.say(kan(12), CODEX, &short);
    story.approve(kan(12), ALICE, 2);
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c1");
    story.say(kan(12), ALICE, "/gate narrow codex-kan-12 ttl=1h");
    assert_eq!(story.last_code(kan(12)), "wider");
    story.say(kan(12), ALICE, "/gate narrow codex-kan-12 ttl=5m");
    let left = story.credential(2).expires_at - story.now;
    assert_eq!(left.get_seconds(), 300);
}

fn claimed() -> Story {
    let mut story = Story::new();
    let line = request_line("codex-*", "board:read", "dev").replace(
        &format!("recipient={RECIPIENT}"),
        &format!("challenge={CHALLENGE}"),
    );
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 1);
    story
}

/// Taking one token back is no reason to stop what its identity has beside it.
#[test]
fn a_claim_of_what_was_taken_back_stops_nothing_else() {
    let mut story = claimed();
    let Claim::Made(made) = story.claim(KAN, CHALLENGE) else {
        panic!("it is approved");
    };
    story.show(&made.mac);
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c1");
    assert_eq!(story.claim(KAN, CHALLENGE), Claim::Over("void"));
    let status = story.identity(SLUG).unwrap().status;
    assert_eq!(status, IdentityStatus::Active);
}

#[test]
fn a_claim_is_not_decided_on_what_was_read_long_ago_nor_in_a_repository_that_moved() {
    let mut story = claimed();
    let reads = Reads {
        at: Some(story.now),
        issues: [(kan(12).issue, story.forge.read_issue(kan(12)))].into(),
        ..Reads::default()
    };
    let wants = |story: &mut Story| {
        let step = story.feed(&Event::Claimed {
            challenge: CHALLENGE.to_owned(),
            reads: Box::new(reads.clone()),
        });
        let Step::Gather(needs) = step else {
            panic!("it has too little");
        };
        format!("{needs:?}").contains("Issue(")
    };
    assert!(!wants(&mut story), "it was just read");
    story.pass(FRESH + 1);
    assert!(wants(&mut story), "it was read long ago");

    story.forge.names.insert(KAN, "mallory/board".to_owned());
    assert!(matches!(story.claim(KAN, CHALLENGE), Claim::Shut(_)));
    assert_eq!(story.credentials(), 0);
}
