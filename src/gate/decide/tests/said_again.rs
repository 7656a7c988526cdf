//! Words that are said again, or that say something else than they seem to: who stops what stands still
//! already means it, and nobody reads that something was approved before it is.

use super::*;
use crate::gate::identity::IdentityStatus;

const SLUG: &str = "codex-kan-12";
const DAY: i64 = 86_400;

/// An identity in #12 that stands still, and R2, which asks that it goes on.
fn asked_to_go_on() -> Story {
    let mut story = Story::new();
    let credential = story.issue(kan(12));
    let mac = story.credential(credential).mac;
    story.show(&mac);
    story.say(kan(12), ALICE, "/gate pause codex-kan-12 odd calls");
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    assert_eq!(story.word(2), "open");
    story
}

#[test]
fn whoever_pauses_again_is_not_undone_by_what_was_asked_before() {
    for (who, thread, text) in [
        (ALICE, kan(12), "/gate pause codex-kan-12 leaked as well"),
        (PIOTR, kan(13), "/gate pause codex-kan-12"),
        (CODEX, kan(12), "/gate pause"),
        (ALICE, kan(12), "/gate revoke codex-kan-12 c9"),
    ] {
        let mut story = asked_to_go_on();
        story.say(thread, who, text);
        assert_eq!(story.word(2), "void", "{text}");
        story.approve(kan(12), PIOTR, 2);
        assert_eq!(story.live(1), None, "{text}");
        // What is asked after it goes on as ever.
        story.say(kan(12), CODEX, "/gate resume codex-kan-12");
        story.approve(kan(12), PIOTR, 3);
        assert!(story.live(1).is_some(), "{text}");
    }
    let mut story = asked_to_go_on();
    story.say(kan(13), ALICE, "/gate pause codex-kan-12 leaked");
    for told in [kan(12), kan(13)] {
        let said = story.last_reply(told);
        assert!(
            said.starts_with(
                "**`codex-kan-12` stays paused**: `leaked`. R2, asked before that, is void. "
            ),
            "{said}"
        );
    }
    let IdentityStatus::Paused(pause) = story.identity(SLUG).unwrap().status else {
        panic!("it stands still");
    };
    assert_eq!(
        pause.why, "by user 2: odd calls",
        "since then, and for that"
    );
}

#[test]
fn whoever_may_not_pause_voids_nothing_by_saying_it() {
    let mut story = asked_to_go_on();
    story.say(kan(12), CAROL, "/gate pause codex-kan-12");
    story.say(kan(13), CODEX, "/gate pause codex-kan-12");
    assert_eq!(story.word(2), "open");
    // Nor does it touch what else is asked.
    story.say(kan(12), ALICE, "/gate own codex-kan-12");
    story.say(kan(12), PIOTR, "/gate own codex-kan-12");
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    assert_eq!((story.word(2), story.word(3)), ("void", "open"));
}

#[test]
fn whoever_freezes_again_is_not_undone_by_what_was_asked_before() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate freeze odd calls");
    story.say(kan(12), ALICE, "/gate thaw");
    story.approve(kan(12), ALICE, 2);
    story.pass(60);
    story.say(kan(13), ALICE, "/gate freeze worse than I thought");
    let said = story.last_reply(kan(13));
    assert!(
        said.starts_with(
            "**kan goes on standing still**: `worse than I thought`, as it does since "
        ),
        "{said}"
    );
    story.approve(kan(12), PIOTR, 2);
    assert_eq!((story.word(2), story.live(1)), ("void", None));
    story.say(kan(12), ALICE, "/gate thaw");
    story.approve(kan(12), ALICE, 3);
    story.approve(kan(12), PIOTR, 3);
    assert!(story.live(1).is_some());
}

/// Nobody is told that somebody has approved whose yes was not kept.
#[test]
fn a_yes_that_is_not_kept_is_not_counted_in_words_either() {
    let mut story = Story::new();
    let line = request_line("codex-*", "board:read,deploy:run", "staging");
    story.say(kan(12), CODEX, &line);
    story.low_space = true;
    story.approve(kan(12), ALICE, 1);
    let said = story.last_reply(kan(12));
    assert!(said.contains("0 of 2 owners have approved"), "{said}");
    story.low_space = false;
    story.approve(kan(12), ALICE, 1);
    story.low_space = true;
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.request(1).approvals.len(), 1);
}

#[test]
fn a_slip_in_the_name_does_not_keep_a_narrowing_from_the_only_identity() {
    for text in [
        "/gate narrow codex-kan-l2 scopes=board:read",
        "/gate narrow codex-kan-l2 scopes=board:read leaked",
    ] {
        let mut story = Story::new();
        story.issue(kan(12));
        story.say(kan(12), ALICE, text);
        assert_eq!(story.live(1), Some(names(&["board:read"])), "{text}");
    }
    // What may mean one credential of several narrows nothing: it could not be undone.
    for (text, word) in [
        ("/gate narrow codex-kan-12 c1 scopes=board:read", "`c1`"),
        ("/gate narrow c1 scopes=board:read", "`c1`"),
        (
            "/gate narrow codex-kan-12 at once scopes=board:read",
            "`at`",
        ),
    ] {
        let mut story = Story::new();
        story.issue(kan(12));
        story.say(kan(12), ALICE, text);
        assert_eq!(story.last_code(kan(12)), "bad_form", "{text}");
        let said = story.last_reply(kan(12));
        assert!(
            said.starts_with(&format!(
                "Nothing was narrowed: {word} stands where `scopes=…`"
            )),
            "{said}"
        );
        assert_eq!(story.live(1).unwrap().len(), 2, "{text}");
    }
}

#[test]
fn a_narrowed_life_is_announced_and_said_at_its_own_end() {
    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        board.gates.get_mut("dev").unwrap().max_ttl = 30 * 86_400;
    });
    let line = request_line("codex-*", "board:read", "dev").replace("ttl=8h", "ttl=30d");
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 1);
    let mac = story.credential(1).mac;
    story.show(&mac);
    story.say(kan(12), ALICE, "/gate narrow codex-kan-12 ttl=20d");
    let before = story.replies(kan(12)).len();
    story.pass(18 * DAY);
    story.timers();
    let said = story.last_reply(kan(12));
    assert!(
        said.starts_with("@codex: **`codex-kan-12` c1 ends"),
        "{said}"
    );
    story.pass(2 * DAY);
    story.timers();
    let said = story.last_reply(kan(12));
    assert!(
        said.starts_with("**`codex-kan-12` c1 has ended.**"),
        "{said}"
    );
    story.pass(20 * DAY);
    story.timers();
    assert_eq!(story.replies(kan(12)).len(), before + 2, "each once");
}
