//! A cut of the configuration is told where what it cuts lives, once.

use crate::gate::event::Event;

use super::*;

fn compare(story: &mut Story) -> String {
    let before = story.replies(kan(12)).len();
    story.answer(&Event::Compare { thread: kan(12) });
    story.settle();
    story.replies(kan(12)).split_off(before).join("\n")
}

#[test]
fn a_cut_is_told_once_and_again_only_if_it_is_another() {
    let mut story = Story::new();
    story.issue(kan(12));
    assert_eq!(compare(&mut story), "");
    let scopes = |story: &mut Story, scopes: &[&str]| {
        let scopes = names(scopes);
        story.reconfigure(KAN, |board| {
            board.gates.get_mut("dev").unwrap().scopes = scopes.clone();
        });
    };
    scopes(&mut story, &["board:read"]);
    assert_eq!(
        compare(&mut story),
        "**My configuration lets `codex-kan-12` do less than it was granted**:\n- c1 may `board:read`, and not `card:write`"
    );
    let lines = story.lines.len();
    assert_eq!(compare(&mut story), "");
    assert_eq!(story.lines.len(), lines);
    // Wider again is told elsewhere; what is cut once more is told once more.
    scopes(&mut story, &["board:read", "card:write"]);
    assert_eq!(compare(&mut story), "");
    scopes(&mut story, &["board:read"]);
    assert!(compare(&mut story).contains("and not `card:write`"));
    story.reconfigure(KAN, |board| drop(board.gates.remove("dev")));
    assert!(compare(&mut story).contains("c1 may nothing any more"));
}

#[test]
fn what_does_not_live_is_not_told() {
    let cut = |story: &mut Story| {
        story.reconfigure(KAN, |board| drop(board.gates.remove("dev")));
        compare(story)
    };
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    assert_eq!(cut(&mut story), "");
    let mut story = Story::new();
    story.issue(kan(12));
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    assert_eq!(cut(&mut story), "");
    // Unused for a day: it has ended.
    let mut story = Story::new();
    story.issue(kan(12));
    story.pass(2 * 86_400);
    assert_eq!(cut(&mut story), "");
    // A board that is gone cannot be spoken on.
    let mut story = Story::new();
    story.issue(kan(12));
    let mut policy = policy();
    policy.boards.remove(&KAN);
    story.configure(policy);
    assert_eq!(compare(&mut story), "");
}
