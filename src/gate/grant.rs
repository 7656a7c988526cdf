//! The grant: what permits exactly one credential, or exactly the secrets of one imported file, and
//! the only way to either.
//!
//! A `Grant` is made from an open verdict and consumed when it becomes a credential; both steps take
//! their input by value, and neither type can be built in another way. What is kept of a grant is a
//! `GrantRecord`, which permits nothing.
//!
//! ```compile_fail,E0451
//! // A grant has no public constructor.
//! let grant = ownergate::gate::grant::Grant { opening: todo!() };
//! ```
//!
//! ```compile_fail,E0451
//! // An opening cannot be made up either: only the gate's rules return one.
//! let opening = ownergate::gate::verdict::Opening { request: todo!() };
//! ```
//!
//! ```compile_fail,E0382
//! // A grant is used up by the credential that it becomes.
//! fn twice(grant: ownergate::gate::grant::Grant, one: ownergate::gate::grant::Terms, two: ownergate::gate::grant::Terms) {
//!     let _ = grant.issue(one);
//!     let _ = grant.issue(two);
//! }
//! ```
//!
//! ```compile_fail,E0382
//! // Nor by the rows that it imports.
//! use ownergate::gate::{grant::Grant, ids::CredentialNumber, import::Row};
//! fn twice(grant: Grant, rows: &[Row]) {
//!     let _ = grant.import(rows, CredentialNumber(1), |_| None);
//!     let _ = grant.import(rows, CredentialNumber(9), |_| None);
//! }
//! ```

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::credential::Credential;
use super::evidence::Candidate;
use super::identity::Identity;
use super::ids::{CredentialNumber, Hash, IdentityNumber, RequestNumber, UserId};
use super::import::{Row, digest};
use super::request::{Action, Request, Wanted};
use super::verdict::Opening;

/// Permission for one credential, or for the rows of one import, on one digest.
#[derive(Debug)]
pub struct Grant {
    opening: Opening,
}

/// What the writer adds to a grant to make it a credential.
#[derive(Debug)]
pub struct Terms {
    /// The new credential's number.
    pub number: CredentialNumber,
    /// Whose it is.
    pub identity: IdentityNumber,
    /// The minted token's MAC and sealed file.
    pub candidate: Candidate,
    /// The time.
    pub now: Timestamp,
    /// When the gate opened: its life runs from here.
    pub granted_at: Timestamp,
    /// Its predecessor's family and generation, if it is a successor.
    pub line: Option<(CredentialNumber, u32)>,
    /// Its predecessor's name, which it keeps unless the request gives it another.
    pub label: Option<String>,
    /// When the identity ends.
    pub identity_ends: Timestamp,
    /// Seconds within which it must be used first.
    pub activation: u64,
}

/// What is kept of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRecord {
    /// The request that it was for.
    pub request: RequestNumber,
    /// The digest that was approved.
    pub digest: Hash,
    /// Who approved it.
    pub approvers: BTreeSet<UserId>,
    /// What was granted.
    pub scopes: BTreeSet<String>,
    /// Seconds of life.
    pub ttl: u64,
    /// Whose credential it is or may become.
    #[serde(default)]
    pub identity: Option<IdentityNumber>,
    /// The policy that it was granted under.
    pub policy: Hash,
    /// When.
    pub at: Timestamp,
    /// How it stands.
    pub status: GrantStatus,
}

/// How a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantStatus {
    /// It permits a credential that is not made yet (a claim that is to come).
    Open,
    /// It became this credential.
    Consumed(CredentialNumber),
    /// It became the credentials of an import, from the first of these numbers to the last.
    Imported(CredentialNumber, CredentialNumber),
    /// It became nothing.
    Void,
}

/// What is kept of a successor that a holder made, under the number of its predecessor: who calls again
/// with the same key gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// SHA-256 of the `Idempotency-Key`.
    pub key: Hash,
    /// The grant, which became the successor.
    pub grant: GrantRecord,
    /// The successor.
    pub successor: CredentialNumber,
    /// Its token, sealed to the predecessor's own recipient.
    pub sealed: String,
    /// True once the owners were told that somebody called with another key.
    pub told: bool,
}

impl Grant {
    /// An open verdict becomes a grant.
    pub fn from_opening(opening: Opening) -> Self {
        Self { opening }
    }

    /// What was granted.
    pub fn scopes(&self) -> &BTreeSet<String> {
        self.opening.scopes()
    }

    /// Who approved it.
    pub fn approvers(&self) -> &BTreeSet<UserId> {
        self.opening.approvers()
    }

    /// The request whose gate is open, or which the predecessor was granted for.
    pub fn request(&self) -> &Request {
        self.opening.request()
    }

    /// What comes alive.
    pub fn wanted(&self) -> &Wanted {
        self.opening.wanted()
    }

    /// Seconds of life.
    pub fn ttl(&self) -> u64 {
        self.opening.ttl()
    }

    /// When the gate opened.
    pub fn at(&self) -> Timestamp {
        self.opening.at()
    }

    /// The grant becomes one credential. `None` if the candidate was minted for something else.
    pub fn issue(self, terms: Terms) -> Option<(Credential, GrantRecord)> {
        let record = GrantRecord {
            request: self.request().number,
            digest: self.request().digest.clone(),
            approvers: self.approvers().clone(),
            scopes: self.scopes().clone(),
            ttl: self.ttl(),
            identity: None,
            policy: self.opening.policy().clone(),
            at: terms.granted_at,
            status: GrantStatus::Consumed(terms.number),
        };
        Credential::of(self, terms).map(|credential| (credential, record))
    }

    /// The grant becomes one credential for each row of the import that was approved, numbered from
    /// `first`. `None` if these are not exactly those rows, or something of one is gone: its identity,
    /// or everything that it may do.
    pub fn import<'a>(
        self,
        rows: &[Row],
        first: CredentialNumber,
        identity: impl Fn(IdentityNumber) -> Option<&'a Identity>,
    ) -> Option<(Vec<Credential>, GrantRecord)> {
        let request = self.request();
        let approved = request.effect.import.as_ref()?;
        if request.action != Action::Import || approved.rows != digest(rows) {
            return None;
        }
        let numbers = (first.0..).map(CredentialNumber);
        let credentials: Option<Vec<Credential>> = rows
            .iter()
            .zip(numbers)
            .map(|(row, number)| {
                let identity = row.identity.and_then(&identity);
                Credential::imported(&self, row, number, identity)
            })
            .collect();
        let credentials = credentials?;
        let last = credentials.last()?.number;
        let record = GrantRecord {
            status: GrantStatus::Imported(first, last),
            ..self.keep()
        };
        Some((credentials, record))
    }

    /// The grant waits for a claim: what is kept of it. What makes a credential of it is another
    /// opening of the same gate, when the claim comes.
    pub fn keep(self) -> GrantRecord {
        GrantRecord {
            request: self.request().number,
            digest: self.request().digest.clone(),
            approvers: self.approvers().clone(),
            scopes: self.scopes().clone(),
            ttl: self.ttl(),
            identity: None,
            policy: self.opening.policy().clone(),
            at: self.opening.at(),
            status: GrantStatus::Open,
        }
    }
}
