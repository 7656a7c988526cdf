//! Which certificate authorities are trusted: the system's, or those that `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name instead.
//!
//! The configuration is made here and not by the HTTP library, which refuses to make a client where
//! no authority is found, even for plain http: an image may have none. With an empty store every
//! certificate is refused; nothing turns the verification off.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// The trusted authorities and what is to be said about them in an error.
#[derive(Debug)]
pub(super) struct Roots {
    pub(super) store: RootCertStore,
    /// What could not be read, one sentence each.
    faults: Vec<String>,
}

impl Roots {
    /// No authority: for a forge that is reached by plain http.
    pub(super) fn none() -> Self {
        Self {
            store: RootCertStore::empty(),
            faults: Vec::new(),
        }
    }

    /// The authorities of this machine.
    pub(super) fn system() -> Self {
        let loaded = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(loaded.certs);
        Self {
            store,
            faults: loaded.errors.iter().map(ToString::to_string).collect(),
        }
    }

    /// The settings of every connection.
    pub(super) fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.store.clone())
            .with_no_client_auth();
        Ok(config)
    }

    /// What to do about a certificate whose issuer is unknown.
    pub(super) fn mend(&self) -> String {
        let found = if self.store.is_empty() {
            "no certificate authority was found on this machine"
        } else {
            "it is not among the authorities of this machine"
        };
        let mut text = format!(
            "unknown issuer: {found}; put the authority's certificate into the system store, or \
             name its PEM file in SSL_CERT_FILE, and start again"
        );
        if let Some(fault) = self.faults.first() {
            text.push_str(&format!(" (reading them failed: {fault})"));
        }
        text
    }
}
