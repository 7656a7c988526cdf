//! Transcripts of the command line, in `tests/cli/`, and that no command is forgotten in them.
//!
//! They are for everything that needs no running bot; what needs one is told in `tests/stories/`. Nothing
//! in them asks a network.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use ownergate::cli::Cli;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_the_program_says_is_what_the_transcripts_say() {
    let bin = |path: &str| trycmd::schema::Bin::Path(path.into());
    trycmd::TestCases::new()
        .register_bin("ownergate", bin(env!("CARGO_BIN_EXE_ownergate")))
        .register_bin("chmod", bin("/bin/chmod"))
        .env("NO_COLOR", "1")
        .env("HOME", "/nonexistent")
        .case("tests/cli/*.trycmd");
}

/// The lines of a transcript that were typed, with their exit codes.
fn typed(text: &str) -> Vec<(String, i32)> {
    let mut lines: Vec<(String, i32)> = Vec::new();
    let mut fresh = false;
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("$ ownergate") {
            lines.push((line.trim().to_owned(), 0));
            fresh = true;
        } else if let (Some(code), true) = (line.strip_prefix("? "), fresh) {
            lines.last_mut().unwrap().1 = code.parse().unwrap_or(1);
            fresh = false;
        } else {
            fresh = false;
        }
    }
    lines
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .collect()
}

fn text_of(files: &[PathBuf]) -> String {
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    texts.collect()
}

/// Every command that does something, such as `identity list`; those that have others below them, too.
fn commands(command: &clap::Command, above: &str, all: &mut Vec<String>) {
    for below in command.get_subcommands() {
        if below.is_hide_set() || below.get_name() == "help" {
            continue;
        }
        let name = format!("{above} {}", below.get_name()).trim().to_owned();
        commands(below, &name, all);
        all.push(name);
    }
}

/// True if the line is this command's and no other's below it.
fn is_of(line: &str, command: &str, all: &[String]) -> bool {
    let begins = |name: &str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let deeper = |other: &&String| other.len() > command.len() && begins(other);
    begins(command) && !all.iter().any(|other| deeper(&other))
}

/// True if the program is run with this command in a text of the stories, the scripts or CI.
fn is_run_in(text: &str, command: &str) -> bool {
    let words = command.replace(' ', "\", \"");
    [
        format!("\"{command} "),
        format!("\"{command}\""),
        format!("\"{words}\""),
        format!("\" {command}\n"),
    ]
    .iter()
    .any(|form| text.contains(form))
}

#[test]
fn every_command_is_shown_with_its_help_with_bad_input_and_somewhere_with_good_input() {
    let mut all = Vec::new();
    commands(&Cli::command(), "", &mut all);
    assert!(all.len() > 35, "{all:?}");
    let lines = typed(&text_of(&files("tests/cli", "trycmd")));
    let mut elsewhere = text_of(&files("tests/stories", "rs"));
    elsewhere.push_str(&text_of(&files("tests/shared", "rs")));
    elsewhere.push_str(&std::fs::read_to_string(root().join(".ci/run")).unwrap());
    let mut missing = BTreeMap::new();
    for command in &all {
        let own: Vec<&(String, i32)> = lines
            .iter()
            .filter(|(line, _)| is_of(line, command, &all))
            .collect();
        let helps = |line: &str| line.ends_with("--help");
        let group = all
            .iter()
            .any(|other| other.starts_with(&format!("{command} ")));
        let good = own.iter().any(|(line, code)| *code == 0 && !helps(line));
        let mut lacks = Vec::new();
        if !own.iter().any(|(line, _)| helps(line)) {
            lacks.push("--help");
        }
        if !group && !own.iter().any(|(_, code)| *code != 0) {
            lacks.push("bad input");
        }
        if !group && !good && !is_run_in(&elsewhere, command) {
            lacks.push("good input");
        }
        if !lacks.is_empty() {
            missing.insert(command, lacks);
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_transcript_is_read_line_by_line() {
    let text = "```console\n$ ownergate audit\n? 1\nsaid\n? 7\n$ ownergate\n```\n$ chmod 1\n";
    let expected = [("audit".to_owned(), 1), (String::new(), 0)];
    assert_eq!(typed(text), expected);
    let all = ["audit".to_owned(), "audit export".to_owned()];
    assert!(is_of("audit --json", "audit", &all));
    assert!(!is_of("audit export --json", "audit", &all));
    assert!(!is_of("auditing", "audit", &all));
    assert!(is_run_in("[\"identity\", \"own\"]", "identity own"));
    assert!(!is_run_in("\"identity owner\"", "identity own"));
}
