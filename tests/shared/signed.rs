//! A gate that a forge alone cannot open: it demands the signatures of two owners, and nothing else
//! that anybody can write on the forge opens it.

use ownergate::demo::signer::SshKey;
use ownergate::gate::statement::APPROVE;
use ownergate::miniforge::Person;

use super::ground::Ground;
use super::thread::{Key, Thread, block, plain_client};

/// The gate, before the one for `dev`.
const GATE: &str = "[board.gate.production]
scopes = [\"board:read\"]
max_ttl = \"7d\"
quorum = 2
factors = [\"comment\", \"signature\"]

[board.gate.dev]";

/// The owners' keys.
struct Keys {
    alice: SshKey,
    piotr: SshKey,
}

impl Keys {
    /// New keys, which the bot's config names for its owners from now on.
    async fn pinned(ground: &impl Ground) -> Self {
        let keys = Self {
            alice: SshKey::new().unwrap(),
            piotr: SshKey::new().unwrap(),
        };
        let pinned = |login: &str, key: &SshKey| {
            let line = format!("login = \"{login}\"\n");
            let more = format!("{line}signing_keys = [\"{}\"]\n", key.public());
            (line, more)
        };
        let (alice, piotr) = (pinned("alice", &keys.alice), pinned("piotr", &keys.piotr));
        ground
            .configure(&[
                (&alice.0, &alice.1),
                (&piotr.0, &piotr.1),
                ("[board.gate.dev]", GATE),
                (
                    "environments = [\"dev\", \"pair\"",
                    "environments = [\"dev\", \"pair\", \"production\"",
                ),
            ])
            .await;
        keys
    }
}

/// What an owner posts: the line that approves, with a signature over the text that the bot gives.
async fn signed<G: Ground>(
    ground: &G,
    thread: &Thread<'_, G>,
    who: &Person,
    key: &SshKey,
) -> String {
    let summary = block(&thread.answer("request").await);
    let word = |name: &str| summary[name].as_str().unwrap();
    let url = format!(
        "{}/v1/requests/{}/statement?code={}&approver={}&vouched=approver",
        ground.bot_url(),
        word("request"),
        word("code"),
        who.id
    );
    let answer = plain_client().get(url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let armor = key.armor(APPROVE, &answer.bytes().await.unwrap());
    format!("{} vouched=approver\n\n```\n{armor}```", word("approve"))
}

/// codex asks for the gate.
async fn ask<G: Ground>(ground: &G, thread: &Thread<'_, G>, key: &Key) {
    let line = key
        .request()
        .replace("board:read,card:write", "board:read")
        .replace("environment=dev", "environment=production");
    thread.say(&ground.people().codex, &line).await;
}

pub(crate) async fn two_owners_sign_and_the_gate_opens(ground: &impl Ground) {
    let keys = Keys::pinned(ground).await;
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "deploy", "").await;
    let key = Key::new();
    ask(ground, &thread, &key).await;
    let first = signed(ground, &thread, &people.alice, &keys.alice).await;
    thread.say(&people.alice, &first).await;
    thread.answer_with("counted alice (1 of 2)").await;
    // As a browser sends it.
    let second = signed(ground, &thread, &people.piotr, &keys.piotr).await;
    thread
        .say(&people.piotr, &second.replace('\n', "\r\n"))
        .await;
    let sealed = thread.answer("credential").await;
    let token = key.open(&sealed, &[]).await;
    assert_eq!(thread.introspect(&token).await["scope"], "board:read");
}

pub(crate) async fn nothing_that_a_forge_can_write_opens_a_gate_that_demands_signatures(
    ground: &impl Ground,
) {
    let keys = Keys::pinned(ground).await;
    let people = ground.people();
    let (alice, piotr) = (&people.alice, &people.piotr);
    let other = Thread::open(ground, &people.codex, "another", "").await;
    ask(ground, &other, &Key::new()).await;
    let replayed = signed(ground, &other, alice, &keys.alice).await;
    let (_, armor) = replayed.split_once('\n').unwrap();
    let thread = Thread::open(ground, &people.codex, "deploy", "").await;
    ask(ground, &thread, &Key::new()).await;
    let line = thread.approve_line().await;

    // The administrator in both names, with the line only.
    for owner in [alice, piotr] {
        thread.say_as(&people.root1, owner, &line).await;
        thread.refusal("not_signed").await;
    }
    let foreign = signed(ground, &thread, alice, &SshKey::new().unwrap()).await;
    let colleagues = signed(ground, &thread, alice, &keys.piotr).await;
    let others = format!("{line} vouched=approver\n{armor}");
    for (text, why) in [
        (foreign, "no key that is pinned"),
        (colleagues, "no key that is pinned"),
        (others, "other bytes were signed"),
    ] {
        thread.say_as(&people.root1, alice, &text).await;
        thread.answer_with(why).await;
    }
    let kinds = thread.kinds_in_the_end().await;
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    assert!(kinds[1..].iter().all(|kind| kind == "refusal"), "{kinds:?}");
}
