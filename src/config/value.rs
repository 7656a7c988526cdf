//! Single values: texts, numbers, lists and the forms that names must have.
//!
//! Each function turns one TOML value into one typed value, or says in words what is wrong with it.
//! None of them knows the key, the file or any other value.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{duration, signing_key};
use crate::gate::ids::UserId;
use crate::secret::credential;

/// The characters that a name may have, as people are told and as they are checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// What it is, such as `a scope`.
    pub(super) what: &'static str,
    /// The form, as people read it.
    pub(super) shown: &'static str,
    /// The most characters.
    longest: usize,
    /// Whether a character may stand in it.
    allows: fn(char) -> bool,
}

/// A scope, a mode.
pub(super) const SCOPE: Form = Form {
    what: "a scope or mode",
    shown: "[a-z0-9._:-]{1,64}",
    longest: 64,
    allows: |c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | ':' | '-'),
};

/// The name of a board or an environment: part of a path and of slugs.
pub(super) const NAME: Form = Form {
    what: "a name",
    shown: "[a-z0-9-]{1,32}",
    longest: 32,
    allows: |c| matches!(c, 'a'..='z' | '0'..='9' | '-'),
};

/// The name of a client, an operator, a login, a workspace.
pub(super) const WORD: Form = Form {
    what: "a name",
    shown: "[A-Za-z0-9._-]{1,64}",
    longest: 64,
    allows: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
};

/// Something inside a workspace.
pub(super) const RESOURCE: Form = Form {
    what: "a resource",
    shown: "[A-Za-z0-9._:/-]{1,64}",
    longest: 64,
    allows: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '/' | '-'),
};

impl Form {
    /// Reads a text of this form.
    pub(super) fn read(self, value: &Value) -> Result<String, String> {
        let text = text(value)?;
        if !text.is_empty() && text.len() <= self.longest && text.chars().all(self.allows) {
            return Ok(text);
        }
        Err(format!(
            "{text:?}: {} has the form {}",
            self.what, self.shown
        ))
    }
}

/// Reads a text.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(format!("must be a text in quotes, not {}", kind(other))),
    }
}

/// Reads the path of a file. A secret put there by mistake is not repeated in what people see.
pub(super) fn path(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if text.len() >= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("looks like a secret itself: write it to a file and name that file".to_owned());
    }
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(format!("{text:?} is not the path of a file"));
    }
    Ok(text)
}

/// Reads the path of a file that is no secret.
pub(super) fn plain_path(value: &Value) -> Result<String, String> {
    let text = path(value)?;
    if credential::is_one(&text) {
        return Err(format!(
            "{text:?} names a credential, and only secrets are read from those: write a path"
        ));
    }
    Ok(text)
}

/// Reads where a secret is: the path of a file, or `credential:NAME`.
pub(super) fn secret(value: &Value) -> Result<String, String> {
    let text = path(value)?;
    credential::check(&text)?;
    Ok(text)
}

/// Reads `true` or `false`.
pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(yes) => Ok(*yes),
        other => Err(format!("must be true or false, not {}", kind(other))),
    }
}

/// Reads a whole number inside limits.
pub(super) fn number(least: u32, most: u32) -> impl Fn(&Value) -> Result<u32, String> {
    move |value| match value {
        Value::Integer(number) => u32::try_from(*number)
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("must be from {least} to {most}, not {number}")),
        other => Err(format!("must be a whole number, not {}", kind(other))),
    }
}

/// Reads a number of the forge: a repository, an issue. Those begin at 1.
pub(super) fn forge_number(value: &Value) -> Result<i64, String> {
    match value {
        Value::Integer(number) if *number > 0 => Ok(*number),
        Value::Integer(number) => Err(format!("must be above zero, not {number}")),
        other => Err(format!("must be a whole number, not {}", kind(other))),
    }
}

/// Reads the numeric id of an account. The forge's Ghost and Actions users are below zero: nobody.
pub(super) fn user(value: &Value) -> Result<UserId, String> {
    match value {
        Value::Integer(number) if UserId(*number).is_somebody() => Ok(UserId(*number)),
        Value::Integer(number) => Err(format!(
            "{number} is nobody's id: people and machine accounts have ids above zero \
             (`GET /api/v1/users/LOGIN` of the forge shows them)"
        )),
        other => Err(format!("must be a numeric id, not {}", kind(other))),
    }
}

/// Reads a span of time inside limits, in seconds.
pub(super) fn span(least: u64, most: u64) -> impl Fn(&Value) -> Result<u64, String> {
    move |value| {
        let text = text(value)?;
        let seconds = duration::parse(&text)
            .ok_or_else(|| format!("{text:?} is not a span such as 30s, 15m, 24h or 7d"))?;
        if (least..=most).contains(&seconds) {
            return Ok(seconds);
        }
        let (least, most) = (duration::show(least), duration::show(most));
        Err(format!("must be from {least} to {most}, not {text}"))
    }
}

/// Reads a list without doubles.
pub(super) fn set<T: Ord>(
    item: impl Fn(&Value) -> Result<T, String>,
) -> impl Fn(&Value) -> Result<BTreeSet<T>, String> {
    move |value| {
        let Value::Array(values) = value else {
            return Err(format!("must be a list in brackets, not {}", kind(value)));
        };
        let mut items = BTreeSet::new();
        let mut wrong = Vec::new();
        for value in values {
            match item(value) {
                Ok(item) => {
                    if !items.insert(item) {
                        wrong.push(format!("{value} stands there twice"));
                    }
                }
                Err(why) => wrong.push(why),
            }
        }
        if wrong.is_empty() {
            Ok(items)
        } else {
            Err(wrong.join("; "))
        }
    }
}

/// Reads a list without doubles that holds something.
pub(super) fn filled<T: Ord>(
    item: impl Fn(&Value) -> Result<T, String>,
) -> impl Fn(&Value) -> Result<BTreeSet<T>, String> {
    let read = set(item);
    move |value| {
        let items = read(value)?;
        if items.is_empty() {
            return Err("must name at least one".to_owned());
        }
        Ok(items)
    }
}

/// Reads one of a few words.
pub(super) fn one_of<T: Copy>(words: &[(&str, T)]) -> impl Fn(&Value) -> Result<T, String> {
    move |value| {
        let text = text(value)?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("{text:?} is none of: {}", known.join(", "))
        })
    }
}

/// Reads an age recipient; its checksum must be right.
pub(super) fn recipient(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        return Err("holds a secret key: name its public half, which begins with age1".to_owned());
    }
    match text.parse::<age::x25519::Recipient>() {
        Ok(_) if text.starts_with("age1") => Ok(text),
        _ => Err(format!(
            "{text:?} is not an age recipient: 62 characters that begin with age1 and end in a checksum"
        )),
    }
}

/// Reads an OpenSSH public key.
pub(super) fn signing_key(value: &Value) -> Result<String, String> {
    signing_key::parse(&text(value)?)
}

/// Reads a table.
pub(super) fn table(value: &Value) -> Result<Table, String> {
    match value {
        Value::Table(table) => Ok(table.clone()),
        other => Err(format!("must be a table, not {}", kind(other))),
    }
}

/// Reads a list of tables.
pub(super) fn tables(value: &Value) -> Result<Vec<Table>, String> {
    match value {
        Value::Array(values) => values.iter().map(table).collect(),
        Value::Table(_) => Err("has a header in double brackets".to_owned()),
        other => Err(format!("must be a list of tables, not {}", kind(other))),
    }
}

/// What a value is, in people's words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
