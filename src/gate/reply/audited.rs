//! What happened to an identity, as rows for a thread: times, verbs and counts, and the numbers of
//! credentials and requests. Nobody else's name, no reason and nothing reported is in them.

use jiff::Timestamp;

use super::super::audit::Entry;
use super::super::evidence::{History, HistoryOf};
use super::super::identity::Identity;
use super::super::ids::Seq;
use super::super::time::instant;
use super::comment;
use super::machine::Block;

/// One entry, on one line.
pub(super) fn row(at: Timestamp, entry: &Entry) -> String {
    let about: Vec<String> = [
        entry.credential.map(|number| number.to_string()),
        entry.request.map(|number| number.to_string()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let about = match about.as_slice() {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    let count = entry
        .facts
        .as_ref()
        .and_then(|facts| facts["count"].as_u64());
    let count = match count {
        None => String::new(),
        Some(1) => ", once".to_owned(),
        Some(count) => format!(", {count} times"),
    };
    format!(
        "{} {}{about}{count}",
        instant(at),
        entry.code.replace('_', " ")
    )
}

/// Shows the newest entries, folded, with the command for the rest; `span` is what was asked for.
pub fn audit(
    identity: &Identity,
    of: &HistoryOf,
    history: &History,
    span: Option<&str>,
    seq: Seq,
) -> String {
    let since = span.map_or_else(String::new, |span| format!(" --since {span}"));
    let (name, what) = match of.credential {
        Some(number) => (
            format!("`{}` {number}", identity.slug),
            format!("{number}{since}"),
        ),
        None => (
            format!("`{}`", identity.slug),
            format!("{}{since}", identity.slug),
        ),
    };
    let began = of
        .since
        .map_or_else(String::new, |since| format!(" since {}", instant(since)));
    let count = match history.entries.len() {
        0 => "nothing".to_owned(),
        1 => "1 entry".to_owned(),
        count if history.more => format!("the last {count} entries"),
        count => format!("{count} entries"),
    };
    let mut text = format!("**{name}**: {count}{began}");
    if !history.entries.is_empty() {
        let rows: Vec<String> = history
            .entries
            .iter()
            .map(|(at, entry)| format!("- {}", row(*at, entry)))
            .collect();
        text.push_str(&format!(
            "\n<details><summary>newest first</summary>\n\n{}\n</details>\n",
            rows.join("\n")
        ));
    }
    text.push_str(&format!(
        "\nBy whom, what resource servers say, and the rest, on the bot's host: `ownergate audit {what}`"
    ));
    comment(&text, Block::notice(), seq)
}
