//! A board that stands still goes on: a request through the strictest gate, which is what all gates of
//! the board demand together.
//!
//! While a board stands still nothing on it widens, so that what goes on is at most what stood still;
//! the digest therefore names the standstill by its beginning and no list of what lives.

use serde_json::json;

use super::super::audit::Entry;
use super::super::key::Key;
use super::super::policy::{Board, STRICTEST};
use super::super::reply;
use super::super::request::{Action, Wanted};
use super::super::thread::Standstill;
use super::super::verdict::Opening;
use super::happened::Happened;
use super::propose::{Proposal, Refusal};
use super::said::Said;
use super::{Draft, issue};

/// What would be asked for.
pub(super) fn proposal(draft: &Draft<'_>, said: &Said<'_>) -> Result<Proposal, Refusal> {
    if !said.by_owner() {
        let text = "Only an owner of this board can ask that it goes on.";
        return Err((text.to_owned(), "not_an_owner"));
    }
    let Some(effect) = effect(draft, said.board) else {
        let text = "This board does not stand still.";
        return Err((text.to_owned(), "nothing_to_do"));
    };
    Ok(Proposal::of(Action::Thaw, effect))
}

/// What would go on; `None` if the board does not stand still.
pub(super) fn effect(draft: &Draft<'_>, board: &Board) -> Option<Wanted> {
    let standstill: Standstill = draft.get(&Key::standstill(board.repository_id))?;
    Some(Wanted {
        environment: STRICTEST.to_owned(),
        since: Some(standstill.at),
        ..Wanted::default()
    })
}

/// The gate is open: the board goes on.
pub(super) fn act(draft: &mut Draft<'_>, said: &Said<'_>, opening: &Opening) -> Happened {
    let request = opening.request();
    draft.remove(Key::standstill(said.board.repository_id));
    let by = issue::names(said.board, opening.approvers());
    let text = format!("for {}", request.number);
    Happened {
        entry: Entry::new("board_thawed", said.actor(), text)
            .in_thread(said.thread)
            .with_facts(json!({ "since": request.effect.since })),
        outcome: "thawed",
        text: reply::thawed(request.number, said.board, &by),
    }
}
