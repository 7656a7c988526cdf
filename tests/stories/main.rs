//! Stories: what people, agents, resource servers and attackers do, on the real bot and a miniature
//! forge. They read as a thread does; nothing sleeps, and the clock is moved by hand.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod activity;
mod another_credential;
mod answers;
mod answers_checks;
mod approve;
mod ask;
mod ask_limits;
mod ask_refused;
mod asking;
mod audit;
mod bot_note;
mod check;
mod claim;
mod codes;
mod crash;
mod doctor;
mod edited;
mod end;
mod examples;
mod flood;
mod foreign_text;
mod forged;
mod forward_auth;
mod ghosts;
mod give_up;
mod handed_over;
mod hang_up;
mod harness;
mod harness_edges;
mod history;
mod init;
mod judge;
mod kills;
mod leak;
mod legacy;
mod max_silence;
mod miniature;
mod moves;
mod not_counted;
mod operator_calls;
mod outages;
mod owner_accounts;
mod pause;
mod production;
mod proxies;
mod proxy;
mod quorum;
mod read;
mod reload;
mod replay;
mod request_approve;
mod revoke;
mod rotate_holder;
#[path = "../shared/mod.rs"]
mod shared;
mod signed;
mod silence;
mod start;
mod stop;
mod told;
mod two_boards;
mod upgrade;
mod voice;
