//! What holds for the configuration as a whole: the default, every key of the contract, all faults
//! at once, and what becomes a policy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::testing::{Sample, base, full, only_fault, with};
use super::*;
use crate::gate::ids::RepositoryId;

/// Every key of the contract; `[]` stands for a list of tables, `*` for a name.
const CONTRACT: &str = "
    server.listen server.internal_listen server.public_url server.admin_socket
    server.trusted_proxies
    store.path
    secrets.pepper_file secrets.previous_pepper_file secrets.signing_key_file
    secrets.previous_signing_key_file
    forge.url forge.token_file forge.bot_id forge.reconcile forge.insecure_http
    tokens.prefix tokens.activation tokens.grace tokens.identity_ttl tokens.closed_revoke
    requests.ttl limits.operator_per_minute limits.client_per_minute
    board[].name board[].repository board[].repository_id board[].workspace
    board[].hook_secret_file board[].previous_hook_secret_file board[].scopes board[].resources
    board[].modes board[].requesters board[].machine_accounts board[].max_open_requests
    board[].control_issue board[].quiet_hours board[].list_in_thread board[].max_silence
    board[].requester[].id board[].requester[].recipients board[].requester[].signing_keys
    board[].owner[].id board[].owner[].login board[].owner[].may_approve board[].owner[].ceiling
    board[].owner[].signing_keys board[].owner[].totp_file
    board[].gate.*.scopes board[].gate.*.max_ttl board[].gate.*.quorum board[].gate.*.factors
    board[].gate.*.self_approval board[].gate.*.holder_rotation board[].gate.*.offline
    board[].gate.*.judge board[].gate.*.cooling_off board[].gate.*.open_hours
    board[].judge[].id board[].judge[].login board[].judge[].shut_on
    operator[].name operator[].forge_id operator[].token_file operator[].boards operator[].rights
    operator[].uid
    client[].name client[].secret_file client[].boards client[].environments
";

/// The keys without which a configuration cannot be used.
const REQUIRED: &str = "
    server.listen server.public_url store.path secrets.pepper_file secrets.signing_key_file
    forge.url forge.token_file board[].name board[].repository board[].repository_id
    board[].workspace board[].hook_secret_file board[].scopes board[].owner[].id
    board[].owner[].login board[].gate.*.scopes board[].gate.*.max_ttl board[].gate.*.quorum
    board[].gate.*.factors board[].requester[].id board[].judge[].id board[].judge[].login
    operator[].name client[].name client[].secret_file client[].boards
";

/// Where one value of a file is.
type Place = Vec<String>;

/// Every value of a table that is neither a table nor a list of tables, and its name in the
/// contract.
fn leaves(table: &Table) -> Vec<(Place, String)> {
    fn walk(value: &Value, place: &Place, shown: &str, found: &mut Vec<(Place, String)>) {
        let step = |part: &str| [place.as_slice(), &[part.to_owned()]].concat();
        match value {
            Value::Table(table) => {
                for (key, inner) in table {
                    let key_shown = if shown.ends_with("gate") { "*" } else { key };
                    let dot = if shown.is_empty() { "" } else { "." };
                    walk(
                        inner,
                        &step(key),
                        &format!("{shown}{dot}{key_shown}"),
                        found,
                    );
                }
            }
            Value::Array(items) if items.iter().any(Value::is_table) => {
                for (index, inner) in items.iter().enumerate() {
                    walk(
                        inner,
                        &step(&index.to_string()),
                        &format!("{shown}[]"),
                        found,
                    );
                }
            }
            _ => found.push((place.clone(), shown.to_owned())),
        }
    }
    let mut found = Vec::new();
    walk(&Value::Table(table.clone()), &Vec::new(), "", &mut found);
    found
}

/// The table that holds the last part of a place.
fn parent<'t>(table: &'t mut Table, place: &[String]) -> &'t mut Table {
    let mut here = table;
    let mut parts = place[..place.len() - 1].iter().peekable();
    while let Some(part) = parts.next() {
        here = match here.get_mut(part).unwrap() {
            Value::Table(inner) => inner,
            Value::Array(items) => {
                let index: usize = parts.next().unwrap().parse().unwrap();
                items[index].as_table_mut().unwrap()
            }
            other => unreachable!("{other}"),
        };
    }
    here
}

fn load(table: &Table) -> Result<Loaded, Vec<Fault>> {
    Sample(toml::to_string(table).unwrap()).load()
}

fn full_table() -> Table {
    full().0.parse().unwrap()
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_default_can_be_used_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ownergate.toml");
    std::fs::write(&file, DEFAULT).unwrap();
    let loaded = Config::load(&file).unwrap();
    let config = loaded.config;
    for secret in config.secret_files() {
        assert!(secret.path.starts_with(folder.path()), "{secret:?}");
    }
    assert_eq!(config.store.path, folder.path().join("data"));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_default_shows_every_key_of_the_contract_and_no_other() {
    let shown: BTreeSet<String> = leaves(&full_table()).into_iter().map(|it| it.1).collect();
    let contract = words(CONTRACT);
    assert_eq!(
        contract.difference(&shown).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert_eq!(
        shown.difference(&contract).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    full().load().unwrap();
}

#[test]
fn what_the_default_shows_in_comments_is_what_holds_without_it() {
    let (shown, left_out) = (full().load().unwrap().config, base().load().unwrap().config);
    assert_eq!(shown.tokens, left_out.tokens);
    assert_eq!(shown.requests, left_out.requests);
    assert_eq!(shown.forge.reconcile, left_out.forge.reconcile);
    assert_eq!(shown.forge.insecure_http, left_out.forge.insecure_http);
    assert_eq!(shown.server.admin_socket, left_out.server.admin_socket);
    let (shown, left_out) = (&shown.boards[0].rules, &left_out.boards[0].rules);
    assert_eq!(shown.requesters, left_out.requesters);
    assert_eq!(shown.max_open_requests, left_out.max_open_requests);
    assert_eq!(shown.list_in_thread, left_out.list_in_thread);
}

#[test]
fn only_the_required_keys_must_be_there() {
    let required = words(REQUIRED);
    let places = leaves(&full_table());
    assert!(required.is_subset(&places.iter().map(|it| it.1.clone()).collect()));
    for (place, shown) in places {
        let mut table = full_table();
        parent(&mut table, &place).remove(place.last().unwrap());
        let faults = load(&table).err().unwrap_or_default();
        let key = place.last().unwrap();
        let missing = faults
            .iter()
            .any(|fault| fault.key.ends_with(&format!(".{key}")) && fault.why == "is missing");
        assert_eq!(missing, required.contains(&shown), "{shown}: {faults:?}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_a_fault_of_its_key() {
    for (place, shown) in leaves(&full_table()) {
        let mut table = full_table();
        let key = place.last().unwrap();
        let date = "2026-11-25".parse().unwrap();
        parent(&mut table, &place).insert(key.clone(), Value::Datetime(date));
        let faults = load(&table).unwrap_err();
        let named = faults
            .iter()
            .any(|fault| fault.key.ends_with(&format!(".{key}")) && fault.why.contains("a date"));
        assert!(named, "{shown}: {faults:?}");
    }
}

#[test]
fn every_table_refuses_a_key_that_it_does_not_know() {
    for (place, shown) in leaves(&full_table()) {
        let mut table = full_table();
        let misspelt = format!("{}x", place.last().unwrap());
        parent(&mut table, &place).insert(misspelt.clone(), Value::Boolean(true));
        let faults = load(&table).unwrap_err();
        assert_eq!(faults.len(), 1, "{shown}: {faults:?}");
        assert!(faults[0].key.ends_with(&misspelt), "{shown}: {faults:?}");
        let nearest = format!("`{}`", place.last().unwrap());
        assert!(faults[0].why.contains(&nearest), "{shown}: {faults:?}");
    }
    let fault = only_fault(&base().and("[sever]\nlisten = \"x\"\n"), "sever");
    assert!(fault.why.contains("`server`"), "{fault}");
    assert_eq!(fault.example, "[server]");
}

#[test]
fn an_empty_file_names_everything_that_is_missing() {
    let faults = Sample(String::new()).load().unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "server.listen",
            "server.public_url",
            "store.path",
            "secrets.pepper_file",
            "secrets.signing_key_file",
            "forge.url",
            "forge.token_file",
            "board",
        ]
    );
}

#[test]
fn all_faults_are_told_at_once_and_none_twice() {
    let wrong = with("\"127.0.0.1:8420\"", "8420")
        .with("https://forge.example", "http://forge.example")
        .with("name = \"kan\"", "name = \"Kan!\"")
        .with("id = 2\n", "id = -1\n")
        .with("max_ttl = \"24h\"", "max_tll = \"24h\"")
        .with("boards = [\"kan\"]", "boards = []");
    let faults = wrong.load().unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "server.listen",
            "forge.url",
            "board[Kan!].owner[alice].id",
            "board[Kan!].gate.dev.max_ttl",
            "board[Kan!].gate.dev.max_tll",
            "board[Kan!].name",
            "client[kanban-api].boards",
        ]
    );
}

#[test]
fn a_fault_reads_like_a_sentence() {
    let fault = only_fault(
        &with("quorum = 1", "quorum = 3"),
        "board[kan].gate.dev.quorum",
    );
    assert_eq!(
        fault.to_string(),
        "/etc/ownergate/ownergate.toml: board[kan].gate.dev.quorum: 3 owners must approve, and only 2 \
         of this board may\n    help: quorum = 2, or one more [[board.owner]]"
    );
}

#[test]
fn a_slip_of_the_syntax_has_a_line_and_a_column() {
    let fault = only_fault(&with("quorum = 1", "quorum = = 1"), "");
    let line = base().0.split("quorum").next().unwrap().lines().count() + 1;
    assert!(
        fault.why.starts_with(&format!("line {line}, column 10: ")),
        "{fault}"
    );
    let twice = only_fault(&with("quorum = 1", "quorum = 1\nquorum = 2"), "");
    assert!(
        twice
            .why
            .starts_with(&format!("line {}, column 1: ", line + 1)),
        "{twice}"
    );
    assert_eq!(place("ä = 1\nü = ?", "ä = 1\nü = ".len()), (2, 5));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_file() {
    let marked = Sample(format!("\u{feff}{}", base().0));
    assert!(marked.load().is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("ownergate.toml");
    let faults = Config::load(&absent).unwrap_err();
    assert!(faults[0].why.contains("cannot be read"), "{faults:?}");
    std::fs::write(&absent, b"\xff\xfe[\0").unwrap();
    let faults = Config::load(&absent).unwrap_err();
    assert!(faults[0].why.contains("UTF-8"), "{faults:?}");
    assert_eq!(faults[0].file, absent);
}

#[test]
fn paths_begin_at_the_folder_of_the_file() {
    let config = with("\"secrets/pepper\"", "\"/run/pepper\"")
        .load()
        .unwrap()
        .config;
    assert_eq!(config.secrets.pepper_file, Path::new("/run/pepper"));
    assert_eq!(config.store.path, Path::new("/etc/ownergate/data"));
    assert_eq!(
        config.server.admin_socket,
        Path::new("/etc/ownergate/ownergate.sock")
    );
}

#[test]
fn a_policy_holds_the_rules_and_no_path_of_a_secret() {
    let config = full().load().unwrap().config;
    let policy = config.policy("5eed".to_owned(), UserId(5));
    assert_eq!(
        (policy.installation.as_str(), policy.bot),
        ("5eed", UserId(5))
    );
    assert_eq!(policy.forge, "https://forge.example");
    assert_eq!(policy.public_url, "https://gate.example");
    assert_eq!(policy.token_prefix, "og");
    let spans = [
        policy.activation,
        policy.grace,
        policy.identity_ttl,
        policy.request_ttl,
    ];
    assert_eq!(spans, [86_400, 900, 90 * 86_400, 72 * 3600]);
    assert_eq!(policy.closed_revoke, 86_400);
    let board = policy.board(RepositoryId(17)).unwrap();
    assert_eq!(board, &config.boards[0].rules);
    assert_eq!(board.name, "kan");
    assert!(board.owner(UserId(2)).unwrap().has_code);
    assert!(board.known_requesters.contains_key(&UserId(7)));
    assert!(board.judges.contains_key(&UserId(9)));
    let client = &policy.clients["kanban-api"];
    assert_eq!(client.boards, BTreeSet::from([RepositoryId(17)]));
    assert_eq!(
        client.environments,
        Some(BTreeSet::from(["dev".to_owned()]))
    );
    assert_eq!(policy.operators["piotr"].forge_id, Some(UserId(3)));
    let json = serde_json::to_string(&policy).unwrap();
    assert!(!json.contains("secrets/"), "{json}");
}
