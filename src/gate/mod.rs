//! The pure core that an auditor reads first: values in, a decision out.
//!
//! Nothing here does I/O, reads the clock, rolls dice, awaits or logs; `clippy.toml` and a test
//! that reads the imports see to it.

pub mod ids;
pub mod key;
pub mod policy;
