//! Sessions of the status page: a random name in a cookie, and in memory who that is.
//!
//! Invariant: a session only lets somebody look, lives for eight hours and ends with the operator's
//! token, whichever is earlier. Neither the cookie's text nor the token is kept, only their hashes; a
//! restart ends every session.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::file::SecretText;

/// How long a session lives.
const LIFE: Duration = Duration::from_secs(8 * 3_600);
/// The most sessions at once; one more ends the oldest.
const MOST: usize = 256;
/// The cookie. Its prefix has browsers refuse it from other hosts, other paths and without TLS
/// (RFC 6265bis §4.1.3.2); loopback counts as safe there.
const COOKIE: &str = "__Host-ownergate";

type Digest32 = [u8; 32];

/// Who is logged in.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<Digest32, Session>>);

#[derive(Debug)]
struct Session {
    operator: String,
    /// SHA-256 of the token that it was opened with.
    token: Digest32,
    /// On the monotonic clock.
    ends: Duration,
}

impl Sessions {
    /// Opens one: the cookie's value, or `None` where the operating system has no randomness.
    pub(super) fn open(&self, operator: &str, token: &SecretText, now: Duration) -> Option<String> {
        let mut random = [0_u8; 32];
        SysRng.try_fill_bytes(&mut random).ok()?;
        let name = hex::encode(random);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, session| session.ends > now);
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, session)| session.ends);
            if let Some(oldest) = oldest.map(|(name, _)| *name) {
                all.remove(&oldest);
            }
        }
        let session = Session {
            operator: operator.to_owned(),
            token: hash(token.expose().as_bytes()),
            ends: now.saturating_add(LIFE),
        };
        all.insert(hash(name.as_bytes()), session);
        Some(name)
    }

    /// The operator whose session it is; `None` once it is over or the operator has another token.
    pub(super) fn operator(
        &self,
        name: &str,
        operators: &BTreeMap<String, SecretText>,
        now: Duration,
    ) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = all.get(&hash(name.as_bytes()))?;
        let token = operators.get(&session.operator)?;
        let same: bool = hash(token.expose().as_bytes()).ct_eq(&session.token).into();
        (same && session.ends > now).then(|| session.operator.clone())
    }

    /// Ends one.
    pub(super) fn close(&self, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&hash(name.as_bytes()));
    }
}

fn hash(bytes: &[u8]) -> Digest32 {
    Sha256::digest(bytes).into()
}

/// The header that sets the cookie.
pub(super) fn set_cookie(name: &str) -> String {
    let life = LIFE.as_secs();
    format!("{COOKIE}={name}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={life}")
}

/// The header that takes it back.
pub(super) fn clear_cookie() -> String {
    format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The session's name in a `Cookie` header (RFC 6265 §4.2.1).
pub(super) fn cookie(header: &str) -> Option<&str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
        .filter(|value| value.len() == 64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    fn operators(token: &str) -> BTreeMap<String, SecretText> {
        BTreeMap::from([("piotr".to_owned(), SecretText::new(token))])
    }

    fn at(hours: u64) -> Duration {
        Duration::from_secs(hours * 3_600)
    }

    #[test]
    fn a_session_lives_for_eight_hours() {
        let sessions = Sessions::default();
        let all = operators("a token");
        let name = sessions.open("piotr", &all["piotr"], at(1)).unwrap();
        assert_eq!(
            sessions.operator(&name, &all, at(8)).as_deref(),
            Some("piotr")
        );
        assert_eq!(sessions.operator(&name, &all, at(9)), None);
        assert_eq!(sessions.operator(&"0".repeat(64), &all, at(2)), None);
    }

    #[test]
    fn it_is_dead_with_its_token_and_when_it_is_closed() {
        let sessions = Sessions::default();
        let all = operators("a token");
        let name = sessions.open("piotr", &all["piotr"], at(1)).unwrap();
        let other = operators("another token");
        assert_eq!(sessions.operator(&name, &other, at(2)), None);
        assert_eq!(sessions.operator(&name, &BTreeMap::new(), at(2)), None);
        assert!(sessions.operator(&name, &all, at(2)).is_some());
        sessions.close(&name);
        assert_eq!(sessions.operator(&name, &all, at(2)), None);
    }

    #[test]
    fn one_too_many_ends_the_oldest() {
        let sessions = Sessions::default();
        let all = operators("a token");
        let first = sessions.open("piotr", &all["piotr"], at(0)).unwrap();
        for _ in 0..MOST {
            sessions.open("piotr", &all["piotr"], at(1)).unwrap();
        }
        assert_eq!(sessions.operator(&first, &all, at(1)), None);
        assert_eq!(sessions.0.lock().unwrap().len(), MOST);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let name = "a".repeat(64);
        let header = format!("theme=dark; __Host-ownergate={name}; x=y");
        assert_eq!(cookie(&header), Some(name.as_str()));
        assert_eq!(cookie("__Host-ownergate=short"), None);
        assert_eq!(cookie("ownergate=no"), None);
    }
}
