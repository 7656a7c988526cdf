//! Who vouches for what is signed for, and what an approver sees of foreign text.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use clap::Parser;
use serde_json::json;

use super::*;
use crate::gate::request::digest_of;
use crate::http::document::DocumentFault;

const RECIPIENT: &str = "age1fuzv40evt8jnw55vyne0ctu82dekt9ncktwv0gqlum04ysw6he8s4ncxe9";
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFZGistp1H9f1jkm750rNg8pEEyUgcM8ktPmNKVQalKg";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ApproveArgs,
}

fn args(more: &[&str]) -> ApproveArgs {
    let line = ["approve", "--bot", "https://gate.example"]
        .iter()
        .chain(["R17", "7Q4K-9MZT-0XHV"].iter())
        .chain(more);
    Line::try_parse_from(line).unwrap().args
}

/// A request of production, with one member of what it asks for replaced.
fn document(effect: &str, value: serde_json::Value) -> Document {
    let mut canonical = json!({
        "v": 1, "action": "issue", "installation": "00", "forge": "https://forge.example",
        "repository_id": 17, "thread": 12, "request": "R17", "requester": {"user": 7},
        "effect": {
            "identity": "codex-kan-12", "scopes": ["board:read", "deploy:run"],
            "environment": "production", "ttl": 28_800, "recipient": RECIPIENT,
        },
    });
    canonical["effect"][effect] = value;
    serde_json::from_value(json!({
        "v": 1, "request": "R17", "status": "open", "code": "", "digest": digest_of(&canonical),
        "canonical": canonical, "repository": "alice/board", "asker_login": "codex",
        "asked_at": "2026-11-24T14:00:00Z", "ends_at": "2026-11-27T14:00:00Z",
        "nonce": "00112233445566778899aabbccddeeff", "quorum": 2,
        "factors": ["comment", "signature"], "counted": [3],
        "owners": [{"id": 2, "login": "alice", "signing_keys": [KEY]}], "bot_key": "",
        "a_member_that_comes_later": true,
    }))
    .unwrap()
}

fn production() -> Document {
    document("environment", json!("production"))
}

/// Who vouches, or the fault.
fn vouching(more: &[&str], document: &Document) -> Result<Option<Vouched>, String> {
    vouched(&args(more), document).map_err(|fault| fault.to_string())
}

#[test]
fn what_nobody_vouches_for_is_not_signed_where_a_signature_is_needed() {
    let fault = vouching(&[], &production()).unwrap_err();
    assert!(fault.starts_with("nobody vouches for age1fuz"), "{fault}");
    assert!(fault.contains("--recipient"), "{fault}");
    let mut pinned = production();
    pinned.vouched = Some(Vouched::Config);
    assert_eq!(vouching(&[], &pinned), Ok(Some(Vouched::Config)));
    let mut plain = production();
    plain.factors.remove(&Factor::Signature);
    assert_eq!(vouching(&[], &plain), Ok(None));
}

#[test]
fn an_approver_vouches_for_the_very_key_that_was_asked_for() {
    let given = ["--recipient", RECIPIENT];
    assert_eq!(vouching(&given, &production()), Ok(Some(Vouched::Approver)));
    let mut pinned = production();
    pinned.vouched = Some(Vouched::Config);
    assert_eq!(vouching(&given, &pinned), Ok(Some(Vouched::Approver)));

    let other = document("recipient", json!("age1other\u{1b}[2J"));
    let fault = vouching(&given, &other).unwrap_err();
    assert!(fault.ends_with(r"it names age1other\u{1b}[2J"), "{fault}");
    let nothing = document("recipient", json!(null));
    let fault = vouching(&given, &nothing).unwrap_err();
    assert!(fault.contains("delivers nothing"), "{fault}");
    assert_eq!(vouching(&[], &nothing), Ok(None));
}

#[test]
fn a_challenge_is_vouched_for_like_a_recipient() {
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let mut claimed = document("recipient", json!(null));
    claimed.canonical["effect"]["challenge"] = challenge.into();
    assert_eq!(
        vouching(&["--recipient", challenge], &claimed),
        Ok(Some(Vouched::Approver))
    );
    assert!(vouching(&["--recipient", RECIPIENT], &claimed).is_err());
    let signable = claimed
        .signable(UserId(2), &Restatement::default())
        .unwrap();
    assert!(
        signable
            .text
            .contains(&format!("\nchallenge={challenge}\n"))
    );
    assert!(!signable.text.contains("recipient"));
}

#[test]
fn a_one_time_code_stands_at_the_end_of_the_line_where_the_gate_asks_for_one() {
    let line = |more: &[&str], document: &Document| {
        one_time(&args(more), document).map_err(|fault| fault.to_string())
    };
    let mut both = production();
    both.factors.insert(Factor::Code);
    assert_eq!(line(&["--otp", "123456"], &both).unwrap(), " otp=123456");
    assert!(line(&[], &both).unwrap_err().contains("give it with --otp"));
    assert_eq!(line(&[], &production()).unwrap(), "");
    let needless = line(&["--otp", "123456"], &production()).unwrap_err();
    assert!(needless.contains("leave --otp out"), "{needless}");
    // What the bot reads: the code is in the line and not in what is signed.
    let signable = both.signable(UserId(2), &Restatement::default()).unwrap();
    let comment = format!("{} otp=123456", signable.line);
    let crate::gate::command::Reading::Command(crate::gate::command::Command::Approve(read)) =
        crate::gate::command::read(&comment)
    else {
        panic!("{comment}");
    };
    assert!(read.otp && !signable.text.contains("123456"));
    for wrong in ["12345", "1234567", "12345a", "", "１２３４５６"] {
        assert!(
            Line::try_parse_from([
                "approve",
                "--bot",
                "https://gate.example",
                "R17",
                "7Q4K-9MZT-0XHV",
                "--otp",
                wrong,
            ])
            .is_err(),
            "{wrong}"
        );
    }
    let shown = format!("{:?}", args(&["--otp", "123456"]));
    assert!(!shown.contains("123456"), "{shown}");
}

#[test]
fn what_has_no_life_of_its_own_is_approved_without_one() {
    let mut resumed = document("ttl", json!(null));
    resumed.canonical["action"] = "resume".into();
    resumed.canonical["effect"]["recipient"] = json!(null);
    let signable = resumed
        .signable(UserId(2), &Restatement::default())
        .unwrap();
    assert!(
        signable.line.ends_with(" scopes=board:read,deploy:run"),
        "{}",
        signable.line
    );
    assert!(!signable.text.contains("\nttl="), "{}", signable.text);
    let longer = Restatement {
        ttl: Some(60),
        ..Restatement::default()
    };
    assert!(resumed.signable(UserId(2), &longer).is_err());
}

#[test]
fn a_text_that_cannot_be_signed_safely_is_refused() {
    let forged = document("environment", json!("dev\nttl=9"));
    let fault = forged.signable(UserId(2), &Restatement::default());
    assert_eq!(fault, Err(DocumentFault::Unfit("environment")));
    let mut old = production();
    old.nonce = None;
    let fault = old.signable(UserId(2), &Restatement::default());
    assert_eq!(fault, Err(DocumentFault::Unfit("nonce")));
}

#[test]
fn foreign_text_is_shown_and_not_obeyed() {
    let mut document = production();
    document.reason = Some("fine\r\u{1b}[2Jall good\u{202e}".to_owned());
    document.asker_login = "codex\nalice".to_owned();
    let key = OwnerKey {
        file: "/home/alice/\u{7}key".into(),
        public: crate::secret::sshkey::PublicKey::parse(KEY).unwrap(),
        owner: document.owners[0].clone(),
    };
    let signable = document
        .signable(UserId(2), &Restatement::default())
        .unwrap();
    let mut shown = Vec::new();
    show(&document, &key, &signable, &mut shown).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    let unseen = |character: char| character.is_control() && character != '\n';
    assert!(!shown.contains(unseen) && !shown.contains('\u{202e}'));
    assert!(shown.contains(r"says: fine\u{d}\u{1b}[2Jall good\u{202e}"));
    assert!(shown.starts_with(r"R17: codex\u{a}alice asks in alice/board#12 for: issue"));
    assert!(shown.contains(&signable.text), "byte for byte");
}
