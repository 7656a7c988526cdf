//! G20: two boards with a common owner. Names and numbers of one are unknown on the other, for every
//! verb and in both directions, even to somebody who owns both.

use insta::assert_snapshot;

use crate::harness::{Key, Story, Thread};

/// Every verb with a name and a number of another board, and the same with what exists nowhere.
async fn every_verb(thread: &Thread<'_>, story: &Story, slug: &str, number: &str, code: &str) {
    let piotr = &story.stage.piotr;
    let mut told = Vec::new();
    for (there, nowhere) in [
        (
            format!("/gate approve {number} {code} scopes=board:read ttl=8h"),
            format!("/gate approve R99 {code} scopes=board:read ttl=8h"),
        ),
        (format!("/gate deny {number}"), "/gate deny R99".to_owned()),
        (
            format!("/gate withdraw {number}"),
            "/gate withdraw R99".to_owned(),
        ),
        (
            format!("/gate revoke {slug}"),
            "/gate revoke nothing".to_owned(),
        ),
        (
            format!("/gate revoke {slug} c1"),
            "/gate revoke nothing c1".to_owned(),
        ),
        (
            format!("/gate pause {slug}"),
            "/gate pause nothing".to_owned(),
        ),
        (
            format!("/gate release {slug}"),
            "/gate release nothing".to_owned(),
        ),
        (
            format!("/gate inspect {slug}"),
            "/gate inspect nothing".to_owned(),
        ),
    ] {
        let known = thread.answer(piotr, &there).await;
        let unknown = thread.answer(piotr, &nowhere).await;
        if known == "(silence)" || known.replace(number, "R99").replace(slug, "nothing") != unknown
        {
            told.push(format!("{there}: {known}"));
        }
    }
    assert_eq!(told, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_board_knows_its_own() {
    let story = Story::begin().await;
    let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
    let key = Key::new();
    let kan = story.thread(codex, "sort").await;
    let ops = story.ops_thread(codex, "nightly").await;
    let mut tokens = Vec::new();
    for thread in [&kan, &ops] {
        thread
            .ask_for(codex, &key, "codex-*", "board:read", "8h", "dev")
            .await;
        tokens.push(thread.approved(piotr, &key).await);
        thread
            .ask_for(codex, &key, "helper-*", "board:read", "8h", "dev")
            .await;
    }
    let request = |thread: &Thread<'_>| {
        let block = thread.block("request");
        let text = |name: &str| block[name].as_str().unwrap().to_owned();
        (text("request"), text("code"))
    };
    let ((kan_number, kan_code), (ops_number, ops_code)) = (request(&kan), request(&ops));
    assert_eq!((kan_number.as_str(), ops_number.as_str()), ("R2", "R4"));

    // In threads where nothing lives, so that no name is taken for a reason.
    let kan_other = story.thread(piotr, "other").await;
    let ops_other = story.ops_thread(piotr, "other").await;
    every_verb(&kan_other, &story, "codex-ops-1", &ops_number, &ops_code).await;
    every_verb(&ops_other, &story, "codex-kan-1", &kan_number, &kan_code).await;
    assert_eq!(story.may_at("kanban-api", &tokens[0]).await, "board:read");
    assert_eq!(story.may_at("ops-api", &tokens[1]).await, "board:read");

    // Both requests are open still; a list shows its own board only.
    assert_snapshot!(kan_other.answer(piotr, "/gate list").await, @r"
    **kan** · 1 open requests
    - R2 in #1, until 27 Nov 14:00 UTC
    - identities: 1 active
    ");
    assert_snapshot!(ops_other.answer(piotr, "/gate list").await, @r"
    **ops** · 1 open requests
    - R4 in #1, until 27 Nov 14:00 UTC
    - identities: 1 active
    ");

    // Slugs are unique per installation: the name of another board is taken, whoever asks.
    let before = ops_other.replies().len();
    ops_other
        .ask_for(codex, &key, "codex-kan-1", "board:read", "8h", "dev")
        .await;
    assert_snapshot!(ops_other.news(before), @"That name belongs to somebody else; choose another.");

    // The right place works.
    for (thread, number) in [(&kan, "R2"), (&ops, "R4")] {
        thread.comment(piotr, "/gate revoke codex-kan-9 c9").await;
        let said = thread.answer(piotr, &format!("/gate deny {number}")).await;
        assert_eq!(said, format!("**{number} denied by piotr**"));
    }
    assert_eq!(story.may_at("kanban-api", &tokens[0]).await, "inactive");
    assert_eq!(story.may_at("ops-api", &tokens[1]).await, "inactive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_of_one_board_is_nobody_on_the_other() {
    let story = Story::begin().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let key = Key::new();
    let ops = story.ops_thread(codex, "nightly").await;
    ops.ask_for(codex, &key, "codex-*", "board:read", "8h", "dev")
        .await;
    let line = ops.approve_line();
    for remark in [
        line.as_str(),
        "/gate deny R1",
        "/gate list",
        "/gate inspect",
        "/gate revoke codex-ops-1",
        "/gate pause codex-ops-1",
        "/gate release codex-ops-1",
    ] {
        assert_eq!(ops.answer(alice, remark).await, "(silence)", "{remark}");
    }
    let token = ops.approved(piotr, &key).await;
    assert_eq!(
        ops.answer(alice, "/gate revoke codex-ops-1").await,
        "(silence)"
    );
    assert_eq!(story.may_at("ops-api", &token).await, "board:read");
}

/// A delivery of one board that is sent, rightly signed, to the hook of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_takes_only_its_own_boards_events() {
    let story = Story::begin().await;
    let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
    let key = Key::new();
    let ops = story.ops_thread(codex, "nightly").await;
    ops.ask_for(codex, &key, "codex-*", "board:read", "8h", "dev")
        .await;
    let line = ops.approve_line();
    let forge = &story.stage.forge;
    forge.drop_hooks(1);
    ops.say(piotr, &line).await;
    let lost = forge.deliveries().pop().unwrap();
    let sent = forge
        .forge_delivery(story.stage.kan_hook, "issue_comment", lost.body)
        .unwrap();
    story.stage.settle().await.unwrap();
    assert_eq!(
        forge.deliveries()[sent].outcome,
        ownergate::miniforge::Outcome::Answered(204)
    );
    assert_eq!(ops.block("credential"), serde_json::Value::Null);
}
