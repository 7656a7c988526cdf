//! Policy: the effective configuration of boards, gates, owners and clients, without any secret.
//!
//! It is journaled whole whenever it changes, and every line of the journal names its hash, so that
//! anybody can later say under which rules a decision was made. A policy only ever shuts gates; no
//! change of it opens one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ids::{Hash, IssueNumber, RepositoryId, ThreadKey, UserId};

/// The environment that means every gate of a board; no gate can have that name.
pub const STRICTEST: &str = "*";
/// Parts the windows of several gates.
const AND: &str = " and ";

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// SHA-256 of the installation's first public signing key, hex.
    pub installation: String,
    /// The forge's base URL, without a final slash.
    pub forge: String,
    /// Where agents and webhooks reach the bot, without a final slash.
    pub public_url: String,
    /// The bot's own account on the forge.
    pub bot: UserId,
    /// What every token begins with, before its first `_`.
    pub token_prefix: String,
    /// Seconds within which a sealed credential must be used first.
    pub activation: u64,
    /// Seconds that a rotated credential lives on.
    pub grace: u64,
    /// Seconds from the last approval after which an identity ends.
    pub identity_ttl: u64,
    /// Seconds after which an open request ends.
    pub request_ttl: u64,
    /// Seconds after which the identities of a closed thread are revoked.
    pub closed_revoke: u64,
    /// The boards by repository id.
    pub boards: BTreeMap<RepositoryId, Board>,
    /// The resource servers by name.
    pub clients: BTreeMap<String, Client>,
    /// The operators by name.
    pub operators: BTreeMap<String, Operator>,
}

impl Policy {
    /// SHA-256 of the policy's JSON, whose maps and sets are sorted.
    pub fn hash(&self) -> Hash {
        Hash::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The board of a repository.
    pub fn board(&self, repository: RepositoryId) -> Option<&Board> {
        self.boards.get(&repository)
    }

    /// Where people see a thread; `None` where its board is none any more.
    pub fn thread_url(&self, thread: ThreadKey) -> Option<String> {
        let board = self.board(thread.repository)?;
        let (repository, issue) = (&board.repository, thread.issue.0);
        Some(format!("{}/{repository}/issues/{issue}", self.forge))
    }

    /// Whether the named client may see tokens of a board's environment; for any other a token is as
    /// dead as an unknown one, and its showing is no use.
    pub fn shows(&self, client: &str, repository: RepositoryId, environment: &str) -> bool {
        self.clients
            .get(client)
            .zip(self.board(repository))
            .is_some_and(|(client, board)| client.sees(board, environment))
    }
}

/// One repository that may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// The path of its hook.
    pub name: String,
    /// `owner/name`, as the operator expects it.
    pub repository: String,
    /// The id that counts.
    pub repository_id: RepositoryId,
    /// What the tokens of this board are for; the audience shown to resource servers.
    pub workspace: String,
    /// Every scope that may be asked for here.
    pub scopes: BTreeSet<String>,
    /// What inside the workspace may be named; `None`: anything.
    pub resources: Option<BTreeSet<String>>,
    /// The modes that may be named; `None`: anything.
    pub modes: Option<BTreeSet<String>>,
    /// Who may ask.
    pub requesters: Requesters,
    /// Accounts that agents use: they may ask and can never approve.
    pub machine_accounts: BTreeSet<UserId>,
    /// What is known of single requesters.
    pub known_requesters: BTreeMap<UserId, KnownRequester>,
    /// Open requests that one requester may have.
    pub max_open_requests: u32,
    /// Where the bot speaks when a thread refuses it.
    pub control_issue: Option<IssueNumber>,
    /// No reminders then.
    pub quiet_hours: Option<String>,
    /// Whether `list` may name identities in a thread.
    pub list_in_thread: bool,
    /// Seconds without a successful read of the board after which every check is refused.
    pub max_silence: Option<u64>,
    /// Who may approve and narrow, by numeric id.
    pub owners: BTreeMap<UserId, Owner>,
    /// The gates by environment.
    pub gates: BTreeMap<String, Gate>,
    /// Whose judgements are shown, by numeric id.
    pub judges: BTreeMap<UserId, Judge>,
}

impl Board {
    /// The owner with this id, if it is one.
    pub fn owner(&self, user: UserId) -> Option<&Owner> {
        self.owners.get(&user)
    }

    /// True if this account may ask for identities here.
    pub fn may_ask(&self, user: UserId) -> bool {
        user.is_somebody()
            && match self.requesters {
                Requesters::Anyone => true,
                Requesters::Listed => {
                    self.machine_accounts.contains(&user)
                        || self.owners.contains_key(&user)
                        || self.known_requesters.contains_key(&user)
                }
            }
    }

    /// True if commands of this account are heard here: an owner's, and those of whoever may ask.
    pub fn may_command(&self, user: UserId) -> bool {
        self.owner(user).is_some() || self.may_ask(user)
    }

    /// The gate of an environment. `STRICTEST` stands for all gates of the board together: the largest
    /// quorum, every factor and every condition.
    pub fn gate(&self, environment: &str) -> Option<Cow<'_, Gate>> {
        if environment != STRICTEST {
            return self.gates.get(environment).map(Cow::Borrowed);
        }
        let mut gates = self.gates.values();
        let first = gates.next()?.clone();
        Some(Cow::Owned(gates.fold(first, Gate::and)))
    }

    /// Of these scopes, those that a gate of this board grants: what both of them list.
    pub fn granted<'a>(
        &self,
        gate: &Gate,
        scopes: impl IntoIterator<Item = &'a String>,
    ) -> BTreeSet<String> {
        scopes
            .into_iter()
            .filter(|scope| self.grants(gate, scope))
            .cloned()
            .collect()
    }

    /// Of these scopes, those that a gate of this board grants and that each of these owners may hand on
    /// now. Who is no owner any more hands nothing on.
    pub fn handed_on<'a>(
        &self,
        gate: &Gate,
        scopes: impl IntoIterator<Item = &'a String>,
        owners: impl IntoIterator<Item = &'a UserId>,
    ) -> BTreeSet<String> {
        let mut scopes = self.granted(gate, scopes);
        for user in owners {
            match self.owner(*user).map(|owner| &owner.ceiling) {
                Some(None) => {}
                Some(Some(ceiling)) => scopes.retain(|scope| ceiling.contains(scope)),
                None => scopes.clear(),
            }
        }
        scopes
    }

    /// The first of what is asked for that is not on the board's closed lists: which list, the name, and
    /// what is on it.
    pub fn not_listed<'a>(
        &'a self,
        resources: Option<&'a BTreeSet<String>>,
        modes: Option<&'a BTreeSet<String>>,
    ) -> Option<(&'static str, &'a String, &'a BTreeSet<String>)> {
        [
            ("resources", resources, &self.resources),
            ("modes", modes, &self.modes),
        ]
        .into_iter()
        .find_map(|(what, asked, listed)| {
            let listed = listed.as_ref()?;
            Some((what, asked?.difference(listed).next()?, listed))
        })
    }

    /// True if a gate of this board grants a scope: both of them list it.
    pub fn grants(&self, gate: &Gate, scope: &str) -> bool {
        gate.scopes.contains(scope) && self.scopes.contains(scope)
    }

    /// The environment that a request without one means: the only gate, else `dev`.
    pub fn default_environment(&self) -> &str {
        match self.gates.keys().next() {
            Some(only) if self.gates.len() == 1 => only,
            _ => "dev",
        }
    }
}

/// Who may ask on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requesters {
    /// Machine accounts, owners and listed requesters.
    Listed,
    /// Every account of the forge.
    Anyone,
}

/// What is known of a requester.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRequester {
    /// Recipients that the operator vouches for.
    pub recipients: BTreeSet<String>,
    /// Keys with which it signs its requests, as OpenSSH public keys.
    pub signing_keys: BTreeSet<String>,
}

/// A person who may approve and narrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The login that the operator expects; a changed one holds widening.
    pub login: String,
    /// False for an owner who left: may not approve, may still stop things.
    pub may_approve: bool,
    /// The most that this owner may hand on; `None`: no such limit.
    pub ceiling: Option<BTreeSet<String>>,
    /// Keys for the factor `signature`, as OpenSSH public keys.
    pub signing_keys: BTreeSet<String>,
    /// Whether a secret for the factor `code` is configured.
    pub has_code: bool,
}

/// The rules of one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// What may be asked for in this environment.
    pub scopes: BTreeSet<String>,
    /// The longest life of a credential, seconds.
    pub max_ttl: u64,
    /// How many distinct owners must approve.
    pub quorum: u32,
    /// What an approval must bring.
    pub factors: BTreeSet<Factor>,
    /// Whether who asks may approve.
    pub self_approval: bool,
    /// Whether a holder may swap its token without an owner.
    pub holder_rotation: bool,
    /// Whether signatures may open it while the forge is away.
    pub offline: bool,
    /// Whether a fresh judgement must not object.
    pub judge_required: bool,
    /// Seconds between summary and approval.
    pub cooling_off: Option<u64>,
    /// When it may open, such as `Mon-Fri 08:00-18:00 Europe/Warsaw`.
    pub open_hours: Option<String>,
}

impl Gate {
    /// What both gates demand together.
    fn and(self, other: &Self) -> Self {
        let hours: Vec<String> = [self.open_hours, other.open_hours.clone()]
            .into_iter()
            .flatten()
            .collect();
        Self {
            scopes: self.scopes.intersection(&other.scopes).cloned().collect(),
            max_ttl: self.max_ttl.min(other.max_ttl),
            quorum: self.quorum.max(other.quorum),
            factors: self.factors.union(&other.factors).copied().collect(),
            self_approval: self.self_approval && other.self_approval,
            holder_rotation: self.holder_rotation && other.holder_rotation,
            offline: self.offline && other.offline,
            judge_required: self.judge_required || other.judge_required,
            cooling_off: self.cooling_off.max(other.cooling_off),
            open_hours: (!hours.is_empty()).then(|| hours.join(AND)),
        }
    }

    /// The windows in all of which it must be for the gate to open.
    pub fn open_hours(&self) -> impl Iterator<Item = &str> {
        self.open_hours.iter().flat_map(|hours| hours.split(AND))
    }
}

/// What an approval must bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// An owner's comment.
    Comment,
    /// A one-time code.
    Code,
    /// A signature by a pinned key.
    Signature,
}

impl Factor {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::Code => "code",
            Self::Signature => "signature",
        }
    }
}

/// An account whose judgements are advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judge {
    /// Its login.
    pub login: String,
    /// Recommendations that shut a gate with `judge = "required"`.
    pub shut_on: BTreeSet<String>,
}

/// A resource server that may ask whether a token is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The boards whose tokens it may see.
    pub boards: BTreeSet<RepositoryId>,
    /// The environments whose tokens it may see; `None`: that of the only gate of its boards.
    pub environments: Option<BTreeSet<String>>,
}

impl Client {
    /// Whether this client may see tokens of a board's environment. Without named environments
    /// it sees a board that has one gate, and that gate's tokens only. What belongs to all gates
    /// together is seen by who sees every one of them.
    pub fn sees(&self, board: &Board, environment: &str) -> bool {
        if environment == STRICTEST {
            let mut gates = board.gates.keys();
            return !board.gates.is_empty() && gates.all(|gate| self.sees(board, gate));
        }
        let named = match &self.environments {
            Some(environments) => environments.contains(environment),
            None => board.gates.len() == 1,
        };
        named && self.boards.contains(&board.repository_id) && board.gates.contains_key(environment)
    }
}

/// A person with an operator token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Who asks, when this operator asks.
    pub forge_id: Option<UserId>,
    /// The user of the host who may speak as this operator over the socket.
    pub uid: Option<u32>,
    /// The boards that it may touch.
    pub boards: BTreeSet<RepositoryId>,
    /// `read`, `narrow`, `request`.
    pub rights: BTreeSet<String>,
}
