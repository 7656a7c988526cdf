//! Every sentence that the bot says in a thread, and the Markdown of its two normal comments.
//!
//! Short, nothing that is not needed, the line to copy in a fence, absolute times in UTC. Foreign
//! text goes through `escape` and through nothing else; behind every comment stands the machine
//! block.

mod audited;
pub mod escape;
pub mod faults;
mod imports;
mod judged;
pub mod machine;
mod moves;
mod normal;
pub mod people;
pub mod reasons;
mod shown;
mod stopped;
mod timed;

pub use audited::audit;
pub use imports::{import_row, imported, linked};
pub use judged::advice;
pub use moves::{claimable, frozen, frozen_again, narrowed, opened_for, owned, resumed, thawed};
pub use normal::{Asked, Delivery, approve_line, asks, credential, summary};
pub use shown::{Shown, help, inspection, list};
pub use stopped::{paused, paused_onward, released, request_ended, revoked};
pub use timed::{ends_soon, has_ended, reminder, state, with_state};

use super::ids::{RequestNumber, Seq};
use machine::Block;

/// A comment's text: the visible part and the hidden block.
pub fn comment(text: &str, block: Block, seq: Seq) -> String {
    format!("{}\n\n{}", text.trim_end(), block.render(seq))
}

/// A refusal: what was asked does not happen, why, and the line to copy if there is one.
pub fn refusal(
    text: &str,
    copy: Option<&str>,
    code: &str,
    about: Option<RequestNumber>,
    seq: Seq,
) -> String {
    let shown = match copy {
        Some(line) => format!("{text}\n\n{}", fence(line)),
        None => text.to_owned(),
    };
    comment(&shown, Block::refusal(code, text).about(about), seq)
}

/// A notice: something happened.
pub fn notice(text: &str, about: Option<RequestNumber>, seq: Seq) -> String {
    comment(text, Block::notice().about(about), seq)
}

/// A line of ours, or a foreign one that was found to be plain ASCII, in a fence.
pub fn fence(line: &str) -> String {
    let longest = line
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    format!("{ticks}\n{line}\n{ticks}")
}
