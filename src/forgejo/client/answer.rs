//! What comes back: the status sorted into errors, the body read up to a limit, the forge's clock.
//!
//! The requester decides how large the answers of its thread are, so a body is counted while it
//! comes and given up at its limit, and only a few large ones are held at a time. An answer that is
//! not the JSON that was asked for (a challenge page, say) is never a success and never final.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use tokio::sync::SemaphorePermit;

use super::error::{ForgejoError, Sent, answered, unanswered};
use super::{Access, Client};
use crate::forgejo::text::{json_cause, one_line};

/// The most bytes of an answer whose size nobody outside decides.
pub(super) const SMALL: usize = 1024 * 1024;

/// The most bytes of an answer that carries people's texts.
pub(super) const LARGE: usize = 64 * 1024 * 1024;

/// The most bytes of a refusal that are read for its message.
const REFUSAL: usize = 64 * 1024;

/// The most characters of the forge's words in an error.
const WORDS: usize = 200;

/// How many things a list has in all.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// A value and the forge's clock when it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// The answer's `Date`, in whole seconds.
    pub date: Option<Timestamp>,
}

impl<T> Answer<T> {
    /// Makes another value of it and keeps the date.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            value: change(self.value),
            date: self.date,
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on this page; empty behind the last one.
    pub items: Vec<T>,
    /// How many there are on all pages, if the forge says so.
    pub total: Option<u64>,
}

/// How much of an answer is read, and how its faults are meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most bytes.
    pub(super) bytes: usize,
    /// It is a list: the caller can ask for less, and its cursor must not move on a refusal.
    pub(super) list: bool,
}

impl Limits {
    /// An answer about an account, a repository, the forge itself.
    pub(super) const SMALL: Self = Self {
        bytes: SMALL,
        list: false,
    };
    /// One comment or issue.
    pub(super) const TEXT: Self = Self {
        bytes: LARGE,
        list: false,
    };
    /// Many comments or issues.
    pub(super) const LIST: Self = Self {
        bytes: LARGE,
        list: true,
    };
}

/// An answer whose body was not read yet.
pub(super) struct Reader<'a> {
    pub(super) client: &'a Client,
    /// What the call was made with: another one may be in force by now.
    pub(super) access: Arc<Access>,
    pub(super) response: reqwest::Response,
    /// The address that was asked.
    pub(super) asked: Url,
    /// The call only reads.
    pub(super) safe: bool,
    pub(super) limits: Limits,
}

/// A body and the right to hold one so large.
struct Held<'a> {
    bytes: Vec<u8>,
    permit: Option<SemaphorePermit<'a>>,
}

impl<'a> Reader<'a> {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Lets a 2xx answer through and makes an error of any other.
    pub(super) async fn success(mut self) -> Result<Reader<'a>, ForgejoError> {
        let status = self.status();
        if status.is_success() {
            return Ok(self);
        }
        if status.is_redirection() {
            return Err(self.redirected());
        }
        let sent = if status.is_client_error() {
            Sent::Never
        } else {
            Sent::unless(self.safe)
        };
        let retry_after = self.retry_after();
        let waits = |why: String| ForgejoError::Transient {
            why,
            retry_after,
            answered: true,
            may_have_acted: sent == Sent::Perhaps,
        };
        let number = status.as_u16();
        // Before all else: a page for people says nothing about the thing that was asked for.
        if self.is_html() {
            return Err(waits(html(number)));
        }
        let words = self.words().await;
        Err(match number {
            404 | 410 => ForgejoError::NotFound,
            408 | 425 | 429 | 500..=599 => waits(format!("the forge answers {number}: {words}")),
            422 if self.limits.list => waits(format!("the forge answers {number}: {words}")),
            _ => ForgejoError::Permanent {
                status: number,
                why: words,
            },
        })
    }

    /// Reads the body as JSON.
    pub(super) async fn json<T>(mut self) -> Result<Answer<T>, ForgejoError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let date = self.date();
        let status = self.status().as_u16();
        let sent = Sent::unless(self.safe);
        if self.is_html() {
            return Err(answered(html(status), sent));
        }
        let held = self.body(self.limits.bytes).await?;
        let value = held.parse().await.map_err(|found| {
            let why = match found {
                Found::Html => html(status),
                Found::Other(what) => format!("the forge answers {status} with {what}"),
            };
            answered(why, sent)
        })?;
        Ok(Answer { value, date })
    }

    /// Reads the body as one page of a list.
    pub(super) async fn page<T>(self) -> Result<Answer<Page<T>>, ForgejoError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let total = self.header(&TOTAL).and_then(|text| text.parse().ok());
        let answer = self.json::<Vec<T>>().await?;
        Ok(answer.map(|items| Page { items, total }))
    }

    /// Takes `204 No Content` for the answer, and nothing else.
    pub(super) fn empty(self) -> Result<Answer<()>, ForgejoError> {
        if self.status() != StatusCode::NO_CONTENT {
            let why = format!(
                "the forge answers {} where 204 is due",
                self.status().as_u16()
            );
            return Err(answered(why, Sent::unless(self.safe)));
        }
        Ok(Answer {
            value: (),
            date: self.date(),
        })
    }

    /// The forge's clock.
    pub(super) fn date(&self) -> Option<Timestamp> {
        self.header(&DATE).and_then(http_date)
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    fn is_html(&self) -> bool {
        self.header(&CONTENT_TYPE)
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"))
    }

    /// How long the forge asks to wait: in seconds, or until a time on its own clock.
    fn retry_after(&self) -> Option<Duration> {
        let text = self.header(&RETRY_AFTER)?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than a number has: longer than anybody waits.
            return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
        }
        let wait = http_date(text)?.duration_since(self.date()?);
        Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
    }

    /// Reads the body up to `cap` bytes.
    async fn body(&mut self, cap: usize) -> Result<Held<'a>, ForgejoError> {
        let sent = Sent::unless(self.safe);
        let too_large = || ForgejoError::TooLarge {
            limit: cap,
            may_have_acted: sent == Sent::Perhaps,
        };
        let promised = self.response.content_length().unwrap_or(0);
        if usize::try_from(promised).is_ok_and(|promised| promised > cap) {
            return Err(too_large());
        }
        let mut held = Held {
            bytes: Vec::new(),
            permit: None,
        };
        loop {
            match self.response.chunk().await {
                Ok(None) => return Ok(held),
                Ok(Some(chunk)) => {
                    let grown = held.bytes.len() + chunk.len();
                    if grown > cap {
                        return Err(too_large());
                    }
                    if grown > SMALL && held.permit.is_none() {
                        held.permit = self.client.large.acquire().await.ok();
                    }
                    held.bytes.extend_from_slice(&chunk);
                }
                // So slow a page would be as slow the next time; a smaller one need not be.
                Err(error)
                    if self.limits.list && error.is_timeout() && held.bytes.len() > SMALL =>
                {
                    return Err(too_large());
                }
                Err(error) => return Err(unanswered(&error, sent, &self.client.roots)),
            }
        }
    }

    /// What the forge says about its refusal, fit for a log.
    async fn words(&mut self) -> String {
        #[derive(serde::Deserialize)]
        struct Refusal {
            message: String,
        }
        let body = match self.body(REFUSAL).await {
            Ok(held) => held.bytes,
            Err(_) => return "no reason could be read".to_owned(),
        };
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) if !refusal.message.is_empty() => self.access.printable(&refusal.message),
            _ => "no reason given".to_owned(),
        }
    }

    fn redirected(&self) -> ForgejoError {
        let status = self.status().as_u16();
        let target = self
            .header(&LOCATION)
            .and_then(|location| self.asked.join(location).ok());
        let Some(mut target) = target else {
            let why = format!("the forge redirects ({status}) without an address");
            return answered(why, Sent::Never);
        };
        target.set_query(None);
        target.set_fragment(None);
        // Both fail only for addresses that have no user either.
        let _ = target.set_username("");
        let _ = target.set_password(None);
        let base = self
            .base_of(&target)
            .filter(|base| base != self.client.base());
        let mend = match &base {
            Some(base) => format!("set [forge] url = {base:?}"),
            None if target.origin() == self.asked.origin() => {
                "if the repository was renamed or transferred, set its new path in [[board]]"
                    .to_owned()
            }
            None => "set [forge] url to the address that answers without redirecting".to_owned(),
        };
        ForgejoError::Redirected {
            status,
            location: self.access.printable(target.as_str()),
            base: base.map(|base| self.access.printable(&base)),
            mend: self.access.printable(&mend),
        }
    }

    /// The address to configure, if the target is the same call at another base.
    fn base_of(&self, target: &Url) -> Option<String> {
        let call = self
            .asked
            .path()
            .strip_prefix(self.client.base.path().trim_end_matches('/'))?;
        let prefix = target.path().strip_suffix(call)?.to_owned();
        let mut base = target.clone();
        base.set_path(&prefix);
        Some(base.as_str().trim_end_matches('/').to_owned())
    }
}

impl Access {
    /// Words from outside on one line, without the token should they repeat it.
    fn printable(&self, words: &str) -> String {
        one_line(&words.replace(self.token.expose_secret(), "[token]"), WORDS)
    }
}

impl Held<'_> {
    /// Reads JSON; a large one on a thread that may take its time.
    async fn parse<T>(self) -> Result<T, Found>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let Self { bytes, permit } = self;
        let value = if bytes.len() > SMALL {
            tokio::task::spawn_blocking(move || parse(&bytes))
                .await
                .unwrap_or_else(|_| {
                    let what = "JSON whose reading was broken off".to_owned();
                    Err(Found::Other(what))
                })
        } else {
            parse(&bytes)
        };
        drop(permit);
        value
    }
}

/// What stands where the JSON that was asked for should stand.
enum Found {
    /// A page for people.
    Html,
    /// Something else, in words.
    Other(String),
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Found> {
    serde_json::from_slice(bytes).map_err(|error| {
        if bytes.trim_ascii_start().starts_with(b"<") {
            Found::Html
        } else if bytes.trim_ascii().is_empty() {
            Found::Other("nothing instead of JSON".to_owned())
        } else if error.is_data() {
            let cause = json_cause(&error);
            Found::Other(format!("other JSON than asked for: {cause}"))
        } else {
            Found::Other("something that is not JSON".to_owned())
        }
    })
}

fn html(status: u16) -> String {
    format!(
        "the forge answers HTML ({status}) instead of JSON; a login or challenge page in front of \
         it must let the bot's calls to /api/v1 through"
    )
}

/// An HTTP date (RFC 9110, section 5.6.7) in its preferred form, the only one that may be sent.
fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}
