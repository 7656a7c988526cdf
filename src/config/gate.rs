//! `[board.gate.NAME]`: the rules of one environment, as far as they can be judged alone.
//!
//! A gate whose name says production must demand a signature, because a comment alone is believed
//! only as far as every admin of the forge is. Nothing in a gate has a default that opens it.

use std::collections::BTreeSet;

use toml::Value;

use super::duration::{DAY, MINUTE};
use super::section::Section;
use super::value::{self, NAME, SCOPE};
use crate::gate::policy::{Factor, Gate};
use crate::gate::window::Window;

/// An example of what to write.
const FACTORS: &str = r#"factors = ["comment"]"#;
/// An example for a gate that must demand a signature.
const SIGNED: &str = r#"factors = ["comment", "signature"]"#;
/// An example of what to write.
const OPEN_HOURS: &str = r#"open_hours = "Mon-Fri 08:00-18:00 Europe/Warsaw""#;

/// Reads one gate.
pub(super) fn read(name: &str, mut section: Section<'_>) -> Gate {
    let scopes = section.required(
        "scopes",
        r#"scopes = ["board:read"]"#,
        value::filled(|item| SCOPE.read(item)),
    );
    let max_ttl = section.required(
        "max_ttl",
        r#"max_ttl = "24h""#,
        value::span(MINUTE, 366 * DAY),
    );
    let quorum = section.required("quorum", "quorum = 1", value::number(1, 1000));
    let words = [
        ("comment", Factor::Comment),
        ("code", Factor::Code),
        ("signature", Factor::Signature),
    ];
    let factors = section.required("factors", FACTORS, value::filled(value::one_of(&words)));
    let mut flag = |key, example| {
        let flag = section.optional(key, example, value::boolean);
        flag.unwrap_or(false)
    };
    let self_approval = flag("self_approval", "self_approval = false");
    let holder_rotation = flag("holder_rotation", "holder_rotation = false");
    let offline = flag("offline", "offline = false");
    let judge = section.optional("judge", r#"judge = "required""#, |judge| {
        value::one_of(&[("required", true)])(judge)
    });
    let cooling_off = section.optional(
        "cooling_off",
        r#"cooling_off = "10m""#,
        value::span(1, 7 * DAY),
    );
    let open_hours = section.optional("open_hours", OPEN_HOURS, window);
    check_name(&section, name);
    if let Some(factors) = &factors {
        check_factors(&section, name, factors);
        check_beside(&section, factors, holder_rotation, offline);
    }
    section.finish();
    Gate {
        scopes: scopes.unwrap_or_default(),
        max_ttl: max_ttl.unwrap_or(MINUTE),
        quorum: quorum.unwrap_or(1),
        factors: factors.unwrap_or_default(),
        self_approval,
        holder_rotation,
        offline,
        judge_required: judge.unwrap_or(false),
        cooling_off,
        open_hours,
    }
}

/// Reads hours of the week; the text is kept, its meaning was checked.
pub(super) fn window(value: &Value) -> Result<String, String> {
    let text = value::text(value)?;
    Window::parse(&text).map(|_| text)
}

/// The name is part of keys and commands, so that it has the form of one.
fn check_name(section: &Section<'_>, name: &str) {
    if let Err(why) = NAME.read(&Value::String(name.to_owned())) {
        section.reading.fault(&section.key, why, "[board.gate.dev]");
    }
}

/// What is called production is held to a signature.
fn check_factors(section: &Section<'_>, name: &str, factors: &BTreeSet<Factor>) {
    let lower = name.to_ascii_lowercase();
    let is_production =
        lower.starts_with("prod") || ["live", "main", "release"].contains(&lower.as_str());
    if is_production && !factors.contains(&Factor::Signature) {
        let why = format!(
            "a gate named {name:?} must demand a signature: a comment can be forged by whoever \
             administers the forge. Add the factor, or give the gate another name"
        );
        section.fault("factors", why, SIGNED);
    }
}

/// What cannot stand beside the factors of this gate.
fn check_beside(section: &Section<'_>, factors: &BTreeSet<Factor>, rotation: bool, offline: bool) {
    if rotation && factors.contains(&Factor::Signature) {
        section.fault(
            "holder_rotation",
            "a holder would get a token without the signature that this gate demands",
            "holder_rotation = false",
        );
    }
    if offline && *factors != BTreeSet::from([Factor::Signature]) {
        section.fault(
            "offline",
            "while the forge is away only signatures can be checked, and this gate demands \
             something else: write factors = [\"signature\"], or leave offline out",
            "offline = false",
        );
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{base, only_fault, with};
    use super::*;

    #[test]
    fn a_gate_named_production_must_demand_a_signature() {
        for name in ["production", "prod", "prod-eu", "live", "main", "release"] {
            let renamed = with("gate.dev", &format!("gate.{name}"));
            let key = format!("board[kan].gate.{name}.factors");
            let fault = only_fault(&renamed, &key);
            assert!(fault.example.contains("signature"), "{fault}");
            let signed = renamed.with(
                r#"factors = ["comment"]"#,
                r#"factors = ["comment", "signature"]"#,
            );
            assert!(signed.load().is_ok(), "{name}");
        }
        for name in ["dev", "preprod", "lively", "staging"] {
            let renamed = with("gate.dev", &format!("gate.{name}"));
            assert!(renamed.load().is_ok(), "{name}");
        }
    }

    #[test]
    fn the_name_of_a_gate_cannot_hide_in_capitals() {
        let renamed = with("gate.dev", "gate.Production");
        let faults = renamed.load().unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "board[kan].gate.Production",
                "board[kan].gate.Production.factors"
            ]
        );
    }

    #[test]
    fn an_offline_gate_can_demand_nothing_but_signatures() {
        for (factors, right) in [
            (r#"factors = ["signature"]"#, true),
            (r#"factors = ["comment", "signature"]"#, false),
            (r#"factors = ["comment"]"#, false),
        ] {
            let offline = format!("{factors}\noffline = true");
            let changed = with(r#"factors = ["comment"]"#, &offline);
            if right {
                assert!(changed.load().is_ok(), "{factors}");
            } else {
                only_fault(&changed, "board[kan].gate.dev.offline");
            }
        }
    }

    #[test]
    fn a_holder_cannot_rotate_around_a_signature() {
        let rotating = "factors = [\"signature\"]\nholder_rotation = true";
        let changed = with(r#"factors = ["comment"]"#, rotating);
        only_fault(&changed, "board[kan].gate.dev.holder_rotation");
        let plain = with(
            r#"factors = ["comment"]"#,
            "factors = [\"comment\"]\nholder_rotation = true",
        );
        assert!(plain.load().is_ok());
    }

    #[test]
    fn open_hours_name_a_zone_that_exists() {
        let hours = |zone: &str| {
            let open = format!("[board.gate.dev]\nopen_hours = \"Sat-Sun 22:00-06:00 {zone}\"");
            with("[board.gate.dev]", &open)
        };
        assert!(hours("Europe/Warsaw").load().is_ok());
        let fault = only_fault(&hours("Europe/Warzawa"), "board[kan].gate.dev.open_hours");
        assert!(fault.why.contains("Europe/Warzawa"), "{fault}");
    }

    #[test]
    fn every_limit_of_a_gate_is_told() {
        for (from, to, key) in [
            ("max_ttl = \"24h\"", "max_ttl = \"59s\"", "max_ttl"),
            ("max_ttl = \"24h\"", "max_ttl = \"367d\"", "max_ttl"),
            ("quorum = 1", "quorum = 0", "quorum"),
            (r#"factors = ["comment"]"#, "factors = []", "factors"),
            (
                r#"factors = ["comment"]"#,
                r#"factors = ["vote"]"#,
                "factors",
            ),
            (
                r#"factors = ["comment"]"#,
                "factors = [\"comment\"]\njudge = \"maybe\"",
                "judge",
            ),
            (
                r#"factors = ["comment"]"#,
                "factors = [\"comment\"]\ncooling_off = \"8d\"",
                "cooling_off",
            ),
        ] {
            only_fault(&with(from, to), &format!("board[kan].gate.dev.{key}"));
        }
        let gate = &base().load().unwrap().config.boards[0].rules.gates["dev"];
        assert_eq!(gate.max_ttl, DAY);
        assert_eq!(gate.factors, BTreeSet::from([Factor::Comment]));
    }
}
