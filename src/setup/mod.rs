//! Making a gate where there is none: secrets, the bot's account, the board on the forge, the config.
//!
//! Every step looks first and makes only what is missing, so that a second run changes nothing and one
//! that was broken off goes on. The token that does it is an owner's or an administrator's: it is
//! used in memory and written nowhere. The config is written last, when all that it names is there. In a
//! rehearsal the same is looked at and said, and nothing is made: the forge is only read.

mod account;
mod board;
mod found;
mod made;
mod secrets;
pub mod text;
mod undo;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use secrecy::SecretString;

pub(crate) use board::missing as missing_events;
pub(crate) use found::Kind;
pub use made::{Made, Notes};
pub use undo::{Undo, undo};

use crate::cli::confirm::Go;
use crate::config::{Config, Loaded};
use crate::forgejo::client::setup::{Account, Place};
use crate::forgejo::client::{Client, ClientOptions, RepositoryPath};
use crate::gate::ids::{IssueNumber, UserId};
use crate::secret::file::SecretText;
use text::{NewBoard, NewGate};

/// The name of the config in its folder.
pub const CONFIG: &str = "ownergate.toml";

/// Stands for the bot's number until the forge has said it; no account has it.
const NOBODY_YET: i64 = i64::MAX;

/// Stands for the control issue's until that is open.
const NO_ISSUE_YET: IssueNumber = IssueNumber(1);

/// What is wished for, with nothing left to ask.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The forge's address.
    pub forge: String,
    /// Tokens may cross a private network unencrypted.
    pub insecure_http: bool,
    /// `owner/name`.
    pub repository: String,
    /// Logins of who approves.
    pub owners: Vec<String>,
    /// Logins of who asks and never approves.
    pub requesters: Vec<String>,
    /// The bot's account.
    pub bot: BotWish,
    /// `server.listen`.
    pub listen: String,
    /// `server.internal_listen`.
    pub internal_listen: String,
    /// `server.public_url`.
    pub public_url: String,
    /// The folder of config, secrets and store.
    pub directory: PathBuf,
    /// The board's name; made of the repository's if absent.
    pub board: Option<String>,
    /// What the tokens are for; the board's name if absent.
    pub workspace: Option<String>,
    /// The closed list of scopes.
    pub scopes: Vec<String>,
}

/// Which account the bot uses.
#[derive(Clone, Debug)]
pub enum BotWish {
    /// One that is made, with this login.
    Make(String),
    /// One that is there: its token.
    Token(SecretText),
    /// The one that the config names already.
    AsConfigured,
}

/// How a line of the report is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was missing and is there now.
    Made,
    /// It was there and is now as it should be.
    Mended,
    /// It was there and right.
    Found,
    /// It was there and is not any more, or is closed.
    Undone,
    /// A person should know.
    Note,
}

/// Who is told what happens, while it happens.
pub trait Report {
    /// One line.
    fn say(&mut self, step: Step, what: &str);
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The config.
    pub config: PathBuf,
    /// The board's name.
    pub board: String,
    /// Anything was made or mended, or would be.
    pub changed: bool,
    /// The board was added to a config that was there, so that a running bot has to be told.
    pub added: bool,
}

/// What the steps share.
struct Work<'a> {
    wish: &'a Wish,
    /// The forge, as the owner or administrator sees it.
    forge: Client,
    /// Who that is.
    me: Account,
    path: RepositoryPath,
    notes: Notes,
    go: Go,
    report: &'a mut dyn Report,
    changed: bool,
}

impl Work<'_> {
    fn say(&mut self, step: Step, what: &str) {
        self.changed |= matches!(step, Step::Made | Step::Mended);
        self.report.say(step, what);
    }

    fn rehearses(&self) -> bool {
        self.go == Go::Rehearse
    }
}

/// Makes what is missing, or says what would be made.
pub async fn run(
    wish: &Wish,
    token: SecretString,
    go: Go,
    report: &mut dyn Report,
) -> anyhow::Result<Outcome> {
    let before = configured(&wish.directory)?;
    let forge = client(&wish.forge, wish.insecure_http, token)?;
    let path = RepositoryPath::parse(&wish.repository).with_context(|| {
        format!(
            "{:?} is no repository: it has the form owner/name",
            wish.repository
        )
    })?;
    let me = found::me(&forge).await?;
    let kind = found::kind(&forge).await?;
    let place = found::place(&forge, &me, &path).await?;
    let people = found::people(&forge, wish).await?;
    if go == Go::DoIt {
        std::fs::create_dir_all(&wish.directory)
            .with_context(|| format!("cannot make the folder {}", wish.directory.display()))?;
    }
    let notes = notes(wish)?.kept(go);
    let mut work = Work {
        wish,
        forge,
        me,
        path,
        notes,
        go,
        report,
        changed: false,
    };
    let known = before.as_ref().and_then(|config| {
        let mut boards = config.boards.iter();
        boards.find(|board| board.rules.repository_id == place.id)
    });
    let name = board::name(wish, before.as_ref(), &place)?;
    let mut gate = new_gate(wish, &place, &name, &people);
    if known.is_none() {
        // Before anything is made, with numbers that only the forge can give left open.
        config_text(&work, before.as_ref(), &gate)?;
    }
    let own = secrets::own(&mut work, before.as_ref())?;
    let bot = account::bot(&mut work, &own.forge_token, &people).await?;
    let hook = secrets::of_board(&mut work, before.as_ref(), &name)?;
    board::reader(&mut work, &place, &bot).await?;
    board::form(&mut work, &place, kind).await?;
    let configured = known.and_then(|board| board.rules.control_issue);
    gate.bot = bot.id;
    gate.board.control_issue = board::control_issue(&mut work, &place, configured).await?;
    board::webhook(&mut work, &place, kind, (&name, &hook)).await?;
    write_config(&mut work, before.as_ref(), known.is_some(), &gate)?;
    Ok(Outcome {
        config: wish.directory.join(CONFIG),
        board: name,
        changed: work.changed,
        added: before.is_some() && known.is_none(),
    })
}

/// The notes of this folder, which are about this forge.
fn notes(wish: &Wish) -> anyhow::Result<Notes> {
    let mut notes = Notes::read(&wish.directory)?;
    if notes.made.forge.is_empty() {
        notes.made.forge.clone_from(&wish.forge);
    } else if notes.made.forge != wish.forge {
        bail!(
            "{} was set up for {}, not for {}: use another --dir for another forge",
            wish.directory.display(),
            notes.made.forge,
            wish.forge
        );
    }
    Ok(notes)
}

/// What the config will say. The bot's number and the control issue's are not known yet.
fn new_gate(wish: &Wish, place: &Place, name: &str, people: &found::People) -> NewGate {
    let owner = |person: &Account| (person.id, person.login.clone());
    let board = NewBoard {
        name: name.to_owned(),
        repository: place.full_name.clone(),
        repository_id: place.id,
        workspace: wish.workspace.clone().unwrap_or_else(|| name.to_owned()),
        scopes: wish.scopes.clone(),
        machine_accounts: people.requesters.iter().map(|person| person.id).collect(),
        owners: people.owners.iter().map(owner).collect(),
        control_issue: NO_ISSUE_YET,
    };
    NewGate {
        listen: wish.listen.clone(),
        internal_listen: wish.internal_listen.clone(),
        public_url: wish.public_url.clone(),
        forge: wish.forge.clone(),
        insecure_http: wish.insecure_http,
        bot: UserId(NOBODY_YET),
        board,
    }
}

/// The configuration that is there already; one with a fault stops everything.
pub fn configured(directory: &Path) -> anyhow::Result<Option<Config>> {
    let file = directory.join(CONFIG);
    if !file.exists() {
        return Ok(None);
    }
    match Config::load(&file) {
        Ok(Loaded { config, .. }) => Ok(Some(config)),
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            bail!(
                "{} is there and cannot be used; nothing was touched\n{}",
                file.display(),
                faults.join("\n")
            )
        }
    }
}

/// A client with this token.
pub fn client(forge: &str, insecure_http: bool, token: SecretString) -> anyhow::Result<Client> {
    let client = Client::new(ClientOptions {
        base: forge.to_owned(),
        insecure_http,
        token,
        user_agent: concat!("ownergate/", env!("CARGO_PKG_VERSION")).to_owned(),
    })?;
    Ok(client)
}

/// Writes the first configuration, or adds the board to the one that is there.
fn write_config(
    work: &mut Work<'_>,
    before: Option<&Config>,
    known: bool,
    gate: &NewGate,
) -> anyhow::Result<()> {
    let file = work.wish.directory.join(CONFIG);
    let shown = file.display().to_string();
    if known {
        work.say(Step::Found, &format!("config     {shown} has the board"));
        return Ok(());
    }
    let text = config_text(work, before, gate)?;
    if !work.rehearses() {
        made::replace(&file, &text)?;
    }
    let what = if before.is_none() {
        format!("config     {shown}")
    } else {
        format!("config     the board {} in {shown}", gate.board.name)
    };
    work.say(Step::Made, &what);
    Ok(())
}

/// The text of the configuration, if it can be used.
fn config_text(work: &Work<'_>, before: Option<&Config>, gate: &NewGate) -> anyhow::Result<String> {
    let file = work.wish.directory.join(CONFIG);
    let text = match before {
        None => text::whole(gate),
        Some(_) => {
            let before = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let gap = if before.ends_with('\n') { "" } else { "\n" };
            format!("{before}{gap}{}", text::added(&gate.board))
        }
    };
    let absolute = std::path::absolute(&file).context("the folder has no absolute path")?;
    if let Err(faults) = Config::parse(&absolute, &text) {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        bail!(
            "with these values the configuration could not be used\n{}",
            faults.join("\n")
        );
    }
    Ok(text)
}
