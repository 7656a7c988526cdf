//! What can go wrong with a call, sorted by what the caller does next.
//!
//! `Transient` and `Redirected`: the event waits. `Permanent`: this call will not succeed.
//! `NotFound`: there is no such thing (any more), or it may not be seen. `TooLarge`: ask for less.
//! No text holds the token or a query string, and text from outside is one line without control
//! characters.

use std::error::Error;
use std::time::Duration;

use rustls::CertificateError;

use super::tls::Roots;

/// Why a call gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForgejoError {
    /// It may work later.
    #[error("{why}")]
    Transient {
        /// What happened, as a sentence without a full stop.
        why: String,
        /// How long the forge asks to wait.
        retry_after: Option<Duration>,
        /// The forge, or something in its place, answered.
        answered: bool,
        /// The call may have changed something on the forge all the same.
        may_have_acted: bool,
    },
    /// The forge refuses it, and would again.
    #[error("the forge refuses ({status}): {why}")]
    Permanent {
        /// The status of the answer.
        status: u16,
        /// The forge's words.
        why: String,
    },
    /// There is no such thing, or this account may not see it.
    #[error("the forge knows no such thing (404)")]
    NotFound,
    /// The answer is larger than may be held.
    #[error("the forge's answer is larger than {limit} bytes")]
    TooLarge {
        /// How many bytes would have been read at most.
        limit: usize,
        /// The call may have changed something on the forge all the same.
        may_have_acted: bool,
    },
    /// The forge names another address. It was not asked.
    #[error("the forge redirects ({status}) to {location}, which is not followed; {mend}")]
    Redirected {
        /// The status of the answer.
        status: u16,
        /// Where to: scheme, host and path only.
        location: String,
        /// The address to configure, where the redirect is one of the whole forge.
        base: Option<String>,
        /// What to do, in words.
        mend: String,
    },
}

impl ForgejoError {
    /// The event that needs this call waits, and the call is tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::Redirected { .. })
    }

    /// The forge may have done what was asked, so that doing it again could do it twice. False for
    /// calls that only read, for one that never reached the forge, and where it said no.
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::Transient { may_have_acted, .. } | Self::TooLarge { may_have_acted, .. } => {
                *may_have_acted
            }
            Self::Permanent { .. } | Self::NotFound | Self::Redirected { .. } => false,
        }
    }

    /// How long the forge asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Whether the forge may have got a call to which it gave no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It surely did not, or the call changes nothing.
    Never,
    /// It may have, and the call changes something.
    Perhaps,
}

impl Sent {
    /// A call that only reads has no effect to be unsure of.
    pub(super) fn unless(safe: bool) -> Self {
        if safe { Self::Never } else { Self::Perhaps }
    }
}

/// An answer that is there and is not what was asked for.
pub(super) fn answered(why: String, sent: Sent) -> ForgejoError {
    ForgejoError::Transient {
        why,
        retry_after: None,
        answered: true,
        may_have_acted: sent == Sent::Perhaps,
    }
}

/// No answer, or one that broke off.
pub(super) fn unanswered(error: &reqwest::Error, sent: Sent, roots: &Roots) -> ForgejoError {
    ForgejoError::Transient {
        why: why(error, roots),
        retry_after: None,
        answered: false,
        may_have_acted: sent == Sent::Perhaps,
    }
}

/// The cause in words. The error's own text names the whole address, query included.
fn why(error: &reqwest::Error, roots: &Roots) -> String {
    if let Some(tls) = tls_cause(error) {
        return match tls {
            // The second is an authority that has the name of a known one and another key.
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => {
                format!("the forge's certificate is not trusted: {}", roots.mend())
            }
            other => format!("the forge cannot be reached by TLS: {other}"),
        };
    }
    if error.is_timeout() {
        return if error.is_connect() {
            "the forge could not be reached in time".to_owned()
        } else {
            "the forge did not answer in time".to_owned()
        };
    }
    if error.is_connect() {
        format!("the forge cannot be reached: {}", innermost(error))
    } else {
        format!("the connection to the forge broke: {}", innermost(error))
    }
}

/// The deepest cause; the outer ones name the whole address.
fn innermost(error: &reqwest::Error) -> String {
    let mut found = "no cause is known".to_owned();
    let mut next = error.source();
    while let Some(cause) = next {
        found = cause.to_string();
        next = cause.source();
    }
    found
}

/// Looks for the TLS library's error, which I/O errors hide inside themselves.
fn tls_cause(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        next = match cause.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &dyn Error),
            None => cause.source(),
        };
    }
    None
}
