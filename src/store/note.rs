//! What a start did, for people.
//!
//! A note is no error: the store works. It says what was found and what was made of it, once.

use std::fmt;
use std::path::PathBuf;

/// Something that the start did and people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// An unacknowledged tail of the journal was set aside.
    TailSetAside {
        /// Where it is kept.
        file: PathBuf,
        /// How many lines it has, the damaged one included.
        lines: u64,
        /// How long it is.
        bytes: u64,
    },
    /// The records were rebuilt from the journal.
    Rebuilt {
        /// Why.
        why: String,
        /// From how many lines.
        lines: u64,
    },
    /// The records were behind the journal and have caught up.
    CaughtUp {
        /// By how many lines.
        lines: u64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TailSetAside { file, lines, bytes } => write!(
                f,
                "an unfinished write at the journal's end was set aside ({lines} lines, {bytes} bytes, now in {}); nobody was promised anything in it",
                file.display()
            ),
            Self::Rebuilt { why, lines } => {
                write!(
                    f,
                    "the records were rebuilt from {lines} lines of the journal: {why}"
                )
            }
            Self::CaughtUp { lines } => {
                write!(
                    f,
                    "the records were {lines} lines behind the journal and have caught up"
                )
            }
        }
    }
}
