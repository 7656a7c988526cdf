//! What goes on: resuming, rotating, thawing and owning are requests through a gate, and each digest
//! names what would come alive.

use super::*;
use crate::gate::actor::Actor;
use crate::gate::credential::CredentialStatus;
use crate::gate::identity::IdentityStatus;
use crate::gate::ids::CredentialNumber;
use crate::gate::key::Key;
use crate::gate::policy::{Factor, Gate, STRICTEST};
use crate::gate::request::Action;
use crate::gate::thread::Standstill;

const SLUG: &str = "codex-kan-12";

/// An identity in #12 with a token in use.
fn in_use() -> Story {
    let mut story = Story::new();
    let credential = story.issue(kan(12));
    let mac = story.credential(credential).mac;
    story.show(&mac);
    story
}

fn paused() -> Story {
    let mut story = in_use();
    story.say(kan(12), ALICE, "/gate pause codex-kan-12 odd calls");
    assert_eq!(story.live(1), None);
    story
}

#[test]
fn a_paused_identity_goes_on_only_through_its_gate() {
    for asker in [ALICE, CODEX] {
        let mut story = paused();
        story.say(kan(12), asker, "/gate resume codex-kan-12");
        let said = story.last_reply(kan(12));
        for part in [
            "asks to resume `codex-kan-12`** · dev",
            "- c1 would work again: `board:read` `card:write`, until ",
            "`by user 2: odd calls`",
            &story.approve_line(2),
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert!(!story.approve_line(2).contains("ttl"));
        assert_eq!(story.live(1), None, "asking changes nothing");
        story.approve(kan(12), CODEX, 2);
        assert_eq!(story.live(1), None, "a machine resumes nothing");
        story.approve(kan(12), ALICE, 2);
        assert_eq!(story.live(1), Some(names(&["board:read", "card:write"])));
        let said = story.last_reply(kan(12));
        assert!(said.starts_with("**R2 approved by alice: `codex-kan-12` works again**"));
        assert_eq!(story.entries().last(), Some(&"identity_resumed"));
        assert_eq!(story.word(2), "approved");
    }
}

#[test]
fn a_resumption_may_give_back_less_and_stays_so() {
    let mut story = paused();
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    let line = story.approve_line(2).replace(",card:write", "");
    story.say(kan(12), PIOTR, &line);
    assert_eq!(story.live(1), Some(names(&["board:read"])));
    assert_eq!(story.identity(SLUG).unwrap().scopes, names(&["board:read"]));
    // Who let it go on hands it on: a ceiling of theirs holds from then on, too.
    story.reconfigure(KAN, |board| {
        board.owners.get_mut(&PIOTR).unwrap().ceiling = Some(names(&["card:write"]));
    });
    assert_eq!(story.live(1), None);
}

#[test]
fn what_would_come_alive_is_named_and_a_difference_voids() {
    type Change = fn(&mut Story);
    let changes: [(&str, Change); 4] = [
        ("a credential was revoked meanwhile", |story| {
            story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c2");
        }),
        ("it may do less meanwhile", |story| {
            story.say(
                kan(12),
                ALICE,
                "/gate narrow codex-kan-12 scopes=board:read",
            );
        }),
        ("the gate grants less meanwhile", |story| {
            story.reconfigure(KAN, |board| {
                board.gates.get_mut("dev").unwrap().scopes = names(&["board:read"]);
            });
        }),
        ("it ends sooner meanwhile", |story| {
            story.say(kan(12), ALICE, "/gate narrow codex-kan-12 ttl=1h");
        }),
    ];
    for (name, change) in changes {
        let mut story = in_use();
        story.issue(kan(12));
        story.say(kan(12), ALICE, "/gate pause codex-kan-12");
        story.say(kan(12), CODEX, "/gate resume codex-kan-12");
        change(&mut story);
        story.approve(kan(12), ALICE, 3);
        assert_eq!(story.live(1), None, "{name}");
        assert_eq!(story.word(3), "void", "{name}");
        let status = story.identity(SLUG).unwrap().status;
        assert!(matches!(status, IdentityStatus::Paused(_)), "{name}");
    }
    // What ended by itself was named with its end: nothing moved.
    let mut story = in_use();
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    story.pass(8 * 3_600 - 60);
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    story.pass(120);
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.word(2), "approved");
    assert_eq!(story.live(1), None);
}

/// A pause is for a reason of its own: who approved before it has not said that it may end.
#[test]
fn what_was_asked_of_an_earlier_pause_does_not_end_a_later_one() {
    let mut story = paused();
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    story.approve(kan(12), ALICE, 2);
    assert!(story.live(1).is_some());
    story.say(kan(12), ALICE, "/gate pause codex-kan-12 leaked");
    story.approve(kan(12), PIOTR, 3);
    assert_eq!((story.word(3), story.live(1)), ("void", None));
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    story.approve(kan(12), PIOTR, 4);
    assert!(story.live(1).is_some());
}

#[test]
fn only_what_is_paused_is_resumed_and_only_by_those_it_concerns() {
    let mut story = in_use();
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "not_paused");
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    story.say(kan(12), CAROL, "/gate resume codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "unknown_identity");
    story.say(kan(13), CODEX, "/gate resume codex-kan-12");
    assert_eq!(story.last_code(kan(13)), "unknown_identity");
    story.say(kan(13), ALICE, "/gate resume codex-kan-12");
    assert_eq!(story.last_code(kan(13)), "lives_elsewhere");
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    story.say(kan(12), ALICE, "/gate resume codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "unknown_identity");
    assert_eq!(story.requests(), 1);
}

#[test]
fn a_successor_takes_over_after_its_first_use_and_a_grace() {
    let mut story = in_use();
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    let said = story.last_reply(kan(12));
    assert!(said.contains("asks for a successor of `codex-kan-12` c1** · dev"));
    assert!(said.contains("c1 goes on until a grace after the new one is first used"));
    assert_eq!(story.request(2).action, Action::Rotate);
    story.approve(kan(12), CODEX, 2);
    assert_eq!(story.credentials(), 1);
    story.approve(kan(12), ALICE, 2);
    let heir = story.credential(2);
    assert_eq!(
        (heir.predecessor, heir.generation),
        (Some(CredentialNumber(1)), 2)
    );
    assert_eq!(heir.family, CredentialNumber(1));
    assert!(
        story
            .last_reply(kan(12))
            .contains("c1 works until 15 m after that.")
    );
    // Nobody has the new one yet: the old one works on.
    story.pass(3_600);
    assert!(story.live(1).is_some());
    story.show(&heir.mac);
    assert!(story.live(1).is_some() && story.live(2).is_some());
    let until = story.now + jiff::SignedDuration::from_secs(900);
    assert_eq!(story.credential(1).status, CredentialStatus::Grace(until));
    story.pass(899);
    assert!(story.live(1).is_some());
    story.pass(1);
    assert_eq!(story.live(1), None);
    assert!(story.live(2).is_some());
    assert!(story.identity(SLUG).unwrap().last_rotated.is_some());
}

#[test]
fn a_predecessor_that_nobody_ever_used_ends_with_its_successors_first_use() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate rotate codex-kan-12");
    story.approve(kan(12), PIOTR, 2);
    let heir = story.credential(2);
    story.show(&heir.mac);
    let CredentialStatus::Revoked(ending) = story.credential(1).status else {
        panic!("it was never used");
    };
    assert_eq!(ending.by, Actor::Clock);
    assert_eq!(story.live(1), None);
}

#[test]
fn a_successor_may_do_what_its_predecessor_may_do_now() {
    let mut story = in_use();
    story.say(
        kan(12),
        ALICE,
        "/gate narrow codex-kan-12 scopes=board:read",
    );
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12 c1");
    assert_eq!(story.request(2).effect.scopes, names(&["board:read"]));
    assert_eq!(story.request(2).effect.ttl, Some(8 * 3_600));
    story.say(kan(12), ALICE, "/gate narrow codex-kan-12 ttl=1h");
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.word(2), "void");
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    story.approve(kan(12), ALICE, 3);
    let life = story.credential(2);
    assert!((life.expires_at - life.issued_at).get_hours() <= 1);
}

/// What a successor and a resumed identity may touch, and how, is part of what owners say yes to.
#[test]
fn what_goes_on_keeps_its_resources_and_modes() {
    let mut story = Story::new();
    let line = request_line("codex-*", "board:read", "dev");
    story.say(
        kan(12),
        CODEX,
        &format!("{line} resources=inbox modes=interactive"),
    );
    story.approve(kan(12), ALICE, 1);
    story.show(&story.credential(1).mac);
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    for request in [2, 3] {
        let asked = story.request(request).effect;
        assert_eq!(asked.resources, Some(names(&["inbox"])), "R{request}");
        assert_eq!(asked.modes, Some(names(&["interactive"])), "R{request}");
    }
    story.approve(kan(12), ALICE, 3);
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    story.approve(kan(12), ALICE, 4);
    let heir = story.credential(2);
    assert_eq!(
        (heir.resources, heir.modes),
        (Some(names(&["inbox"])), Some(names(&["interactive"])))
    );
}
#[test]
fn which_credential_is_meant_is_never_guessed() {
    let mut story = in_use();
    story.issue(kan(12));
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "bad_form");
    assert!(
        story
            .last_reply(kan(12))
            .contains("several living credentials, c1, c2")
    );
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12 c9");
    assert_eq!(story.last_code(kan(12)), "unknown_credential");
    story.say(kan(12), CODEX, "/gate revoke codex-kan-12 c1");
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12 c1");
    assert_eq!(story.last_code(kan(12)), "unknown_credential");
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    story.approve(kan(12), ALICE, 3);
    assert_eq!(story.credential(3).predecessor, Some(CredentialNumber(2)));
    // A credential has one successor at a time.
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12 c2");
    assert_eq!(story.last_code(kan(12)), "already_rotated");
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c3");
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12 c2");
    assert_eq!(
        story.request(4).effect.predecessor,
        Some(CredentialNumber(2))
    );
}

#[test]
fn rotating_revives_the_same_number_after_its_end() {
    let mut story = in_use();
    let number = story.identity(SLUG).unwrap().number;
    story.pass(91 * 86_400);
    assert_eq!(story.identity(SLUG).unwrap().word(story.now), "expired");
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    story.approve(kan(12), ALICE, 2);
    let identity = story.identity(SLUG).unwrap();
    assert_eq!(
        (identity.number, identity.word(story.now)),
        (number, "active")
    );
    let heir = story.credential(2);
    story.show(&heir.mac);
    assert!(story.live(2).is_some());
    assert_eq!(story.live(1), None);
}

#[test]
fn nothing_gets_a_successor_while_it_stands_still() {
    let mut story = paused();
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "identity_paused");
    let mut story = in_use();
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.last_code(kan(12)), "identity_paused");
    assert_eq!(story.credentials(), 1);
}

#[test]
fn a_board_stands_still_at_once_and_goes_on_through_its_strictest_gate() {
    let mut story = in_use();
    story.say(kan(12), CODEX, "/gate freeze");
    assert!(story.live(1).is_some());
    story.say(kan(13), PIOTR, "/gate freeze odd calls everywhere");
    assert_eq!(story.live(1), None);
    assert!(
        story
            .last_reply(kan(13))
            .contains("**kan stands still**: `odd calls everywhere`")
    );
    // Nothing is asked and nothing that was asked before opens.
    let line = request_line("codex-*", "board:read", "dev");
    story.say(kan(14), CODEX, &line);
    assert_eq!(story.last_code(kan(14)), "board_frozen");
    story.say(kan(12), CODEX, "/gate thaw");
    assert_eq!(story.last_code(kan(12)), "not_an_owner");
    story.say(kan(13), PIOTR, "/gate thaw");
    let said = story.last_reply(kan(13));
    assert!(said.contains("asks that this board goes on** · all gates of the board together"));
    assert!(said.contains("needs 2 of @alice @piotr"), "{said}");
    story.approve(kan(13), PIOTR, 2);
    assert_eq!(story.live(1), None, "one of two");
    story.approve(kan(13), ALICE, 2);
    assert!(story.live(1).is_some());
    assert_eq!(story.entries().last(), Some(&"board_thawed"));
    story.say(kan(13), ALICE, "/gate thaw");
    assert_eq!(story.last_code(kan(13)), "nothing_to_do");
}

/// What a board goes on through is as strict as the strictest of its gates, in every single respect.
#[test]
fn the_strictest_gate_has_the_strictest_of_everything() {
    let lax = Gate {
        self_approval: true,
        holder_rotation: true,
        offline: true,
        open_hours: Some("Mon-Fri 08:00-18:00 UTC".to_owned()),
        ..gate(&["board:read", "card:write"], 1)
    };
    let strict = Gate {
        max_ttl: 60,
        factors: [Factor::Signature].into(),
        judge_required: true,
        cooling_off: Some(60),
        open_hours: Some("Tue 09:00-10:00 UTC".to_owned()),
        ..gate(&["board:read"], 2)
    };
    let together = |first: &Gate, second: &Gate| {
        let mut board = policy().boards[&KAN].clone();
        board.gates = [
            ("a".to_owned(), first.clone()),
            ("b".to_owned(), second.clone()),
        ]
        .into();
        board.gate(STRICTEST).unwrap().into_owned()
    };
    for both in [together(&lax, &strict), together(&strict, &lax)] {
        assert!(!both.self_approval && !both.holder_rotation && !both.offline);
        assert_eq!(
            (both.scopes.clone(), both.max_ttl),
            (names(&["board:read"]), 60)
        );
        assert_eq!((both.quorum, both.judge_required), (2, true));
        assert!(lax.factors.is_subset(&both.factors) && strict.factors.is_subset(&both.factors));
        assert_eq!(both.cooling_off, Some(60));
        let mut hours: Vec<_> = both.open_hours().collect();
        hours.sort_unstable();
        assert_eq!(hours, ["Mon-Fri 08:00-18:00 UTC", "Tue 09:00-10:00 UTC"]);
    }
    let again = together(&lax, &lax);
    assert!(again.self_approval && again.holder_rotation && again.offline);
    let always = gate(&[], 1);
    assert_eq!(together(&always, &always), always);
}

#[test]
fn an_approval_of_an_older_standstill_thaws_no_newer_one() {
    let mut story = in_use();
    story.say(kan(13), PIOTR, "/gate freeze");
    story.say(kan(13), PIOTR, "/gate thaw");
    story.approve(kan(13), ALICE, 2);
    let since = |story: &Story| -> Option<Standstill> { story.record(&Key::standstill(KAN)) };
    let mut newer = since(&story).unwrap();
    newer.at = story.now + jiff::SignedDuration::from_secs(5);
    story
        .records
        .insert(Key::standstill(KAN), crate::gate::world::encode(&newer));
    story.approve(kan(13), PIOTR, 2);
    assert_eq!(since(&story), Some(newer));
    assert_eq!(story.word(2), "void");
}

#[test]
fn an_open_request_waits_while_its_board_stands_still_and_revoking_works() {
    let mut story = in_use();
    let asked = story.ask(kan(14));
    story.say(kan(13), ALICE, "/gate freeze");
    story.approve(kan(14), PIOTR, asked);
    assert_eq!(story.last_code(kan(14)), "board_frozen");
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    let status = story.identity(SLUG).unwrap().status;
    assert!(matches!(status, IdentityStatus::Revoked(_)));
    // The other board goes on.
    story.ask(ops(3));
    assert_eq!(story.word(3), "open");
}

#[test]
fn an_owner_becomes_the_owner_by_another_owners_word() {
    let mut story = in_use();
    assert_eq!(story.identity(SLUG).unwrap().owner, ALICE);
    story.say(kan(12), ALICE, "/gate own codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "nothing_to_do");
    story.say(kan(12), CODEX, "/gate own codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "not_an_owner");
    story.say(kan(12), PIOTR, "/gate own codex-kan-12");
    story.approve(kan(12), PIOTR, 2);
    assert_eq!(story.last_code(kan(12)), "asked_for_it");
    assert_eq!(story.identity(SLUG).unwrap().owner, ALICE);
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.identity(SLUG).unwrap().owner, PIOTR);
    assert_eq!(story.entries().last(), Some(&"owner_changed"));
    assert!(story.live(1).is_some());
}

#[test]
fn an_approval_names_what_the_request_has_and_no_more() {
    let mut story = paused();
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    let line = story.approve_line(2);
    let bare = line.split(" scopes=").next().unwrap().to_owned();
    for (text, code) in [
        (bare, "not_restated"),
        (format!("{line} ttl=8h"), "wider_than_asked"),
        (
            line.replace("board:read", "board:read,deploy:run"),
            "wider_than_asked",
        ),
    ] {
        story.say(kan(12), ALICE, &text);
        assert_eq!(story.last_code(kan(12)), code, "{text}");
        assert_eq!(story.live(1), None);
    }
}

#[test]
fn what_has_no_gate_any_more_gets_no_successor_and_says_so() {
    let mut story = in_use();
    story.reconfigure(KAN, |board| {
        board.gates.remove("dev");
    });
    story.say(kan(12), CODEX, "/gate rotate codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "no_gate");
}
