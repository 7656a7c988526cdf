//! A board that names its longest silence: when it could not be read for longer, every check of its
//! tokens is refused, until a pass has read it.

use ownergate::demo::stage::{KAN, OPS};

use crate::harness::{Key, Story};

const KEY: (&str, &str) = (
    "machine_accounts = [7]",
    "machine_accounts = [7]\nmax_silence = \"1h\"",
);

impl Story {
    /// Whether `readyz` says of each board that its tokens are refused.
    async fn boards_refused(&self) -> Vec<(String, bool)> {
        let ready = self.ready().await;
        let boards = ready["boards"].as_array().unwrap().iter();
        boards
            .map(|board| {
                let name = board["board"].as_str().unwrap().to_owned();
                (name, board["refused"].as_bool().unwrap())
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_not_read_for_so_long_refuses_every_check_until_it_is_read() {
    let mut story = Story::configured(&[KEY]).await;
    let token = {
        let thread = story.thread(&story.stage.codex, "silent").await;
        thread.credential(&Key::new()).await
    };
    let ops = {
        let (codex, piotr) = (story.stage.codex.clone(), story.stage.piotr.clone());
        let (thread, key) = (story.ops_thread(&codex, "not silent").await, Key::new());
        thread
            .ask_for(&codex, &key, "codex-*", "board:read", "8h", "dev")
            .await;
        thread.approved(&piotr, &key).await
    };
    assert!(story.reconcile().await);
    story.pass(3_600).await;
    assert!(story.alive(&token).await);
    story.pass(1).await;
    assert!(!story.alive(&token).await);
    assert_eq!(story.stage.activate(&token).await.unwrap().0.as_u16(), 401);
    assert_eq!(story.may_at("ops-api", &ops).await, "board:read");
    let kan_only = [("kan".to_owned(), true), ("ops".to_owned(), false)];
    assert_eq!(story.boards_refused().await, kan_only);
    assert_eq!(story.metric("ownergate_silent_boards").await, 1);

    // A pass that is not completed changes nothing, nor does one of another board.
    story.stage.forge.go_away().await;
    assert!(!story.reconcile().await);
    assert!(!story.alive(&token).await);
    story.stage.forge.come_back().unwrap();
    assert!(story.stage.reconcile(OPS).await.unwrap());
    assert!(!story.alive(&token).await);
    assert!(story.stage.reconcile(KAN).await.unwrap());
    assert!(story.alive(&token).await);
    assert_eq!(story.metric("ownergate_silent_boards").await, 0);

    // A board that this process has not read counts from its start.
    story.pass(3_500).await;
    story.start_again().await;
    story.pass(3_600).await;
    assert!(story.alive(&token).await);
    story.pass(1).await;
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_by_its_holders_word_although_its_board_is_silent() {
    let story = Story::configured(&[KEY]).await;
    let thread = story.thread(&story.stage.codex, "silent").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    story.pass(3_601).await;
    assert!(!story.alive(&token).await);
    let form = [("token", token.as_str())];
    let revoke = story.request("POST", "/v1/revoke");
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let answer = revoke
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(story.reconcile().await);
    assert!(!story.alive(&token).await);
}
