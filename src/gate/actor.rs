//! Who did something: a user of the forge, an operator, a holder, a client, the clock or the bot.
//!
//! An actor is a number or a configured name, never a login: logins are display data.

use serde::{Deserialize, Serialize};

use super::ids::{CredentialNumber, UserId};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A user of the forge.
    User(UserId),
    /// A person with access to the running bot's host or an operator token.
    Operator(String),
    /// Whoever proved possession of a live credential.
    Holder(CredentialNumber),
    /// A resource server.
    Client(String),
    /// Time itself.
    Clock,
    /// The bot, of its own accord.
    Bot,
}
