//! Before anything changes: `--confirm`, or a yes on a terminal; `--dry-run` changes nothing.
//!
//! Invariant: this comes first in every command that changes something. Without `--confirm` and without
//! a terminal nothing was opened, sent or read when the command ends.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use super::printable::printable;

/// How sure whoever types is.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Changing something")]
pub struct Change {
    /// Do it without asking
    #[arg(long)]
    pub confirm: bool,
    /// Say exactly what would change, and change nothing
    #[arg(long, conflicts_with = "confirm")]
    pub dry_run: bool,
}

/// Why it is done: for commands that say so where others read it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Reason {
    /// Why: it stands in the audit and is told in the thread
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// Do it.
    DoIt,
    /// Say what would change.
    Rehearse,
}

impl Change {
    /// Asks whether it is to be done, if that was not said. `what` is a sentence without its final
    /// stop, such as `Revoke codex-7f3a with all its credentials`. The error is the exit code, and why
    /// has been told.
    pub fn ask(&self, what: &str) -> Result<Go, ExitCode> {
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        self.decide(what, terminal, &mut io::stdin().lock(), &mut io::stderr())
    }

    /// Ends a command that would have to ask and cannot, before it looks at anything.
    pub fn can_ask(&self, what: &str) -> Result<(), ExitCode> {
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        if self.confirm || self.dry_run || terminal {
            return Ok(());
        }
        self.ask(what).map(|_| ())
    }

    /// The same as `ask`, with whoever may be asked.
    pub(super) fn decide(
        &self,
        what: &str,
        terminal: bool,
        answers: &mut impl BufRead,
        out: &mut impl Write,
    ) -> Result<Go, ExitCode> {
        if self.dry_run {
            return Ok(Go::Rehearse);
        }
        if self.confirm {
            return Ok(Go::DoIt);
        }
        let what = printable(what);
        if !terminal {
            // Whoever closed it does not read it.
            let _ = writeln!(
                out,
                "ownergate: {what}? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change"
            );
            return Err(ExitCode::from(2));
        }
        let _ = write!(out, "{what}? [y/N] ");
        let _ = out.flush();
        let mut answer = String::new();
        // What cannot be read is no yes.
        let _ = answers.read_line(&mut answer);
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(Go::DoIt),
            _ => {
                let _ = writeln!(out, "nothing was changed");
                Err(ExitCode::FAILURE)
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn asked(change: &Change, terminal: bool, typed: &str) -> (Result<Go, String>, String) {
        let mut out = Vec::new();
        let what = "Revoke codex\u{1b}[2J";
        let go = change.decide(what, terminal, &mut typed.as_bytes(), &mut out);
        let go = go.map_err(|code| format!("{code:?}"));
        (go, String::from_utf8(out).unwrap())
    }

    #[test]
    fn without_a_terminal_nothing_happens_unless_that_was_said() {
        let (go, said) = asked(&Change::default(), false, "y\n");
        assert_eq!(go, Err(format!("{:?}", ExitCode::from(2))));
        assert_eq!(
            said,
            "ownergate: Revoke codex\\u{1b}[2J? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change\n"
        );
        let confirm = Change {
            confirm: true,
            dry_run: false,
        };
        assert_eq!(asked(&confirm, false, ""), (Ok(Go::DoIt), String::new()));
        let rehearse = Change {
            confirm: false,
            dry_run: true,
        };
        assert_eq!(
            asked(&rehearse, false, ""),
            (Ok(Go::Rehearse), String::new())
        );
    }

    #[test]
    fn on_a_terminal_only_a_yes_is_one() {
        for yes in ["y\n", "Y\n", " yes \n", "yes"] {
            let (go, said) = asked(&Change::default(), true, yes);
            assert_eq!(go, Ok(Go::DoIt), "{yes:?}");
            assert_eq!(said, "Revoke codex\\u{1b}[2J? [y/N] ");
        }
        for no in ["", "\n", "n\n", "yessir\n", "j\n", "\u{1b}[A\n"] {
            let (go, said) = asked(&Change::default(), true, no);
            assert!(go.is_err(), "{no:?}");
            assert!(said.ends_with("nothing was changed\n"), "{said}");
        }
    }
}
