//! Secret files: one secret as text, in a file that no stranger can read.
//!
//! Invariant: what an editor, a shell or another system adds (one newline) is not part of the
//! secret, and what would make it another secret (a byte order mark, UTF-16, a second line) is
//! refused by name instead of being taken silently. Which form a secret must have is its user's
//! business. The bytes are never in an unwiped buffer of ours.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::credential;

/// No secret that the bot knows is longer; a larger file is some other file.
const LARGEST: usize = 16 * 1024;

/// A secret as text; wiped when dropped, never shown.
#[derive(Clone)]
pub struct SecretText(SecretString);

impl SecretText {
    /// Copies the text into memory that is wiped; the source stays its owner's business.
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText([REDACTED])")
    }
}

/// Why a file is not taken as a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileFault {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// The config names a credential, and this process was given none.
    #[error(
        "is a credential, and this process was given none (CREDENTIALS_DIRECTORY is not set): it is \
         for the bot under systemd, whose unit says LoadCredential={0}:FILE"
    )]
    NoCredentials(String),
    /// A directory, a pipe or a device.
    #[error("is not a regular file")]
    NotAFile,
    /// Everybody on the machine can read or replace it.
    #[error(
        "can be read or written by every user of this machine (mode {mode:04o}): chmod 600 it, \
         or 640 if a group must read it"
    )]
    OpenToOthers {
        /// The permission bits that were found.
        mode: u32,
    },
    /// Larger than any secret.
    #[error("is larger than {} KiB: not a secret file", LARGEST / 1024)]
    TooLarge,
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// Only line ends in it.
    #[error("holds only a newline")]
    OnlyNewline,
    /// Begins with the three bytes EF BB BF.
    #[error("begins with a UTF-8 byte order mark: save it as UTF-8 without one")]
    ByteOrderMark,
    /// Two bytes a character, as some editors and shells write.
    #[error("is UTF-16 text: save it as UTF-8")]
    Utf16,
    /// Bytes that are no UTF-8 text.
    #[error("is not UTF-8 text")]
    NotText,
    /// More than one line, or a control character.
    #[error("holds more than one line, or a control character: a secret is one line of text")]
    NotOneLine,
}

/// Reads the one secret of a file, or of the credential that `credential:NAME` means; one newline
/// (LF or CRLF) at its end is not part of it.
pub fn read_secret_file(path: &Path) -> Result<SecretText, SecretFileFault> {
    // Without O_NONBLOCK the opening of a pipe would wait for ever for somebody to write into it.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits())
        .expect("the flags of open(2) are an int in C");
    let path = credential::locate(path)?;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)
        .map_err(SecretFileFault::Unreadable)?;
    // Asked of the open file, so that what is checked is what is read. Links are followed:
    // Kubernetes mounts secrets as links.
    let metadata = file.metadata().map_err(SecretFileFault::Unreadable)?;
    check_metadata(&metadata)?;
    let bytes = read_capped(&mut file)?;
    secret_of_bytes(&bytes)
}

/// Writes a new file with mode 0600 and makes it durable; a file or link that is there stays as it
/// is and is an error. A file that could not be written whole is removed.
pub fn write_secret_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a secret helps nobody; the first error is the one to tell.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// A regular file that others can neither read nor write; its group may (mode 0440, root:group, is
/// how Kubernetes mounts secrets).
fn check_metadata(metadata: &Metadata) -> Result<(), SecretFileFault> {
    if !metadata.is_file() {
        return Err(SecretFileFault::NotAFile);
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o006 != 0 {
        return Err(SecretFileFault::OpenToOthers { mode });
    }
    Ok(())
}

/// Reads into one buffer of full size: a growing one would leave copies behind.
fn read_capped(file: &mut File) -> Result<Zeroizing<Vec<u8>>, SecretFileFault> {
    let mut bytes = Zeroizing::new(vec![0_u8; LARGEST + 1]);
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(SecretFileFault::Unreadable(fault)),
        }
    }
    if filled > LARGEST {
        return Err(SecretFileFault::TooLarge);
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The rules for the content, without the file.
fn secret_of_bytes(bytes: &[u8]) -> Result<SecretText, SecretFileFault> {
    if bytes.is_empty() {
        return Err(SecretFileFault::Empty);
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(SecretFileFault::ByteOrderMark);
    }
    // UTF-16 without its mark shows by the zero bytes of its ASCII half.
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") || bytes.contains(&0) {
        return Err(SecretFileFault::Utf16);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| SecretFileFault::NotText)?;
    if text
        .chars()
        .all(|character| matches!(character, '\r' | '\n'))
    {
        return Err(SecretFileFault::OnlyNewline);
    }
    let secret = match text.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => text,
    };
    if secret.chars().any(char::is_control) {
        return Err(SecretFileFault::NotOneLine);
    }
    Ok(SecretText::new(secret))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::symlink;

    use super::*;

    fn fault_of(bytes: &[u8]) -> String {
        secret_of_bytes(bytes).unwrap_err().to_string()
    }

    fn file_with_mode(folder: &Path, mode: u32) -> std::path::PathBuf {
        let path = folder.join(format!("secret-{mode:o}"));
        std::fs::write(&path, "hush\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn one_newline_of_either_kind_is_not_part_of_the_secret() {
        for same in ["hush hush", "hush hush\n", "hush hush\r\n"] {
            assert_eq!(
                secret_of_bytes(same.as_bytes()).unwrap().expose(),
                "hush hush"
            );
        }
    }

    #[test]
    fn what_would_be_another_secret_is_refused_by_name() {
        assert!(fault_of(b"").contains("is empty"));
        assert!(fault_of(b"\n").contains("only a newline"));
        assert!(fault_of(b"\r\n").contains("only a newline"));
        assert!(fault_of(b"\xEF\xBB\xBFhush\n").contains("byte order mark"));
        assert!(fault_of(b"\xFF\xFEh\0u\0s\0h\0").contains("UTF-16"));
        assert!(fault_of(b"\xFE\xFF\0h\0u\0s\0h").contains("UTF-16"));
        assert!(fault_of(b"h\0u\0s\0h\0").contains("UTF-16"));
        assert!(fault_of(b"hush\xFF").contains("not UTF-8"));
        assert!(fault_of(b"hush\n\n").contains("more than one line"));
        assert!(fault_of(b"hush\nhush\n").contains("more than one line"));
    }

    #[test]
    fn a_file_open_to_others_is_refused_and_one_for_a_group_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o400, 0o600, 0o440, 0o640] {
            let path = file_with_mode(folder.path(), mode);
            assert_eq!(read_secret_file(&path).unwrap().expose(), "hush");
        }
        for mode in [0o644, 0o604, 0o602, 0o444] {
            let path = file_with_mode(folder.path(), mode);
            let fault = read_secret_file(&path).unwrap_err().to_string();
            assert!(fault.contains(&format!("mode {mode:04o}")), "{fault}");
        }
    }

    #[test]
    fn a_link_is_followed_and_its_target_is_what_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink(file_with_mode(folder.path(), 0o400), &link).unwrap();
        assert_eq!(read_secret_file(&link).unwrap().expose(), "hush");
        std::fs::remove_file(&link).unwrap();
        symlink(file_with_mode(folder.path(), 0o644), &link).unwrap();
        assert!(matches!(
            read_secret_file(&link),
            Err(SecretFileFault::OpenToOthers { mode: 0o644 })
        ));
    }

    #[test]
    fn folders_pipes_large_and_missing_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read_secret_file(folder.path()),
            Err(SecretFileFault::NotAFile)
        ));
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(matches!(
            read_secret_file(&pipe),
            Err(SecretFileFault::NotAFile)
        ));
        let large = folder.path().join("large");
        write_secret_file(&large, &vec![b'a'; LARGEST + 1]).unwrap();
        assert!(matches!(
            read_secret_file(&large),
            Err(SecretFileFault::TooLarge)
        ));
        assert!(matches!(
            read_secret_file(&folder.path().join("missing")),
            Err(SecretFileFault::Unreadable(_))
        ));
    }

    #[test]
    fn a_written_secret_is_private_and_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        write_secret_file(&path, b"first\n").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let again = write_secret_file(&path, b"second\n").unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(read_secret_file(&path).unwrap().expose(), "first");

        let elsewhere = folder.path().join("elsewhere");
        let link = folder.path().join("link");
        symlink(&elsewhere, &link).unwrap();
        assert!(write_secret_file(&link, b"third\n").is_err());
        assert!(!elsewhere.exists());
    }

    #[test]
    fn debug_tells_nothing() {
        let secret = SecretText::new("hush");
        assert_eq!(format!("{secret:?}"), "SecretText([REDACTED])");
    }
}
