//! Foreign text on a terminal: what a file, a forge or a bot says is shown, never obeyed.
//!
//! Invariant: what comes out is one line in which every character can be seen: control characters
//! (newlines and tabs, too), bidirectional marks and characters without width are written as
//! `\u{202e}`. A caller that wants lines splits the text first and prints each. The form is for
//! eyes: it cannot be read back, since a backslash stays one.

use std::fmt::Write as _;

/// Writes every character of a text so that it can be seen.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unseen(character) {
            write!(shown, "\\u{{{:x}}}", u32::from(character))
                .expect("writing into a String cannot fail");
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Characters that move, hide, colour or reorder others, or that take no place themselves.
fn is_unseen(character: char) -> bool {
    // C0, DEL and C1.
    character.is_control()
        || matches!(character,
            // Soft hyphen, grapheme joiner, Arabic letter mark, Hangul fillers, Khmer inherent
            // vowels, Mongolian selectors and separator.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            // Zero width and directional marks; line and paragraph separators, embeddings,
            // overrides; word joiner, invisible operators, isolates, deprecated formats.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            // Interlinear annotations, shorthand and musical format controls, tags and
            // supplementary variation selectors.
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_can_be_seen_is_left() {
        for text in [
            "",
            "alice: ok, 100 % — Schlüssel",
            "日本語",
            "🚀",
            r"C:\u{202e}",
            " a  b ",
        ] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, shown) in [
            ("\u{1b}[31mred\u{1b}[0m", r"\u{1b}[31mred\u{1b}[0m"),
            ("a\r\nb\tc\0", r"a\u{d}\u{a}b\u{9}c\u{0}"),
            ("\u{7f}\u{9b}2J", r"\u{7f}\u{9b}2J"),
            (
                "ab\u{202e}dc\u{2066}\u{2069}\u{61c}",
                r"ab\u{202e}dc\u{2066}\u{2069}\u{61c}",
            ),
            (
                "a\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}b",
                r"a\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}b",
            ),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            ("\u{e0041}\u{e0100}\u{fe0f}", r"\u{e0041}\u{e0100}\u{fe0f}"),
            ("\u{3164}", r"\u{3164}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_unseen_comes_through(text in any::<String>()) {
            let shown = printable(&text);
            prop_assert!(!shown.chars().any(is_unseen));
            prop_assert_eq!(printable(&shown), shown);
        }
    }
}
