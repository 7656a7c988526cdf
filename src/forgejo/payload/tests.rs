//! Recorded deliveries of a Forgejo 15.0.3 and a Gitea 1.26.0, and made ones that lack something.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use insta::assert_snapshot;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::forgejo::signature::{HookSecrets, Signatures, verify};

fn secrets() -> HookSecrets {
    HookSecrets::new(SecretString::from("s".repeat(32)), None).unwrap()
}

/// Signs and parses a body as a forge would send it.
fn parse_signed(body: &str) -> Result<Parsed, PayloadFault> {
    let mut mac = Hmac::<Sha256>::new_from_slice("s".repeat(32).as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let headers = Signatures {
        forgejo: &[signature.as_bytes()],
        gitea: &[],
    };
    let verified = verify(&secrets(), headers, Bytes::copy_from_slice(body.as_bytes())).unwrap();
    parse(&verified)
}

#[derive(serde::Deserialize)]
struct Recorded {
    headers: BTreeMap<String, String>,
    body: String,
}

fn recorded(forge: &str) -> Vec<(String, Recorded)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/payloads")
        .join(forge);
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let recorded = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, recorded)
        })
        .collect();
    all.sort_by(|(left, _), (right, _)| left.cmp(right));
    all
}

/// Verifies a recorded delivery with the headers that came with it, then parses it.
fn received(recorded: &Recorded) -> Parsed {
    let value = |name: &str| -> Vec<&[u8]> {
        let value = recorded.headers.get(name);
        value.map(|value| value.as_bytes()).into_iter().collect()
    };
    let headers = Signatures {
        forgejo: &value("X-Forgejo-Signature"),
        gitea: &value("X-Gitea-Signature"),
    };
    let body = Bytes::from(recorded.body.clone());
    parse(&verify(&secrets(), headers, body).unwrap()).unwrap()
}

/// The main facts of every recorded delivery of a forge, one line each.
fn facts(forge: &str) -> String {
    let mut lines = String::new();
    for (name, recorded) in recorded(forge) {
        writeln!(lines, "{name}: {}", line(&received(&recorded))).unwrap();
    }
    lines
}

fn line(parsed: &Parsed) -> String {
    let person = |user: &User| format!("{} {}", user.id, user.login);
    let before = |text: &Option<Foreign>| {
        let text = text.as_ref();
        text.map_or(String::new(), |text| format!(", was {:?}", text.expose()))
    };
    match parsed {
        Parsed::Other => "other".to_owned(),
        Parsed::IssueComment(it) => format!(
            "{} by {}: {} {}{} {:?}, comment {} by {} at {}/{} {:?}{}",
            it.action,
            person(&it.sender),
            it.repository.full_name,
            if it.is_pull { "pull " } else { "" },
            it.issue.number,
            it.issue.state,
            it.comment.id,
            person(it.comment.user.as_ref().unwrap()),
            it.comment.created_at,
            it.comment.updated_at,
            it.comment.body.expose(),
            before(&it.body_before),
        ),
        Parsed::Issue(it) => format!(
            "{} by {}: {} {}{} {:?} by {} at {}/{} {:?} {:?}{}{}",
            it.action,
            person(&it.sender),
            it.repository.full_name,
            if it.is_pull { "pull " } else { "" },
            it.issue.number,
            it.issue.state,
            person(it.issue.user.as_ref().unwrap()),
            it.issue.created_at,
            it.issue.updated_at,
            it.issue.title.expose(),
            it.issue.body.expose(),
            before(&it.title_before),
            before(&it.body_before),
        ),
    }
}

#[test]
fn every_delivery_recorded_from_forgejo_verifies_and_parses() {
    assert_snapshot!(facts("forgejo-15.0.3"), @r##"
    issue_comment-created: created by 2 alice: alice/two #1 Open, comment 9 by 2 alice at 2026-11-24T12:23:16Z/2026-11-24T12:23:16Z "/gate approve R1 7Q4K-9MZT-0XHV scopes=board:read ttl=1d"
    issue_comment-deleted: deleted by 3 carol: alice/two #1 Open, comment 9 by 2 alice at 2026-11-24T12:23:16Z/2026-11-24T12:23:20Z "/gate approve R8"
    issue_comment-edited-body: edited by 2 alice: alice/two #1 Open, comment 9 by 2 alice at 2026-11-24T12:23:16Z/2026-11-24T12:23:16Z "/gate approve R8", was "/gate approve R9"
    issue_comment-edited-body-by-another: edited by 3 carol: alice/two #1 Open, comment 9 by 2 alice at 2026-11-24T12:23:16Z/2026-11-24T12:23:18Z "/gate approve R9", was "/gate approve R1 7Q4K-9MZT-0XHV scopes=board:read ttl=1d"
    issue_label-label_updated: other
    issues-closed: closed by 4 agent: alice/two #1 Closed by 4 agent at 2026-11-24T12:23:10Z/2026-11-24T12:23:24Z "ask2" "/gate request edited"
    issues-edited-body: edited by 4 agent: alice/two #1 Open by 4 agent at 2026-11-24T12:23:10Z/2026-11-24T12:23:13Z "ask" "/gate request edited", was "/gate request"
    issues-edited-title: edited by 3 carol: alice/two #1 Open by 4 agent at 2026-11-24T12:23:10Z/2026-11-24T12:23:15Z "ask2" "/gate request edited", was "ask"
    issues-opened: opened by 4 agent: alice/two #1 Open by 4 agent at 2026-11-24T12:23:10Z/2026-11-24T12:23:10Z "ask" "/gate request"
    issues-reopened: reopened by 4 agent: alice/two #1 Open by 4 agent at 2026-11-24T12:23:10Z/2026-11-24T12:23:25Z "ask2" "/gate request edited"
    pull_request-opened: other
    pull_request_comment-created: created by 2 alice: alice/two pull #2 Open, comment 14 by 2 alice at 2026-11-24T12:23:28Z/2026-11-24T12:23:28Z "/gate help"
    "##);
}

#[test]
fn every_delivery_recorded_from_gitea_verifies_and_parses() {
    assert_snapshot!(facts("gitea-1.26.0"), @r##"
    issue_comment-created: created by 2 alice: alice/two #1 Open, comment 9 by 2 alice at 2026-11-24T12:24:09Z/2026-11-24T12:24:09Z "/gate approve R1 7Q4K-9MZT-0XHV scopes=board:read ttl=1d"
    issue_comment-deleted: deleted by 3 carol: alice/two #1 Open, comment 9 by 2 alice at 2026-11-24T12:24:09Z/2026-11-24T12:24:12Z "/gate approve R8"
    issue_comment-edited-body: edited by 2 alice: alice/two #1 Open, comment 9 by 2 alice at 2026-11-24T12:24:09Z/2026-11-24T12:24:12Z "/gate approve R8", was "/gate approve R9"
    issue_comment-edited-body-by-another: edited by 3 carol: alice/two #1 Open, comment 9 by 2 alice at 2026-11-24T12:24:09Z/2026-11-24T12:24:11Z "/gate approve R9", was "/gate approve R1 7Q4K-9MZT-0XHV scopes=board:read ttl=1d"
    issue_label-label_updated: other
    issues-closed: closed by 4 agent: alice/two #1 Closed by 4 agent at 2026-11-24T12:24:03Z/2026-11-24T12:24:17Z "ask2" "/gate request edited"
    issues-edited-body: edited by 4 agent: alice/two #1 Open by 4 agent at 2026-11-24T12:24:03Z/2026-11-24T12:24:06Z "ask" "/gate request edited", was "/gate request"
    issues-edited-title: edited by 3 carol: alice/two #1 Open by 4 agent at 2026-11-24T12:24:03Z/2026-11-24T12:24:08Z "ask2" "/gate request edited", was "ask"
    issues-opened: opened by 4 agent: alice/two #1 Open by 4 agent at 2026-11-24T12:24:03Z/2026-11-24T12:24:03Z "ask" "/gate request"
    issues-reopened: reopened by 4 agent: alice/two #1 Open by 4 agent at 2026-11-24T12:24:03Z/2026-11-24T12:24:18Z "ask2" "/gate request edited"
    pull_request-opened: other
    pull_request_comment-created: created by 2 alice: alice/two pull #2 Open, comment 14 by 2 alice at 2026-11-24T12:24:21Z/2026-11-24T12:24:21Z "/gate help"
    "##);
}

/// A delivery with all that it must have and nothing else.
fn small_comment() -> Value {
    json!({
        "action": "created",
        "repository": { "id": 17, "full_name": "alice/board" },
        "issue": {
            "number": 9, "state": "open",
            "created_at": "2026-05-04T08:00:00Z", "updated_at": "2026-05-04T08:00:00Z",
        },
        "comment": {
            "id": 902, "body": "hello",
            "created_at": "2026-05-04T08:03:11Z", "updated_at": "2026-05-04T08:03:11Z",
        },
        "sender": { "id": 2, "login": "alice" },
    })
}

fn small_issue() -> Value {
    let mut delivery = small_comment();
    delivery.as_object_mut().unwrap().remove("comment");
    delivery["action"] = json!("opened");
    delivery
}

fn comment_of(delivery: &Value) -> IssueComment {
    match parse_signed(&delivery.to_string()).unwrap() {
        Parsed::IssueComment(comment) => *comment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_delivery_without_what_it_must_have_is_a_fault() {
    let needed = [
        "/repository",
        "/repository/id",
        "/repository/full_name",
        "/issue",
        "/issue/number",
        "/issue/state",
        "/issue/created_at",
        "/issue/updated_at",
        "/sender",
        "/sender/id",
    ];
    let of_comments = [
        "/comment",
        "/comment/id",
        "/comment/body",
        "/comment/created_at",
        "/comment/updated_at",
        "/action",
    ];
    let comments = needed.iter().chain(&of_comments);
    let comments = comments.map(|pointer| (small_comment(), pointer));
    // Without its `issue` an issue's delivery is of no kind that is known here.
    let issues = needed.iter().filter(|pointer| **pointer != "/issue");
    let issues = issues.map(|pointer| (small_issue(), pointer));
    for (whole, pointer) in comments.chain(issues) {
        assert!(parse_signed(&whole.to_string()).is_ok(), "{pointer}");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let mut without = whole.clone();
        let fields = without
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap();
        fields.remove(key).unwrap();
        assert!(
            matches!(
                parse_signed(&without.to_string()),
                Err(PayloadFault::Unusable { .. })
            ),
            "without {pointer}"
        );
        // A null body is an empty text; nothing else that is needed may be null.
        if *pointer != "/comment/body" {
            let mut null = whole;
            *null.pointer_mut(pointer).unwrap() = Value::Null;
            assert!(
                matches!(
                    parse_signed(&null.to_string()),
                    Err(PayloadFault::Unusable { .. })
                ),
                "null {pointer}"
            );
        }
    }
}

/// A Forgejo does not tell of it; a Gitea does, with the word that it has for comments.
#[test]
fn a_deleted_issue_is_no_broken_comment_but_looked_at_again() {
    let mut delivery = small_comment();
    delivery["action"] = json!("deleted");
    let parsed = parse_signed(&delivery.to_string()).unwrap();
    assert!(matches!(parsed, Parsed::IssueComment(_)));
    delivery.as_object_mut().unwrap().remove("comment");
    let parsed = parse_signed(&delivery.to_string()).unwrap();
    assert!(matches!(parsed, Parsed::Issue(issue) if matches!(issue.action, IssueAction::Closed)));
}

#[test]
fn the_fault_names_what_is_missing_and_quotes_nothing() {
    let fault = |pointer: &str, value: Value| {
        let mut delivery = small_comment();
        *delivery.pointer_mut(pointer).unwrap() = value;
        parse_signed(&delivery.to_string()).unwrap_err().to_string()
    };
    let mut no_sender = small_comment();
    no_sender.as_object_mut().unwrap().remove("sender");
    assert_snapshot!(
        parse_signed(&no_sender.to_string()).unwrap_err(),
        @"the issue_comment delivery cannot be used: missing field `sender` at line 1 column 285"
    );
    for pointer in [
        "/comment/id",
        "/comment/created_at",
        "/sender",
        "/action",
        "/comment/body",
    ] {
        let values = [json!({ "og_secret": 1 }), json!(["og_secret"])];
        for value in values.into_iter().chain([json!("og_secret")]) {
            let fits = pointer == "/comment/body" || pointer == "/action";
            if !(fits && value.is_string()) {
                let text = fault(pointer, value);
                assert!(!text.contains("og_secret"), "{pointer}: {text}");
            }
        }
    }
}

#[test]
fn nulls_and_ghosts_are_survived() {
    let mut delivery = small_comment();
    delivery["comment"]["body"] = Value::Null;
    delivery["comment"]["user"] = Value::Null;
    delivery["issue"]["title"] = Value::Null;
    delivery["issue"]["body"] = Value::Null;
    delivery["issue"]["user"] = json!({ "id": -1, "login": "Ghost" });
    delivery["issue"]["pull_request"] = Value::Null;
    delivery["pull_request"] = Value::Null;
    delivery["is_pull"] = Value::Null;
    delivery["changes"] = Value::Null;
    delivery["sender"] = json!({ "id": -2, "login": null, "unknown": [1, { "a": null }] });
    let comment = comment_of(&delivery);
    assert_eq!(comment.comment.body.expose(), "");
    assert_eq!(comment.comment.user, None);
    assert!(!comment.issue.user.unwrap().id.is_somebody());
    assert!(!comment.sender.id.is_somebody());
    assert!(!comment.is_pull);
    assert_eq!(comment.body_before, None);
}

#[test]
fn a_pull_request_is_seen_by_any_of_three_marks() {
    let with = |pointer: &[&str], value: Value| {
        let mut delivery = small_comment();
        let mut place = &mut delivery;
        for key in pointer {
            place = &mut place[*key];
        }
        *place = value;
        comment_of(&delivery).is_pull
    };
    assert!(with(&["is_pull"], json!(true)));
    assert!(with(&["pull_request"], json!({ "number": 9 })));
    assert!(with(&["issue", "pull_request"], json!({ "merged": false })));
    assert!(!with(&["is_pull"], json!(false)));
}

#[test]
fn things_of_the_forge_have_numbers_above_zero() {
    for pointer in ["/repository/id", "/issue/number", "/comment/id"] {
        for number in [0, -1] {
            let mut delivery = small_comment();
            *delivery.pointer_mut(pointer).unwrap() = json!(number);
            assert!(
                parse_signed(&delivery.to_string()).is_err(),
                "{pointer} {number}"
            );
        }
    }
}

#[test]
fn times_are_read_with_any_offset() {
    let mut delivery = small_comment();
    delivery["comment"]["created_at"] = json!("2026-05-04T09:03:11+01:00");
    let comment = comment_of(&delivery).comment;
    assert_eq!(comment.created_at, comment.updated_at);
    delivery["comment"]["created_at"] = json!("yesterday");
    assert!(parse_signed(&delivery.to_string()).is_err());
}

#[test]
fn a_field_that_counts_must_not_stand_there_twice() {
    let whole = small_comment().to_string();
    for (once, twice) in [
        (
            r#""action":"created""#,
            r#""action":"deleted","action":"created""#,
        ),
        (
            r#""action":"created""#,
            r#""\u0061ction":"deleted","action":"created""#,
        ),
        (r#""id":902"#, r#""id":901,"id":902"#),
        (r#""body":"hello""#, r#""body":"bye","body":"hello""#),
        (r#""login":"alice""#, r#""login":"alice","id":3"#),
    ] {
        let doubled = whole.replacen(once, twice, 1);
        assert_ne!(doubled, whole, "{once}");
        let fault = parse_signed(&doubled).unwrap_err().to_string();
        assert!(fault.contains("duplicate field"), "{once}: {fault}");
    }
}

#[test]
fn what_is_no_json_object_is_a_fault() {
    for body in [
        "",
        "[]",
        "null",
        "7",
        "\"{}\"",
        "{",
        "{}{}",
        "payload=%7B%7D",
        "[\"created\",{},{}]",
    ] {
        assert_eq!(parse_signed(body), Err(PayloadFault::NotAnObject), "{body}");
    }
}

#[test]
fn other_signed_objects_are_left_to_others() {
    for body in [
        "{}",
        r#" {"ref":"refs/heads/main","commits":[]}"#,
        r#"{"action":"created","repository":{"id":1},"sender":{"id":1}}"#,
        r#"{"action":"opened","pull_request":{"number":1},"sender":{"id":1}}"#,
        r#"{"action":"label_updated","issue":{"number":1}}"#,
        r#"{"action":"Created","issue":{"number":1},"comment":{"id":1}}"#,
    ] {
        assert_eq!(parse_signed(body), Ok(Parsed::Other), "{body}");
    }
}

#[test]
fn deep_nesting_and_odd_characters_do_no_harm() {
    let deep = format!(
        r#"{{"ref":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(parse_signed(&deep), Ok(Parsed::Other));
    let mut delivery = small_comment();
    delivery["comment"]["body"] = json!("\u{1f680}\u{1b}[31m\u{2028}\u{0}");
    let sent = delivery.to_string();
    assert!(sent.contains("\\u0000") && sent.contains("\\u001b"));
    let comment = comment_of(&delivery);
    assert_eq!(
        comment.comment.body.expose(),
        "\u{1f680}\u{1b}[31m\u{2028}\u{0}"
    );
    assert!(!format!("{comment:?}").contains("[31m"));
}
