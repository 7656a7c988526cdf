//! The signed statement: the exact text that an owner signs to approve a request.
//!
//! Invariant: one approval has one text. The bot builds it from its own record and from what the
//! approving comment restates, the approver's program from what the bot told it, and both are the
//! same bytes: a first line, then `key=value` lines in the order of their keys, each with an LF at
//! its end. Nothing that could end a line, hide or be read in two ways can stand in a value. What
//! the request does not have (a recipient of a resume, say) has no line.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use super::command::Vouched;
use super::ids::{Hash, IssueNumber, RepositoryId, RequestNumber, Slug, UserId};
use super::time::rfc3339;

/// What an approval is signed for: the namespace of `ssh-keygen -Y sign`.
pub const APPROVE: &str = "ownergate-approve";

/// What a requester signs a request for.
pub const REQUEST: &str = "ownergate-request";

/// The text that a requester signs: where its token goes. It is free of the request's number and
/// thread, which are not known before it asks; that it is this request's is the digest's business.
pub fn requested(forge: &str, repository: RepositoryId, delivery: &Delivery) -> String {
    let (key, value) = match delivery {
        Delivery::Recipient(recipient) => ("recipient", recipient),
        Delivery::Challenge(challenge) => ("challenge", challenge),
    };
    let mut lines = [
        format!("forge={forge}"),
        format!("{key}={value}"),
        format!("repository_id={repository}"),
    ];
    lines.sort();
    format!("ownergate-request-v1\n{}\n", lines.join("\n"))
}

/// The first line, which names the form of the rest.
pub const FIRST_LINE: &str = "ownergate-approval-v1";

/// Everything that an approval is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The canonical word of what is asked for.
    pub action: String,
    /// The owner who approves.
    pub approver: UserId,
    /// Who can have what is issued, if something is.
    pub delivery: Option<Delivery>,
    /// The request's digest.
    pub digest: Hash,
    /// The gate; `None`: it has none of its own.
    pub environment: Option<String>,
    /// The forge's base URL.
    pub forge: String,
    /// The identity, if it is for one.
    pub identity: Option<Slug>,
    /// The installation's name.
    pub installation: String,
    /// The end of the open request: the approval counts until then.
    pub not_after: Timestamp,
    /// What the bot chose for this request alone.
    pub nonce: String,
    /// The board's repository.
    pub repository_id: RepositoryId,
    /// The request.
    pub request: RequestNumber,
    /// What the approval restates.
    pub scopes: BTreeSet<String>,
    /// The issue; `None`: it was asked outside of one.
    pub thread: Option<IssueNumber>,
    /// The life that the approval restates, seconds.
    pub ttl: Option<u64>,
    /// Who says that the recipient or challenge is the requester's.
    pub vouched: Option<Vouched>,
}

/// How what is issued reaches its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Sealed to this age recipient.
    Recipient(String),
    /// Given to whoever knows what this is the hash of.
    Challenge(String),
}

/// A value cannot stand in a statement; which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(pub &'static str);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is empty, or holds a character that no statement may hold",
            self.0
        )
    }
}

impl Statement {
    /// The exact text, every line with its LF.
    pub fn text(&self) -> Result<String, Unfit> {
        let (recipient, challenge) = match &self.delivery {
            Some(Delivery::Recipient(recipient)) => (Some(recipient.clone()), None),
            Some(Delivery::Challenge(challenge)) => (None, Some(challenge.clone())),
            None => (None, None),
        };
        // A comma inside of a scope would make it two.
        if self
            .scopes
            .iter()
            .any(|scope| scope.is_empty() || scope.contains(','))
        {
            return Err(Unfit("scopes"));
        }
        let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        let lines = [
            ("action", Some(self.action.clone())),
            ("approver", Some(self.approver.to_string())),
            ("challenge", challenge),
            ("digest", Some(self.digest.to_string())),
            ("environment", self.environment.clone()),
            ("forge", Some(self.forge.clone())),
            ("identity", self.identity.as_ref().map(Slug::to_string)),
            ("installation", Some(self.installation.clone())),
            ("nonce", Some(self.nonce.clone())),
            ("not_after", Some(rfc3339(self.not_after))),
            ("recipient", recipient),
            ("repository_id", Some(self.repository_id.to_string())),
            ("request", Some(self.request.to_string())),
            ("scopes", (!scopes.is_empty()).then(|| scopes.join(","))),
            ("thread", self.thread.map(|issue| issue.0.to_string())),
            ("ttl", self.ttl.map(|seconds| seconds.to_string())),
            (
                "vouched",
                self.vouched.map(|vouched| vouched.word().to_owned()),
            ),
        ];
        let mut text = format!("{FIRST_LINE}\n");
        for (key, value) in lines {
            let Some(value) = value else { continue };
            if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Unfit(key));
            }
            text.push_str(key);
            text.push('=');
            text.push_str(&value);
            text.push('\n');
        }
        Ok(text)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            action: "issue".to_owned(),
            approver: UserId(2),
            delivery: Some(Delivery::Recipient(
                "age1fuzv40evt8jnw55vyne0ctu82dekt9ncktwv0gqlum04ysw6he8s4ncxe9".to_owned(),
            )),
            digest: Hash::of(b"what is asked"),
            environment: Some("production".to_owned()),
            forge: "https://forge.example".to_owned(),
            identity: Slug::parse("codex-kan-12"),
            installation: Hash::of(b"a public key").to_string(),
            not_after: Timestamp::from_second(1_795_788_005).unwrap(),
            nonce: "00112233445566778899aabbccddeeff".to_owned(),
            repository_id: RepositoryId(17),
            request: RequestNumber(17),
            scopes: ["deploy:run", "board:read"].map(str::to_owned).into(),
            thread: Some(IssueNumber(12)),
            ttl: Some(28_800),
            vouched: Some(Vouched::Approver),
        }
    }

    #[test]
    fn what_a_requester_signs_has_one_text() {
        let sealed = Delivery::Recipient("age1x".to_owned());
        let claimed = Delivery::Challenge("abc".to_owned());
        for (delivery, line) in [(sealed, "recipient=age1x"), (claimed, "challenge=abc")] {
            let text = requested("https://forge.example", RepositoryId(17), &delivery);
            let mut lines = ["forge=https://forge.example", line, "repository_id=17"];
            lines.sort_unstable();
            assert_eq!(
                text,
                format!("ownergate-request-v1\n{}\n", lines.join("\n"))
            );
        }
    }

    #[test]
    fn a_statement_has_one_text() {
        let text = statement().text().unwrap();
        assert_eq!(
            text,
            "ownergate-approval-v1\n\
             action=issue\n\
             approver=2\n\
             digest=00b4a830a5222030a83680180f38cc458316db747596927fdde0ccc0af76f636\n\
             environment=production\n\
             forge=https://forge.example\n\
             identity=codex-kan-12\n\
             installation=0b7348fa038970c48ec07cd73b6257f39ec810f60f16ee73b62e3c6e2610abc6\n\
             nonce=00112233445566778899aabbccddeeff\n\
             not_after=2026-11-27T14:00:05Z\n\
             recipient=age1fuzv40evt8jnw55vyne0ctu82dekt9ncktwv0gqlum04ysw6he8s4ncxe9\n\
             repository_id=17\n\
             request=R17\n\
             scopes=board:read,deploy:run\n\
             thread=12\n\
             ttl=28800\n\
             vouched=approver\n"
        );
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(lines.is_sorted(), "{lines:?}");
    }

    #[test]
    fn what_a_request_does_not_have_has_no_line() {
        let bare = Statement {
            action: "thaw".to_owned(),
            delivery: None,
            environment: None,
            identity: None,
            scopes: BTreeSet::new(),
            thread: None,
            ttl: None,
            vouched: None,
            ..statement()
        };
        let text = bare.text().unwrap();
        let keys: Vec<&str> = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split('=').next())
            .collect();
        assert_eq!(
            keys,
            [
                "action",
                "approver",
                "digest",
                "forge",
                "installation",
                "nonce",
                "not_after",
                "repository_id",
                "request"
            ]
        );
    }

    #[test]
    fn a_challenge_stands_in_its_own_line() {
        let claimed = Statement {
            delivery: Some(Delivery::Challenge(
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            )),
            ..statement()
        };
        let text = claimed.text().unwrap();
        assert!(text.contains(
            "\napprover=2\nchallenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\ndigest="
        ));
        assert!(!text.contains("recipient"));
    }

    #[test]
    fn no_value_can_make_a_line_of_its_own() {
        for bad in [
            "",
            "dev\nttl=9",
            "dev\r",
            "dev ",
            "d\u{e9}v",
            "dev\u{202e}",
            "\0",
        ] {
            let forged = Statement {
                environment: Some(bad.to_owned()),
                ..statement()
            };
            assert_eq!(forged.text(), Err(Unfit("environment")), "{bad:?}");
        }
        for bad in ["", "board:read,deploy:run", "board:read\n"] {
            let forged = Statement {
                scopes: [bad.to_owned()].into(),
                ..statement()
            };
            assert_eq!(forged.text(), Err(Unfit("scopes")), "{bad:?}");
        }
    }
}
