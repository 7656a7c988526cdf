//! What is ordered over the bot's own doors, and that somebody was turned away there.
//!
//! Everything here only ever takes something away. It is decided on the writer, where membership and
//! rights are looked at by the policy in force.

use super::command::Less;
use super::ids::{CredentialNumber, RepositoryId, RequestNumber, Slug};
use super::operator::By;

/// Somebody orders that something is to be stopped or to do less.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who.
    pub by: By,
    /// What.
    pub what: Ask,
    /// Why, in that one's words; may be empty.
    pub reason: String,
    /// Whether it is written down if nothing comes of it: the edge bounds how often.
    pub noted: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// An identity stands still.
    Pause(Slug),
    /// An identity ends with all its credentials.
    Revoke(Slug),
    /// One credential ends, an identity's or one that no identity has.
    RevokeCredential(CredentialNumber, Option<Slug>),
    /// An identity may do less.
    Narrow(Slug, Less),
    /// An identity is given back.
    Release(Slug),
    /// A request is denied.
    Deny(RequestNumber),
}

impl Ask {
    /// The word for it, as in comments.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Pause(_) => "pause",
            Self::Revoke(_) | Self::RevokeCredential(..) => "revoke",
            Self::Narrow(..) => "narrow",
            Self::Release(_) => "release",
            Self::Deny(_) => "deny",
        }
    }
}

/// What came of an order, in words without Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// It is done.
    Done(String),
    /// There was nothing to do; how it stands.
    Already(String),
    /// There is no such thing, as far as this one may know.
    Unknown(String),
    /// This one may not do that.
    Denied(String),
    /// It cannot be done so.
    Refused(String),
}

/// Somebody was turned away at the edge.
#[derive(Clone, Debug)]
pub struct TurnedAway {
    /// Who, if that one is known.
    pub by: Option<By>,
    /// What was wanted, and why not, in words.
    pub why: String,
    /// On which board.
    pub board: Option<RepositoryId>,
    /// How many were turned away with it, since the last one that was written down.
    pub times: u64,
}
