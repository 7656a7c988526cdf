//! What owners let be: the reference for every gate, beside the reference for what comes of it.
//!
//! It is told who really said yes (`oracle`), and calls nothing of the core's that judges: of the
//! configuration it reads the fields. What a yes has to bring beside its words is looked at in `factors`.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::model::Scopes;
use crate::gate::ids::{RepositoryId, UserId};
use crate::gate::policy::{Board, Gate, Policy, STRICTEST};
use crate::gate::request::Action;

/// One owner's yes.
pub(super) struct Yes {
    pub owner: UserId,
    pub scopes: Scopes,
    pub ttl: Option<u64>,
    pub said_at: Timestamp,
}

/// What was asked, and who said yes to it.
pub(super) struct Asked {
    pub action: Action,
    pub board: RepositoryId,
    pub environment: String,
    pub asker: UserId,
    /// Who asked for the identities that it is about.
    pub requesters: BTreeSet<UserId>,
    /// Who would own one of them.
    pub owner: Option<UserId>,
    pub scopes: Scopes,
    pub ttl: Option<u64>,
    /// Since when what would go on stands still.
    pub since: Option<Timestamp>,
    pub yes: Vec<Yes>,
}

/// What they let be.
#[derive(Debug, PartialEq)]
pub(super) struct Left {
    pub owners: BTreeSet<UserId>,
    pub scopes: Scopes,
    /// Seconds.
    pub ttl: u64,
}

/// The gates of an environment, which may be all of the board's together.
pub(super) fn gates<'a>(board: &'a Board, environment: &str) -> Vec<&'a Gate> {
    let named = board
        .gates
        .iter()
        .filter(|(name, _)| environment == STRICTEST || *name == environment);
    named.map(|(_, gate)| gate).collect()
}

impl Asked {
    /// Who would benefit, and therefore does not approve.
    fn benefit(&self) -> BTreeSet<UserId> {
        let asker = [self.asker].into();
        match self.action {
            Action::Issue | Action::Rotate | Action::Import => &self.requesters | &asker,
            Action::Link | Action::Resume => self.requesters.clone(),
            Action::Own => self.owner.into_iter().chain(asker).collect(),
            Action::Thaw => BTreeSet::new(),
        }
    }

    /// What enough owners let be; `None` where they are not enough.
    pub(super) fn left(&self, rules: &Policy) -> Option<Left> {
        let board = rules.boards.get(&self.board)?;
        let gates = gates(board, &self.environment);
        let own = gates.iter().all(|gate| gate.self_approval);
        let (mut owners, mut scopes) = (BTreeSet::new(), &self.scopes & &board.scopes);
        let mut ttl = self.ttl.unwrap_or(0);
        for gate in &gates {
            scopes = &scopes & &gate.scopes;
            ttl = ttl.min(gate.max_ttl);
        }
        for yes in &self.yes {
            let owner = board.owners.get(&yes.owner);
            let Some(owner) = owner.filter(|owner| owner.may_approve) else {
                continue;
            };
            let machine = board.machine_accounts.contains(&yes.owner) || yes.owner == rules.bot;
            let benefits = !own && self.benefit().contains(&yes.owner);
            let knows = self.since.is_none_or(|since| yes.said_at >= since);
            if machine || benefits || !knows {
                continue;
            }
            owners.insert(yes.owner);
            scopes = &scopes & &yes.scopes;
            scopes = owner
                .ceiling
                .as_ref()
                .map_or(scopes.clone(), |most| &scopes & most);
            ttl = ttl.min(yes.ttl.unwrap_or(ttl));
        }
        let needed = gates.iter().map(|gate| gate.quorum.max(1)).max()?;
        let enough = owners.len() >= usize::try_from(needed).unwrap();
        enough.then_some(Left {
            owners,
            scopes,
            ttl,
        })
    }
}
