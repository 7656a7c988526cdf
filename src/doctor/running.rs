//! The running bot, as its internal listener tells: whether it works, and what it has received.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Findings;
use crate::config::{Config, Listen};
use crate::secret::file::read_secret_file;
use crate::secret::signing::SigningKey;
use crate::store;

/// How long an answer on this machine may take.
const SOON: Duration = Duration::from_secs(5);

/// A bot that answers.
pub(super) struct Running {
    client: reqwest::Client,
    base: String,
}

/// Deliveries that the bot has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deliveries {
    /// Signed rightly, and none of its business: what the test of a hook is.
    pub(super) ignored: u64,
    /// Signed with another secret.
    pub(super) bad_signature: u64,
}

/// Asks whether it is ready.
pub(super) async fn ask(found: &mut Findings, config: &Config, file: &Path) -> Option<Running> {
    let server = &config.server;
    let listen = server.internal_listen.as_ref().unwrap_or(&server.listen);
    let running = Running {
        client: client().ok()?,
        base: reached(listen),
    };
    let answer = running
        .client
        .get(format!("{}/readyz", running.base))
        .send()
        .await;
    let state = match answer {
        Ok(answer) => answer.json::<Value>().await.ok(),
        Err(_) => None,
    };
    match state {
        Some(state) if state["ready"].is_boolean() => {
            if !running.is_ours(config).await {
                found.fail(
                    "running",
                    format!(
                        "another bot answers on {}: its key is not the one of this gate",
                        running.base
                    ),
                    "stop it, or let this one listen elsewhere",
                );
                return None;
            }
            judge(found, &state);
            Some(running)
        }
        other => {
            silent(found, config, file, (&running.base, other.is_some()));
            None
        }
    }
}

/// How a listener is reached from this machine.
fn reached(listen: &Listen) -> String {
    let host = match listen.host.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    format!("http://{host}:{}", listen.port)
}

/// Nobody answers, or somebody else does.
fn silent(found: &mut Findings, config: &Config, file: &Path, (base, somebody): (&str, bool)) {
    if somebody {
        found.fail(
            "running",
            format!("something answers on {base} that is not this bot"),
            "stop it, or let the bot listen elsewhere",
        );
        return;
    }
    match store::holder(&config.store.path) {
        Some(pid) => {
            let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
            found.fail(
                "running",
                format!("the bot{pid} holds the store and does not answer on {base}"),
                "look into its log; it may run with another configuration",
            );
        }
        None => found.warn(
            "running",
            "the bot does not run",
            format!("ownergate serve --config {}", file.display()),
        ),
    }
}

/// What `readyz` says.
fn judge(found: &mut Findings, state: &Value) {
    let before = found.checks.len();
    if state["ready"] != true {
        let why = match &state["waits_for"] {
            Value::Null => "its journal cannot be written".to_owned(),
            waits => format!("it waits for {}", text(waits)),
        };
        found.fail(
            "running",
            format!("the bot is not ready: {why}"),
            "look into its log",
        );
    }
    if state["disk"]["low"] == true {
        found.fail(
            "running",
            "the bot's disk is below its reserve: only what takes away is journaled",
            "make room",
        );
    }
    judge_forge(found, state);
    if found.checks.len() == before {
        found.ok("running", "the bot is ready");
    }
}

/// What `readyz` says of history, time and forge.
fn judge_forge(found: &mut Findings, state: &Value) {
    if !state["lost_history"].is_null() {
        found.fail(
            "running",
            format!("lines of the journal are missing: {}", text(&state["lost_history"])),
            "put the newest journal back, or accept the loss: ownergate serve --accept-journal-loss",
        );
    }
    if !state["clock"].is_null() {
        found.fail(
            "running",
            format!(
                "the bot does not trust the clock: {}",
                text(&state["clock"])
            ),
            "set the clocks of both machines by NTP",
        );
    }
    if !state["forge"]["trouble"].is_null() {
        found.fail(
            "running",
            format!(
                "the bot has trouble with the forge: {}",
                text(&state["forge"]["trouble"])
            ),
            "see the check `forge`",
        );
    }
    let refused = state["boards"].as_array().into_iter().flatten();
    for board in refused.filter(|board| board["refused"] == true) {
        found.fail(
            "running",
            format!(
                "board {} was not read for too long: its tokens are refused",
                text(&board["board"])
            ),
            "see the check `forge`",
        );
    }
    if state["parked"].as_u64().unwrap_or(0) > 0 {
        found.warn(
            "running",
            format!("events that cannot be decided: {}", state["parked"]),
            "look into the bot's log: the forge does not give what they are about",
        );
    }
}

/// A value from the bot, for people.
fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => crate::cli::printable::printable(text),
        None => value.to_string(),
    }
}

impl Running {
    /// False if the bot that answers has another signing key than this configuration.
    async fn is_ours(&self, config: &Config) -> bool {
        let text = read_secret_file(&config.secrets.signing_key_file).ok();
        let key = text.and_then(|text| SigningKey::parse(&text).ok());
        let asked = format!("{}/v1/bot-key", reached(&config.server.listen));
        let answer = self.client.get(asked).send().await;
        let told = match answer {
            Ok(answer) => answer.json::<Value>().await.ok(),
            Err(_) => None,
        };
        match (
            key,
            told.as_ref().and_then(|told| told["public_key"].as_str()),
        ) {
            (Some(key), Some(told)) => key.public_hex() == told,
            // A key that cannot be read is told elsewhere; a public listener that is elsewhere, too
            // (a socket of the service manager), cannot be asked.
            _ => true,
        }
    }

    /// What it has counted.
    pub(super) async fn deliveries(&self) -> Option<Deliveries> {
        let answer = self
            .client
            .get(format!("{}/metrics", self.base))
            .send()
            .await;
        let text = answer.ok()?.text().await.ok()?;
        let count = |outcome: &str| {
            let start = format!("ownergate_deliveries_total{{outcome=\"{outcome}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&start));
            line.and_then(|number| number.trim().parse().ok())
                .unwrap_or(0)
        };
        Some(Deliveries {
            ignored: count("ignored"),
            bad_signature: count("bad_signature"),
        })
    }
}

/// Plain http on this machine: no certificates, no proxy, nothing followed.
fn client() -> reqwest::Result<reqwest::Client> {
    // Nothing is encrypted here, yet the client wants a provider. An error says that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(SOON)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_certs_only([])
        .build()
}
