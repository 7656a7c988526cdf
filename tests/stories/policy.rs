//! Another configuration is looked at before it is put into force: what it makes wider and narrower, and
//! what would have been decided otherwise.

use serde_json::{Value, json};

use crate::harness::{Key, Story};
use crate::shared::ground::changed;

impl Story {
    /// Writes a configuration beside the one in force, with these texts replaced.
    fn another(&self, changes: &[(&str, &str)]) -> String {
        let config =
            std::fs::read_to_string(self.stage.directory().join("ownergate.toml")).unwrap();
        let path = self.stage.directory().join("new.toml");
        std::fs::write(&path, changed(&config, changes)).unwrap();
        path.display().to_string()
    }
}

const DEV: &str =
    "[board.gate.dev]\nscopes = [\"board:read\", \"card:write\"]\nmax_ttl = \"24h\"\nquorum = 1";
const DEV_OF_TWO: &str =
    "[board.gate.dev]\nscopes = [\"board:read\", \"card:write\"]\nmax_ttl = \"24h\"\nquorum = 2";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_is_checked_against_what_is_in_force() {
    let story = Story::begin().await;
    let lines = story.lines();
    let new = story.another(&[
        (DEV, DEV_OF_TWO),
        ("max_ttl = \"8h\"", "max_ttl = \"12h\""),
        (
            "\n[[board.owner]]\nid = 4\nlogin = \"piotr\"\nceiling",
            "\n[[board.owner]]\nid = 4\nlogin = \"piotr\"\nmay_approve = true\nceiling",
        ),
    ]);
    let output = story.types(&["policy", "check", &new]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    insta::assert_snapshot!(said, @r"
    narrower  kan: gate `dev` needs 2 owners instead of 1
    wider     kan: gate `pair` allows 12h instead of 8h
    ");
    let same = story.another(&[]);
    let told = story.told(&["policy", "check", &same]).await;
    assert_eq!(
        (&told["ok"], &told["differences"]),
        (&json!(true), &json!([]))
    );
    let bad = story.another(&[("quorum = 2", "quorum = 7")]);
    let output = story.types(&["policy", "check", &bad]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("quorum"), "{said}");
    assert_eq!(story.lines(), lines, "looking has written something");
}

/// One request granted by alice, one that has the first of two approvals, and one approval that was not
/// counted.
async fn three_decisions(story: &Story) {
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let token = story.thread(codex, "granted").await.credential(&key).await;
    assert!(story.alive(&token).await);
    let waits = story.thread(codex, "waits").await;
    waits
        .ask_for(codex, &key, "codex-*", "board:read", "8h", "pair")
        .await;
    let line = waits.approve_line();
    waits.comment(alice, &line).await;
    waits.comment(codex, &line).await;
}

/// Two owners for `dev`, one for `pair`, and no `card:write` any more.
const OTHER_RULES: [(&str, &str); 2] = [
    (
        DEV,
        "[board.gate.dev]\nscopes = [\"board:read\"]\nmax_ttl = \"24h\"\nquorum = 2",
    ),
    (
        "quorum = 2\nfactors = [\"comment\"]\n\n[[board]]",
        "quorum = 1\nfactors = [\"comment\"]\n\n[[board]]",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_the_same_rules_nothing_is_decided_otherwise() {
    let story = Story::begin().await;
    three_decisions(&story).await;
    let same = story.another(&[]);
    let told = story.told(&["policy", "replay", &same]).await;
    assert_eq!(told["requests"], 2);
    assert_eq!(told["live_credentials"], 1);
    assert_eq!(told["approvals_not_counted"], 1);
    for nothing in ["differ", "credentials", "approvals_void", "not_judged"] {
        assert_eq!(told[nothing], json!([]), "{nothing}");
    }
    let bad = story.another(&[("quorum = 2", "quorum = 7")]);
    let said = story.says_no(&["policy", "replay", &bad]).await;
    assert!(
        said.contains("cannot be used") && said.contains("quorum"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_decided_otherwise_is_told_and_nothing_is_written() {
    let mut story = Story::begin().await;
    three_decisions(&story).await;
    let new = story.another(&OTHER_RULES);
    let lines = story.lines();
    let running = story.told(&["policy", "replay", &new]).await;
    assert_eq!(story.lines(), lines, "looking has written something");
    story.stage.stop_bot().await;
    let lines = story.lines();
    let stopped = story.told(&["policy", "replay", &new]).await;
    assert_eq!(story.lines(), lines, "looking has written something");
    assert_eq!(running, stopped);

    let differ = running["differ"].as_array().unwrap();
    let of = |number: &str| -> &Value { differ.iter().find(|it| it["request"] == number).unwrap() };
    assert_eq!(differ.len(), 2, "{running}");
    assert_eq!(
        of("R1")["was"]["scopes"],
        json!(["board:read", "card:write"])
    );
    assert_eq!(of("R1")["now"]["reasons"], json!(["scopes_not_granted"]));
    assert_eq!(of("R2")["was"]["reasons"], json!(["more_owners_needed"]));
    assert_eq!(of("R2")["now"]["granted"], true);
    assert_eq!(running["approvals_void"], json!(["R2"]));
    let credential = &running["credentials"][0];
    assert_eq!(credential["credential"], "c1");
    assert_eq!(credential["loses"], json!(["card:write"]));
    assert_eq!(credential["inactive"], false);

    let output = story.types(&["policy", "replay", &new]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    for part in [
        "was: granted board:read card:write for 8h",
        "now: shut: ",
        "c1  of codex-kan-1 (dev): loses card:write",
        "R2  is open: its approvals would have to be given again",
        "2 requests judged again: 2 would be decided otherwise; 1 credentials lived at 2026-11-24",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
