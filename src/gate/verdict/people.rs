//! Who can be counted for a request, and who never is: one list, asked when a request is put up, when an
//! owner says yes, when the gate is judged, and when somebody is told who is missing.

use super::super::identity::Identity;
use super::super::ids::UserId;
use super::super::policy::{Board, Factor, Gate, Owner};
use super::super::request::{Action, Request};

/// Why somebody cannot be counted for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bar {
    /// It is no owner of the board.
    NotAnOwner,
    /// It is an owner who may not approve.
    MayNotApprove,
    /// It is a machine account, or the bot.
    Machine,
    /// It asks, or would benefit, and the gate does not let it approve all the same.
    Benefits,
    /// It may hand on nothing of what is asked.
    HandsOnNothing,
    /// The gate demands a signature, and it has no key.
    NoKey,
    /// The gate demands a one-time code, and it has no secret for them.
    NoCode,
}

impl Bar {
    /// True if it is about who that is. What the others are about is in an approval or is not, and is
    /// looked at there.
    pub(super) fn is_of_the_person(self) -> bool {
        match self {
            Self::NotAnOwner | Self::MayNotApprove | Self::Machine | Self::Benefits => true,
            Self::HandsOnNothing | Self::NoKey | Self::NoCode => false,
        }
    }
}

/// What somebody would be counted for.
#[derive(Clone, Copy)]
pub(super) struct For<'a> {
    /// The bot's own account.
    pub bot: UserId,
    /// The board.
    pub board: &'a Board,
    /// The gate; `None`: there is none any more.
    pub gate: Option<&'a Gate>,
    /// The request.
    pub request: &'a Request,
    /// The identity of that name, if there is one.
    pub identity: Option<&'a Identity>,
}

/// Everything that bars somebody from being counted.
pub(super) fn bars(what: For<'_>, user: UserId) -> Vec<Bar> {
    let owner = what.board.owner(user).filter(|_| user.is_somebody());
    let machine = user == what.bot || what.board.machine_accounts.contains(&user);
    let self_approval = what.gate.is_some_and(|gate| gate.self_approval);
    let demands = |factor| {
        let demanded = what.gate.is_some_and(|gate| gate.factors.contains(&factor));
        owner.filter(|_| demanded)
    };
    [
        (owner.is_none(), Bar::NotAnOwner),
        (
            owner.is_some_and(|owner| !owner.may_approve),
            Bar::MayNotApprove,
        ),
        (machine, Bar::Machine),
        (
            !self_approval && benefits(what.request, what.identity, user),
            Bar::Benefits,
        ),
        (
            owner.is_some_and(|owner| !hands_on(owner, what.request)),
            Bar::HandsOnNothing,
        ),
        (
            demands(Factor::Signature).is_some_and(|owner| owner.signing_keys.is_empty()),
            Bar::NoKey,
        ),
        (
            demands(Factor::Code).is_some_and(|owner| !owner.has_code),
            Bar::NoCode,
        ),
    ]
    .into_iter()
    .filter_map(|(holds, bar)| holds.then_some(bar))
    .collect()
}

/// The owners who could still be counted for a request.
pub fn could_approve<'a>(
    board: &'a Board,
    request: &'a Request,
    identity: Option<&'a Identity>,
    bot: UserId,
) -> impl Iterator<Item = UserId> + 'a {
    let gate = board.gate(&request.effect.environment);
    let approved = |user: UserId| {
        let mut approvals = request.approvals.iter();
        approvals.any(|approval| approval.approver == user)
    };
    board.owners.keys().copied().filter(move |user| {
        let what = For {
            bot,
            board,
            gate: gate.as_deref(),
            request,
            identity,
        };
        !approved(*user) && bars(what, *user).is_empty()
    })
}

/// Who benefits does not approve. Where a token is handed to somebody: neither who asked nor the
/// identity's requester. Where secrets from before come alive: neither who asked nor the requester of
/// an identity that gets one. Where something goes on or is linked: the identity's requester. Where an
/// identity gets an owner: who would be it.
fn benefits(request: &Request, identity: Option<&Identity>, user: UserId) -> bool {
    let asks = request.asker() == Some(user);
    let requested = identity
        .filter(|identity| identity.is_living())
        .is_some_and(|identity| identity.requester == user);
    match request.action {
        Action::Issue | Action::Rotate => asks || requested,
        Action::Import => {
            let import = request.effect.import.as_ref();
            asks || import.is_some_and(|import| import.requesters.contains(&user))
        }
        Action::Link | Action::Resume | Action::Thaw => requested,
        Action::Own => asks || request.effect.owner == Some(user),
    }
}

/// True if an owner's ceiling leaves anything of what is asked.
fn hands_on(owner: &Owner, request: &Request) -> bool {
    owner.ceiling.as_ref().is_none_or(|ceiling| {
        request.effect.scopes.is_empty() || !ceiling.is_disjoint(&request.effect.scopes)
    })
}
