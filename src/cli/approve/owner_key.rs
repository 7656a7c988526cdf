//! The owner's SSH key: found, matched with an owner, and used through `ssh-keygen`.
//!
//! Invariant: the private key is never read here. A signature is given back only if it counts for
//! exactly that text, with the rules by which the bot will judge it.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::super::printable::printable;
use super::known_bots::home;
use crate::gate::ids::UserId;
use crate::gate::statement::APPROVE;
use crate::http::document::Approver;
use crate::secret::sshkey::{KeyFault, PublicKey};
use crate::secret::sshsig::{LONGEST_ARMOR, verify};
use crate::secret::token::random_hex;

/// No key file is larger.
const LARGEST_KEY: u64 = 64 * 1024;

/// The names of keys that are looked for, those that need a touch first.
const USUAL: [&str; 4] = ["id_ed25519_sk", "id_ecdsa_sk", "id_ed25519", "id_ecdsa"];

/// A key and whose it is.
#[derive(Debug)]
pub(super) struct OwnerKey {
    /// What `ssh-keygen` is given.
    pub(super) file: PathBuf,
    /// Its public half.
    pub(super) public: PublicKey,
    /// The owner for whom it is pinned.
    pub(super) owner: Approver,
}

impl OwnerKey {
    /// The key that was named, or the first usual one that is pinned.
    pub(super) fn find(
        named: Option<&Path>,
        approver: Option<UserId>,
        owners: &[Approver],
    ) -> anyhow::Result<Self> {
        let owners: Vec<&Approver> = owners
            .iter()
            .filter(|owner| approver.is_none_or(|id| id == owner.id))
            .collect();
        if let (Some(id), true) = (approver, owners.is_empty()) {
            bail!("{id} is no owner who may approve there");
        }
        if let Some(file) = named {
            let public = public_of(file)?;
            return Self::of(file, public, &owners);
        }
        let folder = home()
            .context("no HOME: name your key with --key")?
            .join(".ssh");
        USUAL
            .iter()
            .map(|name| folder.join(name))
            .find_map(|file| {
                let public = public_of(&file).ok()?;
                Self::of(&file, public, &owners).ok()
            })
            .with_context(|| {
                format!(
                    "no usual key in {} is pinned for an owner there: name yours with --key",
                    folder.display()
                )
            })
    }

    fn of(file: &Path, public: PublicKey, owners: &[&Approver]) -> anyhow::Result<Self> {
        let is_pinned = |owner: &&&Approver| {
            owner
                .signing_keys
                .iter()
                .any(|line| PublicKey::parse(line).is_ok_and(|key| key == public))
        };
        let mut pinned = owners.iter().filter(is_pinned);
        let (owner, other) = (pinned.next(), pinned.next());
        match (owner, other) {
            (Some(owner), None) => Ok(Self {
                file: file.to_owned(),
                owner: (**owner).clone(),
                public,
            }),
            (Some(_), Some(_)) => bail!("several owners have this key: say --approver ID"),
            (None, _) => bail!(
                "{} is pinned for no owner who may approve there",
                public.fingerprint()
            ),
        }
    }
}

/// The public key in a file, or in the one beside it.
fn public_of(file: &Path) -> anyhow::Result<PublicKey> {
    let beside = PathBuf::from(format!("{}.pub", file.display()));
    let mut fault = None;
    for path in [file, &beside] {
        let Ok(open) = File::open(path) else { continue };
        let mut text = Vec::new();
        // A private key is no text of interest: only what could be a public one is looked at.
        let whole = open.take(LARGEST_KEY).read_to_end(&mut text);
        let text = whole.ok().and_then(|_| String::from_utf8(text).ok());
        let Some(line) = text.as_deref().and_then(|text| text.lines().next()) else {
            continue;
        };
        match PublicKey::parse(line) {
            Ok(key) => return Ok(key),
            // A private key begins with a line of another form.
            Err(KeyFault::Kind(_)) if line.starts_with("-----") => {}
            Err(KeyFault::Broken) if path == file => {}
            Err(refused) => fault = fault.or(Some(refused)),
        }
    }
    let file = printable(&file.display().to_string());
    match fault {
        Some(fault) => Err(fault).with_context(|| format!("{file} cannot be used")),
        None => bail!(
            "there is no public key in {file} or {file}.pub (`ssh-keygen -y -f {file}` prints it)"
        ),
    }
}

/// Signs a text through `ssh-keygen`, which asks for passphrases and touches itself.
pub(super) fn sign(key: &OwnerKey, text: &str) -> anyhow::Result<String> {
    let desk = Desk::new()?;
    let statement = desk.0.join("statement");
    std::fs::write(&statement, text).context("cannot write the text to sign")?;
    // In a file and not through its standard input, from which it could then ask nothing.
    let status = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", APPROVE, "-f"])
        .arg(&key.file)
        .arg(&statement)
        .stdout(Stdio::null())
        .status()
        .context("ssh-keygen cannot be run (it comes with OpenSSH); nothing is signed")?;
    if !status.success() {
        bail!("ssh-keygen did not sign ({status})");
    }
    let mut armor = String::new();
    File::open(desk.0.join("statement.sig"))
        .context("ssh-keygen gave no signature")?
        .take(LONGEST_ARMOR as u64 + 1)
        .read_to_string(&mut armor)
        .context("ssh-keygen gave no signature")?;
    let public = key.public.to_string();
    verify(&armor, APPROVE, text.as_bytes(), [public.as_str()])
        .context("what ssh-keygen signed would not count")?;
    Ok(armor)
}

/// A private folder that is removed at the end.
struct Desk(PathBuf);

impl Desk {
    fn new() -> anyhow::Result<Self> {
        let name = format!("ownergate-approve-{}", &random_hex()?[..32]);
        let folder = std::env::temp_dir().join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
