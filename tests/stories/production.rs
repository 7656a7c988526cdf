//! A gate that a forge alone cannot open: two owners sign with keys that the configuration names, over
//! the exact text that the bot gives them, for a key that somebody vouches for.

use insta::assert_snapshot;
use ownergate::cli::verify::faults;
use ownergate::demo::signer::SshKey;
use ownergate::gate::statement::{APPROVE, Delivery, REQUEST, requested};
use serde_json::Value;

use crate::harness::{Key, Story, Thread};
use crate::shared::ground::bot_binary;

const ALICE: u8 = 1;
const PIOTR: u8 = 2;

/// `kan` has a gate `production` that wants two signatures.
async fn story() -> Story {
    let owner = |id: i64, login: &str, seed: u8| {
        let before = format!("id = {id}\nlogin = \"{login}\"\n");
        let key = SshKey::of(seed).public();
        (
            before.clone(),
            format!("{before}signing_keys = [\"{key}\"]\n"),
        )
    };
    let (alice, piotr) = (owner(2, "alice", ALICE), owner(4, "piotr", PIOTR));
    let gate = "[board.gate.production]\nscopes = [\"board:read\", \"card:write\"]\nmax_ttl = \"7d\"\nquorum = 2\nfactors = [\"comment\", \"signature\"]\n";
    let requester = format!(
        "[[board.requester]]\nid = 7\nsigning_keys = [\"{}\"]\n",
        SshKey::of(7).public()
    );
    let with = format!("{requester}\n{gate}\n[board.gate.dev]");
    Story::configured(&[
        (&alice.0, &alice.1),
        (&piotr.0, &piotr.1),
        ("[board.gate.dev]", &with),
        (
            "environments = [\"dev\", \"pair\"]",
            "environments = [\"dev\", \"pair\", \"production\"]",
        ),
    ])
    .await
}

/// An agent asks for production; the code of its request.
async fn asked(thread: &Thread<'_>, key: &Key) -> (String, String) {
    let codex = &thread.story.stage.codex;
    thread
        .ask_for(codex, key, "codex-*", "board:read", "8h", "production")
        .await;
    words(thread)
}

/// Number and code of the last request here.
fn words(thread: &Thread<'_>) -> (String, String) {
    let block = thread.block("request");
    let word = |name: &str| block[name].as_str().unwrap().to_owned();
    (word("request"), word("code"))
}

/// The exact text that an owner signs, as the bot gives it.
async fn text(thread: &Thread<'_>, approver: i64, more: &str) -> String {
    let (request, code) = words(thread);
    let url = format!(
        "{}/v1/requests/{request}/statement?code={code}&approver={approver}{more}",
        thread.story.stage.url()
    );
    let answer = thread.story.stage.client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// A comment that approves with this signature.
fn comment(thread: &Thread<'_>, more: &str, armor: &str) -> String {
    format!("{}{more}\n\n```\n{armor}```", thread.approve_line())
}

/// An owner vouches for the key and signs.
async fn signed(thread: &Thread<'_>, approver: i64, seed: u8) -> String {
    let text = text(thread, approver, "&vouched=approver").await;
    let armor = SshKey::of(seed).armor(APPROVE, text.as_bytes());
    comment(thread, " vouched=approver", &armor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_sign_and_production_opens() {
    let story = story().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "deploy").await;
    let key = Key::new();
    asked(&thread, &key).await;
    let bot = story.stage.url();
    assert_snapshot!(thread.news(0).replace(&bot, "BOT"), @r"
    **R1 · `codex` asks for `codex-kan-1`** · production
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `sort the roadmap`
    - needs 2 of @alice @piotr, by 27 Nov 14:00 UTC
    - each approval is signed with a key that my config names: the line below shows what is signed and prints the comment
    - nobody vouches for that key yet: whoever learnt it from the agent itself, and not here, adds `--recipient` and the key

    ```
    ownergate approve --bot BOT R1 CODE
    ```
    or `/gate deny R1`
    ");
    let first = signed(&thread, 2, ALICE).await;
    assert_snapshot!(thread.answer(alice, &first).await, @"R1: counted alice (1 of 2); still to come from piotr.");
    // Pasted with CRLF and blanks at line ends, it is as good.
    let second = signed(&thread, 4, PIOTR).await.replace('\n', "  \r\n");
    thread.comment(piotr, &second).await;
    let token = thread.open(&key);
    assert_eq!(story.may(&token).await, "board:read");
}

/// What somebody who has the forge, but no key, can try.
async fn attempts(thread: &Thread<'_>, replayed: &str) -> Vec<(&'static str, String)> {
    let line = thread.approve_line();
    let whole = text(thread, 2, "&vouched=approver").await;
    let by = |seed: u8, namespace: &str, text: &str| {
        let armor = SshKey::of(seed).armor(namespace, text.as_bytes());
        comment(thread, " vouched=approver", &armor)
    };
    vec![
        ("a comment only", line.clone()),
        ("an unsigned word", format!("{line} vouched=approver")),
        ("a foreign key", by(9, APPROVE, &whole)),
        ("a colleague's armor", by(PIOTR, APPROVE, &whole)),
        ("for another purpose", by(ALICE, "git", &whole)),
        (
            "other line ends",
            by(ALICE, APPROVE, &whole.replace('\n', "\r\n")),
        ),
        (
            "another request's armor",
            comment(thread, " vouched=approver", replayed),
        ),
        ("signed for less than it says", {
            let text = text(thread, 2, "&ttl=1h&vouched=approver").await;
            by(ALICE, APPROVE, &text)
        }),
        ("signed without the word that it says", {
            let text = text(thread, 2, "").await;
            by(ALICE, APPROVE, &text)
        }),
        ("no armor at all", comment(thread, "", "looks good\n")),
    ]
}

/// Whatever the forge can make of itself opens nothing, and each comment is told why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_forge_alone_opens_nothing() {
    let story = story().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let other = story.thread(codex, "another").await;
    asked(&other, &Key::new()).await;
    let replayed = signed(&other, 2, ALICE).await;
    let armor_of = |comment: &str| {
        let start = comment.find("-----BEGIN").unwrap();
        comment[start..].trim_end_matches('`').to_owned()
    };
    let thread = story.thread(codex, "deploy").await;
    asked(&thread, &Key::new()).await;
    let mut said = String::new();
    for (name, remark) in attempts(&thread, &armor_of(&replayed)).await {
        thread.comment(alice, &remark).await;
        let reply = thread.last_reply();
        let reply = reply.split("\n\n").next().unwrap();
        said.push_str(&format!("{name}\n  {}: {reply}\n", thread.last_code()));
    }
    assert_snapshot!(said, @r"
    a comment only
      not_signed: Not counted for R2: this gate demands a signature by one of your keys that my config names; `ownergate approve` makes it.
    an unsigned word
      not_signed: Not counted for R2: this gate demands a signature by one of your keys that my config names; `ownergate approve` makes it. It vouches for the key that gets the token, and only a signed word does that.
    a foreign key
      bad_signature: Not counted for R2: its signature does not count: `signed with SHA256:doxiASlJnKSD9j+JpVoWpfEFHjUrsF9ZYr+cir4FYjo, which is no key that is pinned for this owner`. It vouches for the key that gets the token, and only a signed word does that.
    a colleague's armor
      bad_signature: Not counted for R2: its signature does not count: `signed with SHA256:4A9jyZBOhnKZvcGQ6TRFbf5Gymb41AfYvYaVmWHD+G4, which is no key that is pinned for this owner`. It vouches for the key that gets the token, and only a signed word does that.
    for another purpose
      bad_signature: Not counted for R2: its signature does not count: `` signed for another purpose: the namespace is `git`, not `ownergate-approve` ``. It vouches for the key that gets the token, and only a signed word does that.
    other line ends
      bad_signature: Not counted for R2: its signature does not count: `other bytes were signed (line ends?): sign exactly the text that the bot gives, with LF line ends and one at its end`. It vouches for the key that gets the token, and only a signed word does that.
    another request's armor
      bad_signature: Not counted for R2: its signature does not count: `the signature is broken, or other bytes were signed`. It vouches for the key that gets the token, and only a signed word does that.
    signed for less than it says
      bad_signature: Not counted for R2: its signature does not count: `the signature is broken, or other bytes were signed`. It vouches for the key that gets the token, and only a signed word does that.
    signed without the word that it says
      bad_signature: Not counted for R2: its signature does not count: `the signature is broken, or other bytes were signed`. It vouches for the key that gets the token, and only a signed word does that.
    no armor at all
      bad_signature: Not counted for R2: its signature does not count: `not an armored SSH signature: it begins with -----BEGIN SSH SIGNATURE----- and ends with -----END SSH SIGNATURE-----, and nothing else stands before, between or behind`.
    ");
    let journal = story.journal();
    assert!(!journal.contains("credential_issued") && !journal.contains("approval_counted"));
}

/// A site admin asks in the agent's name with a key of his own, and two honest owners sign what they
/// see: nobody vouches for that key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_honest_signatures_for_a_key_that_nobody_knows_open_nothing() {
    let story = story().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "deploy").await;
    let admins = Key::new();
    asked(&thread, &admins).await;
    for (who, id, seed) in [(alice, 2, ALICE), (piotr, 4, PIOTR)] {
        let text = text(&thread, id, "").await;
        let armor = SshKey::of(seed).armor(APPROVE, text.as_bytes());
        let remark = comment(&thread, "", &armor);
        thread.comment(who, &remark).await;
    }
    assert_eq!(thread.last_code(), "nobody_vouches");
    assert!(!story.journal().contains("credential_issued"));
    // One of them asked the agent itself, and says so.
    let remark = signed(&thread, 4, PIOTR).await;
    thread.comment(piotr, &remark).await;
    let remark = signed(&thread, 2, ALICE).await;
    thread.comment(alice, &remark).await;
    let token = thread.open(&admins);
    assert!(story.alive(&token).await);
}

/// The agent signs where its token goes with a key that is pinned for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_signed_by_its_requester_vouches_for_its_key() {
    let story = story().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "deploy").await;
    let key = Key::new();
    let forge = story.stage.config().unwrap().forge.url.to_string();
    let to = Delivery::Recipient(key.recipient.clone());
    let text = requested(forge.trim_end_matches('/'), thread.repository, &to);
    let ask = |armor: &str| {
        format!(
            "/gate request\n```toml\nidentity = \"codex-*\"\nscopes = [\"board:read\"]\nttl = \"8h\"\nenvironment = \"production\"\nrecipient = \"{}\"\nsignature = \"\"\"\n{armor}\"\"\"\n```",
            key.recipient
        )
    };
    let foreign = ask(&SshKey::of(9).armor(REQUEST, text.as_bytes()));
    assert_snapshot!(thread.answer(codex, &foreign).await, @"The request's signature does not count: `signed with SHA256:doxiASlJnKSD9j+JpVoWpfEFHjUrsF9ZYr+cir4FYjo, which is no key that is pinned for this owner`.");
    thread
        .comment(codex, &ask(&SshKey::of(7).armor(REQUEST, text.as_bytes())))
        .await;
    assert!(
        thread
            .last_reply()
            .contains("a key of the requester's vouches for that key")
    );
    for (who, id, seed) in [(alice, 2, ALICE), (piotr, 4, PIOTR)] {
        let text = self::text(&thread, id, "&vouched=request").await;
        let armor = SshKey::of(seed).armor(APPROVE, text.as_bytes());
        let remark = comment(&thread, " vouched=request", &armor);
        thread.comment(who, &remark).await;
    }
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
}

/// What was not delivered is found by reading back: a signature is as good then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_approval_counts_though_it_was_never_delivered() {
    let story = story().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "deploy").await;
    let key = Key::new();
    asked(&thread, &key).await;
    let first = signed(&thread, 2, ALICE).await;
    thread.comment(alice, &first).await;
    let second = signed(&thread, 4, PIOTR).await;
    story.stage.forge.drop_hooks(1);
    thread.say(piotr, &second).await;
    assert!(story.stage.reconcile(thread.repository).await.unwrap());
    story.stage.settle().await.unwrap();
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
}

/// Whatever is changed in a signed approval is found.
fn doctored(report: &Value) {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 6] = [
        (
            |approval| approval["scopes"] = serde_json::json!(["deploy:run"]),
            "R1 by owner 2",
        ),
        (
            |approval| approval["ttl"] = serde_json::json!(604_800),
            "R1 by owner 2",
        ),
        (
            |approval| approval["approver"] = serde_json::json!(4),
            "R1 by owner 4",
        ),
        (|approval| approval["armor"] = Value::Null, "it is missing"),
        (
            |approval| approval["signed_by"] = serde_json::json!("SHA256:x"),
            "by another key",
        ),
        (
            |approval| approval["vouched"] = Value::Null,
            "R1 by owner 2",
        ),
    ];
    for (change, part) in changes {
        let mut report = report.clone();
        change(&mut report["signed"][0]["record"]["approvals"][0]);
        let faults = faults(&report);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains(part), "{faults:?}");
    }
}

/// Whoever has the journal can check every signature again; one that is for something else is a fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_signed_approval_is_checked_again() {
    let mut story = story().await;
    {
        let thread = story.thread(&story.stage.codex, "deploy").await;
        let key = Key::new();
        asked(&thread, &key).await;
        let first = signed(&thread, 2, ALICE).await;
        thread.comment(&story.stage.alice, &first).await;
        let second = signed(&thread, 4, PIOTR).await;
        thread.comment(&story.stage.piotr, &second).await;
        thread.open(&key);
    }
    let config = story.stage.directory().join("ownergate.toml");
    let verify = async |arguments: &[&str]| {
        let output = tokio::process::Command::new(bot_binary())
            .arg("verify")
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    let said = verify(&[]).await;
    assert!(said.contains("asked the running bot"), "{said}");
    assert!(said.contains("signed      2 approvals checked"), "{said}");
    story.stage.stop_bot().await;
    let said = verify(&[]).await;
    assert!(said.contains("signed      2 approvals checked"), "{said}");
    let report: Value = serde_json::from_str(&verify(&["--json"]).await).unwrap();
    assert_eq!(faults(&report), [""; 0]);
    doctored(&report);
    let mut asked = report.clone();
    asked["signed"][0]["record"]["effect"]["ttl"] = serde_json::json!(604_800);
    assert!(faults(&asked)[0].contains("the digest is not that of what was asked"));
    let mut unknown = report.clone();
    unknown["signed"][0]["policy"] = serde_json::json!("0");
    assert!(faults(&unknown)[0].contains("not in the journal"));
    story.restart(&[]).await;
}
