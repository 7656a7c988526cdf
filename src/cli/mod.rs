//! The command line.

mod activate;
pub mod keygen;
pub mod open;
pub mod printable;
