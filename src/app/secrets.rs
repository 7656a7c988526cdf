//! Every secret that the config names, read and judged before anything is opened.
//!
//! All faults are told at once, by name of the file and never by content. Nothing comes from values
//! in the config or from the environment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;

use crate::config::{Config, Fault, SecretFile, SecretKind};
use crate::forgejo::signature::HookSecrets;
use crate::gate::ids::{RepositoryId, UserId};
use crate::secret::file::{SecretText, read_secret_file};
use crate::secret::note::BotKeys;
use crate::secret::pepper::Peppers;
use crate::secret::signing::SigningKey;
use crate::secret::totp::TotpSecret;

/// The secrets of a running bot.
#[derive(Debug)]
pub struct Secrets {
    /// For MACs.
    pub peppers: Arc<Peppers>,
    /// Name the installation and sign for it.
    pub bot_keys: Arc<BotKeys>,
    /// The bot's access token.
    pub forge_token: SecretString,
    /// Secrets of hooks by the board's name.
    pub hooks: BTreeMap<String, Arc<HookSecrets>>,
    /// Secrets of clients by name.
    pub clients: BTreeMap<String, SecretText>,
    /// Tokens of operators by name.
    pub operators: BTreeMap<String, SecretText>,
    /// Secrets for one-time codes by board and owner.
    pub totp: BTreeMap<(RepositoryId, UserId), TotpSecret>,
}

/// Judges one secret file: readable, one secret, and of the form that its use needs.
pub fn check(file: &SecretFile) -> Result<(), String> {
    let text = read_secret_file(&file.path).map_err(|fault| fault.to_string())?;
    match file.kind {
        SecretKind::Pepper => Peppers::parse(&text, None)
            .map(drop)
            .map_err(|fault| fault.to_string()),
        SecretKind::SigningKey => SigningKey::parse(&text)
            .map(drop)
            .map_err(|fault| fault.to_string()),
        SecretKind::HookSecret => HookSecrets::new(secret(&text), None)
            .map(drop)
            .map_err(|weak| weak.to_string()),
        SecretKind::Totp => TotpSecret::parse(&text)
            .map(drop)
            .map_err(|fault| fault.to_string()),
        SecretKind::OperatorToken => of_operator(&text),
        SecretKind::ForgeToken | SecretKind::ClientSecret => Ok(()),
    }
}

/// Every fault of the secret files that a config names.
pub fn faults(config: &Config) -> Vec<Fault> {
    config
        .secret_files()
        .into_iter()
        .filter_map(|file| {
            check(&file).err().map(|why| Fault {
                file: config.file.clone(),
                key: file.key.clone(),
                why,
                example: file.kind.mend().to_owned(),
            })
        })
        .collect()
}

impl Secrets {
    /// Reads all of them.
    pub fn read(config: &Config) -> Result<Self, Vec<Fault>> {
        let faults = faults(config);
        if !faults.is_empty() {
            return Err(faults);
        }
        Self::read_checked(config).map_err(|(key, why)| {
            vec![Fault {
                file: config.file.clone(),
                key,
                why,
                example: "a file that stays as it is while the bot starts".to_owned(),
            }]
        })
    }

    fn read_checked(config: &Config) -> Result<Self, (String, String)> {
        let pepper = text("secrets.pepper_file", &config.secrets.pepper_file)?;
        let previous = optional(
            "secrets.previous_pepper_file",
            config.secrets.previous_pepper_file.as_deref(),
        )?;
        let peppers = Peppers::parse(&pepper, previous.as_ref())
            .map_err(|fault| named("secrets.pepper_file", &fault))?;
        let bot_keys = bot_keys(config)?;
        let forge_token = secret(&text("forge.token_file", &config.forge.token_file)?);
        let mut hooks = BTreeMap::new();
        for board in &config.boards {
            let name = format!("board[{}].hook_secret_file", board.rules.name);
            let current = text(&name, &board.hook_secret_file)?;
            let previous = optional(&name, board.previous_hook_secret_file.as_deref())?;
            let secrets = HookSecrets::new(secret(&current), previous.as_ref().map(secret))
                .map_err(|weak| named(&name, &weak))?;
            hooks.insert(board.rules.name.clone(), Arc::new(secrets));
        }
        let totp = totp(config)?;
        let mut clients = BTreeMap::new();
        for client in &config.clients {
            let name = format!("client[{}].secret_file", client.name);
            clients.insert(client.name.clone(), text(&name, &client.secret_file)?);
        }
        let operators = operators(config)?;
        Ok(Self {
            peppers: Arc::new(peppers),
            bot_keys: Arc::new(bot_keys),
            forge_token,
            hooks,
            clients,
            operators,
            totp,
        })
    }
}

/// The signing key, and the one before it, which must be one that it comes after.
fn bot_keys(config: &Config) -> Result<BotKeys, (String, String)> {
    let read = |name: &str, path: &Path| {
        let key = text(name, path)?;
        SigningKey::parse(&key).map_err(|fault| named(name, &fault))
    };
    let own = &config.secrets;
    let current = read("secrets.signing_key_file", &own.signing_key_file)?;
    let name = "secrets.previous_signing_key_file";
    let previous = own.previous_signing_key_file.as_deref();
    let previous = previous.map(|path| read(name, path)).transpose()?;
    let is_before = |previous: &SigningKey| {
        let public = previous.public_hex();
        current.pedigree().iter().any(|step| step.after == public)
    };
    if previous.as_ref().is_some_and(|key| !is_before(key)) {
        let why = "is not the key that signing_key_file comes after: `ownergate keygen signing-key --after` with this file makes one that does";
        return Err((name.to_owned(), why.to_owned()));
    }
    Ok(BotKeys { current, previous })
}

/// Characters that an operator's token has at least: nobody guesses it.
const SHORTEST_TOKEN: usize = 32;

/// A token that can stand in a header and that nobody guesses.
fn of_operator(text: &SecretText) -> Result<(), String> {
    let token = text.expose();
    if token.len() < SHORTEST_TOKEN {
        return Err(format!(
            "has {} characters, and an operator's token has at least {SHORTEST_TOKEN}",
            token.len()
        ));
    }
    if token.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err("has characters that cannot stand in a header (RFC 6750 §2.1)".to_owned());
    }
    Ok(())
}

/// The tokens of operators. Two with one token could not be told apart.
fn operators(config: &Config) -> Result<BTreeMap<String, SecretText>, (String, String)> {
    let mut all: BTreeMap<String, SecretText> = BTreeMap::new();
    for operator in &config.operators {
        let key = format!("operator[{}].token_file", operator.name);
        let Some(token) = optional(&key, operator.token_file.as_deref())? else {
            continue;
        };
        let same = |(_, other): &(&String, &SecretText)| other.expose() == token.expose();
        if let Some((other, _)) = all.iter().find(same) {
            return Err((key, format!("holds the token of {other} too")));
        }
        all.insert(operator.name.clone(), token);
    }
    Ok(all)
}

fn totp(config: &Config) -> Result<BTreeMap<(RepositoryId, UserId), TotpSecret>, (String, String)> {
    let mut all = BTreeMap::new();
    for board in &config.boards {
        for (owner, path) in &board.totp_files {
            let key = format!("board[{}].owner[{owner}].totp_file", board.rules.name);
            let secret =
                TotpSecret::parse(&text(&key, path)?).map_err(|fault| named(&key, &fault))?;
            all.insert((board.rules.repository_id, *owner), secret);
        }
    }
    Ok(all)
}

fn secret(text: &SecretText) -> SecretString {
    SecretString::from(text.expose())
}

fn named(key: &str, why: &dyn std::fmt::Display) -> (String, String) {
    (key.to_owned(), why.to_string())
}

fn text(key: &str, path: &Path) -> Result<SecretText, (String, String)> {
    read_secret_file(path).map_err(|fault| named(key, &fault))
}

fn optional(key: &str, path: Option<&Path>) -> Result<Option<SecretText>, (String, String)> {
    path.map(|path| text(key, path)).transpose()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::secret::file::write_secret_file;

    #[test]
    fn a_secret_for_codes_that_no_app_could_have_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let check_text = |name: &str, text: &str| {
            let path = folder.path().join(name);
            write_secret_file(&path, text.as_bytes()).unwrap();
            check(&SecretFile {
                key: "board[kan].owner[alice].totp_file".to_owned(),
                path,
                kind: SecretKind::Totp,
            })
        };
        assert_eq!(
            check_text("good", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n"),
            Ok(())
        );
        let short = check_text("short", "GEZDGNBV\n").unwrap_err();
        assert!(short.contains("at least 16 bytes"), "{short}");
        let hex = check_text("hex", &format!("{}\n", "0189".repeat(16))).unwrap_err();
        assert!(hex.contains("is base 32") && !hex.contains("0189"), "{hex}");
    }
}
