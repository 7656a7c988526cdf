//! A comment is weak evidence of who wrote it: what a forge lets people do to others' words.

use super::ground::Ground;
use super::thread::{Key, Thread};

pub(crate) async fn an_owners_comment_edited_by_a_writer_approves_nothing(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "edited", "").await;
    thread.ask(&Key::new()).await;
    let line = thread.approve_line().await;
    let comment = thread.say(&people.alice, "let me look at it").await;
    ground.next_second().await;
    thread.edit(&people.carol, comment, &line).await;
    // alice is told, whoever has put it there.
    thread.refusal("edited").await;
    assert_eq!(thread.kinds_in_the_end().await, ["request", "refusal"]);
}

pub(crate) async fn an_edit_within_the_second_approves_nothing_though_nothing_shows_it(
    ground: &impl Ground,
) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "edited at once", "").await;
    thread.ask(&Key::new()).await;
    let line = thread.approve_line().await;
    // A second may end between the two calls; then the edit shows, and is made again.
    for _ in 0..20 {
        let comment = thread.say(&people.alice, "let me look at it").await;
        thread.edit(&people.carol, comment, &line).await;
        let comments = thread.comments().await;
        let now = comments.iter().find(|listed| listed.id == comment).unwrap();
        assert_eq!((now.author, &now.body), (people.alice.id, &line));
        if now.created_at == now.updated_at {
            let kinds = thread.kinds_in_the_end().await;
            assert!(!kinds.contains(&"credential".to_owned()), "{kinds:?}");
            return;
        }
    }
    panic!("no edit was made within its comment's second");
}

/// A limit that the gate's factors name: against the forge's administrator only a signature helps.
pub(crate) async fn the_sites_administrator_can_speak_as_an_owner(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "administered", "").await;
    let key = Key::new();
    thread.ask(&key).await;
    let line = thread.approve_line().await;
    let said = thread.say_as(&people.root1, &people.alice, &line).await;
    let comments = thread.comments().await;
    let shown = comments.iter().find(|listed| listed.id == said).unwrap();
    assert_eq!(shown.author, people.alice.id);
    let sealed = thread.answer("credential").await;
    let token = key.open(&sealed, &[]).await;
    assert!(thread.alive(&token).await);
}

pub(crate) async fn a_request_whose_comment_is_deleted_is_void(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "deleted", "").await;
    let asked = thread.ask(&Key::new()).await;
    let line = thread.approve_line().await;
    thread.delete(&people.codex, asked).await;
    thread.answer_with("R1 is void").await;
    thread.say(&people.alice, &line).await;
    thread.answer("refusal").await;
    assert_eq!(
        thread.kinds_in_the_end().await,
        ["request", "notice", "refusal"]
    );
}
