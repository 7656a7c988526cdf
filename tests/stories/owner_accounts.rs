//! An owner leaves the forge: the account is deleted or may not sign in any more. What it owned stands
//! still without anybody asking for it, and comes back by an owner's word only.

use insta::assert_snapshot;
use ownergate::miniforge::people::Person;

use crate::harness::{Key, Story};

/// An identity that Piotr approved, with a token in use. Every owner was seen once.
async fn owned_by_piotr(story: &Story) -> (ownergate::gate::ids::IssueNumber, String) {
    let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let token = thread.approved(piotr, &key).await;
    assert!(story.alive(&token).await);
    assert!(story.reconcile().await);
    (thread.issue, token)
}

impl Story {
    /// The board is read twice, a minute apart.
    async fn a_minute_of_passes(&self) {
        self.reconcile().await;
        self.pass(60).await;
        self.reconcile().await;
        self.stage.settle().await.unwrap();
    }

    fn delete(&self, person: &Person) {
        let id = person.id;
        self.stage.forge.change(|state| state.delete_user(id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_owner_pauses_what_it_owned() {
    let mut story = Story::begin().await;
    let (issue, token) = owned_by_piotr(&story).await;
    let alices = story.thread(&story.stage.codex, "another").await;
    let other = alices.credential(&Key::new()).await;
    let thread = story.at(issue.0);
    let before = thread.replies().len();
    story.delete(&story.stage.piotr);
    // Once is weak evidence.
    story.reconcile().await;
    story.pass(59).await;
    story.reconcile().await;
    assert!(story.alive(&token).await);
    story.pass(1).await;
    story.reconcile().await;
    assert!(!story.alive(&token).await);
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"**`codex-kan-1` is paused**: the account of its owner, piotr, is not on the forge any more (deleted, or hidden from me). If the account comes back, nothing resumes by itself: `/gate resume codex-kan-1` asks that it goes on, `/gate own codex-kan-1` asks for another owner. @alice");
    assert!(story.alive(&other).await, "alice is there");
    // Said once, and a restart knows it.
    story.start_again().await;
    let lines = story.lines();
    story.a_minute_of_passes().await;
    assert_eq!(story.lines(), lines);
    assert_eq!(story.at(issue.0).replies().len(), before + 1);
    // Another owner lets it go on, and that stays so.
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.at(issue.0);
    thread.comment(codex, "/gate resume codex-kan-1").await;
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    assert!(story.alive(&token).await);
    story.a_minute_of_passes().await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_owner_is_seen_by_a_site_admins_token_and_coming_back_resumes_nothing() {
    let story = Story::begin().await;
    let (issue, token) = owned_by_piotr(&story).await;
    let (bot, piotr) = (ownergate::gate::ids::UserId(5), story.stage.piotr.id);
    let forge = &story.stage.forge;
    forge.change(|state| state.suspend_user(piotr, true));
    story.a_minute_of_passes().await;
    assert!(story.alive(&token).await, "an ordinary token is not told");
    forge.change(|state| state.make_site_admin(bot));
    let before = story.at(issue.0).replies().len();
    story.reconcile().await;
    assert!(!story.alive(&token).await, "the forge's own word is enough");
    story.stage.settle().await.unwrap();
    let news = story.at(issue.0).news(before);
    assert!(
        news.contains("may not sign in to the forge any more"),
        "{news}"
    );
    forge.change(|state| state.suspend_user(piotr, false));
    story.a_minute_of_passes().await;
    assert!(story.journal().contains("owner_account_back"));
    assert!(!story.alive(&token).await);
    assert_eq!(story.at(issue.0).replies().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_token_may_not_read_accounts_they_are_read_as_anybody_sees_them() {
    let story = Story::begin().await;
    let no = |settings: &mut ownergate::miniforge::Settings| settings.tokens_read_users = false;
    story.stage.forge.settings(no);
    let (_, token) = owned_by_piotr(&story).await;
    story.delete(&story.stage.piotr);
    story.a_minute_of_passes().await;
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_only_not_shown_pauses_nothing() {
    let story = Story::begin().await;
    let (_, token) = owned_by_piotr(&story).await;
    let forge = &story.stage.forge;
    // A proxy that answers 404 to every account, the bot's own, too.
    let gone = ownergate::miniforge::Fault::status(404);
    let all = forge.fault("GET", "/users/", None, gone.clone());
    story.a_minute_of_passes().await;
    story.a_minute_of_passes().await;
    assert!(story.alive(&token).await);
    forge.clear_fault(all);
    // Missing, there again, missing: that is not twice in a row.
    for _ in 0..3 {
        let once = forge.fault("GET", "/users/piotr", None, gone.clone());
        story.reconcile().await;
        forge.clear_fault(once);
        story.pass(30).await;
        story.reconcile().await;
        story.pass(30).await;
    }
    assert!(story.alive(&token).await);
    // What reads accounts in another way sees less; that it sees nobody is no news.
    forge.settings(|settings| settings.tokens_read_users = false);
    let hidden = forge.fault("GET", "/users/piotr", None, gone);
    story.a_minute_of_passes().await;
    assert!(story.alive(&token).await);
    forge.clear_fault(hidden);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_owner_is_not_gone_and_one_whose_name_another_has_is() {
    let story = Story::begin().await;
    let (_, token) = owned_by_piotr(&story).await;
    let piotr = story.stage.piotr.id;
    let forge = &story.stage.forge;
    forge.change(|state| state.rename_user(piotr, "piotr-k"));
    story.a_minute_of_passes().await;
    assert!(story.alive(&token).await, "the old name leads to him");
    story.delete(&story.stage.piotr);
    forge.add_user("piotr").unwrap();
    story.a_minute_of_passes().await;
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_identities_of_one_owner_are_paused_in_parts() {
    let story = Story::begin().await;
    let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let mut tokens = Vec::new();
    for name in 0..11 {
        let key = Key::new();
        let name = format!("codex-{name}");
        thread
            .ask_for(codex, &key, &name, "board:read", "8h", "dev")
            .await;
        tokens.push(thread.approved(piotr, &key).await);
    }
    assert!(story.reconcile().await);
    let lines = story.lines();
    story.delete(piotr);
    story.a_minute_of_passes().await;
    for token in tokens {
        assert!(!story.alive(&token).await);
    }
    let journal = story.journal();
    let most = journal.lines().skip(lines).map(str::len).max().unwrap();
    assert!(most < 128 * 1024, "{most} bytes in one line");
    let pausing = |line: &&str| line.contains("\"identity_paused\"");
    assert_eq!(journal.lines().skip(lines).filter(pausing).count(), 2);
}
