//! The lines of a batch while it is decided: bytes, chain and the state they lead to.
//!
//! Nothing of it is durable or visible to anybody but the batch's own later decisions.

use std::io;

use jiff::Timestamp;
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::oneshot;

use super::catch_up::collect;
use super::error::SubmitError;
use super::faults::Trouble;
use super::line::{self, Digest32, Line};
use super::overlay::Overlay;
use super::records::Writes;
use super::writer::Body;

/// Where the answer to a job goes.
pub(super) type Reply<A> = oneshot::Sender<Result<A, SubmitError>>;

/// The lines of a batch that is being decided.
pub(super) struct Draft<A> {
    pub(super) overlay: Overlay,
    pub(super) bytes: Vec<u8>,
    /// The format of the segment that they go to.
    pub(super) format: u32,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) hash: Digest32,
    pub(super) time: Timestamp,
    pub(super) policy: String,
    pub(super) answers: Vec<(Reply<A>, Result<A, SubmitError>, u64)>,
}

impl<A> Draft<A> {
    /// Adds a line; `Ok(Err(why))` if the body cannot be stored.
    pub(super) fn push(
        &mut self,
        body: Body,
        time: Timestamp,
    ) -> Result<Result<(), String>, Trouble> {
        let mut salt = [0; 16];
        SysRng.try_fill_bytes(&mut salt).map_err(io::Error::other)?;
        let line = Line {
            v: self.format,
            seq: self.last + 1,
            batch: self.first,
            time,
            prev: hex::encode(self.hash),
            salt: hex::encode(salt),
            policy: body.policy,
            cause: body.cause,
            changes: body.changes,
            entries: body.entries,
            effects: body.effects,
        };
        let mut writes = Writes::new();
        if let Err(why) = collect(&line, &mut writes) {
            return Ok(Err(why));
        }
        let bytes = match line.encode() {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(error.to_string())),
        };
        self.overlay.cover(writes);
        self.hash = line::sha256(&bytes);
        self.last = line.seq;
        self.time = time;
        self.policy = line.policy;
        self.bytes.extend_from_slice(&bytes);
        self.bytes.push(b'\n');
        Ok(Ok(()))
    }
}
