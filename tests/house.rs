//! Manners of the house: what may stand in the core, how files begin, and which crates and licences
//! are let in.
//!
//! These are read from the sources and from `cargo metadata`, so that a change that breaks one is
//! seen by whoever makes it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{CargoOpt, DependencyKind, MetadataCommand, PackageId};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "{folder} has no Rust file");
    files
}

/// The code of a file: no comments, and texts without what is in them.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(hashes) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 2;
            code.push_str("\"\"");
            open + rest[open..].find(&close).map_or(0, |end| end + close.len())
        } else if character == '"' {
            code.push_str("\"\"");
            string(rest)
        } else if let Some(end) = literal(rest) {
            code.push_str("' '");
            end
        } else {
            code.push(character);
            character.len_utf8()
        };
        rest = &rest[end..];
    }
    code
}

/// The number of hashes if a raw string begins here.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a string that begins here.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (place, character) in text.char_indices().skip(1) {
        match character {
            '"' if !escaped => return place + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The length of a character literal that begins here; a lifetime is none.
fn literal(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return escape[first..].find('\'').map(|end| 2 + first + end + 1);
    }
    let character = inner.chars().next()?.len_utf8();
    inner[character..]
        .starts_with('\'')
        .then_some(character + 2)
}

/// Every path of a file, `a::b::c`, braces of `use` written out.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for statement in code.split(';') {
        if let Some(used) = statement.rfind("use ").filter(|place| {
            statement[..*place]
                .chars()
                .next_back()
                .is_none_or(char::is_whitespace)
        }) {
            spread("", &statement[used + 4..], &mut found);
        }
    }
    let part = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':');
    for word in code.split(|character| !part(character)) {
        // What ends in `::` opens braces, which are written out above.
        if word.contains("::") && !word.ends_with("::") {
            found.insert(word.trim_matches(':').to_owned());
        }
    }
    found
}

/// Writes the braces of a `use` out.
fn spread(before: &str, tree: &str, found: &mut BTreeSet<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path: String = format!("{before}{tree}").split_whitespace().collect();
        found.insert(path);
        return;
    };
    let before: String = format!("{before}{}", head.trim());
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut start) = (0, 0);
    for (place, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                spread(&before, &inner[start..place], found);
                start = place + 1;
            }
            _ => {}
        }
    }
    if !inner[start..].trim().is_empty() {
        spread(&before, &inner[start..], found);
    }
}

/// The modules of the crate beside the core.
fn neighbours() -> BTreeSet<String> {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: BTreeSet<String> = library
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .map(|name| name.trim_end_matches(';').to_owned())
        .filter(|name| name != "gate")
        .collect();
    assert!(
        modules.contains("store") && modules.contains("forgejo"),
        "{modules:?}"
    );
    modules
}

/// Crates that compute and do nothing else; the second list is for tests.
const PURE: [&str; 9] = [
    "age",
    "data_encoding",
    "jiff",
    "serde",
    "serde_json",
    "serde_json_canonicalizer",
    "sha2",
    "toml",
    "std",
];
const PURE_IN_TESTS: [&str; 2] = ["proptest", "pulldown_cmark"];
/// Parts of the standard library that compute and do nothing else. Hash maps are not among them:
/// their order is drawn by lot.
const PURE_STD: [&str; 11] = [
    "std::cell::RefCell",
    "std::borrow::Cow",
    "std::collections::BTreeMap",
    "std::collections::BTreeSet",
    "std::fmt",
    "std::iter",
    "std::mem::replace",
    "std::mem::take",
    "std::str::FromStr",
    "std::sync::Arc",
    "std::sync::LazyLock",
];

/// What signs as owners do, for the core's tests: keys made of one byte, which only compute.
const SIGNER_IN_TESTS: [&str; 3] = [
    "crate::demo::signer::SecurityKey",
    "crate::demo::signer::SshKey",
    "crate::demo::signer::SshKey::of",
];

/// What the core may use of its neighbours: the form of a recipient, the challenge of a verifier, and
/// whether a signature fits, are computed from texts alone.
const PURE_NEIGHBOURS: [&str; 4] = [
    "crate::secret::claim",
    "crate::secret::recipient::Recipient",
    "crate::secret::sshkey",
    "crate::secret::sshsig",
];

/// The crates beside those of `PURE` with which a signature is checked.
const PURE_CHECKS: [&str; 3] = ["ed25519_dalek", "p256", "thiserror"];

/// What the core may use of time zones: data that is compiled in, and computing with it.
const PURE_ZONES: [&str; 3] = [
    "jiff::tz::TimeZone",
    "jiff::tz::TimeZoneDatabase",
    "TimeZoneDatabase::bundled",
];

/// Why one path must not stand in the core, if so.
fn impure(
    path: &str,
    crates: &BTreeSet<String>,
    neighbours: &BTreeSet<String>,
) -> Option<&'static str> {
    let parts: Vec<&str> = path.split("::").collect();
    let outside = parts.iter().zip(parts.iter().skip(1)).any(|(root, next)| {
        matches!(*root, "crate" | "super" | "ownergate") && neighbours.contains(*next)
    });
    let first = parts[0];
    let pure_neighbour = PURE_NEIGHBOURS
        .iter()
        .any(|pure| path == *pure || path.starts_with(&format!("{pure}::")));
    if outside && !pure_neighbour {
        return Some("it leaves the core");
    }
    if first == "std" || first == "core" || first == "alloc" {
        let pure = PURE_STD
            .iter()
            .any(|part| path == *part || path.starts_with(&format!("{part}::")));
        return (!pure).then_some("not a part of std that only computes");
    }
    if crates.contains(first) && !PURE.contains(&first) && !PURE_IN_TESTS.contains(&first) {
        return Some("not a crate that only computes");
    }
    if first == "age" && path != "age::x25519::Recipient::from_str" {
        return Some("of age, only recipients are read");
    }
    let last = *parts.last().unwrap();
    let zone = first == "jiff" && parts.contains(&"tz") && !PURE_ZONES.contains(&path)
        || first.starts_with("TimeZone") && parts.len() > 1 && !PURE_ZONES.contains(&path);
    (zone || last == "now" && parts.len() > 1).then_some("it reads the clock")
}

#[test]
fn the_core_imports_nothing_impure() {
    let crates = direct_dependencies();
    let neighbours = neighbours();
    let mut faults = Vec::new();
    for file in sources("src/gate") {
        let code = code(&fs::read_to_string(&file).unwrap());
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        let in_tests = name.contains("tests") || code.contains("mod tests {");
        for path in paths(&code) {
            let first = path.split("::").next().unwrap();
            let signer = in_tests && SIGNER_IN_TESTS.contains(&path.as_str());
            if !signer && let Some(why) = impure(&path, &crates, &neighbours) {
                faults.push(format!("{name}: {path}: {why}"));
            }
            if PURE_IN_TESTS.contains(&first) && !in_tests {
                faults.push(format!("{name}: {path}: for tests only"));
            }
        }
        for word in [
            "async ",
            ".await",
            "unsafe ",
            "println!",
            "eprintln!",
            "dbg!",
            "thread_local!",
            "include_bytes!",
        ] {
            if code.contains(word) {
                faults.push(format!("{name}: {word}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Checking a signature is part of the core's decisions: it computes, too, and nothing else.
#[test]
fn what_checks_signatures_for_the_core_imports_nothing_impure() {
    let mut crates = direct_dependencies();
    crates.retain(|name| !PURE_CHECKS.contains(&name.as_str()));
    let neighbours = neighbours();
    for name in ["src/secret/sshkey.rs", "src/secret/sshsig.rs"] {
        let code = code(&fs::read_to_string(root().join(name)).unwrap());
        for path in paths(&code) {
            let why = impure(&path, &crates, &neighbours);
            assert_eq!(why, None, "{name}: {path}");
        }
        assert!(!code.contains("async ") && !code.contains("unsafe "));
    }
}

/// The reader of imports sees what it has to see.
#[test]
fn impure_paths_are_found() {
    let crates = direct_dependencies();
    let neighbours = neighbours();
    let faults = |text: &str| {
        paths(&code(text))
            .into_iter()
            .filter(|path| impure(path, &crates, &neighbours).is_some())
            .collect::<Vec<_>>()
    };
    for (text, path) in [
        ("use std::fs;", "std::fs"),
        (
            "use std::{fmt, net::{IpAddr, TcpStream}};",
            "std::net::TcpStream",
        ),
        (
            "use std::collections::{BTreeMap, HashMap};",
            "std::collections::HashMap",
        ),
        (
            "fn f() { let t = std::time::SystemTime::now(); }",
            "std::time::SystemTime::now",
        ),
        ("fn f() { Timestamp::now() }", "Timestamp::now"),
        (
            "pub(super) use super::super::clock::Clock;",
            "super::super::clock::Clock",
        ),
        (
            "use crate::{gate::ids, secret::token};",
            "crate::secret::token",
        ),
        ("use tokio::sync::mpsc;", "tokio::sync::mpsc"),
        ("fn f() { rand::random() }", "rand::random"),
        ("fn f() { tracing::info!() }", "tracing::info"),
        ("use age::x25519::Identity;", "age::x25519::Identity"),
        ("use sled::Db;", "sled::Db"),
        ("use jiff::tz::db;", "jiff::tz::db"),
        ("let zone = TimeZone::system();", "TimeZone::system"),
        ("let c = '\"'; use std::env;", "std::env"),
    ] {
        assert!(
            faults(text).contains(&path.to_owned()),
            "{text}: {:?}",
            paths(&code(text))
        );
    }
    for text in [
        "use std::collections::BTreeMap;",
        "// use std::fs;\nuse super::super::ids::Slug;",
        "const A: &str = \"std::fs::read \\\" std::env\";",
        "const A: &str = r#\"std::fs::read \" std::env\"#;",
        "fn f<'a>(x: &'a str) -> char { '\\'' }",
        "use jiff::{SignedDuration, Timestamp};",
    ] {
        assert_eq!(faults(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn every_file_says_what_it_is_about() {
    for file in sources("src").into_iter().chain(sources("tests")) {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        let words = lines.iter().map(|line| line.len()).sum::<usize>();
        assert!(words > 12, "{} does not open with `//!`", file.display());
        assert!(lines.len() <= 40, "{} opens with a chapter", file.display());
    }
}

#[test]
fn only_one_folder_names_the_embedded_store() {
    for file in sources("src") {
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        let code = code(&fs::read_to_string(&file).unwrap());
        let named = paths(&code).iter().any(|path| path.starts_with("sled::"));
        assert!(
            !named || name.starts_with("src/store/"),
            "{name} names sled"
        );
    }
}

/// The names under which the crate's direct dependencies are written in code.
fn direct_dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    ["dependencies", "dev-dependencies"]
        .iter()
        .filter_map(|table| manifest.get(*table)?.as_table())
        .flat_map(|table| table.keys())
        .map(|name| name.replace('-', "_"))
        .chain(["libc", "getrandom", "core", "alloc"].map(str::to_owned))
        .collect()
}

/// Crates that are refused, and why.
const REFUSED: [(&str, &str); 11] = [
    ("openssl", "one TLS stack, in Rust"),
    ("openssl-sys", "one TLS stack, in Rust"),
    ("native-tls", "one TLS stack, in Rust"),
    ("aws-lc-rs", "ring is the one provider"),
    ("aws-lc-sys", "ring is the one provider"),
    ("aws-lc-fips-sys", "ring is the one provider"),
    ("bincode", "records are JSON"),
    ("actix-governor", "GPL"),
    (
        "figment",
        "the configuration is read by the house's own reader",
    ),
    ("mockall", "the far side is a real server on loopback"),
    ("rsa", "RUSTSEC-2023-0071"),
];

/// The lock names what every target would build.
#[test]
fn no_refused_crate_is_locked() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let lock: toml::Table = toml::from_str(&lock).unwrap();
    let names: BTreeSet<&str> = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|package| package.get("name")?.as_str())
        .collect();
    assert!(names.contains("ring"), "the lock was read");
    for (name, why) in REFUSED {
        assert!(!names.contains(name), "{name}: {why}");
    }
}

/// Licences that may be in what is shipped.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// True if one of the alternatives can be chosen; `/` is the old spelling of `OR`.
fn acceptable(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut depth = 0_i32;
    let mut top = String::new();
    // Parts in parentheses are judged alone and stand for an allowed or a forbidden name.
    let mut inner = String::new();
    for character in expression.chars() {
        match character {
            '(' => {
                depth += 1;
                if depth > 1 {
                    inner.push('(');
                }
            }
            ')' => {
                depth -= 1;
                if depth > 0 {
                    inner.push(')');
                } else {
                    top.push_str(if acceptable(&inner) {
                        "MIT"
                    } else {
                        "forbidden"
                    });
                    inner.clear();
                }
            }
            other if depth > 0 => inner.push(other),
            other => top.push(other),
        }
    }
    top.split(" OR ").any(|choice| {
        choice
            .split(" AND ")
            .all(|name| ALLOWED.contains(&name.trim()))
    })
}

#[test]
fn licences_are_read_as_spdx_means_them() {
    for (expression, fits) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("MIT/Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0", false),
        ("(GPL-2.0 OR (MIT AND ISC))", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
        ("", false),
    ] {
        assert_eq!(acceptable(expression), fits, "{expression}");
    }
}

/// The platform that this is built on; the sources of others need not be there.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap()
        .to_owned()
}

/// Everything that is built into the program has a licence that lets others use it.
#[test]
fn every_shipped_crate_has_an_allowed_licence() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--offline", "--locked", "--filter-platform", &host()].map(str::to_owned))
        .exec()
        .unwrap();
    let nodes: BTreeMap<&PackageId, _> = metadata
        .resolve
        .as_ref()
        .unwrap()
        .nodes
        .iter()
        .map(|node| (&node.id, node))
        .collect();
    let own = metadata.root_package().unwrap();
    let mut shipped = BTreeSet::new();
    let mut todo = vec![&own.id];
    while let Some(id) = todo.pop() {
        if !shipped.insert(id) {
            continue;
        }
        for dependency in &nodes[id].deps {
            let only_tests = dependency
                .dep_kinds
                .iter()
                .all(|kind| kind.kind == DependencyKind::Development);
            if !only_tests {
                todo.push(&dependency.pkg);
            }
        }
    }
    assert!(shipped.len() > 100, "{} crates were found", shipped.len());
    let faults: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| shipped.contains(&package.id))
        .filter(|package| {
            let licence = package.license.as_deref().unwrap_or("");
            !acceptable(licence)
        })
        .map(|package| format!("{} {:?}", package.name, package.license))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
