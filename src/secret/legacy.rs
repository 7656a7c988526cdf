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

/// The fewest characters of a secret that may be used: a shorter one can be guessed from its hash,
/// and its hash was in a file.
pub const SHORTEST: usize = 20;
/// The largest file, bytes.
pub const LARGEST_FILE: usize = 1024 * 1024;
/// The most lines of a file.
pub const MOST_LINES: usize = 1_000;
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
mod tests {
    use super::super::file::SecretText;
    use super::*;

    const PEPPER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const OTHER: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn peppers(current: &str, previous: Option<&str>) -> Peppers {
        let previous = previous.map(SecretText::new);
        Peppers::parse(&SecretText::new(current), previous.as_ref()).unwrap()
    }

    fn prefix() -> TokenPrefix {
        TokenPrefix::parse("og").unwrap()
    }

    fn board() -> BTreeSet<String> {
        ["board:read", "card:write"].map(str::to_owned).into()
    }

    fn now() -> Timestamp {
        "2026-11-24T14:00:00Z".parse().unwrap()
    }

    fn hash(secret: &str) -> String {
        Hash::of(secret.as_bytes()).as_str().to_owned()
    }

    fn line(secret: &str) -> String {
        format!(
            r#"{{"sha256":"{}","label":"ci","scopes":["board:read"]}}"#,
            hash(secret)
        )
    }

    fn faults(file: &str) -> Vec<String> {
        let faults = read(file.as_bytes(), &board(), now()).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_is_read_in_order_with_its_digest() {
        let full = format!(
            r#"{{"identity":"codex-kan-1","expires_at":"2027-01-31T13:00:00+01:00","scopes":["card:write","board:read"],"label":"the old deploy key","sha256":"{}"}}"#,
            hash("another secret of some length").to_uppercase()
        );
        let file = format!("{}\r\n{full}\n", line("a secret of some length"));
        let read = read(file.as_bytes(), &board(), now()).unwrap();
        assert_eq!(read.digest, Hash::of(file.as_bytes()));
        assert_eq!(read.scopes(), board());
        assert_eq!(
            read.identities(),
            [Slug::parse("codex-kan-1").unwrap()].into()
        );
        let [plain, linked] = read.lines.as_slice() else {
            panic!("two lines");
        };
        assert_eq!((plain.label.as_str(), plain.expires_at), ("ci", None));
        assert_eq!(plain.identity, None);
        assert_eq!(
            linked.expires_at,
            Some("2027-01-31T12:00:00Z".parse().unwrap())
        );
        let shown = LegacyHash::of_shown(&prefix(), "another secret of some length");
        assert_eq!(Some(&linked.hash), shown.as_ref());
    }

    #[test]
    fn every_fault_of_every_line_is_told_by_its_number() {
        let good = line("a secret of some length");
        let file = [
            good.clone(),
            String::new(),
            "7".to_owned(),
            good.replace("\"sha256\"", "\"sha512\""),
            good.replace("\"label\"", "\"expires\":\"2027-01-31\",\"label\""),
            good.replace("\"label\"", "\"label\":\"x\",\"label\""),
            good.replace("[\"board:read\"]", "\"board:read\""),
            line("")
                .replace("ci", "")
                .replace("board:read", "deploy:run"),
            good.clone(),
            format!("{good} {good}"),
        ];
        assert_eq!(
            faults(&file.join("\n")),
            [
                "line 2: empty",
                "line 3: not a JSON object",
                "line 4: unexpected form at column 9",
                "line 5: unexpected form at column 86",
                "line 6: duplicate field `label` at column 96",
                "line 7: unexpected form at column 111",
                "line 8: `sha256` is that of an empty text",
                "line 8: `label` is empty",
                "line 8: the board has no scope deploy:run",
                "line 9: the same secret as line 1",
                "line 10: unexpected form at column 116",
            ]
        );
    }

    #[test]
    fn each_member_has_its_form() {
        let good = line("a secret of some length");
        let with = |member: &str| good.replacen('{', &format!("{{{member},"), 1);
        let long = "x".repeat(81);
        for (file, why) in [
            (
                good.replace(&hash("a secret of some length"), "00"),
                "64 hex",
            ),
            (
                good.replace("\"sha256\":\"", "\"sha256\":\"sha256:"),
                "64 hex",
            ),
            (good.replace("ci", &long), "at most 80"),
            (good.replace("ci", "a\\nb"), "one line"),
            (good.replace("ci", "a\u{202e}b"), "plain text"),
            (good.replace("[\"board:read\"]", "[]"), "1 to 64"),
            (
                good.replace("\"board:read\"", "\"board:read\",\"board:read\""),
                "twice",
            ),
            (
                good.replace("board:read", "Board:read"),
                "no scope Board:read",
            ),
            (good.replace("board:read", "*"), "no scope *"),
            (with(r#""expires_at":"tomorrow""#), "no time"),
            (with(r#""expires_at":"2026-11-24T14:00:00Z""#), "past"),
            (with(r#""identity":"Codex""#), "no name"),
            (with(r#""identity":"""#), "no name"),
        ] {
            let told = faults(&file);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                told[0].starts_with("line 1: ") && told[0].contains(why),
                "{told:?}"
            );
        }
        for member in [
            r#""expires_at":null"#,
            r#""identity":null"#,
            r#""expires_at":"2026-11-24T14:00:01Z""#,
        ] {
            assert!(
                read(with(member).as_bytes(), &board(), now()).is_ok(),
                "{member}"
            );
        }
    }

    #[test]
    fn a_file_has_an_end_and_is_text() {
        assert_eq!(faults(""), ["there is no line in it"]);
        let many = |count: usize| {
            let lines: Vec<String> = (0..count).map(|n| line(&format!("secret {n}"))).collect();
            lines.join("\n")
        };
        assert!(read(many(MOST_LINES).as_bytes(), &board(), now()).is_ok());
        assert_eq!(
            faults(&many(MOST_LINES + 1)),
            ["1001 lines; at most 1000 are imported at once"]
        );
        let huge = " ".repeat(LARGEST_FILE + 1);
        assert_eq!(faults(&huge), ["larger than 1048576 bytes"]);
        let odd = read(b"{}\n\xff", &board(), now()).unwrap_err();
        assert_eq!(odd[0].to_string(), "line 2: not UTF-8");
    }

    #[test]
    fn no_fault_repeats_a_hash() {
        let secret = hash("a secret of some length");
        for file in [
            format!(r#"{{"sha256":"{secret}","#),
            format!(r#"{{"{secret}":1}}"#),
            format!(r#"{{"sha256":"{secret}0","label":"","scopes":[]}}"#),
            format!(r#"{{"sha256":["{secret}"],"label":"","scopes":[]}}"#),
            format!("\"{secret}\""),
            format!(r#"["{secret}","ci",["board:read"],null,null]"#),
            format!(r#"{{"sha256":"00","label":"x","scopes":["{secret}"]}}"#),
            format!(r#"{{"sha256":"00","label":"x","scopes":[],"identity":"{secret}"}}"#),
        ] {
            let told = faults(&file).join("\n");
            assert!(!told.contains(&secret[..16]), "{told}");
        }
    }

    #[test]
    fn what_is_shown_is_looked_up_unless_it_is_short_or_native() {
        let shown = |secret: &str| LegacyHash::of_shown(&prefix(), secret).is_some();
        assert!(!shown(&"x".repeat(19)) && shown(&"x".repeat(20)));
        assert!(!shown(&"ä".repeat(19)) && shown(&"ä".repeat(20)));
        let native = format!("og_codex_{}", "0".repeat(64));
        assert!(!shown(&native));
        assert!(shown(&native.to_uppercase()) && shown(&format!("{native} ")));
    }

    /// The figure was computed with another program (Python's `hmac`, over the label, a zero byte and
    /// the 32 bytes of the hash): a change would make every imported secret unknown.
    #[test]
    fn macs_have_a_label_of_their_own() {
        let secret = "a secret of some length";
        let hash = LegacyHash::of_shown(&prefix(), secret).unwrap();
        let old = peppers(PEPPER, None);
        assert_eq!(
            hash.mac(&old).as_str(),
            "8c6dfac9f7881ee43c163c02d678af8508e27dc4cd830f579da2384caf682f21"
        );
        assert_ne!(hash.mac(&old), old.token_mac(secret));
        let both = peppers(OTHER, Some(PEPPER));
        assert_eq!(hash.macs(&both), [hash.mac(&both), hash.mac(&old)]);
        assert_ne!(hash.mac(&both), hash.mac(&old));
        assert_eq!(hash.macs(&old).len(), 1);
    }

    #[test]
    fn debug_tells_nothing() {
        let file = read(line("a secret of some length").as_bytes(), &board(), now()).unwrap();
        let shown = format!("{:?}", file.lines);
        assert!(shown.contains("LegacyHash([REDACTED])"));
        assert!(!shown.contains(&hash("a secret of some length")[..8]));
    }
}
