//! Tokens and sealing: what a secret is on disk, in memory and on its way to its holder.
//!
//! Invariant: no type of this folder shows a secret in `Debug`, has a `Display` or is serialized;
//! every one is wiped when it is dropped. Nothing here decides who may have what.

pub mod claim;
pub mod clipboard;
pub mod credential;
pub mod derived;
pub mod file;
pub mod legacy;
pub mod note;
pub mod pepper;
pub mod recipient;
pub mod screen;
pub mod seal;
pub mod signing;
pub mod sshkey;
pub mod sshsig;
pub mod token;
pub mod totp;
