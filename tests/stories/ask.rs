//! Asking: in a comment or in a new issue's text, on one line or in a block, whatever the line ends;
//! and whom the summary mentions.

use insta::assert_snapshot;
use reqwest::Method;

use crate::harness::{Key, Story};

/// A request as one block, with these line ends inside of the fence.
fn block(recipient: &str, reason: &str) -> String {
    format!(
        "/gate request\n```toml\nidentity = \"codex-*\"\nscopes = [\"board:read\"]\nttl = \"8h\"\nenvironment = \"dev\"\nrecipient = \"{recipient}\"\nreason = \"{reason}\"\n```"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_a_block_is_shown_to_its_owners() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort the roadmap").await;
    let key = Key::new();
    let request = format!(
        "/gate request\n\n````toml\nidentity = \"roadmap\"\ndisplay_name = \"The roadmap's gardener\"\nscopes = [\"card:write\", \"board:read\"]\nttl = \"90m\"\nrecipient = \"{}\"\nlabel = \"laptop\"\nresources = [\"roadmap\"]\nmodes = [\"autonomous\"]\nreason = \"sort the roadmap\"\n````",
        key.recipient
    );
    let said = thread.answer(codex, &request).await;
    assert_snapshot!(said, @r"
    **R1 · `codex` asks for `roadmap`** · dev
    - may `board:read` `card:write` in `kan-ductor`, for 90 m
    - only resources `roadmap`
    - only modes `autonomous`
    - new identity; sealed to `age1…`
    - called `The roadmap's gardener`
    - says: `sort the roadmap`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=90m
    ```
    or `/gate deny R1`
    ");
    let block = thread.block("request");
    assert_eq!(block["ttl"], 5_400);
    assert_eq!(block["environment"], "dev");
    assert_eq!(block["gate"], "dev");
    assert_eq!(block["request"], "R1");
    let token = thread.approved(alice, &key).await;
    let answer = story.stage.introspect(&token).await.unwrap();
    assert_eq!(answer["sub"], "roadmap");
    assert_eq!(answer["ownergate"]["resources"][0], "roadmap");
    assert_eq!(answer["ownergate"]["modes"][0], "autonomous");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_of_a_new_issue_asks() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let line = format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h recipient={}",
        key.recipient
    );
    let thread = story.thread_with(codex, "sort the roadmap", &line).await;
    assert_snapshot!(thread.news(0), @r"
    **R1 · `codex` asks for `codex-kan-1`** · dev
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    or `/gate deny R1`
    ");
    let issue = story.stage.forge.issue(story.stage.thread(thread.issue));
    let reactions = issue.unwrap().reactions;
    assert_eq!(reactions.len(), 1);
    assert_eq!(reactions[0].content, "eyes");
    // Chatter moves the issue's time of change; it is not an edit.
    story.pass(60).await;
    thread.comment(codex, "please").await;
    let token = thread.approved(alice, &key).await;
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_issue_form_leaves_asks() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    // A browser sends what was typed into the textarea with CRLF; the forge adds the rest with LF.
    let body = format!(
        "/gate request\n\n```toml\nidentity = \"codex-*\"\r\nscopes = [\"board:read\"]\r\nttl = \"8h\"\r\nenvironment = \"dev\"\r\nrecipient = \"{}\"\r\nreason = \"what it is for\"\r\n\n```\n\n",
        key.recipient
    );
    let thread = story
        .thread_with(codex, "Machine identity: codex", &body)
        .await;
    assert_snapshot!(thread.news(0), @r"
    **R1 · `codex` asks for `codex-kan-1`** · dev
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `what it is for`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    or `/gate deny R1`
    ");
    let token = thread.approved(alice, &key).await;
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_issue_may_only_ask() {
    let story = Story::begin().await;
    let (codex, alice, carol) = (&story.stage.codex, &story.stage.alice, &story.stage.carol);
    let first = story.thread(codex, "one").await;
    let token = first.credential(&Key::new()).await;
    let thread = story
        .thread_with(alice, "stop it", "/gate revoke codex-kan-1")
        .await;
    assert_snapshot!(thread.news(0), @"`/gate revoke` works as a comment; a new issue's text may only ask");
    assert!(story.alive(&token).await);
    for (who, body) in [
        (codex, "The roadmap is in no order."),
        (codex, ""),
        (carol, "/gate request identity=x"),
    ] {
        let thread = story.thread_with(who, "sort it", body).await;
        assert_eq!(thread.news(0), "(silence)");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_issue_text_voids_what_it_asked() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let thread = story
        .thread_with(codex, "sort", &block(&key.recipient, "sort"))
        .await;
    let before = thread.replies().len();
    let changed = block(&Key::new().recipient, "sort");
    alice
        .edit_issue(&thread.name, thread.issue, &changed)
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"**R1 is void**: the text that asked was edited or deleted. Ask anew.");
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    assert_eq!(thread.last_code(), "not_open");
}

/// a01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_ends_change_nothing() {
    let mut story = Story::begin().await;
    let key = Key::new();
    let codex = story.stage.codex.clone();
    let issue = story.thread(&codex, "sort").await.issue;
    let request = block(&key.recipient, "sort");
    story.again(issue).comment(&codex, &request).await;
    let plain = story.again(issue).block("request");

    story.forget_everything().await;
    let request = format!("{}\r\n", request.replace('\n', "\r\n"));
    let thread = story.again(issue);
    thread.comment(&codex, &request).await;
    let with_returns = thread.block("request");
    assert_eq!(thread.replies().len(), 2);
    assert_eq!(plain["digest"], with_returns["digest"]);
    assert_eq!(plain["code"], with_returns["code"]);

    let alice = &story.stage.alice;
    let said = thread.answer(alice, "/gate deny R1 not now\r\n").await;
    assert_snapshot!(said, @"**R1 denied by alice**: `not now`");
}

/// a08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_is_counted_in_characters() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let mut shown = Vec::new();
    for reason in [format!("{}🚀", "a".repeat(499)), "🚀".repeat(500)] {
        let thread = story.thread(codex, "sort").await;
        let said = thread.answer(codex, &block(&key.recipient, &reason)).await;
        assert!(said.contains(&format!("- says: `{reason}`\n")), "{said}");
        shown.push(thread);
    }
    let thread = story.thread(codex, "sort").await;
    let said = thread
        .answer(codex, &block(&key.recipient, &"🚀".repeat(501)))
        .await;
    assert_snapshot!(said, @"`reason` must be at most 500 characters");
    let said = thread.answer(codex, &block(&key.recipient, "sort")).await;
    assert!(said.starts_with("**R3 ·"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_owners_who_can_still_open_the_gate_are_mentioned() {
    let story = Story::configured(&[
        (
            "[board.gate.dev]",
            "[[board.owner]]\nid = 9\nlogin = \"root1\"\nmay_approve = false\n\n[board.gate.dev]",
        ),
        (
            "ceiling = [\"board:read\"]",
            "ceiling = [\"board:read\", \"card:write\"]",
        ),
    ])
    .await;
    let (codex, alice, piotr, root) = (
        &story.stage.codex,
        &story.stage.alice,
        &story.stage.piotr,
        &story.stage.root,
    );
    let key = Key::new();
    let mentions = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '@')
            .filter(|word| word.starts_with('@'))
            .map(str::to_owned)
            .collect()
    };
    for (who, expected) in [
        (codex, vec!["@alice", "@piotr"]),
        (alice, vec!["@piotr"]),
        (piotr, vec!["@alice"]),
        (root, vec!["@alice", "@piotr"]),
    ] {
        let thread = story.thread(who, "sort").await;
        thread.ask(who, &key).await;
        assert_eq!(mentions(&thread.last_reply()), expected, "{}", who.login);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_title_asks_for_nothing() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let title = format!(
        "/gate request identity=x scopes=board:read ttl=8h recipient={}",
        key.recipient
    );
    let thread = story.thread(codex, &title).await;
    let form = serde_json::json!({"title": "/gate revoke codex-kan-1"});
    let path = format!("/repos/{}/issues/{}", thread.name, thread.issue.0);
    alice.call(Method::PATCH, &path, Some(&form)).await.unwrap();
    story.stage.settle().await.unwrap();
    assert_eq!(thread.news(0), "(silence)");
}
