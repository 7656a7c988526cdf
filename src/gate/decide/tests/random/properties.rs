//! What must never happen, whatever people, machines, holders, operators, resource servers and thieves do,
//! and in whatever order. Each property keeps the promises that its comment names.
//!
//! In all of them every decision is also made from a world with all records, and after every step the
//! reference says what everybody holds (`witness`) and the forge in memory what was really said
//! (`oracle`). That what was decided can be read back from the journal alone is tried beside the store.

use proptest::prelude::*;

use super::acts::{Act, Twist, Way, act, words};
use super::authority::no_wider;
use super::beginnings::{begun, begun_with};
use super::blind::{BLINDNESSES, WORDLESS};
use super::configured::{ANYBODY_ASKS, CONFIGURATIONS};

/// True if it makes news of what was refused or not read before, which a copy of an old delivery then
/// tells.
fn makes_news(act: &Act) -> bool {
    match act {
        // What a stranger said is decided, and refused, once everybody may ask.
        Act::Configure(which) => which % CONFIGURATIONS == ANYBODY_ASKS,
        // What nobody has read yet is read.
        Act::Say(_, _, _, way)
        | Act::Edit(_, _, way)
        | Act::Delete(_, way)
        | Act::Toggle(_, way) => *way == Way::Unseen,
        // What was decided in lost lines is decided again, and what was given up is tried again.
        Act::Lose(_) | Act::Unread(..) => true,
        _ => false,
    }
}

proptest! {
    // 32 each, unless `PROPTEST_CASES` says otherwise: an eighth of that.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, max_shrink_iters: 400, ..ProptestConfig::default() })]

    /// No credential without a grant, and no grant without an open gate on the digest as it is: enough
    /// distinct people approved, as pinned numbers, none of them a machine, the bot or, unless the gate
    /// says so, whoever asked; and each in a comment that was delivered when it was new, stands below
    /// the summary and was never another text, or by a signature over exactly this.
    #[test]
    fn no_credential_without_enough_owners_on_that_digest(
        acts in prop::collection::vec(act(), 1..22),
    ) {
        let mut life = begun();
        life.lived(&acts);
    }

    /// Everybody holds what the reference says, neither more nor less, however it came to be and for
    /// every verb; what is stopped, revoked, narrowed or over is refused by the very next check; and
    /// nothing is issued twice.
    #[test]
    fn everybody_holds_exactly_what_the_reference_says(
        beginning in any::<u8>(),
        acts in prop::collection::vec(act(), 1..15),
    ) {
        let mut life = begun_with(beginning);
        life.lived(&acts);
    }

    /// Replaying any delivery, in any order and any number of times, changes nothing.
    #[test]
    fn replays_in_any_order_change_nothing(
        beginning in any::<u8>(),
        acts in prop::collection::vec(act(), 1..13),
        order in prop::collection::vec(any::<u8>(), 1..40),
        away in 0..3_i64,
    ) {
        let mut life = begun_with(beginning % 7 + beginning / 8 * 8);
        life.unjudged = true;
        for act in acts.iter().filter(|act| !makes_news(act)) {
            life.act(act);
        }
        life.rest();
        life.story.pass(away * 4_000);
        let records = life.story.records.clone();
        let posts = life.story.forge.comments.len();
        for which in order {
            life.act(&Act::Replay(which));
            if which % 3 == 0 {
                life.story.settle();
            }
        }
        life.rest();
        for (key, value) in &life.story.records {
            prop_assert_eq!(records.get(key), Some(value), "{:?}", key);
        }
        prop_assert_eq!(records.len(), life.story.records.len());
        prop_assert_eq!(posts, life.story.forge.comments.len());
    }

    /// Edits and deletions never widen anything; nor do closing and opening, strangers in the bot's
    /// clothes, leaks, what resource servers say, and copies of the store that come back.
    #[test]
    fn edits_deletions_and_the_like_never_widen(
        beginning in any::<u8>(),
        acts in prop::collection::vec(act(), 1..11),
        touches in prop::collection::vec((any::<u8>(), words(), any::<u8>(), any::<bool>()), 1..10),
    ) {
        let mut life = begun_with(beginning);
        // What was approved so far is judged before anybody touches it.
        life.lived(&acts);
        for (which, words, kind, seen) in touches {
            let before = life.authority();
            let way = if seen { Way::Delivered } else { Way::Unseen };
            life.act(&match kind % 8 {
                0 => Act::Delete(which, way),
                1 => Act::Toggle(which, way),
                2 => Act::Stray(which),
                3 => Act::Leak(which),
                4 => Act::Report(which, kind / 8, which),
                _ => Act::Edit(which, words, way),
            });
            life.rest();
            no_wider(&before, &life.authority());
            life.check();
        }
    }

    /// Unknown means no: with nothing to read, no gate, no owner, a clock that nobody trusts, a full
    /// disk or lines that are missing, nothing widens, whoever tries.
    #[test]
    fn what_is_unknown_opens_nothing(
        beginning in any::<u8>(),
        acts in prop::collection::vec(act(), 1..5),
        blindness in 0..BLINDNESSES,
        tries in prop::collection::vec((any::<u8>(), any::<u8>()), 3..7),
    ) {
        let mut life = begun_with(beginning % 7 + beginning / 8 * 8);
        life.lived(&acts);
        life.accept_loss();
        life.blind(blindness);
        life.check();
        let before = life.authority();
        for (which, kind) in tries {
            life.act(&match kind % 4 {
                // A holder's successor rests on no comment.
                1 if blindness != WORDLESS => Act::Swap(which),
                0 | 1 => Act::Claim(which),
                2 => Act::Bring(which, kind / 4, Twist::Plain),
                _ => Act::Agree(which),
            });
            no_wider(&before, &life.authority());
            life.check();
        }
    }
}
