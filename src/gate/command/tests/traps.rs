//! Texts that look like a command on the rendered page, in the raw text, or to a program that reads
//! line by line, and are none. Each does nothing, and what is wrong is named.

use super::*;

/// The line that is named, and why it does nothing.
fn trap(text: &str) -> (usize, &'static str) {
    match fault(text) {
        Fault::NotFirst { line, because } => (line, because),
        other => panic!("{text:?} has {other:?}"),
    }
}

/// Every kind of trap, with the widening command and with a narrowing one inside.
#[test]
#[expect(clippy::too_many_lines, reason = "a table: one line a trap")]
fn a_command_that_does_not_stand_first_does_nothing_and_the_place_is_named() {
    let other = "other text stands before it";
    let code = "it stands in code";
    let marks = "marks stand before it";
    for command in [APPROVE, "/gate revoke codex-7f3a", "/GATE  deny R1"] {
        for (text, line, because) in [
            // Lazy continuation: Markdown draws the second line into the quote.
            (format!("> somebody said\n{command}"), 2, other),
            (format!("> {command}"), 1, "it stands in a quote"),
            (format!(">> {command}"), 1, "it stands in a quote"),
            (format!("```\n{command}\n```"), 2, code),
            (format!("```sh\n{command}\n```"), 2, code),
            (format!("~~~\n{command}\n~~~"), 2, code),
            (format!("````\n```\n{command}"), 3, other),
            (format!("```\n{command}"), 2, code),
            (format!("`{command}`"), 1, code),
            (
                format!("    {command}"),
                1,
                "it is indented, which makes it code",
            ),
            (
                format!("\t{command}"),
                1,
                "it is indented, which makes it code",
            ),
            (format!("<!-- {command} -->"), 1, "it stands in HTML"),
            (format!("<!--\n{command}\n-->"), 2, other),
            (format!("<details>\n\n{command}\n</details>"), 3, other),
            (
                format!("<details>{command}</details>"),
                1,
                "it stands in HTML",
            ),
            (
                format!("<a href=\"x\" title='{command}'>"),
                1,
                "it stands in HTML",
            ),
            (format!("- {command}"), 1, marks),
            (format!("* {command}"), 1, marks),
            (format!("+ {command}"), 1, marks),
            (format!("1. {command}"), 1, marks),
            (format!("- [ ] {command}"), 1, marks),
            (format!("# {command}"), 1, marks),
            (format!("[x](y '\n{command}\n')"), 2, other),
            (format!("| a | b |\n|---|---|\n| {command} | x |"), 3, marks),
            (format!("[^1]: {command}"), 1, marks),
            (format!("*{command}*"), 1, marks),
            (format!("**{command}**"), 1, marks),
            (format!("\\{command}"), 1, marks),
            (format!("\u{201c}{command}\u{201d}"), 1, marks),
            (format!("\n{command}"), 2, other),
            (
                format!(" {command}"),
                1,
                "it does not start at the very beginning",
            ),
            (format!("Sure, go on:\n\n{command}"), 3, other),
            (format!("Sure:\r\n{command}\r\n"), 2, other),
            (
                command.replace('/', "&#47;"),
                1,
                "it does not start at the very beginning",
            ),
            (
                command.replace('/', "&#x2F;"),
                1,
                "it does not start at the very beginning",
            ),
            (
                command.replace('/', "&sol;"),
                1,
                "it does not start at the very beginning",
            ),
        ] {
            assert_eq!(trap(&text), (line, because), "{text:?}");
        }
    }
}

#[test]
fn a_command_that_is_not_alone_does_not_widen() {
    for text in [
        format!("{APPROVE}\n==="),
        format!("{APPROVE}\n---"),
        format!("{APPROVE}\n/gate deny R1"),
        format!("{APPROVE}\n| a |"),
        format!("{APPROVE}\n\n[^1]: note"),
        format!("{APPROVE}\n<!-- -->"),
        format!("{APPROVE} <!-- -->"),
        format!("{APPROVE} \\"),
        format!("{APPROVE}`"),
        APPROVE.replace("R1", "**R1**"),
        APPROVE
            .replace("board:read", "_board:read_,board:read")
            .replace("ttl", "`ttl`"),
        APPROVE.replace("R1", "R1&nbsp;"),
    ] {
        assert!(!widens(&text), "{text:?}");
        assert!(matches!(read(&text), Reading::Fault(_)), "{text:?}");
    }
}

#[test]
fn the_first_of_two_commands_alone_counts_if_it_narrows() {
    assert_eq!(verb(&format!("/gate deny R1\n{APPROVE}")), Some("deny"));
    assert_eq!(verb("/gate revoke a\n/gate revoke b"), Some("revoke"));
}

#[test]
fn a_hidden_character_is_named_with_its_place() {
    for (text, character, line, column) in [
        (format!("\u{200b}{APPROVE}"), '\u{200b}', 1, 1),
        (format!("\u{202e}{APPROVE}"), '\u{202e}', 1, 1),
        (format!("> \u{2066}{APPROVE}"), '\u{2066}', 1, 3),
        (format!("x\n\u{a0}{APPROVE}"), '\u{a0}', 2, 1),
        (
            "\u{ff0f}gate revoke codex-7f3a".to_owned(),
            '\u{ff0f}',
            1,
            1,
        ),
        (
            "/gate\u{200b}revoke codex-7f3a".to_owned(),
            '\u{200b}',
            1,
            6,
        ),
        ("/g\u{ad}ate revoke codex-7f3a".to_owned(), '\u{ad}', 1, 3),
    ] {
        match fault(&text) {
            Fault::Character {
                character: found,
                line: row,
                column: place,
                ..
            } => assert_eq!((found, row, place), (character, line, column), "{text:?}"),
            other => panic!("{text:?} has {other:?}"),
        }
    }
}

#[test]
fn ordinary_texts_are_nothing() {
    for text in [
        "",
        "\n",
        "The gate is open.",
        "see /gate help for more",
        "use `/gate help`",
        "a/gate revoke x",
        "/gatekeeper",
        "/gates revoke x",
        "path/to/gate help",
        "> I said yes",
        "/usr/bin/gate help",
        "🚀🚀🚀",
        "/gat\u{e9} revoke x",
        "- /gate",
        "- /gate frobnicate",
        "</gate>",
        "<b>see</b> /gate help",
    ] {
        assert_eq!(read(text), Reading::Nothing, "{text:?}");
    }
}

/// A line that begins with something like `/gate` and holds a command further on was read for its
/// copy over and over until the stack ended.
#[test]
fn a_line_with_two_gates_ends() {
    for text in [
        "</gatex approve /gate approve \u{200b}",
        "</gatex request /gate request \u{200b}",
        "</gate-approve approve /gate approve\u{a0}x",
    ] {
        assert!(matches!(read(text), Reading::Fault(_)), "{text}");
    }
}
