//! The rules of the stories: two boards, their owners and gates.

use std::collections::{BTreeMap, BTreeSet};

use super::forge::*;
use crate::gate::ids::{IssueNumber, RepositoryId};
use crate::gate::policy::{Board, Client, Factor, Gate, KnownRequester, Owner, Policy, Requesters};

/// A set of names.
pub(super) fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn owner(login: &str) -> Owner {
    Owner {
        login: login.to_owned(),
        may_approve: true,
        ceiling: None,
        signing_keys: BTreeSet::new(),
        has_code: false,
    }
}

/// A gate that one comment opens.
pub(super) fn gate(scopes: &[&str], quorum: u32) -> Gate {
    Gate {
        scopes: names(scopes),
        max_ttl: 86_400,
        quorum,
        factors: [Factor::Comment].into(),
        self_approval: false,
        holder_rotation: false,
        offline: false,
        judge_required: false,
        cooling_off: None,
        open_hours: None,
    }
}

fn board(name: &str, repository: RepositoryId, path: &str) -> Board {
    Board {
        name: name.to_owned(),
        repository: path.to_owned(),
        repository_id: repository,
        workspace: format!("{name}-ductor"),
        scopes: names(&["board:read", "card:write", "deploy:run"]),
        resources: Some(names(&["inbox", "roadmap"])),
        modes: Some(names(&["interactive"])),
        requesters: Requesters::Listed,
        machine_accounts: [CODEX, BUILDER].into(),
        known_requesters: BTreeMap::new(),
        max_open_requests: 50,
        control_issue: Some(IssueNumber(1)),
        quiet_hours: None,
        list_in_thread: false,
        max_silence: None,
        owners: [(ALICE, owner("alice"))].into(),
        gates: [
            ("dev".to_owned(), gate(&["board:read", "card:write"], 1)),
            ("staging".to_owned(), gate(&["board:read", "deploy:run"], 2)),
        ]
        .into(),
        judges: BTreeMap::new(),
    }
}

/// Two boards: `kan` with Alice and Piotr, `ops` with Alice and Carol, who may ask on `kan`.
pub(super) fn policy() -> Policy {
    let mut kan = board("kan", KAN, "alice/board");
    kan.owners.insert(PIOTR, owner("piotr"));
    kan.known_requesters
        .insert(CAROL, KnownRequester::default());
    let mut ops = board("ops", OPS, "ops/board");
    ops.owners.insert(CAROL, owner("carol"));
    let client = Client {
        boards: [KAN, OPS].into(),
        environments: Some(names(&["dev", "staging"])),
    };
    Policy {
        installation: "i".repeat(64),
        forge: "https://forge.example".to_owned(),
        public_url: "https://gate.example".to_owned(),
        bot: BOT,
        token_prefix: "og".to_owned(),
        activation: 86_400,
        grace: 900,
        identity_ttl: 90 * 86_400,
        request_ttl: 72 * 3_600,
        closed_revoke: 86_400,
        boards: [(KAN, kan), (OPS, ops)].into(),
        clients: [("kanban-api".to_owned(), client)].into(),
        operators: BTreeMap::new(),
    }
}
