//! The text of a first configuration, and of a board that is added to one.
//!
//! The first one is the documented default with other values: every key keeps its comment, and what
//! shows what could be (a gate with signatures, a second owner) is commented out. A board is added
//! behind what people have written, of which no letter changes.

use crate::config::DEFAULT;
use crate::gate::ids::{IssueNumber, RepositoryId, UserId};

/// What a first configuration says.
#[derive(Clone, Debug)]
pub struct NewGate {
    /// `server.listen`.
    pub listen: String,
    /// `server.internal_listen`.
    pub internal_listen: String,
    /// `server.public_url`.
    pub public_url: String,
    /// `forge.url`.
    pub forge: String,
    /// `forge.insecure_http`.
    pub insecure_http: bool,
    /// `forge.bot_id`.
    pub bot: UserId,
    /// The first board.
    pub board: NewBoard,
}

/// What a board says.
#[derive(Clone, Debug)]
pub struct NewBoard {
    /// Its name.
    pub name: String,
    /// `owner/name` of its repository.
    pub repository: String,
    /// The number of its repository.
    pub repository_id: RepositoryId,
    /// What its tokens are for.
    pub workspace: String,
    /// The closed list; the gate `dev` grants all of them.
    pub scopes: Vec<String>,
    /// Who asks and never approves.
    pub machine_accounts: Vec<UserId>,
    /// Who approves: at least one.
    pub owners: Vec<(UserId, String)>,
    /// Where the bot speaks when a thread refuses it.
    pub control_issue: IssueNumber,
}

impl NewBoard {
    /// The name of its first client.
    pub fn client(&self) -> String {
        format!("{}-api", self.name)
    }

    /// The file of its hook's secret, below the folder of the config.
    pub fn hook_secret(&self) -> String {
        format!("secrets/hook-{}", self.name)
    }

    /// The file of its client's secret, below the folder of the config.
    pub fn client_secret(&self) -> String {
        format!("secrets/client-{}", self.client())
    }

    fn ids(&self) -> String {
        let ids: Vec<String> = self
            .machine_accounts
            .iter()
            .map(ToString::to_string)
            .collect();
        format!("[{}]", ids.join(", "))
    }
}

/// A whole configuration.
pub fn whole(gate: &NewGate) -> String {
    let board = &gate.board;
    let mut sheet = Sheet::of(DEFAULT);
    sheet.set("[server]", "listen", &quoted(&gate.listen));
    sheet.set(
        "[server]",
        "internal_listen",
        &quoted(&gate.internal_listen),
    );
    sheet.set("[server]", "public_url", &quoted(&gate.public_url));
    sheet.set("[forge]", "url", &quoted(&gate.forge));
    if gate.insecure_http {
        sheet.set("[forge]", "insecure_http", "true");
    }
    sheet.set("[forge]", "bot_id", &gate.bot.to_string());
    sheet.set("[[board]]", "name", &quoted(&board.name));
    sheet.set("[[board]]", "repository", &quoted(&board.repository));
    let id = board.repository_id.0.to_string();
    sheet.set("[[board]]", "repository_id", &id);
    sheet.set("[[board]]", "workspace", &quoted(&board.workspace));
    sheet.set(
        "[[board]]",
        "hook_secret_file",
        &quoted(&board.hook_secret()),
    );
    sheet.set("[[board]]", "scopes", &list(&board.scopes));
    sheet.set("[[board]]", "machine_accounts", &board.ids());
    let control = board.control_issue.0.to_string();
    sheet.set("[[board]]", "control_issue", &control);
    sheet.hide("signing_keys");
    sheet.owners(&board.owners);
    sheet.set("[board.gate.dev]", "scopes", &list(&board.scopes));
    sheet.hide_table("[board.gate.production]");
    sheet.set("[[client]]", "name", &quoted(&board.client()));
    sheet.set("[[client]]", "secret_file", &quoted(&board.client_secret()));
    sheet.set(
        "[[client]]",
        "boards",
        &list(std::slice::from_ref(&board.name)),
    );
    let hook = format!("{}/hooks/{}", gate.public_url, board.name);
    let text = sheet
        .text()
        .replace("https://gate.example/hooks/kan", &hook);
    let page = format!("/api/v1/repos/{}", board.repository);
    let text = text.replace("/api/v1/repos/alice/board", &page);
    format!("# Made by `ownergate init`, yours from now on.\n#\n{text}")
}

/// A board with its client, to stand behind a configuration.
pub fn added(board: &NewBoard) -> String {
    let owners: String = board.owners.iter().map(owner).collect();
    format!(
        r#"
# Added by `ownergate init`. Every key that a board may have stands, with its comment, in the first one
# or in the documentation.
[[board]]
name = {name}
repository = {repository}
repository_id = {id}
workspace = {workspace}
hook_secret_file = {hook}
scopes = {scopes}
machine_accounts = {machines}
control_issue = {control}

{owners}[board.gate.dev]
scopes = {scopes}
max_ttl = "24h"
quorum = 1
factors = ["comment"]

[[client]]
name = {client}
secret_file = {secret}
boards = {boards}
environments = ["dev"]
"#,
        name = quoted(&board.name),
        repository = quoted(&board.repository),
        id = board.repository_id.0,
        workspace = quoted(&board.workspace),
        hook = quoted(&board.hook_secret()),
        scopes = list(&board.scopes),
        machines = board.ids(),
        control = board.control_issue.0,
        client = quoted(&board.client()),
        secret = quoted(&board.client_secret()),
        boards = list(std::slice::from_ref(&board.name)),
    )
}

fn owner((id, login): &(UserId, String)) -> String {
    format!("[[board.owner]]\nid = {id}\nlogin = {}\n\n", quoted(login))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

/// The lines of a configuration, changed one by one.
struct Sheet(Vec<String>);

impl Sheet {
    fn of(text: &str) -> Self {
        Self(text.lines().map(str::to_owned).collect())
    }

    fn text(self) -> String {
        let mut text = self.0.join("\n");
        text.push('\n');
        text
    }

    /// The first line of a table, and the line behind its last.
    fn table(&self, header: &str) -> Option<(usize, usize)> {
        let first = self.0.iter().position(|line| line == header)?;
        let rest = &self.0[first + 1..];
        let length = rest.iter().position(|line| line.starts_with('['));
        Some((first, first + 1 + length.unwrap_or(rest.len())))
    }

    /// Writes a value where the key stands in the first such table, commented out or not.
    fn set(&mut self, header: &str, key: &str, value: &str) {
        let Some((first, end)) = self.table(header) else {
            return;
        };
        let own = |line: &String| {
            let line = line.strip_prefix('#').unwrap_or(line);
            line.strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(" = "))
        };
        if let Some(place) = self.0[first..end].iter().position(own) {
            self.0[first + place] = format!("{key} = {value}");
        }
    }

    /// Comments a key out, wherever it stands.
    fn hide(&mut self, key: &str) {
        let start = format!("{key} = ");
        for line in self.0.iter_mut().filter(|line| line.starts_with(&start)) {
            line.insert(0, '#');
        }
    }

    /// Comments a table out, up to the next blank line.
    fn hide_table(&mut self, header: &str) {
        if let Some((first, end)) = self.table(header) {
            let lines = self.0[first..end].iter_mut();
            for line in lines.take_while(|line| !line.is_empty()) {
                if !line.starts_with('#') {
                    line.insert(0, '#');
                }
            }
        }
    }

    /// The owners: the first one keeps the comments, the others follow it.
    fn owners(&mut self, owners: &[(UserId, String)]) {
        if let Some((id, login)) = owners.first() {
            self.set("[[board.owner]]", "id", &id.to_string());
            self.set("[[board.owner]]", "login", &quoted(login));
        }
        let Some((_, second)) = self.table("[[board.owner]]") else {
            return;
        };
        let length = self.0[second..].iter().position(String::is_empty);
        let end = length.map_or(self.0.len(), |length| second + length + 1);
        let others: String = owners.iter().skip(1).map(owner).collect();
        let others: Vec<String> = others.lines().map(str::to_owned).collect();
        self.0.splice(second..end, others);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Loaded};

    fn board(name: &str, id: i64, owners: &[(i64, &str)]) -> NewBoard {
        NewBoard {
            name: name.to_owned(),
            repository: format!("alice/{name}"),
            repository_id: RepositoryId(id),
            workspace: format!("{name}-ductor"),
            scopes: vec!["card:read".to_owned(), "card:write".to_owned()],
            machine_accounts: vec![UserId(7)],
            owners: owners
                .iter()
                .map(|(id, login)| (UserId(*id), (*login).to_owned()))
                .collect(),
            control_issue: IssueNumber(4),
        }
    }

    fn gate(owners: &[(i64, &str)]) -> NewGate {
        NewGate {
            listen: "127.0.0.1:9420".to_owned(),
            internal_listen: "127.0.0.1:9421".to_owned(),
            public_url: "https://host.example/gate".to_owned(),
            forge: "https://forge.example/git".to_owned(),
            insecure_http: false,
            bot: UserId(11),
            board: board("roadmap", 23, owners),
        }
    }

    fn load(text: &str) -> Loaded {
        Config::parse(Path::new("/srv/gate/ownergate.toml"), text).unwrap()
    }

    #[test]
    fn a_first_configuration_says_what_was_found_and_keeps_every_comment() {
        let text = whole(&gate(&[(2, "alice")]));
        let Loaded { config, warnings } = load(&text);
        assert_eq!(warnings, []);
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:9420");
        assert_eq!(config.server.public_url, "https://host.example/gate");
        assert_eq!(config.forge.bot_id, Some(UserId(11)));
        let rules = &config.boards[0].rules;
        assert_eq!(
            (rules.name.as_str(), rules.repository_id.0),
            ("roadmap", 23)
        );
        assert_eq!(rules.repository, "alice/roadmap");
        assert_eq!(rules.control_issue, Some(IssueNumber(4)));
        assert_eq!(rules.owners.len(), 1);
        assert!(rules.owners[&UserId(2)].signing_keys.is_empty());
        let gates: Vec<&String> = rules.gates.keys().collect();
        assert_eq!(gates, ["dev"]);
        assert_eq!(rules.gates["dev"].quorum, 1);
        assert_eq!(config.clients[0].name, "roadmap-api");
        let comments = |text: &str| {
            let prose = |line: &&str| line.starts_with("# ");
            text.lines().filter(prose).count()
        };
        assert_eq!(comments(&text), comments(DEFAULT) + 1);
        assert!(
            text.contains("# The path of its webhook: https://host.example/gate/hooks/roadmap")
        );
        assert!(
            text.contains("#[board.gate.production]\n#scopes = "),
            "{text}"
        );
    }

    #[test]
    fn every_owner_is_there() {
        let config = load(&whole(&gate(&[(2, "alice"), (5, "piotr"), (8, "maja")]))).config;
        let owners = &config.boards[0].rules.owners;
        let logins: Vec<&str> = owners.values().map(|owner| owner.login.as_str()).collect();
        assert_eq!(logins, ["alice", "piotr", "maja"]);
    }

    #[test]
    fn a_board_is_added_behind_what_people_have_written() {
        let first = format!("{}# my own last line", whole(&gate(&[(2, "alice")])));
        let text = format!(
            "{first}\n{}",
            added(&board("ops", 24, &[(5, "piotr"), (2, "alice")]))
        );
        let Loaded { config, warnings } = load(&text);
        assert_eq!(warnings, []);
        assert!(text.starts_with(&first));
        let names: Vec<&str> = config
            .boards
            .iter()
            .map(|it| it.rules.name.as_str())
            .collect();
        assert_eq!(names, ["roadmap", "ops"]);
        assert_eq!(config.boards[1].rules.owners.len(), 2);
        assert_eq!(config.clients[1].name, "ops-api");
        // Each client sees its own board only.
        let seen = &config.clients[1].rules.boards;
        assert_eq!(seen.iter().map(|id| id.0).collect::<Vec<_>>(), [24]);
    }

    #[test]
    fn no_value_can_leave_its_quotes() {
        let mut odd = gate(&[(2, "al\"ice\n[[client]]")]);
        odd.board.workspace = "a\"\nlisten = 1".to_owned();
        let text = whole(&odd);
        assert!(!text.lines().any(|line| line == "listen = 1"), "{text}");
        assert_eq!(text.lines().filter(|line| *line == "[[client]]").count(), 1);
    }
}
