//! Texts that hold a command-like line and are no command: quotes, code, lists, HTML, later lines,
//! invisible characters. They do nothing; this finds out why, so that the bot can say it.
//!
//! A command-like line is one that begins with `/gate` and a verb once everything that can stand
//! before it on a rendered page is taken away. It is looked for generously and never acted on.

use super::form::invisible;
use super::strict;
use super::{Fault, Reading, VERBS};

/// Looks for a command-like line in a text that does not start with one.
pub(super) fn look(body: &str) -> Reading {
    for (place, line) in body.split('\n').enumerate() {
        let Some(before) = command_like(line) else {
            continue;
        };
        if let Some((column, character)) = hidden(line) {
            return Reading::Fault(Fault::Character {
                character,
                line: place + 1,
                column,
                copy: copyable(line),
            });
        }
        return Reading::Fault(Fault::NotFirst {
            line: place + 1,
            because: because(body, place, &before),
        });
    }
    Reading::Nothing
}

/// What stands before `/gate VERB`, if only markup, blanks or invisible characters do. Something
/// invisible may stand inside a word or part two words: both are tried.
fn command_like(line: &str) -> Option<String> {
    let shown = |character: char| character.is_whitespace() || !invisible(character);
    let lower = |character: char| character.to_ascii_lowercase();
    let dropped: String = line.chars().filter(|c| shown(*c)).map(lower).collect();
    if let Some(before) = before_command(&dropped) {
        return Some(before.to_owned());
    }
    let blanked: String = line
        .chars()
        .map(|character| {
            if shown(character) {
                lower(character)
            } else {
                ' '
            }
        })
        .collect();
    before_command(&blanked).map(str::to_owned)
}

/// What stands before the first command if a reader sees nothing, or only marks, before it. One walk
/// over the line: whoever writes it also chooses its length.
fn before_command(visible: &str) -> Option<&str> {
    let mut in_tag = false;
    for (place, character) in visible.char_indices() {
        if starts_command(&visible[place..]) {
            return Some(&visible[..place]);
        }
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                continue;
            }
            _ => {}
        }
        if !in_tag && !is_mark(character) {
            return None;
        }
    }
    None
}

/// True for `/gate`, also with its slash escaped or written as an entity, and a verb.
fn starts_command(text: &str) -> bool {
    let gate = [
        "/gate",
        "&#47;gate",
        "&#x2f;gate",
        "&sol;gate",
        "\u{2215}gate",
        "\u{ff0f}gate",
    ];
    let Some(rest) = gate.iter().find_map(|form| text.strip_prefix(form)) else {
        return false;
    };
    let word = rest.trim_start();
    let end = word
        .find(|character: char| !character.is_ascii_alphabetic())
        .unwrap_or(word.len());
    rest.starts_with(char::is_whitespace) && VERBS.contains(&&word[..end])
}

/// True for what a rendered page shows as layout and not as words.
fn is_mark(character: char) -> bool {
    character.is_whitespace()
        || invisible(character)
        || character.is_ascii_digit()
        || "><*-+_~`#|.)(\\[]^!:\"'“”‘’„«»".contains(character)
}

/// The first invisible or odd white-space character near the start of the line; place from 1.
fn hidden(line: &str) -> Option<(usize, char)> {
    line.chars()
        .enumerate()
        .take(120)
        .map(|(place, character)| (place + 1, character))
        .find(|(_, character)| {
            (invisible(*character) && !character.is_ascii_whitespace())
                || (character.is_whitespace() && !character.is_ascii())
                || matches!(character, '\u{2215}' | '\u{ff0f}')
        })
}

/// What stands before the command, in people's words.
fn because(body: &str, place: usize, before: &str) -> &'static str {
    let fences = body
        .split('\n')
        .take(place)
        .filter(|line| {
            let line = line.trim_start();
            line.starts_with("```") || line.starts_with("~~~")
        })
        .count();
    let trimmed = before.trim();
    if fences % 2 == 1 || before.contains('`') {
        "it stands in code"
    } else if before.contains('<') {
        "it stands in HTML"
    } else if trimmed.starts_with('>') {
        "it stands in a quote"
    } else if before.starts_with("    ") || before.starts_with('\t') {
        "it is indented, which makes it code"
    } else if !trimmed.is_empty() {
        "marks stand before it"
    } else if place > 0 {
        "other text stands before it"
    } else {
        "it does not start at the very beginning"
    }
}

/// The line as it should have been typed, if making it plain makes it a command.
pub(super) fn copyable(line: &str) -> Option<String> {
    let plain: String = line
        .chars()
        .filter(|character| character.is_whitespace() || !invisible(*character))
        .map(|character| match character {
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{201c}' | '\u{201d}' | '\u{201e}' => '"',
            '\u{2010}'..='\u{2015}' => '-',
            '\u{2215}' | '\u{ff0f}' => '/',
            other if other.is_whitespace() => ' ',
            other => other,
        })
        .collect();
    let start = plain.to_ascii_lowercase().find("/gate")?;
    let mut words = plain[start..].split(' ').filter(|word| !word.is_empty());
    let gate = words.next()?.to_ascii_lowercase();
    let verb = words.next()?.to_ascii_lowercase();
    // Whatever else begins with `/gate` is no command, and reading it would ask for a copy again.
    if gate != "/gate" {
        return None;
    }
    let line = [gate, verb.clone()]
        .into_iter()
        .chain(words.map(str::to_owned))
        .collect::<Vec<_>>()
        .join(" ");
    // Only a line that is plain by now may be read again, or the reading would ask for itself.
    let plain = line.chars().all(|character| matches!(character, ' '..='~'));
    if !plain {
        return None;
    }
    match strict::read(&line, &verb) {
        Some(Reading::Command(_)) => Some(line),
        Some(Reading::Fault(_) | Reading::Nothing) | None => None,
    }
}
