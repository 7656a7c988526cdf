//! Tells the reference what happened in a history, and compares.
//!
//! Where the core says that it took something away, it is believed; `obeyed` sees to it that it does so.
//! Where it says that something came alive, that is worked out anew: what was asked, who really said
//! yes, and what they let be. The core may then do neither more than that nor less.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Life;
use super::consent::{Asked, Left, Yes};
use super::model::{Held, Model, Scopes};
use crate::gate::audit::Entry;
use crate::gate::credential::Credential;
use crate::gate::identity::Identity;
use crate::gate::ids::{CredentialNumber, IdentityNumber, RequestNumber, Slug, UserId};
use crate::gate::import::Line;
use crate::gate::key::{Key, Table};
use crate::gate::request::{Action, Request};

/// What the reference was told, and what it was told for.
#[derive(Clone, Default)]
pub(super) struct Witness {
    /// Lines that it knows.
    read: usize,
    pub model: Model,
    /// Requests that were decided, one way or the other.
    over: BTreeSet<RequestNumber>,
    /// Those whose token waits for a claim: since when, and what was claimed last.
    claims: BTreeMap<RequestNumber, (Timestamp, Option<CredentialNumber>)>,
    /// When the secrets of each file came.
    files: BTreeMap<RequestNumber, Timestamp>,
    /// Who asked for each identity.
    requesters: BTreeMap<IdentityNumber, UserId>,
    /// The request that each judgement served.
    pub served: BTreeMap<i64, RequestNumber>,
}

fn after(at: Timestamp, seconds: u64) -> Timestamp {
    at + SignedDuration::from_secs(i64::try_from(seconds).unwrap())
}

fn list(value: &serde_json::Value) -> Option<Scopes> {
    serde_json::from_value(value.clone()).unwrap()
}

impl Life {
    /// Tells what happened since, and compares.
    pub(super) fn compare(&mut self) {
        for line in self.witness.read..self.story.lines.len() {
            let at = self.story.lines[line].at;
            for entry in self.story.lines[line].decision.entries.clone() {
                self.learn(&entry, at);
            }
        }
        self.witness.read = self.story.lines.len();
        let (rules, now) = (&self.story.policy, self.story.now);
        for credential in self.all::<Credential>(Table::Credential) {
            let number = credential.number;
            let may = self.witness.model.may(number, rules, now);
            let does = self.story.live(number.0).unwrap_or_default();
            assert_eq!(does, may, "what {number} does, and what it may do");
        }
    }

    fn request_of(&self, entry: &Entry) -> Request {
        let number = entry.request.expect("it names its request");
        self.story.record(&Key::request(number)).unwrap()
    }

    fn learn(&mut self, entry: &Entry, at: Timestamp) {
        let identity = || entry.identity.expect("it names its identity");
        let credential = || entry.credential.expect("it names its credential");
        let model = &mut self.witness.model;
        match entry.code.as_str() {
            "identity_paused" => model.paused(identity(), at),
            "identity_revoked" | "identity_released" => model.over(identity()),
            "credential_revoked" => model.ends(credential(), at),
            "credential_paused" => model.stands(credential()),
            "credential_first_used" => {
                let grace_ends = after(at, self.story.policy.grace);
                model.used(credential(), grace_ends);
            }
            "identity_narrowed" => {
                let facts = entry.facts.as_ref().unwrap();
                let ends = facts["ttl"].as_u64().map(|ttl| after(at, ttl));
                model.narrowed(identity(), list(&facts["scopes"]).as_ref(), ends);
            }
            "board_frozen" => {
                let board = entry.thread.unwrap().repository;
                model.frozen.entry(board).or_insert(at);
            }
            "request_denied" | "request_withdrawn" | "request_void" | "request_void_ordered" => {
                self.witness.over.insert(self.request_of(entry).number);
            }
            "judgement_served" => self.serves(entry),
            _ => self.learn_more(entry, at),
        }
    }

    /// Something came alive.
    fn learn_more(&mut self, entry: &Entry, at: Timestamp) {
        let request = || self.request_of(entry);
        let identity = || entry.identity.expect("it names its identity");
        let credential = || entry.credential.expect("it names its credential");
        match entry.code.as_str() {
            "claim_granted" => {
                let request = request();
                let left = self.opened(&request, None, at);
                self.grows(&request, identity(), &left, at);
                self.witness.claims.insert(request.number, (at, None));
            }
            "credential_issued" => match self.swap(credential()) {
                Some(_) => self.swapped(credential(), at),
                None => self.issued(&request(), credential(), identity(), at),
            },
            "credential_imported" => self.imported(&request(), credential(), at),
            "credential_linked" => {
                let request = request();
                assert_eq!(request.effect.alive[0].credential, credential());
                let left = self.opened(&request, None, at);
                let gate = &request.effect.environment;
                self.witness
                    .model
                    .linked(credential(), identity(), gate, &left);
            }
            "identity_resumed" => {
                let request = request();
                let since = self.witness.model.stands_since(identity());
                let left = self.opened(&request, Some(since.expect("it stood still")), at);
                let alive = request.effect.alive.iter();
                let alive = alive.map(|one| one.credential).collect();
                let times = (at, after(at, self.story.policy.identity_ttl));
                self.witness.model.resumed(identity(), &alive, &left, times);
            }
            "board_thawed" => {
                let board = entry.thread.unwrap().repository;
                let since = self.witness.model.frozen.remove(&board);
                let request = self.request_of(entry);
                self.opened(&request, Some(since.expect("it stood still")), at);
            }
            "owner_changed" => drop(self.opened(&request(), None, at)),
            _ => {}
        }
    }

    /// A judgement serves one request.
    fn serves(&mut self, entry: &Entry) {
        let served = entry.facts.as_ref().unwrap()["comment"].as_i64().unwrap();
        let before = self.witness.served.insert(served, entry.request.unwrap());
        assert!(
            before.is_none() || before == entry.request,
            "it served another"
        );
    }

    /// The gate of an open request opened, once.
    fn opened(&mut self, request: &Request, since: Option<Timestamp>, at: Timestamp) -> Left {
        let number = request.number;
        assert!(self.witness.over.insert(number), "{number} was decided");
        let ends = after(request.asked_at, self.story.policy.request_ttl);
        assert!(at < ends, "{number} was over");
        self.left(request, since)
    }

    /// What owners let be, who brought what the gate demands.
    fn left(&self, request: &Request, since: Option<Timestamp>) -> Left {
        assert_eq!(self.lost, None, "{} widens after a loss", request.number);
        let frozen = &self.witness.model.frozen;
        let frozen = frozen.contains_key(&request.thread.repository);
        assert!(!frozen, "{} opens where all stands still", request.number);
        self.let_through(request);
        let left = self.asked(request, since).left(&self.story.policy);
        left.unwrap_or_else(|| panic!("nobody let {} be", request.number))
    }

    fn asked(&self, request: &Request, since: Option<Timestamp>) -> Asked {
        let standing = request.approvals.iter().filter(|yes| self.stands(yes));
        let yes = standing.map(|yes| {
            let known = &self.counted[&(request.number, yes.approver, yes.comment)];
            let comment = yes.comment.map(|id| &self.story.forge.comments[&id.0]);
            Yes {
                owner: yes.approver,
                scopes: known.restated.scopes.clone(),
                ttl: known.restated.ttl,
                said_at: comment.map_or(yes.counted_at, |comment| comment.created),
            }
        });
        let lines = self.files.get(&request.number).into_iter().flatten();
        let named = lines.filter_map(|line| line.identity.as_ref());
        let about = request.effect.identity.iter().chain(named);
        let about = about.filter_map(|slug| self.story.identity(slug.as_str()));
        let about = about.filter(Identity::is_living);
        let requesters = about.filter_map(|one| self.witness.requesters.get(&one.number));
        Asked {
            action: request.action,
            board: request.thread.repository,
            environment: request.effect.environment.clone(),
            asker: request.asker().expect("somebody asked"),
            requesters: requesters.copied().collect(),
            owner: request.effect.owner,
            scopes: request.effect.scopes.clone(),
            ttl: request.effect.ttl,
            since,
            yes: yes.collect(),
        }
    }

    /// An identity gets what was asked for; a successor adds nothing to it.
    fn grows(&mut self, request: &Request, identity: IdentityNumber, left: &Left, at: Timestamp) {
        let more = match request.action {
            Action::Issue => left.scopes.clone(),
            _ => Scopes::new(),
        };
        let ends = after(at, self.story.policy.identity_ttl);
        self.witness.model.grows(identity, &more, ends);
        let asker = request.asker().expect("somebody asked");
        let requesters = &mut self.witness.requesters;
        requesters.entry(identity).or_insert(asker);
    }

    /// A token was sealed, or claimed once more.
    fn issued(
        &mut self,
        request: &Request,
        number: CredentialNumber,
        identity: IdentityNumber,
        at: Timestamp,
    ) {
        let predecessor = request.effect.predecessor;
        let claim = self.witness.claims.get(&request.number).copied();
        let (left, from, before) = match claim {
            Some((from, before)) => {
                let claimed = (from, Some(number));
                self.witness.claims.insert(request.number, claimed);
                (self.left(request, None), from, before)
            }
            None => {
                assert_eq!(request.effect.challenge, None, "nobody granted it");
                let left = self.opened(request, None, at);
                self.grows(request, identity, &left, at);
                (left, at, None)
            }
        };
        let gone = before.map(|one| self.witness.model.may(one, &self.story.policy, at));
        assert_eq!(gone.unwrap_or_default(), Scopes::new(), "two for one claim");
        let held = self.held(request, left, from);
        let held = Held {
            identity: Some(identity),
            unused: Some(after(at, self.story.policy.activation)),
            predecessor,
            ..held
        };
        let instead_of = predecessor.into_iter().chain(before);
        self.witness.model.comes(number, held, instead_of);
    }

    fn held(&self, request: &Request, left: Left, from: Timestamp) -> Held {
        Held {
            identity: None,
            board: request.thread.repository,
            environment: request.effect.environment.clone(),
            owners: left.owners,
            scopes: left.scopes,
            from,
            ends: after(from, left.ttl),
            unused: None,
            predecessor: None,
            over: None,
            stands: false,
        }
    }

    /// A holder's own successor may do what its predecessor does at that moment.
    fn swapped(&mut self, number: CredentialNumber, at: Timestamp) {
        assert_eq!(self.lost, None, "{number} widens after a loss");
        let old = self.story.credential(number.0).predecessor.unwrap();
        let model = &mut self.witness.model;
        let may = model.may(old, &self.story.policy, at);
        assert_ne!(may, Scopes::new(), "{old} does nothing");
        let heir = Held {
            scopes: may,
            unused: Some(after(at, self.story.policy.activation)),
            predecessor: Some(old),
            over: None,
            ..model.held(old).clone()
        };
        model.comes(number, heir, [old]);
    }

    /// A secret from before works: as its line says, and no more than was let be. All of a file come at
    /// once.
    fn imported(&mut self, request: &Request, number: CredentialNumber, at: Timestamp) {
        let begun = self.witness.files.insert(request.number, at);
        let left = match begun {
            Some(begun) if begun == at => self.left(request, None),
            Some(_) | None => self.opened(request, None, at),
        };
        let mac = self.story.credential(number.0).mac;
        let mut lines = self.files[&request.number].iter();
        let line: &Line = lines
            .find(|line| line.macs[0] == mac)
            .expect("it was handed in");
        let identity = line.identity.as_ref().map(Slug::as_str);
        let identity = identity.map(|slug| self.story.identity(slug).unwrap());
        let held = self.held(request, left, at);
        let own = identity.as_ref().map(|one| one.environment.clone());
        let held = Held {
            environment: own.unwrap_or_else(|| held.environment.clone()),
            identity: identity.map(|one| one.number),
            scopes: &held.scopes & &line.scopes,
            ends: line.expires_at.map_or(held.ends, |own| own.min(held.ends)),
            ..held
        };
        self.witness.model.comes(number, held, None);
    }
}
