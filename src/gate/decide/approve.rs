//! An owner's yes: is it counted, is the gate open, and then the credential.
//!
//! Before anything is counted, everything that it rests on is read again (`grounds.rs`): the comment,
//! the text that asked, every approval that was counted before, the bot's summary, the issue, the
//! repository by its id. Grant, credential and sealed file are one line of the journal.

use serde_json::json;

use super::super::approval::{Approval, gate_hash};
use super::super::audit::Entry;
use super::super::command::{Restated, one_line};
use super::super::effect::Reaction;
use super::super::evidence::{FoundComment, Reads};
use super::super::identity::Identity;
use super::super::ids::UserId;
use super::super::key::Key;
use super::super::policy::{Board, Factor, Gate};
use super::super::reply::{self, reasons};
use super::super::request::{Action, Request};
use super::super::signed::{self, Signature};
use super::super::thread::{BoardState, Hold, Signer};
use super::super::time::after;
use super::super::verdict::{self, Case, CodeRead, Opening, Reason, Verdict, could_approve, count};
use super::comment::{Said, explain};
use super::grounds::{broken, fell, forget_stale, gather};
use super::{Draft, import, issue, judge, lifecycle, link, own, propose, resume, state, thaw};

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
    let Some(evidence) = gather(draft, said, &request) else {
        return;
    };
    forget_stale(draft, said.board, said.reads, &mut request);
    if let Some(broken) = broken(draft, said.board, &request, &evidence) {
        return fell(draft, said, &request, &broken);
    }
    let identity = propose::identity_of(draft, said.board, &request);
    let living = identity.clone().filter(Identity::is_living);
    let policy = &draft.given.policy;
    let signature = signed::read(policy, said.board, &request, said.author, restated);
    let last_counter = signature
        .good()
        .and_then(|signed| draft.get::<Signer>(&Key::signer(&signed.fingerprint)))
        .map(|signer| signer.counter);
    let judged = count(&Case {
        now: draft.now(),
        policy: &draft.given.policy,
        board: said.board,
        request: &request,
        identity: living.as_ref(),
        restated,
        comment,
        signature: &signature,
        last_counter,
        code: said.code,
        found,
        seen: &said.seen,
        unverified_sender: said.accepted.unverified_sender,
        road: said.accepted.road,
        source: evidence.source,
        source_seen: evidence.source_seen.as_ref(),
        summary: evidence.summary,
        summary_seen: evidence.summary_seen.as_ref(),
        issue: evidence.issue,
        repository: evidence.repository,
    });
    draft.put(Key::request(request.number), &request);
    note_login(draft, said, found);
    match judged {
        Err(reasons) => not_counted(draft, said, &request, &reasons),
        Ok(()) => counted(
            draft,
            said,
            restated,
            &signature,
            request,
            identity.as_ref(),
        ),
    }
}

/// The request that is meant, if it can be decided here and now; says why not.
fn meant(draft: &mut Draft<'_>, said: &Said<'_>, restated: &Restated) -> Option<Request> {
    let request = draft
        .get::<Request>(&Key::request(restated.request))
        .filter(|request| request.thread.repository == said.thread.repository);
    let Some(request) = request else {
        let text = format!("There is no request {} on this board.", restated.request);
        refuse(draft, said, &text, None, "unknown_request");
        return None;
    };
    if let Some(reason) = at_once(draft, said, &request) {
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

/// Reasons that need no further reading: nobody's approval should cost the forge six calls.
fn at_once(draft: &Draft<'_>, said: &Said<'_>, request: &Request) -> Option<Reason> {
    let machine = said.board.machine_accounts.contains(&said.author);
    if machine {
        Some(Reason::Machine)
    } else if !said.by_owner() {
        Some(Reason::NotAnOwner)
    } else if request.thread != said.thread {
        Some(Reason::OtherThread(request.thread))
    } else if !request.is_open(draft.now()) {
        Some(Reason::NotOpen(request.word(draft.now())))
    } else {
        None
    }
}

/// A changed login of an owner holds widening on the board until the config says the same, and the
/// board is told when that begins.
fn note_login(draft: &mut Draft<'_>, said: &Said<'_>, found: &FoundComment) {
    let Some(owner) = said.board.owner(said.author) else {
        return;
    };
    let key = Key::board(said.thread.repository);
    let mut board: BoardState = draft.get_or_default(&key);
    let name = format!("login:{}", said.author);
    if owner.login == found.login {
        if board.holds.remove(&name).is_some() {
            draft.put(key, &board);
        }
        return;
    }
    let known = board.holds.get(&name).map(|hold| hold.found.clone());
    if known.as_ref() == Some(&found.login) {
        return;
    }
    let hold = Hold {
        user: said.author,
        found: one_line(&found.login, 80),
        since: draft.now(),
    };
    board.holds.insert(name, hold);
    draft.put(key, &board);
    let text = format!(
        "**Widening is held on this board**: owner {} is called {} now, and my config says {}. Whoever runs me: if that is still the same person, set `login`.",
        said.author,
        reply::escape::foreign(&found.login, 40),
        reply::escape::login(&owner.login)
    );
    draft.entry(
        Entry::new("board_held", said.actor(), "an owner's login has changed")
            .in_thread(said.thread),
    );
    draft.tell(said.thread, &text, None);
}

fn refuse(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    text: &str,
    copy: Option<&str>,
    code: &'static str,
) {
    draft.outcome("approve", code);
    explain(draft, said, text, copy, code);
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
            denied
                .iter()
                .map(reasons::code)
                .collect::<Vec<_>>()
                .join(" "),
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
    refuse(draft, said, &text, copy.as_deref(), reasons::code(first));
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// It counts: note it, and judge the gate.
fn counted(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    restated: &Restated,
    signature: &Signature,
    mut request: Request,
    identity: Option<&Identity>,
) {
    let (Some(comment), Some(found)) = (said.comment(), said.found) else {
        return;
    };
    let Some(gate) = said.board.gate(&request.effect.environment) else {
        let reason = Reason::NoGate(request.effect.environment.clone());
        return not_counted(draft, said, &request, &[reason]);
    };
    let approval = Approval {
        approver: said.author,
        comment: Some(comment),
        body: found.body.clone(),
        scopes: restated.scopes.clone(),
        ttl: restated.ttl,
        signed_by: signature.good().map(|signed| signed.fingerprint.clone()),
        armor: signature.good().and(restated.armor.clone()),
        code: said.code == CodeRead::Good,
        vouched: signature.good().and(restated.vouched),
        created_at: found.created_at,
        counted_at: draft.now(),
        gate: gate_hash(said.board, &gate),
    };
    request.approvals.push(approval);
    match verdict(draft, said.board, said.reads, &gate, &request, identity) {
        Verdict::Open(opening) => {
            noted(draft, said, &request, signature);
            judge::serve(draft, said, &request);
            open(draft, said, *opening, identity);
        }
        Verdict::Shut(denied) => {
            shut(
                draft,
                said,
                signature,
                &mut request,
                &gate,
                identity,
                &denied,
            );
        }
    }
}

/// The gate is open: what was asked for happens.
pub(super) fn open(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    opening: Opening,
    identity: Option<&Identity>,
) {
    match (opening.request().action, identity) {
        (Action::Issue | Action::Rotate, identity) => issue::decide(draft, said, opening, identity),
        (Action::Resume, Some(identity)) => resume::act(draft, said, &opening, identity.clone()),
        (Action::Own, Some(identity)) => own::act(draft, said, &opening, identity.clone()),
        (Action::Thaw, _) => thaw::act(draft, said, &opening),
        (Action::Import, _) => import::act(draft, said, opening),
        (Action::Link, Some(identity)) => link::act(draft, said, &opening, identity.clone()),
        // The gate's rules demand that the identity lives.
        (Action::Link | Action::Resume | Action::Own, None) => {
            draft.outcome("approve", "unknown_identity")
        }
    }
}

/// Keeps the newest approval with its request, and says so in the audit.
pub(super) fn noted(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    request: &Request,
    signature: &Signature,
) {
    if let Some(signed) = signature.good()
        && let Some(touch) = signed.touch
    {
        let signer = Signer {
            counter: touch.counter,
        };
        draft.put(Key::signer(&signed.fingerprint), &signer);
    }
    draft.put(Key::request(request.number), request);
    draft.entry(
        Entry::new("approval_counted", said.actor(), "approves")
            .in_thread(said.thread)
            .about_request(request.number)
            .with_facts(json!({
                "approval": request.approvals.last(),
                "seen_at": said.seen.at,
            })),
    );
}

/// What the gate says to a request with the approvals that count.
pub(super) fn verdict(
    draft: &Draft<'_>,
    board: &Board,
    reads: &Reads,
    gate: &Gate,
    request: &Request,
    identity: Option<&Identity>,
) -> Verdict {
    let judgements = judge::standings(draft, board, reads, request);
    propose::weigh(
        draft,
        board,
        gate,
        request,
        identity,
        &judgements,
        verdict::judge,
    )
}

/// Keeps the newest approval, and tells the thread who is counted and who is missing.
pub(super) fn more_owners(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    request: &mut Request,
    identity: Option<&Identity>,
    signature: &Signature,
    (counted, needed): (&[UserId], u32),
) {
    let number = request.number;
    state::show(draft, request);
    noted(draft, said, request, signature);
    let names = |users: &mut dyn Iterator<Item = UserId>| -> String {
        users
            .filter_map(|user| said.board.owner(user))
            .map(|owner| reply::escape::login(&owner.login))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let bot = draft.given.policy.bot;
    let missing = names(&mut could_approve(said.board, request, identity, bot));
    let brought = match request.approvals.last() {
        Some(newest) if newest.comment.is_none() => {
            format!(
                " The signature of {} was brought by an operator.",
                said.name()
            )
        }
        Some(_) | None => String::new(),
    };
    let text = format!(
        "{number}: counted {} ({} of {needed}); still to come from {missing}.{brought}",
        names(&mut counted.iter().copied()),
        counted.len()
    );
    draft.tell(said.thread, &text, Some(number));
}

/// Counted, and the gate is shut: more owners are needed, or nothing is left, or something else.
fn shut(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    signature: &Signature,
    request: &mut Request,
    gate: &Gate,
    identity: Option<&Identity>,
    denied: &[Reason],
) {
    let number = request.number;
    if denied.contains(&Reason::NothingLeft) {
        let text = "nothing is left that these owners may hand on";
        noted(draft, said, request, signature);
        lifecycle::void(draft, number, text);
        let text = format!("**{number} is refused**: {text}.");
        draft.outcome("approve", "nothing_left");
        draft.react(said.thread, said.comment(), Reaction::No);
        draft.explain(
            said.thread,
            &text,
            None,
            "nothing_left",
            Some(number),
            said.share(),
        );
        return;
    }
    if let [Reason::MoreOwners { counted, needed }] = denied {
        more_owners(
            draft,
            said,
            request,
            identity,
            signature,
            (counted, *needed),
        );
        draft.outcome("approve", "counted");
        return draft.react(said.thread, said.comment(), Reaction::Yes);
    }
    // What shuts the gate may pass, but a yes from before opens nothing then: it is not kept, and the
    // owner says it again.
    request.approvals.pop();
    let others: Vec<Reason> = denied
        .iter()
        .filter(|reason| gate.quorum > 1 || !matches!(reason, Reason::MoreOwners { .. }))
        .cloned()
        .collect();
    not_counted(draft, said, request, &others);
}
