//! Every call that was made and what was answered, for assertions about what went over the wire.
//!
//! Tokens are not written down, bodies are (unless switched off), both as raw bytes. Beyond a bound
//! the oldest calls are forgotten and counted, so that "never sent" can say what it has seen.

use std::collections::VecDeque;

use actix_web::web::Bytes;

use crate::gate::ids::UserId;

/// Bodies beyond this many bytes push out the oldest calls.
const KEPT_BYTES: usize = 256 << 20;
/// Calls beyond this number push out the oldest.
const KEPT_CALLS: usize = 100_000;

/// One call.
#[derive(Clone, Debug)]
pub struct LoggedCall {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Path and query as they came, with the sub-path.
    pub path: String,
    /// Who made it, if that is known.
    pub user: Option<UserId>,
    /// What was answered; `None` if the connection ended without an answer.
    pub status: Option<u16>,
    /// The body of the call.
    pub request: Bytes,
    /// The body of the answer.
    pub response: Bytes,
}

/// The calls so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Oldest first.
    pub(crate) calls: VecDeque<LoggedCall>,
    /// How many were pushed out.
    pub(crate) forgotten: usize,
    bytes: usize,
}

impl Log {
    /// Writes a call down.
    pub(crate) fn push(&mut self, mut call: LoggedCall, keep_bodies: bool) {
        if !keep_bodies {
            (call.request, call.response) = (Bytes::new(), Bytes::new());
        }
        self.bytes += size(&call);
        self.calls.push_back(call);
        while self.bytes > KEPT_BYTES || self.calls.len() > KEPT_CALLS {
            let Some(oldest) = self.calls.pop_front() else {
                return;
            };
            self.bytes -= size(&oldest);
            self.forgotten += 1;
        }
    }
}

/// The bytes of both bodies.
fn size(call: &LoggedCall) -> usize {
    call.request.len() + call.response.len()
}
