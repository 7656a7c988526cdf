//! Addresses to listen on: `127.0.0.1:8420`, `[::1]:8420`, `localhost:8420`, `[::]:8420`.
//!
//! A host name stays a name until the socket is bound, because only then is it known which of its
//! addresses this machine has. Any name but `localhost` counts as reachable from elsewhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use toml::Value;

use super::value;

/// A host and a port to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// A host name or an address, without brackets.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl Listen {
    /// Reads `host:port`; an IPv6 address stands in brackets.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an address and a port");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let right = match bracketed {
            Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host.parse::<Ipv4Addr>().is_ok() || is_host_name(host),
        };
        if !right {
            return Err(wrong());
        }
        let host = bracketed.unwrap_or(host).to_owned();
        Ok(Self { host, port })
    }

    /// True if only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.address().map_or_else(
            || self.host.eq_ignore_ascii_case("localhost"),
            |address| address.is_loopback(),
        )
    }

    /// True if both cannot be bound at once. Ports that the system chooses never meet.
    pub fn meets(&self, other: &Self) -> bool {
        let everywhere = |listen: &Self| listen.address().is_some_and(|it| it.is_unspecified());
        let named = |listen: &Self| listen.address().is_none() && listen.is_loopback();
        let same_host = self.host.eq_ignore_ascii_case(&other.host)
            || everywhere(self)
            || everywhere(other)
            || (named(self) && other.is_loopback())
            || (named(other) && self.is_loopback());
        self.port != 0 && self.port == other.port && same_host
    }

    /// The host, if it is an address and no name.
    fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Reads an address to listen on.
pub(super) fn read(value: &Value) -> Result<Listen, String> {
    Listen::parse(&value::text(value)?)
}

/// Letters, digits, dots and dashes, and not a number in disguise such as `127.1`.
fn is_host_name(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(allowed)
        && host.chars().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn addresses_say_whether_others_can_reach_them() {
        for (text, loopback) in [
            ("127.0.0.1:8420", true),
            ("127.8.8.8:0", true),
            ("localhost:8420", true),
            ("[::1]:8420", true),
            ("[::]:8420", false),
            ("0.0.0.0:8420", false),
            ("10.0.0.5:8420", false),
            ("gate.example:8420", false),
        ] {
            let listen = Listen::parse(text).unwrap();
            assert_eq!(listen.is_loopback(), loopback, "{text}");
            assert_eq!(listen.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "8420",
            ":8420",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "127.1:80",
            "::1:8420",
            "[::1]",
            "[127.0.0.1]:80",
            "http://127.0.0.1:80",
            "a b:80",
            "x:+80",
        ] {
            assert!(Listen::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_addresses_meet_on_one_port() {
        let meets = |a: &str, b: &str| {
            let (a, b) = (Listen::parse(a).unwrap(), Listen::parse(b).unwrap());
            assert_eq!(a.meets(&b), b.meets(&a));
            a.meets(&b)
        };
        assert!(meets("127.0.0.1:1", "127.0.0.1:1"));
        assert!(meets("localhost:1", "127.0.0.1:1"));
        assert!(meets("0.0.0.0:1", "127.0.0.1:1"));
        assert!(meets("[::]:1", "10.0.0.1:1"));
        assert!(!meets("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!meets("127.0.0.1:1", "127.0.0.1:2"));
        assert!(!meets("10.0.0.1:1", "10.0.0.2:1"));
    }
}
