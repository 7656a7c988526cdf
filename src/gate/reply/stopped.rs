//! What the bot says when something stands still or ends: the same sentence whoever wanted it, in a comment
//! or over the bot's own doors. `by` is empty where the comment above it shows who that was, else
//! ` by …`; `reason` is empty or `: …`.

use super::super::identity::Identity;
use super::super::ids::{RequestNumber, Slug};

/// An identity stands still.
pub fn paused(slug: &Slug, by: &str, reason: &str) -> String {
    format!("**`{slug}` is paused**{by}{reason}. Every credential of it is refused.")
}

/// What can be done about an identity that stands still.
pub fn paused_onward(slug: &Slug) -> String {
    format!("`/gate resume {slug}` asks that it goes on; `/gate revoke {slug}` ends it.")
}

/// An identity has ended.
pub fn revoked(identity: &Identity, by: &str, reason: &str) -> String {
    ended(identity, "revoked", by, reason)
}

/// An identity was given back.
pub fn released(identity: &Identity, by: &str, reason: &str) -> String {
    let text = ended(identity, "released", by, reason);
    format!("{text} The name stays its requester's.")
}

fn ended(identity: &Identity, word: &str, by: &str, reason: &str) -> String {
    format!(
        "**`{}` is {word}**{by}, with {} of its credentials{reason}.",
        identity.slug,
        identity.credentials.len()
    )
}

/// A request ended by a no, or was taken back.
pub fn request_ended(number: RequestNumber, word: &str, by: &str, reason: &str) -> String {
    format!("**{number} {word} by {by}**{reason}")
}
