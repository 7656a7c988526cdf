//! `ownergate man`: the manual pages, one for each command.
//!
//! Made from the command line itself, so they cannot drift. Hidden commands have none. Existing files
//! of the same names are replaced: the folder is a build's or a package's, not a person's.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

/// Print the manual page, or write those of all commands into a folder
///
/// To read it: `ownergate man | man -l -`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write `ownergate.1` and one page for each command into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut command = super::Cli::command();
    command.build();
    match &args.out {
        None => Man::new(command).render(&mut io::stdout().lock())?,
        Some(folder) => {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            let pages = write_pages(&command, folder)?;
            writeln!(
                io::stdout().lock(),
                "wrote {pages} pages to {}",
                folder.display()
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a command and those below it; says how many.
fn write_pages(command: &Command, folder: &Path) -> anyhow::Result<usize> {
    let man = Man::new(command.clone());
    let path = folder.join(man.get_filename());
    let mut page = Vec::new();
    man.render(&mut page)?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    let mut pages = 1;
    for subcommand in command.get_subcommands() {
        // `ownergate help` explains itself.
        if !subcommand.is_hide_set() && subcommand.get_name() != "help" {
            pages += write_pages(subcommand, folder)?;
        }
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test stops")]

    use super::*;

    #[test]
    fn every_command_has_a_page_and_a_hidden_one_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let hidden = Command::new("backstage-door").hide(true);
        let mut command = crate::cli::Cli::command().subcommand(hidden);
        command.build();
        let pages = write_pages(&command, folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), pages);
        for subcommand in crate::cli::Cli::command().get_subcommands() {
            let name = format!("ownergate-{}.1", subcommand.get_name());
            let page = folder.path().join(name);
            assert_eq!(page.exists(), !subcommand.is_hide_set(), "{page:?}");
        }
        let top = fs::read_to_string(folder.path().join("ownergate.1")).unwrap();
        assert!(top.contains("ownergate\\-serve(1)"), "{top}");
        assert!(!top.contains("backstage"), "{top}");
        assert!(!folder.path().join("ownergate-backstage-door.1").exists());
    }
}
