//! `ownergate check-config`: everything that is wrong with a configuration, at once.
//!
//! Faults go to standard error and fail the command; what holds goes to standard output. It reads
//! the file and the secret files that it names, never the forge, and shows no secret.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::duration::show;
use crate::config::{Board, Config, Fault, Loaded, SecretFile, Warning, factor_words};
use crate::gate::policy::Gate;

/// Check a configuration and tell everything that is wrong with it
///
/// Reads the file and the secret files that it names; the forge is not asked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Write one JSON object with `ok`, `faults` and `warnings` to standard output
    #[arg(long)]
    pub json: bool,
}

/// Judges one secret file; the error says what is wrong with it and never what is in it.
pub type Check<'c> = &'c dyn Fn(&SecretFile) -> Result<(), String>;

/// Runs the command. Exit code 1 if there is a fault.
pub fn run(args: &Args, check: Check<'_>) -> ExitCode {
    let outcome = Outcome::of(&args.config, check);
    let written = if args.json {
        outcome.write_json(&mut io::stdout().lock())
    } else {
        outcome.write(&mut io::stdout().lock(), &mut io::stderr().lock())
    };
    match written {
        Ok(()) => outcome.exit_code(),
        Err(_) => ExitCode::FAILURE,
    }
}

/// What was found.
struct Outcome {
    /// As it was named on the command line.
    file: PathBuf,
    /// The configuration, if the file itself has no fault.
    config: Option<Config>,
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
}

impl Outcome {
    /// Reads the file and judges every secret file that it names.
    fn of(file: &Path, check: Check<'_>) -> Self {
        let file = file.to_owned();
        match Config::load(&file) {
            Ok(Loaded { config, warnings }) => Self {
                file,
                faults: secret_faults(&config, check),
                config: Some(config),
                warnings,
            },
            Err(faults) => Self {
                file,
                config: None,
                faults,
                warnings: Vec::new(),
            },
        }
    }

    /// 1 if there is a fault; a warning alone is none.
    fn exit_code(&self) -> ExitCode {
        if self.faults.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// For people.
    fn write(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        for fault in &self.faults {
            writeln!(err, "error: {fault}")?;
        }
        for warning in &self.warnings {
            writeln!(err, "warning: {warning}")?;
        }
        let file = self.file.display();
        let warnings = counted(self.warnings.len(), "warning");
        match &self.config {
            Some(config) if self.faults.is_empty() => {
                write_summary(out, config)?;
                writeln!(out, "{file} can be used ({warnings})")
            }
            _ => {
                let faults = counted(self.faults.len(), "fault");
                writeln!(err, "{file} cannot be used: {faults}, {warnings}")
            }
        }
    }

    /// For scripts.
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let object = serde_json::json!({
            "ok": self.faults.is_empty(),
            "faults": self.faults,
            "warnings": self.warnings,
        });
        writeln!(out, "{object}")
    }
}

/// The faults of secret files, each under the key that names the file.
fn secret_faults(config: &Config, check: Check<'_>) -> Vec<Fault> {
    let fault = |secret: SecretFile| {
        let why = check(&secret).err()?;
        Some(Fault {
            file: config.file.clone(),
            key: secret.key,
            why,
            example: secret.kind.mend().to_owned(),
        })
    };
    config
        .secret_files()
        .into_iter()
        .filter_map(fault)
        .collect()
}

/// What a configuration without faults sets up.
fn write_summary(out: &mut dyn Write, config: &Config) -> io::Result<()> {
    writeln!(out, "forge {}", config.forge.url)?;
    match &config.server.internal_listen {
        Some(internal) => {
            writeln!(out, "listens on {} and {internal}", config.server.listen)?;
        }
        None => writeln!(out, "listens on {}", config.server.listen)?,
    }
    for board in &config.boards {
        write_board(out, board)?;
    }
    let clients = counted(config.clients.len(), "client");
    let operators = counted(config.operators.len(), "operator");
    writeln!(out, "{clients}, {operators}")
}

/// One board and its gates.
fn write_board(out: &mut dyn Write, board: &Board) -> io::Result<()> {
    let rules = &board.rules;
    writeln!(
        out,
        "board {}: repository {} ({}), {}",
        rules.name,
        rules.repository,
        rules.repository_id,
        counted(rules.owners.len(), "owner")
    )?;
    for (name, gate) in &rules.gates {
        writeln!(out, "  gate {name}: {}", gate_line(gate))?;
    }
    Ok(())
}

/// What a gate grants, and for what.
fn gate_line(gate: &Gate) -> String {
    let scopes: Vec<&str> = gate.scopes.iter().map(String::as_str).collect();
    format!(
        "{} for at most {}, by {} with {}",
        scopes.join(", "),
        show(gate.max_ttl),
        counted(gate.quorum as usize, "owner"),
        factor_words(gate)
    )
}

/// `1 fault`, `2 faults`.
fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::config::{DEFAULT, SecretKind};

    /// The documented default in a folder, with one part of the text replaced.
    fn folder_with(from: &str, to: &str) -> tempfile::TempDir {
        assert!(DEFAULT.contains(from));
        let folder = tempfile::tempdir().unwrap();
        let text = DEFAULT.replacen(from, to, 1);
        std::fs::write(folder.path().join("ownergate.toml"), text).unwrap();
        folder
    }

    /// What was written to the two outputs, with the folder's name cut out.
    fn texts(folder: &tempfile::TempDir, check: Check<'_>) -> (Outcome, String, String) {
        let outcome = Outcome::of(&folder.path().join("ownergate.toml"), check);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        outcome.write(&mut out, &mut err).unwrap();
        let base = format!("{}/", folder.path().display());
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&base, "");
        (outcome, text(out), text(err))
    }

    #[test]
    fn a_good_configuration_is_summed_up() {
        let folder = folder_with("", "");
        let (outcome, out, err) = texts(&folder, &|_| Ok(()));
        assert!(outcome.faults.is_empty());
        insta::assert_snapshot!(out, @r"
        forge https://forge.example
        listens on 127.0.0.1:8420 and 127.0.0.1:8421
        board kan: repository alice/board (17), 2 owners
          gate dev: board:read, card:write for at most 24h, by 1 owner with comment
          gate production: board:read, deploy:run for at most 7d, by 2 owners with comment and signature
        1 client, 0 operators
        ownergate.toml can be used (0 warnings)
        ");
        assert_eq!(err, "");
    }

    #[test]
    fn a_warning_is_said_and_is_no_fault() {
        let folder = folder_with(
            "scopes = [\"board:read\", \"card:write\", \"deploy:run\"]",
            "scopes = [\"board:read\", \"card:write\", \"card:burn\", \"deploy:run\"]",
        );
        let (outcome, out, err) = texts(&folder, &|_| Ok(()));
        assert!(outcome.faults.is_empty());
        assert!(
            out.ends_with("ownergate.toml can be used (1 warning)\n"),
            "{out}"
        );
        insta::assert_snapshot!(err, @"warning: ownergate.toml: board[kan].scopes: no gate grants card:burn: every request for it is refused");
    }

    #[test]
    fn all_faults_of_the_file_are_shown() {
        let folder = folder_with("quorum = 1", "quorum = 7\nself_aproval = true");
        let (outcome, out, err) = texts(&folder, &|_| Ok(()));
        assert_eq!(outcome.faults.len(), 2);
        assert_eq!(out, "");
        insta::assert_snapshot!(err, @r"
        error: ownergate.toml: board[kan].gate.dev.self_aproval: is not a known key here; the nearest one is `self_approval`
            help: self_approval = false
        error: ownergate.toml: board[kan].gate.dev.quorum: 7 owners must approve, and only 2 of this board may
            help: quorum = 2, or one more [[board.owner]]
        ownergate.toml cannot be used: 2 faults, 0 warnings
        ");
    }

    #[test]
    fn a_secret_file_that_cannot_be_used_is_a_fault_of_its_key() {
        let folder = folder_with("", "");
        let check = |secret: &SecretFile| match secret.kind {
            SecretKind::Pepper => Err("cannot be read: no such file".to_owned()),
            SecretKind::HookSecret => Err("has 5 bytes, and at least 32 are needed".to_owned()),
            _ => Ok(()),
        };
        let (_, out, err) = texts(&folder, &check);
        assert_eq!(out, "");
        insta::assert_snapshot!(err, @r"
        error: ownergate.toml: secrets.pepper_file: cannot be read: no such file
            help: `ownergate keygen pepper` makes one
        error: ownergate.toml: board[kan].hook_secret_file: has 5 bytes, and at least 32 are needed
            help: `ownergate keygen secret` makes one; the same text goes into the forge's webhook
        ownergate.toml cannot be used: 2 faults, 0 warnings
        ");
    }

    #[test]
    fn the_exit_code_tells_a_script() {
        let folder = folder_with("", "");
        let code = |name: &str, check: Check<'_>| {
            let outcome = Outcome::of(&folder.path().join(name), check);
            format!("{:?}", outcome.exit_code())
        };
        let (success, failure) = (ExitCode::SUCCESS, ExitCode::FAILURE);
        let (success, failure) = (format!("{success:?}"), format!("{failure:?}"));
        assert_eq!(code("ownergate.toml", &|_| Ok(())), success);
        assert_eq!(
            code("ownergate.toml", &|_| Err("wrong".to_owned())),
            failure
        );
        assert_eq!(code("absent.toml", &|_| Ok(())), failure);
    }

    #[test]
    fn scripts_read_one_object() {
        let folder = folder_with("quorum = 1", "quorum = 7");
        let outcome = Outcome::of(&folder.path().join("ownergate.toml"), &|_| Ok(()));
        let mut out = Vec::new();
        outcome.write_json(&mut out).unwrap();
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(object["ok"], false);
        assert_eq!(object["faults"][0]["key"], "board[kan].gate.dev.quorum");
        assert!(object["faults"][0]["example"].is_string());
    }
}
