//! A past request, judged once more under other rules.
//!
//! The evidence is what the journal has: what was asked, the approvals that were counted, and the
//! records as they were then. It goes through the very rules of the gate (`verdict.rs`). Nothing is
//! made of the answer: an open verdict is looked at and dropped here, and no grant comes of it. What
//! the journal does not keep, above all comments that were never counted, cannot be judged again.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::approval::{Approval, gate_hash};
use super::identity::Identity;
use super::ids::UserId;
use super::judgement::Standing;
use super::policy::{Board, Gate, Policy};
use super::request::{Request, RequestStatus};
use super::signed::{Signature, read_again};
use super::thread::{BoardState, Seen, SlugOwner, Standstill};
use super::verdict::{self, Around, Came, Case, Opened, Reason, RestsOn, Verdict};

/// A request and the records as they were when it was decided.
#[derive(Clone, Debug)]
pub struct Past {
    /// The request with the approvals that were counted by then.
    pub request: Request,
    /// The time of that line.
    pub at: Timestamp,
    /// When each of these approvals was first seen, in their order.
    pub seen: Vec<Timestamp>,
    /// The board's own state.
    pub state: BoardState,
    /// Since when the board stood still, if it did.
    pub standstill: Option<Standstill>,
    /// Whose the name was.
    pub slug: Option<SlugOwner>,
    /// The newest identity of that name.
    pub identity: Option<Identity>,
    /// True if the rules of that time waited for a judgement and let it through.
    pub judged: bool,
}

/// What other rules say to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// It would be granted.
    Granted {
        /// What it would be.
        scopes: BTreeSet<String>,
        /// Seconds of life.
        ttl: u64,
    },
    /// It would not even be taken, and why, in words.
    NotTaken(String),
    /// It would not be.
    Shut {
        /// Every reason of the gate's.
        reasons: Vec<Reason>,
        /// The approvals that would not be counted, and why.
        dropped: Vec<(UserId, Reason)>,
    },
}

impl Past {
    /// Judges it under these rules, as if it had been asked and approved under them.
    pub fn again(&self, policy: &Policy) -> Again {
        let shut = |reasons| Again::Shut {
            reasons,
            dropped: Vec::new(),
        };
        let environment = &self.request.effect.environment;
        let board = policy.board(self.request.thread.repository);
        let Some((board, gate)) = board.and_then(|board| Some((board, board.gate(environment)?)))
        else {
            return shut(vec![Reason::NoGate(environment.clone())]);
        };
        let mut asked = self.request.clone();
        asked.status = RequestStatus::Open;
        let approvals = std::mem::take(&mut asked.approvals);
        if let Some(why) = not_taken(board, &asked) {
            return Again::NotTaken(why);
        }
        let refused = self.weigh(policy, board, &gate, &asked, &[], verdict::refusals);
        if !refused.is_empty() {
            return shut(refused);
        }
        let mut dropped = Vec::new();
        for (approval, seen) in approvals.into_iter().zip(&self.seen) {
            let reasons = self.uncounted(policy, board, &asked, &approval, *seen);
            if reasons.is_empty() {
                let gate = gate_hash(board, &gate);
                asked.approvals.push(Approval { gate, ..approval });
            } else {
                let approver = approval.approver;
                dropped.extend(reasons.into_iter().map(|reason| (approver, reason)));
            }
        }
        let judgements: Vec<(UserId, Standing)> = match board.judges.keys().next() {
            Some(judge) if self.judged => vec![(*judge, Standing::Serves)],
            _ => Vec::new(),
        };
        match self.weigh(policy, board, &gate, &asked, &judgements, verdict::judge) {
            Verdict::Open(opening) => Again::Granted {
                scopes: opening.scopes().clone(),
                ttl: opening.ttl(),
            },
            Verdict::Shut(reasons) => Again::Shut { reasons, dropped },
        }
    }

    /// Why an approval would not be counted, as far as the rules of the gate can tell from its record.
    fn uncounted(
        &self,
        policy: &Policy,
        board: &Board,
        asked: &Request,
        approval: &Approval,
        seen: Timestamp,
    ) -> Vec<Reason> {
        let signature = match &approval.armor {
            None => Signature::Absent,
            Some(_) => read_again(policy, asked, approval),
        };
        let case = Case {
            now: seen,
            policy,
            board,
            request: asked,
            identity: self.identity.as_ref(),
            restated: &approval.restated(asked),
            signature: &signature,
            last_counter: None,
            seen: &Seen::new(approval.body.clone(), seen),
            came: Came::Kept(approval),
            rests_on: RestsOn::Then,
        };
        verdict::count(&case).err().unwrap_or_default()
    }

    fn weigh<T>(
        &self,
        policy: &Policy,
        board: &Board,
        gate: &Gate,
        request: &Request,
        judgements: &[(UserId, Standing)],
        rules: impl FnOnce(&Opened<'_>) -> T,
    ) -> T {
        rules(&Opened {
            around: Around {
                now: self.at,
                policy,
                policy_hash: &policy.hash(),
                board,
                state: &self.state,
                standstill: self.standstill.as_ref(),
                gate,
                request,
                burnt: false,
                low_space: false,
                clock: None,
                history_lost: false,
            },
            slug: self.slug.as_ref(),
            identity: self.identity.as_ref(),
            judgements,
        })
    }
}

/// Why a request is not taken, before its gate is asked.
fn not_taken(board: &Board, asked: &Request) -> Option<String> {
    if asked.asker().is_some_and(|asker| !board.may_ask(asker)) {
        return Some("whoever asked may not ask".to_owned());
    }
    let effect = &asked.effect;
    let beyond = board.not_listed(effect.resources.as_ref(), effect.modes.as_ref());
    beyond.map(|(what, beyond, _)| format!("the board has no `{beyond}` among its {what}"))
}
