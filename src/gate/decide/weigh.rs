//! Has the rules of a gate look at a request, with everything that the records say about it.
//!
//! Nothing is decided here, and nothing is written.

use super::super::evidence::Reads;
use super::super::identity::Identity;
use super::super::ids::UserId;
use super::super::judgement;
use super::super::key::Key;
use super::super::policy::{Board, Gate};
use super::super::request::Request;
use super::super::thread::{BoardState, RecipientState, SlugOwner, Standstill};
use super::super::verdict::{self, Around, Opened, Verdict};
use super::{Draft, Given, judge, loss};

/// What the records say of a board and of where a token goes.
pub(super) struct Standing {
    state: BoardState,
    standstill: Option<Standstill>,
    burnt: bool,
    history_lost: bool,
}

impl Standing {
    /// Loads it.
    pub(super) fn of(draft: &Draft<'_>, board: &Board, recipient: Option<&String>) -> Self {
        let recipient =
            recipient.and_then(|recipient| draft.get::<RecipientState>(&Key::recipient(recipient)));
        Self {
            state: draft.get_or_default(&Key::board(board.repository_id)),
            standstill: draft.get(&Key::standstill(board.repository_id)),
            burnt: recipient.is_some_and(|recipient| recipient.burnt.is_some()),
            history_lost: loss::is_open(draft),
        }
    }

    /// For the rules.
    pub(super) fn around<'a>(
        &'a self,
        given: &'a Given,
        board: &'a Board,
        gate: &'a Gate,
        request: &'a Request,
    ) -> Around<'a> {
        Around {
            now: given.now,
            policy: &given.policy,
            policy_hash: &given.policy_hash,
            board,
            state: &self.state,
            standstill: self.standstill.as_ref(),
            gate,
            request,
            burnt: self.burnt,
            low_space: given.low_space,
            clock: given.clock.as_deref(),
            history_lost: self.history_lost,
        }
    }
}

/// Has these rules look at a request.
pub(super) fn weigh<T>(
    draft: &Draft<'_>,
    board: &Board,
    gate: &Gate,
    request: &Request,
    identity: Option<&Identity>,
    judgements: &[(UserId, judgement::Standing)],
    rules: impl FnOnce(&Opened<'_>) -> T,
) -> T {
    let wanted = &request.effect;
    let standing = Standing::of(draft, board, wanted.recipient.as_ref());
    let slug = wanted.identity.as_ref();
    let slug = slug.and_then(|slug| draft.get::<SlugOwner>(&Key::slug(slug)));
    rules(&Opened {
        around: standing.around(draft.given, board, gate, request),
        slug: slug.as_ref(),
        identity,
        judgements,
    })
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
    weigh(
        draft,
        board,
        gate,
        request,
        identity,
        &judgements,
        verdict::judge,
    )
}
