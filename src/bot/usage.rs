//! When each credential was last used, and by whom: in memory, and in the store's scratch from time
//! to time and at the end. It is never needed to decide anything.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::gate::ids::CredentialNumber;

/// The last use of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// The resource server that asked; `None`: its holder activated it.
    pub client: Option<String>,
}

/// Last uses since they were last written down.
#[derive(Debug, Default)]
pub struct Usage(Mutex<HashMap<CredentialNumber, LastUse>>);

impl Usage {
    /// Notes a use.
    pub fn note(&self, credential: CredentialNumber, at: Timestamp, client: Option<&str>) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(&credential) {
            Some(last) if last.client.as_deref() == client => last.at = at,
            Some(_) | None => {
                let client = client.map(str::to_owned);
                uses.insert(credential, LastUse { at, client });
            }
        }
    }

    /// Takes what is not written down yet: names and values for the scratch.
    pub fn take(&self) -> Vec<(String, Value)> {
        let uses = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        uses.into_iter()
            .map(|(credential, last)| {
                (
                    format!("last_used/{credential}"),
                    json!({ "at": last.at.as_second(), "client": last.client }),
                )
            })
            .collect()
    }
}
