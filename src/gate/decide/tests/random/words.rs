//! What people write in a random history: the words for what is there at that time.

use std::fmt::Write as _;

use super::acts::{Twist, Words};
use super::factors::key;
use super::{Life, pick};
use crate::gate::credential::Credential;
use crate::gate::decide::tests::*;
use crate::gate::identity::Identity;
use crate::gate::ids::{CredentialNumber, ThreadKey, UserId};
use crate::gate::key::Table;
use crate::gate::request::Request;
use crate::gate::statement::{Delivery, REQUEST, requested};
use crate::secret::claim::challenge_of;

/// The challenge of one of many verifiers.
pub(super) fn challenge(which: i64) -> String {
    challenge_of(&format!("a-verifier-of-a-random-history-{which:020}")).unwrap()
}

/// The words that depend on nothing that is there.
fn fixed(words: &Words) -> &'static str {
    let (list, which): ([&'static str; 6], u8) = match words {
        Words::Revoke(which) => (
            [
                "/gate revoke",
                "/gate revoke one",
                "/gate revoke two c1",
                "/gate revoke c9",
                "/gate revoke codex-kan-12 c1",
                "/gate revoke one c2",
            ],
            *which,
        ),
        Words::Pause(which) => (
            [
                "/gate pause",
                "/gate pause one",
                "/gate pause two c1 leaked",
                "/gate pause c9",
                "/gate pause codex-kan-12",
                "/gate pause one odd",
            ],
            *which,
        ),
        Words::Release(which) => (
            [
                "/gate release",
                "/gate release one",
                "/gate release two done",
                "/gate release c1",
                "/gate release codex-kan-12",
                "/gate release",
            ],
            *which,
        ),
        Words::Other(which) => (
            [
                "/gate inspect",
                "/gate list",
                "hello",
                "hello again",
                "/gate frob",
                "One moment",
            ],
            *which,
        ),
        Words::Withdraw => (["/gate withdraw"; 6], 0),
        Words::Freeze => (["/gate freeze odd calls"; 6], 0),
        Words::Thaw => (["/gate thaw"; 6], 0),
        Words::Request(..)
        | Words::Approve(..)
        | Words::Deny(_)
        | Words::Resume(_)
        | Words::Rotate(..)
        | Words::Own(_)
        | Words::Link(..)
        | Words::Narrow(..) => ([""; 6], 0),
    };
    list[usize::from(which) % 6]
}

impl Life {
    /// The text, and the thread where it belongs if there is one.
    pub(super) fn text(
        &mut self,
        who: UserId,
        words: &Words,
        thread: ThreadKey,
    ) -> (String, ThreadKey) {
        match words {
            Words::Request(name, scopes, staging) => {
                let line = self.request(*name, *scopes, *staging);
                match scopes / 4 % 4 {
                    3 => (self.pledge(who, &line, thread, *scopes), thread),
                    _ => (line, thread),
                }
            }
            Words::Approve(which, twist) => self.approval(who, *which, twist, thread),
            Words::Deny(which) => match self.named(*which) {
                Some(request) => (format!("/gate deny {}", request.number), thread),
                None => ("/gate deny".to_owned(), thread),
            },
            Words::Resume(which) => {
                self.about(*which, thread, |slug| format!("/gate resume {slug}"))
            }
            Words::Own(which) => self.about(*which, thread, |slug| format!("/gate own {slug}")),
            Words::Link(which, to) => {
                let number = self.alone(*which);
                self.about(*to, thread, |slug| format!("/gate link {number} {slug}"))
            }
            Words::Rotate(which, how) => self.about(*which, thread, |slug| match how % 6 {
                0 | 1 => format!("/gate rotate {slug}"),
                2 => format!("/gate rotate {slug} c1"),
                3 => format!("/gate rotate {slug} c2 recipient={OTHER_RECIPIENT}"),
                4 => format!("/gate rotate {slug} challenge={}", self.fresh()),
                _ => format!(
                    "/gate rotate {slug} c{} challenge={}",
                    how / 40 + 1,
                    self.fresh()
                ),
            }),
            Words::Narrow(which, how) => self.about(*which, thread, |slug| match how % 4 {
                0 => format!("/gate narrow {slug} scopes=board:read"),
                1 => format!("/gate narrow {slug} ttl=1h"),
                2 => format!("/gate narrow {slug} scopes=card:write ttl=10m odd"),
                _ => format!("/gate narrow {slug} resources=inbox"),
            }),
            Words::Withdraw
            | Words::Revoke(_)
            | Words::Pause(_)
            | Words::Release(_)
            | Words::Freeze
            | Words::Thaw
            | Words::Other(_) => (fixed(words).to_owned(), thread),
        }
    }

    /// A challenge that no request named yet.
    fn fresh(&self) -> String {
        challenge(self.story.forge.last_id)
    }

    fn request(&self, name: u8, scopes: u8, staging: bool) -> String {
        let line = request_line(
            ["codex-*", "one", "two", "codex-*"][usize::from(name) % 4],
            [
                "board:read",
                "board:read,card:write",
                "board:read,deploy:run",
                "card:write",
            ][usize::from(scopes) % 4],
            if staging { "staging" } else { "dev" },
        );
        let claimed = format!("challenge={}", self.fresh());
        match name / 4 % 3 {
            0 => line.replace(&format!("recipient={RECIPIENT}"), &claimed),
            _ => line,
        }
    }

    /// The same in a block, with its author's signature over where the token goes, or with another's.
    fn pledge(&mut self, who: UserId, line: &str, thread: ThreadKey, how: u8) -> String {
        let mut block = String::new();
        for word in line.split(' ').skip(2) {
            let (name, value) = word.split_once('=').unwrap();
            let to = match name {
                "recipient" => Some(Delivery::Recipient(value.to_owned())),
                "challenge" => Some(Delivery::Challenge(value.to_owned())),
                _ => None,
            };
            if let Some(to) = to {
                let text = requested(&self.story.policy.forge, thread.repository, &to);
                let by = UserId(who.0 + i64::from((how / 16).is_multiple_of(4)));
                let armor = key(by).armor(REQUEST, text.as_bytes());
                let _ = write!(block, "signature = \"\"\"\n{armor}\"\"\"\n");
                if by == who {
                    self.pledged.insert((who, value.to_owned()));
                }
            }
            let _ = writeln!(block, "{name} = {value:?}");
        }
        format!("/gate request\n\n```toml\n{block}```")
    }

    /// A request: mostly an open one.
    pub(super) fn named(&self, which: u8) -> Option<Request> {
        let all: Vec<Request> = self.all(Table::Request);
        let now = self.story.now;
        let open: Vec<&Request> = all.iter().filter(|one| one.is_open(now)).collect();
        match open.get(usize::from(which) % open.len().max(1)) {
            Some(request) if which < 200 => Some((*request).clone()),
            Some(_) | None => all.get(usize::from(which) % all.len().max(1)).cloned(),
        }
    }

    fn approval(
        &mut self,
        who: UserId,
        which: u8,
        twist: &Twist,
        thread: ThreadKey,
    ) -> (String, ThreadKey) {
        let Some(request) = self.named(which) else {
            return ("/gate approve".to_owned(), thread);
        };
        let line = self.twisted(&request, twist);
        let line = self.fitted(&request, who, &line, twist, false);
        (line, request.thread)
    }

    /// The line that approves a request, with something odd about it.
    pub(super) fn twisted(&self, request: &Request, twist: &Twist) -> String {
        let line = crate::gate::reply::approve_line(request);
        match twist {
            Twist::Plain
            | Twist::Bare
            | Twist::Foreign
            | Twist::Stale
            | Twist::Unvouched
            | Twist::ByConfig
            | Twist::ByRequest
            | Twist::Copied => line,
            Twist::Narrower => line.replace(",card:write", ""),
            Twist::Shorter => line.replace("ttl=8h", "ttl=10m"),
            Twist::WrongCode => line.replace(&request.code().to_string(), "7Q4K-9MZT-0XHV"),
            Twist::Wider => line.replace("board:read", "board:read,deploy:run"),
            Twist::Quoted => format!("> {line}"),
            Twist::NotAlone => format!("{line}\n\nthank you"),
        }
    }

    /// A secret from before that no identity has: mostly a living one.
    fn alone(&self, which: u8) -> CredentialNumber {
        let all: Vec<Credential> = self.all(Table::Credential);
        let alone = all.iter().filter(|one| one.alone.is_some());
        let living = alone.filter(|one| which > 200 || one.is_living(self.story.now));
        let numbers: Vec<CredentialNumber> = living.map(|one| one.number).collect();
        pick(&numbers, which).unwrap_or(CredentialNumber(1))
    }

    /// Words about an identity, in its thread.
    fn about(
        &self,
        which: u8,
        thread: ThreadKey,
        words: impl Fn(&str) -> String,
    ) -> (String, ThreadKey) {
        let all: Vec<Identity> = self.all(Table::Identity);
        let places: Vec<usize> = (0..all.len()).collect();
        match pick(&places, which) {
            Some(place) => (words(all[place].slug.as_str()), all[place].thread),
            None => (words("one"), thread),
        }
    }
}
