//! The configuration changed: the policy is journaled whole, with the difference in words, and
//! boards are told what got wider.
//!
//! No change of policy opens a gate. Approvals given under a changed gate are dropped when their
//! request is next looked at (`yes.rs`), and every check applies the policy in force.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::ids::{RepositoryId, ThreadKey, UserId};
use super::super::key::Key;
use super::super::policy::{Board, Gate, Policy, Requesters};
use super::super::reply::escape::login;
use super::super::reply::reasons::codes;
use super::super::thread::{BoardState, FactorState};
use super::super::time::span;
use super::Draft;

/// One difference between two policies, and whether it lets somebody do more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whether it does.
    pub wider: bool,
    /// In words, as Markdown.
    pub text: String,
}

/// Everything that another policy changes, by the name of the board.
pub fn differences_between(before: &Policy, after: &Policy) -> Vec<(String, Difference)> {
    let boards = after.boards.values().flat_map(|board| {
        on_board(before, after, board)
            .into_iter()
            .map(|difference| (board.name.clone(), difference))
    });
    let gone = gone(&before.boards, &after.boards).map(|(_, board)| {
        let text = "board is gone".to_owned();
        (board.name.clone(), difference(false, text))
    });
    boards.chain(gone).collect()
}

/// What was there and is not any more.
fn gone<'a, K: Ord, V>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    old.iter().filter(|(key, _)| !new.contains_key(*key))
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
    let differences = before
        .as_ref()
        .map(|before| differences_between(before, policy))
        .unwrap_or_default();
    for board in policy.boards.values() {
        end_holds(draft, board);
        tell_wider(draft, board, &differences);
    }
    unlock(draft, policy);
    let words: Vec<String> = differences
        .iter()
        .map(|(board, difference)| format!("{board}: {}", difference.text))
        .collect();
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

/// A board's control issue is told what got wider on it.
fn tell_wider(draft: &mut Draft<'_>, board: &Board, differences: &[(String, Difference)]) {
    let wider: Vec<String> = differences
        .iter()
        .filter(|(name, difference)| *name == board.name && difference.wider)
        .map(|(_, difference)| format!("- {}", difference.text))
        .collect();
    if let (Some(issue), false) = (board.control_issue, wider.is_empty()) {
        let thread = ThreadKey {
            repository: board.repository_id,
            issue,
        };
        let text = format!(
            "**The configuration lets more through than before:**\n{}",
            wider.join("\n")
        );
        draft.tell(thread, &text, None);
    }
}

/// Whoever has no secret on any board has no factor to lock: taking `totp_file` out of the configuration
/// and putting it back is how the host unlocks it. One who has it on one board and not on another keeps
/// what is known of it: which codes were used, and how many were wrong.
fn unlock(draft: &mut Draft<'_>, policy: &Policy) {
    let owners = || policy.boards.values().flat_map(|board| &board.owners);
    let with_code: BTreeSet<&UserId> = owners()
        .filter(|(_, owner)| owner.has_code)
        .map(|(user, _)| user)
        .collect();
    for (user, _) in owners().filter(|(user, _)| !with_code.contains(user)) {
        let key = Key::factor(*user);
        if draft.get::<FactorState>(&key).is_some() {
            draft.remove(key);
        }
    }
}

/// A hold that the configuration has overtaken is dropped; it held nothing any more.
fn end_holds(draft: &mut Draft<'_>, board: &Board) {
    let key = Key::board(board.repository_id);
    if let Some(mut state) = draft.get::<BoardState>(&key) {
        state.holds.retain(|_, hold| hold.expected(board).is_some());
        draft.put(key, &state);
    }
}

/// What is different for one board: its own rules, and the installation's that concern it.
fn on_board(before: &Policy, policy: &Policy, board: &Board) -> Vec<Difference> {
    let mut all = match before.board(board.repository_id) {
        Some(old) => differences(old, board),
        None => vec![difference(true, "the board is new".to_owned())],
    };
    all.extend(lives(before, policy));
    all.extend(clients(before, policy, board.repository_id));
    all.extend(operators(before, policy, board.repository_id));
    all
}

/// How long things live, on every board.
fn lives(old: &Policy, new: &Policy) -> Vec<Difference> {
    [
        ("an unused credential lives", old.activation, new.activation),
        ("a rotated credential lives on for", old.grace, new.grace),
        ("an identity lives", old.identity_ttl, new.identity_ttl),
        ("a request stays open", old.request_ttl, new.request_ttl),
        (
            "identities of a closed thread stay paused",
            old.closed_revoke,
            new.closed_revoke,
        ),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .map(|(what, old, new)| {
        let text = format!("{what} {} instead of {}", span(new), span(old));
        difference(new > old, text)
    })
    .collect()
}

/// Who may ask whether this board's tokens are alive; of a gate that is gone there are none.
fn clients(old: &Policy, new: &Policy, board: RepositoryId) -> Vec<Difference> {
    let gates: BTreeSet<&String> = match new.board(board) {
        Some(board) => board.gates.keys().collect(),
        None => BTreeSet::new(),
    };
    let sees = |policy: &Policy, name: &String| -> BTreeSet<String> {
        match (policy.clients.get(name), policy.board(board)) {
            (Some(client), Some(board)) => gates
                .iter()
                .filter(|gate| client.sees(board, gate))
                .map(|gate| (*gate).clone())
                .collect(),
            _ => BTreeSet::new(),
        }
    };
    let names: BTreeSet<&String> = old.clients.keys().chain(new.clients.keys()).collect();
    names
        .into_iter()
        .flat_map(|name| {
            let what = format!("what client `{name}` sees");
            sets(&what, &sees(old, name), &sees(new, name))
        })
        .collect()
}

/// Who may act on this board without the forge.
fn operators(old: &Policy, new: &Policy, board: RepositoryId) -> Vec<Difference> {
    let rights = |policy: &Policy, name: &String| -> BTreeSet<String> {
        policy
            .operators
            .get(name)
            .filter(|operator| operator.boards.contains(&board))
            .map(|operator| operator.rights.clone())
            .unwrap_or_default()
    };
    let names: BTreeSet<&String> = old.operators.keys().chain(new.operators.keys()).collect();
    let mut all = Vec::new();
    for name in names {
        let (had, has) = (rights(old, name), rights(new, name));
        all.extend(sets(&format!("what operator `{name}` may do"), &had, &has));
        let who = |policy: &Policy| {
            policy
                .operators
                .get(name)
                .map(|operator| (operator.forge_id, operator.uid))
        };
        if !had.is_empty() && !has.is_empty() && who(old) != who(new) {
            all.push(difference(
                true,
                format!("who operator `{name}` is changed"),
            ));
        }
    }
    all
}

/// What is different in a board's own rules.
fn differences(old: &Board, new: &Board) -> Vec<Difference> {
    let mut all = sets("scopes", &old.scopes, &new.scopes);
    all.extend(limits(
        "resources",
        old.resources.as_ref(),
        new.resources.as_ref(),
    ));
    all.extend(limits("modes", old.modes.as_ref(), new.modes.as_ref()));
    all.extend(owners(old, new));
    all.extend(requesters(old, new));
    all.extend(judges(old, new));
    for (name, gate) in &new.gates {
        match old.gates.get(name) {
            None => all.push(difference(true, format!("gate `{name}` is new"))),
            Some(before) => all.extend(gates(name, before, gate)),
        }
    }
    let gone = gone(&old.gates, &new.gates);
    all.extend(gone.map(|(name, _)| difference(false, format!("gate `{name}` is gone"))));
    all
}

fn owners(old: &Board, new: &Board) -> Vec<Difference> {
    let mut all = Vec::new();
    for (user, owner) in &new.owners {
        let name = login(&owner.login);
        match old.owners.get(user) {
            None => all.push(difference(true, format!("{name} is an owner"))),
            Some(before) if before == owner => {}
            Some(_) => {
                all.push(difference(
                    owner.may_approve,
                    format!("what {name} may approve changed"),
                ));
            }
        }
    }
    all.extend(gone(&old.owners, &new.owners).map(|(_, owner)| {
        difference(
            false,
            format!("{} is no owner any more", login(&owner.login)),
        )
    }));
    all
}

/// Whose judgement a gate may wait for, and what shuts it. One judge less is one who could object.
fn judges(old: &Board, new: &Board) -> Vec<Difference> {
    let mut all = Vec::new();
    for (user, judge) in &new.judges {
        let name = login(&judge.login);
        match old.judges.get(user) {
            None => all.push(difference(true, format!("{name} is a judge"))),
            Some(before) => {
                let what = format!("what shuts a gate that waits for {name}");
                all.extend(
                    sets(&what, &before.shut_on, &judge.shut_on)
                        .into_iter()
                        .map(|Difference { wider, text }| Difference {
                            wider: !wider,
                            text,
                        }),
                );
            }
        }
    }
    all.extend(gone(&old.judges, &new.judges).map(|(_, judge)| {
        let text = format!("{} is no judge any more", login(&judge.login));
        difference(!new.judges.is_empty(), text)
    }));
    all
}

/// Who may ask, how much at once, and whose keys are vouched for.
fn requesters(old: &Board, new: &Board) -> Vec<Difference> {
    let mut all = Vec::new();
    let known =
        |board: &Board| -> BTreeSet<UserId> { board.known_requesters.keys().copied().collect() };
    let changed = old.requesters != new.requesters
        || old.machine_accounts != new.machine_accounts
        || known(old) != known(new);
    if changed {
        let anyone = new.requesters == Requesters::Anyone && old.requesters != new.requesters;
        let wider = anyone
            || !new.machine_accounts.is_subset(&old.machine_accounts)
            || !known(new).is_subset(&known(old));
        all.push(difference(wider, "who may ask changed".to_owned()));
    }
    // A machine account can never approve: one that is none any more may be an owner now.
    if !old.machine_accounts.is_subset(&new.machine_accounts) {
        let text = "an account is no machine account any more";
        all.push(difference(true, text.to_owned()));
    }
    if old.max_open_requests != new.max_open_requests {
        let text = format!(
            "a requester may have {} open requests instead of {}",
            new.max_open_requests, old.max_open_requests
        );
        all.push(difference(
            new.max_open_requests > old.max_open_requests,
            text,
        ));
    }
    for (user, requester) in &new.known_requesters {
        let before = old.known_requesters.get(user).cloned().unwrap_or_default();
        if before != *requester {
            let wider = !requester.recipients.is_subset(&before.recipients)
                || !requester.signing_keys.is_subset(&before.signing_keys);
            let text = format!("what is vouched for of user {user} changed");
            all.push(difference(wider, text));
        }
    }
    all
}

/// A closed list of names, or no limit at all.
fn limits(
    what: &str,
    old: Option<&BTreeSet<String>>,
    new: Option<&BTreeSet<String>>,
) -> Vec<Difference> {
    match (old, new) {
        (Some(old), Some(new)) => sets(what, old, new),
        (Some(_), None) => vec![difference(true, format!("{what} are not limited any more"))],
        (None, Some(_)) => vec![difference(false, format!("{what} are limited"))],
        (None, None) => Vec::new(),
    }
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
