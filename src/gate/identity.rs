//! A machine identity: who it is for, what it may do, and how it stands.
//!
//! `active ⇄ paused → revoked | expired | released`. Expiry is computed at use and needs no record.
//! Its number, thread, requester and environment never change.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::audit::Recent;
use super::ids::{CredentialNumber, IdentityNumber, RepositoryId, Slug, ThreadKey, UserId};

/// The record of one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Never used twice.
    pub number: IdentityNumber,
    /// What people call it.
    pub slug: Slug,
    /// A longer name, if its requester gave one.
    pub display_name: Option<String>,
    /// Where everything about it happens.
    pub thread: ThreadKey,
    /// Who asked for it first.
    pub requester: UserId,
    /// The first approver.
    pub owner: UserId,
    /// The union of what its approved requests asked for.
    pub scopes: BTreeSet<String>,
    /// What inside the workspace it is for; `None`: not limited.
    pub resources: Option<BTreeSet<String>>,
    /// How it may run; `None`: not limited.
    pub modes: Option<BTreeSet<String>>,
    /// The gate that its requests go through.
    pub environment: String,
    /// How it stands.
    pub status: IdentityStatus,
    /// When it was first approved.
    pub created_at: Timestamp,
    /// When it ends unless it is approved again.
    pub expires_at: Timestamp,
    /// When owners last let it go on after a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Timestamp>,
    /// When it last got a successor credential.
    pub last_rotated: Option<Timestamp>,
    /// Its credentials, oldest first; ended ones are dropped once there are many.
    pub credentials: Vec<CredentialNumber>,
    /// The last things that happened to it, oldest first.
    pub recent: Recent,
}

/// How an identity stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityStatus {
    /// Its credentials work.
    Active,
    /// Every credential is refused; an owner may resume it.
    Paused(Ending),
    /// Final.
    Revoked(Ending),
    /// Given back by its requester; final.
    Released(Ending),
}

/// Who ended something, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Who did it.
    pub by: Actor,
    /// When it was decided.
    pub at: Timestamp,
    /// In people's words.
    pub why: String,
}

impl Identity {
    /// The board that it belongs to.
    pub fn board(&self) -> RepositoryId {
        self.thread.repository
    }

    /// True while it can still be given work or taken back: not revoked and not released.
    /// An expired one is not final.
    pub fn is_living(&self) -> bool {
        matches!(
            self.status,
            IdentityStatus::Active | IdentityStatus::Paused(_)
        )
    }

    /// The word for its status at that time.
    pub fn word(&self, now: Timestamp) -> &'static str {
        match &self.status {
            IdentityStatus::Active if now >= self.expires_at => "expired",
            IdentityStatus::Active => "active",
            IdentityStatus::Paused(_) => "paused",
            IdentityStatus::Revoked(_) => "revoked",
            IdentityStatus::Released(_) => "released",
        }
    }
}
