//! An owner's account is gone from the forge or may not sign in any more: what it owns stands still at
//! once, until its owners say otherwise. An account that comes back resumes nothing.
//!
//! The event names identities by an index that may be behind; each is read here, and its own record
//! says whose it is. What owners let go on afterwards goes on: they knew.

use serde_json::json;

use super::super::account::{Account, Sighting, Trouble};
use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::identity::Identity;
use super::super::ids::UserId;
use super::super::key::Key;
use super::super::policy::Board;
use super::super::reply::people::{mentions, person};
use super::{Draft, lifecycle};

/// Notes how the account stands, and pauses what it owns if it is not as it should be.
pub(super) fn decide(draft: &mut Draft<'_>, sighting: &Sighting) {
    draft.outcome("account", "nothing");
    draft.use_reserve();
    let owner = sighting.owner;
    let key = Key::account(owner);
    let known = draft.get::<Account>(&key);
    draft.cause(
        "account",
        json!({ "owner": owner, "trouble": sighting.trouble }),
    );
    let Some(trouble) = sighting.trouble else {
        if known.is_some() {
            draft.outcome("account", "back");
            draft.remove(key);
            let why = format!("the account of user {owner} is there again; nothing resumes");
            draft.entry(Entry::new("owner_account_back", Actor::Bot, why));
        }
        return;
    };
    let account = known.unwrap_or_else(|| begins(draft, owner, trouble));
    for number in &sighting.identities {
        let identity = draft
            .get::<Identity>(&Key::identity(*number))
            .filter(|identity| identity.owner == owner && account.pauses(identity));
        if let Some(identity) = identity {
            pause(draft, identity, &account);
        }
    }
}

/// From now on the account is known not to be as it should be.
fn begins(draft: &mut Draft<'_>, owner: UserId, trouble: Trouble) -> Account {
    draft.outcome("account", "noted");
    let account = Account {
        trouble,
        at: draft.now(),
    };
    draft.put(Key::account(owner), &account);
    let why = format!("the account of user {owner} {}", trouble.words());
    let mut entry = Entry::new("owner_account_lost", Actor::Bot, why);
    entry.owner = Some(owner);
    draft.entry(entry);
    account
}

fn pause(draft: &mut Draft<'_>, mut identity: Identity, account: &Account) {
    let owner = identity.owner;
    let words = account.trouble.words();
    let why = format!("the account of its owner, user {owner}, {words}");
    if !lifecycle::pause(draft, &mut identity, &Actor::Bot, &why) {
        return;
    }
    draft.outcome("account", "paused");
    let board = draft.board(identity.thread);
    let name = board.map_or_else(|| format!("user {owner}"), |board| person(board, owner));
    let others = board.map_or_else(String::new, |board| others(board, owner));
    let text = format!(
        "**`{0}` is paused**: the account of its owner, {name}, {words}. If the account comes back, nothing resumes by itself: `/gate resume {0}` asks that it goes on, `/gate own {0}` asks for another owner. {others}",
        identity.slug
    );
    draft.tell(identity.thread, text.trim_end(), None);
}

/// The board's other owners, as mentions.
fn others(board: &Board, owner: UserId) -> String {
    let others = board.owners.iter();
    let others = others.filter(|(user, other)| **user != owner && other.may_approve);
    mentions(board, others.map(|(user, _)| *user))
}
