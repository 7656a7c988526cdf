//! The whole directory of an older moment is put back, journal and records alike: nothing on the disk
//! shows that lines are missing. The bot's own comments on the forge do.

use std::path::Path;

use crate::harness::{Key, Story};

/// Copies a folder with everything in it, in place of what is there.
fn put(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            put(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// The journal's last number.
fn last(story: &Story) -> u64 {
    story.lines() as u64 - 1
}

/// A story whose bot was set back to before a revoke: the token that is alive again, its issue, and
/// that of an open request. With `records` or with the journal alone. What people wrote meanwhile is
/// read back and done again; this one deleted what she wrote, and the bot's answer is all that shows
/// it.
async fn set_back(story: &mut Story, records: bool) -> (String, i64, i64) {
    let (codex, alice) = (story.stage.codex.clone(), story.stage.alice.clone());
    let (token, lives, asked) = {
        let thread = story.thread(&codex, "revoked").await;
        let token = thread.credential(&Key::new()).await;
        let other = story.thread(&codex, "asked").await;
        other.ask(&codex, &Key::new()).await;
        (token, thread.issue.0, other.issue.0)
    };
    assert!(story.alive(&token).await);
    story
        .stage
        .reconcile(ownergate::demo::stage::KAN)
        .await
        .unwrap();
    story.stage.stop_bot().await;
    let (data, backup) = (
        story.stage.directory().join("data"),
        story.stage.directory().join("backup"),
    );
    put(&data, &backup);
    story.stage.start_bot().await.unwrap();
    story.pass(600).await;
    let revoke = "/gate revoke codex-kan-1";
    let said = story.at(lives).comment(&alice, revoke).await;
    story.at(lives).delete(&alice, said).await;
    assert!(!story.alive(&token).await);
    story.pass(600).await;

    story.stage.stop_bot().await;
    put(&backup, &data);
    if !records {
        std::fs::remove_dir_all(data.join("sled")).unwrap();
    }
    story.stage.start_bot().await.unwrap();
    (token, lives, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_older_copy_put_back_is_noticed_by_the_bots_own_comments() {
    noticed(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_journal_put_back_without_records_is_noticed_as_well() {
    noticed(false).await;
}

/// Though the journal has grown past what the bot had spoken for before anybody reads that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_has_grown_again_hides_nothing() {
    let mut story = Story::begin().await;
    let (_, lives, _) = set_back(&mut story, true).await;
    let spoken = story.at(lives).replies().len() as u64;
    let codex = story.stage.codex.clone();
    for _ in 0..20 {
        story.at(lives).comment(&codex, "good morning").await;
    }
    assert!(story.reconcile().await);
    let missing = story.ready().await["lost_history"].clone();
    assert!(
        last(&story) > missing["line"].as_u64().unwrap(),
        "{missing}"
    );
    assert_eq!(story.at(lives).replies().len() as u64, spoken + 1);
}

async fn noticed(records: bool) {
    let mut story = Story::begin().await;
    let (token, lives, asked) = set_back(&mut story, records).await;
    let (codex, alice) = (story.stage.codex.clone(), story.stage.alice.clone());
    // Nobody can know that yet.
    assert!(story.alive(&token).await);
    assert!(story.ready().await["lost_history"].is_null());
    let before = story.at(lives).replies().len();

    assert!(story.reconcile().await);
    let told = story.at(lives).news(before);
    let missing = story.ready().await["lost_history"].clone();
    let (line, journal) = (&missing["line"], &missing["journal"]);
    assert!(line.as_u64() > journal.as_u64(), "{missing}");
    assert_eq!(
        told,
        format!(
            "**Nothing widens any more, on any board**: I have spoken here for line {line} of my journal, and it ended at {journal}. Lines are missing; what was taken back in them may be alive again. Taking back goes on. Whoever runs me: stop me, look at what `ownergate verify` prints, and start me with `serve --accept-journal-loss` and the journal's last number; that pauses every identity."
        )
    );
    // It is told once.
    let lines = story.lines();
    assert!(story.reconcile().await);
    assert_eq!(story.lines(), lines);

    // Nothing is approved, nothing is asked, and what lives is taken back.
    let thread = story.at(asked);
    let line = thread.approve_line();
    assert_eq!(
        thread.answer(&alice, &line).await,
        "Not counted for R2: lines of my journal are missing: nothing widens until whoever runs me has accepted the loss."
    );
    assert_eq!(thread.last_code(), "history_lost");
    let another = story.thread(&codex, "another").await;
    another.ask(&codex, &Key::new()).await;
    assert_eq!(another.last_code(), "history_lost");
    let revoke = "/gate revoke codex-kan-1";
    story.at(lives).comment(&alice, revoke).await;
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hold_ends_with_the_accepted_loss_which_pauses_everything() {
    let mut story = Story::begin().await;
    let (token, _, asked) = set_back(&mut story, true).await;
    assert!(story.reconcile().await);
    // A start alone changes nothing.
    story.start_again().await;
    assert!(!story.ready().await["lost_history"].is_null());
    assert!(story.alive(&token).await);

    story.stage.stop_bot().await;
    let end = last(&story);
    story.stage.start_bot_with(Some(end)).await.unwrap();
    assert!(story.ready().await["lost_history"].is_null());
    assert!(!story.alive(&token).await);
    // The comments of what was lost are still there, and are read again.
    story.pass(60).await;
    assert!(story.reconcile().await);
    assert!(story.ready().await["lost_history"].is_null());
    let (codex, alice) = (story.stage.codex.clone(), story.stage.alice.clone());
    let line = story.at(asked).approve_line();
    story.at(asked).comment(&alice, &line).await;
    assert_eq!(story.at(asked).last_code(), "not_open");
    let key = Key::new();
    let thread = story.thread(&codex, "begun anew").await;
    thread.ask(&codex, &key).await;
    let token = thread.approved(&alice, &key).await;
    assert!(story.alive(&token).await);
}
