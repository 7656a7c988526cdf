//! Freezing: a whole board stands still, at once. Every check of its tokens is refused and nothing is
//! asked there until its owners let it go on (`thaw.rs`).
//!
//! Lenient in form, and content with weak evidence, since it ends nothing.

use super::super::audit::Entry;
use super::super::command::Words;
use super::super::key::Key;
use super::super::reply;
use super::super::thread::Standstill;
use super::Draft;
use super::named::{because, refuse, shown, told};
use super::said::Said;

/// Decides a freeze.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    if !said.by_owner() {
        let text = "Nothing was stopped: only an owner of this board can let it stand still; `/gate pause` stops one identity.";
        return refuse(draft, said, "freeze", text, "not_an_owner");
    }
    draft.use_reserve();
    let key = Key::standstill(said.board.repository_id);
    let known = draft.get::<Standstill>(&key);
    let reason = words.reason();
    let why = if said.is_weak() {
        because(said, format!("the comment was changed {reason}").trim())
    } else {
        because(said, &reason)
    };
    let standstill = Standstill {
        by: said.author,
        at: draft.now(),
        why: why.clone(),
    };
    draft.put(key, &standstill);
    draft.entry(Entry::new("board_frozen", said.actor(), why).in_thread(said.thread));
    // A request that it goes on names the beginning of the standstill: one from before undoes no later word.
    let text = match known {
        Some(known) => reply::frozen_again(said.board, known.at, &shown(&reason)),
        None => reply::frozen(said.board, &shown(&reason)),
    };
    told(draft, said, &text);
}
