//! Too much of everything: junk before a revoke, a full queue, and labels that must not grow.

use std::sync::{Arc, Condvar, Mutex};

use ownergate::gate::event::Event;
use ownergate::miniforge::Outcome;
use ownergate::store::{Fault, Point};

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
            .fault("GET", &path, None, ownergate::miniforge::Fault::status(500));
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
}

impl Barrier {
    fn shut(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.moved.notify_all();
    }

    fn pass(&self) {
        let mut shut = self.shut.lock().unwrap();
        while *shut {
            shut = self.moved.wait(shut).unwrap();
        }
    }
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
    let core = stage.bot().unwrap().core.clone();
    let mut fillers = tokio::task::JoinSet::new();
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
    while core.writer().waiting() < 1_024 {
        tokio::task::yield_now().await;
    }
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
    let one_round = async |round: usize| {
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
    };
    one_round(0).await;
    let (status, text) = story.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.ends_with("# EOF\n"));
    let before = series(&text);
    for round in 1..6 {
        one_round(round).await;
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
