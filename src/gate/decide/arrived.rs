//! Something came in: is it new, does it have to be decided, does it overtake, and did a secret
//! stand in it?
//!
//! Nothing is granted here and nothing that a delivery says about people is believed, except that it
//! may move a command to the front. What costs nothing to send costs little to take in: strangers'
//! texts and looks at threads in which nothing stands leave no event behind.

use serde_json::json;

use super::super::command::{Command, Reading};
use super::super::event::{Accepted, Arrival, Look, Road, Spoken, What};
use super::super::ids::{CommentId, ThreadKey, UserId};
use super::super::key::{Key, Subject};
use super::super::policy::Board;
use super::super::thread::{Seen, Thread};
use super::{Answer, Draft, Taken};
use super::{judge, known, leak, rests, strangers};

/// Takes an arrival in.
pub(super) fn decide(draft: &mut Draft<'_>, arrival: &Arrival) {
    let accepted = &arrival.accepted;
    draft.answer(Answer::Taken(Taken::Nothing));
    draft.cause("arrived", facts(accepted));
    leak::decide(draft, arrival);
    let Some(board) = draft.board(accepted.thread()) else {
        return;
    };
    match &accepted.what {
        What::Comment(spoken) => {
            let subject = Subject::Comment(spoken.id);
            once(draft, board, accepted, spoken, subject);
        }
        What::Opened(spoken) => {
            let subject = Subject::Issue(spoken.id);
            once(draft, board, accepted, spoken, subject);
        }
        What::Look(look) => trigger(draft, board, accepted, look),
        // A wish is accepted where its thread is opened.
        What::Screened | What::Wished(_) => {}
    }
}

/// Ids and hashes only; the journal keeps no bodies.
pub(super) fn facts(accepted: &Accepted) -> serde_json::Value {
    let what = match &accepted.what {
        What::Comment(spoken) => json!({ "comment": spoken.id, "body": spoken.body }),
        What::Opened(spoken) => json!({ "issue": spoken.id, "body": spoken.body }),
        What::Look(look) => json!({ "look": look }),
        What::Screened => json!({ "screened": true }),
        What::Wished(key) => json!({ "wish": key }),
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
) {
    let key = Key::seen(accepted.repository, subject);
    let mut seen = draft
        .get::<Seen>(&key)
        .unwrap_or_else(|| Seen::new(spoken.body.clone(), accepted.at));
    if seen.own {
        // What the bot posted is known; whoever delivers it as newly written says nothing about it.
        return;
    }
    let flips = seen.sight(&spoken.body);
    let caught_up = accepted.road == Road::CatchUp;
    let over = seen.used || (seen.told && caught_up) || seen.quarantined.contains(&spoken.body);
    let author = spoken.unverified_author;
    let judges = judge::hears(board, spoken, subject);
    let speaks = judges || may_speak(draft, board, accepted, author);
    let calls = !speaks && !over && spoken.text.to_ascii_lowercase().contains("/gate");
    if calls {
        // Whoever becomes an owner later has not said it as one.
        seen.many = true;
        seen.unheard = true;
    }
    if speaks || author == Some(draft.given.policy.bot) {
        draft.put(key.clone(), &seen);
    } else if !strangers::note(draft, accepted, author, &key, &seen) {
        draft.answer(Answer::Taken(Taken::Stranger));
        return;
    }
    if flips && (seen.used || seen.told) {
        look_again(draft, accepted, spoken, subject);
    }
    if over {
        return;
    }
    if !speaks {
        if calls {
            draft.answer(Answer::Taken(Taken::Stranger));
        }
        return;
    }
    heard(draft, board, accepted, spoken, subject, seen, judges);
}

/// Somebody who may speak here said it: if it has to be decided, it waits.
fn heard(
    draft: &mut Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    spoken: &Spoken,
    subject: Subject,
    mut seen: Seen,
    judges: bool,
) {
    let author = spoken.unverified_author;
    let reading = match subject {
        Subject::Comment(_) => spoken.reading(),
        Subject::Issue(_) => spoken.reading_as_issue(),
    };
    if !judges && matches!(reading, Reading::Nothing) {
        return;
    }
    let narrows = matches!(&reading, Reading::Command(command) if command.narrows());
    let urgent = may_narrow(draft, board, accepted, author, &reading);
    if seen.unheard && !urgent {
        return;
    }
    if merged(draft, &seen, accepted, spoken, narrows, urgent) {
        return;
    }
    seen.wait(accepted.issue, &spoken.body, draft.given.seq.0);
    draft.put(Key::seen(accepted.repository, subject), &seen);
    // An owner's approval is taken when the disk is nearly full, too, so that it can be said why
    // nothing widens.
    let approves = matches!(&reading, Reading::Command(Command::Approve(_)))
        && author.is_some_and(|author| board.owner(author).is_some());
    if urgent || approves {
        draft.use_reserve();
    }
    wait(draft, &judge::kept(accepted, judges), urgent);
}

/// Whether this very delivery waits already. Narrowing is never merged with another delivery, which
/// may say less about who sent it; its repetition is harmless, since the first decision uses it up.
/// Only what was caught up is merged with one that is as urgent: it is read again every pass.
fn merged(
    draft: &Draft<'_>,
    seen: &Seen,
    accepted: &Accepted,
    spoken: &Spoken,
    narrows: bool,
    urgent: bool,
) -> bool {
    let known = seen
        .waiting(accepted.issue, &spoken.body)
        .and_then(|line| draft.get::<Accepted>(&Key::inbox(line)))
        .filter(|known| known.issue == accepted.issue);
    let Some(known) = known else {
        return false;
    };
    match accepted.road {
        // A delivery of what was caught up is a new reason to decide it; the reverse is not.
        Road::CatchUp => known.urgent || !urgent,
        Road::Hook => {
            !narrows
                && known.road == Road::Hook
                && known.unverified_sender == accepted.unverified_sender
        }
    }
}

/// A text on which something may rest was seen with another body: what rests on it is judged anew.
fn look_again(draft: &mut Draft<'_>, accepted: &Accepted, spoken: &Spoken, subject: Subject) {
    if !rests::anything(draft, accepted.repository, subject, accepted.thread()) {
        return;
    }
    draft.use_reserve();
    let look = match subject {
        Subject::Comment(id) => Look::Edited {
            comment: CommentId(id),
            body: spoken.body.clone(),
            like_command: false,
            unverified_author: spoken.unverified_author,
        },
        Subject::Issue(_) => Look::IssueEdited,
    };
    let accepted = Accepted {
        what: What::Look(look),
        ..accepted.clone()
    };
    wait(draft, &accepted, false);
}

/// Whether the author by the delivery could be answered at all. Strangers get no answer, only a
/// counter; a forged author only costs the forger a re-read.
fn may_speak(
    draft: &Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    author: Option<UserId>,
) -> bool {
    author
        .filter(|author| author.is_somebody())
        .is_some_and(|author| known::may_speak(draft, board, accepted.thread(), author))
}

/// Whether the author by the delivery may give this narrowing: then it overtakes what waits, and may
/// use the disk's reserve.
fn may_narrow(
    draft: &Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    author: Option<UserId>,
    reading: &Reading,
) -> bool {
    let (Some(author), Reading::Command(command)) = (author, reading) else {
        return false;
    };
    let asked = || known::has_asked_in(draft, accepted.thread(), author);
    match command {
        Command::Deny(_) | Command::Freeze(_) => board.owner(author).is_some(),
        Command::Release(_) => asked(),
        Command::Revoke(_) | Command::Pause(_) | Command::Narrow(_) | Command::Withdraw(_) => {
            board.owner(author).is_some() || asked()
        }
        Command::Request(_)
        | Command::Approve(_)
        | Command::Rotate(_)
        | Command::Resume(_)
        | Command::Thaw
        | Command::Link(..)
        | Command::Own(_)
        | Command::Inspect(_)
        | Command::Audit(_)
        | Command::List
        | Command::Help(_) => false,
    }
}

/// Triggers say "look again": they are merged only while undecided, and that is the worker's work;
/// each is durable. The new text of an edit is noted, so that the comment counts for nothing more.
///
/// A look at what nothing rests on leaves nothing behind. An event that is still undecided needs no
/// such look: its decision reads everything that it counts again.
fn trigger(draft: &mut Draft<'_>, board: &Board, accepted: &Accepted, look: &Look) {
    let thread = accepted.thread();
    match look {
        Look::Edited { .. } => edited(draft, board, accepted, look),
        Look::Deleted(comment) => {
            if rests_on(draft, accepted, *comment) {
                draft.use_reserve();
                wait(draft, accepted, false);
            }
        }
        Look::Stray(comment) => {
            // Acted on once, wherever it stands: it must not end what is asked there later.
            let key = Key::seen(accepted.repository, Subject::Comment(comment.0));
            let known = draft.get::<Seen>(&key);
            if !known.is_some_and(|seen| seen.own || seen.explained) {
                wait(draft, accepted, false);
            }
        }
        Look::IssueEdited => {
            let subject = Subject::Issue(thread.issue.0);
            if rests::anything(draft, accepted.repository, subject, thread) {
                draft.use_reserve();
                wait(draft, accepted, false);
            }
        }
        Look::Issue => {
            let stands = rests::stands(draft, thread);
            if stands || is_noted(draft, board, thread) {
                draft.use_reserve();
                wait(draft, accepted, stands);
            }
        }
        Look::Reopened => {
            let matters = rests::is_closed(draft, thread) || rests::stands(draft, thread);
            if matters || is_noted(draft, board, thread) {
                draft.use_reserve();
                wait(draft, accepted, matters);
            }
        }
    }
}

/// Where signatures open gates without the forge it matters how a thread was last seen.
fn is_noted(draft: &Draft<'_>, board: &Board, thread: ThreadKey) -> bool {
    let offline = board.gates.values().any(|gate| gate.offline);
    let known: Thread = draft.get_or_default(&Key::thread(thread));
    offline && known.seen.is_some()
}

/// The new text of an edit is noted. Its author is told what an edited command is worth, also when
/// somebody else edited: it is the author's word that does not count any more.
fn edited(draft: &mut Draft<'_>, board: &Board, accepted: &Accepted, look: &Look) {
    let Look::Edited {
        comment,
        body,
        like_command,
        unverified_author,
    } = look
    else {
        return;
    };
    let key = Key::seen(accepted.repository, Subject::Comment(comment.0));
    let known = draft.get::<Seen>(&key);
    // An edit that changes nothing is delivered, too (Forgejo), and does nothing. What was not decided
    // may have been read back after the edit, before its delivery.
    let same = known
        .as_ref()
        .is_some_and(|known| known.used && known.only(body));
    let mut seen = known.unwrap_or_else(|| Seen {
        many: true,
        ..Seen::new(body.clone(), accepted.at)
    });
    seen.sight(body);
    let speaks = may_speak(draft, board, accepted, *unverified_author);
    let told = *like_command && !same && speaks;
    let rests = rests_on(draft, accepted, *comment);
    let known_voice = speaks || *unverified_author == Some(draft.given.policy.bot);
    if known_voice || rests {
        draft.put(key, &seen);
    } else {
        strangers::note(draft, accepted, *unverified_author, &key, &seen);
    }
    if rests {
        draft.use_reserve();
    }
    if told || rests {
        let look = Look::Edited {
            comment: *comment,
            body: body.clone(),
            like_command: told,
            unverified_author: *unverified_author,
        };
        let what = What::Look(look);
        let accepted = Accepted {
            what,
            ..accepted.clone()
        };
        wait(draft, &accepted, false);
    }
}

fn rests_on(draft: &Draft<'_>, accepted: &Accepted, comment: CommentId) -> bool {
    rests::anything(
        draft,
        accepted.repository,
        Subject::Comment(comment.0),
        accepted.thread(),
    )
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
