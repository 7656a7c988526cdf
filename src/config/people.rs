//! `[[board.owner]]`, `[[board.requester]]` and `[[board.judge]]`: who counts for what on a board.
//!
//! People are numeric ids, above zero and once each; their logins are what the operator expects to
//! see. How the people of a board relate to its gates is judged elsewhere.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::section::Section;
use super::value::{self, SCOPE, WORD};
use crate::gate::ids::UserId;
use crate::gate::policy::{Judge, KnownRequester, Owner};

/// An example of what to write.
const ID: &str = "id = 2";
/// An example of what to write.
const LOGIN: &str = r#"login = "alice""#;
/// An example of what to write.
const SIGNING_KEYS: &str = r#"signing_keys = ["ssh-ed25519 AAAA… alice"]"#;

/// The owners of a board, and where their secrets for one-time codes are.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By numeric id.
    pub(super) owners: BTreeMap<UserId, Owner>,
    /// For the factor `code`.
    pub(super) totp_files: BTreeMap<UserId, PathBuf>,
}

/// Reads the owners.
pub(super) fn owners(sections: Vec<Section<'_>>) -> Owners {
    let mut all = Owners::default();
    for mut section in sections {
        let id = section.required("id", ID, value::user);
        let login = section.required("login", LOGIN, |login| WORD.read(login));
        let may_approve = section.optional("may_approve", "may_approve = true", value::boolean);
        let ceiling = section.optional(
            "ceiling",
            r#"ceiling = ["board:read"]"#,
            value::set(|item| SCOPE.read(item)),
        );
        let keys = section.optional("signing_keys", SIGNING_KEYS, value::set(value::signing_key));
        let totp = section.optional_secret("totp_file", r#"totp_file = "secrets/totp-alice""#);
        let owner = Owner {
            login: login.unwrap_or_default(),
            may_approve: may_approve.unwrap_or(true),
            ceiling,
            signing_keys: keys.unwrap_or_default(),
            has_code: totp.is_some(),
        };
        if let Some(id) = id {
            check_login(&section, &all, id, &owner.login);
            all.totp_files.extend(totp.map(|path| (id, path)));
            insert(&section, &mut all.owners, id, owner, "owner");
        }
        section.finish();
    }
    all
}

/// Reads what is known of requesters.
pub(super) fn requesters(sections: Vec<Section<'_>>) -> BTreeMap<UserId, KnownRequester> {
    let mut all = BTreeMap::new();
    for mut section in sections {
        let id = section.required("id", "id = 7", value::user);
        let recipients = section.optional(
            "recipients",
            r#"recipients = ["age1…"]"#,
            value::set(value::recipient),
        );
        let keys = section.optional("signing_keys", SIGNING_KEYS, value::set(value::signing_key));
        let known = KnownRequester {
            recipients: recipients.unwrap_or_default(),
            signing_keys: keys.unwrap_or_default(),
        };
        if let Some(id) = id {
            insert(&section, &mut all, id, known, "requester");
        }
        section.finish();
    }
    all
}

/// Reads the judges.
pub(super) fn judges(sections: Vec<Section<'_>>) -> BTreeMap<UserId, Judge> {
    let mut all = BTreeMap::new();
    for mut section in sections {
        let id = section.required("id", "id = 9", value::user);
        let login = section.required("login", r#"login = "iskra""#, |login| WORD.read(login));
        let shut_on = section.optional(
            "shut_on",
            r#"shut_on = ["reject"]"#,
            value::set(|item| WORD.read(item)),
        );
        let judge = Judge {
            login: login.unwrap_or_default(),
            shut_on: shut_on.unwrap_or_default(),
        };
        if let Some(id) = id {
            insert(&section, &mut all, id, judge, "judge");
        }
        section.finish();
    }
    all
}

/// Whoever is counted is counted once.
fn insert<T>(
    section: &Section<'_>,
    all: &mut BTreeMap<UserId, T>,
    id: UserId,
    person: T,
    role: &str,
) {
    if all.insert(id, person).is_some() {
        let why = format!("another {role} of this board has the id {id}; a person counts once");
        section.fault(
            "id",
            why,
            "one entry for each person, with the id of that account",
        );
    }
}

/// One login cannot belong to two ids at once.
fn check_login(section: &Section<'_>, all: &Owners, id: UserId, login: &str) {
    let same = |(other, owner): (&UserId, &Owner)| {
        *other != id && !login.is_empty() && owner.login.eq_ignore_ascii_case(login)
    };
    if all.owners.iter().any(same) {
        let why = format!("{login:?} is the login of another owner with another id");
        section.fault("login", why, "the login of the account that has this id");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{only_fault, with};

    #[test]
    fn nobody_has_an_id_of_zero_or_less() {
        for id in [0, -1, -2] {
            for (from, to, key) in [
                (
                    "id = 2\n",
                    format!("id = {id}\n"),
                    "board[kan].owner[alice].id",
                ),
                (
                    "machine_accounts = [7]",
                    format!("machine_accounts = [7, {id}]"),
                    "board[kan].machine_accounts",
                ),
                (
                    "[board.gate.dev]",
                    format!("[[board.requester]]\nid = {id}\n[board.gate.dev]"),
                    &format!("board[kan].requester[{id}].id"),
                ),
                (
                    "[board.gate.dev]",
                    format!("[[board.judge]]\nid = {id}\nlogin = \"iskra\"\n[board.gate.dev]"),
                    "board[kan].judge[iskra].id",
                ),
            ] {
                let fault = only_fault(&with(from, &to), key);
                assert!(fault.why.contains("above zero"), "{fault}");
            }
        }
    }

    #[test]
    fn a_person_is_an_owner_once() {
        let twice = with("id = 3\n", "id = 2\n");
        let fault = only_fault(&twice, "board[kan].owner[piotr].id");
        assert!(fault.why.contains("counts once"), "{fault}");
        let one_login = with("\"piotr\"", "\"Alice\"");
        only_fault(&one_login, "board[kan].owner[Alice].login");
    }

    #[test]
    fn a_recipient_is_an_age_recipient_with_its_checksum() {
        let good = "age1fuzv40evt8jnw55vyne0ctu82dekt9ncktwv0gqlum04ysw6he8s4ncxe9";
        let requester = |recipient: &str| {
            let entry = format!("[[board.requester]]\nid = 7\nrecipients = [{recipient:?}]\n");
            with("[board.gate.dev]", &format!("{entry}[board.gate.dev]"))
        };
        assert!(requester(good).load().is_ok());
        for bad in [
            "",
            "age1",
            &good.replace("xe9", "xe8"),
            &good.to_uppercase(),
            "age1pq1qqqq",
            "ssh-ed25519 AAAA",
        ] {
            only_fault(&requester(bad), "board[kan].requester[7].recipients");
        }
        let secret = format!("AGE-SECRET-KEY-1{}", "Q".repeat(58));
        let fault = only_fault(&requester(&secret), "board[kan].requester[7].recipients");
        assert!(!fault.to_string().contains("QQQQ"), "{fault}");
    }
}
