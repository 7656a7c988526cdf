//! What holders do with their tokens in a random history, and whoever has the verifier of a challenge.

use super::{Life, words};
use crate::gate::credential::Credential;
use crate::gate::decide::Claim;
use crate::gate::decide::tests::*;
use crate::gate::event::{Event, Leak};
use crate::gate::ids::Mac;
use crate::gate::key::Table;
use crate::gate::request::Request;

impl Life {
    /// One of all tokens that there ever were, mostly a newer one.
    pub(super) fn token(&self, which: u8) -> Option<Credential> {
        let mut all: Vec<Credential> = self.all(Table::Credential);
        all.reverse();
        let count = if which < 128 { 2 } else { all.len() };
        let place = usize::from(which) % count.min(all.len()).max(1);
        (place < all.len()).then(|| all.swap_remove(place))
    }

    /// A holder wants a successor.
    pub(super) fn swaps(&mut self, which: u8) {
        if let Some(credential) = self.token(which) {
            let key = format!("key-{}", which % 2);
            self.story.wish(credential.number.0, &key);
        }
    }

    /// A holder lets its identity stand still, or gives its token up.
    pub(super) fn holder_stops(&mut self, which: u8, event: fn(Vec<Mac>) -> Event) {
        if let Some(credential) = self.token(which) {
            self.story.answer(&event(vec![credential.mac]));
            let living = self.story.live(credential.number.0);
            assert_eq!(living, None, "its holder stopped it");
        }
    }

    pub(super) fn claim(&mut self, which: u8) {
        let asked = self.all::<Request>(Table::Request).into_iter();
        let known: Vec<_> = asked
            .filter_map(|one| Some((one.thread.repository, one.effect.challenge?)))
            .collect();
        let place = usize::from(which) % known.len().max(1);
        match known.get(place).filter(|_| which < 250) {
            Some((repository, challenge)) => {
                self.story.claim(*repository, challenge);
            }
            None => {
                let claim = self.story.claim(KAN, &words::challenge(-1));
                assert_eq!(claim, Claim::Unknown);
            }
        }
    }

    pub(super) fn leak(&mut self, which: u8) {
        let credentials: Vec<Credential> = self.all(Table::Credential);
        let leak = match credentials.get(usize::from(which)) {
            Some(credential) => Leak::Token(vec![credential.mac.clone()]),
            None if which > 250 => Leak::AgeKey(RECIPIENT.to_owned()),
            None => return,
        };
        let id = self.story.write(kan(99), STRANGER, "[removed]");
        let mut arrival = self.story.delivery(id);
        arrival.leaks = vec![leak];
        self.story.arrive(arrival);
    }
}
