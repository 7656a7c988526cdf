//! Listeners that the service manager has opened and keeps open (sd_listen_fds(3)): who calls while
//! the bot is being restarted waits, and is answered by the new one.
//!
//! They are told apart by name (`FileDescriptorName=` of the socket unit): `public` takes the place
//! of `server.listen`, `internal` that of `server.internal_listen`. What is internal is never served
//! on an address that others can reach, whoever opened it.

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::{Context, bail};
use listenfd::ListenFd;

/// The listeners that were handed over; usually none.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    /// For webhooks and holders.
    pub public: Vec<Arc<TcpListener>>,
    /// For resource servers and operators.
    pub internal: Vec<Arc<TcpListener>>,
}

impl Inherited {
    /// Takes what the environment announces for this very process. Call it once, before any thread
    /// is started: it takes the announcement away, so that no child believes in it.
    pub fn from_environment() -> anyhow::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the service manager's way to name what it hands over"
        )]
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut handed = ListenFd::from_env();
        let mut inherited = Self::default();
        for (place, name) in named(&names, handed.len()).into_iter().enumerate() {
            let listener = handed
                .take_tcp_listener(place)
                .with_context(|| format!("the service manager's socket {name:?} cannot be used"))?
                .with_context(|| format!("the service manager's socket {name:?} was taken"))?;
            match name.as_str() {
                "public" => inherited.public.push(Arc::new(listener)),
                "internal" => inherited.internal.push(Arc::new(listener)),
                _ => bail!(
                    "the service manager hands over a socket named {name:?}, and only `public` and \
                     `internal` are known: set FileDescriptorName= in its unit"
                ),
            }
        }
        Ok(inherited)
    }

    /// Refuses what would serve more than the configuration allows. `alone`: there is no listener
    /// of its own for what is internal.
    pub(super) fn check(&self, alone: bool) -> anyhow::Result<()> {
        if !alone {
            return Ok(());
        }
        if !self.internal.is_empty() {
            bail!(
                "the service manager hands over a socket `internal`, and server.internal_listen is \
                 not set: set it, or take that socket's unit away"
            );
        }
        for listener in &self.public {
            let address = listener.local_addr().context("a socket has no address")?;
            if !address.ip().is_loopback() {
                bail!(
                    "the service manager's socket `public` is {address}, which can be reached from \
                     elsewhere, and without server.internal_listen it would serve introspection, \
                     metrics and operators too: set internal_listen"
                );
            }
        }
        Ok(())
    }
}

/// The names of so many sockets. Without names there is one for each listener, the public one first.
fn named(names: &str, count: usize) -> Vec<String> {
    let given: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
    let usual = ["public", "internal"];
    (0..count)
        .map(|place| {
            let list = if given.is_empty() { &usual[..] } else { &given };
            (*list.get(place).unwrap_or(&"")).to_owned()
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn listener(address: &str) -> Arc<TcpListener> {
        Arc::new(TcpListener::bind(address).unwrap())
    }

    #[test]
    fn sockets_are_told_apart_by_name_and_without_names_by_place() {
        assert_eq!(named("", 0), Vec::<String>::new());
        assert_eq!(named("", 2), ["public", "internal"]);
        assert_eq!(
            named("internal:public:public", 3),
            ["internal", "public", "public"]
        );
        // More sockets than names: nothing is guessed.
        assert_eq!(named("public", 2), ["public", ""]);
        assert_eq!(named("", 3), ["public", "internal", ""]);
    }

    #[test]
    fn a_socket_never_serves_to_others_what_is_internal() {
        let open = Inherited {
            public: vec![listener("0.0.0.0:0")],
            internal: Vec::new(),
        };
        let why = open.check(true).unwrap_err().to_string();
        assert!(why.contains("set internal_listen"), "{why}");
        open.check(false).unwrap();
        let here = Inherited {
            public: vec![listener("127.0.0.1:0")],
            internal: Vec::new(),
        };
        here.check(true).unwrap();
    }

    #[test]
    fn an_internal_socket_needs_its_setting() {
        let both = Inherited {
            public: vec![listener("127.0.0.1:0")],
            internal: vec![listener("127.0.0.1:0")],
        };
        let why = both.check(true).unwrap_err().to_string();
        assert!(why.contains("server.internal_listen is not set"), "{why}");
        both.check(false).unwrap();
    }
}
