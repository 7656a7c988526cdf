//! G26: a live token that stands anywhere on the board is dead at once, and a secret age key burns
//! its recipient.

use insta::assert_snapshot;
use ownergate::demo::stage::{KAN, KAN_NAME};
use reqwest::Method;
use serde_json::json;

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_comment_by_anybody() {
    let story = Story::begin().await;
    let (codex, carol) = (&story.stage.codex, &story.stage.carol);
    let thread = story.thread(codex, "sort").await;
    let other = story.thread(carol, "odd things in the log").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let before = thread.replies().len();
    // It is dead with the commit of the delivery: nothing has to be read again for that.
    let away = story
        .stage
        .forge
        .fault("GET", "/", None, ownergate::miniforge::Fault::status(500));
    other
        .say(
            carol,
            &format!("The log says `Authorization: Bearer {token}`."),
        )
        .await;
    story.stage.forge.hooks_idle().await;
    assert!(!story.alive(&token).await);
    story.stage.forge.clear_fault(away);
    story.pass(60).await;
    assert_snapshot!(thread.news(before), @"**`codex-kan-1` c1 is revoked**: its token stood in a text in #2. Delete that text; whoever read it has the token.");
    // A dead one is no news.
    let before = thread.replies().len();
    other.comment(carol, &token).await;
    assert_eq!(thread.news(before), "(silence)");
    assert_eq!(other.news(0), "(silence)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_command_and_its_answer() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    thread.ask(codex, &Key::new()).await;
    let said = thread
        .answer(codex, &format!("/gate withdraw R2 I have {token} already"))
        .await;
    assert_snapshot!(said, @r"
    **`codex-kan-1` c1 is revoked**: its token stood in a text in this thread. Delete that text; whoever read it has the token.
    ----
    **R2 withdrawn by codex**: `I have [token removed] already`
    ");
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_title_a_text_an_edit_and_a_pull_request() {
    let story = Story::begin().await;
    let (codex, carol) = (&story.stage.codex, &story.stage.carol);
    let forge = &story.stage.forge;
    let thread = story.thread(codex, "sort").await;
    let path = format!("/repos/{KAN_NAME}/issues/{}", thread.issue.0);

    let token = thread.credential(&Key::new()).await;
    let title = json!({"title": format!("my token is {token}")});
    codex
        .call(Method::PATCH, &path, Some(&title))
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert!(!story.alive(&token).await, "an edited title");

    let token = thread.credential(&Key::new()).await;
    codex
        .edit_issue(KAN_NAME, thread.issue, &token)
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert!(!story.alive(&token).await, "an edited text");

    let token = thread.credential(&Key::new()).await;
    story.thread(carol, &format!("what is {token}?")).await;
    assert!(!story.alive(&token).await, "the title of a new issue");

    let token = thread.credential(&Key::new()).await;
    story.thread_with(carol, "what is this?", &token).await;
    assert!(!story.alive(&token).await, "the text of a new issue");

    let token = thread.credential(&Key::new()).await;
    let comment = thread.comment(carol, "I found something").await;
    let found = format!("I found {token}");
    carol.edit_comment(KAN_NAME, comment, &found).await.unwrap();
    story.stage.settle().await.unwrap();
    assert!(!story.alive(&token).await, "an edited comment");

    let token = thread.credential(&Key::new()).await;
    let pull = forge.open_pull(KAN, carol.id, "new script", "").unwrap();
    carol
        .comment(KAN_NAME, pull, &found.replace("found", "see"))
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert!(story.alive(&token).await, "another token");
    carol.comment(KAN_NAME, pull, &token).await.unwrap();
    story.stage.settle().await.unwrap();
    assert!(!story.alive(&token).await, "a comment on a pull request");

    let token = thread.credential(&Key::new()).await;
    forge.drop_hooks(1);
    thread.comment(carol, &format!("lost: {token}")).await;
    assert!(story.alive(&token).await);
    story.stage.reconcile(KAN).await.unwrap();
    assert!(!story.alive(&token).await, "a comment that was read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_board() {
    let story = Story::begin().await;
    let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let before = thread.replies().len();
    let ops = story.ops_thread(piotr, "nightly logs").await;
    ops.comment(piotr, &token).await;
    assert!(!story.alive(&token).await);
    assert_snapshot!(thread.news(before), @"**`codex-kan-1` c1 is revoked**: its token stood in a text on another board. Delete that text; whoever read it has the token.");
    assert_eq!(ops.news(0), "(silence)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_key_burns_its_recipient() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let (burnt, safe) = (Key::new(), Key::new());
    let used = thread.credential(&burnt).await;
    assert!(story.alive(&used).await);
    let pending = thread.credential(&burnt).await;
    thread.ask(codex, &burnt).await;
    let line = thread.approve_line();
    thread
        .ask_for(codex, &safe, "helper", "board:read", "8h", "dev")
        .await;

    let said = thread
        .answer(codex, &format!("Here is my key: {}", burnt.secret.expose()))
        .await;
    assert_snapshot!(said, @r"
    **`codex-kan-1` c2 is revoked**: the secret key of its recipient stood in a text.
    ----
    A secret age key stood in a text here. Its recipient is burnt: open requests with it are void. Make a new key and ask anew.
    ");
    assert!(
        story.alive(&used).await,
        "the key opens nothing that is in use"
    );
    assert!(!story.alive(&pending).await);
    let before = thread.replies().len();
    thread.comment(alice, &line).await;
    thread.ask(codex, &burnt).await;
    assert_snapshot!(thread.news(before), @r"
    Not counted for R3: the request is not open: void.
    ----
    The secret key of that recipient was seen in a text; make a new key.
    ");
    // What is sealed to another key goes on.
    let token = thread.approved(alice, &safe).await;
    assert!(story.alive(&token).await);
    assert!(!story.journal().contains(burnt.secret.expose()));
}
