//! Narrowing: less at once for the identity and everything that lives of it, and never more.

use super::*;
use crate::gate::identity::IdentityStatus;

const SLUG: &str = "codex-kan-12";

fn in_use() -> Story {
    let mut story = Story::new();
    for _ in 0..2 {
        let credential = story.issue(kan(12));
        let mac = story.credential(credential).mac;
        story.show(&mac);
    }
    story
}

#[test]
fn an_owner_or_the_requester_takes_scopes_away_at_once() {
    for (who, thread, text) in [
        (
            ALICE,
            kan(12),
            "/gate narrow codex-kan-12 scopes=board:read",
        ),
        (
            ALICE,
            kan(13),
            "/gate narrow codex-kan-12 scopes=board:read too much",
        ),
        (CODEX, kan(12), "/gate narrow scopes=board:read"),
        (
            CODEX,
            kan(12),
            "/GATE narrow `codex-kan-12`  scopes=board:read,\nmore words",
        ),
    ] {
        let mut story = in_use();
        story.say(thread, who, text);
        assert_eq!(story.live(1), Some(names(&["board:read"])), "{text}");
        assert_eq!(story.live(2), Some(names(&["board:read"])), "{text}");
        assert_eq!(story.identity(SLUG).unwrap().scopes, names(&["board:read"]));
        let said = story.last_reply(kan(12));
        assert!(
            said.starts_with("**`codex-kan-12` may do less now**"),
            "{said}"
        );
        assert_eq!(story.entries().last(), Some(&"identity_narrowed"));
    }
}

#[test]
fn lists_and_life_get_less_as_well() {
    let mut story = in_use();
    story.say(
        kan(12),
        ALICE,
        "/gate narrow codex-kan-12 resources=inbox modes=interactive ttl=1h",
    );
    let credential = story.credential(1);
    assert_eq!(credential.resources, Some(names(&["inbox"])));
    assert_eq!(credential.modes, Some(names(&["interactive"])));
    assert_eq!((credential.expires_at - story.now).get_seconds(), 3_600);
    assert_eq!(
        story.identity(SLUG).unwrap().resources,
        Some(names(&["inbox"]))
    );
    story.pass(3_600);
    assert_eq!((story.live(1), story.live(2)), (None, None));
}

#[test]
fn what_would_be_wider_is_refused_as_a_whole_and_named() {
    for (text, part) in [
        (
            "scopes=board:read,deploy:run",
            "no `deploy:run` among its scopes",
        ),
        (
            "scopes=board:read resources=attic",
            "no `attic` among its resources",
        ),
        ("modes=autonomous", "no `autonomous` among its modes"),
        ("ttl=9h", "nothing of it lives for another 9h"),
    ] {
        let mut story = in_use();
        let before = story.identity(SLUG);
        story.say(kan(12), ALICE, &format!("/gate narrow codex-kan-12 {text}"));
        assert_eq!(story.last_code(kan(12)), "wider", "{text}");
        let said = story.last_reply(kan(12));
        assert!(said.contains(part), "{said}");
        assert_eq!(story.identity(SLUG), before);
        assert_eq!(story.live(1), Some(names(&["board:read", "card:write"])));
    }
}

#[test]
fn what_cannot_be_read_narrows_nothing_and_says_so() {
    for (text, code) in [
        ("", "bad_form"),
        ("because", "bad_form"),
        ("scope=board:read", "bad_form"),
        ("scopes=board:read scopes=board:read", "bad_form"),
        ("scopes=", "bad_request"),
        ("ttl=soon", "bad_request"),
    ] {
        let mut story = in_use();
        story.say(kan(12), ALICE, &format!("/gate narrow codex-kan-12 {text}"));
        assert_eq!(story.last_code(kan(12)), code, "{text}");
        assert!(
            story
                .last_reply(kan(12))
                .starts_with("Nothing was narrowed")
        );
        assert_eq!(story.live(1), Some(names(&["board:read", "card:write"])));
    }
}

#[test]
fn others_narrow_nothing_and_the_same_again_changes_nothing() {
    let mut story = in_use();
    let lines = story.lines.len();
    story.say(
        kan(12),
        STRANGER,
        "/gate narrow codex-kan-12 scopes=board:read",
    );
    assert_eq!(
        story.lines.len(),
        lines + 1,
        "a first sight and nothing else"
    );
    story.say(
        kan(13),
        CODEX,
        "/gate narrow codex-kan-12 scopes=board:read",
    );
    assert_eq!(story.last_code(kan(13)), "not_an_owner");
    assert_eq!(story.live(1), Some(names(&["board:read", "card:write"])));
    story.say(kan(12), ALICE, "/gate narrow scopes=board:read,card:write");
    assert!(
        story
            .last_reply(kan(12))
            .contains("may do no more than that already")
    );
}

/// It cannot be undone: a comment that somebody else may have changed pauses.
#[test]
fn a_weak_comment_pauses_instead() {
    let mut story = in_use();
    let id = story.write(kan(12), ALICE, "/gate narrow scopes=board:read");
    story.forge.edit(
        id,
        "/gate narrow scopes=board:read",
        story.now + jiff::SignedDuration::from_secs(1),
    );
    story.arrive(story.delivery(id));
    story.settle();
    let status = story.identity(SLUG).unwrap().status;
    assert!(matches!(status, IdentityStatus::Paused(_)));
    assert_eq!(
        story.identity(SLUG).unwrap().scopes,
        names(&["board:read", "card:write"])
    );
    assert!(
        story
            .last_reply(kan(12))
            .contains("is paused** and is not narrowed")
    );
}

#[test]
fn a_new_request_is_how_it_gets_more_again() {
    let mut story = in_use();
    story.say(
        kan(12),
        ALICE,
        "/gate narrow codex-kan-12 scopes=board:read",
    );
    story.issue(kan(12));
    assert_eq!(
        story.live(1),
        Some(names(&["board:read"])),
        "what was narrowed stays so"
    );
    let scopes = story.identity(SLUG).unwrap().scopes;
    assert_eq!(scopes, names(&["board:read", "card:write"]));
}
