//! What can be looked at without a network: the config, the secret files, the gates, the store's disk.

use std::path::Path;

use super::Findings;
use crate::app::secrets::{check, faults};
use crate::config::{Config, Loaded};
use crate::gate::policy::{Factor, Gate};
use crate::gate::time::span;

/// Words in scopes and names of environments that sound like production.
const GRAVE: [&str; 12] = [
    "prod", "prd", "live", "deploy", "release", "publish", "admin", "delete", "secret", "payment",
    "customer", "master",
];

/// The longest life, seconds, that a comment alone should give.
const LONG: u64 = 7 * 86_400;

/// Free space, bytes, below which it is time to look.
const LITTLE: u64 = 1 << 30;

/// The store's reserve, bytes: below it only what takes away is journaled.
const RESERVE: u64 = 64 << 20;

/// The configuration, if it can be used.
pub(super) fn config(found: &mut Findings, file: &Path) -> Option<Config> {
    match Config::load(file) {
        Ok(Loaded { config, warnings }) => {
            for warning in &warnings {
                found.warn(
                    "config",
                    format!("{}: {}", warning.key, warning.why),
                    "change that key",
                );
            }
            let boards = config.boards.len();
            let clients = config.clients.len();
            found.ok(
                "config",
                format!("{}: boards {boards}, clients {clients}", file.display()),
            );
            Some(config)
        }
        Err(faults) => {
            for fault in faults {
                let said = if fault.key.is_empty() {
                    fault.why
                } else {
                    format!("{}: {}", fault.key, fault.why)
                };
                found.fail("config", said, fault.example);
            }
            None
        }
    }
}

/// Every secret file: there, private, of the right form.
pub(super) fn secrets(found: &mut Findings, config: &Config) {
    let faults = faults(config);
    for fault in &faults {
        found.fail(
            "secrets",
            format!("{}: {}", fault.key, fault.why),
            fault.example.clone(),
        );
    }
    if faults.is_empty() {
        let count = config
            .secret_files()
            .iter()
            .filter(|file| check(file).is_ok())
            .count();
        found.ok("secrets", format!("{count} files, none open to others"));
    }
}

/// Gates that look like production and believe a comment alone.
pub(super) fn gates(found: &mut Findings, config: &Config) {
    let mut grave = 0;
    for board in &config.boards {
        for (name, gate) in &board.rules.gates {
            if let Some(why) = looks_grave(name, gate) {
                grave += 1;
                found.warn(
                    "gates",
                    format!(
                        "board {}, gate {name}: {why}, and no signature is demanded; on the forge \
                         administrators can write comments as anybody",
                        board.rules.name
                    ),
                    "factors = [\"comment\", \"signature\"], and signing_keys for the owners",
                );
            }
        }
    }
    if grave == 0 {
        found.ok("gates", "what looks like production demands a signature");
    }
}

fn looks_grave(name: &str, gate: &Gate) -> Option<String> {
    if gate.factors.contains(&Factor::Signature) {
        return None;
    }
    let word = |text: &str| {
        let lower = text.to_ascii_lowercase();
        let mut parts = lower.split([':', '-', '.', '_', '/']);
        parts.any(|part| GRAVE.iter().any(|grave| part.starts_with(grave)))
    };
    if word(name) {
        return Some("its name sounds like production".to_owned());
    }
    if let Some(scope) = gate.scopes.iter().find(|scope| word(scope)) {
        return Some(format!("it grants {scope}"));
    }
    (gate.max_ttl > LONG).then(|| format!("it grants for {}", span(gate.max_ttl)))
}

/// The store's folder and the space behind it.
pub(super) fn store(found: &mut Findings, config: &Config) {
    let folder = &config.store.path;
    let journal = folder.join("journal");
    if journal.is_dir() {
        found.ok("store", format!("{} is there", journal.display()));
    } else {
        found.ok(
            "store",
            format!("{} is made at the first start", journal.display()),
        );
    }
    let there = folder.ancestors().find(|folder| folder.is_dir());
    let Some(there) = there else {
        return;
    };
    match rustix::fs::statvfs(there) {
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let said = format!("{} MiB are free for {}", free >> 20, folder.display());
            let more = "make room, or move store.path to a larger disk";
            if free < RESERVE {
                found.fail(
                    "disk",
                    format!("{said}: only what takes away is journaled"),
                    more,
                );
            } else if free < LITTLE {
                found.warn("disk", said, more);
            } else {
                found.ok("disk", said);
            }
        }
        Err(error) => found.warn(
            "disk",
            format!("the free space is not known: {error}"),
            "look at the disk",
        ),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::config::DEFAULT;

    #[test]
    fn what_sounds_like_production_without_a_signature_is_told() {
        let of = |from: &str, to: &str| {
            assert!(DEFAULT.contains(from));
            let text = DEFAULT.replacen(from, to, 1);
            let loaded = Config::parse(Path::new("/etc/ownergate/ownergate.toml"), &text);
            let mut found = Findings::default();
            gates(&mut found, &loaded.unwrap().config);
            found.checks
        };
        assert_eq!(of("quorum = 1", "quorum = 1").len(), 1);
        let dev = "[board.gate.dev]\nscopes = [\"board:read\", \"card:write\"]";
        for (from, to, why) in [
            (
                dev,
                "[board.gate.dev]\nscopes = [\"deploy:run\"]",
                "it grants deploy:run",
            ),
            (
                "max_ttl = \"24h\"",
                "max_ttl = \"30d\"",
                "it grants for 30d",
            ),
        ] {
            let checks = of(from, to);
            assert_eq!(checks[0].state, super::super::State::Warn, "{why}");
            assert!(checks[0].said.contains(why), "{}", checks[0].said);
        }
        let preprod = DEFAULT.replace("[board.gate.dev]", "[board.gate.live-eu]");
        let preprod = preprod.replace("environments = [\"dev\"]", "environments = [\"live-eu\"]");
        let config = Config::parse(Path::new("/x.toml"), &preprod)
            .unwrap()
            .config;
        let mut found = Findings::default();
        gates(&mut found, &config);
        assert!(found.checks[0].said.contains("sounds like production"));
    }
}
