//! What a story stands on: people, a board `alice/board`, and the bot, on one forge or the other.
//!
//! A ground judges nothing. It waits for what a story waits for, with an end.

use std::path::PathBuf;

use ownergate::gate::ids::CommentId;
use ownergate::miniforge::Person;

/// The board of every story.
pub(crate) const BOARD: &str = "alice/board";

/// Who plays. On both forges they have the same names and rights, not the same numbers.
#[derive(Debug)]
pub(crate) struct People {
    /// Owns the repository and the board.
    pub(crate) alice: Person,
    /// The board's second owner; may write in the repository.
    pub(crate) piotr: Person,
    /// May write in the repository, and owns nothing.
    pub(crate) carol: Person,
    /// The machine account that agents use.
    pub(crate) codex: Person,
    /// Administers the forge, and may act as anybody.
    pub(crate) root1: Person,
    /// The bot's account.
    pub(crate) bot: Person,
}

/// Where a story is told.
pub(crate) trait Ground {
    /// Who plays.
    fn people(&self) -> &People;

    /// The bot's address.
    fn bot_url(&self) -> String;

    /// The folder with everything that the bot reads and writes; its store is `data`.
    fn folder(&self) -> PathBuf;

    /// Waits until this holds. Fails, naming what was waited for, if it does not come.
    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool);

    /// The next second of the forge's clock begins.
    async fn next_second(&self);

    /// The bot's own waiting times of up to this many seconds go by. Where time passes by itself,
    /// whatever follows is waited for instead.
    async fn pass(&self, seconds: i64);

    /// The bot reads what was not delivered. Where it does so by itself, nothing happens here.
    async fn catch_up(&self);

    /// Starts the bot and waits until it works; otherwise what it said.
    async fn start_bot(&self) -> anyhow::Result<()>;

    /// Stops the bot, changes its configuration and starts it: each text is replaced where it stands
    /// first.
    async fn configure(&self, changes: &[(&str, &str)]);

    /// Stops the bot in order, as SIGTERM does.
    async fn stop_bot(&self);

    /// Waits until the forge has sent the delivery of a comment, and nobody was there: the bot is
    /// stopped. No forge sends it again.
    async fn lost(&self, comment: CommentId);

    /// Ends the bot as SIGKILL does.
    async fn kill_bot(&self);
}

/// The program: the one that `OWNERGATE_BIN` names, or the one that was built with the tests.
pub(crate) fn bot_binary() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "it says which program is under test; the program does not read it"
    )]
    let named = std::env::var_os("OWNERGATE_BIN");
    named
        .filter(|path| !path.is_empty())
        .map_or_else(|| env!("CARGO_BIN_EXE_ownergate").into(), PathBuf::from)
}

/// A configuration with each text replaced where it stands first; it must be there.
pub(crate) fn changed(config: &str, changes: &[(&str, &str)]) -> String {
    changes
        .iter()
        .fold(config.to_owned(), |config, (from, to)| {
            assert!(config.contains(from), "the configuration lacks {from}");
            config.replacen(from, to, 1)
        })
}
