//! A text that somebody said: who wrote it and what it says, as it was read again, and how whoever wrote
//! it is answered.
//!
//! Nothing is decided here. What stands for a text that nobody wrote is made in `unsaid.rs`.

use super::super::actor::Actor;
use super::super::effect::Reaction;
use super::super::event::{Accepted, Road};
use super::super::evidence::{FoundComment, Reads};
use super::super::ids::{CommentId, Hash, ThreadKey, UserId};
use super::super::key::Subject;
use super::super::policy::Board;
use super::super::reply;
use super::super::thread::{Seen, Share};
use super::super::verdict::CodeRead;
use super::Draft;

/// A text whose author and content were read again, and where it stands.
#[derive(Debug)]
pub(super) struct Said<'a> {
    /// The board.
    pub board: &'a Board,
    /// What was accepted.
    pub accepted: &'a Accepted,
    /// What was read.
    pub reads: &'a Reads,
    /// The thread.
    pub thread: ThreadKey,
    /// A comment, or the issue's own body.
    pub subject: Subject,
    /// Who wrote it.
    pub author: UserId,
    /// The author's login now.
    pub login: &'a str,
    /// SHA-256 of the text.
    pub body: &'a Hash,
    /// The comment as it was read; `None` for an issue's body.
    pub found: Option<&'a FoundComment>,
    /// What was first seen of it.
    pub seen: Seen,
    /// What its one-time code says.
    pub code: CodeRead,
}

impl Said<'_> {
    /// The comment's id; `None` for an issue's body.
    pub(super) fn comment(&self) -> Option<CommentId> {
        match self.subject {
            Subject::Comment(id) => Some(CommentId(id)),
            Subject::Issue(_) => None,
        }
    }

    /// True if its author is an owner of this board.
    pub(super) fn by_owner(&self) -> bool {
        self.board.owner(self.author).is_some()
    }

    /// Whose share of explanations an answer to it is taken from.
    pub(super) fn share(&self) -> Share {
        if self.by_owner() {
            Share::Owners
        } else {
            Share::Others
        }
    }

    /// True if somebody may have changed the text since its author wrote it: everybody who may write
    /// to issues can. Then it may stop something, and nothing that cannot be undone.
    pub(super) fn is_weak(&self) -> bool {
        self.seen.many || self.is_edited()
    }

    /// True if the forge says that the text was edited, or it was read back and was once seen with
    /// another body.
    pub(super) fn is_edited(&self) -> bool {
        let edited = self
            .found
            .is_some_and(|found| found.updated_at != found.created_at);
        edited || (self.seen.many && self.accepted.road == Road::CatchUp)
    }

    /// Its author for a sentence: an owner as configured, everybody else as foreign text.
    pub(super) fn name(&self) -> String {
        match self.board.owner(self.author) {
            Some(owner) => reply::escape::login(&owner.login),
            None => reply::escape::foreign(self.login, 40),
        }
    }

    /// Who did it, for the audit.
    pub(super) fn actor(&self) -> Actor {
        Actor::User(self.author)
    }
}

/// Explains a fault or a refusal, with a reaction on the text.
pub(super) fn explain(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    text: &str,
    copy: Option<&str>,
    code: &str,
) {
    let about = None;
    if draft.explain(said.thread, text, copy, code, about, said.share()) {
        draft.react(said.thread, said.comment(), Reaction::No);
    }
}

/// Says why nothing was done.
pub(super) fn refuse(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    verb: &'static str,
    text: &str,
    code: &'static str,
) {
    draft.outcome(verb, code);
    explain(draft, said, text, None, code);
}
