//! `[[client]]`: the resource servers that may ask whether a token is alive.
//!
//! A client sees the tokens of the boards and environments that it names and no others; where a
//! board has several environments, leaving them out would let a token of one pass in another.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Board;
use super::fault::Reading;
use super::section::Section;
use super::value::{self, NAME, WORD};
use crate::gate::policy;

/// An example of what to write.
const ENVIRONMENTS: &str = r#"environments = ["dev"]"#;

/// A resource server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name by which it logs in.
    pub name: String,
    /// Its password.
    pub secret_file: PathBuf,
    /// What it may see.
    pub rules: policy::Client,
}

/// Reads every client.
pub(super) fn read_all(sections: Vec<Section<'_>>, boards: &[Board]) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    for mut section in sections {
        let name = section.required("name", r#"name = "kanban-api""#, |name| WORD.read(name));
        let name = name.unwrap_or_default();
        if !name.is_empty() && clients.iter().any(|client| client.name == name) {
            section.fault(
                "name",
                "another client has this name",
                r#"name = "another""#,
            );
        }
        let secret_file = section.required_secret(
            "secret_file",
            r#"secret_file = "secrets/client-kanban-api""#,
        );
        let named = section.required(
            "boards",
            r#"boards = ["kan"]"#,
            value::filled(|item| NAME.read(item)),
        );
        let environments = section.optional(
            "environments",
            ENVIRONMENTS,
            value::filled(|item| NAME.read(item)),
        );
        let seen = of_names(&section, boards, &named.unwrap_or_default());
        check_environments(&section, &seen, environments.as_ref());
        section.finish();
        clients.push(Client {
            name,
            secret_file,
            rules: policy::Client {
                boards: seen.iter().map(|board| board.rules.repository_id).collect(),
                environments,
            },
        });
    }
    clients
}

/// The boards of these names; an unknown one is a fault of the key `boards`.
pub(super) fn of_names<'b>(
    section: &Section<'_>,
    boards: &'b [Board],
    names: &BTreeSet<String>,
) -> Vec<&'b Board> {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        match boards.iter().find(|board| board.rules.name == *name) {
            Some(board) => found.push(board),
            None => unknown.push(format!("{name:?}")),
        }
    }
    // A missing board, or one whose own name is faulty, is told there.
    let all_named = boards.iter().all(|board| !board.rules.name.is_empty());
    if !unknown.is_empty() && all_named && !boards.is_empty() {
        let known: Vec<String> = boards
            .iter()
            .map(|board| format!("{:?}", board.rules.name))
            .collect();
        let why = format!("{} is no board of this file", unknown.join(", "));
        section.fault("boards", why, format!("boards = [{}]", known.join(", ")));
    }
    found
}

/// Environments are named where they must be, and exist.
fn check_environments(
    section: &Section<'_>,
    boards: &[&Board],
    environments: Option<&BTreeSet<String>>,
) {
    let all: BTreeSet<&String> = boards.iter().flat_map(|it| it.rules.gates.keys()).collect();
    let listed = |names: &BTreeSet<&String>| {
        let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        format!("environments = [{}]", names.join(", "))
    };
    match environments {
        None if section.reading.faulty(&section.at("environments")) => {}
        None => {
            if let Some(board) = boards.iter().find(|board| board.rules.gates.len() > 1) {
                let why = format!(
                    "must be named, because the board {:?} has several: a token of one must not \
                     pass in another",
                    board.rules.name
                );
                section.fault("environments", why, listed(&all));
            }
        }
        Some(_) if boards.is_empty() => {}
        Some(environments) => {
            let unknown: Vec<String> = environments
                .iter()
                .filter(|name| !all.contains(name))
                .map(|name| format!("{name:?}"))
                .collect();
            if !unknown.is_empty() {
                let why = format!("{} is no gate of its boards", unknown.join(", "));
                section.fault("environments", why, listed(&all));
            }
            warn_blind(
                section.reading,
                &section.at("environments"),
                boards,
                environments,
            );
        }
    }
}

/// Says where a client names a board and then sees nothing of it.
fn warn_blind(reading: &Reading, key: &str, boards: &[&Board], environments: &BTreeSet<String>) {
    for board in boards {
        let gates = &board.rules.gates;
        if !gates.is_empty() && !gates.keys().any(|gate| environments.contains(gate)) {
            let why = format!(
                "none of them is a gate of the board {:?}, so this client sees none of its tokens",
                board.rules.name
            );
            reading.warn(key, why);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{BOARD, CLIENT, base, only_fault, with};
    use crate::gate::ids::RepositoryId;

    const SECOND_GATE: &str = "[board.gate.dev]\n\
        scopes = [\"board:read\"]\nmax_ttl = \"1h\"\nquorum = 1\nfactors = [\"comment\"]\n\
        [board.gate.test]";

    #[test]
    fn a_client_sees_the_boards_that_it_names() {
        let client = base().load().unwrap().config.clients.remove(0);
        assert!(client.rules.boards.contains(&RepositoryId(17)));
        assert_eq!(client.rules.environments, None);
        let fault = only_fault(
            &with("boards = [\"kan\"]", "boards = [\"kun\"]"),
            "client[kanban-api].boards",
        );
        assert!(
            fault.why.contains("\"kun\"") && fault.example.contains("[\"kan\"]"),
            "{fault}"
        );
        only_fault(
            &with("boards = [\"kan\"]", "boards = []"),
            "client[kanban-api].boards",
        );
    }

    #[test]
    fn two_gates_ask_for_environments() {
        let two = with("[board.gate.dev]", SECOND_GATE);
        let fault = only_fault(&two, "client[kanban-api].environments");
        assert_eq!(fault.example, "environments = [\"dev\", \"test\"]");
        let named = two.with("[[client]]", "[[client]]\nenvironments = [\"dev\"]");
        assert!(named.load().is_ok());
    }

    #[test]
    fn an_environment_must_exist() {
        let named = with(
            "[[client]]",
            "[[client]]\nenvironments = [\"dev\", \"prod\"]",
        );
        let fault = only_fault(&named, "client[kanban-api].environments");
        assert!(fault.why.contains("\"prod\""), "{fault}");
    }

    #[test]
    fn a_board_of_which_a_client_sees_nothing_is_pointed_out() {
        let other = BOARD
            .replace("\"kan\"", "\"ops\"")
            .replace("hook-kan", "hook-ops")
            .replace("alice/board", "alice/ops")
            .replace("repository_id = 17", "repository_id = 18")
            .replace("gate.dev", "gate.test");
        let blind = base()
            .and(&other)
            .with("[[client]]", "[[client]]\nenvironments = [\"dev\"]")
            .with("boards = [\"kan\"]", "boards = [\"kan\", \"ops\"]");
        let warnings = blind.load().unwrap().warnings;
        assert!(warnings[0].why.contains("\"ops\""), "{warnings:?}");
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn clients_share_no_name() {
        let twice = base().and(&CLIENT.replace("client-kanban", "client-other"));
        only_fault(&twice, "client[kanban-api].name");
        only_fault(
            &with("kanban-api\"\nsecret", "kan:api\"\nsecret"),
            "client[kan:api].name",
        );
    }
}
