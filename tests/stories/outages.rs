//! The forge is away, slow, wrong, in pieces, or does not tell: everything waits and is decided once,
//! what was lost is read back, and what is read back widens nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ownergate::demo::stage::KAN_NAME;
use ownergate::miniforge::{Fault, Outcome};
use serde_json::json;

use crate::harness::{Key, Story, block};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_deliveries_are_read_back_and_counted() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "lost").await;
    story.stage.forge.drop_hooks(1);
    thread.ask(&story.stage.codex, &Key::new()).await;
    assert_eq!(thread.replies().len(), 0);
    assert_eq!(story.metric("ownergate_repaired_total").await, 0);
    assert!(story.reconcile().await);
    assert_eq!(thread.count("request"), 1);
    assert_eq!(story.metric("ownergate_repaired_total").await, 1);

    thread.comment(alice, &thread.approve_line()).await;
    assert_eq!(thread.count("credential"), 1);
    // Taking away is repaired, too; and so is the closing of an issue.
    story.stage.forge.drop_hooks(1);
    thread.comment(alice, "/gate revoke codex-kan-1").await;
    story.reconcile().await;
    assert!(thread.said("is revoked"));
    let (replies, lines) = (thread.replies(), story.lines());
    for _ in 0..3 {
        story.reconcile().await;
    }
    assert_eq!((thread.replies(), story.lines()), (replies, lines));

    // A late delivery of what was read back is known already.
    assert_eq!(story.metric("ownergate_repaired_total").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_and_deleting_an_issue_unheard_pauses_what_lives_there() {
    for deleted in [false, true] {
        let story = Story::begin().await;
        let alice = &story.stage.alice;
        let thread = story.thread(&story.stage.codex, "leash").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        story.stage.forge.drop_hooks(usize::from(!deleted));
        match deleted {
            false => alice.close(KAN_NAME, thread.issue).await.unwrap(),
            true => alice.delete_issue(KAN_NAME, thread.issue).await.unwrap(),
        }
        story.stage.settle().await.unwrap();
        assert!(story.alive(&token).await);
        story.reconcile().await;
        assert!(!story.alive(&token).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caught_up_approval_is_not_counted_said_after_ten_seconds_and_counts_when_delivered() {
    let mut story = Story::begin().await;
    let alice = story.stage.alice.clone();
    let issue = {
        let thread = story.thread(&story.stage.codex, "caught up").await;
        thread.ask(&story.stage.codex, &Key::new()).await;
        story.stage.forge.hold_hooks();
        thread.say(&alice, &thread.approve_line()).await;
        story.reconcile().await;
        story.pass(9).await;
        assert_eq!(thread.replies().len(), 1, "nothing is said for ten seconds");
        thread.issue.0
    };
    // A restart does not lose it.
    story.start_again().await;
    story.pass(2).await;
    let thread = story.at(issue);
    assert_eq!(thread.count("credential"), 0);
    assert!(thread.last_reply().contains("@alice"));
    assert!(thread.last_reply().contains("post the same line again"));
    // Said once, however often it is read.
    story.reconcile().await;
    story.pass(15).await;
    assert_eq!(thread.replies().len(), 2);
    // Now its own delivery comes.
    story.stage.forge.release_hooks();
    story.stage.settle().await.unwrap();
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_forge_is_away_for_a_while() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "away").await;
    let key = Key::new();
    thread.ask(&story.stage.codex, &key).await;
    let line = thread.approve_line();
    story.stage.forge.hold_hooks();
    thread.say(alice, &line).await;
    let deliveries = story.stage.forge.deliveries();
    let approval = deliveries.last().unwrap();
    story.stage.forge.drop_hooks(1);
    story.stage.forge.go_away().await;
    // The delivery came just before.
    let mut request = story.stage.client().post(&approval.url);
    for (name, value) in &approval.headers {
        request = request.header(name, value);
    }
    let answer = request.body(approval.body.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    for _ in 0..40 {
        story.pass(10).await;
    }
    assert!(
        !story.reconcile().await,
        "the pass says that it was not complete"
    );
    let (status, _) = story.get("/readyz").await;
    assert_eq!(status, 200, "the forge is not required");
    assert_eq!(story.ready().await["forge"]["answers"], false);
    assert_eq!(story.ready().await["inbox"], 1);

    story.stage.forge.come_back().unwrap();
    story.stage.forge.release_hooks();
    story.pass(300).await;
    assert_eq!(thread.count("credential"), 1);
    assert!(story.alive(&thread.open(&key)).await);
    assert_eq!(story.ready().await["forge"]["answers"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_for_people_stands_before_the_forge_for_ten_minutes() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "challenge").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    story.reconcile().await;
    let cursor = story
        .stage
        .bot()
        .unwrap()
        .core
        .store()
        .scratch("cursor/17")
        .unwrap();
    assert!(cursor.is_some());
    story.stage.forge.hold_hooks();
    thread.say(alice, &line).await;
    let comments = format!("/repos/{KAN_NAME}/issues/comments");
    let page = story
        .stage
        .forge
        .fault("GET", &comments, None, Fault::html());
    story.stage.forge.release_hooks();
    for _ in 0..60 {
        story.pass(10).await;
    }
    assert!(story.stage.forge.fault_count(page) > 3);
    assert!(!story.reconcile().await);
    let now = story
        .stage
        .bot()
        .unwrap()
        .core
        .store()
        .scratch("cursor/17")
        .unwrap();
    assert_eq!(now, cursor, "the cursor stands still");
    let ready = story.ready().await;
    assert!(
        ready["forge"]["trouble"].as_str().unwrap().contains("HTML"),
        "{ready}"
    );
    assert_eq!(thread.count("credential"), 0);
    story.stage.forge.clear_faults();
    story.pass(300).await;
    assert!(story.reconcile().await);
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_waits_as_long_as_the_forge_asks() {
    // In seconds, and as a time on the forge's clock.
    for header in ["40", "Tue, 24 Nov 2026 14:00:40 GMT"] {
        let story = Story::begin().await;
        let alice = &story.stage.alice;
        let thread = story.thread(&story.stage.codex, "slowly").await;
        thread.ask(&story.stage.codex, &Key::new()).await;
        let line = thread.approve_line();
        story.stage.forge.hold_hooks();
        let said = thread.say(alice, &line).await;
        let path = format!("/repos/{KAN_NAME}/issues/comments/{said}");
        let limit = story
            .stage
            .forge
            .fault("GET", &path, None, Fault::too_many(header));
        story.stage.forge.release_hooks();
        story.stage.settle().await.unwrap();
        assert_eq!(story.stage.forge.fault_count(limit), 1);
        story.pass(39).await;
        assert_eq!(story.stage.forge.fault_count(limit), 1, "{header}");
        story.stage.forge.clear_fault(limit);
        story.pass(2).await;
        assert_eq!(thread.count("credential"), 1, "{header}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_with_an_offset_and_a_refused_list_lose_nothing() {
    let story = Story::begin().await;
    story
        .stage
        .forge
        .settings(|settings| settings.offset = jiff::tz::Offset::constant(1));
    let thread = story.thread(&story.stage.codex, "offset").await;
    story.stage.forge.drop_hooks(1);
    thread.ask(&story.stage.codex, &Key::new()).await;
    let comments = format!("/repos/{KAN_NAME}/issues/comments");
    story
        .stage
        .forge
        .fault("GET", &comments, Some(1), Fault::status(422));
    assert!(!story.reconcile().await);
    assert_eq!(thread.count("request"), 0);
    let cursor = story
        .stage
        .bot()
        .unwrap()
        .core
        .store()
        .scratch("cursor/17")
        .unwrap();
    assert_eq!(cursor, None, "a refusal does not move the cursor");
    assert!(story.reconcile().await);
    assert_eq!(thread.count("request"), 1);
    let calls = story.stage.forge.calls();
    let since: Vec<&str> = calls
        .iter()
        .filter_map(|call| call.path.split("since=").nth(1))
        .filter_map(|rest| rest.split('&').next())
        .collect();
    assert!(!since.is_empty());
    for since in since {
        assert!(since.ends_with('Z') || since.contains("%2B"), "{since}");
    }
    thread
        .comment(&story.stage.alice, &thread.approve_line())
        .await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed_and_no_token_reaches_another_host() {
    let story = Story::begin().await;
    let alice = &story.stage.alice;
    let thread = story.thread(&story.stage.codex, "redirects").await;
    thread.ask(&story.stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let other = elsewhere.local_addr().unwrap();
    let repository = "/api/v1/repositories/17";
    for (status, to) in [
        (301, format!("https://{other}{repository}")),
        (307, format!("http://{other}{repository}")),
    ] {
        story.stage.forge.fault(
            "GET",
            "/repositories/17",
            Some(3),
            Fault::redirect(status, &to),
        );
    }
    let before = story.calls("GET", "/repositories/17");
    story.stage.forge.hold_hooks();
    thread.say(alice, &line).await;
    story.stage.forge.release_hooks();
    story.stage.settle().await.unwrap();
    let ready = story.ready().await;
    let trouble = ready["forge"]["trouble"].as_str().unwrap();
    assert!(trouble.contains(&format!("https://{other}")), "{trouble}");
    for _ in 0..12 {
        story.pass(20).await;
    }
    assert!(story.calls("GET", "/repositories/17") > before + 6);
    assert!(elsewhere.accept().is_err(), "nobody came");
    story.pass(300).await;
    assert_eq!(thread.count("credential"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_cannot_be_read_while_the_forge_answers_is_paused_after_ten_minutes() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "unreadable").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let issue = format!("/repos/{KAN_NAME}/issues/1");
    story
        .stage
        .forge
        .fault("GET", &issue, None, Fault::status(500));
    story.reconcile().await;
    story.pass(590).await;
    story.reconcile().await;
    assert!(story.alive(&token).await);
    story.pass(15).await;
    story.reconcile().await;
    assert!(!story.alive(&token).await);

    // But not while the whole forge is away: then nobody can say anything about it.
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "away").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    story.stage.forge.fault("*", "", None, Fault::status(500));
    for _ in 0..5 {
        story.reconcile().await;
        story.pass(300).await;
    }
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_nearly_full_disk_only_taking_away_works() {
    let low = Arc::new(AtomicBool::new(false));
    let story = Story::with(|setting| setting.low_space = Arc::clone(&low)).await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "full").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let other = story.thread(&stage.codex, "full two").await;
    let unused_key = Key::new();
    let unused = other.credential(&unused_key).await;
    let third = story.thread(&stage.codex, "full three").await;
    third.ask(&stage.codex, &Key::new()).await;
    let line = third.approve_line();

    assert_eq!(story.ready().await["disk"]["low"], false);
    low.store(true, Ordering::SeqCst);
    assert_eq!(story.ready().await["disk"]["low"], true);
    // A check of what is in use goes on; a first one cannot be journaled and is no verdict.
    assert!(story.alive(&token).await);
    let refused = stage.introspect(&unused).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
    // A new request is not even taken in.
    let asked = third.comment(&stage.codex, "/gate request").await;
    assert_eq!(story.answer_to(asked), Some(Outcome::Answered(503)));
    // The owner's approval is answered: why not.
    third.comment(&stage.alice, &line).await;
    assert_eq!(third.count("credential"), 0);
    assert!(
        third.last_reply().contains("nearly full"),
        "{}",
        third.last_reply()
    );
    // And stopping stops.
    thread
        .comment(&stage.alice, "/gate revoke codex-kan-1")
        .await;
    assert!(!story.alive(&token).await);
    assert!(thread.said("is revoked"));

    // What was not taken in keeps the board from being read to its end, and the cursor where it is.
    assert!(!story.reconcile().await);
    low.store(false, Ordering::SeqCst);
    assert!(story.reconcile().await);
    assert_eq!(story.ready().await["disk"]["low"], false);
    assert!(story.alive(&unused).await);
    third.comment(&stage.alice, &line).await;
    assert_eq!(third.count("credential"), 1);
    let credential = third.replies().pop().unwrap();
    assert_eq!(
        block(&credential)["scopes"],
        json!(["board:read", "card:write"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forge_that_lives_under_a_path() {
    for slash in ["", "/"] {
        let story = Story::with(|setting| {
            setting.sub_path = "/git".to_owned();
            setting.config = setting
                .config
                .replace("\"{forge}\"", &format!("\"{{forge}}{slash}\""));
        })
        .await;
        let thread = story.thread(&story.stage.codex, "path").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        assert!(story.reconcile().await);
        for call in story.stage.forge.calls() {
            assert!(call.path.starts_with("/git/api/v1/"), "{}", call.path);
            assert!(!call.path.contains("//"), "{}", call.path);
        }
    }
}

/// The kill switch works without the forge: what a signed delivery wants to end stands still after a
/// minute, and ends when the comment can be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_delivered_while_the_forge_is_away_pauses_and_ends_it_when_it_is_back() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let away = story.stage.forge.fault("GET", "", None, Fault::status(502));
    thread.say(alice, "/gate revoke codex-kan-1").await;
    story.stage.settle().await.unwrap();
    assert!(story.alive(&token).await, "it may be back in a moment");
    for _ in 0..20 {
        story.pass(15).await;
    }
    assert!(!story.alive(&token).await);
    story.stage.forge.clear_fault(away);
    for _ in 0..30 {
        story.pass(15).await;
    }
    let said = thread.news(0);
    assert!(
        said.contains("a delivery wants it stopped and I cannot read the forge"),
        "{said}"
    );
    assert!(said.contains("**`codex-kan-1` is revoked**"), "{said}");
}
