//! Who may hold what now: a plain model beside the core, compared with it after every step.
//!
//! It knows the people's words on the forge in memory and believes the core only where the core says
//! that it took something away. What came alive it works out anew: of which request it is, who really
//! wrote that it may be, since when they knew what stood still, and what they left of it. Nothing may
//! ever do more than that; less is right.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Life;
use crate::gate::audit::Entry;
use crate::gate::command::{self, Command, Reading};
use crate::gate::credential::Credential;
use crate::gate::identity::Identity;
use crate::gate::ids::{CredentialNumber, IdentityNumber, RepositoryId, RequestNumber, Slug};
use crate::gate::key::{Key, Table};
use crate::gate::request::{Action, Request};
use crate::gate::thread::Standstill;

/// The most that a credential may do, and until when.
#[derive(Clone)]
struct Most {
    identity: IdentityNumber,
    board: RepositoryId,
    request: RequestNumber,
    predecessor: Option<CredentialNumber>,
    scopes: BTreeSet<String>,
    granted_at: Timestamp,
    ends: Timestamp,
    /// The end of its grace, or when it was ended.
    over: Option<Timestamp>,
}

impl Most {
    fn end(&mut self, at: Timestamp) {
        self.over = Some(self.over.map_or(at, |before| before.min(at)));
    }
}

/// What the model remembers.
#[derive(Default)]
pub(super) struct Model {
    read: usize,
    most: BTreeMap<CredentialNumber, Most>,
    /// When each request that waits for its claim was granted.
    granted: BTreeMap<RequestNumber, Timestamp>,
    stopped: BTreeMap<IdentityNumber, Timestamp>,
    ended: BTreeSet<IdentityNumber>,
    frozen: BTreeMap<RepositoryId, Timestamp>,
}

fn seconds(count: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(count).unwrap())
}

impl Model {
    fn of(&mut self, identity: IdentityNumber) -> impl Iterator<Item = &mut Most> {
        let all = self.most.values_mut();
        all.filter(move |most| most.identity == identity)
    }

    fn end(&mut self, credential: CredentialNumber, at: Timestamp) {
        let most = self.most.get_mut(&credential);
        most.expect("it was issued").end(at);
    }

    /// What may be held of this credential at that time.
    fn allows(&self, number: CredentialNumber, now: Timestamp) -> Option<&BTreeSet<String>> {
        let most = self.most.get(&number)?;
        let stands = self.stopped.contains_key(&most.identity)
            || self.ended.contains(&most.identity)
            || self.frozen.contains_key(&most.board);
        let over = now >= most.ends || most.over.is_some_and(|over| now >= over);
        (!stands && !over).then_some(&most.scopes)
    }
}

impl Life {
    /// Reads what happened since, and compares.
    pub(super) fn compare(&mut self) {
        for line in self.model.read..self.story.lines.len() {
            let at = self.story.lines[line].at;
            for entry in self.story.lines[line].decision.entries.clone() {
                self.learn(&entry, at);
            }
        }
        self.model.read = self.story.lines.len();
        let now = self.story.now;
        for credential in self.all::<Credential>(Table::Credential) {
            let number = credential.number;
            if let Some(live) = self.story.live(number.0) {
                let allowed = self.model.allows(number, now);
                let allowed = allowed.unwrap_or_else(|| panic!("{number} lives and may not"));
                assert!(live.is_subset(allowed), "{number}: {live:?} > {allowed:?}");
            }
        }
    }

    /// A holder's own successor may do what its predecessor may, which must be something.
    fn swapped(&mut self, number: CredentialNumber, at: Timestamp) {
        let old = self.story.credential(number.0).predecessor.unwrap();
        assert!(
            self.model.allows(old, at).is_some(),
            "{old} has a successor"
        );
        let heir = Most {
            predecessor: Some(old),
            over: None,
            ..self.model.most[&old].clone()
        };
        self.model.most.insert(number, heir);
    }

    fn learn(&mut self, entry: &Entry, at: Timestamp) {
        let request = || -> Request {
            let number = entry.request.expect("it names its request");
            self.story.record(&Key::request(number)).unwrap()
        };
        let identity = entry.identity;
        match entry.code.as_str() {
            "identity_paused" => {
                self.model.stopped.entry(identity.unwrap()).or_insert(at);
            }
            "identity_revoked" | "identity_released" => {
                self.model.ended.insert(identity.unwrap());
            }
            "credential_revoked" => self.model.end(entry.credential.unwrap(), at),
            "board_frozen" => {
                let board = entry.thread.unwrap().repository;
                self.model.frozen.entry(board).or_insert(at);
            }
            "identity_narrowed" => self.narrowed(entry, at),
            "credential_first_used" => self.first_used(entry.credential.unwrap(), at),
            "claim_granted" => {
                self.agreed(&request(), None);
                self.model.granted.insert(entry.request.unwrap(), at);
            }
            "credential_issued" => {
                let number = entry.credential.unwrap();
                match self.swap(number) {
                    Some(_) => self.swapped(number, at),
                    None => self.issued(&request(), number, at),
                }
            }
            "identity_resumed" => self.resumed(&request(), identity.unwrap(), at),
            "board_thawed" => {
                let board = entry.thread.unwrap().repository;
                let since = self.model.frozen.remove(&board);
                assert_eq!(request().action, Action::Thaw);
                self.agreed(&request(), Some(since.expect("it stood still")));
            }
            "owner_changed" => {
                assert_eq!(request().action, Action::Own);
                self.agreed(&request(), None);
            }
            _ => {}
        }
    }

    /// Enough owners who do not benefit really wrote that it may be, and each after that moment. What
    /// all of them leave of it: scopes and seconds.
    fn agreed(&self, request: &Request, since: Option<Timestamp>) -> (BTreeSet<String>, u64) {
        let board = self.story.policy.board(request.thread.repository).unwrap();
        let identity = request.effect.identity.as_ref();
        let identity = identity.and_then(|slug| self.story.identity(slug.as_str()));
        let requester = identity.map(|identity| identity.requester);
        let (mut owners, mut scopes) = (BTreeSet::new(), request.effect.scopes.clone());
        let mut ttl = request.effect.ttl.unwrap_or(0);
        for yes in &request.approvals {
            let who = yes.approver;
            let restated = &self.counted[&(request.number, who, yes.comment)];
            let written = match yes.comment {
                Some(comment) => self.story.forge.comments[&comment.0].created,
                None => yes.counted_at,
            };
            let benefits = match request.action {
                Action::Issue | Action::Rotate => {
                    request.asker() == Some(who) || requester == Some(who)
                }
                Action::Link | Action::Resume => requester == Some(who),
                Action::Import => unreachable!("nothing is imported here"),
                Action::Own => request.asker() == Some(who) || request.effect.owner == Some(who),
                Action::Thaw => false,
            };
            let may = board.owner(who).is_some_and(|owner| owner.may_approve)
                && !board.machine_accounts.contains(&who);
            if self.stands(yes) && may && !benefits && since.is_none_or(|since| written >= since) {
                owners.insert(who);
                scopes.retain(|scope| restated.scopes.contains(scope));
                ttl = ttl.min(restated.ttl.unwrap_or(ttl));
            }
        }
        let gates = board.gates.iter();
        let needed = gates
            .filter(|(name, _)| {
                request.action == Action::Thaw || **name == request.effect.environment
            })
            .map(|(_, gate)| gate.quorum)
            .max();
        let enough = owners.len() >= usize::try_from(needed.unwrap()).unwrap();
        assert!(enough, "{} has only {owners:?}", request.number);
        (scopes, ttl)
    }

    fn issued(&mut self, request: &Request, number: CredentialNumber, at: Timestamp) {
        let (mut scopes, ttl) = self.agreed(request, None);
        let credential: Credential = self.story.record(&Key::credential(number)).unwrap();
        let granted_at = match &request.effect.challenge {
            Some(_) => self.model.granted[&request.number],
            None => at,
        };
        let mut ends = granted_at + seconds(ttl);
        for before in self.model.most.values() {
            if before.request == request.number {
                assert!(
                    request.effect.challenge.is_some(),
                    "granted once, made twice"
                );
                assert!(before.over.is_some(), "the one before has ended");
                scopes.retain(|scope| before.scopes.contains(scope));
                ends = ends.min(before.ends);
            }
        }
        if request.action == Action::Rotate {
            let old = &self.model.most[&request.effect.predecessor.unwrap()];
            scopes.retain(|scope| old.scopes.contains(scope));
            ends = ends.min(granted_at + old.ends.duration_since(old.granted_at));
        }
        let most = Most {
            identity: credential.identity.unwrap(),
            board: request.thread.repository,
            request: request.number,
            predecessor: request.effect.predecessor,
            scopes,
            granted_at,
            ends,
            over: None,
        };
        self.model.most.insert(number, most);
    }

    fn first_used(&mut self, number: CredentialNumber, at: Timestamp) {
        if let Some(old) = self.model.most[&number].predecessor {
            let grace = at + seconds(self.story.policy.grace);
            self.model.end(old, grace);
        }
    }

    fn narrowed(&mut self, entry: &Entry, at: Timestamp) {
        let facts = entry.facts.as_ref().unwrap();
        let scopes = facts["scopes"].as_array();
        for most in self.model.of(entry.identity.unwrap()) {
            if let Some(scopes) = scopes {
                most.scopes
                    .retain(|scope| scopes.iter().any(|left| left == scope));
            }
            if let Some(ttl) = facts["ttl"].as_u64() {
                most.ends = most.ends.min(at + seconds(ttl));
            }
        }
    }

    /// Only what the digest named works again, and with no more than everybody restated.
    fn resumed(&mut self, request: &Request, identity: IdentityNumber, at: Timestamp) {
        assert_eq!(request.action, Action::Resume);
        let since = self.model.stopped.remove(&identity);
        let (scopes, _) = self.agreed(request, Some(since.expect("it stood still")));
        for (number, most) in &mut self.model.most {
            let mut named = request.effect.alive.iter();
            match named.find(|alive| alive.credential == *number) {
                Some(alive) => {
                    let left =
                        |scope: &String| scopes.contains(scope) && alive.scopes.contains(scope);
                    most.scopes.retain(left);
                }
                None if most.identity == identity => most.end(at),
                None => {}
            }
        }
    }

    /// What an owner stops by name stands still once that was read, whatever else is going on, unless
    /// it was let go on since.
    pub(super) fn obeyed(&self, id: i64, lines: usize) {
        let comment = &self.story.forge.comments[&id];
        let board = self.story.policy.board(comment.thread.repository).unwrap();
        let goes_on = self.story.lines[lines..]
            .iter()
            .flat_map(|line| &line.decision.entries)
            .any(|entry| ["identity_resumed", "board_thawed"].contains(&entry.code.as_str()));
        if goes_on || board.owner(comment.author).is_none() {
            return;
        }
        let (whole, words) = match command::read(&comment.text) {
            Reading::Command(Command::Freeze(_)) => {
                let key = Key::standstill(board.repository_id);
                assert!(self.story.record::<Standstill>(&key).is_some());
                return;
            }
            Reading::Command(Command::Pause(words)) => (true, words),
            Reading::Command(Command::Revoke(words)) => (false, words),
            Reading::Command(_) | Reading::Nothing | Reading::Fault(_) => return,
        };
        let named = words.first().and_then(Slug::parse);
        let named = named.and_then(|slug| self.story.identity(slug.as_str()));
        let Some(identity) = named.filter(|one: &Identity| one.board() == board.repository_id)
        else {
            return;
        };
        let rest = words.after(1);
        let one = rest.first().and_then(CredentialNumber::parse);
        let one = one.filter(|one| !whole && identity.credentials.contains(one));
        for number in &identity.credentials {
            if one.is_none_or(|one| one == *number) {
                assert_eq!(self.story.live(number.0), None, "{}", comment.text);
            }
        }
    }
}
