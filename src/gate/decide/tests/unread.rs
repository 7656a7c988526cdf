//! The forge is away and a delivery wants something stopped: it stands still, and is looked at again.

use super::*;
use crate::gate::event::{Event, Road};
use crate::gate::identity::IdentityStatus;

const SLUG: &str = "codex-kan-12";

fn in_use() -> Story {
    let mut story = Story::new();
    let credential = story.issue(kan(12));
    let mac = story.credential(credential).mac;
    story.show(&mac);
    story
}

/// What waits is told that the forge cannot be read.
fn unread(story: &mut Story) {
    for line in story.waiting() {
        story.answer(&Event::Unread { line });
    }
}

fn status(story: &Story) -> &'static str {
    story.identity(SLUG).unwrap().word(story.now)
}

#[test]
fn what_a_delivery_wants_to_stop_stands_still_and_is_stopped_when_it_was_read() {
    for (who, thread, text, after) in [
        (ALICE, kan(13), "/gate revoke codex-kan-12", "revoked"),
        (ALICE, kan(12), "/gate pause", "paused"),
        (CODEX, kan(12), "/gate revoke", "revoked"),
    ] {
        let mut story = in_use();
        let id = story.write(thread, who, text);
        story.arrive(story.delivery(id));
        assert!(story.live(1).is_some());
        unread(&mut story);
        assert_eq!((story.live(1), status(&story)), (None, "paused"), "{text}");
        let lines = story.lines.len();
        unread(&mut story);
        assert_eq!(story.lines.len(), lines, "once");
        story.settle();
        assert_eq!(status(&story), after, "{text}");
    }
}

#[test]
fn a_board_stands_still_unread_too_and_narrowing_pauses() {
    let mut story = in_use();
    let id = story.write(kan(13), ALICE, "/gate freeze");
    story.arrive(story.delivery(id));
    unread(&mut story);
    assert_eq!(story.live(1), None);
    let mut story = in_use();
    let id = story.write(kan(12), ALICE, "/gate narrow scopes=board:read");
    story.arrive(story.delivery(id));
    unread(&mut story);
    assert_eq!(status(&story), "paused");
    assert_eq!(
        story.identity(SLUG).unwrap().scopes.len(),
        2,
        "nothing is taken away unread"
    );
}

/// Whoever has the secret of the hook made it up: it is told, and an owner lets it go on.
#[test]
fn what_the_forge_does_not_bear_out_is_told() {
    let mut story = in_use();
    story.arrive(story.forged(kan(12), 999, ALICE, "/gate revoke"));
    unread(&mut story);
    assert_eq!(status(&story), "paused");
    story.settle();
    assert_eq!(status(&story), "paused");
    assert!(story.last_reply(kan(12)).starts_with("**Look at this**"));
    assert_eq!(story.entries().last(), Some(&"unread_not_borne_out"));
    story.say(kan(12), ALICE, "/gate resume codex-kan-12");
    story.approve(kan(12), ALICE, 2);
    assert_eq!(story.identity(SLUG).unwrap().status, IdentityStatus::Active);
}

#[test]
fn nothing_else_happens_unread() {
    for (who, road, text) in [
        (
            ALICE,
            Road::Hook,
            "/gate approve R2 7Q4K-9MZT-0XHV scopes=board:read ttl=1h",
        ),
        (CODEX, Road::Hook, "/gate release"),
        (STRANGER, Road::Hook, "/gate revoke"),
        (CODEX, Road::Hook, "/gate freeze"),
        (ALICE, Road::CatchUp, "/gate revoke"),
    ] {
        let mut story = in_use();
        let id = story.write(kan(12), who, text);
        let mut arrival = story.delivery(id);
        arrival.accepted.road = road;
        story.arrive(arrival);
        unread(&mut story);
        assert!(story.live(1).is_some(), "{text}");
    }
}
