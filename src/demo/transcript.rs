//! The demo's page: who said what, what happened, what was checked.
//!
//! Of a comment only what a reader of the thread sees is shown, with the sealed file shortened; every
//! line goes through `printable`. Colours are a matter of the caller: without them the same words
//! come out.

use std::io::Write;

use crate::cli::printable::printable;

/// Columns of a line of text.
const WIDTH: usize = 92;
/// Columns before what somebody says.
const INDENT: &str = "  │ ";

/// How a piece of text looks on a terminal (SGR parameters).
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Plain,
    Person,
    Bot,
    Quiet,
    Good,
    Title,
    Code,
}

impl Style {
    fn parameters(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Person => "1;36",
            Self::Bot => "1;35",
            Self::Quiet => "2",
            Self::Good => "32",
            Self::Title => "1",
            Self::Code => "33",
        }
    }
}

/// Writes the page.
pub(super) struct Transcript {
    out: Box<dyn Write + Send>,
    colour: bool,
}

impl Transcript {
    /// Starts a page.
    pub(super) fn new(out: Box<dyn Write + Send>, colour: bool) -> Self {
        Self { out, colour }
    }

    /// A new act.
    pub(super) fn title(&mut self, text: &str) -> std::io::Result<()> {
        let rule = "─".repeat(WIDTH.saturating_sub(text.chars().count() + 4));
        let line = format!("── {text} {rule}");
        self.line(&[(Style::Plain, "")])?;
        self.line(&[(Style::Title, &line)])
    }

    /// A comment of a person.
    pub(super) fn said(&mut self, login: &str, role: &str, text: &str) -> std::io::Result<()> {
        self.line(&[
            (Style::Person, login),
            (Style::Quiet, &format!(" · {role}")),
        ])?;
        for line in shortened(text).lines() {
            if !line.is_empty() && !line.starts_with("```") {
                self.quote(line, Style::Plain)?;
            }
        }
        Ok(())
    }

    /// A comment of the bot: what a reader of the thread sees of it.
    pub(super) fn replied(&mut self, body: &str) -> std::io::Result<()> {
        self.line(&[(Style::Bot, "ownergate"), (Style::Quiet, " · the bot")])?;
        let mut fenced = false;
        for line in shortened(&seen(body)).lines() {
            if line.starts_with("```") {
                fenced = !fenced;
                continue;
            }
            let style = if fenced { Style::Code } else { Style::Plain };
            self.quote(&line.replace("**", ""), style)?;
        }
        Ok(())
    }

    /// Something that happens outside the thread, or what somebody sees there.
    pub(super) fn happens(&mut self, text: &str) -> std::io::Result<()> {
        for line in wrapped(text, WIDTH - 4) {
            self.line(&[(Style::Quiet, &format!("  ~ {line}"))])?;
        }
        Ok(())
    }

    /// Something that was checked and is so.
    pub(super) fn holds(&mut self, text: &str) -> std::io::Result<()> {
        for (at, line) in wrapped(text, WIDTH - 4).iter().enumerate() {
            let mark = if at == 0 { "  ✓ " } else { "    " };
            self.line(&[(Style::Good, mark), (Style::Good, line)])?;
        }
        Ok(())
    }

    /// The end of the story.
    pub(super) fn end(&mut self, text: &str) -> std::io::Result<()> {
        self.line(&[(Style::Plain, "")])?;
        self.line(&[(Style::Title, text)])
    }

    /// A line as it is: what can be copied from it stays in one piece.
    pub(super) fn verbatim(&mut self, text: &str) -> std::io::Result<()> {
        self.line(&[(Style::Code, text)])
    }

    fn quote(&mut self, text: &str, style: Style) -> std::io::Result<()> {
        for line in text.lines() {
            for part in wrapped(line, WIDTH - INDENT.len()) {
                self.line(&[(Style::Quiet, INDENT), (style, &part)])?;
            }
            if line.is_empty() {
                self.line(&[(Style::Quiet, INDENT.trim_end())])?;
            }
        }
        Ok(())
    }

    fn line(&mut self, parts: &[(Style, &str)]) -> std::io::Result<()> {
        for (style, text) in parts {
            let text = printable(text);
            match style.parameters() {
                parameters if self.colour && !parameters.is_empty() && !text.is_empty() => {
                    write!(self.out, "\u{1b}[{parameters}m{text}\u{1b}[0m")?;
                }
                _ => write!(self.out, "{text}")?,
            }
        }
        writeln!(self.out)?;
        self.out.flush()
    }
}

/// What a reader of the thread sees of a comment: not the hidden block and marker.
pub(super) fn seen(body: &str) -> String {
    body.split("\n\n<!--")
        .next()
        .unwrap_or("")
        .replace("<details><summary>sealed file</summary>\n", "▸ sealed file")
        .replace("\n</details>", "")
}

/// Recipients to a few characters, sealed files and signatures to their first and last lines.
fn shortened(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut sealed = 0_usize;
    for line in text.lines() {
        match line {
            "-----BEGIN AGE ENCRYPTED FILE-----" | "-----BEGIN SSH SIGNATURE-----" => sealed = 1,
            "-----END AGE ENCRYPTED FILE-----" | "-----END SSH SIGNATURE-----" => {
                lines.push(format!("… {} lines …", sealed.saturating_sub(1)));
                sealed = 0;
            }
            _ if sealed > 0 => {
                sealed += 1;
                continue;
            }
            _ => {}
        }
        let words: Vec<String> = line.split(' ').map(short_recipient).collect();
        lines.push(words.join(" "));
    }
    lines.join("\n")
}

/// `recipient=age1q…x7` for a word that ends with an age recipient.
fn short_recipient(word: &str) -> String {
    match word.find("age1") {
        Some(at) if word.len() - at == 62 && word.is_ascii() => {
            format!("{}…{}", &word[..at + 8], &word[word.len() - 4..])
        }
        _ => word.to_owned(),
    }
}

/// Breaks a line at blanks.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(super) mod testing {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    /// What a page is written on in tests; clones share it.
    #[derive(Clone, Default)]
    pub(in super::super) struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        /// What stands on it.
        pub(in super::super) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::testing::Paper;
    use super::*;

    fn page(colour: bool, write: impl FnOnce(&mut Transcript)) -> String {
        let paper = Paper::default();
        write(&mut Transcript::new(Box::new(paper.clone()), colour));
        paper.text()
    }

    const SEALED: &str = "**R1 approved by alice: `codex-kan-1` c1** · ends 24 Nov\ncodex: open it\n<details><summary>sealed file</summary>\n\n```\n-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\nBBBB\n-----END AGE ENCRYPTED FILE-----\n```\n</details>\n\n<!-- ownergate.v1 {} -->\n<!-- ownergate.marker x -->";

    #[test]
    fn a_reader_sees_the_visible_part_with_the_sealed_file_shortened() {
        let text = page(false, |page| page.replied(SEALED).unwrap());
        assert_eq!(
            text,
            "ownergate · the bot\n  │ R1 approved by alice: `codex-kan-1` c1 · ends 24 Nov\n  │ codex: open it\n  │ ▸ sealed file\n  │ -----BEGIN AGE ENCRYPTED FILE-----\n  │ … 2 lines …\n  │ -----END AGE ENCRYPTED FILE-----\n"
        );
    }

    #[test]
    fn colours_change_no_word() {
        let write = |page: &mut Transcript| {
            page.title("one").unwrap();
            page.said("alice", "owner", "/gate list").unwrap();
            page.holds("it is so").unwrap();
        };
        let (plain, coloured) = (page(false, write), page(true, write));
        assert!(!plain.contains('\u{1b}'));
        let mut stripped = String::new();
        for (at, part) in coloured.split('\u{1b}').enumerate() {
            let word = if at == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            };
            stripped.push_str(word);
        }
        assert_ne!(coloured, plain);
        assert_eq!(stripped, plain);
    }

    #[test]
    fn what_a_comment_holds_cannot_move_the_cursor() {
        let text = page(true, |page| {
            page.said("mallory", "stranger", "\u{1b}[2J\u{202e}")
                .unwrap();
        });
        assert!(text.contains(r"\u{1b}[2J\u{202e}"));
    }

    #[test]
    fn a_recipient_is_shown_by_its_ends() {
        let recipient = format!("age1{}", "q".repeat(58));
        assert_eq!(
            shortened(&format!("a recipient={recipient} b")),
            "a recipient=age1qqqq…qqqq b"
        );
    }
}
