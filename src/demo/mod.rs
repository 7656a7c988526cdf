//! The demo: the whole story on a miniature forge, told as a thread and checked as it happens.
//!
//! Everything is real but the forge: the bot is the one that `ownergate serve` runs, spoken to over
//! HTTP on loopback only. While the story goes on it does not read the boards back by itself, so that
//! what a step brings about is that step's doing. The store is in a temporary folder, which is removed
//! at the end. The first difference from the story is an error that names the step.

mod acts;
mod folder;
mod keep;
mod play;
pub mod signer;
pub mod stage;
mod transcript;

use std::io::Write;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::clock::Clock;
use acts::production::OwnerKeys;
use folder::Folder;
use play::Play;
use stage::{Setting, Stage};
use transcript::Transcript;

/// How long an act may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the demo is played.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Leave forge and bot up at the end, until the interrupt.
    pub keep: bool,
    /// Write with colours.
    pub colour: bool,
    /// How this program is called, for the lines to copy.
    pub program: String,
}

/// Plays the story, writing it down. The interrupt ends it at any time and is an error while the
/// story still goes on.
pub async fn run(
    options: &Options,
    out: Box<dyn Write + Send>,
    interrupt: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    run_on(Setting::new(Clock::system()), options, out, interrupt).await
}

/// `run` with the stage's setting as a value.
async fn run_on(
    mut setting: Setting,
    options: &Options,
    out: Box<dyn Write + Send>,
    interrupt: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let folder = Folder::make()?;
    let owner_keys = OwnerKeys::new()?;
    setting.config = owner_keys.pinned(&setting.config);
    let stage = Stage::set(folder.path(), setting)
        .await
        .context("the demo's forge and bot do not start")?;
    let mut play = Play::new(stage, Transcript::new(out, options.colour), owner_keys);
    let mut interrupt = pin!(interrupt);
    let told = tokio::select! {
        told = story(&mut play, options) => told,
        () = &mut interrupt => Err(anyhow::anyhow!("interrupted")),
    };
    if told.is_ok() && options.keep {
        interrupt.await;
        play.page
            .happens("stopping both; the store is removed with them")?;
    }
    play.stage.stop_bot().await;
    told
}

/// The acts, in their order.
async fn story(play: &mut Play, options: &Options) -> anyhow::Result<()> {
    let clock = play.stage.clock().clone();
    let began = clock.monotonic();
    act(play, acts::asking::ask).await?;
    act(play, acts::refused::refuse).await?;
    act(play, acts::killed::approve).await?;
    act(play, acts::used::use_it).await?;
    act(play, acts::replayed::replay).await?;
    act(play, acts::journal::lose_and_rebuild).await?;
    act(play, acts::rotated::rotate).await?;
    act(play, acts::paused::pause_and_resume).await?;
    act(play, acts::production::sign).await?;
    act(play, acts::production::close_and_reopen).await?;
    act(play, acts::revoked::revoke).await?;
    act(play, acts::closing::close).await?;
    let took = clock.monotonic() - began;
    play.done(took)?;
    if options.keep {
        keep::open_house(play, &options.program).await?;
    }
    Ok(())
}

/// One act; whatever goes wrong in it is told with the step at which it did.
async fn act(
    play: &mut Play,
    act: impl AsyncFnOnce(&mut Play) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match tokio::time::timeout(PATIENCE, act(play)).await {
        Ok(played) => played.with_context(|| play.whereabouts()),
        Err(_) => bail!("{}: nothing happens any more", play.whereabouts()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::transcript::testing::Paper;
    use super::*;

    /// Plays with a configuration; what came of it, and the page.
    async fn play(config: impl FnOnce(String) -> String) -> (anyhow::Result<()>, String) {
        let mut setting = Setting::new(Clock::system());
        setting.config = config(setting.config);
        let paper = Paper::default();
        let options = Options::default();
        let out = Box::new(paper.clone());
        let told = run_on(setting, &options, out, std::future::pending()).await;
        (told, paper.text())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_story_goes_as_it_is_told() {
        let (told, page) = play(|config| config).await;
        told.unwrap();
        let folder = page.lines().find_map(|line| line.split_once("store in "));
        let folder = folder.unwrap().1;
        assert!(!std::path::Path::new(folder).exists(), "{folder} is left");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_difference_ends_it_and_names_the_step() {
        let carol_owns = |config: String| {
            config.replacen("id = 4\nlogin = \"piotr\"", "id = 3\nlogin = \"carol\"", 1)
        };
        let (told, page) = play(carol_owns).await;
        let told = format!("{:#}", told.unwrap_err());
        assert!(
            told.starts_with("step 4 of the demo (in \"approvals that are none\")"),
            "{told}"
        );
        assert!(
            told.contains("a writer's approval is answered with silence"),
            "{told}"
        );
        assert!(!page.contains("a writer's approval is answered"));
    }
}
