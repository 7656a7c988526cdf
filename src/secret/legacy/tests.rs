//! Files of old secrets line by line, and the MACs under which such secrets are found.

use super::super::file::SecretText;
use super::*;

const PEPPER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn peppers(current: &str, previous: Option<&str>) -> Peppers {
    let previous = previous.map(SecretText::new);
    Peppers::parse(&SecretText::new(current), previous.as_ref()).unwrap()
}

fn prefix() -> TokenPrefix {
    TokenPrefix::parse("og").unwrap()
}

fn board() -> BTreeSet<String> {
    ["board:read", "card:write"].map(str::to_owned).into()
}

fn now() -> Timestamp {
    "2026-11-24T14:00:00Z".parse().unwrap()
}

fn hash(secret: &str) -> String {
    Hash::of(secret.as_bytes()).as_str().to_owned()
}

fn line(secret: &str) -> String {
    format!(
        r#"{{"sha256":"{}","label":"ci","scopes":["board:read"]}}"#,
        hash(secret)
    )
}

fn faults(file: &str) -> Vec<String> {
    let faults = read(file.as_bytes(), &board(), now()).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_is_read_in_order_with_its_digest() {
    let full = format!(
        r#"{{"identity":"codex-kan-1","expires_at":"2027-01-31T13:00:00+01:00","scopes":["card:write","board:read"],"label":"the old deploy key","sha256":"{}"}}"#,
        hash("another secret of some length").to_uppercase()
    );
    let file = format!("{}\r\n{full}\n", line("a secret of some length"));
    let read = read(file.as_bytes(), &board(), now()).unwrap();
    assert_eq!(read.digest, Hash::of(file.as_bytes()));
    assert_eq!(read.scopes(), board());
    assert_eq!(
        read.identities(),
        [Slug::parse("codex-kan-1").unwrap()].into()
    );
    let [plain, linked] = read.lines.as_slice() else {
        panic!("two lines");
    };
    assert_eq!((plain.label.as_str(), plain.expires_at), ("ci", None));
    assert_eq!(plain.identity, None);
    assert_eq!(
        linked.expires_at,
        Some("2027-01-31T12:00:00Z".parse().unwrap())
    );
    let shown = LegacyHash::of_shown(&prefix(), "another secret of some length");
    assert_eq!(Some(&linked.hash), shown.as_ref());
}

#[test]
fn every_fault_of_every_line_is_told_by_its_number() {
    let good = line("a secret of some length");
    let file = [
        good.clone(),
        String::new(),
        "7".to_owned(),
        good.replace("\"sha256\"", "\"sha512\""),
        good.replace("\"label\"", "\"expires\":\"2027-01-31\",\"label\""),
        good.replace("\"label\"", "\"label\":\"x\",\"label\""),
        good.replace("[\"board:read\"]", "\"board:read\""),
        line("")
            .replace("ci", "")
            .replace("board:read", "deploy:run"),
        good.clone(),
        format!("{good} {good}"),
    ];
    assert_eq!(
        faults(&file.join("\n")),
        [
            "line 2: empty",
            "line 3: not a JSON object",
            "line 4: unexpected form at column 9",
            "line 5: unexpected form at column 86",
            "line 6: duplicate field `label` at column 96",
            "line 7: unexpected form at column 111",
            "line 8: `sha256` is that of an empty text",
            "line 8: `label` is empty",
            "line 8: the board has no scope deploy:run",
            "line 9: the same secret as line 1",
            "line 10: unexpected form at column 116",
        ]
    );
}

#[test]
fn each_member_has_its_form() {
    let good = line("a secret of some length");
    let with = |member: &str| good.replacen('{', &format!("{{{member},"), 1);
    let long = "x".repeat(81);
    for (file, why) in [
        (
            good.replace(&hash("a secret of some length"), "00"),
            "64 hex",
        ),
        (
            good.replace("\"sha256\":\"", "\"sha256\":\"sha256:"),
            "64 hex",
        ),
        (good.replace("ci", &long), "at most 80"),
        (good.replace("ci", "a\\nb"), "one line"),
        (good.replace("ci", "a\u{202e}b"), "plain text"),
        (good.replace("[\"board:read\"]", "[]"), "1 to 64"),
        (
            good.replace("\"board:read\"", "\"board:read\",\"board:read\""),
            "twice",
        ),
        (
            good.replace("board:read", "Board:read"),
            "no scope Board:read",
        ),
        (good.replace("board:read", "*"), "no scope *"),
        (with(r#""expires_at":"tomorrow""#), "no time"),
        (with(r#""expires_at":"2026-11-24T14:00:00Z""#), "past"),
        (with(r#""identity":"Codex""#), "no name"),
        (with(r#""identity":"""#), "no name"),
    ] {
        let told = faults(&file);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("line 1: ") && told[0].contains(why),
            "{told:?}"
        );
    }
    for member in [
        r#""expires_at":null"#,
        r#""identity":null"#,
        r#""expires_at":"2026-11-24T14:00:01Z""#,
    ] {
        assert!(
            read(with(member).as_bytes(), &board(), now()).is_ok(),
            "{member}"
        );
    }
}

#[test]
fn a_file_has_an_end_and_is_text() {
    assert_eq!(faults(""), ["there is no line in it"]);
    let many = |count: usize| {
        let lines: Vec<String> = (0..count).map(|n| line(&format!("secret {n}"))).collect();
        lines.join("\n")
    };
    assert!(read(many(MOST_LINES).as_bytes(), &board(), now()).is_ok());
    assert_eq!(
        faults(&many(MOST_LINES + 1)),
        ["101 lines; at most 100 are imported at once"]
    );
    let huge = " ".repeat(LARGEST_FILE + 1);
    assert_eq!(faults(&huge), ["larger than 1048576 bytes"]);
    let odd = read(b"{}\n\xff", &board(), now()).unwrap_err();
    assert_eq!(odd[0].to_string(), "line 2: not UTF-8");
}

#[test]
fn no_fault_repeats_a_hash() {
    let secret = hash("a secret of some length");
    for file in [
        format!(r#"{{"sha256":"{secret}","#),
        format!(r#"{{"{secret}":1}}"#),
        format!(r#"{{"sha256":"{secret}0","label":"","scopes":[]}}"#),
        format!(r#"{{"sha256":["{secret}"],"label":"","scopes":[]}}"#),
        format!("\"{secret}\""),
        format!(r#"["{secret}","ci",["board:read"],null,null]"#),
        format!(r#"{{"sha256":"00","label":"x","scopes":["{secret}"]}}"#),
        format!(r#"{{"sha256":"00","label":"x","scopes":[],"identity":"{secret}"}}"#),
    ] {
        let told = faults(&file).join("\n");
        assert!(!told.contains(&secret[..16]), "{told}");
    }
}

#[test]
fn what_is_shown_is_looked_up_unless_it_is_short_or_native() {
    let shown = |secret: &str| LegacyHash::of_shown(&prefix(), secret).is_some();
    assert!(!shown(&"x".repeat(19)) && shown(&"x".repeat(20)));
    assert!(!shown(&"ä".repeat(19)) && shown(&"ä".repeat(20)));
    let native = format!("og_codex_{}", "0".repeat(64));
    assert!(!shown(&native));
    assert!(shown(&native.to_uppercase()) && shown(&format!("{native} ")));
}

/// The figure was computed with another program (Python's `hmac`, over the label, a zero byte and
/// the 32 bytes of the hash): a change would make every imported secret unknown.
#[test]
fn macs_have_a_label_of_their_own() {
    let secret = "a secret of some length";
    let hash = LegacyHash::of_shown(&prefix(), secret).unwrap();
    let old = peppers(PEPPER, None);
    assert_eq!(
        hash.mac(&old).as_str(),
        "8c6dfac9f7881ee43c163c02d678af8508e27dc4cd830f579da2384caf682f21"
    );
    assert_ne!(hash.mac(&old), old.token_mac(secret));
    let both = peppers(OTHER, Some(PEPPER));
    assert_eq!(hash.macs(&both), [hash.mac(&both), hash.mac(&old)]);
    assert_ne!(hash.mac(&both), hash.mac(&old));
    assert_eq!(hash.macs(&old).len(), 1);
}

#[test]
fn debug_tells_nothing() {
    let file = read(line("a secret of some length").as_bytes(), &board(), now()).unwrap();
    let shown = format!("{:?}", file.lines);
    assert!(shown.contains("LegacyHash([REDACTED])"));
    assert!(!shown.contains(&hash("a secret of some length")[..8]));
}
