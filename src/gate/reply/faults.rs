//! One sentence for every text that looks like a command and is none: what is wrong, and the line
//! to type instead.

use super::super::command::Fault;
use super::escape::foreign;

/// The sentence, and the line to copy where there is one.
pub fn sentence(fault: &Fault) -> (String, Option<String>) {
    let no_line = |text: String| (text, None);
    match fault {
        Fault::NoVerb => no_line("`/gate` needs a verb; `/gate help` shows them".to_owned()),
        Fault::UnknownVerb(nearest) => no_line(match nearest {
            Some(verb) => format!("there is no such verb; did you mean `/gate {verb}`?"),
            None => "there is no such verb; `/gate help` shows them".to_owned(),
        }),
        Fault::Capital { written, copy } => (
            format!(
                "{} must be in lower case (the capital letter is {})",
                foreign(written, 40),
                foreign(&capitals(written), 10)
            ),
            copy.clone(),
        ),
        Fault::Character {
            character,
            line,
            column,
            copy,
        } => (
            format!(
                "U+{:04X}{} stands in line {line} at place {column}; the command must be plain ASCII from the first character on",
                u32::from(*character),
                named(*character)
            ),
            copy.clone(),
        ),
        Fault::TwoBlanks { column, copy } => (
            format!("a second blank (U+0020) stands at place {column}; words are parted by one"),
            copy.clone(),
        ),
        Fault::NotAlone { verb, copy } => (
            format!("more text follows; `/gate {verb}` must stand alone in its comment"),
            copy.clone(),
        ),
        Fault::NotFirst { line, because } => no_line(format!(
            "line {line} looks like a command and does nothing: {because}. A command starts at the first character of its own comment"
        )),
        Fault::Missing { verb, what } => {
            no_line(format!("`/gate {verb}` lacks {}", foreign(what, 120)))
        }
        Fault::Twice(key) => no_line(format!("{} is there twice", foreign(key, 40))),
        Fault::UnknownKey { key, nearest } => no_line(match nearest {
            Some(known) => format!(
                "there is no key {}; did you mean `{known}`?",
                foreign(key, 40)
            ),
            None => format!("{} is no `key=value` of this command", foreign(key, 40)),
        }),
        Fault::BadValue { key, must } => no_line(format!("`{key}` must be {must}")),
        Fault::BadBlock(why) => no_line(foreign(why, 300)),
        Fault::TooLong => no_line("the comment is too long: a command fits into 8 KiB".to_owned()),
        Fault::OnlyRequestsInIssues(verb) => no_line(format!(
            "`/gate {verb}` works as a comment; a new issue's text may only ask"
        )),
        Fault::OnlyInIssues(verb) => no_line(format!(
            "`/gate {verb}` works in an issue: nothing is asked in a pull request; what stops something works here, too"
        )),
    }
}

fn capitals(written: &str) -> String {
    written
        .chars()
        .filter(|character| character.is_uppercase())
        .collect()
}

/// A few characters that people cannot see, by name.
fn named(character: char) -> &'static str {
    match character {
        '\u{a0}' => " (no-break space)",
        '\u{200b}' => " (zero-width space)",
        '\u{200d}' => " (zero-width joiner)",
        '\u{202e}' => " (right-to-left override)",
        '\u{feff}' => " (byte order mark)",
        '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{201e}' => " (typographic quote)",
        '\u{2010}'..='\u{2015}' => " (typographic dash)",
        '\t' => " (tab)",
        _ => "",
    }
}
