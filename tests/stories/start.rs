//! Starts and stops of the program itself: a second one, a killed one, one that is told to stop while
//! the forge hangs, and what stands in the way of a socket.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN_NAME, Setting, Stage};
use ownergate::miniforge::{Fault, LoggedCall, Outcome};
use tempfile::TempDir;

use crate::harness::{Key, Story};
use crate::harness_edges::{Process, run, run_with, soon};

/// A stage on which the bot runs in a process of its own, by the machine's clock.
fn stage() -> (Stage, TempDir) {
    let directory = TempDir::new().unwrap();
    let stage = Stage::build(directory.path(), Setting::new(Clock::system())).unwrap();
    (stage, directory)
}

/// Every file below a folder with its content and its time of change.
fn footprint(folder: &Path) -> Vec<(PathBuf, Vec<u8>, i64, i64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let about = std::fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                folders.push(path);
            } else {
                let content = std::fs::read(&path).unwrap();
                found.push((path, content, about.mtime(), about.mtime_nsec()));
            }
        }
    }
    found.sort();
    found
}

/// The configuration with other ports and another socket, and the same store.
fn beside(stage: &Stage) -> &'static str {
    let text = std::fs::read_to_string(stage.directory().join("ownergate.toml")).unwrap();
    let port = stage.url().rsplit_once(':').unwrap().1.to_owned();
    let text = text
        .replace(
            &format!("listen = \"127.0.0.1:{port}\""),
            "listen = \"127.0.0.1:0\"",
        )
        .replace("[store]", "admin_socket = \"beside.sock\"\n\n[store]");
    std::fs::write(stage.directory().join("beside.toml"), text).unwrap();
    "beside.toml"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_says_who_holds_the_store_and_touches_nothing() {
    let (stage, _directory) = stage();
    let first = Process::start(&stage, &["--log", "error"]);
    first.ready().await;
    // It stands still, so that it writes nothing itself meanwhile.
    first.stand_still(true);
    let pid = first.pid().to_string();
    let before = footprint(&stage.directory().join("data"));
    // With the very same configuration, and with ports and a socket of its own.
    let other = stage.directory().join(beside(&stage)).display().to_string();
    let same = run(&stage, "serve", &["--log", "error"]);
    let beside = run_with(&stage, "serve", &other);
    let (same, beside) = tokio::join!(same, beside);
    for (status, text) in [same, beside] {
        assert_eq!(status.code(), Some(1));
        assert!(text.contains("in use by another process"), "{text}");
        assert!(text.contains(&format!("pid {pid}")), "{text}");
    }
    assert_eq!(footprint(&stage.directory().join("data")), before);
    // The first one is unharmed.
    first.stand_still(false);
    let (status, text) = run(&stage, "verify", &[]).await;
    assert!(
        status.success() && text.contains("asked the running bot"),
        "{text}"
    );
    first.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_at_once_several_times() {
    let (stage, _directory) = stage();
    let mut running = Process::start(&stage, &["--log", "error"]);
    running.ready().await;
    for _ in 0..6 {
        // Nobody waits for the end of the old one.
        running.kill_soon();
        let next = Process::start(&stage, &["--log", "error"]);
        next.ready().await;
        running = next;
    }
    let socket = std::fs::symlink_metadata(stage.directory().join("ownergate.sock")).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.mode() & 0o777, 0o600);
    running.kill().await;
    let (status, text) = run(&stage, "verify", &[]).await;
    assert!(
        status.success() && text.contains("no bot is running"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_while_the_forge_hangs_it_ends_well_within_ten_seconds() {
    let (stage, _directory) = stage();
    let running = Process::start(&stage, &["--log", "info"]);
    running.ready().await;
    let issue = stage.codex.open_issue(KAN_NAME, "hang", "").await.unwrap();
    soon(stage.forge.hooks_idle()).await;
    let hanging = stage
        .forge
        .fault("GET", "/repositories/17", None, Fault::Hang);
    // A keep-alive client idles, and an event hangs at the forge.
    let idle = stage
        .client()
        .get(format!("{}/healthz", stage.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(idle.status(), 200);
    stage
        .codex
        .comment(KAN_NAME, issue, "/gate help")
        .await
        .unwrap();
    soon(stage.forge.fault_reached(hanging, 1)).await;
    soon(stage.forge.hooks_idle()).await;
    assert_eq!(
        stage.forge.deliveries().pop().unwrap().outcome,
        Outcome::Answered(202)
    );
    let began = Clock::system();
    running.terminate();
    let (status, log) = running.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(began.monotonic().as_secs() < 10, "{:?}", began.monotonic());
    assert!(log.contains("stopped"), "{log}");
    // What was promised is not lost, and the journal has its closing line.
    let (status, text) = run(&stage, "verify", &["--json"]).await;
    assert!(status.success(), "{text}");
    let report: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(report["closed"], true);
    assert_eq!(report["tables"]["inbox"], 1, "{report}");
    stage.forge.clear_faults();
    let again = Process::start(&stage, &["--log", "error"]);
    let answered = |call: &LoggedCall| {
        call.method == "POST"
            && call.path.ends_with("/issues/1/comments")
            && call.user == Some(stage.bot_account.id)
    };
    soon(stage.forge.called(answered)).await;
    again.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_of_the_socket_is_left_alone_and_named() {
    let (stage, _directory) = stage();
    let socket = stage.directory().join("ownergate.sock");
    stage.config().unwrap();

    std::fs::write(&socket, "a file of somebody").unwrap();
    let (status, text) = run(&stage, "serve", &[]).await;
    assert_eq!(status.code(), Some(1));
    assert!(
        text.contains("ownergate.sock is there and is no socket"),
        "{text}"
    );
    assert_eq!(
        std::fs::read_to_string(&socket).unwrap(),
        "a file of somebody"
    );
    std::fs::remove_file(&socket).unwrap();

    let live = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let (status, text) = run(&stage, "serve", &[]).await;
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("another process answers on"), "{text}");
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
    drop(live);

    let long = format!("[store]\npath = \"{}\"", "data");
    let text = std::fs::read_to_string(stage.directory().join("ownergate.toml")).unwrap();
    let path = format!("/{}", "s".repeat(119));
    let text = text.replace(
        "[store]\npath = \"data\"",
        &format!("admin_socket = \"{path}\"\n\n{long}"),
    );
    std::fs::write(stage.directory().join("ownergate.toml"), text).unwrap();
    let (status, text) = run(&stage, "serve", &[]).await;
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("120 bytes") && text.contains("107"), "{text}");
    assert!(!stage.directory().join("data").exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_tells_the_same_of_a_running_bot_and_of_one_at_rest() {
    let mut story = Story::begin().await;
    {
        let thread = story.thread(&story.stage.codex, "verified").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
    }
    let report = |text: String| -> serde_json::Value {
        let mut report: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        // A stop adds its closing line.
        for changed in [
            "closed",
            "lines",
            "batches",
            "bytes",
            "last",
            "head",
            "head_hash",
            "policies",
            "projection",
        ] {
            report.as_object_mut().unwrap().remove(changed);
        }
        report
    };
    // A stop writes uses down, too, unless that was done.
    story.stage.bot().unwrap().journal_uses().await;
    let (status, running) = run(&story.stage, "verify", &["--json"]).await;
    assert!(status.success(), "{running}");
    let (status, words) = run(&story.stage, "verify", &[]).await;
    assert!(
        status.success() && words.contains("asked the running bot"),
        "{words}"
    );
    assert!(words.trim_end().ends_with("sound"), "{words}");
    story.stage.stop_bot().await;
    let (status, resting) = run(&story.stage, "verify", &["--json"]).await;
    assert!(status.success(), "{resting}");
    assert_eq!(report(running), report(resting));

    // One flipped byte is found, at rest and while it runs.
    let journal = story.stage.directory().join("data/journal/00000001.jsonl");
    let whole = std::fs::read(&journal).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&journal, &flipped).unwrap();
    let (status, text) = run(&story.stage, "verify", &[]).await;
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.contains("damaged"), "{text}");
    std::fs::write(&journal, &whole).unwrap();
    story.stage.start_bot().await.unwrap();
    std::fs::write(&journal, &flipped).unwrap();
    let (status, text) = run(&story.stage, "verify", &[]).await;
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(
        text.contains("the running bot's store is not sound"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_ends_the_process_with_75_and_the_start_with_space_has_everything() {
    let (stage, _directory) = stage();
    let running = Process::start(&stage, &["--log", "error"]);
    running.ready().await;
    let issue = stage.codex.open_issue(KAN_NAME, "disk", "").await.unwrap();
    let comment = stage
        .codex
        .comment(KAN_NAME, issue, "good morning")
        .await
        .unwrap();
    soon(stage.forge.hooks_idle()).await;
    let journal = stage.directory().join("data/journal/00000001.jsonl");
    // The next line does not fit, and what fits of it is no line.
    running.limit_files_to(std::fs::metadata(&journal).unwrap().len() + 100);
    stage
        .codex
        .comment(KAN_NAME, issue, "good evening")
        .await
        .unwrap();
    soon(stage.forge.hooks_idle()).await;
    let outcome = stage.forge.deliveries().pop().unwrap().outcome;
    assert_ne!(outcome, Outcome::Answered(202));
    let (status, log) = running.end().await;
    assert_eq!(status.code(), Some(75), "{log}");

    let again = Process::start(&stage, &["--log", "warn"]);
    again.ready().await;
    let text = std::fs::read_to_string(&journal).unwrap();
    assert!(text.ends_with('\n'));
    assert!(text.contains(&format!("\"comment\":{comment}")), "{text}");
    again.terminate();
    let (status, log) = again.end().await;
    assert!(status.success());
    assert!(log.contains("was set aside"), "{log}");
    let (status, text) = run(&stage, "verify", &[]).await;
    assert!(status.success(), "{text}");
}
