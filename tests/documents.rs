//! What the documents say about the code is true of it: tests and functions that they name exist,
//! and so does every file that they link to or mention.
//!
//! Names stand in backticks: `path/to/file.rs::test`, `module::function`, `path/to/folder/`. Nothing
//! is forgiven; a document that is ahead of the code is wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "documents/codes.rs"]
mod codes;
#[path = "documents/deploy.rs"]
mod deploy;

use std::path::{Path, PathBuf};

const DOCUMENTS: [&str; 4] = [
    "README.md",
    "ARCHITECTURE.md",
    "THREAT_MODEL.md",
    "CHANGELOG.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// A document without its fenced blocks.
fn prose(name: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in read(name).lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    assert!(!fenced, "{name} has a fence that does not end");
    prose
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<String> {
    let pieces: Vec<&str> = text.split('`').collect();
    let inside = pieces.iter().skip(1).step_by(2);
    inside.map(|piece| (*piece).to_owned()).collect()
}

/// `path/to/file.rs::name`, in two parts.
fn named_test(quoted: &str) -> Option<(&str, &str)> {
    let (file, name) = quoted.split_once(".rs::")?;
    Some((&quoted[..file.len() + 3], name))
}

fn has_function(file: &Path, name: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else {
        return false;
    };
    [format!("fn {name}("), format!("fn {name}<")]
        .iter()
        .any(|form| text.contains(form))
}

/// The files in which `a::b` can be: `src/a/b.rs`, `src/a/b/mod.rs`.
fn files_of(module: &str) -> Vec<PathBuf> {
    let path = root().join("src").join(module.replace("::", "/"));
    vec![path.with_extension("rs"), path.join("mod.rs")]
}

/// True for `a::b::c` in lower case.
fn is_code_path(quoted: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    quoted.contains("::") && quoted.split("::").all(plain)
}

#[test]
fn every_test_that_is_named_exists() {
    let mut faults = Vec::new();
    let mut count = 0;
    for document in DOCUMENTS {
        for quoted in quoted(&prose(document)) {
            if let Some((file, name)) = named_test(&quoted) {
                count += 1;
                if !has_function(&root().join(file), name) {
                    faults.push(format!("{document}: {quoted}"));
                }
            }
        }
    }
    assert!(count > 50, "{count} tests are named");
    assert!(faults.is_empty(), "no such test:\n{}", faults.join("\n"));
}

#[test]
fn every_function_of_the_walk_exists() {
    let mut faults = Vec::new();
    let mut count = 0;
    for quoted in quoted(&prose("ARCHITECTURE.md")) {
        if !is_code_path(&quoted) {
            continue;
        }
        count += 1;
        let (module, name) = quoted.rsplit_once("::").unwrap();
        let is_function = files_of(module).iter().any(|file| has_function(file, name));
        let is_module = files_of(&quoted).iter().any(|file| file.exists());
        if !is_function && !is_module {
            faults.push(quoted);
        }
    }
    assert!(count > 12, "{count} functions are named");
    assert!(faults.is_empty(), "no such function: {faults:?}");
}

#[test]
fn every_link_and_path_leads_to_a_file() {
    let mut faults = Vec::new();
    for document in DOCUMENTS {
        let prose = prose(document);
        let links = prose.split("](").skip(1).filter_map(|rest| {
            let (target, _) = rest.split_once(')')?;
            let outside = target.contains("://") || target.starts_with('#');
            (!outside).then(|| target.split('#').next().unwrap().to_owned())
        });
        let paths = quoted(&prose).into_iter().filter(|quoted| {
            let ours = ["src/", "tests/", "config/", "deploy/"];
            ours.iter().any(|folder| quoted.starts_with(folder)) && !quoted.contains("::")
        });
        for target in links.chain(paths) {
            if !root().join(&target).exists() {
                faults.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(faults.is_empty(), "no such file:\n{}", faults.join("\n"));
}

#[test]
fn each_invariant_names_a_test() {
    let text = prose("ARCHITECTURE.md");
    let (_, invariants) = text.split_once("## Invariants").unwrap();
    for number in 1..=10 {
        let (_, from) = invariants
            .split_once(&format!("\n{number}. "))
            .unwrap_or_else(|| panic!("there is no invariant {number}"));
        let end = from
            .find(&format!("\n{}. ", number + 1))
            .unwrap_or(from.len());
        let tests = quoted(&from[..end]);
        assert!(
            tests.iter().any(|quoted| named_test(quoted).is_some()),
            "invariant {number} names no test"
        );
    }
}

#[test]
fn each_threat_and_rule_that_is_met_names_a_test() {
    let text = prose("THREAT_MODEL.md");
    let (met, not_yet) = text.split_once("## Not yet").unwrap();
    let rows: Vec<&str> = met
        .lines()
        .filter(|line| line.starts_with("| T") || line.starts_with("| G"))
        .collect();
    assert!(rows.len() > 30, "{} rows", rows.len());
    for row in rows {
        assert_eq!(row.matches(" | ").count(), 3, "four columns: {row}");
        let tests = quoted(row);
        assert!(
            tests.iter().any(|quoted| named_test(quoted).is_some()),
            "no test: {row}"
        );
    }
    for number in 1..=30 {
        let name = format!("G{number}");
        let told = [met, not_yet].iter().any(|part| {
            part.lines()
                .any(|line| line.starts_with(&format!("| {name} |")))
        });
        assert!(told, "nothing is said of {name}");
    }
}

#[test]
fn a_name_in_a_document_is_taken_apart() {
    assert_eq!(
        named_test("src/a/b.rs::it_is_so"),
        Some(("src/a/b.rs", "it_is_so"))
    );
    assert_eq!(named_test("a::b::c"), None);
    assert_eq!(quoted("say `a` and `b::c`, not d"), ["a", "b::c"]);
    assert!(is_code_path("bot::outbox::dispatch") && !is_code_path("Clock::system"));
    let own = root().join("tests/documents.rs");
    assert!(has_function(&own, "has_function") && !has_function(&own, "has_functio"));
}
