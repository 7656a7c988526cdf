//! What may be decided while the forge is away: by how the thread was last read, and by what waits.

use super::super::thread::LastSeen;
use super::Reason;

/// The forge is away: what the records say instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// Whether the gate counts signatures meanwhile.
    pub offline: bool,
    /// How the thread stood when it was last read.
    pub seen: Option<LastSeen>,
    /// Whether something waits for the forge that may stop what is asked.
    pub waits: bool,
}

impl Away {
    /// Why nothing may widen in the thread meanwhile, if so.
    pub fn refusal(&self) -> Option<Reason> {
        if !self.offline {
            Some(Reason::ForgeAway)
        } else if !self.seen.is_some_and(|seen| seen.open) {
            Some(Reason::NotSeenOpen)
        } else if self.waits {
            Some(Reason::Unread)
        } else {
            None
        }
    }
}
