//! Telling a bot that a token has arrived: the call behind `open --activate`.
//!
//! Invariant: the token goes to the address that the caller gave and nowhere else: no redirect is
//! followed, plain http stays on this machine. What the bot answers is shown through `printable`.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use serde_json::Value;
use zeroize::Zeroizing;

use super::printable::printable;
use crate::secret::token::RawToken;

/// No answer about a token is larger.
const LARGEST_ANSWER: usize = 64 * 1024;

/// How long the bot may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks a bot's address: https, or http that does not leave this machine.
pub(super) fn bot_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|fault| format!("not a URL ({fault})"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let on_this_machine = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if on_this_machine => {}
        "http" => return Err("http would show the network what is said: use https".to_owned()),
        _ => return Err("not an https address".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a name or password does not belong into the bot's address".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("give the bot's address without ? and #".to_owned());
    }
    Ok(url)
}

/// Tells the bot that the token has arrived; gives what it may do, a line each.
pub(super) async fn activate(bot: &Url, token: &RawToken) -> anyhow::Result<Vec<String>> {
    let base = bot.as_str().trim_end_matches('/');
    let address = Url::parse(&format!("{base}/v1/activate")).context("cannot make the address")?;
    let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut bearer = HeaderValue::from_str(&bearer).context("cannot make the header")?;
    bearer.set_sensitive(true);
    let response = client(bot)?
        .post(address)
        .header(AUTHORIZATION, bearer)
        .send()
        .await
        .with_context(|| format!("{bot} cannot be reached"))?;
    match response.status() {
        StatusCode::OK => what_it_may_do(response).await,
        StatusCode::UNAUTHORIZED => bail!(
            "{bot} does not accept it: it has ended, was taken back, or was issued by another bot"
        ),
        status if status.is_redirection() => bail!(
            "{bot} redirects, which is not followed with a token: give the address that it names"
        ),
        status => bail!("{bot} answers {status}: try again later"),
    }
}

/// A client that follows no redirect; plain http stays on this machine whatever proxy is set, and
/// needs no certificates.
pub(super) fn client(bot: &Url) -> anyhow::Result<reqwest::Client> {
    // An error says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none());
    let builder = match bot.scheme() {
        "http" => builder.no_proxy().tls_certs_only([]),
        _ => builder.https_only(true),
    };
    builder.build().context("cannot set up the network")
}

/// Reads the bot's answer, up to so many bytes.
pub(super) async fn read(mut response: Response, most: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.context("the answer was cut")? {
        body.extend_from_slice(&chunk);
        if body.len() > most {
            bail!("the answer is too large to be the bot's");
        }
    }
    Ok(body)
}

/// Reads what a token may do.
async fn what_it_may_do(response: Response) -> anyhow::Result<Vec<String>> {
    let body = read(response, LARGEST_ANSWER).await?;
    match serde_json::from_slice(&body) {
        Ok(Value::Object(answer)) => Ok(answer
            .iter()
            .map(|(name, value)| printable(&format!("{name}: {}", in_words(value))))
            .collect()),
        _ => bail!("the answer is not the bot's: is this its address?"),
    }
}

/// A value without the quotes and brackets of JSON where it is simple.
pub(super) fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_over_https_or_on_this_machine_only() {
        for bad in [
            "gate.example",
            "http://gate.example",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://127.0.0.1@gate.example",
            "ftp://127.0.0.1",
            "https://me:secret@gate.example",
            "https://gate.example/?x=1",
            "https://gate.example/#x",
        ] {
            assert!(bot_address(bad).is_err(), "{bad}");
        }
        for good in [
            "https://gate.example/gate/",
            "http://127.0.0.1:8420",
            "http://[::1]:8420",
            "http://localhost:8420",
        ] {
            assert!(bot_address(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn simple_values_are_shown_without_their_json() {
        let value = serde_json::json!({"a": [1, "x y", null], "b": {"c": true}});
        assert_eq!(in_words(&value["a"]), "1 x y null");
        assert_eq!(in_words(&value["b"]), r#"{"c":true}"#);
    }
}
