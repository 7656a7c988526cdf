//! What an approver is told of a request: the answer of `GET /v1/requests/R17`, signed by the bot.
//!
//! Invariant: whoever reads it can check everything that a signature would cover. The digest and the
//! code follow from the canonical object, and the statement is built from that object, not from what
//! stands beside it. Only the nonce, the end, the owners' keys and who vouches are taken on the bot's
//! word, which its signature shows.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gate::code::Code;
use crate::gate::command::Vouched;
use crate::gate::ids::{IssueNumber, RepositoryId, RequestNumber, Slug, UserId};
use crate::gate::policy::{Board, Factor, Policy};
use crate::gate::request::{Request, digest_of};
use crate::gate::signed::vouched;
use crate::gate::statement::{Delivery, Statement};
use crate::gate::time::{rfc3339, span};
use crate::secret::signing::{SigningKey, Succession, is_signed_by, vouches};

/// What the bot signs it for.
const PURPOSE: &str = "ownergate/request/v1";

/// A request as its approvers are told. It may get more members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The form: 1.
    pub v: u32,
    /// `R17`.
    pub request: String,
    /// How it stands: `open`, `approved`, `denied`, `withdrawn`, `void` or `ended`.
    pub status: String,
    /// The code that approvals restate.
    pub code: String,
    /// SHA-256 over the RFC 8785 form of `canonical`.
    pub digest: String,
    /// Everything that the digest covers.
    pub canonical: Value,
    /// The repository's name, as it is configured.
    pub repository: String,
    /// The asker's login when it asked.
    pub asker_login: String,
    /// A longer name for a new identity; the asker's own text.
    pub display_name: Option<String>,
    /// A name for the credential; the asker's own text.
    pub label: Option<String>,
    /// Why; the asker's own text.
    pub reason: Option<String>,
    /// When it was asked, RFC 3339 in UTC.
    pub asked_at: String,
    /// When it ends, RFC 3339 in UTC: a signed approval counts until then.
    pub ends_at: String,
    /// What the bot chose for this request alone.
    pub nonce: Option<String>,
    /// How many owners must approve.
    pub quorum: u32,
    /// What an approval must bring.
    pub factors: BTreeSet<Factor>,
    /// Who is counted.
    pub counted: Vec<UserId>,
    /// Who vouches for the recipient or challenge already.
    pub vouched: Option<Vouched>,
    /// Who may approve on this board.
    pub owners: Vec<Approver>,
    /// The bot's public key, 64 hex characters.
    pub bot_key: String,
    /// How the bot's earlier keys vouch for it, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pedigree: Vec<Succession>,
}

/// An owner who may approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver {
    /// By numeric id.
    pub id: UserId,
    /// As the config expects it.
    pub login: String,
    /// The owner's public keys, without their comments.
    pub signing_keys: Vec<String>,
}

/// What an approval restates; what is missing is as it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restatement {
    /// Fewer scopes.
    pub scopes: Option<BTreeSet<String>>,
    /// A shorter life, seconds.
    pub ttl: Option<u64>,
    /// Who vouches.
    pub vouched: Option<Vouched>,
}

/// A statement, and the line that restates the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signable {
    /// The exact text to sign.
    pub text: String,
    /// The first line of the comment.
    pub line: String,
}

/// Why a document is not believed, or no statement comes of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    /// No document.
    #[error("the answer is not the bot's: is this its address?")]
    NotOne,
    /// Signed by another key than the one that is known.
    #[error("the bot shows another key than before: {found}, not {known}")]
    OtherKey {
        /// The pinned one.
        known: String,
        /// The one that it shows.
        found: String,
    },
    /// The bot's signature does not fit.
    #[error("the bot's signature does not fit the answer: it was changed on its way")]
    BadSignature,
    /// What it says follows from the canonical object does not.
    #[error("the {0} is not that of the request: it was changed")]
    Differs(&'static str),
    /// The approval would be wider than what was asked.
    #[error("{0}")]
    Wider(String),
    /// An old request, or something in it that cannot be signed.
    #[error("this request cannot be signed for ({0}): ask anew")]
    Unfit(&'static str),
}

impl Document {
    /// Of a request under the policy in force; `None` if its board is no longer configured.
    pub fn of(
        request: &Request,
        policy: &Policy,
        now: Timestamp,
        key: &SigningKey,
    ) -> Option<Self> {
        let board = policy.board(request.thread.repository)?;
        let gate = board.gate(&request.effect.environment);
        Some(Self {
            v: 1,
            request: request.number.to_string(),
            status: request.word(now).to_owned(),
            code: request.code().to_string(),
            digest: request.digest.to_string(),
            canonical: request.canonical(policy),
            repository: board.repository.clone(),
            asker_login: match &request.source.operator {
                Some(operator) => format!("{operator} (operator), as {}", request.asker_login),
                None => request.asker_login.clone(),
            },
            display_name: request.display_name.clone(),
            label: request.label.clone(),
            reason: request.reason.clone(),
            asked_at: rfc3339(request.asked_at),
            ends_at: rfc3339(request.ends_at),
            nonce: request.nonce.clone().filter(|nonce| !nonce.is_empty()),
            quorum: gate.as_ref().map_or(0, |gate| gate.quorum),
            factors: gate.map_or_else(BTreeSet::new, |gate| gate.factors.clone()),
            counted: request
                .approvals
                .iter()
                .map(|approval| approval.approver)
                .collect(),
            vouched: vouched(request, board),
            owners: approvers(board),
            bot_key: key.public_hex(),
            pedigree: key.pedigree().to_vec(),
        })
    }

    /// The bot's answer: the document and the bot's signature over its RFC 8785 form.
    pub fn signed(&self, key: &SigningKey) -> Option<Value> {
        let mut value = serde_json::to_value(self).ok()?;
        let bytes = serde_json_canonicalizer::to_vec(&value).ok()?;
        let signature = Value::String(key.sign(PURPOSE, &bytes));
        value
            .as_object_mut()?
            .insert("signature".to_owned(), signature);
        Some(value)
    }

    /// Reads an answer whose signature fits; `known` is the bot's key, if it is known already. Another
    /// key is believed if the known one vouches for it.
    pub fn read(bytes: &[u8], known: Option<&str>) -> Result<Self, DocumentFault> {
        let mut value: Value = serde_json::from_slice(bytes).map_err(|_| DocumentFault::NotOne)?;
        let signature = match value
            .as_object_mut()
            .and_then(|all| all.remove("signature"))
        {
            Some(Value::String(signature)) => signature,
            _ => return Err(DocumentFault::NotOne),
        };
        let bytes = serde_json_canonicalizer::to_vec(&value).map_err(|_| DocumentFault::NotOne)?;
        let document: Self = serde_json::from_value(value).map_err(|_| DocumentFault::NotOne)?;
        let found = &document.bot_key;
        if let Some(known) = known.filter(|known| !vouches(known, found, &document.pedigree)) {
            return Err(DocumentFault::OtherKey {
                known: known.to_owned(),
                found: found.clone(),
            });
        }
        if !is_signed_by(found, PURPOSE, &bytes, &signature) {
            return Err(DocumentFault::BadSignature);
        }
        Ok(document)
    }

    /// Computes anew what follows from the canonical object: this must be the request that was meant,
    /// and the digest and the code that the approver knows.
    pub fn check(&self, number: RequestNumber, code: &Code) -> Result<(), DocumentFault> {
        let digest = digest_of(&self.canonical);
        if self.canonical["request"] != number.to_string() || self.request != number.to_string() {
            return Err(DocumentFault::Differs("number"));
        }
        if digest.as_str() != self.digest {
            return Err(DocumentFault::Differs("digest"));
        }
        if Code::of(&digest) != *code {
            return Err(DocumentFault::Differs("code"));
        }
        Ok(())
    }

    /// Everything that would come alive.
    fn effect(&self) -> &Value {
        &self.canonical["effect"]
    }

    /// The scopes that were asked for.
    pub fn scopes(&self) -> BTreeSet<String> {
        let scopes = self.effect()["scopes"].as_array();
        let text = |scope: &Value| scope.as_str().map(str::to_owned);
        scopes.into_iter().flatten().filter_map(text).collect()
    }

    /// The life that was asked for, seconds.
    pub fn ttl(&self) -> Option<u64> {
        self.effect()["ttl"].as_u64()
    }

    /// How what is issued would reach its holder.
    pub fn delivery(&self) -> Option<Delivery> {
        let text = |key: &str| self.effect()[key].as_str().map(str::to_owned);
        text("recipient")
            .map(Delivery::Recipient)
            .or_else(|| text("challenge").map(Delivery::Challenge))
    }

    /// The text to sign and the line that restates the same.
    pub fn signable(
        &self,
        approver: UserId,
        restated: &Restatement,
    ) -> Result<Signable, DocumentFault> {
        let asked = self.scopes();
        let scopes = restated.scopes.clone().unwrap_or_else(|| asked.clone());
        let wider: Vec<&str> = scopes.difference(&asked).map(String::as_str).collect();
        if wider.contains(&"") {
            return Err(DocumentFault::Wider("a scope is empty".to_owned()));
        }
        if !wider.is_empty() {
            let wider = wider.join(", ");
            return Err(DocumentFault::Wider(format!("nobody asked for {wider}")));
        }
        if scopes.is_empty() && !asked.is_empty() {
            return Err(DocumentFault::Wider("no scope is left".to_owned()));
        }
        let ttl = match (restated.ttl, self.ttl()) {
            (None, asked) => asked,
            (Some(ttl), Some(asked)) if (1..=asked).contains(&ttl) => Some(ttl),
            (Some(_), Some(asked)) => {
                let asked = span(asked);
                return Err(DocumentFault::Wider(format!(
                    "the ttl may be up to {asked}, and not nothing"
                )));
            }
            (Some(_), None) => {
                return Err(DocumentFault::Wider("nothing here gets a ttl".to_owned()));
            }
        };
        let statement = self.statement(approver, scopes, ttl, restated.vouched)?;
        let text = statement
            .text()
            .map_err(|unfit| DocumentFault::Unfit(unfit.0))?;
        Ok(Signable {
            text,
            line: self.line(&statement),
        })
    }

    fn statement(
        &self,
        approver: UserId,
        scopes: BTreeSet<String>,
        ttl: Option<u64>,
        vouched: Option<Vouched>,
    ) -> Result<Statement, DocumentFault> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let unfit = |what| move || DocumentFault::Unfit(what);
        let canonical = &self.canonical;
        Ok(Statement {
            action: text(&canonical["action"]).ok_or_else(unfit("action"))?,
            approver,
            delivery: self.delivery(),
            digest: digest_of(canonical),
            environment: text(&self.effect()["environment"]),
            forge: text(&canonical["forge"]).ok_or_else(unfit("forge"))?,
            identity: self.effect()["identity"].as_str().and_then(Slug::parse),
            installation: text(&canonical["installation"]).ok_or_else(unfit("installation"))?,
            not_after: self.ends_at.parse().map_err(|_| DocumentFault::NotOne)?,
            nonce: self.nonce.clone().ok_or_else(unfit("nonce"))?,
            repository_id: RepositoryId(
                canonical["repository_id"]
                    .as_i64()
                    .ok_or_else(unfit("repository_id"))?,
            ),
            request: RequestNumber::parse(&self.request).ok_or_else(unfit("request"))?,
            scopes,
            thread: canonical["thread"].as_i64().map(IssueNumber),
            ttl,
            vouched,
        })
    }

    /// The line of the comment, with what the statement restates.
    fn line(&self, statement: &Statement) -> String {
        let code = Code::of(&statement.digest);
        let mut line = format!("/gate approve {} {code}", statement.request);
        if !statement.scopes.is_empty() {
            let scopes: Vec<&str> = statement.scopes.iter().map(String::as_str).collect();
            line.push_str(&format!(" scopes={}", scopes.join(",")));
        }
        if let Some(ttl) = statement.ttl {
            line.push_str(&format!(" ttl={}", span(ttl)));
        }
        if let Some(vouched) = statement.vouched {
            line.push_str(&format!(" vouched={}", vouched.word()));
        }
        line
    }
}

fn approvers(board: &Board) -> Vec<Approver> {
    let without_comment = |key: &String| key.split(' ').take(2).collect::<Vec<_>>().join(" ");
    board
        .owners
        .iter()
        .filter(|(id, owner)| owner.may_approve && !board.machine_accounts.contains(id))
        .map(|(id, owner)| Approver {
            id: *id,
            login: owner.login.clone(),
            signing_keys: owner.signing_keys.iter().map(without_comment).collect(),
        })
        .collect()
}
