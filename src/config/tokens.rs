//! `[tokens]` and `[requests]`: what tokens look like, and how long things last.
//!
//! The bounds keep a slip of the unit from making something last for ever: a sealed credential
//! waits a day at most, and so does a grace.

use toml::Value;

use super::duration::{DAY, HOUR, MINUTE};
use super::section::Section;
use super::value;

/// Tokens and the life of what they belong to; spans in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// What every token begins with.
    pub prefix: String,
    /// Within which a sealed credential must be used first.
    pub activation: u64,
    /// That a rotated credential lives on.
    pub grace: u64,
    /// From the last approval to the end of an identity.
    pub identity_ttl: u64,
    /// From the closing of a thread to the revocation of its identities.
    pub closed_revoke: u64,
}

/// Requests; spans in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// After which an open request ends.
    pub ttl: u64,
}

/// Reads `[tokens]`.
pub(super) fn read(mut section: Section<'_>) -> Tokens {
    let prefix = section.optional("prefix", r#"prefix = "og""#, prefix);
    let mut span = |key, example, bounds: (u64, u64), otherwise| {
        let read = value::span(bounds.0, bounds.1);
        section.optional(key, example, read).unwrap_or(otherwise)
    };
    let day = (MINUTE, DAY);
    let year = (MINUTE, 366 * DAY);
    let tokens = Tokens {
        prefix: prefix.unwrap_or_else(|| "og".to_owned()),
        activation: span("activation", r#"activation = "24h""#, day, DAY),
        grace: span("grace", r#"grace = "15m""#, (0, DAY), 15 * MINUTE),
        identity_ttl: span("identity_ttl", r#"identity_ttl = "90d""#, year, 90 * DAY),
        closed_revoke: span("closed_revoke", r#"closed_revoke = "24h""#, year, DAY),
    };
    section.finish();
    tokens
}

/// Reads `[requests]`.
pub(super) fn read_requests(mut section: Section<'_>) -> Requests {
    let ttl = section.optional("ttl", r#"ttl = "72h""#, value::span(MINUTE, 30 * DAY));
    section.finish();
    Requests {
        ttl: ttl.unwrap_or(72 * HOUR),
    }
}

/// `[a-z][a-z0-9]{0,7}`: a token is split at its first `_`, and scanners look for this beginning.
fn prefix(value: &Value) -> Result<String, String> {
    let text = value::text(value)?;
    let mut characters = text.chars();
    let begins = characters.next().is_some_and(|c| c.is_ascii_lowercase());
    let goes_on = characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if begins && goes_on && text.len() <= 8 {
        return Ok(text);
    }
    Err(format!(
        "{text:?}: a prefix has the form [a-z][a-z0-9]{{0,7}}"
    ))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{base, only_fault, with};

    #[test]
    fn what_is_left_out_has_the_documented_value() {
        let config = base().load().unwrap().config;
        assert_eq!(config.tokens.prefix, "og");
        assert_eq!(config.tokens.activation, 24 * 3600);
        assert_eq!(config.tokens.grace, 15 * 60);
        assert_eq!(config.tokens.identity_ttl, 90 * 24 * 3600);
        assert_eq!(config.tokens.closed_revoke, 24 * 3600);
        assert_eq!(config.requests.ttl, 72 * 3600);
    }

    #[test]
    fn a_prefix_has_one_form() {
        for good in ["a", "og", "gate2026"] {
            let loaded = with("[store]", &format!("[tokens]\nprefix = {good:?}\n[store]"));
            assert_eq!(loaded.load().unwrap().config.tokens.prefix, good);
        }
        for bad in ["", "OG", "2og", "o_g", "o-g", "gate20260", "ög"] {
            let changed = with("[store]", &format!("[tokens]\nprefix = {bad:?}\n[store]"));
            only_fault(&changed, "tokens.prefix");
        }
    }

    #[test]
    fn no_span_lasts_for_ever() {
        for (key, good, bad) in [
            ("activation", "24h", "25h"),
            ("activation", "1m", "59s"),
            ("grace", "24h", "86401s"),
            ("grace", "0s", "-1s"),
            ("identity_ttl", "366d", "367d"),
            ("closed_revoke", "1m", "0s"),
        ] {
            let spelled = |span| with("[store]", &format!("[tokens]\n{key} = {span:?}\n[store]"));
            assert!(spelled(good).load().is_ok(), "{key} {good}");
            only_fault(&spelled(bad), &format!("tokens.{key}"));
        }
        let changed = with("[store]", "[requests]\nttl = \"31d\"\n[store]");
        let fault = only_fault(&changed, "requests.ttl");
        assert!(fault.why.contains("30d"), "{fault}");
    }
}
