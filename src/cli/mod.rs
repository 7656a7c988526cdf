//! The command line: one file a subcommand.
//!
//! Exit codes: 0, 1 (failed), 2 (usage), 75 (restart me). What is for people to read goes through
//! `printable` where it comes from outside.

mod activate;
pub mod admin;
pub mod approve;
pub mod ask;
pub mod asks;
pub mod audit;
pub mod backup;
pub mod check_config;
pub mod completions;
pub mod confirm;
pub mod demo;
pub mod doctor;
pub mod identity;
pub mod import;
pub mod init;
pub mod keygen;
pub mod listing;
pub mod man;
pub mod open;
pub mod order;
pub mod policy;
pub mod printable;
mod report;
pub mod request;
pub mod restore;
pub mod serve;
mod stored;
pub mod table;
pub mod token;
pub mod upgrade;
pub mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Issues machine identities for a self-hosted Forgejo: an agent asks in an issue, an owner answers
/// with a comment.
#[derive(Debug, Parser)]
#[command(name = "ownergate", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the bot
    Serve(serve::Args),
    /// Make a working gate: the bot's account, secrets, webhook, control issue and configuration
    Init(init::Args),
    /// Look at everything that this gate needs, and say what to do where something is wrong
    Doctor(doctor::Args),
    /// See the whole story in ten seconds, with nothing but this program
    Demo(demo::Args),
    /// Check a configuration and tell everything that is wrong with it
    CheckConfig(check_config::Args),
    /// Make a secret
    Keygen(keygen::KeygenArgs),
    /// Ask for a token: posts the request, waits for an owner, and has the token
    Ask(Box<ask::AskArgs>),
    /// Open a sealed credential
    Open(open::OpenArgs),
    /// Sign an approval with your SSH key: prints the comment to paste
    Approve(approve::ApproveArgs),
    /// Look at machine identities, stop them, and ask for them
    Identity(identity::Args),
    /// Look at credentials, end them, and ask for them
    Token(token::Args),
    /// Look at requests, deny them, and bring owners' signatures for them
    Request(request::Args),
    /// Show what happened: what an identity or a credential did and what was done to it
    Audit(audit::Args),
    /// Hand secrets from before to the running bot
    Import(import::Args),
    /// Verify a store: the journal's chain, its batches and policies, and the records
    Verify(verify::Args),
    /// See what another configuration would change, before it is put into force
    Policy(policy::Args),
    /// Copy the journal into a new folder and verify the copy; the bot may run meanwhile
    Backup(backup::Args),
    /// Put a backup back where no journal is; the next start then asks to accept the loss
    Restore(restore::Args),
    /// Let the journal have this program's newest format; the program before can then not be put back
    Upgrade(upgrade::Args),
    /// Print the completion script of a shell
    Completions(completions::Args),
    /// Print the manual page, or write those of all commands into a folder
    Man(man::Args),
}

/// Runs a command.
pub fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Init(args) => init::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Demo(args) => demo::run(args),
        Command::CheckConfig(args) => Ok(check_config::run(args, &crate::app::secrets::check)),
        Command::Keygen(args) => keygen::run(args),
        Command::Ask(args) => ask::run(args),
        Command::Open(args) => open::run(args),
        Command::Approve(args) => approve::run(args),
        Command::Identity(args) => identity::run(args),
        Command::Token(args) => token::run(args),
        Command::Request(args) => request::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Import(args) => import::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Policy(args) => policy::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Upgrade(args) => upgrade::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}
