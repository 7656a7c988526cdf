//! A request is put up, whatever it asks for: is it one that this board could ever grant, and then
//! what its owners are shown.
//!
//! Everything that no approval could mend is refused here, with every reason at once.

use std::borrow::Cow;

use serde_json::json;

use super::super::audit::Entry;
use super::super::due::Due;
use super::super::effect::{Reaction, Role};
use super::super::event::Road;
use super::super::evidence::{FoundIssue, Need, ReadIssue, Reads};
use super::super::identity::Identity;
use super::super::ids::{RequestNumber, UserId};
use super::super::key::{Key, Subject};
use super::super::policy::{Board, Gate};
use super::super::reply::{self, reasons};
use super::super::request::{Action, Request, RequestStatus, Source, Wanted, digest};
use super::super::thread::{
    BoardState, Challenge, Counters, MAX_IDENTITIES_IN_THREAD, MAX_REQUESTS_IN_THREAD,
    MAX_REQUESTS_OF_RECIPIENT, OpenRequests, RecipientState, Thread,
};
use super::super::time::{after, seconds_between};
use super::super::verdict::{
    IN_TIME, Reason, could_approve, moved_repository, refusals, shut_thread,
};
use super::said::Said;
use super::{Draft, judge, known, lifecycle, weigh};

/// What somebody asks for.
#[derive(Debug)]
pub(super) struct Proposal {
    /// Of which kind it is.
    pub action: Action,
    /// What would come alive.
    pub effect: Wanted,
    /// The requester's key that signed where the token goes.
    pub signed_by: Option<String>,
    /// A longer name for a new identity.
    pub display_name: Option<String>,
    /// A name for the credential.
    pub label: Option<String>,
    /// Why, in the requester's words.
    pub reason: Option<String>,
}

impl Proposal {
    /// Without names and reasons.
    pub(super) fn of(action: Action, effect: Wanted) -> Self {
        Self {
            action,
            effect,
            signed_by: None,
            display_name: None,
            label: None,
            reason: None,
        }
    }
}

/// Why something is not asked: its sentences, and the code of the first.
pub(super) type Refusal = (String, &'static str);

/// What is known of a request that no text on the forge asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host<'a> {
    /// The operator who asks as the author, if the summary is to name it.
    pub operator: Option<&'a str>,
    /// Further lines of its summary.
    pub shown: &'a [String],
}

/// Puts up what no text on the forge asks for. A refusal goes to whoever asked and not into the thread.
pub(super) fn put_up_from_host(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    proposal: Proposal,
    host: Host<'_>,
) -> Result<RequestNumber, Refusal> {
    judge_and_take(draft, said, proposal, Some(host))
}

/// Every reason why this could not be put up, whatever its thread is.
pub(super) fn would_be_refused(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    proposal: Proposal,
) -> Result<(), Refusal> {
    judged(draft, said, proposal, None).map(|_| ())
}

/// Takes a request if nothing speaks against it, with the further lines of its summary if it came from
/// the host; else every reason, and the code of the first.
pub(super) fn judge_and_take(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    proposal: Proposal,
    host: Option<Host<'_>>,
) -> Result<RequestNumber, Refusal> {
    let (gate, request, newest) = judged(draft, said, proposal, host)?;
    if host.is_none() {
        draft.react(said.thread, said.comment(), Reaction::Eyes);
    }
    take(draft, said, &gate, &request, newest.as_ref(), host);
    Ok(request.number)
}

/// The request as it would be taken, with its gate and the newest identity of its name.
type Judged<'a> = (Cow<'a, Gate>, Request, Option<Identity>);

/// Composes a request if nothing speaks against it.
fn judged<'a>(
    draft: &mut Draft<'_>,
    said: &Said<'a>,
    proposal: Proposal,
    host: Option<Host<'_>>,
) -> Result<Judged<'a>, Refusal> {
    let Some(gate) = said.board.gate(&proposal.effect.environment) else {
        let reason = Reason::NoGate(proposal.effect.environment);
        return Err(no(said.board, &reason));
    };
    let mut request = compose(draft, said, proposal);
    if let Some(host) = host {
        request.source.subject = None;
        request.source.operator = host.operator.map(str::to_owned);
    }
    let newest = known::identity_of(draft, said.board, &request);
    let denied = deny(draft, said, &gate, &request, newest.as_ref());
    if let Some(first) = denied.first() {
        return Err((all(&denied, said), reasons::code(first)));
    }
    room(draft, said, &request, newest.as_ref())?;
    Ok((gate, request, newest))
}

/// Every reason as one sentence each.
pub(super) fn all(denied: &[Reason], said: &Said<'_>) -> String {
    let sentences: Vec<String> = denied
        .iter()
        .map(|reason| capital(&reasons::sentence(reason, said.board)))
        .collect();
    format!("{}.", sentences.join(". "))
}

/// The sentence with a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// The text and its place: unedited, sent by its author, in an open thread of the right repository.
pub(super) fn standing(draft: &mut Draft<'_>, said: &Said<'_>) -> Result<(), Refusal> {
    if said.accepted.road == Road::Hook && said.accepted.unverified_sender != Some(said.author) {
        return Err(no(said.board, &Reason::SentByAnother));
    }
    let edited = said.seen.many
        || said.seen.first != *said.body
        || said
            .found
            .is_some_and(|found| found.updated_at != found.created_at);
    if edited {
        return Err(no(said.board, &Reason::Edited));
    }
    let issue = said.reads.issues.get(&said.thread.issue);
    if let Some(ReadIssue::Found(found)) = issue
        && found.open
        && found.body.is_some()
        && is_late(said, found)
    {
        return Err(no(said.board, &Reason::IssueNotInTime));
    }
    place(draft, said)
}

/// The place: an open thread of the right repository.
pub(super) fn place(draft: &mut Draft<'_>, said: &Said<'_>) -> Result<(), Refusal> {
    let issue = said.thread.issue;
    match said.reads.issues.get(&issue).map(shut_thread) {
        None => draft.need(Need::Issue(issue)),
        Some(Some(reason)) => return Err(no(said.board, &reason)),
        Some(None) => {}
    }
    repository(draft, said.board, said.reads)
}

/// The repository, which has to be what the configuration says.
pub(super) fn repository(
    draft: &mut Draft<'_>,
    board: &Board,
    reads: &Reads,
) -> Result<(), Refusal> {
    let Some(repository) = &reads.repository else {
        draft.need(Need::Repository);
        return Ok(());
    };
    moved_repository(board, repository).map_or(Ok(()), |reason| Err(no(board, &reason)))
}

/// A reason as its sentence and its code.
pub(super) fn no(board: &Board, reason: &Reason) -> Refusal {
    let text = format!("{}.", capital(&reasons::sentence(reason, board)));
    (text, reasons::code(reason))
}

/// An issue's body shows no sign of an edit: it asks in its author's name only if it was first seen
/// when the issue was new.
fn is_late(said: &Said<'_>, found: &FoundIssue) -> bool {
    matches!(said.subject, Subject::Issue(_))
        && seconds_between(found.created_at, said.seen.at).abs() > IN_TIME
}

fn compose(draft: &Draft<'_>, said: &Said<'_>, proposal: Proposal) -> Request {
    let counters: Counters = draft.get_or_default(&Key::counters());
    let number = RequestNumber(counters.request + 1);
    let policy = &draft.given.policy;
    let requester = said.actor();
    let Proposal { action, effect, .. } = proposal;
    let digest = digest(policy, number, said.thread, action, &requester, &effect);
    Request {
        number,
        thread: said.thread,
        action,
        requester,
        asker_login: said.login.to_owned(),
        source: Source {
            subject: Some(said.subject),
            author: said.author,
            body: said.body.clone(),
            operator: None,
        },
        effect,
        display_name: proposal.display_name,
        label: proposal.label,
        reason: proposal.reason,
        digest,
        signed_by: proposal.signed_by,
        nonce: Some(draft.given.nonce.clone()),
        asked_at: draft.now(),
        ends_at: after(draft.now(), policy.request_ttl),
        status: RequestStatus::Open,
        summary: None,
        shown: None,
        state: None,
        approvals: Vec::new(),
    }
}

/// Every reason why no approval could open the gate for this.
fn deny(
    draft: &Draft<'_>,
    said: &Said<'_>,
    gate: &Gate,
    request: &Request,
    identity: Option<&Identity>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if request.effect.ttl.is_some_and(|ttl| ttl < 60) {
        reasons.push(Reason::TtlUnderLimit(60));
    }
    reasons.extend(weigh::weigh(
        draft,
        said.board,
        gate,
        request,
        identity,
        &[],
        refusals,
    ));
    if let Some(challenge) = &request.effect.challenge
        && draft.get::<Challenge>(&Key::challenge(challenge)).is_some()
    {
        reasons.push(Reason::ChallengeUsed);
    }
    reasons
}

/// Limits on what is open at once; what is past its end is taken off the lists first.
fn room(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    request: &Request,
    identity: Option<&Identity>,
) -> Result<(), Refusal> {
    lifecycle::free_ended(draft, said.thread.repository);
    let thread: Thread = draft.get_or_default(&Key::thread(said.thread));
    let own: OpenRequests =
        draft.get_or_default(&Key::requester(said.thread.repository, said.author));
    for number in thread.requests.iter().chain(own.requests.iter()) {
        if let Some(old) = draft.get::<Request>(&Key::request(*number))
            && !old.is_open(draft.now())
        {
            lifecycle::unlist(draft, &old);
        }
    }
    let thread: Thread = draft.get_or_default(&Key::thread(said.thread));
    if thread.requests.len() >= MAX_REQUESTS_IN_THREAD {
        let open: Vec<String> = thread.requests.iter().map(ToString::to_string).collect();
        return Err((
            format!(
                "Two requests are open in this thread already: {}. `/gate withdraw {}` takes one back.",
                open.join(" and "),
                open[0]
            ),
            "too_many_open",
        ));
    }
    let own: OpenRequests =
        draft.get_or_default(&Key::requester(said.thread.repository, said.author));
    if u32::try_from(own.requests.len()).is_ok_and(|open| open >= said.board.max_open_requests) {
        return Err((
            format!(
                "You have {} open requests on this board, and that is its limit.",
                own.requests.len()
            ),
            "too_many_open",
        ));
    }
    let recipient = request
        .effect
        .recipient
        .as_ref()
        .and_then(|recipient| draft.get::<RecipientState>(&Key::recipient(recipient)));
    if recipient.is_some_and(|known| known.requests.len() >= MAX_REQUESTS_OF_RECIPIENT) {
        return Err((
            "Too many open requests name that recipient already; make a key for each request."
                .to_owned(),
            "too_many_open",
        ));
    }
    let new =
        request.action == Action::Issue && identity.is_none_or(|identity| !identity.is_living());
    if new && thread.identities.len() >= MAX_IDENTITIES_IN_THREAD {
        return Err((
            format!(
                "{MAX_IDENTITIES_IN_THREAD} identities live in this thread; ask in another issue."
            ),
            "too_many_identities",
        ));
    }
    Ok(())
}

/// Takes the request: records, lists, the summary.
fn take(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    gate: &Gate,
    request: &Request,
    identity: Option<&Identity>,
    host: Option<Host<'_>>,
) {
    let number = request.number;
    let repository = said.thread.repository;

    let mut counters: Counters = draft.get_or_default(&Key::counters());
    counters.request = number.0;
    draft.put(Key::counters(), &counters);

    let mut thread: Thread = draft.get_or_default(&Key::thread(said.thread));
    thread.requests.push(number);
    // It was read just now, unless the forge is away.
    if said.reads.away.is_none() {
        thread.sight(true, draft.now());
    }
    draft.put(Key::thread(said.thread), &thread);

    let mut board: BoardState = draft.get_or_default(&Key::board(repository));
    board.requests.insert(number);
    draft.put(Key::board(repository), &board);

    let wanted = &request.effect;
    let naming = wanted.identity.as_ref();
    for key in naming
        .map(|slug| Key::naming(repository, slug))
        .into_iter()
        .chain([Key::requester(repository, said.author)])
    {
        let mut list: OpenRequests = draft.get_or_default(&key);
        list.requests.insert(number);
        draft.put(key, &list);
    }

    if let Some(recipient) = &wanted.recipient {
        let key = Key::recipient(recipient);
        let mut recipient: RecipientState = draft.get_or_default(&key);
        recipient.requests.insert(number);
        draft.put(key, &recipient);
    }
    if let Some(challenge) = &wanted.challenge {
        draft.put(Key::challenge(challenge), &Challenge { request: number });
    }

    let could: Vec<UserId> =
        could_approve(said.board, request, identity, draft.given.policy.bot).collect();
    let Some(mut advice) = judge::advice(draft, said, said.thread) else {
        return;
    };
    let shown = host.map(|host| host.shown).unwrap_or_default();
    advice.splice(0..0, shown.iter().cloned());
    let shown = reply::Asked {
        board: said.board,
        gate,
        identity,
        advice: &advice,
        could_approve: &could,
        bot: &draft.given.policy.public_url,
    };
    let body = reply::summary(request, &shown, draft.given.seq);
    let request = &Request {
        shown: Some(body.clone()),
        ..request.clone()
    };
    draft.put(Key::request(number), request);
    let third = draft.given.policy.request_ttl / 3;
    draft.due(after(request.asked_at, third), &Due::Remind(number));
    draft.due(request.ends_at, &Due::End(number));
    draft.post(said.thread, Role::Summary(number), body);
    opened(draft, said, request);
}

/// What happened, for the audit.
fn opened(draft: &mut Draft<'_>, said: &Said<'_>, request: &Request) {
    draft.entry(
        Entry::new("request_opened", said.actor(), reply::asks(request))
            .in_thread(said.thread)
            .about_request(request.number)
            .with_facts(json!({
                "digest": request.digest,
                "effect": request.effect,
                "source": request.source,
            })),
    );
}
