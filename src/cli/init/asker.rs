//! Whoever runs `init`, if somebody sits there: asked for what is missing, and whether it is meant.
//!
//! Without anybody the missing flag is named. What nobody has confirmed is not done.

use std::io::{self, BufRead, Write};

use anyhow::Context;

use super::Stop;
use crate::cli::confirm::{Change, Go};

/// A person, or nobody.
pub(super) struct Asker<'a> {
    /// What is typed; absent where nobody is to be asked.
    pub(super) input: Option<&'a mut dyn BufRead>,
    pub(super) prompt: &'a mut dyn Write,
    /// How sure the command line is.
    pub(super) change: Change,
}

impl Asker<'_> {
    /// An answer; an empty one is the usual one.
    pub(super) fn ask(
        &mut self,
        flag: &str,
        what: &str,
        usual: Option<&str>,
    ) -> Result<String, Stop> {
        let missing = || Stop::Usage(format!("{flag} is missing: {what}"));
        let Some(input) = &mut self.input else {
            return Err(missing());
        };
        let shown = usual.map_or_else(String::new, |usual| format!(" [{usual}]"));
        write!(self.prompt, "{what}{shown}: ")
            .and_then(|()| self.prompt.flush())
            .context("cannot ask")?;
        let mut line = String::new();
        input
            .read_line(&mut line)
            .context("cannot read the answer")?;
        match (line.trim(), usual) {
            ("", Some(usual)) => Ok(usual.to_owned()),
            ("", None) => Err(missing()),
            (answer, _) => Ok(answer.to_owned()),
        }
    }

    /// Whether it is to be done, with everything known that was missing.
    pub(super) fn sure(&mut self, what: &str) -> Result<Go, Stop> {
        let go = match &mut self.input {
            Some(input) => self.change.decide(what, true, input, &mut self.prompt),
            None => self
                .change
                .decide(what, false, &mut io::empty(), &mut self.prompt),
        };
        go.map_err(Stop::Told)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_goes_on() {
        for (typed, goes_on) in [("\n", false), ("y\n", true), ("n\n", false), ("", false)] {
            let mut input = typed.as_bytes();
            let mut prompt = Vec::new();
            let mut asker = Asker {
                input: Some(&mut input),
                prompt: &mut prompt,
                change: Change::default(),
            };
            assert_eq!(asker.sure("Go on").is_ok(), goes_on, "{typed:?}");
            let asked = String::from_utf8(prompt).unwrap();
            assert!(asked.starts_with("Go on? [y/N] "), "{asked}");
        }
    }
}
