//! A credential: the record of one token, and the row that a check of that token reads.
//!
//! `pending → active → grace → revoked`; expiry is computed at use. A credential is made by using up a
//! grant and in no other way, the row that its checks read by `Credential::check` and in no other way;
//! reading records back from the journal makes nothing new. The token itself is never here, only its
//! MAC.
//!
//! ```compile_fail,E0451
//! // Outside of this file nobody can write a credential down, not even from another one.
//! use ownergate::gate::credential::Credential;
//! use ownergate::gate::ids::CredentialNumber;
//! fn another(one: Credential) -> Credential {
//!     Credential { number: CredentialNumber(2), ..one }
//! }
//! ```
//!
//! ```compile_fail,E0451
//! // Nor the row that a check reads.
//! use ownergate::gate::credential::Check;
//! fn alive(row: Check) -> Check {
//!     Check { identity_active: true, ..row }
//! }
//! ```

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::command::Less;
use super::grant::{Grant, Terms};
use super::identity::{Ending, Identity, IdentityStatus};
use super::ids::{
    CredentialNumber, Hash, IdentityNumber, Mac, RepositoryId, RequestNumber, Slug, ThreadKey,
    UserId,
};
use super::import::Row;
use super::policy::{Policy, STRICTEST};
use super::time::after;
use super::verdict::Opening;

/// The record of one credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Never used twice.
    pub number: CredentialNumber,
    /// Whose it is; `None`: a secret from before that no identity has.
    pub identity: Option<IdentityNumber>,
    /// What it is: a token of ours, or a secret from before.
    pub kind: CredentialKind,
    /// Where it belongs, if no identity has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alone: Option<Alone>,
    /// How it is looked up.
    pub mac: Mac,
    /// Which pepper the MAC was made with.
    pub pepper_id: String,
    /// A name that its requester, or the file that it was imported from, gave it.
    pub label: Option<String>,
    /// What was granted.
    pub scopes: BTreeSet<String>,
    /// What inside the workspace it is for; `None`: not limited.
    pub resources: Option<BTreeSet<String>>,
    /// How it may be used; `None`: not limited.
    pub modes: Option<BTreeSet<String>>,
    /// The request that it was granted for.
    pub request: RequestNumber,
    /// Who approved it.
    pub approvers: BTreeSet<UserId>,
    /// The first credential of its line of successors.
    pub family: CredentialNumber,
    /// 1 for the first of its family.
    pub generation: u32,
    /// Whose successor it is.
    pub predecessor: Option<CredentialNumber>,
    /// Its newest successor, whether that was used yet or not.
    #[serde(default)]
    pub successor: Option<CredentialNumber>,
    /// The recipient that its token was sealed to; `None` if it was claimed.
    pub recipient: Option<String>,
    /// When the gate opened; its life runs from here.
    pub issued_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
    /// How it stands.
    pub status: CredentialStatus,
    /// The hash of the scopes that the policy has left of its grant, once its thread was told so.
    #[serde(default)]
    pub told_cut: Option<Hash>,
    /// When its token was first shown after its grace, if it ever was.
    #[serde(default)]
    pub shown_late: Option<Timestamp>,
    /// Nobody outside of this file can name it, so nobody else can write the record down.
    #[serde(skip)]
    made: Made,
}

/// Part of what only this file may put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Made;

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// An opaque token, verified by introspection.
    Token,
    /// A secret that was in use before this installation, found by its hash. Its holder gets no
    /// successor for it.
    Legacy,
}

/// Where a credential belongs that no identity has. It went through all gates of its board together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    /// The thread that it was imported in.
    pub thread: ThreadKey,
    /// Who asked.
    pub requester: UserId,
    /// The first approver.
    pub owner: UserId,
}

/// How a credential stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialStatus {
    /// Issued and not used yet; ends at that time if it is not used by then.
    Pending(Timestamp),
    /// In use since that time.
    Active(Timestamp),
    /// Its successor is in use; it ends at that time.
    Grace(Timestamp),
    /// It stands still by itself, which only what no identity has does: linking it to one lets it
    /// work again.
    Paused(Ending),
    /// Final.
    Revoked(Ending),
}

impl Credential {
    /// A grant becomes a credential; it is used up. `None` if the candidate was minted for something
    /// else.
    pub(super) fn of(grant: Grant, terms: Terms) -> Option<Self> {
        let request = grant.request();
        let wanted = grant.wanted();
        let fits = terms.candidate.request == request.number
            && Some(&terms.candidate.slug) == wanted.identity.as_ref()
            && terms.candidate.recipient == wanted.recipient;
        if !fits {
            return None;
        }
        let expires_at = after(terms.granted_at, grant.ttl()).min(terms.identity_ends);
        let pending_until = after(terms.now, terms.activation).min(expires_at);
        let (family, generation) = match &terms.line {
            Some((family, generation)) => (*family, generation + 1),
            None => (terms.number, 1),
        };
        Some(Self {
            number: terms.number,
            identity: Some(terms.identity),
            kind: CredentialKind::Token,
            alone: None,
            mac: terms.candidate.mac,
            pepper_id: terms.candidate.pepper_id,
            label: request.label.clone().or(terms.label),
            scopes: grant.scopes().clone(),
            resources: wanted.resources.clone(),
            modes: wanted.modes.clone(),
            request: request.number,
            approvers: grant.approvers().clone(),
            family,
            generation,
            predecessor: wanted.predecessor,
            successor: None,
            recipient: wanted.recipient.clone(),
            issued_at: terms.granted_at,
            expires_at,
            status: CredentialStatus::Pending(pending_until),
            told_cut: None,
            shown_late: None,
            made: Made,
        })
    }

    /// One secret of an import whose gate is open. `None` if nothing would be left of what it may do,
    /// or its identity is another than the row's. It is in use already, so that nothing waits for its
    /// first use.
    pub(super) fn imported(
        grant: &Grant,
        row: &Row,
        number: CredentialNumber,
        identity: Option<&Identity>,
    ) -> Option<Self> {
        let request = grant.request();
        if row.identity != identity.map(|identity| identity.number) {
            return None;
        }
        let within = |scope: &&String| {
            grant.scopes().contains(*scope)
                && identity.is_none_or(|identity| identity.scopes.contains(*scope))
        };
        let scopes: BTreeSet<String> = row.scopes.iter().filter(within).cloned().collect();
        if scopes.is_empty() {
            return None;
        }
        let at = grant.at();
        let ends = after(at, grant.ttl());
        let ends = row.expires_at.map_or(ends, |own| own.min(ends));
        let alone = match identity {
            Some(_) => None,
            None => Some(Alone {
                thread: request.thread,
                requester: request.asker()?,
                owner: request
                    .approvals
                    .iter()
                    .map(|approval| approval.approver)
                    .find(|user| grant.approvers().contains(user))?,
            }),
        };
        Some(Self {
            number,
            identity: row.identity,
            kind: CredentialKind::Legacy,
            alone,
            mac: row.mac.clone(),
            pepper_id: row.pepper_id.clone(),
            label: Some(row.label.clone()),
            scopes,
            resources: None,
            modes: None,
            request: request.number,
            approvers: grant.approvers().clone(),
            family: number,
            generation: 1,
            predecessor: None,
            successor: None,
            recipient: None,
            issued_at: at,
            expires_at: identity.map_or(ends, |identity| ends.min(identity.expires_at)),
            status: CredentialStatus::Active(at),
            told_cut: None,
            shown_late: None,
            made: Made,
        })
    }

    /// What no identity had is this identity's from now on, and does no more than that gate granted.
    pub(super) fn link(&mut self, opening: &Opening, identity: &Identity) {
        self.identity = Some(identity.number);
        self.alone = None;
        self.scopes
            .retain(|scope| opening.scopes().contains(scope) && identity.scopes.contains(scope));
        self.approvers.extend(opening.approvers());
        if matches!(self.status, CredentialStatus::Paused(_)) {
            self.status = CredentialStatus::Active(opening.at());
        }
    }

    /// Does less from now on: only what is in all of these, and not beyond that end. True if that
    /// changes anything.
    pub(super) fn narrow(&mut self, less: &Less, ends: Option<Timestamp>) -> bool {
        let before = self.clone();
        if let Some(scopes) = &less.scopes {
            self.scopes.retain(|scope| scopes.contains(scope));
        }
        less_of(&mut self.resources, less.resources.as_ref());
        less_of(&mut self.modes, less.modes.as_ref());
        if let Some(ends) = ends {
            self.expires_at = self.expires_at.min(ends);
        }
        *self != before
    }

    /// These approvers let it go on: their ceilings hold for it from now on, too.
    pub(super) fn vouch(&mut self, approvers: &BTreeSet<UserId>) {
        self.approvers.extend(approvers);
    }

    /// True while it can still work or come to work.
    pub fn is_living(&self, now: Timestamp) -> bool {
        let status = match &self.status {
            CredentialStatus::Pending(until) | CredentialStatus::Grace(until) => now < *until,
            CredentialStatus::Active(_) | CredentialStatus::Paused(_) => true,
            CredentialStatus::Revoked(_) => false,
        };
        status && now < self.expires_at
    }

    /// True if its successor is in use and its grace is over: whoever still shows its token is late, or
    /// not its holder.
    pub fn is_rotated_away(&self, now: Timestamp) -> bool {
        rotated_away(&self.status, now)
    }

    /// The word for its status at that time.
    pub fn word(&self, now: Timestamp) -> &'static str {
        match &self.status {
            CredentialStatus::Revoked(_) => "revoked",
            _ if !self.is_living(now) => "expired",
            CredentialStatus::Pending(_) => "pending",
            CredentialStatus::Active(_) => "active",
            CredentialStatus::Grace(_) => "grace",
            CredentialStatus::Paused(_) => "paused",
        }
    }

    /// The row that a check of its token reads, derived anew whenever it or its identity changes.
    pub fn check(&self, identity: &Identity) -> Check {
        Check {
            credential: self.number,
            identity: Some(identity.number),
            slug: Some(identity.slug.clone()),
            label: None,
            board: identity.board(),
            thread: identity.thread,
            environment: identity.environment.clone(),
            requester: identity.requester,
            owner: identity.owner,
            approvers: self.approvers.clone(),
            scopes: self
                .scopes
                .intersection(&identity.scopes)
                .cloned()
                .collect(),
            resources: meet(self.resources.as_ref(), identity.resources.as_ref()),
            modes: meet(self.modes.as_ref(), identity.modes.as_ref()),
            issued_at: self.issued_at,
            expires_at: self.expires_at.min(identity.expires_at),
            status: self.status.clone(),
            identity_active: matches!(identity.status, IdentityStatus::Active),
            made: Made,
        }
    }

    /// The row that a check reads of what no identity has; `None` for anything else.
    pub fn check_alone(&self) -> Option<Check> {
        let alone = self.alone.as_ref()?;
        self.identity.is_none().then(|| Check {
            credential: self.number,
            identity: None,
            slug: None,
            label: self.label.clone(),
            board: alone.thread.repository,
            thread: alone.thread,
            environment: STRICTEST.to_owned(),
            requester: alone.requester,
            owner: alone.owner,
            approvers: self.approvers.clone(),
            scopes: self.scopes.clone(),
            resources: self.resources.clone(),
            modes: self.modes.clone(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            status: self.status.clone(),
            identity_active: true,
            made: Made,
        })
    }
}

/// Keeps of a list what another holds, too; what was not limited is limited from then on.
pub(super) fn less_of(have: &mut Option<BTreeSet<String>>, left: Option<&BTreeSet<String>>) {
    if let Some(left) = left {
        match have {
            Some(have) => have.retain(|name| left.contains(name)),
            None => *have = Some(left.clone()),
        }
    }
}

/// What both allow; `None` allows everything.
fn meet(
    one: Option<&BTreeSet<String>>,
    other: Option<&BTreeSet<String>>,
) -> Option<BTreeSet<String>> {
    let mut met = one.cloned();
    less_of(&mut met, other);
    met
}

/// Everything that a check of a token needs, in one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which credential.
    pub credential: CredentialNumber,
    /// Which identity; `None`: a secret from before that no identity has.
    pub identity: Option<IdentityNumber>,
    /// Its slug.
    pub slug: Option<Slug>,
    /// What people call it, where it has no slug.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<String>,
    /// The board.
    pub board: RepositoryId,
    /// The identity's thread.
    pub thread: ThreadKey,
    /// The gate that it came through; `STRICTEST`: all of the board's together.
    pub environment: String,
    /// Who asked for the identity, or for the import.
    pub requester: UserId,
    /// Its first approver.
    pub owner: UserId,
    /// Who approved this credential.
    pub approvers: BTreeSet<UserId>,
    /// Grant ∩ identity.
    pub scopes: BTreeSet<String>,
    /// What inside the workspace it is for.
    pub resources: Option<BTreeSet<String>>,
    /// How it may be used.
    pub modes: Option<BTreeSet<String>>,
    /// When the gate opened.
    pub issued_at: Timestamp,
    /// The earlier end of credential and identity.
    pub expires_at: Timestamp,
    /// How the credential stands.
    pub status: CredentialStatus,
    /// Whether the identity is active, if there is one.
    pub identity_active: bool,
    /// As in `Credential`.
    #[serde(skip)]
    made: Made,
}

/// What a live credential may do right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The row that it was read from.
    pub check: Check,
    /// The row's scopes ∩ what gate and approvers may hand on now.
    pub scopes: BTreeSet<String>,
    /// The board's workspace.
    pub workspace: String,
    /// True if this use is its first and has to be journaled before it is answered.
    pub first_use: bool,
}

fn rotated_away(status: &CredentialStatus, now: Timestamp) -> bool {
    matches!(status, CredentialStatus::Grace(until) if now >= *until)
}

impl Check {
    /// As for the credential.
    pub fn is_rotated_away(&self, now: Timestamp) -> bool {
        rotated_away(&self.status, now)
    }

    /// Judges a credential at one moment under the policy in force; `None` is inactive, whatever
    /// the cause: nobody outside is told which.
    ///
    /// What it may do is its grant ∩ the identity ∩ the gate's scopes and every approver's ceiling
    /// *in force now*, so that cutting a policy narrows every live credential at the next check.
    pub fn live(self, policy: &Policy, now: Timestamp) -> Option<Live> {
        let board = policy.board(self.board)?;
        let gate = board.gate(&self.environment)?;
        let first_use = match &self.status {
            CredentialStatus::Pending(until) if now < *until => true,
            CredentialStatus::Active(_) => false,
            CredentialStatus::Grace(until) if now < *until => false,
            CredentialStatus::Pending(_)
            | CredentialStatus::Grace(_)
            | CredentialStatus::Paused(_)
            | CredentialStatus::Revoked(_) => return None,
        };
        if !self.identity_active || now >= self.expires_at {
            return None;
        }
        let scopes = board.handed_on(&gate, &self.scopes, &self.approvers);
        (!scopes.is_empty()).then(|| Live {
            check: self,
            scopes,
            workspace: board.workspace.clone(),
            first_use,
        })
    }
}
