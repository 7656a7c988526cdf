//! Narrowing and reading: a first line that starts with `/gate VERB` acts, whatever follows.

use super::*;
use crate::gate::command::one_line;

/// The words of a text that is a lenient command of this verb.
fn words(text: &str, verb: &str) -> Words {
    match read(text) {
        Reading::Command(command) if command.verb() == verb => match command {
            Command::Deny(words)
            | Command::Withdraw(words)
            | Command::Revoke(words)
            | Command::Pause(words)
            | Command::Narrow(words)
            | Command::Freeze(words)
            | Command::Release(words)
            | Command::Inspect(words)
            | Command::Audit(words)
            | Command::Help(words) => words,
            Command::List
            | Command::Request(_)
            | Command::Approve(_)
            | Command::Rotate(_)
            | Command::Resume(_)
            | Command::Thaw
            | Command::Link(..)
            | Command::Own(_) => Words::default(),
        },
        other => panic!("{text:?} is {other:?}"),
    }
}

/// Case a07 and the like: narrowing must not fail on spelling.
#[test]
#[rustfmt::skip]
fn whatever_stands_behind_the_verb_is_words_and_a_reason() {
    for (text, first, rest) in [
        ("/gate revoke codex-7f3a", Some("codex-7f3a"), ""),
        ("/gate revoke", None, ""),
        ("/gate revoke\n", None, ""),
        ("/GATE Revoke codex-7f3a", Some("codex-7f3a"), ""),
        ("/gate   revoke\t codex-7f3a \r\n", Some("codex-7f3a"), ""),
        ("/gate\u{a0}revoke\u{a0}codex-7f3a", Some("codex-7f3a"), ""),
        ("/gate revoke codex-7f3a the agent\u{2019}s laptop was stolen", Some("codex-7f3a"), "the agent\u{2019}s laptop was stolen"),
        ("/gate revoke codex-7f3a Schlüssel geleakt", Some("codex-7f3a"), "Schlüssel geleakt"),
        ("/gate revoke codex-7f3a a\u{202e}b", Some("codex-7f3a"), "a\u{202e}b"),
        ("/gate revoke codex-7f3a\n\n> quoted\n```\n/gate approve R1", Some("codex-7f3a"), "> quoted\n```\n/gate approve R1"),
        ("/gate revoke\ncodex-7f3a", Some("codex-7f3a"), ""),
    ] {
        for verb in ["revoke", "pause", "release"] {
            let text = text.replacen("revoke", verb, 1).replacen("Revoke", verb, 1);
            let words = words(&text, verb);
            assert_eq!(words.first(), first, "{text:?}");
            assert_eq!(words.after(1).text(), rest, "{text:?}");
        }
    }
}

/// Case a01: a final carriage return is no part of a word.
#[test]
fn every_lenient_verb_acts_with_any_end_of_line() {
    for verb in [
        "deny", "withdraw", "revoke", "pause", "release", "inspect", "audit", "help", "list",
    ] {
        for end in ["", "\r", "\r\n", "\n", " \t\r\n\r\n"] {
            let text = format!("/gate {verb} R1 not now{end}");
            if verb == "list" {
                assert_eq!(super::verb(&text), Some("list"));
            } else {
                assert_eq!(words(&text, verb).after(1).text(), "not now", "{text:?}");
            }
        }
    }
}

#[test]
fn words_are_taken_off_one_by_one() {
    let words = words("/gate revoke  a \n b\u{3000}c ", "revoke");
    assert_eq!(words.after(0).text(), "a \n b\u{3000}c");
    assert_eq!(words.after(1).first(), Some("b"));
    assert_eq!(words.after(2).text(), "c");
    assert_eq!(words.after(3).first(), None);
    assert_eq!(words.after(9).text(), "");
}

#[test]
fn exactly_the_narrowing_verbs_overtake() {
    for (text, narrows) in [
        ("/gate deny", true),
        ("/gate withdraw", true),
        ("/gate revoke", true),
        ("/gate pause", true),
        ("/gate release", true),
        ("/gate inspect", false),
        ("/gate list", false),
        ("/gate help", false),
        (APPROVE, false),
        (request_line().as_str(), false),
    ] {
        let Reading::Command(command) = read(text) else {
            panic!("{text}");
        };
        assert_eq!(command.narrows(), narrows, "{text}");
    }
}

#[test]
fn an_unknown_verb_gets_the_nearest_one_named() {
    for (text, nearest) in [
        ("/gate aprove R1", Some("approve")),
        ("/gate revok x", Some("revoke")),
        ("/gate revoke: x", Some("revoke")),
        ("/gate DENNY", Some("deny")),
        ("/gate puase x", Some("pause")),
        ("/gate PAUSES", Some("pause")),
        ("/gate relase x", Some("release")),
        ("/gate lst", Some("list")),
        ("/gate frobnicate", None),
    ] {
        assert_eq!(fault(text), Fault::UnknownVerb(nearest), "{text}");
    }
    for (text, odd, column) in [
        ("/gate 🚀", '🚀', 7),
        ("/gate approve\u{200b} R1", '\u{200b}', 14),
    ] {
        assert!(
            matches!(fault(text), Fault::Character { character, column: found, .. }
                if character == odd && found == column),
            "{text:?}"
        );
    }
    for text in ["/gate", "/gate ", "/gate\n/gate help", "/GATE\r\n"] {
        assert_eq!(fault(text), Fault::NoVerb, "{text:?}");
    }
    let long = format!("/gate {}", "revoke".repeat(1_000));
    assert_eq!(fault(&long), Fault::UnknownVerb(None));
}

#[test]
fn a_reason_is_one_line_and_shows_what_nobody_sees() {
    let table = [
        (" a  b\r\n c ", 200, "a b c"),
        ("a\u{202e}b\u{200b}", 200, "a\\u{202e}b\\u{200b}"),
        ("a\u{7}b", 200, "a\\u{7}b"),
        ("Schlüssel 🚀", 200, "Schlüssel 🚀"),
        // Cut between characters, and an escape is whole or not there.
        ("🚀🚀🚀", 2, "🚀🚀"),
        ("ab\u{202e}c", 9, "ab"),
        ("ab\u{202e}c", 10, "ab\\u{202e}"),
    ];
    for (text, most, shown) in table {
        assert_eq!(one_line(text, most), shown, "{text:?}");
    }
}
