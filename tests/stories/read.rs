//! Reading: what an identity is, what is open on the board, how commands are written.

use insta::assert_snapshot;

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_is_shown_in_its_thread() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let token = thread.credential(&key).await;
    assert!(story.alive(&token).await);
    story.pass(60).await;
    thread.ask(codex, &key).await;
    assert_snapshot!(thread.answer(codex, "/gate inspect").await, @r"
    **`codex-kan-1`** · active · dev
    - may `board:read` `card:write`
    - owner alice, asked for by codex (user 7); ends 22 Feb 14:00 UTC
    - last used 24 Nov 14:00 UTC
    - c1: active, `board:read` `card:write`, ends 24 Nov 22:00 UTC
    - R2 is open until 27 Nov 14:01 UTC
    - lately: 24 Nov 14:00 UTC credential first used (c1) · 24 Nov 14:00 UTC credential issued (c1, R1)
    ");
    let block = thread.block("inspection");
    assert_eq!(block["identity"], "codex-kan-1");
    assert_eq!(
        (&block["owner_id"], &block["requester_id"]),
        (&2.into(), &7.into())
    );
    assert_eq!(block["last_used"], "2026-11-24T14:00:00Z");
    assert_eq!(block["credentials"][0]["status"], "active");
    assert_eq!(block["credentials"][0]["last_used"], block["last_used"]);
    assert_eq!(block["requests"][0], "R2");

    // Owners see it from anywhere on the board, others in its thread only.
    let other = story.thread(codex, "another").await;
    assert_snapshot!(other.answer(codex, "/gate inspect codex-kan-1").await, @"There is no such identity in this thread.");
    assert_snapshot!(other.answer(codex, "/gate inspect codex-kan-9").await, @"There is no such identity in this thread.");
    let said = other.answer(alice, "/Gate  Inspect CODEX-KAN-1").await;
    assert!(
        said.starts_with("**`codex-kan-1`** · active · dev"),
        "{said}"
    );

    thread.comment(alice, "/gate revoke codex-kan-1").await;
    assert_snapshot!(thread.answer(alice, "/gate inspect codex-kan-1").await, @r"
    **`codex-kan-1`** · revoked · dev
    - may `board:read` `card:write`
    - owner alice, asked for by codex (user 7); ends 22 Feb 14:00 UTC
    - last used 24 Nov 14:00 UTC
    - c1: revoked, `board:read` `card:write`, ends 24 Nov 22:00 UTC
    - lately: 24 Nov 14:01 UTC identity revoked · 24 Nov 14:00 UTC credential first used (c1) · 24 Nov 14:00 UTC credential issued (c1, R1)
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_list_what_is_open_and_how_many_live() {
    let mut story = Story::begin().await;
    let (codex, alice) = (story.stage.codex.clone(), story.stage.alice.clone());
    let key = Key::new();
    let thread = story.thread(&codex, "sort").await;
    assert_snapshot!(thread.answer(&alice, "/gate list").await, @r"
    **kan** · 0 open requests
    - no identities yet
    ");
    thread.credential(&key).await;
    let second = story.thread(&codex, "another").await;
    second.credential(&key).await;
    second.comment(&alice, "/gate revoke codex-kan-2").await;
    thread.ask(&codex, &key).await;
    second.ask(&codex, &key).await;
    assert_snapshot!(thread.answer(&alice, "/gate list").await, @r"
    **kan** · 2 open requests
    - R3 in #1, until 27 Nov 14:00 UTC
    - R4 in #2, until 27 Nov 14:00 UTC
    - identities: 1 active, 1 revoked
    ");
    assert_snapshot!(thread.answer(&codex, "/gate list").await, @"Only an owner of this board can list what there is; `/gate inspect SLUG` shows one identity of this thread.");
    let issue = thread.issue;
    story
        .restart(&[(
            "machine_accounts = [7]",
            "machine_accounts = [7]\nlist_in_thread = true",
        )])
        .await;
    let thread = story.again(issue);
    assert_snapshot!(thread.answer(&alice, "/gate list").await, @r"
    **kan** · 2 open requests
    - R3 asks for `codex-kan-1` in #1, until 27 Nov 14:00 UTC
    - R4 asks for `codex-kan-2` in #2, until 27 Nov 14:00 UTC
    - identities: 1 active, 1 revoked
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_shows_how_commands_are_written() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    assert_snapshot!(thread.answer(codex, "/gate help").await, @r#"
    - `/gate request identity=codex-* scopes=board:read,card:write ttl=8h environment=dev recipient=age1… reason="…"`, or `/gate request` and one fenced `toml` block with these keys
    - `/gate approve R17 CODE scopes=board:read,card:write ttl=8h` (owners; copy the line from the summary; fewer scopes or a shorter ttl are fine)
    - `/gate deny R17 [reason]` (owners)
    - `/gate withdraw [R17]` (whoever asked)
    - `/gate revoke codex-7f3a [c2] [reason]` (owners; the requester in the identity's own thread)
    - `/gate pause codex-7f3a [reason]` (owners; the requester in the identity's own thread)
    - `/gate resume codex-7f3a` (owners and the requester, in the identity's thread: asks that a paused identity works again)
    - `/gate narrow codex-7f3a scopes=board:read,card:write [ttl=2h] [resources=…] [modes=…] [reason]` (owners; the requester in the identity's own thread; at once, and only ever less)
    - `/gate rotate codex-7f3a [c2] [recipient=age1…]` (owners and the requester, in the identity's thread: asks for a successor)
    - `/gate release codex-7f3a [reason]` (the requester in the identity's own thread: gives it back)
    - `/gate own codex-7f3a` (owners, in the identity's thread: asks to be its owner)
    - `/gate link c9 codex-7f3a` (owners, in the identity's thread: asks that a secret from before becomes that identity's)
    - `/gate freeze [reason]` (owners: the whole board stands still, at once)
    - `/gate thaw` (owners: asks that the board goes on)
    - `/gate inspect codex-7f3a`
    - `/gate audit codex-7f3a [c2] [since=7d]` (owners; the requester in the identity's own thread)
    - `/gate list` (owners)
    - `/gate help [verb]`
    "#);
    assert_snapshot!(thread.answer(codex, "/gate help Revoke").await, @"- `/gate revoke codex-7f3a [c2] [reason]` (owners; the requester in the identity's own thread)");
    let all = thread.answer(codex, "/gate help").await;
    assert_eq!(thread.answer(codex, "/gate help juggling").await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_about_an_identity_is_shown() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let request = format!(
        "/gate request\n```toml\nidentity = \"codex-*\"\nscopes = [\"board:read\"]\nttl = \"8h\"\nenvironment = \"dev\"\nrecipient = \"{}\"\nlabel = \"nightly run\"\ndisplay_name = \"The sorter\"\nresources = [\"roadmap\"]\nmodes = [\"autonomous\"]\n```",
        key.recipient
    );
    thread.comment(codex, &request).await;
    thread.approved(alice, &key).await;
    assert_snapshot!(thread.answer(codex, "/gate inspect").await, @r"
    **`codex-kan-1`** · active · dev · `The sorter`
    - may `board:read`, for `roadmap`, as `autonomous`
    - owner alice, asked for by codex (user 7); ends 22 Feb 14:00 UTC
    - not used yet
    - c1 `nightly run`: pending, `board:read`, ends 24 Nov 22:00 UTC
    - lately: 24 Nov 14:00 UTC credential issued (c1, R1)
    ");
    let block = thread.block("inspection");
    assert_eq!(block["resources"], serde_json::json!(["roadmap"]));
    assert_eq!(block["credentials"][0]["label"], "nightly run");
    assert_eq!(block["last_used"], serde_json::Value::Null);
}
