//! What is to be looked at when its time has come. Nothing ends because of it: what ends by time ends
//! at use. It is looked at once, and does nothing if it has become needless.

use serde::{Deserialize, Serialize};

use super::ids::{CredentialNumber, IdentityNumber, RequestNumber};
use jiff::Timestamp;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// A request still waits for owners.
    Remind(RequestNumber),
    /// A request ends.
    End(RequestNumber),
    /// An identity's issue was closed and stays so.
    RevokeClosed {
        /// Which identity.
        identity: IdentityNumber,
        /// When that was found; an issue that is closed again has another time.
        since: Timestamp,
    },
    /// A credential ends before long.
    WarnEnd(CredentialNumber),
    /// A credential has ended.
    SayEnd(CredentialNumber),
}

/// The record of something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueRecord {
    /// What.
    pub due: Due,
}

impl Due {
    /// A word and a number that tell it from others of the same second.
    pub fn name(&self) -> (&'static str, u64) {
        match self {
            Self::Remind(number) => ("remind", number.0),
            Self::End(number) => ("end", number.0),
            Self::RevokeClosed { identity, .. } => ("revoke_closed", identity.0),
            Self::WarnEnd(number) => ("warn_end", number.0),
            Self::SayEnd(number) => ("say_end", number.0),
        }
    }
}

/// The second in which something of this instant is looked at: never before its time, so that a part of a
/// second counts as a whole one.
pub fn second(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}
