//! A store with many living credentials, written through the store's own writer.
//!
//! Each has an identity of its own and brings the records that it consists of: credential, identity,
//! grant, slug, and the row that a check reads. One line each; the texts are as long as real ones.
//! What else a thread leaves (its request, what was seen of its comments) is not there.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use ownergate::app::secrets::Secrets;
use ownergate::clock::Clock;
use ownergate::config::Config;
use ownergate::demo::stage::KAN;
use ownergate::gate::actor::Actor;
use ownergate::gate::audit::{Entry, Recent};
use ownergate::gate::credential::{Credential, CredentialStatus};
use ownergate::gate::grant::{GrantRecord, GrantStatus};
use ownergate::gate::identity::{Identity, IdentityStatus};
use ownergate::gate::ids::{
    CredentialNumber, Hash, IdentityNumber, IssueNumber, RequestNumber, Slug, ThreadKey, UserId,
};
use ownergate::gate::key::{Change, Key};
use ownergate::gate::thread::{Counters, SlugOwner, Thread};
use ownergate::gate::time::after;
use ownergate::gate::world::{self, Record};
use ownergate::secret::token::{TokenPrefix, mint};
use ownergate::store::{self, Body, Options, Progress, Step};
use serde_json::json;

/// Jobs that are submitted together.
const TOGETHER: u64 = 256;
/// The owner that approves: alice.
const OWNER: UserId = UserId(2);
/// The machine account that asks: codex.
const AGENT: UserId = UserId(7);

/// Every so many credentials one has not been used yet.
pub(crate) const PENDING_EVERY: u64 = 10;

/// Tokens of a seeded store.
#[derive(Default)]
pub(crate) struct Tokens {
    /// In use.
    pub(crate) active: Vec<String>,
    /// Not used yet: their first check is journaled.
    pub(crate) pending: Vec<String>,
}

/// Writes so many credentials into the store of a configuration.
pub(crate) async fn write(config: &Config, clock: &Clock, count: u64) -> anyhow::Result<Tokens> {
    let secrets = Secrets::read(config)
        .map_err(|faults| anyhow::anyhow!("the stage's secrets: {}", faults.len()))?;
    let installation = secrets.bot_keys.current.installation_id().to_string();
    let options = Options::new(&config.store.path, installation.clone(), clock.clone());
    let opened =
        tokio::task::spawn_blocking(move || store::open(options, Arc::new(Progress::new())))
            .await??;
    let writer = opened.start(|_, body: Body, _| Step::Commit { body, answer: () });
    let prefix = TokenPrefix::parse(&config.tokens.prefix).context("no prefix")?;
    let policy = config.policy(installation, UserId(5)).hash();
    let mut tokens = Tokens::default();
    for first in (1..=count).step_by(usize::try_from(TOGETHER)?) {
        let mut bodies = Vec::new();
        for number in first..(first + TOGETHER).min(count + 1) {
            let slug = Slug::parse(&format!("codex-kan-{number}")).context("no slug")?;
            let token = mint(&prefix, &slug)?.expose().to_owned();
            let one = One {
                number,
                slug,
                now: clock.now(),
                policy: policy.clone(),
                pending: number % PENDING_EVERY == 0,
            };
            let mac = secrets.peppers.token_mac(&token);
            bodies.push(one.line(mac, secrets.peppers.pepper_id()));
            if one.pending {
                tokens.pending.push(token);
            } else {
                tokens.active.push(token);
            }
        }
        let submitted = bodies.into_iter().map(|body| writer.submit(body));
        for done in futures_util::future::join_all(submitted).await {
            done?;
        }
    }
    writer.close().await;
    Ok(tokens)
}

/// The line that brings these identities, each with a credential in use. Their tokens are nobody's.
pub(crate) fn identities(numbers: std::ops::Range<u64>, now: Timestamp) -> Body {
    let mut changes = Vec::new();
    for number in numbers {
        let slug = Slug::parse(&format!("codex-kan-{number}")).expect("a short name");
        let one = One {
            number,
            slug,
            now,
            policy: Hash::of(b"policy"),
            pending: false,
        };
        changes.extend(one.records(mac_of(number), "pepper"));
        let thread = Thread {
            identities: vec![IdentityNumber(number)],
            ..Thread::default()
        };
        changes.push(put(Key::thread(one.thread()), &thread));
    }
    Body {
        policy: "policy".to_owned(),
        cause: json!({ "kind": "seeded" }),
        changes,
        entries: Vec::new(),
        effects: Vec::new(),
        under_reserve: false,
    }
}

/// The MAC of a token of `identities`.
pub(crate) fn mac_of(number: u64) -> ownergate::gate::ids::Mac {
    let mut mac = [0; 32];
    mac[..8].copy_from_slice(&number.to_be_bytes());
    ownergate::gate::ids::Mac::new(&mac)
}

/// One credential and everything that belongs to it.
struct One {
    number: u64,
    slug: Slug,
    now: Timestamp,
    policy: Hash,
    pending: bool,
}

impl One {
    fn thread(&self) -> ThreadKey {
        ThreadKey {
            repository: KAN,
            issue: IssueNumber(self.number.cast_signed()),
        }
    }

    /// The hash of some text of its life.
    fn hash(&self, what: &str) -> Hash {
        Hash::of(format!("{what} {}", self.number).as_bytes())
    }

    /// A text of the length and look of an age recipient.
    fn recipient(&self) -> String {
        format!("age1{}", &self.hash("recipient").as_str()[..58])
    }

    fn scopes() -> BTreeSet<String> {
        ["board:read", "card:write"].map(str::to_owned).into()
    }

    fn identity(&self) -> Identity {
        let mut recent = Recent::default();
        recent.push(self.now, "credential_issued", "alice approved it");
        recent.push(self.now, "credential_first_used", "c1");
        Identity {
            number: IdentityNumber(self.number),
            slug: self.slug.clone(),
            display_name: None,
            thread: self.thread(),
            requester: AGENT,
            owner: OWNER,
            scopes: Self::scopes(),
            resources: None,
            modes: None,
            environment: "dev".to_owned(),
            status: IdentityStatus::Active,
            created_at: self.now,
            expires_at: after(self.now, 30 * 86_400),
            resumed_at: None,
            last_rotated: None,
            credentials: vec![CredentialNumber(self.number)],
            recent,
        }
    }

    fn credential(&self, mac: ownergate::gate::ids::Mac, pepper: &str) -> Credential {
        let status = if self.pending {
            CredentialStatus::Pending(after(self.now, 3_600))
        } else {
            CredentialStatus::Active(self.now)
        };
        // Only a grant makes a credential; what a store holds is read back from its JSON.
        let record = serde_json::json!({
            "number": self.number,
            "identity": self.number,
            "kind": "token",
            "mac": mac,
            "pepper_id": pepper,
            "label": null,
            "scopes": Self::scopes(),
            "resources": null,
            "modes": null,
            "request": self.number,
            "approvers": [OWNER],
            "family": self.number,
            "generation": 1,
            "predecessor": null,
            "recipient": self.recipient(),
            "issued_at": self.now,
            "expires_at": after(self.now, 8 * 3_600),
            "status": status,
        });
        serde_json::from_value(record).expect("it has every field of the record")
    }

    fn grant(&self) -> GrantRecord {
        GrantRecord {
            request: RequestNumber(self.number),
            digest: self.hash("digest"),
            approvers: [OWNER].into(),
            scopes: Self::scopes(),
            ttl: 8 * 3_600,
            identity: Some(IdentityNumber(self.number)),
            policy: self.policy.clone(),
            at: self.now,
            status: GrantStatus::Consumed(CredentialNumber(self.number)),
        }
    }

    /// What a decision about it reads: credential, row of its checks, identity, name.
    fn records(&self, mac: ownergate::gate::ids::Mac, pepper: &str) -> Vec<Change> {
        let (identity, credential) = (self.identity(), self.credential(mac, pepper));
        let owner = SlugOwner {
            repository: KAN,
            requester: AGENT,
            identity: identity.number,
            slug: self.slug.clone(),
        };
        vec![
            put(Key::credential(credential.number), &credential),
            put(Key::check(&credential.mac), &credential.check(&identity)),
            put(Key::identity(identity.number), &identity),
            put(Key::slug(&self.slug), &owner),
        ]
    }

    /// The line that brings it.
    fn line(&self, mac: ownergate::gate::ids::Mac, pepper: &str) -> Body {
        let counters = Counters {
            request: self.number,
            credential: self.number,
            identity: self.number,
        };
        let mut changes = vec![put(Key::grant(RequestNumber(self.number)), &self.grant())];
        changes.extend(self.records(mac, pepper));
        changes.push(put(Key::counters(), &counters));
        let entry = Entry::new(
            "credential_issued",
            Actor::User(OWNER),
            "alice approved and the gate opened",
        );
        Body {
            policy: self.policy.as_str().to_owned(),
            cause: json!({ "kind": "seeded" }),
            changes,
            entries: vec![json!(
                entry
                    .in_thread(self.thread())
                    .about_identity(IdentityNumber(self.number))
            )],
            effects: Vec::new(),
            under_reserve: false,
        }
    }
}

fn put<T: Record>(key: Key, record: &T) -> Change {
    Change {
        key,
        value: Some(world::encode(record)),
    }
}
