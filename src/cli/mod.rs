//! The command line: one file a subcommand.

mod activate;
pub mod check_config;
pub mod keygen;
pub mod open;
pub mod printable;
