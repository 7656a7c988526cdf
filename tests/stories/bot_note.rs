//! The bot's note: whoever opens a sealed file can tell that the bot sent it, also while the bot
//! changes its key, and no change of the key makes another installation of it.

use ownergate::cli::open::open_noted;
use ownergate::http::document::{Document, DocumentFault};
use ownergate::secret::file::{SecretText, write_secret_file};
use ownergate::secret::note::{NoteFault, block_in, check};
use ownergate::secret::signing::SigningKey;
use serde_json::Value;

use crate::harness::{Key, Story, Thread};

/// The signing key in a file of the stage.
pub(crate) fn key_in(story: &Story, name: &str) -> SigningKey {
    let path = story.stage.directory().join("secrets").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    SigningKey::parse(&SecretText::new(text.trim())).unwrap()
}

/// Puts a new key beside the old one, which vouches for it.
pub(crate) fn put_successor(story: &Story, name: &str) -> SigningKey {
    let old = key_in(story, "signing-key");
    let seed = "5a".repeat(32);
    let bare = SigningKey::parse(&SecretText::new(&seed)).unwrap();
    let text = format!("{seed}{}", old.successor_words(&bare));
    let path = story.stage.directory().join("secrets").join(name);
    write_secret_file(&path, text.as_bytes()).unwrap();
    key_in(story, name)
}

/// The last sealed comment, whole.
fn sealed_comment(thread: &Thread<'_>) -> String {
    let sealed = |reply: &String| reply.contains("-----BEGIN AGE");
    thread.replies().into_iter().rfind(sealed).unwrap()
}

async fn bot_key(story: &Story) -> Value {
    let url = format!("{}/v1/bot-key", story.stage.url());
    let answer = story.stage.client().get(url).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn told(story: &Story, thread: &Thread<'_>) -> Vec<u8> {
    let block = thread.block("request");
    let (number, code) = (&block["request"], block["code"].as_str().unwrap());
    let number = number.as_str().unwrap();
    let url = format!("{}/v1/requests/{number}?code={code}", story.stage.url());
    let answer = story.stage.client().get(url).send().await.unwrap();
    answer.bytes().await.unwrap().to_vec()
}

/// Opens it with these keys of the bot known.
fn opened(comment: &str, key: &Key, known: &[&SigningKey]) -> Result<String, String> {
    let known: Vec<String> = known.iter().map(|key| key.public_hex()).collect();
    let token = open_noted(comment.as_bytes(), key.secret.expose().as_bytes(), &known);
    token
        .map(|token| token.expose().to_owned())
        .map_err(|fault| fault.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_comment_shows_that_the_bot_sent_it() {
    let story = Story::begin().await;
    let thread = story.thread(&story.stage.codex, "roadmap").await;
    let key = Key::new();
    let token = thread.credential(&key).await;
    let comment = sealed_comment(&thread);
    let bot = key_in(&story, "signing-key");
    assert_eq!(opened(&comment, &key, &[&bot]).unwrap(), token);
    let block = thread.block("credential");
    assert_eq!(block["recipient"], key.recipient);
    assert_eq!(block["request"], "R1");
    assert_eq!(thread.block("request")["recipient"], key.recipient);

    // Whoever can write in the issue seals another token to the same key.
    let other = story.thread(&story.stage.codex, "another").await;
    other.credential(&key).await;
    let between = |text: &str| {
        let begin = text.find("-----BEGIN AGE").unwrap();
        let end = text.find("-----END AGE").unwrap();
        text[begin..end].to_owned()
    };
    let swapped = comment.replace(&between(&comment), &between(&sealed_comment(&other)));
    let fault = opened(&swapped, &key, &[&bot]).unwrap_err();
    assert_eq!(fault, NoteFault::OtherFile.to_string());
    // An edit of the summary's hidden text is seen as well.
    let fault = opened(&comment.replace("\"c1\"", "\"c2\""), &key, &[&bot]).unwrap_err();
    assert_eq!(fault, NoteFault::Changed.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_that_its_holder_fetched_comes_with_a_note() {
    let on = (
        "[board.gate.dev]\n",
        "[board.gate.dev]\nholder_rotation = true\n",
    );
    let story = Story::configured(&[on]).await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let key = Key::new();
    let token = thread.credential(&key).await;
    assert!(story.alive(&token).await);
    let url = format!("{}/v1/rotate", story.stage.url());
    let call = story.stage.client().post(url).bearer_auth(&token);
    let answer = call.header("Idempotency-Key", "first-key").send().await;
    let said: Value = serde_json::from_str(&answer.unwrap().text().await.unwrap()).unwrap();
    let sealed = said["sealed"].as_str().unwrap();
    let note = said["note"].as_object().unwrap();
    assert_eq!(note["credential"], "c2");
    let bot = [key_in(&story, "signing-key").public_hex()];
    let recipient = [key.recipient.clone()];
    check(note, sealed.as_bytes(), &recipient, &bot).unwrap();
    let first = sealed_comment(&thread);
    let fault = check(note, first.as_bytes(), &recipient, &bot).unwrap_err();
    assert_eq!(fault, NoteFault::OtherFile);
    story.stage.settle().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_changes_its_key_and_stays_the_same_installation() {
    let mut story = Story::begin().await;
    let (old, before) = (key_in(&story, "signing-key"), bot_key(&story).await);
    let new = put_successor(&story, "signing-key-2");
    let token = {
        let thread = story.thread(&story.stage.codex, "before").await;
        thread.credential(&Key::new()).await
    };

    // While both hold, either is enough.
    let both = "secrets/signing-key-2\"\nprevious_signing_key_file = \"secrets/signing-key\"";
    story.restart(&[("secrets/signing-key\"", both)]).await;
    assert!(story.alive(&token).await);
    let now = bot_key(&story).await;
    assert_eq!(now["installation"], before["installation"]);
    assert_eq!(now["public_key"], new.public_hex());
    assert_eq!(now["previous_key"], old.public_hex());
    assert_eq!(now["pedigree"][0]["after"], old.public_hex());
    let (thread, key) = (story.thread(&story.stage.codex, "both").await, Key::new());
    thread.credential(&key).await;
    let comment = sealed_comment(&thread);
    for known in [[&old], [&new]] {
        opened(&comment, &key, &known).unwrap();
    }
    let block = block_in(&comment).unwrap();
    assert_eq!(block["signatures"].as_array().map(Vec::len), Some(2));
    drop(thread);

    // Then the new one stands alone. Whoever pinned the old one can still follow.
    let previous = "previous_signing_key_file = \"secrets/signing-key\"\n";
    story.restart(&[(previous, "")]).await;
    assert!(story.alive(&token).await);
    let now = bot_key(&story).await;
    assert_eq!(now["installation"], before["installation"]);
    assert_eq!(now["previous_key"], Value::Null);
    let (thread, key) = (story.thread(&story.stage.codex, "new").await, Key::new());
    thread.credential(&key).await;
    let comment = sealed_comment(&thread);
    opened(&comment, &key, &[&new]).unwrap();
    let fault = opened(&comment, &key, &[&old]).unwrap_err();
    assert_eq!(fault, NoteFault::OtherKey.to_string());
    let answer = told(&story, &thread).await;
    for known in [&old, &new] {
        let document = Document::read(&answer, Some(&known.public_hex())).unwrap();
        assert_eq!(document.bot_key, new.public_hex());
    }
    let stranger = "0".repeat(64);
    let fault = Document::read(&answer, Some(&stranger)).unwrap_err();
    assert!(matches!(fault, DocumentFault::OtherKey { .. }), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_does_not_come_after_the_first_is_refused_and_nothing_changes() {
    let mut story = Story::begin().await;
    let path = story.stage.directory().join("secrets/signing-key-x");
    write_secret_file(&path, "5b".repeat(32).as_bytes()).unwrap();
    let lines = story.lines();
    story.stage.stop_bot().await;
    let stranger = ("secrets/signing-key\"", "secrets/signing-key-x\"");
    let with = "secrets/signing-key-x\"\nprevious_signing_key_file = \"secrets/signing-key\"";
    let vouched = ("secrets/signing-key\"", with);
    let good = story.stage.setting().config.clone();
    for (change, word) in [
        (stranger, "belongs to installation"),
        (vouched, "is not the key that signing_key_file comes after"),
    ] {
        crate::harness::change(&mut story.stage.setting().config, &[change]);
        let started = story.stage.start_bot().await;
        let fault = match started {
            Err(error) => format!("{error:#}"),
            Ok(()) => panic!("it started with another key"),
        };
        assert!(fault.contains(word), "{fault}");
        story.stage.setting().config.clone_from(&good);
    }
    story.stage.start_bot().await.unwrap();
    story.stage.settle().await.unwrap();
    assert!(story.lines() >= lines);
}
