//! The one way in which foreign text gets into a comment of the bot.
//!
//! Foreign text stands in inline code, behind a run of backticks longer than any inside it, on one
//! line, cut between characters, with `@` broken and whatever cannot be seen shown by its number. So
//! it makes no mention, link, image, heading or fence (security.md row 14 of the threat table).

/// Foreign text as inline code, at most `most` characters of it.
pub fn foreign(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (place, character) in text.chars().enumerate() {
        if place == most {
            shown.push('…');
            break;
        }
        match character {
            '\n' | '\t' => shown.push(' '),
            '\r' => {}
            '@' => shown.push_str("@\u{200b}"),
            // A closing comment mark inside the code span cannot end the hidden block, which stands
            // outside of it; it is broken all the same for readers of the raw text.
            '<' => shown.push('‹'),
            '>' => shown.push('›'),
            hidden if is_hidden(hidden) => {
                shown.push_str(&format!("[U+{:04X}]", u32::from(hidden)));
            }
            plain => shown.push(plain),
        }
    }
    if shown.trim().is_empty() {
        return "``(empty)``".to_owned();
    }
    let longest = shown
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let pad = if shown.starts_with('`') || shown.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{shown}{pad}{ticks}")
}

/// A login of the configuration for a sentence, without a mention. What the forge says somebody is
/// called is foreign text: `www.evil.example` is a login, and becomes a link.
pub fn login(login: &str) -> String {
    if plain_login(login) {
        login.to_owned()
    } else {
        foreign(login, 40)
    }
}

/// A login as a mention; one that could be anything else is not mentioned.
pub fn mention(login: &str) -> String {
    if plain_login(login) {
        format!("@{login}")
    } else {
        foreign(login, 40)
    }
}

/// True for names that the forge allows and that mean nothing in Markdown (Forgejo: letters,
/// digits, `-`, `_`, `.`). Underscores inside a word do not emphasise.
fn plain_login(login: &str) -> bool {
    !login.is_empty()
        && login.len() <= 40
        && login
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !login.starts_with('_')
        && !login.ends_with('_')
}

/// C0, C1, bidi controls, zero-width and tag characters.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Parser};

    use super::*;

    #[test]
    fn foreign_text_is_shown_and_harmless() {
        assert_eq!(foreign("sort the roadmap", 500), "`sort the roadmap`");
        assert_eq!(foreign("a `b` c", 500), "``a `b` c``");
        assert_eq!(foreign("@alice\r\n# head", 500), "`@\u{200b}alice # head`");
        assert_eq!(foreign("a\u{202e}b", 500), "`a[U+202E]b`");
        assert_eq!(foreign("", 500), "``(empty)``");
        assert_eq!(foreign("🚀🚀🚀", 2), "`🚀🚀…`");
    }

    #[test]
    fn only_what_is_a_login_for_certain_is_mentioned() {
        let longest = "a".repeat(40);
        for good in ["alice", "a.b-c_d", longest.as_str()] {
            assert_eq!(mention(good), format!("@{good}"));
        }
        let too_long = "a".repeat(41);
        for bad in [
            "",
            "_alice",
            "alice_",
            "al ice",
            "al`ice",
            "alice\n",
            "älice",
            too_long.as_str(),
        ] {
            assert!(mention(bad).starts_with('`'), "{bad:?}: {}", mention(bad));
        }
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_renders_as_one_piece_of_code(text in "\\PC{0,60}|[`@<>!\\[\\]()#*\n -]{0,30}") {
            let line = format!("- says: {}", foreign(&text, 500));
            let mut codes = 0;
            for event in Parser::new(&line) {
                match event {
                    Event::Code(_) => codes += 1,
                    Event::Html(_) | Event::InlineHtml(_) => prop_assert!(false, "{line}"),
                    Event::Start(tag) => prop_assert!(
                        matches!(tag, pulldown_cmark::Tag::List(_) | pulldown_cmark::Tag::Item | pulldown_cmark::Tag::Paragraph),
                        "{tag:?} in {line}"
                    ),
                    Event::Text(text) => prop_assert!(text.trim() == "says:", "{text:?} in {line}"),
                    _ => {}
                }
            }
            prop_assert_eq!(codes, 1);
            let (_, code) = line.split_at(8);
            prop_assert!(!code.contains("@a") && !code.contains("-->"));
        }
    }

    #[test]
    fn only_plain_logins_are_mentioned() {
        assert_eq!(mention("alice"), "@alice");
        assert_eq!(mention("a**b"), "`a**b`");
        assert!(mention("x](http://y)").starts_with('`'));
        assert_eq!(login("piotr").chars().next().unwrap(), 'p');
    }
}
