//! The pure core that an auditor reads first: values in, a decision out.
//!
//! Nothing here does I/O, reads the clock, rolls dice, awaits or logs; `clippy.toml` and a test
//! that reads the imports see to it. Start at `decide`; the rules of the gate are in `verdict`, the
//! grammar in `command`, every sentence in `reply`.

pub mod account;
pub mod actor;
pub mod allowance;
pub mod approval;
pub mod audit;
pub mod code;
pub mod command;
pub mod credential;
pub mod decide;
pub mod due;
pub mod effect;
pub mod event;
pub mod evidence;
pub mod grant;
pub mod identity;
pub mod ids;
pub mod import;
pub mod judgement;
pub mod key;
pub mod operator;
pub mod order;
pub mod policy;
pub mod replay;
pub mod reply;
pub mod request;
pub mod signed;
pub mod statement;
pub mod thread;
pub mod time;
pub mod uses;
pub mod verdict;
pub mod window;
pub mod wish;
pub mod world;
