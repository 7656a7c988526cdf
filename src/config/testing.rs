//! A small configuration that is right, and the tools to make it wrong in one place.
//!
//! A story changes one thing and says which key is to blame. Nothing here is part of the program.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use super::{Config, DEFAULT, Fault, Loaded};

/// Alice's public key.
pub(super) const ALICE_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFZGistp1H9f1jkm750rNg8pEEyUgcM8ktPmNKVQalKg alice";

/// Piotr's public key.
pub(super) const PIOTR_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKoW2tZ6UNW6MAK0nxWTh6TJ1GpPAWJkhK3oUx5DycP1 piotr";

/// Everything before the boards.
const HEAD: &str = r#"
[server]
listen = "127.0.0.1:8420"
public_url = "https://gate.example"
[store]
path = "data"
[secrets]
pepper_file = "secrets/pepper"
signing_key_file = "secrets/signing-key"
[forge]
url = "https://forge.example"
token_file = "secrets/forge-token"
"#;

/// A board with two owners and one gate.
pub(super) const BOARD: &str = r#"
[[board]]
name = "kan"
repository = "alice/board"
repository_id = 17
workspace = "kan-ductor"
hook_secret_file = "secrets/hook-kan"
scopes = ["board:read", "card:write"]
machine_accounts = [7]
[[board.owner]]
id = 2
login = "alice"
signing_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFZGistp1H9f1jkm750rNg8pEEyUgcM8ktPmNKVQalKg alice"]
[[board.owner]]
id = 3
login = "piotr"
signing_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKoW2tZ6UNW6MAK0nxWTh6TJ1GpPAWJkhK3oUx5DycP1 piotr"]
[board.gate.dev]
scopes = ["board:read", "card:write"] # dev
max_ttl = "24h"
quorum = 1
factors = ["comment"]
"#;

/// A client.
pub(super) const CLIENT: &str = r#"
[[client]]
name = "kanban-api"
secret_file = "secrets/client-kanban-api"
boards = ["kan"]
"#;

/// A configuration, as text, that stands in `/etc/ownergate/ownergate.toml`.
#[derive(Clone, Debug)]
pub(super) struct Sample(pub(super) String);

impl Sample {
    /// The same with one part of the text replaced; the part must be there.
    pub(super) fn with(self, from: &str, to: &str) -> Self {
        assert!(self.0.contains(from), "the sample has no {from:?}");
        Self(self.0.replacen(from, to, 1))
    }

    /// The same with more text at its end.
    pub(super) fn and(self, more: &str) -> Self {
        Self(self.0 + more)
    }

    /// Reads it.
    pub(super) fn load(&self) -> Result<Loaded, Vec<Fault>> {
        Config::parse(Path::new("/etc/ownergate/ownergate.toml"), &self.0)
    }
}

/// The small configuration.
pub(super) fn base() -> Sample {
    Sample([HEAD, BOARD, CLIENT].concat())
}

/// The small configuration with one part of the text replaced.
pub(super) fn with(from: &str, to: &str) -> Sample {
    base().with(from, to)
}

/// The documented default with every key in it that is only mentioned there: a line that is
/// commented out begins with `#` and its key, without a blank between.
pub(super) fn full() -> Sample {
    let uncommented = |line: &str| {
        let hidden = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
        hidden.unwrap_or(line).to_owned()
    };
    let lines: Vec<String> = DEFAULT.lines().map(uncommented).collect();
    Sample(lines.join("\n"))
}

/// The one fault of a sample, which must be about this key and say the mend.
#[track_caller]
pub(super) fn only_fault(sample: &Sample, key: &str) -> Fault {
    let faults = sample.load().err().unwrap_or_default();
    let shown: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert_eq!(faults.len(), 1, "{key}: {shown:#?}");
    let fault = faults.into_iter().next().unwrap();
    assert_eq!(fault.key, key, "{fault}");
    assert!(
        !fault.why.is_empty() && !fault.example.is_empty(),
        "{fault}"
    );
    fault
}
