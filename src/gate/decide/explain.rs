//! Why is it shut? What the gate would say to an open request now, with the approvals that are counted:
//! for operators who look, and for nothing else.
//!
//! Nothing is decided and nothing changes: what this makes cannot be journaled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::evidence::{Need, Needs, Reads};
use super::super::ids::{RequestNumber, UserId};
use super::super::key::Key;
use super::super::request::Request;
use super::super::verdict::{Finding, Stand, findings, owners};
use super::super::world::World;
use super::{Draft, Given, judge, known, weigh};

/// What the gate says to a request now.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Whether every rule holds.
    pub open: bool,
    /// Each rule by its name, and what it says.
    pub rules: Vec<(&'static str, Finding)>,
    /// How each owner stands.
    pub owners: Vec<(UserId, Stand)>,
    /// What would have to be read for the judgements, if the gate looks at them.
    pub unread: Needs,
}

/// Explains an open request. `None`: it is not there or not open, its board or gate is not configured,
/// or a record cannot be read. Gives up after 64 rounds of loading, which no request comes near.
pub fn explain_with(
    number: RequestNumber,
    reads: &Reads,
    given: &Given,
    mut read: impl FnMut(&Key) -> Option<Value>,
) -> Option<Explanation> {
    let mut known: BTreeMap<Key, Option<Value>> = BTreeMap::new();
    for _ in 0..64 {
        let draft = Draft::new(World::new(known.clone()), given);
        let explanation = explain(&draft, number, reads);
        match draft.wanted() {
            Ok(wanted) if wanted.is_empty() => return explanation,
            Ok(wanted) => {
                for key in wanted {
                    let value = read(&key);
                    known.insert(key, value);
                }
            }
            Err(_) => return None,
        }
    }
    None
}

fn explain(draft: &Draft<'_>, number: RequestNumber, reads: &Reads) -> Option<Explanation> {
    let request: Request = draft.get(&Key::request(number))?;
    let board = draft.board(request.thread)?;
    let gate = board.gate(&request.effect.environment)?;
    if !request.is_open(draft.now()) {
        return None;
    }
    let identity = known::identity_of(draft, board, &request);
    let judgements = judge::standings(draft, board, reads, &request);
    let (open, rules) = weigh::weigh(
        draft,
        board,
        &gate,
        &request,
        identity.as_ref(),
        &judgements,
        findings,
    );
    let owners = weigh::weigh(
        draft,
        board,
        &gate,
        &request,
        identity.as_ref(),
        &judgements,
        owners,
    );
    Some(Explanation {
        open,
        rules,
        owners,
        unread: unread(draft, &request, gate.judge_required, reads),
    })
}

/// The judgements that the gate looks at, and the issue that they are about, as far as they were not
/// read.
fn unread(draft: &Draft<'_>, request: &Request, demanded: bool, reads: &Reads) -> Needs {
    let Some(board) = draft.board(request.thread).filter(|_| demanded) else {
        return BTreeSet::new();
    };
    let comments = judge::relied_on(draft, board, request)
        .into_iter()
        .filter(|id| !reads.comments.contains_key(id))
        .map(Need::Comment);
    let issue = request.thread.issue;
    let unread = !reads.issues.contains_key(&issue);
    comments
        .chain(unread.then_some(Need::Issue(issue)))
        .collect()
}
