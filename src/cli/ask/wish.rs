//! What is asked for, as the comment that asks.
//!
//! Invariant: what is posted is read by the bot's own grammar first, so that a slip is a usage error
//! here and not a refusal there.

use super::AskArgs;
use super::fault::AskFault;
use super::profile::Usual;
use crate::gate::command::{Command, Reading, read};
use crate::gate::reply::faults::sentence;

/// Stands for the recipient while there is none.
const SAMPLE: &str = "age1fuzv40evt8jnw55vyne0ctu82dekt9ncktwv0gqlum04ysw6he8s4ncxe9";

/// A wish without its recipient, one line a member: two are the same if their texts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish(String);

impl Wish {
    /// A credential, for an identity that may be new.
    pub(super) fn request(args: &AskArgs, usual: &Usual) -> Result<Self, AskFault> {
        let need = |what: &str| AskFault::Usage(format!("--{what} is missing"));
        let text = |flag: &Option<String>, usual: &Option<String>| flag.clone().or(usual.clone());
        let scopes = args.scopes.clone().or(usual.scopes.clone());
        let scopes = scopes.ok_or_else(|| need("scopes"))?;
        let mut lines = vec![
            line(
                "identity",
                &text(&args.identity, &usual.identity).ok_or_else(|| need("identity"))?,
            ),
            list("scopes", &scopes),
            line(
                "ttl",
                &text(&args.ttl, &usual.ttl).ok_or_else(|| need("ttl"))?,
            ),
        ];
        for (name, value) in [
            ("environment", text(&args.environment, &usual.environment)),
            ("label", text(&args.label, &usual.label)),
            ("reason", text(&args.reason, &usual.reason)),
        ] {
            lines.extend(value.map(|value| line(name, &value)));
        }
        for (name, values) in [("resources", &args.resources), ("modes", &args.modes)] {
            lines.extend(values.as_ref().map(|values| list(name, values)));
        }
        Self(format!("/gate request\n{}", lines.concat())).checked()
    }

    /// A successor of a credential.
    pub(super) fn rotation(identity: &str, credential: &str) -> Result<Self, AskFault> {
        Self(format!("/gate rotate {identity} {credential}\n")).checked()
    }

    /// As it was kept.
    pub(super) fn kept(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether both are for the same: the reason and the label are words only.
    pub(super) fn is_for_the_same(&self, kept: &str) -> bool {
        let lines = |text: &str| -> Vec<String> {
            let words = |line: &&str| !line.starts_with("reason =") && !line.starts_with("label =");
            text.lines().filter(words).map(str::to_owned).collect()
        };
        lines(&self.0) == lines(kept)
    }

    /// To be kept.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The comment that asks for it.
    pub(super) fn comment(&self, recipient: &str) -> String {
        let (first, rest) = self.0.split_once('\n').unwrap_or((&self.0, ""));
        let recipient = line("recipient", recipient);
        format!("{first}\n```toml\n{rest}{recipient}```")
    }

    fn checked(self) -> Result<Self, AskFault> {
        match read(&self.comment(SAMPLE)) {
            Reading::Command(Command::Request(_) | Command::Rotate(_)) => Ok(self),
            Reading::Fault(fault) => {
                let (text, _) = sentence(&fault);
                Err(AskFault::Usage(format!("this cannot be asked for: {text}")))
            }
            Reading::Nothing | Reading::Command(_) => {
                Err(AskFault::Usage("this cannot be asked for".to_owned()))
            }
        }
    }
}

/// A text as TOML's basic string; JSON's is one, whatever is in it.
fn line(name: &str, value: &str) -> String {
    format!("{name} = {}\n", serde_json::Value::from(value))
}

fn list(name: &str, values: &[String]) -> String {
    format!("{name} = {}\n", serde_json::Value::from(values.to_vec()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_reason_with_anything_in_it_stays_one_value() {
        let reason = "it's \"here\" \\ ``` and there: żółw";
        let wish = Wish(format!(
            "/gate request\n{}{}{}{}",
            line("identity", "codex-*"),
            list(
                "scopes",
                &["board:read".to_owned(), "card:write".to_owned()]
            ),
            line("ttl", "8h"),
            line("reason", reason)
        ));
        let Reading::Command(Command::Request(form)) = read(&wish.comment(SAMPLE)) else {
            panic!("{}", wish.comment(SAMPLE));
        };
        assert_eq!(form.reason.as_deref(), Some(reason));
        assert_eq!((form.scopes.len(), form.ttl), (2, 28_800));
        let wish = Wish::rotation("codex-kan-1", "c1").unwrap();
        assert!(matches!(
            read(&wish.comment(SAMPLE)),
            Reading::Command(Command::Rotate(rotation)) if rotation.delivery.is_some()
        ));
    }

    #[test]
    fn a_slip_is_told_before_anything_is_posted() {
        for (identity, ttl) in [("Codex", "8h"), ("codex-*", "8 hours"), ("codex-*", "")] {
            let wish = Wish(format!(
                "/gate request\n{}{}{}",
                line("identity", identity),
                list("scopes", &["board:read".to_owned()]),
                line("ttl", ttl)
            ));
            let fault = wish.checked().unwrap_err();
            assert_eq!(fault.code(), 2);
            assert!(fault.to_string().starts_with("this cannot be asked for: "));
        }
    }
}
