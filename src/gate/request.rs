//! A request: one ask with fixed canonical content and a digest, numbered R1, R2 … per installation.
//!
//! The digest covers everything that would come alive, so that an approval of it can be for nothing
//! else. It is SHA-256 over the RFC 8785 (JCS) form of the canonical object and is recomputed
//! whenever something is decided; a difference voids the request.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::actor::Actor;
use super::approval::Approval;
use super::code::Code;
use super::ids::{CommentId, CredentialNumber, Hash, RequestNumber, Slug, ThreadKey, UserId};
use super::import;
use super::key::Subject;
use super::policy::Policy;

/// The record of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Never used twice.
    pub number: RequestNumber,
    /// Where it was asked and must be approved.
    pub thread: ThreadKey,
    /// What is asked for.
    pub action: Action,
    /// Who asked.
    pub requester: Actor,
    /// The asker's login when it asked; display only.
    pub asker_login: String,
    /// The text that asked.
    pub source: Source,
    /// Everything that would come alive.
    pub effect: Wanted,
    /// A longer name for a new identity.
    pub display_name: Option<String>,
    /// A name for the credential.
    pub label: Option<String>,
    /// Why, in the requester's words; foreign text.
    pub reason: Option<String>,
    /// SHA-256 of the canonical form.
    pub digest: Hash,
    /// The fingerprint of the requester's key that signed where the token goes, if one did.
    #[serde(default)]
    pub signed_by: Option<String>,
    /// 128 random bits of the bot, hex; part of what an owner signs.
    #[serde(default)]
    pub nonce: Option<String>,
    /// When it was taken.
    pub asked_at: Timestamp,
    /// When it ends unless it is decided.
    pub ends_at: Timestamp,
    /// How it stands.
    pub status: RequestStatus,
    /// The bot's comment that shows it, once it is posted.
    pub summary: Option<Summary>,
    /// The summary's text as it was first posted, for the edits that keep its first line true.
    #[serde(default)]
    pub shown: Option<String>,
    /// What its first line says of the state now; `None`: nothing, it waits.
    #[serde(default)]
    pub state: Option<String>,
    /// The approvals counted so far.
    pub approvals: Vec<Approval>,
}

/// What a request asks for; each has its own canonical word, which the digest covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A new credential, for a new identity or one that exists.
    Issue,
    /// Secrets from before work here.
    Import,
    /// A secret from before that no identity has becomes one's.
    Link,
    /// A successor of a credential that exists.
    Rotate,
    /// A paused identity works again, with what it has.
    Resume,
    /// A board that stands still goes on.
    Thaw,
    /// Whoever asks becomes the owner of an identity.
    Own,
}

impl Action {
    /// True if a token is handed to somebody: then neither who asked nor the identity's requester
    /// approves it.
    pub fn delivers(self) -> bool {
        match self {
            Self::Issue | Self::Rotate => true,
            Self::Import | Self::Link | Self::Resume | Self::Thaw | Self::Own => false,
        }
    }

    /// The word that the digest and the machine block show.
    pub fn word(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Import => "import",
            Self::Link => "link",
            Self::Rotate => "rotate",
            Self::Resume => "resume",
            Self::Thaw => "thaw",
            Self::Own => "own",
        }
    }
}

/// The text that asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// A comment or the issue's own body; `None`: it came over the host's own socket, and nothing on
    /// the forge says it.
    pub subject: Option<Subject>,
    /// Who wrote it, or as whom the operator asks.
    pub author: UserId,
    /// SHA-256 of the text as it was taken, or of the file that was handed in.
    pub body: Hash,
    /// The operator who asks as the author, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
}

/// The bot's comment that shows a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its id: an approval's must be higher.
    pub comment: CommentId,
    /// SHA-256 of what the bot sent; another text there is tampering.
    pub body: Hash,
    /// The effect that replaces its text and is not recorded as done yet.
    #[serde(default)]
    pub editing: Option<(u64, u32)>,
    /// When the post was recorded, by the bot's clock; a gate may demand a pause after it.
    #[serde(default)]
    pub posted_at: Option<Timestamp>,
}

/// Everything that would come alive if the request is approved. What an action has not stays out of
/// the canonical form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The identity's name; `None` where a whole board is meant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<Slug>,
    /// What it may do.
    pub scopes: BTreeSet<String>,
    /// What inside the workspace it is for; `None`: not limited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resources: Option<BTreeSet<String>>,
    /// How it may run; `None`: not limited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub modes: Option<BTreeSet<String>>,
    /// The gate; `STRICTEST` is what all gates of the board demand together.
    pub environment: String,
    /// Seconds of life, from the approval, of what would be issued.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ttl: Option<u64>,
    /// The age recipient that the token is sealed to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recipient: Option<String>,
    /// The S256 challenge whose verifier claims the token (RFC 7636 §4.2).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub challenge: Option<String>,
    /// Whose successor the credential would be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predecessor: Option<CredentialNumber>,
    /// The secrets from before that would come alive.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub import: Option<import::Wanted>,
    /// What lives already and would work again.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub alive: Vec<Alive>,
    /// Who would own the identity.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<UserId>,
    /// Since when what would go on stands still.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Timestamp>,
}

/// A credential that lives already and would work again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// Which.
    pub credential: CredentialNumber,
    /// What it could do.
    pub scopes: BTreeSet<String>,
    /// When it ends, whatever happens.
    pub ends: Timestamp,
}

/// How a request stands. Ending by time is computed at use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waiting for owners.
    Open,
    /// The gate opened.
    Approved,
    /// An owner said no.
    Denied(UserId),
    /// The host or an operator said no; its name.
    DeniedBy(String),
    /// Whoever asked took it back.
    Withdrawn,
    /// Something that it stood on changed; the reason in people's words.
    Void(String),
}

impl Request {
    /// True while owners can still decide it.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status == RequestStatus::Open && now < self.ends_at
    }

    /// The word for its status at that time.
    pub fn word(&self, now: Timestamp) -> &'static str {
        match &self.status {
            RequestStatus::Open if now >= self.ends_at => "ended",
            RequestStatus::Open => "open",
            RequestStatus::Approved => "approved",
            RequestStatus::Denied(_) | RequestStatus::DeniedBy(_) => "denied",
            RequestStatus::Withdrawn => "withdrawn",
            RequestStatus::Void(_) => "void",
        }
    }

    /// The user who asked, if it was one.
    pub fn asker(&self) -> Option<UserId> {
        match self.requester {
            Actor::User(user) => Some(user),
            Actor::Operator(_)
            | Actor::Holder(_)
            | Actor::Client(_)
            | Actor::Clock
            | Actor::Bot => None,
        }
    }

    /// What an account that asked was called then; display only. An operator asks without the forge
    /// telling a login, and what stands there then is none.
    pub fn login_of(&self, user: UserId) -> Option<&str> {
        let login = self.asker_login.as_str();
        let known = self.asker() == Some(user) && !login.is_empty() && !login.contains(' ');
        known.then_some(login)
    }

    /// The short form of the digest that owners restate.
    pub fn code(&self) -> Code {
        Code::of(&self.digest)
    }

    /// Everything that the digest covers, under the policy in force.
    pub fn canonical(&self, policy: &Policy) -> Value {
        canonical(
            policy,
            self.number,
            self.thread,
            self.action,
            &self.requester,
            &self.effect,
        )
    }

    /// The digest under the policy in force; differs from the stored one if anything moved.
    pub fn recompute(&self, policy: &Policy) -> Hash {
        digest_of(&self.canonical(policy))
    }
}

/// SHA-256 over the RFC 8785 form of what a request asks for.
pub fn digest(
    policy: &Policy,
    number: RequestNumber,
    thread: ThreadKey,
    action: Action,
    requester: &Actor,
    effect: &Wanted,
) -> Hash {
    digest_of(&canonical(
        policy, number, thread, action, requester, effect,
    ))
}

/// SHA-256 over the RFC 8785 form of a canonical object.
pub fn digest_of(canonical: &Value) -> Hash {
    let bytes = serde_json_canonicalizer::to_vec(canonical)
        .expect("a value made of texts and whole numbers has a canonical form");
    Hash::of(&bytes)
}

/// Everything that a digest covers.
fn canonical(
    policy: &Policy,
    number: RequestNumber,
    thread: ThreadKey,
    action: Action,
    requester: &Actor,
    effect: &Wanted,
) -> Value {
    json!({
        "v": 1,
        "action": action,
        "installation": policy.installation,
        "forge": policy.forge,
        "repository_id": thread.repository,
        "thread": thread.issue,
        "request": number.to_string(),
        "requester": requester,
        "effect": effect,
    })
}
