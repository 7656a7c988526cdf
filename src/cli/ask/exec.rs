//! Running a command with the token, and nothing on disk.
//!
//! Invariant: the token is in the command's environment under the one name that was asked for, or in a
//! sealed memory file that the command inherits, and in no argument that whoever lists processes sees.

use std::io::{Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::fault::AskFault;
use crate::secret::token::RawToken;

/// Where the command finds the number of the file descriptor, and its path.
const FD: &str = "OWNERGATE_TOKEN_FD";
const FILE: &str = "OWNERGATE_TOKEN_FILE";

/// Becomes the command. Returns only if that cannot be.
pub(super) fn become_command(
    command: &[String],
    name: Option<&str>,
    token: &RawToken,
) -> Result<std::convert::Infallible, AskFault> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| AskFault::Usage("--exec needs a command".to_owned()))?;
    let mut process = Command::new(program);
    process.args(arguments);
    // Held until the command has it.
    let _held = match name {
        Some(name) => {
            process.env(name, token.expose());
            None
        }
        None => {
            let file = memory_file(token)
                .map_err(|why| AskFault::Failed(format!("no memory file can be made: {why}")))?;
            let number = file.as_raw_fd();
            process.env(FD, number.to_string());
            process.env(FILE, format!("/proc/self/fd/{number}"));
            Some(file)
        }
    };
    let why = process.exec();
    Err(AskFault::Failed(format!("cannot run {program}: {why}")))
}

/// The token in a file that is in memory only and cannot be changed; it stays open over `exec`.
fn memory_file(token: &RawToken) -> std::io::Result<OwnedFd> {
    let file = memfd_create("ownergate-token", MemfdFlags::ALLOW_SEALING)?;
    let mut file = std::fs::File::from(file);
    file.write_all(token.expose().as_bytes())?;
    file.rewind()?;
    let all = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, all)?;
    Ok(file.into())
}

/// The name of an environment variable.
pub(super) fn variable(text: &str) -> Result<String, String> {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = !text.is_empty()
        && text.bytes().all(of_name)
        && !text.starts_with(|first: char| first.is_ascii_digit());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "not a name such as AGENT_TOKEN".to_owned())
}
