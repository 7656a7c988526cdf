//! The machine-readable block behind every comment of the bot, so that agents need not read prose.
//!
//! `<!-- ownergate.v1 {"kind": …} -->` on one line; `<`, `>` and `--` are escaped inside the JSON,
//! so that nothing in it can end the comment. Its fields may grow, they don't change.

use serde_json::{Map, Value, json};

use super::super::credential::Credential;
use super::super::ids::{Seq, Slug};
use super::super::request::Request;
use super::super::time::rfc3339;

/// What a block says.
#[derive(Clone, Debug)]
pub struct Block(Map<String, Value>);

impl Block {
    fn new(kind: &str) -> Self {
        let mut members = Map::new();
        members.insert("kind".to_owned(), Value::from(kind));
        Self(members)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// `kind` `request`: everything that an approval restates, and the line to copy. What an action
    /// has not is not there.
    pub fn request(request: &Request, gate: &str, approve: &str) -> Self {
        let wanted = &request.effect;
        let mut block = Self::new("request")
            .with("action", request.action.word())
            .with("request", request.number.to_string())
            .with("code", request.code().to_string())
            .with("digest", request.digest.as_str())
            .with("scopes", json!(wanted.scopes))
            .with("environment", wanted.environment.as_str())
            .with("gate", gate)
            .with("approve", approve);
        if let Some(slug) = &wanted.identity {
            block = block.with("identity", slug.as_str());
        }
        if let Some(ttl) = wanted.ttl {
            block = block.with("ttl", ttl);
        }
        // By its own key an agent knows its request among others.
        match (&wanted.recipient, &wanted.challenge) {
            (Some(recipient), _) => block.with("recipient", recipient.as_str()),
            (None, Some(challenge)) => block.with("challenge", challenge.as_str()),
            (None, None) => block,
        }
    }

    /// `kind` `credential`; the sealed file stands in the fence.
    pub fn credential(credential: &Credential, slug: &Slug) -> Self {
        Self::new("credential")
            .with("request", credential.request.to_string())
            .with("identity", slug.as_str())
            .with("credential", credential.number.to_string())
            .with("expires_at", rfc3339(credential.expires_at))
            .with("scopes", json!(credential.scopes))
    }

    /// `kind` `refusal`: what was asked does not happen.
    pub fn refusal(code: &str, reason: &str) -> Self {
        Self::new("refusal")
            .with("code", code)
            .with("reason", reason)
    }

    /// `kind` `inspection`.
    pub fn inspection(members: Value) -> Self {
        let mut block = Self::new("inspection");
        if let Value::Object(members) = members {
            block.0.extend(members);
        }
        block
    }

    /// `kind` `notice`: anything else.
    pub fn notice() -> Self {
        Self::new("notice")
    }

    /// Names the request that it is about.
    pub fn about(self, request: Option<super::super::ids::RequestNumber>) -> Self {
        match request {
            Some(request) => self.with("request", request.to_string()),
            None => self,
        }
    }

    /// What it says, for an answer that is no comment.
    pub fn members(self) -> Map<String, Value> {
        self.0
    }

    /// The line, with the journal's number.
    pub fn render(self, seq: Seq) -> String {
        line(self.with("seq", seq.0).0)
    }
}

const OPEN: &str = "<!-- ownergate.v1 ";
const CLOSE: &str = " -->";

/// A block's line; nothing in it can end the comment.
pub fn line(members: Map<String, Value>) -> String {
    let json = Value::Object(members).to_string();
    let json = json
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace("--", "-\\u002d");
    format!("{OPEN}{json}{CLOSE}")
}

/// A comment of the bot's with more in the block that ends it; `None` if no block ends it, or there is
/// nothing to add.
pub fn completed(
    body: &str,
    complete: impl FnOnce(Map<String, Value>) -> Option<Map<String, Value>>,
) -> Option<String> {
    let (text, block) = body.rsplit_once(OPEN)?;
    let members = serde_json::from_str(block.strip_suffix(CLOSE)?).ok()?;
    Some(format!("{text}{}", line(complete(members)?)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn nothing_inside_can_end_the_comment_and_it_reads_back() {
        let line = Block::refusal("x", "a --> b <b> ---- c").render(Seq(7));
        let inner = line
            .strip_prefix("<!-- ownergate.v1 ")
            .and_then(|rest| rest.strip_suffix(" -->"))
            .unwrap();
        assert!(!inner.contains("--") && !inner.contains('<') && !inner.contains('>'));
        let read: Value = serde_json::from_str(inner).unwrap();
        assert_eq!(read["reason"], "a --> b <b> ---- c");
        assert_eq!(read["seq"], 7);
    }

    #[test]
    fn a_block_is_completed_in_its_place_and_stays_one() {
        let body = format!("**x**\n\n{}", Block::refusal("x", "a --> b").render(Seq(7)));
        let more = completed(&body, |mut members| {
            members.insert("note".to_owned(), Value::from("c --> d"));
            Some(members)
        })
        .unwrap();
        assert!(more.starts_with("**x**\n\n<!-- ownergate.v1 {"), "{more}");
        assert_eq!(more.matches("-->").count(), 1);
        assert_eq!(completed(&more, Some).unwrap(), more);
        assert_eq!(completed(&body, |_| None), None);
        assert_eq!(completed("**x**", Some), None);
    }
}
