//! Secrets that stood in a text: a live token is revoked at once, whoever wrote it, and a secret age
//! key burns its recipient.
//!
//! Whoever writes a text chooses how many secrets stand in it, so one line takes only so many: what
//! matters first, and the rest is counted. A text that is read back is screened again, so that a
//! second pass takes what the first left.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::{Check, Credential, CredentialStatus};
use super::super::event::{Arrival, Leak};
use super::super::ids::{Mac, RepositoryId, ThreadKey};
use super::super::key::Key;
use super::super::request::Request;
use super::super::thread::RecipientState;
use super::{Draft, alone, known, lifecycle};

/// Live tokens that one line revokes.
const TOKENS: usize = 32;
/// Recipients that one line burns.
const AGE_KEYS: usize = 8;

/// Takes what stood in an arrival's text.
pub(super) fn decide(draft: &mut Draft<'_>, arrival: &Arrival) {
    let thread = arrival.accepted.thread();
    let mut live = Vec::new();
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for leak in &arrival.leaks {
        match leak {
            Leak::Token(macs) => live.extend(living(draft, macs)),
            Leak::AgeKey(recipient) => {
                let state = draft.get::<RecipientState>(&Key::recipient(recipient));
                match state {
                    Some(state) if state.burnt.is_some() => {}
                    Some(_) => known.push(recipient),
                    None => unknown.push(recipient),
                }
            }
        }
    }
    let left =
        live.len().saturating_sub(TOKENS) + (known.len() + unknown.len()).saturating_sub(AGE_KEYS);
    for check in live.iter().take(TOKENS) {
        revoke(draft, check, thread);
    }
    for recipient in known.into_iter().chain(unknown).take(AGE_KEYS) {
        burn(draft, recipient, thread);
    }
    if left > 0 {
        let text = format!("{left} more secrets stood in a text of this thread");
        draft.entry(Entry::new("more_leaked", Actor::Bot, text).in_thread(thread));
    }
}

/// The row of a token that works or could come to work.
pub(super) fn living(draft: &Draft<'_>, macs: &[Mac]) -> Option<Check> {
    let check = known::shown(draft, macs)?;
    let credential = draft.get::<Credential>(&Key::credential(check.credential))?;
    credential.is_living(draft.now()).then_some(check)
}

/// A live token stood in a text: it is revoked at once and its thread is told.
fn revoke(draft: &mut Draft<'_>, check: &Check, seen_in: ThreadKey) {
    let Some(mut credential) = draft.get::<Credential>(&Key::credential(check.credential)) else {
        return;
    };
    let place = if seen_in == check.thread {
        "in this thread".to_owned()
    } else if seen_in.repository == check.board {
        format!("in {}", seen_in.issue)
    } else {
        "on another board".to_owned()
    };
    let why = format!("its token stood in a text {place}");
    if let Some(stopped) = alone::revoke(draft, &mut credential, &Actor::Bot, &why) {
        let text = format!(
            "**{} is revoked**: {why}. Delete that text; whoever read it has the token.",
            stopped.name
        );
        draft.tell(stopped.thread, &text, None);
    }
}

/// A secret age key stood in a text: nothing is sealed to its recipient any more, open requests with
/// it are void, and credentials sealed to it that were not used yet are revoked. Each is told in its
/// own thread; the thread of the text learns only what concerns its own board.
fn burn(draft: &mut Draft<'_>, recipient: &str, seen_in: ThreadKey) {
    let key = Key::recipient(recipient);
    let mut state: RecipientState = draft.get_or_default(&key);
    state.burnt = Some(draft.now());
    draft.put(key, &state);
    draft.entry(
        Entry::new(
            "age_key_leaked",
            Actor::Bot,
            "a secret age key stood in a text of this thread",
        )
        .in_thread(seen_in)
        .with_facts(json!({ "recipient": recipient })),
    );
    let boards = [void_requests(draft, &state), revoke_pending(draft, &state)].concat();
    if boards.contains(&seen_in.repository) {
        let text = "A secret age key stood in a text here. Its recipient is burnt: open requests with it are void, and what was sealed to it and not used is revoked. Make a new key and ask anew.";
        draft.tell(seen_in, text, None);
    }
}

const WHY: &str = "the secret key of its recipient stood in a text";

fn void_requests(draft: &mut Draft<'_>, state: &RecipientState) -> Vec<RepositoryId> {
    let mut boards = Vec::new();
    for number in &state.requests {
        let request = draft.get::<Request>(&Key::request(*number));
        if let Some(request) = request
            && lifecycle::void_and_tell(draft, &request, WHY, "Make a new key and ask anew")
        {
            boards.push(request.thread.repository);
        }
    }
    boards
}

fn revoke_pending(draft: &mut Draft<'_>, state: &RecipientState) -> Vec<RepositoryId> {
    let mut boards = Vec::new();
    for number in &state.credentials {
        let Some((mut credential, mut identity)) = known::of_identity(draft, *number) else {
            continue;
        };
        let pending = matches!(credential.status, CredentialStatus::Pending(_));
        if pending
            && lifecycle::revoke_credential(draft, &mut identity, &mut credential, &Actor::Bot, WHY)
        {
            boards.push(identity.board());
            let text = format!(
                "**`{}` {} is revoked**: {WHY}.",
                identity.slug, credential.number
            );
            draft.tell(identity.thread, &text, Some(credential.request));
        }
    }
    boards
}
