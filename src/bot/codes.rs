//! Owners' secrets for one-time codes: a code that comes in is compared at once, and only what came of
//! that goes on.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;

use crate::gate::event::Otp;
use crate::gate::ids::{RepositoryId, UserId};
use crate::secret::totp::TotpSecret;

/// The secrets by board and owner.
pub type Secrets = BTreeMap<(RepositoryId, UserId), TotpSecret>;

/// The secrets in force.
#[derive(Debug, Default)]
pub struct Codes(RwLock<Secrets>);

impl Codes {
    /// With these secrets.
    pub fn new(secrets: Secrets) -> Self {
        Self(RwLock::new(secrets))
    }

    /// Other secrets are in force from now on.
    pub fn change(&self, secrets: Secrets) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// Compares a code in a comment that is said to be by this owner; `None` for everybody without a
    /// secret.
    pub fn look(
        &self,
        board: RepositoryId,
        author: UserId,
        code: &str,
        now: Timestamp,
    ) -> Option<Otp> {
        let secrets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let secret = secrets.get(&(board, author))?;
        Some(Otp {
            step: secret.check(code, now),
        })
    }
}
