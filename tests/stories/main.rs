//! Stories: what people, agents, resource servers and attackers do, on the real bot and a miniature
//! forge. They read as a thread does; nothing sleeps, and the clock is moved by hand.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod another_credential;
mod approve;
mod ask;
mod ask_limits;
mod ask_refused;
mod check;
mod end;
mod foreign_text;
mod ghosts;
mod harness;
mod leak;
mod not_counted;
mod quorum;
mod read;
mod request_approve;
mod revoke;
mod silence;
mod stop;
mod two_boards;
