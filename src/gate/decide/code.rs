//! One-time codes: what the first one in an owner's comment says, and that it is used up by having been
//! seen, whatever becomes of the comment.
//!
//! Only codes in comments that the owner wrote count, so that nobody else can lock an owner out.

use super::super::audit::Entry;
use super::super::event::{Otp, What};
use super::super::key::Key;
use super::super::thread::FactorState;
use super::super::time::after;
use super::super::verdict::CodeRead;
use super::Draft;
use super::said::Said;

/// Wrong codes that lock the factor.
const WRONG: u32 = 5;
/// How long it is locked then, in seconds.
const LOCK: u64 = 900;
/// Locks without a right code in between, after which only the host unlocks it.
const LOCKS: u32 = 3;

/// Reads the code of a comment and uses it up.
pub(super) fn burn(draft: &mut Draft<'_>, said: &Said<'_>) -> CodeRead {
    let Some(otp) = otp(&said.accepted.what) else {
        return CodeRead::Absent;
    };
    let has_code = said
        .board
        .owner(said.author)
        .is_some_and(|owner| owner.has_code);
    if !has_code {
        return CodeRead::Absent;
    }
    let key = Key::factor(said.author);
    let mut state: FactorState = draft.get_or_default(&key);
    let read = look(draft, said, &mut state, otp);
    draft.put(key, &state);
    read
}

fn otp(what: &What) -> Option<Otp> {
    match what {
        What::Comment(spoken) => spoken.otp,
        What::Opened(_) | What::Look(_) | What::Screened | What::Wished(_) => None,
    }
}

fn look(draft: &mut Draft<'_>, said: &Said<'_>, state: &mut FactorState, otp: Otp) -> CodeRead {
    let new = otp
        .step
        .filter(|step| state.last_step.is_none_or(|last| *step > last));
    state.last_step = state.last_step.max(otp.step);
    if state.locks >= LOCKS {
        return CodeRead::Locked(None);
    }
    if let Some(until) = state.until.filter(|until| draft.now() < *until) {
        return CodeRead::Locked(Some(until));
    }
    if new.is_some() {
        state.wrong = 0;
        state.locks = 0;
        state.until = None;
        return CodeRead::Good;
    }
    state.wrong += 1;
    if state.wrong >= WRONG {
        state.wrong = 0;
        state.locks += 1;
        state.until = Some(after(draft.now(), LOCK));
        let text = format!(
            "{WRONG} wrong one-time codes, lock {} of {LOCKS}",
            state.locks
        );
        draft.entry(Entry::new("code_locked", said.actor(), text).in_thread(said.thread));
    }
    CodeRead::Bad
}
