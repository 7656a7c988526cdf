//! `[server]`: where the bot listens, and how it is reached.
//!
//! Everything on one address is allowed only where nobody else can reach that address: what only
//! resource servers and operators may ask never stands open by an omission. It binds nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use toml::Value;

use super::section::Section;
use super::{Listen, base_url, listen, value};

/// The longest path of a Unix socket, in bytes: 108 with the closing zero (Linux, unix(7)).
const SOCKET_PATH_LIMIT: usize = 107;

/// An example of what to write.
const LISTEN: &str = r#"listen = "127.0.0.1:8420""#;
/// An example of what to write.
const INTERNAL_LISTEN: &str = r#"internal_listen = "127.0.0.1:8421""#;
/// An example of what to write.
const PUBLIC_URL: &str = r#"public_url = "https://gate.example""#;
/// An example of what to write.
const ADMIN_SOCKET: &str = r#"admin_socket = "/run/ownergate/ownergate.sock""#;

/// Where the bot listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Webhooks, claim, activation; everything if there is no `internal_listen`.
    pub listen: Listen,
    /// Introspection, forward-auth, metrics, the operator API, pages.
    pub internal_listen: Option<Listen>,
    /// What is written into comments and hooks; no final slash.
    pub public_url: String,
    /// The command line's way in.
    pub admin_socket: PathBuf,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: BTreeSet<IpAddr>,
}

/// Reads the section.
pub(super) fn read(mut section: Section<'_>) -> Server {
    let listen = section.required("listen", LISTEN, listen::read);
    let internal_listen = section.optional("internal_listen", INTERNAL_LISTEN, listen::read);
    let public_url = section.required("public_url", PUBLIC_URL, public_url);
    let admin_socket = section
        .optional_path("admin_socket", ADMIN_SOCKET)
        .unwrap_or_else(|| section.reading.resolve("ownergate.sock"));
    let trusted_proxies = section.optional(
        "trusted_proxies",
        r#"trusted_proxies = ["127.0.0.1"]"#,
        value::set(address),
    );
    check_socket(&section, &admin_socket);
    if let Some(listen) = &listen {
        check_listeners(&section, listen, internal_listen.as_ref());
    }
    section.finish();
    let nowhere = Listen {
        host: String::new(),
        port: 0,
    };
    Server {
        listen: listen.unwrap_or(nowhere),
        internal_listen,
        public_url: public_url.unwrap_or_default(),
        admin_socket,
        trusted_proxies: trusted_proxies.unwrap_or_default(),
    }
}

/// Reads where agents and webhooks reach the bot: tokens travel there, so it is encrypted.
fn public_url(value: &Value) -> Result<String, String> {
    let url = base_url::read(value)?;
    if url.in_the_clear {
        return Err(format!(
            "{:?} is http: tokens would cross the network in the clear; use https, \
             or http on loopback",
            url.text
        ));
    }
    Ok(url.text)
}

/// Reads one IP address.
fn address(value: &Value) -> Result<IpAddr, String> {
    let text = value::text(value)?;
    text.parse()
        .map_err(|_| format!("{text:?} is not an IP address"))
}

/// A longer path could not be bound.
fn check_socket(section: &Section<'_>, path: &Path) {
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        let why = format!(
            "the path has {length} bytes, and a socket's may have {SOCKET_PATH_LIMIT} \
             (the system's 108 with the closing zero)"
        );
        section.fault("admin_socket", why, ADMIN_SOCKET);
    }
}

/// What is internal is not served where others can reach it.
fn check_listeners(section: &Section<'_>, listen: &Listen, internal: Option<&Listen>) {
    match internal {
        Some(internal) if listen.meets(internal) => {
            let why = format!("{internal} cannot be bound beside listen = {listen}");
            section.fault("internal_listen", why, INTERNAL_LISTEN);
        }
        None if !listen.is_loopback()
            && !section.reading.faulty(&section.at("internal_listen")) =>
        {
            let why = format!(
                "{listen} can be reached from elsewhere, and without internal_listen it would \
                 serve introspection, metrics and operators too: listen on loopback, or set \
                 internal_listen"
            );
            section.fault("listen", why, INTERNAL_LISTEN);
        }
        Some(_) | None => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{only_fault, with};

    #[test]
    fn an_open_address_needs_an_internal_one() {
        let open = [
            "0.0.0.0:8420",
            "[::]:8420",
            "gate.example:8420",
            "10.0.0.5:80",
        ];
        for listen in open {
            let changed = with(r#""127.0.0.1:8420""#, &format!("{listen:?}"));
            let fault = only_fault(&changed, "server.listen");
            assert!(fault.why.contains("loopback"), "{fault}");
            assert!(fault.example.contains("internal_listen"), "{fault}");
            let mended = changed.with("[server]", "[server]\ninternal_listen = \"127.0.0.1:8421\"");
            assert_eq!(
                mended.load().unwrap().config.server.listen.to_string(),
                listen
            );
        }
    }

    #[test]
    fn every_form_of_loopback_may_stand_alone() {
        for listen in ["localhost:8420", "[::1]:8420", "127.0.0.1:0"] {
            let loaded = with(r#""127.0.0.1:8420""#, &format!("{listen:?}"))
                .load()
                .unwrap();
            assert_eq!(loaded.config.server.listen.to_string(), listen);
        }
    }

    #[test]
    fn two_listeners_need_two_addresses() {
        let both = with("[server]", "[server]\ninternal_listen = \"localhost:8420\"");
        let fault = only_fault(&both, "server.internal_listen");
        assert!(fault.why.contains("127.0.0.1:8420"), "{fault}");
    }

    #[test]
    fn the_public_url_is_safe_and_in_one_form() {
        let http = with("https://gate.example", "http://gate.example");
        let fault = only_fault(&http, "server.public_url");
        assert!(fault.why.contains("use https"), "{fault}");
        let path = with("https://gate.example", "https://host.example/gate/")
            .load()
            .unwrap();
        assert_eq!(path.config.server.public_url, "https://host.example/gate");
        let local = with("https://gate.example", "http://127.0.0.1:8420")
            .load()
            .unwrap();
        assert_eq!(local.config.server.public_url, "http://127.0.0.1:8420");
    }

    #[test]
    fn a_socket_path_ends_at_the_limit_of_the_system() {
        let of_length = |length: usize| {
            let path = format!("/{}", "s".repeat(length - 1));
            with("[server]", &format!("[server]\nadmin_socket = {path:?}"))
        };
        let fault = only_fault(&of_length(120), "server.admin_socket");
        assert!(
            fault.why.contains("120") && fault.why.contains("107"),
            "{fault}"
        );
        only_fault(&of_length(108), "server.admin_socket");
        assert!(of_length(107).load().is_ok());
    }

    #[test]
    fn proxies_are_addresses() {
        let named = with(
            "[server]",
            "[server]\ntrusted_proxies = [\"proxy.example\"]",
        );
        let fault = only_fault(&named, "server.trusted_proxies");
        assert!(fault.why.contains("proxy.example"), "{fault}");
    }
}
