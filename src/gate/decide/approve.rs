//! An owner approves in a comment: which request is meant, and what the owner is told where the yes is
//! not counted. How it is judged is the same for every yes (`yes.rs`).

use serde_json::json;

use super::super::audit::Entry;
use super::super::command::Restated;
use super::super::key::Key;
use super::super::policy::Factor;
use super::super::reply::{self, reasons};
use super::super::request::Request;
use super::super::signed;
use super::super::time::after;
use super::super::verdict::Reason;
use super::said::{Said, explain, refuse};
use super::yes::{self, Outcome, Voice, Yes};
use super::{Draft, propose};

/// How long an approval with the right code waits for the summary's post to be recorded, seconds.
const SUMMARY_WAIT: u64 = 60;

/// Decides an approval.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, restated: &Restated) {
    let (Some(comment), Some(found)) = (said.comment(), said.found) else {
        return;
    };
    let Some(mut request) = meant(draft, said, restated) else {
        return;
    };
    let yes = Yes {
        said,
        restated,
        voice: Voice::Comment(comment, found),
    };
    match yes::judge(draft, &yes, &mut request) {
        Outcome::Denied(denied) => not_counted(draft, said, &request, &denied),
        // The thread was told, or something has to be read first.
        Outcome::Unread
        | Outcome::Fell(_)
        | Outcome::NothingLeft
        | Outcome::Counted { .. }
        | Outcome::Open => {}
    }
}

/// The request that is meant, if it can be decided here and now; says why not.
fn meant(draft: &mut Draft<'_>, said: &Said<'_>, restated: &Restated) -> Option<Request> {
    let request = draft
        .get::<Request>(&Key::request(restated.request))
        .filter(|request| request.thread.repository == said.thread.repository);
    let Some(request) = request else {
        let text = format!("There is no request {} on this board.", restated.request);
        refuse(draft, said, "approve", &text, "unknown_request");
        return None;
    };
    if let Some(reason) = yes::at_once(draft, said, &request) {
        not_counted(draft, said, &request, &[reason]);
        return None;
    }
    if request.summary.is_none() && restated.code == request.code() {
        let until = after(said.accepted.at, SUMMARY_WAIT);
        if draft.now() < until {
            draft.wait_until(until);
            return None;
        }
    }
    Some(request)
}

/// True for an approval whose signature counts, for a gate that demands one: it counts also if the forge
/// did not deliver it. One whose signature does not count waits for its delivery as any other.
pub(super) fn is_signed(draft: &Draft<'_>, said: &Said<'_>, restated: &Restated) -> bool {
    let Some(request) = draft.get::<Request>(&Key::request(restated.request)) else {
        return false;
    };
    let demanded = said
        .board
        .gate(&request.effect.environment)
        .is_some_and(|gate| gate.factors.contains(&Factor::Signature));
    let policy = &draft.given.policy;
    demanded
        && signed::read(policy, said.board, &request, said.author, restated)
            .good()
            .is_some()
}

/// Says why it is not counted, every reason; with the right line where only the line was wrong.
fn not_counted(draft: &mut Draft<'_>, said: &Said<'_>, request: &Request, denied: &[Reason]) {
    let Some(first) = denied.first() else {
        return;
    };
    let line_was_wrong = denied.iter().all(|reason| {
        matches!(
            reason,
            Reason::WrongCode
                | Reason::WiderScopes(_)
                | Reason::WiderTtl(_)
                | Reason::NotRestated(_)
        )
    });
    let copy = line_was_wrong.then(|| reply::approve_line(request));
    draft.entry(
        Entry::new(
            "approval_not_counted",
            said.actor(),
            reasons::all_codes(denied),
        )
        .in_thread(said.thread)
        .about_request(request.number)
        .with_facts(json!({ "comment": said.comment() })),
    );
    let text = format!(
        "Not counted for {}: {}",
        request.number,
        lower(&propose::all(denied, said))
    );
    let code = reasons::code(first);
    draft.outcome("approve", code);
    explain(draft, said, &text, copy.as_deref(), code);
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
