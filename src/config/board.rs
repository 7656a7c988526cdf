//! `[[board]]`: one repository that may ask, with its people and its gates.
//!
//! The rules are read straight into the policy that decisions are made by, so that no second form
//! of them exists; beside them stand only the paths of secrets, which no policy may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use toml::Value;

use super::check;
use super::duration::{DAY, MINUTE};
use super::fault::Reading;
use super::section::Section;
use super::value::{self, NAME, RESOURCE, SCOPE, WORD};
use super::{gate, people};
use crate::gate::ids::{IssueNumber, RepositoryId, UserId};
use crate::gate::policy;

/// An example of what to write.
const SCOPES: &str = r#"scopes = ["board:read", "card:write"]"#;

/// One repository that may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// The rules, as decisions see them.
    pub rules: policy::Board,
    /// The secret of its webhook.
    pub hook_secret_file: PathBuf,
    /// The one before, while rotating.
    pub previous_hook_secret_file: Option<PathBuf>,
    /// Where the owners' secrets for one-time codes are.
    pub totp_files: BTreeMap<UserId, PathBuf>,
}

impl Board {
    /// What its key is called in faults: `board[kan]`.
    pub(super) fn key(&self) -> String {
        format!("board[{}]", self.rules.name.escape_debug())
    }
}

/// Reads every board. `bot` is the bot's own account, where the file names it.
pub(super) fn read_all(
    reading: &Reading,
    sections: Vec<Section<'_>>,
    bot: Option<UserId>,
) -> Vec<Board> {
    if sections.is_empty() && !reading.faulty("board") {
        reading.fault(
            "board",
            "no board is configured, so nobody could ask",
            "[[board]] with name, repository, repository_id, workspace, hook_secret_file, scopes, \
             one [[board.owner]] and one [board.gate.dev]",
        );
    }
    let mut boards: Vec<Board> = Vec::new();
    for section in sections {
        let (reading, key) = (section.reading, section.key.clone());
        let board = read(section);
        check::board(reading, &key, &board, bot);
        check_unlike(reading, &key, &boards, &board.rules);
        boards.push(board);
    }
    check::machines_elsewhere(reading, &boards);
    boards
}

/// Reads one board.
fn read(mut section: Section<'_>) -> Board {
    let owners = people::owners(section.tables("owner", "login"));
    let known_requesters = people::requesters(section.tables("requester", "id"));
    let judges = people::judges(section.tables("judge", "login"));
    let gates = section.named_tables("gate").into_iter();
    let gates = gates.map(|(name, table)| (name.clone(), gate::read(&name, table)));
    let gates: BTreeMap<String, policy::Gate> = gates.collect();
    let hook_secret_file = section.required_secret(
        "hook_secret_file",
        r#"hook_secret_file = "secrets/hook-kan""#,
    );
    let previous_hook_secret_file = section.optional_secret(
        "previous_hook_secret_file",
        r#"previous_hook_secret_file = "secrets/hook-kan-before""#,
    );
    let rules = rules(&mut section);
    section.finish();
    Board {
        rules: policy::Board {
            owners: owners.owners,
            known_requesters,
            judges,
            gates,
            ..rules
        },
        hook_secret_file,
        previous_hook_secret_file,
        totp_files: owners.totp_files,
    }
}

/// Reads the keys that say what the board is; people and gates are put in by the caller.
fn rules(section: &mut Section<'_>) -> policy::Board {
    let text = Option::unwrap_or_default;
    let name = section.required("name", r#"name = "kan""#, |name| NAME.read(name));
    let repository = section.required("repository", r#"repository = "alice/board""#, repository);
    let id = section.required("repository_id", "repository_id = 17", value::forge_number);
    let workspace = section.required("workspace", r#"workspace = "kan-ductor""#, |workspace| {
        WORD.read(workspace)
    });
    let scopes = section.required("scopes", SCOPES, value::filled(|item| SCOPE.read(item)));
    let bare = policy::Board {
        name: text(name),
        repository: text(repository),
        repository_id: RepositoryId(id.unwrap_or(0)),
        workspace: text(workspace),
        scopes: scopes.unwrap_or_default(),
        resources: None,
        modes: None,
        requesters: policy::Requesters::Listed,
        machine_accounts: BTreeSet::new(),
        known_requesters: BTreeMap::new(),
        max_open_requests: 50,
        control_issue: None,
        quiet_hours: None,
        list_in_thread: false,
        max_silence: None,
        owners: BTreeMap::new(),
        gates: BTreeMap::new(),
        judges: BTreeMap::new(),
    };
    settings(section, bare)
}

/// Reads the keys that may be left out, over what holds without them.
fn settings(section: &mut Section<'_>, bare: policy::Board) -> policy::Board {
    let words = [
        ("listed", policy::Requesters::Listed),
        ("anyone", policy::Requesters::Anyone),
    ];
    let resources = value::set(|item| RESOURCE.read(item));
    let modes = value::set(|item| SCOPE.read(item));
    let requesters = section.optional(
        "requesters",
        r#"requesters = "listed""#,
        value::one_of(&words),
    );
    let machines = section.optional(
        "machine_accounts",
        "machine_accounts = [7]",
        value::set(value::user),
    );
    let open = section.optional(
        "max_open_requests",
        "max_open_requests = 50",
        value::number(1, 1000),
    );
    let list = section.optional("list_in_thread", "list_in_thread = false", value::boolean);
    let quiet = r#"quiet_hours = "22:00-07:00 Europe/Warsaw""#;
    let silence = value::span(MINUTE, 30 * DAY);
    policy::Board {
        resources: section.optional("resources", r#"resources = ["roadmap"]"#, resources),
        modes: section.optional("modes", r#"modes = ["interactive"]"#, modes),
        requesters: requesters.unwrap_or(bare.requesters),
        machine_accounts: machines.unwrap_or_default(),
        max_open_requests: open.unwrap_or(bare.max_open_requests),
        control_issue: section
            .optional("control_issue", "control_issue = 1", value::forge_number)
            .map(IssueNumber),
        quiet_hours: section.optional("quiet_hours", quiet, gate::window),
        list_in_thread: list.unwrap_or(bare.list_in_thread),
        max_silence: section.optional("max_silence", r#"max_silence = "1h""#, silence),
        ..bare
    }
}

/// `owner/name`, as the forge shows it.
fn repository(value: &Value) -> Result<String, String> {
    let text = value::text(value)?;
    let part = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !part.is_empty()
            && part.len() <= 100
            && part.chars().all(allowed)
            && part != "."
            && part != ".."
    };
    match text.split_once('/') {
        Some((owner, name)) if part(owner) && part(name) => Ok(text),
        _ => Err(format!("{text:?}: a repository has the form owner/name")),
    }
}

/// Refuses what an earlier board has already.
fn check_unlike(reading: &Reading, key: &str, earlier: &[Board], rules: &policy::Board) {
    let refuse = |part: &str, value: String, example: &str| {
        let why = format!("another board has {part} = {value} already");
        reading.fault(format!("{key}.{part}"), why, example);
    };
    for other in earlier.iter().map(|board| &board.rules) {
        if other.name == rules.name && !rules.name.is_empty() {
            refuse("name", format!("{:?}", rules.name), r#"name = "another""#);
        }
        if other.repository_id == rules.repository_id && rules.repository_id.0 > 0 {
            let id = rules.repository_id.to_string();
            refuse(
                "repository_id",
                id,
                "the id that `GET /api/v1/repos/OWNER/NAME` shows",
            );
        }
        let same_path = other.repository.eq_ignore_ascii_case(&rules.repository);
        if same_path && !rules.repository.is_empty() {
            let path = format!("{:?}", rules.repository);
            refuse("repository", path, r#"repository = "alice/another""#);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{BOARD, base, only_fault, with};
    use super::*;

    /// A second board that differs from the first in everything that must differ.
    fn second_board() -> String {
        BOARD
            .replace("\"kan\"", "\"ops\"")
            .replace("hook-kan", "hook-ops")
            .replace("alice/board", "alice/ops")
            .replace("repository_id = 17", "repository_id = 18")
    }

    #[test]
    fn what_is_left_out_has_the_documented_value() {
        let loaded = base().load().unwrap();
        let rules = &loaded.config.boards[0].rules;
        assert_eq!(rules.requesters, policy::Requesters::Listed);
        assert_eq!(rules.max_open_requests, 50);
        assert!(!rules.list_in_thread);
        assert_eq!((&rules.resources, &rules.modes), (&None, &None));
        assert_eq!((&rules.control_issue, &rules.quiet_hours), (&None, &None));
        assert_eq!(rules.max_silence, None);
        let alice = rules.owner(UserId(2)).unwrap();
        assert!(alice.may_approve && !alice.has_code && alice.ceiling.is_none());
        let gate = &rules.gates["dev"];
        assert!(!gate.self_approval && !gate.holder_rotation && !gate.offline);
    }

    #[test]
    fn somebody_must_be_able_to_ask() {
        let fault = only_fault(&with(BOARD, ""), "board");
        assert!(fault.example.contains("[[board.owner]]"), "{fault}");
        let single = with("[[board]]", "[board]");
        let fault = only_fault(&single, "board");
        assert!(fault.why.contains("double brackets"), "{fault}");
    }

    #[test]
    fn boards_share_no_name_and_no_repository() {
        let two = base().and(&second_board());
        assert_eq!(two.load().unwrap().config.boards.len(), 2);
        for (from, to, key) in [
            ("\"ops\"", "\"kan\"", "board[kan].name"),
            (
                "repository_id = 18",
                "repository_id = 17",
                "board[ops].repository_id",
            ),
            ("alice/ops", "Alice/Board", "board[ops].repository"),
        ] {
            let fault = only_fault(&two.clone().with(from, to), key);
            assert!(fault.why.contains("another board"), "{fault}");
        }
    }

    #[test]
    fn names_and_numbers_have_their_form() {
        for (from, to, key) in [
            ("name = \"kan\"", "name = \"Kan\"", "board[Kan].name"),
            ("name = \"kan\"", "name = \"../kan\"", "board[../kan].name"),
            ("alice/board", "board", "board[kan].repository"),
            ("alice/board", "alice/../board", "board[kan].repository"),
            ("alice/board", "alice/..", "board[kan].repository"),
            (
                "repository_id = 17",
                "repository_id = 0",
                "board[kan].repository_id",
            ),
            ("\"kan-ductor\"", "\"\"", "board[kan].workspace"),
            (
                "max_open_requests = 10",
                "max_open_requests = 0",
                "board[kan].max_open_requests",
            ),
            (
                "max_open_requests = 10",
                "control_issue = 0",
                "board[kan].control_issue",
            ),
            (
                "max_open_requests = 10",
                "max_silence = \"5s\"",
                "board[kan].max_silence",
            ),
            (
                "max_open_requests = 10",
                "quiet_hours = \"22:00-07:00 Europe/Warzawa\"",
                "board[kan].quiet_hours",
            ),
            (
                "max_open_requests = 10",
                "requesters = \"all\"",
                "board[kan].requesters",
            ),
            (
                "max_open_requests = 10",
                "resources = [\"a b\"]",
                "board[kan].resources",
            ),
            (
                "max_open_requests = 10",
                "modes = [\"A\"]",
                "board[kan].modes",
            ),
        ] {
            let changed = with("[[board]]", "[[board]]\nmax_open_requests = 10").with(from, to);
            only_fault(&changed, key);
        }
    }

    #[test]
    fn every_wrong_scope_of_a_list_is_named() {
        let scopes = r#"scopes = ["board:read", "Card:write", "card write", "board:read"] #"#;
        let changed = with(r#"scopes = ["board:read", "card:write"]"#, scopes);
        let fault = only_fault(&changed, "board[kan].scopes");
        for named in [
            "Card:write",
            "card write",
            "\"board:read\" stands there twice",
        ] {
            assert!(fault.why.contains(named), "{fault}");
        }
        let long = format!("scopes = [\"{}\"] #", "s".repeat(65));
        only_fault(
            &with(r#"scopes = ["board:read", "card:write"]"#, &long),
            "board[kan].scopes",
        );
    }
}
