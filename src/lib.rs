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
