//! An owner's yes, in a comment or as a signature that an operator brings: is it counted, is the gate
//! open, and then what was asked for.
//!
//! Before anything is counted, everything that it rests on is read again (`grounds.rs`): the text that
//! asked, every approval that was counted before, the bot's summary, the issue, the repository by its
//! id. Grant, credential and sealed file are one line of the journal. Whoever says yes is told what came
//! of it elsewhere (`approve.rs`, `vote.rs`).

use serde_json::json;

use super::super::approval::{Approval, gate_hash};
use super::super::audit::Entry;
use super::super::command::{Restated, one_line};
use super::super::effect::Reaction;
use super::super::evidence::FoundComment;
use super::super::identity::Identity;
use super::super::ids::{CommentId, UserId};
use super::super::key::Key;
use super::super::policy::Gate;
use super::super::reply::{self, people};
use super::super::request::{Action, Request};
use super::super::signed::{self, Signature};
use super::super::thread::{BoardState, Hold, Signer};
use super::super::verdict::{
    self, Came, Case, CodeRead, InComment, Opening, Reason, RestsOn, Verdict, could_approve,
};
use super::grounds::{self, Broken, broken, fell, forget_stale, gather};
use super::said::Said;
use super::{
    Draft, happened, import, issue, judge, known, lifecycle, link, own, resume, state, thaw,
    unsaid, weigh,
};

/// An owner's yes.
pub(super) struct Yes<'a> {
    /// Where it stands, and what was read for it.
    pub said: &'a Said<'a>,
    /// What it says.
    pub restated: &'a Restated,
    /// How it came.
    pub voice: Voice<'a>,
}

/// How it came.
#[derive(Clone, Copy)]
pub(super) enum Voice<'a> {
    /// In this comment, as it was read again.
    Comment(CommentId, &'a FoundComment),
    /// This operator brought its signature.
    Operator(&'a str),
}

/// What came of it.
pub(super) enum Outcome {
    /// Something has still to be read; the decision is made again.
    Unread,
    /// What it rests on is not what it was: the request ended, and its thread was told.
    Fell(Broken),
    /// It is not counted, or counted and not kept; every reason.
    Denied(Vec<Reason>),
    /// Nothing is left that the owners who are counted may hand on: the request ended.
    NothingLeft,
    /// It is counted, and more owners are needed.
    Counted {
        /// So many are counted.
        counted: usize,
        /// So many are needed.
        needed: u32,
    },
    /// The gate is open, and what was asked for happened, unless it fell in that moment.
    Open,
}

/// Why nobody has to read anything for it: no approval should cost the forge six calls.
pub(super) fn at_once(draft: &Draft<'_>, said: &Said<'_>, request: &Request) -> Option<Reason> {
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

/// Judges a yes to an open request.
pub(super) fn judge(draft: &mut Draft<'_>, yes: &Yes<'_>, request: &mut Request) -> Outcome {
    let said = yes.said;
    let Some(rests_on) = rests_on(draft, yes, request) else {
        return Outcome::Unread;
    };
    let away = matches!(rests_on, RestsOn::Away(_));
    if !away {
        forget_stale(draft, said.board, said.reads, request);
    }
    if let Some(broken) = broken(draft, said.board, request, &rests_on) {
        fell(draft, said, request, &broken);
        return Outcome::Fell(broken);
    }
    let identity = known::identity_of(draft, said.board, request);
    let policy = &draft.given.policy;
    let signature = signed::read(policy, said.board, request, said.author, yes.restated);
    let judged = count(draft, yes, request, identity.as_ref(), &signature, rests_on);
    draft.put(Key::request(request.number), request);
    if let Voice::Comment(_, found) = yes.voice {
        note_login(draft, said, found);
    }
    let gate = said.board.gate(&request.effect.environment);
    match (judged, gate) {
        (Err(denied), _) => Outcome::Denied(denied),
        (Ok(()), None) => {
            let reason = Reason::NoGate(request.effect.environment.clone());
            Outcome::Denied(vec![reason])
        }
        (Ok(()), Some(gate)) => {
            let counts = Counts {
                yes,
                signature: &signature,
                identity: identity.as_ref(),
                gate: &gate,
            };
            counted(draft, &counts, request, away)
        }
    }
}

/// What it rests on, or `None` after having asked for what is missing.
fn rests_on<'a>(draft: &mut Draft<'_>, yes: &Yes<'a>, request: &Request) -> Option<RestsOn<'a>> {
    match (yes.voice, yes.said.reads.away) {
        (Voice::Operator(_), Some(_)) => {
            let away = grounds::away(draft, yes.said, &request.effect.environment);
            Some(RestsOn::Away(away))
        }
        (Voice::Operator(_), None) | (Voice::Comment(..), _) => {
            let evidence = gather(draft, yes.said, request)?;
            Some(RestsOn::Read(Box::new(evidence)))
        }
    }
}

/// Whether it counts, by every rule for that.
fn count(
    draft: &Draft<'_>,
    yes: &Yes<'_>,
    request: &Request,
    identity: Option<&Identity>,
    signature: &Signature,
    rests_on: RestsOn<'_>,
) -> Result<(), Vec<Reason>> {
    let said = yes.said;
    let last_counter = signature
        .good()
        .and_then(|signed| draft.get::<Signer>(&Key::signer(&signed.fingerprint)))
        .map(|signer| signer.counter);
    verdict::count(&Case {
        now: draft.now(),
        policy: &draft.given.policy,
        board: said.board,
        request,
        identity: identity.filter(|identity| identity.is_living()),
        restated: yes.restated,
        signature,
        last_counter,
        seen: &said.seen,
        came: match yes.voice {
            Voice::Comment(id, found) => Came::Comment(InComment {
                id,
                found,
                code: said.code,
                unverified_sender: said.accepted.unverified_sender,
                road: said.accepted.road,
            }),
            Voice::Operator(_) => Came::Signature(said.author),
        },
        rests_on,
    })
}

/// The name of the hold for an owner's login.
fn login_of(owner: UserId) -> String {
    format!("login:{owner}")
}

/// An owner is called as configured again: what was held for that goes on.
pub(super) fn same_login(draft: &mut Draft<'_>, said: &Said<'_>) {
    let owner = said.board.owner(said.author);
    let same = said
        .found
        .zip(owner)
        .is_some_and(|(found, owner)| owner.login == found.login);
    let key = Key::board(said.thread.repository);
    let mut board: BoardState = draft.get_or_default(&key);
    if same && board.holds.remove(&login_of(said.author)).is_some() {
        draft.put(key, &board);
    }
}

/// A changed login of an owner holds widening on the board until the config says the same, and the
/// board is told when that begins.
fn note_login(draft: &mut Draft<'_>, said: &Said<'_>, found: &FoundComment) {
    let Some(owner) = said.board.owner(said.author) else {
        return;
    };
    if owner.login == found.login {
        return same_login(draft, said);
    }
    let key = Key::board(said.thread.repository);
    let mut board: BoardState = draft.get_or_default(&key);
    let name = login_of(said.author);
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

/// A yes that counts.
struct Counts<'a> {
    yes: &'a Yes<'a>,
    signature: &'a Signature,
    /// The newest identity of the name that is asked for.
    identity: Option<&'a Identity>,
    gate: &'a Gate,
}

/// It counts: has the gate judged with it.
fn counted(
    draft: &mut Draft<'_>,
    counts: &Counts<'_>,
    request: &mut Request,
    away: bool,
) -> Outcome {
    let said = counts.yes.said;
    let approval = approval(draft, counts);
    if approval.comment.is_none() && approval.armor.is_none() {
        return Outcome::Denied(vec![Reason::NotSigned]);
    }
    request.approvals.push(approval);
    let mut looked_at = request.clone();
    if away {
        // Those that stand in comments cannot be read again, and count for nothing meanwhile.
        let now = gate_hash(said.board, counts.gate);
        looked_at
            .approvals
            .retain(|approval| approval.comment.is_none() && approval.gate == now);
    }
    let (gate, identity) = (counts.gate, counts.identity);
    match weigh::verdict(draft, said.board, said.reads, gate, &looked_at, identity) {
        Verdict::Open(opening) => {
            noted(draft, counts, &looked_at);
            judge::serve(draft, said, &looked_at);
            open(draft, said, *opening, identity);
            Outcome::Open
        }
        Verdict::Shut(denied) => {
            let set_aside = looked_at.approvals.len() < request.approvals.len();
            shut(draft, counts, request, denied, set_aside)
        }
    }
}

/// What is kept of it.
fn approval(draft: &Draft<'_>, counts: &Counts<'_>) -> Approval {
    let Counts {
        yes,
        signature,
        gate,
        ..
    } = counts;
    let said = yes.said;
    let (comment, body, created_at) = match yes.voice {
        Voice::Comment(id, found) => (Some(id), &found.body, found.created_at),
        Voice::Operator(_) => (None, said.body, draft.now()),
    };
    Approval {
        approver: said.author,
        comment,
        body: body.clone(),
        scopes: yes.restated.scopes.clone(),
        ttl: yes.restated.ttl,
        signed_by: signature.good().map(|signed| signed.fingerprint.clone()),
        armor: signature.good().and(yes.restated.armor.clone()),
        code: said.code == CodeRead::Good,
        vouched: signature.good().and(yes.restated.vouched),
        created_at,
        counted_at: draft.now(),
        gate: gate_hash(said.board, gate),
    }
}

/// The gate is open: what was asked for happens.
fn open(draft: &mut Draft<'_>, said: &Said<'_>, opening: Opening, identity: Option<&Identity>) {
    let happened = match (opening.request().action, identity.cloned()) {
        (Action::Issue | Action::Rotate, _) => {
            return issue::decide(draft, said, opening, identity);
        }
        (Action::Import, _) => return import::act(draft, said, opening),
        (Action::Thaw, _) => Some(thaw::act(draft, said, &opening)),
        (Action::Resume, Some(identity)) => Some(resume::act(draft, said, &opening, identity)),
        (Action::Own, Some(identity)) => own::act(draft, said, &opening, identity),
        (Action::Link, Some(identity)) => link::act(draft, said, &opening, identity),
        // The gate's rules demand that the identity lives.
        (Action::Link | Action::Resume | Action::Own, None) => {
            draft.outcome("approve", "unknown_identity");
            None
        }
    };
    if let Some(happened) = happened {
        happened::end(draft, said, &opening, happened);
    }
}

/// Keeps the newest approval with its request, and says so in the audit, with who brought it.
fn noted(draft: &mut Draft<'_>, counts: &Counts<'_>, request: &Request) {
    let said = counts.yes.said;
    if let Some(signed) = counts.signature.good()
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
    if let Voice::Operator(operator) = counts.yes.voice {
        let text = format!("brings the signature of user {}", said.author);
        draft.entry(
            Entry::new("signature_brought", unsaid::actor(operator), text)
                .in_thread(said.thread)
                .about_request(request.number)
                .with_facts(json!({ "away_since": said.reads.away })),
        );
    }
}

/// Counted, and the gate is shut: more owners are needed, or nothing is left, or something else.
fn shut(
    draft: &mut Draft<'_>,
    counts: &Counts<'_>,
    request: &mut Request,
    mut denied: Vec<Reason>,
    set_aside: bool,
) -> Outcome {
    if denied.contains(&Reason::NothingLeft) {
        nothing_left(draft, counts, request);
        return Outcome::NothingLeft;
    }
    if let ([Reason::MoreOwners { counted, needed }], false) = (denied.as_slice(), set_aside) {
        more_owners(draft, counts, request, (counted, *needed));
        return Outcome::Counted {
            counted: counted.len(),
            needed: *needed,
        };
    }
    // What shuts the gate may pass, but a yes from before opens nothing then: it is not kept, and the
    // owner says it again.
    let newest = request.approvals.pop().map(|approval| approval.approver);
    for reason in &mut denied {
        if let Reason::MoreOwners { counted, .. } = reason {
            counted.retain(|user| Some(*user) != newest);
        }
    }
    let more = |reason: &Reason| matches!(reason, Reason::MoreOwners { .. });
    if set_aside && denied.iter().all(more) {
        return Outcome::Denied(vec![Reason::Unread]);
    }
    denied.retain(|reason| counts.gate.quorum > 1 || !more(reason));
    Outcome::Denied(denied)
}

/// No more owners could mend that nothing is left: the request ends.
fn nothing_left(draft: &mut Draft<'_>, counts: &Counts<'_>, request: &Request) {
    let said = counts.yes.said;
    let number = request.number;
    let text = "nothing is left that these owners may hand on";
    noted(draft, counts, request);
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
}

/// Keeps the newest approval, and tells the thread who is counted and who is missing.
fn more_owners(
    draft: &mut Draft<'_>,
    counts: &Counts<'_>,
    request: &mut Request,
    (counted, needed): (&[UserId], u32),
) {
    let said = counts.yes.said;
    let number = request.number;
    state::show(draft, request);
    noted(draft, counts, request);
    let bot = draft.given.policy.bot;
    let missing = could_approve(said.board, request, counts.identity, bot);
    let missing = people::owners(said.board, missing, ", ");
    let brought = match counts.yes.voice {
        Voice::Operator(_) => format!(
            " The signature of {} was brought by an operator.",
            said.name()
        ),
        Voice::Comment(..) => String::new(),
    };
    let text = format!(
        "{number}: counted {} ({} of {needed}); still to come from {missing}.{brought}",
        people::owners(said.board, counted.iter().copied(), ", "),
        counted.len()
    );
    draft.tell(said.thread, &text, Some(number));
    draft.outcome("approve", "counted");
    draft.react(said.thread, said.comment(), Reaction::Yes);
}
