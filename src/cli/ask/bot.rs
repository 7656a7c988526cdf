//! What the bot itself says, at its pinned address: how a request stands, and what a token may do.
//!
//! Invariant: no redirect is followed, answers are capped, and how a request stands is believed only
//! with the signature of a pinned key and for the request that names this agent's key.

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{StatusCode, Url};
use zeroize::Zeroizing;

use super::fault::AskFault;
use super::profile::Setup;
use super::thread::Summary;
use crate::cli::activate::{client, read};
use crate::gate::code::Code;
use crate::gate::ids::RequestNumber;
use crate::gate::statement::Delivery;
use crate::http::document::Document;
use crate::secret::note::NoteFault;
use crate::secret::token::RawToken;

/// No answer about a request is larger.
const LARGEST: usize = 1024 * 1024;

/// How a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The bot's word for it, signed.
    Word(String),
    /// The bot does not say now: why.
    Unsaid(String),
    /// The bot's answer is not signed by a pinned key.
    NotBelieved(NoteFault),
}

/// Asks how a request stands that is to deliver to this recipient.
pub(super) async fn standing(setup: &Setup, summary: &Summary, recipient: &str) -> Standing {
    match document(setup, summary).await {
        Ok(None) => Standing::Unsaid("the bot knows no such request".to_owned()),
        Ok(Some(bytes)) => judged(setup, summary, recipient, &bytes),
        Err(error) => Standing::Unsaid(format!("{error:#}")),
    }
}

fn judged(setup: &Setup, summary: &Summary, recipient: &str, bytes: &[u8]) -> Standing {
    let mut keys = setup.bot_keys.iter();
    let Some(document) = keys.find_map(|key| Document::read(bytes, Some(key)).ok()) else {
        return Standing::NotBelieved(NoteFault::OtherKey);
    };
    let number = RequestNumber::parse(&summary.request);
    let fits = number
        .zip(Code::parse(&summary.code))
        .is_some_and(|(number, code)| document.check(number, &code).is_ok());
    let ours = document.delivery() == Some(Delivery::Recipient(recipient.to_owned()));
    if fits && ours {
        Standing::Word(document.status)
    } else {
        Standing::Unsaid("the summary in the thread is of another request".to_owned())
    }
}

/// The bot's answer; `None` if it knows no such request.
async fn document(setup: &Setup, summary: &Summary) -> anyhow::Result<Option<Vec<u8>>> {
    let path = format!("/v1/requests/{}", summary.request);
    let mut address = at(&setup.bot, &path)?;
    address.query_pairs_mut().append_pair("code", &summary.code);
    let response = client(&setup.bot)?
        .get(address)
        .send()
        .await
        // The error would name the address, and with it the code.
        .map_err(reqwest::Error::without_url)?;
    match response.status() {
        StatusCode::OK => Ok(Some(read(response, LARGEST).await?)),
        StatusCode::NOT_FOUND => Ok(None),
        status => anyhow::bail!("the bot answers {status}"),
    }
}

/// Tells the bot that the token has arrived.
pub(super) async fn activate(setup: &Setup, token: &RawToken, files: &str) -> Result<(), AskFault> {
    let sent = async {
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut bearer = HeaderValue::from_str(&bearer)?;
        bearer.set_sensitive(true);
        let call = client(&setup.bot)?.post(at(&setup.bot, "/v1/activate")?);
        let response = call.header(AUTHORIZATION, bearer).send().await?;
        anyhow::Ok(response.status())
    };
    match sent.await {
        Ok(StatusCode::OK) => Ok(()),
        Ok(StatusCode::UNAUTHORIZED) => Err(AskFault::NotAccepted(files.to_owned())),
        Ok(status) if status.is_redirection() => Err(AskFault::Bot(format!(
            "{} redirects, which is not followed with a token: give the address that it names",
            setup.bot
        ))),
        Ok(status) => Err(AskFault::Bot(format!("{} answers {status}", setup.bot))),
        Err(why) => Err(AskFault::Bot(format!("{why:#}"))),
    }
}

fn at(bot: &Url, path: &str) -> anyhow::Result<Url> {
    let base = bot.as_str().trim_end_matches('/');
    Ok(Url::parse(&format!("{base}{path}"))?)
}
