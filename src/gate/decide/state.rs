//! The first line of a summary stays true: the bot edits its own comment when a request's state
//! changes. Nothing else of the comment changes, and nothing rests on what it says.

use super::super::effect::Effect;
use super::super::reply;
use super::super::request::Request;
use super::Draft;

/// Has the summary say how its request stands now, if it was posted and says something else. The
/// caller writes the request.
pub(super) fn show(draft: &mut Draft<'_>, request: &mut Request) {
    let Some(board) = draft.board(request.thread) else {
        return;
    };
    let state = reply::state(request, board, draft.now());
    if state == request.state {
        return;
    }
    let (Some(text), Some(summary)) = (&request.shown, request.summary.as_mut()) else {
        return;
    };
    let body = reply::with_state(text, state.as_deref());
    summary.editing = Some(draft.next_effect());
    let comment = summary.comment;
    request.state = state;
    draft.effect(Effect::Edit {
        thread: request.thread,
        comment,
        request: request.number,
        body,
    });
}
