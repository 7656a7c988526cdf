//! `[forge]`: the Forgejo that the bot works on.
//!
//! An unencrypted wire is refused unless it stays on this machine or the operator says aloud that
//! it may be: whoever listens there holds the bot's token. It asks the forge nothing.

use std::path::PathBuf;
use std::time::Duration;

use super::duration::HOUR;
use super::section::Section;
use super::{base_url, value};
use crate::gate::ids::UserId;

/// An example of what to write.
const URL: &str = r#"url = "https://forge.example""#;
/// An example of what to write.
const INSECURE: &str = "insecure_http = true";

/// The forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forge {
    /// Its base URL, maybe with a sub-path; no final slash.
    pub url: String,
    /// Whether an unencrypted wire is accepted.
    pub insecure_http: bool,
    /// The bot's access token.
    pub token_file: PathBuf,
    /// The bot's account; asked of the forge if absent.
    pub bot_id: Option<UserId>,
    /// How often comments are read that no webhook brought.
    pub reconcile: Duration,
}

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> Forge {
    let url = section.required("url", URL, base_url::read);
    let insecure_http = section.optional("insecure_http", INSECURE, value::boolean);
    let insecure_http = insecure_http.unwrap_or(false);
    let token_file = section.required_secret("token_file", r#"token_file = "secrets/forge-token""#);
    let bot_id = section.optional("bot_id", "bot_id = 5", value::user);
    let reconcile = section
        .optional("reconcile", r#"reconcile = "15s""#, value::span(1, HOUR))
        .map_or(Duration::from_secs(15), Duration::from_secs);
    if let Some(url) = &url {
        match (url.in_the_clear, insecure_http) {
            (true, false) => section.fault(
                "url",
                format!(
                    "{:?} is http, and the bot's token would cross the network in the clear: use \
                     https, or http on loopback, or say insecure_http = true for a private network",
                    url.text
                ),
                URL,
            ),
            (true, true) => section.reading.warn(
                section.at("insecure_http"),
                format!(
                    "the bot's token crosses the network to {:?} in the clear; whoever listens \
                     there can act as the bot",
                    url.text
                ),
            ),
            (false, true) => section.reading.warn(
                section.at("insecure_http"),
                "is not needed for this url: leave it out",
            ),
            (false, false) => {}
        }
    }
    section.finish();
    Forge {
        url: url.map(|url| url.text).unwrap_or_default(),
        insecure_http,
        token_file,
        bot_id,
        reconcile,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{only_fault, with};

    #[test]
    fn http_beyond_this_machine_must_be_said_aloud() {
        let http = with("https://forge.example", "http://forge.example");
        let fault = only_fault(&http, "forge.url");
        assert!(fault.why.contains("insecure_http = true"), "{fault}");
        let loaded = http
            .with("[forge]", "[forge]\ninsecure_http = true")
            .load()
            .unwrap();
        assert_eq!(loaded.config.forge.url, "http://forge.example");
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].why.contains("in the clear"));
    }

    #[test]
    fn http_on_this_machine_is_silent() {
        let loaded = with("https://forge.example", "http://[::1]:3000")
            .load()
            .unwrap();
        assert_eq!(loaded.config.forge.url, "http://[::1]:3000");
        assert_eq!(loaded.warnings, []);
    }

    #[test]
    fn a_needless_permission_is_pointed_out() {
        let loaded = with("[forge]", "[forge]\ninsecure_http = true")
            .load()
            .unwrap();
        assert!(loaded.warnings[0].why.contains("leave it out"));
    }

    #[test]
    fn the_sub_path_of_a_forge_stays() {
        for url in ["https://forge.example/git", "https://forge.example/git/"] {
            let loaded = with("https://forge.example", url).load().unwrap();
            assert_eq!(loaded.config.forge.url, "https://forge.example/git");
        }
    }

    #[test]
    fn reconciling_is_neither_frantic_nor_forgotten() {
        for bad in ["0s", "2h", "15"] {
            let changed = with("[forge]", &format!("[forge]\nreconcile = {bad:?}"));
            only_fault(&changed, "forge.reconcile");
        }
    }
}
