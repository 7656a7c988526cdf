//! What stops secrets from before, and what lets one that stands still alone go on.

use super::*;

#[test]
fn what_is_an_identitys_stops_with_it() {
    for stop in [
        "/gate pause codex-kan-12",
        "/gate revoke codex-kan-12 c2",
        "/gate revoke codex-kan-12",
    ] {
        let mut story = imported(two());
        story.say(kan(12), ALICE, stop);
        assert_eq!(story.live(2), None, "{stop}");
        assert!(story.live(3).is_some(), "{stop}");
    }
    let mut story = imported(two());
    story.say(kan(12), ALICE, "/gate inspect codex-kan-12");
    assert!(
        story
            .last_reply(kan(12))
            .contains("- c2 `robot ‹1›`: active from before, `board:read`, ends ")
    );
    story.say(
        kan(12),
        ALICE,
        "/gate narrow codex-kan-12 scopes=card:write",
    );
    assert_eq!(story.live(2), None);
}

#[test]
fn an_owner_takes_back_what_no_identity_has_and_nobody_else_does() {
    let mut story = alone();
    for who in [CODEX, CAROL] {
        story.say(kan(12), who, "/gate revoke c2");
    }
    assert!(story.live(2).is_some());
    story.say(ops(3), ALICE, "/gate revoke c2");
    assert!(story.live(2).is_some(), "it is another board's");
    story.say(kan(30), ALICE, "/gate list");
    assert!(
        story
            .last_reply(kan(30))
            .contains("- secrets from before without an identity: 1")
    );
    story.say(kan(30), ALICE, "/gate revoke c2 leaked");
    assert_eq!(story.live(2), None);
    let said = "**c2 `robot ‹2›` is revoked**: `leaked`.";
    assert_eq!(story.last_reply(kan(30)), said);
    assert_eq!(story.last_reply(kan(20)), said);
    story.say(kan(30), ALICE, "/gate list");
    assert!(!story.last_reply(kan(30)).contains("without an identity"));
    assert!(
        story
            .identity("codex-kan-12")
            .expect("an identity")
            .is_living()
    );
}

#[test]
fn an_owner_narrows_what_no_identity_has_and_nothing_widens_it() {
    let mut story = alone();
    let before = story.credential(2);
    for (who, thread, text, code) in [
        (CODEX, kan(30), "/gate narrow c2 ttl=1h", "unknown_identity"),
        (ALICE, ops(3), "/gate narrow c2 ttl=1h", "unknown_identity"),
        (ALICE, kan(30), "/gate narrow c2 ttl=2d", "wider"),
        (
            ALICE,
            kan(30),
            "/gate narrow c2 scopes=board:read,deploy:run",
            "wider",
        ),
        (ALICE, kan(30), "/gate narrow c2", "bad_form"),
    ] {
        story.say(thread, who, text);
        assert_eq!(story.last_code(thread), code, "{text}");
        assert_eq!(story.credential(2), before, "{text}");
    }
    story.say(
        kan(30),
        ALICE,
        "/gate narrow c2 scopes=board:read ttl=1h leaked",
    );
    let said = story.last_reply(kan(30));
    assert!(
        said.starts_with("**c2 `robot ‹2›` may do less now**: `leaked`: `board:read`, until "),
        "{said}"
    );
    assert_eq!(story.entries().last(), Some(&"credential_narrowed"));
    story.pass(3_599);
    assert!(story.live(2).is_some());
    story.pass(1);
    assert_eq!(story.live(2), None);
    // What somebody else may have changed pauses: a narrowing cannot be undone.
    let mut story = alone();
    let id = story.write(kan(20), ALICE, "look at this");
    story.arrive(story.delivery(id));
    story.forge.edit(id, "/gate narrow c2 ttl=1m", story.now);
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!(story.live(2), None);
    let ends = |story: &Story| story.credential(2).expires_at;
    assert_eq!(ends(&story), ends(&alone()));
}

#[test]
fn what_stands_still_alone_goes_on_only_through_a_link() {
    for how in ["holder", "owner", "edited"] {
        let mut story = alone();
        match how {
            "holder" => {
                let macs = vec![mac(102), mac(2)];
                let answer = story.answer(&Event::HolderPaused { macs });
                let verb = "pause";
                assert_eq!(
                    answer,
                    Answer::Decided {
                        verb,
                        outcome: "done_alone"
                    }
                );
            }
            "owner" => {
                story.say(kan(20), ALICE, "/gate pause c2");
            }
            _ => {
                let id = story.write(kan(20), ALICE, "look at this");
                story.arrive(story.delivery(id));
                story.forge.edit(id, "/gate revoke c2", story.now);
                story.arrive(story.delivery(id));
                story.settle();
            }
        }
        assert_eq!(story.live(2), None, "{how}");
        let paused = matches!(story.credential(2).status, CredentialStatus::Paused(_));
        assert!(paused, "{how}: {:?}", story.credential(2).status);
        assert_eq!(story.show(&mac(2)), Answer::Inactive);
        story.say(kan(12), CODEX, "/gate link c2 codex-kan-12");
        assert_eq!(story.last_code(kan(12)), "not_an_owner");
        story.say(kan(12), ALICE, "/gate link c2 codex-kan-12");
        let said = story.last_reply(kan(12));
        assert!(
            said.contains("asks that c2 becomes `codex-kan-12`'s** · dev"),
            "{said}"
        );
        assert_eq!(story.live(2), None, "asking changes nothing");
        story.approve(kan(12), ALICE, 3);
        assert_eq!(story.live(2), Some(names(&["board:read"])));
        assert!(story.credential(2).identity.is_some());
        story.say(kan(12), ALICE, "/gate pause codex-kan-12");
        assert_eq!(story.live(2), None);
    }
}

#[test]
fn a_link_is_refused_or_void_where_there_is_nothing_to_link() {
    let mut story = alone();
    for (line, code) in [
        ("/gate link c1 codex-kan-12", "unknown_credential"),
        ("/gate link c9 codex-kan-12", "unknown_credential"),
        ("/gate link c2 nobody", "unknown_identity"),
    ] {
        story.say(kan(12), ALICE, line);
        assert_eq!(story.last_code(kan(12)), code, "{line}");
    }
    story.say(kan(20), ALICE, "/gate link c2 codex-kan-12");
    assert_eq!(story.last_code(kan(20)), "lives_elsewhere");
    story.say(kan(12), ALICE, "/gate link c2 codex-kan-12");
    story.say(kan(12), PIOTR, "/gate revoke c2");
    story.approve(kan(12), ALICE, 3);
    assert_eq!(story.word(3), "void");
    assert_eq!(story.live(2), None);
}

#[test]
fn a_link_that_is_approved_for_less_leaves_no_more() {
    let mut story = ready();
    story.reconfigure(KAN, |board| {
        let staging = board.gates.get_mut("staging").unwrap();
        staging.scopes.insert("card:write".to_owned());
    });
    let lines = vec![line(2, &["board:read", "card:write"], None)];
    assert_eq!(story.import(file(lines)), Ok(RequestNumber(2)));
    story.approve(kan(20), ALICE, 2);
    story.approve(kan(20), PIOTR, 2);
    assert_eq!(story.live(2), Some(names(&["board:read", "card:write"])));
    story.say(kan(12), ALICE, "/gate link c2 codex-kan-12");
    let less = story.approve_line(3).replace(",card:write", "");
    story.say(kan(12), PIOTR, &less);
    assert_eq!(story.word(3), "approved", "{}", story.last_reply(kan(12)));
    assert_eq!(story.live(2), Some(names(&["board:read"])));
}

#[test]
fn nothing_is_linked_to_what_stands_still_or_has_ended_nor_what_is_over_itself() {
    type Change = fn(&mut Story);
    let rows: [(&str, Change); 3] = [
        ("the identity is paused", |story| {
            story.say(kan(12), PIOTR, "/gate pause codex-kan-12");
        }),
        ("the identity has ended", |story| {
            story.pass(91 * 86_400);
        }),
        ("the secret is over", |story| {
            story.pass(31 * 86_400);
        }),
    ];
    for (name, change) in rows {
        let mut story = alone();
        change(&mut story);
        story.say(kan(12), ALICE, "/gate link c2 codex-kan-12");
        assert_eq!(story.requests(), 2, "{name}: {}", story.last_reply(kan(12)));
        // Nor if that happens while the owners are asked.
        let mut story = alone();
        story.say(kan(12), ALICE, "/gate link c2 codex-kan-12");
        change(&mut story);
        story.approve(kan(12), ALICE, 3);
        assert!(story.credential(2).identity.is_none(), "{name}");
        assert_ne!(story.word(3), "approved", "{name}");
    }
}

#[test]
fn a_holder_gives_it_up_and_a_text_that_shows_it_ends_it() {
    let mut story = alone();
    story.answer(&Event::GivenUp { macs: vec![mac(2)] });
    assert_eq!(story.live(2), None);
    story.settle();
    assert!(
        story
            .last_reply(kan(20))
            .starts_with("**c2 `robot ‹2›` is revoked**: its holder gave it up")
    );
    let mut story = alone();
    let leak = crate::gate::event::Leak::Token(vec![mac(102), mac(2)]);
    story.leak(kan(30), vec![leak]);
    assert_eq!(story.live(2), None);
    let said = story.last_reply(kan(20));
    assert!(
        said.contains("is revoked**: its token stood in a text in #30"),
        "{said}"
    );
}

#[test]
fn only_who_sees_every_environment_sees_what_belongs_to_none() {
    let story = alone();
    let environment = "*";
    assert!(story.policy.shows("kanban-api", KAN, environment));
    for seen in [names(&["dev"]), names(&["staging"]), names(&["*"])] {
        let mut rules = story.policy.clone();
        rules
            .clients
            .get_mut("kanban-api")
            .expect("a client")
            .environments = Some(seen);
        assert!(!rules.shows("kanban-api", KAN, environment));
    }
    let mut rules = story.policy.clone();
    rules
        .clients
        .get_mut("kanban-api")
        .expect("a client")
        .environments = None;
    assert!(!rules.shows("kanban-api", KAN, environment));
    rules
        .boards
        .get_mut(&KAN)
        .expect("a board")
        .gates
        .remove("staging");
    assert!(rules.shows("kanban-api", KAN, environment));
}

#[test]
fn a_cut_gate_or_a_missing_line_stops_it_at_once() {
    let mut story = alone();
    story.reconfigure(KAN, |board| {
        let gate = board.gates.get_mut("staging").expect("a gate");
        gate.scopes = names(&["deploy:run"]);
    });
    assert_eq!(story.live(2), None);

    let mut story = alone();
    story.answer(&Event::Loss {
        journal: 9,
        records: 10,
    });
    while story.answer(&Event::LossGoesOn) == Answer::More {}
    assert_eq!(story.live(2), None);
    assert!(matches!(
        story.credential(2).status,
        CredentialStatus::Paused(_)
    ));
}

#[test]
fn a_board_holds_only_so_many_without_an_identity() {
    let mut story = ready();
    let mut state: BoardState = story.record(&Key::board(KAN)).expect("a board");
    let number = CredentialNumber(1);
    let template = story.credential(number.0);
    for more in 1_000..1_000 + u64::try_from(MOST_ALONE).expect("a small number") {
        state.alone.insert(CredentialNumber(more));
        let key = Key::credential(CredentialNumber(more));
        story
            .records
            .insert(key, crate::gate::world::encode(&template));
    }
    story
        .records
        .insert(Key::board(KAN), crate::gate::world::encode(&state));
    let import = file(two());
    let why = match story.feed(&Event::Import(Box::new(with_reads(&story, import)))) {
        Step::Decided(decision) => decision.answer,
        other => panic!("{other:?}"),
    };
    assert!(
        matches!(why, Answer::Import(Err(why)) if why.contains("200 secrets without an identity"))
    );
}

/// With what the forge says of its thread.
fn with_reads(story: &Story, mut import: Import) -> Import {
    import.reads.at = Some(story.now);
    import
        .reads
        .issues
        .insert(import.issue, story.forge.read_issue(kan(20)));
    import.reads.repository = Some(story.forge.read_repository(KAN));
    import
}
