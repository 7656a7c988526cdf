//! Approving: an owner hands on what was asked or less, in plain words, in the request's own thread.

use insta::assert_snapshot;

use crate::harness::{Key, Story, noon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_may_narrow() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread
        .approve_line()
        .replace("board:read,card:write ttl=8h", "board:read ttl=1h");
    assert_snapshot!(thread.answer(alice, &line).await, @r"
    **R1 approved by alice: `codex-kan-1` c1** · `board:read` · ends 24 Nov 15:00 UTC
    `codex`: open it and use it by 24 Nov 15:00 UTC. To take it back: `/gate revoke codex-kan-1`
    <details><summary>sealed file</summary>

    ```
    (age file)
    ```
    </details>
    ");
    let token = thread.open(&key);
    let answer = story.stage.introspect(&token).await.unwrap();
    assert_eq!(answer["scope"], "board:read");
    assert_eq!(answer["exp"], noon().as_second() + 3_600);
    story.pass(3_600).await;
    assert!(!story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_never_widens() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread
        .ask_for(codex, &key, "codex-*", "board:read", "8h", "dev")
        .await;
    let line = thread.approve_line();
    let said = thread
        .table(
            alice,
            &[
                &line.replace("board:read", "board:read,card:write"),
                &line.replace("ttl=8h", "ttl=9h"),
                &line.replace("ttl=8h", "ttl=0s"),
                &line.replace("board:read ttl=8h", "deploy:run ttl=7d"),
            ],
        )
        .await;
    assert_snapshot!(said, @r"
    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    wider_than_asked: Not counted for R1: it names more than was asked: `card:write`; an approval may narrow, never widen.

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```

    > /gate approve R1 CODE scopes=board:read ttl=9h
    wider_than_asked: Not counted for R1: its ttl is not within the 8h that were asked; an approval may narrow, never widen.

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```

    > /gate approve R1 CODE scopes=board:read ttl=0s
    wider_than_asked: Not counted for R1: its ttl is not within the 8h that were asked; an approval may narrow, never widen.

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```

    > /gate approve R1 CODE scopes=deploy:run ttl=7d
    wider_than_asked: Not counted for R1: it names more than was asked: `deploy:run`; an approval may narrow, never widen. Its ttl is not within the 8h that were asked; an approval may narrow, never widen.

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    ");
    thread.comment(alice, &line).await;
    let token = thread.open(&key);
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owners_ceiling_cuts_what_is_granted() {
    let story = Story::begin().await;
    let (codex, piotr) = (&story.stage.codex, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(piotr, &line).await, @r"
    **R1 approved by piotr: `codex-kan-1` c1** · `board:read` · ends 24 Nov 22:00 UTC
    `codex`: open it and use it by 24 Nov 22:00 UTC. To take it back: `/gate revoke codex-kan-1`
    <details><summary>sealed file</summary>

    ```
    (age file)
    ```
    </details>
    ");
    let token = thread.open(&key);
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_leaves_nothing_is_a_refusal() {
    let story = Story::begin().await;
    let (codex, alice, piotr) = (&story.stage.codex, &story.stage.alice, &story.stage.piotr);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread
        .ask_for(codex, &key, "codex-*", "card:write", "8h", "dev")
        .await;
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(piotr, &line).await, @"**R1 is refused**: nothing is left that these owners may hand on.");
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: the request is not open: void.");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_stands_in_the_requests_own_thread() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let other = story.thread(codex, "another").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    assert_snapshot!(other.answer(alice, &line).await, @"Not counted for R1: this request is decided in #1, not here.");
    assert_eq!(other.last_code(), "other_thread");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_account_never_approves() {
    let story = Story::configured(&[("machine_accounts = [7]", "machine_accounts = [7, 9]")]).await;
    let (codex, root) = (&story.stage.codex, &story.stage.root);
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &Key::new()).await;
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(codex, &line).await, @"Not counted for R1: a machine account can never approve.");
    assert_snapshot!(thread.answer(root, &line).await, @"Not counted for R1: a machine account can never approve.");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_does_not_approve() {
    let story = Story::begin().await;
    let (alice, piotr) = (&story.stage.alice, &story.stage.piotr);
    let thread = story.thread(alice, "sort").await;
    let key = Key::new();
    let before = thread.replies().len();
    thread
        .ask_for(alice, &key, "mine", "board:read", "8h", "dev")
        .await;
    assert_snapshot!(thread.news(before), @r"
    **R1 · `alice` asks for `mine`** · dev
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `sort the roadmap`
    - needs @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    or `/gate deny R1`
    ");
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(alice, &line).await, @"Not counted for R1: whoever asks or would get the credential cannot approve it; another owner must.");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    let token = thread.approved(piotr, &key).await;
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unless_the_gate_lets_people_approve_for_themselves() {
    let story = Story::configured(&[(
        "max_ttl = \"24h\"",
        "max_ttl = \"24h\"\nself_approval = true",
    )])
    .await;
    let alice = &story.stage.alice;
    let thread = story.thread(alice, "sort").await;
    let key = Key::new();
    thread.ask(alice, &key).await;
    let token = thread.approved(alice, &key).await;
    assert_eq!(story.may(&token).await, "board:read card:write");
}

/// a03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_read_as_people_type_it_and_the_command_is_not() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    let said = thread
        .table(
            alice,
            &[
                &line.replace("/gate", "/Gate"),
                &line.replace("approve", "APPROVE"),
                &line.replace("scopes=", "Scopes="),
            ],
        )
        .await;
    assert_snapshot!(said, @r"
    > /Gate approve R1 CODE scopes=board:read,card:write ttl=8h
    bad_character: `/Gate approve` must be in lower case (the capital letter is `G`)

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    > /gate APPROVE R1 CODE scopes=board:read,card:write ttl=8h
    bad_character: `/gate APPROVE` must be in lower case (the capital letter is `APPROVE`)

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    > /gate approve R1 CODE Scopes=board:read,card:write ttl=8h
    bad_form: there is no key `Scopes`; did you mean `scopes`?
    ");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    // The line that it gave to copy is the right one.
    assert!(thread.replies()[1].contains(&format!("```\n{line}\n```")));

    let code = thread.block("request")["code"].as_str().unwrap().to_owned();
    let typed = code
        .to_lowercase()
        .replace('-', "")
        .replace('0', "o")
        .replace('1', "l");
    let said = thread.answer(alice, &line.replace(&code, &typed)).await;
    assert!(said.starts_with("**R1 approved by alice"), "{said}");
}

/// a04
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blank_that_is_none_is_named() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    let lines: [&str; 9] = [
        &line.replace("/gate ", "/gate  "),
        &line.replace("/gate ", "/gate\u{a0}"),
        &line.replace(" ttl", "\u{a0}ttl"),
        &line.replace("approve", "approve\u{200b}"),
        &format!("\u{feff}{line}"),
        &format!(" {line}"),
        &format!("`{line}`"),
        &format!("```\n{line}\n```"),
        &format!("<!-- {line} -->"),
    ];
    let said = thread.table(alice, &lines).await;
    assert_snapshot!(said, @r"
    > /gate  approve R1 CODE scopes=board:read,card:write ttl=8h
    bad_character: a second blank (U+0020) stands at place 7; words are parted by one

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    > /gate{nbsp}approve R1 CODE scopes=board:read,card:write ttl=8h
    bad_character: U+00A0 (no-break space) stands in line 1 at place 6; the command must be plain ASCII from the first character on

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    > /gate approve R1 CODE scopes=board:read,card:write{nbsp}ttl=8h
    bad_character: U+00A0 (no-break space) stands in line 1 at place 61; the command must be plain ASCII from the first character on

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    > /gate approve{zwsp} R1 CODE scopes=board:read,card:write ttl=8h
    bad_character: U+200B (zero-width space) stands in line 1 at place 14; the command must be plain ASCII from the first character on

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    > {bom}/gate approve R1 CODE scopes=board:read,card:write ttl=8h
    bad_character: U+FEFF (byte order mark) stands in line 1 at place 1; the command must be plain ASCII from the first character on

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    >  /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    not_alone: line 1 looks like a command and does nothing: it does not start at the very beginning. A command starts at the first character of its own comment

    > `/gate approve R1 CODE scopes=board:read,card:write ttl=8h`
    not_alone: line 1 looks like a command and does nothing: it stands in code. A command starts at the first character of its own comment

    > ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    not_alone: line 2 looks like a command and does nothing: it stands in code. A command starts at the first character of its own comment

    > <!-- /gate approve R1 CODE scopes=board:read,card:write ttl=8h -->
    not_alone: line 1 looks like a command and does nothing: it stands in HTML. A command starts at the first character of its own comment
    ");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

/// a06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_by_mail_is_no_vote() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    let mail = format!(
        "{line}\r\n\r\nOn Tue, 24 Nov 2026, kan wrote:\r\n> /gate deny R1\r\n-- \r\nAlice\r\n"
    );
    assert_snapshot!(thread.answer(alice, &mail).await, @r"
    more text follows; `/gate approve` must stand alone in its comment

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    ");
    let mail = "Fine.\n\nOn Tue, 24 Nov 2026, kan wrote:\n> or `/gate deny R1`\n> /gate deny R1\n";
    assert_snapshot!(thread.answer(alice, mail).await, @"line 5 looks like a command and does nothing: it stands in a quote. A command starts at the first character of its own comment");
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
}

/// What the summary shows may be doctored: the owner's own words say what is granted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_says_itself_what_it_grants() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &Key::new()).await;
    let code = thread.block("request")["code"].as_str().unwrap().to_owned();
    let said = thread
        .table(
            alice,
            &[
                &format!("/gate approve R1 {code}"),
                &format!("/gate approve R1 {code} scopes=board:read"),
            ],
        )
        .await;
    assert_snapshot!(said, @r"
    > /gate approve R1 CODE
    not_restated: Not counted for R1: it lacks `scopes=…`: an approval says itself what it grants.

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    > /gate approve R1 CODE scopes=board:read
    not_restated: Not counted for R1: it lacks `ttl=…`: an approval says itself what it grants.

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slips_in_an_approval_are_named() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    let code = thread.block("request")["code"].as_str().unwrap().to_owned();
    let said = thread
        .table(
            alice,
            &[
                "/gate approve",
                "/gate approve R1",
                &format!("/gate approve {code} R1 scopes=board:read ttl=8h"),
                &line.replace("R1", "R9"),
                &line.replace(&code, "0000-0000-0000"),
                &line.replace(&code, "0000-0000"),
                &format!("{line} now"),
                &format!("{line} ttl=8h"),
                "/gate aprove R1",
                "looks good to me",
                "LGTM :+1:",
            ],
        )
        .await;
    assert_snapshot!(said, @r"
    > /gate approve
    bad_form: `/gate approve` lacks `R17`

    > /gate approve R1
    bad_form: `/gate approve` lacks `the code`

    > /gate approve CODE R1 scopes=board:read ttl=8h
    bad_request: `request` must be a request's number such as `R17`, right after `approve`

    > /gate approve R9 CODE scopes=board:read,card:write ttl=8h
    unknown_request: There is no request R9 on this board.

    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    wrong_code: Not counted for R1: the code is not this request's; copy the line from my summary.

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```

    > /gate approve R1 0000-0000 scopes=board:read,card:write ttl=8h
    bad_request: `code` must be the code from the bot's summary, such as `CODE`

    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h now
    bad_form: `now` is no `key=value` of this command

    > /gate approve R1 CODE scopes=board:read,card:write ttl=8h ttl=8h
    bad_form: `ttl` is there twice

    > /gate aprove R1
    unknown_verb: there is no such verb; did you mean `/gate approve`?

    > looks good to me
    nothing: (silence)

    > LGTM :+1:
    nothing: (silence)
    ");
    assert_eq!(thread.block("credential"), serde_json::Value::Null);
}
