//! Where a record lives: a table and the parts of its key, and the change that writes it.
//!
//! The journal shows keys as `{"table":"request","key":[17]}`; the store turns them into bytes,
//! table first and numbers big-endian, so that a walk over a table goes in order. A table's byte
//! and name are never re-used for something else.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::due::Due;
use super::ids::{
    CredentialNumber, Hash, IdentityNumber, IssueNumber, Mac, RepositoryId, RequestNumber, Slug,
    ThreadKey, UserId,
};

/// Every kind of record is written down here once: what it is, its name and its byte.
macro_rules! tables {
    ($($(#[$about:meta])+ $table:ident = $byte:literal,)+) => {
        /// One kind of record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Table {
            $($(#[$about])+ $table,)+
        }

        impl Table {
            /// Every table.
            pub const ALL: [Self; [$($byte),+].len()] = [$(Self::$table),+];

            /// The first byte of every key of this table.
            pub fn byte(self) -> u8 {
                match self {
                    $(Self::$table => $byte,)+
                }
            }
        }
    };
}

tables! {
    /// Owners' accounts that are not as they should be, by user id.
    Account = b'A',
    /// Audit entries, the newest first; derived from the lines.
    Audit = b'e',
    /// The ways to an audit entry; derived from the lines.
    AuditBy = b'd',
    /// The board's own state, by repository id.
    Board = b'b',
    /// Which request a challenge was used for.
    Challenge = b'h',
    /// The derived row that a check of a token reads, by MAC.
    Check = b'k',
    /// The counters of R, c and identity numbers; one row.
    Counters = b'n',
    /// Credentials by number.
    Credential = b'c',
    /// What is to be looked at, by the second when.
    Due = b'D',
    /// What is kept of an owner's one-time codes.
    Factor = b'x',
    /// Grants by the number of their request.
    Grant = b'g',
    /// Identities by number.
    Identity = b'i',
    /// Accepted, undecided events by the number of the line that accepted them.
    Inbox = b'q',
    /// What the whole installation knows about itself; one row.
    Installation = b'w',
    /// Secrets from before that wait for their owners, by request and place in the file.
    Legacy = b'L',
    /// Open requests of a board that name one slug.
    Naming = b'y',
    /// Decided, undone effects by line number and position.
    Outbox = b'o',
    /// Identities that are not final, by their owner; derived from the lines.
    Owned = b'O',
    /// The effective policy; one row.
    Policy = b'p',
    /// What is sealed to one recipient, and whether its key is burnt.
    Recipient = b'a',
    /// What a resource server has reported, by its name and the hash of its event's id.
    Report = b'v',
    /// How much a resource server has reported, by its name.
    Reporter = b'm',
    /// Requests by number.
    Request = b'r',
    /// Open requests of one requester on one board.
    Requester = b'u',
    /// A holder's own successor of a credential, by the number of that.
    Rotation = b'R',
    /// What was first seen of a comment or an issue body.
    Seen = b'f',
    /// Owners' security keys, by fingerprint.
    Signer = b'j',
    /// Who a slug belongs to.
    Slug = b's',
    /// Boards that stand still.
    Standstill = b'z',
    /// How much of the journal strangers have filled today, by repository and user, and by repository.
    Stranger = b'S',
    /// Threads by repository and issue.
    Thread = b't',
    /// Uses of a credential by its number.
    Uses = b'l',
    /// What operators asked for, by the wish's key.
    Wish = b'W',
}

/// One part of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// A number; ordered as a number.
    Number(i64),
    /// A text without a zero byte.
    Text(String),
}

/// The address of one record. Its `Debug` does not show the MAC of a token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Which kind of record.
    pub table: Table,
    /// Which of them.
    #[serde(rename = "key")]
    pub parts: Vec<Part>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Key");
        shown.field("table", &self.table);
        match self.table {
            Table::Check => shown.field("key", &"[REDACTED]"),
            _ => shown.field("key", &self.parts),
        };
        shown.finish()
    }
}

/// What a once-event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A comment, by its id.
    Comment(i64),
    /// The body of an issue, by its number.
    Issue(i64),
}

impl Key {
    fn new(table: Table, parts: impl IntoIterator<Item = Part>) -> Self {
        Self {
            table,
            parts: parts.into_iter().collect(),
        }
    }

    /// An owner's account that is not as it should be.
    pub fn account(owner: UserId) -> Self {
        Self::new(Table::Account, [Part::Number(owner.0)])
    }

    /// The board of a repository.
    pub fn board(repository: RepositoryId) -> Self {
        Self::new(Table::Board, [Part::Number(repository.0)])
    }

    /// The row that a check of a token reads.
    pub fn check(mac: &Mac) -> Self {
        Self::new(Table::Check, [Part::Text(mac.as_str().to_owned())])
    }

    /// Which request a challenge was used for.
    pub fn challenge(challenge: &str) -> Self {
        Self::new(Table::Challenge, [Part::Text(challenge.to_owned())])
    }

    /// The counters.
    pub fn counters() -> Self {
        Self::new(Table::Counters, [])
    }

    /// A credential.
    pub fn credential(number: CredentialNumber) -> Self {
        Self::new(Table::Credential, [count(number.0)])
    }

    /// Something to look at, at that second.
    pub fn due(at: i64, due: &Due) -> Self {
        let (word, number) = due.name();
        let word = Part::Text(word.to_owned());
        Self::new(Table::Due, [Part::Number(at), word, count(number)])
    }

    /// What is kept of an owner's one-time codes.
    pub fn factor(owner: UserId) -> Self {
        Self::new(Table::Factor, [Part::Number(owner.0)])
    }

    /// The grant of a request.
    pub fn grant(number: RequestNumber) -> Self {
        Self::new(Table::Grant, [count(number.0)])
    }

    /// An identity.
    pub fn identity(number: IdentityNumber) -> Self {
        Self::new(Table::Identity, [count(number.0)])
    }

    /// An accepted event, by the number of the line that accepted it.
    pub fn inbox(line: u64) -> Self {
        Self::new(Table::Inbox, [count(line)])
    }

    /// The installation.
    pub fn installation() -> Self {
        Self::new(Table::Installation, [])
    }

    /// A secret from before that waits, by its place in the file, from zero.
    pub fn legacy(number: RequestNumber, place: u64) -> Self {
        Self::new(Table::Legacy, [count(number.0), count(place)])
    }

    /// The open requests of a board that name a slug.
    pub fn naming(repository: RepositoryId, slug: &Slug) -> Self {
        Self::new(
            Table::Naming,
            [
                Part::Number(repository.0),
                Part::Text(slug.as_str().to_owned()),
            ],
        )
    }

    /// An effect, by the number of the line that decided it and its place in that decision.
    pub fn outbox(line: u64, place: u32) -> Self {
        Self::new(Table::Outbox, [count(line), Part::Number(i64::from(place))])
    }

    /// The way from an owner to one of its identities.
    pub fn owned(owner: UserId, number: IdentityNumber) -> Self {
        Self::new(Table::Owned, [Part::Number(owner.0), count(number.0)])
    }

    /// The policy.
    pub fn policy() -> Self {
        Self::new(Table::Policy, [])
    }

    /// What is sealed to a recipient.
    pub fn recipient(recipient: &str) -> Self {
        Self::new(Table::Recipient, [Part::Text(recipient.to_owned())])
    }

    /// A board that stands still.
    pub fn standstill(repository: RepositoryId) -> Self {
        Self::new(Table::Standstill, [Part::Number(repository.0)])
    }

    /// What a resource server reported under an id of its own.
    pub fn report(client: &str, event: &Hash) -> Self {
        let parts = [client, event.as_str()].map(|part| Part::Text(part.to_owned()));
        Self::new(Table::Report, parts)
    }

    /// How much a resource server has reported.
    pub fn reporter(client: &str) -> Self {
        Self::new(Table::Reporter, [Part::Text(client.to_owned())])
    }

    /// A request.
    pub fn request(number: RequestNumber) -> Self {
        Self::new(Table::Request, [count(number.0)])
    }

    /// The open requests of a requester on a board.
    pub fn requester(repository: RepositoryId, user: UserId) -> Self {
        Self::new(
            Table::Requester,
            [Part::Number(repository.0), Part::Number(user.0)],
        )
    }

    /// The successor that a credential's holder made.
    pub fn rotation(number: CredentialNumber) -> Self {
        Self::new(Table::Rotation, [count(number.0)])
    }

    /// What was first seen of a comment or an issue's body.
    pub fn seen(repository: RepositoryId, subject: Subject) -> Self {
        let (kind, id) = match subject {
            Subject::Comment(id) => ("comment", id),
            Subject::Issue(id) => ("issue", id),
        };
        Self::new(
            Table::Seen,
            [
                Part::Number(repository.0),
                Part::Text(kind.to_owned()),
                Part::Number(id),
            ],
        )
    }

    /// An owner's security key.
    pub fn signer(fingerprint: &str) -> Self {
        Self::new(Table::Signer, [Part::Text(fingerprint.to_owned())])
    }

    /// Who a slug belongs to.
    pub fn slug(slug: &Slug) -> Self {
        Self::new(Table::Slug, [Part::Text(slug.as_str().to_owned())])
    }

    /// What a stranger has filled of the journal.
    pub fn stranger(repository: RepositoryId, user: UserId) -> Self {
        Self::new(
            Table::Stranger,
            [Part::Number(repository.0), Part::Number(user.0)],
        )
    }

    /// What all strangers of a board have filled of the journal.
    pub fn strangers(repository: RepositoryId) -> Self {
        Self::new(Table::Stranger, [Part::Number(repository.0)])
    }

    /// A thread.
    pub fn thread(thread: ThreadKey) -> Self {
        let ThreadKey { repository, issue } = thread;
        let IssueNumber(issue) = issue;
        Self::new(
            Table::Thread,
            [Part::Number(repository.0), Part::Number(issue)],
        )
    }

    /// What an operator asked for.
    pub fn wish(key: &Hash) -> Self {
        Self::new(Table::Wish, [Part::Text(key.as_str().to_owned())])
    }

    /// The uses of a credential.
    pub fn uses(number: CredentialNumber) -> Self {
        Self::new(Table::Uses, [count(number.0)])
    }
}

/// Own counters start at one and cannot reach 2⁶³ in the life of a disk.
fn count(number: u64) -> Part {
    Part::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

/// One record written whole, or removed. Its `Debug` shows where and not what.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where.
    #[serde(flatten)]
    pub key: Key,
    /// The record, with its version; `null` removes it.
    pub value: Option<Value>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("key", &self.key)
            .field("removed", &self.value.is_none())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_tables_share_a_byte() {
        let bytes: BTreeSet<u8> = Table::ALL.map(Table::byte).into();
        assert_eq!(bytes.len(), Table::ALL.len());
        assert!(!bytes.contains(&0), "the summary's");
    }
}
