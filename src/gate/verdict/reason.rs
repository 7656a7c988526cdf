//! Every reason why an owner's yes is not counted or a gate stays shut. What each is called and how it is
//! said stands in `reply/reasons.rs`.

use jiff::Timestamp;

use super::super::command::Vouched;
use super::super::ids::{ThreadKey, UserId};

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
