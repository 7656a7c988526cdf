//! What writers, admins and site admins can do to comments, names and repositories, and what it is
//! worth: nothing that was edited, back-dated or found elsewhere widens anything.

use insta::assert_snapshot;
use jiff::SignedDuration;
use ownergate::demo::stage::{KAN, KAN_NAME};
use ownergate::gate::ids::UserId;
use ownergate::miniforge::Right;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Key, Story};
use crate::harness_edges::Forged;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_edits_the_owners_comment_into_an_approval() {
    let story = Story::begin().await;
    let (alice, carol) = (&story.stage.alice, &story.stage.carol);
    let thread = story.thread(&story.stage.codex, "edit").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();

    let old = thread.comment(alice, "One moment").await;
    story.pass(2).await;
    thread.edit(carol, old, &line).await;
    assert_eq!(thread.count("credential"), 0);
    // Alice learns of it, and is not asked to say what she never said.
    assert_snapshot!(thread.last_reply(), @"A comment was edited into what reads like a command, by somebody who did not write it; it does nothing.");

    // Within the same second nothing on the forge shows the edit.
    let fresh = thread.comment(alice, "One more moment").await;
    thread.edit(carol, fresh, &line).await;
    let shown = story.stage.forge.comment(fresh).unwrap();
    assert_eq!(shown.created, shown.updated);
    assert_eq!(thread.count("credential"), 0);

    // Nor does it help to be faster than the delivery.
    story.stage.forge.hold_hooks();
    let quick = thread.say(alice, "And another one").await;
    thread.edit(carol, quick, &line).await;
    story.stage.forge.release_hooks();
    story.stage.settle().await.unwrap();
    assert_eq!(thread.count("credential"), 0);

    // Nor to lose both deliveries, so that only the edited text is ever read.
    story.stage.forge.drop_hooks(2);
    let unseen = thread.comment(alice, "Still thinking").await;
    thread.edit(carol, unseen, &line).await;
    story.reconcile().await;
    story.pass(15).await;
    assert_eq!(thread.count("credential"), 0);

    thread.comment(alice, &line).await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_comment_made_an_approval_back_dated_and_delivered_by_the_attacker() {
    let story = Story::begin().await;
    let (alice, carol) = (&story.stage.alice, &story.stage.carol);
    story.stage.forge.set_right(KAN, carol.id, Right::Admin);
    let thread = story.thread(&story.stage.codex, "back-dated").await;
    // Older than the request, and one that is younger than the summary.
    let older = thread.comment(alice, "One moment").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    let younger = thread.comment(alice, "One moment").await;
    // And one that the bot has never seen.
    story.stage.forge.drop_hooks(1);
    let unseen = thread.comment(alice, "One moment").await;
    story.pass(3_600).await;
    for comment in [older, younger, unseen] {
        let written = story.stage.forge.comment(comment).unwrap().created;
        // The bot does not even hear of the edit.
        story.stage.forge.drop_hooks(1);
        carol
            .edit_comment_at(KAN_NAME, comment, &line, written)
            .await
            .unwrap();
        let shown = story.stage.forge.comment(comment).unwrap();
        assert_eq!(shown.created, shown.updated, "no trace is left");
        Forged::comment(&story)
            .saying(comment.0, &line)
            .by(alice)
            .send(&story)
            .await;
        assert_eq!(thread.count("credential"), 0, "{comment}");
    }
    assert!(thread.said("older than my summary"));
    assert!(thread.said("once seen with another text"));
    assert!(thread.said("more than five minutes"));
    thread.comment(alice, &line).await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_older_than_the_summary_is_none_even_untouched() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "older").await;
    // The line is guessed beforehand: an owner who knows the first code of a request that is asked
    // again and again could be made to write it early.
    story.stage.forge.hold_hooks();
    let key = Key::new();
    let line = format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev recipient={} reason=\"x\"",
        key.recipient
    );
    thread.say(&story.stage.codex, &line).await;
    let early = thread
        .say(
            alice,
            "/gate approve R1 0000-0000-0000 scopes=board:read ttl=8h",
        )
        .await;
    story.stage.forge.release_hooks();
    story.stage.settle().await.unwrap();
    assert!(early < thread.comment_of("request"));
    assert_eq!(thread.count("credential"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_dated_approval_is_not_in_time() {
    let story = Story::begin().await;
    let (alice, root) = (&story.stage.alice, &story.stage.root);
    let thread = story.thread(&story.stage.codex, "late").await;
    story.pass(3_600).await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    let earlier = story.stage.clock().now() - SignedDuration::from_mins(30);
    let path = format!("/repos/{KAN_NAME}/issues/1/comments?sudo=alice");
    let body = json!({"body": line, "updated_at": earlier.to_string()});
    let answer = root.call(Method::POST, &path, Some(&body)).await.unwrap();
    assert_eq!(answer.status, 201);
    story.stage.settle().await.unwrap();
    assert_eq!(thread.count("credential"), 0);
    assert!(thread.last_reply().contains("more than five minutes"));
    thread.comment(alice, &line).await;
    assert_eq!(thread.count("credential"), 1);
}

/// What THREAT_MODEL says of gates that ask for a comment only: a site admin who speaks as an owner
/// is that owner. What needs more than that asks for a signature.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_admin_speaks_as_the_owner() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sudo").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    // In his own name he is nobody here.
    thread.comment(&story.stage.root, &line).await;
    assert_eq!(thread.count("credential"), 0);
    story
        .stage
        .root
        .comment_as("alice", KAN_NAME, thread.issue, &line)
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert_eq!(thread.count("credential"), 1);
    assert!(thread.last_reply().contains("approved by alice"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_edited_or_deleted_before_the_credential_is_used_takes_it_back() {
    for edited in [true, false] {
        let story = Story::begin().await;
        let (alice, carol) = (&story.stage.alice, &story.stage.carol);
        let thread = story.thread(&story.stage.codex, "pending").await;
        let key = Key::new();
        thread.ask(&story.stage.codex, &key).await;
        let approval = thread.comment(alice, &thread.approve_line()).await;
        let token = thread.open(&key);
        if edited {
            thread.edit(carol, approval, "I never said that").await;
        } else {
            thread.delete(carol, approval).await;
        }
        assert!(!story.alive(&token).await);
        assert!(thread.last_reply().contains("revoked"));
        assert!(thread.last_reply().contains("@alice"), "the owner is told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_edited_after_the_first_use_changes_nothing() {
    let story = Story::begin().await;
    let (alice, carol) = (&story.stage.alice, &story.stage.carol);
    let thread = story.thread(&story.stage.codex, "used").await;
    let key = Key::new();
    thread.ask(&story.stage.codex, &key).await;
    let line = thread.approve_line();
    let approval = thread.comment(alice, &line).await;
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
    // First an edit that changes nothing, which the forge tells all the same.
    thread.edit(carol, approval, &line).await;
    thread.edit(carol, approval, "I never said that").await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_edited_or_deleted_is_void() {
    for edited in [true, false] {
        let story = Story::begin().await;
        let (alice, carol) = (&story.stage.alice, &story.stage.carol);
        let thread = story.thread(&story.stage.codex, "asked").await;
        let asked = thread.ask(&story.stage.codex, &Key::new()).await;
        let line = thread.approve_line();
        // Whether the bot hears of it or not.
        story.stage.forge.drop_hooks(usize::from(edited));
        if edited {
            thread.edit(carol, asked, "/gate request more").await;
        } else {
            thread.delete(carol, asked).await;
        }
        thread.comment(alice, &line).await;
        assert_eq!(thread.count("credential"), 0);
        assert!(thread.said("R1 is void"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_an_issues_body_that_was_edited_is_void() {
    let story = Story::begin().await;
    let key = Key::new();
    let line = format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev recipient={} reason=\"x\"",
        key.recipient
    );
    let thread = story.thread_with(&story.stage.codex, "body", &line).await;
    let approve = thread.approve_line();
    story.stage.forge.drop_hooks(1);
    let body = line.replace("ttl=8h", "ttl=1h");
    story
        .stage
        .carol
        .edit_issue(KAN_NAME, thread.issue, &body)
        .await
        .unwrap();
    // The delivery was lost; reading back finds it.
    story.reconcile().await;
    assert!(thread.said("R1 is void"));
    thread.comment(&story.stage.alice, &approve).await;
    assert_eq!(thread.count("credential"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_owner_may_stop_and_not_approve_and_the_old_name_is_worth_nothing() {
    let story = Story::begin().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "names").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let other = story.thread(&stage.codex, "names two").await;
    other.ask(&stage.codex, &Key::new()).await;
    let line = other.approve_line();

    stage
        .forge
        .change(|state| state.rename_user(UserId(2), "alice-b"));
    stage
        .forge
        .change(|state| state.move_repository(KAN, Some(UserId(2)), None));
    let impostor = stage.forge.add_user_with_id("alice", UserId(20)).unwrap();
    stage.forge.set_right(KAN, impostor.id, Right::Write);
    // The repository lives under its owner's new name now.
    let name = "alice-b/board";
    for who in [&impostor, &stage.alice] {
        who.comment(name, other.issue, &line).await.unwrap();
        stage.settle().await.unwrap();
        assert_eq!(other.count("credential"), 0, "{}", who.id);
    }
    assert!(
        other.said("alice-b"),
        "what to set is said: {:?}",
        other.last_reply()
    );

    // The impostor stops nothing, the renamed owner does.
    let revoke = "/gate revoke codex-kan-1";
    impostor.comment(name, thread.issue, revoke).await.unwrap();
    stage.settle().await.unwrap();
    assert!(story.alive(&token).await);
    stage
        .alice
        .comment(name, thread.issue, revoke)
        .await
        .unwrap();
    stage.settle().await.unwrap();
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_login_holds_widening_on_the_board_until_it_is_right_again() {
    let story = Story::begin().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "hold").await;
    let scopes = "board:read";
    thread
        .ask_for(&stage.codex, &Key::new(), "codex-*", scopes, "8h", "dev")
        .await;
    let line = thread.approve_line();
    stage
        .forge
        .change(|state| state.rename_user(UserId(4), "piotr-k"));
    thread.comment(&stage.piotr, &line).await;
    assert_eq!(thread.count("credential"), 0);
    assert!(thread.last_reply().contains("piotr-k"));
    // Another owner's yes does not widen either while the config is wrong.
    thread.comment(&stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 0);
    assert!(
        thread.last_reply().contains("held"),
        "{}",
        thread.last_reply()
    );
    stage
        .forge
        .change(|state| state.rename_user(UserId(4), "piotr"));
    // Any word of hers or his under the right name ends it, and no word of others does.
    thread.comment(&stage.alice, "/gate list").await;
    thread.comment(&stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 0);
    thread.comment(&stage.piotr, "/gate list").await;
    thread.comment(&stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_and_transferred_repository_still_stops_and_does_not_widen() {
    for redirect in [301, 307] {
        let story = Story::begin().await;
        let stage = &story.stage;
        stage
            .forge
            .settings(|settings| settings.redirect_status = redirect);
        let thread = story.thread(&stage.codex, "moves").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        let other = story.thread(&stage.codex, "asked before").await;
        other.ask(&stage.codex, &Key::new()).await;
        let line = other.approve_line();

        let guild = stage.forge.add_user("guild").unwrap();
        stage
            .forge
            .change(|state| state.move_repository(KAN, Some(guild.id), Some("boards")));
        stage.forge.set_right(KAN, stage.alice.id, Right::Admin);
        stage.forge.clear_calls();
        let name = "guild/boards";
        stage.alice.comment(name, other.issue, &line).await.unwrap();
        stage.settle().await.unwrap();
        assert_eq!(other.count("credential"), 0);
        let told = other.last_reply();
        assert!(
            told.contains("guild/boards") && told.contains("repository"),
            "{told}"
        );

        // Live credentials live on, stopping acts, and is answered.
        assert!(story.alive(&token).await);
        stage
            .alice
            .comment(name, thread.issue, "/gate revoke codex-kan-1")
            .await
            .unwrap();
        stage.settle().await.unwrap();
        assert!(!story.alive(&token).await);
        story.pass(15).await;
        assert!(thread.last_reply().contains("is revoked"));
        // The old path was asked at most by its last known name, and where it points never by it.
        let calls = stage.forge.calls();
        let followed = calls.windows(2).any(|pair| {
            pair[0].status == Some(redirect) && pair[1].path == pair[0].path.replace(KAN_NAME, name)
        });
        assert!(!followed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_owner_counts_for_nothing_and_is_not_asked_for_ever() {
    let story = Story::begin().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "ghost").await;
    thread.ask(&stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    for null in [false, true] {
        stage.forge.settings(|settings| {
            settings.deleted_author_fails = false;
            settings.null_authors = null;
        });
        stage.forge.hold_hooks();
        let piotr = if null { &stage.alice } else { &stage.piotr };
        thread.say(piotr, &line).await;
        stage.forge.change(|state| state.delete_user(piotr.id));
        stage.forge.release_hooks();
        stage.settle().await.unwrap();
        assert_eq!(thread.count("credential"), 0);
        assert_eq!(stage.bot().unwrap().inbox.counts(), (0, 0), "it is closed");
    }
    assert!(thread.count("refusal") >= 1, "and said");
}
