//! The forge cannot be read, and a signed delivery wants something stopped: it stands still until the
//! comment can be read again. That ends nothing, and an owner can undo it.
//!
//! Whoever has the secret of the webhook could do this while the forge is away. That is the price of a
//! kill switch that works without the forge.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::{Command, Reading, Words};
use super::super::event::{Accepted, Road, Spoken, What};
use super::super::evidence::Reads;
use super::super::ids::UserId;
use super::super::key::{Key, Subject};
use super::super::policy::Board;
use super::super::thread::Seen;
use super::super::verdict::CodeRead;
use super::named::{Meant, may, meant};
use super::said::Said;
use super::{Draft, freeze, lifecycle};

/// Lets stand still what an accepted, unread narrowing could stop; once.
pub(super) fn decide(draft: &mut Draft<'_>, line: u64) {
    draft.outcome("unread", "nothing");
    let key = Key::inbox(line);
    let Some(accepted) = draft.get::<Accepted>(&key) else {
        return;
    };
    let Some((board, spoken, author)) = heard(draft, &accepted) else {
        return;
    };
    let Reading::Command(command) = spoken.reading() else {
        return;
    };
    draft.use_reserve();
    draft.cause("unread", json!({ "accepted": line }));
    let noted = Accepted {
        stood_still: true,
        ..accepted.clone()
    };
    draft.put(key, &noted);
    let said = Said {
        board,
        accepted: &accepted,
        reads: &Reads::default(),
        thread: accepted.thread(),
        subject: Subject::Comment(spoken.id),
        author,
        login: "",
        body: &spoken.body,
        found: None,
        seen: Seen {
            many: true,
            ..Seen::new(spoken.body.clone(), accepted.at)
        },
        code: CodeRead::Absent,
    };
    match command {
        Command::Revoke(words) | Command::Pause(words) | Command::Narrow(words) => {
            pause(draft, &said, &words);
        }
        Command::Freeze(words) if said.by_owner() => freeze::decide(draft, &said, &words),
        // What else narrows ends something, or is no haste; and the rest is never urgent.
        Command::Freeze(_)
        | Command::Deny(_)
        | Command::Withdraw(_)
        | Command::Release(_)
        | Command::Request(_)
        | Command::Approve(_)
        | Command::Rotate(_)
        | Command::Resume(_)
        | Command::Thaw
        | Command::Own(_)
        | Command::Link(..)
        | Command::Inspect(_)
        | Command::Audit(_)
        | Command::List
        | Command::Help(_) => {}
    }
}

/// A comment that was delivered, by whoever the delivery names, and nothing stood still for it yet.
fn heard<'a>(draft: &Draft<'a>, accepted: &'a Accepted) -> Option<(&'a Board, &'a Spoken, UserId)> {
    let What::Comment(spoken) = &accepted.what else {
        return None;
    };
    let author = spoken.unverified_author?;
    let new = accepted.urgent && accepted.road == Road::Hook && !accepted.stood_still;
    let by_author = accepted.unverified_sender == Some(author);
    (new && by_author).then_some((draft.board(accepted.thread())?, spoken, author))
}

fn pause(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    let identity = match meant(draft, said, words) {
        Meant::Identity(identity, _) | Meant::Asked(_, _, Some(identity)) => identity,
        Meant::Asked(_, _, None) | Meant::Unknown => return,
    };
    let mut identity = *identity;
    if !may(said, &identity) {
        return;
    }
    let why = format!(
        "a delivery in the name of user {}, unread: the forge is away",
        said.author
    );
    if lifecycle::pause(draft, &mut identity, &said.actor(), &why) {
        draft.outcome("unread", "paused");
        let text = format!(
            "**`{}` is paused**: a delivery wants it stopped and I cannot read the forge. I look again as soon as I can.",
            identity.slug
        );
        draft.tell(identity.thread, &text, None);
    }
}

/// What stood still for a delivery that the forge does not bear out: an owner may let it go on.
pub(super) fn not_borne_out(draft: &mut Draft<'_>, accepted: &Accepted) {
    if !accepted.stood_still {
        return;
    }
    let why = "what stood still while the forge was away did so for a comment that is not there as it was delivered";
    draft.entry(Entry::new("unread_not_borne_out", Actor::Bot, why).in_thread(accepted.thread()));
    let text = format!("**Look at this**: {why}. `/gate resume` asks that it goes on.");
    draft.tell(accepted.thread(), &text, None);
}
