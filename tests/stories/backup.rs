//! Backup and restore, by the commands that an operator types: a copy of a running bot, and what a
//! store does that was set back to it.

use std::process::{Output, Stdio};

use serde_json::Value;

use crate::harness::{Key, Story};
use crate::shared::ground::bot_binary;

impl Story {
    /// Runs a command of the program on this stage's configuration.
    pub(crate) async fn types(&self, arguments: &[&str]) -> Output {
        tokio::process::Command::new(bot_binary())
            .args(arguments)
            .arg("--config")
            .arg(self.stage.directory().join("ownergate.toml"))
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap()
    }

    /// The same for a command that has to succeed: what it printed as one JSON object.
    pub(crate) async fn told(&self, arguments: &[&str]) -> Value {
        let output = self.types(&[arguments, &["--json"]].concat()).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The same for one that is refused: what it said.
    pub(crate) async fn says_no(&self, arguments: &[&str]) -> String {
        let output = self.types(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }

    fn beside(&self, name: &str) -> String {
        self.stage.directory().join(name).display().to_string()
    }
}

/// Puts a backup in place of the store; gives its last number. The bot is stopped then.
async fn set_back(story: &mut Story, copy: &str) -> u64 {
    // The journal that is there is never overwritten, whether the bot runs or not.
    for _ in 0..2 {
        let said = story.says_no(&["restore", copy, "--confirm"]).await;
        assert!(said.contains("restoring never overwrites one"), "{said}");
        story.stage.stop_bot().await;
    }
    std::fs::remove_dir_all(story.stage.directory().join("data")).unwrap();
    let unsure = story.types(&["restore", copy]).await;
    assert_eq!(unsure.status.code(), Some(2));
    let planned = story.told(&["restore", copy, "--dry-run"]).await;
    assert_eq!(planned["restored"], false);
    assert!(!story.stage.directory().join("data").exists());
    let done = story.told(&["restore", copy, "--confirm"]).await;
    let head = done["head"].as_u64().unwrap();
    assert_eq!(
        done["next_start"],
        format!("ownergate serve --accept-journal-loss {head}")
    );
    head
}

/// A credential is revoked and a request approved after the backup; then the backup is put back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_back_since_the_backup_does_not_come_alive_and_an_old_approval_does_nothing()
{
    let mut story = Story::begin().await;
    let (codex, alice) = (story.stage.codex.clone(), story.stage.alice.clone());
    let keys = [Key::new(), Key::new(), Key::new()];
    let (lived, asked) = {
        let thread = story.thread(&codex, "revoked").await;
        let lived = thread.credential(&keys[0]).await;
        let other = story.thread(&codex, "asked").await;
        other.ask(&codex, &keys[1]).await;
        (lived, other.issue.0)
    };
    assert!(story.alive(&lived).await);
    let copy = story.beside("copy");
    let made = story.told(&["backup", &copy]).await;
    assert_eq!(made["head"], story.lines() as u64 - 1);
    let peppers = made["peppers"].as_object().unwrap();
    assert_eq!(peppers.values().collect::<Vec<_>>(), [1]);

    // Meanwhile: one is revoked, the open request approved, another one asked for and approved.
    story
        .at(1)
        .comment(&alice, "/gate revoke codex-kan-1")
        .await;
    let approved = story.at(asked).approved(&alice, &keys[1]).await;
    let later = story.thread(&codex, "later").await.issue.0;
    story.at(later).ask(&codex, &keys[2]).await;
    let newest = story.at(later).approved(&alice, &keys[2]).await;
    assert!(story.alive(&approved).await && story.alive(&newest).await);
    let past = story.stage.forge.deliveries().len();
    let credentials =
        |story: &Story| [1, asked, later].map(|issue| story.at(issue).count("credential"));
    let before = credentials(&story);

    let head = set_back(&mut story, &copy).await;
    let error = format!("{:#}", story.stage.start_bot().await.unwrap_err());
    let next = format!("ownergate serve --accept-journal-loss {head}");
    assert!(error.contains(&next), "{error}");
    story.stage.start_bot_with(Some(head)).await.unwrap();
    story.stage.settle().await.unwrap();
    for token in [&lived, &approved, &newest] {
        assert!(!story.alive(token).await);
    }
    // Everything that was ever delivered comes again, and the board is read.
    for delivery in (0..past).chain((0..past).rev()) {
        story.stage.forge.replay(delivery).unwrap();
        story.stage.settle().await.unwrap();
    }
    assert!(story.reconcile().await);
    story.pass(60).await;
    assert_eq!(credentials(&story), before, "a replay has issued something");
    for token in [&lived, &approved, &newest] {
        assert!(!story.alive(token).await);
    }
    // A next start asks for nothing, and owners go on from there.
    story.start_again().await;
    assert!(!story.alive(&lived).await);
    let key = Key::new();
    let thread = story.thread(&codex, "begun anew").await;
    let token = thread.credential(&key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_pepper_or_the_signing_key_of_that_installation_nothing_is_restored() {
    let mut story = Story::begin().await;
    story
        .thread(&story.stage.codex, "one")
        .await
        .credential(&Key::new())
        .await;
    let copy = story.beside("copy");
    let made = story.told(&["backup", &copy]).await;
    story.stage.stop_bot().await;
    std::fs::remove_dir_all(story.stage.directory().join("data")).unwrap();
    let secret = |key: &str| {
        let files = made["secrets_not_in_it"].as_array().unwrap();
        let file = files.iter().find(|file| file["key"] == key).unwrap();
        std::path::PathBuf::from(file["path"].as_str().unwrap())
    };
    let other = |path: &std::path::Path, digit: &str| {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, digit.repeat(64)).unwrap();
        before
    };
    let key = secret("secrets.signing_key_file");
    let before = other(&key, "7");
    let said = story.says_no(&["restore", &copy, "--confirm"]).await;
    assert!(said.contains("secrets.signing_key_file"), "{said}");
    std::fs::write(&key, before).unwrap();

    let pepper = secret("secrets.pepper_file");
    let id = made["peppers"].as_object().unwrap().keys().next().unwrap();
    other(&pepper, "8");
    let said = story.says_no(&["restore", &copy, "--confirm"]).await;
    assert!(
        said.contains(id) && said.contains("--pepper-lost"),
        "{said}"
    );
    assert!(!story.stage.directory().join("data").exists());
    let done = story
        .told(&["restore", &copy, "--confirm", "--pepper-lost"])
        .await;
    assert_eq!(done["peppers"][0]["configured"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backup_says_what_is_not_in_it_and_shows_no_secret() {
    let story = Story::begin().await;
    let output = story.types(&["backup", &story.beside("copy")]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    for part in [
        "and verified the copy in",
        "not in it; without these it is of no use",
        "secrets.pepper_file",
        "secrets.signing_key_file",
        "board[kan].hook_secret_file",
        "to put it back: `ownergate restore",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for file in std::fs::read_dir(story.stage.directory().join("secrets")).unwrap() {
        let secret = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!said.contains(secret.trim()), "{said}");
    }
    let said = story.says_no(&["backup", &story.beside("copy")]).await;
    assert!(said.contains("is not empty"), "{said}");
}
