//! The admin socket: how the command line asks the running bot, on this host only.
//!
//! It is a Unix socket that only the bot's own user may open. A file left behind by a kill is
//! replaced; anything else at its path is left alone and named.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context, bail};

/// Binds the socket, mode 0600.
pub(super) fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot look at {}", path.display()));
        }
        Ok(found) if !found.file_type().is_socket() => bail!(
            "{} is there and is no socket: move it, or set `server.admin_socket` to another path",
            path.display()
        ),
        Ok(_) => {
            if UnixStream::connect(path).is_ok() {
                let why = format!(
                    "another process answers on {}: stop it, or set `server.admin_socket` to another path",
                    path.display()
                );
                return Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, why).into());
            }
            // Nobody listens: a kill left it behind.
            std::fs::remove_file(path)
                .with_context(|| format!("cannot replace {}", path.display()))?;
        }
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot protect {}", path.display()))?;
    Ok(listener)
}
