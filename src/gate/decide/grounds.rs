//! What an approval rests on: read again, compared with everything that was ever seen of it, and
//! what falls if it is not what it was.
//!
//! Nothing is counted here. A text that is there as it was, but was seen with another body in
//! between, is not what it was.

use serde_json::json;

use super::super::actor::Actor;
use super::super::approval::{Approval, gate_hash};
use super::super::audit::Entry;
use super::super::effect::Reaction;
use super::super::evidence::{Need, ReadComment, Reads};
use super::super::ids::{CommentId, IssueNumber};
use super::super::key::{Key, Subject};
use super::super::policy::Board;
use super::super::reply::people;
use super::super::request::{Action, Request, Wanted};
use super::super::thread::{Seen, Thread};
use super::super::verdict::{Away, Evidence, RestsOn, SourceRead, source_stands, summary_stands};
use super::said::Said;
use super::{Draft, import, judge, known, lifecycle, link, look, resume, rotate, thaw};

/// Everything that the approval rests on, or `None` after having asked for what is missing.
pub(super) fn gather<'a>(
    draft: &mut Draft<'_>,
    said: &Said<'a>,
    request: &Request,
) -> Option<Evidence<'a>> {
    static NO_SUMMARY: ReadComment = ReadComment::Gone;
    let reads = said.reads;
    let comment = |draft: &mut Draft<'_>, id: CommentId| {
        let read = reads.comments.get(&id);
        if read.is_none() {
            draft.need(Need::Comment(id));
        }
        read
    };
    let issue = reads.issues.get(&request.thread.issue);
    place_is_read(draft, request.thread.issue, reads);
    let source = match request.source.subject {
        Some(Subject::Comment(id)) => comment(draft, CommentId(id)).map(SourceRead::Comment),
        Some(Subject::Issue(_)) => issue.map(SourceRead::Issue),
        None => Some(SourceRead::Host),
    };
    let summary = match &request.summary {
        Some(summary) => comment(draft, summary.comment),
        None => Some(&NO_SUMMARY),
    };
    for id in request
        .approvals
        .iter()
        .filter_map(|approval| approval.comment)
    {
        comment(draft, id);
    }
    for id in judge::relied_on(draft, said.board, request) {
        comment(draft, id);
    }
    let repository = request.thread.repository;
    let seen = |subject: Subject| draft.get::<Seen>(&Key::seen(repository, subject));
    Some(Evidence {
        source_seen: request.source.subject.and_then(seen),
        summary_seen: request
            .summary
            .as_ref()
            .and_then(|summary| seen(Subject::Comment(summary.comment.0))),
        source: source?,
        summary: summary?,
        issue: issue?,
        repository: reads.repository.as_ref()?,
    })
}

/// True if the thread and the repository were read; asks for what was not.
pub(super) fn place_is_read(draft: &mut Draft<'_>, issue: IssueNumber, reads: &Reads) -> bool {
    let (thread, repository) = (
        reads.issues.contains_key(&issue),
        reads.repository.is_some(),
    );
    if !thread {
        draft.need(Need::Issue(issue));
    }
    if !repository {
        draft.need(Need::Repository);
    }
    thread && repository
}

/// What the records say while the forge is away.
pub(super) fn away(draft: &mut Draft<'_>, said: &Said<'_>, environment: &str) -> Away {
    if said.reads.waits.is_none() {
        draft.need(Need::Waiting(said.thread));
    }
    let thread: Thread = draft.get_or_default(&Key::thread(said.thread));
    Away {
        offline: said
            .board
            .gate(environment)
            .is_some_and(|gate| gate.offline),
        seen: thread.seen,
        waits: said.reads.waits.unwrap_or(true),
    }
}

/// Keeps the approvals that stand as they were given, under the rules in force; the others come back.
pub(super) fn keep_standing(
    draft: &Draft<'_>,
    board: &Board,
    reads: &Reads,
    request: &mut Request,
) -> Vec<Approval> {
    let gate = board
        .gate(&request.effect.environment)
        .map(|gate| gate_hash(board, &gate));
    let (kept, dropped): (Vec<Approval>, Vec<Approval>) =
        request.approvals.drain(..).partition(|approval| {
            stands(draft, board, reads, approval) && gate.as_ref() == Some(&approval.gate)
        });
    request.approvals = kept;
    dropped
}

/// True if the comment is there as it was counted, and was never seen with another body in between.
/// What was brought without a comment is a signature, which nobody can change.
fn stands(draft: &Draft<'_>, board: &Board, reads: &Reads, approval: &Approval) -> bool {
    let Some(comment) = approval.comment else {
        return approval.armor.is_some();
    };
    let there = match reads.comments.get(&comment) {
        Some(ReadComment::Found(found)) => {
            found.author == Some(approval.approver) && found.body == approval.body
        }
        Some(_) | None => false,
    };
    let key = Key::seen(board.repository_id, Subject::Comment(comment.0));
    let seen = draft.get::<Seen>(&key);
    there && seen.is_some_and(|seen| seen.only(&approval.body))
}

/// An approval that was edited or deleted since, or given under other rules, counts no longer.
pub(super) fn forget_stale(
    draft: &mut Draft<'_>,
    board: &Board,
    reads: &Reads,
    request: &mut Request,
) {
    for approval in keep_standing(draft, board, reads, request) {
        // That takes away, however little disk there is.
        draft.use_reserve();
        draft.entry(
            Entry::new(
                "approval_dropped",
                Actor::User(approval.approver),
                "the approval was edited, deleted or given under other rules",
            )
            .in_thread(request.thread)
            .about_request(request.number)
            .with_facts(json!({ "comment": approval.comment })),
        );
        let text = format!(
            "{}: the approval by {} counts no longer; it was edited, deleted or given under other rules.",
            request.number,
            people::person(board, approval.approver)
        );
        draft.tell(request.thread, &text, Some(request.number));
    }
}

/// Why a request cannot be decided any more.
pub(super) enum Broken {
    /// The bot's summary is not what the bot sent: nothing in the thread can be relied on.
    Summary,
    /// What was asked is not what it was.
    Request(&'static str),
}

/// What voids the request itself, whoever approves. With the forge away that is what the bot's own
/// records say.
pub(super) fn broken(
    draft: &Draft<'_>,
    board: &Board,
    request: &Request,
    rests_on: &RestsOn<'_>,
) -> Option<Broken> {
    if let RestsOn::Read(evidence) = rests_on {
        if !source_stands(request, evidence.source, evidence.source_seen.as_ref()) {
            return Some(Broken::Request("the text that asked was edited or deleted"));
        }
        if let Some(summary) = &request.summary {
            let seen = evidence.summary_seen.as_ref();
            let bot = draft.given.policy.bot;
            if !summary_stands(summary, evidence.summary, bot, seen) {
                return Some(Broken::Summary);
            }
        }
    }
    broken_here(draft, board, request).map(Broken::Request)
}

/// What voids a request by the bot's own records.
fn broken_here(draft: &Draft<'_>, board: &Board, request: &Request) -> Option<&'static str> {
    let other = request.recompute(&draft.given.policy) != request.digest;
    let changed = "what it stands on has changed since it was asked";
    rotate::taken(draft, request)
        .or_else(|| (other || moved(draft, board, request)).then_some(changed))
}

/// True if what a request names is not what would come alive any more. What only got a new end by
/// the clock has not moved: the digest names absolute ends.
pub(super) fn moved(draft: &Draft<'_>, board: &Board, request: &Request) -> bool {
    let identity = || known::identity_of(draft, board, request);
    let now = match request.action {
        // Everything that it would do stands in the request itself.
        Action::Issue | Action::Own => return false,
        Action::Import => import::effect_again(draft, board, request),
        Action::Link => {
            identity().and_then(|identity| link::effect_again(draft, board, request, &identity))
        }
        Action::Thaw => thaw::effect(draft, board),
        Action::Resume => {
            identity().map(|identity| resume::effect(draft, board, &identity, request.asked_at))
        }
        Action::Rotate => identity().and_then(|identity| {
            let number = request.effect.predecessor?;
            rotate::effect(draft, board, &identity, number)
        }),
    };
    // Where the token goes was the requester's choice.
    now.map(|now| Wanted {
        recipient: request.effect.recipient.clone(),
        challenge: request.effect.challenge.clone(),
        ..now
    }) != Some(request.effect.clone())
}

/// The request ends, and its thread is told why.
pub(super) fn fell(draft: &mut Draft<'_>, said: &Said<'_>, request: &Request, broken: &Broken) {
    draft.outcome("approve", "void");
    draft.react(said.thread, said.comment(), Reaction::No);
    match broken {
        Broken::Summary => look::foreign_voice(draft, request.thread),
        Broken::Request(why) => {
            lifecycle::void_and_tell(draft, request, why, "Ask anew");
        }
    }
}
