//! Changes of the configuration in a random history.

use super::Life;
use super::factors::{STRENGTHS, key, rules, strengthen};
use crate::gate::decide::tests::*;
use crate::gate::policy::Board;

/// How many changes there are.
pub(super) const CONFIGURATIONS: u8 = 32;
/// The one after which everybody may ask.
pub(super) const ANYBODY_ASKS: u8 = 7;
/// The first one after which the gates are of another kind.
const OTHER_GATES: u8 = 11;

/// The one after which who asks may approve.
pub(super) const SELF_APPROVAL: u8 = 19;

/// The configuration vouches for the machine account's usual key.
pub(super) fn vouch(board: &mut Board) {
    let known = board.known_requesters.entry(CODEX).or_default();
    known.recipients = [RECIPIENT.to_owned()].into();
}

impl Life {
    pub(super) fn configure(&mut self, which: u8) {
        let which = which % CONFIGURATIONS;
        self.story.reconfigure(KAN, |board| {
            if let Some(kind) = which
                .checked_sub(OTHER_GATES)
                .filter(|kind| *kind <= STRENGTHS)
            {
                return strengthen(board, kind);
            }
            let dev = board.gates.get_mut("dev").unwrap();
            match which {
                0 => drop(dev.scopes.remove("card:write")),
                1 => board.owners.get_mut(&ALICE).unwrap().ceiling = Some(names(&["board:read"])),
                2 => {
                    let carol = crate::gate::policy::Owner {
                        login: "carol".to_owned(),
                        signing_keys: [key(CAROL).public()].into(),
                        ..board.owners[&PIOTR].clone()
                    };
                    board.owners.insert(CAROL, carol);
                }
                3 => board.owners.get_mut(&PIOTR).unwrap().may_approve = false,
                4 => board.gates.get_mut("staging").unwrap().quorum = 1,
                5 => drop(board.machine_accounts.insert(PIOTR)),
                6 => dev.max_ttl = 600,
                ANYBODY_ASKS => board.requesters = crate::gate::policy::Requesters::Anyone,
                8 => dev.quorum = 2,
                9 => drop(board.scopes.remove("deploy:run")),
                10 => drop(board.machine_accounts.remove(&BUILDER)),
                SELF_APPROVAL => {
                    let gates = board.gates.values_mut();
                    gates.for_each(|gate| gate.self_approval = true);
                }
                20 => vouch(board),
                21 => drop(board.gates.remove("dev")),
                22 => dev.quorum = 0,
                23 => drop(board.owners.remove(&PIOTR)),
                24 => drop(board.known_requesters.remove(&CODEX)),
                25 => board.owners.get_mut(&ALICE).unwrap().login = "alice-2".to_owned(),
                26 => board.owners.get_mut(&PIOTR).unwrap().signing_keys.clear(),
                _ => *board = rules().boards[&KAN].clone(),
            }
        });
    }
}
