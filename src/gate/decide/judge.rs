//! A judge's comment: taken in without its text, read again, and kept with its thread as advice.
//!
//! It is evidence like an approval: by the author's number, unedited, in its own thread. It never
//! opens anything. What is wrong with a judge's own comment is an entry in the audit and no more; what
//! anybody else writes between such markers leaves nothing at all, so that no stranger can fill the
//! journal.

use std::borrow::Cow;

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::Reading;
use super::super::effect::Reaction;
use super::super::event::{Accepted, Road, Spoken, What};
use super::super::evidence::{Need, ReadIssue, Reads};
use super::super::ids::{CommentId, Hash, ThreadKey, UserId};
use super::super::judgement::{Heard, Judged, Judgement, Standing, Weighing};
use super::super::key::{Key, Subject};
use super::super::policy::{Board, Gate};
use super::super::reply;
use super::super::request::Request;
use super::super::thread::{Seen, Thread};
use super::super::time::seconds_between;
use super::super::verdict::IN_TIME;
use super::said::Said;
use super::{Draft, known};

/// True if a text is a judge's comment with a marked block in it. A comment that is a command is that
/// command.
pub(super) fn hears(board: &Board, spoken: &Spoken, subject: Subject) -> bool {
    let author = spoken.unverified_author;
    spoken.judgement.is_some()
        && matches!(subject, Subject::Comment(_))
        && author.is_some_and(|author| board.judges.contains_key(&author))
        && !matches!(spoken.reading(), Reading::Command(_))
}

/// What waits in the inbox: a judgement without the text around it, every other text without one.
pub(super) fn kept(accepted: &Accepted, judges: bool) -> Accepted {
    let mut kept = accepted.clone();
    if let What::Comment(spoken) | What::Opened(spoken) = &mut kept.what {
        if judges {
            spoken.text.clear();
            spoken.cut = false;
        } else {
            spoken.judgement = None;
        }
    }
    kept
}

/// Decides a judgement that was read again. One that was only found by reading back is not used up:
/// its delivery may still come, and counts for more.
pub(super) fn decide(draft: &mut Draft<'_>, mut said: Said<'_>, now: &Hash, heard: &Heard) {
    let key = Key::seen(said.accepted.repository, said.subject);
    if !said.board.judges.contains_key(&said.author) {
        said.seen.used |= now == said.body;
        draft.put(key, &said.seen);
        return draft.outcome("judgement", "stranger");
    }
    if now == said.body {
        let delivered = said.accepted.road == Road::Hook;
        said.seen.used |= delivered;
        said.seen.told |= !delivered;
        draft.put(key, &said.seen);
    } else {
        said.seen.sight(now);
        let known = std::mem::replace(&mut said.seen.explained, true);
        draft.put(key, &said.seen);
        if known {
            return draft.outcome("judgement", "void");
        }
    }
    match (fault(&said, now, heard), heard) {
        (None, Heard::Judgement(judgement)) => take(draft, &said, judgement),
        (Some(why), _) => void(draft, &said, why),
        (None, Heard::Void(fault)) => void(draft, &said, fault.code()),
    }
}

/// What is wrong with the comment, whatever stands in it.
fn fault(said: &Said<'_>, now: &Hash, heard: &Heard) -> Option<&'static str> {
    let by_another =
        said.accepted.road == Road::Hook && said.accepted.unverified_sender != Some(said.author);
    let elsewhere = matches!(heard, Heard::Judgement(judgement)
        if !judgement.is_about(&said.board.repository, said.thread.issue));
    if now != said.body || said.is_weak() || said.seen.first != *said.body {
        Some("edited")
    } else if by_another {
        Some("sent_by_another")
    } else {
        elsewhere.then_some("other_target")
    }
}

/// It counts for nothing, and if it counted before, it does so no more.
fn void(draft: &mut Draft<'_>, said: &Said<'_>, why: &str) {
    draft.outcome("judgement", "void");
    draft.entry(
        Entry::new("judgement_void", said.actor(), why)
            .in_thread(said.thread)
            .with_facts(json!({ "comment": said.comment() })),
    );
    if let Some(comment) = said.comment() {
        fell(draft, said.thread, comment, |_| false);
    }
}

/// A judge's comment that is too long to be read.
pub(super) fn unread(draft: &mut Draft<'_>, accepted: &Accepted, comment: CommentId) {
    draft.outcome("judgement", "void");
    draft.entry(
        Entry::new("judgement_void", Actor::Bot, "too_large")
            .in_thread(accepted.thread())
            .with_facts(json!({ "comment": comment })),
    );
}

/// Keeps it as its judge's newest in the thread.
fn take(draft: &mut Draft<'_>, said: &Said<'_>, judgement: &Judgement) {
    let (Some(comment), Some(found)) = (said.comment(), said.found) else {
        return;
    };
    let issue = match said.reads.issues.get(&said.thread.issue) {
        None => return draft.need(Need::Issue(said.thread.issue)),
        Some(ReadIssue::Gone) => return draft.outcome("judgement", "gone"),
        Some(ReadIssue::Found(issue)) => issue,
    };
    let key = Key::thread(said.thread);
    let mut thread: Thread = draft.get_or_default(&key);
    let known = thread.judgements.get(&said.author).map(|it| it.comment);
    if known > Some(comment) {
        return draft.outcome("judgement", "older");
    }
    let apart = seconds_between(found.created_at, said.seen.at).abs();
    let judged = Judged {
        comment,
        body: said.body.clone(),
        said: judgement.clone(),
        counts: said.accepted.road == Road::Hook && apart <= IN_TIME,
        seen_at: said.seen.at,
        served: None,
        fallen: false,
    };
    draft.entry(
        Entry::new("judgement_heard", said.actor(), &judgement.action)
            .in_thread(said.thread)
            .with_facts(json!({
                "comment": comment,
                "body": judged.body,
                "counts": judged.counts,
                "fits": judgement.fits(issue),
            })),
    );
    let judges = &said.board.judges;
    thread
        .judgements
        .retain(|user, _| judges.contains_key(user));
    thread.judgements.insert(said.author, judged);
    draft.put(key, &thread);
    draft.outcome("judgement", "taken");
    draft.react(said.thread, Some(comment), Reaction::Eyes);
}

/// True if the comment is a judge's newest judgement in the thread.
pub(super) fn stands(draft: &Draft<'_>, thread: ThreadKey, comment: CommentId) -> bool {
    let record: Thread = draft.get_or_default(&Key::thread(thread));
    let mut all = record.judgements.values();
    all.any(|judged| judged.comment == comment && !judged.fallen)
}

/// A comment is not what it was: a judgement in it counts no longer. Whoever waits for one is told.
pub(super) fn fell(
    draft: &mut Draft<'_>,
    thread: ThreadKey,
    comment: CommentId,
    unchanged: impl Fn(&Hash) -> bool,
) {
    let key = Key::thread(thread);
    let mut record: Thread = draft.get_or_default(&key);
    let falls =
        |judged: &Judged| judged.comment == comment && !judged.fallen && !unchanged(&judged.body);
    let mut all = record.judgements.iter_mut();
    let Some((user, judged)) = all.find(|(_, judged)| falls(judged)) else {
        return;
    };
    let user = *user;
    judged.fallen = true;
    draft.put(key, &record);
    draft.use_reserve();
    draft.entry(
        Entry::new(
            "judgement_dropped",
            Actor::User(user),
            "the judgement was edited or deleted",
        )
        .in_thread(thread)
        .with_facts(json!({ "comment": comment })),
    );
    let Some(board) = draft.board(thread) else {
        return;
    };
    let waits = |request: &Request| {
        let summary = request.summary.as_ref().map(|summary| summary.comment);
        required(board, request).is_some() && summary.is_some_and(|summary| summary < comment)
    };
    let open = known::open_in(draft, thread);
    if let (Some(judge), Some(request)) =
        (board.judges.get(&user), open.iter().find(|it| waits(it)))
    {
        let text = format!(
            "{}: the judgement of {} was edited or deleted and counts no longer.",
            request.number,
            reply::escape::login(&judge.login)
        );
        draft.tell(thread, &text, Some(request.number));
    }
}

/// The gate of a request, if it demands a judgement.
fn required<'a>(board: &'a Board, request: &Request) -> Option<Cow<'a, Gate>> {
    board
        .gate(&request.effect.environment)
        .filter(|gate| gate.judge_required)
}

/// The judgements in a request's thread, each of an account that is a judge now.
fn of_judges(draft: &Draft<'_>, board: &Board, thread: ThreadKey) -> Vec<(UserId, Judged)> {
    let record: Thread = draft.get_or_default(&Key::thread(thread));
    let all = record.judgements.into_iter();
    all.filter(|(user, _)| board.judges.contains_key(user))
        .collect()
}

/// Comments with judgements that a request's gate will look at: read again as approvals are.
pub(super) fn relied_on(draft: &Draft<'_>, board: &Board, request: &Request) -> Vec<CommentId> {
    let summary = request.summary.as_ref().map(|summary| summary.comment);
    let (Some(_), Some(summary)) = (required(board, request), summary) else {
        return Vec::new();
    };
    of_judges(draft, board, request.thread)
        .into_iter()
        .map(|(_, judged)| judged.comment)
        .filter(|comment| *comment > summary)
        .collect()
}

/// How the judgements in a request's thread stand to it, if its gate looks at them.
pub(super) fn standings(
    draft: &Draft<'_>,
    board: &Board,
    reads: &Reads,
    request: &Request,
) -> Vec<(UserId, Standing)> {
    let issue = reads.issues.get(&request.thread.issue);
    let (Some(_), Some(issue)) = (required(board, request), issue) else {
        return Vec::new();
    };
    let weigh = |(user, judged): (UserId, Judged)| {
        let subject = Subject::Comment(judged.comment.0);
        let seen = draft.get::<Seen>(&Key::seen(request.thread.repository, subject));
        let standing = judged.standing(&Weighing {
            user,
            judge: board.judges.get(&user)?,
            request,
            comment: reads.comments.get(&judged.comment),
            seen: seen.as_ref(),
            issue,
        });
        Some((user, standing))
    };
    let all = of_judges(draft, board, request.thread).into_iter();
    all.filter_map(weigh).collect()
}

/// The gate is open: the judgements that let this request through let no other through.
pub(super) fn serve(draft: &mut Draft<'_>, said: &Said<'_>, request: &Request) {
    let key = Key::thread(request.thread);
    let mut record: Thread = draft.get_or_default(&key);
    for (user, standing) in standings(draft, said.board, said.reads, request) {
        if let (Standing::Serves, Some(judged)) = (standing, record.judgements.get_mut(&user)) {
            judged.served = Some(request.number);
            draft.entry(
                Entry::new("judgement_served", Actor::User(user), &judged.said.action)
                    .in_thread(request.thread)
                    .about_request(request.number)
                    .with_facts(json!({ "comment": judged.comment, "body": judged.body })),
            );
        }
    }
    draft.put(key, &record);
}

/// What the judges advise in a thread, one line each; `None` after having asked for its issue.
pub(super) fn advice(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    thread: ThreadKey,
) -> Option<Vec<String>> {
    let mut all = of_judges(draft, said.board, thread);
    all.retain(|(_, judged)| !judged.fallen);
    if all.is_empty() {
        return Some(Vec::new());
    }
    let issue = match said.reads.issues.get(&thread.issue) {
        // What cannot be read again advises nothing.
        None if said.reads.away.is_some() => return Some(Vec::new()),
        None => {
            draft.need(Need::Issue(thread.issue));
            return None;
        }
        Some(ReadIssue::Gone) => return Some(Vec::new()),
        Some(ReadIssue::Found(issue)) => issue,
    };
    let line = |(user, judged): &(UserId, Judged)| {
        let judge = said.board.judges.get(user)?;
        Some(reply::advice(&judge.login, judged, issue))
    };
    Some(all.iter().filter_map(line).collect())
}
