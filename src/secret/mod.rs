//! Tokens and sealing.
