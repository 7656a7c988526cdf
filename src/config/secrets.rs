//! `[secrets]`: the files of the bot's own secrets, and the list of every secret file.
//!
//! The configuration holds paths, never secrets, and no secret serves two purposes: a webhook's can
//! be read by the admins of its repository. Whether a file can be used is for whoever reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::section::Section;
use super::{Board, Config, fault::Reading};
use crate::gate::ids::UserId;

/// The bot's own secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// What tokens are hashed under.
    pub pepper_file: PathBuf,
    /// The one before, while rotating.
    pub previous_pepper_file: Option<PathBuf>,
    /// The Ed25519 key of the installation.
    pub signing_key_file: PathBuf,
    /// The one before, while both hold.
    pub previous_signing_key_file: Option<PathBuf>,
}

/// One secret file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// The key that names it, such as `board[kan].hook_secret_file`.
    pub key: String,
    /// Where it is: absolute, or `credential:NAME`.
    pub path: PathBuf,
    /// What it holds.
    pub kind: SecretKind,
}

/// What a secret file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// 64 or more hex characters.
    Pepper,
    /// 64 hex characters: an Ed25519 seed.
    SigningKey,
    /// 32 bytes or more, shared with the forge.
    HookSecret,
    /// An access token of the bot's account.
    ForgeToken,
    /// The password of a resource server.
    ClientSecret,
    /// An owner's secret for one-time codes, in base 32.
    Totp,
    /// The token of an operator.
    OperatorToken,
}

impl SecretKind {
    /// How one comes by such a file.
    pub fn mend(self) -> &'static str {
        match self {
            Self::Pepper => "`ownergate keygen pepper` makes one",
            Self::SigningKey => "`ownergate keygen signing-key` makes one",
            Self::HookSecret => {
                "`ownergate keygen secret` makes one; the same text goes into the forge's webhook"
            }
            Self::ForgeToken => "an access token made in the settings of the bot's account",
            Self::ClientSecret | Self::OperatorToken => "`ownergate keygen secret` makes one",
            Self::Totp => "`ownergate keygen totp` makes one and shows it to the owner's app",
        }
    }
}

impl fmt::Display for SecretKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pepper => "a pepper",
            Self::SigningKey => "a signing key",
            Self::HookSecret => "a webhook secret",
            Self::ForgeToken => "a token of the forge",
            Self::ClientSecret => "the secret of a client",
            Self::Totp => "a secret for one-time codes",
            Self::OperatorToken => "the token of an operator",
        })
    }
}

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> Secrets {
    let secrets = Secrets {
        pepper_file: section.required_secret("pepper_file", r#"pepper_file = "secrets/pepper""#),
        previous_pepper_file: section.optional_secret(
            "previous_pepper_file",
            r#"previous_pepper_file = "secrets/pepper-before""#,
        ),
        signing_key_file: section.required_secret(
            "signing_key_file",
            r#"signing_key_file = "secrets/signing-key""#,
        ),
        previous_signing_key_file: section.optional_path(
            "previous_signing_key_file",
            r#"previous_signing_key_file = "secrets/signing-key-before""#,
        ),
    };
    section.finish();
    secrets
}

/// Every secret file that the configuration names, in its order.
pub(super) fn files(config: &Config) -> Vec<SecretFile> {
    let mut files = Vec::new();
    let own = &config.secrets;
    let mut add = |key: &str, kind, path: &Path| files.extend(file(key.to_owned(), kind, path));
    add("secrets.pepper_file", SecretKind::Pepper, &own.pepper_file);
    if let Some(path) = &own.previous_pepper_file {
        add("secrets.previous_pepper_file", SecretKind::Pepper, path);
    }
    let signing_key = &own.signing_key_file;
    add(
        "secrets.signing_key_file",
        SecretKind::SigningKey,
        signing_key,
    );
    if let Some(path) = &own.previous_signing_key_file {
        let key = "secrets.previous_signing_key_file";
        add(key, SecretKind::SigningKey, path);
    }
    let forge_token = &config.forge.token_file;
    add("forge.token_file", SecretKind::ForgeToken, forge_token);
    files.extend(config.boards.iter().flat_map(files_of_board));
    for operator in &config.operators {
        let key = format!("operator[{}].token_file", operator.name);
        if let Some(path) = &operator.token_file {
            files.extend(file(key, SecretKind::OperatorToken, path));
        }
    }
    for client in &config.clients {
        let key = format!("client[{}].secret_file", client.name);
        files.extend(file(key, SecretKind::ClientSecret, &client.secret_file));
    }
    files
}

/// The secret files of one board.
fn files_of_board(board: &Board) -> Vec<SecretFile> {
    let key = board.key();
    let hook = SecretKind::HookSecret;
    let mut files = Vec::new();
    files.extend(file(
        format!("{key}.hook_secret_file"),
        hook,
        &board.hook_secret_file,
    ));
    if let Some(path) = &board.previous_hook_secret_file {
        files.extend(file(format!("{key}.previous_hook_secret_file"), hook, path));
    }
    for (owner, path) in &board.totp_files {
        let login = board.rules.owner(*owner).map_or("", |owner| &owner.login);
        let key = format!("{key}.owner[{login}].totp_file");
        files.extend(file(key, SecretKind::Totp, path));
    }
    files
}

/// `None` for a path that could not be read; that is a fault already.
fn file(key: String, kind: SecretKind, path: &Path) -> Option<SecretFile> {
    let named = !path.as_os_str().is_empty();
    named.then(|| SecretFile {
        key,
        path: path.to_owned(),
        kind,
    })
}

/// Refuses one secret for the codes of two people; one person's may serve on several boards.
pub(super) fn check_codes(reading: &Reading, boards: &[Board]) {
    let mut holders: BTreeMap<&Path, (UserId, String)> = BTreeMap::new();
    for board in boards {
        for (id, path) in &board.totp_files {
            let login = board.rules.owner(*id).map_or("", |owner| &owner.login);
            let key = format!("{}.owner[{login}].totp_file", board.key());
            let first = holders.entry(path).or_insert_with(|| (*id, key.clone()));
            if first.0 != *id {
                let why = format!(
                    "is the file of {} too: a code must say who gave it",
                    first.1
                );
                reading.fault(key, why, "a file of its own for each person");
            }
        }
    }
}

/// Refuses one file under two keys. Secrets for codes are compared by whose they are.
pub(super) fn check_distinct(reading: &Reading, files: &[SecretFile]) {
    for (place, file) in files.iter().enumerate() {
        let shared = files[..place].iter().find(|earlier| {
            let codes = earlier.kind == SecretKind::Totp && file.kind == SecretKind::Totp;
            earlier.path == file.path && !codes
        });
        if let Some(earlier) = shared {
            let name = file.key.rsplit('.').next().unwrap_or_default();
            let why = format!(
                "is the file of {} too; every secret is its own",
                earlier.key
            );
            let example = format!("{name} = \"secrets/another\" ({})", file.kind.mend());
            reading.fault(&file.key, why, example);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{BOARD, full, only_fault, with};
    use super::*;

    #[test]
    fn every_secret_file_is_listed_with_what_it_holds() {
        let loaded = full().load().unwrap();
        let listed: Vec<String> = loaded
            .config
            .secret_files()
            .iter()
            .map(|file| format!("{} {:?} {}", file.key, file.kind, file.path.display()))
            .collect();
        assert_eq!(
            listed,
            [
                "secrets.pepper_file Pepper /etc/ownergate/secrets/pepper",
                "secrets.previous_pepper_file Pepper /etc/ownergate/secrets/pepper-before",
                "secrets.signing_key_file SigningKey /etc/ownergate/secrets/signing-key",
                "secrets.previous_signing_key_file SigningKey /etc/ownergate/secrets/signing-key-before",
                "forge.token_file ForgeToken /etc/ownergate/secrets/forge-token",
                "board[kan].hook_secret_file HookSecret /etc/ownergate/secrets/hook-kan",
                "board[kan].previous_hook_secret_file HookSecret /etc/ownergate/secrets/hook-kan-before",
                "board[kan].owner[alice].totp_file Totp /etc/ownergate/secrets/totp-alice",
                "operator[piotr].token_file OperatorToken /etc/ownergate/secrets/operator-piotr",
                "client[kanban-api].secret_file ClientSecret /etc/ownergate/secrets/client-kanban-api",
            ]
        );
    }

    #[test]
    fn one_file_cannot_be_two_secrets() {
        let shared = with("secrets/hook-kan", "secrets/pepper");
        let fault = only_fault(&shared, "board[kan].hook_secret_file");
        assert!(fault.why.contains("secrets.pepper_file"), "{fault}");
    }

    #[test]
    fn two_people_cannot_share_their_codes() {
        let enrolled = with("id = 2\n", "id = 2\ntotp_file = \"secrets/totp\"\n");
        let shared = enrolled
            .clone()
            .with("id = 3\n", "id = 3\ntotp_file = \"secrets/totp\"\n");
        let fault = only_fault(&shared, "board[kan].owner[piotr].totp_file");
        assert!(fault.why.contains("owner[alice]"), "{fault}");
        let elsewhere = BOARD
            .replace("\"kan\"", "\"ops\"")
            .replace("hook-kan", "hook-ops")
            .replace("alice/board", "alice/ops")
            .replace("repository_id = 17", "repository_id = 18")
            .replace("id = 2\n", "id = 2\ntotp_file = \"secrets/totp\"\n");
        assert!(enrolled.and(&elsewhere).load().is_ok(), "one person twice");
    }

    #[test]
    fn a_secret_in_the_place_of_a_path_is_not_repeated() {
        let secret = "5eC4e7".to_lowercase().repeat(11);
        let inline = with("secrets/pepper", &secret);
        let fault = only_fault(&inline, "secrets.pepper_file");
        assert!(fault.why.contains("write it to a file"), "{fault}");
        assert!(!fault.to_string().contains("5ec4e7"), "{fault}");
    }

    #[test]
    fn a_credential_stands_as_it_is_and_only_for_a_secret() {
        let named = with("secrets/pepper", "credential:pepper");
        let loaded = named.load().unwrap();
        let file = &loaded.config.secret_files()[0];
        assert_eq!(file.path, Path::new("credential:pepper"));
        let elsewhere = with("secrets/pepper", "credential:../pepper");
        let fault = only_fault(&elsewhere, "secrets.pepper_file");
        assert!(fault.why.contains("no name of a credential"), "{fault}");
        let store = with("path = \"data\"", "path = \"credential:data\"");
        let fault = only_fault(&store, "store.path");
        assert!(fault.why.contains("only secrets"), "{fault}");
    }

    #[test]
    fn the_kinds_say_how_to_come_by_one() {
        assert!(SecretKind::Pepper.mend().contains("keygen pepper"));
        assert_eq!(SecretKind::HookSecret.to_string(), "a webhook secret");
    }
}
