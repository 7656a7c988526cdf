//! What goes on and what stands still: resume, rotate, own, narrow, freeze and thaw, as people write
//! them and as resource servers see them.

use insta::assert_snapshot;

use crate::harness::{Key, Story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_identity_works_again_when_an_owner_lets_it() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    thread
        .comment(alice, "/gate pause codex-kan-1 odd calls")
        .await;
    assert!(!story.alive(&token).await);
    assert_snapshot!(thread.answer(codex, "/gate resume codex-kan-1").await, @r"
    **R2 · `codex` asks to resume `codex-kan-1`** · dev
    - may `board:read` `card:write` in `kan-ductor`
    - c1 would work again: `board:read` `card:write`, until 24 Nov 22:00 UTC
    - paused since 24 Nov 14:00 UTC: `by user 2: odd calls`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R2 CODE scopes=board:read,card:write
    ```
    or `/gate deny R2`
    ");
    assert!(!story.alive(&token).await);
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(alice, &line).await, @"**R2 approved by alice: `codex-kan-1` works again** · `board:read` `card:write` · c1. To stop it: `/gate pause codex-kan-1`");
    assert!(story.alive(&token).await);
    assert_snapshot!(thread.answer(alice, "/gate resume codex-kan-1").await, @"That identity is not paused.");
    assert_snapshot!(thread.answer(alice, "/gate resume").await, @"`/gate resume` lacks `the identity's name`");
    assert_snapshot!(thread.answer(alice, "/gate resume codex-kan-1 please").await, @"`please` is no `key=value` of this command");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_is_sealed_to_the_same_key_and_the_old_token_ends_after_its_grace() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let old = thread.credential(&key).await;
    assert!(story.alive(&old).await);
    assert_snapshot!(thread.answer(codex, "/gate rotate codex-kan-1").await, @r"
    **R2 · `codex` asks for a successor of `codex-kan-1` c1** · dev
    - may `board:read` `card:write` in `kan-ductor`, for 8 h
    - c1 goes on until a grace after the new one is first used; sealed to `age1…`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R2 CODE scopes=board:read,card:write ttl=8h
    ```
    or `/gate deny R2`
    ");
    let new = thread.approved(alice, &key).await;
    assert_ne!(old, new);
    assert!(story.alive(&old).await, "nobody has the new one yet");
    assert!(story.alive(&new).await);
    story.pass(899).await;
    assert!(story.alive(&old).await);
    story.pass(1).await;
    assert!(!story.alive(&old).await && story.alive(&new).await);
    // Another key, in a block of its own.
    let other = Key::new();
    let text = format!(
        "/gate rotate codex-kan-1 c2\n```toml\nrecipient = \"{}\"\n```",
        other.recipient
    );
    thread.comment(codex, &text).await;
    let third = thread.approved(alice, &other).await;
    assert!(story.alive(&third).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn less_is_at_once_and_more_is_refused() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert_eq!(story.may(&token).await, "board:read card:write");
    let said = thread
        .table(
            alice,
            &[
                "/gate narrow codex-kan-1 scopes=board:read,deploy:run",
                "/gate narrow codex-kan-1 scope=board:read",
                "/gate narrow codex-kan-1",
                "/gate narrow codex-kan-1 scopes=board:read ttl=1h it reads only",
                "/gate narrow codex-kan-1 scopes=board:read",
            ],
        )
        .await;
    assert_snapshot!(said, @r"
    > /gate narrow codex-kan-1 scopes=board:read,deploy:run
    wider: Nothing was narrowed: it has no `deploy:run` among its scopes, only `board:read` `card:write`; `/gate narrow` only takes away.

    > /gate narrow codex-kan-1 scope=board:read
    bad_form: Nothing was narrowed: there is no key `scope`; did you mean `scopes`?

    > /gate narrow codex-kan-1
    bad_form: Nothing was narrowed: `/gate narrow` lacks `scopes=…, ttl=…, resources=… or modes=…: what is to be left`

    > /gate narrow codex-kan-1 scopes=board:read ttl=1h it reads only
    done: **`codex-kan-1` may do less now**: `it reads only`: may `board:read`, for 1 h more at most. That holds for each of its credentials, and only a new request widens it.

    > /gate narrow codex-kan-1 scopes=board:read
    done: `codex-kan-1` may do no more than that already.
    ");
    assert_eq!(story.may(&token).await, "board:read");
    story.pass(3_600).await;
    assert_eq!(story.may(&token).await, "inactive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_board_stands_still_and_the_other_goes_on() {
    let story = Story::begin().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let alarm = story.thread(alice, "the agents run wild").await;
    assert_snapshot!(alarm.answer(alice, "/gate freeze odd calls").await, @"**kan stands still**: `odd calls`. Every credential of this board is refused and nothing can be asked here. `/gate thaw` asks its owners that it goes on; `/gate revoke` and the like work as before.");
    assert!(!story.alive(&token).await);
    assert_snapshot!(alarm.answer(piotr, "/gate freeze").await, @"**kan goes on standing still**, as it does since 24 Nov 14:00 UTC. What asked before this that it goes on does not undo it; `/gate thaw` asks its owners anew.");
    thread.ask(codex, &Key::new()).await;
    assert_eq!(thread.last_code(), "board_frozen");
    assert_snapshot!(alarm.answer(alice, "/gate thaw").await, @r"
    **R2 · `alice` asks that this board goes on** · all gates of the board together
    - stands still since 24 Nov 14:00 UTC; everything that stood still then and was not ended since would work again
    - needs 2 of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R2 CODE
    ```
    or `/gate deny R2`
    ");
    let line = alarm.approve_line();
    alarm.comment(alice, &line).await;
    assert!(!story.alive(&token).await, "the strictest gate wants two");
    assert_snapshot!(alarm.answer(piotr, &line).await, @"**R2 approved by alice and piotr: kan goes on**. What was paused by itself stays paused.");
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_owner_is_named_by_the_first_ones_word() {
    let story = Story::begin().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert_snapshot!(thread.answer(piotr, "/gate own codex-kan-1").await, @r"
    **R2 · `piotr` asks to own `codex-kan-1`** · dev
    - owner now: alice; what it may do stays the same
    - needs @alice, by 27 Nov 14:00 UTC

    ```
    /gate approve R2 CODE
    ```
    or `/gate deny R2`
    ");
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(piotr, &line).await, @"Not counted for R2: whoever asks or would get the credential cannot approve it; another owner must.");
    assert_snapshot!(thread.answer(alice, &line).await, @"**R2 approved by alice: `piotr` owns `codex-kan-1` now**.");
    let answer = story.stage.introspect(&token).await.unwrap();
    assert_eq!(answer["ownergate"]["owner_id"], 4);
}

/// The agent itself stops, and only an owner lets it go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_lets_its_identity_stand_still() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    let (first, second) = (
        thread.credential(&Key::new()).await,
        thread.credential(&Key::new()).await,
    );
    assert!(story.alive(&first).await && story.alive(&second).await);
    let before = thread.replies().len();
    let pause = async |token: &str| {
        let url = format!("{}/v1/pause", story.stage.url());
        let call = story.stage.client().post(url).bearer_auth(token);
        call.send().await.unwrap()
    };
    let answer = pause(&first).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.text().await.unwrap(),
        r#"{"identity_status":"paused"}"#
    );
    assert!(!story.alive(&first).await && !story.alive(&second).await);
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"**`codex-kan-1` is paused**: the holder of c1 wants it. Every credential of it is refused. `/gate resume codex-kan-1` asks that it goes on.");
    assert_eq!(pause(&first).await.status(), 401);
    assert_eq!(
        pause(&format!("og_codex-kan-1_{}", "0".repeat(64)))
            .await
            .status(),
        401
    );
    let url = format!("{}/v1/pause", story.stage.url());
    let nobody = story.stage.client().post(&url).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
    assert_eq!(
        story
            .stage
            .client()
            .get(&url)
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
}
