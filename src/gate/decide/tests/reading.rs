//! What a story can be asked: records, replies, and shorthands for the usual course of things.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::super::*;
use super::*;
use crate::gate::audit::Entry;
use crate::gate::audit::index::{Place, Way};
use crate::gate::credential::{Check, Credential, CredentialStatus};
use crate::gate::evidence::{History, HistoryOf};
use crate::gate::identity::Identity;
use crate::gate::ids::{
    CredentialNumber, IdentityNumber, RepositoryId, RequestNumber, Slug, ThreadKey, UserId,
};
use crate::gate::key::{Part, Subject, Table};
use crate::gate::reply;
use crate::gate::request::{Request, RequestStatus};
use crate::gate::thread::{
    BoardState, OpenRequests, RecipientState, Seen, SlugOwner, Standstill, Thread,
};
use crate::gate::world::{Record, decode};

impl Story {
    fn all<T: Record>(&self, table: Table) -> Vec<T> {
        self.records
            .iter()
            .filter(|(key, _)| key.table == table)
            .map(|(_, value)| decode(value).expect("it can be read"))
            .collect()
    }

    /// Lists and derived rows say what the records say.
    pub(super) fn consistent(&self) {
        let mut lists: BTreeMap<Key, BTreeSet<RequestNumber>> = BTreeMap::new();
        for request in self.all::<Request>(Table::Request) {
            let (board, number) = (request.thread.repository, request.number);
            let asker = request.asker().expect("people ask");
            let wanted = &request.effect;
            let naming = wanted.identity.iter().map(|slug| Key::naming(board, slug));
            let sealed = wanted.recipient.iter().map(|to| Key::recipient(to));
            let always = [
                Key::thread(request.thread),
                Key::board(board),
                Key::requester(board, asker),
            ];
            for key in always.into_iter().chain(naming).chain(sealed) {
                let listed = self.listed(&key).contains(&number);
                assert!(
                    listed || !request.is_open(self.now),
                    "{number} is not in {key:?}"
                );
                assert!(
                    !listed || request.status == RequestStatus::Open,
                    "{number} in {key:?}"
                );
                if listed {
                    lists.entry(key).or_default().insert(number);
                }
            }
        }
        for (key, value) in &self.records {
            let short = matches!(key.table, Table::Requester | Table::Naming);
            let listed = self.listed(key);
            assert!(
                !short || !listed.is_empty(),
                "{key:?} is an empty list: {value}"
            );
            assert_eq!(lists.remove(key).unwrap_or_default(), listed, "{key:?}");
        }
        self.identities_are_consistent();
    }

    /// The requests that a list names.
    fn listed(&self, key: &Key) -> BTreeSet<RequestNumber> {
        match key.table {
            Table::Thread => {
                let thread: Option<Thread> = self.record(key);
                thread.unwrap_or_default().requests.into_iter().collect()
            }
            Table::Board => self.record::<BoardState>(key).unwrap_or_default().requests,
            Table::Recipient => {
                self.record::<RecipientState>(key)
                    .unwrap_or_default()
                    .requests
            }
            Table::Requester | Table::Naming => {
                self.record::<OpenRequests>(key)
                    .unwrap_or_default()
                    .requests
            }
            _ => BTreeSet::new(),
        }
    }

    fn identities_are_consistent(&self) {
        let mut counts: BTreeMap<(RepositoryId, String), u64> = BTreeMap::new();
        for identity in self.all::<Identity>(Table::Identity) {
            // The word of an identity that does not end by time.
            let word = identity.word(Timestamp::MIN).to_owned();
            *counts.entry((identity.board(), word)).or_default() += 1;
            let thread: Thread = self
                .record(&Key::thread(identity.thread))
                .expect("it lives there");
            let listed = thread.identities.contains(&identity.number);
            assert_eq!(listed, identity.is_living(), "{}", identity.slug);
            for number in &identity.credentials {
                let credential = self.credential(number.0);
                let check: Check = self.record(&Key::check(&credential.mac)).expect("a row");
                assert_eq!(check, credential.check(&identity), "{number}");
                let over = matches!(credential.status, CredentialStatus::Revoked(_));
                assert!(over || identity.is_living(), "{number}");
            }
        }
        for (key, _) in self
            .records
            .iter()
            .filter(|(key, _)| key.table == Table::Board)
        {
            let Some(Part::Number(repository)) = key.parts.first() else {
                panic!("{key:?}");
            };
            let state: BoardState = self.record(key).expect("a board");
            for (word, count) in state.identities {
                let found = counts.remove(&(RepositoryId(*repository), word));
                assert_eq!(found.unwrap_or_default(), count);
            }
        }
        assert!(counts.is_empty(), "{counts:?}");
        self.imports_are_consistent();
    }

    fn imports_are_consistent(&self) {
        let mut listed: BTreeSet<CredentialNumber> = BTreeSet::new();
        for state in self.all::<BoardState>(Table::Board) {
            listed.extend(state.alone);
        }
        for credential in self.all::<Credential>(Table::Credential) {
            let number = credential.number;
            assert_eq!(credential.identity.is_none(), credential.alone.is_some());
            if let Some(check) = credential.check_alone() {
                let row: Check = self.record(&Key::check(&credential.mac)).expect("a row");
                assert_eq!(row, check, "{number}");
            }
            let living = credential.alone.is_some() && credential.is_living(self.now);
            assert!(
                !living || listed.contains(&number),
                "{number} is not listed"
            );
            let over = matches!(credential.status, CredentialStatus::Revoked(_));
            let may = credential.alone.is_some() && !over;
            assert!(may || !listed.contains(&number), "{number} is listed");
        }
        for key in self.records.keys().filter(|key| key.table == Table::Legacy) {
            let Some(Part::Number(number)) = key.parts.first() else {
                panic!("{key:?}");
            };
            let number = u64::try_from(*number).expect("counted from one");
            assert_eq!(self.request(number).status, RequestStatus::Open, "{key:?}");
        }
    }

    /// A record.
    pub(super) fn record<T: Record>(&self, key: &Key) -> Option<T> {
        self.records
            .get(key)
            .map(|value| decode(value).expect("it can be read"))
    }

    /// A request by its number.
    pub(super) fn request(&self, number: u64) -> Request {
        self.record(&Key::request(RequestNumber(number)))
            .expect("a request")
    }

    /// How a request stands.
    pub(super) fn word(&self, number: u64) -> &'static str {
        self.request(number).word(self.now)
    }

    /// The line that approves a request as it was asked.
    pub(super) fn approve_line(&self, number: u64) -> String {
        reply::approve_line(&self.request(number))
    }

    /// A credential by its number.
    pub(super) fn credential(&self, number: u64) -> Credential {
        self.record(&Key::credential(CredentialNumber(number)))
            .expect("a credential")
    }

    /// How many credentials there ever were.
    pub(super) fn credentials(&self) -> usize {
        self.records
            .keys()
            .filter(|key| key.table == Table::Credential)
            .count()
    }

    /// An identity by its slug.
    pub(super) fn identity(&self, slug: &str) -> Option<Identity> {
        let slug = Slug::parse(slug)?;
        let owner: SlugOwner = self.record(&Key::slug(&slug))?;
        self.record(&Key::identity(IdentityNumber(owner.identity.0)))
    }

    /// What a credential may do now.
    pub(super) fn live(&self, number: u64) -> Option<BTreeSet<String>> {
        let credential = self.credential(number);
        let check: crate::gate::credential::Check = self.record(&Key::check(&credential.mac))?;
        let standstill: Option<Standstill> = self.record(&Key::standstill(check.board));
        let live = check.live(&self.policy, self.now);
        live.filter(|_| standstill.is_none())
            .map(|live| live.scopes)
    }

    /// What was first seen of a comment of `kan`.
    pub(super) fn seen(&self, id: i64) -> Option<Seen> {
        self.record(&Key::seen(KAN, Subject::Comment(id)))
    }

    /// What the bot said in a thread, without what only programs read.
    pub(super) fn replies(&self, thread: ThreadKey) -> Vec<String> {
        self.forge
            .comments
            .values()
            .filter(|comment| comment.author == BOT && comment.thread == thread && comment.marked)
            .map(|comment| {
                comment
                    .text
                    .split("\n\n<!--")
                    .next()
                    .unwrap_or("")
                    .to_owned()
            })
            .collect()
    }

    /// The last of it.
    pub(super) fn last_reply(&self, thread: ThreadKey) -> String {
        self.replies(thread).pop().unwrap_or_default()
    }

    /// The code in the last refusal in a thread.
    pub(super) fn last_code(&self, thread: ThreadKey) -> String {
        let text = self
            .forge
            .comments
            .values()
            .rfind(|comment| comment.author == BOT && comment.thread == thread)
            .map(|comment| comment.text.clone())
            .unwrap_or_default();
        let json = text
            .split("<!-- ownergate.v1 ")
            .nth(1)
            .and_then(|rest| rest.split(" -->").next())
            .and_then(|json| serde_json::from_str::<Value>(json).ok())
            .unwrap_or_default();
        json["code"].as_str().unwrap_or("").to_owned()
    }

    /// A part of an identity's history, as the store finds it.
    pub(super) fn history(&self, of: &HistoryOf) -> History {
        let way = match of.credential {
            Some(number) => Way::Credential(number),
            None => Way::Identity(of.identity),
        };
        let (table, prefix) = way.prefix();
        let mut entries: Vec<(Timestamp, Entry)> = self
            .records
            .keys()
            .filter(|key| key.table == table && key.parts.starts_with(&prefix))
            .filter_map(Place::of_key)
            .filter(|place| of.since.is_none_or(|since| place.time() >= since))
            .map(|place| {
                let entry = &self.records[&Way::Time.key(place)];
                let entry = serde_json::from_value(entry.clone()).expect("an entry");
                (place.time(), entry)
            })
            .collect();
        let more = entries.len() > of.most;
        entries.truncate(of.most);
        History { entries, more }
    }

    /// The codes of every entry, in order.
    pub(super) fn entries(&self) -> Vec<&str> {
        self.lines
            .iter()
            .flat_map(|line| &line.decision.entries)
            .map(|entry| entry.code.as_str())
            .collect()
    }

    // ---- shorthands ----

    /// Codex asks in a thread for `codex-BOARD-ISSUE` in `dev`.
    pub(super) fn ask(&mut self, thread: ThreadKey) -> u64 {
        self.ask_for(thread, CODEX, "codex-*", "board:read,card:write", "dev")
    }

    /// Somebody asks; the number of the request, which must have been taken.
    pub(super) fn ask_for(
        &mut self,
        thread: ThreadKey,
        who: UserId,
        identity: &str,
        scopes: &str,
        environment: &str,
    ) -> u64 {
        let before = self.requests();
        self.say(thread, who, &request_line(identity, scopes, environment));
        assert_eq!(self.requests(), before + 1, "{}", self.last_reply(thread));
        self.records
            .keys()
            .filter(|key| key.table == Table::Request)
            .filter_map(|key| match key.parts.first() {
                Some(Part::Number(number)) => u64::try_from(*number).ok(),
                Some(Part::Text(_)) | None => None,
            })
            .max()
            .unwrap_or(0)
    }

    /// How many requests there ever were.
    pub(super) fn requests(&self) -> usize {
        self.records
            .keys()
            .filter(|key| key.table == Table::Request)
            .count()
    }

    /// Somebody approves a request as it was asked.
    pub(super) fn approve(&mut self, thread: ThreadKey, who: UserId, number: u64) -> i64 {
        let line = self.approve_line(number);
        self.say(thread, who, &line)
    }

    /// Codex asks, Alice approves: the number of the credential.
    pub(super) fn issue(&mut self, thread: ThreadKey) -> u64 {
        let number = self.ask(thread);
        self.approve(thread, ALICE, number);
        assert_eq!(self.word(number), "approved", "{}", self.last_reply(thread));
        u64::try_from(self.credentials()).expect("a small number")
    }
}
