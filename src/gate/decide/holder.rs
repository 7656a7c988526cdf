//! A holder wants a successor of its own credential, where the gate lets holders swap their tokens.
//!
//! Nobody approves anew: the thread and the repository are read again and `verdict::judge_holder` says
//! whether every rule holds. One successor of a credential; whoever calls again with the same key gets
//! the same sealed file. A token that was replaced and whose grace is over is no use here but an alarm:
//! two parties have it, or its holder missed something, and the identity stands still.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::Credential;
use super::super::effect::Role;
use super::super::evidence::Reads;
use super::super::grant::{Grant, Rotation};
use super::super::identity::Identity;
use super::super::ids::{Hash, Mac};
use super::super::key::Key;
use super::super::policy::{Board, Gate};
use super::super::reply::{self, reasons};
use super::super::request::Request;
use super::super::thread::Standstill;
use super::super::time::instant;
use super::super::verdict::{HolderCase, Opening, Verdict, holder_refusals, judge_holder};
use super::weigh::Standing;
use super::{Answer, Draft, Rotated, grounds, issue, known, lifecycle, used};

/// Decides it.
pub(super) fn decide(draft: &mut Draft<'_>, macs: &[Mac], key: &Hash, reads: &Reads) {
    let rotated = rotate(draft, macs, key, reads);
    draft.answer(Answer::Rotated(rotated));
}

fn rotate(draft: &mut Draft<'_>, macs: &[Mac], key: &Hash, reads: &Reads) -> Rotated {
    let Some(check) = known::shown(draft, macs) else {
        return Rotated::NotAlive;
    };
    let Some((credential, identity)) = known::of_identity(draft, check.credential) else {
        return Rotated::NotAlive;
    };
    draft.cause("holder_rotates", json!({ "credential": credential.number }));
    if credential.is_rotated_away(draft.now()) {
        late(draft, identity, credential);
        return Rotated::NotAlive;
    }
    let frozen = draft
        .get::<Standstill>(&Key::standstill(check.board))
        .is_some();
    let live = check.live(&draft.given.policy, draft.now());
    if frozen || live.is_none() {
        return Rotated::NotAlive;
    }
    if let Some(rotation) = draft.get::<Rotation>(&Key::rotation(credential.number)) {
        return again(draft, &identity, &credential, rotation, key);
    }
    match known::heir(draft, &credential) {
        Some(heir) => Rotated::Another(heir.number),
        None => judged(draft, identity, &credential, key, reads),
    }
}

/// A token that was replaced and whose grace is over: somebody may have a copy of it.
fn late(draft: &mut Draft<'_>, mut identity: Identity, credential: Credential) {
    let number = credential.number;
    let by = Actor::Holder(number);
    used::shown_late(draft, &identity, credential.clone(), by.clone());
    let why = format!("somebody wants a successor of {number}, which has one and is over");
    if lifecycle::pause(draft, &mut identity, &by, &why) {
        let text = format!(
            "**`{}` is paused**: {why}. Whoever holds the token of {number} may not be the only one. {}",
            identity.slug,
            known::mentions(draft, identity.thread, credential.approvers)
        );
        draft.tell(identity.thread, text.trim_end(), None);
    }
}

/// There is a successor already: the same key is told the same, another one nothing, and the owners
/// learn of that once.
fn again(
    draft: &mut Draft<'_>,
    identity: &Identity,
    credential: &Credential,
    mut rotation: Rotation,
    key: &Hash,
) -> Rotated {
    let (number, successor) = (credential.number, rotation.successor);
    if rotation.key == *key {
        let heir = draft
            .get::<Credential>(&Key::credential(successor))
            .filter(|heir| heir.is_living(draft.now()));
        return match heir {
            Some(heir) => Rotated::Made(Box::new(heir), rotation.sealed),
            None => Rotated::Over(successor),
        };
    }
    if !rotation.told && !draft.given.low_space {
        rotation.told = true;
        draft.put(Key::rotation(number), &rotation);
        let why = format!("a second successor of {number} was wanted, with another key");
        draft.entry(
            Entry::new("rotation_refused", Actor::Holder(number), why.clone())
                .in_thread(identity.thread)
                .about_identity(identity.number)
                .about_credential(number),
        );
        let text = format!(
            "**`{0}`: {why}.** It has {successor} and gets no other. If its holder did not ask twice, somebody has a copy of its token: `/gate revoke {0}` ends both. {1}",
            identity.slug,
            known::mentions(draft, identity.thread, credential.approvers.clone())
        );
        draft.tell(identity.thread, text.trim_end(), None);
    }
    Rotated::Another(successor)
}

/// The rules decide; what they open makes the successor.
fn judged(
    draft: &mut Draft<'_>,
    identity: Identity,
    credential: &Credential,
    key: &Hash,
    reads: &Reads,
) -> Rotated {
    let request = draft.get::<Request>(&Key::request(credential.request));
    let board = draft.board(identity.thread);
    let gate = board.and_then(|board| board.gates.get(&identity.environment));
    let (Some(request), Some(board), Some(gate)) = (request, board, gate) else {
        return Rotated::NotAlive;
    };
    let reads = reads.fresh(draft.now());
    let place = Place { board, gate };
    let verdict = verdict(draft, place, &request, &identity, credential, reads);
    let opening = match verdict {
        None => return Rotated::NotAlive,
        Some(Verdict::Open(opening)) => *opening,
        Some(Verdict::Shut(denied)) => {
            // What shuts it may pass, and nothing is written: a holder can ask as often as it likes.
            return Rotated::Shut(reasons::all(&denied, board));
        }
    };
    make(draft, opening, identity, credential, key, reads)
}

/// A board and its gate for the identity.
#[derive(Clone, Copy)]
struct Place<'a> {
    board: &'a Board,
    gate: &'a Gate,
}

/// What the rules say; `None` after having asked for what must be read first.
fn verdict(
    draft: &mut Draft<'_>,
    place: Place<'_>,
    request: &Request,
    identity: &Identity,
    credential: &Credential,
    reads: &Reads,
) -> Option<Verdict> {
    let given = draft.given;
    let standing = Standing::of(draft, place.board, credential.recipient.as_ref());
    let case = HolderCase {
        around: standing.around(given, place.board, place.gate, request),
        identity,
        credential,
        reads,
    };
    let refused = holder_refusals(&case);
    if !refused.is_empty() {
        return Some(Verdict::Shut(refused));
    }
    grounds::place_is_read(draft, identity.thread.issue, reads).then(|| judge_holder(&case))
}

/// The successor: its predecessor's life, identity and approvers, and a token sealed to the same key.
fn make(
    draft: &mut Draft<'_>,
    opening: Opening,
    mut identity: Identity,
    old: &Credential,
    key: &Hash,
    reads: &Reads,
) -> Rotated {
    let minted = reads.candidate.as_ref();
    let candidate = issue::candidate_for(draft, old.request, opening.wanted(), minted);
    let Some(candidate) = candidate else {
        return Rotated::NotAlive;
    };
    let sealed = candidate.sealed.clone();
    identity.last_rotated = Some(draft.now());
    let (slug, thread) = (identity.slug.clone(), identity.thread);
    let grant = Grant::from_opening(opening);
    let by = Actor::Holder(old.number);
    let written = issue::write(draft, grant, identity, candidate, old.issued_at, &by);
    let Some((heir, grant)) = written else {
        return Rotated::NotAlive;
    };
    let rotation = Rotation {
        key: key.clone(),
        grant,
        successor: heir.number,
        sealed: sealed.clone(),
        told: false,
    };
    draft.put(Key::rotation(old.number), &rotation);
    let text = format!(
        "**`{slug}` {} is the successor of {}**: its holder asked for it, as this gate allows. Sealed to the same key, ends {}; {} goes on until a grace after {} is first used. To take it back: `/gate revoke {slug}`",
        heir.number,
        old.number,
        instant(heir.expires_at),
        old.number,
        heir.number
    );
    // Where the forge refuses it for good the successor is revoked: nothing widens unseen.
    let body = reply::notice(&text, None, draft.given.seq);
    draft.post(thread, Role::Credential(heir.number), body);
    Rotated::Made(Box::new(heir), sealed)
}
