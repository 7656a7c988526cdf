//! An owner's signature that an operator brings, over the bot's own doors.
//!
//! It is one approval of the quorum, by the owner whose key signed, whoever brings it; its evidence is
//! the signature, which stays in the journal. What it rests on is read again as for a comment. With the
//! forge away it is counted only where the gate says so, together with others of its kind and with
//! nothing that would have to be read again. What is not counted is told to whoever brought it, and not
//! in the thread.

use serde_json::json;

use super::super::approval::{Approval, gate_hash};
use super::super::audit::Entry;
use super::super::command::{Restated, one_line};
use super::super::evidence::{
    FRESH, FoundComment, Need, ReadComment, ReadIssue, ReadRepository, Reads,
};
use super::super::grant::{GrantRecord, GrantStatus};
use super::super::identity::Identity;
use super::super::ids::{CommentId, CredentialNumber, Hash};
use super::super::key::{Key, Subject};
use super::super::operator::Right;
use super::super::policy::Gate;
use super::super::reply::reasons;
use super::super::request::{Request, RequestStatus};
use super::super::signed::{self, Signature};
use super::super::thread::{Seen, Signer, Thread};
use super::super::time::seconds_between;
use super::super::verdict::{
    Away, Case, CodeRead, Opening, Reason, SourceRead, Verdict, count_vote,
};
use super::super::wish::{Vote, Voted};
use super::comment::Said;
use super::grounds::{self, Broken, Evidence, broken, fell, forget_stale, gather};
use super::{Answer, Draft, approve, judge, propose, wish};

/// Decides a vote.
pub(super) fn decide(draft: &mut Draft<'_>, vote: &Vote) {
    let operator = one_line(vote.by.name(), 40);
    draft.cause(
        "vote",
        json!({ "operator": operator, "request": vote.request, "approver": vote.approver }),
    );
    draft.no_reactions();
    let voted = voted(draft, vote, &operator);
    draft.answer(Answer::Voted(voted));
}

/// What came of it.
fn voted(draft: &mut Draft<'_>, vote: &Vote, operator: &str) -> Voted {
    let request = match of_operator(draft, vote) {
        Ok(request) => request,
        Err(text) => return refused_for_good(draft, vote, operator, text),
    };
    let Some(board) = draft.board(request.thread) else {
        return refusal(
            "unknown_request",
            "its board is no longer configured".to_owned(),
        );
    };
    if let Some(known) = again(draft, vote, &request) {
        return known;
    }
    let body = Hash::of(vote.armor.as_bytes());
    let stale = Reads::default();
    let read_at = vote.reads.at;
    let fresh = read_at.is_some_and(|at| seconds_between(at, draft.now()) <= FRESH);
    let owner = board.owner(vote.approver);
    let accepted = wish::unsaid(draft.now(), request.thread, vote.approver);
    let said = Said {
        board,
        accepted: &accepted,
        reads: if fresh { &vote.reads } else { &stale },
        thread: request.thread,
        subject: Subject::Issue(request.thread.issue.0),
        author: vote.approver,
        login: owner.map_or("", |owner| owner.login.as_str()),
        body: &body,
        found: None,
        seen: Seen::new(body.clone(), draft.now()),
        code: CodeRead::Absent,
    };
    weighed(draft, &said, vote, request, operator)
}

/// The request, if this operator may bring signatures for its board.
fn of_operator(draft: &Draft<'_>, vote: &Vote) -> Result<Request, String> {
    let policy = &draft.given.policy;
    let may = vote.by.may(policy, Right::Request);
    may.map_err(|denied| denied.to_string())?;
    draft
        .get::<Request>(&Key::request(vote.request))
        .filter(|request| vote.by.reaches(policy, request.thread.repository))
        .ok_or_else(|| format!("there is no request {} on your boards", vote.request))
}

/// The very signature that was counted before: nothing changes, and the same is told.
fn again(draft: &Draft<'_>, vote: &Vote, request: &Request) -> Option<Voted> {
    let same = |approval: &Approval| {
        approval.approver == vote.approver && approval.armor.as_ref() == Some(&vote.armor)
    };
    request.approvals.iter().find(|approval| same(approval))?;
    match request.status {
        RequestStatus::Open if request.is_open(draft.now()) => {
            let gate = draft.board(request.thread)?;
            let gate = gate.gate(&request.effect.environment)?;
            Some(Voted::Counted {
                counted: request.approvals.len(),
                needed: gate.quorum,
            })
        }
        RequestStatus::Approved => Some(Voted::Open {
            credential: credential_of(draft, request),
            sealed: None,
        }),
        RequestStatus::Open
        | RequestStatus::Denied(_)
        | RequestStatus::DeniedBy(_)
        | RequestStatus::Withdrawn
        | RequestStatus::Void(_) => None,
    }
}

/// The credential that a request became, if it was one.
fn credential_of(draft: &Draft<'_>, request: &Request) -> Option<CredentialNumber> {
    match draft
        .get::<GrantRecord>(&Key::grant(request.number))?
        .status
    {
        GrantStatus::Consumed(number) => Some(number),
        GrantStatus::Open | GrantStatus::Imported(..) | GrantStatus::Void => None,
    }
}

/// Looks at what it rests on, counts it, and judges the gate.
fn weighed(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    vote: &Vote,
    mut request: Request,
    operator: &str,
) -> Voted {
    let away = match said.reads.away {
        Some(_) => Some(away(draft, said, &request.effect.environment)),
        None => None,
    };
    let evidence = match away {
        Some(_) => Some(nothing_read()),
        None => gather(draft, said, &request),
    };
    let Some(evidence) = evidence else {
        return not_yet();
    };
    if away.is_none() {
        forget_stale(draft, said.board, said.reads, &mut request);
    }
    if let Some(why) = fallen(draft, said, &request, &evidence, away.is_some()) {
        return why;
    }
    weigh(
        draft,
        said,
        vote,
        request,
        (&evidence, away.as_ref()),
        operator,
    )
}

/// Counts it by the rules, and judges the gate.
fn weigh(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    vote: &Vote,
    request: Request,
    (evidence, away): (&Evidence<'_>, Option<&Away>),
    operator: &str,
) -> Voted {
    let restated = Restated {
        request: vote.request,
        code: vote.code.clone(),
        scopes: vote.scopes.clone(),
        ttl: vote.ttl,
        otp: false,
        vouched: vote.vouched,
        armor: Some(vote.armor.clone()),
    };
    let identity = propose::identity_of(draft, said.board, &request);
    let living = identity.clone().filter(Identity::is_living);
    let policy = &draft.given.policy;
    let signature = signed::read(policy, said.board, &request, vote.approver, &restated);
    let found = in_place_of_comment(draft, said);
    let last_counter = signature
        .good()
        .and_then(|signed| draft.get::<Signer>(&Key::signer(&signed.fingerprint)))
        .map(|signer| signer.counter);
    let case = Case {
        now: draft.now(),
        policy: &draft.given.policy,
        board: said.board,
        request: &request,
        identity: living.as_ref(),
        restated: &restated,
        comment: CommentId(i64::MAX),
        signature: &signature,
        last_counter,
        code: CodeRead::Absent,
        found: &found,
        seen: &said.seen,
        unverified_sender: Some(vote.approver),
        road: said.accepted.road,
        source: evidence.source,
        source_seen: evidence.source_seen.as_ref(),
        summary: evidence.summary,
        summary_seen: evidence.summary_seen.as_ref(),
        issue: evidence.issue,
        repository: evidence.repository,
    };
    if let Err(denied) = count_vote(&case, away) {
        draft.put(Key::request(request.number), &request);
        return not_counted(draft, said, operator, &request, &denied);
    }
    counted(
        draft,
        said,
        &restated,
        &signature,
        request,
        identity.as_ref(),
        operator,
    )
}

/// With the forge away nothing of it was read; what stands here for it is looked at by no rule.
fn nothing_read() -> Evidence<'static> {
    static SUMMARY: ReadComment = ReadComment::Gone;
    static ISSUE: ReadIssue = ReadIssue::Gone;
    static REPOSITORY: ReadRepository = ReadRepository::Gone;
    Evidence {
        source: SourceRead::Host,
        source_seen: None,
        summary: &SUMMARY,
        summary_seen: None,
        issue: &ISSUE,
        repository: &REPOSITORY,
    }
}

/// No comment says it: what stands here for one is looked at for its author alone.
fn in_place_of_comment(draft: &Draft<'_>, said: &Said<'_>) -> FoundComment {
    FoundComment {
        author: Some(said.author),
        login: said.login.to_owned(),
        issue: said.thread.issue,
        body: said.body.clone(),
        created_at: draft.now(),
        updated_at: draft.now(),
        marker: None,
    }
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

/// The request itself fell: it ends, its thread is told, and so is whoever brought the signature.
fn fallen(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    request: &Request,
    evidence: &Evidence<'_>,
    away: bool,
) -> Option<Voted> {
    if !request.is_open(draft.now()) {
        return None;
    }
    let broken = if away {
        grounds::broken_here(draft, said.board, request).map(Broken::Request)
    } else {
        broken(draft, said.board, request, evidence)
    }?;
    fell(draft, said, request, &broken);
    let why = match broken {
        Broken::Summary => "my summary was edited or deleted by somebody else",
        Broken::Request(why) => why,
    };
    let text = format!("{} is void: {why}; ask anew", request.number);
    Some(refusal("void", text))
}

/// It counts: note it, and judge the gate.
fn counted(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    restated: &Restated,
    signature: &Signature,
    mut request: Request,
    identity: Option<&Identity>,
    operator: &str,
) -> Voted {
    let (Some(gate), Some(signed)) = (
        said.board.gate(&request.effect.environment),
        signature.good(),
    ) else {
        let reason = Reason::NoGate(request.effect.environment.clone());
        return not_counted(draft, said, operator, &request, &[reason]);
    };
    request.approvals.push(Approval {
        approver: said.author,
        comment: None,
        body: said.body.clone(),
        scopes: restated.scopes.clone(),
        ttl: restated.ttl,
        signed_by: Some(signed.fingerprint.clone()),
        armor: restated.armor.clone(),
        code: false,
        vouched: restated.vouched,
        created_at: draft.now(),
        counted_at: draft.now(),
        gate: gate_hash(said.board, &gate),
    });
    let looked_at = countable(said, &gate, &request);
    let set_aside = looked_at.approvals.len() < request.approvals.len();
    match approve::verdict(draft, said.board, said.reads, &gate, &looked_at, identity) {
        Verdict::Open(opening) => {
            approve::noted(draft, said, &looked_at, signature);
            brought(draft, said, operator, &looked_at);
            judge::serve(draft, said, &looked_at);
            opened(draft, said, *opening, identity)
        }
        Verdict::Shut(denied) => {
            if let ([Reason::MoreOwners { counted, needed }], false) =
                (denied.as_slice(), set_aside)
            {
                let (counted, needed) = (counted.clone(), *needed);
                let of = (counted.as_slice(), needed);
                approve::more_owners(draft, said, &mut request, identity, signature, of);
                brought(draft, said, operator, &request);
                return Voted::Counted {
                    counted: counted.len(),
                    needed,
                };
            }
            // As for a comment: a yes from before opens nothing, it is given again.
            request.approvals.pop();
            not_counted(
                draft,
                said,
                operator,
                &request,
                &mended(denied, set_aside, &gate),
            )
        }
    }
}

/// The request with the approvals that can be looked at now: with the forge away those that stand in
/// comments cannot be read again, and count for nothing meanwhile.
fn countable(said: &Said<'_>, gate: &Gate, request: &Request) -> Request {
    let mut request = request.clone();
    if said.reads.away.is_some() {
        let now = gate_hash(said.board, gate);
        request
            .approvals
            .retain(|approval| approval.comment.is_none() && approval.gate == now);
    }
    request
}

/// The reasons that help: what more owners could not mend stands before that they are missing.
fn mended(mut denied: Vec<Reason>, set_aside: bool, gate: &Gate) -> Vec<Reason> {
    let more = |reason: &Reason| matches!(reason, Reason::MoreOwners { .. });
    if set_aside && denied.iter().all(more) {
        return vec![Reason::Unread];
    }
    denied.retain(|reason| gate.quorum > 1 || !more(reason));
    denied
}

/// The gate is open: what was asked for happens.
fn opened(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    opening: Opening,
    identity: Option<&Identity>,
) -> Voted {
    let number = opening.request().number;
    approve::open(draft, said, opening, identity);
    let now = draft.get::<Request>(&Key::request(number));
    let Some(request) = now.filter(|now| now.status == RequestStatus::Approved) else {
        let text = format!("{number} is void: nothing of it could come alive");
        return refusal("nothing_left", text);
    };
    let credential = credential_of(draft, &request);
    let minted = said.reads.candidate.as_ref();
    let sealed = minted
        .filter(|minted| credential.is_some() && minted.request == number)
        .map(|minted| minted.sealed.clone());
    Voted::Open { credential, sealed }
}

/// Who brought it, for the audit.
fn brought(draft: &mut Draft<'_>, said: &Said<'_>, operator: &str, request: &Request) {
    let text = format!("brings the signature of user {}", said.author);
    draft.entry(
        Entry::new("signature_brought", wish::actor(operator), text)
            .in_thread(said.thread)
            .about_request(request.number)
            .with_facts(json!({ "away_since": said.reads.away })),
    );
}

/// Nothing is counted: every reason, for whoever brought it and for the audit.
fn not_counted(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    operator: &str,
    request: &Request,
    denied: &[Reason],
) -> Voted {
    let codes: Vec<&str> = denied.iter().map(reasons::code).collect();
    if !draft.given.low_space {
        let facts = json!({ "approver": said.author, "away_since": said.reads.away });
        draft.entry(
            Entry::new(
                "signature_not_counted",
                wish::actor(operator),
                codes.join(" "),
            )
            .in_thread(said.thread)
            .about_request(request.number)
            .with_facts(facts),
        );
    }
    let code = codes.first().copied().unwrap_or("nothing_allowed_it");
    refusal(
        code,
        propose::all(denied, said).trim_end_matches('.').to_owned(),
    )
}

/// The operator may not, or there is nothing to sign for.
fn refused_for_good(draft: &mut Draft<'_>, vote: &Vote, operator: &str, text: String) -> Voted {
    if !draft.given.low_space {
        draft.entry(Entry::new(
            "signature_not_counted",
            wish::actor(operator),
            one_line(&format!("{}: {text}", vote.request), 400),
        ));
    }
    refusal("not_allowed", text)
}

fn refusal(code: &'static str, text: String) -> Voted {
    Voted::Refused { code, text }
}

/// What is told while something is still to be read; the decision is made again.
fn not_yet() -> Voted {
    refusal("unread", "not everything was read".to_owned())
}
