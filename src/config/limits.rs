//! `[limits]`: how often those may call who have a name here.
//!
//! Deliveries, forward-auth and whatever narrows have no limit, and what can be tried out has a fixed one;
//! none of them is set here.

use std::num::NonZeroU32;

use toml::Value;

use super::section::Section;
use super::value;

/// What an operator may call in a minute, where nothing else is said.
const OPERATOR: NonZeroU32 = NonZeroU32::new(600).unwrap();
/// What a resource server may call in a minute, where nothing else is said: 5,000 a second.
const CLIENT: NonZeroU32 = NonZeroU32::new(300_000).unwrap();
/// The most that can be set: as good as none.
const MOST: u32 = 100_000_000;

/// Calls in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one operator, by token or as a user of the host; narrowing is not counted.
    pub operator: NonZeroU32,
    /// Of one resource server; forward-auth is not counted.
    pub client: NonZeroU32,
}

/// Reads `[limits]`.
pub(super) fn read(mut section: Section<'_>) -> Limits {
    let operator = section.optional("operator_per_minute", "operator_per_minute = 600", calls);
    let client = section.optional("client_per_minute", "client_per_minute = 300000", calls);
    section.finish();
    Limits {
        operator: operator.unwrap_or(OPERATOR),
        client: client.unwrap_or(CLIENT),
    }
}

fn calls(value: &Value) -> Result<NonZeroU32, String> {
    let calls = value::number(1, MOST)(value)?;
    NonZeroU32::new(calls).ok_or_else(|| "must be above zero".to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{base, only_fault, with};

    #[test]
    fn what_is_left_out_has_the_documented_value_and_nothing_is_shut_for_good() {
        let config = base().load().unwrap().config;
        assert_eq!(config.limits.operator.get(), 600);
        assert_eq!(config.limits.client.get(), 300_000);
        let set = "[limits]\noperator_per_minute = 1\nclient_per_minute = 100000000\n[store]";
        let config = with("[store]", set).load().unwrap().config;
        assert_eq!(config.limits.operator.get(), 1);
        assert_eq!(config.limits.client.get(), 100_000_000);
        for key in ["operator_per_minute", "client_per_minute"] {
            for bad in ["0", "-1", "100000001", "\"600\""] {
                let changed = with("[store]", &format!("[limits]\n{key} = {bad}\n[store]"));
                let fault = only_fault(&changed, &format!("limits.{key}"));
                assert!(fault.example.starts_with(key), "{fault}");
            }
        }
    }
}
