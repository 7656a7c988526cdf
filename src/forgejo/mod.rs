//! Everything that knows Forgejo (and its sister Gitea): what it sends and what can be asked of it.
//!
//! A delivery travels through here in two steps that cannot be swapped: `signature::verify` makes
//! a `Verified`, and only a `Verified` can be parsed. What comes out is a hint of what to read; the
//! facts come from `client`. Nothing here decides anything, keeps state or retries by itself.

pub mod client;
pub mod payload;
pub mod signature;
pub mod text;
pub mod types;

pub use client::{Access, Answer, Client, ClientOptions, ForgejoError};
pub use text::{Body, Foreign};
