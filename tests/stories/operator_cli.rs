//! The command line of operators: transcripts of each command with good and bad input, against the
//! running bot.

#![expect(
    clippy::too_many_lines,
    reason = "transcripts: most of the lines are what the program says"
)]

use std::process::Stdio;

use insta::assert_snapshot;

use crate::harness::{Key, Story, plain};
use crate::operator_calls::begin;
use crate::shared::ground::bot_binary;

/// `$ ownergate …`, what it writes, and its exit code if that is not 0.
async fn run(story: &Story, line: &str) -> String {
    fed(story, line, "").await
}

/// The same, with something on the standard input.
async fn fed(story: &Story, line: &str, input: &str) -> String {
    let mut command = tokio::process::Command::new(bot_binary());
    command
        .args(line.split_whitespace())
        .current_dir(story.stage.directory())
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that refuses before it reads has closed its end.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    story.stage.settle().await.unwrap();
    let mut text = format!("$ ownergate {line}\n");
    text.push_str(&String::from_utf8(output.stdout).unwrap());
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    if output.status.code() != Some(0) {
        text.push_str(&format!("? {}\n", output.status.code().unwrap()));
    }
    plain(&text.replace(&story.stage.directory().display().to_string(), "DIR"))
}

pub(crate) async fn transcript(story: &Story, lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&run(story, line).await);
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identities_are_listed_and_shown() {
    let story = begin().await;
    let codex = &story.stage.codex;
    for _ in 0..2 {
        let thread = story.thread(codex, "sort").await;
        thread.credential(&Key::new()).await;
    }
    let first = story.again(ownergate::gate::ids::IssueNumber(1));
    first
        .comment(&story.stage.alice, "/gate pause codex-kan-1 strange")
        .await;
    let said = transcript(
        &story,
        &[
            "identity list",
            "identity list --status paused --limit 1",
            "identity list --status revoked",
            "identity list --status alive",
            "identity list --board nowhere",
            "identity inspect codex-kan-1",
            "identity inspect codex-kan-9",
            "token list codex-kan-2",
            "token list codex-kan-9",
        ],
    )
    .await;
    assert_snapshot!(said, @r"
    $ ownergate identity list
    IDENTITY     STATUS  OWNER  GATE  SCOPES                 ENDS              THREAD
    codex-kan-1  paused  alice  dev   board:read card:write  2027-02-22 14:00  kan#1
    codex-kan-2  active  alice  dev   board:read card:write  2027-02-22 14:00  kan#2

    $ ownergate identity list --status paused --limit 1
    IDENTITY     STATUS  OWNER  GATE  SCOPES                 ENDS              THREAD
    codex-kan-1  paused  alice  dev   board:read card:write  2027-02-22 14:00  kan#1

    $ ownergate identity list --status revoked
    no identities

    $ ownergate identity list --status alive
    error: invalid value 'alive' for '--status <WORD>'
      [possible values: active, paused, expired, revoked, released]

      tip: a similar value exists: 'active'

    For more information, try '--help'.
    ? 2

    $ ownergate identity list --board nowhere
    ownergate: there is no board nowhere
    ? 1

    $ ownergate identity inspect codex-kan-1
    codex-kan-1 · paused · dev
      may       board:read card:write
      owner     alice
      asked by  codex (user 7)
      thread    kan#1
      ends      2027-02-22 14:00
      since     2026-11-24 14:00 by user 2: strange
      2026-11-24 14:00  credential issued: c1 for R1
      2026-11-24 14:00  identity paused: by user 2: strange
    CREDENTIAL  STATUS   MAY NOW  ENDS              LAST USED  FOR  LABEL
    c1          pending           2026-11-24 22:00             R1

    $ ownergate identity inspect codex-kan-9
    ownergate: there is no identity codex-kan-9
    ? 1

    $ ownergate token list codex-kan-2
    CREDENTIAL  STATUS   MAY NOW                ENDS              LAST USED  FOR  LABEL
    c2          pending  board:read card:write  2026-11-24 22:00             R2

    $ ownergate token list codex-kan-9
    ownergate: there is no identity codex-kan-9
    ? 1
    ");
    let json = run(&story, "identity list --json").await;
    let lines: Vec<serde_json::Value> = json
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["identity"], "codex-kan-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_changes_without_a_yes_and_a_dry_run_writes_nothing() {
    let story = begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    thread
        .ask_for(codex, &Key::new(), "codex-two", "board:read", "8h", "dev")
        .await;
    let (lines, replies) = (story.lines(), thread.replies().len());
    let orders = [
        "identity pause codex-kan-1",
        "identity revoke codex-kan-1 --reason leaked",
        "identity narrow codex-kan-1 --scopes board:read",
        "identity release codex-kan-1",
        "token revoke codex-kan-1 c1",
        "token revoke codex-kan-1",
        "token revoke c1",
        "request deny R2",
    ];
    // A yes on a pipe is none; and this is before anything is looked for.
    let mut refused = Vec::new();
    for order in orders {
        let said = fed(&story, &format!("{order} --config nowhere.toml"), "y\n").await;
        assert!(said.ends_with("? 2\n"), "{said}");
        refused.push(said.lines().nth(1).unwrap().to_owned());
    }
    assert_snapshot!(refused.join("\n"), @r"
    ownergate: Pause codex-kan-1? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ownergate: Revoke codex-kan-1 for good, with all its credentials? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ownergate: Let codex-kan-1 do less, for good? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ownergate: Give back codex-kan-1, which ends it? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ownergate: Revoke c1 of codex-kan-1 for good? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ownergate: Revoke codex-kan-1 for good, with all its credentials? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ownergate: Revoke c1 for good? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ownergate: Deny R2? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change
    ");
    let dry: Vec<String> = orders
        .iter()
        .map(|order| format!("{order} --dry-run"))
        .collect();
    for order in &dry {
        let said = run(&story, order).await;
        assert!(said.contains("dry run, nothing was changed"), "{said}");
        let json = run(&story, &format!("{order} --json")).await;
        assert!(json.contains("\"dry_run\":true"), "{json}");
    }
    assert_snapshot!(run(&story, &dry[2]).await, @r"
    $ ownergate identity narrow codex-kan-1 --scopes board:read --dry-run
    dry run, nothing was changed. It would be so: codex-kan-1 may do less now
      audit: identity narrowed, by the bot's host
      comment in kan#1:
        **`codex-kan-1` may do less now** (by the bot's host): may `board:read`. That holds for each of its credentials, and only a new request widens it.
      record written: check
      record written: credential 1
      record written: identity 1
    ");
    assert_eq!((story.lines(), thread.replies().len()), (lines, replies));
    assert!(story.alive(&token).await);
    // Usage errors are told by the shape of the line alone.
    for bad in [
        "identity pause",
        "identity pause codex-kan-1 --confirm --dry-run",
        "identity narrow codex-kan-1 --confirm",
        "token revoke codex-kan-1 two --confirm",
        "request deny 17 --confirm",
        "identity pause codex-kan-1 --bot https://gate.example --confirm",
        "identity pause codex-kan-1 --bot http://gate.example --token-file x --confirm",
    ] {
        let said = run(&story, bad).await;
        assert!(said.ends_with("? 2\n"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_confirmed_is_done_told_and_written_down() {
    let story = begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    thread
        .ask_for(codex, &Key::new(), "codex-two", "board:read", "8h", "dev")
        .await;
    let bot = format!(
        "--bot {} --token-file secrets/operator-piotr",
        story.stage.url()
    );
    let lines = [
        "identity narrow codex-kan-1 --scopes board:read --ttl 2h --reason enough --confirm"
            .to_owned(),
        "identity narrow codex-kan-1 --scopes card:write --confirm".to_owned(),
        "token revoke codex-kan-1 c2 --confirm --operator piotr".to_owned(),
        "token revoke codex-kan-1 c2 --confirm".to_owned(),
        "token revoke codex-kan-1 c7 --confirm".to_owned(),
        "request deny R3 --reason later --confirm".to_owned(),
        "request deny R9 --confirm".to_owned(),
        "identity pause codex-kan-1 --reason strange --confirm --operator greta".to_owned(),
        "identity pause codex-kan-1 --reason strange --confirm --operator nobody".to_owned(),
        "identity revoke codex-kan-1 --reason gone --confirm --json --operator piotr".to_owned(),
        "identity release codex-kan-1 --confirm".to_owned(),
        "identity list".to_owned(),
        "request list --all".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_snapshot!(transcript(&story, &lines).await, @r#"
    $ ownergate identity narrow codex-kan-1 --scopes board:read --ttl 2h --reason enough --confirm
    codex-kan-1 may do less now

    $ ownergate identity narrow codex-kan-1 --scopes card:write --confirm
    ownergate: it has no card:write among its scopes, only board:read; narrowing only takes away
    ? 1

    $ ownergate token revoke codex-kan-1 c2 --confirm --operator piotr
    c2 of codex-kan-1 is revoked; the identity stays

    $ ownergate token revoke codex-kan-1 c2 --confirm
    c2 was revoked already

    $ ownergate token revoke codex-kan-1 c7 --confirm
    ownergate: codex-kan-1 has no credential c7
    ? 1

    $ ownergate request deny R3 --reason later --confirm
    R3 is denied

    $ ownergate request deny R9 --confirm
    ownergate: there is no request R9
    ? 1

    $ ownergate identity pause codex-kan-1 --reason strange --confirm --operator greta
    ownergate: this operator has not the right `narrow`: see its `rights` in my configuration
    ? 1

    $ ownergate identity pause codex-kan-1 --reason strange --confirm --operator nobody
    ownergate: no operator of that name is in my configuration
    ? 1

    $ ownergate identity revoke codex-kan-1 --reason gone --confirm --json --operator piotr
    {"dry_run":false,"outcome":"done","said":"codex-kan-1 is revoked, with 2 of its credentials"}

    $ ownergate identity release codex-kan-1 --confirm
    codex-kan-1 was revoked already

    $ ownergate identity list
    IDENTITY     STATUS   OWNER  GATE  SCOPES      ENDS              THREAD
    codex-kan-1  revoked  alice  dev   board:read  2026-11-24 16:00  kan#1

    $ ownergate request list --all
    REQUEST  STATUS    ASKS   FOR          GATE  BY     COUNTED  ENDS              THREAD
    R3       denied    issue  codex-two    dev   codex  0 of 1   2026-11-27 14:00  kan#1
    R2       approved  issue  codex-kan-1  dev   codex  1 of 1   2026-11-27 14:00  kan#1
    R1       approved  issue  codex-kan-1  dev   codex  1 of 1   2026-11-27 14:00  kan#1
    "#);
    assert!(!story.alive(&token).await);
    let remote = run(&story, &format!("identity list --status revoked {bot}")).await;
    assert!(remote.contains("codex-kan-1"), "{remote}");
    let audit = run(&story, "audit --actor operator:piotr").await;
    assert_snapshot!(audit, @r"
    $ ownergate audit --actor operator:piotr
    TIME                 WHO             WHAT                IDENTITY        THREAD  SAID
    2026-11-24 14:00:00  operator:piotr  credential revoked  codex-kan-1 c2  kan#1   by operator piotr
    2026-11-24 14:00:00  operator:piotr  identity revoked    codex-kan-1     kan#1   by operator piotr: gone
    ");
    let audit = run(&story, "audit --actor operator:host").await;
    assert_snapshot!(audit, @r"
    $ ownergate audit --actor operator:host
    TIME                 WHO            WHAT               IDENTITY     THREAD  SAID
    2026-11-24 14:00:00  operator:host  identity narrowed  codex-kan-1  kan#1   by the bot's host: enough
    2026-11-24 14:00:00  operator:host  order refused      codex-kan-1  kan#1   narrow: it has no card:write among its scopes, only board:read; narrowing only takes away
    2026-11-24 14:00:00  operator:host  order needless     codex-kan-1  kan#1   revoke: c2 was revoked already
    2026-11-24 14:00:00  operator:host  order refused      codex-kan-1  kan#1   revoke: codex-kan-1 has no credential c7
    2026-11-24 14:00:00  operator:host  request denied     R3           kan#1   by the bot's host: later
    2026-11-24 14:00:00  operator:host  order refused                           deny: there is no request R9
    2026-11-24 14:00:00  operator:host  order needless     codex-kan-1  kan#1   release: codex-kan-1 was revoked already
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_listed_and_a_shut_gate_is_explained() {
    let story = begin().await;
    let (alice, codex) = (&story.stage.alice, &story.stage.codex);
    let thread = story.thread(codex, "sort").await;
    thread.credential(&Key::new()).await;
    thread
        .ask_for(codex, &Key::new(), "codex-two", "board:read", "8h", "pair")
        .await;
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    let said = transcript(
        &story,
        &[
            "request list",
            "request list --all --limit 1",
            "request list --status approved",
            "request list --status shut",
            "request show R2",
            "request show R1",
            "request show R9",
        ],
    )
    .await;
    assert_snapshot!(said, @r"
    $ ownergate request list
    REQUEST  STATUS  ASKS   FOR        GATE  BY     COUNTED  ENDS              THREAD
    R2       open    issue  codex-two  pair  codex  1 of 2   2026-11-27 14:00  kan#1

    $ ownergate request list --all --limit 1
    REQUEST  STATUS  ASKS   FOR        GATE  BY     COUNTED  ENDS              THREAD
    R2       open    issue  codex-two  pair  codex  1 of 2   2026-11-27 14:00  kan#1

    $ ownergate request list --status approved
    REQUEST  STATUS    ASKS   FOR          GATE  BY     COUNTED  ENDS              THREAD
    R1       approved  issue  codex-kan-1  dev   codex  1 of 1   2026-11-27 14:00  kan#1

    $ ownergate request list --status shut
    error: invalid value 'shut' for '--status <WORD>'
      [possible values: open, approved, denied, withdrawn, void, ended]

    For more information, try '--help'.
    ? 2

    $ ownergate request show R2
    R2 · open · codex asks: issue codex-two
      for       board:read 8h (pair)
      thread    kan#1
      ends      2026-11-27 14:00
      says      sort the roadmap
    the gate is shut:
    RULE                    FINDING  WHY
    request is open         ok
    not frozen              ok
    lives                   ok
    digest unchanged        ok
    scopes within gate      ok
    life within gate        ok
    slug is free            ok
    lives here              ok
    same environment        ok
    not paused              ok
    recipient safe          ok
    checkable               ok
    approvals of this gate  ok
    factors brought         ok
    vouched for             ok
    something left          ok
    judged                  ok
    quorum                  not      1 of 2 owners have approved
    not held                ok
    space left              ok
    clock trusted           ok
    history whole           ok
    OWNER  STANDS   WHY
    alice  counted
    piotr  missing

    $ ownergate request show R1
    R1 · approved · codex asks: issue codex-kan-1
      for       board:read card:write 8h (dev)
      thread    kan#1
      ends      2026-11-27 14:00
      says      sort the roadmap

    $ ownergate request show R9
    ownergate: there is no such request
    ? 1
    ");
    let json = run(&story, "request show R2 --json").await;
    assert!(json.contains("\"verdict\":{"), "{json}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_on_the_standard_input_is_named_and_shown_nowhere() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let said = [
        fed(&story, "token which", &format!("{token}\r\n")).await,
        fed(&story, "token which", "something else\n").await,
        fed(&story, "token which", "").await,
        fed(&story, "token which", &"x".repeat(5_000)).await,
    ];
    assert_snapshot!(said.join("\n"), @r"
    $ ownergate token which
    c1 of codex-kan-1 (active): active, ends 2026-11-24 22:00

    $ ownergate token which
    ownergate: no credential is known for this token
    ? 1

    $ ownergate token which
    ownergate: no credential is known for this token
    ? 1

    $ ownergate token which
    ownergate: the standard input is too large to be a token
    ? 1
    ");
    let json = fed(&story, "token which --json", &token).await;
    assert!(
        json.contains("\"credential\":\"c1\"") && !json.contains(&token),
        "{json}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_happened_is_exported_as_json_lines() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1")
        .await;
    let text = run(&story, "audit export").await;
    let lines: Vec<serde_json::Value> = text
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let codes: Vec<&str> = lines
        .iter()
        .map(|line| line["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes.first(), Some(&"identity_revoked"), "{codes:?}");
    assert_eq!(codes.last(), Some(&"policy_changed"), "{codes:?}");
    let journaled = story.journal().matches("\"code\":\"").count();
    assert!(
        lines.len() <= journaled && lines.len() >= 5,
        "{} of {journaled}",
        lines.len()
    );
    let since = run(&story, "audit export --since 2027-01-01T00:00:00Z").await;
    assert_eq!(
        since,
        "$ ownergate audit export --since 2027-01-01T00:00:00Z\n"
    );
    let bad = run(&story, "audit export --since yesterday").await;
    assert!(bad.ends_with("? 2\n"), "{bad}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bot_every_command_says_so() {
    let mut story = begin().await;
    story.stage.stop_bot().await;
    for line in [
        "identity list",
        "request list",
        "token list x",
        "audit",
        "identity pause x --confirm",
    ] {
        let said = run(&story, line).await;
        assert!(
            said.contains("no bot is running: nobody answers on DIR/ownergate.sock"),
            "{said}"
        );
        assert!(said.ends_with("? 1\n"), "{said}");
    }
}
