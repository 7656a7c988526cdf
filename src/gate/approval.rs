//! An approval: one owner's yes to one digest, and the evidence for it.
//!
//! It is counted only after everything that it rests on was read again (`verdict.rs`), and it is
//! looked at anew each time the gate is asked: an approval that was edited, deleted, or given under
//! another gate counts no longer.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::command::{Restated, Vouched};
use super::ids::{CommentId, Hash, UserId};
use super::policy::{Board, Gate};
use super::request::Request;

/// A counted yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The owner.
    pub approver: UserId,
    /// The comment that said it; `None`: an operator brought the owner's signature, which is then all
    /// of the evidence.
    #[serde(default)]
    pub comment: Option<CommentId>,
    /// SHA-256 of that comment as it was read, or of the armored signature.
    pub body: Hash,
    /// What the owner restated.
    pub scopes: BTreeSet<String>,
    /// The life that the owner restated, seconds; `None` where nothing gets one.
    #[serde(default)]
    pub ttl: Option<u64>,
    /// The fingerprint of the owner's key that signed it, if one did.
    #[serde(default)]
    pub signed_by: Option<String>,
    /// The armored signature, for whoever checks it later.
    #[serde(default)]
    pub armor: Option<String>,
    /// Whether a one-time code of the owner's came with it.
    #[serde(default)]
    pub code: bool,
    /// Who vouches for the key that gets the token, by this owner's signed word.
    #[serde(default)]
    pub vouched: Option<Vouched>,
    /// When the forge says it was written, or when it was brought.
    pub created_at: Timestamp,
    /// When it was counted.
    pub counted_at: Timestamp,
    /// The rules that it was given under; others void it.
    pub gate: Hash,
}

impl Approval {
    /// What it said, for its request.
    pub fn restated(&self, request: &Request) -> Restated {
        Restated {
            request: request.number,
            code: request.code(),
            scopes: self.scopes.clone(),
            ttl: self.ttl,
            otp: self.code,
            vouched: self.vouched,
            armor: self.armor.clone(),
        }
    }
}

/// The hash of everything about a gate that an approval relies on: the gate itself, who owns the
/// board, and who is a machine account there.
pub fn gate_hash(board: &Board, gate: &Gate) -> Hash {
    let relied_on = serde_json::json!({
        "gate": gate,
        "owners": board.owners.iter().collect::<Vec<_>>(),
        "machine_accounts": board.machine_accounts,
    });
    Hash::of(relied_on.to_string().as_bytes())
}
