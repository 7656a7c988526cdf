//! Secrets from before, as they wait for their owners and as a request for them names them.
//!
//! An edge read them from a file of hashes (`secret/legacy.rs`). What comes here are MACs, with the
//! most that each may do; neither a secret nor its plain hash is ever part of an event or a record.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::evidence::Reads;
use super::ids::{Hash, IdentityNumber, IssueNumber, Mac, RepositoryId, Slug, UserId};
use super::operator::By;

/// The most secrets of one import: they come alive in one line of the journal.
pub const MOST_ROWS: usize = 100;
/// The most living credentials of an identity that gets some: what it would take to resume it has to
/// stay small enough to be read.
pub const MOST_OF_IDENTITY: usize = 50;
/// The most living secrets of a board that no identity has.
pub const MOST_ALONE: usize = 200;

/// An operator hands a file in.
#[derive(Clone, Debug)]
pub struct Import {
    /// Who.
    pub by: By,
    /// The board.
    pub board: RepositoryId,
    /// The issue in which it is asked for.
    pub issue: IssueNumber,
    /// SHA-256 of the file.
    pub file: Hash,
    /// Its lines, in order.
    pub lines: Vec<Line>,
    /// What was read on the forge for it.
    pub reads: Box<Reads>,
}

/// One line of the file.
#[derive(Clone, Debug)]
pub struct Line {
    /// How the secret may be known: under the current pepper, under which it would be stored, then the
    /// previous one.
    pub macs: Vec<Mac>,
    /// Which pepper the first was made with.
    pub pepper_id: String,
    /// What people call it.
    pub label: String,
    /// What it may do, at most.
    pub scopes: BTreeSet<String>,
    /// When it ends, at most.
    pub expires_at: Option<Timestamp>,
    /// The identity that it is to be linked to.
    pub identity: Option<Slug>,
}

/// The record of one secret that waits for its owners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// How it is looked up.
    pub mac: Mac,
    /// Which pepper the MAC was made with.
    pub pepper_id: String,
    /// What people call it; foreign text.
    pub label: String,
    /// What it may do, at most.
    pub scopes: BTreeSet<String>,
    /// When it ends, at most.
    pub expires_at: Option<Timestamp>,
    /// The identity that it would be linked to.
    pub identity: Option<IdentityNumber>,
}

/// What a request for an import names beside its scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// SHA-256 of the file, for whoever has it.
    pub file: Hash,
    /// How many secrets.
    pub lines: u64,
    /// SHA-256 over every row: each secret, what it may do, its end and its identity.
    pub rows: Hash,
    /// The identities that some would be linked to.
    pub identities: BTreeMap<Slug, IdentityNumber>,
    /// Who asked for those: they do not approve.
    pub requesters: BTreeSet<UserId>,
}

/// SHA-256 over rows as their records are written.
pub fn digest(rows: &[Row]) -> Hash {
    Hash::of(&serde_json::to_vec(rows).expect("rows are made of plain data"))
}
