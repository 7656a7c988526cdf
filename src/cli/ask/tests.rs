//! What is told of a bad command line or profile, before anything is posted; and the ready job of
//! `deploy/actions/`.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use clap::Parser;
use insta::assert_snapshot;
use saphyr::{LoadableYamlNode as _, Yaml};
use tempfile::TempDir;

use super::*;
use crate::secret::file::write_secret_file;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: AskArgs,
}

fn args(words: &[&str]) -> Result<AskArgs, clap::Error> {
    let words = ["ask"].iter().chain(words);
    Line::try_parse_from(words).map(|line| line.args)
}

/// The first line of the usage error.
fn usage(words: &[&str]) -> String {
    let fault = args(words).unwrap_err();
    assert_eq!(fault.exit_code(), 2);
    fault
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A good profile, with each text replaced.
fn told(changes: &[(&str, &str)], more: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    write_secret_file(&folder.path().join("forge-token"), b"0000").unwrap();
    let good = format!(
        "forge = \"http://127.0.0.1:1\"\nforge_token_file = \"forge-token\"\nrepository = \"alice/board\"\nbot = \"http://127.0.0.1:2\"\nbot_id = 5\nbot_keys = [\"{}\"]\nidentity = \"codex-*\"\nscopes = [\"board:read\"]\nttl = \"8h\"\n",
        "0".repeat(64)
    );
    let text = changes.iter().fold(good, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let profile = folder.path().join("profile");
    std::fs::write(&profile, text).unwrap();
    let out = folder.path().join("token");
    let words = [
        "--profile",
        profile.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let words: Vec<&str> = words.into_iter().chain(more.iter().copied()).collect();
    let args = args(&words).unwrap();
    let pace = Pace {
        stop: Some(Step::Posting),
        ..Pace::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let asked = async { ask(&args, pace, &Clock::system(), &|_| {}).await };
    let fault = runtime.unwrap().block_on(asked).unwrap_err();
    assert!(!out.exists());
    let shown = folder.path().display().to_string();
    format!("{}: {}", fault.code(), fault).replace(&shown, "FOLDER")
}

#[test]
fn a_command_line_that_cannot_be_meant_is_a_usage_error() {
    assert_snapshot!(usage(&[]), @"error: the following required arguments were not provided:");
    assert_snapshot!(usage(&["--out", "x", "--exec", "y"]), @"error: the argument '--out <FILE>' cannot be used with '--exec <CMD>...'");
    assert_snapshot!(usage(&["--env", "1x", "--exec", "y"]), @"error: invalid value '1x' for '--env <NAME>': not a name such as AGENT_TOKEN");
    assert_snapshot!(usage(&["--env", "X", "--out", "y"]), @"error: the argument '--env <NAME>' cannot be used with '--out <FILE>'");
    assert_snapshot!(usage(&["--out", "x", "--issue", "1", "--title", "t"]), @"error: the argument '--issue <N>' cannot be used with '--title <TEXT>'");
    assert_snapshot!(usage(&["--renew", "--exec", "x"]), @"error: the argument '--renew' cannot be used with '--exec <CMD>...'");
    assert_snapshot!(usage(&["--renew", "--out", "x", "--ttl", "8h"]), @"error: the argument '--renew' cannot be used with '--ttl <SPAN>'");
    assert_snapshot!(usage(&["--out", "x", "--timeout", "long"]), @"error: invalid value 'long' for '--timeout <SPAN>': not a span, such as 30m, 8h or 7d");
    assert_snapshot!(usage(&["--out", "x", "--bot", "http://gate.example"]), @"error: invalid value 'http://gate.example' for '--bot <URL>': http would show the network what is said: use https");
    assert_snapshot!(usage(&["--out", "x", "--bot-key", "abc"]), @"error: invalid value 'abc' for '--bot-key <KEY|FILE>': not 64 hex characters, or a file with such a line (No such file or directory (os error 2))");
}

#[test]
fn everything_behind_exec_is_the_commands() {
    let words = [
        "--env", "X", "--exec", "curl", "-H", "a", "--out", "b", "--", "c",
    ];
    let args = args(&words).unwrap();
    assert_eq!(args.exec, ["curl", "-H", "a", "--out", "b", "--", "c"]);
    assert_eq!(args.out, None);
}

#[test]
fn a_profile_that_cannot_be_used_is_told_in_one_sentence() {
    let one = |from: &str, to: &str| told(&[(from, to)], &[]);
    assert_snapshot!(one("forge = \"http://127.0.0.1:1\"\n", ""), @"2: the forge's address (forge) is missing: give it in ownergate.ask.toml or as a flag (docs/for-agents.md shows both)");
    assert_snapshot!(one("http://127.0.0.1:1", "http://forge.example"), @"2: http://forge.example/ would send the token unencrypted; use https, or say `insecure_http = true` if the network is private");
    assert_snapshot!(one("\"forge-token\"", "\"elsewhere\""), @"2: the forge's token, FOLDER/elsewhere, cannot be read: No such file or directory (os error 2)");
    assert_snapshot!(one("alice/board", "board"), @r#"2: "board" is not a repository such as alice/board"#);
    assert_snapshot!(one("http://127.0.0.1:2", "http://gate.example"), @r#"2: the bot's address "http://gate.example": http would show the network what is said: use https"#);
    assert_snapshot!(one("bot_id = 5", "bot_id = 0"), @"2: the numeric id of the bot's account (bot_id) is missing: give it in ownergate.ask.toml or as a flag (docs/for-agents.md shows both)");
    assert_snapshot!(one("0000000000", "000000000g"), @r#"2: bot_keys: "000000000g000000000g000000000g000000000g000000000g000000000g0000" is not 64 hex characters, or a file with such a line (No such file or directory (os error 2))"#);
    assert_snapshot!(one("bot_id", "bot_name"), @"2: the profile FOLDER/profile: unknown field `bot_name`, expected one of `forge`, `insecure_http`, `forge_token_file`, `repository`, `environment`, `bot`, `bot_id`, `bot_keys`, `identity`, `scopes`, `ttl`, `label`, `reason`");
    assert_snapshot!(one("\"8h\"", "\"8 hours\""), @"2: this cannot be asked for: `ttl` must be a whole number and s, m, h or d, such as `8h`");
    assert_snapshot!(one("codex-*", "Codex"), @"2: this cannot be asked for: `identity` must be 1 to 40 of a-z, 0-9 and `-`, not at an end; or such a name and `-*`");
}

#[test]
fn the_job_of_forgejo_actions_is_yaml_whose_command_can_be_parsed() {
    let text = include_str!("../../../deploy/actions/ask.yml");
    let documents = Yaml::load_from_str(text).unwrap();
    let [document] = &documents[..] else {
        panic!("{} documents", documents.len());
    };
    let step = &document["jobs"]["sort"]["steps"][0];
    assert_eq!(
        step["env"]["AGENT_FORGE_TOKEN"].as_str(),
        Some("${{ secrets.AGENT_FORGE_TOKEN }}")
    );
    let script = step["run"].as_str().unwrap();
    // The secret reaches the command by a file, and no argument holds it.
    assert!(
        !script
            .replace("printf %s \"$AGENT_FORGE_TOKEN\"", "")
            .contains("$AGENT_FORGE")
    );
    let joined = script.replace("\\\n", " ");
    let command = joined
        .lines()
        .find_map(|line| line.strip_prefix("ownergate ask"));
    let command = command
        .unwrap()
        .replace("\"$OWNERGATE_BOT_KEY\"", &"0".repeat(64));
    let words: Vec<&str> = command
        .split('"')
        .enumerate()
        .flat_map(|(place, part)| match place % 2 {
            1 => vec![part],
            _ => part.split_ascii_whitespace().collect(),
        })
        .collect();
    let args = args(&words).unwrap();
    assert_eq!(args.exec, ["./sort-cards"]);
    assert_eq!(args.env.as_deref(), Some("AGENT_TOKEN"));
    assert_eq!(args.reason.as_deref(), Some("sort the cards"));
    let known = setup(&AskArgs {
        profile: Some("/dev/null".into()),
        ..args
    });
    // Everything is there but the file with the forge's token.
    let fault = known.unwrap_err().to_string();
    assert!(
        fault.starts_with("the forge's token, forge-token, "),
        "{fault}"
    );
}
