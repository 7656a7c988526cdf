//! The client of the forge's API: one base address from the config, one token, about fifteen calls.
//!
//! Every address is made of the base and of numbers and names; none comes from an answer. No
//! redirect is followed, no proxy is taken from the environment, nothing turns the verification of
//! certificates off, and each call ends after ten seconds. The client never retries: a caller that
//! does waits as `retry::backoff` says, and looks at `ForgejoError::may_have_acted` before it posts
//! again.

mod answer;
mod calls;
mod error;
mod path;
pub mod retry;
pub mod setup;
mod tls;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use data_encoding::BASE64;
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

pub use answer::{Answer, Page};
pub use calls::CommentRead;
pub use error::ForgejoError;
pub use path::RepositoryPath;

use answer::{Limits, Reader};
use error::Sent;
use tls::Roots;

/// How long a call may take, its whole answer included.
const CALL: Duration = Duration::from_secs(10);

/// How long reaching the forge may take; shorter than a call, so that what never reached it is
/// known not to have.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an unused connection is kept; shorter than usual proxies keep it, since a POST on a
/// connection that is being closed has an unknown outcome.
const IDLE: Duration = Duration::from_secs(20);

/// How many answers above [`answer::SMALL`] are held in memory at a time.
const LARGE_AT_ONCE: usize = 2;

/// Where the forge is and who asks.
#[derive(Debug)]
pub struct ClientOptions {
    /// The forge's address: https, or http on loopback; may have a path, with or without a final
    /// slash.
    pub base: String,
    /// Allows http to an address that is not loopback.
    pub insecure_http: bool,
    /// The bot's access token.
    pub token: SecretString,
    /// What the bot calls itself.
    pub user_agent: String,
}

/// Why a client cannot be made of its options. The token is not in it.
#[derive(Debug, thiserror::Error)]
pub enum OptionsFault {
    /// The address cannot be read.
    #[error("the forge's address {0:?} is not an address such as \"https://forge.example\"")]
    Address(String),
    /// The address has a user, a password, a query or a fragment.
    #[error(
        "the forge's address has a user, a password, a query or a fragment; only scheme, host, port and path belong in it"
    )]
    Extras,
    /// Everybody on the way could read the token.
    #[error(
        "{0} would send the token unencrypted; use https, or say `insecure_http = true` if the network is private"
    )]
    Plain(String),
    /// The token cannot be sent in a header.
    #[error("the forge's token is empty or has characters that no token has")]
    Token,
    /// The TLS library or the HTTP client refused its settings.
    #[error("the HTTP client cannot be made: {0}")]
    Build(String),
}

/// The forge's API, as one account sees it. It is shared by reference or in an `Arc`.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    access: RwLock<Arc<Access>>,
    roots: Roots,
    large: Semaphore,
}

/// A token that can be sent: with it the bot shows who it is.
pub struct Access {
    authorization: HeaderValue,
    token: SecretString,
}

impl Access {
    /// Shows a password instead of a token, for the one call that wants it: making a token.
    pub fn with_password(login: &str, password: SecretString) -> Result<Self, OptionsFault> {
        let pair = Zeroizing::new(format!("{login}:{}", password.expose_secret()));
        let text = Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())));
        let mut authorization = HeaderValue::from_str(&text).map_err(|_| OptionsFault::Token)?;
        authorization.set_sensitive(true);
        Ok(Self {
            authorization,
            token: password,
        })
    }

    /// Reads a token; nothing is sent.
    pub fn new(token: SecretString) -> Result<Self, OptionsFault> {
        Ok(Self {
            authorization: authorization(&token)?,
            token,
        })
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access([REDACTED])")
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Makes a client; nothing is sent yet. For https the roots of the system are read (or those
    /// that `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead), for http none are needed.
    pub fn new(options: ClientOptions) -> Result<Self, OptionsFault> {
        let base = base(&options)?;
        let roots = if base.scheme() == "https" {
            Roots::system()
        } else {
            Roots::none()
        };
        Self::with_roots(options, base, roots, CALL)
    }

    fn with_roots(
        options: ClientOptions,
        base: Url,
        roots: Roots,
        call: Duration,
    ) -> Result<Self, OptionsFault> {
        let tls = roots
            .config()
            .map_err(|error| OptionsFault::Build(error.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(options.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .timeout(call)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|error| OptionsFault::Build(error.to_string()))?;
        Ok(Self {
            http,
            base,
            access: RwLock::new(Arc::new(Access::new(options.token)?)),
            roots,
            large: Semaphore::new(LARGE_AT_ONCE),
        })
    }

    /// Goes on with another token; calls that are under way keep theirs.
    pub fn change_access(&self, access: Access) {
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
    }

    fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The forge's address, without a final slash; for links and messages.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Starts a call to `/api/v1/` and these segments, each percent-encoded by itself.
    fn call<'a>(&'a self, method: Method, segments: &[&str]) -> Call<'a> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("http and https addresses have a path")
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(segments);
        Call {
            client: self,
            method,
            url,
            body: None,
            limits: Limits::SMALL,
            signed_in: true,
        }
    }
}

/// One call that is being put together.
struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    body: Option<serde_json::Value>,
    limits: Limits,
    signed_in: bool,
}

impl<'a> Call<'a> {
    /// Adds a pair to the query, escaped.
    fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Adds a JSON body.
    fn json(mut self, body: serde_json::Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Says how large the answer may be and whether it is a list.
    fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Does not say who asks.
    fn without_token(mut self) -> Self {
        self.signed_in = false;
        self
    }

    /// Sends the call and reads its JSON answer.
    async fn read<T>(self) -> Result<Answer<T>, ForgejoError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.send().await?.json().await
    }

    /// Sends the call; what comes back is a success of the 2xx kind.
    async fn send(self) -> Result<Reader<'a>, ForgejoError> {
        let client = self.client;
        let safe = self.method.is_safe();
        let access = client.access();
        let mut request = client
            .http
            .request(self.method, self.url.clone())
            .header(reqwest::header::ACCEPT, "application/json");
        if self.signed_in {
            let authorization = access.authorization.clone();
            request = request.header(reqwest::header::AUTHORIZATION, authorization);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| {
            let sent = if error.is_connect() || error.is_builder() {
                Sent::Never
            } else {
                Sent::unless(safe)
            };
            error::unanswered(&error, sent, &client.roots)
        })?;
        let reader = Reader {
            client,
            access,
            response,
            asked: self.url,
            safe,
            limits: self.limits,
        };
        reader.success().await
    }
}

/// Reads the forge's address and refuses what would leak the token or lose the path.
fn base(options: &ClientOptions) -> Result<Url, OptionsFault> {
    let address = || OptionsFault::Address(options.base.clone());
    let url = Url::parse(&options.base).map_err(|_| address())?;
    let extras = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if extras {
        return Err(OptionsFault::Extras);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if options.insecure_http || is_loopback(&url) => Ok(url),
        "http" => Err(OptionsFault::Plain(url.to_string())),
        _ => Err(address()),
    }
}

/// `localhost`, `127.0.0.0/8` or `::1`, as the address names them and not as a resolver does.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn authorization(token: &SecretString) -> Result<HeaderValue, OptionsFault> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(OptionsFault::Token);
    }
    let text = Zeroizing::new(format!("token {token}"));
    let mut value = HeaderValue::from_str(&text).map_err(|_| OptionsFault::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
