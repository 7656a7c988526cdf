//! How many requests and identities there may be at a time, and whose a name is.

use insta::assert_snapshot;

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_requests_may_be_open_in_a_thread() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &key).await;
    thread
        .ask_for(codex, &key, "helper", "board:read", "8h", "dev")
        .await;
    let third = format!(
        "/gate request identity=third scopes=board:read ttl=8h recipient={}",
        key.recipient
    );
    assert_snapshot!(thread.answer(codex, &third).await, @"Two requests are open in this thread already: R1 and R2. `/gate withdraw R1` takes one back.");
    thread.comment(codex, "/gate withdraw R1").await;
    let said = thread.answer(codex, &third).await;
    assert!(said.starts_with("**R3 ·"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_has_so_many_open_requests_on_a_board() {
    let story = Story::configured(&[(
        "machine_accounts = [7]",
        "machine_accounts = [7]\nmax_open_requests = 3",
    )])
    .await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    for number in 1..=3 {
        let thread = story.thread(codex, "sort").await;
        thread.ask(codex, &key).await;
        assert_eq!(thread.block("request")["request"], format!("R{number}"));
    }
    let thread = story.thread(codex, "sort").await;
    let before = thread.replies().len();
    thread.ask(codex, &key).await;
    assert_snapshot!(thread.news(before), @"You have 3 open requests on this board, and that is its limit.");
    // The limit is each requester's own, and a request that ended counts no longer.
    thread
        .ask_for(alice, &key, "mine", "board:read", "8h", "dev")
        .await;
    assert_eq!(thread.block("request")["identity"], "mine");
    story.pass(72 * 3_600).await;
    thread.ask(codex, &key).await;
    assert_eq!(thread.block("request")["identity"], "codex-kan-4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_identities_may_live_in_a_thread() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    for number in 1..=20 {
        thread
            .ask_for(
                codex,
                &key,
                &format!("n{number}"),
                "board:read",
                "8h",
                "dev",
            )
            .await;
        thread.approved(alice, &key).await;
    }
    let before = thread.replies().len();
    thread
        .ask_for(codex, &key, "n21", "board:read", "8h", "dev")
        .await;
    assert_snapshot!(thread.news(before), @"20 identities live in this thread; ask in another issue.");
    assert_eq!(thread.last_code(), "too_many_identities");
    // Another credential of one that lives is fine, and so is a name in the place of one that ended.
    thread
        .ask_for(codex, &key, "n20", "board:read", "8h", "dev")
        .await;
    assert_eq!(thread.block("request")["identity"], "n20");
    thread.comment(alice, "/gate revoke n1").await;
    thread
        .ask_for(codex, &key, "n21", "board:read", "8h", "dev")
        .await;
    assert_eq!(thread.block("request")["identity"], "n21");
}

/// A name is reserved by a grant, not by a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_ask_for_one_name_and_one_gets_it() {
    let story = Story::configured(&[(
        "[board.gate.dev]",
        "[[board.requester]]\nid = 3\n\n[board.gate.dev]",
    )])
    .await;
    let (codex, alice, carol) = (&story.stage.codex, &story.stage.alice, &story.stage.carol);
    let (mine, yours) = (Key::new(), Key::new());
    let first = story.thread(codex, "sort").await;
    let second = story.thread(carol, "sort as well").await;
    first
        .ask_for(codex, &mine, "sorter", "board:read", "8h", "dev")
        .await;
    second
        .ask_for(carol, &yours, "sorter", "board:read", "8h", "dev")
        .await;
    second.approved(alice, &yours).await;
    let line = first.approve_line();
    assert_snapshot!(first.answer(alice, &line).await, @"Not counted for R1: that name belongs to somebody else; choose another. An identity of that name lives in #2; ask there.");
    assert_eq!(first.last_code(), "slug_taken");
    assert_eq!(first.block("credential"), serde_json::Value::Null);
}
