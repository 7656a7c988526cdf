//! One sentence and one documented code for every reason why an approval is not counted or a gate
//! stays shut.

use super::super::command::Vouched;
use super::super::policy::Board;
use super::super::time::{instant, span};
use super::super::verdict::Reason;
use super::escape::{foreign, login, mention};

/// The documented code.
#[expect(
    clippy::too_many_lines,
    reason = "a table: one line a variant, and no wildcard"
)]
pub fn code(reason: &Reason) -> &'static str {
    match reason {
        Reason::NotAnOwner => "not_an_owner",
        Reason::MayNotApprove => "may_not_approve",
        Reason::Asked => "asked_for_it",
        Reason::Machine => "machine_account",
        Reason::OtherThread(_) => "other_thread",
        Reason::CaughtUp => "not_delivered",
        Reason::SentByAnother => "sent_by_another",
        Reason::Edited => "edited",
        Reason::TooOld => "older_than_summary",
        Reason::NotInTime | Reason::IssueNotInTime => "not_in_time",
        Reason::NoSummary => "no_summary_yet",
        Reason::TooSoon(_) => "too_soon",
        Reason::OutsideHours(_) => "outside_hours",
        Reason::WrongCode => "wrong_code",
        Reason::WiderScopes(_) | Reason::WiderTtl(_) => "wider_than_asked",
        Reason::NotRestated(_) => "not_restated",
        Reason::Already => "already_counted",
        Reason::NotOpen(_) => "not_open",
        Reason::SourceChanged => "request_changed",
        Reason::SummaryChanged => "summary_changed",
        Reason::ThreadClosed => "thread_closed",
        Reason::BodyTooLarge => "issue_too_large",
        Reason::Renamed(_) => "repository_renamed",
        Reason::LoginChanged { .. } => "login_changed",
        Reason::Held(_) => "held",
        Reason::NoGate(_) => "no_gate",
        Reason::CannotCheck(_) => "cannot_check",
        Reason::ScopesNotGranted(_) => "scopes_not_granted",
        Reason::TtlOverLimit(_) => "ttl_over_limit",
        Reason::TtlUnderLimit(_) => "ttl_under_limit",
        Reason::NothingLeft => "nothing_left",
        Reason::DigestDiffers => "content_changed",
        Reason::SlugTaken => "slug_taken",
        Reason::RecipientBurnt => "recipient_burnt",
        Reason::ChallengeUsed => "challenge_used",
        Reason::NotSigned => "not_signed",
        Reason::BadSignature(_) => "bad_signature",
        Reason::CounterStands => "counter_stands",
        Reason::NotVouched(_) => "not_vouched",
        Reason::NobodyVouches => "nobody_vouches",
        Reason::NoCode => "no_code",
        Reason::BadCode => "bad_code",
        Reason::CodeLocked(_) => "code_locked",
        Reason::Paused => "identity_paused",
        Reason::NotPaused => "not_paused",
        Reason::NotLiving => "unknown_identity",
        Reason::Frozen => "board_frozen",
        Reason::NotFrozen => "not_frozen",
        Reason::TooFewOwners { .. } => "too_few_owners",
        Reason::LivesElsewhere(_) => "lives_elsewhere",
        Reason::OtherEnvironment(_) => "other_environment",
        Reason::MoreOwners { .. } => "more_owners_needed",
        Reason::NoJudgement(_) | Reason::JudgementNotDelivered(_) => "judgement_missing",
        Reason::JudgementChanged(_) => "judgement_changed",
        Reason::JudgementOlder(_) => "judgement_outdated",
        Reason::JudgeObjects { .. } => "judge_objects",
        Reason::LowSpace => "disk_nearly_full",
        Reason::Clock(_) => "clock_not_trusted",
        Reason::HistoryLost => "history_lost",
        Reason::HolderMayNot(_) => "no_holder_rotation",
        Reason::NotActive(_) => "not_active",
        Reason::NoRecipient(_) => "no_recipient",
        Reason::SignatureAlone(_) => "signature_alone",
        Reason::NotShown => "no_summary_yet",
        Reason::ForgeAway => "forge_away",
        Reason::NotSeenOpen => "not_seen_open",
        Reason::Unread => "unread",
        Reason::Silence => "nothing_allowed_it",
    }
}

/// The codes of all of them, as the audit has them.
pub fn all_codes(reasons: &[Reason]) -> String {
    let codes: Vec<&str> = reasons.iter().map(code).collect();
    codes.join(" ")
}

/// The sentences of all of them, without a final stop.
pub fn all(reasons: &[Reason], board: &Board) -> String {
    let sentences: Vec<String> = reasons
        .iter()
        .map(|reason| sentence(reason, board))
        .collect();
    sentences.join("; ")
}

/// The sentence, without a final stop.
#[expect(
    clippy::too_many_lines,
    reason = "a table: one line a variant, and no wildcard"
)]
pub fn sentence(reason: &Reason, board: &Board) -> String {
    match reason {
        Reason::NotAnOwner => "only an owner of this board can approve".to_owned(),
        Reason::MayNotApprove => "this owner may not approve any more".to_owned(),
        Reason::Asked => "whoever asks or would get the credential cannot approve it; another owner must".to_owned(),
        Reason::Machine => "a machine account can never approve".to_owned(),
        Reason::OtherThread(thread) => {
            format!("this request is decided in {}, not here", thread.issue)
        }
        Reason::CaughtUp => "the forge did not deliver this comment and I found it by reading back; post the same line again".to_owned(),
        Reason::SentByAnother => "the delivery came from somebody else than the comment's author".to_owned(),
        Reason::Edited => "this comment was edited, or its number was once seen with another text; post the line as a new comment".to_owned(),
        Reason::TooOld => "this comment is older than my summary; post the line as a new comment".to_owned(),
        Reason::NotInTime => "the forge's time of this comment is more than five minutes from when I got it; post the line as a new comment".to_owned(),
        Reason::IssueNotInTime => "I first saw the text of this issue more than five minutes after it was opened, and it may have been edited before; post the request as a comment".to_owned(),
        Reason::NoSummary => "my summary of this request was not posted yet; post the line again below it".to_owned(),
        Reason::TooSoon(from) => format!(
            "this gate demands a pause after my summary; post the line again from {} on",
            instant(*from)
        ),
        Reason::OutsideHours(hours) => format!("this gate opens {hours}; post the line again then"),
        Reason::WrongCode => "the code is not this request's; copy the line from my summary".to_owned(),
        Reason::WiderScopes(scopes) => {
            format!("it names more than was asked: {}; an approval may narrow, never widen", codes(scopes))
        }
        Reason::WiderTtl(Some(asked)) => {
            format!("its ttl is not within the {} that were asked; an approval may narrow, never widen", span(*asked))
        }
        Reason::WiderTtl(None) => "it names a ttl, and nothing here gets one".to_owned(),
        Reason::NotRestated(what) => format!("it lacks `{what}`: an approval says itself what it grants"),
        Reason::Already => "this owner is counted already".to_owned(),
        Reason::NotOpen(word) => format!("the request is not open: {word}"),
        Reason::SourceChanged => "the text that asked was edited or deleted since; ask anew".to_owned(),
        Reason::SummaryChanged => "my summary was edited or deleted by somebody else; ask anew".to_owned(),
        Reason::ThreadClosed => "the issue is closed".to_owned(),
        Reason::BodyTooLarge => "the issue's text is longer than 64 KiB; nothing widens in such a thread".to_owned(),
        Reason::Renamed(name) => format!(
            "the repository is at {} now and my config says {}; the operator has to set `repository`",
            foreign(name, 100),
            foreign(&board.repository, 100)
        ),
        Reason::LoginChanged { expected, found } => format!(
            "an owner is called {} now and my config says {}; the operator has to set `login`",
            foreign(found, 40),
            login(expected)
        ),
        Reason::Held(why) => format!("widening is held on this board: {}", foreign(why, 200)),
        Reason::NoGate(environment) => {
            format!("this board has no gate {}", foreign(environment, 40))
        }
        Reason::CannotCheck(what) => {
            format!("this gate demands {what}, which this version cannot check: it stays shut")
        }
        Reason::ScopesNotGranted(scopes) => {
            format!("this gate does not grant {}", codes(scopes))
        }
        Reason::TtlOverLimit(limit) => {
            format!("the ttl is over this gate's limit of {}", span(*limit))
        }
        Reason::TtlUnderLimit(least) => format!("the ttl is shorter than {}", span(*least)),
        Reason::NothingLeft => "nothing is left that these owners may hand on".to_owned(),
        Reason::DigestDiffers => "what it stands on has changed since; ask anew".to_owned(),
        Reason::SlugTaken => "that name belongs to somebody else; choose another".to_owned(),
        Reason::RecipientBurnt => "the secret key of that recipient was seen in a text; make a new key".to_owned(),
        Reason::ChallengeUsed => "that challenge was in a request before; make a new verifier".to_owned(),
        Reason::NotSigned => "this gate demands a signature by one of your keys that my config names; `ownergate approve` makes it".to_owned(),
        Reason::BadSignature(why) => format!("its signature does not count: {}", foreign(why, 200)),
        Reason::CounterStands => "the counter of that security key did not grow: it may have been copied, or the signature is an old one; sign again".to_owned(),
        Reason::NotVouched(named) => match named {
            Vouched::Approver => "it vouches for the key that gets the token, and only a signed word does that".to_owned(),
            Vouched::Config => "it says that my config vouches for the key that gets the token, and it does not".to_owned(),
            Vouched::Request => "it says that the request vouches for the key that gets the token, and it does not".to_owned(),
        },
        Reason::NobodyVouches => "nobody vouches for the key that gets the token: whoever learnt it outside of the forge approves with `ownergate approve --recipient …`, or it is pinned in my config".to_owned(),
        Reason::NoCode => "this gate demands a one-time code: add `otp=123456`".to_owned(),
        Reason::BadCode => "the one-time code is wrong, or was used before; wait for the next one".to_owned(),
        Reason::CodeLocked(until) => match until {
            Some(until) => format!("too many wrong one-time codes: that factor is locked until {}", instant(*until)),
            None => "too many wrong one-time codes: that factor is locked until the operator takes `totp_file` out of the config and puts it back".to_owned(),
        },
        Reason::Paused => "that identity is paused; nothing is issued to it".to_owned(),
        Reason::NotPaused => "that identity is not paused".to_owned(),
        Reason::NotLiving => "no identity of that name lives".to_owned(),
        Reason::Frozen => "this board stands still; `/gate thaw` asks its owners that it goes on".to_owned(),
        Reason::NotFrozen => "this board does not stand still, or not since that time".to_owned(),
        Reason::TooFewOwners { could, needed } => too_few(*could, *needed),
        Reason::LivesElsewhere(thread) => {
            format!("an identity of that name lives in {}; ask there", thread.issue)
        }
        Reason::OtherEnvironment(environment) => format!(
            "that identity's environment is {} and never changes",
            foreign(environment, 40)
        ),
        Reason::MoreOwners { counted, needed } => {
            format!("{} of {needed} owners have approved", counted.len())
        }
        Reason::NoJudgement(judges) => {
            let judges: Vec<String> = judges.iter().map(|judge| mention(judge)).collect();
            format!(
                "a judgement of {} is still missing; post the line again after it",
                judges.join(" or ")
            )
        }
        Reason::JudgementNotDelivered(judge) => format!(
            "the forge did not deliver the judgement of {} and I found it by reading back; it has to judge again, and the line be posted after that",
            mention(judge)
        ),
        Reason::JudgementChanged(judge) => format!(
            "the judgement of {} was edited or deleted; it has to judge again, and the line be posted after that",
            mention(judge)
        ),
        Reason::JudgementOlder(judge) => format!(
            "the judgement of {} is for another text than this issue has now; it has to judge again, and the line be posted after that",
            mention(judge)
        ),
        Reason::JudgeObjects { judge, action } => {
            format!("{} advises {}, which shuts this gate", login(judge), foreign(action, 64))
        }
        Reason::LowSpace => "the disk of the bot is nearly full: nothing widens until there is space".to_owned(),
        Reason::Clock(why) => format!("the clock cannot be trusted: {}", foreign(why, 120)),
        Reason::HistoryLost => "lines of my journal are missing: nothing widens until whoever runs me has accepted the loss".to_owned(),
        Reason::HolderMayNot(line) => format!("no holder swaps its token here; ask the owners in the issue: `{line}`"),
        Reason::NotActive(word) => format!("this credential is {word}; only one that is active gets a successor of its holder's own"),
        Reason::NoRecipient(line) => format!("this credential was not sealed to a key that its successor could go to; ask in the issue: `{line}`"),
        Reason::SignatureAlone(what) => format!("this gate demands {what}, too, and a signature that an operator brings has none: post what `ownergate approve` prints in the thread"),
        Reason::NotShown => "my summary of this request is not in its thread yet; try again in a moment".to_owned(),
        Reason::ForgeAway => "the forge cannot be read, and this gate does not open without it; try again once it is back".to_owned(),
        Reason::NotSeenOpen => "the forge cannot be read, and this thread is none that I last saw open; only one in which something was asked before can be used meanwhile".to_owned(),
        Reason::Unread => "the forge cannot be read, and something that was said or approved here before waits for it; try again once it is back".to_owned(),
        Reason::Silence => "no rule allowed it".to_owned(),
    }
}

/// A gate that could never open, with the numbers as words of the sentence.
fn too_few(could: usize, needed: u32) -> String {
    let owners = if needed == 1 {
        "1 owner"
    } else {
        &format!("{needed} owners")
    };
    let could = if could == 0 {
        "nobody"
    } else {
        &format!("only {could}")
    };
    format!(
        "{owners} must approve and {could} could: not counted are who asks or benefits, and who lacks a key or one-time codes that the gate demands or may hand on nothing of this"
    )
}

/// Names from the config or a checked request, as code.
pub fn codes<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(" ")
}
