//! Too much of everything: junk before a revoke, a full queue, and labels that must not grow.

use std::sync::{Arc, Condvar, Mutex};

use ownergate::bot::core::Core;
use ownergate::gate::event::Event;
use ownergate::gate::ids::UserId;
use ownergate::miniforge::{Fault as ForgeFault, LoggedCall, Outcome};
use ownergate::store::{Fault, Point};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::harness::{Key, Story};
use crate::harness_edges::{Forged, soon};

/// Commands that would each cost a re-read, by somebody who may ask.
const JUNK: i64 = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_comment_and_five_thousand_junk_ones_before_a_revoke() {
    let mut story = Story::begin().await;
    let token = {
        let stage = &story.stage;
        let thread = story.thread(&stage.codex, "flood").await;
        let token = thread.credential(&Key::new()).await;
        assert!(story.alive(&token).await);
        let junk = Forged::comment(&story).by(&stage.codex);
        // The first of them can never be read and stands before all others.
        let poison = 100_000;
        let path = format!("/repos/alice/board/issues/comments/{poison}");
        stage
            .forge
            .fault("GET", &path, None, ForgeFault::status(500));
        junk.clone().saying(poison, "/gate help").send(&story).await;
        feed(&story, &junk, poison + 1).await;
        let (waiting, _) = stage.bot().unwrap().inbox.counts();
        assert!(waiting > 5_000, "{waiting}");

        let (lines, calls) = (story.lines(), stage.forge.calls().len());
        thread
            .comment(&stage.alice, "/gate revoke codex-kan-1")
            .await;
        assert!(!story.alive(&token).await);
        assert!(thread.said("is revoked"));
        // What that took does not depend on what waits: no junk was read, and a few lines written.
        let junk_reads = stage.forge.calls()[calls..]
            .iter()
            .filter(|call| call.path.contains("/issues/comments/100"))
            .count();
        assert_eq!(junk_reads, 0);
        assert!(story.lines() - lines < 12, "{}", story.lines() - lines);
        token
    };
    // Still so after a restart, with everything that waits taken up again.
    story.stage.kill_bot().await;
    story.stage.start_bot().await.unwrap();
    assert!(!story.alive(&token).await);
    // What waits would take its time; the story is told.
    story.stage.kill_bot().await;
}

/// Takes junk in as deliveries do, without sending each over the wire.
async fn feed(story: &Story, junk: &Forged, first: i64) {
    use ownergate::demo::stage::{HOOK_SECRET, KAN};
    use ownergate::forgejo::payload;
    use ownergate::forgejo::signature::{HookSecrets, Signatures, verify};
    use ownergate::miniforge::hmac_sha256;

    let bot = story.stage.bot().unwrap();
    let secrets = HookSecrets::new(HOOK_SECRET.into(), None).unwrap();
    let ids: Vec<i64> = (first..first + JUNK).collect();
    for part in ids.chunks(500) {
        let mut deliveries = Vec::new();
        for id in part {
            let body = junk.clone().saying(*id, "/gate help").bytes();
            let signature = hmac_sha256(HOOK_SECRET, &body);
            let signature = [signature.as_bytes()];
            let signatures = Signatures {
                forgejo: &signature,
                gitea: &[],
            };
            let verified = verify(&secrets, signatures, body.into()).unwrap();
            deliveries.push(bot.deliver(KAN, payload::parse(&verified).unwrap()));
        }
        for delivered in futures_util::future::join_all(deliveries).await {
            delivered.unwrap();
        }
    }
}

/// A gate before the disk, which a story opens and shuts.
#[derive(Default)]
struct Barrier {
    shut: Mutex<bool>,
    moved: Condvar,
    reached: Notify,
}

impl Barrier {
    fn shut(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.moved.notify_all();
    }

    fn pass(&self) {
        let mut shut = self.shut.lock().unwrap();
        while *shut {
            self.reached.notify_one();
            shut = self.moved.wait(shut).unwrap();
        }
    }
}

/// Fills the writer's queue with jobs that write nothing.
async fn fill(core: &Core) -> JoinSet<()> {
    let mut fillers = JoinSet::new();
    for _ in 0..1_400 {
        let core = core.clone();
        fillers.spawn(async move {
            let unknown = Event::Used {
                macs: Vec::new(),
                client: None,
            };
            core.feed(unknown).await.unwrap();
        });
    }
    let full = async {
        while core.writer().waiting() < 1_024 {
            tokio::task::yield_now().await;
        }
    };
    soon(full).await;
    fillers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_deliveries_and_loses_nothing() {
    let barrier = Arc::new(Barrier::default());
    let story = Story::with(|setting| {
        let barrier = Arc::clone(&barrier);
        setting.plan = Some(Arc::new(move |point| {
            if point == Point::BeforeWrite {
                barrier.pass();
            }
            Fault::None
        }));
    })
    .await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "queue").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);

    barrier.shut(true);
    // The writer hangs on this one's write.
    thread.say(&stage.carol, "the last one").await;
    soon(barrier.reached.notified()).await;
    let mut fillers = fill(&stage.bot().unwrap().core).await;
    // Made beforehand, so that it need not wait behind the one that hangs.
    let deliveries = stage.forge.deliveries();
    let again = deliveries.first().unwrap();
    let send = || {
        let mut request = stage.client().post(&again.url);
        for (name, value) in &again.headers {
            request = request.header(name, value);
        }
        request.body(again.body.clone()).send()
    };
    let refused = send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(
        story
            .metric("ownergate_deliveries_total{outcome=\"busy\"}")
            .await,
        1
    );
    // What needs no line goes on.
    assert!(story.alive(&token).await);
    assert_eq!(story.get("/healthz").await.0, 200);

    barrier.shut(false);
    while let Some(done) = soon(fillers.join_next()).await {
        done.unwrap();
    }
    assert_eq!(send().await.unwrap().status(), 202);
    stage.settle().await.unwrap();
    let waited = stage.forge.deliveries().pop().unwrap();
    assert_eq!(waited.outcome, Outcome::Answered(202));
}

/// One of each thing that somebody outside chooses a name in.
async fn one_round(story: &Story, round: usize) {
    let (stage, thread) = (&story.stage, story.at(1));

    for unknown in ["nowhere", "else"] {
        let url = format!("{}/hooks/{unknown}{round}", stage.url());
        let answer = stage.client().post(url).body("x").send().await.unwrap();
        assert_eq!(answer.status(), 404);
    }
    let url = format!("{}/v1/introspect", stage.url());
    let answer = stage
        .client()
        .post(url)
        .basic_auth(format!("client-{round}"), Some("x"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    let unknown = format!("og_slug-{round}_{}", "a".repeat(64));
    assert!(!story.alive(&unknown).await);
    thread
        .comment(&stage.codex, &format!("/gate verb{round}"))
        .await;
    thread
        .comment(&stage.alice, &format!("/gate inspect name-{round}"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_comes_from_outside_becomes_a_label() {
    let story = Story::begin().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "labels").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let series = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    // Each kind of thing once, then many of each.
    one_round(&story, 0).await;
    let (status, text) = story.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.ends_with("# EOF\n"));
    for name in [
        "deliveries_total{outcome=",
        "decisions_total{",
        "checks_total{outcome=",
        "repaired_total",
        "refused_posts_total",
        "parked_events",
        "outbox_age_seconds",
        "batch_jobs_bucket",
        "commit_seconds_bucket",
        "journal_lines",
    ] {
        assert!(text.contains(&format!("ownergate_{name}")), "{name}");
    }
    let before = series(&text);
    for round in 1..6 {
        one_round(&story, round).await;
    }
    assert_eq!(series(&story.get("/metrics").await.1), before);
    for secret in [
        &token[token.len() - 64..],
        "codex",
        "kan-",
        "alice",
        "client-",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_that_can_never_be_read_holds_nobody_up_and_is_given_up_after_a_day() {
    let story = Story::begin().await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "poison").await;
    thread.ask(&stage.codex, &Key::new()).await;
    let line = thread.approve_line();
    // A requester whose account is then deleted: reading the comment answers 500 for ever.
    stage.forge.hold_hooks();
    let gone = stage.forge.add_user("gone").unwrap();
    thread.say(&gone, "/gate approve R1").await;
    let poison = Forged::comment(&story).by(&stage.alice);
    stage.forge.drop_hooks(1);
    stage.forge.change(|state| state.delete_user(gone.id));
    stage.forge.release_hooks();
    poison.send(&story).await;
    thread.comment(&stage.alice, &line).await;
    assert_eq!(thread.count("credential"), 0, "it stands behind the poison");
    for _ in 0..8 {
        story.pass(10).await;
    }
    assert_eq!(thread.count("credential"), 1, "which was put aside");
    assert_eq!(story.ready().await["parked"], 1);
    assert_eq!(story.metric("ownergate_parked_events").await, 1);
    for _ in 0..25 {
        story.pass(3_600).await;
    }
    assert_eq!(story.ready().await["parked"], 0);
    assert!(thread.said("could not be read again for a day"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_mebibytes_of_issue_before_a_revoke() {
    let story = Story::with(|setting| setting.reconcile = true).await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "huge").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let first = |call: &LoggedCall| call.path.contains("/issues/comments?");
    soon(stage.forge.called(first)).await;
    stage
        .forge
        .settings(|settings| settings.keep_bodies = false);
    stage.forge.clear_calls();
    // Every delivery of the thread is as large from now on.
    let huge = "x".repeat(16 << 20);
    stage
        .forge
        .set_issue_body(stage.thread(thread.issue), &huge);
    let revoke = thread.say(&stage.alice, "/gate revoke codex-kan-1").await;
    soon(stage.forge.hooks_idle()).await;
    let outcomes: Vec<Outcome> = stage
        .forge
        .deliveries()
        .into_iter()
        .map(|delivery| delivery.outcome)
        .collect();
    assert_eq!(outcomes.last(), Some(&Outcome::Answered(413)), "{revoke}");
    // The board is read at once, which is at most once in five seconds, and sooner than usual.
    stage.clock().advance(jiff::SignedDuration::from_secs(5));
    let told =
        |call: &LoggedCall| call.method == "POST" && call.path.ends_with("/issues/1/comments");
    soon(
        stage
            .forge
            .called(|call| told(call) && call.user == Some(UserId(5))),
    )
    .await;
    stage.settle().await.unwrap();
    assert!(thread.said("is revoked"));
    assert!(!story.alive(&token).await);
}
