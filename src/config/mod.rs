//! The configuration file: read whole, judged whole, and every fault told at once.
//!
//! Unknown keys are faults, relative paths start at the file's folder, and secrets are files whose
//! paths stand here and whose content never does. Loading reads that one file and nothing else; the
//! secret files are read, and the forge is asked, by others.

use std::path::{Path, PathBuf};

use toml::Table;

use crate::gate::ids::UserId;
use crate::gate::policy::Policy;

mod base_url;
mod board;
mod check;
mod client;
pub mod duration;
mod fault;
mod forge;
mod gate;
mod limits;
mod listen;
mod operator;
mod people;
mod secrets;
mod section;
mod server;
mod signing_key;
mod store;
mod tokens;
mod value;
mod warnings;

#[cfg(test)]
mod testing;

pub use board::Board;
pub use check::factor_words;
pub use client::Client;
pub use fault::{Fault, Warning};
pub use forge::Forge;
pub use limits::Limits;
pub use listen::Listen;
pub use operator::Operator;
pub use secrets::{SecretFile, SecretKind, Secrets};
pub use server::Server;
pub use store::Store;
pub use tokens::{Requests, Tokens};

use fault::Reading;
use section::Section;

/// The documented default, for people to begin with.
pub const DEFAULT: &str = include_str!("../../config/ownergate.toml");

/// A configuration that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file it came from; absolute.
    pub file: PathBuf,
    /// Where the bot listens.
    pub server: Server,
    /// Where the journal lives.
    pub store: Store,
    /// The bot's own secrets.
    pub secrets: Secrets,
    /// The forge.
    pub forge: Forge,
    /// Tokens.
    pub tokens: Tokens,
    /// Requests.
    pub requests: Requests,
    /// How often callers may call.
    pub limits: Limits,
    /// The boards, in the file's order.
    pub boards: Vec<Board>,
    /// The operators, in the file's order.
    pub operators: Vec<Operator>,
    /// The resource servers, in the file's order.
    pub clients: Vec<Client>,
}

/// What loading gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What a person should know about it.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads a file. The error holds every fault of it, in the file's order of sections; at least
    /// one.
    pub fn load(path: &Path) -> Result<Loaded, Vec<Fault>> {
        let unreadable = |why: String, example: &str| {
            vec![Fault {
                file: path.to_owned(),
                key: String::new(),
                why,
                example: example.to_owned(),
            }]
        };
        let file = std::path::absolute(path)
            .map_err(|why| unreadable(why.to_string(), "--config ownergate.toml"))?;
        let bytes = std::fs::read(&file).map_err(|why| {
            let why = format!("cannot be read: {why}");
            unreadable(why, "--config /etc/ownergate/ownergate.toml")
        })?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let why = "is not UTF-8 text".to_owned();
            unreadable(why, "a file saved as UTF-8")
        })?;
        Self::parse(&file, &text)
    }

    /// Reads a text as if it stood in a file at this absolute path.
    pub fn parse(file: &Path, text: &str) -> Result<Loaded, Vec<Fault>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let reading = Reading::new(file.to_owned());
        match text.parse::<Table>() {
            Ok(table) => Self::read(reading, table),
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let (line, column) = place(text, offset);
                let why = format!(
                    "line {line}, column {column}: {}",
                    error.message().trim().escape_debug()
                );
                reading.fault("", why, r#"key = "value", each key once in its table"#);
                Err(reading.finish().0)
            }
        }
    }

    /// The rules in force, without any secret. `installation` names the first signing key, `bot` is
    /// the account that the forge says the token belongs to.
    pub fn policy(&self, installation: String, bot: UserId) -> Policy {
        let boards = self.boards.iter().map(|board| board.rules.clone());
        let clients = self.clients.iter();
        let operators = self.operators.iter();
        Policy {
            installation,
            forge: self.forge.url.clone(),
            public_url: self.server.public_url.clone(),
            bot,
            token_prefix: self.tokens.prefix.clone(),
            activation: self.tokens.activation,
            grace: self.tokens.grace,
            identity_ttl: self.tokens.identity_ttl,
            request_ttl: self.requests.ttl,
            closed_revoke: self.tokens.closed_revoke,
            boards: boards.map(|board| (board.repository_id, board)).collect(),
            clients: clients
                .map(|client| (client.name.clone(), client.rules.clone()))
                .collect(),
            operators: operators
                .map(|operator| (operator.name.clone(), operator.rules.clone()))
                .collect(),
        }
    }

    /// Every secret file that it names, with what the file should hold.
    pub fn secret_files(&self) -> Vec<SecretFile> {
        secrets::files(self)
    }

    /// What is wrong with it once the bot's account is known, where the file did not name it.
    pub fn bot_faults(&self, bot: UserId) -> Vec<Fault> {
        let reading = Reading::new(self.file.clone());
        for board in &self.boards {
            check::the_bot(&reading, &board.key(), &board.rules, bot);
        }
        reading.finish().0
    }

    /// Reads every section, then what only the whole can show.
    fn read(reading: Reading, table: Table) -> Result<Loaded, Vec<Fault>> {
        let config = Self::read_sections(&reading, table);
        secrets::check_distinct(&reading, &config.secret_files());
        secrets::check_codes(&reading, &config.boards);
        warnings::warn(&reading, &config);
        match reading.finish() {
            (faults, warnings) if faults.is_empty() => Ok(Loaded { config, warnings }),
            (faults, _) => Err(faults),
        }
    }

    /// Reads every section; what is faulty has a stand-in, and a fault was noted.
    fn read_sections(reading: &Reading, table: Table) -> Self {
        let mut root = Section::new(reading, "", table);
        let server = server::read(root.table("server"));
        let store = store::read(root.table("store"));
        let secrets = secrets::read(root.table("secrets"));
        let forge = forge::read(root.table("forge"));
        let tokens = tokens::read(root.table("tokens"));
        let requests = tokens::read_requests(root.table("requests"));
        let limits = limits::read(root.table("limits"));
        let boards = board::read_all(reading, root.tables("board", "name"), forge.bot_id);
        let operators = operator::read_all(root.tables("operator", "name"), &boards);
        let clients = client::read_all(root.tables("client", "name"), &boards);
        root.finish();
        Self {
            file: reading.file().to_owned(),
            server,
            store,
            secrets,
            forge,
            tokens,
            requests,
            limits,
            boards,
            operators,
            clients,
        }
    }
}

/// The line and the column of a byte, both from 1 and in characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests;
