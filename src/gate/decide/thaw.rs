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
use super::super::request::{Action, RequestStatus, Wanted};
use super::super::thread::Standstill;
use super::super::verdict::Opening;
use super::comment::Said;
use super::named::told;
use super::propose::{Proposal, put_up, refuse, standing};
use super::{Draft, issue, lifecycle};

/// Decides the wish that the board goes on.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>) {
    if let Err((text, code)) = standing(draft, said) {
        return refuse(draft, said, "thaw", &text, code);
    }
    if !said.by_owner() {
        let text = "Only an owner of this board can ask that it goes on.";
        return refuse(draft, said, "thaw", text, "not_an_owner");
    }
    match effect(draft, said.board) {
        Some(effect) => put_up(draft, said, Proposal::of(Action::Thaw, effect)),
        None => refuse(
            draft,
            said,
            "thaw",
            "This board does not stand still.",
            "nothing_to_do",
        ),
    }
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
pub(super) fn act(draft: &mut Draft<'_>, said: &Said<'_>, opening: &Opening) {
    let mut request = opening.request().clone();
    draft.remove(Key::standstill(said.board.repository_id));
    lifecycle::end(draft, &mut request, RequestStatus::Approved);
    draft.entry(
        Entry::new(
            "board_thawed",
            said.actor(),
            format!("for {}", request.number),
        )
        .in_thread(said.thread)
        .about_request(request.number)
        .with_facts(json!({
            "digest": request.digest,
            "approvers": opening.approvers(),
            "since": request.effect.since,
        })),
    );
    draft.outcome("approve", "thawed");
    let by = issue::names(said.board, opening.approvers());
    told(draft, said, &reply::thawed(request.number, said.board, &by));
}
