//! `ownergate keygen`: makes the secrets that a bot or an agent needs.
//!
//! Invariant: each has 256 bits from the operating system and only characters that need no quoting
//! anywhere. A file is new and private (0600); nothing is ever overwritten. With `--out` the secret
//! is in the file only, and what may be public is printed. A secret for one-time codes has to get
//! into the owner's app as well: it is shown as a QR code, to a terminal or where that is asked for.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::secret::file::{SecretText, read_secret_file, write_secret_file};
use crate::secret::pepper::Peppers;
use crate::secret::seal::generate_age_identity;
use crate::secret::signing::SigningKey;
use crate::secret::token::random_hex;
use crate::secret::totp::TotpSecret;

/// Make a secret: into a new file that only you can read, or onto the standard output.
#[derive(Debug, clap::Args)]
pub struct KeygenArgs {
    /// What to make.
    pub kind: KeyKind,
    /// Write the secret into this new file (mode 0600); an existing one is never overwritten.
    #[arg(long, value_name = "FILE", required_if_eq("kind", "totp"))]
    pub out: Option<PathBuf>,
    /// For `signing-key`: the key file that the new key comes after; it vouches for the new one, which
    /// names the same installation.
    #[arg(long, value_name = "FILE", requires = "out")]
    pub after: Option<PathBuf>,
    /// For `totp`: the owner, as the app shows it.
    #[arg(long, value_name = "LOGIN", default_value = "owner")]
    pub owner: String,
    /// For `totp`: whom the codes are for, as the app shows it.
    #[arg(long, value_name = "NAME", default_value = "Ownergate")]
    pub issuer: String,
    /// For `totp`: show the QR code even if the standard output is no terminal.
    #[arg(long)]
    pub qr: bool,
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
    /// An owner's secret for one-time codes (`totp_file`), shown as a QR code for an app.
    Totp,
    /// An agent's age key, in the form of `age-keygen`: its `age1…` goes into the request.
    Age,
}

/// Makes the secret and says where it is.
pub fn run(args: &KeygenArgs) -> anyhow::Result<ExitCode> {
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    keygen(args, &mut stdout.lock(), terminal)
}

/// `run` with the standard output as a value.
fn keygen(args: &KeygenArgs, stdout: &mut dyn Write, terminal: bool) -> anyhow::Result<ExitCode> {
    if args.kind == KeyKind::Totp {
        return totp(args, stdout, terminal);
    }
    let after = args.after.as_deref();
    if after.is_some() && args.kind != KeyKind::SigningKey {
        bail!("only a signing key comes after another: leave --after out");
    }
    let made = match after {
        Some(path) => successor(path)?,
        None => make(args.kind)?,
    };
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

/// Writes a secret for one-time codes and shows it to an app, not to people: its text is in the file
/// only.
fn totp(args: &KeygenArgs, stdout: &mut dyn Write, terminal: bool) -> anyhow::Result<ExitCode> {
    let path = args
        .out
        .as_ref()
        .context("a secret for one-time codes needs a file: --out FILE")?;
    let secret = TotpSecret::generate()?;
    // Drawn first, so that no file is left behind where the names are too long for a QR code.
    let drawn = (terminal || args.qr)
        .then(|| qr(&secret.uri(&args.issuer, &args.owner), terminal))
        .transpose()?;
    write_secret_file(path, lines(&[&secret.base32(), "\n"]).as_bytes())
        .with_context(|| format!("cannot make the new file {}", path.display()))?;
    if let Some(drawn) = drawn {
        stdout.write_all(drawn.as_bytes())?;
        writeln!(
            stdout,
            "scan this with the owner's authenticator app, then clear the screen"
        )?;
    } else {
        writeln!(
            stdout,
            "no QR code: the standard output is no terminal (--qr shows it all the same)"
        )?;
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Draws a QR code, two modules a character. On a terminal black on white, whatever its colours
/// are; elsewhere light modules are drawn and dark ones left out, as for white on black.
fn qr(text: &str, terminal: bool) -> anyhow::Result<Zeroizing<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)
        .context("the names are too long for a QR code")?;
    let (dark, light) = if terminal {
        (Dense1x2::Dark, Dense1x2::Light)
    } else {
        (Dense1x2::Light, Dense1x2::Dark)
    };
    let rendered = code
        .render::<Dense1x2>()
        .dark_color(dark)
        .light_color(light)
        .build();
    let rendered = Zeroizing::new(rendered);
    let (before, behind) = if terminal {
        ("\u{1b}[30;107m", "\u{1b}[0m\n")
    } else {
        ("", "\n")
    };
    let parts: Vec<&str> = rendered
        .lines()
        .flat_map(|line| [before, line, behind])
        .collect();
    Ok(lines(&parts))
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
        KeyKind::Secret | KeyKind::Totp | KeyKind::Age => Vec::new(),
    };
    Ok(Made {
        secret: lines(&[&random, "\n"]),
        public,
    })
}

/// A new signing key that an old one vouches for.
fn successor(of: &Path) -> anyhow::Result<Made> {
    let text = read_secret_file(of).with_context(|| format!("the key {}", of.display()))?;
    let old = SigningKey::parse(&text).with_context(|| format!("the key {}", of.display()))?;
    let random = random_hex()?;
    let new = SigningKey::parse(&SecretText::new(&random))?;
    Ok(Made {
        public: vec![
            format!("public key: {}", new.public_hex()),
            format!("comes after: {}", old.public_hex()),
            format!("installation id: {}", old.installation_id()),
        ],
        secret: lines(&[&random, &old.successor_words(&new), "\n"]),
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

    fn printed(kind: KeyKind, out: Option<PathBuf>) -> anyhow::Result<String> {
        drawn(kind, out, false, false)
    }

    fn drawn(
        kind: KeyKind,
        out: Option<PathBuf>,
        qr: bool,
        terminal: bool,
    ) -> anyhow::Result<String> {
        let mut stdout = Vec::new();
        let args = KeygenArgs {
            kind,
            out,
            after: None,
            owner: "alice".to_owned(),
            issuer: "Ownergate kan".to_owned(),
            qr,
        };
        keygen(&args, &mut stdout, terminal)?;
        Ok(String::from_utf8(stdout)?)
    }

    /// The modules of a drawing: true for what is filled.
    fn modules(drawing: &str) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in drawing.lines().filter(|line| !line.contains("scan")) {
            let line = line.trim_start_matches("\u{1b}[30;107m");
            let line = line.trim_end_matches("\u{1b}[0m");
            let half = |filled: &'static str| {
                line.chars()
                    .map(move |character| filled.contains(character))
                    .collect::<Vec<_>>()
            };
            rows.extend([half("█▀"), half("█▄")]);
        }
        rows
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
    fn a_signing_key_that_comes_after_another_names_the_same_installation() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let key = |name: &str| SigningKey::parse(&read_secret_file(&path(name)).unwrap()).unwrap();
        printed(KeyKind::SigningKey, Some(path("old"))).unwrap();
        let mut said = Vec::new();
        let mut args = KeygenArgs {
            kind: KeyKind::SigningKey,
            out: Some(path("new")),
            after: Some(path("old")),
            owner: String::new(),
            issuer: String::new(),
            qr: false,
        };
        keygen(&args, &mut said, false).unwrap();
        let (old, new) = (key("old"), key("new"));
        assert_eq!(new.installation_id(), old.installation_id());
        assert_eq!(
            String::from_utf8(said).unwrap(),
            format!(
                "public key: {}\ncomes after: {}\ninstallation id: {}\n",
                new.public_hex(),
                old.public_hex(),
                old.installation_id()
            )
        );
        args.kind = KeyKind::Pepper;
        args.out = Some(path("pepper"));
        assert!(keygen(&args, &mut Vec::new(), false).is_err());
        assert!(!path("pepper").exists());
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
    fn a_secret_for_codes_is_drawn_for_an_app_and_its_text_is_in_the_file_only() {
        let folder = tempfile::tempdir().unwrap();
        for (name, qr, terminal) in [("asked", true, false), ("seen", false, true)] {
            let path = folder.path().join(name);
            let said = drawn(KeyKind::Totp, Some(path.clone()), qr, terminal).unwrap();
            let text = read_secret_file(&path).unwrap();
            assert!(!said.contains(text.expose()) && !said.contains("otpauth"));
            let secret = TotpSecret::parse(&text).unwrap();
            let uri = secret.uri("Ownergate kan", "alice");
            let code = QrCode::with_error_correction_level(&*uri, EcLevel::L).unwrap();
            let modules = modules(&said);
            // Four modules around are quiet; on a terminal what is dark is filled.
            for (place, color) in code.to_colors().into_iter().enumerate() {
                let (y, x) = (place / code.width() + 4, place % code.width() + 4);
                let filled = (color == qrcode::Color::Dark) == terminal;
                assert_eq!(modules[y][x], filled, "{x} {y}");
            }
            assert!(modules[3].iter().all(|filled| *filled != terminal));
        }
    }

    #[test]
    fn a_secret_for_codes_is_not_drawn_into_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("totp");
        let said = printed(KeyKind::Totp, Some(path.clone())).unwrap();
        assert!(said.starts_with("no QR code"), "{said}");
        assert_eq!(said.lines().count(), 1);
        let refused = printed(KeyKind::Totp, Some(path)).unwrap_err();
        assert!(refused.to_string().contains("cannot make the new file"));
        let nowhere = printed(KeyKind::Totp, None).unwrap_err();
        assert!(nowhere.to_string().contains("--out FILE"));
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
