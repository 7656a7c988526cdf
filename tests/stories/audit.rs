//! What did this identity do, and what was done to it: in its thread, and by the command line.

use std::process::{Output, Stdio};

use insta::assert_snapshot;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::harness::{Key, Story, Thread};
use crate::shared::ground::bot_binary;

/// `ownergate audit` with these arguments.
async fn audit(story: &Story, arguments: &[&str]) -> Output {
    let config = story.stage.directory().join("ownergate.toml");
    tokio::process::Command::new(bot_binary())
        .arg("audit")
        .args(arguments)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

/// What it prints.
async fn printed(story: &Story, arguments: &[&str]) -> String {
    let output = audit(story, arguments).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it prints as JSON lines.
async fn entries(story: &Story, arguments: &[&str]) -> Vec<Value> {
    let arguments = [arguments, &["--json"]].concat();
    let text = printed(story, &arguments).await;
    let read = |line| serde_json::from_str(line).unwrap();
    text.lines().map(read).collect()
}

/// One field of each entry.
fn field(entries: &[Value], name: &str) -> Vec<String> {
    let text = |entry: &Value| entry[name].as_str().unwrap_or("-").to_owned();
    entries.iter().map(text).collect()
}

/// An identity that was used by its resource server and its holder over an hour, and revoked.
async fn a_life(story: &Story) -> Thread<'_> {
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    for _ in 0..12 {
        assert!(story.alive(&token).await);
        story.pass(290).await;
    }
    story.stage.activate(&token).await.unwrap();
    story.stage.bot().unwrap().journal_uses().await;
    thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1 done with it")
        .await;
    thread
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_reads_in_the_thread_what_happened() {
    let story = Story::begin().await;
    let (codex, alice, carol) = (&story.stage.codex, &story.stage.alice, &story.stage.carol);
    let thread = a_life(&story).await;
    let said = thread.answer(alice, "/gate audit codex-kan-1").await;
    assert_snapshot!(said, @r"
    **`codex-kan-1`**: 5 entries
    <details><summary>newest first</summary>

    - 24 Nov 14:58 UTC identity revoked
    - 24 Nov 14:58 UTC credential used (c1), 12 times
    - 24 Nov 14:58 UTC credential used (c1), once
    - 24 Nov 14:00 UTC credential first used (c1)
    - 24 Nov 14:00 UTC credential issued (c1, R1)
    </details>

    By whom, what resource servers say, and the rest, on the bot's host: `ownergate audit codex-kan-1`
    ");
    // Names of resource servers and reasons stay out of the thread.
    for hidden in ["kanban-api", "done with it", "user 2"] {
        assert!(!said.contains(hidden), "{said}");
    }
    // The requester in its thread, and owners anywhere; nobody else.
    assert_eq!(thread.answer(codex, "/gate audit codex-kan-1").await, said);
    let other = story.thread(codex, "another").await;
    assert_eq!(
        other.answer(alice, "/GATE Audit codex-kan-1 please").await,
        said
    );
    assert_snapshot!(other.answer(codex, "/gate audit codex-kan-1").await, @"There is no such identity in this thread.");
    assert_snapshot!(other.answer(alice, "/gate audit codex-kan-9").await, @"There is no such identity in this thread.");
    assert_eq!(
        thread.answer(carol, "/gate audit codex-kan-1").await,
        "(silence)"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_it_is_asked_for_by_credential_and_time() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    let first = thread.credential(&Key::new()).await;
    assert!(story.alive(&first).await);
    story.pass(7_200).await;
    let second = thread.credential(&Key::new()).await;
    assert!(story.alive(&second).await);
    let table = thread
        .table(
            codex,
            &[
                "/gate audit c1",
                "/gate audit codex-kan-1 c2 since=1h",
                "/gate audit since=1h",
                "/gate audit c9",
                "/gate audit since=yesterday",
                "/gate audit codex-kan-1 since=30s and whatever",
            ],
        )
        .await;
    assert_snapshot!(table, @r"
    > /gate audit c1
    done: **`codex-kan-1` c1**: 3 entries
    <details><summary>newest first</summary>

    - 24 Nov 16:00 UTC credential used (c1), once
    - 24 Nov 14:00 UTC credential first used (c1)
    - 24 Nov 14:00 UTC credential issued (c1, R1)
    </details>

    By whom, what resource servers say, and the rest, on the bot's host: `ownergate audit c1`

    > /gate audit codex-kan-1 c2 since=1h
    done: **`codex-kan-1` c2**: 2 entries since 24 Nov 15:00 UTC
    <details><summary>newest first</summary>

    - 24 Nov 16:00 UTC credential first used (c2)
    - 24 Nov 16:00 UTC credential issued (c2, R2)
    </details>

    By whom, what resource servers say, and the rest, on the bot's host: `ownergate audit c2 --since 1h`

    > /gate audit since=1h
    done: **`codex-kan-1`**: 3 entries since 24 Nov 15:00 UTC
    <details><summary>newest first</summary>

    - 24 Nov 16:00 UTC credential first used (c2)
    - 24 Nov 16:00 UTC credential issued (c2, R2)
    - 24 Nov 16:00 UTC credential used (c1), once
    </details>

    By whom, what resource servers say, and the rest, on the bot's host: `ownergate audit codex-kan-1 --since 1h`

    > /gate audit c9
    unknown_credential: `codex-kan-1` never had c9.

    > /gate audit since=yesterday
    bad_since: `since=` wants a number and one of `s`, `m`, `h`, `d`, such as `since=7d`.

    > /gate audit codex-kan-1 since=30s and whatever
    done: **`codex-kan-1`**: 3 entries since 24 Nov 15:59 UTC
    <details><summary>newest first</summary>

    - 24 Nov 16:00 UTC credential first used (c2)
    - 24 Nov 16:00 UTC credential issued (c2, R2)
    - 24 Nov 16:00 UTC credential used (c1), once
    </details>

    By whom, what resource servers say, and the rest, on the bot's host: `ownergate audit codex-kan-1 --since 30s`
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_board_has_is_unknown() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let ops = story.ops_thread(&story.stage.alice, "over there").await;
    let said = ops
        .answer(&story.stage.piotr, "/gate audit codex-kan-1")
        .await;
    assert_snapshot!(said, @"There is no such identity in this thread.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_rows_at_most_and_the_command_for_the_rest() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    for _ in 0..60 {
        assert!(story.alive(&token).await);
        story.pass(60).await;
        story.stage.bot().unwrap().journal_uses().await;
    }
    let said = thread.answer(&story.stage.alice, "/gate audit").await;
    assert_eq!(said.matches("\n- ").count(), 50, "{said}");
    assert!(
        said.starts_with("**`codex-kan-1`**: the last 50 entries\n"),
        "{said}"
    );
    assert!(said.ends_with("`ownergate audit codex-kan-1`"), "{said}");
    // The command has all of them, over several answers.
    let all = entries(&story, &["codex-kan-1", "--limit", "1000"]).await;
    assert_eq!(all.len(), 62);
    assert!(field(&all, "at").is_sorted());
    let last = entries(&story, &["codex-kan-1", "--limit", "3"]).await;
    assert_eq!(last, all[59..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_names_everybody() {
    let story = Story::begin().await;
    a_life(&story).await;
    assert_snapshot!(printed(&story, &["codex-kan-1"]).await, @r"
    TIME                 WHO                WHAT                   IDENTITY           THREAD  SAID
    2026-11-24 14:00:00  user:2             credential issued      codex-kan-1 c1 R1  kan#1   c1 of `codex-kan-1`
    2026-11-24 14:00:00  client:kanban-api  credential first used  codex-kan-1 c1     kan#1   used for the first time
    2026-11-24 14:58:00  holder:c1          credential used        codex-kan-1 c1     kan#1   used once, 24 Nov 14:58 UTC
    2026-11-24 14:58:00  client:kanban-api  credential used        codex-kan-1 c1     kan#1   used 12 times, from 24 Nov 14:00 UTC to 24 Nov 14:53 UTC
    2026-11-24 14:58:00  user:2             identity revoked       codex-kan-1        kan#1   by user 2: done with it
    ");
    let all = entries(&story, &["codex-kan-1"]).await;
    assert_eq!(
        field(&all, "code"),
        [
            "credential_issued",
            "credential_first_used",
            "credential_used",
            "credential_used",
            "identity_revoked"
        ]
    );
    let used = &all[3];
    assert_eq!(used["actor"], "client:kanban-api");
    assert_eq!(used["facts"]["count"], 12);
    assert_eq!(
        (&used["identity"], &used["credential"]),
        (&"codex-kan-1".into(), &"c1".into())
    );
    assert_eq!(
        (&used["board"], &used["issue"], &used["owner_id"]),
        (&"kan".into(), &1.into(), &2.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_found_by_what_it_names() {
    let story = Story::begin().await;
    a_life(&story).await;
    let ops = story.ops_thread(&story.stage.codex, "nightly").await;
    ops.ask_for(
        &story.stage.codex,
        &Key::new(),
        "codex-*",
        "board:read",
        "8h",
        "dev",
    )
    .await;
    let line = ops.approve_line();
    ops.comment(&story.stage.piotr, &line).await;
    let codes =
        async |arguments: &[&str]| field(&entries(&story, arguments).await, "code").join(" ");
    assert_eq!(
        codes(&["c1"]).await,
        "credential_issued credential_first_used credential_used credential_used"
    );
    assert_eq!(
        codes(&["--actor", "client:kanban-api"]).await,
        "credential_first_used credential_used"
    );
    assert_eq!(
        codes(&["--actor", "alice"]).await,
        "approval_counted credential_issued identity_revoked"
    );
    assert_eq!(
        codes(&["--owner", "alice"]).await,
        "approval_counted credential_issued credential_first_used credential_used credential_used identity_revoked"
    );
    assert_eq!(
        codes(&["--owner", "4"]).await,
        "approval_counted credential_issued"
    );
    assert_eq!(
        codes(&["--thread", "ops#1"]).await,
        "request_opened approval_counted credential_issued"
    );
    assert_eq!(
        codes(&["codex-kan-1", "--actor", "holder:c1"]).await,
        "credential_used"
    );
    assert_eq!(
        codes(&["--thread", "kan#1", "--since", "1m", "--actor", "user:2"]).await,
        "identity_revoked"
    );
    assert_eq!(
        codes(&["--until", "2026-11-24T14:00:00Z"]).await,
        "policy_changed request_opened approval_counted credential_issued credential_first_used"
    );
    assert_eq!(codes(&["--identity", "2"]).await, "credential_issued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_answered_says_why() {
    let mut story = Story::begin().await;
    story.thread(&story.stage.codex, "sort").await;
    let mut text = String::new();
    for arguments in [
        &["codex-kan-9"][..],
        &["c9"],
        &["--owner", "nobody"],
        &["--thread", "1"],
        &["--thread", "nowhere#1"],
        &["--thread", "kan"],
        &["--actor", "robot:1"],
        &["--since", "yesterday"],
        &["--limit", "0"],
        &["--follow", "--until", "1h"],
    ] {
        let output = audit(&story, arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        let first = said.lines().next().unwrap().to_owned();
        let code = output.status.code().unwrap();
        assert_eq!(output.stdout, b"");
        text.push_str(&format!("{code} {first}\n"));
    }
    assert_snapshot!(text, @r"
    1 ownergate: there is no identity or credential codex-kan-9
    1 ownergate: there is no identity or credential c9
    1 ownergate: nobody is no number and no owner's login
    1 ownergate: name the board of issue 1, as in kan#1
    1 ownergate: there is no board nowhere
    1 ownergate: kan is no thread: write kan#12
    1 ownergate: robot:1 is no number and no owner's login
    2 error: invalid value 'yesterday' for '--since <WHEN>': a span such as 7d, or a time such as 2026-11-24T14:00:00Z
    2 error: invalid value '0' for '--limit <COUNT>': 0 is not in 1..=4294967295
    2 error: the argument '--follow' cannot be used with '--until <WHEN>'
    ");
    story.stage.stop_bot().await;
    let output = audit(&story, &["codex-kan-1"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no bot is running"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_sees_what_happens_next() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let mut process = tokio::process::Command::new(bot_binary())
        .args(["audit", "codex-kan-1", "--follow", "--json", "--config"])
        .arg(story.stage.directory().join("ownergate.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = lines.next_line().await.unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["code"].clone()
    };
    assert_eq!(next().await, "credential_issued");
    thread
        .comment(&story.stage.alice, "/gate pause codex-kan-1")
        .await;
    assert_eq!(next().await, "identity_paused");
    story.pass(60).await;
    thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1")
        .await;
    assert_eq!(next().await, "identity_revoked");
    process.kill().await.unwrap();
}

/// Counts are in memory for an hour at most; a stop writes them down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_are_journaled_at_a_stop_and_known_after_the_start() {
    let mut story = Story::begin().await;
    let token = {
        let thread = story.thread(&story.stage.codex, "sort").await;
        thread.credential(&Key::new()).await
    };
    for _ in 0..3 {
        assert!(story.alive(&token).await);
        story.pass(60).await;
    }
    story.restart(&[]).await;
    let used = entries(&story, &["c1", "--actor", "client:kanban-api"]).await;
    assert_eq!(
        field(&used, "code"),
        ["credential_first_used", "credential_used"]
    );
    assert_eq!(used[1]["facts"]["count"], 3);
    assert_eq!(
        used[1]["text"],
        "used 3 times, from 24 Nov 14:00 UTC to 24 Nov 14:02 UTC"
    );
    let block = {
        let thread = story.again(ownergate::gate::ids::IssueNumber(1));
        thread.comment(&story.stage.alice, "/gate inspect").await;
        thread.block("inspection")
    };
    assert_eq!(block["last_used"], "2026-11-24T14:02:00Z");
    // Without the records all of it is there, too.
    let all = entries(&story, &[]).await;
    story.stage.stop_bot().await;
    std::fs::remove_dir_all(story.stage.directory().join("data/sled")).unwrap();
    story.stage.start_bot().await.unwrap();
    let again = entries(&story, &[]).await;
    assert_eq!(again[..all.len()], all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_are_journaled_every_hour() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    for _ in 0..2 {
        assert!(story.alive(&token).await);
    }
    let clock = story.stage.clock();
    let written = async {
        while !story.journal().contains("used 2 times") {
            clock.advance(jiff::SignedDuration::from_mins(1));
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, written).await.unwrap();
    assert!(clock.now() >= crate::harness::noon() + jiff::SignedDuration::from_hours(1));
    story.stage.settle().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_ask_but_did_not_is_told_who_can_read_it() {
    let story = Story::configured(&[("machine_accounts = [7]", "machine_accounts = [7, 3]")]).await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let carol = &story.stage.carol;
    assert_snapshot!(thread.answer(carol, "/gate audit codex-kan-1").await, @"Only an owner of this board can read that, or whoever asked for the identity, in its own thread; `/gate inspect` shows how it stands.");
    let shown = thread.answer(carol, "/gate inspect").await;
    assert!(shown.starts_with("**`codex-kan-1`** · active"), "{shown}");
}
