//! `ownergate demo`: the whole story in a few seconds, with nothing but this program.
//!
//! Exit code 0 if every step was as it should be, 1 with the step's name otherwise. An interrupt
//! ends it early; the temporary store is removed in any case.

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::demo::{self, Options};

/// See the whole story
///
/// A miniature forge and the real bot run on free ports of this machine, with a store in a temporary
/// folder. An agent asks, an owner approves, the bot is killed, the records are lost, the owner takes
/// everything back; each step is checked as it happens.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave both servers up afterwards, and print the lines with which to play owner and agent
    #[arg(long)]
    pub keep: bool,
}

/// Plays it on the standard output.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let options = Options {
        keep: args.keep,
        colour: stdout().is_terminal() && !colours_are_unwanted(),
        program: program(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let told = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let interrupted = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        demo::run(&options, Box::new(stdout()), interrupted).await
    });
    runtime.shutdown_background();
    told.map(|()| ExitCode::SUCCESS)
}

/// As <https://no-color.org> has it: the variable is there and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "NO_COLOR is a wish of the terminal's user and nothing that the bot is configured by"
)]
fn colours_are_unwanted() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// How to call this program in the lines to copy.
fn program() -> String {
    let own = std::env::current_exe().ok();
    own.and_then(|path| path.into_os_string().into_string().ok())
        .filter(|path| !path.contains([' ', '\'', '"', '\\', '$']))
        .unwrap_or_else(|| "ownergate".to_owned())
}
