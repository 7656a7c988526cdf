//! Looking at everything that a gate needs, and saying of each thing whether it is as it should be and
//! what to do if not.
//!
//! It changes nothing: the one thing that can be seen on the forge is a reaction in the control issue,
//! which is taken back. What cannot be looked at is said and never taken for good. The names of the
//! checks are for programs and stay.

mod board;
mod forge;
mod local;
mod running;

use std::path::Path;

use secrecy::SecretString;
use serde::Serialize;

use crate::clock::Clock;
use crate::config::Config;
use crate::forgejo::{Client, ClientOptions, ForgejoError};
use crate::secret::file::read_secret_file;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works and could be better, or it could not be looked at.
    Warn,
    /// Something will not work, or is not safe.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which check: one of a fixed list of names.
    pub name: &'static str,
    /// The board that it is about, if it is about one.
    pub board: Option<String>,
    /// How it is.
    pub state: State,
    /// What was found.
    pub said: String,
    /// What to do; absent where all is well.
    pub mend: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Findings {
    /// In the order in which things were looked at.
    pub checks: Vec<Check>,
    board: Option<String>,
}

impl Findings {
    fn ok(&mut self, name: &'static str, said: impl Into<String>) {
        self.add(name, State::Ok, said.into(), None);
    }

    fn warn(&mut self, name: &'static str, said: impl Into<String>, mend: impl Into<String>) {
        self.add(name, State::Warn, said.into(), Some(mend.into()));
    }

    fn fail(&mut self, name: &'static str, said: impl Into<String>, mend: impl Into<String>) {
        self.add(name, State::Fail, said.into(), Some(mend.into()));
    }

    /// A call of the forge that gave no answer.
    fn unanswered(&mut self, name: &'static str, what: &str, error: &ForgejoError) {
        self.fail(name, format!("{what}: {}", said(error)), mend(error));
    }

    fn add(&mut self, name: &'static str, state: State, said: String, mend: Option<String>) {
        self.checks.push(Check {
            name,
            board: self.board.clone(),
            state,
            said,
            mend,
        });
    }

    /// The worst of all.
    pub fn worst(&self) -> State {
        let states = self.checks.iter().map(|check| check.state);
        states.max().unwrap_or(State::Ok)
    }
}

/// Looks at everything. `owner` is a token that may see the hooks; without it they are not looked at.
pub async fn examine(file: &Path, owner: Option<SecretString>, clock: &Clock) -> Findings {
    let mut found = Findings::default();
    let Some(config) = local::config(&mut found, file) else {
        return found;
    };
    local::secrets(&mut found, &config);
    local::gates(&mut found, &config);
    local::store(&mut found, &config);
    let running = running::ask(&mut found, &config, file).await;
    let bot = client(&mut found, &config, None);
    let Some(bot) = bot else {
        return found;
    };
    let Some(kind) = forge::reach(&mut found, &bot, clock).await else {
        return found;
    };
    if !forge::account(&mut found, &bot, &config).await {
        return found;
    }
    forge::scopes(&mut found, &bot, &config).await;
    let owner = match owner {
        Some(token) => client(&mut found, &config, Some(token)),
        None => None,
    };
    for configured in &config.boards {
        found.board = Some(configured.rules.name.clone());
        board::examine(
            &mut found,
            (&bot, owner.as_ref()),
            (&config, configured),
            running.as_ref().map(|running| (running, kind)),
        )
        .await;
    }
    found.board = None;
    found
}

/// A client with the bot's token, or another.
fn client(found: &mut Findings, config: &Config, token: Option<SecretString>) -> Option<Client> {
    let token = match token {
        Some(token) => token,
        // A file that cannot be read was told of already.
        None => read_secret_file(&config.forge.token_file)
            .ok()
            .map(|text| SecretString::from(text.expose()))?,
    };
    let made = Client::new(ClientOptions {
        base: config.forge.url.clone(),
        insecure_http: config.forge.insecure_http,
        token,
        user_agent: concat!("ownergate/", env!("CARGO_PKG_VERSION")).to_owned(),
    });
    match made {
        Ok(client) => Some(client),
        Err(fault) => {
            found.fail(
                "forge",
                fault.to_string(),
                "correct [forge] in the configuration",
            );
            None
        }
    }
}

/// An error without the advice that stands in it.
fn said(error: &ForgejoError) -> String {
    match error {
        ForgejoError::Redirected {
            status, location, ..
        } => format!("the forge redirects ({status}) to {location}, which is not followed"),
        other => {
            let text = other.to_string();
            let end = text.find("; ").unwrap_or(text.len());
            text[..end].to_owned()
        }
    }
}

/// What to do about an error.
pub(crate) fn mend(error: &ForgejoError) -> String {
    match error {
        ForgejoError::Redirected { mend, .. } => mend.clone(),
        ForgejoError::NotFound => {
            "the bot's account does not see it: add it to the repository (read)".to_owned()
        }
        ForgejoError::Permanent { status: 401, .. } => {
            "the token is not (or no longer) one of this forge: make a new one for the bot's account and \
             put it into forge.token_file"
                .to_owned()
        }
        ForgejoError::Permanent { why, .. }
            if crate::forgejo::client::setup::lacks_scope(why) =>
        {
            "make the bot's token with the scopes write:issue, read:repository and read:user".to_owned()
        }
        ForgejoError::Permanent { .. } => "look at the bot's rights on the forge".to_owned(),
        ForgejoError::TooLarge { .. } => "something else than a forge answers there".to_owned(),
        ForgejoError::Transient { why, .. } => transient(why),
    }
}

fn transient(why: &str) -> String {
    let mend = if why.contains("HTML") {
        "a login or challenge page stands in front of the forge: let calls to /api/v1 of this machine \
         through"
    } else if why.contains("not trusted") {
        "put the certificate of your authority into the system's store (update-ca-certificates), or name \
         a file with it in SSL_CERT_FILE of the bot's unit; nothing turns the verification off"
    } else if why.contains("in time") {
        "look whether this machine may reach the forge (firewall, proxy), and how busy the forge is"
    } else if why.contains("cannot be reached") {
        "start the forge, or correct [forge] url: nobody listens there"
    } else {
        "look into the forge's log, and try again"
    };
    mend.to_owned()
}
