//! Events: every fact that is fed to the core, and the form in which accepted ones wait.
//!
//! Text in an event was screened before the event existed: whatever had the form of a token is
//! replaced, and what is left of it are MACs, which are used at once and never kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Sighting;
use super::command::{self, Fault, MAX_REQUEST_BYTES, Reading};
use super::due::Due;
use super::evidence::Reads;
use super::ids::{CommentId, Hash, IssueNumber, Mac, RepositoryId, ThreadKey, UserId};
use super::import::Import;
use super::judgement::{self, Heard};
use super::order::{Order, TurnedAway};
use super::policy::Policy;
use super::uses::{Report, Tally};
use super::wish::{Vote, Wish};

/// One fact.
#[derive(Clone, Debug)]
pub enum Event {
    /// A delivery or a caught-up text came in.
    Arrived(Box<Arrival>),
    /// An accepted event is to be decided with what was read for it.
    Waiting {
        /// The line that accepted it.
        line: u64,
        /// What was read.
        reads: Box<Reads>,
    },
    /// The forge cannot be read for a minute: what an accepted narrowing wants to stop may stand still.
    Unread {
        /// The line that accepted it.
        line: u64,
    },
    /// An accepted event cannot be decided and is given up.
    Abandoned {
        /// The line that accepted it.
        line: u64,
        /// Why, in people's words.
        why: String,
        /// True if deciding it failed inside the program: it is never tried again.
        quarantined: bool,
    },
    /// An effect was done.
    Done(EffectDone),
    /// An effect was refused by the forge for good.
    Refused {
        /// The line and place of the effect.
        effect: (u64, u32),
        /// What the forge said.
        why: String,
    },
    /// A token was shown.
    Used {
        /// Its MACs: under the current pepper, then the previous one.
        macs: Vec<Mac>,
        /// The resource server that asked; `None`: its holder activated it.
        client: Option<String>,
    },
    /// Credentials were used; those not taken into this line come again.
    Uses(Vec<Tally>),
    /// A resource server says what credentials did; those not taken into this line come again.
    Reported {
        /// The resource server.
        client: String,
        /// What it says.
        reports: Vec<Report>,
    },
    /// A holder showed a token in order to end it.
    GivenUp {
        /// Its MACs: under the current pepper, then the previous one.
        macs: Vec<Mac>,
    },
    /// A holder showed a token in order to let its identity stand still.
    HolderPaused {
        /// Its MACs: under the current pepper, then the previous one.
        macs: Vec<Mac>,
    },
    /// A holder showed a token in order to get its successor.
    HolderRotates {
        /// Its MACs: under the current pepper, then the previous one.
        macs: Vec<Mac>,
        /// SHA-256 of the `Idempotency-Key`.
        key: Hash,
        /// What was read for it; its candidate is the successor.
        reads: Box<Reads>,
    },
    /// Somebody shows the verifier of a challenge: a token is to be made and handed out.
    Claimed {
        /// The S256 challenge of the verifier that was shown (RFC 7636 §4.2). The verifier itself never
        /// becomes part of an event.
        challenge: String,
        /// What was read for it; its candidate is the token that would be handed out.
        reads: Box<Reads>,
    },
    /// The time of something has come.
    Due {
        /// When it was to be looked at, in seconds since 1970.
        at: i64,
        /// What.
        due: Due,
        /// What was read for it.
        reads: Box<Reads>,
    },
    /// The configuration in force is this one.
    Policy(Box<Policy>),
    /// Acknowledged lines are missing and an operator accepted that.
    Loss {
        /// The journal's last number.
        journal: u64,
        /// What the records had reached.
        records: u64,
    },
    /// The next part of what an accepted loss demands.
    LossGoesOn,
    /// A comment of the bot itself rests on a line that the journal does not have.
    AheadOfJournal(Ahead),
    /// An operator hands in a file of secrets from before.
    Import(Box<Import>),
    /// An owner's account was looked at.
    Account(Sighting),
    /// The host or an operator orders that something is stopped or does less.
    Ordered(Box<Order>),
    /// Somebody was turned away where operators come in.
    TurnedAway(TurnedAway),
    /// An operator asks for something.
    Wish(Box<Wish>),
    /// An operator brings an owner's signature.
    Vote(Box<Vote>),
    /// The issue that a wish was to be asked in is there.
    ThreadOpened {
        /// The line and place of the effect.
        effect: (u64, u32),
        /// The issue.
        issue: IssueNumber,
    },
    /// What lives in a thread is to be compared with the policy in force.
    Compare {
        /// Which thread.
        thread: ThreadKey,
    },
    /// A thread with live identities could not be read for ten minutes while the forge answered.
    Unreadable {
        /// Which thread.
        thread: ThreadKey,
        /// What went wrong.
        why: String,
    },
}

/// An effect was done.
#[derive(Clone, Debug)]
pub struct EffectDone {
    /// The line and place of the effect.
    pub effect: (u64, u32),
    /// The comment that it became, if it was a post.
    pub comment: Option<CommentId>,
    /// SHA-256 of the text as it was sent.
    pub body: Option<Hash>,
}

/// A comment that the bot itself made for a line of its journal.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    /// Where it stands.
    pub thread: ThreadKey,
    /// Which comment.
    pub comment: CommentId,
    /// The line, by the comment's marker, which nobody else can make.
    pub line: u64,
    /// The journal's last number at a time when the comment was there.
    pub journal: u64,
    /// When the forge says it was written.
    pub written: Timestamp,
}

/// By which road a text came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Road {
    /// A signed delivery.
    Hook,
    /// Read from the forge by reconciliation.
    CatchUp,
}

/// Something came in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// What it is.
    pub accepted: Accepted,
    /// Tokens and age keys that stood in its text.
    pub leaks: Vec<Leak>,
}

/// A secret that stood in a text.
#[derive(Clone, Debug)]
pub enum Leak {
    /// A token, by its possible MACs.
    Token(Vec<Mac>),
    /// A secret age key, by its recipient.
    AgeKey(String),
}

/// An event as it waits in the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// By which road.
    pub road: Road,
    /// The board's repository.
    pub repository: RepositoryId,
    /// The issue.
    pub issue: IssueNumber,
    /// Who did it, by the delivery; unknown for what was caught up.
    pub unverified_sender: Option<UserId>,
    /// When it was received.
    pub at: Timestamp,
    /// What it is about.
    pub what: What,
    /// True if it only narrows and its author by the delivery may do that: it overtakes.
    pub urgent: bool,
    /// True once what it could stop stood still because of it, though it was not read again.
    #[serde(default)]
    pub stood_still: bool,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A comment was written.
    Comment(Spoken),
    /// An issue was opened; its body may ask.
    Opened(Spoken),
    /// Look at something again.
    Look(Look),
    /// A text that no command can stand in; it was only screened.
    Screened,
    /// An operator's wish, whose thread was opened for it; its key.
    Wished(Hash),
}

/// A text and who is said to have written it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// The comment's id, or the issue's number.
    pub id: i64,
    /// Its author by the delivery.
    pub unverified_author: Option<UserId>,
    /// The screened text, cut to what a command can need.
    pub text: String,
    /// True if the text was cut.
    pub cut: bool,
    /// SHA-256 of the whole text as delivered.
    pub body: Hash,
    /// What the first one-time code in it says; the code itself is not in the text any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp: Option<Otp>,
    /// A judgement that stands in it; kept only where its author by the delivery is a judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Heard>,
}

/// What a one-time code says, compared when it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Otp {
    /// The step of its author's secret that it is the code of (RFC 6238 §4.2); `None`: of none.
    pub step: Option<u64>,
}

/// What to look at again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// A comment was edited.
    Edited {
        /// Which comment.
        comment: CommentId,
        /// SHA-256 of its new text as delivered.
        body: Hash,
        /// Whether its new text reads like a command.
        like_command: bool,
        /// Who wrote it by the delivery; the editor may be somebody else.
        #[serde(default)]
        unverified_author: Option<UserId>,
    },
    /// A comment was deleted.
    Deleted(CommentId),
    /// A comment of the bot's id without a valid marker.
    Stray(CommentId),
    /// The issue's title or body was edited.
    IssueEdited,
    /// The issue was closed or found gone.
    Issue,
    /// The issue was opened again.
    Reopened,
}

/// The most bytes of a text that wait in the inbox, as JSON writes them: a request may be 8 KiB long,
/// and its line ends are escaped.
const KEPT: usize = 12 * 1024;
/// The most bytes of a command that narrows or reads: its words and its reason are short.
const KEPT_OF_LENIENT: usize = 1024;

impl Spoken {
    /// Makes one from a screened text, keeping no more of it than its command can need: whoever
    /// writes a text chooses its length, and every record is to stay small.
    pub fn new(id: i64, author: Option<UserId>, text: &str, body: Hash) -> Self {
        let head = &text[..text.floor_char_boundary(MAX_REQUEST_BYTES + 1)];
        let most = match command::read(head) {
            Reading::Command(command) if !command.widens() => KEPT_OF_LENIENT,
            Reading::Command(_) => KEPT,
            Reading::Fault(_) | Reading::Nothing => KEPT,
        };
        let end = within(head, most);
        Self {
            id,
            unverified_author: author,
            text: text[..end].to_owned(),
            cut: end < text.len(),
            body,
            otp: None,
            judgement: judgement::read(text),
        }
    }

    /// Reads the text as a comment. A cut text can still narrow; it is never a widening command,
    /// since what was cut off could have voided it.
    pub fn reading(&self) -> Reading {
        self.whole(command::read(&self.text))
    }

    /// Reads the text as the body of a new issue.
    pub fn reading_as_issue(&self) -> Reading {
        self.whole(command::read_issue(&self.text))
    }

    /// Reads the text as a comment of a pull request's conversation.
    pub fn reading_in_pull(&self) -> Reading {
        self.whole(command::read_in_pull(&self.text))
    }

    fn whole(&self, reading: Reading) -> Reading {
        match reading {
            Reading::Command(command) if self.cut && command.widens() => {
                Reading::Fault(Fault::TooLong)
            }
            other => other,
        }
    }
}

/// Where a text ends if it may take this many bytes as JSON writes it.
fn within(text: &str, most: usize) -> usize {
    let mut bytes = 0;
    for (place, character) in text.char_indices() {
        bytes += match character {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            '\0'..='\u{1f}' => 6,
            other => other.len_utf8(),
        };
        if bytes > most {
            return place;
        }
    }
    text.len()
}

impl Accepted {
    /// The thread that it belongs to.
    pub fn thread(&self) -> ThreadKey {
        ThreadKey {
            repository: self.repository,
            issue: self.issue,
        }
    }
}
