//! Figures: programs that measure the real bot, each against a handler that does nothing and against
//! itself with batches of one, in the same run and in turns.
//!
//! `cargo bench --bench figures` runs all of them one after the other, each in a process of its own;
//! `cargo bench --bench figures -- webhooks` runs one. Everything stays on loopback and below
//! `target/tmp`, and each is bounded in count and time. Figures hold for the machine that they were
//! measured on; the ratios are what can be compared.

#![expect(clippy::print_stdout, reason = "these programs exist to print figures")]

mod audit;
mod ceilings;
mod client;
mod credential;
mod deciding;
mod introspection;
mod life;
mod load;
mod opening;
mod proxy;
mod revocation;
mod seed;
mod stand;
mod table;
mod webhooks;
mod workers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use ownergate::clock::Clock;

/// The programs.
const PROGRAMS: [&str; 8] = [
    "audit",
    "ceilings",
    "deciding",
    "introspection",
    "opening",
    "webhooks",
    "credential",
    "revocation",
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        // Cargo adds this one.
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => all(),
        [program] if PROGRAMS.contains(program) => one(program),
        [opening::CHILD, config] => {
            runtime()?.block_on(opening::child(&PathBuf::from(config), &Clock::system()))
        }
        _ => bail!("name one of {}, or nothing for all", PROGRAMS.join(", ")),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Runs every program in a process of its own.
fn all() -> anyhow::Result<()> {
    for program in PROGRAMS {
        let done = std::process::Command::new(std::env::current_exe()?)
            .arg(program)
            .status()?;
        if !done.success() {
            bail!("{program} failed");
        }
    }
    Ok(())
}

/// Runs one program in an empty directory.
fn one(program: &str) -> anyhow::Result<()> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("figures-{program}"));
    if directory.exists() {
        std::fs::remove_dir_all(&directory).context("cannot empty the directory")?;
    }
    std::fs::create_dir_all(&directory)?;
    let clock = Clock::system();
    let measured = runtime()?.block_on(async {
        match program {
            "audit" => audit::run(&directory, &clock).await,
            "ceilings" => ceilings::run(&directory, &clock).await,
            "deciding" => deciding::run(&directory, &clock).await,
            "introspection" => introspection::run(&directory, &clock).await,
            "opening" => opening::run(&directory, &clock).await,
            "webhooks" => webhooks::run(&directory, &clock).await,
            "credential" => credential::run(&directory, &clock).await,
            _ => revocation::run(&directory, &clock).await,
        }
    });
    println!("took {:.0} s", clock.monotonic().as_secs_f64());
    std::fs::remove_dir_all(&directory)?;
    measured
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}
