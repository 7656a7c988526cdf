//! What resource servers tell in a random history: how often they saw a token, and what it did.
//!
//! It is their word, and gives nobody anything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Life, pick};
use crate::gate::decide::Answer;
use crate::gate::decide::tests::*;
use crate::gate::event::Event;
use crate::gate::ids::{CredentialNumber, Hash};
use crate::gate::policy::{Client, Policy};
use crate::gate::uses::{REPORT_SKEW, Report, Reported, Tally, Use};

/// Sees all of both boards.
const API: &str = "kanban-api";
/// Sees one gate of one board.
const DEPLOYER: &str = "deployer";

/// What they saw and said.
#[derive(Clone, Default)]
pub(super) struct Servers {
    /// Uses that are not written down yet.
    uses: BTreeMap<(String, CredentialNumber), Use>,
    /// What each saw alive, ever.
    saw: BTreeSet<(String, CredentialNumber)>,
    /// What each said that was taken.
    said: BTreeSet<(String, Hash)>,
}

/// Adds a resource server that sees little.
pub(super) fn with_servers(rules: &mut Policy) {
    let deployer = Client {
        boards: [KAN].into(),
        environments: Some(names(&["staging"])),
    };
    rules.clients.insert(DEPLOYER.to_owned(), deployer);
}

impl Life {
    /// A token is shown to a resource server: a check says what lives, to whoever may see that.
    pub(super) fn shows(&mut self, which: u8, who: u8) {
        let Some(credential) = self.token(which) else {
            return;
        };
        let client = pick(&[API, API, API, DEPLOYER], who).unwrap_or(API);
        let may = self.story.live(credential.number.0);
        let answer = self.story.answer(&Event::Used {
            macs: vec![credential.mac],
            client: Some(client.to_owned()),
        });
        let says = match answer {
            Answer::Live(live) => Some(live.scopes),
            _ => None,
        };
        if client == API {
            assert_eq!(says, may, "a check says what lives");
        }
        if says.is_some() {
            assert_eq!(says, may, "a check says what lives");
            self.saw(client, credential.number);
        }
    }

    fn saw(&mut self, client: &str, number: CredentialNumber) {
        let (now, pair) = (self.story.now, (client.to_owned(), number));
        self.servers.saw.insert(pair.clone());
        let uses = self.servers.uses.entry(pair);
        uses.and_modify(|uses| uses.add(Use::once(now)))
            .or_insert(Use::once(now));
    }

    /// The token is used for the first time.
    pub(super) fn first_use(&mut self, number: u64) {
        let mac = self.story.credential(number).mac;
        let answer = self.story.show(&mac);
        assert!(matches!(answer, Answer::Live(_)), "{answer:?}");
        self.saw(API, CredentialNumber(number));
    }

    /// Uses are written down, with those of one that never was.
    pub(super) fn count_uses(&mut self, which: u8) {
        if which.is_multiple_of(2) {
            self.shows(which / 2, which);
        }
        let nobody = (
            (API.to_owned(), CredentialNumber(77)),
            Use::once(self.story.now),
        );
        let uses = std::mem::take(&mut self.servers.uses);
        let all = uses.into_iter().chain([nobody]);
        let mut tallies: Vec<Tally> = all
            .map(|((client, credential), uses)| Tally {
                credential,
                client: Some(client),
                uses,
            })
            .collect();
        while !tallies.is_empty() {
            let lines = self.story.lines.len();
            let answer = self.story.answer(&Event::Uses(tallies.clone()));
            let Answer::Counted(taken) = answer else {
                panic!("{answer:?}");
            };
            assert!(taken > 0);
            tallies.drain(..taken);
            let counted = self.story.lines.len() > lines;
            self.reach.note("uses are counted", counted);
        }
    }

    /// A resource server says what a credential did.
    pub(super) fn report(&mut self, which: u8, who: u8, when: u8) {
        let client = pick(&[API, API, DEPLOYER, "nobody"], who).unwrap_or(API);
        let credential = self.token(which).map(|one| one.number);
        let spans = [0, 0, 0, -60, 30, 90, -90_000];
        let at = self.story.now + SignedDuration::from_secs(pick(&spans, when).unwrap_or(0));
        let event = Hash::of(&[when % 16]);
        let pair = |number| (client.to_owned(), number);
        let report = Report {
            credential,
            seen: credential.is_some_and(|one| self.servers.uses.contains_key(&pair(one))),
            action: "card:write".to_owned(),
            object: None,
            outcome: Some("ok".to_owned()),
            at,
            event_id: when.to_string(),
            event: event.clone(),
        };
        let before = self.authority();
        let answer = self.story.answer(&Event::Reported {
            client: client.to_owned(),
            reports: vec![report],
        });
        assert_eq!(self.authority(), before, "a report gives nothing");
        let taken = answer == Answer::Reported(vec![Reported::Accepted]);
        self.reach.note("a report", taken);
        if taken {
            let number = credential.expect("it names one");
            assert!(self.servers.saw.contains(&pair(number)), "it never saw it");
            assert!(
                self.servers.said.insert((client.to_owned(), event)),
                "twice"
            );
            self.within_its_life(number, at);
        }
    }

    fn within_its_life(&self, number: CredentialNumber, at: Timestamp) {
        let skew = SignedDuration::from_secs(i64::try_from(REPORT_SKEW).unwrap());
        let held = self.witness.model.held(number);
        let until = held.over.map_or(held.ends, |over| over.min(held.ends));
        assert!(held.from <= at && at <= until && at <= self.story.now + skew);
    }
}
