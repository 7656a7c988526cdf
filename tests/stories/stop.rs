//! Stopping a request: an owner's no from any thread of the board, and the requester's taking back.

use insta::assert_snapshot;

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_denies() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &Key::new()).await;
    let line = thread.approve_line();
    let denial = thread.say(alice, "/gate deny R1 not before Friday").await;
    story.stage.settle().await.unwrap();
    assert_eq!(thread.reactions(denial).await, ["+1"]);
    assert_snapshot!(thread.news(1), @"**R1 denied by alice**: `not before Friday`");
    let said = thread
        .table(
            alice,
            &[&line, "/gate deny R1", "/gate deny", "/gate deny R7"],
        )
        .await;
    assert_snapshot!(said, @r"
    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    not_open: Not counted for R1: the request is not open: denied.

    > /gate deny R1
    not_open: R1 is not open: denied.

    > /gate deny
    unknown_request: No request is open in this thread.

    > /gate deny R7
    unknown_request: There is no request R7 on this board.
    ");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_is_understood_in_many_forms() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let mut text = String::new();
    for remark in [
        "/gate deny",
        "/gate deny not now",
        "/GATE Deny r1",
        "/gate\tdeny\u{a0}R1   too much",
        "/gate deny R1\r\n\r\nIt asks for too much:\r\n- all of it\r\n",
        "/gate deny R1 the agent’s laptop was stolen “again”",
    ] {
        let thread = story.thread(codex, "sort").await;
        thread.ask(codex, &Key::new()).await;
        let number = thread.block("request")["request"]
            .as_str()
            .unwrap()
            .to_owned();
        let remark = remark
            .replace("R1", &number)
            .replace("r1", &number.to_lowercase());
        text.push_str(&thread.table(alice, &[&remark]).await);
        text.push('\n');
    }
    assert_snapshot!(text, @r"
    > /gate deny
    done: **R1 denied by alice**
    > /gate deny not now
    done: **R2 denied by alice**: `not now`
    > /GATE Deny r3
    done: **R3 denied by alice**
    > /gate{tab}deny{nbsp}R4   too much
    done: **R4 denied by alice**: `too much`
    > /gate deny R5{cr}
    {cr}
    It asks for too much:{cr}
    - all of it{cr}

    done: **R5 denied by alice**: `It asks for too much: - all of it`
    > /gate deny R6 the agent’s laptop was stolen “again”
    done: **R6 denied by alice**: `the agent’s laptop was stolen “again”`
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_from_another_thread_needs_the_number() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &Key::new()).await;
    let other = story.thread(alice, "the agents run wild").await;
    assert_snapshot!(other.answer(alice, "/gate deny all of it").await, @"No request is open in this thread.");
    let before = thread.replies().len();
    let denial = other.say(alice, "/gate deny R1 all of it").await;
    story.stage.settle().await.unwrap();
    assert_eq!(other.reactions(denial).await, ["+1"]);
    assert_snapshot!(thread.news(before), @"**R1 denied by alice**: `all of it`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_open_requests_a_number_is_needed() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    thread
        .ask_for(codex, &key, "helper", "board:read", "8h", "dev")
        .await;
    assert_snapshot!(thread.answer(alice, "/gate deny").await, @"Name the request that is meant: R1 or R2.");
    assert_snapshot!(thread.answer(alice, "/gate deny R2").await, @"**R2 denied by alice**");
    assert_snapshot!(thread.answer(alice, "/gate deny").await, @"**R1 denied by alice**");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_does_not_deny_and_an_owner_does_not_withdraw() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    assert_snapshot!(thread.answer(codex, "/gate deny R1").await, @"Only an owner of this board can deny; whoever asked can `/gate withdraw`.");
    assert_snapshot!(thread.answer(alice, "/gate withdraw R1").await, @"Only whoever asked for R1 can take it back, in its own thread; an owner can `/gate deny` it.");
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
    // What was issued is taken back with another verb.
    assert_snapshot!(thread.answer(codex, "/gate withdraw R1").await, @"R1 is not open: approved. To take back what it issued: `/gate revoke codex-kan-1`.");
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asked_takes_it_back() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let other = story.thread(codex, "another").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    assert_snapshot!(other.answer(codex, "/gate withdraw R1").await, @"Only whoever asked for R1 can take it back, in its own thread; an owner can `/gate deny` it.");
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(codex, "/gate withdraw").await, @"**R1 withdrawn by `codex`**");
    thread.comment(alice, &line).await;
    assert_eq!(thread.last_code(), "not_open");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}
