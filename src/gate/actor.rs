//! Who did something: a user of the forge, an operator, a holder, a client, the clock or the bot.
//!
//! An actor is a number or a configured name, never a login: logins are display data.

use std::fmt;

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

impl fmt::Display for Actor {
    /// `user:2`, `operator:piotr`, `holder:c1`, `client:kanban-api`, `clock`, `bot`: what `parse` reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::Holder(number) => write!(f, "holder:{number}"),
            Self::Client(name) => write!(f, "client:{name}"),
            Self::Clock => f.write_str("clock"),
            Self::Bot => f.write_str("bot"),
        }
    }
}

impl Actor {
    /// Reads the form in which actors are shown; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        match (text, text.split_once(':')) {
            ("clock", _) => Some(Self::Clock),
            ("bot", _) => Some(Self::Bot),
            (_, Some((_, ""))) => None,
            (_, Some(("user", id))) => id.parse().ok().map(UserId).map(Self::User),
            (_, Some(("operator", name))) => Some(Self::Operator(name.to_owned())),
            (_, Some(("holder", number))) => CredentialNumber::parse(number).map(Self::Holder),
            (_, Some(("client", name))) => Some(Self::Client(name.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_shown_and_read_in_one_form() {
        for (actor, text) in [
            (Actor::User(UserId(2)), "user:2"),
            (Actor::Operator("config".to_owned()), "operator:config"),
            (Actor::Holder(CredentialNumber(1)), "holder:c1"),
            (Actor::Client("kanban-api".to_owned()), "client:kanban-api"),
            (Actor::Clock, "clock"),
            (Actor::Bot, "bot"),
        ] {
            assert_eq!(actor.to_string(), text);
            assert_eq!(Actor::parse(text), Some(actor));
        }
        for bad in [
            "",
            "alice",
            "user:",
            "user:alice",
            "holder:1",
            "robot",
            "bot:",
        ] {
            assert_eq!(Actor::parse(bad), None, "{bad}");
        }
    }
}
