//! What comes over the host's own doors: operators ask, order, bring signatures and hand secrets in,
//! with the forge there or away.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::acts::{Twist, Words};
use super::factors::strengthen;
use super::{Life, pick, thread};
use crate::gate::account::{Sighting, Trouble};
use crate::gate::command::{self, Command, Less, Reading};
use crate::gate::decide::Answer;
use crate::gate::decide::tests::*;
use crate::gate::event::Event;
use crate::gate::identity::Identity;
use crate::gate::ids::{CredentialNumber, Hash, Mac, RequestNumber, Slug};
use crate::gate::import::{Import, Line};
use crate::gate::key::Table;
use crate::gate::operator::{By, Way};
use crate::gate::order::{Ask, Order, Ordered};
use crate::gate::request::Request;
use crate::gate::wish::{Vote, Voted, Wish, Wished};

/// The host itself, of those.
pub(super) const HOST: u8 = 6;

/// Somebody at one of the host's doors: mostly one who may.
fn by(which: u8) -> By {
    let all = [
        "home", "office", "home", "office", "home", "guest", "host", "nobody",
    ];
    match pick(&all, which).unwrap_or("host") {
        "host" => By::Host,
        name => By::Operator {
            name: name.to_owned(),
            way: if which < 128 {
                Way::Token
            } else {
                Way::User(1_000)
            },
        },
    }
}

impl Life {
    /// An operator asks, in a thread or for one.
    pub(super) fn wish(&mut self, who: u8, place: u8, words: &Words) {
        let wished = thread(place);
        let asks = Words::Request(place / 4, who, false);
        let words = match words {
            Words::Request(..) | Words::Rotate(..) | Words::Resume(_) | Words::Own(_) => words,
            other if place.is_multiple_of(4) => other,
            _ => &asks,
        };
        let (text, right) = self.text(CAROL, words, wished);
        let issue = (!place.is_multiple_of(3)).then_some(right.issue);
        self.wishes += u64::from(place < 220);
        let wish = Wish {
            by: by(who),
            key: Hash::of(&self.wishes.to_be_bytes()),
            board: right.repository,
            issue,
            title: None,
            text,
            dry: place > 250,
            reads: Box::default(),
        };
        let (lines, requests) = (self.story.lines.len(), self.story.requests());
        let asked = self.story.operator_asks(wish.clone());
        let door = match (self.story.away, issue) {
            (Some(_), _) => "a wish without the forge",
            (None, Some(_)) => "a wish in a thread",
            (None, None) => "a wish for a thread",
        };
        self.reach.note(door, asked.is_ok());
        match asked {
            Err(_) => assert_eq!(self.story.requests(), requests, "it was refused"),
            Ok(Wished::Would { .. }) => {
                assert_eq!(
                    self.story.lines.len(),
                    lines,
                    "it was only asked what would be"
                );
            }
            Ok(Wished::Asked { .. }) => {
                // Once more it is the same.
                let lines = self.story.lines.len();
                assert_eq!(self.story.operator_asks(wish), asked);
                assert_eq!(self.story.lines.len(), lines);
            }
            Ok(Wished::Opening) => {}
        }
    }

    /// Somebody orders that something stops, and then it stands.
    pub(super) fn order(&mut self, who: u8, what: u8, which: u8) {
        let identities: Vec<Identity> = self.all(Table::Identity);
        let places: Vec<usize> = (0..identities.len()).collect();
        let slug = pick(&places, which).map(|place| identities[place].slug.clone());
        let slug = slug.or_else(|| Slug::parse("one")).unwrap();
        let known = self.token(which).filter(|_| which % 5 != 4);
        let number = known.map_or(CredentialNumber(9), |one| one.number);
        let less = Less {
            scopes: Some(names(
                &["board:read", "card:write"][..usize::from(which % 3).min(2)],
            )),
            ttl: (which.is_multiple_of(2)).then_some(3_600),
            ..Less::default()
        };
        let request = self
            .named(which)
            .map_or(RequestNumber(99), |one| one.number);
        let (verb, what) = match what % 6 {
            0 => ("pause", Ask::Pause(slug.clone())),
            1 => ("revoke", Ask::Revoke(slug.clone())),
            2 => ("revoke one", Ask::RevokeCredential(number, None)),
            3 => ("narrow", Ask::Narrow(slug.clone(), less.clone())),
            4 => ("release", Ask::Release(slug.clone())),
            _ => ("deny", Ask::Deny(request)),
        };
        let order = Order {
            by: by(who),
            what: what.clone(),
            reason: "odd".to_owned(),
            noted: which.is_multiple_of(2),
        };
        let answer = self.story.answer(&Event::Ordered(Box::new(order)));
        self.story.settle();
        let Answer::Ordered(ordered) = answer else {
            panic!("{answer:?}");
        };
        let done = matches!(ordered, Ordered::Done(_));
        self.reach.note(&format!("an order to {verb}"), done);
        if done {
            self.stopped_by_order(&what, &slug);
        }
    }

    fn stopped_by_order(&self, what: &Ask, slug: &Slug) {
        let of = self.story.identity(slug.as_str());
        let credentials = of.map(|one| one.credentials).unwrap_or_default();
        let living: Vec<BTreeSet<String>> = credentials
            .iter()
            .filter_map(|number| self.story.live(number.0))
            .collect();
        match what {
            Ask::Pause(_) | Ask::Revoke(_) | Ask::Release(_) => {
                assert_eq!(living, Vec::<BTreeSet<String>>::new(), "{what:?}");
            }
            Ask::RevokeCredential(number, _) => assert_eq!(self.story.live(number.0), None),
            Ask::Narrow(_, less) => {
                let left = less.scopes.clone().unwrap_or_default();
                assert!(living.iter().all(|scopes| scopes.is_subset(&left)));
            }
            Ask::Deny(number) => assert_eq!(self.story.word(number.0), "denied"),
        }
    }

    /// An operator brings what an owner signed.
    pub(super) fn bring(&mut self, which: u8, who: u8, twist: &Twist) {
        if let Some(request) = self.named(which) {
            self.bring_for(&request, who, twist);
        }
    }

    pub(super) fn bring_for(&mut self, request: &Request, who: u8, twist: &Twist) {
        let approver = pick(&[ALICE, PIOTR, ALICE, PIOTR, CAROL], who).unwrap_or(ALICE);
        let line = self.twisted(request, twist);
        let text = self.fitted(request, approver, &line, twist, true);
        let Reading::Command(Command::Approve(restated)) = command::read(&text) else {
            return;
        };
        let vote = Vote {
            by: by(who / 8),
            request: request.number,
            code: restated.code,
            approver,
            scopes: restated.scopes,
            ttl: restated.ttl,
            vouched: restated.vouched,
            armor: restated.armor.unwrap_or_default(),
            reads: Box::default(),
        };
        let (before, lines) = (self.story.credentials(), self.story.lines.len());
        let voted = self.story.operator_brings(vote.clone());
        let refused = matches!(voted, Voted::Refused { .. });
        let door = match self.story.away {
            Some(_) => "a signature brought without the forge",
            None => "a signature brought",
        };
        self.reach.note(door, !refused);
        if refused {
            return assert_eq!(self.story.credentials(), before);
        }
        // What was counted before is told again, and nothing else happens.
        let new = self.story.lines.len() > lines;
        let offline = self.gate(request).is_some_and(|gate| gate.offline);
        assert!(!new || offline || self.story.away.is_none(), "{voted:?}");
        let lines = self.story.lines.len();
        self.story.operator_brings(vote);
        assert_eq!(self.story.lines.len(), lines);
    }

    /// The forge is away for a while, and operators do what they can.
    pub(super) fn away(&mut self, which: u8, who: u8) {
        if which.is_multiple_of(2) {
            self.make_room();
        }
        let stood = std::mem::replace(&mut self.story.outbox_stands, true);
        self.story.away = Some(self.story.now);
        self.story.pass(2);
        let words = Words::Request(which, which / 4, false);
        self.wish(who % 5, which % 60 * 4 + 1, &words);
        let newest = self.all::<Request>(Table::Request).pop();
        let request = newest
            .filter(|_| !which.is_multiple_of(3))
            .or_else(|| self.named(which));
        for (owner, request) in (0..2).zip(request.iter().cycle()) {
            self.bring_for(request, owner, &Twist::Plain);
            self.check();
        }
        self.order(who, which, which / 6);
        self.story.away = None;
        self.story.outbox_stands = stood;
    }

    /// Signatures alone count, and nothing is open in one thread.
    fn make_room(&mut self) {
        self.story.reconfigure(KAN, |board| strengthen(board, 0));
        for request in self.all::<Request>(Table::Request) {
            if request.thread == kan(12) && request.is_open(self.story.now) {
                let line = format!("/gate deny {}", request.number);
                self.story.say(kan(12), PIOTR, &line);
            }
        }
        self.check();
    }

    /// An operator hands secrets in.
    pub(super) fn import(&mut self, who: u8, how: u8) {
        let identities: Vec<Identity> = self.all(Table::Identity);
        let places: Vec<usize> = (0..identities.len()).collect();
        let mut lines = Vec::new();
        for place in 0..=how % 2 {
            let slug = pick(&places, how / 4).map(|place| identities[place].slug.clone());
            let known = self.token(how).filter(|_| how > 230).map(|one| one.mac);
            self.secrets += 1;
            let mut new = [0; 32];
            new[24..].copy_from_slice(&self.secrets.to_be_bytes());
            let scopes = [&["board:read"][..], &["board:read", "card:write"]];
            let late = self.story.now + SignedDuration::from_secs(900);
            lines.push(Line {
                macs: vec![known.unwrap_or_else(|| Mac::new(&new))],
                pepper_id: "p1".to_owned(),
                label: format!("robot {place}"),
                scopes: names(scopes[usize::from((how / 16).is_multiple_of(4))]),
                expires_at: (how.is_multiple_of(3)).then_some(late),
                identity: slug.filter(|_| how / 2 % 3 + place != 1),
            });
        }
        let import = Import {
            by: by(who),
            board: KAN,
            issue: thread(1 + who % 2).issue,
            file: Hash::of(&self.secrets.to_be_bytes()),
            lines: lines.clone(),
            reads: Box::default(),
        };
        let asked = self.story.import(import);
        self.reach.note("a file of secrets", asked.is_ok());
        if let Ok(number) = asked {
            self.files.insert(number, lines);
        }
    }

    /// An owner's account is found gone, or there.
    pub(super) fn sight(&mut self, which: u8) {
        let owner = pick(&[ALICE, PIOTR, CAROL], which).unwrap_or(CAROL);
        let identities: Vec<Identity> = self.all(Table::Identity);
        let owned = identities.iter().filter(|one| one.owner == owner);
        let owned: Vec<_> = owned.map(|one| one.number).collect();
        let gone = which.is_multiple_of(2);
        self.story.answer(&Event::Account(Sighting {
            owner,
            trouble: gone.then_some(Trouble::Gone),
            identities: owned.clone(),
        }));
        self.story.settle();
    }
}
