//! Who calls: the host itself or an operator, over the admin socket; an operator, by its token.
//!
//! Invariant: over the socket counts only what the kernel says of the other end; a token is compared
//! with every operator's in constant time. What somebody may do is looked at here in order to spare
//! work, and again where it is decided. Whoever is turned away leaves a line in the audit, strangers
//! together one an hour.

use std::any::Any;
use std::collections::BTreeMap;

use actix_web::dev::{Extensions, Payload};
use actix_web::http::header::AUTHORIZATION;
use actix_web::rt::net::UnixStream;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::gate::event::Event;
use crate::gate::ids::RepositoryId;
use crate::gate::operator::{By, Right, Way};
use crate::gate::order::TurnedAway;
use crate::gate::policy::Policy;
use crate::http::authorization;
use crate::http::gateway::Gateway;
use crate::http::problem::ApiError;
use crate::secret::file::SecretText;

/// The header in which the host names the operator that it speaks for.
pub const NAMED: &str = "Ownergate-Operator";

/// The user of the host at the other end of the admin socket; `None`: the kernel does not say.
#[derive(Clone, Copy, Debug)]
struct Peer(Option<u32>);

/// Notes who is at the other end, for every connection to the admin socket.
pub fn note_peer(connection: &dyn Any, extensions: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<UnixStream>() {
        let peer = stream.peer_cred().ok();
        extensions.insert(Peer(peer.map(|peer| peer.uid())));
    }
}

/// Somebody who may give orders or look at things, as far as the policy lets it.
#[derive(Debug)]
pub struct Caller {
    by: By,
    gateway: Data<Gateway>,
}

impl Caller {
    /// Who it is.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// Whether it may do this at all; else it is turned away.
    pub async fn may(&self, right: Right) -> Result<(), ApiError> {
        let policy = self.gateway.bot()?.core.policy();
        match self.by.may(&policy, right) {
            Ok(()) => Ok(()),
            Err(denied) => Err(self.turned_away(&denied.to_string(), None).await),
        }
    }

    /// Whether it may do this on a board; else it is turned away.
    pub async fn may_on(&self, right: Right, board: RepositoryId) -> Result<(), ApiError> {
        let policy = self.gateway.bot()?.core.policy();
        match self.by.may_on(&policy, right, board) {
            Ok(()) => Ok(()),
            Err(denied) => Err(self.turned_away(&denied.to_string(), Some(board)).await),
        }
    }

    /// Whether it may learn what is on a board.
    pub fn reaches(&self, policy: &Policy, board: RepositoryId) -> bool {
        self.by.reaches(policy, board)
    }

    /// As whom it speaks if it names an operator, who has to have that right: the host speaks for each,
    /// everybody else for itself.
    pub async fn naming(&self, name: &str, right: Right) -> Result<By, ApiError> {
        let by = match &self.by {
            By::Host => By::Operator {
                name: name.to_owned(),
                way: Way::Host,
            },
            By::Operator { name: own, .. } if own == name => self.by.clone(),
            By::Operator { .. } => {
                let why = "nobody speaks for another operator";
                return Err(self.turned_away(why, None).await);
            }
        };
        let policy = self.gateway.bot()?.core.policy();
        match by.may(&policy, right) {
            Ok(()) => Ok(by),
            Err(denied) => Err(self.turned_away(&denied.to_string(), None).await),
        }
    }

    /// Whether another refusal of this one would be written down.
    pub fn has_room(&self) -> bool {
        let now = self.gateway.clock.now();
        self.gateway.refusals.has_room(self.by.name(), now)
    }

    /// Counts a refusal that was written down where it was decided.
    pub fn count_refusal(&self) {
        let now = self.gateway.clock.now();
        self.gateway.refusals.count(Some(self.by.name()), now);
    }

    /// Writes down that it was turned away; the answer.
    async fn turned_away(&self, why: &str, board: Option<RepositoryId>) -> ApiError {
        note(&self.gateway, Some(&self.by), why, board).await;
        ApiError::Forbidden(why.to_owned())
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let gateway = request.app_data::<Data<Gateway>>().cloned();
            let gateway = gateway.ok_or(ApiError::NotFound)?;
            let policy = gateway.bot()?.core.policy();
            let found = match request.conn_data::<Peer>() {
                Some(peer) => over_socket(&request, *peer, &policy),
                None => by_token(&request, &gateway),
            };
            match found {
                Ok(by) => {
                    count(&request, &by, &gateway)?;
                    Ok(Self { by, gateway })
                }
                Err(Stranger { answer, why }) => {
                    gateway.metrics.check("bad_operator");
                    if let Some(why) = why {
                        note(&gateway, None, why, None).await;
                        let trusted = &gateway.doors().trusted_proxies;
                        gateway.tries.stranger(&request, trusted)?;
                    }
                    Err(answer)
                }
            }
        })
    }
}

/// Counts an operator's call. The host's own are not: it can do to the bot
/// whatever it likes.
fn count(request: &HttpRequest, by: &By, gateway: &Gateway) -> Result<(), ApiError> {
    match by {
        By::Operator {
            name,
            way: Way::Token | Way::User(_),
        } => gateway.doors().callers.operator(request, name),
        By::Operator { .. } | By::Host => Ok(()),
    }
}

/// Somebody whom nobody knows: what it is answered, and what is written down of it, if anything.
struct Stranger {
    answer: ApiError,
    why: Option<&'static str>,
}

/// Whoever is at the other end of the admin socket.
fn over_socket(request: &HttpRequest, peer: Peer, policy: &Policy) -> Result<By, Stranger> {
    let named = request.headers().get(NAMED);
    let named = named.map(|name| name.to_str().unwrap_or("").to_owned());
    let own = rustix::process::geteuid().as_raw();
    of_user(peer.0, own, named, policy).ok_or_else(|| Stranger {
        answer: ApiError::Forbidden(
            "this socket is for root, the user that the bot runs as, and operators whose `uid` is in its configuration".to_owned(),
        ),
        why: Some("another user of the host called over the admin socket"),
    })
}

/// Who a user of the host is, if it may call at all; `own` is the user that the bot runs as.
fn of_user(peer: Option<u32>, own: u32, named: Option<String>, policy: &Policy) -> Option<By> {
    let peer = peer?;
    let speaks = |name: String, way| By::Operator { name, way };
    if peer == 0 || peer == own {
        return Some(match named {
            None => By::Host,
            Some(name) => speaks(name, Way::Host),
        });
    }
    let operators = policy.operators.iter();
    let (name, _) = operators
        .filter(|(_, operator)| operator.uid == Some(peer))
        .find(|(name, _)| named.as_ref().is_none_or(|named| named == *name))?;
    Some(speaks(name.clone(), Way::User(peer)))
}

/// Whose token a request shows (RFC 6750 §2.1).
fn by_token(request: &HttpRequest, gateway: &Gateway) -> Result<By, Stranger> {
    if request.headers().get(AUTHORIZATION).is_none() {
        return Err(Stranger {
            answer: ApiError::NoOperator,
            why: None,
        });
    }
    let shown = authorization::bearer_text(request);
    let known = shown.and_then(|shown| owner_of(&gateway.doors().operators, shown));
    match known {
        Some(name) => Ok(By::Operator {
            name,
            way: Way::Token,
        }),
        None => Err(Stranger {
            answer: ApiError::NotOperator,
            why: Some("somebody showed what is no operator's token"),
        }),
    }
}

/// The operator whose token this is. All are compared, whatever comes of the first, and as hashes, so
/// that neither place nor length of what fits is told by the time it takes.
pub(in crate::http) fn owner_of(
    operators: &BTreeMap<String, SecretText>,
    shown: &str,
) -> Option<String> {
    let shown = Sha256::digest(shown.as_bytes());
    let mut found = u32::MAX;
    for (token, place) in operators.values().zip(0..) {
        let token = Sha256::digest(token.expose().as_bytes());
        let same: Choice = token.as_slice().ct_eq(shown.as_slice());
        found.conditional_assign(&place, same);
    }
    let place = usize::try_from(found).ok()?;
    operators.keys().nth(place).cloned()
}

/// Writes down that somebody was turned away, if that is still to be written down.
async fn note(gateway: &Gateway, by: Option<&By>, why: &str, board: Option<RepositoryId>) {
    let name = by.map(By::name);
    tracing::warn!(operator = name, why, "somebody was turned away");
    let Some(times) = gateway.refusals.count(name, gateway.clock.now()) else {
        return;
    };
    let turned_away = TurnedAway {
        by: by.cloned(),
        why: why.to_owned(),
        board,
        times,
    };
    let Ok(bot) = gateway.bot() else {
        return;
    };
    // It is refused whether that can be written down or not.
    if let Err(error) = bot.core.try_feed(Event::TurnedAway(turned_away)).await {
        tracing::warn!(%error, "cannot write down that somebody was turned away");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::operator::tests::policy;

    const BOT: u32 = 998;

    fn operator(name: &str, way: Way) -> Option<By> {
        let name = name.to_owned();
        Some(By::Operator { name, way })
    }

    #[test]
    fn the_kernel_says_who_is_at_the_other_end_of_the_socket() {
        let policy = policy();
        let who =
            |peer, named: Option<&str>| of_user(Some(peer), BOT, named.map(str::to_owned), &policy);
        assert_eq!(who(0, None), Some(By::Host));
        assert_eq!(who(BOT, None), Some(By::Host));
        assert_eq!(who(0, Some("piotr")), operator("piotr", Way::Host));
        assert_eq!(who(1000, None), operator("piotr", Way::User(1000)));
        assert_eq!(who(1000, Some("piotr")), operator("piotr", Way::User(1000)));
        // Nobody else, whatever it says, and nobody for another.
        for (peer, named) in [
            (1000, Some("alice")),
            (1000, Some("host")),
            (1001, None),
            (1001, Some("piotr")),
            (u32::MAX, None),
        ] {
            assert_eq!(who(peer, named), None, "{peer} as {named:?}");
        }
        assert_eq!(of_user(None, BOT, None, &policy), None);
    }

    #[test]
    fn a_token_is_its_operators_and_nobody_elses() {
        let token = |name: &str| {
            let token = format!("the-token-of-{name}-0123456789abcdef");
            (name.to_owned(), SecretText::new(&token))
        };
        let operators: BTreeMap<String, SecretText> = ["alice", "piotr"].map(token).into();
        for (name, token) in &operators {
            assert_eq!(owner_of(&operators, token.expose()).as_ref(), Some(name));
        }
        for other in ["", "the-token-of-alice-0123456789abcde", "alice"] {
            assert_eq!(owner_of(&operators, other), None);
        }
        assert_eq!(owner_of(&BTreeMap::new(), ""), None);
    }
}
