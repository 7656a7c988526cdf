//! Silence: strangers get no answer, only a count; and nobody gets more than twenty explanations an
//! hour in a thread.

use insta::assert_snapshot;

use crate::harness::{Key, Story, visible};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_counted_and_not_answered() {
    let story = Story::begin().await;
    let (codex, carol) = (&story.stage.codex, &story.stage.carol);
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    thread.ask(codex, &Key::new()).await;
    let line = thread.approve_line();
    let before = thread.replies().len();
    let strangers = || story.stage.bot().unwrap().metrics.strangers.get();
    let counted = strangers();
    let remarks = [
        line.as_str(),
        "/gate deny R2",
        "/gate withdraw R2",
        "/gate revoke codex-kan-1",
        "/gate revoke codex-kan-1 c9",
        "/gate pause codex-kan-1",
        "/gate release codex-kan-1",
        "/gate inspect codex-kan-1",
        "/gate list",
        "/gate help",
        "/gate request identity=x scopes=board:read ttl=8h",
        "/gate dance",
        "> /gate approve R2",
        "hello",
    ];
    for remark in remarks {
        let comment = thread.comment(carol, remark).await;
        assert_eq!(thread.reactions(comment).await, Vec::<String>::new());
    }
    assert_eq!(thread.news(before), "(silence)");
    assert_eq!(strangers() - counted, 13, "chatter is not counted");
    assert!(story.alive(&token).await);
    let metrics = story
        .stage
        .client()
        .get(format!("{}/metrics", story.stage.url()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(metrics.contains("strangers_total 13"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_anyone_may_ask_a_stranger_is_answered() {
    let story = Story::configured(&[(
        "machine_accounts = [7]",
        "machine_accounts = [7]\nrequesters = \"anyone\"",
    )])
    .await;
    let (carol, alice) = (&story.stage.carol, &story.stage.alice);
    let thread = story.thread(carol, "sort").await;
    let key = Key::new();
    thread.ask(carol, &key).await;
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(carol, &line).await, @"Not counted for R1: only an owner of this board can approve.");
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
    thread.comment(carol, "/gate revoke codex-kan-1").await;
    assert!(!story.alive(&token).await);
}

/// Whoever asked when anyone could may still stop it when only listed people may ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_who_is_listed_no_more_may_still_stop_it() {
    let mut story = Story::configured(&[(
        "machine_accounts = [7]",
        "machine_accounts = [7]\nrequesters = \"anyone\"",
    )])
    .await;
    let key = Key::new();
    let carol = story.stage.carol.clone();
    let (issue, token) = {
        let thread = story.thread(&carol, "sort").await;
        thread.ask(&carol, &key).await;
        (
            thread.issue,
            thread.approved(&story.stage.alice, &key).await,
        )
    };
    story
        .restart(&[("requesters = \"anyone\"", "requesters = \"listed\"")])
        .await;
    let thread = story.again(issue);
    assert!(story.alive(&token).await);
    let said = thread.answer(&carol, "/gate revoke leaked").await;
    assert_snapshot!(said, @"**`codex-kan-1` is revoked**, with 1 of its credentials: `leaked`.");
    assert!(!story.alive(&token).await);
    // It asked for nothing that lives any more: a stranger.
    assert_eq!(thread.answer(&carol, "/gate help").await, "(silence)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_explanations_an_hour() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let before = thread.replies().len();
    for number in 0..25 {
        let verb = if number % 5 == 0 { "help" } else { "dance" };
        thread.comment(codex, &format!("/gate {verb}")).await;
    }
    let replies = thread.replies();
    assert_eq!(replies.len() - before, 20);
    assert_snapshot!(visible(replies.last().unwrap()), @r"
    there is no such verb; `/gate help` shows them

    That was the last explanation in this thread for this hour; commands still act, and further faults are only counted.
    ");
    // Another thread has its own count.
    let other = story.thread(codex, "another").await;
    assert_ne!(other.answer(codex, "/gate dance").await, "(silence)");
    // Summaries, credentials and answers to narrowing never count, and no command waits for an answer.
    let line = thread.approve_line();
    let said = thread.answer(alice, &line).await;
    assert!(said.starts_with("**R1 approved by alice"), "{said}");
    let token = thread.open(&key);
    thread.ask(codex, &key).await;
    assert_eq!(thread.block("request")["request"], "R2");
    let said = thread.answer(alice, "/gate deny R2").await;
    assert_eq!(said, "**R2 denied by alice**");
    let said = thread
        .answer(alice, "/gate revoke codex-kan-9 c9 leaked")
        .await;
    assert!(said.starts_with("**`codex-kan-1` is"), "{said}");
    assert!(!story.alive(&token).await);
    assert_eq!(thread.answer(codex, "/gate dance").await, "(silence)");
    // An hour later it explains again.
    story.pass(3_600).await;
    assert_ne!(thread.answer(codex, "/gate dance").await, "(silence)");
}

/// A stranger talks and talks: the journal grows by his share of the day and no more, and what stops a
/// token is taken and done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_flood_fills_no_disk_and_a_revoke_is_taken() {
    use ownergate::demo::stage::{HOOK_SECRET, KAN};
    use ownergate::forgejo::payload;
    use ownergate::forgejo::signature::{HookSecrets, Signatures, verify};
    use ownergate::miniforge::{Outcome, hmac_sha256};

    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let bot = story.stage.bot().unwrap();
    let flood = crate::harness_edges::Forged::comment(&story).by(&story.stage.carol);
    let secrets = HookSecrets::new(HOOK_SECRET.into(), None).unwrap();
    let before = story.journal().len();
    for id in 100_000..101_000 {
        let body = flood.clone().saying(id, &"talk ".repeat(1_000)).bytes();
        let signature = hmac_sha256(HOOK_SECRET, &body);
        let signature = [signature.as_bytes()];
        let signatures = Signatures {
            forgejo: &signature,
            gitea: &[],
        };
        let verified = verify(&secrets, signatures, body.into()).unwrap();
        let parsed = payload::parse(&verified).unwrap();
        bot.deliver(KAN, parsed).await.unwrap();
    }
    let grown = story.journal().len() - before;
    assert!((32 << 10..128 << 10).contains(&grown), "{grown} bytes");
    let id = thread
        .comment(&story.stage.alice, "/gate revoke codex-kan-1")
        .await;
    assert_eq!(story.answer_to(id), Some(Outcome::Answered(202)));
    assert!(!story.alive(&token).await);
}
