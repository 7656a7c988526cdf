//! Reading commands: what there is, within the board and its threads. They change nothing but the
//! count of answers, and show nothing secret.

use super::super::command::Words;
use super::super::credential::Credential;
use super::super::effect::{Reaction, Role};
use super::super::evidence::{HistoryOf, Need};
use super::super::identity::Identity;
use super::super::ids::Slug;
use super::super::key::Key;
use super::super::reply::{self, Shown};
use super::super::request::Request;
use super::super::thread::BoardState;
use super::said::{Said, refuse};
use super::{Draft, import, judge, known, lifecycle};

/// Entries that `inspect` shows.
const LATELY: usize = 10;

/// Shows an identity in its own thread; owners in any thread of the board.
pub(super) fn inspect(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    let named = words
        .first()
        .and_then(|word| Slug::parse(&word.to_ascii_lowercase()));
    let Some(identity) = meant(draft, said, named.as_ref()) else {
        return unknown(draft, said, "inspect");
    };
    let credentials: Vec<Credential> = identity
        .credentials
        .iter()
        .rev()
        .take(10)
        .filter_map(|number| draft.get(&Key::credential(*number)))
        .collect();
    let open: Vec<Request> = known::open_in(draft, identity.thread)
        .into_iter()
        .filter(|request| request.effect.identity.as_ref() == Some(&identity.slug))
        .collect();
    let asked: Vec<Request> = credentials
        .iter()
        .filter_map(|credential| draft.get(&Key::request(credential.request)))
        .collect();
    let asker = open.iter().chain(&asked);
    let asker = asker.filter_map(|request| request.login_of(identity.requester));
    let asker = asker.map(str::to_owned).next();
    let Some(advice) = judge::advice(draft, said, identity.thread) else {
        return;
    };
    let of = HistoryOf {
        identity: identity.number,
        credential: None,
        since: None,
        most: LATELY,
    };
    for credential in &credentials {
        if !said.reads.last_uses.contains_key(&credential.number) {
            draft.need(Need::LastUse(credential.number));
        }
    }
    let Some(history) = said.reads.histories.get(&of) else {
        return draft.need(Need::History(of));
    };
    let body = reply::inspection(
        &Shown {
            identity: &identity,
            credentials: &credentials,
            last_uses: &said.reads.last_uses,
            open: &open,
            asker: asker.as_deref(),
            history,
            advice: &advice,
            board: said.board,
        },
        draft.now(),
        draft.given.seq,
    );
    answer(draft, said, body);
}

/// The identity that is named, or the thread's only living one; whoever is no owner sees those of
/// this thread.
pub(super) fn meant(draft: &Draft<'_>, said: &Said<'_>, named: Option<&Slug>) -> Option<Identity> {
    let identity = match named {
        Some(slug) => known::newest_identity(draft, said.board, slug),
        None => known::only_living_in(draft, said.thread),
    };
    identity.filter(|identity| said.by_owner() || identity.thread == said.thread)
}

/// What there is elsewhere is as unknown here as what there is not.
pub(super) fn unknown(draft: &mut Draft<'_>, said: &Said<'_>, verb: &'static str) {
    let text = "There is no such identity in this thread.";
    refuse(draft, said, verb, text, "unknown_identity");
}

/// Shows open requests and counts of identities, to owners.
pub(super) fn list(draft: &mut Draft<'_>, said: &Said<'_>) {
    if !said.by_owner() {
        let text = "Only an owner of this board can list what there is; `/gate inspect SLUG` shows one identity of this thread.";
        return refuse(draft, said, "list", text, "not_an_owner");
    }
    lifecycle::free_ended(draft, said.thread.repository);
    let mut state: BoardState = draft.get_or_default(&Key::board(said.thread.repository));
    state.alone = import::living_alone(draft, said.board);
    // The newest: what is past its end and not freed yet is at the other end.
    let mut open: Vec<Request> = state
        .requests
        .iter()
        .rev()
        .take(200)
        .filter_map(|number| draft.get::<Request>(&Key::request(*number)))
        .filter(|request| request.is_open(draft.now()))
        .collect();
    open.reverse();
    let body = reply::list(&state, &open, said.board, draft.given.seq);
    answer(draft, said, body);
}

/// Shows how commands are written.
pub(super) fn help(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    let body = reply::help(words.first(), said.board, draft.given.seq);
    answer(draft, said, body);
}

/// Answers to reading count as explanations do.
pub(super) fn answer(draft: &mut Draft<'_>, said: &Said<'_>, body: String) {
    if draft.take_answer(said.thread, said.share()).is_none() {
        return draft.outcome("read", "limited");
    }
    draft.react(said.thread, said.comment(), Reaction::Eyes);
    draft.post(said.thread, Role::Answer, body);
}
