//! The `ownergate` program: reads the command line, runs one command, says what went wrong.

use std::process::ExitCode;

use clap::Parser;
use ownergate::cli::{Cli, run};

#[expect(
    clippy::print_stderr,
    reason = "the one place where a failed command says why"
)]
fn main() -> ExitCode {
    if let Err(error) = ownergate::private_memory() {
        eprintln!("ownergate: warning: the memory cannot be kept private: {error}");
    }
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ownergate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
