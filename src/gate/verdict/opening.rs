//! The rules that open a gate for the approvals that count. One function a rule; those that no
//! approval could mend are asked when the request comes in, too.

use std::collections::BTreeSet;

use super::super::approval::gate_hash;
use super::super::command::Vouched;
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::UserId;
use super::super::judgement::Standing;
use super::super::policy::Factor;
use super::super::request::Action;
use super::super::signed::vouched;
use super::people::{Bar, bars};
use super::{Around, Finding, Opened, Reason, around, cannot_check, could_approve, deny_if};

/// One rule: the name that operators are shown, when it is asked, and what it says.
type Rule = (&'static str, When, fn(&Opened<'_>) -> Finding);

/// When a rule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// When the request is put up: no approval could mend it, and later it is of no account.
    Asked,
    /// When the gate is to open.
    Opening,
    /// Both times: no approval could mend it, and it may have come to hold since.
    Both,
}

/// Every rule. They may be more, and none changes its name.
pub(super) const RULES: [Rule; 23] = [
    ("request_is_open", When::Opening, request_is_open),
    ("not_frozen", When::Both, not_frozen),
    ("lives", When::Both, lives),
    ("digest_unchanged", When::Opening, digest_unchanged),
    ("scopes_within_gate", When::Both, scopes_within_gate),
    ("life_within_gate", When::Both, life_within_gate),
    ("slug_is_free", When::Both, slug_is_free),
    ("lives_here", When::Both, lives_here),
    ("same_environment", When::Both, same_environment),
    ("not_paused", When::Both, not_paused),
    ("recipient_safe", When::Both, |case| {
        around::recipient_safe(&case.around)
    }),
    ("checkable", When::Both, checkable),
    (
        "approvals_of_this_gate",
        When::Opening,
        approvals_of_this_gate,
    ),
    ("factors_brought", When::Opening, factors_brought),
    ("vouched_for", When::Opening, vouched_for),
    ("something_left", When::Both, something_left),
    ("judged", When::Opening, judged),
    ("quorum", When::Opening, quorum),
    ("not_held", When::Opening, |case| {
        around::not_held(&case.around)
    }),
    ("space_left", When::Both, |case| {
        around::space_left(&case.around)
    }),
    ("clock_trusted", When::Opening, |case| {
        around::clock_trusted(&case.around)
    }),
    ("history_whole", When::Both, |case| {
        around::history_whole(&case.around)
    }),
    ("enough_owners", When::Asked, enough_owners),
];

/// What the rules say that are asked when a request is put up.
pub(super) fn when_asked<'a>(case: &'a Opened<'_>) -> impl Iterator<Item = Finding> + 'a {
    let asked = RULES.iter().filter(|(_, when, _)| *when != When::Opening);
    asked.map(|(_, _, rule)| rule(case))
}

/// What the rules say that are asked when the gate is to open, each by its name.
pub(super) fn when_opening<'a>(
    case: &'a Opened<'_>,
) -> impl Iterator<Item = (&'static str, Finding)> + 'a {
    let asked = RULES.iter().filter(|(_, when, _)| *when != When::Asked);
    asked.map(|(name, _, rule)| (*name, rule(case)))
}

fn request_is_open(case: &Opened<'_>) -> Finding {
    deny_if(
        !case.around.request.is_open(case.around.now),
        Reason::NotOpen(case.around.request.word(case.around.now)),
    )
}

fn digest_unchanged(case: &Opened<'_>) -> Finding {
    deny_if(
        case.around.request.recompute(case.around.policy) != case.around.request.digest,
        Reason::DigestDiffers,
    )
}

fn scopes_within_gate(case: &Opened<'_>) -> Finding {
    let beyond: Vec<String> = case
        .around
        .request
        .effect
        .scopes
        .iter()
        .filter(|scope| !case.around.board.grants(case.around.gate, scope))
        .cloned()
        .collect();
    deny_if(!beyond.is_empty(), Reason::ScopesNotGranted(beyond))
}

fn life_within_gate(case: &Opened<'_>) -> Finding {
    let over = case
        .around
        .request
        .effect
        .ttl
        .is_some_and(|ttl| ttl > case.around.gate.max_ttl);
    deny_if(over, Reason::TtlOverLimit(case.around.gate.max_ttl))
}

/// A slug is never passed on: it is free, or belongs to this requester on this board; an owner may
/// ask for a living identity of somebody else.
fn slug_is_free(case: &Opened<'_>) -> Finding {
    let Some(slug) = case.slug else {
        return Finding::Silent;
    };
    let asker = case.around.request.asker();
    let own = slug.repository == case.around.board.repository_id && asker == Some(slug.requester);
    let living = case.identity.is_some_and(|identity| {
        identity.is_living() && identity.board() == case.around.board.repository_id
    });
    let by_owner = living && asker.is_some_and(|asker| case.around.board.owner(asker).is_some());
    deny_if(!own && !by_owner, Reason::SlugTaken)
}

fn lives_here(case: &Opened<'_>) -> Finding {
    match case.identity.filter(|identity| identity.is_living()) {
        Some(identity) if identity.board() != case.around.board.repository_id => {
            Finding::Deny(Reason::SlugTaken)
        }
        Some(identity) => deny_if(
            identity.thread != case.around.request.thread,
            Reason::LivesElsewhere(identity.thread),
        ),
        None => Finding::Silent,
    }
}

fn same_environment(case: &Opened<'_>) -> Finding {
    match case.identity.filter(|identity| identity.is_living()) {
        Some(identity) => deny_if(
            identity.environment != case.around.request.effect.environment,
            Reason::OtherEnvironment(identity.environment.clone()),
        ),
        None => Finding::Silent,
    }
}

/// Nothing is issued to what stands still, and only that can be resumed.
fn not_paused(case: &Opened<'_>) -> Finding {
    let paused = case
        .identity
        .is_some_and(|identity| matches!(identity.status, IdentityStatus::Paused(_)));
    match case.around.request.action {
        Action::Issue | Action::Link | Action::Rotate => deny_if(paused, Reason::Paused),
        Action::Resume => deny_if(!paused, Reason::NotPaused),
        // The identities of an import are looked at where it is composed.
        Action::Import | Action::Thaw | Action::Own => Finding::Silent,
    }
}

/// What goes on or gets a successor has to live.
fn lives(case: &Opened<'_>) -> Finding {
    let living = case.identity.is_some_and(Identity::is_living);
    match case.around.request.action {
        Action::Issue | Action::Import | Action::Thaw => Finding::Silent,
        Action::Link | Action::Rotate | Action::Resume | Action::Own => {
            deny_if(!living, Reason::NotLiving)
        }
    }
}

/// While a board stands still nothing widens on it but that it goes on, from the same standstill.
fn not_frozen(case: &Opened<'_>) -> Finding {
    let since = case.around.standstill.map(|standstill| standstill.at);
    match case.around.request.action {
        Action::Thaw => deny_if(
            since.is_none() || since != case.around.request.effect.since,
            Reason::NotFrozen,
        ),
        Action::Issue
        | Action::Import
        | Action::Link
        | Action::Rotate
        | Action::Resume
        | Action::Own => deny_if(since.is_some(), Reason::Frozen),
    }
}

/// A request that nobody could approve is refused when it is asked instead of waiting for its end.
fn enough_owners(case: &Opened<'_>) -> Finding {
    let could = could_approve(
        case.around.board,
        case.around.request,
        case.identity,
        case.around.policy.bot,
    )
    .count();
    let needed = case.around.gate.quorum.max(1);
    let enough = u32::try_from(could).is_ok_and(|could| could >= needed);
    deny_if(!enough, Reason::TooFewOwners { could, needed })
}

fn checkable(case: &Opened<'_>) -> Finding {
    match cannot_check(case.around.gate) {
        Some(what) => Finding::Deny(Reason::CannotCheck(what)),
        None => Finding::Silent,
    }
}

/// A gate that demands signatures also demands that somebody outside of the forge knows whose key gets
/// the token: the forge's admin could have asked in the requester's name.
fn vouched_for(case: &Opened<'_>) -> Finding {
    let demanded = case.around.gate.factors.contains(&Factor::Signature)
        && case.around.request.action.delivers();
    let by_approver = case.around.request.approvals.iter().any(|approval| {
        approval.vouched == Some(Vouched::Approver) && approval.signed_by.is_some()
    });
    let somebody = by_approver || vouched(case.around.request, case.around.board).is_some();
    deny_if(demanded && !somebody, Reason::NobodyVouches)
}

/// Every approval that counts brings what the gate demands. It was counted so; this holds if that was
/// forgotten.
fn factors_brought(case: &Opened<'_>) -> Finding {
    let lacks = |factor: Factor| {
        case.around
            .request
            .approvals
            .iter()
            .any(|approval| match factor {
                Factor::Comment => approval.comment.is_none(),
                Factor::Code => !approval.code,
                Factor::Signature => approval.signed_by.is_none(),
            })
    };
    if case.around.gate.factors.contains(&Factor::Comment) && lacks(Factor::Comment) {
        return Finding::Deny(Reason::SignatureAlone("a comment"));
    }
    if case.around.gate.factors.contains(&Factor::Signature) && lacks(Factor::Signature) {
        return Finding::Deny(Reason::NotSigned);
    }
    deny_if(
        case.around.gate.factors.contains(&Factor::Code) && lacks(Factor::Code),
        Reason::NoCode,
    )
}

/// Whoever decides removes approvals of other rules first; this holds if that was forgotten.
fn approvals_of_this_gate(case: &Opened<'_>) -> Finding {
    let gate = gate_hash(case.around.board, case.around.gate);
    let stale = case
        .around
        .request
        .approvals
        .iter()
        .any(|approval| approval.gate != gate);
    deny_if(stale, Reason::DigestDiffers)
}

fn something_left(case: &Opened<'_>) -> Finding {
    let works = match case.around.request.action {
        Action::Issue | Action::Import | Action::Link | Action::Rotate | Action::Resume => true,
        Action::Thaw | Action::Own => false,
    };
    deny_if(works && granted(case).is_empty(), Reason::NothingLeft)
}

/// The one rule that allows: enough distinct people, and never none.
fn quorum(case: &Opened<'_>) -> Finding {
    let counted = counted(case);
    let needed = case.around.gate.quorum.max(1);
    if u32::try_from(counted.len()).is_ok_and(|count| count >= needed) {
        Finding::Allow
    } else {
        Finding::Deny(Reason::MoreOwners {
            counted: counted.into_iter().collect(),
            needed,
        })
    }
}

/// Where a gate demands it, a judgement must be there that lets the request through, and no judge may
/// object. It never speaks for opening.
fn judged(case: &Opened<'_>) -> Finding {
    if !case.around.gate.judge_required {
        return Finding::Silent;
    }
    let standings: Vec<(String, &Standing)> = case
        .judgements
        .iter()
        .filter_map(|(user, standing)| {
            Some((case.around.board.judges.get(user)?.login.clone(), standing))
        })
        .collect();
    let first = |wanted: fn(&Standing) -> bool| {
        let mut all = standings.iter().filter(|(_, standing)| wanted(standing));
        all.next().map(|(login, _)| login.clone())
    };
    let objection = standings
        .iter()
        .find_map(|(login, standing)| match standing {
            Standing::Objects(action) => Some((login.clone(), action.clone())),
            Standing::Serves
            | Standing::Changed
            | Standing::Older
            | Standing::Undelivered
            | Standing::Missing => None,
        });
    if let Some((judge, action)) = objection {
        Finding::Deny(Reason::JudgeObjects { judge, action })
    } else if let Some(login) = first(|it| *it == Standing::Changed) {
        Finding::Deny(Reason::JudgementChanged(login))
    } else if first(|it| *it == Standing::Serves).is_some() {
        Finding::Silent
    } else if let Some(login) = first(|it| *it == Standing::Older) {
        Finding::Deny(Reason::JudgementOlder(login))
    } else if let Some(login) = first(|it| *it == Standing::Undelivered) {
        Finding::Deny(Reason::JudgementNotDelivered(login))
    } else {
        let judges = case.around.board.judges.values();
        let logins = judges.map(|judge| judge.login.clone()).collect();
        Finding::Deny(Reason::NoJudgement(logins))
    }
}

/// The distinct people whose approval counts: owners who may approve, no machine and not the bot, and
/// nobody who benefits. Each was counted by these rules when it came; they are asked again, so that
/// nothing that was counted otherwise opens anything.
pub(super) fn counted(case: &Opened<'_>) -> BTreeSet<UserId> {
    let barred = |user: UserId| {
        let bars = bars(case.asked(), user);
        bars.into_iter().any(Bar::is_of_the_person)
    };
    let approvals = case.around.request.approvals.iter();
    approvals
        .map(|approval| approval.approver)
        .filter(|user| !barred(*user))
        .collect()
}

/// requested ∩ every counted restatement ∩ gate ∩ board ∩ every counted approver's ceiling.
pub(super) fn granted(case: &Opened<'_>) -> BTreeSet<String> {
    let Around {
        board,
        gate,
        request,
        ..
    } = case.around;
    let approvers = request.approvals.iter().map(|approval| &approval.approver);
    let mut granted = board.handed_on(gate, &request.effect.scopes, approvers);
    for approval in &request.approvals {
        granted.retain(|scope| approval.scopes.contains(scope));
    }
    granted
}

/// The shortest of what was asked, what every approver restated and the gate's limit, seconds.
pub(super) fn granted_ttl(case: &Opened<'_>) -> u64 {
    case.around
        .request
        .approvals
        .iter()
        .map(|approval| approval.ttl)
        .chain([
            case.around.request.effect.ttl,
            Some(case.around.gate.max_ttl),
        ])
        .flatten()
        .min()
        .unwrap_or(0)
}
