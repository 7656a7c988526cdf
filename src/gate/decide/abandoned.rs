//! An accepted event that cannot be decided is given up: what it is about could not be read for a
//! day, or deciding it failed inside the program. It is said and never tried again.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::one_line;
use super::super::event::{Accepted, What};
use super::super::key::Key;
use super::super::thread::Share;
use super::{Draft, comment, wish};

/// Gives an event up.
pub(super) fn decide(draft: &mut Draft<'_>, line: u64, why: &str, quarantined: bool) {
    draft.use_reserve();
    let Some(accepted) = draft.get::<Accepted>(&Key::inbox(line)) else {
        return;
    };
    draft.remove(Key::inbox(line));
    comment::forget(draft, &accepted, line, quarantined);
    let why = &one_line(why, 200);
    let code = if quarantined {
        "quarantined"
    } else {
        "closed_unread"
    };
    draft.cause(code, json!({ "accepted": line, "why": why }));
    draft.outcome("abandoned", code);
    draft.entry(
        Entry::new(code, Actor::Bot, why)
            .in_thread(accepted.thread())
            .with_facts(json!({ "accepted": line })),
    );
    let author = match &accepted.what {
        What::Comment(spoken) | What::Opened(spoken) => spoken.unverified_author,
        What::Look(_) | What::Screened => None,
        What::Wished(key) => return wish::given_up(draft, &accepted, key, why),
    };
    let board = draft.board(accepted.thread());
    let may_command = author
        .zip(board)
        .is_some_and(|(author, board)| board.may_command(author));
    if may_command {
        let text = if quarantined {
            "A command here could not be decided because of a fault of mine; it did nothing. Whoever runs me finds it in the journal."
        } else {
            "A command here could not be read again for a day; it did nothing. Post it as a new comment."
        };
        draft.explain(accepted.thread(), text, None, code, None, Share::Others);
    }
}
