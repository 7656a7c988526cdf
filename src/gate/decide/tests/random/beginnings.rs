//! How random histories begin: something lives and something is open, so that short ones say much.

use super::acts::Twist;
use super::configured::vouch;
use super::factors::{PLAIN, strengthen};
use super::words::challenge;
use super::{Life, pick};
use crate::gate::decide::tests::*;

/// A beginning in which something lives and something is open, so that short histories say much.
pub(super) fn begun() -> Life {
    let mut life = Life::new();
    life.story.issue(kan(12));
    life.story
        .ask_for(kan(13), CODEX, "one", "board:read,deploy:run", "staging");
    life.story.approve(kan(13), ALICE, 2);
    life.story.say(kan(13), PIOTR, "One moment");
    life.check();
    life
}

/// A secret from before works that no identity has.
fn with_a_secret_alone(life: &mut Life) {
    life.import(0, 20);
    for owner in [ALICE, PIOTR] {
        life.story.approve(kan(12), owner, 3);
    }
}

/// The store came back from a copy that does not know what lives here.
fn with_a_loss(life: &mut Life, which: u8) {
    life.copy();
    life.story
        .ask_for(kan(12), CODEX, "two", "board:read", "dev");
    life.story.approve(kan(12), ALICE, 3);
    life.lose(which / 8 % 4);
    let line = request_line("three", "board:read", "dev");
    life.story.say(kan(12), CODEX, &line);
}

/// The same, and one more thing has happened: what is read first decides what that is.
pub(super) fn begun_with(which: u8) -> Life {
    let mut life = begun();
    match which % 8 {
        6 => with_a_secret_alone(&mut life),
        7 => with_a_loss(&mut life, which),
        _ => {}
    }
    if [0, 2].contains(&(which % 8)) {
        life.first_use(1);
    }
    let slug = "codex-kan-12";
    let story = &mut life.story;
    match which % 8 {
        0 => {
            story.say(kan(12), CODEX, &format!("/gate rotate {slug}"));
            story.approve(kan(12), PIOTR, 3);
        }
        1 => {
            story.say(kan(12), CODEX, &format!("/gate pause {slug}"));
            story.say(kan(12), CODEX, &format!("/gate resume {slug}"));
            story.say(kan(12), ALICE, &format!("/gate resume {slug}"));
        }
        2 => {
            story.say(kan(13), PIOTR, "/gate freeze");
            story.say(kan(13), PIOTR, "/gate thaw");
            story.approve(kan(13), PIOTR, 3);
        }
        3 => claimed(story, slug),
        4 => claimable(story, slug),
        6 => {
            let line = format!("/gate link c2 {slug}");
            story.say(kan(12), PIOTR, &line);
        }
        7 => {
            story.say(kan(12), CODEX, &format!("/gate resume {slug}"));
        }
        _ => {
            story.say(
                kan(12),
                ALICE,
                &format!("/gate narrow {slug} scopes=board:read"),
            );
            story.ask(kan(12));
        }
    }
    life.check();
    go_on_with(&mut life, which / 8);
    life
}

/// A token was claimed.
fn claimed(story: &mut Story, slug: &str) {
    let line = request_line(slug, "board:read,card:write", "dev").replace(
        &format!("recipient={RECIPIENT}"),
        &format!("challenge={}", challenge(0)),
    );
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 3);
    story.claim(KAN, &challenge(0));
}

/// A successor waits for its claim.
fn claimable(story: &mut Story, slug: &str) {
    story.say(kan(12), PIOTR, &format!("/gate own {slug}"));
    let line = format!("/gate rotate {slug} c1 challenge={}", challenge(0));
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 4);
}

/// Most of them go on with gates of another kind.
fn go_on_with(life: &mut Life, which: u8) {
    let kinds = [0, 0, 1, 2, 3, 4, 5, PLAIN, PLAIN, PLAIN];
    let kind = pick(&kinds, which).unwrap_or(PLAIN);
    life.story.reconfigure(KAN, |board| strengthen(board, kind));
    if kind == 1 {
        life.story.reconfigure(KAN, vouch);
    }
    if kind < 2 {
        // One of two owners has signed, with a security key that somebody has a copy of.
        let request = life.story.request(2);
        life.says_yes(&request, PIOTR, &Twist::Plain);
        life.check();
        life.says_yes(&request, PIOTR, &Twist::Copied);
        life.check();
    }
}
