//! The bot's own voice: who may use it, what a changed comment of the bot means, posts whose answer
//! was lost, and threads that refuse the bot.

use ownergate::demo::stage::KAN_NAME;
use ownergate::gate::ids::UserId;
use ownergate::miniforge::Fault;

use crate::harness::{Key, Story};
use crate::harness_edges::edit_as_bot;

/// The stage with issue 1 of `kan` as the place where the bot speaks when a thread refuses it.
async fn with_control_issue() -> Story {
    let story = Story::with(|setting| {
        setting.config = setting.config.replacen(
            "machine_accounts = [7]\n",
            "machine_accounts = [7]\ncontrol_issue = 1\n",
            1,
        );
    })
    .await;
    story.thread(&story.stage.alice, "for the gate").await;
    story
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summary_changed_or_deleted_by_another_voids_the_request() {
    for how in ["edited", "deleted", "edited unheard", "edited as the bot"] {
        let story = Story::begin().await;
        let (alice, carol) = (&story.stage.alice, &story.stage.carol);
        let thread = story.thread(&story.stage.codex, "tampered").await;
        thread.ask(&story.stage.codex, &Key::new()).await;
        let line = thread.approve_line();
        let summary = thread.comment_of("request");
        let smaller = thread.replies()[0].replacen("`card:write`", "", 1);
        match how {
            "edited" => thread.edit(carol, summary, &smaller).await,
            "deleted" => thread.delete(carol, summary).await,
            "edited unheard" => {
                story.stage.forge.drop_hooks(1);
                thread.edit(carol, summary, &smaller).await;
            }
            _ => {
                edit_as_bot(&story.stage, summary, &smaller).await;
                story.stage.settle().await.unwrap();
            }
        }
        thread.comment(alice, &line).await;
        assert_eq!(thread.count("credential"), 0, "{how}");
        assert!(thread.said("R1 is void"), "{how}: {:?}", thread.replies());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marker_in_somebody_elses_comment_counts_for_nothing() {
    let story = Story::begin().await;
    let (alice, carol) = (&story.stage.alice, &story.stage.carol);
    let thread = story.thread(&story.stage.codex, "copied").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    let lines = story.lines();
    // Word for word, marker and all.
    thread.comment(carol, &thread.replies()[0]).await;
    story.reconcile().await;
    assert_eq!(story.lines(), lines + 1, "only its first sight is kept");
    assert_eq!(
        story
            .stage
            .forge
            .comments(story.stage.thread(thread.issue))
            .len(),
        3
    );

    // An agent that shows a line of its own under a copied marker is not believed either.
    let shown = thread.replies()[0].replace("R1", "R2");
    thread.comment(carol, &shown).await;
    thread.comment(alice, &line).await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_the_bots_account_voids_what_is_open_and_is_told_once() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "stray").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    for text in ["I am the bot", "/gate approve R1", "I am still the bot"] {
        thread.comment(&story.stage.bot_account, text).await;
    }
    // A marked text that was changed is not the bot's either.
    let changed = thread.replies()[0].replace("board:read", "deploy:run");
    thread.comment(&story.stage.bot_account, &changed).await;
    thread.comment(alice, &line).await;
    assert_eq!(thread.count("credential"), 0);
    let told = thread
        .replies()
        .iter()
        .filter(|reply| reply.contains("with my account"))
        .count();
    assert_eq!(told, 1);

    // Where its delivery is lost, reading back finds it.
    let other = story.thread(&story.stage.codex, "stray two").await;
    other.ask(&story.stage.codex, &Key::new()).await;
    story.stage.forge.drop_hooks(1);
    other.comment(&story.stage.bot_account, "unheard").await;
    story.reconcile().await;
    assert!(other.said("with my account"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_whose_answer_was_lost_is_made_once() {
    for fault in [Fault::LoseAnswer, Fault::Drop, Fault::status(502)] {
        let story = Story::begin().await;
        let thread = story.thread(&story.stage.codex, "ambiguous").await;
        let posts = format!("/repos/{KAN_NAME}/issues/1/comments");
        let key = Key::new();
        // The agent's own comment is not to be struck.
        story.stage.forge.hold_hooks();
        let line = format!(
            "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev recipient={} reason=\"x\"",
            key.recipient
        );
        thread.say(&story.stage.codex, &line).await;
        let struck = story
            .stage
            .forge
            .fault("POST", &posts, Some(2), fault.clone());
        story.stage.forge.release_hooks();
        story.stage.settle().await.unwrap();
        for _ in 0..4 {
            story.pass(10).await;
        }
        assert!(story.stage.forge.fault_count(struck) >= 1);
        story.stage.forge.clear_faults();
        story.pass(60).await;
        assert_eq!(thread.count("request"), 1, "{fault:?}");
        // It is known as the bot's own: the approval counts.
        thread
            .comment(&story.stage.alice, &thread.approve_line())
            .await;
        assert_eq!(thread.count("credential"), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_comments_with_one_marker_the_later_is_removed() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "twice").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let summary = thread.comment_of("request");
    thread
        .comment(&story.stage.bot_account, &thread.replies()[0])
        .await;
    assert_eq!(thread.count("request"), 2);
    story.reconcile().await;
    assert_eq!(thread.count("request"), 1);
    assert_eq!(thread.comment_of("request"), summary);
    thread
        .comment(&story.stage.alice, &thread.approve_line())
        .await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_widens_in_a_thread_whose_poster_blocks_the_bot() {
    let story = with_control_issue().await;
    let stage = &story.stage;
    let control = story.at(1);
    let thread = story.thread(&stage.codex, "blocked").await;
    stage.codex.block("ownergate").await.unwrap();
    thread.ask(&stage.codex, &Key::new()).await;
    assert_eq!(thread.replies().len(), 0);
    assert!(
        control.last_reply().contains("R1 in #2 is void"),
        "{}",
        control.last_reply()
    );
    assert!(story.metric("ownergate_refused_posts_total").await >= 1);

    // It is void: no approval of anybody brings it back.
    thread
        .comment(
            &stage.alice,
            "/gate approve R1 0000-0000-0000 scopes=board:read ttl=8h",
        )
        .await;
    assert_eq!(thread.count("credential"), 0);
    assert!(
        control.last_reply().contains("not open: void"),
        "{}",
        control.last_reply()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_cannot_be_delivered_is_revoked_and_stopping_still_works() {
    let story = with_control_issue().await;
    let stage = &story.stage;
    let control = story.at(1);
    let thread = story.thread(&stage.codex, "blocked later").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    thread
        .ask_for(
            &stage.codex,
            &Key::new(),
            "codex-two",
            "board:read",
            "1h",
            "dev",
        )
        .await;
    let line = thread.approve_line();
    stage.codex.block("ownergate").await.unwrap();
    thread.comment(&stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 1, "the first one");
    assert!(
        control.said("c2 of `codex-two` in #2 is revoked"),
        "{:?}",
        control.replies()
    );
    let ready = story.ready().await;
    assert!(ready["refused_posts"].as_u64().unwrap() >= 1, "{ready}");

    // The owner stops the other one from within the thread, and is told where the bot can speak.
    thread
        .comment(&stage.alice, "/gate revoke codex-kan-2")
        .await;
    assert!(!story.alive(&token).await);
    assert!(control.last_reply().contains("`codex-kan-2` is revoked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_is_blocked_in_a_thread_stops_from_another_one() {
    let story = with_control_issue().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "owners blocked").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    stage.codex.block("alice").await.unwrap();
    let refused = stage
        .alice
        .comment(KAN_NAME, thread.issue, "/gate revoke codex-kan-2")
        .await;
    assert!(refused.is_err());
    story
        .at(1)
        .comment(&stage.alice, "/gate revoke codex-kan-2")
        .await;
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_even_the_repositorys_owner_blocks_the_bot_nothing_widens_and_stopping_works() {
    let story = with_control_issue().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "blocked by the owner").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    stage.alice.block("ownergate").await.unwrap();
    thread
        .ask_for(
            &stage.codex,
            &Key::new(),
            "codex-two",
            "board:read",
            "1h",
            "dev",
        )
        .await;
    assert_eq!(thread.count("request"), 1);
    thread
        .comment(&stage.alice, "/gate revoke codex-kan-2")
        .await;
    assert!(!story.alive(&token).await);
    let (_, undone) = (
        stage.bot().unwrap().inbox.counts(),
        stage.bot().unwrap().outbox.counts(),
    );
    assert_eq!(undone, (0, 0), "nothing is tried for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_issue_refuses_the_bot_and_nothing_widens_there() {
    let story = with_control_issue().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "locked").await;
    thread.ask(&stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    stage.forge.lock(stage.thread(thread.issue), true);
    thread.comment(&stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 0);
    assert!(story.at(1).said("is revoked"));
    let living = stage.forge.comments(stage.thread(thread.issue));
    assert!(
        living.iter().all(
            |comment| comment.author != UserId(5) || comment.id == thread.comment_of("request")
        )
    );
}
