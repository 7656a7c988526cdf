//! Standing still and giving back: what `pause` and `release` do, for whom, and on what evidence.

use super::*;
use crate::gate::actor::Actor;
use crate::gate::credential::CredentialStatus;
use crate::gate::effect::Reaction;
use crate::gate::identity::IdentityStatus;
use crate::gate::ids::CommentId;

const SLUG: &str = "codex-kan-12";

fn word(story: &Story, slug: &str) -> &'static str {
    story.identity(slug).unwrap().word(story.now)
}

#[test]
fn a_pause_stops_every_credential_and_names_who_and_why() {
    for (who, thread, text, why) in [
        (ALICE, kan(12), "/gate pause codex-kan-12", "by user 2"),
        (
            ALICE,
            kan(13),
            "/gate pause codex-kan-12 odd",
            "by user 2: odd",
        ),
        (
            CODEX,
            kan(12),
            "/gate pause odd calls",
            "by user 7: odd calls",
        ),
        (
            ALICE,
            kan(12),
            "/GATE Pause `Codex-Kan-12`.\nodd",
            "by user 2: odd",
        ),
        (ALICE, kan(12), "/gate pause c2 odd", "by user 2: odd"),
    ] {
        let mut story = Story::new();
        story.issue(kan(12));
        story.issue(kan(12));
        let id = story.say(thread, who, text);
        assert_eq!((story.live(1), story.live(2)), (None, None), "{text}");
        let IdentityStatus::Paused(ending) = story.identity(SLUG).unwrap().status else {
            panic!("{text}");
        };
        assert_eq!((ending.why.as_str(), ending.by), (why, Actor::User(who)));
        assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::Yes);
        assert_eq!(story.entries().last(), Some(&"identity_paused"));
        for told in [thread, kan(12)] {
            let said = story.last_reply(told);
            assert!(said.starts_with("**`codex-kan-12` is paused**"), "{said}");
            assert!(said.contains("`/gate resume codex-kan-12` asks that it goes on"));
            assert!(said.contains("`/gate revoke codex-kan-12` ends it"));
            assert_eq!(said.contains("not c2 alone"), text.contains("c2"), "{said}");
        }
    }
}

#[test]
fn a_credential_that_it_lacks_pauses_it_and_is_told() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate pause c9 leaked");
    assert_eq!(
        story.last_reply(kan(12)),
        "**`codex-kan-12` is paused**: it has no c9. It has c1. `/gate revoke codex-kan-12` ends it."
    );
    assert_eq!(story.live(1), None);
}

#[test]
fn what_stands_still_or_has_ended_is_not_paused_again() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate pause");
    let before = story.identity(SLUG);
    story.say(kan(12), ALICE, "/gate pause");
    assert!(
        story
            .last_reply(kan(12))
            .starts_with("`codex-kan-12` is paused already. ")
    );
    assert_eq!(story.identity(SLUG), before);
    // A revoke ends what stands still, and a pause brings nothing back.
    story.say(kan(12), ALICE, "/gate revoke");
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    assert_eq!(
        story.last_reply(kan(12)),
        "`codex-kan-12` was revoked already."
    );
    assert_eq!(word(&story, SLUG), "revoked");
}

/// Whoever asks chooses the names of requests, and cannot make a word of the reason a name.
#[test]
fn the_name_of_a_request_does_not_divert_a_pause() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask_for(kan(13), CODEX, "leaked", "board:read", "dev");
    story.say(kan(13), ALICE, "/gate pause leaked");
    assert_eq!(story.last_code(kan(13)), "unknown_identity");
    assert!(story.last_reply(kan(13)).contains("`/gate deny R2`"));
    story.say(kan(13), CODEX, "/gate pause leaked");
    assert!(story.last_reply(kan(13)).contains("`/gate withdraw` takes"));
    assert!(story.live(1).is_some());
    story.say(kan(12), ALICE, "/gate pause leaked token");
    assert_eq!(word(&story, SLUG), "paused");
    assert_eq!(story.word(2), "open");
}

#[test]
fn a_release_gives_everything_back_and_keeps_the_name() {
    for (text, why) in [
        ("/gate release codex-kan-12", "by user 7"),
        ("/gate release", "by user 7"),
        ("/GATE release CODEX-KAN-12 done", "by user 7: done"),
        ("/gate release all done", "by user 7: all done"),
    ] {
        let mut story = Story::new();
        story.issue(kan(12));
        story.issue(kan(12));
        story.ask(kan(12));
        let id = story.say(kan(12), CODEX, text);
        assert_eq!((story.live(1), story.live(2)), (None, None), "{text}");
        assert_eq!(word(&story, SLUG), "released");
        for number in [1, 2] {
            let CredentialStatus::Revoked(ending) = story.credential(number).status else {
                panic!("{text}");
            };
            assert_eq!((ending.why.as_str(), ending.by), (why, Actor::User(CODEX)));
        }
        assert_eq!(story.word(3), "void");
        assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::Yes);
        assert!(story.entries().contains(&"identity_released"));
        let said = story.last_reply(kan(12));
        assert!(
            said.starts_with("**`codex-kan-12` is released**, with 2 of its credentials"),
            "{said}"
        );
        // Nobody else gets the name, be it an owner.
        let line = request_line(SLUG, "board:read", "dev");
        story.say(kan(14), PIOTR, &line);
        assert_eq!(story.last_code(kan(14)), "slug_taken");
        story.say(ops(14), CODEX, &line);
        assert_eq!(story.last_code(ops(14)), "slug_taken");
        story.say(kan(12), CODEX, "/gate release codex-kan-12");
        assert_eq!(
            story.last_reply(kan(12)),
            "`codex-kan-12` was released already."
        );
        story.issue(kan(12));
        assert_eq!(word(&story, SLUG), "active");
        assert_eq!((story.live(1), story.live(2)), (None, None));
    }
}

#[test]
fn only_the_requester_releases_in_its_own_thread() {
    for (who, thread, instead) in [
        (ALICE, kan(12), true),
        (ALICE, kan(13), true),
        (CODEX, kan(13), false),
        (CAROL, kan(12), false),
    ] {
        let mut story = Story::new();
        story.issue(kan(12));
        story.say(thread, who, "/gate release codex-kan-12");
        assert_eq!(story.last_code(thread), "not_yours");
        let said = story.last_reply(thread);
        assert!(said.starts_with("Nothing was released: only the requester"));
        let line = "An owner ends it with `/gate revoke codex-kan-12`.";
        assert_eq!(said.ends_with(line), instead, "{said}");
        assert!(story.live(1).is_some(), "{who}");
    }
}

/// What cannot be undone is not inferred from a number or from the name of a request.
#[test]
fn a_number_or_the_name_of_a_request_releases_nothing() {
    let mut story = Story::new();
    story.issue(kan(12));
    for number in ["c1", "c9"] {
        story.say(
            kan(12),
            CODEX,
            &format!("/gate release codex-kan-12 {number}"),
        );
        assert_eq!(story.last_code(kan(12)), "bad_form");
        let line = format!("`/gate revoke codex-kan-12 {number}`");
        assert!(story.last_reply(kan(12)).contains(&line));
    }
    story.ask_for(kan(12), CODEX, "second", "board:read", "dev");
    story.say(kan(12), CODEX, "/gate release second");
    assert_eq!(story.last_code(kan(12)), "unknown_identity");
    assert!(story.last_reply(kan(12)).contains("`/gate withdraw`"));
    assert!(story.live(1).is_some());
    assert_eq!(story.word(2), "open");
}

/// Everybody who may write to issues can edit a comment. That stops, and ends nothing.
#[test]
fn an_edited_comment_pauses_and_releases_nothing() {
    for (who, text, becomes) in [
        (ALICE, "/gate pause", "paused"),
        (CODEX, "/gate pause", "paused"),
        (CODEX, "/gate release", "active"),
    ] {
        let mut story = Story::new();
        story.issue(kan(12));
        let id = story.say(kan(12), who, "One moment");
        story.forge.edit(id, text, story.now);
        story.arrive(story.caught_up(id));
        story.settle();
        assert_eq!(word(&story, SLUG), becomes, "{text}");
        let said = story.last_reply(kan(12));
        assert!(said.contains("was changed after it was written"), "{said}");
    }
}
