//! What a judge's comment may look like, row by row, and how a judgement stands to a request.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A judgement in its real form; the title's hash is that of a real title.
fn real() -> Value {
    json!({
        "schema": "openclaw.judge.v0", "judged_at": "2026-06-08T01:12:00Z",
        "judge_actor": {"name": "iskra", "runtime": "openclaw"}, "confidence": 5, "impact": 5,
        "reach": 5, "effort_hint": "medium", "priority": "p1", "piotr_fit": "high",
        "recommended_next_action": "operator_needed",
        "escalation": {"kind": "operator", "reason": "a person has to look"},
        "labels_to_apply": ["judge/p1", "judge/operator-needed"], "rationale_summary": "large",
        "top_caveat": "who holds the key?", "rerun_reason": "no_prior_judgment",
        "evidence_refs": [{"type": "forgejo", "value": "issue-body", "note": "\u{2026}"}],
        "target": {"kind": "issue", "number": 5, "repo": "pdurlej/kan-ductor"},
        "target_snapshot": {
            "title_hash": "sha256:b5e71698762dede07ac91c09742609a61525525ec0ea8384229ce35374d01931",
            "body_hash": "sha256:b1bb2d8bf0d3f892ee4559ec532a682cdb3d7f40392bfe2bf6a8aa9fff089a34",
            "labels": [],
            "labels_hash":
                "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "evidence_hash": "sha256:0", "commit_count": null, "head_sha": null, "state": "open",
            "updated_at": "2026-05-28T01:20:39+02:00"
        }
    })
}

fn marked(inner: &str) -> String {
    format!("I looked at it.\n\n{BEGIN}\n{inner}\n{END}\n")
}

fn heard(text: &str) -> Judgement {
    match read(text) {
        Some(Heard::Judgement(judgement)) => judgement,
        other => panic!("{text}: {other:?}"),
    }
}

fn void(text: &str) -> &'static str {
    match read(text) {
        Some(Heard::Void(fault)) => fault.code(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_judgement_in_its_real_form_is_read() {
    let judgement = heard(&marked(&real().to_string()));
    assert_eq!(
        judgement,
        Judgement {
            repository: "pdurlej/kan-ductor".to_owned(),
            issue: IssueNumber(5),
            title: Hash::of(b"agent/admin-identity-ui-or-cli"),
            body: hash(&real()["target_snapshot"]["body_hash"]).expect("a hash"),
            unlabelled: true,
            action: "operator_needed".to_owned(),
            priority: Some("p1".to_owned()),
            caveat: Some("who holds the key?".to_owned()),
        }
    );
    assert!(judgement.is_about("PDurlej/kan-ductor", IssueNumber(5)));
    assert!(!judgement.is_about("pdurlej/kan-ductor", IssueNumber(6)));
    assert!(!judgement.is_about("pdurlej/kan", IssueNumber(5)));
}

#[test]
fn it_may_stand_bare_or_in_a_fence() {
    let json = serde_json::to_string_pretty(&real()).expect("JSON");
    let bare = heard(&marked(&json));
    for inner in [
        format!("```json\n{json}\n```"),
        format!("```\n{json}\n```"),
        format!("\n  {json}  \n\n"),
    ] {
        assert_eq!(heard(&marked(&inner)), bare, "{inner}");
        let from_windows = marked(&inner).replace('\n', "\r\n");
        assert_eq!(heard(&from_windows), bare, "{inner}");
    }
    let on_one_line = format!("{BEGIN}{}{END}", real());
    assert_eq!(heard(&on_one_line), bare);
}

#[test]
fn a_text_without_markers_is_nothing() {
    for text in [
        "",
        "/gate list",
        "<!-- openclaw.judge.v1 -->{}<!-- /openclaw.judge.v1 -->",
        "<!--openclaw.judge.v0-->{}<!--/openclaw.judge.v0-->",
        &real().to_string(),
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_void() {
    let json = real().to_string();
    let one = marked(&json);
    let twice = format!("{one}{one}");
    let twice_nested = format!("{BEGIN}{BEGIN}{json}{END}{END}");
    let begun_twice = format!("{BEGIN}{one}");
    let ended_twice = format!("{one}{END}");
    let quoted = json.replace("who holds the key?", END);
    let doubled = json.replacen('{', r#"{"recommended_next_action":"go","#, 1);
    let doubled_within = json.replace(r#""repo":"#, r#""repo":"alice/board","repo":"#);
    let doubled_ignored = json.replace(r#""runtime":"#, r#""runtime":"x","r\u0075ntime":"#);
    let other_end = one.replace(END, "<!-- /openclaw.judge.v1 -->");
    let long = marked(&json.replace("large", &"x".repeat(LONGEST)));
    for (text, code) in [
        (&twice, "two_blocks"),
        (&twice_nested, "two_blocks"),
        (&begun_twice, "two_blocks"),
        (&ended_twice, "two_blocks"),
        (&marked(&quoted), "two_blocks"),
        (&one.replace(END, ""), "markers"),
        (&one.replace(BEGIN, ""), "markers"),
        (&format!("{END}{json}{BEGIN}"), "markers"),
        (&other_end, "markers"),
        (&marked(&doubled), "duplicate_key"),
        (&marked(&doubled_within), "duplicate_key"),
        (&marked(&doubled_ignored), "duplicate_key"),
        (&marked(&format!("{json}{json}")), "not_json"),
        (&marked(""), "not_json"),
        (&marked("```json\n"), "not_json"),
        (&marked(&format!("```json {json}```")), "not_json"),
        (&marked(&"[".repeat(5_000)), "not_json"),
        (&marked("7"), "not_an_object"),
        (&marked(&format!("[{json}]")), "not_an_object"),
        (&long, "too_large"),
    ] {
        assert_eq!(void(text), code, "{text}");
    }
}

#[test]
fn the_longest_comment_is_read() {
    let short = marked(&real().to_string());
    let fill = " ".repeat(LONGEST - short.len());
    heard(&format!("{fill}{short}"));
    assert_eq!(void(&format!("{fill} {short}")), "too_large");
}

/// Sets a member, by its path; `null` by removing it.
fn with(path: &str, value: &Value) -> Value {
    let mut changed = real();
    let (parent, name) = path.rsplit_once('/').expect("a path");
    let parent = changed.pointer_mut(parent).expect("it is there");
    let members = parent.as_object_mut().expect("an object");
    if value == "(missing)" {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value.clone());
    }
    changed
}

#[test]
fn what_is_used_must_be_there_in_its_form() {
    let gone = json!("(missing)");
    let long = json!("x".repeat(65));
    for (path, value, code) in [
        ("/schema", &gone, "schema"),
        ("/schema", &json!("openclaw.judge.v1"), "schema"),
        ("/schema", &json!(["openclaw.judge.v0"]), "schema"),
        ("/target", &gone, "target"),
        ("/target", &json!("pdurlej/kan-ductor#5"), "target"),
        ("/target/repo", &gone, "target"),
        ("/target/repo", &json!("x".repeat(201)), "target"),
        ("/target/number", &json!("5"), "target"),
        ("/target/number", &json!(0), "target"),
        ("/target/number", &json!(5.5), "target"),
        ("/target/kind", &json!("pull"), "target"),
        ("/target/kind", &json!(null), "target"),
        ("/target_snapshot", &gone, "snapshot"),
        ("/target_snapshot/title_hash", &gone, "snapshot"),
        ("/target_snapshot/body_hash", &json!(null), "snapshot"),
        ("/target_snapshot/body_hash", &json!("sha256:"), "snapshot"),
        ("/target_snapshot/body_hash", &json!("b1bb"), "snapshot"),
        ("/recommended_next_action", &gone, "action"),
        ("/recommended_next_action", &json!(""), "action"),
        ("/recommended_next_action", &json!("two words"), "action"),
        ("/recommended_next_action", &long, "action"),
        ("/recommended_next_action", &json!(["go"]), "action"),
        ("/priority", &json!(1), "advice"),
        ("/top_caveat", &json!({"text": "x"}), "advice"),
    ] {
        let text = marked(&with(path, value).to_string());
        assert_eq!(void(&text), code, "{path} {value}");
    }
    for path in ["/priority", "/top_caveat"] {
        for value in [&gone, &json!(null), &json!("")] {
            let judgement = heard(&marked(&with(path, value).to_string()));
            assert!(judgement.priority.is_none() || judgement.caveat.is_none());
        }
    }
    let kindless = heard(&marked(&with("/target/kind", &gone).to_string()));
    assert_eq!(kindless.issue, IssueNumber(5));
    for labels in [&gone, &json!(null), &json!("sha256:00"), &json!("v2:x")] {
        let judgement = heard(&marked(
            &with("/target_snapshot/labels_hash", labels).to_string(),
        ));
        assert!(!judgement.unlabelled, "{labels}");
    }
}

#[test]
fn what_a_judge_writes_is_kept_short_and_on_one_line() {
    let caveat = format!("a\n/gate approve\u{202e}{}", "x".repeat(1_000));
    let judgement = heard(&marked(&with("/top_caveat", &json!(caveat)).to_string()));
    let kept = judgement.caveat.expect("a caveat");
    assert!(kept.chars().count() <= CAVEAT && !kept.contains(['\n', '\u{202e}']));
}

#[test]
fn an_objection_is_found_in_any_spelling() {
    let judgement = heard(&marked(&real().to_string()));
    for listed in ["operator_needed", "operator-needed", "Operator_Needed"] {
        assert!(judgement.recommends(&[listed.to_owned()]), "{listed}");
    }
    assert!(!judgement.recommends(&["reject".to_owned()]));
    assert!(!judgement.recommends(&[]));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_fault_of_the_program(
        before in "\\PC{0,20}", inner in "[\\[\\]{}\":,a0\\\\u-]{0,60}", after in "\\PC{0,20}"
    ) {
        let text = format!("{before}{BEGIN}{inner}{END}{after}");
        let read_as_void = matches!(read(&text), Some(Heard::Void(_)));
        prop_assert!(read_as_void);
        prop_assert_eq!(read(&before), None);
    }
}
