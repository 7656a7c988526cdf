//! One owner's yes, however it came, with everything that the rules for counting it look at.
//!
//! What is not there for one way in is not asked of it: a signature that an operator brings has no comment,
//! and what was counted once has nothing that was read for it.

use std::borrow::Cow;

use jiff::Timestamp;

use super::super::approval::Approval;
use super::super::command::Restated;
use super::super::event::Road;
use super::super::evidence::{FoundComment, ReadComment, ReadIssue, ReadRepository};
use super::super::identity::Identity;
use super::super::ids::{CommentId, UserId};
use super::super::policy::{Board, Factor, Gate, Owner, Policy};
use super::super::request::Request;
use super::super::signed::Signature;
use super::super::thread::Seen;
use super::Away;
use super::people::{Bar, For, bars};

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
    pub(super) fn approver(&self) -> Option<UserId> {
        match &self.came {
            Came::Comment(comment) => comment.found.author,
            Came::Signature(approver) => Some(*approver),
            Came::Kept(approval) => Some(approval.approver),
        }
    }

    /// True if this bars whoever says it from being counted.
    pub(super) fn is_barred_by(&self, bar: Bar) -> bool {
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
    pub(super) fn owner(&self) -> Option<&'a Owner> {
        self.approver().and_then(|user| self.board.owner(user))
    }

    /// The gate of what is asked.
    pub(super) fn gate(&self) -> Option<Cow<'a, Gate>> {
        self.board.gate(&self.request.effect.environment)
    }

    /// True if that gate demands the factor.
    pub(super) fn demands(&self, factor: Factor) -> bool {
        self.gate()
            .is_some_and(|gate| gate.factors.contains(&factor))
    }

    /// The comment that says it, if one does.
    pub(super) fn comment(&self) -> Option<&InComment<'a>> {
        match &self.came {
            Came::Comment(comment) => Some(comment),
            Came::Signature(_) | Came::Kept(_) => None,
        }
    }

    /// What was read again, unless the forge is away.
    pub(super) fn read(&self) -> Option<&Evidence<'a>> {
        match &self.rests_on {
            RestsOn::Read(evidence) => Some(evidence),
            RestsOn::Away(_) | RestsOn::Then => None,
        }
    }

    /// True if no comment says it, and none ever did.
    pub(super) fn is_signature_alone(&self) -> bool {
        match &self.came {
            Came::Comment(_) => false,
            Came::Signature(_) => true,
            Came::Kept(approval) => approval.comment.is_none(),
        }
    }

    /// What its one-time code says, if there could be one.
    pub(super) fn code(&self) -> Option<CodeRead> {
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
