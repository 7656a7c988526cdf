//! Why a text that looks like a command is not one.
//!
//! A fault is data; its sentence is written in `reply/`. It names the character or the fault and,
//! where the meaning is plain, carries the line to copy.

/// Why a text is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `/gate` alone.
    NoVerb,
    /// A verb that there is not; the nearest one, if it is a likely slip.
    UnknownVerb(Option<&'static str>),
    /// `/gate` or the verb is not in lower case.
    Capital {
        /// The word as it was written.
        written: String,
        /// The line to copy, if it can be made.
        copy: Option<String>,
    },
    /// A character that must not be there.
    Character {
        /// The character.
        character: char,
        /// Its line, from 1.
        line: usize,
        /// Its place in the line in characters, from 1.
        column: usize,
        /// The line to copy, if it can be made.
        copy: Option<String>,
    },
    /// Two blanks in a row.
    TwoBlanks {
        /// The place of the second in characters, from 1.
        column: usize,
        /// The line to copy.
        copy: Option<String>,
    },
    /// More text follows a command that has to stand alone.
    NotAlone {
        /// The verb.
        verb: &'static str,
        /// The line to copy.
        copy: Option<String>,
    },
    /// The command does not stand at the very start of the comment.
    NotFirst {
        /// The line that looks like a command, from 1.
        line: usize,
        /// What stands before it, in people's words.
        because: &'static str,
    },
    /// A part that must be there is missing.
    Missing {
        /// The verb.
        verb: &'static str,
        /// What is missing, as it would be typed.
        what: &'static str,
    },
    /// A part that is there twice.
    Twice(String),
    /// A key that there is not; the nearest one, if it is a likely slip.
    UnknownKey {
        /// The key as it was written.
        key: String,
        /// The nearest key.
        nearest: Option<&'static str>,
    },
    /// A value that has another form than it must have.
    BadValue {
        /// Which value.
        key: &'static str,
        /// What it must be.
        must: String,
    },
    /// The fenced block cannot be read.
    BadBlock(String),
    /// The request is too long.
    TooLong,
    /// An issue's body may only ask.
    OnlyRequestsInIssues(&'static str),
    /// Nothing is asked in the conversation of a pull request.
    OnlyInIssues(&'static str),
}

impl Fault {
    /// The documented code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoVerb | Self::UnknownVerb(_) => "unknown_verb",
            Self::Capital { .. } | Self::Character { .. } | Self::TwoBlanks { .. } => {
                "bad_character"
            }
            Self::NotAlone { .. } | Self::NotFirst { .. } => "not_alone",
            Self::Missing { .. } | Self::Twice(_) | Self::UnknownKey { .. } => "bad_form",
            Self::BadValue { .. } | Self::BadBlock(_) | Self::TooLong => "bad_request",
            Self::OnlyRequestsInIssues(_) => "only_requests_in_issues",
            Self::OnlyInIssues(_) => "only_in_issues",
        }
    }
}
