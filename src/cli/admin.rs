//! Asking the running bot: over its admin socket on this host, or from elsewhere with an operator's
//! token.
//!
//! Both ways take the same routes. Nobody answering is told apart from a bad answer: without a running
//! bot some commands read files. No redirect is followed, answers have a largest size, and plain http
//! does not leave this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use zeroize::Zeroizing;

use super::activate::{bot_address, read};
use super::printable::printable;
use crate::config::Config;
use crate::http::NAMED;
use crate::secret::file::{SecretText, read_secret_file};

/// No answer of the bot is larger.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// How long the bot on this host may take: it may be verifying its journal.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a bot elsewhere may take.
const PATIENCE_REMOTE: Duration = Duration::from_secs(60);

/// Which bot, and who asks it.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Which bot")]
pub struct Target {
    /// The configuration of the bot on this host, which is asked over its admin socket
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Ask a bot elsewhere: the address of its internal listener
    #[arg(long, value_name = "URL", requires = "token_file", value_parser = bot_address)]
    pub bot: Option<Url>,
    /// The file with your operator token
    #[arg(long, value_name = "FILE", requires = "bot")]
    pub token_file: Option<PathBuf>,
    /// On the bot's host: speak for this operator of the configuration
    #[arg(long, value_name = "NAME", conflicts_with = "bot")]
    pub operator: Option<String>,
}

impl Target {
    /// The way to the bot; says what is missing if nobody answers.
    pub fn reach(&self) -> anyhow::Result<Admin> {
        if let Some(bot) = &self.bot {
            let file = self.token_file.as_deref().unwrap_or(Path::new(""));
            let token = read_secret_file(file)
                .map_err(|fault| anyhow::anyhow!("{}: {fault}", shown(file)))?;
            return Admin::elsewhere(bot, &token);
        }
        let config = load(&self.config)?;
        let socket = shown(&config.server.admin_socket);
        let found = Admin::find(&config)?.with_context(|| {
            format!(
                "no bot is running: nobody answers on {socket}. Start it with `ownergate serve`, and run this as root or as the user that it runs as; from elsewhere use --bot URL --token-file FILE"
            )
        })?;
        found.speaking_for(self.operator.as_deref())
    }
}

/// A path for a terminal.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// A way to the running bot.
pub struct Admin {
    client: reqwest::Client,
    base: String,
    authorization: Option<HeaderValue>,
    operator: Option<HeaderValue>,
}

impl Admin {
    /// Finds the running bot; `None` if nobody answers on the socket.
    pub fn find(config: &Config) -> anyhow::Result<Option<Self>> {
        let socket = &config.server.admin_socket;
        if let Err(error) = std::os::unix::net::UnixStream::connect(socket) {
            if error.kind() == std::io::ErrorKind::PermissionDenied {
                bail!(
                    "{} is not for you: run this as root or as the user that the bot runs as",
                    shown(socket)
                );
            }
            return Ok(None);
        }
        // Nothing is encrypted here, yet the client wants a provider. An error says that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .unix_socket(socket.clone())
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only([])
            .build()
            .context("cannot speak to the admin socket")?;
        Ok(Some(Self {
            client,
            base: "http://ownergate".to_owned(),
            authorization: None,
            operator: None,
        }))
    }

    /// Names the operator that the host speaks for.
    fn speaking_for(mut self, operator: Option<&str>) -> anyhow::Result<Self> {
        self.operator = operator
            .map(HeaderValue::from_str)
            .transpose()
            .context("no operator has such a name")?;
        Ok(self)
    }

    /// A bot elsewhere, asked with an operator's token.
    fn elsewhere(bot: &Url, token: &SecretText) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .timeout(PATIENCE_REMOTE)
            .redirect(reqwest::redirect::Policy::none());
        let builder = match bot.scheme() {
            "http" => builder.no_proxy().tls_certs_only([]),
            _ => builder.https_only(true),
        };
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut bearer =
            HeaderValue::from_str(&bearer).context("the token holds what no token holds")?;
        bearer.set_sensitive(true);
        Ok(Self {
            client: builder.build().context("cannot set up the network")?,
            base: bot.as_str().trim_end_matches('/').to_owned(),
            authorization: Some(bearer),
            operator: None,
        })
    }

    /// Asks for something; an answer that is no success is an answer, too.
    pub async fn get(
        &self,
        path: &str,
        parameters: &[(&str, String)],
    ) -> anyhow::Result<(StatusCode, Value)> {
        self.answer(self.call(Method::GET, path).query(parameters))
            .await
    }

    /// Hands a file in; an answer that is no success is an answer, too.
    pub async fn post(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        file: Vec<u8>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let call = self.call(Method::POST, path).query(parameters);
        self.answer(call.body(file)).await
    }

    /// Ends something; an answer that is no success is an answer, too.
    pub async fn delete(
        &self,
        path: &str,
        parameters: &[(&str, String)],
    ) -> anyhow::Result<(StatusCode, Value)> {
        self.answer(self.call(Method::DELETE, path).query(parameters))
            .await
    }

    /// Sends JSON; an answer that is no success is an answer, too.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<(StatusCode, Value)> {
        self.answer(self.call(method, path).json(body)).await
    }

    /// Sends JSON under a name of its own: sent again, it is done once.
    pub async fn send_once(
        &self,
        path: &str,
        name: &str,
        body: &Value,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let call = self
            .call(Method::POST, path)
            .header("Idempotency-Key", name);
        self.answer(call.json(body)).await
    }

    fn call(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut call = self.client.request(method, format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            call = call.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(operator) = &self.operator {
            call = call.header(NAMED, operator.clone());
        }
        call
    }

    async fn answer(&self, call: reqwest::RequestBuilder) -> anyhow::Result<(StatusCode, Value)> {
        let answer = call.send().await.with_context(|| {
            if self.authorization.is_some() {
                format!("{} does not answer", printable(&self.base))
            } else {
                "the running bot does not answer on its admin socket".to_owned()
            }
        })?;
        let status = answer.status();
        if status.is_redirection() {
            bail!(
                "{} redirects, which is not followed with a token: give the address that it names",
                printable(&self.base)
            );
        }
        let body = read(answer, LARGEST_ANSWER).await?;
        let body =
            serde_json::from_slice(&body).context("the answer is not the bot's: it is no JSON")?;
        Ok((status, body))
    }
}

/// What a successful answer holds; else why there is none, in the bot's words.
pub fn success((status, body): (StatusCode, Value)) -> anyhow::Result<Value> {
    if status.is_success() {
        return Ok(body);
    }
    let why = body["detail"].as_str().or(body["fault"].as_str());
    bail!("{}", printable(why.unwrap_or("the bot gives no reason")))
}

/// Loads the configuration, or says everything that is wrong with it.
pub fn load(path: &Path) -> anyhow::Result<Config> {
    match Config::load(path) {
        Ok(loaded) => Ok(loaded.config),
        Err(faults) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Err(anyhow::anyhow!("{}", lines.join("\n")))
        }
    }
}

/// A runtime for one command.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}
