//! Taking back: at once, whatever the spelling, by owners from anywhere on the board and by the
//! requester in its own thread.

use insta::assert_snapshot;

use crate::harness::{Key, Story, Thread};

/// Two live credentials of `codex-kan-1`, c1 and c2, in one thread.
async fn two_credentials(story: &Story) -> (Thread<'_>, String, String) {
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    let first = thread.credential(&Key::new()).await;
    let second = thread.credential(&Key::new()).await;
    assert!(story.alive(&first).await && story.alive(&second).await);
    (thread, first, second)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_takes_everything_back() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let (thread, first, second) = two_credentials(&story).await;
    let said = thread.answer(alice, "/gate revoke codex-kan-1 done").await;
    assert_snapshot!(said, @"**`codex-kan-1` is revoked**, with 2 of its credentials: `done`.");
    assert!(!story.alive(&first).await && !story.alive(&second).await);
    let said = thread.answer(alice, "/gate revoke codex-kan-1").await;
    assert_snapshot!(said, @"`codex-kan-1` was revoked already.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_owner_takes_it_back_as_well() {
    let story = Story::begin().await;
    let (thread, first, second) = two_credentials(&story).await;
    thread
        .comment(&story.stage.piotr, "/gate revoke codex-kan-1")
        .await;
    assert!(!story.alive(&first).await && !story.alive(&second).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_requester_takes_its_own_back_in_its_own_thread() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let (thread, first, second) = two_credentials(&story).await;
    let other = story.thread(codex, "another").await;
    let said = other.answer(codex, "/gate revoke codex-kan-1").await;
    assert_snapshot!(said, @"Nothing was revoked: only an owner of this board can do that, or the requester in the identity's own thread.");
    assert!(story.alive(&first).await && story.alive(&second).await);
    let said = thread
        .answer(codex, "/gate revoke my disk was copied")
        .await;
    assert_snapshot!(said, @"**`codex-kan-1` is revoked**, with 2 of its credentials: `my disk was copied`.");
    assert!(!story.alive(&first).await && !story.alive(&second).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_credential_is_taken_back() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let (thread, first, second) = two_credentials(&story).await;
    let said = thread
        .answer(alice, "/gate revoke codex-kan-1 c1 the old laptop")
        .await;
    assert_snapshot!(said, @"**c1 of `codex-kan-1` is revoked**: `the old laptop`; the identity stays.");
    assert!(!story.alive(&first).await);
    assert!(story.alive(&second).await);
    assert_snapshot!(thread.answer(alice, "/gate revoke codex-kan-1 C1").await, @"c1 of `codex-kan-1` was revoked already.");
    assert_snapshot!(thread.answer(alice, "/gate revoke c2").await, @"**c2 of `codex-kan-1` is revoked**; the identity stays.");
    assert!(!story.alive(&second).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_is_not_there_pauses_the_identity() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let (thread, first, second) = two_credentials(&story).await;
    let said = thread
        .answer(alice, "/gate revoke codex-kan-1 c22 leaked")
        .await;
    assert_snapshot!(said, @"**`codex-kan-1` is paused**: it has no c22. It has c1, c2. `/gate revoke codex-kan-1` ends it.");
    assert!(!story.alive(&first).await && !story.alive(&second).await);
    assert_snapshot!(thread.answer(alice, "/gate revoke codex-kan-1 c22").await, @"**`codex-kan-1` stays as it is**: it has no c22. It has c1, c2. `/gate revoke codex-kan-1` ends it.");
    // The right number, and then the whole of it.
    assert_snapshot!(thread.answer(alice, "/gate revoke codex-kan-1 c2").await, @"**c2 of `codex-kan-1` is revoked**; the identity stays.");
    assert!(!story.alive(&first).await);
    assert_snapshot!(thread.answer(alice, "/gate revoke codex-kan-1").await, @"**`codex-kan-1` is revoked**, with 2 of its credentials.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slip_of_the_pen_does_not_keep_a_token_alive() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let mut text = String::new();
    for remark in [
        "/gate revoke `SLUG`",
        "/gate revoke 'SLUG', please",
        "/GATE REVOKE SLUG",
        "/gate  revoke\u{a0} SLUG",
        "/gate revoke codex-kan-l leaked",
        "/gate revoke",
        "/gate revoke SLUG the agent’s laptop was stolen",
        "/gate revoke SLUG \u{202e}detsopretni",
        "/gate revoke SLUG\r\nIt is in the CI log.\r\n> /gate approve R1\r\n",
    ] {
        let thread = story.thread(codex, "sort").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        let slug = format!("codex-kan-{}", thread.issue.0);
        let remark = remark.replace("SLUG", &slug.to_uppercase());
        text.push_str(&thread.table(alice, &[&remark]).await);
        text.push('\n');
        assert!(!story.alive(&token).await, "{remark}");
    }
    assert_snapshot!(text, @r"
    > /gate revoke `CODEX-KAN-1`
    done: **`codex-kan-1` is revoked**, with 1 of its credentials.
    > /gate revoke 'CODEX-KAN-2', please
    done: **`codex-kan-2` is revoked**, with 1 of its credentials: `please`.
    > /GATE REVOKE CODEX-KAN-3
    done: **`codex-kan-3` is revoked**, with 1 of its credentials.
    > /gate  revoke{nbsp} CODEX-KAN-4
    done: **`codex-kan-4` is revoked**, with 1 of its credentials.
    > /gate revoke codex-kan-l leaked
    done: **`codex-kan-5` is revoked**, with 1 of its credentials: `codex-kan-l leaked`.
    > /gate revoke
    done: **`codex-kan-6` is revoked**, with 1 of its credentials.
    > /gate revoke CODEX-KAN-7 the agent’s laptop was stolen
    done: **`codex-kan-7` is revoked**, with 1 of its credentials: `the agent’s laptop was stolen`.
    > /gate revoke CODEX-KAN-8 {rlo}detsopretni
    done: **`codex-kan-8` is revoked**, with 1 of its credentials: `\u{202e}detsopretni`.
    > /gate revoke CODEX-KAN-9{cr}
    It is in the CI log.{cr}
    > /gate approve R1{cr}

    done: **`codex-kan-9` is revoked**, with 1 of its credentials: `It is in the CI log. › /gate approve R1`.
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_takes_back_from_another_thread() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let (thread, first, second) = two_credentials(&story).await;
    let before = thread.replies().len();
    let other = story.thread(alice, "the agents run wild").await;
    assert_snapshot!(other.answer(alice, "/gate revoke").await, @"Nothing was revoked: name the identity, `/gate revoke SLUG`. None lives in this thread.");
    assert_snapshot!(other.answer(alice, "/gate revoke codex-kan-7").await, @"Nothing was revoked: name the identity, `/gate revoke SLUG`. None lives in this thread.");
    assert!(story.alive(&first).await);
    assert_snapshot!(other.answer(alice, "/gate revoke codex-kan-1 c1").await, @"**c1 of `codex-kan-1` is revoked**; the identity stays.");
    assert!(!story.alive(&first).await && story.alive(&second).await);
    assert_snapshot!(other.answer(alice, "/gate revoke codex-kan-1").await, @"**`codex-kan-1` is revoked**, with 2 of its credentials.");
    assert!(!story.alive(&second).await);
    // Their own thread hears of it, too.
    let news = thread.news(before);
    assert!(
        news.contains("**c1 of `codex-kan-1` is revoked**"),
        "{news}"
    );
    assert!(news.contains("with 2 of its credentials"), "{news}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_identities_in_a_thread_one_must_be_named() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let first = thread.credential(&key).await;
    thread
        .ask_for(codex, &key, "sorter", "board:read", "8h", "dev")
        .await;
    let second = thread.approved(alice, &key).await;
    assert_snapshot!(thread.answer(alice, "/gate revoke leaked").await, @"Nothing was revoked: name the identity that is meant. In this thread live `codex-kan-1` `sorter`.");
    assert!(story.alive(&first).await && story.alive(&second).await);
    thread.comment(alice, "/gate revoke sorter").await;
    assert!(story.alive(&first).await && !story.alive(&second).await);
    thread.comment(alice, "/gate revoke leaked").await;
    assert!(!story.alive(&first).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_only_asked_for_is_revoked_too() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    let said = thread.answer(codex, "/gate revoke codex-kan-1").await;
    assert_snapshot!(said, @"No identity of that name lives here; `/gate withdraw` takes your request back.");
    let said = thread.answer(alice, "/gate revoke codex-kan-1").await;
    assert_snapshot!(said, @"**Requests for `codex-kan-1` are void**: R1. No identity of that name lives.");
    thread.comment(alice, &line).await;
    assert_eq!(thread.last_code(), "not_open");

    // And an open request for a name falls with the identity of that name.
    let thread = story.thread(codex, "sort").await;
    thread.credential(&key).await;
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    thread.comment(alice, "/gate revoke codex-kan-2").await;
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R3: the request is not open: void.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_does_not_take_back_what_another_asked_for() {
    let story = Story::configured(&[("machine_accounts = [7]", "machine_accounts = [7, 9]")]).await;
    let root = &story.stage.root;
    let (thread, first, second) = two_credentials(&story).await;
    let said = thread.answer(root, "/gate revoke codex-kan-1").await;
    assert_snapshot!(said, @"Nothing was revoked: only an owner of this board can do that, or the requester in the identity's own thread.");
    assert!(story.alive(&first).await && story.alive(&second).await);
}
