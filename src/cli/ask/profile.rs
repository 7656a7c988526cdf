//! Where to ask and whom to believe: `ownergate.ask.toml` and the flags, which go first.
//!
//! Invariant: nothing of it is learnt from the forge or from a comment. The bot's account is a number,
//! its address and its keys are pinned here.

use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;

use super::fault::AskFault;
use super::{AskArgs, DEFAULT_PROFILE};
use crate::cli::activate::bot_address;
use crate::cli::open::bot_keys;
use crate::forgejo::client::RepositoryPath;
use crate::gate::ids::UserId;
use crate::secret::file::{SecretText, read_secret_file};

/// The file; every key may be missing and be given as a flag.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    forge: Option<String>,
    #[serde(default)]
    insecure_http: bool,
    forge_token_file: Option<PathBuf>,
    repository: Option<String>,
    environment: Option<String>,
    bot: Option<String>,
    bot_id: Option<i64>,
    #[serde(default)]
    bot_keys: Vec<String>,
    identity: Option<String>,
    scopes: Option<Vec<String>>,
    ttl: Option<String>,
    label: Option<String>,
    reason: Option<String>,
}

/// Everything that is the same for each request.
#[derive(Debug)]
pub(super) struct Setup {
    /// The forge's address.
    pub(super) forge: String,
    /// Whether http leaves this machine.
    pub(super) insecure_http: bool,
    /// The agent's own token of the forge.
    pub(super) forge_token: SecretText,
    /// Where to ask.
    pub(super) repository: RepositoryPath,
    /// The bot's address.
    pub(super) bot: Url,
    /// The bot's account.
    pub(super) bot_id: UserId,
    /// The bot's public keys.
    pub(super) bot_keys: Vec<String>,
    /// What a request says unless a flag says otherwise.
    pub(super) usual: Usual,
}

/// What a request says unless a flag says otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual {
    /// The gate.
    pub(super) environment: Option<String>,
    /// The identity.
    pub(super) identity: Option<String>,
    /// What it may do.
    pub(super) scopes: Option<Vec<String>>,
    /// For how long.
    pub(super) ttl: Option<String>,
    /// A name for the credential.
    pub(super) label: Option<String>,
    /// Why.
    pub(super) reason: Option<String>,
}

/// Reads the profile and the flags.
pub(super) fn setup(args: &AskArgs) -> Result<Setup, AskFault> {
    let (profile, folder) = read(args.profile.as_deref())?;
    let need = |what: &str| {
        AskFault::Usage(format!(
            "{what} is missing: give it in {DEFAULT_PROFILE} or as a flag (docs/for-agents.md shows both)"
        ))
    };
    let token = match (&args.forge_token_file, &profile.forge_token_file) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => folder.join(path),
        (None, None) => return Err(need("the file of the forge's token (forge_token_file)")),
    };
    let repository = args.repository.clone().or(profile.repository);
    let repository = repository.ok_or_else(|| need("the repository (repository)"))?;
    let repository = RepositoryPath::parse(&repository).ok_or_else(|| {
        AskFault::Usage(format!(
            "{repository:?} is not a repository such as alice/board"
        ))
    })?;
    let bot = match (&args.bot, profile.bot) {
        (Some(bot), _) => bot.clone(),
        (None, Some(bot)) => bot_address(&bot)
            .map_err(|why| AskFault::Usage(format!("the bot's address {bot:?}: {why}")))?,
        (None, None) => return Err(need("the bot's address (bot)")),
    };
    let bot_id = args.bot_id.or(profile.bot_id).filter(|id| *id > 0);
    let bot_id = bot_id.ok_or_else(|| need("the numeric id of the bot's account (bot_id)"))?;
    let keys = pinned(args, &profile.bot_keys)?;
    if keys.is_empty() {
        return Err(need("the bot's public key (bot_keys)"));
    }
    let forge_token = read_secret_file(&token).map_err(|fault| {
        AskFault::Usage(format!("the forge's token, {}, {fault}", token.display()))
    })?;
    Ok(Setup {
        forge: args
            .forge
            .clone()
            .or(profile.forge)
            .ok_or_else(|| need("the forge's address (forge)"))?,
        insecure_http: profile.insecure_http,
        forge_token,
        repository,
        bot,
        bot_id: UserId(bot_id),
        bot_keys: keys,
        usual: Usual {
            environment: profile.environment,
            identity: profile.identity,
            scopes: profile.scopes,
            ttl: profile.ttl,
            label: profile.label,
            reason: profile.reason,
        },
    })
}

/// The bot's keys: the flags' or, without any, the profile's.
fn pinned(args: &AskArgs, profile: &[String]) -> Result<Vec<String>, AskFault> {
    let mut keys = args.bot_key.concat();
    if keys.is_empty() {
        for key in profile {
            let read = bot_keys(key);
            keys.extend(
                read.map_err(|why| AskFault::Usage(format!("bot_keys: {key:?} is {why}")))?,
            );
        }
    }
    Ok(keys)
}

/// The file that was named, or the usual one if it is there, and the folder that its paths start at.
fn read(named: Option<&Path>) -> Result<(Profile, PathBuf), AskFault> {
    let usual = Path::new(DEFAULT_PROFILE);
    let path = match named {
        Some(path) => path,
        None if usual.exists() => usual,
        None => return Ok((Profile::default(), PathBuf::new())),
    };
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|why| AskFault::Usage(format!("cannot read the profile {shown}: {why}")))?;
    let profile = toml::from_str(&text)
        .map_err(|why| AskFault::Usage(format!("the profile {shown}: {}", why.message())))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok((profile, folder.to_owned()))
}
