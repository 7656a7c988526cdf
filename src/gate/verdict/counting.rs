//! The rules for one owner's yes, in a comment or as a signature that an operator brings: who, where,
//! when, what it says, and whether everything that it rests on is still as it was. One function a rule.
//!
//! There is one list, and every rule is asked however the yes came, and once more of what was counted
//! when it is looked at under other rules: one that looks at a comment, or at what was read, says itself
//! that it has nothing to say where there is none.

use jiff::Timestamp;

use super::super::command::Vouched;
use super::super::event::Road;
use super::super::evidence::{ReadComment, ReadIssue};
use super::super::ids::UserId;
use super::super::key::Subject;
use super::super::policy::{Factor, Gate};
use super::super::request::{Action, Request, Summary};
use super::super::signed::{Signature, vouched};
use super::super::thread::Seen;
use super::super::time::{after, seconds_between};
use super::super::window::Window;
use super::people::Bar;
use super::{
    Case, CodeRead, Finding, Reason, RestsOn, SourceRead, deny_for, deny_if, moved_repository,
    shut_thread,
};

/// How far the forge's time of a comment and its receipt may be apart, in seconds.
pub(crate) const IN_TIME: i64 = 300;

/// Every rule for counting one owner's yes.
pub(super) const RULES: [fn(&Case<'_>) -> Finding; 30] = [
    is_owner,
    may_approve,
    did_not_ask,
    is_no_machine,
    in_its_thread,
    delivered,
    sent_by_its_author,
    unedited,
    newer_than_summary,
    in_time,
    cooled_off,
    in_open_hours,
    enough_alone,
    signed,
    vouches_truly,
    code_shown,
    right_code,
    restated,
    no_wider_scopes,
    no_longer_life,
    first_of_this_owner,
    request_is_open,
    shown,
    source_unchanged,
    summary_unchanged,
    thread_is_open,
    repository_in_place,
    login_as_configured,
    forge_may_be_away,
    goes_on_only_as_read,
];

/// The one rule that allows: who says it is an owner of this board, by number.
fn is_owner(case: &Case<'_>) -> Finding {
    if case.approver().is_none() || case.is_barred_by(Bar::NotAnOwner) {
        Finding::Deny(Reason::NotAnOwner)
    } else {
        Finding::Allow
    }
}

fn may_approve(case: &Case<'_>) -> Finding {
    deny_if(case.is_barred_by(Bar::MayNotApprove), Reason::MayNotApprove)
}

/// Who benefits does not approve.
fn did_not_ask(case: &Case<'_>) -> Finding {
    deny_if(case.is_barred_by(Bar::Benefits), Reason::Asked)
}

fn is_no_machine(case: &Case<'_>) -> Finding {
    deny_if(case.is_barred_by(Bar::Machine), Reason::Machine)
}

fn in_its_thread(case: &Case<'_>) -> Finding {
    let elsewhere = case
        .comment()
        .is_some_and(|comment| comment.found.issue != case.request.thread.issue);
    deny_if(elsewhere, Reason::OtherThread(case.request.thread))
}

/// A signature is as good when the forge did not deliver it.
fn delivered(case: &Case<'_>) -> Finding {
    let caught_up = case
        .comment()
        .is_some_and(|comment| comment.road == Road::CatchUp);
    deny_if(
        caught_up && case.signature.good().is_none(),
        Reason::CaughtUp,
    )
}

fn sent_by_its_author(case: &Case<'_>) -> Finding {
    let by_another = case.comment().is_some_and(|comment| {
        comment.road == Road::Hook && comment.unverified_sender != comment.found.author
    });
    deny_if(by_another, Reason::SentByAnother)
}

/// The forge's times are a hint that can only speak against a comment; the first-seen hash is what
/// makes an invisible edit worthless.
fn unedited(case: &Case<'_>) -> Finding {
    let edited = case.comment().is_some_and(|comment| {
        comment.found.updated_at != comment.found.created_at
            || case.seen.many
            || case.seen.first != comment.found.body
    });
    deny_if(edited, Reason::Edited)
}

fn newer_than_summary(case: &Case<'_>) -> Finding {
    let Some(comment) = case.comment() else {
        return Finding::Silent;
    };
    let after_source = match case.request.source.subject {
        Some(Subject::Comment(id)) => comment.id.0 > id,
        Some(Subject::Issue(_)) | None => true,
    };
    match &case.request.summary {
        None => Finding::Deny(Reason::NoSummary),
        Some(summary) => deny_if(
            comment.id <= summary.comment || !after_source,
            Reason::TooOld,
        ),
    }
}

/// A signature counts until the request ends, whatever the forge says about times.
fn in_time(case: &Case<'_>) -> Finding {
    let late = case.comment().is_some_and(|comment| {
        seconds_between(comment.found.created_at, case.seen.at).abs() > IN_TIME
    });
    deny_if(late && case.signature.good().is_none(), Reason::NotInTime)
}

/// The pause that a gate demands between its summary and an approval, by the bot's own clock: when
/// the post was recorded, and when the comment was first seen.
fn cooled_off(case: &Case<'_>) -> Finding {
    let gate = case.gate();
    deny_for(gate.and_then(|gate| outside_pause(&gate, case.request, case.seen.at)))
}

/// Why a comment that was first seen then came too soon after the summary.
fn outside_pause(gate: &Gate, request: &Request, seen: Timestamp) -> Option<Reason> {
    let pause = gate.cooling_off?;
    let posted_at = request
        .summary
        .as_ref()
        .and_then(|summary| summary.posted_at);
    match posted_at.map(|posted_at| after(posted_at, pause)) {
        None => Some(Reason::NoSummary),
        Some(from) => (seen < from).then_some(Reason::TooSoon(from)),
    }
}

/// The hours in which a gate may open, by the bot's own clock when the comment was first seen. Hours
/// that cannot be read are none.
fn in_open_hours(case: &Case<'_>) -> Finding {
    let gate = case.gate();
    deny_for(gate.and_then(|gate| outside_hours(&gate, case.seen.at)))
}

/// Why what was first seen then came outside of the gate's hours.
pub(super) fn outside_hours(gate: &Gate, seen: Timestamp) -> Option<Reason> {
    let shut = gate
        .open_hours()
        .find(|hours| !Window::parse(hours).is_ok_and(|window| window.contains(seen)));
    shut.map(|hours| Reason::OutsideHours(hours.to_owned()))
}

/// A signature that an operator brings is all that it brings: it satisfies no other factor.
fn enough_alone(case: &Case<'_>) -> Finding {
    if !case.is_signature_alone() {
        return Finding::Silent;
    }
    if case.demands(Factor::Comment) {
        return Finding::Deny(Reason::SignatureAlone("a comment"));
    }
    if case.demands(Factor::Code) {
        return Finding::Deny(Reason::SignatureAlone("a one-time code"));
    }
    deny_if(*case.signature == Signature::Absent, Reason::NotSigned)
}

/// Where the gate demands a signature there is one by this owner over exactly this approval; one that
/// does not fit counts against the comment at any gate. The counter of a security key only grows: one
/// that does not may be a copy's.
fn signed(case: &Case<'_>) -> Finding {
    match case.signature {
        Signature::Absent => deny_if(case.demands(Factor::Signature), Reason::NotSigned),
        Signature::Bad(why) => Finding::Deny(Reason::BadSignature(why.clone())),
        Signature::Good(signed) => {
            let follows = signed
                .touch
                .is_none_or(|touch| touch.follows(case.last_counter));
            deny_if(!follows, Reason::CounterStands)
        }
    }
}

/// Whoever an approval names as vouching has to do so; the owner's own word is worth its signature.
fn vouches_truly(case: &Case<'_>) -> Finding {
    let Some(named) = case.restated.vouched else {
        return Finding::Silent;
    };
    let true_word = match named {
        Vouched::Approver => case.signature.good().is_some(),
        Vouched::Config | Vouched::Request => vouched(case.request, case.board) == Some(named),
    };
    deny_if(!true_word, Reason::NotVouched(named))
}

/// Where the gate demands a one-time code it is the owner's, now, and was never seen before.
fn code_shown(case: &Case<'_>) -> Finding {
    let demanded = case.demands(Factor::Code);
    match case.code() {
        None | Some(CodeRead::Good) => Finding::Silent,
        Some(CodeRead::Absent) => deny_if(demanded, Reason::NoCode),
        Some(CodeRead::Bad) => Finding::Deny(Reason::BadCode),
        Some(CodeRead::Locked(until)) => deny_if(demanded, Reason::CodeLocked(until)),
    }
}

fn right_code(case: &Case<'_>) -> Finding {
    deny_if(case.restated.code != case.request.code(), Reason::WrongCode)
}

/// An approval says in its own words what it grants: what the summary shows may be doctored.
fn restated(case: &Case<'_>) -> Finding {
    let wanted = &case.request.effect;
    if !wanted.scopes.is_empty() && case.restated.scopes.is_empty() {
        return Finding::Deny(Reason::NotRestated("scopes=…"));
    }
    deny_if(
        wanted.ttl.is_some() && case.restated.ttl.is_none(),
        Reason::NotRestated("ttl=…"),
    )
}

fn no_wider_scopes(case: &Case<'_>) -> Finding {
    let wider: Vec<String> = case
        .restated
        .scopes
        .difference(&case.request.effect.scopes)
        .cloned()
        .collect();
    deny_if(!wider.is_empty(), Reason::WiderScopes(wider))
}

fn no_longer_life(case: &Case<'_>) -> Finding {
    let asked = case.request.effect.ttl;
    let fits = match (case.restated.ttl, asked) {
        (None, _) => true,
        (Some(restated), Some(asked)) => (1..=asked).contains(&restated),
        (Some(_), None) => false,
    };
    deny_if(!fits, Reason::WiderTtl(asked))
}

fn first_of_this_owner(case: &Case<'_>) -> Finding {
    let already = case
        .request
        .approvals
        .iter()
        .any(|approval| Some(approval.approver) == case.approver());
    deny_if(already, Reason::Already)
}

fn request_is_open(case: &Case<'_>) -> Finding {
    deny_if(
        !case.request.is_open(case.now),
        Reason::NotOpen(case.request.word(case.now)),
    )
}

/// Whoever is in the thread was told before anything opens.
fn shown(case: &Case<'_>) -> Finding {
    let read = case.is_signature_alone() && case.read().is_some();
    deny_if(read && case.request.summary.is_none(), Reason::NotShown)
}

fn source_unchanged(case: &Case<'_>) -> Finding {
    let changed = case
        .read()
        .is_some_and(|read| !source_stands(case.request, read.source, read.source_seen.as_ref()));
    deny_if(changed, Reason::SourceChanged)
}

/// True if the text that asked is still what it was, by the same author, and was never seen with
/// another body in between. What came over the host's own socket has no text that could change; that is
/// written down with the request and cannot be said of any other.
pub(crate) fn source_stands(
    request: &Request,
    source: SourceRead<'_>,
    seen: Option<&Seen>,
) -> bool {
    let (author, body) = match (source, request.source.subject) {
        (SourceRead::Host, subject) => return subject.is_none(),
        (SourceRead::Comment(_) | SourceRead::Issue(_), None) => return false,
        (SourceRead::Comment(ReadComment::Found(found)), Some(_)) => {
            (found.author, Some(&found.body))
        }
        (SourceRead::Issue(ReadIssue::Found(found)), Some(_)) => {
            (found.author, found.body.as_ref())
        }
        (SourceRead::Comment(_) | SourceRead::Issue(ReadIssue::Gone), Some(_)) => return false,
    };
    author == Some(request.source.author)
        && body == Some(&request.source.body)
        && seen.is_some_and(|seen| seen.only(&request.source.body))
}

/// True if the bot's summary is there as the bot sent it, and was never seen with another body.
pub(crate) fn summary_stands(
    summary: &Summary,
    read: &ReadComment,
    bot: UserId,
    seen: Option<&Seen>,
) -> bool {
    let ReadComment::Found(found) = read else {
        return false;
    };
    // The bot's own edit may be there before it is recorded.
    let own_edit = found.marker.is_some() && found.marker == summary.editing;
    let same = found.body == summary.body;
    found.author == Some(bot)
        && (same || own_edit)
        && seen.is_some_and(|seen| seen.only(&summary.body))
}

fn summary_unchanged(case: &Case<'_>) -> Finding {
    let (Some(summary), Some(read)) = (&case.request.summary, case.read()) else {
        return Finding::Silent;
    };
    let seen = read.summary_seen.as_ref();
    let stands = summary_stands(summary, read.summary, case.policy.bot, seen);
    deny_if(!stands, Reason::SummaryChanged)
}

fn thread_is_open(case: &Case<'_>) -> Finding {
    deny_for(case.read().and_then(|read| shut_thread(read.issue)))
}

fn repository_in_place(case: &Case<'_>) -> Finding {
    let read = case.read();
    deny_for(read.and_then(|read| moved_repository(case.board, read.repository)))
}

fn login_as_configured(case: &Case<'_>) -> Finding {
    match (case.owner(), case.comment()) {
        (Some(owner), Some(comment)) => deny_if(
            owner.login != comment.found.login,
            Reason::LoginChanged {
                expected: owner.login.clone(),
                found: comment.found.login.clone(),
            },
        ),
        (None, _) | (_, None) => Finding::Silent,
    }
}

/// With the forge away only a signature counts, and only where the gate says so, in a thread that was
/// last seen open and while nothing waits that may stop what is asked.
fn forge_may_be_away(case: &Case<'_>) -> Finding {
    let RestsOn::Away(away) = &case.rests_on else {
        return Finding::Silent;
    };
    if case.comment().is_some() {
        return Finding::Deny(Reason::ForgeAway);
    }
    deny_for(away.refusal())
}

/// A board that stands still does not go on unread: who wanted that may have said why.
fn goes_on_only_as_read(case: &Case<'_>) -> Finding {
    let away = matches!(case.rests_on, RestsOn::Away(_));
    deny_if(
        away && case.request.action == Action::Thaw,
        Reason::ForgeAway,
    )
}
