//! A normal life: asked for, approved, used, taken back; or denied, withdrawn, paused.

use super::ground::Ground;
use super::restart::accepted;
use super::thread::{Key, Thread, block};

/// The main story, with a SIGKILL between the owner's word and the bot's deed.
pub(crate) async fn an_owners_comment_issues_a_sealed_credential_and_another_takes_it_back(
    ground: &impl Ground,
) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "sort the roadmap", "").await;
    let key = Key::new();
    let asked = thread.ask(&key).await;
    thread.reacted(asked, "eyes").await;
    let line = thread.approve_line().await;

    // A writer who is no owner approves, and nothing happens.
    thread.say(&people.carol, &line).await;
    assert_eq!(thread.kinds_in_the_end().await, ["request"]);

    // The owner approves, and the bot dies with it in hand.
    let approved = thread.say(&people.alice, &line).await;
    accepted(ground, approved).await;
    ground.kill_bot().await;
    ground.start_bot().await.unwrap();
    let sealed = thread.answer("credential").await;
    thread.reacted(approved, "+1").await;
    let token = key.open(&sealed, &[]).await;

    let told = thread.introspect(&token).await;
    assert_eq!(told["active"], true);
    assert_eq!(told["sub"], "codex-kan-1");
    assert_eq!(told["scope"], "board:read card:write");

    // The owner takes it back.
    thread.say(&people.alice, "/gate revoke codex-kan-1").await;
    thread.until_dead(&token).await;
    assert_eq!(
        thread.kinds_in_the_end().await,
        ["request", "credential", "notice"]
    );
    assert_nothing_holds(ground, &token);
}

/// No file of the bot holds a piece of the token.
pub(super) fn assert_nothing_holds(ground: &impl Ground, token: &str) {
    let hex = &token[token.len() - 64..];
    let pieces: Vec<&str> = (0..=48).map(|at| &hex[at..at + 16]).collect();
    let mut folders = vec![ground.folder()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                let text = String::from_utf8_lossy(&bytes);
                let holds = pieces.iter().any(|piece| text.contains(piece));
                assert!(!holds, "{} holds a token", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 5, "the bot's folder was not looked through");
}

pub(crate) async fn a_new_issues_text_asks_as_a_comment_does(ground: &impl Ground) {
    let people = ground.people();
    let key = Key::new();
    let body = format!(
        "/gate request\r\n\r\n```toml\r\nidentity = \"codex-*\"\r\nscopes = [\"board:read\"]\r\nttl = \"8h\"\r\nenvironment = \"dev\"\r\nrecipient = \"{}\"\r\n```\r\n",
        key.recipient
    );
    let thread = Thread::open(ground, &people.codex, "Machine identity: codex", &body).await;
    let line = thread.approve_line().await;
    thread.say(&people.alice, &line).await;
    let sealed = thread.answer("credential").await;
    let token = key.open(&sealed, &[]).await;
    assert_eq!(thread.introspect(&token).await["scope"], "board:read");
}

pub(crate) async fn a_denied_request_stays_denied(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "denied", "").await;
    thread.ask(&Key::new()).await;
    let line = thread.approve_line().await;
    let denied = thread.say(&people.piotr, "/gate deny R1 not now\r\n").await;
    thread.reacted(denied, "+1").await;
    thread.say(&people.alice, &line).await;
    thread.refusal("not_open").await;
    let kinds = thread.kinds_in_the_end().await;
    assert!(!kinds.contains(&"credential".to_owned()), "{kinds:?}");
}

pub(crate) async fn a_withdrawn_request_stays_withdrawn(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "withdrawn", "").await;
    thread.ask(&Key::new()).await;
    let line = thread.approve_line().await;
    let withdrawn = thread.say(&people.codex, "/gate withdraw").await;
    thread.reacted(withdrawn, "+1").await;
    thread.say(&people.alice, &line).await;
    thread.refusal("not_open").await;
    let kinds = thread.kinds_in_the_end().await;
    assert!(!kinds.contains(&"credential".to_owned()), "{kinds:?}");
}

pub(crate) async fn closing_the_issue_pauses_and_reopening_does_not_revive(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "closed", "").await;
    let token = thread.credential(&Key::new()).await;
    assert!(thread.alive(&token).await);
    thread.close(&people.codex).await;
    thread.until_dead(&token).await;

    thread.reopen(&people.alice).await;
    thread.say(&people.alice, "/gate inspect codex-kan-1").await;
    let shown = thread.answer("inspection").await;
    assert_eq!(block(&shown)["status"], "paused");
    assert!(!thread.alive(&token).await);
}
