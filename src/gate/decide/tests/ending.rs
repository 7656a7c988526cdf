//! Ends: one credential or a whole identity revoked, a request denied or withdrawn; and reading.

use super::*;
use crate::gate::actor::Actor;
use crate::gate::credential::CredentialStatus;
use crate::gate::effect::Reaction;
use crate::gate::ids::{CommentId, CredentialNumber};
use crate::gate::key::Key;
use crate::gate::time::after;

#[test]
fn one_credential_is_revoked_and_the_identity_stays() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.issue(kan(12));
    story.say(kan(12), CODEX, "/gate revoke codex-kan-12 c1 it leaked");
    assert_eq!(story.live(1), None);
    assert!(story.live(2).is_some());
    assert_eq!(
        story.last_reply(kan(12)),
        "**c1 of `codex-kan-12` is revoked**: `it leaked`; the identity stays."
    );
    story.say(kan(12), CODEX, "/gate revoke codex-kan-12 c1");
    assert!(story.last_reply(kan(12)).contains("was revoked already"));

    // A number that it lacks may be any of them: it stands still.
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c9");
    assert_eq!(story.live(2), None);
    assert_eq!(
        story.identity("codex-kan-12").unwrap().word(story.now),
        "paused"
    );
    assert!(
        story
            .last_reply(kan(12))
            .contains("it has no c9. It has c2"),
        "{}",
        story.last_reply(kan(12))
    );
}

#[test]
fn without_a_name_the_only_living_identity_is_meant() {
    let mut story = Story::new();
    story.issue(kan(12));
    for spelling in [
        "/gate revoke",
        "/GATE Revoke `Codex-Kan-12`.",
        "/gate revoke everything, please",
        "/gate\u{a0}revoke",
    ] {
        let mut story = Story::new();
        story.issue(kan(12));
        story.say(kan(12), ALICE, spelling);
        assert_eq!(story.live(1), None, "{spelling}");
    }
    story.ask_for(kan(12), CODEX, "second", "board:read", "dev");
    story.approve(kan(12), ALICE, 2);
    story.say(kan(12), ALICE, "/gate revoke");
    assert!(story.live(1).is_some() && story.live(2).is_some());
    assert!(
        story
            .last_reply(kan(12))
            .contains("In this thread live `codex-kan-12` `second`"),
        "{}",
        story.last_reply(kan(12))
    );
    story.say(kan(12), ALICE, "/gate revoke second");
    assert!(story.live(1).is_some() && story.live(2).is_none());
}

/// Who did it and why is in the record, and the identity remembers the verbs.
#[test]
fn an_end_names_who_and_why() {
    for (reason, why) in [("", "by user 2"), (" it leaked", "by user 2: it leaked")] {
        let mut story = Story::new();
        story.issue(kan(12));
        story.issue(kan(12));
        story.say(
            kan(12),
            ALICE,
            &format!("/gate revoke codex-kan-12 c1{reason}"),
        );
        let id = story.say(
            kan(12),
            ALICE,
            &format!("/gate revoke codex-kan-12{reason}"),
        );
        assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::Yes);
        for number in [1, 2] {
            let status = story.credential(number).status;
            let CredentialStatus::Revoked(ending) = status else {
                panic!("{status:?}");
            };
            assert_eq!(ending.why, why);
            assert_eq!(ending.by, Actor::User(ALICE));
        }
        let recent = story.identity("codex-kan-12").unwrap().recent;
        let codes: Vec<_> = recent
            .entries()
            .iter()
            .map(|entry| entry.code.as_str())
            .collect();
        let issued = "credential_issued";
        assert_eq!(
            codes,
            [issued, issued, "credential_revoked", "identity_revoked"]
        );
    }
}

#[test]
fn who_may_revoke() {
    let mut story = Story::new();
    story.issue(kan(12));
    let id = story.say(kan(12), CAROL, "/gate revoke codex-kan-12");
    assert_eq!(story.last_code(kan(12)), "not_an_owner");
    assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::No);
    story.say(kan(13), CODEX, "/gate revoke codex-kan-12");
    assert_eq!(story.last_code(kan(13)), "not_an_owner");
    story.say(kan(12), STRANGER, "/gate revoke codex-kan-12");
    assert!(story.live(1).is_some());
    story.say(kan(14), PIOTR, "/gate revoke codex-kan-12");
    assert_eq!(story.live(1), None);
}

/// Revoking a name ends its open requests, whatever became of its identity.
#[test]
fn revoking_a_name_voids_the_requests_for_it() {
    // Nothing lives yet.
    let mut story = Story::new();
    story.ask(kan(12));
    story.say(kan(12), CODEX, "/gate revoke codex-kan-12");
    assert_eq!(story.word(1), "open");
    story.say(kan(13), ALICE, "/gate revoke codex-kan-12");
    assert_eq!(story.word(1), "void");

    // It lives.
    story.issue(kan(12));
    story.ask(kan(12));
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    assert_eq!(story.word(3), "void");

    // It is revoked already, and asked for again.
    story.ask(kan(12));
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    assert_eq!(story.word(4), "void");
    let requests: crate::gate::thread::Thread = story.record(&Key::thread(kan(12))).unwrap();
    assert!(requests.requests.is_empty());
}

#[test]
fn a_revoked_name_asked_for_again_by_its_requester_is_a_new_identity() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate revoke");
    story.issue(kan(12));
    let identity = story.identity("codex-kan-12").unwrap();
    assert_eq!(identity.number.0, 2);
    assert_eq!(identity.credentials, [CredentialNumber(2)]);
    assert_eq!(story.live(1), None);
    assert!(story.live(2).is_some());
}

#[test]
fn deny_and_withdraw_end_a_request() {
    let mut story = Story::new();
    story.ask(kan(12));
    let line = story.approve_line(1);
    story.say(kan(12), CODEX, "/gate deny R1");
    assert_eq!(story.last_code(kan(12)), "not_an_owner");
    let id = story.say(kan(13), PIOTR, "/gate deny r1 not now\r\n");
    assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::Yes);
    assert_eq!(
        story.last_reply(kan(12)),
        "**R1 denied by piotr**: `not now`"
    );
    story.say(kan(12), ALICE, &line);
    assert_eq!(story.last_code(kan(12)), "not_open");

    story.ask(kan(12));
    story.say(kan(12), ALICE, "/gate withdraw");
    assert_eq!(story.last_code(kan(12)), "not_yours");
    story.say(kan(13), CODEX, "/gate withdraw R2");
    assert_eq!(story.last_code(kan(13)), "not_yours");
    story.say(kan(12), CODEX, "/gate withdraw");
    assert_eq!(story.word(2), "withdrawn");
    story.say(kan(12), CODEX, "/gate withdraw R2");
    assert_eq!(story.last_code(kan(12)), "not_open");
    story.say(kan(12), ALICE, "/gate deny");
    assert_eq!(story.last_code(kan(12)), "unknown_request");
    story.say(kan(12), ALICE, "/gate deny R77");
    assert_eq!(story.last_code(kan(12)), "unknown_request");

    story.ask(kan(12));
    story.ask(kan(12));
    story.say(kan(12), ALICE, "/gate deny");
    assert!(story.last_reply(kan(12)).contains("R3 or R4"));
    assert_eq!((story.word(3), story.word(4)), ("open", "open"));
    story.say(kan(12), ALICE, "/gate deny R3");
    story.say(kan(12), ALICE, "/gate deny this one, too");
    assert_eq!(story.word(4), "denied");
    let request = story.request(4);
    assert_eq!(request.word(after(story.now, 400 * 3_600)), "denied");
}

#[test]
fn reading_commands_show_and_change_nothing_else() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.ask(kan(12));
    let id = story.say(kan(12), CODEX, "/gate inspect");
    assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::Eyes);
    let shown = story.last_reply(kan(12));
    assert!(
        shown.starts_with("**`codex-kan-12`** · active · dev"),
        "{shown}"
    );
    assert!(
        shown.contains("- c1: pending") && shown.contains("- R2 is open"),
        "{shown}"
    );
    story.say(kan(12), CODEX, "/gate inspect nothing");
    assert_eq!(story.last_code(kan(12)), "unknown_identity");
    story.say(kan(13), CODEX, "/gate inspect codex-kan-12");
    assert_eq!(story.last_code(kan(13)), "unknown_identity");
    story.say(kan(13), ALICE, "/gate inspect codex-kan-12");
    assert!(story.last_reply(kan(13)).contains("active"));
    story.say(kan(12), CODEX, "/gate list");
    assert_eq!(story.last_code(kan(12)), "not_an_owner");
    story.say(kan(12), ALICE, "/gate list");
    let shown = story.last_reply(kan(12));
    assert!(
        shown.contains("1 open requests") && shown.contains("1 active"),
        "{shown}"
    );
    assert!(!shown.contains("codex-kan-12"), "{shown}");
    story.say(kan(12), CODEX, "/gate help approve");
    assert!(story.last_reply(kan(12)).contains("/gate approve R17"));
    assert!(!story.last_reply(kan(12)).contains("/gate deny"));
    let mac = story.credential(1).mac;
    assert!(
        !story
            .forge
            .comments
            .values()
            .any(|comment| comment.text.contains(mac.as_str()))
    );
}
