//! The gate: rules that must all hold, and a verdict that names every reason why it is shut.
//!
//! Each rule is one function that allows, denies with a reason, or has nothing to say. Deny wins,
//! and silence denies: a gate that no rule allowed is shut. Two sets of rules: those that one
//! owner's yes must satisfy to be counted, however it came, and those that open the gate for what was
//! counted.

mod around;
pub use around::Around;
mod away;
pub use away::Away;
mod counting;
pub(super) use counting::{IN_TIME, source_stands, summary_stands};
mod explained;
pub use explained::{Stand, findings, owners};
mod holder;
pub use holder::{HolderCase, holder_refusals, judge_holder};
mod opening;
mod people;
pub use people::could_approve;
mod place;
pub use place::{moved_repository, shut_thread};

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;

use self::people::{Bar, For, bars};
use super::approval::Approval;
use super::command::{Restated, Vouched};
use super::event::Road;
use super::evidence::{FoundComment, ReadComment, ReadIssue, ReadRepository};
use super::identity::Identity;
use super::ids::{CommentId, Hash, ThreadKey, UserId};
use super::judgement::Standing;
use super::policy::{Board, Factor, Gate, Owner, Policy};
use super::request::{Request, Wanted};
use super::signed::Signature;
use super::thread::{Seen, SlugOwner};

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It speaks for opening.
    Allow,
    /// It shuts, and why.
    Deny(Reason),
    /// It has nothing to say.
    Silent,
}

/// Why an approval is not counted or a gate is shut. Each has one documented code and one sentence
/// (`reply/reasons.rs`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Whoever spoke is no owner of this board.
    NotAnOwner,
    /// An owner who may not approve.
    MayNotApprove,
    /// Whoever asked, or the identity's requester.
    Asked,
    /// A machine account, or the bot.
    Machine,
    /// It stands in another thread; the right one.
    OtherThread(ThreadKey),
    /// It was found by reading back, not delivered.
    CaughtUp,
    /// Whoever sent the delivery did not write the comment.
    SentByAnother,
    /// The comment was edited, or was once seen with another text.
    Edited,
    /// The comment is older than the request's summary.
    TooOld,
    /// The forge's time and the time of receipt are more than five minutes apart.
    NotInTime,
    /// An issue's text was first seen more than five minutes after the issue was opened.
    IssueNotInTime,
    /// The summary was not posted within a minute.
    NoSummary,
    /// The gate demands a pause after the summary; an approval counts from then on.
    TooSoon(Timestamp),
    /// The gate opens only in these hours.
    OutsideHours(String),
    /// The code is another request's, or an older one's; the right line to copy.
    WrongCode,
    /// The approval names more than was asked: these scopes.
    WiderScopes(Vec<String>),
    /// The approval names a longer life than was asked; `None`: nothing gets a life here.
    WiderTtl(Option<u64>),
    /// The approval does not say what it grants: this is missing.
    NotRestated(&'static str),
    /// This owner already approved.
    Already,
    /// The gate demands a signature and there is none.
    NotSigned,
    /// The signature does not count; why.
    BadSignature(String),
    /// The security key's counter did not grow: it may have been copied.
    CounterStands,
    /// It names somebody who does not vouch.
    NotVouched(Vouched),
    /// Nobody vouches for the key that would get the token.
    NobodyVouches,
    /// The gate demands a one-time code and there is none.
    NoCode,
    /// The one-time code is wrong, or was used before.
    BadCode,
    /// The owner's factor is locked after wrong codes; until when, if time ends it.
    CodeLocked(Option<Timestamp>),
    /// The request is not open: the word for what it is.
    NotOpen(&'static str),
    /// The text that asked was edited or deleted.
    SourceChanged,
    /// The bot's summary was edited or deleted.
    SummaryChanged,
    /// The thread is closed.
    ThreadClosed,
    /// The issue's body is longer than 64 KiB.
    BodyTooLarge,
    /// The repository is not where the config says; where it is.
    Renamed(String),
    /// An owner's login is not what the config says.
    LoginChanged {
        /// As the config says.
        expected: String,
        /// As the forge says.
        found: String,
    },
    /// Widening on this board is held; why.
    Held(String),
    /// The environment has no gate here any more.
    NoGate(String),
    /// The gate demands something that this version cannot check.
    CannotCheck(&'static str),
    /// Scopes that the gate or the board does not grant.
    ScopesNotGranted(Vec<String>),
    /// The asked life is longer than the gate's limit, seconds.
    TtlOverLimit(u64),
    /// The asked life is shorter than this, seconds.
    TtlUnderLimit(u64),
    /// Nothing is left after every ceiling.
    NothingLeft,
    /// The request's content is not what its digest says.
    DigestDiffers,
    /// The slug belongs to somebody else.
    SlugTaken,
    /// The recipient's secret key was seen in a text.
    RecipientBurnt,
    /// The challenge was in a request before.
    ChallengeUsed,
    /// The identity is paused; nothing is issued to it.
    Paused,
    /// The identity is not paused: there is nothing to resume.
    NotPaused,
    /// No identity of that name lives.
    NotLiving,
    /// The board stands still.
    Frozen,
    /// The board does not stand still, or not since the same moment.
    NotFrozen,
    /// Too few owners could ever approve this: how many could, and how many are needed.
    TooFewOwners {
        /// Who could.
        could: usize,
        /// The quorum.
        needed: u32,
    },
    /// A living identity of that name lives elsewhere; where.
    LivesElsewhere(ThreadKey),
    /// A living identity of that name has another environment.
    OtherEnvironment(String),
    /// More owners must approve: who did, and how many are needed.
    MoreOwners {
        /// Counted so far.
        counted: Vec<UserId>,
        /// The quorum.
        needed: u32,
    },
    /// The gate demands a judgement, and there is none yet; whose it could be.
    NoJudgement(Vec<String>),
    /// This judge's judgement was found by reading back and lets nothing through.
    JudgementNotDelivered(String),
    /// This judge's judgement was edited or deleted.
    JudgementChanged(String),
    /// This judge's judgement is about another text than the issue has now.
    JudgementOlder(String),
    /// A judge recommends what shuts this gate.
    JudgeObjects {
        /// The judge's login.
        judge: String,
        /// What it recommends.
        action: String,
    },
    /// The disk is nearly full.
    LowSpace,
    /// The clock cannot be trusted; why.
    Clock(String),
    /// Lines of the journal are missing and no operator has accepted that.
    HistoryLost,
    /// No holder swaps its token here; the line that asks the owners for it.
    HolderMayNot(String),
    /// Its holder cannot swap a credential that stands so.
    NotActive(&'static str),
    /// The credential was claimed, so that nobody's key is known; the line that names one.
    NoRecipient(String),
    /// An owner's signature came without a comment, and the gate demands this as well.
    SignatureAlone(&'static str),
    /// The thread was not told of the request yet.
    NotShown,
    /// The forge is away, and nothing opens this meanwhile.
    ForgeAway,
    /// The forge is away, and the thread was not open when it was last read, or never read.
    NotSeenOpen,
    /// The forge is away, and something that may stop this cannot be read.
    Unread,
    /// No rule allowed it.
    Silence,
}

/// One owner's yes and everything that it must be judged against.
#[derive(Debug)]
pub struct Case<'a> {
    /// The time of the decision.
    pub now: Timestamp,
    /// The rules in force.
    pub policy: &'a Policy,
    /// The board.
    pub board: &'a Board,
    /// The request that is meant.
    pub request: &'a Request,
    /// The identity of that name, if there is one.
    pub identity: Option<&'a Identity>,
    /// What the approval says.
    pub restated: &'a Restated,
    /// What its signature says.
    pub signature: &'a Signature,
    /// The counter of that security key's last signature that was counted.
    pub last_counter: Option<u32>,
    /// What was first seen of it.
    pub seen: &'a Seen,
    /// How it came.
    pub came: Came<'a>,
    /// What it rests on.
    pub rests_on: RestsOn<'a>,
}

/// How an owner's yes came.
#[derive(Debug)]
pub enum Came<'a> {
    /// In a comment.
    Comment(InComment<'a>),
    /// As the signature of this owner, brought by an operator: all of its own evidence.
    Signature(UserId),
    /// It was counted once, and this is what was kept of it.
    Kept(&'a Approval),
}

/// The comment that says yes.
#[derive(Debug)]
pub struct InComment<'a> {
    /// Its id.
    pub id: CommentId,
    /// As it was read again.
    pub found: &'a FoundComment,
    /// What its one-time code says.
    pub code: CodeRead,
    /// Who sent the delivery.
    pub unverified_sender: Option<UserId>,
    /// By which road it came.
    pub road: Road,
}

/// What a yes rests on.
#[derive(Debug)]
pub enum RestsOn<'a> {
    /// As it was read again.
    Read(Box<Evidence<'a>>),
    /// The forge is away: what the records say instead.
    Away(Away),
    /// On what was read when it was counted, and is not kept.
    Then,
}

/// What was read again on the forge for one owner's yes.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The text that asked.
    pub source: SourceRead<'a>,
    /// What was first seen of it.
    pub source_seen: Option<Seen>,
    /// The bot's summary.
    pub summary: &'a ReadComment,
    /// What was first seen of it.
    pub summary_seen: Option<Seen>,
    /// The issue.
    pub issue: &'a ReadIssue,
    /// The repository.
    pub repository: &'a ReadRepository,
}

impl<'a> Case<'a> {
    /// Who says it; `None` where the forge does not say any more who wrote the comment.
    fn approver(&self) -> Option<UserId> {
        match &self.came {
            Came::Comment(comment) => comment.found.author,
            Came::Signature(approver) => Some(*approver),
            Came::Kept(approval) => Some(approval.approver),
        }
    }

    /// True if this bars whoever says it from being counted.
    fn is_barred_by(&self, bar: Bar) -> bool {
        let gate = self.gate();
        let what = For {
            bot: self.policy.bot,
            board: self.board,
            gate: gate.as_deref(),
            request: self.request,
            identity: self.identity,
        };
        self.approver()
            .is_some_and(|user| bars(what, user).contains(&bar))
    }

    /// That owner, as configured.
    fn owner(&self) -> Option<&'a Owner> {
        self.approver().and_then(|user| self.board.owner(user))
    }

    /// The gate of what is asked.
    fn gate(&self) -> Option<Cow<'a, Gate>> {
        self.board.gate(&self.request.effect.environment)
    }

    /// True if that gate demands the factor.
    fn demands(&self, factor: Factor) -> bool {
        self.gate()
            .is_some_and(|gate| gate.factors.contains(&factor))
    }

    /// The comment that says it, if one does.
    fn comment(&self) -> Option<&InComment<'a>> {
        match &self.came {
            Came::Comment(comment) => Some(comment),
            Came::Signature(_) | Came::Kept(_) => None,
        }
    }

    /// What was read again, unless the forge is away.
    fn read(&self) -> Option<&Evidence<'a>> {
        match &self.rests_on {
            RestsOn::Read(evidence) => Some(evidence),
            RestsOn::Away(_) | RestsOn::Then => None,
        }
    }

    /// True if no comment says it, and none ever did.
    fn is_signature_alone(&self) -> bool {
        match &self.came {
            Came::Comment(_) => false,
            Came::Signature(_) => true,
            Came::Kept(approval) => approval.comment.is_none(),
        }
    }

    /// What its one-time code says, if there could be one.
    fn code(&self) -> Option<CodeRead> {
        match &self.came {
            Came::Comment(comment) => Some(comment.code),
            Came::Signature(_) => None,
            Came::Kept(approval) if approval.code => Some(CodeRead::Good),
            Came::Kept(approval) => approval.comment.map(|_| CodeRead::Absent),
        }
    }
}

/// The text that asked, as it was read again.
#[derive(Clone, Copy, Debug)]
pub enum SourceRead<'a> {
    /// A comment.
    Comment(&'a ReadComment),
    /// The issue's body.
    Issue(&'a ReadIssue),
    /// Nothing on the forge: it came over the host's own socket.
    Host,
}

/// What an approval's one-time code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRead {
    /// There is none.
    Absent,
    /// It is the owner's, now, and was never seen before.
    Good,
    /// It is wrong or was seen before.
    Bad,
    /// The factor is locked; until when, if time ends it.
    Locked(Option<Timestamp>),
}

/// A request and everything that its gate must be judged against.
#[derive(Debug)]
pub struct Opened<'a> {
    /// What every gate looks at.
    pub around: Around<'a>,
    /// Who the slug belongs to.
    pub slug: Option<&'a SlugOwner>,
    /// The newest identity of that name.
    pub identity: Option<&'a Identity>,
    /// How the judges' newest judgements in the thread stand to the request.
    pub judgements: &'a [(UserId, Standing)],
}

impl<'a> Opened<'a> {
    /// What an owner would be counted for.
    fn asked(&self) -> For<'a> {
        For {
            bot: self.around.policy.bot,
            board: self.around.board,
            gate: Some(self.around.gate),
            request: self.around.request,
            identity: self.identity,
        }
    }
}

/// What the gate says.
#[derive(Debug)]
pub enum Verdict {
    /// Every rule holds.
    Open(Box<Opening>),
    /// It stays shut, and every reason for it.
    Shut(Vec<Reason>),
}

/// Proof that every rule held: for one digest that owners approved (`judge`), or for one successor of a
/// credential that came of such a digest (`judge_holder`). Nothing else makes one.
#[derive(Debug)]
pub struct Opening {
    request: Request,
    wanted: Wanted,
    approvers: BTreeSet<UserId>,
    scopes: BTreeSet<String>,
    ttl: u64,
    at: Timestamp,
    policy: Hash,
}

impl Opening {
    /// The request whose gate is open, or which the predecessor was granted for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What comes alive.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The owners who are counted.
    pub fn approvers(&self) -> &BTreeSet<UserId> {
        &self.approvers
    }

    /// What is granted: requested ∩ every restatement ∩ gate ∩ board ∩ every approver's ceiling.
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// The granted life, seconds.
    pub fn ttl(&self) -> u64 {
        self.ttl
    }

    /// When every rule held.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The policy that it was judged under.
    pub fn policy(&self) -> &Hash {
        &self.policy
    }
}

/// Judges whether one owner's yes counts. `Ok`: it does; `Err`: every reason why not.
pub fn count(case: &Case<'_>) -> Result<(), Vec<Reason>> {
    settle(counting::RULES.iter().map(|rule| rule(case)))
}

/// Judges a request with the approvals that count.
pub fn judge(case: &Opened<'_>) -> Verdict {
    match settle(opening::when_opening(case).map(|(_, finding)| finding)) {
        Err(reasons) => Verdict::Shut(reasons),
        Ok(()) => Verdict::Open(Box::new(Opening {
            request: case.around.request.clone(),
            wanted: case.around.request.effect.clone(),
            approvers: opening::counted(case),
            scopes: opening::granted(case),
            ttl: opening::granted_ttl(case),
            at: case.around.now,
            policy: case.around.policy_hash.clone(),
        })),
    }
}

/// Judges a request when it is asked: everything that could not be mended by an approval.
pub fn refusals(case: &Opened<'_>) -> Vec<Reason> {
    opening::when_asked(case)
        .filter_map(|finding| match finding {
            Finding::Deny(reason) => Some(reason),
            Finding::Allow | Finding::Silent => None,
        })
        .collect()
}

/// Denies on a condition; otherwise the rule has nothing to say.
fn deny_if(condition: bool, reason: Reason) -> Finding {
    if condition {
        Finding::Deny(reason)
    } else {
        Finding::Silent
    }
}

/// Denies if there is a reason; otherwise the rule has nothing to say.
fn deny_for(reason: Option<Reason>) -> Finding {
    reason.map_or(Finding::Silent, Finding::Deny)
}

/// Deny wins; silence denies.
fn settle(findings: impl Iterator<Item = Finding>) -> Result<(), Vec<Reason>> {
    let mut allowed = false;
    let mut reasons = Vec::new();
    for finding in findings {
        match finding {
            Finding::Allow => allowed = true,
            Finding::Deny(reason) => reasons.push(reason),
            Finding::Silent => {}
        }
    }
    if reasons.is_empty() && !allowed {
        reasons.push(Reason::Silence);
    }
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(reasons)
    }
}

/// What a gate demands that this version cannot check; such a gate is loaded and always shut.
pub fn cannot_check(gate: &Gate) -> Option<&'static str> {
    gate.factors.is_empty().then_some("no factor at all")
}

#[cfg(test)]
mod tests;
