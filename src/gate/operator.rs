//! Who orders something over the bot's own doors, and what that one may do: the host itself, or an
//! operator of the configuration.
//!
//! Invariant: the host reads and narrows whatever there is, and asks for nothing in its own name; an
//! operator has the rights and the boards that the policy in force gives it, and no more. The edge asks
//! here in order to save work; the writer asks again.

use std::fmt;

use super::actor::Actor;
use super::ids::RepositoryId;
use super::policy::{Operator, Policy};

/// The name under which the host itself stands in the audit; no operator can have it.
pub const HOST: &str = "host";

/// What an operator may do on its boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Look at identities, credentials, requests and the audit.
    Read,
    /// Take something away, at once.
    Narrow,
    /// Ask the owners for something, as an account of the forge.
    Request,
}

impl Right {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Narrow => "narrow",
            Self::Request => "request",
        }
    }
}

/// Who orders something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Root, or the user that the bot runs as, over the admin socket.
    Host,
    /// An operator.
    Operator {
        /// Its name.
        name: String,
        /// How it showed that it is this one.
        way: Way,
    },
}

/// How somebody showed that it is an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It showed the operator's token.
    Token,
    /// It is this user of the host, over the admin socket.
    User(u32),
    /// The host itself speaks for the operator.
    Host,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The host asks for nothing in its own name.
    HostAsks,
    /// No operator of that name is configured.
    NoOperator,
    /// The operator is another user of the host now, or none.
    OtherUser,
    /// The operator has not that right.
    NoRight(Right),
    /// The board is none of the operator's.
    OtherBoard,
}

impl fmt::Display for Denied {
    /// What is wrong and what to do, as a sentence without its final stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostAsks => f.write_str(
                "the host asks for nothing in its own name: name an operator that has the right `request`, with `--operator NAME`",
            ),
            Self::NoOperator => f.write_str("no operator of that name is in my configuration"),
            Self::OtherUser => {
                f.write_str("that operator speaks as another user of this host: see its `uid`")
            }
            Self::NoRight(right) => write!(
                f,
                "this operator has not the right `{}`: see its `rights` in my configuration",
                right.word()
            ),
            Self::OtherBoard => f.write_str("this operator has no right on that board"),
        }
    }
}

impl By {
    /// Who it is in the audit.
    pub fn actor(&self) -> Actor {
        Actor::Operator(self.name().to_owned())
    }

    /// The operator's name; that of the host for the host itself.
    pub fn name(&self) -> &str {
        match self {
            Self::Host => HOST,
            Self::Operator { name, .. } => name,
        }
    }

    /// The operator, as the policy has it now; `None` for the host itself.
    pub fn operator<'a>(&self, policy: &'a Policy) -> Result<Option<&'a Operator>, Denied> {
        let Self::Operator { name, way } = self else {
            return Ok(None);
        };
        let operator = policy.operators.get(name).ok_or(Denied::NoOperator)?;
        match way {
            Way::User(uid) if operator.uid != Some(*uid) => Err(Denied::OtherUser),
            Way::Token | Way::User(_) | Way::Host => Ok(Some(operator)),
        }
    }

    /// Whether it may do this anywhere at all.
    pub fn may(&self, policy: &Policy, right: Right) -> Result<(), Denied> {
        match (self.operator(policy)?, right) {
            (None, Right::Read | Right::Narrow) => Ok(()),
            (None, Right::Request) => Err(Denied::HostAsks),
            (Some(operator), right) if operator.rights.contains(right.word()) => Ok(()),
            (Some(_), right) => Err(Denied::NoRight(right)),
        }
    }

    /// Whether it may do this on a board.
    pub fn may_on(&self, policy: &Policy, right: Right, board: RepositoryId) -> Result<(), Denied> {
        self.may(policy, right)?;
        if self.reaches(policy, board) {
            Ok(())
        } else {
            Err(Denied::OtherBoard)
        }
    }

    /// Whether a board is one of its own, so that it may learn what is there: every board is the host's.
    pub fn reaches(&self, policy: &Policy, board: RepositoryId) -> bool {
        match self.operator(policy) {
            Ok(None) => true,
            Ok(Some(operator)) => operator.boards.contains(&board),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::super::ids::UserId;
    use super::*;

    const KAN: RepositoryId = RepositoryId(17);
    const OPS: RepositoryId = RepositoryId(18);

    /// An operator who only reads, and one who narrows and asks and is a user of the host.
    pub(crate) fn policy() -> Policy {
        let operator = |rights: &[&str], uid| Operator {
            forge_id: Some(UserId(3)),
            uid,
            boards: [KAN].into(),
            rights: rights.iter().map(|right| (*right).to_owned()).collect(),
        };
        Policy {
            installation: String::new(),
            forge: String::new(),
            public_url: String::new(),
            bot: UserId(5),
            token_prefix: "og".to_owned(),
            activation: 0,
            grace: 0,
            identity_ttl: 0,
            request_ttl: 0,
            closed_revoke: 0,
            boards: BTreeMap::new(),
            clients: BTreeMap::new(),
            operators: [
                ("reader".to_owned(), operator(&["read"], None)),
                (
                    "piotr".to_owned(),
                    operator(&["narrow", "request"], Some(1000)),
                ),
            ]
            .into(),
        }
    }

    fn by(name: &str, way: Way) -> By {
        By::Operator {
            name: name.to_owned(),
            way,
        }
    }

    #[test]
    fn the_host_reads_and_narrows_everything_and_asks_for_nothing() {
        let policy = policy();
        for board in [KAN, OPS, RepositoryId(99)] {
            assert_eq!(By::Host.may_on(&policy, Right::Read, board), Ok(()));
            assert_eq!(By::Host.may_on(&policy, Right::Narrow, board), Ok(()));
            let asks = By::Host.may_on(&policy, Right::Request, board);
            assert_eq!(asks, Err(Denied::HostAsks));
        }
        assert_eq!(By::Host.actor().to_string(), "operator:host");
    }

    #[test]
    fn an_operator_has_its_rights_on_its_boards_and_no_more() {
        let policy = policy();
        for way in [Way::Token, Way::Host] {
            let reader = by("reader", way);
            assert_eq!(reader.may_on(&policy, Right::Read, KAN), Ok(()));
            let other = reader.may_on(&policy, Right::Read, OPS);
            assert_eq!(other, Err(Denied::OtherBoard));
            for right in [Right::Narrow, Right::Request] {
                let denied = reader.may_on(&policy, right, KAN);
                assert_eq!(denied, Err(Denied::NoRight(right)));
            }
        }
        let piotr = by("piotr", Way::User(1000));
        assert_eq!(piotr.may(&policy, Right::Request), Ok(()));
        assert_eq!(
            piotr.may(&policy, Right::Read),
            Err(Denied::NoRight(Right::Read))
        );
        assert_eq!(piotr.operator(&policy).unwrap().unwrap().uid, Some(1000));
    }

    #[test]
    fn who_is_not_in_the_policy_any_more_may_nothing() {
        let policy = policy();
        for (by, denied) in [
            (by("nobody", Way::Token), Denied::NoOperator),
            (by(HOST, Way::Token), Denied::NoOperator),
            (by("piotr", Way::User(1001)), Denied::OtherUser),
            (by("reader", Way::User(1000)), Denied::OtherUser),
        ] {
            for right in [Right::Read, Right::Narrow, Right::Request] {
                assert_eq!(by.may(&policy, right), Err(denied), "{by:?}");
            }
            assert!(!by.reaches(&policy, KAN));
        }
    }
}
