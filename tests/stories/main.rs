//! Stories: what people, agents, resource servers and attackers do, on the real bot and a miniature
//! forge. They read as a thread does; nothing sleeps, and the clock is moved by hand.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod answers;
mod crash;
mod edited;
mod flood;
mod forged;
mod harness;
mod harness_edges;
mod outages;
mod replay;
mod request_approve;
mod start;
mod voice;
