//! Audit entries: one thing that happened, with ids and in people's words.
//!
//! An entry names the identity and the credential where there is one, and always the actor. It
//! never holds a token, a MAC or a sealed file. How it is found again is in `index`.

pub mod index;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::command::one_line;
use super::ids::{CredentialNumber, IdentityNumber, RequestNumber, ThreadKey, UserId};

/// The code of what a resource server says that a credential did.
pub const REPORTED: &str = "activity_reported";
/// The code of uses of a credential, counted over a while.
pub const USED: &str = "credential_used";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What kind of thing: a stable word such as `credential_issued`.
    pub code: String,
    /// Who did it.
    pub actor: Actor,
    /// In people's words.
    pub text: String,
    /// Where it happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thread: Option<ThreadKey>,
    /// Which request it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<RequestNumber>,
    /// Which identity it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<IdentityNumber>,
    /// Which credential it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential: Option<CredentialNumber>,
    /// Who answers for the identity.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<UserId>,
    /// Exact facts for those who audit: digest, evidence, ids.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facts: Option<serde_json::Value>,
}

impl Entry {
    /// An entry about nothing in particular yet.
    pub fn new(code: &str, actor: Actor, text: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            actor,
            text: text.into(),
            thread: None,
            request: None,
            identity: None,
            credential: None,
            owner: None,
            facts: None,
        }
    }

    /// Names the thread.
    #[must_use]
    pub fn in_thread(mut self, thread: ThreadKey) -> Self {
        self.thread = Some(thread);
        self
    }

    /// Names the request.
    #[must_use]
    pub fn about_request(mut self, request: RequestNumber) -> Self {
        self.request = Some(request);
        self
    }

    /// Names the identity.
    #[must_use]
    pub fn about_identity(mut self, identity: IdentityNumber) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Names the credential.
    #[must_use]
    pub fn about_credential(mut self, credential: CredentialNumber) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Adds exact facts.
    #[must_use]
    pub fn with_facts(mut self, facts: serde_json::Value) -> Self {
        self.facts = Some(facts);
        self
    }
}

/// The last ten things that happened to an identity, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recent(Vec<RecentEntry>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentEntry {
    /// When it was decided.
    pub at: Timestamp,
    /// The entry's code.
    pub code: String,
    /// In people's words.
    pub text: String,
}

impl Recent {
    /// Remembers one more and forgets the eleventh.
    pub fn push(&mut self, at: Timestamp, code: &str, text: &str) {
        self.0.push(RecentEntry {
            at,
            code: code.to_owned(),
            text: one_line(text, 120),
        });
        let surplus = self.0.len().saturating_sub(10);
        self.0.drain(..surplus);
    }

    /// Oldest first.
    pub fn entries(&self) -> &[RecentEntry] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_are_remembered() {
        let mut recent = Recent::default();
        for number in 1..=12 {
            recent.push(Timestamp::UNIX_EPOCH, "code", &number.to_string());
        }
        let texts: Vec<&str> = recent
            .entries()
            .iter()
            .map(|entry| entry.text.as_str())
            .collect();
        assert_eq!(texts, ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]);
    }
}
