//! The bot is away, dies, or finds its store in another state than it left it in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ownergate::gate::ids::{CommentId, Hash};

use super::ground::Ground;
use super::thread::{Key, Thread, plain_client};

/// Waits until the bot has a comment in its journal: it is accepted and cannot be lost any more.
pub(crate) async fn accepted(ground: &impl Ground, comment: CommentId) {
    let name = format!("\"comment\":{comment}");
    let there = async || journal(ground).contains(&name);
    ground.until("the comment in the journal", there).await;
}

pub(crate) async fn what_was_said_while_the_bot_was_down_may_ask_and_not_approve(
    ground: &impl Ground,
) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "lost deliveries", "").await;
    let key = Key::new();
    ground.stop_bot().await;
    let asked = thread.ask(&key).await;
    ground.lost(asked).await;
    ground.start_bot().await.unwrap();
    ground.catch_up().await;
    let line = thread.approve_line().await;
    let metrics = format!("{}/metrics", ground.bot_url());
    let metrics = plain_client().get(metrics).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("ownergate_repaired_total 1"), "{metrics}");

    ground.stop_bot().await;
    let approved = thread.say(&people.alice, &line).await;
    ground.lost(approved).await;
    ground.start_bot().await.unwrap();
    ground.catch_up().await;
    ground.pass(11).await;
    let refusal = thread.refusal("not_delivered").await;
    assert!(refusal.contains("alice"), "{refusal}");
    assert_eq!(thread.kinds_in_the_end().await, ["request", "refusal"]);

    // She says it again, and the bot is there to hear it.
    thread.say(&people.alice, &line).await;
    let sealed = thread.answer("credential").await;
    key.open(&sealed, &[]).await;
}

pub(crate) async fn a_bot_killed_at_any_moment_issues_once(ground: &impl Ground) {
    let people = ground.people();
    for reads in [0, 1, 2, 4, 8, 16] {
        let thread = Thread::open(ground, &people.codex, "killed", "").await;
        let key = Key::new();
        thread.ask(&key).await;
        let line = thread.approve_line().await;
        let approved = thread.say(&people.alice, &line).await;
        accepted(ground, approved).await;
        // Each takes some milliseconds, in which the bot comes a little further.
        for _ in 0..reads {
            thread.comments().await;
        }
        ground.kill_bot().await;
        ground.start_bot().await.unwrap();
        let sealed = thread.answer("credential").await;
        let token = key.open(&sealed, &[]).await;
        assert!(thread.alive(&token).await);
        assert_eq!(thread.kinds_in_the_end().await, ["request", "credential"]);
    }
}

pub(crate) async fn deleted_records_are_rebuilt_from_the_journal(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "rebuilt", "").await;
    let token = thread.credential(&Key::new()).await;
    ground.kill_bot().await;
    std::fs::remove_dir_all(ground.folder().join("data/sled")).unwrap();
    ground.start_bot().await.unwrap();
    assert!(thread.alive(&token).await);
    thread.say(&people.alice, "/gate revoke codex-kan-1").await;
    thread.until_dead(&token).await;
}

pub(crate) async fn a_journal_without_its_last_line_is_refused(ground: &impl Ground) {
    let thread = Thread::open(ground, &ground.people().codex, "cut", "").await;
    thread.credential(&Key::new()).await;
    ground.stop_bot().await;
    let segment = segments(ground).pop().unwrap();
    let text = std::fs::read_to_string(&segment).unwrap();
    let cut = text.trim_end().rfind('\n').unwrap() + 1;
    std::fs::write(&segment, &text[..cut]).unwrap();

    let before = files(&ground.folder().join("data"));
    let said = ground.start_bot().await.unwrap_err().to_string();
    assert!(said.contains("--accept-journal-loss"), "{said}");
    assert_eq!(files(&ground.folder().join("data")), before);

    // Whoever puts the line back has lost nothing.
    std::fs::write(&segment, &text).unwrap();
    ground.start_bot().await.unwrap();
}

/// The journal's files, oldest first.
fn segments(ground: &impl Ground) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(ground.folder().join("data/journal")).unwrap();
    let mut files: Vec<_> = folder
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        .collect();
    files.sort();
    files
}

/// The journal's text.
fn journal(ground: &impl Ground) -> String {
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    segments(ground).iter().map(read).collect()
}

/// Every file in a folder, with the hash of what is in it. Whoever tries writes into the lock who he
/// is; that is no part of the store.
fn files(folder: &Path) -> BTreeMap<PathBuf, Hash> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("lock") {
                let hash = Hash::of(&std::fs::read(&path).unwrap());
                all.insert(path, hash);
            }
        }
    }
    all
}
