//! `ownergate keygen`: makes the secrets that a bot or an agent needs.
//!
//! Invariant: each has 256 bits from the operating system and only characters that need no quoting
//! anywhere. A file is new and private (0600); nothing is ever overwritten. With `--out` the secret
//! is in the file only, and what may be public is printed.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use zeroize::Zeroizing;

use crate::secret::file::{SecretText, write_secret_file};
use crate::secret::pepper::Peppers;
use crate::secret::seal::generate_age_identity;
use crate::secret::signing::SigningKey;
use crate::secret::token::random_hex;

/// Make a secret: into a new file that only you can read, or onto the standard output.
#[derive(Debug, clap::Args)]
pub struct KeygenArgs {
    /// What to make.
    pub kind: KeyKind,
    /// Write the secret into this new file (mode 0600); an existing one is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The kinds of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyKind {
    /// The bot's pepper (`pepper_file`): tokens are looked up under it.
    Pepper,
    /// The bot's signing key (`signing_key_file`): it names the installation, keep it for ever.
    SigningKey,
    /// A secret for a webhook, a client or an operator.
    Secret,
    /// An agent's age key, in the form of `age-keygen`: its `age1…` goes into the request.
    Age,
}

/// Makes the secret and says where it is.
pub fn run(args: &KeygenArgs) -> anyhow::Result<ExitCode> {
    let stdout = std::io::stdout();
    keygen(args, &mut stdout.lock())
}

/// `run` with the standard output as a value.
fn keygen(args: &KeygenArgs, stdout: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let made = make(args.kind)?;
    match &args.out {
        Some(path) => {
            write_secret_file(path, made.secret.as_bytes())
                .with_context(|| format!("cannot make the new file {}", path.display()))?;
            for line in &made.public {
                writeln!(stdout, "{line}")?;
            }
        }
        None => stdout.write_all(made.secret.as_bytes())?,
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A new secret and what of it may be public.
struct Made {
    /// The text of the file, with its last newline.
    secret: Zeroizing<String>,
    /// Lines for people.
    public: Vec<String>,
}

fn make(kind: KeyKind) -> anyhow::Result<Made> {
    if kind == KeyKind::Age {
        let (secret, recipient) = generate_age_identity();
        let comment = format!("# public key: {recipient}\n");
        return Ok(Made {
            secret: lines(&[&comment, secret.expose(), "\n"]),
            public: vec![format!("public key: {recipient}")],
        });
    }
    let random = random_hex()?;
    let text = SecretText::new(&random);
    let public = match kind {
        KeyKind::Pepper => {
            let peppers = Peppers::parse(&text, None)?;
            vec![format!("pepper id: {}", peppers.pepper_id())]
        }
        KeyKind::SigningKey => {
            let key = SigningKey::parse(&text)?;
            vec![
                format!("public key: {}", key.public_hex()),
                format!("installation id: {}", key.installation_id()),
            ]
        }
        KeyKind::Secret | KeyKind::Age => Vec::new(),
    };
    Ok(Made {
        secret: lines(&[&random, "\n"]),
        public,
    })
}

/// Joins the parts in one buffer of full size, so that no copy stays behind.
fn lines(parts: &[&str]) -> Zeroizing<String> {
    let size = parts.iter().map(|part| part.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(size));
    for part in parts {
        text.push_str(part);
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;
    use crate::secret::clipboard::age_keys_in;
    use crate::secret::file::read_secret_file;

    fn printed(kind: KeyKind, out: Option<PathBuf>) -> anyhow::Result<String> {
        let mut stdout = Vec::new();
        keygen(&KeygenArgs { kind, out }, &mut stdout)?;
        Ok(String::from_utf8(stdout)?)
    }

    #[test]
    fn a_secret_is_one_line_of_unreserved_characters_and_new_each_time() {
        for kind in [KeyKind::Pepper, KeyKind::SigningKey, KeyKind::Secret] {
            let one = printed(kind, None).unwrap();
            let line = one.strip_suffix('\n').unwrap();
            assert_eq!(line.len(), 64);
            assert!(
                line.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{line}"
            );
            assert_ne!(one, printed(kind, None).unwrap());
        }
    }

    #[test]
    fn each_kind_is_taken_where_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);

        let said = printed(KeyKind::Pepper, Some(path("pepper"))).unwrap();
        let text = read_secret_file(&path("pepper")).unwrap();
        let peppers = Peppers::parse(&text, None).unwrap();
        assert_eq!(said, format!("pepper id: {}\n", peppers.pepper_id()));

        let said = printed(KeyKind::SigningKey, Some(path("key"))).unwrap();
        let text = read_secret_file(&path("key")).unwrap();
        let key = SigningKey::parse(&text).unwrap();
        assert!(said.contains(&key.public_hex()) && said.contains(key.installation_id().as_str()));
        assert!(!said.contains(text.expose()));

        assert_eq!(printed(KeyKind::Secret, Some(path("secret"))).unwrap(), "");
        assert_eq!(
            read_secret_file(&path("secret")).unwrap().expose().len(),
            64
        );
    }

    #[test]
    fn an_age_key_has_the_form_of_age_keygen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.txt");
        let said = printed(KeyKind::Age, Some(path.clone())).unwrap();
        let file = std::fs::read_to_string(&path).unwrap();
        let keys = age_keys_in(file.as_bytes()).unwrap();
        let recipient = keys[0].recipient().to_string();
        assert_eq!(said, format!("public key: {recipient}\n"));
        assert!(file.starts_with(&format!("# public key: {recipient}\nAGE-SECRET-KEY-1")));
        assert_eq!(file.lines().count(), 2);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pepper");
        printed(KeyKind::Pepper, Some(path.clone())).unwrap();
        let before = std::fs::read(&path).unwrap();
        let refused = printed(KeyKind::Pepper, Some(path.clone())).unwrap_err();
        assert!(
            refused.to_string().contains("cannot make the new file"),
            "{refused}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
