//! Asking the running bot over its admin socket, on this host only.
//!
//! Nobody answering is told apart from a bad answer: without a running bot some commands read files.

use std::time::Duration;

use anyhow::Context;
use reqwest::StatusCode;
use serde_json::Value;

use crate::config::Config;

/// A way to the running bot.
pub(super) struct Admin {
    client: reqwest::Client,
}

impl Admin {
    /// Finds the running bot; `None` if nobody answers on the socket.
    pub(super) fn find(config: &Config) -> anyhow::Result<Option<Self>> {
        let socket = &config.server.admin_socket;
        if std::os::unix::net::UnixStream::connect(socket).is_err() {
            return Ok(None);
        }
        // Nothing is encrypted here, yet the client wants a provider. An error says that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .unix_socket(socket.clone())
            .timeout(Duration::from_secs(300))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only([])
            .build()
            .context("cannot speak to the admin socket")?;
        Ok(Some(Self { client }))
    }

    /// Asks for something; an answer that is no success is an answer, too.
    pub(super) async fn get(
        &self,
        path: &str,
        parameters: &[(&str, String)],
    ) -> anyhow::Result<(StatusCode, Value)> {
        let call = self.client.get(format!("http://ownergate{path}"));
        answer(call.query(parameters)).await
    }

    /// Hands a file in; an answer that is no success is an answer, too.
    pub(super) async fn post(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        file: Vec<u8>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let call = self.client.post(format!("http://ownergate{path}"));
        answer(call.query(parameters).body(file)).await
    }
}

async fn answer(call: reqwest::RequestBuilder) -> anyhow::Result<(StatusCode, Value)> {
    let answer = call
        .send()
        .await
        .context("the running bot does not answer on its admin socket")?;
    let status = answer.status();
    let body = answer.json().await.context("the bot's answer is no JSON")?;
    Ok((status, body))
}

/// Loads the configuration, or says everything that is wrong with it.
pub(super) fn load(path: &std::path::Path) -> anyhow::Result<Config> {
    match Config::load(path) {
        Ok(loaded) => Ok(loaded.config),
        Err(faults) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Err(anyhow::anyhow!("{}", lines.join("\n")))
        }
    }
}

/// A runtime for one command.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}
