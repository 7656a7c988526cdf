//! Secrets from before: how a file of their hashes is read, and how such a secret is looked up.
//!
//! A line holds the SHA-256 of a secret that somebody uses already. Neither secret nor hash is ever
//! kept: what a store may hold is a MAC of the hash under the pepper, with a label of its own, so that
//! nobody who has the store can try out guesses. A file is read whole or not at all. Nothing here
//! makes a credential.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::pepper::Peppers;
use super::token::{TokenPrefix, parse_token};
use crate::forgejo::text::json_cause;
use crate::gate::command::one_line;
use crate::gate::ids::{Hash, Mac, Slug};
use crate::gate::import::MOST_ROWS;

/// The fewest characters of a secret that may be used: a shorter one can be guessed from its hash,
/// and its hash was in a file.
pub const SHORTEST: usize = 20;
/// The largest file, bytes.
pub const LARGEST_FILE: usize = 1024 * 1024;
/// The most lines of a file.
pub const MOST_LINES: usize = MOST_ROWS;
/// The most characters of a label.
const LONGEST_LABEL: usize = 80;
/// The most scopes of a line.
const MOST_SCOPES: usize = 64;
/// The most characters of a scope that a fault repeats; a hash in the wrong place is longer.
const SHOWN_SCOPE: usize = 32;

/// SHA-256 of a secret from before. It is wiped when it is dropped, and its `Debug` tells nothing:
/// the hash of a weak secret is as good as the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct LegacyHash(Zeroizing<[u8; 32]>);

impl Ord for LegacyHash {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_slice().cmp(other.0.as_slice())
    }
}

impl PartialOrd for LegacyHash {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl LegacyHash {
    /// Reads 64 hex characters of either case.
    fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(text, bytes.as_mut_slice()).ok()?;
        Some(Self(bytes))
    }

    /// The hash of a secret that somebody shows; `None` for one that may not be used: it has the form
    /// of a native token of this installation, or it is too short.
    pub fn of_shown(prefix: &TokenPrefix, secret: &str) -> Option<Self> {
        let native = parse_token(prefix, secret).is_some();
        let long = secret.chars().count() >= SHORTEST;
        (!native && long).then(|| Self::of(secret))
    }

    fn of(secret: &str) -> Self {
        Self(Zeroizing::new(Sha256::digest(secret.as_bytes()).into()))
    }

    /// The MAC under which it may be stored.
    pub fn mac(&self, peppers: &Peppers) -> Mac {
        peppers.legacy_mac(&self.0)
    }

    /// The MACs under which it may be found: current pepper first, then the previous one.
    pub fn macs(&self, peppers: &Peppers) -> Vec<Mac> {
        peppers.legacy_macs(&self.0)
    }
}

impl fmt::Debug for LegacyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LegacyHash([REDACTED])")
    }
}

/// One secret from before, and the most that it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyLine {
    /// The hash of the secret.
    pub hash: LegacyHash,
    /// What people call it.
    pub label: String,
    /// What it may do, at most.
    pub scopes: BTreeSet<String>,
    /// When it ends; `None`: after the longest life that its gate allows.
    pub expires_at: Option<Timestamp>,
    /// The identity that it is linked to.
    pub identity: Option<Slug>,
}

/// A file that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyFile {
    /// SHA-256 of the file as it was.
    pub digest: Hash,
    /// Its lines, in order.
    pub lines: Vec<LegacyLine>,
}

impl LegacyFile {
    /// Everything that any line may do.
    pub fn scopes(&self) -> BTreeSet<String> {
        let all = self.lines.iter().flat_map(|line| &line.scopes);
        all.cloned().collect()
    }

    /// Every identity that a line is linked to.
    pub fn identities(&self) -> BTreeSet<Slug> {
        let all = self.lines.iter().filter_map(|line| line.identity.clone());
        all.collect()
    }
}

/// What is wrong with a line. It repeats nothing of the line but names and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// Counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, in people's words.
    pub why: String,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.why),
            line => write!(f, "line {line}: {}", self.why),
        }
    }
}

/// A line as it stands. A member that is not known is a fault: a misspelt `expires_at` would make a
/// secret live longer than was meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    sha256: String,
    label: String,
    scopes: Vec<String>,
    #[serde(default)]
    expires_at: Option<String>,
    #[serde(default)]
    identity: Option<String>,
}

/// Reads a file for a board that knows these scopes. Every fault of every line is told, and with one
/// fault nothing is read.
pub fn read(
    file: &[u8],
    scopes: &BTreeSet<String>,
    now: Timestamp,
) -> Result<LegacyFile, Vec<LineFault>> {
    let whole = |why: String| vec![LineFault { line: 0, why }];
    if file.len() > LARGEST_FILE {
        return Err(whole(format!("larger than {LARGEST_FILE} bytes")));
    }
    let text = std::str::from_utf8(file).map_err(|fault| {
        let before = &file[..fault.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let why = "not UTF-8".to_owned();
        vec![LineFault { line, why }]
    })?;
    let count = text.lines().count();
    if count == 0 {
        return Err(whole("there is no line in it".to_owned()));
    }
    if count > MOST_LINES {
        return Err(whole(format!(
            "{count} lines; at most {MOST_LINES} are imported at once"
        )));
    }
    let mut lines = Vec::new();
    let mut faults = Vec::new();
    let mut known: BTreeMap<LegacyHash, usize> = BTreeMap::new();
    for (place, json) in text.lines().enumerate() {
        let number = place + 1;
        let mut fault = |why| faults.push(LineFault { line: number, why });
        match read_line(json, scopes, now) {
            Err(all) => all.into_iter().for_each(fault),
            Ok(line) => {
                match known.get(&line.hash) {
                    Some(first) => fault(format!("the same secret as line {first}")),
                    None => drop(known.insert(line.hash.clone(), number)),
                }
                lines.push(line);
            }
        }
    }
    if faults.is_empty() {
        let digest = Hash::of(file);
        Ok(LegacyFile { digest, lines })
    } else {
        Err(faults)
    }
}

/// Reads one line; every fault of it.
fn read_line(
    json: &str,
    known: &BTreeSet<String>,
    now: Timestamp,
) -> Result<LegacyLine, Vec<String>> {
    if json.trim().is_empty() {
        return Err(vec!["empty".to_owned()]);
    }
    // A list would be read as the members in their order.
    if !json.trim_start().starts_with('{') {
        return Err(vec!["not a JSON object".to_owned()]);
    }
    let wire: Wire = serde_json::from_str(json)
        .map_err(|error| vec![json_cause(&error).replace(" at line 1 column", " at column")])?;
    let mut faults = Vec::new();
    let mut note = |fault: Result<(), String>| faults.extend(fault.err());

    let hash = LegacyHash::parse(&Zeroizing::new(wire.sha256));
    note(match &hash {
        None => Err("`sha256` is not 64 hex characters".to_owned()),
        Some(hash) if *hash == LegacyHash::of("") => {
            Err("`sha256` is that of an empty text".to_owned())
        }
        Some(_) => Ok(()),
    });
    let label = one_line(&wire.label, LONGEST_LABEL);
    note(match label.as_str() {
        "" => Err("`label` is empty".to_owned()),
        label if label != wire.label => Err(format!(
            "`label` has to be plain text on one line, at most {LONGEST_LABEL} characters"
        )),
        _ => Ok(()),
    });
    note(scopes_fault(&wire.scopes, known));
    let expires_at = wire.expires_at.as_deref().map(str::parse::<Timestamp>);
    note(match &expires_at {
        Some(Err(_)) => Err("`expires_at` is no time such as 2027-01-31T12:00:00Z".to_owned()),
        Some(Ok(time)) if *time <= now => Err("`expires_at` is past".to_owned()),
        Some(Ok(_)) | None => Ok(()),
    });
    let identity = wire.identity.as_deref().map(Slug::parse);
    note(match &identity {
        Some(None) => Err("`identity` is no name of an identity".to_owned()),
        Some(Some(_)) | None => Ok(()),
    });
    match hash {
        Some(hash) if faults.is_empty() => Ok(LegacyLine {
            hash,
            label,
            scopes: wire.scopes.into_iter().collect(),
            expires_at: expires_at.and_then(Result::ok),
            identity: identity.flatten(),
        }),
        _ => Err(faults),
    }
}

/// Scopes stand once each, there is at least one, and the board knows them all.
fn scopes_fault(scopes: &[String], known: &BTreeSet<String>) -> Result<(), String> {
    let unknown: Vec<String> = scopes
        .iter()
        .filter(|scope| !known.contains(*scope))
        .map(|scope| match scope.chars().count() {
            0..=SHOWN_SCOPE => one_line(scope, SHOWN_SCOPE),
            length => format!("of {length} characters"),
        })
        .collect();
    let distinct: BTreeSet<&String> = scopes.iter().collect();
    if scopes.is_empty() || scopes.len() > MOST_SCOPES {
        Err(format!("`scopes` has to name 1 to {MOST_SCOPES} scopes"))
    } else if !unknown.is_empty() {
        Err(format!("the board has no scope {}", unknown.join(", ")))
    } else if distinct.len() < scopes.len() {
        Err("`scopes` names one twice".to_owned())
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests;
