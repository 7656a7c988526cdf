//! One-time codes: a gate that demands one opens for the owner who has it, once; wrong ones lock.

use insta::assert_snapshot;
use ownergate::secret::file::SecretText;
use ownergate::secret::totp::{STEP, TotpSecret};

use crate::harness::{Key, Story, Thread};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

async fn story() -> Story {
    Story::with(|setting| {
        setting.secret("totp-alice", SECRET);
        crate::harness::change(
            &mut setting.config,
            &[
                (
                    "id = 2\nlogin = \"alice\"\n",
                    "id = 2\nlogin = \"alice\"\ntotp_file = \"secrets/totp-alice\"\n",
                ),
                (
                    "quorum = 1\nfactors = [\"comment\"]",
                    "quorum = 1\nfactors = [\"comment\", \"code\"]",
                ),
            ],
        );
    })
    .await
}

/// What alice's app shows.
fn code(story: &Story) -> String {
    let secret = TotpSecret::parse(&SecretText::new(SECRET)).unwrap();
    let now = u64::try_from(story.stage.clock().now().as_second()).unwrap();
    secret.code(now / STEP).as_str().to_owned()
}

async fn asked(thread: &Thread<'_>, key: &Key) -> String {
    thread.ask(&thread.story.stage.codex, key).await;
    thread.approve_line()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_counts_once_and_stands_nowhere() {
    let story = story().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let line = asked(&thread, &key).await;
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: this gate demands a one-time code: add `otp=123456`.");
    let code = code(&story);
    // Whoever sees it in somebody else's comment cannot use it up.
    thread
        .comment(&story.stage.carol, &format!("{line} otp={code}"))
        .await;
    thread.comment(alice, &format!("{line} otp={code}")).await;
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
    assert!(!story.journal().contains(&format!("otp={code}")));
    let other = story.thread(codex, "another").await;
    let line = asked(&other, &Key::new()).await;
    assert_snapshot!(other.answer(alice, &format!("{line} otp={code}")).await, @"Not counted for R2: the one-time code is wrong, or was used before; wait for the next one.");
    story.pass(60).await;
    other
        .comment(alice, &format!("{line} otp={}", self::code(&story)))
        .await;
    assert!(other.block("credential")["credential"].is_string());
}

/// A code is used up by having been seen, also in a comment that does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_in_a_slip_is_used_up() {
    let story = story().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let line = asked(&thread, &Key::new()).await;
    let code = code(&story);
    thread
        .comment(
            alice,
            &format!("{} otp={code}", line.replace("approve", "aprove")),
        )
        .await;
    thread.comment(alice, &format!("{line} otp={code}")).await;
    assert_eq!(thread.last_code(), "bad_code");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_wrong_codes_lock_and_the_host_unlocks_the_third_lock() {
    let mut story = story().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let line = asked(&thread, &Key::new()).await;
    let issue = thread.issue;
    for lock in 1..=3 {
        let thread = story.again(issue);
        for _ in 0..5 {
            thread
                .comment(&story.stage.alice, &format!("{line} otp=000000"))
                .await;
        }
        let right = format!("{line} otp={}", code(&story));
        thread.comment(&story.stage.alice, &right).await;
        assert_eq!(thread.last_code(), "code_locked", "lock {lock}");
        if lock == 1 {
            assert_snapshot!(thread.last_reply(), @"Not counted for R1: too many wrong one-time codes: that factor is locked until 24 Nov 14:15 UTC.");
        }
        story.pass(3_600).await;
    }
    let thread = story.again(issue);
    let right = format!("{line} otp={}", code(&story));
    thread.comment(&story.stage.alice, &right).await;
    assert_eq!(thread.last_code(), "code_locked");
    assert_snapshot!(thread.last_reply(), @"Not counted for R1: too many wrong one-time codes: that factor is locked until the operator takes `totp_file` out of the config and puts it back.");
    let with = "totp_file = \"secrets/totp-alice\"\n";
    let gate = (
        "factors = [\"comment\", \"code\"]",
        "factors = [\"comment\"]",
    );
    story.restart(&[(with, "# totp\n"), gate]).await;
    story.restart(&[("# totp\n", with), (gate.1, gate.0)]).await;
    story.pass(3_600).await;
    let thread = story.again(issue);
    thread.comment(&story.stage.codex, "/gate withdraw").await;
    let key = Key::new();
    let line = asked(&thread, &key).await;
    let right = format!("{line} otp={}", code(&story));
    thread.comment(&story.stage.alice, &right).await;
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
}
