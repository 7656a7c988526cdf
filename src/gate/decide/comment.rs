//! An accepted text is decided: what it is now on the forge, who wrote it, and which verb it is.
//!
//! Only the re-read comment says who wrote it and what it says. A text that is not what was
//! delivered, has no author, or stands elsewhere does nothing.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::{Command, Reading};
use super::super::event::{Accepted, Look, Road, Spoken, What};
use super::super::evidence::{Need, ReadComment, ReadIssue, Reads};
use super::super::ids::{CommentId, Hash, IssueNumber, ThreadKey};
use super::super::key::{Key, Subject};
use super::super::policy::Board;
use super::super::reply::{self, reasons};
use super::super::thread::{Seen, Share};
use super::super::time::after;
use super::super::verdict::{CodeRead, Reason};
use super::said::{Said, explain};
use super::{
    Draft, approve, audited, code, freeze, judge, known, look, narrow, pause, refuse, release,
    revoke, show, unread, wanted, wish, yes,
};

/// How long a caught-up approval waits for its delivery, in seconds.
const CAUGHT_UP: u64 = 10;

/// Decides an accepted event with what was read for it. Its record is removed, which may use the
/// reserve: what was accepted below it is bounded, nothing widens there, and only owners get more
/// than the answer to what was really stopped (`Draft::explain`).
pub(super) fn waiting(draft: &mut Draft<'_>, line: u64, reads: &Reads) {
    draft.use_reserve();
    let Some(accepted) = draft.get::<Accepted>(&Key::inbox(line)) else {
        return;
    };
    draft.cause("decided", json!({ "accepted": line }));
    draft.remove(Key::inbox(line));
    let Some(board) = draft.board(accepted.thread()) else {
        return;
    };
    let reads = reads.fresh(draft.now());
    match &accepted.what {
        What::Comment(spoken) => {
            let seen = seen_of(draft, &accepted, line);
            comment(draft, board, &accepted, spoken, seen, reads);
        }
        What::Opened(spoken) => {
            let seen = seen_of(draft, &accepted, line);
            opened(draft, board, &accepted, spoken, seen, reads);
        }
        What::Look(look) => look::decide(draft, board, &accepted, look, reads),
        What::Wished(key) => wish::opened(draft, board, &accepted, key, reads),
        What::Screened => {}
    }
}

/// What a waiting text is about.
fn subject(what: &What) -> Option<(Subject, &Hash)> {
    match what {
        What::Comment(spoken) => Some((Subject::Comment(spoken.id), &spoken.body)),
        What::Opened(spoken) => Some((Subject::Issue(spoken.id), &spoken.body)),
        What::Look(_) | What::Screened | What::Wished(_) => None,
    }
}

/// What was first seen of a text, without this delivery's waiting.
fn seen_of(draft: &mut Draft<'_>, accepted: &Accepted, line: u64) -> Seen {
    let Some((subject, body)) = subject(&accepted.what) else {
        return Seen::new(Hash::of(b""), accepted.at);
    };
    let key = Key::seen(accepted.repository, subject);
    let mut seen = draft
        .get::<Seen>(&key)
        .unwrap_or_else(|| Seen::new(body.clone(), accepted.at));
    seen.settle(accepted.issue, body, line);
    draft.put(key, &seen);
    seen
}

fn comment(
    draft: &mut Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    spoken: &Spoken,
    seen: Seen,
    reads: &Reads,
) {
    let id = CommentId(spoken.id);
    if seen.used {
        return draft.outcome("comment", "known");
    }
    let Some(read) = reads.comments.get(&id) else {
        return draft.need(Need::Comment(id));
    };
    let (found, reading) = match read {
        ReadComment::Found(found) => (found, spoken.reading()),
        ReadComment::InPull(found) => (found, spoken.reading_in_pull()),
        ReadComment::Gone => {
            unread::not_borne_out(draft, accepted);
            return draft.outcome("comment", "gone");
        }
        ReadComment::NotPlain => return draft.outcome("comment", "not_plain"),
        ReadComment::TooLarge if spoken.judgement.is_some() => {
            return judge::unread(draft, accepted, id);
        }
        ReadComment::TooLarge => return too_large(draft, board, accepted, spoken),
    };
    let Some(author) = found.author.filter(|author| author.is_somebody()) else {
        return nobody(draft, board, accepted, spoken);
    };
    if found.issue != accepted.issue {
        return draft.outcome("comment", "elsewhere");
    }
    let said = Said {
        board,
        accepted,
        reads,
        thread: accepted.thread(),
        subject: Subject::Comment(spoken.id),
        author,
        login: &found.login,
        body: &spoken.body,
        found: Some(found),
        seen,
        code: CodeRead::Absent,
    };
    if let Some(heard) = &spoken.judgement {
        return judge::decide(draft, said, &found.body, heard);
    }
    said_again(draft, said, &found.body, reading);
}

fn opened(
    draft: &mut Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    spoken: &Spoken,
    seen: Seen,
    reads: &Reads,
) {
    if seen.used {
        return draft.outcome("issue", "known");
    }
    let Some(read) = reads.issues.get(&IssueNumber(spoken.id)) else {
        return draft.need(Need::Issue(IssueNumber(spoken.id)));
    };
    let ReadIssue::Found(found) = read else {
        return draft.outcome("issue", "gone");
    };
    let Some(author) = found.author.filter(|author| author.is_somebody()) else {
        return nobody(draft, board, accepted, spoken);
    };
    let Some(body) = &found.body else {
        return draft.outcome("issue", "too_large");
    };
    let said = Said {
        board,
        accepted,
        reads,
        thread: accepted.thread(),
        subject: Subject::Issue(spoken.id),
        author,
        login: &found.login,
        body: &spoken.body,
        found: None,
        seen,
        code: CodeRead::Absent,
    };
    said_again(draft, said, body, spoken.reading_as_issue());
}

/// A comment over 64 KiB is not read; whoever wanted to stop something must learn that.
fn too_large(draft: &mut Draft<'_>, board: &Board, accepted: &Accepted, spoken: &Spoken) {
    draft.outcome("comment", "too_large");
    let known = spoken
        .unverified_author
        .is_some_and(|author| board.may_command(author));
    if known {
        draft.explain(
            accepted.thread(),
            "A command here is longer than 64 KiB and was not read; it did nothing. Post the line alone.",
            None,
            "too_large",
            None,
            Share::Others,
        );
    }
}

/// The author is gone or unknown: not counted, said, closed.
fn nobody(draft: &mut Draft<'_>, board: &Board, accepted: &Accepted, spoken: &Spoken) {
    draft.entry(
        Entry::new(
            "author_unknown",
            Actor::Bot,
            "the forge does not say who wrote this text any more",
        )
        .in_thread(accepted.thread())
        .with_facts(json!({ "id": spoken.id })),
    );
    draft.outcome("comment", "nobody");
    let by_owner = spoken
        .unverified_author
        .is_some_and(|author| board.owner(author).is_some());
    if by_owner {
        draft.explain(
            accepted.thread(),
            "A command here was not counted: the forge does not say any more who wrote it.",
            None,
            "author_unknown",
            None,
            Share::Others,
        );
    }
}

/// The text as it is now, by the author that the forge names now.
fn said_again(draft: &mut Draft<'_>, mut said: Said<'_>, now: &Hash, reading: Reading) {
    let key = Key::seen(said.accepted.repository, said.subject);
    if !known::may_speak(draft, said.board, said.thread, said.author) {
        // Used up all the same: whoever becomes an owner later has not said it as one.
        said.seen.used |= now == said.body;
        draft.put(key, &said.seen);
        unread::not_borne_out(draft, said.accepted);
        return draft.outcome("comment", "stranger");
    }
    if now != said.body {
        unread::not_borne_out(draft, said.accepted);
        said.seen.sight(now);
        let known = std::mem::replace(&mut said.seen.explained, true);
        draft.put(key, &said.seen);
        draft.outcome("comment", "changed");
        if known {
            return;
        }
        draft.explain(
            said.thread,
            "A command here was changed before I could read it again; it did nothing. Post it as a new comment.",
            None,
            "edited",
            None,
            said.share(),
        );
        return;
    }
    if said.accepted.road == Road::CatchUp
        && matches!(&reading, Reading::Command(Command::Approve(restated))
            if !approve::is_signed(draft, &said, restated))
    {
        return caught_up(draft, &mut said);
    }
    said.seen.used = true;
    draft.put(key, &said.seen);
    said.code = code::burn(draft, &said);
    match reading {
        Reading::Nothing => draft.outcome("comment", "nothing"),
        Reading::Fault(fault) => {
            draft.outcome("fault", fault.code());
            let (text, copy) = reply::faults::sentence(&fault);
            explain(draft, &said, &text, copy.as_deref(), fault.code());
        }
        Reading::Command(command) => obey(draft, &said, command),
    }
}

fn obey(draft: &mut Draft<'_>, said: &Said<'_>, command: Command) {
    draft.outcome(command.verb(), "done");
    if said.by_owner() {
        yes::same_login(draft, said);
    }
    match command {
        Command::Request(_)
        | Command::Rotate(_)
        | Command::Resume(_)
        | Command::Own(_)
        | Command::Link(..)
        | Command::Thaw => wanted::decide(draft, said, &command),
        Command::Approve(restated) => approve::decide(draft, said, &restated),
        Command::Deny(words) => refuse::deny(draft, said, &words),
        Command::Withdraw(words) => refuse::withdraw(draft, said, &words),
        Command::Revoke(words) => revoke::decide(draft, said, &words),
        Command::Pause(words) => pause::decide(draft, said, &words),
        Command::Narrow(words) => narrow::decide(draft, said, &words),
        Command::Freeze(words) => freeze::decide(draft, said, &words),
        Command::Release(words) => release::decide(draft, said, &words),
        Command::Inspect(words) => show::inspect(draft, said, &words),
        Command::Audit(words) => audited::decide(draft, said, &words),
        Command::List => show::list(draft, said),
        Command::Help(words) => show::help(draft, said, &words),
    }
}

/// A caught-up approval is not consumed: its delivery may still come and counts then. Ten seconds
/// after it was read, whoever gave it is told to repeat it.
fn caught_up(draft: &mut Draft<'_>, said: &mut Said<'_>) {
    let until = after(said.accepted.at, CAUGHT_UP);
    if draft.now() < until {
        return draft.wait_until(until);
    }
    draft.outcome("approve", "caught_up");
    said.seen.told = true;
    draft.put(
        Key::seen(said.accepted.repository, said.subject),
        &said.seen,
    );
    // Somebody else may have edited it into an approval: nobody is asked to repeat what they never
    // wrote. The edit itself is answered when it is looked at.
    if said.is_weak() {
        return draft.outcome("approve", "edited");
    }
    if let Some(owner) = said.board.owner(said.author) {
        let text = format!(
            "{}: {}.",
            reply::escape::mention(&owner.login),
            reasons::sentence(&Reason::CaughtUp, said.board)
        );
        explain(draft, said, &text, None, reasons::code(&Reason::CaughtUp));
    }
}

/// Gives up an accepted text without having decided it: it is as if it had not come, except that a
/// text on which the program itself failed is never tried again.
pub(super) fn forget(draft: &mut Draft<'_>, accepted: &Accepted, line: u64, quarantined: bool) {
    let Some((subject, body)) = subject(&accepted.what) else {
        return;
    };
    let mut seen = seen_of(draft, accepted, line);
    if quarantined {
        seen.quarantine(body);
        draft.put(Key::seen(accepted.repository, subject), &seen);
    }
}

/// An edited comment that reads like a command; said once, however often it is edited. Who did not
/// edit it is not asked to say what somebody else wrote.
pub(super) fn edited_command(
    draft: &mut Draft<'_>,
    thread: ThreadKey,
    look: &Look,
    by_author: bool,
    share: Share,
) {
    if let Look::Edited {
        like_command: true,
        comment,
        body,
        unverified_author: _,
    } = look
    {
        let key = Key::seen(thread.repository, Subject::Comment(comment.0));
        let now = draft.now();
        let mut seen = draft
            .get::<Seen>(&key)
            .unwrap_or_else(|| Seen::new(body.clone(), now));
        if std::mem::replace(&mut seen.explained, true) {
            return;
        }
        draft.put(key, &seen);
        let text = if by_author {
            "An edited comment never becomes a command. Post the line as a new comment."
        } else {
            "A comment was edited into what reads like a command, by somebody who did not write it; it does nothing."
        };
        draft.explain(thread, text, None, "edited", None, share);
    }
}
