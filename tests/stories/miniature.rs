//! The shared stories on the miniature forge: nothing is waited for in real time, and the clock is
//! moved by hand. It knows no story.

use std::path::PathBuf;
use std::task::Poll;

use jiff::SignedDuration;
use ownergate::clock::Clock;
use ownergate::demo::stage::{KAN, Setting, Stage};
use ownergate::gate::ids::CommentId;
use tempfile::TempDir;
use tokio::sync::RwLock;

use crate::harness::noon;
use crate::shared::each_story;
use crate::shared::ground::{Ground, People, changed};

each_story!(MiniGround, []);

/// The usual stage.
struct MiniGround {
    stage: RwLock<Stage>,
    people: People,
    folder: TempDir,
}

impl MiniGround {
    /// Sets the stage.
    async fn begin() -> Self {
        let folder = TempDir::new().unwrap();
        let setting = Setting::new(Clock::manual(noon()));
        let stage = Stage::set(folder.path(), setting).await.unwrap();
        let people = People {
            alice: stage.alice.clone(),
            piotr: stage.piotr.clone(),
            carol: stage.carol.clone(),
            codex: stage.codex.clone(),
            root1: stage.root.clone(),
            bot: stage.bot_account.clone(),
        };
        Self {
            stage: RwLock::new(stage),
            people,
            folder,
        }
    }
}

impl Ground for MiniGround {
    fn people(&self) -> &People {
        &self.people
    }

    fn bot_url(&self) -> String {
        // Only starting and stopping write, and no story asks during those.
        self.stage.try_read().unwrap().url()
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let stage = self.stage.read().await;
        let mut settled = std::pin::pin!(stage.settle());
        // What is asked for often holds before everything has come to rest; a story that kills the
        // bot in the middle of its work depends on it.
        while !holds().await {
            if let Poll::Ready(settled) = futures_util::poll!(settled.as_mut()) {
                settled.unwrap();
                assert!(holds().await, "{what} did not come");
                return;
            }
        }
    }

    async fn next_second(&self) {
        self.pass(1).await;
    }

    async fn pass(&self, seconds: i64) {
        let stage = self.stage.read().await;
        stage.clock().advance(SignedDuration::from_secs(seconds));
        stage.settle().await.unwrap();
    }

    async fn catch_up(&self) {
        let complete = self.stage.read().await.reconcile(KAN).await.unwrap();
        assert!(complete);
    }

    async fn start_bot(&self) -> anyhow::Result<()> {
        self.stage.write().await.start_bot().await
    }

    async fn configure(&self, changes: &[(&str, &str)]) {
        let mut stage = self.stage.write().await;
        stage.stop_bot().await;
        let config = &mut stage.setting().config;
        *config = changed(config, changes);
        stage.start_bot().await.unwrap();
    }

    async fn stop_bot(&self) {
        self.stage.write().await.stop_bot().await;
    }

    async fn lost(&self, _comment: CommentId) {
        self.stage.read().await.settle().await.unwrap();
    }

    async fn kill_bot(&self) {
        self.stage.write().await.kill_bot().await;
    }
}
