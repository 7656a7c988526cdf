//! Why an agent has no token: each with an exit code of its own and with what a person has to do.

use crate::forgejo::ForgejoError;
use crate::secret::note::NoteFault;

/// The exit code of a command that waited for an owner in vain.
pub const TIMED_OUT: u8 = 6;

/// Why there is no token, or not yet.
#[derive(Debug, thiserror::Error)]
pub enum AskFault {
    /// The command line or the profile cannot be used.
    #[error("{0}")]
    Usage(String),
    /// Something on this machine.
    #[error("{0}")]
    Failed(String),
    /// The bot took no request.
    #[error("the bot refuses the request in {issue}: {said} Mend that and ask again.")]
    Refused {
        /// Where it was asked.
        issue: String,
        /// What the bot said.
        said: String,
    },
    /// An owner said no.
    #[error("{request} in {issue} is denied: {said} Speak with the owners before you ask again.")]
    Denied {
        /// Which one.
        request: String,
        /// Where it was asked.
        issue: String,
        /// What the bot said.
        said: String,
    },
    /// Void, withdrawn or ended.
    #[error(
        "{request} in {issue} is {word}: {said} Ask again, and never edit a request or close its issue."
    )]
    Over {
        /// Which one.
        request: String,
        /// Where it was asked.
        issue: String,
        /// The bot's word for it.
        word: String,
        /// What the bot said.
        said: String,
    },
    /// No owner has approved yet.
    #[error(
        "no token yet: {what} in {issue}. The request stays open: run the same command again to go on waiting."
    )]
    TimedOut {
        /// What was waited for.
        what: String,
        /// Where it was asked.
        issue: String,
    },
    /// The sealed file is not shown to be the bot's.
    #[error("{fault} ({issue})")]
    Note {
        /// What is wrong.
        fault: NoteFault,
        /// Where it stands.
        issue: String,
    },
    /// The forge cannot be reached, or refuses.
    #[error("{0}")]
    Forge(String),
    /// The bot cannot be reached, so that the token is not activated.
    #[error("the token is there and not activated: {0}. Run the same command again, within a day.")]
    Bot(String),
    /// The bot does not accept the token.
    #[error(
        "the bot does not accept the token: it has ended, was taken back, or is another bot's. Remove {0} and ask again."
    )]
    NotAccepted(String),
}

impl AskFault {
    /// The exit code; 0, 1, 2 and 75 mean what they mean everywhere.
    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused { .. } => 3,
            Self::Denied { .. } => 4,
            Self::Over { .. } => 5,
            Self::TimedOut { .. } => TIMED_OUT,
            Self::Note { .. } => 7,
            Self::Forge(_) => 8,
            Self::Bot(_) => 9,
            Self::NotAccepted(_) => 10,
        }
    }

    /// True if nothing can come of the request any more, so that the next call asks anew.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::Denied { .. } | Self::Over { .. }
        )
    }
}

impl From<ForgejoError> for AskFault {
    fn from(error: ForgejoError) -> Self {
        let mend = match &error {
            ForgejoError::NotFound => "; is the repository right, and may this account read it?",
            ForgejoError::Permanent { status: 401, .. } => {
                "; does the token file hold a valid token of the forge?"
            }
            ForgejoError::Permanent { status: 403, .. } => {
                "; the token needs the scopes write:issue and read:repository"
            }
            ForgejoError::Permanent { .. } => "",
            ForgejoError::Transient { .. } | ForgejoError::TooLarge { .. } => {
                "; run the same command again later"
            }
            ForgejoError::Redirected { location, .. } => {
                let text = format!(
                    "the forge redirects to {location}, which is not followed: give that as --forge"
                );
                return Self::Forge(text);
            }
        };
        Self::Forge(format!("{error}{mend}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_documented_and_means_one_thing() {
        let text = String::new;
        let (request, issue, said, word) = (text(), text(), text(), text());
        let all = [
            AskFault::Failed(text()),
            AskFault::Usage(text()),
            AskFault::Refused {
                issue: issue.clone(),
                said: said.clone(),
            },
            AskFault::Denied {
                request: request.clone(),
                issue: issue.clone(),
                said: said.clone(),
            },
            AskFault::Over {
                request,
                issue: issue.clone(),
                word,
                said,
            },
            AskFault::TimedOut {
                what: text(),
                issue: issue.clone(),
            },
            AskFault::Note {
                fault: NoteFault::Missing,
                issue,
            },
            AskFault::Forge(text()),
            AskFault::Bot(text()),
            AskFault::NotAccepted(text()),
        ];
        let page = include_str!("../../../docs/for-agents.md");
        for (place, fault) in all.iter().enumerate() {
            let code = usize::from(fault.code());
            assert_eq!(code, place + 1);
            assert_eq!(page.matches(&format!("\n| {code} | ")).count(), 1, "{code}");
        }
    }
}
