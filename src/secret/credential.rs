//! Credentials of the service manager: secrets that systemd puts into a folder of its own for as
//! long as the bot runs (`LoadCredential=`, systemd.exec(5)).
//!
//! The config says `credential:NAME` in the place of a path, so that it need not know the folder,
//! which is the unit's and, for user units and containers, another each time. What is read there is
//! judged like any other secret file. Outside of the unit there is no such folder, and that is said.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::file::SecretFileFault;

/// What stands before the name in the config.
const PREFIX: &str = "credential:";

/// True for the form `credential:…`.
pub fn is_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Refuses a name that would be no file of that one folder. Paths are fine.
pub fn check(text: &str) -> Result<(), String> {
    let Some(name) = text.strip_prefix(PREFIX) else {
        return Ok(());
    };
    // As systemd has it: a name of a file, and no dots that lead elsewhere.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    if name.is_empty() || name.len() > 255 || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(format!(
            "{name:?} is no name of a credential: letters, digits, `.`, `_`, `-` and `@`"
        ));
    }
    Ok(())
}

/// Where the file is: the path itself, or that credential in the folder of this process.
pub(super) fn locate(path: &Path) -> Result<Cow<'_, Path>, SecretFileFault> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the folder of the service manager's credentials, which has no other name"
    )]
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
    in_folder(path, folder)
}

/// `locate` with the folder as a value.
fn in_folder(path: &Path, folder: Option<OsString>) -> Result<Cow<'_, Path>, SecretFileFault> {
    let Some(name) = path.to_str().and_then(|text| text.strip_prefix(PREFIX)) else {
        return Ok(Cow::Borrowed(path));
    };
    let folder = folder.filter(|folder| !folder.is_empty());
    match folder {
        Some(folder) => Ok(Cow::Owned(PathBuf::from(folder).join(name))),
        None => Err(SecretFileFault::NoCredentials(name.to_owned())),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_looked_up_in_the_folder_and_a_path_is_not() {
        let folder = || Some(OsString::from("/run/credentials/ownergate.service"));
        let found = in_folder(Path::new("credential:pepper"), folder()).unwrap();
        assert_eq!(
            found,
            Path::new("/run/credentials/ownergate.service/pepper")
        );
        let path = Path::new("/etc/ownergate/secrets/pepper");
        assert_eq!(in_folder(path, folder()).unwrap(), path);
        assert_eq!(in_folder(path, None).unwrap(), path);
    }

    #[test]
    fn without_a_folder_it_says_who_has_one() {
        for folder in [None, Some(OsString::new())] {
            let why = in_folder(Path::new("credential:pepper"), folder).unwrap_err();
            let why = why.to_string();
            assert!(why.contains("LoadCredential=pepper:"), "{why}");
        }
    }

    #[test]
    fn a_name_stays_in_its_folder() {
        for good in [
            "credential:hook-kan",
            "credential:a.b_c@1",
            "secrets/pepper",
            "/a/b",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "credential:",
            "credential:../x",
            "credential:a/b",
            "credential:.x",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
