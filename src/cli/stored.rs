//! What backup and restore tell of a journal: whose it is, and which secrets it is of no use without.
//!
//! Secrets are named by their files and by the ids of peppers, never by content.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::app::secrets;
use crate::config::{Config, SecretKind};
use crate::gate::credential::{Credential, CredentialStatus};
use crate::gate::key::{Key, Table};
use crate::gate::world;
use crate::secret::file::read_secret_file;
use crate::secret::pepper::Peppers;
use crate::secret::signing::SigningKey;
use crate::store::{self, VerifyError};

/// The installation that the configured signing key names.
pub(super) fn installation(config: &Config) -> anyhow::Result<String> {
    let path = &config.secrets.signing_key_file;
    let text = read_secret_file(path).context("secrets.signing_key_file")?;
    let key = SigningKey::parse(&text)
        .with_context(|| format!("secrets.signing_key_file: {}", path.display()))?;
    Ok(key.installation_id().to_string())
}

/// The ids of the configured peppers.
pub(super) fn configured_peppers(config: &Config) -> anyhow::Result<BTreeSet<String>> {
    let paths = &config.secrets;
    let current = read_secret_file(&paths.pepper_file).context("secrets.pepper_file")?;
    let previous = paths.previous_pepper_file.as_deref().map(read_secret_file);
    let previous = previous
        .transpose()
        .context("secrets.previous_pepper_file")?;
    let peppers = Peppers::parse(&current, previous.as_ref()).context("secrets.pepper_file")?;
    let ids = [Some(peppers.pepper_id()), peppers.previous_pepper_id()];
    Ok(ids.into_iter().flatten().map(str::to_owned).collect())
}

/// The newest record of each key of some tables, as the journal of a directory has it. A running bot's
/// may be read.
pub(super) fn records(
    directory: &Path,
    installation: &str,
    tables: &[Table],
) -> Result<BTreeMap<Key, Value>, VerifyError> {
    let mut records = BTreeMap::new();
    store::read(directory, Some(installation), |line| {
        for change in line.changes {
            if !tables.contains(&change.key.table) {
                continue;
            }
            match change.value {
                Some(value) => records.insert(change.key, value),
                None => records.remove(&change.key),
            };
        }
        ControlFlow::Continue(())
    })?;
    Ok(records)
}

/// The ids of the peppers that credentials of a journal were made with, and how many of each are not
/// revoked.
pub(super) fn peppers(
    directory: &Path,
    installation: &str,
) -> Result<BTreeMap<String, u64>, VerifyError> {
    let mut peppers = BTreeMap::new();
    for record in records(directory, installation, &[Table::Credential])?.values() {
        let Some(credential) = world::decode::<Credential>(record) else {
            continue;
        };
        if !matches!(credential.status, CredentialStatus::Revoked(_)) {
            *peppers.entry(credential.pepper_id).or_insert(0) += 1;
        }
    }
    Ok(peppers)
}

/// Every secret file that a config names: its key, its path, and what is wrong with it now.
pub(super) fn secret_files(config: &Config) -> Vec<Value> {
    let describe = |file: crate::config::SecretFile| {
        json!({
            "key": file.key,
            "path": file.path,
            "installation": matches!(file.kind, SecretKind::Pepper | SecretKind::SigningKey),
            "fault": secrets::check(&file).err(),
        })
    };
    config.secret_files().into_iter().map(describe).collect()
}
