//! Taking in: a verified delivery or a caught-up text becomes an arrival, without secrets in it, and
//! is durable before anybody is answered.
//!
//! Screening happens here, before an event exists. The bot's own comments with a valid marker are
//! nothing to take in.

use std::sync::Arc;

use zeroize::Zeroizing;

use jiff::Timestamp;

use super::core::Outcome;
use super::reconcile::CLOCKS_APART;
use super::{Bot, marker, worker};
use crate::forgejo::payload::{
    CommentAction, Issue as IssueDelivery, IssueAction, IssueComment, Parsed,
};
use crate::forgejo::types::{Comment, Issue, User};
use crate::forgejo::{Body, Foreign};
use crate::gate::command::{self, HIDDEN_OTP, Reading};
use crate::gate::decide::{Answer, Taken};
use crate::gate::event::{Accepted, Ahead, Arrival, Event, Leak, Look, Road, Spoken, What};
use crate::gate::ids::{Hash, IssueNumber, RepositoryId, ThreadKey, UserId};
use crate::gate::time::seconds_between;
use crate::secret::totp::taken_out;
use crate::store::SubmitError;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is durable, or known already.
    Accepted,
    /// It is none of ours.
    Ignored,
}

impl Bot {
    /// Takes in a verified delivery of a board.
    pub async fn deliver(
        self: &Arc<Self>,
        board: RepositoryId,
        parsed: Parsed,
    ) -> Result<Delivered, SubmitError> {
        let arrival = match parsed {
            Parsed::IssueComment(delivery) => self.comment_arrival(board, *delivery),
            Parsed::Issue(delivery) => self.issue_arrival(board, *delivery),
            Parsed::Other => None,
        };
        match arrival {
            None => Ok(Delivered::Ignored),
            Some(arrival) => {
                // A task of its own: whoever delivers may be gone before the answer, and what is
                // durable by then must reach the worker all the same.
                let bot = Arc::clone(self);
                tokio::spawn(async move { bot.take_in(arrival, true).await })
                    .await
                    .map_err(|_| SubmitError::Unhealthy)??;
                Ok(Delivered::Accepted)
            }
        }
    }

    /// Takes in a comment that was read back. True if it has to be decided.
    pub(super) async fn catch_up_comment(
        self: &Arc<Self>,
        board: RepositoryId,
        comment: &Comment,
    ) -> Result<bool, SubmitError> {
        let Some(issue) = comment.thread() else {
            return Ok(false);
        };
        let unread = too_large(&comment.body);
        let body = comment.body.text().unwrap_or(&unread);
        let author = comment.user.as_ref().map(|user| user.id);
        let draft = Screening::new(self, body);
        let what = if author == Some(self.core.policy().bot) {
            match marker::read(&self.peppers, body.expose()) {
                Some((line, _)) => {
                    let thread = ThreadKey {
                        repository: board,
                        issue,
                    };
                    self.own_voice(thread, comment, line).await?;
                    return Ok(false);
                }
                // Nothing that the bot says in a pull request is relied on.
                None if comment.is_pull() => What::Screened,
                None => What::Look(Look::Stray(comment.id)),
            }
        } else {
            What::Comment(draft.spoken(board, comment.id.0, author))
        };
        if matches!(what, What::Screened) && draft.leaks.is_empty() {
            return Ok(false);
        }
        let arrival = draft.arrival(Road::CatchUp, board, issue, None, what);
        self.take_in(arrival, false).await
    }

    /// One of its own comments was read back, made for this line of the journal.
    async fn own_voice(
        &self,
        thread: ThreadKey,
        comment: &Comment,
        line: u64,
    ) -> Result<(), SubmitError> {
        let written = comment.created_at.unwrap_or(Timestamp::MAX);
        // What was written before this process began rests on no line that it has made; the two clocks
        // may differ a little.
        let journal = if seconds_between(written, self.started) > CLOCKS_APART {
            self.journal_at_start
        } else {
            self.core.store().head().seq
        };
        if line <= journal {
            return Ok(());
        }
        let found = Ahead {
            thread,
            comment: comment.id,
            line,
            journal,
            written,
        };
        let outcome = self.core.feed(Event::AheadOfJournal(found)).await?;
        if let Outcome::Decided { answer, effects } = outcome {
            if !effects.is_empty() {
                tracing::error!(
                    line,
                    "the bot has spoken for a line that its journal does not have: lines are missing, nothing widens"
                );
            }
            self.decided(&answer, effects);
        }
        Ok(())
    }

    /// Takes in the body of an issue that was read back. True if it has to be decided.
    pub(super) async fn catch_up_issue(
        self: &Arc<Self>,
        board: RepositoryId,
        issue: &Issue,
    ) -> Result<bool, SubmitError> {
        let unread = too_large(&issue.body);
        let body = issue.body.text().unwrap_or(&unread);
        let author = issue.user.as_ref().map(|user| user.id);
        let mut draft = Screening::new(self, body);
        draft.screen(&issue.title);
        let what = if issue.is_pull() || author == Some(self.core.policy().bot) {
            What::Screened
        } else {
            What::Opened(draft.spoken(board, issue.number.0, author))
        };
        if matches!(what, What::Screened) && draft.leaks.is_empty() {
            return Ok(false);
        }
        let arrival = draft.arrival(Road::CatchUp, board, issue.number, None, what);
        self.take_in(arrival, false).await
    }

    /// Says that a thread is to be looked at again.
    pub(super) async fn look_at(
        self: &Arc<Self>,
        board: RepositoryId,
        issue: IssueNumber,
        look: Look,
    ) -> Result<bool, SubmitError> {
        let accepted = self.accepted(Road::CatchUp, board, issue, None, What::Look(look));
        let arrival = Arrival {
            accepted,
            leaks: Vec::new(),
        };
        self.take_in(arrival, false).await
    }

    /// Makes an arrival durable and hands it to the worker. `edge`: refuse at once on a full queue.
    async fn take_in(self: &Arc<Self>, arrival: Arrival, edge: bool) -> Result<bool, SubmitError> {
        let _expected = self.inbox.expect();
        let accepted = arrival.accepted.clone();
        let event = Event::Arrived(Box::new(arrival));
        let outcome = if edge {
            self.core.try_feed(event).await?
        } else {
            self.core.feed(event).await?
        };
        let Outcome::Decided { answer, effects } = outcome else {
            tracing::error!("an arrival could not be taken in: a record cannot be read");
            return Err(SubmitError::Unhealthy);
        };
        self.decided(&answer, effects);
        match answer {
            Answer::Taken(Taken::Waits { line, urgent }) => {
                tracing::info!(
                    request_id = line,
                    board = accepted.repository.0,
                    issue = accepted.issue.0,
                    road = ?accepted.road,
                    urgent,
                    "taken in"
                );
                let accepted = Accepted { urgent, ..accepted };
                worker::add(self, &self.inbox, line, &accepted);
                Ok(true)
            }
            Answer::Taken(Taken::Stranger) => {
                self.metrics.strangers.inc();
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// A comment as it would come in if somebody wrote it now. What its one-time code says is not looked
    /// at.
    pub fn would_arrive(&self, thread: ThreadKey, author: UserId, id: i64, text: &str) -> Arrival {
        let draft = Screening::new(self, &Foreign::new(text));
        let spoken = Spoken::new(id, Some(author), &draft.text, draft.body.clone());
        let what = What::Comment(spoken);
        draft.arrival(
            Road::Hook,
            thread.repository,
            thread.issue,
            Some(author),
            what,
        )
    }

    fn accepted(
        &self,
        road: Road,
        repository: RepositoryId,
        issue: IssueNumber,
        sender: Option<UserId>,
        what: What,
    ) -> Accepted {
        Accepted {
            road,
            repository,
            issue,
            unverified_sender: sender,
            at: self.clock.now(),
            what,
            urgent: false,
            stood_still: false,
        }
    }

    fn comment_arrival(&self, board: RepositoryId, delivery: IssueComment) -> Option<Arrival> {
        if delivery.repository.id != board {
            return None;
        }
        let comment = &delivery.comment;
        let author = id(comment.user.as_ref());
        let own = delivery.sender.id == self.core.policy().bot;
        let draft = Screening::new(self, &comment.body);
        let what = match delivery.action {
            _ if delivery.is_pull && own => What::Screened,
            CommentAction::Created if own => marker::read(&self.peppers, comment.body.expose())
                .is_none()
                .then_some(What::Look(Look::Stray(comment.id)))?,
            CommentAction::Created => What::Comment(draft.spoken(board, comment.id.0, author)),
            CommentAction::Edited
                if own && marker::read(&self.peppers, comment.body.expose()).is_some() =>
            {
                return None;
            }
            CommentAction::Edited => What::Look(Look::Edited {
                comment: comment.id,
                body: draft.body.clone(),
                like_command: !matches!(command::read(&draft.text), Reading::Nothing),
                unverified_author: author,
            }),
            CommentAction::Deleted => What::Look(Look::Deleted(comment.id)),
        };
        if matches!(what, What::Screened) && draft.leaks.is_empty() {
            return None;
        }
        let sender = Some(delivery.sender.id);
        Some(draft.arrival(Road::Hook, board, delivery.issue.number, sender, what))
    }

    fn issue_arrival(&self, board: RepositoryId, delivery: IssueDelivery) -> Option<Arrival> {
        if delivery.repository.id != board {
            return None;
        }
        let issue = &delivery.issue;
        let own = delivery.sender.id == self.core.policy().bot;
        let mut draft = Screening::new(self, &issue.body);
        draft.screen(&issue.title);
        let what = match delivery.action {
            _ if delivery.is_pull => What::Screened,
            IssueAction::Opened if own => What::Screened,
            IssueAction::Opened => {
                What::Opened(draft.spoken(board, issue.number.0, id(issue.user.as_ref())))
            }
            IssueAction::Edited => What::Look(Look::IssueEdited),
            IssueAction::Closed => What::Look(Look::Issue),
            IssueAction::Reopened => What::Look(Look::Reopened),
        };
        if matches!(what, What::Screened) && draft.leaks.is_empty() {
            return None;
        }
        let sender = Some(delivery.sender.id);
        Some(draft.arrival(Road::Hook, board, issue.number, sender, what))
    }
}

fn id(user: Option<&User>) -> Option<UserId> {
    user.map(|user| user.id)
}

/// What stands for a text that is too large to be read: it leaves a first sight that no text which
/// could be a command has, so that editing it down makes nothing of it.
fn too_large(body: &Body) -> Foreign {
    match body {
        Body::Text(_) => Foreign::new(""),
        Body::TooLarge { bytes } => Foreign::new(format!("a text of {bytes} bytes")),
    }
}

/// A text on its way to becoming part of an event.
struct Screening<'a> {
    bot: &'a Bot,
    text: String,
    body: Hash,
    leaks: Vec<Leak>,
    /// The first one-time code in the text.
    code: Option<Zeroizing<String>>,
}

impl<'a> Screening<'a> {
    fn new(bot: &'a Bot, body: &Foreign) -> Self {
        let mut draft = Self {
            bot,
            text: String::new(),
            body: Hash::of(body.expose().as_bytes()),
            leaks: Vec::new(),
            code: None,
        };
        let screened = draft.screen(body);
        (draft.text, draft.code) = taken_out(&screened, HIDDEN_OTP);
        draft
    }

    /// Takes secrets out of a text and keeps what is left of them.
    fn screen(&mut self, text: &Foreign) -> String {
        let screened = self.bot.screen.screen(text.expose());
        self.leaks
            .extend(screened.macs.into_iter().map(Leak::Token));
        self.leaks
            .extend(screened.burnt_recipients.into_iter().map(Leak::AgeKey));
        screened.text
    }

    fn spoken(&self, board: RepositoryId, id: i64, author: Option<UserId>) -> Spoken {
        let mut spoken = Spoken::new(id, author, &self.text, self.body.clone());
        let code = self.code.as_ref().zip(author);
        let now = self.bot.clock.now();
        spoken.otp = code.and_then(|(code, author)| self.bot.codes.look(board, author, code, now));
        spoken
    }

    fn arrival(
        self,
        road: Road,
        board: RepositoryId,
        issue: IssueNumber,
        sender: Option<UserId>,
        what: What,
    ) -> Arrival {
        Arrival {
            accepted: self.bot.accepted(road, board, issue, sender, what),
            leaks: self.leaks,
        }
    }
}
