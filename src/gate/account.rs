//! The accounts of owners on the forge: which of them are gone or may not sign in any more, and what
//! each of them owns.
//!
//! What somebody owns is found by an index that is derived from the lines alone: one row for each
//! identity that is not final, under its owner. A row that stays behind when an identity gets another
//! owner says nothing; whoever uses one reads the identity. Nothing here pauses anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::Identity;
use super::ids::{IdentityNumber, UserId};
use super::key::{Change, Key, Part, Table};
use super::world;

/// What is kept of an account that is not as it should be. There is no record of any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What is the matter.
    pub trouble: Trouble,
    /// When it was found out.
    pub at: Timestamp,
}

/// What can be the matter with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The forge shows it no more: it was deleted, or is hidden from the bot.
    Gone,
    /// It may not sign in; Forgejo says so to the tokens of site admins only.
    Suspended,
}

impl Trouble {
    /// What happened to it, for a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Gone => "is not on the forge any more (deleted, or hidden from me)",
            Self::Suspended => "may not sign in to the forge any more",
        }
    }
}

/// How an owner's account was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Whose.
    pub owner: UserId,
    /// What is the matter; `None`: it is as it should be.
    pub trouble: Option<Trouble>,
    /// Some of what it owns, by the index; a large number comes in parts.
    pub identities: Vec<IdentityNumber>,
}

impl Account {
    /// Whether an identity stands still for it. One that owners let go on afterwards does not: they
    /// knew.
    pub fn pauses(&self, identity: &Identity) -> bool {
        identity.resumed_at.is_none_or(|resumed| resumed <= self.at)
    }
}

/// The part of the keys under which an owner's identities are found.
pub fn owned_by(owner: UserId) -> [Part; 1] {
    [Part::Number(owner.0)]
}

/// The identity that a row of the index names.
pub fn identity_of(row: &Key) -> Option<IdentityNumber> {
    match row.parts.as_slice() {
        [_, Part::Number(number)] => u64::try_from(*number).ok().map(IdentityNumber),
        _ => None,
    }
}

/// What a change of a line does to the index: nothing, or a row of it that is written or removed.
pub fn row(change: &Change) -> Option<(Key, Option<Value>)> {
    let value = change
        .value
        .as_ref()
        .filter(|_| change.key.table == Table::Identity)?;
    let identity: Identity = world::decode(value)?;
    let key = Key::owned(identity.owner, identity.number);
    Some((key, identity.is_living().then(|| Value::from(1))))
}
