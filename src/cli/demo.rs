//! `ownergate demo`.

use std::process::ExitCode;

/// See the whole story
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave both servers up
    #[arg(long)]
    pub keep: bool,
}

/// Runs it.
pub fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
