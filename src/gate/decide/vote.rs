//! An owner's signature that an operator brings, over the bot's own doors.
//!
//! It is one approval of the quorum, by the owner whose key signed, whoever brings it; its evidence is
//! the signature, which stays in the journal. What it rests on is read again as for a comment. With the
//! forge away it is counted only where the gate says so, together with others of its kind and with
//! nothing that would have to be read again. What is not counted is told to whoever brought it, and not
//! in the thread.

use serde_json::json;

use super::super::approval::Approval;
use super::super::audit::Entry;
use super::super::command::{Restated, one_line};
use super::super::grant::{GrantRecord, GrantStatus};
use super::super::ids::{CredentialNumber, Hash, RequestNumber};
use super::super::key::Key;
use super::super::operator::Right;
use super::super::reply::reasons;
use super::super::request::{Request, RequestStatus};
use super::super::verdict::Reason;
use super::super::wish::{Vote, Voted};
use super::grounds::Broken;
use super::said::Said;
use super::yes::{self, Outcome, Voice, Yes};
use super::{Answer, Draft, propose, unsaid};

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
    let mut request = match of_operator(draft, vote) {
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
    let login = board
        .owner(vote.approver)
        .map_or("", |owner| owner.login.as_str());
    let accepted = unsaid::accepted(draft.now(), request.thread, vote.approver);
    let reads = vote.reads.fresh(draft.now());
    let said = unsaid::said(board, &accepted, (vote.approver, login), &body, reads);
    if let Some(reason) = yes::at_once(draft, &said, &request) {
        return not_counted(draft, &said, operator, &request, &[reason]);
    }
    let restated = Restated {
        request: vote.request,
        code: vote.code.clone(),
        scopes: vote.scopes.clone(),
        ttl: vote.ttl,
        otp: false,
        vouched: vote.vouched,
        armor: Some(vote.armor.clone()),
    };
    let yes = Yes {
        said: &said,
        restated: &restated,
        voice: Voice::Operator(operator),
    };
    let outcome = yes::judge(draft, &yes, &mut request);
    told(draft, &said, operator, &request, outcome)
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

/// What is told of a yes that was judged.
fn told(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    operator: &str,
    request: &Request,
    outcome: Outcome,
) -> Voted {
    let number = request.number;
    match outcome {
        Outcome::Unread => refusal("unread", "not everything was read".to_owned()),
        Outcome::Fell(broken) => {
            let why = match broken {
                Broken::Summary => "my summary was edited or deleted by somebody else",
                Broken::Request(why) => why,
            };
            refusal("void", format!("{number} is void: {why}; ask anew"))
        }
        Outcome::Denied(denied) => not_counted(draft, said, operator, request, &denied),
        Outcome::NothingLeft => {
            let why = reasons::sentence(&Reason::NothingLeft, said.board);
            refusal("nothing_left", format!("{number} is void: {why}; ask anew"))
        }
        Outcome::Counted { counted, needed } => Voted::Counted { counted, needed },
        Outcome::Open => opened(draft, said, number),
    }
}

/// The gate was open: what came of it.
fn opened(draft: &Draft<'_>, said: &Said<'_>, number: RequestNumber) -> Voted {
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

/// Nothing is counted: every reason, for whoever brought it and for the audit.
fn not_counted(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    operator: &str,
    request: &Request,
    denied: &[Reason],
) -> Voted {
    if !draft.given.low_space {
        let facts = json!({ "approver": said.author, "away_since": said.reads.away });
        draft.entry(
            Entry::new(
                "signature_not_counted",
                unsaid::actor(operator),
                reasons::all_codes(denied),
            )
            .in_thread(said.thread)
            .about_request(request.number)
            .with_facts(facts),
        );
    }
    let code = denied.first().map_or("nothing_allowed_it", reasons::code);
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
            unsaid::actor(operator),
            one_line(&format!("{}: {text}", vote.request), 400),
        ));
    }
    refusal("not_allowed", text)
}

fn refusal(code: &'static str, text: String) -> Voted {
    Voted::Refused { code, text }
}
