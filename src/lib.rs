//! Ownergate: an owner's comment issues a sealed credential, and another takes it back.

pub mod app;
pub mod bot;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod forgejo;
pub mod gate;
pub mod http;
pub mod miniforge;
pub mod secret;
pub mod setup;
pub mod store;
pub mod telemetry;

/// Keeps core files, and other processes of this user, from the memory of this one: the pepper and keys
/// are in it, and for a moment a token. A program that this one turns into begins anew.
///
/// # Errors
/// What the system says.
pub fn private_memory() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
