//! Stories: what people, agents, resource servers and attackers do, on the real bot and a miniature
//! forge. They read as a thread does; nothing sleeps, and the clock is moved by hand.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod hang_up;
mod harness;
mod miniature;
mod request_approve;
#[path = "../shared/mod.rs"]
mod shared;
