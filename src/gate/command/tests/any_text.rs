//! What holds for every text: reading ends, in a time that grows with the text, and only the plain
//! form widens.

use proptest::prelude::*;

use super::*;
use crate::gate::event::Spoken;
use crate::gate::ids::Hash;

/// Blanks and newlines that may follow the plain form.
fn is_end(text: &str) -> bool {
    text.chars()
        .all(|character| matches!(character, ' ' | '\t' | '\r' | '\n'))
}

/// Markdown, invisible characters and words that may stand around a command.
fn around() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "\u{a0}",
        "\u{200b}",
        "\u{202e}",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
        "\u{b}",
        "\u{c}",
        "> ",
        "- ",
        "* ",
        "1. ",
        "# ",
        "| ",
        "``",
        "```\n",
        "~~~\n",
        "<!--",
        "-->",
        "<details>",
        "</details>",
        "<b",
        ">",
        "[a](b '",
        "')",
        "[^1]: ",
        "**",
        "_",
        "\\",
        "&#47;",
        "/gate",
        "/gate ",
        "/gate deny R1",
        "/gate help\n",
        "===\n",
        "yes",
        "🚀",
        "ä",
        "\"",
        "=",
        "x=y",
        " otp=123456",
        "---\n",
        "\u{3000}",
        "/gatex approve ",
    ]);
    prop::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_stands_around_an_approval_only_the_plain_form_approves(
        before in around(),
        after in around(),
    ) {
        let text = format!("{before}{APPROVE}{after}");
        let plain = before.is_empty()
            && is_end(after.strip_prefix(" otp=123456").unwrap_or(&after));
        prop_assert_eq!(widens(&text), plain, "{:?}", text);
    }

    #[test]
    fn whatever_stands_around_a_request_only_the_plain_form_asks(
        before in around(),
        after in around(),
        block in any::<bool>(),
    ) {
        let request = if block { request_block("") } else { request_line() };
        let text = format!("{before}{request}{after}");
        // The end of the recipient's word is the one place where more letters make another value.
        let plain = before.is_empty() && is_end(&after);
        prop_assert_eq!(widens(&text), plain, "{:?}", text);
    }

    #[test]
    fn whatever_stands_inside_an_approval_it_says_no_more_than_the_line_shows(
        inside in around(),
        place in 0..APPROVE.len(),
    ) {
        let text = format!("{}{inside}{}", &APPROVE[..place], &APPROVE[place..]);
        if widens(&text) {
            let line = text.trim_end_matches(['\n', '\r', '\t', ' ']);
            prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{:?}", text);
            prop_assert!(line.starts_with("/gate approve R"), "{:?}", text);
        }
    }

    #[test]
    fn a_first_line_with_a_narrowing_verb_acts_whatever_follows(
        verb in prop::sample::select(vec!["deny", "withdraw", "revoke", "pause", "release", "Deny", "REVOKE", "Pause", "RELEASE"]),
        gate in prop::sample::select(vec!["/gate ", "/GATE  ", "/Gate\t", "/gate\u{a0}"]),
        parted in prop::sample::select(vec![" ", "\n", "\r\n", "\u{a0}", "\t", "\u{3000}"]),
        rest in around(),
        more in "\\PC{0,40}",
    ) {
        let text = format!("{gate}{verb}{parted}{rest}{more}");
        let expected = verb.to_ascii_lowercase();
        prop_assert_eq!(super::verb(&text), Some(expected.as_str()), "{:?}", text);
    }

    #[test]
    fn reading_ends_on_any_text(text in ".{0,200}", before in around(), after in around()) {
        for text in [&text, &format!("{before}{text}{after}"), &format!("/gate {text}")] {
            let _ = read(text);
            let _ = read_issue(text);
            if let Reading::Fault(fault) = read(text) {
                let (said, copy) = sentence(&fault);
                prop_assert!(!said.contains('\n'), "{said:?}");
                if let Some(copy) = copy {
                    prop_assert!(widens(&copy), "{:?} is given to copy for {:?}", copy, text);
                }
            }
        }
    }

    #[test]
    fn every_fault_of_a_near_miss_gives_a_line_that_acts(place in 1..APPROVE.len(), odd in any::<char>()) {
        let mut text: Vec<char> = APPROVE.chars().collect();
        text.insert(place, odd);
        let text: String = text.into_iter().collect();
        if let Reading::Fault(fault) = read(&text)
            && let (_, Some(copy)) = sentence(&fault)
        {
            prop_assert!(widens(&copy), "{:?} for {:?}", copy, text);
        }
    }

    /// What is cut off a long text could have voided it: it is never a widening command, and a
    /// narrowing one still is.
    #[test]
    fn a_cut_text_never_widens(
        fill in prop::sample::select(vec![" ", "\n", "a", "ä", "€", "🚀", "#\n"]),
        bytes in 8_100..8_300_usize,
        tail in around(),
        which in 0..4_usize,
    ) {
        let head = [
            APPROVE.to_owned(),
            request_block(""),
            request_line(),
            "/gate revoke codex-7f3a ".to_owned(),
        ][which].clone();
        let mut text = head.clone();
        while text.len() < bytes {
            text.push_str(fill);
        }
        text.push_str(&tail);
        let spoken = Spoken::new(1, None, &text, Hash::of(text.as_bytes()));
        prop_assert!(spoken.text.len() <= MAX_REQUEST_BYTES + 1);
        prop_assert_eq!(spoken.cut, spoken.text.len() < text.len());
        for reading in [spoken.reading(), spoken.reading_as_issue()] {
            if let Reading::Command(Command::Approve(_) | Command::Request(_)) = reading {
                prop_assert!(widens(&text), "{which} {fill:?} {bytes}");
                prop_assert!(!spoken.cut);
            }
        }
        if which == 3 {
            let acts = matches!(spoken.reading(), Reading::Command(Command::Revoke(_)));
            prop_assert!(acts);
        }
    }
}

/// Whoever writes a comment chooses its length. These made a reader that looks ahead for every
/// place quadratic; 128 KiB of each are read in a moment, or
/// this test takes many minutes.
#[test]
fn long_lines_are_read_in_one_walk() {
    let size = 1 << 17;
    for piece in [
        "/gate",
        "/gate ",
        "</gate ",
        "/gate help",
        "<",
        ">",
        "> ",
        "<>",
        "&#47;",
        "\u{200b}",
        "- /gate x",
        "\n",
        "\n>",
        "`",
        "\"",
        "=",
        "a=",
        "\\",
        ",",
        " ",
        "🚀",
        "/gate\u{200b}",
    ] {
        for head in [
            "",
            "<",
            "> ",
            "x",
            "/gate approve ",
            "/gate request a=\"",
            "/gate revoke ",
            "/gate ",
        ] {
            let mut text = String::with_capacity(size + 64);
            text.push_str(head);
            while text.len() < size {
                text.push_str(piece);
            }
            let reading = read(&text);
            assert!(
                !matches!(
                    reading,
                    Reading::Command(Command::Approve(_) | Command::Request(_))
                ),
                "{head:?} and {piece:?}"
            );
        }
    }
}

/// A parser that calls itself for every bracket would end the whole process.
#[test]
fn deep_nesting_in_a_block_is_a_fault_and_not_the_end() {
    for (key, open, close) in [
        ("modes = ", "[", "]"),
        ("modes = ", "{a=", "}"),
        ("", "a.", "a = 1"),
        ("", "[", "]"),
    ] {
        let open = open.repeat(7_000 / open.len());
        let text = request_block(&format!("{key}{open}{close}\n"));
        assert!(matches!(read(&text), Reading::Fault(_)), "{key}");
        let text = request_block(&format!("{key}{open}\n"));
        assert!(matches!(read(&text), Reading::Fault(_)), "{key}");
    }
}
