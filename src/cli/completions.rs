//! `ownergate completions`: what a shell has to know to complete this program's command line.
//!
//! Made from the command line itself, so it cannot drift. Hidden commands stay hidden: the generators
//! would offer them. Nothing is installed; the script goes to standard output.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

/// Print the completion script of a shell
///
/// For bash: `ownergate completions bash > /etc/bash_completion.d/ownergate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    pub shell: Shell,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    io::stdout()
        .lock()
        .write_all(&script(super::Cli::command(), args.shell))?;
    Ok(ExitCode::SUCCESS)
}

fn script(command: Command, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(&command), "ownergate", &mut script);
    script
}

/// A copy without hidden commands and options, of what a completion shows.
fn visible(command: &Command) -> Command {
    let subcommands = command.get_subcommands();
    let arguments = command.get_arguments();
    let shown = Command::new(command.get_name().to_owned())
        .about(command.get_about().cloned().unwrap_or_default())
        .disable_help_flag(command.is_disable_help_flag_set())
        .args(
            arguments
                .filter(|argument| !argument.is_hide_set())
                .cloned(),
        )
        .groups(command.get_groups().cloned())
        .subcommands(
            subcommands
                .filter(|subcommand| !subcommand.is_hide_set())
                .map(visible),
        );
    match command.get_version() {
        Some(version) => shown.version(version.to_owned()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test stops")]

    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_is_told_every_command_and_no_hidden_one() {
        let hidden = Command::new("backstage-door").hide(true);
        for shell in Shell::value_variants() {
            let command = crate::cli::Cli::command().subcommand(hidden.clone());
            let script = String::from_utf8(script(command, *shell)).unwrap();
            for subcommand in crate::cli::Cli::command().get_subcommands() {
                let name = subcommand.get_name();
                assert_eq!(
                    script.contains(name),
                    !subcommand.is_hide_set(),
                    "{shell}: {name}"
                );
            }
            assert!(!script.contains("backstage-door"), "{shell}");
        }
    }
}
