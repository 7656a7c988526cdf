//! Tables for people: aligned columns, coloured on a terminal and without `NO_COLOR`.
//!
//! Invariant: every cell goes through `printable`, so that nothing that a forge or a bot says is obeyed
//! by a terminal. Colour is never the only sign of anything.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde_json::Value;

use super::printable::printable;

/// One cell: a text, and how it looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A plain cell.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self {
            text: printable(text.as_ref()),
            style: Style::new(),
        }
    }

    /// A word for a status, coloured by what it means.
    pub fn status(word: &str) -> Self {
        Self {
            text: printable(word),
            style: status(word),
        }
    }
}

/// Green works, yellow waits or stands still, red is over by somebody's will, grey by time.
fn status(word: &str) -> Style {
    let colour = match word {
        "active" | "approved" | "counted" | "ok" => AnsiColor::Green,
        "pending" | "grace" | "paused" | "open" | "missing" | "unknown" => AnsiColor::Yellow,
        "revoked" | "released" | "denied" | "void" | "not" | "not_counted" => AnsiColor::Red,
        "expired" | "ended" | "withdrawn" => AnsiColor::BrightBlack,
        _ => return Style::new(),
    };
    colour.on_default()
}

/// Rows under heads.
#[derive(Debug)]
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(heads: &[&'static str]) -> Self {
        Self {
            heads: heads.to_vec(),
            rows: Vec::new(),
        }
    }

    /// One more row.
    pub fn row(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Writes it onto the standard output; without rows nothing.
    pub fn print(&self) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        self.write(&mut out)?;
        out.flush()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut widths: Vec<usize> = self.heads.iter().map(|head| head.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let bold = Style::new().bold();
        let heads = self.heads.iter().map(|head| (*head, bold));
        line(out, &widths, heads)?;
        for row in &self.rows {
            let cells = row.iter().map(|cell| (cell.text.as_str(), cell.style));
            line(out, &widths, cells)?;
        }
        Ok(())
    }
}

fn line<'a>(
    out: &mut impl Write,
    widths: &[usize],
    cells: impl Iterator<Item = (&'a str, Style)>,
) -> io::Result<()> {
    let mut gap = 0;
    for ((text, style), width) in cells.zip(widths) {
        if !text.is_empty() {
            write!(out, "{:gap$}{style}{text}{style:#}", "")?;
            gap = 0;
        }
        gap += width + 2 - text.chars().count();
    }
    writeln!(out)
}

/// A text of an answer; empty where there is none.
pub fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            items.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// A time of an answer, for eyes.
pub fn time(value: &Value, name: &str) -> String {
    let written = text(value, name);
    match written.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => written,
    }
}

/// `kan#12`.
pub fn thread(value: &Value) -> String {
    let board = match &value["board"] {
        Value::String(board) => board.clone(),
        _ => value["repository_id"].to_string(),
    };
    format!("{board}#{}", value["issue"])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_no_cell_is_obeyed() {
        let mut table = Table::new(&["NAME", "STATUS", "SAID"]);
        table.row(vec![
            Cell::plain("ćodex-kan-1"),
            Cell::status("active"),
            Cell::plain("red \u{1b}[31m\nR2"),
        ]);
        table.row(vec![Cell::plain("b"), Cell::plain(""), Cell::plain("x")]);
        let mut bytes = Vec::new();
        table
            .write(&mut anstream::StripStream::new(&mut bytes))
            .unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "NAME         STATUS  SAID\nćodex-kan-1  active  red \\u{1b}[31m\\u{a}R2\nb                    x\n"
        );
        let mut bytes = Vec::new();
        table.write(&mut bytes).unwrap();
        let coloured = String::from_utf8(bytes).unwrap();
        assert!(
            coloured.contains("\u{1b}[32mactive\u{1b}[0m  "),
            "{coloured:?}"
        );
        assert!(!coloured.contains("\u{1b}[31m"), "{coloured:?}");
    }
}
