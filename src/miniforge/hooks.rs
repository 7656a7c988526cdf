//! Webhooks and their deliveries: what is sent, in which order, and what was answered.
//!
//! A delivery is made in the moment of the event, with headers and signature as Forgejo makes them
//! (`services/webhook/shared/payloader.go`), and is sent at most once. A story can hold deliveries
//! back, lose them, change their order, and send one again under a new UUID. Nothing is sent here:
//! `courier` does that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use actix_web::web::Bytes;
use hmac::{Hmac, KeyInit, Mac};

use crate::gate::ids::RepositoryId;

/// A hook of a repository.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Unique in the forge.
    pub id: i64,
    /// Whose events it tells.
    pub repository: RepositoryId,
    /// Where it sends them.
    pub url: String,
    /// The key of the signature; may be empty, then the signature headers are empty, too.
    pub secret: String,
    /// `issues`, `issue_comment`, `pull_request_comment` and so on.
    pub events: BTreeSet<String>,
    /// Sent verbatim as `Authorization`.
    pub authorization: Option<String>,
    /// Whether it sends anything.
    pub active: bool,
    /// Sends a form instead of JSON; the signature is over the JSON all the same.
    pub form: bool,
}

impl Hook {
    /// Whether an event of this fine type is sent. `issues` and `pull_request` stand for all of
    /// their kind.
    pub(crate) fn wants(&self, event_type: &str) -> bool {
        let whole_kind = if event_type.starts_with("pull_request") {
            "pull_request"
        } else {
            "issues"
        };
        let only = matches!(event_type, "issues" | "pull_request")
            && self.events.contains(&format!("{event_type}_only"));
        self.active
            && (only || self.events.contains(event_type) || self.events.contains(whole_kind))
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not sent yet.
    Waiting,
    /// Lost on purpose, never sent.
    Dropped,
    /// Sent; the receiver answered this status.
    Answered(u16),
    /// Sent; no answer came, for this reason.
    Failed(String),
}

/// One delivery: exactly what is or was sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The hook that sends it.
    pub hook: i64,
    /// The receiver.
    pub url: String,
    /// All headers but those of the connection.
    pub headers: Vec<(String, String)>,
    /// The raw body; empty if it was forgotten to save memory.
    pub body: Bytes,
    /// What became of it.
    pub outcome: Outcome,
    /// The event, its type and the signed JSON, to send it again.
    again: (String, String, Bytes),
}

impl Delivery {
    /// A header by name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Bodies of old deliveries beyond this are forgotten; those that wait are always kept.
const KEPT_BYTES: usize = 128 << 20;

/// All hooks and all deliveries.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    /// By number.
    pub(crate) hooks: BTreeMap<i64, Hook>,
    /// In the order of the events.
    pub(crate) deliveries: Vec<Delivery>,
    /// Held back, oldest first, as indices into `deliveries`.
    pub(crate) held: VecDeque<usize>,
    /// To be sent, in this order.
    pub(crate) ready: VecDeque<usize>,
    /// Whether new deliveries are held back.
    pub(crate) holding: bool,
    /// How many of the coming deliveries will be lost.
    pub(crate) losing: usize,
    last_hook: i64,
    kept_bytes: usize,
    forgotten: usize,
}

impl Hooks {
    /// Adds a hook and gives it its number.
    pub(crate) fn add(&mut self, mut hook: Hook) -> i64 {
        self.last_hook += 1;
        hook.id = self.last_hook;
        self.hooks.insert(hook.id, hook);
        self.last_hook
    }

    /// Makes the delivery of one hook and puts it in line; the index of it.
    pub(crate) fn deliver(
        &mut self,
        gitea: bool,
        hook: i64,
        names: (&str, &str),
        json: Bytes,
    ) -> Option<usize> {
        let hook = self.hooks.get(&hook)?;
        let body = if hook.form { form(&json) } else { json.clone() };
        let delivery = Delivery {
            hook: hook.id,
            url: hook.url.clone(),
            headers: headers(hook, gitea, names, &json),
            body,
            outcome: Outcome::Waiting,
            again: (names.0.to_owned(), names.1.to_owned(), json),
        };
        let index = self.deliveries.len();
        self.kept_bytes += delivery.body.len();
        self.deliveries.push(delivery);
        if self.losing > 0 {
            self.losing -= 1;
            self.finish(index, Outcome::Dropped);
        } else if self.holding {
            self.held.push_back(index);
        } else {
            self.ready.push_back(index);
        }
        Some(index)
    }

    /// Sends a past delivery again, as the button of the web page does: a new UUID, the old payload.
    pub(crate) fn replay(&mut self, gitea: bool, index: usize) -> Option<usize> {
        let past = self.deliveries.get(index)?;
        let (hook, (event, event_type, json)) = (past.hook, past.again.clone());
        if json.is_empty() {
            return None;
        }
        self.deliver(gitea, hook, (&event, &event_type), json)
    }

    /// Writes down what became of a delivery, and forgets old bodies where they grow too large.
    pub(crate) fn finish(&mut self, index: usize, outcome: Outcome) {
        if let Some(delivery) = self.deliveries.get_mut(index) {
            delivery.outcome = outcome;
        }
        while self.kept_bytes > KEPT_BYTES
            && let Some(oldest) = self.deliveries.get_mut(self.forgotten)
            && oldest.outcome != Outcome::Waiting
        {
            self.kept_bytes -= oldest.body.len();
            oldest.body = Bytes::new();
            oldest.again.2 = Bytes::new();
            self.forgotten += 1;
        }
    }

    /// Loses the oldest held deliveries, and of the coming ones what is missing to the number.
    pub(crate) fn lose(&mut self, number: usize) {
        for left in (1..=number).rev() {
            match self.held.pop_front() {
                Some(index) => self.finish(index, Outcome::Dropped),
                None => {
                    self.losing += left;
                    return;
                }
            }
        }
    }
}

/// The headers of a delivery, with a new UUID.
fn headers(
    hook: &Hook,
    gitea: bool,
    (event, event_type): (&str, &str),
    json: &[u8],
) -> Vec<(String, String)> {
    let uuid = uuid::Uuid::new_v4().to_string();
    let sha256 = if hook.secret.is_empty() {
        String::new()
    } else {
        hmac_sha256(&hook.secret, json)
    };
    let sha1 = if hook.secret.is_empty() {
        String::new()
    } else {
        hmac_sha1(&hook.secret, json)
    };
    let kind = if hook.form {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    let mut headers = vec![("Content-Type".to_owned(), kind.to_owned())];
    let families: &[&str] = if gitea {
        &["Gitea", "Gogs", "GitHub"]
    } else {
        &["Forgejo", "Gitea", "Gogs", "GitHub"]
    };
    for family in families {
        headers.push((format!("X-{family}-Delivery"), uuid.clone()));
        headers.push((format!("X-{family}-Event"), event.to_owned()));
        headers.push((format!("X-{family}-Event-Type"), event_type.to_owned()));
        if *family != "GitHub" {
            headers.push((format!("X-{family}-Signature"), sha256.clone()));
        }
        if gitea && *family != "Gogs" {
            headers.push((
                format!("X-{family}-Hook-Installation-Target-Type"),
                "repository".to_owned(),
            ));
        }
    }
    headers.push(("X-Hub-Signature".to_owned(), format!("sha1={sha1}")));
    headers.push(("X-Hub-Signature-256".to_owned(), format!("sha256={sha256}")));
    if let Some(authorization) = &hook.authorization {
        headers.push(("Authorization".to_owned(), authorization.clone()));
    }
    headers
}

/// The value of `X-Forgejo-Signature`: lower-case hex of HMAC-SHA256, without a prefix.
pub fn hmac_sha256(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The old signature that GitHub's receivers know.
pub(crate) fn hmac_sha1(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The body of a hook of type form.
fn form(json: &[u8]) -> Bytes {
    let mut url = reqwest::Url::parse("form:x").expect("a constant URL");
    url.query_pairs_mut()
        .append_pair("payload", &String::from_utf8_lossy(json));
    Bytes::from(url.query().unwrap_or_default().to_owned())
}
