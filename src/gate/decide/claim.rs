//! A claim: whoever shows the verifier of an approved challenge gets the token, once.
//!
//! The token is minted for the claim and never kept. A claim decides again: everything that the
//! approval rested on is read again and the same rules judge the same request, as it would be judged
//! now. What they open is the grant's own credential, with the grant's own end; claimed once more, no
//! more than is left of the one before.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::Less;
use super::super::credential::{Credential, CredentialStatus};
use super::super::evidence::{Need, Reads};
use super::super::grant::{Grant, GrantRecord, GrantStatus};
use super::super::identity::Identity;
use super::super::ids::{CommentId, CredentialNumber};
use super::super::key::Key;
use super::super::policy::Board;
use super::super::reply::reasons;
use super::super::request::{Request, RequestStatus};
use super::super::thread::{Challenge, Counters};
use super::super::time::{after, instant};
use super::super::verdict::{self, Opening, Reason, Verdict};
use super::grounds::{self, keep_standing, moved};
use super::{Answer, Claim, Draft, issue, judge, known, lifecycle, look, rotate, weigh};

/// Decides a claim.
pub(super) fn decide(draft: &mut Draft<'_>, challenge: &str, reads: &Reads) {
    let claim = claim(draft, challenge, reads);
    draft.answer(Answer::Claim(claim));
}

fn claim(draft: &mut Draft<'_>, challenge: &str, reads: &Reads) -> Claim {
    let request = draft
        .get::<Challenge>(&Key::challenge(challenge))
        .and_then(|known| draft.get::<Request>(&Key::request(known.request)));
    let Some(request) = request else {
        return Claim::Unknown;
    };
    match &request.status {
        RequestStatus::Approved => {}
        RequestStatus::Open if request.is_open(draft.now()) => return Claim::Open,
        RequestStatus::Open
        | RequestStatus::Denied(_)
        | RequestStatus::DeniedBy(_)
        | RequestStatus::Withdrawn
        | RequestStatus::Void(_) => return Claim::Over(request.word(draft.now())),
    }
    let grant = draft.get::<GrantRecord>(&Key::grant(request.number));
    let board = draft.board(request.thread);
    let (Some(grant), Some(board)) = (grant, board) else {
        return Claim::Over("void");
    };
    let identity = grant
        .identity
        .and_then(|number| draft.get::<Identity>(&Key::identity(number)))
        .filter(Identity::is_living);
    let Some(identity) = identity else {
        return Claim::Over("void");
    };
    draft.cause("claimed", json!({ "request": request.number }));
    let before = match grant.status {
        GrantStatus::Open => None,
        GrantStatus::Void | GrantStatus::Imported(..) => return Claim::Over("void"),
        GrantStatus::Consumed(number) => {
            let known = draft.get::<Credential>(&Key::credential(number));
            match known {
                Some(known) if is_unused(&known) => Some(known),
                Some(known) => return reused(draft, identity, &known),
                None => return Claim::Over("void"),
            }
        }
    };
    if draft.now() >= issue::claim_until(draft, grant.at, grant.ttl) {
        return Claim::Over("ended");
    }
    again(draft, board, &request, &grant, identity, before, reads)
}

/// True for what was handed out and was never shown to anybody since; the answer may be lost.
fn is_unused(credential: &Credential) -> bool {
    matches!(credential.status, CredentialStatus::Pending(_))
}

/// The verifier of a credential that was in use already: somebody else may have it. What was revoked
/// is over.
fn reused(draft: &mut Draft<'_>, mut identity: Identity, known: &Credential) -> Claim {
    if matches!(known.status, CredentialStatus::Revoked(_)) {
        return Claim::Over("void");
    }
    let number = known.number;
    let why = format!("somebody claimed {number} again after its first use");
    draft.entry(
        Entry::new("claim_reused", Actor::Holder(number), why.clone())
            .in_thread(identity.thread)
            .about_identity(identity.number)
            .about_credential(number),
    );
    draft.use_reserve();
    if lifecycle::pause(draft, &mut identity, &Actor::Holder(number), &why) {
        let owners = known::mentions(draft, identity.thread, known.approvers.clone());
        let text = format!(
            "**`{}` is paused**: {why}. Whoever holds the verifier of {} may not be the only one. {owners}",
            identity.slug, known.request
        );
        draft.tell(identity.thread, text.trim_end(), Some(known.request));
    }
    Claim::Reused
}

/// The same request is judged once more, as if its approvals had just come; what opens makes the token.
fn again(
    draft: &mut Draft<'_>,
    board: &Board,
    request: &Request,
    grant: &GrantRecord,
    mut identity: Identity,
    before: Option<Credential>,
    reads: &Reads,
) -> Claim {
    let reads = reads.fresh(draft.now());
    if !gathered(draft, board, request, reads) {
        return Claim::Open;
    }
    let opening = match judged(draft, board, request, grant, &identity, reads) {
        Ok(opening) => opening,
        Err(claim) => {
            // Where the grant fell, what was made of it and never used falls with it.
            if let (Claim::Over(_), Some(mut before)) = (&claim, before) {
                let why = "an approval that it rests on fell before it was used";
                lifecycle::revoke_credential(draft, &mut identity, &mut before, &Actor::Bot, why);
            }
            return claim;
        }
    };
    let minted = reads.candidate.as_ref();
    let candidate = issue::candidate_for(draft, request.number, &request.effect, minted);
    let Some(candidate) = candidate else {
        return Claim::Open;
    };
    if let Some(before) = &before {
        let why = "claimed once more before its first use";
        let mut ended = before.clone();
        lifecycle::revoke_credential(draft, &mut identity, &mut ended, &Actor::Bot, why);
    }
    let by = Actor::Holder(next(draft));
    let grant_of = Grant::from_opening(*opening);
    let slug = identity.slug.clone();
    let made = issue::make(draft, grant_of, identity, candidate, grant.at, &by);
    let Some(mut credential) = made else {
        return Claim::Over("void");
    };
    if let Some(before) = before {
        keep_narrow(draft, &mut credential, &before);
    }
    lifecycle::unclaimable(draft, request);
    let text = format!(
        "**`{slug}` {} was claimed**; it ends {}.",
        credential.number,
        instant(credential.expires_at)
    );
    draft.tell(request.thread, &text, Some(request.number));
    Claim::Made(Box::new(credential))
}

/// What was taken from the credential before stays taken away.
fn keep_narrow(draft: &mut Draft<'_>, credential: &mut Credential, before: &Credential) {
    let less = Less {
        scopes: Some(before.scopes.clone()),
        resources: before.resources.clone(),
        modes: before.modes.clone(),
        ttl: None,
    };
    let identity = credential
        .identity
        .and_then(|number| draft.get::<Identity>(&Key::identity(number)));
    if let (true, Some(identity)) = (credential.narrow(&less, Some(before.expires_at)), identity) {
        draft.put(Key::credential(credential.number), credential);
        draft.put(Key::check(&credential.mac), &credential.check(&identity));
    }
}

/// What the gate says now to what it granted then.
fn judged(
    draft: &mut Draft<'_>,
    board: &Board,
    request: &Request,
    grant: &GrantRecord,
    identity: &Identity,
    reads: &Reads,
) -> Result<Box<Opening>, Claim> {
    let mut standing = Request {
        status: RequestStatus::Open,
        ends_at: after(draft.now(), 1),
        ..request.clone()
    };
    keep_standing(draft, board, reads, &mut standing);
    if standing.approvals.len() < request.approvals.len() {
        look::fallen_claim(draft, request, grant.clone());
        return Err(Claim::Over("void"));
    }
    let mut denied = verdict::shut_place(board, request.thread.issue, reads);
    if moved(draft, board, request) || rotate::has_heir(draft, request) {
        denied.push(Reason::DigestDiffers);
    }
    let verdict = board
        .gate(&request.effect.environment)
        .map(|gate| weigh::verdict(draft, board, reads, &gate, &standing, Some(identity)));
    match verdict {
        Some(Verdict::Open(opening)) if denied.is_empty() => return Ok(opening),
        Some(Verdict::Open(_)) => {}
        Some(Verdict::Shut(reasons)) => denied.extend(reasons),
        None => denied.push(Reason::NoGate(request.effect.environment.clone())),
    }
    Err(shut(draft, board, request, &denied))
}

/// The number that the next credential will have.
fn next(draft: &Draft<'_>) -> CredentialNumber {
    let counters: Counters = draft.get_or_default(&Key::counters());
    CredentialNumber(counters.credential + 1)
}

/// True if the thread, the repository and every approval were read again; asks for what is missing.
fn gathered(draft: &mut Draft<'_>, board: &Board, request: &Request, reads: &Reads) -> bool {
    let place = grounds::place_is_read(draft, request.thread.issue, reads);
    let rests_on = request
        .approvals
        .iter()
        .filter_map(|approval| approval.comment)
        .chain(judge::relied_on(draft, board, request));
    let missing: Vec<CommentId> = rests_on
        .filter(|comment| !reads.comments.contains_key(comment))
        .collect();
    for comment in &missing {
        draft.need(Need::Comment(*comment));
    }
    place && missing.is_empty()
}

/// The gate is shut now. What shuts it may pass, so that the grant stays.
fn shut(draft: &mut Draft<'_>, board: &Board, request: &Request, denied: &[Reason]) -> Claim {
    if !draft.given.low_space {
        draft.entry(
            Entry::new("claim_refused", Actor::Bot, reasons::all_codes(denied))
                .in_thread(request.thread)
                .about_request(request.number),
        );
    }
    Claim::Shut(reasons::all(denied, board))
}
