//! Who may hold what now: the reference that the core is compared with after every step.
//!
//! It is told what owners let be (`consent`), and what was stopped, used and taken away (`witness`). It
//! knows nothing of comments, digests and records, and calls nothing of the core's that judges: of the
//! configuration it reads the fields. A third of it is what is remembered; every verb has its own few
//! lines beside that, since one that shares another's could share its fault.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::consent::{Left, gates};
use crate::gate::ids::{CredentialNumber, IdentityNumber, RepositoryId, UserId};
use crate::gate::policy::Policy;

pub(super) type Scopes = BTreeSet<String>;

/// What is left of what owners let one credential do.
#[derive(Clone)]
pub(super) struct Held {
    /// `None`: a secret from before that no identity has.
    pub identity: Option<IdentityNumber>,
    pub board: RepositoryId,
    pub environment: String,
    pub owners: BTreeSet<UserId>,
    pub scopes: Scopes,
    pub from: Timestamp,
    pub ends: Timestamp,
    /// It ends then if nobody uses it before.
    pub unused: Option<Timestamp>,
    /// Whose successor it is.
    pub predecessor: Option<CredentialNumber>,
    /// When it was ended, or its grace ends.
    pub over: Option<Timestamp>,
    pub stands: bool,
}

/// What an identity may do at most.
#[derive(Clone)]
struct Machine {
    scopes: Scopes,
    ends: Timestamp,
    stands_since: Option<Timestamp>,
    over: bool,
}

/// Who holds what.
#[derive(Clone, Default)]
pub(super) struct Model {
    held: BTreeMap<CredentialNumber, Held>,
    machines: BTreeMap<IdentityNumber, Machine>,
    pub frozen: BTreeMap<RepositoryId, Timestamp>,
}

impl Model {
    /// What a credential may do now, under these rules.
    pub(super) fn may(&self, number: CredentialNumber, rules: &Policy, now: Timestamp) -> Scopes {
        let Some(held) = self.held.get(&number) else {
            return Scopes::new();
        };
        let machine = held.identity.map(|identity| &self.machines[&identity]);
        let ends = [Some(held.ends), held.unused, held.over];
        let over = ends.into_iter().flatten().any(|end| now >= end);
        let over = over || machine.is_some_and(|machine| machine.over || now >= machine.ends);
        let stands = machine.is_some_and(|machine| machine.stands_since.is_some());
        if over || stands || held.stands || self.frozen.contains_key(&held.board) {
            return Scopes::new();
        }
        // The configuration of this moment cuts: the board, its gates, and whoever approved.
        let board = &rules.boards[&held.board];
        let gates = gates(board, &held.environment);
        let handed_on = |scope: &String| {
            let mut owners = held.owners.iter().map(|owner| board.owners.get(owner));
            owners.all(|owner| match owner.map(|owner| &owner.ceiling) {
                Some(Some(most)) => most.contains(scope),
                Some(None) => true,
                None => false,
            })
        };
        let mut scopes = &held.scopes & &board.scopes;
        scopes.retain(|scope| machine.is_none_or(|machine| machine.scopes.contains(scope)));
        scopes.retain(|scope| gates.iter().all(|gate| gate.scopes.contains(scope)));
        scopes.retain(|scope| !gates.is_empty() && handed_on(scope));
        scopes
    }

    /// What is left of a credential.
    pub(super) fn held(&self, number: CredentialNumber) -> &Held {
        &self.held[&number]
    }

    /// Since when an identity stands still.
    pub(super) fn stands_since(&self, identity: IdentityNumber) -> Option<Timestamp> {
        self.machines[&identity].stands_since
    }

    /// An identity is new, or may do this as well, until then.
    pub(super) fn grows(&mut self, identity: IdentityNumber, more: &Scopes, ends: Timestamp) {
        let machine = self.machines.entry(identity).or_insert_with(|| Machine {
            scopes: Scopes::new(),
            ends,
            stands_since: None,
            over: false,
        });
        assert!(!machine.over && machine.stands_since.is_none());
        machine.scopes.extend(more.iter().cloned());
        machine.ends = ends;
    }

    /// A token comes alive. Instead of others it does no more than they, and lives no longer.
    pub(super) fn comes(
        &mut self,
        number: CredentialNumber,
        mut held: Held,
        instead_of: impl IntoIterator<Item = CredentialNumber>,
    ) {
        for old in instead_of.into_iter().map(|old| &self.held[&old]) {
            held.scopes = &held.scopes & &old.scopes;
            held.ends = held.ends.min(held.from + old.ends.duration_since(old.from));
        }
        if let Some(machine) = held.identity.map(|identity| &self.machines[&identity]) {
            assert!(!machine.over && machine.stands_since.is_none());
            held.scopes = &held.scopes & &machine.scopes;
            held.ends = held.ends.min(machine.ends);
        }
        assert!(self.held.insert(number, held).is_none(), "{number} is new");
    }

    /// What no identity had is this one's, through its gate.
    pub(super) fn linked(
        &mut self,
        number: CredentialNumber,
        to: IdentityNumber,
        environment: &str,
        left: &Left,
    ) {
        let held = self.held.get_mut(&number).expect("it was imported");
        assert_eq!(held.identity.replace(to), None, "it was another's");
        held.scopes = &(&held.scopes & &left.scopes) & &self.machines[&to].scopes;
        environment.clone_into(&mut held.environment);
        held.owners.extend(&left.owners);
        held.stands = false;
    }

    /// What was named works again, with what owners left of it, and nothing else.
    pub(super) fn resumed(
        &mut self,
        identity: IdentityNumber,
        named: &BTreeSet<CredentialNumber>,
        left: &Left,
        (now, ends): (Timestamp, Timestamp),
    ) {
        let machine = self.machine(identity);
        machine.stands_since = None;
        machine.scopes = &machine.scopes & &left.scopes;
        machine.ends = ends;
        for (number, held) in &mut self.held {
            if named.contains(number) {
                held.scopes = &held.scopes & &left.scopes;
                held.owners.extend(&left.owners);
            } else if held.identity == Some(identity) {
                held.over.get_or_insert(now);
            }
        }
    }

    pub(super) fn paused(&mut self, identity: IdentityNumber, now: Timestamp) {
        self.machine(identity).stands_since.get_or_insert(now);
    }

    pub(super) fn over(&mut self, identity: IdentityNumber) {
        self.machine(identity).over = true;
    }

    pub(super) fn narrowed(
        &mut self,
        identity: IdentityNumber,
        scopes: Option<&Scopes>,
        ends: Option<Timestamp>,
    ) {
        let less = |has: &mut Scopes, end: &mut Timestamp| {
            has.retain(|scope| scopes.is_none_or(|scopes| scopes.contains(scope)));
            *end = ends.map_or(*end, |ends| ends.min(*end));
        };
        let machine = self.machine(identity);
        less(&mut machine.scopes, &mut machine.ends);
        for held in self.held.values_mut() {
            if held.identity == Some(identity) {
                less(&mut held.scopes, &mut held.ends);
            }
        }
    }

    pub(super) fn ends(&mut self, number: CredentialNumber, at: Timestamp) {
        let held = self.of(number);
        held.over = Some(held.over.map_or(at, |over| over.min(at)));
    }

    pub(super) fn stands(&mut self, number: CredentialNumber) {
        self.of(number).stands = true;
    }

    /// It is used: its predecessor lives until the end of its grace.
    pub(super) fn used(&mut self, number: CredentialNumber, grace_ends: Timestamp) {
        self.of(number).unused = None;
        if let Some(old) = self.of(number).predecessor {
            self.ends(old, grace_ends);
        }
    }

    fn machine(&mut self, identity: IdentityNumber) -> &mut Machine {
        self.machines.get_mut(&identity).expect("it came")
    }

    fn of(&mut self, number: CredentialNumber) -> &mut Held {
        self.held.get_mut(&number).expect("it came")
    }
}
