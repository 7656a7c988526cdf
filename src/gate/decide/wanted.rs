//! Somebody asks for something: which commands do that, and what each would have come alive.
//!
//! Each has one file that composes it; whether it is put up is the same for all (`propose.rs`).

use super::super::command::Command;
use super::propose::{self, Proposal, Refusal};
use super::said::{Said, refuse};
use super::{Draft, ask, link, own, resume, rotate, thaw};

/// Somebody asks in a thread: puts it up, or refuses it with every reason.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, command: &Command) {
    let asked = propose::standing(draft, said)
        .and_then(|()| proposal(draft, said, command))
        .and_then(|proposal| propose::judge_and_take(draft, said, proposal, None));
    if let Err((text, code)) = asked {
        refuse(draft, said, command.verb(), &text, code);
    }
}

/// What a command asks for, in the board's terms, whoever says it and where.
pub(super) fn proposal(
    draft: &Draft<'_>,
    said: &Said<'_>,
    command: &Command,
) -> Result<Proposal, Refusal> {
    match command {
        Command::Request(form) => ask::proposal(draft, said, form),
        Command::Rotate(rotation) => rotate::proposal(draft, said, rotation),
        Command::Resume(slug) => resume::proposal(draft, said, slug),
        Command::Own(slug) => own::proposal(draft, said, slug),
        Command::Link(number, slug) => link::proposal(draft, said, *number, slug),
        Command::Thaw => thaw::proposal(draft, said),
        Command::Approve(_)
        | Command::Deny(_)
        | Command::Withdraw(_)
        | Command::Revoke(_)
        | Command::Pause(_)
        | Command::Narrow(_)
        | Command::Freeze(_)
        | Command::Release(_)
        | Command::Inspect(_)
        | Command::Audit(_)
        | Command::List
        | Command::Help(_) => {
            let text = format!("`/gate {}` asks for nothing.", command.verb());
            Err((text, "bad_form"))
        }
    }
}
