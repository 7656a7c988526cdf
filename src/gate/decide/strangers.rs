//! Whoever may not speak on a board leaves the hash of a comment, and of so many comments a day: nobody
//! fills the disk of a bot that does not listen to him.
//!
//! What is over that is not noted at all. Nothing can come of it: a text by a stranger counts for
//! nothing when it is written, and who may speak later is bound by the time of the comment. Owners,
//! requesters, whoever may ask, judges and the bot are no strangers, whoever edits their comments.

use super::super::allowance::Allowance;
use super::super::event::Accepted;
use super::super::ids::UserId;
use super::super::key::Key;
use super::super::thread::Seen;
use super::super::world::encode;
use super::Draft;
use super::arrived::facts;

/// Bytes of the journal that one stranger fills in a day, at most.
pub(super) const BYTES_A_DAY: u64 = 128 << 10;
/// Bytes of the journal that all strangers of a board together fill in a day, at most: accounts cost
/// nothing on some forges.
pub(super) const BYTES_A_DAY_TOGETHER: u64 = 16 << 20;
/// What a line has beside its cause and its records: numbers, hashes, salt, time, names of keys.
const LINE: usize = 768;

/// Notes the sight of a stranger's text, or drops it if his day or the board's is full. True if it is
/// noted, or was already.
pub(super) fn note(
    draft: &mut Draft<'_>,
    accepted: &Accepted,
    author: Option<UserId>,
    key: &Key,
    seen: &Seen,
) -> bool {
    if draft.get::<Seen>(key).as_ref() == Some(seen) {
        return true;
    }
    let repository = accepted.repository;
    // Who has no name shares one allowance with all who have none.
    let shares = [
        (
            Key::stranger(repository, author.unwrap_or(UserId(0))),
            BYTES_A_DAY,
        ),
        (Key::strangers(repository), BYTES_A_DAY_TOGETHER),
    ];
    let told = facts(accepted).to_string().len() + encode(seen).to_string().len();
    let bytes = u64::try_from(told + LINE).unwrap_or(u64::MAX);
    let mut taken = Vec::new();
    for (key, most) in shares {
        let known: Allowance = draft.get_or_default(&key);
        let mut today = known.on(draft.now());
        if !today.take(bytes, most) {
            return false;
        }
        taken.push((key, today));
    }
    for (key, today) in taken {
        draft.put(key, &today);
    }
    draft.put(key.clone(), seen);
    true
}
