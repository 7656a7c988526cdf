//! The commands with which an operator asks or brings a signature, with their arguments.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, json};

use super::super::admin::{self, Target};
use super::super::approve::brought::Signing;
use super::super::confirm::Change;
use super::{Ask, Asking, Told, Wanted, a_span, ask, vote};
use crate::gate::ids::{CredentialNumber, RequestNumber, Slug};
use crate::gate::time::parse_span;

fn a_slug(text: &str) -> Result<Slug, String> {
    Slug::parse(text)
        .ok_or_else(|| "not a name: 1 to 40 of a-z, 0-9 and -, not at an end".to_owned())
}

/// A name, or `codex-*`.
fn a_name(text: &str) -> Result<String, String> {
    a_slug(text.strip_suffix("-*").unwrap_or(text)).map(|_| text.to_owned())
}

fn a_credential(text: &str) -> Result<CredentialNumber, String> {
    CredentialNumber::parse(text).ok_or_else(|| "not a credential, such as c12".to_owned())
}

fn a_request(text: &str) -> Result<RequestNumber, String> {
    RequestNumber::parse(text).ok_or_else(|| "not the number of a request, such as R17".to_owned())
}

/// Ask for a new identity and its first credential
///
/// The bot opens an issue and puts the request up there, or asks in the issue that is named; it asks as
/// the forge's account of the operator, who cannot approve it. With --approve-with an owner at hand
/// signs, which is one vote of the quorum.
#[derive(Clone, Debug, clap::Args)]
pub struct Create {
    /// The name, or a beginning such as codex-*
    #[arg(value_name = "SLUG", value_parser = a_name)]
    pub slug: String,
    /// The title of the new issue
    #[arg(long, value_name = "TEXT", conflicts_with = "issue")]
    pub title: Option<String>,
    /// What it gets
    #[command(flatten)]
    pub wanted: Wanted,
    /// How and where it is asked
    #[command(flatten)]
    pub asking: Asking,
}

impl Create {
    /// Asks.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let mut body = self.wanted.body(&self.slug);
        if let Some(title) = &self.title {
            body.insert("title".to_owned(), json!(title));
        }
        let what = format!(
            "Ask for the identity {} with {} for {}",
            self.slug,
            self.wanted.scopes.join(", "),
            self.wanted.ttl
        );
        let asked = Ask {
            path: "/v1/identities".to_owned(),
            body,
            what,
            to: self.wanted.to(),
        };
        ask(&self.asking, asked)
    }
}

/// Ask for another credential of an identity; the token is sealed, or claimed, and never shown
#[derive(Clone, Debug, clap::Args)]
pub struct Another {
    /// The identity
    #[arg(value_name = "SLUG", value_parser = a_slug)]
    pub slug: Slug,
    /// What it gets
    #[command(flatten)]
    pub wanted: Wanted,
    /// How and where it is asked
    #[command(flatten)]
    pub asking: Asking,
}

impl Another {
    /// Asks.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let mut body = self.wanted.body("");
        body.remove("identity");
        let what = format!(
            "Ask for another credential of {} with {} for {}",
            self.slug,
            self.wanted.scopes.join(", "),
            self.wanted.ttl
        );
        let asked = Ask {
            path: format!("/v1/identities/{}/credentials", self.slug),
            body,
            what,
            to: self.wanted.to(),
        };
        ask(&self.asking, asked)
    }
}

/// Ask for a successor of a credential
///
/// It may do what its predecessor may do, and goes to the same recipient unless another is named.
#[derive(Clone, Debug, clap::Args)]
pub struct Rotate {
    /// The identity
    #[arg(value_name = "SLUG", value_parser = a_slug)]
    pub slug: Slug,
    /// The credential, where the identity has several
    #[arg(value_name = "cN", value_parser = a_credential)]
    pub credential: Option<CredentialNumber>,
    /// Seal the successor to this key
    #[arg(long, value_name = "age1…")]
    pub recipient: Option<String>,
    /// Have the successor claimed with the verifier of this S256 challenge
    #[arg(long, value_name = "CHALLENGE", conflicts_with = "recipient")]
    pub challenge: Option<String>,
    /// How and where it is asked
    #[command(flatten)]
    pub asking: Asking,
}

impl Rotate {
    /// Asks.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let mut body = Map::new();
        for (name, value) in [
            (
                "credential",
                self.credential.map(|number| number.to_string()),
            ),
            ("recipient", self.recipient.clone()),
            ("challenge", self.challenge.clone()),
        ] {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
        let asked = Ask {
            path: format!("/v1/identities/{}/rotate", self.slug),
            body,
            what: format!("Ask for a successor of {}'s credential", self.slug),
            to: self.recipient.as_deref().or(self.challenge.as_deref()),
        };
        ask(&self.asking, asked)
    }
}

/// An identity, and how and where something is asked about it.
#[derive(Clone, Debug, clap::Args)]
pub struct Named {
    /// The identity
    #[arg(value_name = "SLUG", value_parser = a_slug)]
    pub slug: Slug,
    /// How and where it is asked
    #[command(flatten)]
    pub asking: Asking,
}

impl Named {
    /// Asks with this verb; `what` is the question up to the name.
    pub fn run(&self, verb: &str, what: &str) -> anyhow::Result<ExitCode> {
        let asked = Ask {
            path: format!("/v1/identities/{}/{verb}", self.slug),
            body: Map::new(),
            what: format!("{what} {}", self.slug),
            to: None,
        };
        ask(&self.asking, asked)
    }
}

/// Sign an approval with an owner's SSH key and bring it to the bot: one vote of the quorum
///
/// Shows what the request is for and the exact text to sign, asks once, and signs through ssh-keygen. It
/// is worth the factor `signature` and no other: at a gate that demands a comment, too, use `ownergate
/// approve` and paste what it prints.
#[derive(Clone, Debug, clap::Args)]
pub struct Approve {
    /// The request, such as R17
    #[arg(value_parser = a_request)]
    pub request: RequestNumber,
    /// The owner's SSH key: the private one, or the public one of a key that an agent holds
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The owner's numeric id on the forge, where the key does not tell it
    #[arg(long, value_name = "ID")]
    pub approver: Option<i64>,
    /// The age recipient (or challenge) that the requester gave you outside of the forge: you vouch for
    /// it
    #[arg(long, value_name = "age1…")]
    pub recipient: Option<String>,
    /// Grant these scopes only
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    pub scopes: Option<Vec<String>>,
    /// Grant them for this long only, such as 8h
    #[arg(long, value_name = "SPAN", value_parser = a_span)]
    pub ttl: Option<String>,
    /// Write the sealed file here, mode 0600, if this opens the gate
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
    /// Signing without a question, or only showing what would be signed
    #[command(flatten)]
    pub change: Change,
    /// Which bot is asked
    #[command(flatten)]
    pub target: Target,
}

impl Approve {
    /// Signs and brings it.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let number = self.request;
        // Nobody to ask: told before the bot is.
        if let Err(code) = self
            .change
            .can_ask(&format!("Sign an approval of {number}"))
        {
            return Ok(code);
        }
        if let Some(out) = self.out.as_deref().filter(|out| out.exists()) {
            anyhow::bail!(
                "{} is there already, and nothing was signed",
                super::shown(out)
            );
        }
        let bot = self.target.reach()?;
        let runtime = admin::runtime()?;
        let signing = Signing {
            key: self.key.as_deref(),
            approver: self.approver,
            recipient: self.recipient.as_deref(),
            scopes: self.scopes.clone().map(BTreeSet::from_iter),
            ttl: self.ttl.as_deref().and_then(parse_span),
            yes: self.change.confirm,
            only_show: self.change.dry_run,
        };
        let voted = vote(&runtime, &bot, &self.target, number, &signing)?;
        let mut told = Told::of(self.json, number);
        let code = told.voted(number, voted.as_ref(), self.out.as_deref())?;
        told.end(code)
    }
}
