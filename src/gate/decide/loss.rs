//! Acknowledged lines are missing and an operator accepted that: it is journaled, the counters jump
//! so that no number is used twice, and every identity is paused before anything is verified.
//!
//! The pausing goes on in parts, so that no line is huge; it goes on after a restart, too.
//!
//! Where journal and records were put back together nothing on the disk shows a loss. The bot's own
//! comments do: each carries the number of its line. One that the journal does not reach holds all
//! widening until the loss is accepted.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::Credential;
use super::super::event::Ahead;
use super::super::identity::Identity;
use super::super::ids::{CredentialNumber, IdentityNumber};
use super::super::key::Key;
use super::super::thread::{BoardState, Counters, Installation, Loss, Missing};
use super::{Answer, Draft, alone, lifecycle};

/// How far the counters jump.
const JUMP: u64 = 1_000;
/// Identities paused by one line.
const PART: u64 = 50;

/// Journals the acceptance.
pub(super) fn begin(draft: &mut Draft<'_>, journal: u64, records: u64) {
    draft.use_reserve();
    draft.cause("loss", json!({ "journal": journal, "records": records }));
    let mut counters: Counters = draft.get_or_default(&Key::counters());
    counters.request += JUMP;
    counters.credential += JUMP;
    counters.identity += JUMP;
    draft.put(Key::counters(), &counters);
    let installation = Installation {
        loss: Some(Loss {
            journal,
            records,
            at: Some(draft.now()),
            paused_to: IdentityNumber(0),
            done: false,
        }),
        missing: None,
    };
    draft.put(Key::installation(), &installation);
    void_open_requests(draft);
    draft.entry(
        Entry::new(
            "loss_accepted",
            Actor::Operator("host".to_owned()),
            format!("the journal ends at {journal}, the records had reached {records}: every identity is paused"),
        )
        .with_facts(json!({ "journal": journal, "records": records })),
    );
    draft.answer(Answer::More);
}

/// What was decided about an open request may be among the lines that are missing: its approval must
/// not count a second time.
fn void_open_requests(draft: &mut Draft<'_>) {
    let policy = std::sync::Arc::clone(&draft.given.policy);
    for repository in policy.boards.keys() {
        let board: BoardState = draft.get_or_default(&Key::board(*repository));
        for number in board.requests {
            lifecycle::void(draft, number, "lines of the journal are missing");
        }
    }
}

/// Pauses the next part of the identities.
pub(super) fn go_on(draft: &mut Draft<'_>) {
    draft.use_reserve();
    draft.outcome("loss", "done");
    let mut installation: Installation = draft.get_or_default(&Key::installation());
    let Some(loss) = installation.loss.as_mut().filter(|loss| !loss.done) else {
        return;
    };
    draft.cause("loss_goes_on", json!({ "from": loss.paused_to }));
    let counters: Counters = draft.get_or_default(&Key::counters());
    let first = loss.paused_to.0 + 1;
    // Secrets that no identity has are found by their own numbers.
    let end = counters.identity.max(counters.credential);
    let last = (loss.paused_to.0 + PART).min(end);
    let why = "lines of the journal are missing";
    for number in first..=last {
        let key = Key::credential(CredentialNumber(number));
        if let Some(mut credential) = draft.get::<Credential>(&key) {
            alone::pause(draft, &mut credential, &Actor::Bot, why);
        }
        if let Some(mut identity) = draft.get::<Identity>(&Key::identity(IdentityNumber(number))) {
            lifecycle::pause(draft, &mut identity, &Actor::Bot, why);
        }
    }
    loss.paused_to = IdentityNumber(last);
    loss.done = last >= end;
    let more = !loss.done;
    draft.put(Key::installation(), &installation);
    if more {
        draft.answer(Answer::More);
    }
}

/// True while it is known that lines are missing and nobody has accepted it.
pub(super) fn is_open(draft: &Draft<'_>) -> bool {
    let installation: Installation = draft.get_or_default(&Key::installation());
    installation.missing.is_some()
}

/// A comment of the bot rests on a line that the journal does not have: all widening is held, and
/// its thread is told, once. What was written before a loss was accepted may rest on what was lost.
pub(super) fn ahead(draft: &mut Draft<'_>, found: &Ahead) {
    draft.outcome("ahead", "nothing");
    let mut installation: Installation = draft.get_or_default(&Key::installation());
    let accepted = installation
        .loss
        .as_ref()
        .and_then(|loss| loss.at)
        .is_some_and(|at| found.written <= at);
    if found.line <= found.journal || accepted || installation.missing.is_some() {
        return;
    }
    draft.use_reserve();
    draft.outcome("ahead", "held");
    let journal = found.journal;
    draft.cause(
        "ahead_of_journal",
        json!({ "line": found.line, "journal": journal, "comment": found.comment }),
    );
    installation.missing = Some(Missing {
        line: found.line,
        journal,
        thread: found.thread,
        comment: found.comment,
        since: draft.now(),
    });
    draft.put(Key::installation(), &installation);
    draft.entry(
        Entry::new(
            "history_lost",
            Actor::Bot,
            format!(
                "the bot has spoken for line {}, and the journal ended at {journal}: widening is held",
                found.line
            ),
        )
        .in_thread(found.thread)
        .with_facts(json!({ "comment": found.comment })),
    );
    let text = format!(
        "**Nothing widens any more, on any board**: I have spoken here for line {} of my journal, and it ended at {journal}. Lines are missing; what was taken back in them may be alive again. Taking back goes on. Whoever runs me: stop me, look at what `ownergate verify` prints, and start me with `serve --accept-journal-loss` and the journal's last number; that pauses every identity.",
        found.line
    );
    draft.tell(found.thread, &text, None);
}
