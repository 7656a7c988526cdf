//! `[[operator]]`: who may use the operator API and the remote command line.
//!
//! Nothing is allowed by leaving it out: without boards or rights an operator may do nothing. An
//! operator asks as an account of the forge, or cannot ask.

use std::collections::BTreeSet;
use std::path::PathBuf;

use toml::Value;

use super::Board;
use super::client::of_names;
use super::section::Section;
use super::value::{self, NAME, WORD};
use crate::gate::operator::HOST;
use crate::gate::policy;

/// Names that stand in the audit for what is no person.
const RESERVED: [&str; 2] = [HOST, "config"];

/// A person with an operator token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name in the audit.
    pub name: String,
    /// The token; without one, only the socket of the host is a way in.
    pub token_file: Option<PathBuf>,
    /// What this operator may do.
    pub rules: policy::Operator,
}

/// Reads every operator.
pub(super) fn read_all(sections: Vec<Section<'_>>, boards: &[Board]) -> Vec<Operator> {
    let mut operators: Vec<Operator> = Vec::new();
    for section in sections {
        let operator = read(section, boards, &operators);
        operators.push(operator);
    }
    operators
}

/// Reads one operator.
fn read(mut section: Section<'_>, boards: &[Board], earlier: &[Operator]) -> Operator {
    let name = section.required("name", r#"name = "piotr""#, |name| WORD.read(name));
    let token_file =
        section.optional_secret("token_file", r#"token_file = "secrets/operator-piotr""#);
    let forge_id = section.optional("forge_id", "forge_id = 3", value::user);
    let uid = section.optional("uid", "uid = 1000", value::number(0, u32::MAX));
    let named = section.optional(
        "boards",
        r#"boards = ["kan"]"#,
        value::set(|item| NAME.read(item)),
    );
    let rights = section.optional("rights", r#"rights = ["read"]"#, rights);
    let seen = of_names(&section, boards, &named.unwrap_or_default());
    let operator = Operator {
        name: name.unwrap_or_default(),
        token_file,
        rules: policy::Operator {
            forge_id,
            uid,
            boards: seen.iter().map(|board| board.rules.repository_id).collect(),
            rights: rights.unwrap_or_default(),
        },
    };
    check(&section, &operator, earlier);
    section.finish();
    operator
}

/// Reads the list of rights.
fn rights(value: &Value) -> Result<BTreeSet<String>, String> {
    let words = [
        ("read", "read"),
        ("narrow", "narrow"),
        ("request", "request"),
    ];
    let rights = value::set(value::one_of(&words))(value)?;
    Ok(rights.into_iter().map(str::to_owned).collect())
}

/// Somebody can speak as this operator, and nobody else is taken for them.
fn check(section: &Section<'_>, operator: &Operator, earlier: &[Operator]) {
    let Operator {
        name,
        token_file,
        rules,
    } = operator;
    if !name.is_empty() && earlier.iter().any(|it| it.name == *name) {
        section.fault(
            "name",
            "another operator has this name",
            r#"name = "another""#,
        );
    }
    if RESERVED.contains(&name.as_str()) {
        let why = format!("{name} stands for the bot's own host or configuration in the audit");
        section.fault("name", why, r#"name = "piotr""#);
    }
    let same_uid = |it: &&Operator| rules.uid.is_some() && it.rules.uid == rules.uid;
    if let Some(other) = earlier.iter().find(same_uid) {
        let why = format!(
            "is the uid of {} too: one must be told from the other",
            other.name
        );
        section.fault("uid", why, "uid = 1000");
    }
    let faulty = |key: &str| section.reading.faulty(&section.at(key));
    if token_file.is_none() && rules.uid.is_none() && !faulty("token_file") && !faulty("uid") {
        let why = "is missing, and so is uid: nobody could speak as this operator";
        section.fault(
            "token_file",
            why,
            r#"token_file = "secrets/operator-piotr""#,
        );
    }
    if rules.rights.contains("request") && rules.forge_id.is_none() && !faulty("forge_id") {
        let why = "is missing: who may request asks as an account of the forge";
        section.fault("forge_id", why, "forge_id = 3");
    }
    if rules.boards.is_empty() && !faulty("boards") {
        let why = "names no board, so this operator may do nothing";
        section.reading.warn(section.at("boards"), why);
    }
    if rules.rights.is_empty() && !faulty("rights") {
        let why = "gives no right, so this operator may do nothing";
        section.reading.warn(section.at("rights"), why);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{Sample, base, only_fault};

    const OPERATOR: &str = r#"
[[operator]]
name = "piotr"
forge_id = 3
token_file = "secrets/operator-piotr"
boards = ["kan"]
rights = ["read", "narrow", "request"]
"#;

    fn operator(from: &str, to: &str) -> Sample {
        base().and(OPERATOR).with(from, to)
    }

    #[test]
    fn an_operator_is_somebody_who_can_come_in() {
        let token = "token_file = \"secrets/operator-piotr\"";
        only_fault(&operator(token, ""), "operator[piotr].token_file");
        let host = operator(token, "uid = 1000").load().unwrap();
        assert_eq!(host.config.operators[0].rules.uid, Some(1000));
    }

    #[test]
    fn who_may_request_asks_as_an_account() {
        only_fault(&operator("forge_id = 3", ""), "operator[piotr].forge_id");
        only_fault(
            &operator("forge_id = 3", "forge_id = -1"),
            "operator[piotr].forge_id",
        );
        let reader = operator("forge_id = 3", "").with(r#", "request"]"#, "]");
        assert!(reader.load().is_ok());
    }

    #[test]
    fn what_is_left_out_allows_nothing_and_is_said() {
        let bare = operator(
            "boards = [\"kan\"]\nrights = [\"read\", \"narrow\", \"request\"]",
            "",
        );
        let loaded = bare.load().unwrap();
        let rules = &loaded.config.operators[0].rules;
        assert!(rules.boards.is_empty() && rules.rights.is_empty());
        let keys: Vec<&str> = loaded.warnings.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, ["operator[piotr].boards", "operator[piotr].rights"]);
    }

    #[test]
    fn operators_are_told_apart() {
        let twice = base()
            .and(OPERATOR)
            .and(&OPERATOR.replace("operator-piotr", "other"));
        only_fault(&twice, "operator[piotr].name");
        for reserved in ["host", "config"] {
            let text = OPERATOR.replace("name = \"piotr\"", &format!("name = \"{reserved}\""));
            only_fault(&base().and(&text), &format!("operator[{reserved}].name"));
        }
        let host = OPERATOR.replace("token_file = \"secrets/operator-piotr\"", "uid = 7");
        let shared = base()
            .and(&host)
            .and(&host.replace("\"piotr\"", "\"alice\""));
        only_fault(&shared, "operator[alice].uid");
        only_fault(
            &operator("\"narrow\"", "\"widen\""),
            "operator[piotr].rights",
        );
        only_fault(
            &operator("\"kan\"]\nrights", "\"kun\"]\nrights"),
            "operator[piotr].boards",
        );
    }
}
