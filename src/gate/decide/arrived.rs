//! Something came in: is it new, does it have to be decided, does it overtake, and did a secret
//! stand in it?
//!
//! Nothing is granted here and nothing that a delivery says about people is believed, except that it
//! may move a command to the front. A live token in the text is revoked at once, whoever wrote it.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::Reading;
use super::super::credential::Check;
use super::super::event::{Accepted, Arrival, Leak, Look, Road, Spoken, What};
use super::super::ids::UserId;
use super::super::key::{Key, Subject};
use super::super::policy::Board;
use super::super::thread::{Seen, Thread};
use super::lifecycle;
use super::{Answer, Draft, Taken};

/// Takes an arrival in.
pub(super) fn decide(draft: &mut Draft<'_>, arrival: &Arrival) {
    let accepted = &arrival.accepted;
    draft.answer(Answer::Taken(Taken::Nothing));
    draft.cause("arrived", facts(accepted));
    leaks(draft, arrival);
    let Some(board) = draft.board(accepted.thread()) else {
        return;
    };
    match &accepted.what {
        What::Comment(spoken) => {
            let subject = Subject::Comment(spoken.id);
            once(draft, board, accepted, spoken, subject, spoken.reading());
        }
        What::Opened(spoken) => {
            let subject = Subject::Issue(spoken.id);
            once(
                draft,
                board,
                accepted,
                spoken,
                subject,
                spoken.reading_as_issue(),
            );
        }
        What::Look(look) => trigger(draft, accepted, look),
    }
}

/// Ids and hashes only; the journal keeps no bodies.
fn facts(accepted: &Accepted) -> serde_json::Value {
    let what = match &accepted.what {
        What::Comment(spoken) => json!({ "comment": spoken.id, "body": spoken.body }),
        What::Opened(spoken) => json!({ "issue": spoken.id, "body": spoken.body }),
        What::Look(look) => json!({ "look": look }),
    };
    json!({
        "road": accepted.road,
        "repository": accepted.repository,
        "issue": accepted.issue,
        "unverified_sender": accepted.unverified_sender,
        "what": what,
    })
}

/// Texts act once, keyed by what they are about. The key is used up by the first decision on a
/// re-read body that equals the delivered one; until then every other body is welcome to wait.
fn once(
    draft: &mut Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    spoken: &Spoken,
    subject: Subject,
    reading: Reading,
) {
    let key = Key::seen(accepted.repository, subject);
    let mut seen = draft
        .get::<Seen>(&key)
        .unwrap_or_else(|| Seen::new(spoken.body.clone(), accepted.at));
    seen.sight(&spoken.body);
    let narrows = matches!(&reading, Reading::Command(command) if command.narrows());
    let caught_up = accepted.road == Road::CatchUp;
    let decided = seen.used || seen.own || (seen.told && caught_up);
    // A delivery of what was caught up is a new reason to decide it; the reverse is not.
    let waits = caught_up && seen.pending.contains_key(spoken.body.as_str());
    let speaks = !matches!(reading, Reading::Nothing) && !decided && !waits;
    if !speaks {
        draft.put(key, &seen);
        return;
    }
    if !may_speak(draft, board, accepted, spoken.unverified_author) {
        // Whoever becomes an owner later has not said it as one.
        seen.many = true;
        draft.put(key, &seen);
        draft.answer(Answer::Taken(Taken::Stranger));
        return;
    }
    if let Some(waiting) = seen.pending.get(spoken.body.as_str()).copied() {
        let known = draft.get::<Accepted>(&Key::inbox(waiting));
        let merged = known.is_some_and(|known| {
            known.road == Road::Hook && known.unverified_sender == accepted.unverified_sender
        });
        if merged {
            draft.put(key, &seen);
            return;
        }
    }
    seen.pending
        .insert(spoken.body.as_str().to_owned(), draft.given.seq.0);
    draft.put(key, &seen);
    let owner = spoken
        .unverified_author
        .is_some_and(|author| board.owner(author).is_some());
    if narrows || owner {
        draft.use_reserve();
    }
    wait(draft, accepted, narrows);
}

/// Whether the author by the delivery could be answered at all. Strangers get no answer, only a
/// counter; a forged author only costs the forger a re-read.
fn may_speak(
    draft: &Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    author: Option<UserId>,
) -> bool {
    let Some(author) = author.filter(|author| author.is_somebody()) else {
        return false;
    };
    if board.may_ask(author) || board.owner(author).is_some() {
        return true;
    }
    let thread: Thread = draft.get_or_default(&Key::thread(accepted.thread()));
    lifecycle::requesters_of(draft, &thread).contains(&author)
}

/// Triggers say "look again": they are merged only while undecided, and that is the worker's work;
/// each is durable. The new text of an edit is noted, so that the comment counts for nothing more.
fn trigger(draft: &mut Draft<'_>, accepted: &Accepted, look: &Look) {
    let mut like_command = false;
    if let Look::Edited {
        comment,
        body,
        like_command: like,
    } = look
    {
        like_command = *like;
        let key = Key::seen(accepted.repository, Subject::Comment(comment.0));
        let mut seen = draft.get::<Seen>(&key).unwrap_or_else(|| Seen {
            many: true,
            ..Seen::new(body.clone(), accepted.at)
        });
        seen.sight(body);
        draft.put(key, &seen);
    }
    if let Look::Edited { .. } | Look::Deleted(_) | Look::Stray(_) = look {
        let thread: Thread = draft.get_or_default(&Key::thread(accepted.thread()));
        let nothing_here = thread.requests.is_empty() && thread.identities.is_empty();
        if nothing_here && !like_command {
            return;
        }
    }
    draft.use_reserve();
    wait(draft, accepted, matches!(look, Look::Issue));
}

fn wait(draft: &mut Draft<'_>, accepted: &Accepted, urgent: bool) {
    let line = draft.given.seq.0;
    let accepted = Accepted {
        urgent,
        ..accepted.clone()
    };
    draft.put(Key::inbox(line), &accepted);
    draft.answer(Answer::Taken(Taken::Waits { line, urgent }));
}

/// A live token seen anywhere is revoked at once; a secret age key burns its recipient.
fn leaks(draft: &mut Draft<'_>, arrival: &Arrival) {
    let thread = arrival.accepted.thread();
    for leak in &arrival.leaks {
        match leak {
            Leak::Token(macs) => {
                let found = macs
                    .iter()
                    .find_map(|mac| draft.get::<Check>(&Key::check(mac)));
                if let Some(check) = found {
                    lifecycle::revoke_leaked(draft, &check, thread);
                }
            }
            Leak::AgeKey(recipient) => {
                if lifecycle::burn_recipient(draft, recipient, thread) {
                    let text = "a secret age key stood in a text of this thread";
                    draft.entry(
                        Entry::new("age_key_leaked", Actor::Bot, text)
                            .in_thread(thread)
                            .with_facts(json!({ "recipient": recipient })),
                    );
                }
            }
        }
    }
}
