//! The configuration changed: the policy is journaled whole, with the difference in words, and
//! boards are told what got wider.
//!
//! No change of policy opens a gate. Approvals given under a changed gate are dropped when their
//! request is next looked at (`approve.rs`), and every check applies the policy in force.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::ids::{ThreadKey, UserId};
use super::super::key::Key;
use super::super::policy::{Board, Gate, Policy};
use super::super::reply::escape::login;
use super::super::reply::reasons::codes;
use super::super::thread::BoardState;
use super::super::time::span;
use super::Draft;

/// One difference, and whether it lets somebody do more.
struct Difference {
    wider: bool,
    text: String,
}

/// Takes a policy into force.
pub(super) fn decide(draft: &mut Draft<'_>, policy: &Policy) {
    draft.use_reserve();
    let before = draft.get::<Policy>(&Key::policy());
    if before.as_ref() == Some(policy) {
        return;
    }
    draft.cause("policy", json!({ "hash": policy.hash() }));
    draft.outcome("policy", "changed");
    draft.put(Key::policy(), policy);
    let mut words = Vec::new();
    for (repository, board) in &policy.boards {
        let old = before.as_ref().and_then(|before| before.board(*repository));
        if let Some(old) = old {
            forget_logins(draft, old, board);
        }
        let differences = match old {
            Some(old) => differences(old, board),
            None => vec![Difference {
                wider: true,
                text: format!("board {} is new", board.name),
            }],
        };
        let wider: Vec<String> = differences
            .iter()
            .filter(|difference| difference.wider)
            .map(|difference| format!("- {}", difference.text))
            .collect();
        if let (Some(issue), Some(_), false) = (board.control_issue, &before, wider.is_empty()) {
            let thread = ThreadKey {
                repository: *repository,
                issue,
            };
            let text = format!(
                "**The configuration lets more through than before:**\n{}",
                wider.join("\n")
            );
            draft.tell(thread, &text, None);
        }
        words.extend(
            differences
                .into_iter()
                .map(|difference| format!("{}: {}", board.name, difference.text)),
        );
    }
    if let Some(before) = &before {
        let gone = before
            .boards
            .iter()
            .filter(|(repository, _)| !policy.boards.contains_key(repository));
        words.extend(gone.map(|(_, board)| format!("{}: board is gone", board.name)));
    }
    let text = match (&before, words.is_empty()) {
        (None, _) => "first policy".to_owned(),
        (Some(_), true) => "something outside of the boards changed".to_owned(),
        (Some(_), false) => words.join("; "),
    };
    draft.entry(
        Entry::new("policy_changed", Actor::Operator("config".to_owned()), text).with_facts(
            json!({ "before": before.map(|before| before.hash()), "now": policy.hash() }),
        ),
    );
}

/// A hold for a changed login ends when the operator sets another one or takes that owner out: if
/// that one is wrong as well, the owner's next approval holds the board again.
fn forget_logins(draft: &mut Draft<'_>, old: &Board, new: &Board) {
    let key = Key::board(new.repository_id);
    let mut state: BoardState = draft.get_or_default(&key);
    let before = state.holds.len();
    state.holds.retain(|name, _| {
        let owner = name.strip_prefix("login:").and_then(|id| id.parse().ok());
        owner.map(UserId).is_none_or(|owner| {
            let login = |board: &Board| board.owner(owner).map(|owner| owner.login.clone());
            login(new).is_some_and(|now| login(old) == Some(now))
        })
    });
    if state.holds.len() < before {
        draft.put(key, &state);
    }
}

fn differences(old: &Board, new: &Board) -> Vec<Difference> {
    let mut all = sets("scopes", &old.scopes, &new.scopes);
    for (user, owner) in &new.owners {
        let name = login(&owner.login);
        match old.owners.get(user) {
            None => all.push(difference(true, format!("{name} is an owner"))),
            Some(before) if before == owner => {}
            Some(before) => {
                let wider = owner.may_approve && (!before.may_approve || before != owner);
                all.push(difference(
                    wider,
                    format!("what {name} may approve changed"),
                ));
            }
        }
    }
    for (user, owner) in &old.owners {
        if !new.owners.contains_key(user) {
            all.push(difference(
                false,
                format!("{} is no owner any more", login(&owner.login)),
            ));
        }
    }
    if old.requesters != new.requesters
        || !new.machine_accounts.is_subset(&old.machine_accounts)
        || new
            .known_requesters
            .keys()
            .any(|user| !old.known_requesters.contains_key(user))
    {
        all.push(difference(true, "who may ask changed".to_owned()));
    }
    for (name, gate) in &new.gates {
        match old.gates.get(name) {
            None => all.push(difference(true, format!("gate `{name}` is new"))),
            Some(before) => all.extend(gates(name, before, gate)),
        }
    }
    for name in old
        .gates
        .keys()
        .filter(|name| !new.gates.contains_key(*name))
    {
        all.push(difference(false, format!("gate `{name}` is gone")));
    }
    all
}

fn difference(wider: bool, text: String) -> Difference {
    Difference { wider, text }
}

fn sets(what: &str, old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<Difference> {
    let more: Vec<&String> = new.difference(old).collect();
    let less: Vec<&String> = old.difference(new).collect();
    let mut all = Vec::new();
    if !more.is_empty() {
        all.push(difference(true, format!("{what} gained {}", codes(more))));
    }
    if !less.is_empty() {
        all.push(difference(false, format!("{what} lost {}", codes(less))));
    }
    all
}

fn gates(name: &str, old: &Gate, new: &Gate) -> Vec<Difference> {
    let mut all = sets(&format!("gate `{name}`"), &old.scopes, &new.scopes);
    if old.max_ttl != new.max_ttl {
        let text = format!(
            "gate `{name}` allows {} instead of {}",
            span(new.max_ttl),
            span(old.max_ttl)
        );
        all.push(difference(new.max_ttl > old.max_ttl, text));
    }
    if old.quorum != new.quorum {
        let text = format!(
            "gate `{name}` needs {} owners instead of {}",
            new.quorum, old.quorum
        );
        all.push(difference(new.quorum < old.quorum, text));
    }
    let weaker = !old.factors.is_subset(&new.factors)
        || (new.self_approval && !old.self_approval)
        || (new.holder_rotation && !old.holder_rotation)
        || (new.offline && !old.offline)
        || (old.judge_required && !new.judge_required)
        || old.cooling_off > new.cooling_off
        || (old.open_hours.is_some() && old.open_hours != new.open_hours);
    let same = Gate {
        scopes: new.scopes.clone(),
        max_ttl: new.max_ttl,
        quorum: new.quorum,
        ..old.clone()
    };
    if same != *new {
        all.push(difference(
            weaker,
            format!("the conditions of gate `{name}` changed"),
        ));
    }
    all
}
