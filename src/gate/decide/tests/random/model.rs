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
use crate::gate::ids::{
    CredentialNumber, IdentityNumber, RepositoryId, RequestNumber, Slug, UserId,
};
use crate::gate::key::{Key, Table};
use crate::gate::policy::{Factor, Gate, STRICTEST};
use crate::gate::request::{Action, Request};
use crate::gate::thread::Standstill;

/// The most that a credential may do, and until when.
#[derive(Clone)]
struct Most {
    /// `None`: a secret from before that no identity has.
    identity: Option<IdentityNumber>,
    board: RepositoryId,
    request: RequestNumber,
    predecessor: Option<CredentialNumber>,
    scopes: BTreeSet<String>,
    granted_at: Timestamp,
    ends: Timestamp,
    /// The end of its grace, or when it was ended.
    over: Option<Timestamp>,
    /// It stands still by itself.
    stands: bool,
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
    /// What each identity may do.
    limits: BTreeMap<IdentityNumber, BTreeSet<String>>,
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
        all.filter(move |most| most.identity == Some(identity))
    }

    fn end(&mut self, credential: CredentialNumber, at: Timestamp) {
        let most = self.most.get_mut(&credential);
        most.expect("it was issued").end(at);
    }

    /// What may be held of this credential at that time.
    fn allows(&self, number: CredentialNumber, now: Timestamp) -> Option<BTreeSet<String>> {
        let most = self.most.get(&number)?;
        let over = now >= most.ends || most.over.is_some_and(|over| now >= over);
        if over || most.stands || self.frozen.contains_key(&most.board) {
            return None;
        }
        let mut scopes = most.scopes.clone();
        if let Some(identity) = most.identity {
            if self.stopped.contains_key(&identity) || self.ended.contains(&identity) {
                return None;
            }
            scopes.retain(|scope| self.limits[&identity].contains(scope));
        }
        Some(scopes)
    }

    fn pause(&mut self, credential: CredentialNumber) {
        let most = self.most.get_mut(&credential);
        most.expect("it was imported").stands = true;
    }

    fn grow(&mut self, identity: IdentityNumber, scopes: &BTreeSet<String>) {
        let limit = self.limits.entry(identity).or_default();
        limit.extend(scopes.iter().cloned());
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
                assert!(live.is_subset(&allowed), "{number}: {live:?} > {allowed:?}");
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
            "credential_paused" => self.model.pause(entry.credential.unwrap()),
            "credential_imported" => self.imported(&request(), entry.credential.unwrap(), at),
            "credential_linked" => {
                self.linked(&request(), entry.credential.unwrap(), identity.unwrap());
            }
            "judgement_served" => self.serves(entry),
            "board_frozen" => {
                let board = entry.thread.unwrap().repository;
                self.model.frozen.entry(board).or_insert(at);
            }
            "identity_narrowed" => self.narrowed(entry, at),
            "credential_first_used" => self.first_used(entry.credential.unwrap(), at),
            "claim_granted" => {
                let request = request();
                let (scopes, _) = self.agreed(&request, None);
                self.model.granted.insert(entry.request.unwrap(), at);
                if request.action == Action::Issue {
                    self.model.grow(identity.unwrap(), &scopes);
                }
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

    /// A judgement serves one request.
    fn serves(&mut self, entry: &Entry) {
        let served = entry.facts.as_ref().unwrap()["comment"].as_i64().unwrap();
        let before = self.served.insert(served, entry.request.unwrap());
        assert!(
            before.is_none() || before == entry.request,
            "it served another"
        );
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
        let (gate, mut vouched) = (self.gate(request), false);
        for yes in &request.approvals {
            let who = yes.approver;
            let counted = &self.counted[&(request.number, who, yes.comment)];
            let restated = &counted.restated;
            assert_eq!(
                Some(&counted.gate),
                gate.as_ref(),
                "given under other rules"
            );
            let written = match yes.comment {
                Some(comment) => self.story.forge.comments[&comment.0].created,
                None => yes.counted_at,
            };
            let benefits = match request.action {
                Action::Issue | Action::Rotate => {
                    request.asker() == Some(who) || requester == Some(who)
                }
                Action::Link | Action::Resume => requester == Some(who),
                Action::Import => request.asker() == Some(who) || self.gets_some(request, who),
                Action::Own => request.asker() == Some(who) || request.effect.owner == Some(who),
                Action::Thaw => false,
            };
            let may = board.owner(who).is_some_and(|owner| owner.may_approve)
                && !board.machine_accounts.contains(&who);
            if self.stands(yes) && may && !benefits && since.is_none_or(|since| written >= since) {
                owners.insert(who);
                scopes.retain(|scope| restated.scopes.contains(scope));
                ttl = ttl.min(restated.ttl.unwrap_or(ttl));
                vouched |= counted.vouched;
            }
        }
        let gates = board.gates.iter();
        let all = request.effect.environment == STRICTEST;
        let needed = gates
            .filter(|(name, _)| all || **name == request.effect.environment)
            .map(|(_, gate)| gate.quorum)
            .max();
        let enough = owners.len() >= usize::try_from(needed.unwrap()).unwrap();
        assert!(enough, "{} has only {owners:?}", request.number);
        self.let_through(request, &gate.unwrap(), vouched);
        (scopes, ttl)
    }

    /// Somebody vouches where that is demanded, and no judge is against it.
    fn let_through(&self, request: &Request, gate: &Gate, vouched: bool) {
        let signed = gate.factors.contains(&Factor::Signature);
        assert!(
            vouched || !signed || !request.action.delivers(),
            "nobody vouches"
        );
        if gate.judge_required {
            let mut served = self.served.iter().filter(|(_, of)| **of == request.number);
            assert!(
                served.any(|(id, _)| self.says_go(request, *id)),
                "no judge lets it"
            );
            assert!(!self.objects(request), "a judge objects");
        }
    }

    /// True if this one asked for an identity that gets some of the secrets.
    fn gets_some(&self, request: &Request, who: UserId) -> bool {
        let lines = self.files[&request.number].iter();
        let mut named = lines.filter_map(|line| line.identity.as_ref());
        named.any(|slug| {
            let identity = self.story.identity(slug.as_str());
            identity.is_some_and(|identity| identity.requester == who)
        })
    }

    /// A secret from before works: as its line says, and no more than was restated.
    fn imported(&mut self, request: &Request, number: CredentialNumber, at: Timestamp) {
        let (agreed, ttl) = self.agreed(request, None);
        let credential = self.story.credential(number.0);
        let mut lines = self.files[&request.number].iter();
        let line = lines.find(|line| line.macs[0] == credential.mac);
        let line = line.expect("somebody handed it in");
        let ends = at + seconds(ttl);
        let slug = line.identity.as_ref().map(Slug::as_str);
        let most = Most {
            identity: slug.map(|slug| self.story.identity(slug).unwrap().number),
            board: request.thread.repository,
            request: request.number,
            predecessor: None,
            scopes: line.scopes.intersection(&agreed).cloned().collect(),
            granted_at: at,
            ends: line.expires_at.map_or(ends, |own| own.min(ends)),
            over: None,
            stands: false,
        };
        self.model.most.insert(number, most);
    }

    fn linked(&mut self, request: &Request, number: CredentialNumber, to: IdentityNumber) {
        assert_eq!(request.action, Action::Link);
        assert_eq!(request.effect.alive[0].credential, number);
        let (scopes, _) = self.agreed(request, None);
        let most = self.model.most.get_mut(&number).expect("it was imported");
        assert_eq!(most.identity.replace(to), None, "it was another's");
        assert!(most.over.is_none() && most.board == request.thread.repository);
        most.scopes.retain(|scope| scopes.contains(scope));
        most.stands = false;
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
        let identity = credential.identity.unwrap();
        if request.action == Action::Issue && request.effect.challenge.is_none() {
            self.model.grow(identity, &scopes);
        }
        let most = Most {
            identity: Some(identity),
            board: request.thread.repository,
            request: request.number,
            predecessor: request.effect.predecessor,
            scopes,
            granted_at,
            ends,
            over: None,
            stands: false,
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
        if let Some(limit) = self.model.limits.get_mut(&entry.identity.unwrap())
            && let Some(scopes) = scopes
        {
            limit.retain(|scope| scopes.iter().any(|left| left == scope));
        }
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
        if let Some(limit) = self.model.limits.get_mut(&identity) {
            limit.retain(|scope| scopes.contains(scope));
        }
        for (number, most) in &mut self.model.most {
            let mut named = request.effect.alive.iter();
            match named.find(|alive| alive.credential == *number) {
                Some(alive) => {
                    let left =
                        |scope: &String| scopes.contains(scope) && alive.scopes.contains(scope);
                    most.scopes.retain(left);
                }
                None if most.identity == Some(identity) => most.end(at),
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
