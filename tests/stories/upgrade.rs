//! The format of the journal: `ownergate upgrade`, a program that meets a newer one, and the store of an
//! older version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use ownergate::clock::Clock;
use ownergate::gate::credential::{Credential, CredentialStatus};
use ownergate::gate::identity::Identity;
use ownergate::gate::ids::{CredentialNumber, IdentityNumber, RequestNumber};
use ownergate::gate::key::Key as At;
use ownergate::gate::policy::Policy;
use ownergate::gate::request::Request;
use ownergate::gate::world;
use ownergate::store::{self, FORMAT, Header, Options, Projection, Report, Upgrade};
use tempfile::TempDir;

use crate::harness::{Key, Story, noon};
use crate::shared::ground::bot_binary;

/// `ownergate upgrade` with these arguments.
async fn upgrade(story: &Story, arguments: &[&str]) -> Output {
    let config = story.stage.directory().join("ownergate.toml");
    tokio::process::Command::new(bot_binary())
        .arg("upgrade")
        .args(arguments)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

fn installation(journal: &Path) -> String {
    let text = fs::read_to_string(journal.join("00000001.jsonl")).unwrap();
    let header: Header = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    header.installation
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_what_it_would_do_and_does_it_to_a_stopped_bot_only() {
    let mut story = Story::begin().await;
    for arguments in [&[][..], &["--confirm", "--dry-run"]] {
        let output = upgrade(&story, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let output = upgrade(&story, &["--confirm"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("in use by another process"), "{said}");
    story.stage.stop_bot().await;
    for flag in ["--dry-run", "--confirm"] {
        let output = upgrade(&story, &[flag]).await;
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "format 1 is the newest: nothing to do\n");
    }
    story.restart(&[]).await;
}

/// A program of tomorrow has upgraded the store: this one does not start, and starts with the copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_of_tomorrow_is_left_alone_and_the_copy_is_the_way_back() {
    let mut story = Story::begin().await;
    let token = {
        let thread = story.thread(&story.stage.codex, "sort").await;
        thread.credential(&Key::new()).await
    };
    assert!(story.alive(&token).await);
    story.stage.stop_bot().await;
    let data = story.stage.directory().join("data");
    let tomorrow = Options {
        newest_format: FORMAT + 1,
        ..Options::new(
            &data,
            installation(&data.join("journal")),
            Clock::manual(noon()),
        )
    };
    let done = store::upgrade(&tomorrow, true).unwrap();
    let Upgrade::Segment {
        backup: Some(backup),
        ..
    } = done
    else {
        panic!("{done:?}");
    };
    let error = format!("{:#}", story.stage.start_bot().await.unwrap_err());
    assert!(
        error.contains("is in format 2, and this program knows up to 1: start a newer ownergate"),
        "{error}"
    );
    fs::remove_dir_all(data.join("journal")).unwrap();
    fs::rename(backup, data.join("journal")).unwrap();
    story.restart(&[]).await;
    assert!(story.alive(&token).await);
}

/// Where the store of a format's first version is kept.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store-v1")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// What a journal says, without what is not compared.
fn report(directory: &Path) -> Report {
    let installation = installation(&directory.join("journal"));
    store::verify(directory, Some(&installation), false).unwrap()
}

/// A journal that a program of format 1 has written, with a credential that was rotated by its holder.
#[test]
fn the_store_of_format_1_opens_catches_up_and_is_equal() {
    let directory = TempDir::new().unwrap();
    copy(&kept().join("journal"), &directory.path().join("journal"));
    let expected = fs::read_to_string(kept().join("report.json")).unwrap();
    let before = report(directory.path());
    let mut shown = serde_json::to_value(&before).unwrap();
    shown.as_object_mut().unwrap().remove("projection");
    assert_eq!(
        shown,
        serde_json::from_str::<serde_json::Value>(&expected).unwrap()
    );
    let options = Options::new(
        directory.path(),
        installation(&directory.path().join("journal")),
        Clock::manual(noon()),
    );
    let opened = store::open(options, Arc::default()).unwrap();
    let records = opened.store();
    assert_eq!(records.head().seq, before.head);
    assert_eq!(records.reached(), before.head);
    let json = |key: At| records.get(&key).unwrap().unwrap();
    let identity: Identity = world::decode(&json(At::identity(IdentityNumber(1)))).unwrap();
    assert_eq!(identity.slug.as_str(), "codex-kan-1");
    let first: Credential = world::decode(&json(At::credential(CredentialNumber(1)))).unwrap();
    assert!(matches!(first.status, CredentialStatus::Grace(_)));
    assert_eq!(first.successor, Some(CredentialNumber(2)));
    let request: Request = world::decode(&json(At::request(RequestNumber(1)))).unwrap();
    assert_eq!(request.approvals.len(), 1);
    assert!(world::decode::<Policy>(&json(At::policy())).is_some());
    drop((records, opened));
    let after = report(directory.path());
    assert!(
        matches!(after.projection, Projection::Equal { .. }),
        "{:?}",
        after.projection
    );
}

/// Makes the kept store anew; what is there is left alone, for it is what an older program wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes tests/store-v1, once for a format"]
async fn make_the_store_that_is_kept() {
    if kept().exists() {
        return;
    }
    let on = (
        "[board.gate.dev]\n",
        "[board.gate.dev]\nholder_rotation = true\n",
    );
    let mut story = Story::configured(&[on]).await;
    let key = Key::new();
    {
        let thread = story.thread(&story.stage.codex, "sort").await;
        let old = thread.credential(&key).await;
        assert!(story.alive(&old).await);
        let new = crate::rotate_holder::swapped(&story, &old, &key).await;
        assert!(story.alive(&new).await);
        thread
            .comment(&story.stage.alice, "/gate pause codex-kan-1")
            .await;
    }
    story.stage.stop_bot().await;
    let data = story.stage.directory().join("data");
    copy(&data.join("journal"), &kept().join("journal"));
    let mut shown = serde_json::to_value(report(&data)).unwrap();
    shown.as_object_mut().unwrap().remove("projection");
    let text = serde_json::to_string_pretty(&shown).unwrap();
    fs::write(kept().join("report.json"), text + "\n").unwrap();
    story.restart(&[]).await;
}
