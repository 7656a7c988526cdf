//! An owner's account is gone: what it owns stands still, and nothing else does.

use super::*;
use crate::gate::account::{Account, Sighting, Trouble};
use crate::gate::event::Event;
use crate::gate::identity::IdentityStatus;
use crate::gate::ids::{IdentityNumber, UserId};
use crate::gate::key::{Key, Table};

impl Story {
    /// The account of an owner is looked at; everything that the index says it owns is named.
    fn sight(&mut self, owner: UserId, trouble: Option<Trouble>) {
        let owned: Vec<IdentityNumber> = self
            .records
            .keys()
            .filter(|key| key.table == Table::Owned)
            .filter(|key| key.parts.first() == crate::gate::account::owned_by(owner).first())
            .filter_map(crate::gate::account::identity_of)
            .collect();
        self.answer(&Event::Account(Sighting {
            owner,
            trouble,
            identities: owned,
        }));
        self.settle();
    }

    fn account(&self, owner: UserId) -> Option<Account> {
        self.record(&Key::account(owner))
    }
}

/// Alice owns what lives in #12 and #13, Piotr what lives in #14.
fn owned() -> Story {
    let mut story = Story::new();
    story.issue(kan(12));
    story.issue(kan(13));
    let number = story.ask(kan(14));
    story.approve(kan(14), PIOTR, number);
    story
}

#[test]
fn what_an_owner_owned_stands_still_and_each_thread_is_told_once() {
    for (trouble, words) in [
        (
            Trouble::Gone,
            "is not on the forge any more (deleted, or hidden from me)",
        ),
        (Trouble::Suspended, "may not sign in to the forge any more"),
    ] {
        let mut story = owned();
        story.sight(ALICE, Some(trouble));
        assert_eq!((story.live(1), story.live(2)), (None, None));
        assert!(story.live(3).is_some(), "it is Piotr's");
        for (thread, slug) in [(kan(12), "codex-kan-12"), (kan(13), "codex-kan-13")] {
            let said = story.last_reply(thread);
            for part in [
                &format!("**`{slug}` is paused**: the account of its owner, alice, {words}."),
                &format!("`/gate resume {slug}`"),
                &format!("`/gate own {slug}`"),
                "@piotr",
            ] {
                assert!(said.contains(part), "{said}");
            }
            assert!(!said.contains("@alice"), "{said}");
        }
        assert_eq!(
            story.entries()[story.entries().len() - 3..],
            ["owner_account_lost", "identity_paused", "identity_paused"]
        );
        assert_eq!(story.replies(kan(14)).len(), 2);
        // Said and done once: every later look changes nothing.
        let lines = story.lines.len();
        story.pass(3_600);
        story.sight(ALICE, Some(trouble));
        assert_eq!(story.lines.len(), lines);
    }
}

#[test]
fn an_account_that_comes_back_resumes_nothing() {
    let mut story = owned();
    let lines = story.lines.len();
    story.sight(ALICE, None);
    assert_eq!(story.lines.len(), lines, "there was nothing to note");
    story.sight(ALICE, Some(Trouble::Suspended));
    story.pass(60);
    story.sight(ALICE, None);
    assert_eq!(story.account(ALICE), None);
    assert_eq!(story.entries().last(), Some(&"owner_account_back"));
    assert_eq!((story.live(1), story.live(2)), (None, None));
}

#[test]
fn what_owners_let_go_on_afterwards_goes_on_until_the_account_is_lost_again() {
    let mut story = owned();
    story.sight(ALICE, Some(Trouble::Gone));
    story.say(kan(12), CODEX, "/gate resume codex-kan-12");
    story.approve(kan(12), PIOTR, 4);
    assert!(story.live(1).is_some());
    story.pass(60);
    story.sight(ALICE, Some(Trouble::Gone));
    assert!(story.live(1).is_some(), "Piotr knew");
    story.pass(60);
    story.sight(ALICE, None);
    story.pass(60);
    story.sight(ALICE, Some(Trouble::Suspended));
    assert_eq!(story.live(1), None, "that is another event");
}

#[test]
fn an_approval_that_was_on_its_way_leaves_nothing_alive() {
    let mut story = owned();
    story.sight(ALICE, Some(Trouble::Suspended));
    // Her word was given before and is decided now: whatever comes of it is hers.
    let credential = story.issue(kan(15));
    assert!(story.live(credential).is_some());
    story.sight(ALICE, Some(Trouble::Suspended));
    assert_eq!(story.live(credential), None);
}

#[test]
fn an_identity_with_another_owner_now_is_none_of_the_old_ones() {
    let mut story = owned();
    story.say(kan(12), PIOTR, "/gate own codex-kan-12");
    story.approve(kan(12), ALICE, 4);
    assert_eq!(story.identity("codex-kan-12").unwrap().owner, PIOTR);
    // The row under its first owner is still there and says nothing.
    let stale = Key::owned(ALICE, IdentityNumber(1));
    assert!(story.records.contains_key(&stale));
    story.sight(ALICE, Some(Trouble::Gone));
    assert!(story.live(1).is_some());
    assert_eq!(story.live(2), None);
    story.sight(PIOTR, Some(Trouble::Gone));
    assert_eq!(story.live(1), None);
}

#[test]
fn what_is_over_leaves_the_index() {
    let mut story = owned();
    let row = Key::owned(ALICE, IdentityNumber(1));
    assert!(story.records.contains_key(&row));
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    assert!(story.records.contains_key(&row), "it may go on");
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    assert!(!story.records.contains_key(&row));
    let identity = story.identity("codex-kan-12").unwrap();
    assert!(matches!(identity.status, IdentityStatus::Revoked(_)));
}
